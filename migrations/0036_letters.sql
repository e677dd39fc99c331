-- Letters: notices by mail, to an address that its person has confirmed by a link; and the language that a person has chosen.

SET LOCAL ROLE kontor_owner;

-- No row: the browser's.
CREATE TABLE person_language (
    person   uuid NOT NULL PRIMARY KEY REFERENCES person,
    language text NOT NULL CHECK (language IN ('en', 'fr', 'de', 'es', 'it', 'fi', 'sv', 'el'))
);

-- address: confirmed, '' none. wanted: asked for and not confirmed yet, '' none; wanted_id: what its link opens, once, until then
-- (real time). The link's token is made from the id under a key that the database does not hold: it stands nowhere.
CREATE TABLE mail_address (
    person          uuid   NOT NULL PRIMARY KEY REFERENCES person,
    address         text   NOT NULL DEFAULT '' CHECK (octet_length(address) <= 254),
    wanted          text   NOT NULL DEFAULT '' CHECK (octet_length(wanted) <= 254),
    wanted_id       uuid   UNIQUE,
    wanted_until_ms bigint NOT NULL DEFAULT 0,
    CHECK ((wanted = '') = (wanted_id IS NULL))
);

ALTER TABLE notice_choice ADD COLUMN by_mail boolean NOT NULL DEFAULT true;

-- 9: the link that confirms an address; its subject is what the link opens.
ALTER TABLE notice_event DROP CONSTRAINT notice_event_kind_check, ADD CONSTRAINT notice_event_kind_check CHECK (kind BETWEEN 1 AND 9);

-- A delivery goes to a webhook, or to a person by mail: then it is no organisation's.
ALTER TABLE delivery
    ALTER COLUMN webhook DROP NOT NULL,
    ADD COLUMN person uuid REFERENCES person,
    ADD CONSTRAINT delivery_to CHECK ((webhook IS NULL) <> (person IS NULL)
        AND (person IS NULL OR organisation = '00000000-0000-0000-0000-000000000000'));
CREATE INDEX delivery_person ON delivery (person, created_ms DESC) WHERE person IS NOT NULL;
CREATE INDEX delivery_letter_due ON delivery (next_ms) WHERE state = 1 AND person IS NOT NULL;
CREATE INDEX delivery_letter_dead ON delivery (created_ms DESC) WHERE state = 3 AND person IS NOT NULL;

ALTER TABLE person_language ENABLE ROW LEVEL SECURITY;
ALTER TABLE person_language FORCE ROW LEVEL SECURITY;
ALTER TABLE mail_address ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_address FORCE ROW LEVEL SECURITY;
CREATE POLICY person_language_own ON person_language TO kontor_worker USING ((SELECT actor_is_server()) OR person = (SELECT actor_person()));
CREATE POLICY mail_address_own ON mail_address TO kontor_worker USING ((SELECT actor_is_server()) OR person = (SELECT actor_person()));
CREATE POLICY delivery_own ON delivery FOR SELECT TO kontor_worker USING (person = (SELECT actor_person()));
GRANT SELECT, INSERT, UPDATE, DELETE ON person_language TO kontor_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON mail_address TO kontor_worker;

RESET ROLE;
