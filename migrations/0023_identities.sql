-- Sign-in by providers (OpenID Connect). A person is known to a provider by (issuer, subject) and by nothing else: an e-mail
-- address can change hands. Who came by a provider first has neither address nor password of their own here.

SET LOCAL ROLE kontor_owner;

ALTER TABLE person
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN password_hash DROP NOT NULL;

CREATE TABLE identity (
    id         uuid   NOT NULL PRIMARY KEY,
    person     uuid   NOT NULL REFERENCES person,
    issuer     text   NOT NULL CHECK (octet_length(issuer) BETWEEN 8 AND 300),
    subject    text   NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 255),
    name       text   NOT NULL CHECK (octet_length(name) <= 120),
    email      text   NOT NULL CHECK (octet_length(email) <= 254),
    created_ms bigint NOT NULL,
    used_ms    bigint NOT NULL
);
CREATE UNIQUE INDEX identity_of ON identity (issuer, subject);
CREATE INDEX identity_person ON identity (person);

-- One's own, and all of them for administrators, who must know whom they give a role. Nobody makes one for another.
ALTER TABLE identity ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity FORCE ROW LEVEL SECURITY;
CREATE POLICY identity_seen ON identity FOR SELECT TO kontor_worker USING (
    person = (SELECT actor_person()) OR (SELECT actor_administers()));
CREATE POLICY identity_made ON identity FOR INSERT TO kontor_worker WITH CHECK (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()));
CREATE POLICY identity_used ON identity FOR UPDATE TO kontor_worker USING ((SELECT actor_is_server()));
CREATE POLICY identity_taken ON identity FOR DELETE TO kontor_worker USING (person = (SELECT actor_person()));
GRANT SELECT, INSERT, DELETE ON identity TO kontor_worker;
GRANT UPDATE (name, email, used_ms) ON identity TO kontor_worker;

RESET ROLE;
