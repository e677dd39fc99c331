-- Row security that asks by a key, and once.
--
-- Who asks for a script or an output is let in by its digest, row by row (OFFSET 0, as the other policies have it). The
-- policy of 0006 left that out, and statements prepared while a database was young read all reservations of a site for each
-- script that its agent fetched, for as long as the connection lived.
--
-- The person who asks is told apart once a call, before the query: within it, a short table that is read from end to end
-- had this done for each row, which cost more than all else.

SET LOCAL ROLE kontor_owner;

ALTER POLICY blob_seen ON blob USING (
    EXISTS (SELECT FROM request q WHERE q.workload = blob.sha256 AND q.organisation = ANY ((SELECT actor_organisations())::uuid[]) OFFSET 0)
    OR EXISTS (SELECT FROM reservation r WHERE r.workload = blob.sha256 AND r.site = (SELECT actor_agent()) OFFSET 0)
    OR EXISTS (SELECT FROM reservation r WHERE r.output = blob.sha256 AND r.org = ANY ((SELECT actor_organisations())::uuid[]) OFFSET 0));

CREATE OR REPLACE FUNCTION actor_has_role(lowest smallint, highest smallint) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
DECLARE
    asks uuid := actor_person();
BEGIN
    IF actor_is_server() THEN
        RETURN true;
    ELSIF asks IS NULL THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM role r WHERE r.person = asks AND r.role BETWEEN lowest AND highest);
END
$$;

CREATE OR REPLACE FUNCTION actor_organisations() RETURNS uuid[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
DECLARE
    asks uuid := actor_person();
BEGIN
    IF asks IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT r.organisation FROM role r WHERE r.person = asks AND r.role IN (1, 2));
END
$$;

CREATE OR REPLACE FUNCTION actor_sites() RETURNS bigint[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
DECLARE
    asks uuid := actor_person();
BEGIN
    IF asks IS NULL THEN
        RETURN array_remove(ARRAY[actor_agent()], NULL);
    END IF;
    RETURN ARRAY(SELECT r.site FROM role r WHERE r.person = asks AND r.role = 6);
END
$$;

RESET ROLE;
