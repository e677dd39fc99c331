-- The journal, the head of it, and the cache of balances. Everything else hangs on these.
-- A migration runs in one transaction. What it makes belongs to kontor_owner: later ones begin and end likewise with
-- SET LOCAL ROLE and RESET ROLE.

-- Roles belong to the cluster, not to the database: they may be there already, or be made by another database's
-- migration in this instant.
DO $roles$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['kontor_owner', 'kontor_writer', 'kontor_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    IF NOT pg_catalog.pg_has_role(current_user, 'kontor_owner', 'MEMBER') THEN
        EXECUTE format('GRANT kontor_owner TO %I', current_user);
    END IF;
    IF NOT pg_catalog.has_schema_privilege('kontor_owner', 'public', 'CREATE') THEN
        GRANT USAGE, CREATE ON SCHEMA public TO kontor_owner;
    END IF;
END
$roles$;

SET LOCAL ROLE kontor_owner;

-- The bytes of an entry, layout version 1 (schema/journal/layout.md): header and body. "None" is −1 here, 2^64 − 1 there:
-- the same eight bytes. Never altered: a version 2 is a function of its own. Bound when defined, so that a dump restores.
CREATE FUNCTION entry_bytes_v1(version smallint, kind smallint, index bigint, time_ms bigint, group_first bigint,
                               group_len smallint, group_pos smallint, debit bigint, credit bigint, amount bigint,
                               prev_debit bigint, prev_credit bigint, body bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN int2send(version) || int2send(kind) || int8send(index) || int8send(time_ms) || int8send(group_first)
        || int2send(group_len) || int2send(group_pos) || int8send(debit) || int8send(credit) || int8send(amount)
        || int8send(prev_debit) || int8send(prev_credit) || body;

-- The leaf of the Merkle log: SHA-256(0x00 ‖ entry).
CREATE FUNCTION leaf_hash_v1(entry bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256('\x00'::bytea || entry);

-- One row an entry. A CHECK that is NULL would pass: no column is NULL, and the hash is compared by IS NOT DISTINCT FROM.
CREATE TABLE entry (
    index       bigint   NOT NULL PRIMARY KEY CHECK (index >= 0),
    version     smallint NOT NULL,
    kind        smallint NOT NULL CHECK (kind BETWEEN 0 AND 19),
    time_ms     bigint   NOT NULL CHECK (time_ms BETWEEN 0 AND 253402300799999),
    group_first bigint   NOT NULL,
    group_len   smallint NOT NULL CHECK (group_len BETWEEN 1 AND 64),
    group_pos   smallint NOT NULL CHECK (group_pos >= 0 AND group_pos < group_len),
    debit       bigint   NOT NULL CHECK (debit >= -1 AND debit < index),
    credit      bigint   NOT NULL CHECK (credit >= -1 AND credit < index),
    amount      bigint   NOT NULL CHECK (amount BETWEEN 0 AND 4611686018427387904),
    prev_debit  bigint   NOT NULL CHECK (prev_debit >= debit AND prev_debit < index),
    prev_credit bigint   NOT NULL CHECK (prev_credit >= credit AND prev_credit < index),
    body        bytea    NOT NULL CHECK (octet_length(body) BETWEEN 1 AND 952),
    leaf_hash   bytea    NOT NULL,
    CONSTRAINT entry_group CHECK (group_first = index - group_pos),
    CONSTRAINT entry_accounts CHECK ((debit = -1) = (prev_debit = -1) AND (credit = -1) = (prev_credit = -1)
                                     AND (debit = -1 OR debit <> credit)),
    CONSTRAINT entry_leaf CHECK (version = 1 AND leaf_hash IS NOT DISTINCT FROM leaf_hash_v1(
        entry_bytes_v1(version, kind, index, time_ms, group_first, group_len, group_pos, debit, credit, amount,
                       prev_debit, prev_credit, body)))
);

-- The head: one row, compared and set by every batch. term: the lease's; batch: grows by one a batch; size, root: of the
-- Merkle log; time_ms: of the newest entry.
CREATE TABLE head (
    one     boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    term    bigint  NOT NULL CHECK (term >= 0),
    batch   bigint  NOT NULL CHECK (batch >= 0),
    size    bigint  NOT NULL CHECK (size >= 0),
    root    bytea   NOT NULL CHECK (octet_length(root) = 32),
    time_ms bigint  NOT NULL CHECK (time_ms >= 0)
) WITH (fillfactor = 10);
INSERT INTO head (term, batch, size, root, time_ms) VALUES (0, 0, 0, sha256(''::bytea), 0);

-- Balances: a cache of what the entries add up to. Only mint (class 1) may be negative.
CREATE TABLE account (
    index          bigint   NOT NULL PRIMARY KEY CHECK (index > 0),
    class          smallint NOT NULL CHECK (class BETWEEN 1 AND 6),
    closed         boolean  NOT NULL DEFAULT false,
    owner_org      uuid     NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', -- grant
    owner_site     bigint   NOT NULL DEFAULT 0 CHECK (owner_site >= 0),             -- site: SITE index
    parent         bigint   NOT NULL DEFAULT -1 CHECK (parent >= -1),               -- grant: tranche; tranche: fund
    posted_debits  bigint   NOT NULL DEFAULT 0 CHECK (posted_debits >= 0),
    posted_credits bigint   NOT NULL DEFAULT 0 CHECK (posted_credits >= 0),
    held_debits    bigint   NOT NULL DEFAULT 0 CHECK (held_debits >= 0),
    held_credits   bigint   NOT NULL DEFAULT 0 CHECK (held_credits >= 0),
    last_index     bigint   NOT NULL CHECK (last_index >= index),
    CONSTRAINT account_owner CHECK ((class = 6) = (owner_site > 0)
                                    AND (class = 5) = (owner_org <> '00000000-0000-0000-0000-000000000000')),
    CONSTRAINT account_solvent CHECK (class = 1 OR posted_debits + held_debits <= posted_credits)
) WITH (fillfactor = 50);

-- The journal can only grow; heads and balances move; nobody but the owner may do more.
GRANT SELECT, INSERT ON entry TO kontor_writer;
GRANT SELECT, INSERT, UPDATE ON account TO kontor_writer;
GRANT SELECT, UPDATE ON head TO kontor_writer;
GRANT SELECT ON entry, account, head TO kontor_worker;

RESET ROLE;
