-- What the log has signed, and what witnesses have cosigned, goes when nothing needs it any more: an hour of a busy journal
-- makes hundreds of checkpoints, each with a cosignature by every witness in each role, and the newest says all that the ones
-- before it said. What stays, with its cosignatures and quorums:
--
--   the last week: pages, receipts, witnesses that are slow, an operator who looks what happened; a policy that is new
--     finds there the newest that has its quorum
--   of each day before, the last one, and the last one that had a policy's quorum: who doubts when an entry was written
--     finds the day by what independent witnesses signed, with their clocks
--   the newest that had a policy's quorum: /checkpoint shows it, receipts and exports rest on it
--   what a witness has cosigned last, however long ago: the page says so, an outside witness is shown what follows it, and
--     refusals stand until one comes
--   what a refusal speaks of: two checkpoints of one log with two histories are the evidence
--
-- What a witness has cosigned itself, the rollback guard asks of the witness: it keeps that.

SET LOCAL ROLE kontor_owner;

-- Days and the week are of the clock that signed_ms is of, and count back from the newest checkpoint.
CREATE FUNCTION checkpoint_is_needed(at_size bigint) RETURNS boolean LANGUAGE sql STABLE
    RETURN EXISTS (SELECT FROM checkpoint c WHERE c.size = at_size AND (
                   c.signed_ms > (SELECT n.signed_ms FROM checkpoint n ORDER BY n.size DESC LIMIT 1) - 604800000
                   OR c.signed_ms / 86400000 IS DISTINCT FROM
                      (SELECT l.signed_ms / 86400000 FROM checkpoint l WHERE l.size > c.size ORDER BY l.size LIMIT 1)))
        OR EXISTS (SELECT FROM quorum q WHERE q.size = at_size AND q.at_ms / 86400000 IS DISTINCT FROM
                   (SELECT l.at_ms / 86400000 FROM quorum l WHERE l.policy = q.policy AND l.size > q.size ORDER BY l.size LIMIT 1))
        OR EXISTS (SELECT FROM cosignature c WHERE c.size = at_size
                   AND NOT EXISTS (SELECT FROM cosignature l WHERE l.public = c.public AND l.size > c.size))
        OR EXISTS (SELECT FROM refusal r WHERE at_size IN (r.size, r.had_size));

-- The server may throw away only what is not needed.
CREATE POLICY cosignature_swept ON cosignature FOR DELETE TO kontor_worker USING ((SELECT actor_is_server()) AND NOT checkpoint_is_needed(size));
CREATE POLICY quorum_swept ON quorum FOR DELETE TO kontor_worker USING ((SELECT actor_is_server()) AND NOT checkpoint_is_needed(size));
CREATE POLICY checkpoint_swept ON checkpoint FOR DELETE TO kontor_worker USING ((SELECT actor_is_server()) AND NOT checkpoint_is_needed(size));

GRANT DELETE ON cosignature, quorum, checkpoint TO kontor_worker;

RESET ROLE;
