-- Made by scripts/database-schema from migrations/. Not to be edited, not to be loaded: kontord migrate does that.

CREATE FUNCTION public.actor_has_role(lowest smallint, highest smallint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    asks uuid := actor_person();
BEGIN
    IF actor_is_server() THEN
        RETURN true;
    ELSIF asks IS NULL THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM role r WHERE r.person = asks AND r.role BETWEEN lowest AND highest);
END
$$;

CREATE FUNCTION public.actor_administers() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN public.actor_has_role((5)::smallint, (5)::smallint);

CREATE FUNCTION public.actor_agent() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (current_setting('app.actor'::text, true) ~ '^site [0-9]{1,18}$'::text) THEN (substr(current_setting('app.actor'::text, true), 6))::bigint ELSE NULL::bigint END;

CREATE FUNCTION public.actor_is_known() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (COALESCE(current_setting('app.actor'::text, true), ''::text) <> ''::text);

CREATE FUNCTION public.actor_is_server() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (current_setting('app.actor'::text, true) = ANY (ARRAY['server'::text, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::text]));

CREATE FUNCTION public.actor_organisations() RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    asks uuid := actor_person();
BEGIN
    IF asks IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT r.organisation FROM role r WHERE r.person = asks AND r.role IN (1, 2));
END
$$;

CREATE FUNCTION public.actor_owns() RETURNS uuid[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    asks uuid := actor_person();
BEGIN
    IF asks IS NULL THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT r.organisation FROM role r WHERE r.person = asks AND r.role = 1);
END
$$;

CREATE FUNCTION public.actor_person() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (current_setting('app.actor'::text, true) ~ '^[0-9a-f]{8}-'::text) THEN (current_setting('app.actor'::text, true))::uuid ELSE NULL::uuid END;

CREATE FUNCTION public.actor_sees_all() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN public.actor_has_role((3)::smallint, (5)::smallint);

CREATE FUNCTION public.actor_sites() RETURNS bigint[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    asks uuid := actor_person();
BEGIN
    IF asks IS NULL THEN
        RETURN array_remove(ARRAY[actor_agent()], NULL);
    END IF;
    RETURN ARRAY(SELECT r.site FROM role r WHERE r.person = asks AND r.role = 6);
END
$$;

CREATE TABLE public.request (
    id uuid NOT NULL,
    organisation uuid NOT NULL,
    grant_account bigint NOT NULL,
    name text NOT NULL,
    gpus integer NOT NULL,
    walltime_s bigint NOT NULL,
    memory_gb integer NOT NULL,
    model text NOT NULL,
    countries text NOT NULL,
    one_island boolean NOT NULL,
    kind smallint NOT NULL,
    earliest_ms bigint NOT NULL,
    deadline_ms bigint NOT NULL,
    max_gpums bigint NOT NULL,
    preference smallint NOT NULL,
    move_freely boolean NOT NULL,
    template text NOT NULL,
    parameters text NOT NULL,
    workload bytea NOT NULL,
    workload_len integer NOT NULL,
    created_ms bigint NOT NULL,
    created_by uuid NOT NULL,
    nights smallint DEFAULT 0 NOT NULL,
    night_from smallint DEFAULT 0 NOT NULL,
    night_until smallint DEFAULT 0 NOT NULL,
    needs integer DEFAULT 0 NOT NULL,
    secrets text DEFAULT ''::text NOT NULL,
    CONSTRAINT request_gpus_check CHECK ((gpus > 0)),
    CONSTRAINT request_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 63))),
    CONSTRAINT request_needs_check CHECK (((needs >= 0) AND (needs <= 65535))),
    CONSTRAINT request_nights CHECK ((((nights >= 0) AND (nights <= 31)) AND ((night_from >= 0) AND (night_from <= 1439)) AND ((night_until >= 0) AND (night_until <= 1439)))),
    CONSTRAINT request_secrets_check CHECK ((octet_length(secrets) <= 600)),
    CONSTRAINT request_walltime_s_check CHECK ((walltime_s > 0))
);

ALTER TABLE ONLY public.request FORCE ROW LEVEL SECURITY;

CREATE TABLE public.reservation (
    id uuid NOT NULL,
    request uuid NOT NULL,
    org uuid NOT NULL,
    quote uuid NOT NULL,
    jti uuid NOT NULL,
    grant_account bigint NOT NULL,
    site bigint NOT NULL,
    offering bigint NOT NULL,
    rate bigint NOT NULL,
    hold bigint NOT NULL,
    gpus bigint NOT NULL,
    nodes bigint NOT NULL,
    walltime_s bigint NOT NULL,
    rate_milli bigint NOT NULL,
    cost_gpums bigint NOT NULL,
    window_start_ms bigint NOT NULL,
    window_end_ms bigint NOT NULL,
    permit_from_ms bigint NOT NULL,
    accept_by_ms bigint NOT NULL,
    start_by_ms bigint NOT NULL,
    booked_slot bigint NOT NULL,
    booked_slots bigint NOT NULL,
    fence bigint NOT NULL,
    seq bigint NOT NULL,
    cancel_seq bigint DEFAULT 0 NOT NULL,
    state text NOT NULL,
    outcome integer DEFAULT 0 NOT NULL,
    permit_instance bigint DEFAULT 0 NOT NULL,
    first_permit_ms bigint DEFAULT 0 NOT NULL,
    permit_ms bigint DEFAULT 0 NOT NULL,
    permit_report bigint DEFAULT 0 NOT NULL,
    created_ms bigint NOT NULL,
    received_ms bigint DEFAULT 0 NOT NULL,
    queued_ms bigint DEFAULT 0 NOT NULL,
    started_ms bigint DEFAULT 0 NOT NULL,
    ended_ms bigint DEFAULT 0 NOT NULL,
    settled_ms bigint DEFAULT 0 NOT NULL,
    changed_ms bigint NOT NULL,
    reported_gpu_seconds bigint DEFAULT 0 NOT NULL,
    reported_ms bigint DEFAULT 0 NOT NULL,
    settled_gpums bigint DEFAULT 0 NOT NULL,
    daily_settle_ms bigint DEFAULT 0 NOT NULL,
    exit_code integer DEFAULT 0 NOT NULL,
    settle_entry bigint DEFAULT 0 NOT NULL,
    void_entry bigint DEFAULT 0 NOT NULL,
    dispute_entry bigint DEFAULT 0 NOT NULL,
    cancel_ms bigint DEFAULT 0 NOT NULL,
    disputed_ms bigint DEFAULT 0 NOT NULL,
    dispute_why smallint DEFAULT 0 NOT NULL,
    version bigint NOT NULL,
    move_freely boolean NOT NULL,
    moves smallint NOT NULL,
    moved_from uuid,
    moved_to uuid,
    workload bytea,
    workload_len bigint NOT NULL,
    output bytea,
    output_len bigint DEFAULT 0 NOT NULL,
    output_ms bigint DEFAULT 0 NOT NULL,
    name text NOT NULL,
    ask bytea,
    night smallint DEFAULT 0 NOT NULL,
    nights smallint DEFAULT 0 NOT NULL,
    seal bytea,
    needs integer,
    secrets bytea,
    CONSTRAINT reservation_form CHECK (((jti = id) AND (grant_account > 0) AND (site > 0) AND (offering > 0) AND (rate > 0) AND (hold > 0) AND (gpus > 0) AND (nodes > 0) AND (walltime_s > 0) AND (rate_milli > 0) AND (cost_gpums = ((gpus * walltime_s) * rate_milli)) AND (window_end_ms > window_start_ms) AND (booked_slots >= 0) AND (fence > 0) AND (seq > 0) AND (reported_gpu_seconds >= 0) AND ((settled_gpums >= 0) AND (settled_gpums <= cost_gpums)) AND ((workload IS NULL) OR (octet_length(workload) = 32)) AND ((output IS NULL) OR (octet_length(output) = 32)) AND ((night >= 0) AND (night <= nights)) AND (nights <= 31) AND ((needs IS NULL) OR ((needs >= 1) AND (needs <= 65535))) AND ((secrets IS NULL) OR (octet_length(secrets) = 32))))
)
WITH (fillfactor='70');

CREATE FUNCTION public.blob_is_unnamed(digest bytea) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN ((NOT (EXISTS (SELECT FROM public.request q WHERE (q.workload = blob_is_unnamed.digest)))) AND (NOT (EXISTS (SELECT FROM public.reservation r WHERE (r.workload = blob_is_unnamed.digest)))) AND (NOT (EXISTS (SELECT FROM public.reservation r WHERE (r.output = blob_is_unnamed.digest)))));

CREATE FUNCTION public.blob_renew(digest bytea, at_ms bigint, young_ms bigint) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    UPDATE blob SET created_ms = at_ms WHERE sha256 = digest AND created_ms < at_ms - young_ms;
    RETURN FOUND OR EXISTS (SELECT FROM blob WHERE sha256 = digest AND created_ms >= at_ms - young_ms);
END
$$;

CREATE TABLE public.checkpoint (
    size bigint NOT NULL,
    root bytea NOT NULL,
    note text NOT NULL,
    signed_ms bigint NOT NULL,
    seal bytea,
    CONSTRAINT checkpoint_note_check CHECK ((octet_length(note) <= 65536)),
    CONSTRAINT checkpoint_root_check CHECK ((octet_length(root) = 32)),
    CONSTRAINT checkpoint_seal_check CHECK ((octet_length(seal) = 16)),
    CONSTRAINT checkpoint_signed_ms_check CHECK ((signed_ms >= 0)),
    CONSTRAINT checkpoint_size_check CHECK ((size > 0))
);

CREATE TABLE public.cosignature (
    size bigint NOT NULL,
    public bytea NOT NULL,
    name text NOT NULL,
    time_s bigint NOT NULL,
    signature bytea NOT NULL,
    received_ms bigint NOT NULL,
    CONSTRAINT cosignature_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 127))),
    CONSTRAINT cosignature_public_check CHECK ((octet_length(public) = 32)),
    CONSTRAINT cosignature_received_ms_check CHECK ((received_ms >= 0)),
    CONSTRAINT cosignature_signature_check CHECK ((octet_length(signature) = 64)),
    CONSTRAINT cosignature_time_s_check CHECK ((time_s > 0))
);

CREATE TABLE public.quorum (
    policy bytea NOT NULL,
    size bigint NOT NULL,
    at_ms bigint NOT NULL,
    CONSTRAINT quorum_at_ms_check CHECK ((at_ms >= 0)),
    CONSTRAINT quorum_policy_check CHECK ((octet_length(policy) = 32))
);

CREATE TABLE public.refusal (
    site bigint NOT NULL,
    at_ms bigint NOT NULL,
    reason text NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    had_size bigint NOT NULL,
    had_root bytea NOT NULL,
    note text NOT NULL,
    received_ms bigint NOT NULL,
    CONSTRAINT refusal_at_ms_check CHECK ((at_ms >= 0)),
    CONSTRAINT refusal_had_root_check CHECK ((octet_length(had_root) = 32)),
    CONSTRAINT refusal_had_size_check CHECK ((had_size >= 0)),
    CONSTRAINT refusal_note_check CHECK ((octet_length(note) <= 65536)),
    CONSTRAINT refusal_reason_check CHECK ((reason = ANY (ARRAY['smaller'::text, 'other-root'::text, 'inconsistent'::text]))),
    CONSTRAINT refusal_received_ms_check CHECK ((received_ms >= 0)),
    CONSTRAINT refusal_root_check CHECK ((octet_length(root) = 32)),
    CONSTRAINT refusal_size_check CHECK ((size >= 0))
);

CREATE FUNCTION public.checkpoint_is_needed(at_size bigint) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN ((EXISTS (SELECT FROM public.checkpoint c WHERE ((c.size = checkpoint_is_needed.at_size) AND ((c.signed_ms > ((SELECT n.signed_ms FROM public.checkpoint n ORDER BY n.size DESC LIMIT 1) - 604800000)) OR ((c.signed_ms / 86400000) IS DISTINCT FROM (SELECT (l.signed_ms / 86400000) FROM public.checkpoint l WHERE (l.size > c.size) ORDER BY l.size LIMIT 1)))))) OR (EXISTS (SELECT FROM public.quorum q WHERE ((q.size = checkpoint_is_needed.at_size) AND ((q.at_ms / 86400000) IS DISTINCT FROM (SELECT (l.at_ms / 86400000) FROM public.quorum l WHERE ((l.policy = q.policy) AND (l.size > q.size)) ORDER BY l.size LIMIT 1))))) OR (EXISTS (SELECT FROM public.cosignature c WHERE ((c.size = checkpoint_is_needed.at_size) AND (NOT (EXISTS (SELECT FROM public.cosignature l WHERE ((l.public = c.public) AND (l.size > c.size)))))))) OR (EXISTS (SELECT FROM public.refusal r WHERE ((checkpoint_is_needed.at_size = r.size) OR (checkpoint_is_needed.at_size = r.had_size)))));

CREATE FUNCTION public.entry_bytes_v1(version smallint, kind smallint, index bigint, time_ms bigint, group_first bigint, group_len smallint, group_pos smallint, debit bigint, credit bigint, amount bigint, prev_debit bigint, prev_credit bigint, body bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((((((((((((int2send(version) || int2send(kind)) || int8send(index)) || int8send(time_ms)) || int8send(group_first)) || int2send(group_len)) || int2send(group_pos)) || int8send(debit)) || int8send(credit)) || int8send(amount)) || int8send(prev_debit)) || int8send(prev_credit)) || body);

CREATE FUNCTION public.entry_page(before bigint, of_kind bigint, most bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    IF of_kind = -1 THEN
        RETURN QUERY SELECT e.index FROM entry e WHERE e.index < before ORDER BY e.index DESC LIMIT most;
    ELSIF of_kind IN (8, 9, 10) THEN
        RETURN QUERY SELECT e.index FROM entry e WHERE e.index < before AND e.kind = of_kind ORDER BY e.index DESC LIMIT most;
    ELSE
        RETURN QUERY SELECT e.index FROM entry e WHERE e.index < before AND e.kind = of_kind AND e.kind NOT IN (8, 9, 10)
            ORDER BY e.kind DESC, e.index DESC LIMIT most;
    END IF;
END
$$;

CREATE FUNCTION public.entry_page_of(account bigint, before bigint, of_kind bigint, most bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    at bigint := coalesce(
        (SELECT CASE WHEN t.debit = account THEN t.prev_debit WHEN t.credit = account THEN t.prev_credit END FROM entry t WHERE t.index = before),
        (SELECT a.last_index FROM account a WHERE a.index = account));
    e record;
BEGIN
    IF of_kind <> -1 AND of_kind NOT IN (8, 9, 10) THEN
        RETURN QUERY SELECT t.index FROM entry t WHERE t.index < before AND t.kind = of_kind AND t.kind NOT IN (8, 9, 10)
            AND (t.debit = account OR t.credit = account OR t.index = account AND t.kind = 1) ORDER BY t.kind DESC, t.index DESC LIMIT most;
        RETURN;
    END IF;
    WHILE at >= 0 AND most > 0 LOOP -- the last is the OPEN, which has no side
        SELECT t.index, t.kind, t.debit, t.prev_debit, t.prev_credit INTO e FROM entry t WHERE t.index = at;
        EXIT WHEN NOT FOUND;
        IF e.index < before AND (of_kind = -1 OR e.kind = of_kind) THEN
            RETURN NEXT e.index;
            most := most - 1;
        END IF;
        at := CASE WHEN e.debit = account THEN e.prev_debit ELSE e.prev_credit END;
    END LOOP;
END
$$;

CREATE FUNCTION public.entry_page_of_dispute(hold bigint, settled bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    RETURN QUERY
        SELECT e.index FROM entry e WHERE e.kind = 19 AND get_byte(e.body, 1) IN (2, 3, 7) AND substring(e.body, 9, 8) = int8send(hold)
        UNION ALL
        SELECT e.index FROM entry e WHERE e.kind IN (12, 13) AND substring(e.body, 1, 8) IN (int8send(hold), int8send(settled));
END
$$;

CREATE FUNCTION public.leaf_hash_v1(entry bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(('\x00'::bytea || entry));

CREATE FUNCTION public.notice_is_mine(notice bytea) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM entry h JOIN account_side s ON s.index IN (h.debit, h.credit)
        WHERE h.index = ('x' || encode(substring(notice, 9, 8), 'hex'))::bit(64)::bigint AND h.kind = 8 AND s.mine);
END
$$;

CREATE TABLE public.person (
    id uuid NOT NULL,
    name text NOT NULL,
    email text,
    password_hash text,
    created_ms bigint NOT NULL,
    CONSTRAINT person_email_check CHECK (((octet_length(email) >= 3) AND (octet_length(email) <= 254))),
    CONSTRAINT person_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 120)))
);

ALTER TABLE ONLY public.person FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.person_of_email(text) RETURNS SETOF public.person
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
    SET search_path TO 'pg_catalog', 'public'
    AS $_$
BEGIN
    IF actor_is_server() THEN
        RETURN QUERY SELECT p.* FROM person p WHERE lower(p.email) = lower($1);
    END IF;
END
$_$;

CREATE FUNCTION public.secrets_are_over(digest bytea) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (NOT (EXISTS (SELECT FROM public.reservation r WHERE ((r.secrets = secrets_are_over.digest) AND (r.ended_ms = 0) AND (r.state <> ALL (ARRAY['settled'::text, 'voided'::text]))))));

CREATE TABLE public.account (
    index bigint NOT NULL,
    class smallint NOT NULL,
    closed boolean DEFAULT false NOT NULL,
    owner_org uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    owner_site bigint DEFAULT 0 NOT NULL,
    parent bigint DEFAULT '-1'::integer NOT NULL,
    posted_debits bigint DEFAULT 0 NOT NULL,
    posted_credits bigint DEFAULT 0 NOT NULL,
    held_debits bigint DEFAULT 0 NOT NULL,
    held_credits bigint DEFAULT 0 NOT NULL,
    last_index bigint NOT NULL,
    CONSTRAINT account_form CHECK (((index > 0) AND ((class >= 1) AND (class <= 6)) AND (owner_site >= 0) AND (parent >= '-1'::integer) AND (posted_debits >= 0) AND (posted_credits >= 0) AND (held_debits >= 0) AND (held_credits >= 0) AND (last_index >= index))),
    CONSTRAINT account_owner CHECK ((((class = 6) = (owner_site > 0)) AND ((class = 5) = (owner_org <> '00000000-0000-0000-0000-000000000000'::uuid)))),
    CONSTRAINT account_solvent CHECK (((class = 1) OR ((posted_debits + held_debits) <= posted_credits)))
)
WITH (fillfactor='50');

CREATE TABLE public.account_name (
    account bigint NOT NULL,
    name text NOT NULL,
    reference text NOT NULL,
    CONSTRAINT account_name_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 120))),
    CONSTRAINT account_name_reference_check CHECK (((octet_length(reference) >= 1) AND (octet_length(reference) <= 32)))
);

CREATE VIEW public.account_side AS
 SELECT account.index,
    (account.class = 5) AS private,
    ((account.owner_org = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])) OR (account.owner_site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[]))) AS mine
   FROM public.account;

CREATE TABLE public.agent_contact (
    site bigint NOT NULL,
    contact_ms bigint NOT NULL,
    inventory text,
    inventory_ms bigint,
    CONSTRAINT agent_contact_inventory_check CHECK ((octet_length(inventory) <= 65536))
);

CREATE TABLE public.aid (
    order_id uuid NOT NULL,
    organisation uuid NOT NULL,
    rule uuid NOT NULL,
    cents bigint NOT NULL,
    before_cents bigint NOT NULL,
    granted_ms bigint NOT NULL,
    account bigint,
    older boolean DEFAULT false NOT NULL,
    CONSTRAINT aid_before_cents_check CHECK ((before_cents >= 0)),
    CONSTRAINT aid_cents_check CHECK ((cents >= 0))
);

ALTER TABLE ONLY public.aid FORCE ROW LEVEL SECURITY;

CREATE TABLE public.aid_declaration (
    id uuid NOT NULL,
    organisation uuid NOT NULL,
    made_ms bigint NOT NULL,
    by_person uuid NOT NULL,
    by_name text NOT NULL,
    body text NOT NULL,
    CONSTRAINT aid_declaration_body_check CHECK ((octet_length(body) <= 65536)),
    CONSTRAINT aid_declaration_by_name_check CHECK ((octet_length(by_name) <= 120))
);

ALTER TABLE ONLY public.aid_declaration FORCE ROW LEVEL SECURITY;

CREATE TABLE public.aid_link (
    a uuid NOT NULL,
    b uuid NOT NULL,
    since_ms bigint NOT NULL,
    by_person uuid NOT NULL,
    by_name text NOT NULL,
    reason text NOT NULL,
    ended_ms bigint,
    CONSTRAINT aid_link_by_name_check CHECK ((octet_length(by_name) <= 120)),
    CONSTRAINT aid_link_check CHECK ((a < b)),
    CONSTRAINT aid_link_reason_check CHECK (((octet_length(reason) >= 1) AND (octet_length(reason) <= 500)))
);

ALTER TABLE ONLY public.aid_link FORCE ROW LEVEL SECURITY;

CREATE TABLE public.aid_rule (
    id uuid NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    reference text NOT NULL,
    cap_cents bigint,
    years smallint NOT NULL,
    declared_within_ms bigint,
    valid_from_ms bigint NOT NULL,
    created_ms bigint NOT NULL,
    by_person uuid NOT NULL,
    CONSTRAINT aid_rule_cap_cents_check CHECK (((cap_cents >= 1) AND (cap_cents <= '1000000000000'::bigint))),
    CONSTRAINT aid_rule_code_check CHECK ((code ~ '^[a-z0-9-]{1,15}$'::text)),
    CONSTRAINT aid_rule_declared_within_ms_check CHECK ((declared_within_ms > 0)),
    CONSTRAINT aid_rule_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 120))),
    CONSTRAINT aid_rule_reference_check CHECK (((octet_length(reference) >= 1) AND (octet_length(reference) <= 120))),
    CONSTRAINT aid_rule_years_check CHECK (((years >= 1) AND (years <= 10)))
);

ALTER TABLE ONLY public.aid_rule FORCE ROW LEVEL SECURITY;

CREATE TABLE public.answer (
    scope bytea NOT NULL,
    request bytea NOT NULL,
    err text NOT NULL,
    id uuid,
    index bigint NOT NULL,
    number bigint NOT NULL,
    time_ms bigint NOT NULL,
    flags bigint NOT NULL,
    text text NOT NULL,
    created_ms bigint NOT NULL,
    CONSTRAINT answer_form CHECK (((octet_length(scope) = 32) AND (octet_length(request) = 32)))
);

CREATE TABLE public.api_token (
    id uuid NOT NULL,
    person uuid NOT NULL,
    name text NOT NULL,
    token_hash bytea NOT NULL,
    scope smallint NOT NULL,
    organisation uuid NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL,
    used_ms bigint DEFAULT 0 NOT NULL,
    used_from text DEFAULT ''::text NOT NULL,
    ended_ms bigint,
    CONSTRAINT api_token_ends CHECK ((expires_ms > created_ms)),
    CONSTRAINT api_token_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 60))),
    CONSTRAINT api_token_of CHECK (((scope = 2) = (organisation <> '00000000-0000-0000-0000-000000000000'::uuid))),
    CONSTRAINT api_token_scope_check CHECK ((scope = ANY (ARRAY[1, 2]))),
    CONSTRAINT api_token_token_hash_check CHECK ((octet_length(token_hash) = 32)),
    CONSTRAINT api_token_used_from_check CHECK ((octet_length(used_from) <= 64))
);

ALTER TABLE ONLY public.api_token FORCE ROW LEVEL SECURITY;

CREATE TABLE public.assertion (
    sha256 bytea NOT NULL,
    bytes bytea NOT NULL,
    created_ms bigint NOT NULL,
    CONSTRAINT assertion_bytes_check CHECK (((octet_length(bytes) >= 1) AND (octet_length(bytes) <= 4096))),
    CONSTRAINT assertion_hash CHECK ((sha256 = sha256(bytes)))
);

CREATE TABLE public.blob (
    sha256 bytea NOT NULL,
    bytes bytea NOT NULL,
    created_ms bigint NOT NULL,
    CONSTRAINT blob_check CHECK (((octet_length(bytes) <= 131072) AND (sha256(bytes) = sha256))),
    CONSTRAINT blob_sha256_check CHECK ((octet_length(sha256) = 32))
);

ALTER TABLE ONLY public.blob FORCE ROW LEVEL SECURITY;

CREATE TABLE public.call_answer (
    scope bytea NOT NULL,
    request bytea NOT NULL,
    id uuid NOT NULL,
    created_ms bigint NOT NULL,
    actor text DEFAULT COALESCE(current_setting('app.actor'::text, true), ''::text) NOT NULL,
    CONSTRAINT call_answer_request_check CHECK ((octet_length(request) = 32)),
    CONSTRAINT call_answer_scope_check CHECK ((octet_length(scope) = 32))
);

ALTER TABLE ONLY public.call_answer FORCE ROW LEVEL SECURITY;

CREATE TABLE public.capacity (
    offering bigint NOT NULL,
    number bigint NOT NULL,
    nodes bigint NOT NULL,
    brokered_gpus bigint NOT NULL,
    pool_nodes bigint NOT NULL,
    from_ms bigint NOT NULL,
    set_ms bigint NOT NULL,
    modes text DEFAULT ''::text NOT NULL,
    open_to integer DEFAULT 0 NOT NULL,
    floors text DEFAULT ''::text NOT NULL,
    window_number bigint DEFAULT 0 NOT NULL,
    until_ms bigint DEFAULT 0 NOT NULL,
    less_nodes integer DEFAULT 0 NOT NULL,
    less_pool_nodes integer DEFAULT 0 NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    told boolean DEFAULT false NOT NULL,
    CONSTRAINT capacity_brokered_gpus_check CHECK ((brokered_gpus >= 0)),
    CONSTRAINT capacity_check CHECK (((pool_nodes >= 0) AND (pool_nodes <= nodes))),
    CONSTRAINT capacity_check1 CHECK (((window_number >= 0) AND (window_number <= number))),
    CONSTRAINT capacity_check2 CHECK (((until_ms = 0) OR ((window_number > 0) AND (until_ms > from_ms)))),
    CONSTRAINT capacity_floors_check CHECK ((floors ~ '^([a-z0-9][a-z0-9-]{0,14}:[1-9][0-9]{0,8}( [a-z0-9][a-z0-9-]{0,14}:[1-9][0-9]{0,8}){0,7})?$'::text)),
    CONSTRAINT capacity_from_ms_check CHECK ((from_ms >= 0)),
    CONSTRAINT capacity_modes_check CHECK ((modes ~ '^([a-z0-9][a-z0-9-]{0,14}( [a-z0-9][a-z0-9-]{0,14}){0,7})?$'::text)),
    CONSTRAINT capacity_nodes_check CHECK ((nodes >= 0)),
    CONSTRAINT capacity_number_check CHECK ((number > 0)),
    CONSTRAINT capacity_offering_check CHECK ((offering > 0)),
    CONSTRAINT capacity_open_to_check CHECK (((open_to >= 0) AND (open_to <= 65535))),
    CONSTRAINT capacity_reason_check CHECK ((char_length(reason) <= 160)),
    CONSTRAINT capacity_set_ms_check CHECK ((set_ms >= 0))
);

CREATE TABLE public.delivery (
    id uuid NOT NULL,
    event uuid NOT NULL,
    webhook uuid,
    organisation uuid NOT NULL,
    state smallint DEFAULT 1 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    created_ms bigint NOT NULL,
    since_ms bigint NOT NULL,
    next_ms bigint NOT NULL,
    done_ms bigint DEFAULT 0 NOT NULL,
    status integer DEFAULT 0 NOT NULL,
    why text DEFAULT ''::text NOT NULL,
    person uuid,
    CONSTRAINT delivery_state_check CHECK (((state >= 1) AND (state <= 3))),
    CONSTRAINT delivery_to CHECK ((((webhook IS NULL) <> (person IS NULL)) AND ((person IS NULL) OR (organisation = '00000000-0000-0000-0000-000000000000'::uuid)))),
    CONSTRAINT delivery_tries_check CHECK ((tries >= 0)),
    CONSTRAINT delivery_why_check CHECK ((octet_length(why) <= 200))
);

ALTER TABLE ONLY public.delivery FORCE ROW LEVEL SECURITY;

CREATE TABLE public.enrol_token (
    token_hash bytea NOT NULL,
    site bigint NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL,
    used_ms bigint,
    CONSTRAINT enrol_token_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY public.enrol_token FORCE ROW LEVEL SECURITY;

CREATE TABLE public.entry (
    index bigint NOT NULL,
    version smallint NOT NULL,
    kind smallint NOT NULL,
    time_ms bigint NOT NULL,
    group_first bigint NOT NULL,
    group_len smallint NOT NULL,
    group_pos smallint NOT NULL,
    debit bigint NOT NULL,
    credit bigint NOT NULL,
    amount bigint NOT NULL,
    prev_debit bigint NOT NULL,
    prev_credit bigint NOT NULL,
    body bytea NOT NULL,
    leaf_hash bytea NOT NULL,
    CONSTRAINT entry_form CHECK (((index >= 0) AND ((kind >= 0) AND (kind <= 19)) AND ((time_ms >= 0) AND (time_ms <= '253402300799999'::bigint)) AND ((group_len >= 1) AND (group_len <= 64)) AND (group_pos >= 0) AND (group_pos < group_len) AND (group_first = (index - group_pos)) AND (debit >= '-1'::integer) AND (debit < index) AND (credit >= '-1'::integer) AND (credit < index) AND ((debit = '-1'::integer) OR (debit <> credit)) AND (prev_debit >= debit) AND (prev_debit < index) AND ((debit = '-1'::integer) = (prev_debit = '-1'::integer)) AND (prev_credit >= credit) AND (prev_credit < index) AND ((credit = '-1'::integer) = (prev_credit = '-1'::integer)) AND ((amount >= 0) AND (amount <= '4611686018427387904'::bigint)) AND ((octet_length(body) >= 1) AND (octet_length(body) <= 952)))),
    CONSTRAINT entry_leaf CHECK (((version = 1) AND (NOT (leaf_hash IS DISTINCT FROM public.leaf_hash_v1(public.entry_bytes_v1(version, kind, index, time_ms, group_first, group_len, group_pos, debit, credit, amount, prev_debit, prev_credit, body))))))
);

CREATE TABLE public.evidence (
    order_id uuid NOT NULL,
    salt bytea,
    text text,
    people uuid[] NOT NULL,
    created_ms bigint NOT NULL,
    concerns uuid,
    erased_ms bigint,
    erasure bigint,
    site bigint,
    seal bytea,
    CONSTRAINT evidence_salt_check CHECK ((octet_length(salt) = 32)),
    CONSTRAINT evidence_seal_check CHECK ((octet_length(seal) = 16)),
    CONSTRAINT evidence_text_check CHECK ((octet_length(text) <= 500)),
    CONSTRAINT evidence_whole CHECK ((((salt IS NULL) = (erased_ms IS NOT NULL)) AND ((text IS NULL) = (erased_ms IS NOT NULL)) AND ((erasure IS NULL) = (erased_ms IS NULL)) AND ((erased_ms IS NULL) OR (cardinality(people) = 0))))
);

ALTER TABLE ONLY public.evidence FORCE ROW LEVEL SECURITY;

CREATE TABLE public.guide (
    person uuid NOT NULL,
    guide smallint NOT NULL,
    seen bigint DEFAULT 0 NOT NULL,
    ended boolean DEFAULT false NOT NULL,
    CONSTRAINT guide_guide_check CHECK (((guide >= 1) AND (guide <= 5))),
    CONSTRAINT guide_seen_check CHECK ((seen >= 0))
);

ALTER TABLE ONLY public.guide FORCE ROW LEVEL SECURITY;

CREATE TABLE public.head (
    one boolean DEFAULT true NOT NULL,
    term bigint NOT NULL,
    batch bigint NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    time_ms bigint NOT NULL,
    seal bytea,
    CONSTRAINT head_batch_check CHECK ((batch >= 0)),
    CONSTRAINT head_one_check CHECK (one),
    CONSTRAINT head_root_check CHECK ((octet_length(root) = 32)),
    CONSTRAINT head_seal_check CHECK ((octet_length(seal) = 16)),
    CONSTRAINT head_size_check CHECK ((size >= 0)),
    CONSTRAINT head_term_check CHECK ((term >= 0)),
    CONSTRAINT head_time_ms_check CHECK ((time_ms >= 0))
)
WITH (fillfactor='10');

CREATE TABLE public.identity (
    id uuid NOT NULL,
    person uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    created_ms bigint NOT NULL,
    used_ms bigint NOT NULL,
    CONSTRAINT identity_email_check CHECK ((octet_length(email) <= 254)),
    CONSTRAINT identity_issuer_check CHECK (((octet_length(issuer) >= 8) AND (octet_length(issuer) <= 300))),
    CONSTRAINT identity_name_check CHECK ((octet_length(name) <= 120)),
    CONSTRAINT identity_subject_check CHECK (((octet_length(subject) >= 1) AND (octet_length(subject) <= 255)))
);

ALTER TABLE ONLY public.identity FORCE ROW LEVEL SECURITY;

CREATE TABLE public.invitation (
    id uuid NOT NULL,
    organisation uuid NOT NULL,
    role smallint NOT NULL,
    note text NOT NULL,
    token_hash bytea NOT NULL,
    by_person uuid NOT NULL,
    by_name text NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL,
    ended_ms bigint,
    used_by uuid,
    CONSTRAINT invitation_by_name_check CHECK ((octet_length(by_name) <= 120)),
    CONSTRAINT invitation_note_check CHECK ((octet_length(note) <= 120)),
    CONSTRAINT invitation_role_check CHECK ((role = ANY (ARRAY[1, 2]))),
    CONSTRAINT invitation_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY public.invitation FORCE ROW LEVEL SECURITY;

CREATE TABLE public.leader (
    only_one boolean DEFAULT true NOT NULL,
    term bigint NOT NULL,
    people text NOT NULL,
    agents text NOT NULL,
    CONSTRAINT leader_agents_check CHECK ((length(agents) <= 300)),
    CONSTRAINT leader_only_one_check CHECK (only_one),
    CONSTRAINT leader_people_check CHECK ((length(people) <= 300)),
    CONSTRAINT leader_term_check CHECK ((term >= 0))
);

CREATE TABLE public.mail_address (
    person uuid NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    wanted text DEFAULT ''::text NOT NULL,
    wanted_id uuid,
    wanted_until_ms bigint DEFAULT 0 NOT NULL,
    CONSTRAINT mail_address_address_check CHECK ((octet_length(address) <= 254)),
    CONSTRAINT mail_address_check CHECK (((wanted = ''::text) = (wanted_id IS NULL))),
    CONSTRAINT mail_address_wanted_check CHECK ((octet_length(wanted) <= 254))
);

ALTER TABLE ONLY public.mail_address FORCE ROW LEVEL SECURITY;

CREATE TABLE public.notice (
    event uuid NOT NULL,
    person uuid NOT NULL,
    read_ms bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY public.notice FORCE ROW LEVEL SECURITY;

CREATE TABLE public.notice_choice (
    person uuid NOT NULL,
    kind smallint NOT NULL,
    in_page boolean NOT NULL,
    by_mail boolean DEFAULT true NOT NULL,
    CONSTRAINT notice_choice_kind_check CHECK (((kind >= 1) AND (kind <= 8)))
);

ALTER TABLE ONLY public.notice_choice FORCE ROW LEVEL SECURITY;

CREATE TABLE public.notice_cursor (
    one boolean DEFAULT true NOT NULL,
    next bigint NOT NULL,
    CONSTRAINT notice_cursor_next_check CHECK ((next >= 0)),
    CONSTRAINT notice_cursor_one_check CHECK (one)
);

CREATE TABLE public.notice_event (
    id uuid NOT NULL,
    kind smallint NOT NULL,
    subject text NOT NULL,
    organisation uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    site bigint DEFAULT '-1'::integer NOT NULL,
    at_ms bigint NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    facts text NOT NULL,
    link text NOT NULL,
    CONSTRAINT notice_event_facts_check CHECK ((octet_length(facts) <= 2000)),
    CONSTRAINT notice_event_kind_check CHECK (((kind >= 1) AND (kind <= 9))),
    CONSTRAINT notice_event_link_check CHECK ((octet_length(link) <= 200)),
    CONSTRAINT notice_event_subject_check CHECK (((octet_length(subject) >= 1) AND (octet_length(subject) <= 120))),
    CONSTRAINT notice_event_text_check CHECK (((octet_length(text) >= 1) AND (octet_length(text) <= 2000))),
    CONSTRAINT notice_event_title_check CHECK (((octet_length(title) >= 1) AND (octet_length(title) <= 200)))
);

ALTER TABLE ONLY public.notice_event FORCE ROW LEVEL SECURITY;

CREATE TABLE public.officer_key (
    id uuid NOT NULL,
    person uuid NOT NULL,
    person_name text NOT NULL,
    name text NOT NULL,
    ed25519 bytea NOT NULL,
    created_ms bigint NOT NULL,
    confirmed_ms bigint DEFAULT 0 NOT NULL,
    confirmed_by text DEFAULT ''::text NOT NULL,
    ended_ms bigint DEFAULT 0 NOT NULL,
    site text DEFAULT ''::text NOT NULL,
    cose bytea DEFAULT '\x'::bytea NOT NULL,
    credential bytea DEFAULT '\x'::bytea NOT NULL,
    CONSTRAINT officer_key_confirmed_by_check CHECK ((octet_length(confirmed_by) <= 120)),
    CONSTRAINT officer_key_cose_check CHECK ((octet_length(cose) <= 272)),
    CONSTRAINT officer_key_credential_check CHECK ((octet_length(credential) <= 1023)),
    CONSTRAINT officer_key_ed25519_check CHECK ((octet_length(ed25519) = 32)),
    CONSTRAINT officer_key_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 60))),
    CONSTRAINT officer_key_passkey CHECK ((((site = ''::text) = (octet_length(cose) = 0)) AND ((site = ''::text) = (octet_length(credential) = 0)))),
    CONSTRAINT officer_key_person_name_check CHECK ((octet_length(person_name) <= 120)),
    CONSTRAINT officer_key_site_check CHECK ((octet_length(site) <= 253))
);

ALTER TABLE ONLY public.officer_key FORCE ROW LEVEL SECURITY;

CREATE TABLE public.order_signature (
    order_id uuid NOT NULL,
    person uuid NOT NULL,
    name text NOT NULL,
    class smallint NOT NULL,
    key bigint NOT NULL,
    signature bytea NOT NULL,
    at_ms bigint NOT NULL,
    assertion bytea DEFAULT '\x'::bytea NOT NULL,
    CONSTRAINT order_signature_assertion CHECK (((class = 2) = (octet_length(assertion) > 0))),
    CONSTRAINT order_signature_assertion_check CHECK ((octet_length(assertion) <= 4096)),
    CONSTRAINT order_signature_class_check CHECK ((class = ANY (ARRAY[1, 2, 3]))),
    CONSTRAINT order_signature_name_check CHECK ((octet_length(name) <= 120)),
    CONSTRAINT order_signature_signature_check CHECK ((octet_length(signature) = 64))
);

ALTER TABLE ONLY public.order_signature FORCE ROW LEVEL SECURITY;

CREATE TABLE public.organisation (
    id uuid NOT NULL,
    name text NOT NULL,
    country text NOT NULL,
    city text NOT NULL,
    lat_milli integer NOT NULL,
    lon_milli integer NOT NULL,
    created_ms bigint NOT NULL,
    class smallint DEFAULT 0 NOT NULL,
    CONSTRAINT organisation_city_check CHECK (((octet_length(city) >= 1) AND (octet_length(city) <= 80))),
    CONSTRAINT organisation_class_check CHECK (((class >= 0) AND (class <= 2))),
    CONSTRAINT organisation_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT organisation_lat_milli_check CHECK (((lat_milli >= '-90000'::integer) AND (lat_milli <= 90000))),
    CONSTRAINT organisation_lon_milli_check CHECK (((lon_milli >= '-180000'::integer) AND (lon_milli <= 180000))),
    CONSTRAINT organisation_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 120)))
);

CREATE TABLE public.passkey (
    id uuid NOT NULL,
    person uuid NOT NULL,
    name text NOT NULL,
    credential_id bytea NOT NULL,
    user_handle bytea NOT NULL,
    alg smallint NOT NULL,
    public_key bytea NOT NULL,
    alone boolean NOT NULL,
    sign_count bigint NOT NULL,
    may_back_up boolean NOT NULL,
    backed_up boolean NOT NULL,
    created_ms bigint NOT NULL,
    used_ms bigint NOT NULL,
    CONSTRAINT passkey_alg_check CHECK ((alg = ANY (ARRAY['-7'::integer, '-8'::integer, '-257'::integer]))),
    CONSTRAINT passkey_copies CHECK ((may_back_up OR (NOT backed_up))),
    CONSTRAINT passkey_credential_id_check CHECK (((octet_length(credential_id) >= 16) AND (octet_length(credential_id) <= 1023))),
    CONSTRAINT passkey_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 60))),
    CONSTRAINT passkey_public_key_check CHECK (((octet_length(public_key) >= 32) AND (octet_length(public_key) <= 259))),
    CONSTRAINT passkey_sign_count_check CHECK (((sign_count >= 0) AND (sign_count <= '4294967295'::bigint))),
    CONSTRAINT passkey_user_handle_check CHECK ((octet_length(user_handle) = 32))
);

ALTER TABLE ONLY public.passkey FORCE ROW LEVEL SECURITY;

CREATE TABLE public.passkey_spent (
    challenge bytea NOT NULL,
    until_ms bigint NOT NULL,
    CONSTRAINT passkey_spent_challenge_check CHECK ((octet_length(challenge) = 32))
);

ALTER TABLE ONLY public.passkey_spent FORCE ROW LEVEL SECURITY;

CREATE TABLE public.person_language (
    person uuid NOT NULL,
    language text NOT NULL,
    CONSTRAINT person_language_language_check CHECK ((language = ANY (ARRAY['en'::text, 'fr'::text, 'de'::text, 'es'::text, 'it'::text, 'fi'::text, 'sv'::text, 'el'::text])))
);

ALTER TABLE ONLY public.person_language FORCE ROW LEVEL SECURITY;

CREATE TABLE public.quote (
    id uuid NOT NULL,
    request uuid NOT NULL,
    org uuid NOT NULL,
    grant_account bigint NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL,
    state text NOT NULL,
    renewed boolean NOT NULL,
    first boolean NOT NULL,
    ended_ms bigint NOT NULL,
    workload bytea,
    workload_len bigint NOT NULL,
    name text NOT NULL,
    move_freely boolean NOT NULL,
    offering bigint NOT NULL,
    rate bigint NOT NULL,
    gpus bigint NOT NULL,
    start_slot bigint NOT NULL,
    slots bigint NOT NULL,
    cost_gpums bigint NOT NULL,
    site bigint NOT NULL,
    nodes bigint NOT NULL,
    rate_milli bigint NOT NULL,
    start_ms bigint NOT NULL,
    start_by_ms bigint NOT NULL,
    end_ms bigint NOT NULL,
    nights smallint DEFAULT 0 NOT NULL,
    CONSTRAINT quote_form CHECK (((grant_account > 0) AND (created_ms > 0) AND (expires_ms >= created_ms) AND (state = ANY (ARRAY['open'::text, 'used'::text, 'expired'::text, 'released'::text, 'no-offer'::text])) AND ((ended_ms = 0) = (state = 'open'::text)) AND ((workload IS NULL) OR (octet_length(workload) = 32)) AND (workload_len >= 0) AND (gpus >= 0) AND (slots >= 0) AND (cost_gpums >= 0) AND ((nights >= 0) AND (nights <= 31))))
)
WITH (fillfactor='48');

CREATE TABLE public.quote_answer (
    id uuid NOT NULL,
    ask bytea NOT NULL,
    answer bytea
);

CREATE TABLE public.recovery_code (
    person uuid NOT NULL,
    code_hash bytea NOT NULL,
    CONSTRAINT recovery_code_code_hash_check CHECK ((octet_length(code_hash) = 32))
);

ALTER TABLE ONLY public.recovery_code FORCE ROW LEVEL SECURITY;

CREATE TABLE public.report (
    site bigint NOT NULL,
    number bigint NOT NULL,
    instance bigint NOT NULL,
    key bigint NOT NULL,
    fence bigint NOT NULL,
    kind integer NOT NULL,
    jti uuid,
    time_ms bigint NOT NULL,
    statement bytea NOT NULL,
    signature bytea NOT NULL,
    output bytea,
    output_len bigint NOT NULL,
    answer_flags bigint NOT NULL,
    reason text NOT NULL,
    received_ms bigint NOT NULL,
    CONSTRAINT report_form CHECK (((site > 0) AND (number > 0) AND ((kind >= 1) AND (kind <= 9)) AND (octet_length(signature) = 64) AND ((output IS NULL) OR (octet_length(output) = 32))))
);

CREATE TABLE public.right_change (
    id uuid NOT NULL,
    at_ms bigint NOT NULL,
    by_person uuid NOT NULL,
    by_name text NOT NULL,
    person uuid NOT NULL,
    name text NOT NULL,
    what smallint NOT NULL,
    role smallint NOT NULL,
    organisation uuid NOT NULL,
    site bigint NOT NULL,
    reason text NOT NULL,
    CONSTRAINT right_change_by_name_check CHECK ((octet_length(by_name) <= 120)),
    CONSTRAINT right_change_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 120))),
    CONSTRAINT right_change_reason_check CHECK ((octet_length(reason) <= 500)),
    CONSTRAINT right_change_role_check CHECK (((role >= 1) AND (role <= 6))),
    CONSTRAINT right_change_what_check CHECK (((what >= 1) AND (what <= 4)))
);

ALTER TABLE ONLY public.right_change FORCE ROW LEVEL SECURITY;

CREATE TABLE public.role (
    person uuid NOT NULL,
    role smallint NOT NULL,
    organisation uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    site bigint DEFAULT '-1'::integer NOT NULL,
    CONSTRAINT role_of CHECK ((((role = ANY (ARRAY[1, 2])) = (organisation <> '00000000-0000-0000-0000-000000000000'::uuid)) AND ((role = 6) = (site >= 0)))),
    CONSTRAINT role_role_check CHECK (((role >= 1) AND (role <= 6)))
);

CREATE TABLE public.sealed_secrets (
    sha256 bytea NOT NULL,
    organisation uuid NOT NULL,
    bytes bytea NOT NULL,
    created_ms bigint NOT NULL,
    CONSTRAINT sealed_secrets_check CHECK (((octet_length(bytes) <= 65536) AND (sha256(bytes) = sha256))),
    CONSTRAINT sealed_secrets_sha256_check CHECK ((octet_length(sha256) = 32))
);

ALTER TABLE ONLY public.sealed_secrets FORCE ROW LEVEL SECURITY;

CREATE TABLE public.second_step (
    person uuid NOT NULL,
    since_ms bigint NOT NULL
);

ALTER TABLE ONLY public.second_step FORCE ROW LEVEL SECURITY;

CREATE TABLE public.security_event (
    id uuid NOT NULL,
    person uuid NOT NULL,
    at_ms bigint NOT NULL,
    what smallint NOT NULL,
    name text NOT NULL,
    detail text NOT NULL,
    client text NOT NULL,
    by_name text NOT NULL,
    CONSTRAINT security_event_by_name_check CHECK ((octet_length(by_name) <= 120)),
    CONSTRAINT security_event_client_check CHECK ((octet_length(client) <= 64)),
    CONSTRAINT security_event_detail_check CHECK ((octet_length(detail) <= 120)),
    CONSTRAINT security_event_name_check CHECK ((octet_length(name) <= 60)),
    CONSTRAINT security_event_what_check CHECK (((what >= 1) AND (what <= 18)))
);

ALTER TABLE ONLY public.security_event FORCE ROW LEVEL SECURITY;

CREATE TABLE public.session (
    token_hash bytea NOT NULL,
    person uuid NOT NULL,
    created_ms bigint NOT NULL,
    expires_ms bigint NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    program text DEFAULT ''::text NOT NULL,
    used_ms bigint DEFAULT 0 NOT NULL,
    CONSTRAINT session_program_check CHECK ((octet_length(program) <= 200)),
    CONSTRAINT session_token_hash_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY public.session FORCE ROW LEVEL SECURITY;

CREATE TABLE public.signed_order (
    id uuid NOT NULL,
    entry bytea NOT NULL,
    basis text NOT NULL,
    proposer uuid NOT NULL,
    proposer_name text NOT NULL,
    signers smallint NOT NULL,
    created_ms bigint NOT NULL,
    lapses_ms bigint NOT NULL,
    state smallint DEFAULT 1 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    ended_ms bigint DEFAULT 0 NOT NULL,
    ended_by text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    journal_entry bigint DEFAULT '-1'::integer NOT NULL,
    CONSTRAINT signed_order_basis_check CHECK ((octet_length(basis) <= 16)),
    CONSTRAINT signed_order_ended CHECK ((((state >= 3) = (ended_ms > 0)) AND ((state = 3) = (journal_entry >= 0)))),
    CONSTRAINT signed_order_ended_by_check CHECK ((octet_length(ended_by) <= 120)),
    CONSTRAINT signed_order_entry_check CHECK (((octet_length(entry) >= 72) AND (octet_length(entry) <= 1024))),
    CONSTRAINT signed_order_lapses CHECK ((lapses_ms > created_ms)),
    CONSTRAINT signed_order_proposer_name_check CHECK ((octet_length(proposer_name) <= 120)),
    CONSTRAINT signed_order_reason_check CHECK ((octet_length(reason) <= 500)),
    CONSTRAINT signed_order_signers_check CHECK ((signers = ANY (ARRAY[1, 2]))),
    CONSTRAINT signed_order_state_check CHECK (((state >= 1) AND (state <= 5)))
);

ALTER TABLE ONLY public.signed_order FORCE ROW LEVEL SECURITY;

CREATE TABLE public.site_status (
    site bigint NOT NULL,
    paused boolean NOT NULL,
    draining boolean NOT NULL,
    reason text NOT NULL,
    last_seq bigint NOT NULL,
    confirmed_seq bigint NOT NULL,
    instance bigint NOT NULL,
    instance_ms bigint NOT NULL,
    instance_key bigint NOT NULL,
    last_report bigint NOT NULL,
    retired_ms bigint DEFAULT 0 NOT NULL,
    retired_instance bigint DEFAULT 0 NOT NULL,
    retired_key bigint DEFAULT 0 NOT NULL,
    retired_reason text DEFAULT ''::text NOT NULL,
    base_seq bigint DEFAULT 0 NOT NULL,
    base_report bigint DEFAULT 0 NOT NULL,
    recovering boolean DEFAULT false NOT NULL,
    takes integer DEFAULT 0 NOT NULL,
    seal_key bytea,
    seal_signature bytea DEFAULT decode(repeat('00'::text, 64), 'hex'::text) NOT NULL,
    CONSTRAINT site_status_check CHECK (((confirmed_seq >= 0) AND (confirmed_seq <= last_seq))),
    CONSTRAINT site_status_check1 CHECK (((base_seq >= 0) AND (base_seq <= confirmed_seq))),
    CONSTRAINT site_status_check2 CHECK (((base_report >= 0) AND (base_report <= last_report))),
    CONSTRAINT site_status_instance_check CHECK ((instance >= 0)),
    CONSTRAINT site_status_last_report_check CHECK ((last_report >= 0)),
    CONSTRAINT site_status_last_seq_check CHECK ((last_seq >= 0)),
    CONSTRAINT site_status_retired_instance_check CHECK ((retired_instance >= 0)),
    CONSTRAINT site_status_retired_key_check CHECK ((retired_key >= 0)),
    CONSTRAINT site_status_retired_ms_check CHECK ((retired_ms >= 0)),
    CONSTRAINT site_status_seal_key_check CHECK ((octet_length(seal_key) = 32)),
    CONSTRAINT site_status_seal_signature_check CHECK ((octet_length(seal_signature) = 64)),
    CONSTRAINT site_status_site_check CHECK ((site > 0)),
    CONSTRAINT site_status_takes_check CHECK (((takes >= 0) AND (takes <= 65535)))
)
WITH (fillfactor='50');

CREATE TABLE public.ticket (
    site bigint NOT NULL,
    seq bigint NOT NULL,
    jti uuid NOT NULL,
    reservation uuid NOT NULL,
    claims bytea NOT NULL,
    created_ms bigint NOT NULL,
    CONSTRAINT ticket_form CHECK (((site > 0) AND (seq > 0)))
);

CREATE TABLE public.tile (
    level integer NOT NULL,
    n bigint NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT tile_hashes_check CHECK ((octet_length(hashes) = 8192)),
    CONSTRAINT tile_level_check CHECK (((level >= 0) AND (level <= 7))),
    CONSTRAINT tile_n_check CHECK ((n >= 0))
);
ALTER TABLE ONLY public.tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE public.webhook (
    id uuid NOT NULL,
    organisation uuid NOT NULL,
    url text NOT NULL,
    kinds integer NOT NULL,
    secret text NOT NULL,
    created_ms bigint NOT NULL,
    by_name text NOT NULL,
    ended_ms bigint,
    CONSTRAINT webhook_by_name_check CHECK ((octet_length(by_name) <= 120)),
    CONSTRAINT webhook_kinds_check CHECK ((kinds > 0)),
    CONSTRAINT webhook_secret_check CHECK (((octet_length(secret) >= 40) AND (octet_length(secret) <= 400))),
    CONSTRAINT webhook_url_check CHECK (((octet_length(url) >= 10) AND (octet_length(url) <= 500)))
);

ALTER TABLE ONLY public.webhook FORCE ROW LEVEL SECURITY;

CREATE TABLE public.witness (
    public bytea NOT NULL,
    site bigint NOT NULL,
    role smallint NOT NULL,
    name text NOT NULL,
    since_ms bigint NOT NULL,
    CONSTRAINT witness_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 127))),
    CONSTRAINT witness_public_check CHECK ((octet_length(public) = 32)),
    CONSTRAINT witness_role_check CHECK ((role = ANY (ARRAY[0, 1]))),
    CONSTRAINT witness_since_ms_check CHECK ((since_ms >= 0))
);

ALTER TABLE ONLY public.account_name
    ADD CONSTRAINT account_name_pkey PRIMARY KEY (account);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (index);

ALTER TABLE ONLY public.agent_contact
    ADD CONSTRAINT agent_contact_pkey PRIMARY KEY (site);

ALTER TABLE ONLY public.aid
    ADD CONSTRAINT aid_account_key UNIQUE (account);

ALTER TABLE ONLY public.aid_declaration
    ADD CONSTRAINT aid_declaration_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.aid_link
    ADD CONSTRAINT aid_link_pkey PRIMARY KEY (a, b, since_ms);

ALTER TABLE ONLY public.aid
    ADD CONSTRAINT aid_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY public.aid_rule
    ADD CONSTRAINT aid_rule_code_valid_from_ms_key UNIQUE (code, valid_from_ms);

ALTER TABLE ONLY public.aid_rule
    ADD CONSTRAINT aid_rule_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.answer
    ADD CONSTRAINT answer_pkey PRIMARY KEY (scope);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.assertion
    ADD CONSTRAINT assertion_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.blob
    ADD CONSTRAINT blob_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.call_answer
    ADD CONSTRAINT call_answer_pkey PRIMARY KEY (scope);

ALTER TABLE ONLY public.capacity
    ADD CONSTRAINT capacity_pkey PRIMARY KEY (offering, number);

ALTER TABLE ONLY public.checkpoint
    ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (size);

ALTER TABLE ONLY public.cosignature
    ADD CONSTRAINT cosignature_pkey PRIMARY KEY (size, public);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.enrol_token
    ADD CONSTRAINT enrol_token_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (index);

ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY public.guide
    ADD CONSTRAINT guide_pkey PRIMARY KEY (person, guide);

ALTER TABLE ONLY public.head
    ADD CONSTRAINT head_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.leader
    ADD CONSTRAINT leader_pkey PRIMARY KEY (only_one);

ALTER TABLE ONLY public.mail_address
    ADD CONSTRAINT mail_address_pkey PRIMARY KEY (person);

ALTER TABLE ONLY public.mail_address
    ADD CONSTRAINT mail_address_wanted_id_key UNIQUE (wanted_id);

ALTER TABLE ONLY public.notice_choice
    ADD CONSTRAINT notice_choice_pkey PRIMARY KEY (person, kind);

ALTER TABLE ONLY public.notice_cursor
    ADD CONSTRAINT notice_cursor_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.notice_event
    ADD CONSTRAINT notice_event_kind_subject_key UNIQUE (kind, subject);

ALTER TABLE ONLY public.notice_event
    ADD CONSTRAINT notice_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (person, event);

ALTER TABLE ONLY public.officer_key
    ADD CONSTRAINT officer_key_ed25519_key UNIQUE (ed25519);

ALTER TABLE ONLY public.officer_key
    ADD CONSTRAINT officer_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.order_signature
    ADD CONSTRAINT order_signature_pkey PRIMARY KEY (order_id, person);

ALTER TABLE ONLY public.organisation
    ADD CONSTRAINT organisation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.passkey
    ADD CONSTRAINT passkey_credential_id_key UNIQUE (credential_id);

ALTER TABLE ONLY public.passkey
    ADD CONSTRAINT passkey_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.passkey_spent
    ADD CONSTRAINT passkey_spent_pkey PRIMARY KEY (challenge);

ALTER TABLE ONLY public.person_language
    ADD CONSTRAINT person_language_pkey PRIMARY KEY (person);

ALTER TABLE ONLY public.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quorum
    ADD CONSTRAINT quorum_pkey PRIMARY KEY (policy, size);

ALTER TABLE ONLY public.quote_answer
    ADD CONSTRAINT quote_answer_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.quote
    ADD CONSTRAINT quote_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_pkey PRIMARY KEY (person, code_hash);

ALTER TABLE ONLY public.refusal
    ADD CONSTRAINT refusal_pkey PRIMARY KEY (site, at_ms, size, root);

ALTER TABLE ONLY public.report
    ADD CONSTRAINT report_pkey PRIMARY KEY (site, number);

ALTER TABLE ONLY public.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.reservation
    ADD CONSTRAINT reservation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.reservation
    ADD CONSTRAINT reservation_request_fence_key UNIQUE (request, fence);

ALTER TABLE ONLY public.right_change
    ADD CONSTRAINT right_change_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.role
    ADD CONSTRAINT role_pkey PRIMARY KEY (person, role, organisation, site);

ALTER TABLE ONLY public.sealed_secrets
    ADD CONSTRAINT sealed_secrets_pkey PRIMARY KEY (sha256, organisation);

ALTER TABLE ONLY public.second_step
    ADD CONSTRAINT second_step_pkey PRIMARY KEY (person);

ALTER TABLE ONLY public.security_event
    ADD CONSTRAINT security_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_id_key UNIQUE (id);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.signed_order
    ADD CONSTRAINT signed_order_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.site_status
    ADD CONSTRAINT site_status_pkey PRIMARY KEY (site);

ALTER TABLE ONLY public.ticket
    ADD CONSTRAINT ticket_pkey PRIMARY KEY (site, seq);

ALTER TABLE ONLY public.tile
    ADD CONSTRAINT tile_pkey PRIMARY KEY (level, n);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.witness
    ADD CONSTRAINT witness_pkey PRIMARY KEY (public);

CREATE INDEX aid_declaration_organisation ON public.aid_declaration USING btree (organisation, id DESC);

CREATE INDEX aid_granted ON public.aid USING btree (granted_ms);

CREATE INDEX aid_link_b ON public.aid_link USING btree (b);

CREATE INDEX aid_organisation ON public.aid USING btree (organisation, granted_ms);

CREATE INDEX answer_created ON public.answer USING brin (created_ms);

CREATE INDEX api_token_expires ON public.api_token USING btree (expires_ms);

CREATE INDEX api_token_person ON public.api_token USING btree (person, id);

CREATE INDEX call_answer_created ON public.call_answer USING btree (created_ms);

CREATE INDEX cosignature_public ON public.cosignature USING btree (public, size);

CREATE INDEX delivery_due ON public.delivery USING btree (next_ms) WHERE (state = 1);

CREATE INDEX delivery_event ON public.delivery USING btree (event);

CREATE INDEX delivery_letter_dead ON public.delivery USING btree (created_ms DESC) WHERE ((state = 3) AND (person IS NOT NULL));

CREATE INDEX delivery_letter_due ON public.delivery USING btree (next_ms) WHERE ((state = 1) AND (person IS NOT NULL));

CREATE INDEX delivery_organisation ON public.delivery USING btree (organisation, created_ms DESC);

CREATE INDEX delivery_person ON public.delivery USING btree (person, created_ms DESC) WHERE (person IS NOT NULL);

CREATE INDEX delivery_webhook ON public.delivery USING btree (webhook, created_ms DESC);

CREATE INDEX entry_decision_of ON public.entry USING btree ("substring"(body, 1, 8)) WHERE (kind = ANY (ARRAY[12, 13]));

CREATE INDEX entry_notice_of ON public.entry USING btree ("substring"(body, 9, 8)) WHERE ((kind = 19) AND (get_byte(body, 1) = ANY (ARRAY[2, 3, 7])));

CREATE INDEX entry_of_kind ON public.entry USING btree (kind, index) WHERE (kind <> ALL (ARRAY[8, 9, 10]));

CREATE UNIQUE INDEX identity_of ON public.identity USING btree (issuer, subject);

CREATE INDEX identity_person ON public.identity USING btree (person);

CREATE INDEX invitation_organisation ON public.invitation USING btree (organisation, id DESC);

CREATE INDEX notice_event_at ON public.notice_event USING btree (at_ms);

CREATE INDEX notice_event_site ON public.notice_event USING btree (site, kind, at_ms) WHERE (site >= 0);

CREATE INDEX notice_of_event ON public.notice USING btree (event);

CREATE INDEX notice_unread ON public.notice USING btree (person) WHERE (read_ms = 0);

CREATE INDEX officer_key_person ON public.officer_key USING btree (person, id);

CREATE INDEX passkey_person ON public.passkey USING btree (person, id);

CREATE INDEX passkey_spent_until ON public.passkey_spent USING btree (until_ms);

CREATE UNIQUE INDEX person_email ON public.person USING btree (lower(email));

CREATE INDEX quorum_size ON public.quorum USING btree (size);

CREATE INDEX quote_created ON public.quote USING brin (created_ms);

CREATE INDEX quote_request ON public.quote USING btree (request, id);

CREATE INDEX report_jti ON public.report USING btree (jti, number) WHERE (jti IS NOT NULL);

CREATE INDEX request_created_by ON public.request USING btree (created_by);

CREATE INDEX request_organisation ON public.request USING btree (organisation, id DESC);

CREATE INDEX request_workload ON public.request USING btree (workload);

CREATE INDEX reservation_hold ON public.reservation USING brin (hold);

CREATE INDEX reservation_org ON public.reservation USING btree (org, id);

CREATE INDEX reservation_output ON public.reservation USING btree (output) WHERE (output IS NOT NULL);

CREATE INDEX reservation_secrets ON public.reservation USING btree (secrets, site) WHERE (secrets IS NOT NULL);

CREATE INDEX reservation_voided ON public.reservation USING btree (void_entry) WHERE (void_entry > 0);

CREATE INDEX reservation_workload ON public.reservation USING btree (workload, site);

CREATE INDEX right_change_organisation ON public.right_change USING btree (organisation, id DESC);

CREATE INDEX right_change_person ON public.right_change USING btree (person, id DESC);

CREATE INDEX role_organisation ON public.role USING btree (organisation);

CREATE INDEX security_event_at ON public.security_event USING btree (at_ms);

CREATE INDEX security_event_person ON public.security_event USING btree (person, id DESC);

CREATE INDEX session_expires ON public.session USING btree (expires_ms);

CREATE INDEX session_person ON public.session USING btree (person);

CREATE INDEX signed_order_open ON public.signed_order USING btree (lapses_ms) WHERE (state <= 2);

CREATE INDEX webhook_organisation ON public.webhook USING btree (organisation) WHERE (ended_ms IS NULL);

CREATE INDEX witness_site ON public.witness USING btree (site, role, since_ms);

ALTER TABLE ONLY public.aid_declaration
    ADD CONSTRAINT aid_declaration_organisation_fkey FOREIGN KEY (organisation) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.aid_link
    ADD CONSTRAINT aid_link_a_fkey FOREIGN KEY (a) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.aid_link
    ADD CONSTRAINT aid_link_b_fkey FOREIGN KEY (b) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.aid
    ADD CONSTRAINT aid_organisation_fkey FOREIGN KEY (organisation) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.aid
    ADD CONSTRAINT aid_rule_fkey FOREIGN KEY (rule) REFERENCES public.aid_rule(id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.cosignature
    ADD CONSTRAINT cosignature_size_fkey FOREIGN KEY (size) REFERENCES public.checkpoint(size);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_event_fkey FOREIGN KEY (event) REFERENCES public.notice_event(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.delivery
    ADD CONSTRAINT delivery_webhook_fkey FOREIGN KEY (webhook) REFERENCES public.webhook(id);

ALTER TABLE ONLY public.guide
    ADD CONSTRAINT guide_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.identity
    ADD CONSTRAINT identity_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_organisation_fkey FOREIGN KEY (organisation) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.invitation
    ADD CONSTRAINT invitation_used_by_fkey FOREIGN KEY (used_by) REFERENCES public.person(id);

ALTER TABLE ONLY public.mail_address
    ADD CONSTRAINT mail_address_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.notice_choice
    ADD CONSTRAINT notice_choice_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_event_fkey FOREIGN KEY (event) REFERENCES public.notice_event(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notice
    ADD CONSTRAINT notice_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.officer_key
    ADD CONSTRAINT officer_key_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.order_signature
    ADD CONSTRAINT order_signature_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.signed_order(id);

ALTER TABLE ONLY public.order_signature
    ADD CONSTRAINT order_signature_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.passkey
    ADD CONSTRAINT passkey_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.person_language
    ADD CONSTRAINT person_language_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.quorum
    ADD CONSTRAINT quorum_size_fkey FOREIGN KEY (size) REFERENCES public.checkpoint(size);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.request
    ADD CONSTRAINT request_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.person(id);

ALTER TABLE ONLY public.request
    ADD CONSTRAINT request_organisation_fkey FOREIGN KEY (organisation) REFERENCES public.organisation(id);

ALTER TABLE ONLY public.request
    ADD CONSTRAINT request_workload_fkey FOREIGN KEY (workload) REFERENCES public.blob(sha256);

ALTER TABLE ONLY public.right_change
    ADD CONSTRAINT right_change_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.role
    ADD CONSTRAINT role_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.second_step
    ADD CONSTRAINT second_step_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.security_event
    ADD CONSTRAINT security_event_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_person_fkey FOREIGN KEY (person) REFERENCES public.person(id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_organisation_fkey FOREIGN KEY (organisation) REFERENCES public.organisation(id);

ALTER TABLE public.account ENABLE ROW LEVEL SECURITY;

CREATE POLICY account_all ON public.account TO kontor_writer USING (true);

ALTER TABLE public.account_name ENABLE ROW LEVEL SECURITY;

CREATE POLICY account_name_all ON public.account_name TO kontor_writer USING (true);

CREATE POLICY account_name_seen ON public.account_name TO kontor_worker USING (( SELECT public.actor_sees_all() AS actor_sees_all));

CREATE POLICY account_seen ON public.account FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (owner_org = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])) OR (owner_site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[]))));

ALTER TABLE public.agent_contact ENABLE ROW LEVEL SECURITY;

CREATE POLICY agent_contact_changed ON public.agent_contact FOR UPDATE TO kontor_worker USING ((site = ( SELECT public.actor_agent() AS actor_agent)));

CREATE POLICY agent_contact_made ON public.agent_contact FOR INSERT TO kontor_worker WITH CHECK ((site = ( SELECT public.actor_agent() AS actor_agent)));

CREATE POLICY agent_contact_seen ON public.agent_contact FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[]))));

ALTER TABLE public.aid ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.aid_declaration ENABLE ROW LEVEL SECURITY;

CREATE POLICY aid_declaration_made ON public.aid_declaration FOR INSERT TO kontor_worker WITH CHECK ((( SELECT public.actor_is_server() AS actor_is_server) OR (organisation = ANY (( SELECT public.actor_owns() AS actor_owns)::uuid[]))));

CREATE POLICY aid_declaration_seen ON public.aid_declaration FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[]))));

CREATE POLICY aid_done ON public.aid FOR UPDATE TO kontor_worker USING (( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role));

CREATE POLICY aid_dropped ON public.aid FOR DELETE TO kontor_worker USING ((( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role) AND (account IS NULL)));

CREATE POLICY aid_given ON public.aid FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role));

ALTER TABLE public.aid_link ENABLE ROW LEVEL SECURITY;

CREATE POLICY aid_link_ended ON public.aid_link FOR UPDATE TO kontor_worker USING (( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role));

CREATE POLICY aid_link_made ON public.aid_link FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role));

CREATE POLICY aid_link_seen ON public.aid_link FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (a = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])) OR (b = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[]))));

ALTER TABLE public.aid_rule ENABLE ROW LEVEL SECURITY;

CREATE POLICY aid_rule_seen ON public.aid_rule FOR SELECT TO kontor_worker USING (public.actor_is_known());

CREATE POLICY aid_rule_set ON public.aid_rule FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_administers() AS actor_administers));

CREATE POLICY aid_seen ON public.aid FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[]))));

ALTER TABLE public.answer ENABLE ROW LEVEL SECURITY;

CREATE POLICY answer_all ON public.answer TO kontor_writer USING (true);

ALTER TABLE public.api_token ENABLE ROW LEVEL SECURITY;

CREATE POLICY api_token_changed ON public.api_token FOR UPDATE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY api_token_made ON public.api_token FOR INSERT TO kontor_worker WITH CHECK ((person = ( SELECT public.actor_person() AS actor_person)));

CREATE POLICY api_token_seen ON public.api_token FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY api_token_swept ON public.api_token FOR DELETE TO kontor_worker USING (( SELECT public.actor_is_server() AS actor_is_server));

ALTER TABLE public.assertion ENABLE ROW LEVEL SECURITY;

CREATE POLICY assertion_all ON public.assertion TO kontor_writer USING (true);

CREATE POLICY assertion_seen ON public.assertion FOR SELECT TO kontor_worker USING (( SELECT public.actor_is_known() AS actor_is_known));

ALTER TABLE public.blob ENABLE ROW LEVEL SECURITY;

CREATE POLICY blob_brought ON public.blob FOR INSERT TO kontor_worker WITH CHECK (( SELECT ((public.actor_agent() IS NOT NULL) OR (public.actor_person() IS NOT NULL))));

CREATE POLICY blob_renewed ON public.blob TO kontor_owner USING (public.actor_is_known()) WITH CHECK (public.actor_is_known());

CREATE POLICY blob_seen ON public.blob FOR SELECT TO kontor_worker USING (((EXISTS ( SELECT
   FROM public.request q
  WHERE ((q.workload = blob.sha256) AND (q.organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])))
 OFFSET 0)) OR (EXISTS ( SELECT
   FROM public.reservation r
  WHERE ((r.workload = blob.sha256) AND (r.site = ( SELECT public.actor_agent() AS actor_agent)))
 OFFSET 0)) OR (EXISTS ( SELECT
   FROM public.reservation r
  WHERE ((r.output = blob.sha256) AND (r.org = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])))
 OFFSET 0))));

CREATE POLICY blob_swept ON public.blob FOR DELETE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) AND public.blob_is_unnamed(sha256)));

CREATE POLICY blob_unnamed ON public.blob FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) AND public.blob_is_unnamed(sha256)));

ALTER TABLE public.call_answer ENABLE ROW LEVEL SECURITY;

CREATE POLICY call_answer_own ON public.call_answer TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (( SELECT public.actor_is_known() AS actor_is_known) AND (actor = ANY (ARRAY[''::text, current_setting('app.actor'::text, true)]))))) WITH CHECK (((actor <> ''::text) AND (actor = current_setting('app.actor'::text, true))));

ALTER TABLE public.checkpoint ENABLE ROW LEVEL SECURITY;

CREATE POLICY checkpoint_sealed ON public.checkpoint TO kontor_writer USING (true);

CREATE POLICY checkpoint_seen ON public.checkpoint FOR SELECT TO kontor_worker USING (true);

CREATE POLICY checkpoint_signed ON public.checkpoint FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY checkpoint_swept ON public.checkpoint FOR DELETE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) AND (NOT public.checkpoint_is_needed(size))));

ALTER TABLE public.cosignature ENABLE ROW LEVEL SECURITY;

CREATE POLICY cosignature_made ON public.cosignature FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY cosignature_seen ON public.cosignature FOR SELECT TO kontor_worker USING (true);

CREATE POLICY cosignature_swept ON public.cosignature FOR DELETE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) AND (NOT public.checkpoint_is_needed(size))));

ALTER TABLE public.delivery ENABLE ROW LEVEL SECURITY;

CREATE POLICY delivery_changed ON public.delivery FOR UPDATE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (organisation = ANY (( SELECT public.actor_owns() AS actor_owns)::uuid[]))));

CREATE POLICY delivery_made ON public.delivery FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY delivery_own ON public.delivery FOR SELECT TO kontor_worker USING ((person = ( SELECT public.actor_person() AS actor_person)));

CREATE POLICY delivery_seen ON public.delivery FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (organisation = ANY (( SELECT public.actor_owns() AS actor_owns)::uuid[]))));

ALTER TABLE public.enrol_token ENABLE ROW LEVEL SECURITY;

CREATE POLICY enrol_token_own ON public.enrol_token TO kontor_worker USING ((( SELECT public.actor_administers() AS actor_administers) OR (site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[]))));

ALTER TABLE public.entry ENABLE ROW LEVEL SECURITY;

CREATE POLICY entry_all ON public.entry TO kontor_writer USING (true);

CREATE POLICY entry_seen ON public.entry FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (( SELECT public.actor_is_known() AS actor_is_known) AND (NOT (EXISTS ( SELECT
   FROM public.account_side s
  WHERE ((s.index = ANY (ARRAY[entry.debit, entry.credit])) AND s.private)))) AND (NOT ((kind = 1) AND (EXISTS ( SELECT
   FROM public.account_side s
  WHERE ((s.index = entry.index) AND s.private)
 OFFSET 0)))) AND (NOT ((kind = 19) AND (get_byte(body, 1) = ANY (ARRAY[2, 3, 7]))))) OR (EXISTS ( SELECT
   FROM public.account_side s
  WHERE ((s.index = ANY (ARRAY[entry.debit, entry.credit])) AND s.mine))) OR ((kind = 1) AND (EXISTS ( SELECT
   FROM public.account_side s
  WHERE ((s.index = entry.index) AND s.mine)
 OFFSET 0))) OR ((kind = 19) AND (get_byte(body, 1) = ANY (ARRAY[2, 3, 7])) AND public.notice_is_mine(body))));

ALTER TABLE public.evidence ENABLE ROW LEVEL SECURITY;

CREATE POLICY evidence_erased ON public.evidence FOR UPDATE TO kontor_worker USING (((( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role) OR ( SELECT public.actor_administers() AS actor_administers)) AND (erased_ms IS NULL))) WITH CHECK ((erased_ms IS NOT NULL));

CREATE POLICY evidence_made ON public.evidence FOR INSERT TO kontor_worker WITH CHECK (((erased_ms IS NULL) AND (( SELECT public.actor_sees_all() AS actor_sees_all) OR ((people = ARRAY[( SELECT public.actor_person() AS actor_person)]) AND ((concerns = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])) OR (site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[])))))));

CREATE POLICY evidence_sealed ON public.evidence TO kontor_writer USING (true);

CREATE POLICY evidence_seen ON public.evidence FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (concerns = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])) OR (site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[]))));

ALTER TABLE public.guide ENABLE ROW LEVEL SECURITY;

CREATE POLICY guide_own ON public.guide TO kontor_worker USING ((person = ( SELECT public.actor_person() AS actor_person)));

ALTER TABLE public.identity ENABLE ROW LEVEL SECURITY;

CREATE POLICY identity_made ON public.identity FOR INSERT TO kontor_worker WITH CHECK ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person))));

CREATE POLICY identity_seen ON public.identity FOR SELECT TO kontor_worker USING (((person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY identity_taken ON public.identity FOR DELETE TO kontor_worker USING ((person = ( SELECT public.actor_person() AS actor_person)));

CREATE POLICY identity_used ON public.identity FOR UPDATE TO kontor_worker USING (( SELECT public.actor_is_server() AS actor_is_server));

ALTER TABLE public.invitation ENABLE ROW LEVEL SECURITY;

CREATE POLICY invitation_owners ON public.invitation TO kontor_worker USING ((( SELECT public.actor_administers() AS actor_administers) OR (organisation = ANY (( SELECT public.actor_owns() AS actor_owns)::uuid[]))));

ALTER TABLE public.mail_address ENABLE ROW LEVEL SECURITY;

CREATE POLICY mail_address_own ON public.mail_address TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person))));

ALTER TABLE public.notice ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.notice_choice ENABLE ROW LEVEL SECURITY;

CREATE POLICY notice_choice_own ON public.notice_choice TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person))));

ALTER TABLE public.notice_cursor ENABLE ROW LEVEL SECURITY;

CREATE POLICY notice_cursor_server ON public.notice_cursor TO kontor_worker USING (( SELECT public.actor_is_server() AS actor_is_server));

ALTER TABLE public.notice_event ENABLE ROW LEVEL SECURITY;

CREATE POLICY notice_event_delivered ON public.notice_event FOR SELECT TO kontor_worker USING ((EXISTS ( SELECT
   FROM public.delivery d
  WHERE ((d.event = notice_event.id) AND (d.organisation = ANY (( SELECT public.actor_owns() AS actor_owns)::uuid[])))
 OFFSET 0)));

CREATE POLICY notice_event_seen ON public.notice_event FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (EXISTS ( SELECT
   FROM public.notice n
  WHERE ((n.event = notice_event.id) AND (n.person = ( SELECT public.actor_person() AS actor_person)))
 OFFSET 0))));

CREATE POLICY notice_event_swept ON public.notice_event FOR DELETE TO kontor_worker USING (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY notice_event_told ON public.notice_event FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY notice_read ON public.notice FOR UPDATE TO kontor_worker USING ((person = ( SELECT public.actor_person() AS actor_person)));

CREATE POLICY notice_seen ON public.notice FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person))));

CREATE POLICY notice_told ON public.notice FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_is_server() AS actor_is_server));

ALTER TABLE public.officer_key ENABLE ROW LEVEL SECURITY;

CREATE POLICY officer_key_changed ON public.officer_key FOR UPDATE TO kontor_worker USING (((person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY officer_key_made ON public.officer_key FOR INSERT TO kontor_worker WITH CHECK (((person = ( SELECT public.actor_person() AS actor_person)) AND (( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role) OR ( SELECT public.actor_administers() AS actor_administers))));

CREATE POLICY officer_key_seen ON public.officer_key FOR SELECT TO kontor_worker USING (((person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_sees_all() AS actor_sees_all)));

ALTER TABLE public.order_signature ENABLE ROW LEVEL SECURITY;

CREATE POLICY order_signature_made ON public.order_signature FOR INSERT TO kontor_worker WITH CHECK (((person = ( SELECT public.actor_person() AS actor_person)) AND (( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role) OR ( SELECT public.actor_administers() AS actor_administers))));

CREATE POLICY order_signature_seen ON public.order_signature FOR SELECT TO kontor_worker USING (( SELECT public.actor_sees_all() AS actor_sees_all));

ALTER TABLE public.organisation ENABLE ROW LEVEL SECURITY;

CREATE POLICY organisation_all ON public.organisation TO kontor_writer USING (true);

CREATE POLICY organisation_changed ON public.organisation FOR UPDATE TO kontor_worker USING (( SELECT public.actor_administers() AS actor_administers));

CREATE POLICY organisation_made ON public.organisation FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_administers() AS actor_administers));

CREATE POLICY organisation_seen ON public.organisation FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (id = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[]))));

ALTER TABLE public.passkey ENABLE ROW LEVEL SECURITY;

CREATE POLICY passkey_changed ON public.passkey FOR UPDATE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person))));

CREATE POLICY passkey_made ON public.passkey FOR INSERT TO kontor_worker WITH CHECK ((person = ( SELECT public.actor_person() AS actor_person)));

CREATE POLICY passkey_seen ON public.passkey FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

ALTER TABLE public.passkey_spent ENABLE ROW LEVEL SECURITY;

CREATE POLICY passkey_spent_server ON public.passkey_spent TO kontor_worker USING (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY passkey_taken ON public.passkey FOR DELETE TO kontor_worker USING (((person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

ALTER TABLE public.person ENABLE ROW LEVEL SECURITY;

CREATE POLICY person_changed ON public.person FOR UPDATE TO kontor_worker USING ((( SELECT public.actor_administers() AS actor_administers) OR (id = ( SELECT public.actor_person() AS actor_person))));

ALTER TABLE public.person_language ENABLE ROW LEVEL SECURITY;

CREATE POLICY person_language_own ON public.person_language TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person))));

CREATE POLICY person_made ON public.person FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_administers() AS actor_administers));

CREATE POLICY person_of_email ON public.person FOR SELECT TO kontor_owner USING (public.actor_is_server());

CREATE POLICY person_seen ON public.person FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (id = ( SELECT public.actor_person() AS actor_person)) OR (EXISTS ( SELECT
   FROM public.role r
  WHERE ((r.person = person.id) AND (r.organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])))
 OFFSET 0)) OR (EXISTS ( SELECT
   FROM public.request q
  WHERE (q.created_by = person.id)
 OFFSET 0))));

ALTER TABLE public.quorum ENABLE ROW LEVEL SECURITY;

CREATE POLICY quorum_made ON public.quorum FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY quorum_seen ON public.quorum FOR SELECT TO kontor_worker USING (true);

CREATE POLICY quorum_swept ON public.quorum FOR DELETE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) AND (NOT public.checkpoint_is_needed(size))));

ALTER TABLE public.quote ENABLE ROW LEVEL SECURITY;

CREATE POLICY quote_all ON public.quote TO kontor_writer USING (true);

ALTER TABLE public.quote_answer ENABLE ROW LEVEL SECURITY;

CREATE POLICY quote_answer_all ON public.quote_answer TO kontor_writer USING (true);

CREATE POLICY quote_answer_seen ON public.quote_answer FOR SELECT TO kontor_worker USING ((EXISTS ( SELECT
   FROM public.quote q
  WHERE (q.id = quote_answer.id)
 OFFSET 0)));

CREATE POLICY quote_seen ON public.quote FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (org = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[]))));

ALTER TABLE public.recovery_code ENABLE ROW LEVEL SECURITY;

CREATE POLICY recovery_code_made ON public.recovery_code FOR INSERT TO kontor_worker WITH CHECK ((person = ( SELECT public.actor_person() AS actor_person)));

CREATE POLICY recovery_code_seen ON public.recovery_code FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY recovery_code_taken ON public.recovery_code FOR DELETE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

ALTER TABLE public.refusal ENABLE ROW LEVEL SECURITY;

CREATE POLICY refusal_made ON public.refusal FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY refusal_seen ON public.refusal FOR SELECT TO kontor_worker USING (true);

ALTER TABLE public.report ENABLE ROW LEVEL SECURITY;

CREATE POLICY report_all ON public.report TO kontor_writer USING (true);

CREATE POLICY report_seen ON public.report FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[])) OR ((jti IS NOT NULL) AND (EXISTS ( SELECT
   FROM public.reservation r
  WHERE ((r.id = report.jti) AND (r.site = report.site))
 OFFSET 0)))));

ALTER TABLE public.request ENABLE ROW LEVEL SECURITY;

CREATE POLICY request_made ON public.request FOR INSERT TO kontor_worker WITH CHECK ((organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])));

CREATE POLICY request_seen ON public.request FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[]))));

ALTER TABLE public.reservation ENABLE ROW LEVEL SECURITY;

CREATE POLICY reservation_all ON public.reservation TO kontor_writer USING (true);

CREATE POLICY reservation_seen ON public.reservation FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (org = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])) OR (site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[]))));

ALTER TABLE public.right_change ENABLE ROW LEVEL SECURITY;

CREATE POLICY right_change_seen ON public.right_change FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (person = ( SELECT public.actor_person() AS actor_person)) OR (organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[]))));

CREATE POLICY right_change_told ON public.right_change FOR INSERT TO kontor_worker WITH CHECK ((( SELECT public.actor_is_server() AS actor_is_server) OR (by_person = ( SELECT public.actor_person() AS actor_person))));

ALTER TABLE public.role ENABLE ROW LEVEL SECURITY;

CREATE POLICY role_changed ON public.role FOR UPDATE TO kontor_worker USING (( SELECT public.actor_administers() AS actor_administers));

CREATE POLICY role_given ON public.role FOR INSERT TO kontor_worker WITH CHECK ((( SELECT public.actor_administers() AS actor_administers) OR ((role = ANY (ARRAY[1, 2])) AND (organisation = ANY (( SELECT public.actor_owns() AS actor_owns)::uuid[])))));

CREATE POLICY role_seen ON public.role FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (person = ( SELECT public.actor_person() AS actor_person)) OR (organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[]))));

CREATE POLICY role_taken ON public.role FOR DELETE TO kontor_worker USING ((( SELECT public.actor_administers() AS actor_administers) OR ((role = ANY (ARRAY[1, 2])) AND ((organisation = ANY (( SELECT public.actor_owns() AS actor_owns)::uuid[])) OR (person = ( SELECT public.actor_person() AS actor_person))))));

ALTER TABLE public.sealed_secrets ENABLE ROW LEVEL SECURITY;

CREATE POLICY sealed_secrets_again ON public.sealed_secrets FOR UPDATE TO kontor_worker USING ((organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])));

CREATE POLICY sealed_secrets_brought ON public.sealed_secrets FOR INSERT TO kontor_worker WITH CHECK ((organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])));

CREATE POLICY sealed_secrets_seen ON public.sealed_secrets FOR SELECT TO kontor_worker USING (((organisation = ANY (( SELECT public.actor_organisations() AS actor_organisations)::uuid[])) OR (EXISTS ( SELECT
   FROM public.reservation r
  WHERE ((r.secrets = sealed_secrets.sha256) AND (r.site = ( SELECT public.actor_agent() AS actor_agent)))
 OFFSET 0)) OR (( SELECT public.actor_is_server() AS actor_is_server) AND public.secrets_are_over(sha256))));

CREATE POLICY sealed_secrets_swept ON public.sealed_secrets FOR DELETE TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) AND public.secrets_are_over(sha256)));

ALTER TABLE public.second_step ENABLE ROW LEVEL SECURITY;

CREATE POLICY second_step_made ON public.second_step FOR INSERT TO kontor_worker WITH CHECK ((person = ( SELECT public.actor_person() AS actor_person)));

CREATE POLICY second_step_seen ON public.second_step FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY second_step_taken ON public.second_step FOR DELETE TO kontor_worker USING (((person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

ALTER TABLE public.security_event ENABLE ROW LEVEL SECURITY;

CREATE POLICY security_event_seen ON public.security_event FOR SELECT TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY security_event_swept ON public.security_event FOR DELETE TO kontor_worker USING (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY security_event_told ON public.security_event FOR INSERT TO kontor_worker WITH CHECK ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

ALTER TABLE public.session ENABLE ROW LEVEL SECURITY;

CREATE POLICY session_own ON public.session TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (person = ( SELECT public.actor_person() AS actor_person)) OR ( SELECT public.actor_administers() AS actor_administers)));

ALTER TABLE public.signed_order ENABLE ROW LEVEL SECURITY;

CREATE POLICY signed_order_changed ON public.signed_order FOR UPDATE TO kontor_worker USING ((( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY signed_order_made ON public.signed_order FOR INSERT TO kontor_worker WITH CHECK ((( SELECT public.actor_has_role((3)::smallint, (3)::smallint) AS actor_has_role) OR ( SELECT public.actor_administers() AS actor_administers)));

CREATE POLICY signed_order_seen ON public.signed_order FOR SELECT TO kontor_worker USING (( SELECT public.actor_sees_all() AS actor_sees_all));

ALTER TABLE public.site_status ENABLE ROW LEVEL SECURITY;

CREATE POLICY site_status_all ON public.site_status TO kontor_writer USING (true);

ALTER TABLE public.ticket ENABLE ROW LEVEL SECURITY;

CREATE POLICY ticket_all ON public.ticket TO kontor_writer USING (true);

CREATE POLICY ticket_seen ON public.ticket FOR SELECT TO kontor_worker USING ((( SELECT public.actor_sees_all() AS actor_sees_all) OR (site = ANY (( SELECT public.actor_sites() AS actor_sites)::bigint[])) OR (EXISTS ( SELECT
   FROM public.reservation r
  WHERE (r.id = ticket.reservation)
 OFFSET 0))));

ALTER TABLE public.webhook ENABLE ROW LEVEL SECURITY;

CREATE POLICY webhook_owners ON public.webhook TO kontor_worker USING ((( SELECT public.actor_is_server() AS actor_is_server) OR (organisation = ANY (( SELECT public.actor_owns() AS actor_owns)::uuid[]))));

ALTER TABLE public.witness ENABLE ROW LEVEL SECURITY;

CREATE POLICY witness_made ON public.witness FOR INSERT TO kontor_worker WITH CHECK (( SELECT public.actor_is_server() AS actor_is_server));

CREATE POLICY witness_seen ON public.witness FOR SELECT TO kontor_worker USING (true);

GRANT ALL ON SCHEMA public TO kontor_owner;

REVOKE ALL ON FUNCTION public.actor_has_role(lowest smallint, highest smallint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.actor_has_role(lowest smallint, highest smallint) TO kontor_worker;

REVOKE ALL ON FUNCTION public.actor_organisations() FROM PUBLIC;
GRANT ALL ON FUNCTION public.actor_organisations() TO kontor_worker;

REVOKE ALL ON FUNCTION public.actor_owns() FROM PUBLIC;
GRANT ALL ON FUNCTION public.actor_owns() TO kontor_worker;

REVOKE ALL ON FUNCTION public.actor_sites() FROM PUBLIC;
GRANT ALL ON FUNCTION public.actor_sites() TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.request TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.reservation TO kontor_writer;
GRANT SELECT ON TABLE public.reservation TO kontor_worker;

REVOKE ALL ON FUNCTION public.blob_renew(digest bytea, at_ms bigint, young_ms bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.blob_renew(digest bytea, at_ms bigint, young_ms bigint) TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.checkpoint TO kontor_worker;
GRANT SELECT ON TABLE public.checkpoint TO kontor_writer;

GRANT UPDATE(seal) ON TABLE public.checkpoint TO kontor_writer;

GRANT SELECT,INSERT,DELETE ON TABLE public.cosignature TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.quorum TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.refusal TO kontor_worker;

REVOKE ALL ON FUNCTION public.entry_page(before bigint, of_kind bigint, most bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.entry_page(before bigint, of_kind bigint, most bigint) TO kontor_worker;

REVOKE ALL ON FUNCTION public.entry_page_of(account bigint, before bigint, of_kind bigint, most bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.entry_page_of(account bigint, before bigint, of_kind bigint, most bigint) TO kontor_worker;

REVOKE ALL ON FUNCTION public.entry_page_of_dispute(hold bigint, settled bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.entry_page_of_dispute(hold bigint, settled bigint) TO kontor_worker;

REVOKE ALL ON FUNCTION public.notice_is_mine(notice bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.notice_is_mine(notice bytea) TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.person TO kontor_worker;

REVOKE ALL ON FUNCTION public.person_of_email(text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.person_of_email(text) TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.account TO kontor_writer;
GRANT SELECT ON TABLE public.account TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.account_name TO kontor_worker;
GRANT SELECT ON TABLE public.account_name TO kontor_writer;

GRANT SELECT ON TABLE public.account_side TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.agent_contact TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.aid TO kontor_worker;

GRANT UPDATE(account) ON TABLE public.aid TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.aid_declaration TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.aid_link TO kontor_worker;

GRANT UPDATE(ended_ms) ON TABLE public.aid_link TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.aid_rule TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.answer TO kontor_writer;

GRANT SELECT,INSERT,DELETE ON TABLE public.api_token TO kontor_worker;

GRANT UPDATE(used_ms) ON TABLE public.api_token TO kontor_worker;

GRANT UPDATE(used_from) ON TABLE public.api_token TO kontor_worker;

GRANT UPDATE(ended_ms) ON TABLE public.api_token TO kontor_worker;

GRANT SELECT ON TABLE public.assertion TO kontor_worker;
GRANT SELECT,INSERT ON TABLE public.assertion TO kontor_writer;

GRANT SELECT,INSERT,DELETE ON TABLE public.blob TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.call_answer TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.capacity TO kontor_writer;
GRANT SELECT ON TABLE public.capacity TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.delivery TO kontor_worker;

GRANT UPDATE(state) ON TABLE public.delivery TO kontor_worker;

GRANT UPDATE(tries) ON TABLE public.delivery TO kontor_worker;

GRANT UPDATE(since_ms) ON TABLE public.delivery TO kontor_worker;

GRANT UPDATE(next_ms) ON TABLE public.delivery TO kontor_worker;

GRANT UPDATE(done_ms) ON TABLE public.delivery TO kontor_worker;

GRANT UPDATE(status) ON TABLE public.delivery TO kontor_worker;

GRANT UPDATE(why) ON TABLE public.delivery TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.enrol_token TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.entry TO kontor_writer;
GRANT SELECT ON TABLE public.entry TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.evidence TO kontor_worker;
GRANT SELECT ON TABLE public.evidence TO kontor_writer;

GRANT UPDATE(salt) ON TABLE public.evidence TO kontor_worker;

GRANT UPDATE(text) ON TABLE public.evidence TO kontor_worker;

GRANT UPDATE(people) ON TABLE public.evidence TO kontor_worker;

GRANT UPDATE(erased_ms) ON TABLE public.evidence TO kontor_worker;

GRANT UPDATE(erasure) ON TABLE public.evidence TO kontor_worker;

GRANT UPDATE(seal) ON TABLE public.evidence TO kontor_writer;
GRANT UPDATE(seal) ON TABLE public.evidence TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.guide TO kontor_worker;

GRANT SELECT,UPDATE ON TABLE public.head TO kontor_writer;
GRANT SELECT ON TABLE public.head TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.identity TO kontor_worker;

GRANT UPDATE(name) ON TABLE public.identity TO kontor_worker;

GRANT UPDATE(email) ON TABLE public.identity TO kontor_worker;

GRANT UPDATE(used_ms) ON TABLE public.identity TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.invitation TO kontor_worker;

GRANT UPDATE(ended_ms) ON TABLE public.invitation TO kontor_worker;

GRANT UPDATE(used_by) ON TABLE public.invitation TO kontor_worker;

GRANT SELECT,UPDATE ON TABLE public.leader TO kontor_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.mail_address TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.notice TO kontor_worker;

GRANT UPDATE(read_ms) ON TABLE public.notice TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.notice_choice TO kontor_worker;

GRANT SELECT,UPDATE ON TABLE public.notice_cursor TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.notice_event TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.officer_key TO kontor_worker;

GRANT UPDATE(confirmed_ms) ON TABLE public.officer_key TO kontor_worker;

GRANT UPDATE(confirmed_by) ON TABLE public.officer_key TO kontor_worker;

GRANT UPDATE(ended_ms) ON TABLE public.officer_key TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.order_signature TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.organisation TO kontor_worker;
GRANT SELECT ON TABLE public.organisation TO kontor_writer;

GRANT SELECT,INSERT,DELETE ON TABLE public.passkey TO kontor_worker;

GRANT UPDATE(name) ON TABLE public.passkey TO kontor_worker;

GRANT UPDATE(sign_count) ON TABLE public.passkey TO kontor_worker;

GRANT UPDATE(backed_up) ON TABLE public.passkey TO kontor_worker;

GRANT UPDATE(used_ms) ON TABLE public.passkey TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.passkey_spent TO kontor_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.person_language TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.quote TO kontor_writer;
GRANT SELECT ON TABLE public.quote TO kontor_worker;

GRANT UPDATE(expires_ms) ON TABLE public.quote TO kontor_writer;

GRANT UPDATE(state) ON TABLE public.quote TO kontor_writer;

GRANT UPDATE(renewed) ON TABLE public.quote TO kontor_writer;

GRANT UPDATE(ended_ms) ON TABLE public.quote TO kontor_writer;

GRANT SELECT,INSERT ON TABLE public.quote_answer TO kontor_writer;
GRANT SELECT ON TABLE public.quote_answer TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.recovery_code TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.report TO kontor_writer;
GRANT SELECT ON TABLE public.report TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.right_change TO kontor_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.role TO kontor_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.sealed_secrets TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.second_step TO kontor_worker;

GRANT SELECT,INSERT,DELETE ON TABLE public.security_event TO kontor_worker;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.session TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.signed_order TO kontor_worker;

GRANT UPDATE(state) ON TABLE public.signed_order TO kontor_worker;

GRANT UPDATE(tries) ON TABLE public.signed_order TO kontor_worker;

GRANT UPDATE(ended_ms) ON TABLE public.signed_order TO kontor_worker;

GRANT UPDATE(ended_by) ON TABLE public.signed_order TO kontor_worker;

GRANT UPDATE(reason) ON TABLE public.signed_order TO kontor_worker;

GRANT UPDATE(journal_entry) ON TABLE public.signed_order TO kontor_worker;

GRANT SELECT,INSERT,UPDATE ON TABLE public.site_status TO kontor_writer;

GRANT SELECT,INSERT ON TABLE public.ticket TO kontor_writer;
GRANT SELECT ON TABLE public.ticket TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.tile TO kontor_writer;
GRANT SELECT ON TABLE public.tile TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.webhook TO kontor_worker;

GRANT UPDATE(ended_ms) ON TABLE public.webhook TO kontor_worker;

GRANT SELECT,INSERT ON TABLE public.witness TO kontor_worker;

