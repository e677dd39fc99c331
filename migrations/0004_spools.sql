-- Retired spools: a site whose agent has lost its spool goes on with an empty one, which begins at the numbers that the
-- server knows. A ticket that the lost spool had without a permit is delivered again under a new number.

SET LOCAL ROLE kontor_owner;

ALTER TABLE site_status
    ADD COLUMN retired_ms       bigint  NOT NULL DEFAULT 0 CHECK (retired_ms >= 0),       -- 0: none was ever retired
    ADD COLUMN retired_instance bigint  NOT NULL DEFAULT 0 CHECK (retired_instance >= 0), -- its permits are lost, and all before
    ADD COLUMN retired_key      bigint  NOT NULL DEFAULT 0 CHECK (retired_key >= 0),      -- whose spool it was
    ADD COLUMN retired_reason   text    NOT NULL DEFAULT '',
    ADD COLUMN base_seq         bigint  NOT NULL DEFAULT 0 CHECK (base_seq BETWEEN 0 AND confirmed_seq), -- the empty one begins after these
    ADD COLUMN base_report      bigint  NOT NULL DEFAULT 0 CHECK (base_report BETWEEN 0 AND last_report),
    ADD COLUMN recovering       boolean NOT NULL DEFAULT false; -- what the lost one had is not all seen to yet

RESET ROLE;
