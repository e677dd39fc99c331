-- Who may do what, and who has changed it: every right given, taken or left is told once and for all, with who, whom, when
-- and why; owners bring their own people in, by links that open once.

SET LOCAL ROLE kontor_owner;

-- The organisations whose owner asks.
CREATE FUNCTION actor_owns() RETURNS uuid[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, public AS
$$
DECLARE
    asks uuid := actor_person();
BEGIN
    IF asks IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT r.organisation FROM role r WHERE r.person = asks AND r.role = 1);
END
$$;
REVOKE ALL ON FUNCTION actor_owns() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION actor_owns() TO kontor_worker;

-- Owners decide on their organisation's people; everybody may leave.
ALTER POLICY role_given ON role WITH CHECK (
    (SELECT actor_administers()) OR (role IN (1, 2) AND organisation = ANY ((SELECT actor_owns())::uuid[])));
ALTER POLICY role_taken ON role USING (
    (SELECT actor_administers()) OR (role IN (1, 2) AND (organisation = ANY ((SELECT actor_owns())::uuid[]) OR person = (SELECT actor_person()))));

-- what: 1 given, 2 taken, 3 joined (by an invitation), 4 left. Names as they were then: who has left is nobody's colleague
-- any more. by_person all ones: the operator on the machine.
CREATE TABLE right_change (
    id           uuid     NOT NULL PRIMARY KEY,
    at_ms        bigint   NOT NULL,
    by_person    uuid     NOT NULL,
    by_name      text     NOT NULL CHECK (octet_length(by_name) <= 120),
    person       uuid     NOT NULL REFERENCES person,
    name         text     NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 120),
    what         smallint NOT NULL CHECK (what BETWEEN 1 AND 4),
    role         smallint NOT NULL CHECK (role BETWEEN 1 AND 6),
    organisation uuid     NOT NULL,
    site         bigint   NOT NULL,
    reason       text     NOT NULL CHECK (octet_length(reason) <= 500)
);
CREATE INDEX right_change_person ON right_change (person, id DESC);
CREATE INDEX right_change_organisation ON right_change (organisation, id DESC);
ALTER TABLE right_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE right_change FORCE ROW LEVEL SECURITY;
CREATE POLICY right_change_seen ON right_change FOR SELECT TO kontor_worker USING (
    (SELECT actor_sees_all()) OR person = (SELECT actor_person()) OR organisation = ANY ((SELECT actor_organisations())::uuid[]));
CREATE POLICY right_change_told ON right_change FOR INSERT TO kontor_worker WITH CHECK (
    (SELECT actor_is_server()) OR by_person = (SELECT actor_person()));
GRANT SELECT, INSERT ON right_change TO kontor_worker;

-- Of an invitation's token only the SHA-256 is kept. note: whom it is for, in the inviter's words.
CREATE TABLE invitation (
    id           uuid     NOT NULL PRIMARY KEY,
    organisation uuid     NOT NULL REFERENCES organisation,
    role         smallint NOT NULL CHECK (role IN (1, 2)),
    note         text     NOT NULL CHECK (octet_length(note) <= 120),
    token_hash   bytea    NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    by_person    uuid     NOT NULL,
    by_name      text     NOT NULL CHECK (octet_length(by_name) <= 120),
    created_ms   bigint   NOT NULL,
    expires_ms   bigint   NOT NULL,
    ended_ms     bigint,            -- used or withdrawn
    used_by      uuid     REFERENCES person
);
CREATE INDEX invitation_organisation ON invitation (organisation, id DESC);
ALTER TABLE invitation ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitation FORCE ROW LEVEL SECURITY;
CREATE POLICY invitation_owners ON invitation TO kontor_worker USING (
    (SELECT actor_administers()) OR organisation = ANY ((SELECT actor_owns())::uuid[]));
GRANT SELECT, INSERT ON invitation TO kontor_worker;
GRANT UPDATE (ended_ms, used_by) ON invitation TO kontor_worker;

RESET ROLE;
