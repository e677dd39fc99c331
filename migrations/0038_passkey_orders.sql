-- Orders signed by passkeys (authority class 2): which passkey an officer's key is, what it said of an order that waits, and from the
-- moment that the entry is in the journal what it said of that: written with the entry, in its transaction, and by nobody else.

SET LOCAL ROLE kontor_owner;

-- site: for whom the passkey is, and cose its key; ed25519 is then the hash of both that the journal has (crypto/assertion.h).
ALTER TABLE officer_key
    ADD COLUMN site       text  NOT NULL DEFAULT '' CHECK (octet_length(site) <= 253),
    ADD COLUMN cose       bytea NOT NULL DEFAULT '' CHECK (octet_length(cose) <= 272),
    ADD COLUMN credential bytea NOT NULL DEFAULT '' CHECK (octet_length(credential) <= 1023),
    ADD CONSTRAINT officer_key_passkey CHECK ((site = '') = (octet_length(cose) = 0) AND (site = '') = (octet_length(credential) = 0));

ALTER TABLE order_signature
    ADD COLUMN assertion bytea NOT NULL DEFAULT '' CHECK (octet_length(assertion) <= 4096),
    ADD CONSTRAINT order_signature_assertion CHECK ((class = 2) = (octet_length(assertion) > 0));

DROP POLICY assertion_made ON assertion;
REVOKE INSERT ON assertion FROM kontor_worker;
CREATE POLICY assertion_all ON assertion TO kontor_writer USING (true);
GRANT SELECT, INSERT ON assertion TO kontor_writer;

RESET ROLE;
