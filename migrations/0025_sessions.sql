-- Sessions that their owner can tell apart and end: a name for each, by which program it was begun, when it was last used.

SET LOCAL ROLE kontor_owner;

ALTER TABLE session
    ADD COLUMN id      uuid   NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN program text   NOT NULL DEFAULT '' CHECK (octet_length(program) <= 200),
    ADD COLUMN used_ms bigint NOT NULL DEFAULT 0;

RESET ROLE;
