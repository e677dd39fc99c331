-- Workloads and outputs that nothing names any more go after a day: outputs that a later report has replaced, above all.
-- Whoever brings bytes that are there already makes them young again, so that none goes between being brought and being
-- named.

SET LOCAL ROLE kontor_owner;

GRANT DELETE ON blob TO kontor_worker;

-- The server sees, and may throw away, only what is unnamed.
CREATE FUNCTION blob_is_unnamed(digest bytea) RETURNS boolean LANGUAGE sql STABLE
    RETURN NOT EXISTS (SELECT FROM request q WHERE q.workload = digest)
       AND NOT EXISTS (SELECT FROM reservation r WHERE r.workload = digest)
       AND NOT EXISTS (SELECT FROM reservation r WHERE r.output = digest);
CREATE POLICY blob_unnamed ON blob FOR SELECT TO kontor_worker USING ((SELECT actor_is_server()) AND blob_is_unnamed(sha256));
CREATE POLICY blob_swept ON blob FOR DELETE TO kontor_worker USING ((SELECT actor_is_server()) AND blob_is_unnamed(sha256));

-- Are these bytes here to stay for a while? Whoever asks knows the hash, and is about to name it.
CREATE FUNCTION blob_renew(digest bytea, at_ms bigint, young_ms bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
BEGIN
    UPDATE blob SET created_ms = at_ms WHERE sha256 = digest AND created_ms < at_ms - young_ms;
    RETURN FOUND OR EXISTS (SELECT FROM blob WHERE sha256 = digest AND created_ms >= at_ms - young_ms);
END
$$;
CREATE POLICY blob_renewed ON blob TO kontor_owner USING (actor_is_known()) WITH CHECK (actor_is_known());
REVOKE ALL ON FUNCTION blob_renew(bytea, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION blob_renew(bytea, bigint, bigint) TO kontor_worker;

RESET ROLE;
