-- Who watches the journal: the keys of sites' witnesses, what they and outside witnesses have cosigned (C2SP
-- tlog-cosignature), which checkpoints had the quorum that a policy asks for, and what a witness has refused.

SET LOCAL ROLE kontor_owner;

-- role: 0 says that the log only grows, 1 that all its entries keep the rules. A site's newest key of a role counts; older
-- ones stay, since their signatures do.
CREATE TABLE witness (
    public   bytea    NOT NULL PRIMARY KEY CHECK (octet_length(public) = 32),
    site     bigint   NOT NULL,
    role     smallint NOT NULL CHECK (role IN (0, 1)),
    name     text     NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 127),
    since_ms bigint   NOT NULL CHECK (since_ms >= 0)
);
CREATE INDEX witness_site ON witness (site, role, since_ms);

-- Verified before it was stored. time_s is the witness's word. Of an outside witness only public and name are known.
CREATE TABLE cosignature (
    size        bigint NOT NULL REFERENCES checkpoint,
    public      bytea  NOT NULL CHECK (octet_length(public) = 32),
    name        text   NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 127),
    time_s      bigint NOT NULL CHECK (time_s > 0),
    signature   bytea  NOT NULL CHECK (octet_length(signature) = 64),
    received_ms bigint NOT NULL CHECK (received_ms >= 0),
    PRIMARY KEY (size, public)
);
CREATE INDEX cosignature_public ON cosignature (public, size);

-- Under the policy of this SHA-256 the checkpoint of this size had enough witnesses.
CREATE TABLE quorum (
    policy bytea  NOT NULL CHECK (octet_length(policy) = 32),
    size   bigint NOT NULL REFERENCES checkpoint,
    at_ms  bigint NOT NULL CHECK (at_ms >= 0),
    PRIMARY KEY (policy, size)
);

-- A witness was shown what must not be: note, against what it had cosigned. For ever.
CREATE TABLE refusal (
    site        bigint NOT NULL,
    at_ms       bigint NOT NULL CHECK (at_ms >= 0),
    reason      text   NOT NULL CHECK (reason IN ('smaller', 'other-root', 'inconsistent')),
    size        bigint NOT NULL CHECK (size >= 0),
    root        bytea  NOT NULL CHECK (octet_length(root) = 32),
    had_size    bigint NOT NULL CHECK (had_size >= 0),
    had_root    bytea  NOT NULL CHECK (octet_length(had_root) = 32),
    note        text   NOT NULL CHECK (octet_length(note) <= 65536),
    received_ms bigint NOT NULL CHECK (received_ms >= 0),
    PRIMARY KEY (site, at_ms, size, root)
);

-- All of it is for everybody to read; the server writes it for itself, having checked who says so.
ALTER TABLE witness ENABLE ROW LEVEL SECURITY;
CREATE POLICY witness_seen ON witness FOR SELECT TO kontor_worker USING (true);
CREATE POLICY witness_made ON witness FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_is_server()));
ALTER TABLE cosignature ENABLE ROW LEVEL SECURITY;
CREATE POLICY cosignature_seen ON cosignature FOR SELECT TO kontor_worker USING (true);
CREATE POLICY cosignature_made ON cosignature FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_is_server()));
ALTER TABLE quorum ENABLE ROW LEVEL SECURITY;
CREATE POLICY quorum_seen ON quorum FOR SELECT TO kontor_worker USING (true);
CREATE POLICY quorum_made ON quorum FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_is_server()));
ALTER TABLE refusal ENABLE ROW LEVEL SECURITY;
CREATE POLICY refusal_seen ON refusal FOR SELECT TO kontor_worker USING (true);
CREATE POLICY refusal_made ON refusal FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_is_server()));

GRANT SELECT, INSERT ON witness, cosignature, quorum, refusal TO kontor_worker;

RESET ROLE;
