-- Webhooks: where an organisation's programs are told what its people are told; and what is to be delivered, row by row, until it
-- has been taken or nobody will try it again.

SET LOCAL ROLE kontor_owner;

-- kinds: bit n is the kind n of 0032. secret: of the signatures, sealed under a key that the database does not hold.
CREATE TABLE webhook (
    id           uuid    NOT NULL PRIMARY KEY,
    organisation uuid    NOT NULL REFERENCES organisation,
    url          text    NOT NULL CHECK (octet_length(url) BETWEEN 10 AND 500),
    kinds        integer NOT NULL CHECK (kinds > 0),
    secret       text    NOT NULL CHECK (octet_length(secret) BETWEEN 40 AND 400),
    created_ms   bigint  NOT NULL,
    by_name      text    NOT NULL CHECK (octet_length(by_name) <= 120),
    ended_ms     bigint
);
CREATE INDEX webhook_organisation ON webhook (organisation) WHERE ended_ms IS NULL;
ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook FORCE ROW LEVEL SECURITY;
CREATE POLICY webhook_owners ON webhook TO kontor_worker USING (
    (SELECT actor_is_server()) OR organisation = ANY ((SELECT actor_owns())::uuid[]));
GRANT SELECT, INSERT ON webhook TO kontor_worker;
GRANT UPDATE (ended_ms) ON webhook TO kontor_worker;

-- id: follows from the event and to whom it goes, and is the same at every try. state: 1 waits, 2 taken, 3 given up. since_ms:
-- it is tried from then on for so long; next_ms: not before; real time, all of them. status, why: of the last try.
CREATE TABLE delivery (
    id           uuid     NOT NULL PRIMARY KEY,
    event        uuid     NOT NULL REFERENCES notice_event ON DELETE CASCADE,
    webhook      uuid     NOT NULL REFERENCES webhook,
    organisation uuid     NOT NULL,
    state        smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 3),
    tries        integer  NOT NULL DEFAULT 0 CHECK (tries >= 0),
    created_ms   bigint   NOT NULL,
    since_ms     bigint   NOT NULL,
    next_ms      bigint   NOT NULL,
    done_ms      bigint   NOT NULL DEFAULT 0,
    status       integer  NOT NULL DEFAULT 0,
    why          text     NOT NULL DEFAULT '' CHECK (octet_length(why) <= 200)
);
CREATE INDEX delivery_due ON delivery (next_ms) WHERE state = 1;
CREATE INDEX delivery_webhook ON delivery (webhook, created_ms DESC);
CREATE INDEX delivery_event ON delivery (event);
CREATE INDEX delivery_organisation ON delivery (organisation, created_ms DESC);
ALTER TABLE delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY delivery_seen ON delivery FOR SELECT TO kontor_worker USING (
    (SELECT actor_is_server()) OR organisation = ANY ((SELECT actor_owns())::uuid[]));
CREATE POLICY delivery_made ON delivery FOR INSERT TO kontor_worker WITH CHECK ((SELECT actor_is_server()));
CREATE POLICY delivery_changed ON delivery FOR UPDATE TO kontor_worker USING (
    (SELECT actor_is_server()) OR organisation = ANY ((SELECT actor_owns())::uuid[]));
GRANT SELECT, INSERT ON delivery TO kontor_worker;
GRANT UPDATE (state, tries, since_ms, next_ms, done_ms, status, why) ON delivery TO kontor_worker;
-- What was delivered is what the owners may read of it.
CREATE POLICY notice_event_delivered ON notice_event FOR SELECT TO kontor_worker USING (
    EXISTS (SELECT FROM delivery d WHERE d.event = notice_event.id AND d.organisation = ANY ((SELECT actor_owns())::uuid[]) OFFSET 0));

RESET ROLE;
