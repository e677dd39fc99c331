/* api/guide.c: the first steps of each role that a person has: which of them are done, and that they are not to be shown any more. What
 * the server knows is asked each time; what is done by looking is kept with the person. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "api/orders.h"
#include "market/index.h"
#include "store/guides.h"
#include "store/second.h"

static const char *const WORDS[] = { "startup", "officer", "auditor", "site", "admin", NULL }; /* from GUIDE_STARTUP */

/* What one does with them: end, begin again, or look at what a step is about; a step's bit is its place less LOOKS. */
enum deed { END, AGAIN, LOOKS, CREDITS = LOOKS, ATTENTION, JOURNAL, VERIFY, REPORT, PLACE, MAINTENANCE };
static const char *const DEEDS[] = { "end", "again", "credits", "attention", "journal", "verify", "report", "place", "maintenance", NULL };

struct steps {
    struct call *call;
    const struct state *s; /* under its lock */
    const struct guide_state *of;
    bool second; /* one has a second step */
};

static bool
has_guide(const struct actor *a, enum guide guide)
{
    static const unsigned ROLES[] = { [GUIDE_OFFICER] = ROLE_OFFICER, [GUIDE_AUDITOR] = ROLE_AUDITOR, [GUIDE_ADMIN] = ROLE_ADMINISTRATOR };

    if (a->kind != ACTOR_PERSON)
        return false;
    if (guide == GUIDE_STARTUP)
        return a->orgs_n > 0;
    return guide == GUIDE_SITE ? a->sites_n > 0 : (a->programme_roles & ROLES[guide]) != 0;
}

enum err
guides_open_json(struct call *call, const char *member)
{
    struct guide_state of[GUIDES];
    enum err err = guides_of(call->db, call->actor.person, of);

    json_open_array(&call->out, member);
    for (int g = GUIDE_STARTUP; !err && g < GUIDES; g++)
        if (has_guide(&call->actor, (enum guide)g) && !of[g].ended)
            json_text(&call->out, NULL, WORDS[g - GUIDE_STARTUP]);
    json_shut_array(&call->out);
    return err;
}

static void
step(const struct steps *p, const char *name, bool done)
{
    if (done)
        json_text(&p->call->out, NULL, name);
}

static void
looked(const struct steps *p, enum deed deed)
{
    step(p, DEEDS[deed], ((p->of->seen >> (deed - LOOKS)) & 1) != 0);
}

static bool
has_account(const struct state *s, enum account_class class)
{
    const struct account *a;

    for (size_t it = 0; (a = ledger_next_account(s->ledger, &it)) != NULL;)
        if (a->class == class)
            return true;
    return false;
}

static bool
has_officer_key(const struct state *s, int64_t now_ms)
{
    const struct key *k;

    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_OFFICER && key_in_force(k, ledger_size(s->ledger), now_ms))
            return true;
    return false;
}

static bool
has_agent(const struct steps *p)
{
    const struct site *site;

    for (size_t it = 0; (site = ledger_next_site(p->s->ledger, &it)) != NULL;)
        if (directory_contact(p->call->api->directory, site->index) != 0)
            return true;
    return false;
}

static void
officer_steps(const struct steps *p)
{
    step(p, "key", officer_key_in_force(p->s, p->call->actor.person, p->call->now_ms) != NULL);
    step(p, "fund", has_account(p->s, ACCOUNT_FUND));
    step(p, "grant", has_account(p->s, ACCOUNT_GRANT));
    looked(p, ATTENTION);
}

static void
auditor_steps(const struct steps *p)
{
    looked(p, JOURNAL);
    looked(p, VERIFY);
    looked(p, REPORT);
}

static void
admin_steps(const struct steps *p)
{
    step(p, "agent", has_agent(p));
    step(p, "keys", has_officer_key(p->s, p->call->now_ms));
    step(p, "rule", ledger_order_rule(p->s->ledger, p->call->now_ms).policy != NO_INDEX);
    step(p, "mail", p->call->api->mail_server[0] != '\0');
}

static void
site_steps(const struct steps *p, uint64_t site)
{
    const struct site_state *ss = index_site(p->s, site);

    step(p, "agent", directory_contact(p->call->api->directory, site) != 0);
    looked(p, PLACE);
    looked(p, MAINTENANCE);
    step(p, "ticket", ss && ss->confirmed_seq > 0);
}

static void
startup_steps(const struct steps *p, const struct guide_startup *done)
{
    looked(p, CREDITS);
    step(p, "ask", done->asked);
    step(p, "accept", done->reserved);
    step(p, "colleague", done->colleagues);
}

/* One guide, up to its steps; organisation, site: of the seat that it is about. */
static void
open_guide(struct steps *p, enum guide guide, const struct uuid *organisation, const struct site *site)
{
    struct json_out *out = &p->call->out;
    char code[17] = "";

    json_open(out, NULL);
    json_text(out, "guide", WORDS[guide - GUIDE_STARTUP]);
    if (organisation)
        json_uuid(out, "organisation", *organisation);
    else
        json_none(out, "organisation");
    if (site)
        snprintf(code, sizeof code, "%.16s", site->entry.u.site.code);
    json_text(out, "site", site ? code : NULL);
    json_bool(out, "ended", p->of->ended);
    json_open_array(out, "done");
    step(p, "second", p->second);
}

static void
shut_guide(struct steps *p)
{
    json_shut_array(&p->call->out);
    json_shut(&p->call->out);
}

static void
guides_json(struct steps *p, const struct guide_state of[GUIDES], const struct guide_startup *startups)
{
    static void (*const STEPS[GUIDES])(const struct steps *) = { [GUIDE_OFFICER] = officer_steps, [GUIDE_AUDITOR] = auditor_steps, [GUIDE_ADMIN] = admin_steps };
    const struct actor *a = &p->call->actor;

    for (int g = GUIDE_STARTUP; g < GUIDES; g++) {
        p->of = &of[g];
        for (size_t i = 0; g == GUIDE_STARTUP && i < a->orgs_n; i++) {
            open_guide(p, GUIDE_STARTUP, &a->orgs[i].id, NULL);
            startup_steps(p, &startups[i]);
            shut_guide(p);
        }
        for (size_t i = 0; g == GUIDE_SITE && i < a->sites_n; i++) {
            open_guide(p, GUIDE_SITE, NULL, ledger_site(p->s->ledger, a->sites[i]));
            site_steps(p, a->sites[i]);
            shut_guide(p);
        }
        if (STEPS[g] && has_guide(a, (enum guide)g)) {
            open_guide(p, (enum guide)g, NULL, NULL);
            STEPS[g](p);
            shut_guide(p);
        }
    }
}

/* GET /v1/me/guides: each role's, for each organisation and site that one has it for. */
void
me_guides(struct call *call)
{
    const struct actor *a = &call->actor;
    struct guide_startup *startups = arena_alloc(call->arena, (a->orgs_n + 1) * sizeof *startups);
    struct guide_state of[GUIDES];
    struct second second = { .demanded = false };
    struct steps p = { .call = call };
    enum err err = guides_of(call->db, a->person, of);

    if (!err)
        err = second_of(call->db, a->person, &second);
    for (size_t i = 0; !err && i < a->orgs_n; i++)
        err = guides_startup(call->db, a->orgs[i].id, a->person, &startups[i]);
    if (!err)
        p.s = market_read_lock(call->api->market);
    if (err || !p.s) {
        call_fail(call, err ? err : ERR_NOT_LEADER);
        return;
    }
    p.second = second.demanded;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    if (a->kind == ACTOR_PERSON)
        guides_json(&p, of, startups);
    json_shut_array(&call->out);
    json_shut(&call->out);
    market_read_unlock(call->api->market);
    call_end(call, OK, 200);
}

/* POST /v1/me/guides: one has looked, has had enough, or wants to be led again. */
void
me_guides_do(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    enum guide guide = (enum guide)(json_in_choice(&in, "guide", WORDS) + GUIDE_STARTUP);
    int deed = json_in_choice(&in, "deed", DEEDS);
    enum err err = json_in_close(&in);

    if (!err && call->actor.kind != ACTOR_PERSON)
        err = ERR_FORBIDDEN;
    if (!err && deed >= LOOKS)
        err = guides_see(call->db, call->actor.person, guide, INT64_C(1) << (deed - LOOKS));
    else if (!err)
        err = guides_end(call->db, call->actor.person, guide, deed == END);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}
