-- Disputes: what either side says is due to the other, too. A text may concern a site beside an organisation; those who it
-- concerns give theirs; the journal's notices of a dispute are found by its hold, and are both sides' like the hold itself; a
-- job's requester reads what the site has signed about it.

SET LOCAL ROLE kontor_owner;

ALTER TABLE evidence ADD COLUMN site bigint;
ALTER POLICY evidence_seen ON evidence USING (
    (SELECT actor_sees_all()) OR concerns = ANY ((SELECT actor_organisations())::uuid[])
    OR site = ANY ((SELECT actor_sites())::bigint[]));
-- Whose words they are is not theirs to choose.
ALTER POLICY evidence_made ON evidence WITH CHECK (
    erased_ms IS NULL
    AND ((SELECT actor_sees_all())
         OR people = ARRAY[(SELECT actor_person())]
            AND (concerns = ANY ((SELECT actor_organisations())::uuid[]) OR site = ANY ((SELECT actor_sites())::bigint[]))));

ALTER POLICY report_seen ON report USING (
    (SELECT actor_sees_all()) OR site = ANY ((SELECT actor_sites())::bigint[])
    OR jti IS NOT NULL AND EXISTS (SELECT FROM reservation r WHERE r.id = report.jti AND r.site = report.site OFFSET 0));

-- What the entries of a dispute name stands at a place of its own in each kind: a NOTICE's hold at 8, a RESOLVE's hold and
-- what a CORRECT takes back at 0.
CREATE INDEX entry_notice_of ON entry (substring(body, 9, 8)) WHERE kind = 19 AND get_byte(body, 1) IN (2, 3, 7);
CREATE INDEX entry_decision_of ON entry (substring(body, 1, 8)) WHERE kind IN (12, 13);

-- Numbers only: row security says who reads them.
CREATE FUNCTION entry_page_of_dispute(hold bigint, settled bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, public AS
$$
BEGIN
    RETURN QUERY
        SELECT e.index FROM entry e WHERE e.kind = 19 AND get_byte(e.body, 1) IN (2, 3, 7) AND substring(e.body, 9, 8) = int8send(hold)
        UNION ALL
        SELECT e.index FROM entry e WHERE e.kind IN (12, 13) AND substring(e.body, 1, 8) IN (int8send(hold), int8send(settled));
END
$$;

-- Is the notice about a hold that is the asker's, as its organisation or its site?
CREATE FUNCTION notice_is_mine(notice bytea) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
BEGIN
    RETURN EXISTS (
        SELECT FROM entry h JOIN account_side s ON s.index IN (h.debit, h.credit)
        WHERE h.index = ('x' || encode(substring(notice, 9, 8), 'hex'))::bit(64)::bigint AND h.kind = 8 AND s.mine);
END
$$;
REVOKE ALL ON FUNCTION entry_page_of_dispute(bigint, bigint), notice_is_mine(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION entry_page_of_dispute(bigint, bigint), notice_is_mine(bytea) TO kontor_worker;

ALTER POLICY entry_seen ON entry USING (
    (SELECT actor_sees_all())
    OR (SELECT actor_is_known())
       AND NOT EXISTS (SELECT FROM account_side s WHERE s.index IN (debit, credit) AND s.private)
       AND NOT (kind = 1 AND EXISTS (SELECT FROM account_side s WHERE s.index = entry.index AND s.private OFFSET 0)) -- OPEN
       AND NOT (kind = 19 AND get_byte(body, 1) IN (2, 3, 7)) -- NOTICE of a dispute
    OR EXISTS (SELECT FROM account_side s WHERE s.index IN (debit, credit) AND s.mine)
    OR kind = 1 AND EXISTS (SELECT FROM account_side s WHERE s.index = entry.index AND s.mine OFFSET 0)
    OR kind = 19 AND get_byte(body, 1) IN (2, 3, 7) AND notice_is_mine(body));

RESET ROLE;
