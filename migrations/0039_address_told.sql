-- That an address was confirmed for letters is told to its person, among what was done to their account.

SET LOCAL ROLE kontor_owner;

ALTER TABLE security_event DROP CONSTRAINT security_event_what_check, ADD CONSTRAINT security_event_what_check CHECK (what BETWEEN 1 AND 18);

RESET ROLE;
