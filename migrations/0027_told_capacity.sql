-- Maintenance that a site's agent tells of its machines (signed, in an inventory): its rows say so. People plan and end the others.

SET LOCAL ROLE kontor_owner;

ALTER TABLE capacity ADD COLUMN told boolean NOT NULL DEFAULT false;

RESET ROLE;
