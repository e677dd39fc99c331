-- Aid to companies: on which legal basis a grant rests, what it is worth, and how much of such aid an undertaking has had.

SET LOCAL ROLE kontor_owner;

-- Dated policy rows: of one code, the newest that is valid. cap_cents: of all aid of this basis to one undertaking in any
-- `years` years; NULL: none. declared_within_ms: a declaration of the organisation's must not be older; NULL: none is asked for.
CREATE TABLE aid_rule (
    id                 uuid     NOT NULL PRIMARY KEY,
    code               text     NOT NULL CHECK (code ~ '^[a-z0-9-]{1,15}$'),
    name               text     NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 120),
    reference          text     NOT NULL CHECK (octet_length(reference) BETWEEN 1 AND 120),
    cap_cents          bigint   CHECK (cap_cents BETWEEN 1 AND 1000000000000),
    years              smallint NOT NULL CHECK (years BETWEEN 1 AND 10),
    declared_within_ms bigint   CHECK (declared_within_ms > 0),
    valid_from_ms      bigint   NOT NULL,
    created_ms         bigint   NOT NULL,
    by_person          uuid     NOT NULL,
    UNIQUE (code, valid_from_ms)
);
-- The law as it stands; administrators date newer rows.
INSERT INTO aid_rule VALUES
    ('019a0000-0000-7000-8000-00000000a1d1', 'de-minimis', 'De minimis aid', 'Regulation (EU) 2023/2831', 30000000, 3, 31622400000,
     1704067200000, 1704067200000, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ('019a0000-0000-7000-8000-00000000a1d2', 'gber', 'Aid under the General Block Exemption Regulation', 'Regulation (EU) No 651/2014', NULL, 3,
     NULL, 1404172800000, 1704067200000, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ('019a0000-0000-7000-8000-00000000a1d3', 'no-aid', 'No aid', 'Article 107(1) TFEU is not met', NULL, 3, NULL, 1704067200000, 1704067200000,
     'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ('019a0000-0000-7000-8000-00000000a1d4', 'carried-over', 'Aid granted under an older origin', 'It counts since then', NULL, 3, NULL, 1704067200000,
     1704067200000, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
ALTER TABLE aid_rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE aid_rule FORCE ROW LEVEL SECURITY;
CREATE POLICY aid_rule_seen ON aid_rule FOR SELECT TO kontor_worker USING (actor_is_known());
CREATE POLICY aid_rule_set ON aid_rule FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_administers()));
GRANT SELECT, INSERT ON aid_rule TO kontor_worker;

-- One of each grant, written before its order is: what was reserved for an order that never came counts for a minute.
-- account: the grant's, once it is there. before_cents: what the undertaking had had. older: it stands in an older origin's journal.
CREATE TABLE aid (
    order_id     uuid   NOT NULL PRIMARY KEY,
    organisation uuid   NOT NULL REFERENCES organisation,
    rule         uuid   NOT NULL REFERENCES aid_rule,
    cents        bigint NOT NULL CHECK (cents >= 0),
    before_cents bigint NOT NULL CHECK (before_cents >= 0),
    granted_ms   bigint NOT NULL,
    account      bigint UNIQUE,
    older        boolean NOT NULL DEFAULT false
);
CREATE INDEX aid_organisation ON aid (organisation, granted_ms);
CREATE INDEX aid_granted ON aid (granted_ms);
ALTER TABLE aid ENABLE ROW LEVEL SECURITY;
ALTER TABLE aid FORCE ROW LEVEL SECURITY;
CREATE POLICY aid_seen ON aid FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR organisation = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY aid_given ON aid FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_has_role(3::smallint, 3::smallint)));
CREATE POLICY aid_done ON aid FOR UPDATE TO kontor_worker USING ((SELECT actor_has_role(3::smallint, 3::smallint)));
CREATE POLICY aid_dropped ON aid FOR DELETE TO kontor_worker USING ((SELECT actor_has_role(3::smallint, 3::smallint)) AND account IS NULL);
GRANT SELECT, INSERT, DELETE ON aid TO kontor_worker;
GRANT UPDATE (account) ON aid TO kontor_worker;

-- Enterprises that are one undertaking, two by two (Article 2(2) of Regulation (EU) 2023/2831); a < b.
CREATE TABLE aid_link (
    a          uuid   NOT NULL REFERENCES organisation,
    b          uuid   NOT NULL REFERENCES organisation,
    since_ms   bigint NOT NULL,
    by_person  uuid   NOT NULL,
    by_name    text   NOT NULL CHECK (octet_length(by_name) <= 120),
    reason     text   NOT NULL CHECK (octet_length(reason) BETWEEN 1 AND 500),
    ended_ms   bigint,
    PRIMARY KEY (a, b, since_ms),
    CHECK (a < b)
);
CREATE INDEX aid_link_b ON aid_link (b);
ALTER TABLE aid_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE aid_link FORCE ROW LEVEL SECURITY;
CREATE POLICY aid_link_seen ON aid_link FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR a = ANY ((SELECT actor_organisations())::uuid[]) OR b = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY aid_link_made ON aid_link FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_has_role(3::smallint, 3::smallint)));
CREATE POLICY aid_link_ended ON aid_link FOR UPDATE TO kontor_worker USING ((SELECT actor_has_role(3::smallint, 3::smallint)));
GRANT SELECT, INSERT ON aid_link TO kontor_worker;
GRANT UPDATE (ended_ms) ON aid_link TO kontor_worker;

-- What an organisation declares of itself: JSON as the API takes it. The newest counts.
CREATE TABLE aid_declaration (
    id           uuid   NOT NULL PRIMARY KEY,
    organisation uuid   NOT NULL REFERENCES organisation,
    made_ms      bigint NOT NULL,
    by_person    uuid   NOT NULL,
    by_name      text   NOT NULL CHECK (octet_length(by_name) <= 120),
    body         text   NOT NULL CHECK (octet_length(body) <= 65536)
);
CREATE INDEX aid_declaration_organisation ON aid_declaration (organisation, id DESC);
ALTER TABLE aid_declaration ENABLE ROW LEVEL SECURITY;
ALTER TABLE aid_declaration FORCE ROW LEVEL SECURITY;
CREATE POLICY aid_declaration_seen ON aid_declaration FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR organisation = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY aid_declaration_made ON aid_declaration FOR INSERT TO kontor_worker WITH CHECK (
    (SELECT actor_is_server()) OR organisation = ANY ((SELECT actor_owns())::uuid[]));
GRANT SELECT, INSERT ON aid_declaration TO kontor_worker;

RESET ROLE;
