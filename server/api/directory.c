/* api/directory.c: what replies name again and again, kept in memory: organisations, account names, agents' contacts.
 * Rows are added and never change, so pointers handed out stay good. */
#include <stdlib.h>

#include "api/internal.h"
#include "store/agents.h"
#include "store/evidence.h"
#include "store/organisations.h"

enum { CONTACT_EVERY_MS = 10000 }; /* of real time: a simulation's clock would have every call written down */

struct contact {
    int64_t ms, stored_mono_ms;
};

struct directory {
    pthread_mutex_t lock;
    struct map *organisations; /* uuid → struct organisation */
    struct map *accounts;      /* index → struct account_name */
    struct map *contacts;      /* SITE index → struct contact */
    struct arena *arena;
};

struct directory *
directory_new(void)
{
    struct directory *d = xcalloc(1, sizeof *d);

    pthread_mutex_init(&d->lock, NULL);
    d->organisations = map_new(sizeof(struct uuid));
    d->accounts = map_new(sizeof(uint64_t));
    d->contacts = map_new(sizeof(uint64_t));
    d->arena = arena_new();
    return d;
}

void
directory_delete(struct directory *d)
{
    if (!d)
        return;
    map_delete(d->organisations);
    map_delete(d->accounts);
    map_delete(d->contacts);
    arena_delete(d->arena);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

void
directory_add_organisation(struct directory *d, const struct organisation *o)
{
    struct organisation *copy;

    pthread_mutex_lock(&d->lock);
    if (!map_get(d->organisations, &o->id)) {
        copy = arena_alloc(d->arena, sizeof *copy);
        *copy = *o;
        copy->name = arena_text(d->arena, o->name);
        copy->city = arena_text(d->arena, o->city);
        map_put(d->organisations, &copy->id, copy, NULL);
    }
    pthread_mutex_unlock(&d->lock);
}

enum err
directory_organisation(struct directory *d, struct db *db, struct uuid id, const struct organisation **ret)
{
    const struct organisation *o;
    struct organisation found;
    struct db_actor before;
    struct arena *a;
    enum err err;

    pthread_mutex_lock(&d->lock);
    o = map_get(d->organisations, &id);
    pthread_mutex_unlock(&d->lock);
    if (o) {
        *ret = o;
        return OK;
    }
    if (!db)
        return ERR_NOT_FOUND;
    a = arena_new();
    before = db_act_as(db, DB_ACTOR_SERVER); /* what is kept in memory is kept for all */
    err = organisations_find(db, id, a, &found);
    db_act_as(db, before);
    if (!err)
        directory_add_organisation(d, &found);
    arena_delete(a);
    return err ? err : directory_organisation(d, NULL, id, ret);
}

size_t
directory_organisations(struct directory *d)
{
    size_t n;

    pthread_mutex_lock(&d->lock);
    n = map_count(d->organisations);
    pthread_mutex_unlock(&d->lock);
    return n;
}

const struct account_name *
directory_account(struct directory *d, uint64_t account)
{
    const struct account_name *n;

    pthread_mutex_lock(&d->lock);
    n = map_get(d->accounts, &account);
    pthread_mutex_unlock(&d->lock);
    return n;
}

void
directory_add_account(struct directory *d, uint64_t account, const char *name, const char *reference)
{
    struct account_name *n;

    pthread_mutex_lock(&d->lock);
    if (!map_get(d->accounts, &account)) {
        n = arena_alloc(d->arena, sizeof *n);
        n->account = account;
        n->name = arena_text(d->arena, name);
        n->reference = arena_text(d->arena, reference);
        map_put(d->accounts, &n->account, n, NULL);
    }
    pthread_mutex_unlock(&d->lock);
}

int64_t
directory_contact(struct directory *d, uint64_t site)
{
    const struct contact *c;
    int64_t ms;

    pthread_mutex_lock(&d->lock);
    c = map_get(d->contacts, &site);
    ms = c ? c->ms : 0;
    pthread_mutex_unlock(&d->lock);
    return ms;
}

bool
directory_set_contact(struct directory *d, uint64_t site, int64_t now_ms)
{
    int64_t mono_ms = monotonic_ms();
    struct contact *c;
    bool store;

    pthread_mutex_lock(&d->lock);
    c = map_get(d->contacts, &site);
    if (!c) {
        c = arena_alloc(d->arena, sizeof *c);
        c->stored_mono_ms = -CONTACT_EVERY_MS;
        map_put(d->contacts, &site, c, NULL);
    }
    c->ms = now_ms > c->ms ? now_ms : c->ms;
    store = mono_ms - c->stored_mono_ms >= CONTACT_EVERY_MS;
    if (store)
        c->stored_mono_ms = mono_ms;
    pthread_mutex_unlock(&d->lock);
    return store;
}

static enum err
load_organisations(struct directory *d, struct db *db)
{
    struct arena *a = arena_new();
    struct organisation *list;
    struct uuid before;
    size_t n = 0;
    enum err err;

    memset(before.b, 0xff, sizeof before.b);
    do {
        err = organisations_list(db, before, 1000, a, &list, &n);
        for (size_t i = 0; !err && i < n; i++) {
            directory_add_organisation(d, &list[i]);
            before = list[i].id;
        }
    } while (!err && n == 1000);
    arena_delete(a);
    return err;
}

enum err
directory_load(struct directory *d, struct db *db)
{
    struct arena *a = arena_new();
    struct account_name *names;
    uint64_t *sites;
    int64_t *times;
    size_t n;
    enum err err = load_organisations(d, db);

    if (!err)
        err = account_names_all(db, a, &names, &n);
    for (size_t i = 0; !err && i < n; i++)
        directory_add_account(d, names[i].account, names[i].name, names[i].reference);
    if (!err)
        err = agent_contacts_all(db, a, &sites, &times, &n);
    for (size_t i = 0; !err && i < n; i++)
        directory_set_contact(d, sites[i], times[i]);
    arena_delete(a);
    return err;
}
