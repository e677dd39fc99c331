-- Who leads and where it is reached: one row, written by each server that takes the lease. Those that wait tell callers.

SET LOCAL ROLE kontor_owner;

CREATE TABLE leader (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    term bigint NOT NULL CHECK (term >= 0),
    people text NOT NULL CHECK (length(people) <= 300),
    agents text NOT NULL CHECK (length(agents) <= 300)
);
INSERT INTO leader (term, people, agents) VALUES (0, '', '');
GRANT SELECT, UPDATE ON leader TO kontor_writer;

RESET ROLE;
