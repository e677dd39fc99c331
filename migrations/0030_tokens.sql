-- Tokens of programs, each made by a person and never more than that person; and what is told of a person's ways in: what
-- was made, ended, used to write. Shown to that person and to administrators.

SET LOCAL ROLE kontor_owner;

-- Of a token only the SHA-256 is kept. scope: 1 reads what its person reads, 2 also writes for one organisation. used_ms: the
-- hour of its last use, 0 never; used_from: the network that came from.
CREATE TABLE api_token (
    id           uuid     NOT NULL PRIMARY KEY,
    person       uuid     NOT NULL REFERENCES person,
    name         text     NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 60),
    token_hash   bytea    NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    scope        smallint NOT NULL CHECK (scope IN (1, 2)),
    organisation uuid     NOT NULL,
    created_ms   bigint   NOT NULL,
    expires_ms   bigint   NOT NULL,
    used_ms      bigint   NOT NULL DEFAULT 0,
    used_from    text     NOT NULL DEFAULT '' CHECK (octet_length(used_from) <= 64),
    ended_ms     bigint,
    CONSTRAINT api_token_of CHECK ((scope = 2) = (organisation <> '00000000-0000-0000-0000-000000000000')),
    CONSTRAINT api_token_ends CHECK (expires_ms > created_ms)
);
CREATE INDEX api_token_person ON api_token (person, id);
CREATE INDEX api_token_expires ON api_token (expires_ms);
ALTER TABLE api_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_token FORCE ROW LEVEL SECURITY;
CREATE POLICY api_token_seen ON api_token FOR SELECT TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY api_token_made ON api_token FOR INSERT TO kontor_worker WITH CHECK (person = (SELECT actor_person()));
CREATE POLICY api_token_changed ON api_token FOR UPDATE TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY api_token_swept ON api_token FOR DELETE TO kontor_worker USING ((SELECT actor_is_server()));
GRANT SELECT, INSERT, DELETE ON api_token TO kontor_worker;
GRANT UPDATE (used_ms, used_from, ended_ms) ON api_token TO kontor_worker;

-- what: 1 token made, 2 token ended, 3 token used to write, 4 password changed, 5 password set by somebody else, 6 passkey added,
-- 7 passkey removed, 8 passkey refused. name: the token's or passkey's. detail: its scope, or the route. client: the network.
-- by_name: who did it, where it was not oneself.
CREATE TABLE security_event (
    id      uuid     NOT NULL PRIMARY KEY,
    person  uuid     NOT NULL REFERENCES person,
    at_ms   bigint   NOT NULL,
    what    smallint NOT NULL CHECK (what BETWEEN 1 AND 8),
    name    text     NOT NULL CHECK (octet_length(name) <= 60),
    detail  text     NOT NULL CHECK (octet_length(detail) <= 120),
    client  text     NOT NULL CHECK (octet_length(client) <= 64),
    by_name text     NOT NULL CHECK (octet_length(by_name) <= 120)
);
CREATE INDEX security_event_person ON security_event (person, id DESC);
CREATE INDEX security_event_at ON security_event (at_ms);
ALTER TABLE security_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE security_event FORCE ROW LEVEL SECURITY;
CREATE POLICY security_event_seen ON security_event FOR SELECT TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY security_event_told ON security_event FOR INSERT TO kontor_worker WITH CHECK (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY security_event_swept ON security_event FOR DELETE TO kontor_worker USING ((SELECT actor_is_server()));
GRANT SELECT, INSERT, DELETE ON security_event TO kontor_worker;

RESET ROLE;
