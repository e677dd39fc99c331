-- What the sequencer writes beside the journal, in the same transactions: quotes, reservations, tickets, reports, sites,
-- capacity, answers. Few indexes, and none on what changes, so that changes of state stay on their page (HOT); what grows
-- with time has a BRIN index, which costs an insert next to nothing. Amounts are gpums, times ms UTC since 1970, 0 "not
-- (yet)"; an index is the journal entry's that opened the thing. Ids are UUIDv7: their order is that of time.

SET LOCAL ROLE kontor_owner;

-- What the server knows of a site's agent, and whether the site takes new work.
CREATE TABLE site_status (
    site          bigint  NOT NULL PRIMARY KEY CHECK (site > 0),
    paused        boolean NOT NULL,
    draining      boolean NOT NULL,
    reason        text    NOT NULL,
    last_seq      bigint  NOT NULL CHECK (last_seq >= 0),                  -- newest ticket
    confirmed_seq bigint  NOT NULL CHECK (confirmed_seq BETWEEN 0 AND last_seq), -- newest that the agent has
    instance      bigint  NOT NULL CHECK (instance >= 0),
    instance_ms   bigint  NOT NULL,
    instance_key  bigint  NOT NULL,
    last_report   bigint  NOT NULL CHECK (last_report >= 0)                -- newest receipted
) WITH (fillfactor = 50);

-- Dated capacity of an offering; a later number outdoes an earlier one from its from_ms on.
CREATE TABLE capacity (
    offering      bigint NOT NULL CHECK (offering > 0),
    number        bigint NOT NULL CHECK (number > 0),
    nodes         bigint NOT NULL CHECK (nodes >= 0),
    brokered_gpus bigint NOT NULL CHECK (brokered_gpus >= 0),
    pool_nodes    bigint NOT NULL CHECK (pool_nodes BETWEEN 0 AND nodes),
    from_ms       bigint NOT NULL CHECK (from_ms >= 0),
    set_ms        bigint NOT NULL CHECK (set_ms >= 0),
    PRIMARY KEY (offering, number)
);

CREATE TABLE quote (
    id            uuid    NOT NULL PRIMARY KEY,
    request       uuid    NOT NULL,
    org           uuid    NOT NULL,
    grant_account bigint  NOT NULL CHECK (grant_account > 0),
    created_ms    bigint  NOT NULL CHECK (created_ms > 0),
    expires_ms    bigint  NOT NULL CHECK (expires_ms >= created_ms),
    state         text    NOT NULL CHECK (state IN ('open', 'used', 'expired', 'released', 'no-offer')),
    renewed       boolean NOT NULL,
    first         boolean NOT NULL,
    ended_ms      bigint  NOT NULL CHECK ((ended_ms = 0) = (state = 'open')),
    workload      bytea            CHECK (octet_length(workload) = 32),
    workload_len  bigint  NOT NULL CHECK (workload_len >= 0),
    name          text    NOT NULL,
    move_freely   boolean NOT NULL,
    offering      bigint  NOT NULL,
    rate          bigint  NOT NULL,
    gpus          bigint  NOT NULL CHECK (gpus >= 0),
    start_slot    bigint  NOT NULL,
    slots         bigint  NOT NULL CHECK (slots >= 0),
    cost_gpums    bigint  NOT NULL CHECK (cost_gpums >= 0),
    site          bigint  NOT NULL,
    nodes         bigint  NOT NULL,
    rate_milli    bigint  NOT NULL,
    start_ms      bigint  NOT NULL,
    start_by_ms   bigint  NOT NULL,
    end_ms        bigint  NOT NULL
) WITH (fillfactor = 48); -- nearly every quote is updated once
CREATE INDEX quote_request ON quote (request, id);
CREATE INDEX quote_created ON quote USING brin (created_ms);

-- What was asked and answered: the long part of a quote, which never changes (core/broker.h has the forms).
CREATE TABLE quote_answer (
    id            uuid    NOT NULL PRIMARY KEY,
    ask           bytea   NOT NULL,
    answer        bytea
);

CREATE TABLE reservation (
    id                   uuid    NOT NULL PRIMARY KEY,
    request              uuid    NOT NULL,
    org                  uuid    NOT NULL,
    quote                uuid    NOT NULL,
    jti                  uuid    NOT NULL UNIQUE,
    grant_account        bigint  NOT NULL CHECK (grant_account > 0),
    site                 bigint  NOT NULL CHECK (site > 0),
    offering             bigint  NOT NULL CHECK (offering > 0),
    rate                 bigint  NOT NULL CHECK (rate > 0),
    hold                 bigint  NOT NULL CHECK (hold > 0),
    gpus                 bigint  NOT NULL CHECK (gpus > 0),
    nodes                bigint  NOT NULL CHECK (nodes > 0),
    walltime_s           bigint  NOT NULL CHECK (walltime_s > 0),
    rate_milli           bigint  NOT NULL CHECK (rate_milli > 0),
    cost_gpums           bigint  NOT NULL CHECK (cost_gpums = gpus * walltime_s * rate_milli),
    window_start_ms      bigint  NOT NULL,
    window_end_ms        bigint  NOT NULL CHECK (window_end_ms > window_start_ms),
    permit_from_ms       bigint  NOT NULL,
    accept_by_ms         bigint  NOT NULL,
    start_by_ms          bigint  NOT NULL,
    booked_slot          bigint  NOT NULL,
    booked_slots         bigint  NOT NULL CHECK (booked_slots >= 0),
    fence                bigint  NOT NULL CHECK (fence > 0),
    seq                  bigint  NOT NULL CHECK (seq > 0),
    cancel_seq           bigint  NOT NULL DEFAULT 0,
    state                text    NOT NULL,
    outcome              integer NOT NULL DEFAULT 0,
    permit_instance      bigint  NOT NULL DEFAULT 0,
    first_permit_ms      bigint  NOT NULL DEFAULT 0,
    permit_ms            bigint  NOT NULL DEFAULT 0,
    permit_report        bigint  NOT NULL DEFAULT 0,
    created_ms           bigint  NOT NULL,
    received_ms          bigint  NOT NULL DEFAULT 0,
    queued_ms            bigint  NOT NULL DEFAULT 0,
    started_ms           bigint  NOT NULL DEFAULT 0,
    ended_ms             bigint  NOT NULL DEFAULT 0,
    settled_ms           bigint  NOT NULL DEFAULT 0,
    changed_ms           bigint  NOT NULL,
    reported_gpu_seconds bigint  NOT NULL DEFAULT 0 CHECK (reported_gpu_seconds >= 0),
    reported_ms          bigint  NOT NULL DEFAULT 0,
    settled_gpums        bigint  NOT NULL DEFAULT 0 CHECK (settled_gpums BETWEEN 0 AND cost_gpums),
    daily_settle_ms      bigint  NOT NULL DEFAULT 0,
    exit_code            integer NOT NULL DEFAULT 0,
    settle_entry         bigint  NOT NULL DEFAULT 0,
    void_entry           bigint  NOT NULL DEFAULT 0,
    dispute_entry        bigint  NOT NULL DEFAULT 0,
    cancel_ms            bigint  NOT NULL DEFAULT 0,
    disputed_ms          bigint  NOT NULL DEFAULT 0,
    dispute_why          smallint NOT NULL DEFAULT 0,
    version              bigint  NOT NULL,
    move_freely          boolean NOT NULL,
    moves                smallint NOT NULL,
    moved_from           uuid,
    moved_to             uuid,
    workload             bytea            CHECK (octet_length(workload) = 32),
    workload_len         bigint  NOT NULL,
    output               bytea            CHECK (octet_length(output) = 32),
    output_len           bigint  NOT NULL DEFAULT 0,
    output_ms            bigint  NOT NULL DEFAULT 0,
    name                 text    NOT NULL,
    ask                  bytea, -- packed; NULL: not to be brokered anew
    UNIQUE (site, seq),
    UNIQUE (request, fence)
) WITH (fillfactor = 70);
CREATE INDEX reservation_org ON reservation (org, id);
CREATE INDEX reservation_hold ON reservation USING brin (hold);

-- Signed at delivery, over exactly these bytes.
CREATE TABLE ticket (
    site        bigint NOT NULL CHECK (site > 0),
    seq         bigint NOT NULL CHECK (seq > 0),
    jti         uuid   NOT NULL,
    reservation uuid   NOT NULL,
    claims      bytea  NOT NULL,
    created_ms  bigint NOT NULL,
    PRIMARY KEY (site, seq)
);

-- What sites have said, as signed. Inventories have no jti.
CREATE TABLE report (
    site         bigint  NOT NULL CHECK (site > 0),
    number       bigint  NOT NULL CHECK (number > 0),
    instance     bigint  NOT NULL,
    key          bigint  NOT NULL,
    fence        bigint  NOT NULL,
    kind         integer NOT NULL CHECK (kind BETWEEN 1 AND 9),
    jti          uuid,
    time_ms      bigint  NOT NULL,
    statement    bytea   NOT NULL,
    signature    bytea   NOT NULL CHECK (octet_length(signature) = 64),
    output       bytea            CHECK (octet_length(output) = 32),
    output_len   bigint  NOT NULL,
    answer_flags bigint  NOT NULL,
    reason       text    NOT NULL,
    received_ms  bigint  NOT NULL,
    PRIMARY KEY (site, number)
);
CREATE INDEX report_jti ON report (jti, number) WHERE jti IS NOT NULL;

-- What was answered to calls with an idempotency key; kept 7 days.
CREATE TABLE answer (
    scope      bytea  NOT NULL PRIMARY KEY CHECK (octet_length(scope) = 32),
    request    bytea  NOT NULL CHECK (octet_length(request) = 32),
    err        text   NOT NULL,
    id         uuid,
    index      bigint NOT NULL,
    number     bigint NOT NULL,
    time_ms    bigint NOT NULL,
    flags      bigint NOT NULL,
    text       text   NOT NULL,
    created_ms bigint NOT NULL
);
CREATE INDEX answer_created ON answer USING brin (created_ms);

-- UPDATE only where a row has a life; nothing is removed but old answers.
GRANT SELECT, INSERT ON site_status, capacity, quote, quote_answer, reservation, ticket, report, answer TO kontor_writer;
GRANT UPDATE ON site_status TO kontor_writer;
GRANT UPDATE (expires_ms, state, renewed, ended_ms) ON quote TO kontor_writer;
GRANT UPDATE ON reservation TO kontor_writer;
GRANT DELETE ON answer TO kontor_writer;
GRANT SELECT ON site_status, capacity, quote, quote_answer, reservation, ticket, report, answer TO kontor_worker;

RESET ROLE;
