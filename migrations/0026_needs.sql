-- What a request needs of a site's agent beyond running a script, and what each site's agent says that it takes: sets of bits
-- (core/needs.h). A reservation's comes after its seal, so it may be NULL (0021), and is where it needs nothing.

SET LOCAL ROLE kontor_owner;

ALTER TABLE request ADD COLUMN needs integer NOT NULL DEFAULT 0 CHECK (needs BETWEEN 0 AND 65535);
ALTER TABLE site_status ADD COLUMN takes integer NOT NULL DEFAULT 0 CHECK (takes BETWEEN 0 AND 65535);

-- What the sequencer writes has one CHECK a table (0016).
ALTER TABLE reservation ADD COLUMN needs integer;
ALTER TABLE reservation
    DROP CONSTRAINT reservation_form,
    ADD CONSTRAINT reservation_form CHECK (
        jti = id AND grant_account > 0 AND site > 0 AND offering > 0 AND rate > 0 AND hold > 0 AND gpus > 0 AND nodes > 0
        AND walltime_s > 0 AND rate_milli > 0 AND cost_gpums = gpus * walltime_s * rate_milli
        AND window_end_ms > window_start_ms AND booked_slots >= 0 AND fence > 0 AND seq > 0
        AND reported_gpu_seconds >= 0 AND settled_gpums BETWEEN 0 AND cost_gpums
        AND (workload IS NULL OR octet_length(workload) = 32) AND (output IS NULL OR octet_length(output) = 32)
        AND night BETWEEN 0 AND nights AND nights <= 31 AND (needs IS NULL OR needs BETWEEN 1 AND 65535));

RESET ROLE;
