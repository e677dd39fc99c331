/* market/rebuild.c
 * The state from the database. The whole journal is read, hashed and applied, so each start is an audit: the root must be
 * the head's, the sums must be conserved, every balance in the table must be the ledger's. Then what the market's own
 * tables say: sites, capacity, open quotes, live reservations, and which idempotency keys were used. */
#include "market/market_internal.h"

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/text.h"
#include "market/due.h"
#include "market/index.h"
#include "market/log_policy.h"
#include "market/quote.h"
#include "market/timing.h"
#include "store/shape.h"
#include "store/tiles.h"

struct rebuilding {
    struct market *m;
    struct state *s;
    struct merkle tree;
    struct tiles *tiles;
    struct tile_sum *stored;    /* of each tile that the table has, in its order */
    size_t stored_n, stored_at[TILE_LEVELS], stored_end[TILE_LEVELS];
    struct keys keys;
    int64_t now_ms;
    int64_t settled_since_ms;   /* reservations settled before are not kept in memory */
    size_t accounts_it;
    uint64_t tiles_added;       /* that the table should have had */
    struct err_detail *d;
};

struct tile_sum { int level; uint64_t n; struct hash sha256; };

static struct state *
state_new(const struct market *m)
{
    struct state *s = xcalloc(1, sizeof *s);

    s->ledger = ledger_new();
    s->clock = m->config.clock;
    s->contact = m->config.contact;
    s->contact_ctx = m->config.contact_ctx;
    s->since_ms = clock_now(&s->clock);
    s->due = due_new();
    s->quotes = map_new_inside(16, offsetof(struct quote, id));
    s->reservations = map_new_inside(16, offsetof(struct reservation, id));
    s->by_request = map_new_inside(16, offsetof(struct request_state, request));
    s->sites = map_new(8);
    s->offerings = map_new(8);
    s->grants = map_new(8);
    s->parking = map_new(32);
    s->by_ticket = map_new(16);
    return s;
}

/* ---- the journal ---------------------------------------------------------------------------------------------------- */

static enum err
take_entry(void *ctx, const struct entry *e, const struct hash *leaf)
{
    struct rebuilding *r = ctx;
    const char *rule = NULL;
    enum err err = ledger_apply(r->s->ledger, e, NULL, &rule);

    if (err)
        return err_internal(r->d, ERR_CORRUPT, "entry %llu: %s", (unsigned long long)e->index,
                            rule != NULL ? rule : err_wire(err));
    if (e->kind == GENESIS)
        text_format(r->s->origin, sizeof r->s->origin, "%s", e->u.genesis.origin);
    return tiles_append_both(r->tiles, &r->tree, *leaf);
}

/* ---- tiles: what the table has must be the journal's; what it has not, as a journal older than the table, is added ---- */

static enum err
take_stored(void *ctx, int level, uint64_t n, const struct hash *sha256)
{
    struct rebuilding *r = ctx;

    if (level < 0 || level >= TILE_LEVELS)
        return err_internal(r->d, ERR_CORRUPT, "tile %d/%llu: there is no such level", level, (unsigned long long)n);
    if (r->stored_n % 1024 == 0)
        r->stored = xrealloc(r->stored, (r->stored_n + 1024) * sizeof *r->stored);
    if (r->stored_n == 0 || r->stored[r->stored_n - 1].level != level)
        r->stored_at[level] = r->stored_n;
    r->stored[r->stored_n++] = (struct tile_sum){ level, n, *sha256 };
    r->stored_end[level] = r->stored_n;
    return OK;
}

static enum err
take_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    struct rebuilding *r = ctx;
    struct hash sum = sha256(BYTES(hashes, width * sizeof *hashes));
    const struct tile_sum *stored = &r->stored[r->stored_at[level]];

    if (r->stored_at[level] == r->stored_end[level] || stored->n > n) { /* missing: what it holds follows from the entries */
        r->tiles_added++;
        return tiles_add(r->m->db, level, n, hashes);
    }
    r->stored_at[level]++;
    if (stored->n != n || !hash_equal(stored->sha256, sum))
        return err_internal(r->d, ERR_CORRUPT, "tile %d/%llu: the table is not what the journal adds up to", level,
                            (unsigned long long)stored->n);
    return OK;
}

/* Tiles beyond the journal's end: somebody put them there. */
static enum err
check_tiles(struct rebuilding *r)
{
    for (int level = 0; level < TILE_LEVELS; level++)
        if (r->stored_at[level] < r->stored_end[level])
            return err_internal(r->d, ERR_CORRUPT, "tile %d/%llu is beyond the journal's end", level,
                                (unsigned long long)r->stored[r->stored_at[level]].n);
    return OK;
}

static bool
same_account(const struct account *a, const struct account *b)
{
    return a->index == b->index && a->class == b->class && a->closed == b->closed &&
           uuid_equal(a->owner_org, b->owner_org) && a->owner_site == b->owner_site && a->parent == b->parent &&
           a->posted_debits == b->posted_debits && a->posted_credits == b->posted_credits &&
           a->held_debits == b->held_debits && a->held_credits == b->held_credits && a->last_index == b->last_index;
}

static enum err
take_account(void *ctx, const struct account *row)
{
    struct rebuilding *r = ctx;
    const struct account *a = ledger_next_account(r->s->ledger, &r->accounts_it);

    if (a == NULL || !same_account(a, row))
        return err_internal(r->d, ERR_CORRUPT, "account %llu: the table is not what the journal adds up to",
                            (unsigned long long)row->index);
    return OK;
}

static enum err
read_journal(struct rebuilding *r)
{
    const struct journal_head *head = &r->m->head;
    struct ledger *l = r->s->ledger;
    const char *rule;
    enum err err = tiles_each(r->m->db, take_stored, r);

    if (!err)
        err = journal_read(r->m->db, 0, head->size, take_entry, r);
    if (!err)
        err = journal_no_more(r->m->db, head->size);
    if (!err)
        err = check_tiles(r);
    if (err)
        return err;
    if (r->tiles_added > 0 && r->m->config.log != NULL)
        log_warning(r->m->config.log, "tiles-were-missing", LOG_I64("made_anew", (int64_t)r->tiles_added));
    if (!hash_equal(merkle_root(&r->tree), head->root) || ledger_time(l) != head->time_ms || !ledger_group_whole(l))
        return err_internal(r->d, ERR_CORRUPT, "the journal's entries do not add up to its head");
    rule = ledger_conserved(l);
    if (rule != NULL)
        return err_internal(r->d, ERR_CORRUPT, "the journal is not conserved: %s", rule);
    ledger_clear_dirty(l);
    err = journal_accounts(r->m->db, take_account, r);
    if (!err && ledger_next_account(l, &r->accounts_it) != NULL)
        err = err_internal(r->d, ERR_CORRUPT, "an account is missing in the table");
    return err;
}

/* ---- the market's tables -------------------------------------------------------------------------------------------- */

static void
make_from_ledger(struct rebuilding *r)
{
    const struct ledger *l = r->s->ledger;
    const struct account *a;
    const struct site *site;
    const struct offering *offering;
    size_t it = 0;

    while ((site = ledger_next_site(l, &it)) != NULL)
        site_state_new(r->s, site->index, NULL);
    it = 0;
    while ((offering = ledger_next_offering(l, &it)) != NULL)
        offering_state_new(r->s, offering->index, r->now_ms, NULL);
    it = 0;
    while ((a = ledger_next_account(l, &it)) != NULL)
        if (a->class == ACCOUNT_GRANT && !a->closed && a->grant_entry != NO_INDEX)
            index_grant_due(r->s, a, NULL);
}

static enum err
take_site(void *ctx, const void *object)
{
    struct rebuilding *r = ctx;
    const struct site_state *row = object;
    struct site_state *s = index_site(r->s, row->site);
    struct report_seen *recent;

    if (s == NULL)
        return err_internal(r->d, ERR_CORRUPT, "site %llu is not in the journal", (unsigned long long)row->site);
    recent = s->recent;
    *s = *row;
    s->recent = recent;
    s->row = (struct row){ .kind = ROW_SITE };
    return OK;
}

static enum err
take_capacity(void *ctx, const void *object)
{
    struct rebuilding *r = ctx;
    const struct capacity_row *row = object;
    struct offering_state *o = index_offering(r->s, row->offering);

    if (o == NULL || offering_resize(r->s, o, row, r->now_ms, NULL, NULL) != OK)
        return err_internal(r->d, ERR_CORRUPT, "capacity %u of offering %llu does not fit the journal", row->number,
                            (unsigned long long)row->offering);
    return OK;
}

static enum err
take_quote(void *ctx, const void *object)
{
    struct rebuilding *r = ctx;
    const struct quote *row = object;
    const struct account *grant = ledger_account(r->s->ledger, row->grant);

    if (grant == NULL || grant->grant_entry == NO_INDEX)
        return err_internal(r->d, ERR_CORRUPT, "a quote's grant %llu is not in the journal",
                            (unsigned long long)row->grant);
    if (row->state == QUOTE_OPEN) {
        struct quote *q = xmalloc(sizeof *q);

        *q = *row;
        q->row = (struct row){ .kind = ROW_QUOTE };
        index_quote_open(r->s, q, NULL);
        return OK;
    }
    index_quote_recall(r->s, row, timing_of_grant(r->s, row->grant).quote_ttl_ms, NULL);
    free((void *)(uintptr_t)row->answer.data);
    return OK;
}

static enum err
take_reservation(void *ctx, const void *object)
{
    struct rebuilding *r = ctx;
    const struct reservation *row = object;
    const struct hold *hold = ledger_hold(r->s->ledger, row->hold);
    struct reservation *new;

    if (row->state == TICKET_SETTLED && row->settled_ms < r->settled_since_ms)
        return OK;
    if (hold == NULL || !uuid_equal(hold->reservation, row->id) || !uuid_equal(row->jti, row->id))
        return err_internal(r->d, ERR_CORRUPT, "a reservation's hold %llu is not in the journal",
                            (unsigned long long)row->hold);
    if (!hold->open && !ticket_state_is_end(row->state) && row->state != TICKET_CONTESTED) /* a row put back, seal and all */
        return err_internal(r->d, ERR_CORRUPT, "a reservation is %s, and its hold %llu is closed in the journal",
                            ticket_state_word(row->state), (unsigned long long)row->hold);
    new = xmalloc(sizeof *new);
    *new = *row;
    new->row = (struct row){ .kind = ROW_RESERVATION };
    index_reservation_add(r->s, new, NULL);
    return OK;
}

static enum err
take_report(void *ctx, const void *object)
{
    struct rebuilding *r = ctx;
    const struct report_row *row = object;
    struct site_state *s = index_site(r->s, row->site);

    if (s == NULL)
        return err_internal(r->d, ERR_CORRUPT, "a report's site %llu is not in the journal",
                            (unsigned long long)row->site);
    s->recent[row->number % RECENT_REPORTS] = (struct report_seen){
        .number = row->number, .statement = sha256(BYTES(row->statement, sizeof row->statement)),
        .answer_flags = row->answer_flags, .reason = row->reason, .time_ms = row->received_ms,
    };
    return OK;
}

static void
take_key(void *ctx, uint64_t key)
{
    struct rebuilding *r = ctx;

    keys_add(&r->keys, key != 0 ? key : 1);
}

/* The longest times that quotes and settlements are remembered, over all policies. */
static void
memories(const struct state *s, int64_t *ret_quote_ms, int64_t *ret_settled_ms)
{
    const struct policy *p;
    size_t it = 0;

    *ret_quote_ms = *ret_settled_ms = 0;
    while ((p = ledger_next_policy(s->ledger, &it)) != NULL) {
        int64_t rate = s->clock.rate > 0 ? s->clock.rate : 1;

        *ret_quote_ms = max_i64(*ret_quote_ms, ticket_span(p->entry.u.policy.quote_ttl_ms, rate));
        *ret_settled_ms = max_i64(*ret_settled_ms, ticket_span(p->entry.u.policy.contest_ms, rate));
    }
}

/* The first HOLD that is open or in dispute (a contest may outlast the time in which it was opened), or was resolved
 * after a time. */
static uint64_t
first_hold(const struct ledger *l, int64_t since_ms)
{
    const struct hold *h;
    size_t it = 0;

    while ((h = ledger_next_hold(l, &it)) != NULL)
        if (h->open || h->disputed || h->resolved_ms >= since_ms)
            return h->index;
    return ledger_size(l);
}

/* What is held has its reservation: a row that is gone, or no longer among those that are read, has no seal to tell it. (Of a
 * site that was never sent a ticket there may be none: the hold is older than the table.) */
static enum err
check_holds(const struct rebuilding *r)
{
    const struct hold *h;
    size_t it = 0;

    while ((h = ledger_next_hold(r->s->ledger, &it)) != NULL) {
        const struct site_state *site = index_site(r->s, h->site);
        char id[UUID_TEXT];

        if (!h->open || site == NULL || site->last_seq == 0 || index_reservation(r->s, h->reservation) != NULL)
            continue;
        uuid_text(h->reservation, id);
        return err_internal(r->d, ERR_CORRUPT, "reservation %s of hold %llu is missing, or was changed behind the server's back", id,
                            (unsigned long long)h->index);
    }
    return OK;
}

static enum err
read_tables(struct rebuilding *r)
{
    struct db *db = r->m->db;
    struct table *const *t = r->m->rows.table;
    int64_t quote_ms, settled_ms;
    enum err err;

    memories(r->s, &quote_ms, &settled_ms);
    r->settled_since_ms = r->now_ms - settled_ms;
    err = table_load(t[ROWS_SITE], db, 0, take_site, r);
    if (!err)
        err = table_load(t[ROWS_CAPACITY], db, 0, take_capacity, r);
    if (!err)
        err = table_load(t[ROWS_REPORT], db, RECENT_REPORTS, take_report, r);
    if (!err)
        err = table_load(t[ROWS_RESERVATION], db, (int64_t)first_hold(r->s->ledger, r->settled_since_ms),
                         take_reservation, r);
    if (!err)
        err = check_holds(r);
    /* A quote lives twice its time if it is renewed, and is remembered as long again. The journal's last entry may be
     * older than the last quote, but with each entry those end whose time was over long before (quotes_end_old()). */
    if (!err)
        err = table_load(r->m->rows.quotes_load, db, ledger_time(r->s->ledger) - 4 * quote_ms - QUOTE_SLACK_MS, take_quote,
                         r);
    if (!err)
        err = answers_keys(db, 0, KEYS_MAX + 1, take_key, r); /* all that are there still, old ones that wait to go too */
    return err;
}

static enum err
check_config(const struct rebuilding *r)
{
    const char *wanted = r->m->config.origin;

    if (wanted != NULL && strcmp(wanted, r->s->origin) != 0)
        return err_internal(r->d, ERR_CONFIG, "the journal's origin is %s, the configuration's %s", r->s->origin,
                            wanted);
    if (r->m->config.clock.rate > 1 && !ledger_simulation(r->s->ledger))
        return err_internal(r->d, ERR_CONFIG, "the clock is a simulation's, the journal is none");
    return OK;
}

/* ---- the tables themselves ------------------------------------------------------------------------------------------ */

/* What may have a reader shown something else than the rows stops the start. A guard of rows that is gone, or one more, is told:
 * what became of the rows meanwhile, they say themselves. */
static void
take_shape(void *ctx, const struct shape_wrong *w)
{
    struct rebuilding *r = ctx;

    if (w->reads && r->d->internal[0] == '\0')
        (void)err_internal(r->d, ERR_CORRUPT, "%s: the database was altered, not by kontord migrate", w->text);
    if (r->m->config.log != NULL)
        log_warning(r->m->config.log, "database-altered", LOG_TEXT("what", w->text));
}

static enum err
check_shape(struct rebuilding *r)
{
    enum err err = shape_check(r->m->db, take_shape, r);

    return err == OK && r->d->internal[0] != '\0' ? ERR_CORRUPT : err;
}

static enum err
read_all(struct rebuilding *r)
{
    enum err err = db_begin(r->m->db); /* cursors live in a transaction */

    if (!err) /* whole tables: not row by row, by key, as the sequencer's batches (lease.c) */
        err = db_script(r->m->db, "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;"
                                  " SET LOCAL enable_mergejoin = on; SET LOCAL work_mem = '64MB'");
    if (!err)
        err = check_shape(r);
    if (!err)
        err = read_journal(r);
    if (!err && r->m->head.size > 0) {
        err = check_config(r);
        if (!err) {
            r->now_ms = max_i64(ledger_time(r->s->ledger), clock_now(&r->s->clock));
            make_from_ledger(r);
            err = read_tables(r);
        }
    }
    if (!err)
        err = db_commit(r->m->db);
    if (err && r->d->internal[0] == '\0')
        db_explain(r->m->db, err, r->d);
    if (err)
        db_rollback(r->m->db);
    return err;
}

enum err
rebuild(struct market *m, struct err_detail *d)
{
    struct rebuilding r = { .m = m, .s = state_new(m), .d = d, .tiles = tiles_new() };
    enum err err;

    r.tiles->write = take_tile;
    r.tiles->ctx = &r;
    d->internal[0] = '\0';
    err = read_all(&r);
    if (!err) {
        pthread_mutex_lock(&m->edge_lock);
        tiles_copy(m->tiles, r.tiles);
        m->edge_known = true;
        pthread_mutex_unlock(&m->edge_lock);
    }
    free(r.tiles);
    free(r.stored);
    malloc_trim(0); /* what was read in chunks is not kept */
    if (err) {
        state_delete(r.s);
        keys_free(&r.keys);
        return err;
    }
    pthread_rwlock_wrlock(&m->state_lock);
    m->state = r.s;
    m->keys = r.keys;
    pthread_rwlock_unlock(&m->state_lock);
    m->merkle = r.tree;
    m->stale = false;
    return OK;
}

void
rebuild_drop(struct market *m)
{
    pthread_mutex_lock(&m->edge_lock);
    m->edge_known = false;
    for (size_t i = 0; i < KEPT_TILES; i++) { /* the next database may be an older one that was put back */
        free(m->kept_tiles[i].hashes);
        m->kept_tiles[i].hashes = NULL;
    }
    pthread_mutex_unlock(&m->edge_lock);
    log_policy_news(m->config.policy);
    pthread_rwlock_wrlock(&m->state_lock);
    undo_commit(m->undo); /* what has left the state is freed here, the rest with the state */
    work_forget(&m->work[0]);
    work_forget(&m->work[1]);
    state_delete(m->state);
    m->state = NULL;
    keys_free(&m->keys);
    pthread_rwlock_unlock(&m->state_lock);
}
