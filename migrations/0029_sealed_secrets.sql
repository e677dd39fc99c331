-- Secrets that a start-up seals to the site whose quote it accepts. A request says their names, a site's agent the key that it
-- opens them with (signed by its own), a reservation the SHA-256 of what was sealed for it; that column comes after the seal and
-- is NULL where there is none, as needs is (0026).
--
-- What was sealed stands by itself, under its SHA-256, and goes when no reservation that names it can begin any more. Whoever
-- brought it writes it, the agent of the site that it is for reads it, and nobody else: the programme and the server's own walks
-- do not.

SET LOCAL ROLE kontor_owner;

ALTER TABLE request ADD COLUMN secrets text NOT NULL DEFAULT '' CHECK (octet_length(secrets) <= 600);

ALTER TABLE site_status
    ADD COLUMN seal_key bytea CHECK (octet_length(seal_key) = 32),
    ADD COLUMN seal_signature bytea NOT NULL DEFAULT decode(repeat('00', 64), 'hex') CHECK (octet_length(seal_signature) = 64);

-- What the sequencer writes has one CHECK a table (0016).
ALTER TABLE reservation ADD COLUMN secrets bytea;
ALTER TABLE reservation
    DROP CONSTRAINT reservation_form,
    ADD CONSTRAINT reservation_form CHECK (
        jti = id AND grant_account > 0 AND site > 0 AND offering > 0 AND rate > 0 AND hold > 0 AND gpus > 0 AND nodes > 0
        AND walltime_s > 0 AND rate_milli > 0 AND cost_gpums = gpus * walltime_s * rate_milli
        AND window_end_ms > window_start_ms AND booked_slots >= 0 AND fence > 0 AND seq > 0
        AND reported_gpu_seconds >= 0 AND settled_gpums BETWEEN 0 AND cost_gpums
        AND (workload IS NULL OR octet_length(workload) = 32) AND (output IS NULL OR octet_length(output) = 32)
        AND night BETWEEN 0 AND nights AND nights <= 31 AND (needs IS NULL OR needs BETWEEN 1 AND 65535)
        AND (secrets IS NULL OR octet_length(secrets) = 32));
CREATE INDEX reservation_secrets ON reservation (secrets, site) WHERE secrets IS NOT NULL;

CREATE TABLE sealed_secrets (
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    organisation uuid NOT NULL,
    bytes bytea NOT NULL CHECK (octet_length(bytes) <= 65536 AND sha256(bytes) = sha256),
    created_ms bigint NOT NULL,
    PRIMARY KEY (sha256, organisation)
);
ALTER TABLE sealed_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE sealed_secrets FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON sealed_secrets TO kontor_worker;

-- May a reservation that names them still begin, or be begun again?
CREATE FUNCTION secrets_are_over(digest bytea) RETURNS boolean LANGUAGE sql STABLE
    RETURN NOT EXISTS (SELECT FROM reservation r WHERE r.secrets = digest AND r.ended_ms = 0 AND r.state NOT IN ('settled', 'voided'));

CREATE POLICY sealed_secrets_brought ON sealed_secrets FOR INSERT TO kontor_worker WITH CHECK (
    organisation = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY sealed_secrets_again ON sealed_secrets FOR UPDATE TO kontor_worker USING (
    organisation = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY sealed_secrets_seen ON sealed_secrets FOR SELECT TO kontor_worker USING (
    organisation = ANY ((SELECT actor_organisations())::uuid[])
    OR EXISTS (SELECT FROM reservation r WHERE r.secrets = sealed_secrets.sha256 AND r.site = (SELECT actor_agent()) OFFSET 0)
    OR ((SELECT actor_is_server()) AND secrets_are_over(sha256)));
CREATE POLICY sealed_secrets_swept ON sealed_secrets FOR DELETE TO kontor_worker USING (
    (SELECT actor_is_server()) AND secrets_are_over(sha256));

RESET ROLE;
