-- Pages of a long journal: a step takes as long wherever it is taken. Kinds other than what jobs make are few, and have an index
-- of their own; of an account, a page begins where the one before it ended.

SET LOCAL ROLE kontor_owner;

-- HOLD 8, SETTLE 9 and VOID 10 are most of a journal: a page of them is soon full without an index, which would cost each its writing.
CREATE INDEX entry_of_kind ON entry (kind, index) WHERE kind NOT IN (8, 9, 10);

CREATE OR REPLACE FUNCTION entry_page(before bigint, of_kind bigint, most bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public AS
$$
BEGIN
    IF of_kind = -1 THEN
        RETURN QUERY SELECT e.index FROM entry e WHERE e.index < before ORDER BY e.index DESC LIMIT most;
    ELSIF of_kind IN (8, 9, 10) THEN
        RETURN QUERY SELECT e.index FROM entry e WHERE e.index < before AND e.kind = of_kind ORDER BY e.index DESC LIMIT most;
    ELSE
        RETURN QUERY SELECT e.index FROM entry e WHERE e.index < before AND e.kind = of_kind AND e.kind NOT IN (8, 9, 10)
            ORDER BY e.kind DESC, e.index DESC LIMIT most;
    END IF;
END
$$;

-- By back-links: as many steps as rows, from the account's newest entry, or from `before` if that is one of its own. Of a kind that
-- has its index, by that: an account may have a million others.
CREATE OR REPLACE FUNCTION entry_page_of(account bigint, before bigint, of_kind bigint, most bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public AS
$$
DECLARE
    at bigint := coalesce(
        (SELECT CASE WHEN t.debit = account THEN t.prev_debit WHEN t.credit = account THEN t.prev_credit END FROM entry t WHERE t.index = before),
        (SELECT a.last_index FROM account a WHERE a.index = account));
    e record;
BEGIN
    IF of_kind <> -1 AND of_kind NOT IN (8, 9, 10) THEN
        RETURN QUERY SELECT t.index FROM entry t WHERE t.index < before AND t.kind = of_kind AND t.kind NOT IN (8, 9, 10)
            AND (t.debit = account OR t.credit = account OR t.index = account AND t.kind = 1) ORDER BY t.kind DESC, t.index DESC LIMIT most;
        RETURN;
    END IF;
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

RESET ROLE;
