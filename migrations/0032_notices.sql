-- Notices: what people are told, once and for all. Each is told once (kind and subject), to whom it concerned then; how far
-- the journal has been told stands beside it and moves in the same transaction.

SET LOCAL ROLE kontor_owner;

-- kind: store/notices.h. subject: what it is about, in the kind's own words: the same is never told twice. title, text: in English;
-- facts: JSON, for pages and programs; link: the page it is about.
CREATE TABLE notice_event (
    id           uuid     NOT NULL PRIMARY KEY,
    kind         smallint NOT NULL CHECK (kind BETWEEN 1 AND 8),
    subject      text     NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 120),
    organisation uuid     NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    site         bigint   NOT NULL DEFAULT -1,
    at_ms        bigint   NOT NULL,
    title        text     NOT NULL CHECK (octet_length(title) BETWEEN 1 AND 200),
    text         text     NOT NULL CHECK (octet_length(text) BETWEEN 1 AND 2000),
    facts        text     NOT NULL CHECK (octet_length(facts) <= 2000),
    link         text     NOT NULL CHECK (octet_length(link) <= 200),
    UNIQUE (kind, subject)
);
CREATE INDEX notice_event_at ON notice_event (at_ms);
CREATE INDEX notice_event_site ON notice_event (site, kind, at_ms) WHERE site >= 0;

-- read_ms: 0 not yet.
CREATE TABLE notice (
    event   uuid   NOT NULL REFERENCES notice_event ON DELETE CASCADE,
    person  uuid   NOT NULL REFERENCES person,
    read_ms bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (person, event)
);
CREATE INDEX notice_of_event ON notice (event);
CREATE INDEX notice_unread ON notice (person) WHERE read_ms = 0;

-- What a person has chosen of a kind; no row: as it comes.
CREATE TABLE notice_choice (
    person  uuid     NOT NULL REFERENCES person,
    kind    smallint NOT NULL CHECK (kind BETWEEN 1 AND 8),
    in_page boolean  NOT NULL,
    PRIMARY KEY (person, kind)
);

-- Entries before `next` have been told. What happened before there were notices is not.
CREATE TABLE notice_cursor (
    one  boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    next bigint  NOT NULL CHECK (next >= 0)
);
INSERT INTO notice_cursor SELECT true, coalesce(max(size), 0) FROM head;

ALTER TABLE notice_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice_event FORCE ROW LEVEL SECURITY;
ALTER TABLE notice ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice FORCE ROW LEVEL SECURITY;
ALTER TABLE notice_choice ENABLE ROW LEVEL SECURITY;
ALTER TABLE notice_choice FORCE ROW LEVEL SECURITY;
ALTER TABLE notice_cursor ENABLE ROW LEVEL SECURITY;
CREATE POLICY notice_event_seen ON notice_event FOR SELECT TO kontor_worker USING (
    (SELECT actor_is_server())
    OR EXISTS (SELECT FROM notice n WHERE n.event = notice_event.id AND n.person = (SELECT actor_person()) OFFSET 0));
CREATE POLICY notice_event_told ON notice_event FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_is_server()));
CREATE POLICY notice_event_swept ON notice_event FOR DELETE TO kontor_worker USING ((SELECT actor_is_server()));
CREATE POLICY notice_seen ON notice FOR SELECT TO kontor_worker USING ((SELECT actor_is_server()) OR person = (SELECT actor_person()));
CREATE POLICY notice_told ON notice FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_is_server()));
CREATE POLICY notice_read ON notice FOR UPDATE TO kontor_worker USING (person = (SELECT actor_person()));
CREATE POLICY notice_choice_own ON notice_choice TO kontor_worker USING ((SELECT actor_is_server()) OR person = (SELECT actor_person()));
CREATE POLICY notice_cursor_server ON notice_cursor TO kontor_worker USING ((SELECT actor_is_server()));
GRANT SELECT, INSERT, DELETE ON notice_event TO kontor_worker;
GRANT SELECT, INSERT ON notice TO kontor_worker;
GRANT UPDATE (read_ms) ON notice TO kontor_worker;
GRANT SELECT, INSERT, UPDATE ON notice_choice TO kontor_worker;
GRANT SELECT, UPDATE ON notice_cursor TO kontor_worker;

RESET ROLE;
