-- Maintenance: less capacity for a while, as dated steps of it. The first row of a window says until when, how much less and why
-- (window = its own number); the rows that go with it repeat what else changes later (window = the first one's number). A window
-- that is ended early has a row that gives the rest back. Rows of no window set the capacity anew, whatever was planned.

SET LOCAL ROLE kontor_owner;

ALTER TABLE capacity
    ADD COLUMN window_number bigint NOT NULL DEFAULT 0 CHECK (window_number BETWEEN 0 AND number),
    ADD COLUMN until_ms bigint NOT NULL DEFAULT 0 CHECK (until_ms = 0 OR window_number > 0 AND until_ms > from_ms),
    ADD COLUMN less_nodes integer NOT NULL DEFAULT 0,
    ADD COLUMN less_pool_nodes integer NOT NULL DEFAULT 0,
    ADD COLUMN reason text NOT NULL DEFAULT '' CHECK (char_length(reason) <= 160);

RESET ROLE;
