/* api/log_keys.c */
#include "api/log_keys.h"

#include <string.h>

#include "api/internal.h"
#include "base/text.h"
#include "crypto/sign.h"
#include "market/notary.h"
#include "store/cosignatures.h"

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

enum err
log_keys_read(struct api *api, struct log_keys *ret)
{
    const struct state *s = market_read_lock(api->market);
    const struct key *k;

    if (!s)
        return ERR_NOT_LEADER;
    ret->n = 0;
    text_format(ret->origin, sizeof ret->origin, "%s", s->origin);
    for (size_t it = 0; ret->n + 1 < LOG_KEYS_MAX && (k = ledger_next_key(s->ledger, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_LOG)
            ret->key[ret->n++] = vkey_make(ret->origin, NOTE_ED25519, k->entry.u.key.ed25519);
    market_read_unlock(api->market);
    ret->key[ret->n++] = notary_vkey(api->notary, ret->origin);
    return OK;
}

bool
log_keys_signed(const struct log_keys *k, const struct note *n, struct checkpoint *ret)
{
    struct checkpoint c;
    bool by_log = false;

    if (!checkpoint_parse(n->text, &c) || strcmp(c.origin, k->origin) != 0)
        return false;
    for (size_t i = 0; !by_log && i < k->n; i++)
        by_log = note_check(n, &k->key[i], verify, NULL) == NOTE_GOOD;
    if (by_log && ret)
        *ret = c;
    return by_log;
}

enum err
refusals_prove(struct api *api, struct arena *a, const struct refusal_row *all, size_t n, bool **ret)
{
    struct log_keys *keys;
    struct note *note;
    enum err err;

    *ret = arena_alloc(a, (n + 1) * sizeof **ret);
    if (n == 0)
        return OK;
    keys = arena_alloc(a, sizeof *keys);
    note = arena_alloc(a, sizeof *note);
    err = log_keys_read(api, keys);
    for (size_t i = 0; !err && i < n; i++)
        (*ret)[i] = note_parse(BYTES_TEXT(all[i].note), note) && log_keys_signed(keys, note, NULL);
    return err;
}
