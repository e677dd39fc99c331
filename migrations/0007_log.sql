-- The Merkle log for those who read it: full tiles (C2SP tlog-tiles, 256 hashes; what is not full is computed), and the
-- checkpoints that the log has signed. Both only grow.

SET LOCAL ROLE kontor_owner;

CREATE TABLE tile (
    level  integer NOT NULL CHECK (level BETWEEN 0 AND 7),
    n      bigint  NOT NULL CHECK (n >= 0),
    hashes bytea   NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (level, n)
);
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL; -- hashes do not compress

-- note: the signed note, text and signature lines, as it was signed.
CREATE TABLE checkpoint (
    size      bigint NOT NULL PRIMARY KEY CHECK (size > 0),
    root      bytea  NOT NULL CHECK (octet_length(root) = 32),
    note      text   NOT NULL CHECK (octet_length(note) <= 65536),
    signed_ms bigint NOT NULL CHECK (signed_ms >= 0)
);

-- Signed for everybody, by the server for itself.
ALTER TABLE checkpoint ENABLE ROW LEVEL SECURITY;
CREATE POLICY checkpoint_seen ON checkpoint FOR SELECT TO kontor_worker USING (true);
CREATE POLICY checkpoint_signed ON checkpoint FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_is_server()));

GRANT SELECT, INSERT ON tile TO kontor_writer;
GRANT SELECT ON tile TO kontor_worker;
GRANT SELECT, INSERT ON checkpoint TO kontor_worker;

RESET ROLE;
