-- The newest checkpoint that had the quorum which any policy asked for is looked for with each /checkpoint that a new policy's
-- quorum has not reached yet; and whatever throws a checkpoint away looks for the quorums of its size.

SET LOCAL ROLE kontor_owner;

CREATE INDEX quorum_size ON quorum (size);

RESET ROLE;
