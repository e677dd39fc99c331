-- Nightly windows: one request for the same hours on several nights, one quote, and a reservation for each night. Hours are
-- minutes after midnight UTC. Each night of a request has an id of its own, which counts on in the last five bits.

SET LOCAL ROLE kontor_owner;

ALTER TABLE request
    ADD COLUMN nights smallint NOT NULL DEFAULT 0,
    ADD COLUMN night_from smallint NOT NULL DEFAULT 0,
    ADD COLUMN night_until smallint NOT NULL DEFAULT 0,
    ADD CONSTRAINT request_nights CHECK (
        nights BETWEEN 0 AND 31 AND night_from BETWEEN 0 AND 1439 AND night_until BETWEEN 0 AND 1439);

-- What the sequencer writes has one CHECK a table (0016).
ALTER TABLE quote ADD COLUMN nights smallint NOT NULL DEFAULT 0;
ALTER TABLE quote
    DROP CONSTRAINT quote_form,
    ADD CONSTRAINT quote_form CHECK (
        grant_account > 0 AND created_ms > 0 AND expires_ms >= created_ms
        AND state IN ('open', 'used', 'expired', 'released', 'no-offer') AND (ended_ms = 0) = (state = 'open')
        AND (workload IS NULL OR octet_length(workload) = 32) AND workload_len >= 0
        AND gpus >= 0 AND slots >= 0 AND cost_gpums >= 0 AND nights BETWEEN 0 AND 31);

-- Which night, from 1, of how many; 0 of 0: it is not one of several.
ALTER TABLE reservation
    ADD COLUMN night smallint NOT NULL DEFAULT 0,
    ADD COLUMN nights smallint NOT NULL DEFAULT 0;
ALTER TABLE reservation
    DROP CONSTRAINT reservation_form,
    ADD CONSTRAINT reservation_form CHECK (
        jti = id AND grant_account > 0 AND site > 0 AND offering > 0 AND rate > 0 AND hold > 0 AND gpus > 0 AND nodes > 0
        AND walltime_s > 0 AND rate_milli > 0 AND cost_gpums = gpus * walltime_s * rate_milli
        AND window_end_ms > window_start_ms AND booked_slots >= 0 AND fence > 0 AND seq > 0
        AND reported_gpu_seconds >= 0 AND settled_gpums BETWEEN 0 AND cost_gpums
        AND (workload IS NULL OR octet_length(workload) = 32) AND (output IS NULL OR octet_length(output) = 32)
        AND night BETWEEN 0 AND nights AND nights <= 31);

RESET ROLE;
