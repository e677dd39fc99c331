-- Passkeys (Web Authentication), several for a person; a second step after the password, where a person demands one; recovery
-- codes for who has no passkey at hand.

SET LOCAL ROLE kontor_owner;

-- user_handle: by what authenticators know a person: random, the same for all of a person's, and nothing else here. alg: COSE's
-- number; public_key: as crypto/passkey.h has it. alone: it asked for a PIN, a finger or a face when it was made, so it opens the
-- account by itself; others only after the password. sign_count: as it said last. may_back_up: it may be copied to others of the
-- person's devices; backed_up: it has been.
CREATE TABLE passkey (
    id            uuid     NOT NULL PRIMARY KEY,
    person        uuid     NOT NULL REFERENCES person,
    name          text     NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 60),
    credential_id bytea    NOT NULL UNIQUE CHECK (octet_length(credential_id) BETWEEN 16 AND 1023),
    user_handle   bytea    NOT NULL CHECK (octet_length(user_handle) = 32),
    alg           smallint NOT NULL CHECK (alg IN (-7, -8, -257)),
    public_key    bytea    NOT NULL CHECK (octet_length(public_key) BETWEEN 32 AND 259),
    alone         boolean  NOT NULL,
    sign_count    bigint   NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
    may_back_up   boolean  NOT NULL,
    backed_up     boolean  NOT NULL,
    created_ms    bigint   NOT NULL,
    used_ms       bigint   NOT NULL,
    CONSTRAINT passkey_copies CHECK (may_back_up OR NOT backed_up)
);
CREATE INDEX passkey_person ON passkey (person, id);
ALTER TABLE passkey ENABLE ROW LEVEL SECURITY;
ALTER TABLE passkey FORCE ROW LEVEL SECURITY;
CREATE POLICY passkey_seen ON passkey FOR SELECT TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY passkey_made ON passkey FOR INSERT TO kontor_worker WITH CHECK (person = (SELECT actor_person()));
CREATE POLICY passkey_changed ON passkey FOR UPDATE TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()));
CREATE POLICY passkey_taken ON passkey FOR DELETE TO kontor_worker USING (
    person = (SELECT actor_person()) OR (SELECT actor_administers()));
GRANT SELECT, INSERT, DELETE ON passkey TO kontor_worker;
GRANT UPDATE (name, sign_count, backed_up, used_ms) ON passkey TO kontor_worker;

-- Challenges that were answered, until they are too old to be answered: each is taken once. By the real clock.
CREATE TABLE passkey_spent (
    challenge bytea  NOT NULL PRIMARY KEY CHECK (octet_length(challenge) = 32),
    until_ms  bigint NOT NULL
);
CREATE INDEX passkey_spent_until ON passkey_spent (until_ms);
ALTER TABLE passkey_spent ENABLE ROW LEVEL SECURITY;
ALTER TABLE passkey_spent FORCE ROW LEVEL SECURITY;
CREATE POLICY passkey_spent_server ON passkey_spent TO kontor_worker USING ((SELECT actor_is_server()));
GRANT SELECT, INSERT, DELETE ON passkey_spent TO kontor_worker;

-- Whose password alone opens nothing, and since when.
CREATE TABLE second_step (
    person   uuid   NOT NULL PRIMARY KEY REFERENCES person,
    since_ms bigint NOT NULL
);
-- Of a recovery code only the SHA-256, with whose it is in it, is kept, and only until it is used.
CREATE TABLE recovery_code (
    person    uuid  NOT NULL REFERENCES person,
    code_hash bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    PRIMARY KEY (person, code_hash)
);
ALTER TABLE second_step ENABLE ROW LEVEL SECURITY;
ALTER TABLE second_step FORCE ROW LEVEL SECURITY;
ALTER TABLE recovery_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_code FORCE ROW LEVEL SECURITY;
CREATE POLICY second_step_seen ON second_step FOR SELECT TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY second_step_made ON second_step FOR INSERT TO kontor_worker WITH CHECK (person = (SELECT actor_person()));
CREATE POLICY second_step_taken ON second_step FOR DELETE TO kontor_worker USING (
    person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY recovery_code_seen ON recovery_code FOR SELECT TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY recovery_code_made ON recovery_code FOR INSERT TO kontor_worker WITH CHECK (person = (SELECT actor_person()));
CREATE POLICY recovery_code_taken ON recovery_code FOR DELETE TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));
GRANT SELECT, INSERT, DELETE ON second_step, recovery_code TO kontor_worker;

-- 9 a second step demanded, 10 not any more, 11 recovery codes made, 12 one of them used.
ALTER TABLE security_event DROP CONSTRAINT security_event_what_check;
ALTER TABLE security_event ADD CONSTRAINT security_event_what_check CHECK (what BETWEEN 1 AND 12);

RESET ROLE;
