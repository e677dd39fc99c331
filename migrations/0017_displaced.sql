-- What sites did not keep, newest first (GET /v1/programme/moves). void_entry changes once, when the reservation is released,
-- so that no other change of a reservation leaves its page for this index.

SET LOCAL ROLE kontor_owner;

CREATE INDEX reservation_voided ON reservation (void_entry) WHERE void_entry > 0;

RESET ROLE;
