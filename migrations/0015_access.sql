-- For whom an offering is: the access modes that it serves and the classes of organisation that it is open to. Both stand
-- with its capacity, whose newest row holds; empty and 0 mean all. Bits of open_to are the classes, from the lowest.

SET LOCAL ROLE kontor_owner;

ALTER TABLE capacity
    ADD COLUMN modes text NOT NULL DEFAULT '' CHECK (modes ~ '^([a-z0-9][a-z0-9-]{0,14}( [a-z0-9][a-z0-9-]{0,14}){0,7})?$'),
    ADD COLUMN open_to integer NOT NULL DEFAULT 0 CHECK (open_to BETWEEN 0 AND 65535);

-- 0 a start-up, 1 another small or medium enterprise, 2 research.
ALTER TABLE organisation ADD COLUMN class smallint NOT NULL DEFAULT 0 CHECK (class BETWEEN 0 AND 2);

RESET ROLE;
