/* api/sums.c: what came and went on an account by kind of entry: remembered, and carried on from where it was left. */
#include <stdlib.h>

#include "api/internal.h"
#include "store/journal_reads.h"

struct sums_cache {
    pthread_mutex_t lock;
    struct map *by_account; /* index → struct entry_sums */
};

struct sums_cache *
sums_cache_new(void)
{
    struct sums_cache *c = xcalloc(1, sizeof *c);

    pthread_mutex_init(&c->lock, NULL);
    c->by_account = map_new(sizeof(uint64_t));
    return c;
}

void
sums_cache_delete(struct sums_cache *c)
{
    const void *key;
    void *value;

    if (!c)
        return;
    for (size_t it = 0; map_next(c->by_account, &it, &key, &value);)
        free(value);
    map_delete(c->by_account);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* What is committed is never taken back, so what was summed up stays true. */
enum err
sums_of(struct api *api, struct db *db, uint64_t account, struct entry_sums *ret)
{
    struct sums_cache *c = api->sums;
    struct entry_sums *known, more;
    struct db_actor before;
    enum err err;

    pthread_mutex_lock(&c->lock);
    known = map_get(c->by_account, &account);
    *ret = known ? *known : (struct entry_sums){ .last = 0 };
    pthread_mutex_unlock(&c->lock);
    before = db_act_as(db, DB_ACTOR_SERVER); /* what is kept in memory is kept for all */
    err = journal_reads_sum(db, account, ret->last, &more);
    db_act_as(db, before);
    if (err || more.last == ret->last)
        return err;
    for (int i = 0; i < ENTRY_KINDS; i++) {
        ret->debit[i] += more.debit[i];
        ret->credit[i] += more.credit[i];
    }
    ret->last = more.last;
    pthread_mutex_lock(&c->lock);
    known = map_get(c->by_account, &account);
    if (!known) {
        known = xcalloc(1, sizeof *known);
        map_put(c->by_account, &account, known, NULL);
    }
    if (known->last < ret->last)
        *known = *ret;
    pthread_mutex_unlock(&c->lock);
    return OK;
}
