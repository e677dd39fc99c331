/* tests/sim/forge.c
 * A site that lies: with its own key, in its own instance, it reports what is not so, of a number that its agent has not
 * used yet or has. What it says of a ticket may be believed or come before a person; it must break nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "market/index.h"
#include "market/market_internal.h"
#include "world_sim.h"

static struct uuid forged[64];
static size_t forged_n;

void
forge_begin(void)
{
    forged_n = 0;
}

bool
forge_has(struct uuid jti)
{
    for (size_t i = 0; i < forged_n && i < 64; i++)
        if (uuid_equal(forged[i], jti))
            return true;
    return forged_n > 64;
}

static const struct reservation *
some_reservation(uint64_t site)
{
    const struct pgtable *t = pg_table("reservation");
    const struct reservation *found = NULL;
    uint64_t seen = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct reservation *r = t->rows[i]->object;

        if (r->site == site && (!ticket_state_is_end(r->state) || draw(4) == 0) && draw(++seen) == 0)
            found = r;
    }
    return found;
}

static struct report
lie(const struct reservation *r, const struct site_state *site, int64_t now_ms)
{
    static const uint16_t REASONS[] = { REASON_JOB, REASON_SITE, REASON_OTHER };
    struct report f = {
        .site = site->site, .number = site->last_report + 1, .instance = site->instance,
        .kind = (uint16_t)(REPORT_ACCEPTED + draw(REPORT_INVENTORY - REPORT_ACCEPTED)), .jti = r->jti, .fence = r->fence,
        .time_ms = now_ms, .reason = REASONS[draw(3)],
    };

    if (draw(12) == 0)
        f.fence++;
    if (draw(12) == 0)
        f.time_ms += draw_span(1, 90000000);
    if (draw(8) == 0 && f.number > 1)
        f.number -= 1 + draw(f.number - 1 < 3 ? f.number - 1 : 3);
    if (f.kind < REPORT_STARTED || (f.kind > REPORT_FINISHED && draw(3) == 0))
        return f;
    f.started_ms = r->started_ms != 0 ? r->started_ms : r->permit_ms != 0 ? r->permit_ms : now_ms;
    if (f.kind == REPORT_USAGE && draw(3) == 0) /* a day has passed, it says */
        f.time_ms = f.started_ms + 90000000 > now_ms ? now_ms : f.started_ms + 90000000;
    if (f.kind > REPORT_USAGE)
        f.ended_ms = f.time_ms > f.started_ms ? f.time_ms : f.started_ms;
    if (f.kind >= REPORT_USAGE && f.time_ms > f.started_ms)
        f.gpu_seconds = draw((uint64_t)(f.time_ms - f.started_ms) / 1000 * r->gpus + 2);
    if (f.kind >= REPORT_USAGE && draw(2) == 0) { /* what it has said before, once more, and otherwise named */
        f.ended_ms = f.kind > REPORT_USAGE && r->ended_ms != 0 ? r->ended_ms : f.ended_ms;
        f.gpu_seconds = r->reported_gpu_seconds;
    }
    return f;
}

static char *
token_of(const struct seat *s, const struct server *to, uint64_t instance)
{
    struct json_out o = { 0 };
    char kid[24], *token, *bearer;
    int64_t now_s = real_now_ms() / 1000;

    (void)to;
    text_format(kid, sizeof kid, "%llu", (unsigned long long)s->key_index);
    json_open(&o, NULL);
    json_text(&o, "iss", s->agent.who.site);
    json_text(&o, "aud", s->agent.who.origin);
    json_i64(&o, "iat", now_s);
    json_i64(&o, "exp", now_s + 30);
    json_text(&o, "jti", "forged");
    json_i64(&o, "ins", (int64_t)instance);
    json_shut(&o);
    token = jws_make(&s->key, JWS_TYP_AGENT, kid, BYTES(o.text, o.len));
    bearer = xcalloc(1, strlen(token) + 8);
    memcpy(bearer, "Bearer ", 7);
    memcpy(bearer + 7, token, strlen(token));
    json_out_free(&o);
    free(token);
    return bearer;
}

void
forge_report(struct seat *s)
{
    struct server *l = server_in_office();
    const struct reservation *r = some_reservation(base.w->site[s->site]);
    uint8_t statement[REPORT_STATEMENT_LEN], signature[SIGN_LEN];
    struct message *m = xcalloc(1, sizeof *m);
    struct json_out o = { 0 };
    const struct site_state *site;
    struct report f;
    struct scope scope;

    if (l == NULL || r == NULL || s->agent.who.site[0] == '\0' || l->proc.frozen_until > sim.now)
        return;
    scope = scope_enter(&l->proc, NULL);
    site = index_site(l->market->state, r->site);
    f = lie(r, site, clock_now(&l->api.clock));
    report_statement(&f, base.genesis, statement);
    sign_make(&s->key, BYTES(statement, sizeof statement), signature);
    json_open(&o, NULL);
    json_base64(&o, "statement", BYTES(statement, sizeof statement));
    json_base64(&o, "signature", BYTES(signature, sizeof signature));
    json_shut(&o);
    *m = (struct message){ .seat = s, .life = s->proc.life, .lane = WIRE_REPORT, .has_instance = true };
    text_format(m->path, sizeof m->path, "/v1/agent/reports");
    text_format(m->instance, sizeof m->instance, "%llu", (unsigned long long)f.instance);
    m->token = token_of(s, l, f.instance);
    m->body = o.text;
    m->body_len = o.len;
    scope_leave(scope);
    forged[forged_n++ % 64] = f.jti;
    note("forged", f.kind, f.jti.b[15]);
    edge_take(l, m);
}
