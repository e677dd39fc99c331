-- What stands behind a commitment in the journal can be erased: text, salt and who was signed in go, the row stays and
-- names the NOTICE that says so. Once erased it never comes back. A reason is also for the organisation that it concerns.
-- Beside it the assertions of people who sign with a passkey (authority class 2 of an entry): public like the hash of them
-- in the entry.

SET LOCAL ROLE kontor_owner;

-- erasure: the NOTICE's index.
ALTER TABLE evidence ALTER COLUMN salt DROP NOT NULL, ALTER COLUMN text DROP NOT NULL,
    ADD COLUMN concerns uuid, ADD COLUMN erased_ms bigint, ADD COLUMN erasure bigint,
    ADD CONSTRAINT evidence_whole CHECK ((salt IS NULL) = (erased_ms IS NOT NULL) AND (text IS NULL) = (erased_ms IS NOT NULL)
                                         AND (erasure IS NULL) = (erased_ms IS NULL)
                                         AND (erased_ms IS NULL OR cardinality(people) = 0));

DROP POLICY evidence_programme ON evidence;
CREATE POLICY evidence_seen ON evidence FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR concerns = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY evidence_made ON evidence FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_sees_all()) AND erased_ms IS NULL);
CREATE POLICY evidence_erased ON evidence FOR UPDATE TO kontor_worker
    USING (((SELECT actor_has_role(3::smallint, 3::smallint)) OR (SELECT actor_administers())) AND erased_ms IS NULL)
    WITH CHECK (erased_ms IS NOT NULL);
GRANT UPDATE (salt, text, people, erased_ms, erasure) ON evidence TO kontor_worker;

CREATE TABLE assertion (
    sha256     bytea  NOT NULL PRIMARY KEY,
    bytes      bytea  NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 4096),
    created_ms bigint NOT NULL,
    CONSTRAINT assertion_hash CHECK (sha256 = sha256(bytes))
);
ALTER TABLE assertion ENABLE ROW LEVEL SECURITY;
CREATE POLICY assertion_seen ON assertion FOR SELECT TO kontor_worker USING ((SELECT actor_is_known()));
CREATE POLICY assertion_made ON assertion FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_person()) IS NOT NULL);
GRANT SELECT, INSERT ON assertion TO kontor_worker;

RESET ROLE;
