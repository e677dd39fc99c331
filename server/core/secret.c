/* core/secret.c */
#include "core/secret.h"

#include <assert.h>
#include <stdio.h>

#define INFO_PREFIX "kontor-secret/v1" /* with its NUL */
#define SEAL_PREFIX "kontor-seal/v1"   /* with its NUL */

_Static_assert(sizeof INFO_PREFIX <= 18 && sizeof SEAL_PREFIX == 15, "as the lengths have it");

/* ---- names ---- */

static const char *const TAKEN[] = { /* one that ends in * is a beginning */
    "LD_*", "KONTOR_*", "SLURM*", "SBATCH_*", "SRUN_*", "PMI*", "LC_*", "BASH*", "MALLOC_*", "GLIBC_*", "CUDA_VISIBLE_*", "NVIDIA_*", "ROCR_*",
    "PATH", "HOME", "SHELL", "USER", "LOGNAME", "PWD", "OLDPWD", "LANG", "LANGUAGE", "IFS", "ENV", "CDPATH", "SHELLOPTS", "PS4", "TMPDIR", "TZ", "TERM",
    "UID", "EUID", "PPID", "GROUPS", "DIRSTACK", "FUNCNAME", "PIPESTATUS", "RANDOM", "SRANDOM", "SECONDS", "LINENO", "TMOUT", "PS1", "PS2",
    "EPOCH*", "HIST*", "OPT*", "COMP_*", "MAIL*", /* a shell keeps something else under these, or refuses them */
    "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "TZDIR", "_",
};

static bool
is_taken(const char *name)
{
    for (size_t i = 0; i < sizeof TAKEN / sizeof TAKEN[0]; i++) {
        size_t len = strlen(TAKEN[i]);

        if (TAKEN[i][len - 1] == '*' ? strncmp(TAKEN[i], name, len - 1) == 0 : strcmp(TAKEN[i], name) == 0)
            return true;
    }
    return false;
}

bool
secret_name_ok(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > SECRET_NAME_MAX || (name[0] >= '0' && name[0] <= '9'))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((name[i] >= 'A' && name[i] <= 'Z') || (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_'))
            return false;
    return !is_taken(name);
}

/* Is it one of the names, which are separated by blanks? */
static bool
is_among(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = names; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == len && strncmp(at, name, len) == 0)
            return true;
    return false;
}

void
secret_names_in(struct json_in *in, const char *member, char ret[SECRETS_NAMES_LEN])
{
    size_t n = json_in_has(in, member) ? json_in_array(in, member, SECRETS_MAX) : 0, used = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < n && !in->err; i++) {
        const char *name = json_in_array_text(in, member, i, SECRET_NAME_MAX);

        if (in->err)
            return;
        if (!secret_name_ok(name))
            json_in_refuse(in, member, ERR_FIELD_INVALID, "“%s” cannot be given to a job: letters, digits and _, and no name that the system uses.", name);
        else if (is_among(ret, name))
            json_in_refuse(in, member, ERR_FIELD_INVALID, "“%s” is named twice.", name);
        else
            used += (size_t)snprintf(ret + used, SECRETS_NAMES_LEN - used, "%s%s", used ? " " : "", name);
    }
}

void
secret_names_json(struct json_out *out, const char *member, const char *names)
{
    json_open_array(out, member);
    for (const char *at = names; *at; at += strcspn(at, " "), at += *at == ' ')
        json_textn(out, NULL, at, strcspn(at, " "));
    json_shut_array(out);
}

/* ---- what is sealed ---- */

static void
one_in(struct json_in *in, struct sealed_secret *ret)
{
    snprintf(ret->name, sizeof ret->name, "%s", json_in_text(in, "name", 1, SECRET_NAME_MAX));
    if (!in->err && !secret_name_ok(ret->name))
        json_in_refuse(in, "name", ERR_FIELD_INVALID, "This name cannot be given to a job.");
    if (json_in_base64(in, "enc", ret->enc, sizeof ret->enc) != sizeof ret->enc && !in->err)
        json_in_refuse(in, "enc", ERR_FIELD_INVALID, "It has 32 bytes.");
    ret->sealed_len = json_in_base64(in, "ciphertext", ret->sealed, sizeof ret->sealed);
    if (!in->err && (ret->sealed_len <= SECRET_TAG_LEN || (ret->sealed_len - SECRET_TAG_LEN) % SECRET_PAD != 0))
        json_in_refuse(in, "ciphertext", ERR_FIELD_INVALID, "It has a multiple of %d bytes, and %d.", SECRET_PAD, SECRET_TAG_LEN);
}

void
sealed_in(struct json_in *in, struct sealed_secrets *ret)
{
    size_t n;

    if (!hex_decode(json_in_text(in, "key", 64, 64), ret->key.b, sizeof ret->key.b) && !in->err)
        json_in_refuse(in, "key", ERR_FIELD_INVALID, "must be 64 hexadecimal digits");
    n = json_in_array(in, "sealed", SECRETS_MAX);
    ret->n = 0;
    for (size_t i = 0; i < n && !in->err; i++) {
        struct json_in one = json_in_array_object(in, "sealed", i);
        enum err err;

        one_in(&one, &ret->all[i]);
        err = json_in_close(&one);
        for (size_t before = 0; before < i && !err; before++)
            if (strcmp(ret->all[before].name, ret->all[i].name) == 0)
                err = ERR_SECRET_SURPLUS;
        if (err && !in->err)
            json_in_refuse(in, "sealed", err, "%s", err_sentence(err));
        ret->n = i + 1;
    }
}

void
sealed_json(struct json_out *out, const struct sealed_secrets *s)
{
    json_open(out, NULL);
    json_hex(out, "key", BYTES(s->key.b, sizeof s->key.b));
    json_open_array(out, "sealed");
    for (size_t i = 0; i < s->n; i++) {
        json_open(out, NULL);
        json_text(out, "name", s->all[i].name);
        json_base64(out, "enc", BYTES(s->all[i].enc, sizeof s->all[i].enc));
        json_base64(out, "ciphertext", BYTES(s->all[i].sealed, s->all[i].sealed_len));
        json_shut(out);
    }
    json_shut_array(out);
    json_shut(out);
}

bool
sealed_key_read(struct bytes bytes, struct hash *ret)
{
    static const char BEFORE[] = "{\"key\":\"";
    const size_t at = sizeof BEFORE - 1, digits = 2 * sizeof ret->b;
    char hex[2 * sizeof ret->b + 1];

    if (bytes.len <= at + digits || memcmp(bytes.data, BEFORE, at) != 0 || bytes.data[at + digits] != '"')
        return false;
    memcpy(hex, bytes.data + at, digits);
    hex[digits] = '\0';
    return hex_decode(hex, ret->b, sizeof ret->b);
}

enum err
sealed_check(const struct sealed_secrets *s, const char *names, struct err_detail *d)
{
    for (size_t i = 0; i < s->n; i++)
        if (!is_among(names, s->all[i].name))
            return err_at(d, ERR_SECRET_SURPLUS, "/secrets/sealed", "The request names no secret “%s”; nothing was spent.", s->all[i].name);
    for (const char *at = names; *at; at += strcspn(at, " "), at += *at == ' ') {
        size_t i = 0, len = strcspn(at, " ");

        while (i < s->n && (strlen(s->all[i].name) != len || strncmp(s->all[i].name, at, len) != 0))
            i++;
        if (i == s->n)
            return err_at(d, ERR_SECRET_MISSING, "/secrets/sealed", "The secret “%.*s” is missing; nothing was spent.", (int)len, at);
    }
    return OK;
}

/* ---- what is bound and signed ---- */

size_t
secret_info(struct uuid organisation, struct uuid request, struct hash workload, const char *name, uint8_t ret[SECRET_INFO_MAX])
{
    struct wire_out w = { ret, ret + SECRET_INFO_MAX };

    put_bytes(&w, INFO_PREFIX, sizeof INFO_PREFIX);
    put_bytes(&w, organisation.b, sizeof organisation.b);
    put_bytes(&w, request.b, sizeof request.b);
    put_bytes(&w, workload.b, sizeof workload.b);
    put_bytes(&w, name, strlen(name));
    return (size_t)(w.at - ret);
}

size_t
secret_value_len(const uint8_t *open, size_t len)
{
    while (len > 0 && open[len - 1] == 0)
        len--;
    return len > 0 && memchr(open, 0, len) != NULL ? SIZE_MAX : len;
}

void
seal_statement(struct hash genesis, uint64_t site, const uint8_t public[32], uint8_t ret[SEAL_STATEMENT_LEN])
{
    struct wire_out w = { ret, ret + SEAL_STATEMENT_LEN };

    put_bytes(&w, SEAL_PREFIX, sizeof SEAL_PREFIX);
    put_bytes(&w, genesis.b, sizeof genesis.b);
    put_u64(&w, site);
    put_bytes(&w, public, 32);
    assert(w.at == w.end);
}
