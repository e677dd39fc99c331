-- GPUs of whole nodes that an offering keeps free for access modes, as "fast-lane:16 playground:8". They stand with its capacity,
-- whose newest row holds; a row that changes them alone repeats the rest.

SET LOCAL ROLE kontor_owner;

ALTER TABLE capacity
    ADD COLUMN floors text NOT NULL DEFAULT '' CHECK (floors ~ '^([a-z0-9][a-z0-9-]{0,14}:[1-9][0-9]{0,8}( [a-z0-9][a-z0-9-]{0,14}:[1-9][0-9]{0,8}){0,7})?$');

RESET ROLE;
