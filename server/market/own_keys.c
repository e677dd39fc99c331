/* market/own_keys.c: the keys that this server signs with, against the journal: what a key signs that the journal does not
 * hold in force, no auditor takes. */
#include "market/market_internal.h"

#include "base/num.h"
#include "crypto/sign.h"

const struct key *
own_keys_server(const struct market *m)
{
    const struct ledger *l = m->state->ledger;
    int64_t now_ms = max_i64(ledger_time(l), clock_now(&m->config.clock));
    const struct key *k;

    for (size_t it = 0; (k = ledger_next_key(l, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_SERVER && key_in_force(k, ledger_size(l), now_ms) &&
            memcmp(k->entry.u.key.ed25519, m->config.server_public_key, sizeof m->config.server_public_key) == 0)
            return k;
    return NULL;
}

void
market_key_look(struct market *m)
{
    const struct key *k = own_keys_server(m);

    atomic_store(&m->key_until_ms, k != NULL ? k->until_ms : 0);
}

int64_t
market_key_until(const struct market *m)
{
    return atomic_load(&m->key_until_ms);
}

static bool
is_public_of(const struct key *k, const struct sign_key *own)
{
    return own != NULL && memcmp(k->entry.u.key.ed25519, own->public, sizeof own->public) == 0;
}

/* One that came into use, or is about to, since the server was started? */
static bool
is_newer(struct market *m, const struct key *k)
{
    bool found = false;

    pthread_mutex_lock(&m->edge_lock);
    for (size_t i = 0; i < OWN_LOG_KEYS; i++)
        found = found || (m->own_log[i].known && memcmp(m->own_log[i].public, k->entry.u.key.ed25519, SIGN_PUBLIC_LEN) == 0);
    pthread_mutex_unlock(&m->edge_lock);
    return found;
}

void
own_keys_log(struct market *m, enum own_log which, const uint8_t public[SIGN_PUBLIC_LEN])
{
    pthread_mutex_lock(&m->edge_lock);
    memcpy(m->own_log[which].public, public, SIGN_PUBLIC_LEN);
    m->own_log[which].known = true;
    pthread_mutex_unlock(&m->edge_lock);
}

enum err
own_keys_check(struct market *m, struct err_detail *d)
{
    const struct market_keys *own = m->config.keys;
    const struct key *k, *newest = NULL;

    market_key_look(m);
    if (market_key_until(m) == 0)
        return err_internal(d, ERR_CONFIG, "the server's key is not one that the journal holds in force");
    if (own == NULL)
        return OK;
    for (size_t it = 0; (k = ledger_next_key(m->state->ledger, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_LOG)
            newest = k;
    if (newest == NULL || is_public_of(newest, own->log) || is_public_of(newest, own->log_next) || is_newer(m, newest))
        return OK;
    return err_internal(d, ERR_CONFIG, "log.key is not the log's key that the journal announced last, in entry %llu",
                        (unsigned long long)newest->index);
}

/* The order's UUID follows from the journal and the key: announced twice it is refused. */
static struct uuid
order_of(struct hash genesis, const struct sign_key *log)
{
    struct hash h = sha256_of((const struct bytes[]){ BYTES_TEXT("kontor-log-key"), BYTES(genesis.b, sizeof genesis.b),
                                                      BYTES(log->public, sizeof log->public) }, 3);
    struct uuid id;

    memcpy(id.b, h.b, sizeof id.b);
    id.b[6] = (uint8_t)(0x80 | (id.b[6] & 0x0f)); /* version 8: by our own rule */
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
    return id;
}

enum err
own_keys_announce(struct deciding *d, const struct market *m, bool *ret_news)
{
    const struct market_keys *own = m->config.keys;
    const struct ledger *l = d->state->ledger;
    const struct key *k, *vouches = own_keys_server(m);
    struct entry e = entry_new(KEY);
    uint8_t bytes[ENTRY_MAX];
    size_t len;

    *ret_news = false;
    if (own == NULL || vouches == NULL)
        return OK;
    for (size_t it = 0; (k = ledger_next_key(l, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_LOG)
            return OK;
    e.u.key.use = KEY_LOG;
    e.u.key.status = KEY_ACTIVE;
    memcpy(e.u.key.ed25519, own->log->public, sizeof e.u.key.ed25519);
    e.u.key.valid_from_ms = ledger_time(l);
    e.u.key.order = order_of(ledger_genesis(l), own->log);
    len = entry_order_bytes(&e, ledger_genesis(l), bytes);
    e.u.key.auth.slot[0].class = 3;
    e.u.key.auth.slot[0].key = vouches->index;
    sign_make(own->server, BYTES(bytes, len), e.u.key.auth.slot[0].sig);
    e.u.key.auth.slot[1].class = 1; /* its key: this entry's own (ledger_links) */
    sign_make(own->log, BYTES(bytes, len), e.u.key.auth.slot[1].sig);
    *ret_news = true;
    return batch_group(d, &e, 1);
}
