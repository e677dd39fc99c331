-- First steps: how far each person is with those of each of their roles.

SET LOCAL ROLE kontor_owner;

-- guide: 1 start-up, 2 officer, 3 auditor, 4 site operator, 5 administrator. seen: bits of the steps that are done by looking
-- (store/guides.h). ended: they are not shown any more, on no device. No row: nothing yet.
CREATE TABLE guide (
    person uuid     NOT NULL REFERENCES person,
    guide  smallint NOT NULL CHECK (guide BETWEEN 1 AND 5),
    seen   bigint   NOT NULL DEFAULT 0 CHECK (seen >= 0),
    ended  boolean  NOT NULL DEFAULT false,
    PRIMARY KEY (person, guide)
);

ALTER TABLE guide ENABLE ROW LEVEL SECURITY;
ALTER TABLE guide FORCE ROW LEVEL SECURITY;
CREATE POLICY guide_own ON guide TO kontor_worker USING (person = (SELECT actor_person()));
GRANT SELECT, INSERT, UPDATE ON guide TO kontor_worker;

RESET ROLE;
