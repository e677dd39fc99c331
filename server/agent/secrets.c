/* agent/secrets.c */
#include "agent/secrets.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/run.h"
#include "base/arena.h"
#include "core/secret.h"
#include "crypto/hpke.h"
#include "crypto/random.h"

#define OLD_KEY_MS (INT64_C(24) * 3600 * 1000) /* tickets for it may still be on their way */

/* ---- keys ---- */

static void
key_path(const struct agent *a, const char *name, char ret[PATH_MAX])
{
    snprintf(ret, PATH_MAX, "%s/%s", a->cfg.spool_dir, name);
}

enum err
secrets_load_keys(struct agent *a, struct err_detail *d)
{
    char path[PATH_MAX];
    enum err err;

    key_path(a, "seal.key", path);
    err = seal_key_load(path, &a->seals[0], d);
    if (err)
        return err == ERR_NOT_FOUND ? err_internal(d, err, "%s: the key for sealed secrets is not there", path) : err;
    a->seals_n = 1;
    key_path(a, "seal.key.old", path);
    err = seal_key_load(path, &a->seals[1], d);
    if (err == OK)
        a->seals_n = 2;
    return err == ERR_NOT_FOUND ? OK : err;
}

void
secrets_wipe_keys(struct agent *a)
{
    random_wipe(a->seals, sizeof a->seals);
    a->seals_n = 0;
}

void
secrets_tell_key(const struct agent *a, struct json_out *o)
{
    uint8_t statement[SEAL_STATEMENT_LEN], signature[SIGN_LEN];

    seal_statement(a->who.genesis, a->who.site_index, a->seals[0].public, statement);
    sign_make(&a->key, BYTES(statement, sizeof statement), signature);
    json_open(o, "seal");
    json_base64(o, "x25519", BYTES(a->seals[0].public, sizeof a->seals[0].public));
    json_base64(o, "signature", BYTES(signature, sizeof signature));
    json_shut(o);
}

/* ---- what was sealed ---- */

bool
secrets_wanted(const struct job *j)
{
    return !hash_equal(j->secrets, (struct hash){ { 0 } });
}

static bool
bundle_read(struct agent *a, const struct job *j, char ret[SECRETS_BUNDLE_MAX], size_t *ret_len)
{
    char name[HEX_LEN(32)];

    hex_encode(BYTES(j->secrets.b, 32), name);
    return run_file_tail(a->blobs, name, ret, SECRETS_BUNDLE_MAX, ret_len) == OK && hash_equal(sha256(BYTES(ret, *ret_len)), j->secrets);
}

bool
secrets_here(struct agent *a, const struct job *j)
{
    char text[SECRETS_BUNDLE_MAX];
    size_t len;

    return bundle_read(a, j, text, &len);
}

void
secrets_forget(struct agent *a, const struct job *j)
{
    char name[HEX_LEN(32)];

    hex_encode(BYTES(j->secrets.b, 32), name);
    unlinkat(a->blobs, name, 0);
}

/* The bundle and which of our keys it is for. */
static enum err
bundle_in(struct agent *a, const struct job *j, struct sealed_secrets *ret, const struct seal_key **ret_key, struct err_detail *d)
{
    char text[SECRETS_BUNDLE_MAX];
    struct json_in in;
    size_t len;
    enum err err;

    if (!bundle_read(a, j, text, &len))
        return err_internal(d, ERR_NOT_FOUND, "what was sealed for it is not here");
    in = json_in_open(BYTES(text, len), d);
    sealed_in(&in, ret);
    err = json_in_close(&in);
    if (err)
        return err_internal(d, ERR_CORRUPT, "what was sealed for it cannot be read: %.200s", d->text);
    for (size_t i = 0; i < a->seals_n; i++)
        if (hash_equal(sha256(BYTES(a->seals[i].public, 32)), ret->key)) {
            *ret_key = &a->seals[i];
            return OK;
        }
    return err_internal(d, ERR_NOT_FOUND, "it is sealed to a key that is not ours, or not any more");
}

/* ---- the key before ---- */

/* What has not come yet, or cannot be read, may be for it. */
static bool
needs_old_key(struct agent *a, const struct job *j)
{
    struct sealed_secrets *s = xmalloc(sizeof *s);
    const struct seal_key *key = NULL;
    struct err_detail d = { 0 };
    bool ret = secrets_wanted(j) && (bundle_in(a, j, s, &key, &d) != OK || key == &a->seals[1]);

    free(s);
    return ret;
}

void
secrets_prune_keys(struct agent *a)
{
    char path[PATH_MAX];
    struct stat st;

    key_path(a, "seal.key.old", path);
    if (a->seals_n < 2 || stat(path, &st) != 0 || real_now_ms() - (int64_t)st.st_ctime * 1000 < OLD_KEY_MS)
        return;
    for (size_t i = 0; i < a->jobs_n; i++)
        if (needs_old_key(a, a->jobs[i]))
            return;
    if (unlink(path) != 0)
        return;
    random_wipe(&a->seals[1], sizeof a->seals[1]);
    a->seals_n = 1;
    agent_tell(a, (struct uuid){ { 0 } }, "key", "what was sealed to the key before is over: it is thrown away");
}

enum err
secrets_check(struct agent *a, const struct job *j, struct err_detail *d)
{
    struct sealed_secrets *s = xmalloc(sizeof *s);
    const struct seal_key *key;
    enum err err = bundle_in(a, j, s, &key, d);

    free(s);
    return err;
}

static enum err
open_one(const struct job *j, struct uuid organisation, const struct seal_key *key, const struct sealed_secret *s, uint8_t *ret, size_t *len,
         struct err_detail *d)
{
    uint8_t info[SECRET_INFO_MAX], open[SECRET_VALUE_MAX];
    size_t info_len = secret_info(organisation, j->t.request, j->workload, s->name, info), value_len, name_len = strlen(s->name);
    enum err err = hpke_open(key, s->enc, BYTES(info, info_len), BYTES("", 0), BYTES(s->sealed, s->sealed_len), open);

    if (err)
        return err_internal(d, err, "%s cannot be opened: it was changed, or is for another organisation, job, script or name", s->name);
    value_len = secret_value_len(open, s->sealed_len - SECRET_TAG_LEN);
    if (value_len == SIZE_MAX) {
        err = err_internal(d, ERR_CORRUPT, "%s holds a zero byte", s->name);
    } else {
        memcpy(ret + *len, s->name, name_len);
        ret[*len + name_len] = '=';
        memcpy(ret + *len + name_len + 1, open, value_len);
        ret[*len + name_len + 1 + value_len] = 0;
        *len += name_len + value_len + 2;
    }
    random_wipe(open, sizeof open);
    return err;
}

enum err
secrets_open(struct agent *a, const struct job *j, struct uuid organisation, uint8_t **ret, size_t *ret_len, struct err_detail *d)
{
    struct sealed_secrets *s = xmalloc(sizeof *s);
    size_t cap = SECRETS_MAX * (SECRET_NAME_MAX + SECRET_VALUE_MAX + 2), len = 0;
    uint8_t *open = xmalloc(cap);
    const struct seal_key *key;
    enum err err = bundle_in(a, j, s, &key, d);

    for (size_t i = 0; err == OK && i < s->n; i++)
        err = open_one(j, organisation, key, &s->all[i], open, &len, d);
    free(s);
    if (err) {
        secrets_wipe(open, cap);
        return err;
    }
    *ret = open;
    *ret_len = len;
    return OK;
}

void
secrets_wipe(uint8_t *open, size_t len)
{
    if (!open)
        return;
    random_wipe(open, len);
    free(open);
}
