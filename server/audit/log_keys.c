#include "audit/log_keys.h"

#include <stdlib.h>

#include "base/arena.h"
#include "core/quorum.h"
#include "crypto/sign.h"

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

static enum note_found
signed_by(const struct note *note, const char *origin, const struct key *k)
{
    struct vkey vkey = vkey_make(origin, NOTE_ED25519, k->entry.u.key.ed25519);

    return note_check(note, &vkey, verify, NULL);
}

static enum log_keys_says
judge(const struct ledger *l, const char *origin, uint64_t size, const struct note *note, struct log_keys_result *ret)
{
    const struct key *in_force = ledger_log_key(l, size), *k;
    bool any = false;

    if (in_force != NULL) {
        ret->in_force = in_force->index;
        ret->vkey = vkey_make(origin, NOTE_ED25519, in_force->entry.u.key.ed25519);
        if (signed_by(note, origin, in_force) == NOTE_GOOD) {
            ret->signer = in_force->index;
            return LOG_KEYS_GOOD;
        }
    }
    for (size_t it = 0; (k = ledger_next_key(l, &it)) != NULL;) {
        if (k->entry.u.key.use != KEY_LOG)
            continue;
        any = any || k->index < size;
        if (signed_by(note, origin, k) == NOTE_GOOD)
            ret->signer = k->index;
    }
    return !any ? LOG_KEYS_NONE : ret->signer != NO_INDEX ? LOG_KEYS_OLD : LOG_KEYS_MISSING;
}

enum log_keys_says
log_keys_judge(const struct ledger *l, const char *origin, uint64_t size, struct bytes bytes, struct log_keys_result *ret)
{
    struct note *note = xcalloc(1, sizeof *note);
    enum log_keys_says says = LOG_KEYS_MISSING;

    *ret = (struct log_keys_result){ .in_force = NO_INDEX, .signer = NO_INDEX };
    if (note_name_ok(origin) && note_parse(bytes, note))
        says = judge(l, origin, size, note, ret);
    free(note);
    return says;
}

uint64_t
log_keys_of_policy(const struct ledger *l, const char *origin, const char *policy)
{
    struct quorum *q = xcalloc(1, sizeof *q);
    uint64_t found = NO_INDEX;
    const struct key *k;

    if (quorum_parse(BYTES_TEXT(policy), q, NULL) != OK)
        q->logs = 0;
    for (size_t it = 0; (k = ledger_next_key(l, &it)) != NULL;)
        for (unsigned i = 0; i < q->logs && k->entry.u.key.use == KEY_LOG; i++)
            if (strcmp(q->log[i].name, origin) == 0 && memcmp(q->log[i].public, k->entry.u.key.ed25519, sizeof q->log[i].public) == 0 &&
                (found == NO_INDEX || k->index > found))
                found = k->index;
    free(q);
    return found;
}
