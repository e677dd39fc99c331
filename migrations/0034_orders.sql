-- Orders that wait for signatures, what was signed, and the keys that officers sign with, before a KEY entry has them.
-- Shown to the programme; written by its officers and administrators, and what is a person's own by that person.

SET LOCAL ROLE kontor_owner;

-- entry: as it will be in the journal, but for its place, links and authority. basis: code of a grant's legal basis. proposer all
-- ones: the operator on the machine. state: 1 proposed, 2 approved (all have signed), 3 in the journal, 4 withdrawn, 5 refused.
-- tries: how often the ledger refused what was approved.
CREATE TABLE signed_order (
    id            uuid     NOT NULL PRIMARY KEY,
    entry         bytea    NOT NULL CHECK (octet_length(entry) BETWEEN 72 AND 1024),
    basis         text     NOT NULL CHECK (octet_length(basis) <= 16),
    proposer      uuid     NOT NULL,
    proposer_name text     NOT NULL CHECK (octet_length(proposer_name) <= 120),
    signers       smallint NOT NULL CHECK (signers IN (1, 2)),
    created_ms    bigint   NOT NULL,
    lapses_ms     bigint   NOT NULL,
    state         smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 5),
    tries         integer  NOT NULL DEFAULT 0,
    ended_ms      bigint   NOT NULL DEFAULT 0,
    ended_by      text     NOT NULL DEFAULT '' CHECK (octet_length(ended_by) <= 120),
    reason        text     NOT NULL DEFAULT '' CHECK (octet_length(reason) <= 500),
    journal_entry bigint   NOT NULL DEFAULT -1,
    CONSTRAINT signed_order_lapses CHECK (lapses_ms > created_ms),
    CONSTRAINT signed_order_ended CHECK ((state >= 3) = (ended_ms > 0) AND (state = 3) = (journal_entry >= 0))
);
CREATE INDEX signed_order_open ON signed_order (lapses_ms) WHERE state <= 2;
ALTER TABLE signed_order ENABLE ROW LEVEL SECURITY;
ALTER TABLE signed_order FORCE ROW LEVEL SECURITY;
CREATE POLICY signed_order_seen ON signed_order FOR SELECT TO kontor_worker USING ((SELECT actor_sees_all()));
CREATE POLICY signed_order_made ON signed_order FOR INSERT TO kontor_worker WITH CHECK (
    (SELECT actor_has_role(3::smallint, 3::smallint)) OR (SELECT actor_administers()));
CREATE POLICY signed_order_changed ON signed_order FOR UPDATE TO kontor_worker USING (
    (SELECT actor_has_role(3::smallint, 3::smallint)) OR (SELECT actor_administers()));
GRANT SELECT, INSERT ON signed_order TO kontor_worker;
GRANT UPDATE (state, tries, ended_ms, ended_by, reason, journal_entry) ON signed_order TO kontor_worker;

-- Whoever signs signs once. class and key as in the journal: 1 an officer's own key, 3 the server's for who is signed in.
CREATE TABLE order_signature (
    order_id  uuid     NOT NULL REFERENCES signed_order,
    person    uuid     NOT NULL REFERENCES person,
    name      text     NOT NULL CHECK (octet_length(name) <= 120),
    class     smallint NOT NULL CHECK (class IN (1, 2, 3)),
    key       bigint   NOT NULL,
    signature bytea    NOT NULL CHECK (octet_length(signature) = 64),
    at_ms     bigint   NOT NULL,
    PRIMARY KEY (order_id, person)
);
ALTER TABLE order_signature ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_signature FORCE ROW LEVEL SECURITY;
CREATE POLICY order_signature_seen ON order_signature FOR SELECT TO kontor_worker USING ((SELECT actor_sees_all()));
CREATE POLICY order_signature_made ON order_signature FOR INSERT TO kontor_worker WITH CHECK (
    person = (SELECT actor_person()) AND ((SELECT actor_has_role(3::smallint, 3::smallint)) OR (SELECT actor_administers())));
GRANT SELECT, INSERT ON order_signature TO kontor_worker;

-- A key that a person asks for: an administrator confirms it, and its KEY entry makes it one. What it is then, the journal says.
-- ended_ms: it was withdrawn or refused before.
CREATE TABLE officer_key (
    id           uuid   NOT NULL PRIMARY KEY,
    person       uuid   NOT NULL REFERENCES person,
    person_name  text   NOT NULL CHECK (octet_length(person_name) <= 120),
    name         text   NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 60),
    ed25519      bytea  NOT NULL UNIQUE CHECK (octet_length(ed25519) = 32),
    created_ms   bigint NOT NULL,
    confirmed_ms bigint NOT NULL DEFAULT 0,
    confirmed_by text   NOT NULL DEFAULT '' CHECK (octet_length(confirmed_by) <= 120),
    ended_ms     bigint NOT NULL DEFAULT 0
);
CREATE INDEX officer_key_person ON officer_key (person, id);
ALTER TABLE officer_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE officer_key FORCE ROW LEVEL SECURITY;
CREATE POLICY officer_key_seen ON officer_key FOR SELECT TO kontor_worker USING (
    person = (SELECT actor_person()) OR (SELECT actor_sees_all()));
CREATE POLICY officer_key_made ON officer_key FOR INSERT TO kontor_worker WITH CHECK (
    person = (SELECT actor_person()) AND ((SELECT actor_has_role(3::smallint, 3::smallint)) OR (SELECT actor_administers())));
CREATE POLICY officer_key_changed ON officer_key FOR UPDATE TO kontor_worker USING (
    person = (SELECT actor_person()) OR (SELECT actor_administers()));
GRANT SELECT, INSERT ON officer_key TO kontor_worker;
GRANT UPDATE (confirmed_ms, confirmed_by, ended_ms) ON officer_key TO kontor_worker;

-- 13 a key to sign orders with asked for, 14 confirmed, 15 refused, 16 ended, 17 an order signed.
ALTER TABLE security_event DROP CONSTRAINT security_event_what_check, ADD CONSTRAINT security_event_what_check CHECK (what BETWEEN 1 AND 17);

RESET ROLE;
