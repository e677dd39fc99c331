-- People, organisations, sessions, requests, blobs: what is written plainly by workers and moves neither credits nor
-- capacity. Nothing here is in the journal; personal data and free text live here only, and can be erased.

SET LOCAL ROLE kontor_owner;

CREATE TABLE organisation (
    id         uuid    NOT NULL PRIMARY KEY,
    name       text    NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 120),
    country    text    NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    city       text    NOT NULL CHECK (octet_length(city) BETWEEN 1 AND 80),
    lat_milli  integer NOT NULL CHECK (lat_milli BETWEEN -90000 AND 90000),
    lon_milli  integer NOT NULL CHECK (lon_milli BETWEEN -180000 AND 180000),
    created_ms bigint  NOT NULL
);

CREATE TABLE person (
    id            uuid   NOT NULL PRIMARY KEY,
    name          text   NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 120),
    email         text   NOT NULL CHECK (octet_length(email) BETWEEN 3 AND 254),
    password_hash text   NOT NULL,
    created_ms    bigint NOT NULL
);
CREATE UNIQUE INDEX person_email ON person (lower(email));

-- role: 1 owner, 2 member (of the organisation); 3 officer, 4 auditor, 5 administrator; 6 site operator (of the SITE).
CREATE TABLE role (
    person       uuid     NOT NULL REFERENCES person,
    role         smallint NOT NULL CHECK (role BETWEEN 1 AND 6),
    organisation uuid     NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    site         bigint   NOT NULL DEFAULT -1,
    PRIMARY KEY (person, role, organisation, site),
    CONSTRAINT role_of CHECK ((role IN (1, 2)) = (organisation <> '00000000-0000-0000-0000-000000000000')
                              AND (role = 6) = (site >= 0))
);
CREATE INDEX role_organisation ON role (organisation);

-- A session: of its token only the SHA-256 is kept.
CREATE TABLE session (
    token_hash bytea  NOT NULL PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    person     uuid   NOT NULL REFERENCES person,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL
);
CREATE INDEX session_person ON session (person);
CREATE INDEX session_expires ON session (expires_ms);

-- One-time tokens by which a site's agent enrols its key.
CREATE TABLE enrol_token (
    token_hash bytea  NOT NULL PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    site       bigint NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL,
    used_ms    bigint
);

-- What an agent last said of its site, and when it was last in touch.
CREATE TABLE agent_contact (
    site         bigint NOT NULL PRIMARY KEY,
    contact_ms   bigint NOT NULL,
    inventory    text   CHECK (octet_length(inventory) <= 65536),
    inventory_ms bigint
);

-- Workloads and outputs, by their SHA-256.
CREATE TABLE blob (
    sha256     bytea  NOT NULL PRIMARY KEY CHECK (octet_length(sha256) = 32),
    bytes      bytea  NOT NULL CHECK (octet_length(bytes) <= 131072 AND sha256(bytes) = blob.sha256),
    created_ms bigint NOT NULL
);

CREATE TABLE request (
    id             uuid     NOT NULL PRIMARY KEY,
    organisation   uuid     NOT NULL REFERENCES organisation,
    grant_account  bigint   NOT NULL,
    name           text     NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 63),
    gpus           integer  NOT NULL CHECK (gpus > 0),
    walltime_s     bigint   NOT NULL CHECK (walltime_s > 0),
    memory_gb      integer  NOT NULL,
    model          text     NOT NULL,
    countries      text     NOT NULL, -- ISO codes, separated by spaces; '' all
    one_island     boolean  NOT NULL,
    kind           smallint NOT NULL, -- 0 batch, 1 experimental platform
    earliest_ms    bigint   NOT NULL, -- 0 none
    deadline_ms    bigint   NOT NULL, -- 0 none
    max_gpums      bigint   NOT NULL, -- 0 none
    preference     smallint NOT NULL,
    move_freely    boolean  NOT NULL,
    template       text     NOT NULL,
    parameters     text     NOT NULL, -- JSON
    workload       bytea    NOT NULL REFERENCES blob,
    workload_len   integer  NOT NULL,
    created_ms     bigint   NOT NULL,
    created_by     uuid     NOT NULL REFERENCES person
);
CREATE INDEX request_organisation ON request (organisation, id DESC);

-- What free text stands behind an order's commitment: SHA-256(salt ‖ text) is in the journal, these can be erased.
CREATE TABLE evidence (
    order_id   uuid   NOT NULL PRIMARY KEY,
    salt       bytea  NOT NULL CHECK (octet_length(salt) = 32),
    text       text   NOT NULL CHECK (octet_length(text) <= 500),
    people     uuid[] NOT NULL, -- who was signed in
    created_ms bigint NOT NULL
);

-- Names of funds and tranches, by the index that opened the account.
CREATE TABLE account_name (
    account   bigint NOT NULL PRIMARY KEY,
    name      text   NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 120),
    reference text   NOT NULL CHECK (octet_length(reference) BETWEEN 1 AND 32)
);

-- Idempotency keys of plain writes: the outcome's id, never a body.
CREATE TABLE call_answer (
    scope      bytea  NOT NULL PRIMARY KEY CHECK (octet_length(scope) = 32),
    request    bytea  NOT NULL CHECK (octet_length(request) = 32),
    id         uuid   NOT NULL,
    created_ms bigint NOT NULL
);
CREATE INDEX call_answer_created ON call_answer (created_ms);

-- The second wall: a request is seen by its organisation's people and the programme's; unset, nothing is seen. The
-- operator on the unix socket is person ffffffff-….
ALTER TABLE request ENABLE ROW LEVEL SECURITY;
CREATE POLICY request_seen ON request TO kontor_worker USING (
    current_setting('app.actor', true) = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
    OR EXISTS (SELECT FROM role r WHERE r.person::text = current_setting('app.actor', true)
               AND (r.organisation = request.organisation OR r.role IN (3, 4, 5))));
CREATE POLICY request_written ON request FOR INSERT TO kontor_worker WITH CHECK (
    EXISTS (SELECT FROM role r WHERE r.person::text = current_setting('app.actor', true)
            AND r.organisation = request.organisation AND r.role IN (1, 2)));

GRANT SELECT, INSERT, UPDATE ON organisation, person, enrol_token, agent_contact, account_name TO kontor_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON role, session TO kontor_worker;
GRANT SELECT, INSERT ON blob, request, evidence TO kontor_worker;
GRANT SELECT, INSERT, DELETE ON call_answer TO kontor_worker;
GRANT SELECT ON organisation, account_name TO kontor_writer;

RESET ROLE;
