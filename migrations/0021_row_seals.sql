-- Seals: what nothing signed repeats (the head's counters, when a checkpoint was signed, who may read a reason, a job's
-- life) bears a keyed hash of its row, under a key that the database does not hold (seal.key in the server's data
-- directory; store/seals.h says how it is made). The server writes it with the row; NULL: not sealed yet. A column that is
-- added to one of these tables later may be NULL, and is in the rows that are there, or they must be sealed anew.

SET LOCAL ROLE kontor_owner;

ALTER TABLE head ADD COLUMN seal bytea CHECK (octet_length(seal) = 16);
ALTER TABLE checkpoint ADD COLUMN seal bytea CHECK (octet_length(seal) = 16);
ALTER TABLE evidence ADD COLUMN seal bytea CHECK (octet_length(seal) = 16);
-- What the sequencer writes has one CHECK a table (0016); a seal of another length is a wrong one, and told as such.
ALTER TABLE reservation ADD COLUMN seal bytea;

-- Rows that were there before are sealed by the sequencer's role, which decides for all and sees all.
GRANT SELECT, UPDATE (seal) ON checkpoint, evidence TO kontor_writer;
CREATE POLICY checkpoint_sealed ON checkpoint TO kontor_writer USING (true);
CREATE POLICY evidence_sealed ON evidence TO kontor_writer USING (true);
-- An erasure changes the row.
GRANT UPDATE (seal) ON evidence TO kontor_worker;

RESET ROLE;
