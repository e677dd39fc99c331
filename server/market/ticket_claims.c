/* market/ticket_claims.c */
#include "market/ticket_claims.h"

#include <assert.h>
#include <stdio.h>

#include "core/needs.h"
#include "market/timing.h"

/* What every ticket says: from whom, for whom, which, and what to do. */
static void
claims_head(const struct state *s, const struct reservation *r, uint64_t seq, const char *what, int64_t now_ms,
            struct json_out *out)
{
    const struct site *site = ledger_site(s->ledger, r->site);
    int64_t now_s = timing_real_s(s, now_ms);
    int64_t end_s = timing_real_s(s, r->window_end_ms) + TICKET_LIFE_MS / 1000;

    assert(site != NULL);
    json_open(out, NULL);
    json_text(out, "iss", s->origin);
    json_text(out, "aud", site->entry.u.site.code);
    json_uuid(out, "jti", r->jti);
    json_i64(out, "iat", now_s);
    json_i64(out, "nbf", now_s);
    json_i64(out, "exp", end_s);
    json_i64(out, "seq", (int64_t)seq);
    json_i64(out, "fence", (int64_t)r->fence);
    json_text(out, "do", what);
    json_uuid(out, "request", r->request);
    json_uuid(out, "reservation", r->id);
    json_uuid(out, "organisation", r->org);
}

void
ticket_claims_run(const struct state *s, const struct reservation *r, int64_t now_ms, struct json_out *out)
{
    const struct offering *offering = ledger_offering(s->ledger, r->offering);
    char most[24];

    assert(offering != NULL);
    claims_head(s, r, r->seq, "run", now_ms, out);
    json_i64(out, "offering", (int64_t)r->offering);
    json_text(out, "model", offering->entry.u.offering.model);
    json_i64(out, "gpus", r->gpus);
    json_i64(out, "nodes", r->nodes);
    json_open_array(out, "window");
    json_i64(out, NULL, r->window_start_ms);
    json_i64(out, NULL, r->window_end_ms);
    json_shut_array(out);
    json_i64(out, "permit_from", r->permit_from_ms);
    json_i64(out, "accept_by", r->accept_by_ms);
    json_i64(out, "start_by", r->start_by_ms);
    json_i64(out, "walltime_s", r->walltime_s);
    json_i64(out, "rate_milli", r->rate_milli);
    snprintf(most, sizeof most, "%lld", (long long)r->cost_gpums);
    json_text(out, "max_gpums", most);
    json_open(out, "workload");
    json_hex(out, "sha256", BYTES(r->workload.b, sizeof r->workload.b));
    json_i64(out, "len", r->workload_len);
    json_shut(out);
    json_i64(out, "hold", (int64_t)r->hold);
    if (r->needs != 0) /* an agent that takes nothing of it knows nothing of the member */
        needs_json(out, "needs", r->needs);
    if (!hash_equal(r->secrets, (struct hash){ { 0 } }))
        json_hex(out, "secrets", BYTES(r->secrets.b, sizeof r->secrets.b));
    json_shut(out);
}

void
ticket_claims_cancel(const struct state *s, const struct reservation *r, int64_t now_ms, struct json_out *out)
{
    claims_head(s, r, r->cancel_seq, "cancel", now_ms, out);
    json_shut(out);
}
