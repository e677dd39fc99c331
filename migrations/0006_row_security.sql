-- The second wall: row security on every table that holds what is somebody's. kontor_worker, which answers callers, says
-- with each query for whom it asks (store/db.h, db_act_as): app.actor, set for one transaction only. Unset, it sees
-- nothing. The values:
--
--   a person's id           what this person's roles allow, as the table role has them now
--   site N                  the agent of the site whose SITE entry has index N
--   nobody                  a stranger: what is everybody's
--   server                  the server for itself: signing in, what it keeps in memory, exports, housekeeping
--   ffffffff-ffff-…         the operator on the unix socket
--
-- kontor_writer, the sequencer, decides for all and sees all: its policies are the constant true, which the planner
-- drops. The owner is exempt, but for tables with secrets, free text or people in them, which are forced on it too: a
-- server that is mistakenly given the owner's connection then sees nothing, rather than everything. A migration that must
-- touch such a table's rows says ALTER TABLE … NO FORCE ROW LEVEL SECURITY before and FORCE after.
--
-- OFFSET 0 in a policy: the planner asks by the key, row by row. It would rather hash the whole other table, as long as
-- that is short when the statement is prepared.

DO $refuse$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname IN ('kontor_worker', 'kontor_writer') AND (rolsuper OR rolbypassrls)) THEN
        RAISE EXCEPTION 'kontor_worker and kontor_writer must be neither superuser nor BYPASSRLS';
    END IF;
END
$refuse$;

SET LOCAL ROLE kontor_owner;

-- ---- who asks ------------------------------------------------------------------------------------------------------
-- In PL/pgSQL since its plans are kept for the connection's life; policies call each at most once a query, as
-- (SELECT f()). They are the owner's, or the policy on role would ask itself.

CREATE FUNCTION actor_is_server() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN pg_catalog.current_setting('app.actor', true) IN ('server', 'ffffffff-ffff-ffff-ffff-ffffffffffff');

CREATE FUNCTION actor_is_known() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(pg_catalog.current_setting('app.actor', true), '') <> '';

-- The person, or NULL.
CREATE FUNCTION actor_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN pg_catalog.current_setting('app.actor', true) ~ '^[0-9a-f]{8}-' THEN pg_catalog.current_setting('app.actor', true)::uuid END;

CREATE FUNCTION actor_has_role(lowest smallint, highest smallint) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
BEGIN
    RETURN actor_is_server() OR EXISTS (SELECT FROM role r WHERE r.person = actor_person() AND r.role BETWEEN lowest AND highest);
END
$$;

-- Officers, auditors, administrators see what all start-ups and sites do, but no scripts, outputs or sessions.
CREATE FUNCTION actor_sees_all() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN actor_has_role(3::smallint, 5::smallint);

CREATE FUNCTION actor_administers() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN actor_has_role(5::smallint, 5::smallint);

CREATE FUNCTION actor_organisations() RETURNS uuid[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
BEGIN
    RETURN ARRAY(SELECT r.organisation FROM role r WHERE r.person = actor_person() AND r.role IN (1, 2));
END
$$;

-- The site whose agent asks; NULL: no agent.
CREATE FUNCTION actor_agent() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN pg_catalog.current_setting('app.actor', true) ~ '^site [0-9]{1,18}$'
                THEN substr(pg_catalog.current_setting('app.actor', true), 6)::bigint END;

CREATE FUNCTION actor_sites() RETURNS bigint[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
BEGIN
    IF actor_agent() IS NOT NULL THEN
        RETURN ARRAY[actor_agent()];
    END IF;
    RETURN ARRAY(SELECT r.site FROM role r WHERE r.person = actor_person() AND r.role = 6);
END
$$;

REVOKE ALL ON FUNCTION actor_has_role(smallint, smallint), actor_organisations(), actor_sites() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION actor_has_role(smallint, smallint), actor_organisations(), actor_sites() TO kontor_worker;

-- ---- people ---------------------------------------------------------------------------------------------------------

ALTER TABLE role ENABLE ROW LEVEL SECURITY;
CREATE POLICY role_seen ON role FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR person = (SELECT actor_person()) OR organisation = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY role_given ON role FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_administers()));
CREATE POLICY role_changed ON role FOR UPDATE TO kontor_worker USING ((SELECT actor_administers()));
CREATE POLICY role_taken ON role FOR DELETE TO kontor_worker USING ((SELECT actor_administers()));

-- Oneself, the programme's, colleagues, and who made a request that one may see and has left since.
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
ALTER TABLE person FORCE ROW LEVEL SECURITY;
CREATE POLICY person_seen ON person FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR id = (SELECT actor_person())
    OR EXISTS (SELECT FROM role r WHERE r.person = person.id AND r.organisation = ANY ((SELECT actor_organisations())::uuid[]) OFFSET 0)
    OR EXISTS (SELECT FROM request q WHERE q.created_by = person.id OFFSET 0));
CREATE POLICY person_made ON person FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_administers()));
CREATE POLICY person_changed ON person FOR UPDATE TO kontor_worker USING ((SELECT actor_administers()) OR id = (SELECT actor_person()));
CREATE INDEX request_created_by ON request (created_by);

-- Signing in: by an index that row security would keep from being used, as lower() might tell what it was given.
CREATE FUNCTION person_of_email(text) RETURNS SETOF person
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, public AS
$$
BEGIN
    IF actor_is_server() THEN
        RETURN QUERY SELECT p.* FROM person p WHERE lower(p.email) = lower($1);
    END IF;
END
$$;
CREATE POLICY person_of_email ON person FOR SELECT TO kontor_owner USING (actor_is_server());
REVOKE ALL ON FUNCTION person_of_email(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION person_of_email(text) TO kontor_worker;

ALTER TABLE session ENABLE ROW LEVEL SECURITY;
ALTER TABLE session FORCE ROW LEVEL SECURITY;
CREATE POLICY session_own ON session TO kontor_worker USING (
    (SELECT actor_is_server()) OR person = (SELECT actor_person()) OR (SELECT actor_administers()));

ALTER TABLE enrol_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE enrol_token FORCE ROW LEVEL SECURITY;
CREATE POLICY enrol_token_own ON enrol_token TO kontor_worker USING (
    (SELECT actor_administers()) OR site = ANY ((SELECT actor_sites())::bigint[]));

ALTER TABLE agent_contact ENABLE ROW LEVEL SECURITY;
CREATE POLICY agent_contact_seen ON agent_contact FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR site = ANY ((SELECT actor_sites())::bigint[]));
CREATE POLICY agent_contact_made ON agent_contact FOR INSERT TO kontor_worker WITH CHECK (site = (SELECT actor_agent()));
CREATE POLICY agent_contact_changed ON agent_contact FOR UPDATE TO kontor_worker USING (site = (SELECT actor_agent()));

ALTER TABLE organisation ENABLE ROW LEVEL SECURITY;
CREATE POLICY organisation_seen ON organisation FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR id = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY organisation_made ON organisation FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_administers()));
CREATE POLICY organisation_changed ON organisation FOR UPDATE TO kontor_worker USING ((SELECT actor_administers()));
CREATE POLICY organisation_all ON organisation TO kontor_writer USING (true);

ALTER TABLE account_name ENABLE ROW LEVEL SECURITY;
CREATE POLICY account_name_seen ON account_name TO kontor_worker USING ((SELECT actor_sees_all()));
CREATE POLICY account_name_all ON account_name TO kontor_writer USING (true);

ALTER TABLE evidence ENABLE ROW LEVEL SECURITY;
ALTER TABLE evidence FORCE ROW LEVEL SECURITY;
CREATE POLICY evidence_programme ON evidence TO kontor_worker USING ((SELECT actor_sees_all()));

-- ---- what start-ups want --------------------------------------------------------------------------------------------

DROP POLICY request_seen ON request;
DROP POLICY request_written ON request;
ALTER TABLE request FORCE ROW LEVEL SECURITY;
CREATE POLICY request_seen ON request FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR organisation = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY request_made ON request FOR INSERT TO kontor_worker WITH CHECK (
    organisation = ANY ((SELECT actor_organisations())::uuid[]));

-- Scripts are read by the organisation and by the agent that runs them, outputs by the organisation; by nobody else, the
-- programme included. Who brings bytes need not be able to read them: they are stored under their hash.
ALTER TABLE blob ENABLE ROW LEVEL SECURITY;
ALTER TABLE blob FORCE ROW LEVEL SECURITY;
CREATE POLICY blob_seen ON blob FOR SELECT TO kontor_worker USING (
    EXISTS (SELECT FROM request q WHERE q.workload = blob.sha256 AND q.organisation = ANY ((SELECT actor_organisations())::uuid[]))
    OR EXISTS (SELECT FROM reservation r WHERE r.workload = blob.sha256 AND r.site = (SELECT actor_agent()))
    OR EXISTS (SELECT FROM reservation r WHERE r.output = blob.sha256 AND r.org = ANY ((SELECT actor_organisations())::uuid[])));
CREATE POLICY blob_brought ON blob FOR INSERT TO kontor_worker WITH CHECK (
    (SELECT actor_agent() IS NOT NULL OR actor_person() IS NOT NULL));
CREATE INDEX request_workload ON request (workload);
CREATE INDEX reservation_workload ON reservation (workload, site);
CREATE INDEX reservation_output ON reservation (output) WHERE output IS NOT NULL;

-- Whose key it is. Rows from before are found by whoever knows the key, until they are a week old.
ALTER TABLE call_answer ADD COLUMN actor text NOT NULL DEFAULT '';
ALTER TABLE call_answer ALTER COLUMN actor SET DEFAULT coalesce(current_setting('app.actor', true), '');
ALTER TABLE call_answer ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_answer FORCE ROW LEVEL SECURITY;
CREATE POLICY call_answer_own ON call_answer TO kontor_worker
    USING ((SELECT actor_is_server()) OR ((SELECT actor_is_known()) AND actor IN ('', current_setting('app.actor', true))))
    WITH CHECK (actor <> '' AND actor = current_setting('app.actor', true));

-- ---- the market -----------------------------------------------------------------------------------------------------

ALTER TABLE quote ENABLE ROW LEVEL SECURITY;
CREATE POLICY quote_seen ON quote FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR org = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY quote_all ON quote TO kontor_writer USING (true);

ALTER TABLE quote_answer ENABLE ROW LEVEL SECURITY;
CREATE POLICY quote_answer_seen ON quote_answer FOR SELECT TO kontor_worker USING (
    EXISTS (SELECT FROM quote q WHERE q.id = quote_answer.id OFFSET 0));
CREATE POLICY quote_answer_all ON quote_answer TO kontor_writer USING (true);

ALTER TABLE reservation ENABLE ROW LEVEL SECURITY;
CREATE POLICY reservation_seen ON reservation FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR org = ANY ((SELECT actor_organisations())::uuid[]) OR site = ANY ((SELECT actor_sites())::bigint[]));
CREATE POLICY reservation_all ON reservation TO kontor_writer USING (true);

ALTER TABLE ticket ENABLE ROW LEVEL SECURITY;
CREATE POLICY ticket_seen ON ticket FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR site = ANY ((SELECT actor_sites())::bigint[])
    OR EXISTS (SELECT FROM reservation r WHERE r.id = ticket.reservation OFFSET 0));
CREATE POLICY ticket_all ON ticket TO kontor_writer USING (true);

ALTER TABLE report ENABLE ROW LEVEL SECURITY;
CREATE POLICY report_seen ON report FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR site = ANY ((SELECT actor_sites())::bigint[]));
CREATE POLICY report_all ON report TO kontor_writer USING (true);

-- The sequencer's alone.
REVOKE SELECT ON answer, site_status FROM kontor_worker;
ALTER TABLE answer ENABLE ROW LEVEL SECURITY;
CREATE POLICY answer_all ON answer TO kontor_writer USING (true);
ALTER TABLE site_status ENABLE ROW LEVEL SECURITY;
CREATE POLICY site_status_all ON site_status TO kontor_writer USING (true);

-- ---- the journal ----------------------------------------------------------------------------------------------------

ALTER TABLE account ENABLE ROW LEVEL SECURITY;
CREATE POLICY account_seen ON account FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR owner_org = ANY ((SELECT actor_organisations())::uuid[])
    OR owner_site = ANY ((SELECT actor_sites())::bigint[]));
CREATE POLICY account_all ON account TO kontor_writer USING (true);

-- Of each account only what decides about its entries: is it a grant, is it the asker's.
CREATE VIEW account_side AS
    SELECT index, class = 5 AS private,
           owner_org = ANY ((SELECT actor_organisations())::uuid[]) OR owner_site = ANY ((SELECT actor_sites())::bigint[]) AS mine
    FROM account;
GRANT SELECT ON account_side TO kontor_worker;

-- An entry that names no organisation is everybody's; the others its people's, the programme's and the site's.
ALTER TABLE entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY entry_seen ON entry FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all())
    OR (SELECT actor_is_known())
       AND NOT EXISTS (SELECT FROM account_side s WHERE s.index IN (debit, credit) AND s.private)
       AND NOT (kind = 1 AND EXISTS (SELECT FROM account_side s WHERE s.index = entry.index AND s.private OFFSET 0)) -- OPEN
       AND NOT (kind = 19 AND get_byte(body, 1) IN (2, 3)) -- NOTICE of a dispute
    OR EXISTS (SELECT FROM account_side s WHERE s.index IN (debit, credit) AND s.mine)
    OR kind = 1 AND EXISTS (SELECT FROM account_side s WHERE s.index = entry.index AND s.mine OFFSET 0));
CREATE POLICY entry_all ON entry TO kontor_writer USING (true);

-- Which entries stand on a page, newest first; no more of them than their numbers, which are no secret. What the asker
-- may not see is left out by the reader, who then knows how far the page went.
CREATE FUNCTION entry_page(before bigint, of_kind bigint, most bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public AS
$$
BEGIN
    IF of_kind = -1 THEN
        RETURN QUERY SELECT e.index FROM entry e WHERE e.index < before ORDER BY e.index DESC LIMIT most;
    ELSE
        RETURN QUERY SELECT e.index FROM entry e WHERE e.index < before AND e.kind = of_kind ORDER BY e.index DESC LIMIT most;
    END IF;
END
$$;

-- The same of one account, by its back-links: as many steps as rows.
CREATE FUNCTION entry_page_of(account bigint, before bigint, of_kind bigint, most bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public AS
$$
DECLARE
    at bigint := (SELECT a.last_index FROM account a WHERE a.index = account);
    e record;
BEGIN
    WHILE at >= 0 AND most > 0 LOOP -- the last is the OPEN, which has no side
        SELECT t.index, t.kind, t.debit, t.prev_debit, t.prev_credit INTO e FROM entry t WHERE t.index = at;
        EXIT WHEN NOT FOUND;
        IF e.index < before AND (of_kind = -1 OR e.kind = of_kind) THEN
            RETURN NEXT e.index;
            most := most - 1;
        END IF;
        at := CASE WHEN e.debit = account THEN e.prev_debit ELSE e.prev_credit END;
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION entry_page(bigint, bigint, bigint), entry_page_of(bigint, bigint, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION entry_page(bigint, bigint, bigint), entry_page_of(bigint, bigint, bigint, bigint) TO kontor_worker;

RESET ROLE;
