/* api/metrics_witnesses.c
 * What an operator must know of the journal's witnesses: what they refuse, how far behind they are, whether what is signed
 * has its quorum. It is in the database, which a reader of figures does not wait for: a scrape gives what a worker has
 * found after the scrape before, and asks for it to be found anew. While there is no state there is nothing.
 * Times are of the market's clock. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/internal.h"
#include "api/log_keys.h"
#include "core/witness.h"
#include "market/cosigning.h"
#include "market/index.h"
#include "market/notary.h"

enum { AGAIN_MS = 1000 };

struct witness_figures {
    struct api *api;
    pthread_mutex_t lock; /* text */
    char *text;           /* NULL: nothing is known */
    atomic_bool asked;
    atomic_int_fast64_t next_ms; /* monotonic: not before */
};

/* What a worker has gathered. */
struct watch_figures {
    const struct quorum *quorum;
    struct checkpoint_row newest, shown;
    struct witness_seen *seen;
    struct refusal_row *refused;
    bool *proven; /* of each: the log has signed what was refused */
    size_t seen_n, refused_n;
    int64_t now_ms;
};

struct witness_figures *
witness_figures_new(struct api *api)
{
    struct witness_figures *f = xcalloc(1, sizeof *f);

    f->api = api;
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void
witness_figures_delete(struct witness_figures *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    free(f->text);
    free(f);
}

static void
keep(struct witness_figures *f, char *text)
{
    pthread_mutex_lock(&f->lock);
    free(f->text);
    f->text = text;
    pthread_mutex_unlock(&f->lock);
}

/* ---- in a worker --------------------------------------------------------------------------------------------------- */

/* For how long has something signed been waiting, if so many entries are cosigned? 0: nothing waits. */
static enum err
waiting(struct db *db, const struct watch_figures *w, uint64_t cosigned, int64_t *ret_ms)
{
    int64_t since_ms;
    enum err err = cosigned < w->newest.size ? checkpoints_signed_after(db, cosigned, &since_ms) : ERR_NOT_FOUND;

    if (err && err != ERR_NOT_FOUND)
        return err;
    *ret_ms = !err && since_ms < w->now_ms ? w->now_ms - since_ms : 0;
    return OK;
}

struct behind {
    const char *who, *role;
    uint64_t size; /* that it has cosigned */
    int64_t since_ms; /* known since; 0: for ever */
};

/* Each gives a line to either figure: `ages` is shown after `sizes`. */
static enum err
one_behind(struct db *db, const struct watch_figures *w, const struct behind *b, FILE *sizes, FILE *ages)
{
    int64_t wait_ms;
    enum err err = waiting(db, w, b->size, &wait_ms);

    if (err)
        return err;
    if (b->since_ms && w->now_ms - b->since_ms < wait_ms) /* it is new: what was signed before is not its fault */
        wait_ms = w->now_ms > b->since_ms ? w->now_ms - b->since_ms : 0;
    fprintf(sizes, "kontor_witness_behind_entries{witness=\"%s\",role=\"%s\"} %" PRIu64 "\n", b->who, b->role,
            b->size < w->newest.size ? w->newest.size - b->size : 0);
    fprintf(ages, "kontor_witness_behind_seconds{witness=\"%s\",role=\"%s\"} %" PRId64 "\n", b->who, b->role, wait_ms / 1000);
    return OK;
}

static bool
is_a_sites(const struct watch_figures *w, const uint8_t public[32])
{
    for (size_t i = 0; i < w->seen_n; i++)
        if (memcmp(w->seen[i].key.public, public, 32) == 0)
            return true;
    return false;
}

/* The registry's sites, copied: the lock is not held while the database is asked. */
struct codes { size_t n; struct { uint64_t site; char code[17]; } *of; };

static bool
read_codes(struct api *api, struct arena *a, struct codes *ret)
{
    const struct state *s = market_read_lock(api->market);
    const struct site *site;

    if (!s)
        return false;
    ret->n = 0;
    ret->of = arena_alloc(a, (map_count(s->sites) + 1) * sizeof *ret->of);
    for (size_t it = 0; ret->n < map_count(s->sites) && (site = ledger_next_site(s->ledger, &it)) != NULL; ret->n++) {
        ret->of[ret->n].site = site->index;
        snprintf(ret->of[ret->n].code, sizeof ret->of[ret->n].code, "%.16s", site->entry.u.site.code);
    }
    market_read_unlock(api->market);
    return true;
}

static const char *
code_of(const struct codes *c, uint64_t site)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->of[i].site == site)
            return c->of[i].code;
    return NULL;
}

/* The operator's name of a witness may have any octets: those that a label cannot have become question marks. */
static void
label(const char *name, char ret[QUORUM_NAME_MAX])
{
    size_t i = 0;

    for (; name[i] && i < QUORUM_NAME_MAX - 1; i++)
        ret[i] = name[i] > ' ' && name[i] < 127 && name[i] != '"' && name[i] != '\\' ? name[i] : '?';
    ret[i] = '\0';
}

/* Sites' witnesses, then those of the policy that are no site's. */
static enum err
each_behind(struct db *db, const struct watch_figures *w, const struct codes *codes, FILE *sizes, FILE *ages)
{
    enum err err = OK;

    for (size_t i = 0; !err && i < w->seen_n; i++) {
        const struct witness_key *k = &w->seen[i].key;
        const char *code = code_of(codes, k->site);

        if (code)
            err = one_behind(db, w, &(struct behind){ code, witness_role_name(k->role), w->seen[i].size, k->since_ms }, sizes, ages);
    }
    for (unsigned i = 0; !err && w->quorum && i < w->quorum->witnesses; i++) {
        const struct quorum_witness *of = &w->quorum->witness[i];
        struct witness_seen last = { .size = 0 };
        char name[QUORUM_NAME_MAX];

        if (is_a_sites(w, of->key.public))
            continue;
        label(of->name, name);
        err = cosignatures_last(db, of->key.public, &last);
        if (!err || err == ERR_NOT_FOUND)
            err = one_behind(db, w, &(struct behind){ name, "outside", last.size, 0 }, sizes, ages);
    }
    return err;
}

static void
show_refusals(const struct watch_figures *w, const struct codes *codes, FILE *to)
{
    static const enum witness_says FORKS[] = { WITNESS_SMALLER, WITNESS_OTHER_ROOT, WITNESS_INCONSISTENT };

    metric_head(to, "kontor_checkpoint_refused", "gauge",
                "1 while a site's witness refuses what this log has signed, by reason; until it cosigns again.");
    for (size_t i = 0; i < codes->n; i++)
        for (size_t f = 0; f < sizeof FORKS / sizeof FORKS[0]; f++) {
            bool stands = false;

            for (size_t r = 0; r < w->refused_n; r++)
                stands = stands || (w->proven[r] && w->refused[r].site == codes->of[i].site && strcmp(w->refused[r].reason, witness_name(FORKS[f])) == 0);
            fprintf(to, "kontor_checkpoint_refused{site=\"%s\",reason=\"%s\"} %d\n", codes->of[i].code, witness_name(FORKS[f]), stands);
        }
}

static enum err
show_all(struct db *db, const struct watch_figures *w, const struct codes *codes, FILE *to)
{
    char *ages = NULL;
    size_t len;
    FILE *of_ages = open_memstream(&ages, &len);
    int64_t wait_ms = 0;
    enum err err;

    if (!of_ages)
        abort();
    metric_head(to, "kontor_checkpoint_entries", "gauge", "Entries of the newest checkpoint: signed, and that has the quorum asked for now.");
    fprintf(to, "kontor_checkpoint_entries{checkpoint=\"signed\"} %" PRIu64 "\n", w->newest.size);
    fprintf(to, "kontor_checkpoint_entries{checkpoint=\"shown\"} %" PRIu64 "\n", w->shown.size);
    err = waiting(db, w, w->shown.size, &wait_ms);
    metric_head(to, "kontor_checkpoint_wait_seconds", "gauge", "For how long what is signed has waited for its quorum; 0: nothing waits.");
    fprintf(to, "kontor_checkpoint_wait_seconds %" PRId64 "\n", wait_ms / 1000);
    show_refusals(w, codes, to);
    metric_head(to, "kontor_witness_behind_entries", "gauge", "Entries that are signed, and that a witness has not cosigned.");
    metric_head(of_ages, "kontor_witness_behind_seconds", "gauge", "For how long something signed has waited for a witness; 0: it is not behind.");
    if (!err)
        err = each_behind(db, w, codes, to, of_ages);
    if (fclose(of_ages) != 0)
        abort();
    fputs(ages, to);
    free(ages);
    return err;
}

static enum err
gather(struct api *api, struct db *db, struct arena *a, struct watch_figures *w)
{
    struct log_policy *policy = notary_policy(api->notary);
    enum err err = checkpoints_newest(db, INT64_MAX, a, &w->newest);

    w->quorum = log_policy_now(policy).quorum;
    w->now_ms = market_now(api->market);
    if (!err)
        err = cosigning_newest(db, policy, a, &w->shown);
    if (err == ERR_NOT_FOUND) /* nothing is signed, or nothing has its quorum */
        err = OK;
    if (!err)
        err = witnesses_list(db, a, &w->seen, &w->seen_n);
    if (!err)
        err = refusals_standing(db, a, &w->refused, &w->refused_n);
    if (!err)
        err = refusals_prove(api, a, w->refused, w->refused_n, &w->proven);
    return err;
}

/* What fails leaves what was there: that the database is silent is told elsewhere. */
static void
find(void *ctx, struct db *db)
{
    struct witness_figures *f = ctx;
    struct arena *a = arena_new();
    struct watch_figures w = { .newest.size = 0 };
    struct codes codes;
    char *text = NULL;
    size_t len = 0;

    if (!read_codes(f->api, a, &codes)) {
        keep(f, NULL);
    } else if (gather(f->api, db, a, &w) == OK) {
        FILE *to = open_memstream(&text, &len);
        enum err err;

        if (!to)
            abort();
        err = show_all(db, &w, &codes, to);
        if (fclose(to) != 0)
            abort();
        if (err)
            free(text);
        else
            keep(f, text);
    }
    arena_delete(a);
    atomic_store(&f->next_ms, monotonic_ms() + AGAIN_MS);
    atomic_store(&f->asked, false);
}

/* ---- at a scrape --------------------------------------------------------------------------------------------------- */

void
witness_figures_show(struct witness_figures *f, FILE *to)
{
    bool idle = false;

    pthread_mutex_lock(&f->lock);
    if (f->text)
        fputs(f->text, to);
    pthread_mutex_unlock(&f->lock);
    if (monotonic_ms() >= atomic_load(&f->next_ms) && !atomic_load(&f->api->quiet) && atomic_compare_exchange_strong(&f->asked, &idle, true))
        pool_task(f->api->pool, find, f);
}
