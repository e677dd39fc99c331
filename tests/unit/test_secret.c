/* crypto/hpke and core/secret against schema/hpke.json (RFC 9180's own vector of the suite, and one of ours, which the
 * Python beside the conformance kit is held against too); what is changed by a bit does not open; names; the objects' forms;
 * how long an agent keeps the key that it had before. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/run.h"
#include "agent/secrets.h"
#include "core/secret.h"
#include "crypto/hpke.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define TEXT_MAX 512

struct vector {
    char name[32];
    uint8_t info[TEXT_MAX], aad[TEXT_MAX], pt[TEXT_MAX], ct[TEXT_MAX];
    size_t info_len, aad_len, pt_len, ct_len;
    struct seal_key to, once;
};

static struct {
    struct vector of[2];
    struct uuid organisation, request;
    struct hash workload, key;
    char name[32], value[32];
} file;

static size_t
hex_in(struct json_in *in, const char *name, uint8_t *ret)
{
    const char *text = json_in_text(in, name, 0, 2 * TEXT_MAX);

    assert_int_equal(in->err, OK);
    assert_true(hex_decode(text, ret, strlen(text) / 2));
    return strlen(text) / 2;
}

static struct seal_key
key_in(struct json_in *in, const char *secret, const char *public)
{
    uint8_t b[32], wanted[32];
    struct seal_key key;

    assert_int_equal(hex_in(in, secret, b), 32);
    key = seal_key_from_secret(b);
    assert_int_equal(hex_in(in, public, wanted), 32);
    assert_memory_equal(key.public, wanted, 32);
    return key;
}

static int
read_vectors(void **state)
{
    const char *src = getenv("KONTOR_SRC") ? getenv("KONTOR_SRC") : getenv("srcdir");
    char path[512], text[8192];
    struct json_in in, one;
    FILE *f;

    (void)state;
    snprintf(path, sizeof path, "%s/schema/hpke.json", src ? src : "..");
    f = fopen(path, "r");
    assert_non_null(f);
    in = json_in_open(BYTES(text, fread(text, 1, sizeof text, f)), NULL);
    fclose(f);
    json_in_text(&in, "what", 1, 500);
    assert_int_equal(json_in_array(&in, "vectors", 2), 2);
    for (size_t i = 0; i < 2; i++) {
        struct vector *v = &file.of[i];

        one = json_in_array_object(&in, "vectors", i);
        snprintf(v->name, sizeof v->name, "%s", json_in_text(&one, "name", 1, 31));
        v->info_len = hex_in(&one, "info", v->info);
        v->aad_len = hex_in(&one, "aad", v->aad);
        v->pt_len = hex_in(&one, "pt", v->pt);
        v->ct_len = hex_in(&one, "ct", v->ct);
        v->to = key_in(&one, "skRm", "pkRm");
        v->once = key_in(&one, "skEm", "pkEm");
        assert_int_equal(json_in_close(&one), OK);
    }
    one = json_in_object(&in, "secret");
    file.organisation = json_in_uuid(&one, "organisation");
    file.request = json_in_uuid(&one, "request");
    hex_in(&one, "workload", file.workload.b);
    hex_in(&one, "key", file.key.b);
    snprintf(file.name, sizeof file.name, "%s", json_in_text(&one, "name", 1, 31));
    snprintf(file.value, sizeof file.value, "%s", json_in_text(&one, "value", 1, 31));
    assert_int_equal(json_in_close(&one), OK);
    assert_int_equal(json_in_close(&in), OK);
    return 0;
}

static enum err
opened(const struct vector *v, const struct seal_key *key, const uint8_t *enc, const uint8_t *ct, size_t ct_len, uint8_t *ret)
{
    return hpke_open(key, enc, BYTES(v->info, v->info_len), BYTES(v->aad, v->aad_len), BYTES(ct, ct_len), ret);
}

static void
test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct vector *v = &file.of[i];
        uint8_t made[TEXT_MAX], enc[32];

        assert_int_equal(v->ct_len, v->pt_len + HPKE_TAG_LEN);
        assert_int_equal(hpke_seal_with(&v->once, v->to.public, BYTES(v->info, v->info_len), BYTES(v->aad, v->aad_len), BYTES(v->pt, v->pt_len), made), OK);
        assert_memory_equal(made, v->ct, v->ct_len);
        assert_int_equal(opened(v, &v->to, v->once.public, v->ct, v->ct_len, made), OK);
        assert_memory_equal(made, v->pt, v->pt_len);
        assert_int_equal(hpke_seal(v->to.public, BYTES(v->info, v->info_len), BYTES(v->aad, v->aad_len), BYTES(v->pt, v->pt_len), enc, made), OK);
        assert_memory_not_equal(made, v->ct, v->ct_len);
        assert_int_equal(opened(v, &v->to, enc, made, v->ct_len, made), OK);
        assert_memory_equal(made, v->pt, v->pt_len);
    }
}

static void
test_nothing_else_opens(void **state)
{
    const struct vector *v = &file.of[1];
    struct vector other = *v;
    struct seal_key stranger = seal_key_new();
    uint8_t made[TEXT_MAX], ct[TEXT_MAX], enc[32], none[32] = { 0 };

    (void)state;
    for (size_t bit = 0; bit < v->ct_len * 8; bit++) {
        memcpy(ct, v->ct, v->ct_len);
        ct[bit / 8] ^= (uint8_t)(1U << bit % 8);
        memset(made, 0xee, sizeof made);
        assert_int_equal(opened(v, &v->to, v->once.public, ct, v->ct_len, made), ERR_SIGNATURE);
        assert_int_equal(made[0] | made[v->pt_len - 1], 0); /* nothing of it is handed out */
    }
    for (size_t bit = 0; bit < 255; bit++) { /* X25519 does not look at the last one */
        memcpy(enc, v->once.public, 32);
        enc[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(opened(v, &v->to, enc, v->ct, v->ct_len, made), ERR_SIGNATURE);
    }
    for (size_t i = 0; i < v->info_len; i++) {
        other.info[i] ^= 1;
        assert_int_equal(opened(&other, &v->to, v->once.public, v->ct, v->ct_len, made), ERR_SIGNATURE);
        other.info[i] ^= 1;
    }
    for (size_t len = 0; len < v->ct_len; len++)
        assert_int_equal(opened(v, &v->to, v->once.public, v->ct, len, made), ERR_SIGNATURE);
    assert_int_equal(opened(v, &stranger, v->once.public, v->ct, v->ct_len, made), ERR_SIGNATURE);
    assert_int_equal(opened(v, &v->to, none, v->ct, v->ct_len, made), ERR_SIGNATURE);
    assert_int_equal(hpke_seal(none, BYTES("", 0), BYTES("", 0), BYTES("x", 1), enc, made), ERR_SIGNATURE);
}

static void
test_what_is_bound(void **state)
{
    const struct vector *v = &file.of[1];
    uint8_t info[SECRET_INFO_MAX], open[TEXT_MAX];
    size_t len = secret_info(file.organisation, file.request, file.workload, file.name, info);

    (void)state;
    assert_int_equal(len, v->info_len);
    assert_memory_equal(info, v->info, len);
    assert_true(hash_equal(file.key, sha256(BYTES(v->to.public, 32))));
    assert_int_equal(opened(v, &v->to, v->once.public, v->ct, v->ct_len, open), OK);
    assert_int_equal(secret_value_len(open, v->pt_len), strlen(file.value));
    assert_memory_equal(open, file.value, strlen(file.value));
    open[2] = 0;
    assert_int_equal(secret_value_len(open, v->pt_len), SIZE_MAX);
    memset(open, 0, sizeof open);
    assert_int_equal(secret_value_len(open, 64), 0);
}

static void
test_names(void **state)
{
    static const char *const GOOD[] = { "A", "_x", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "path", "MY_PATH", "LDAP_PASSWORD", "USERNAME" };
    static const char *const BAD[] = { "", "1A", "A-B", "A B", "A=B", "\xc3\xa4", "PATH", "HOME", "LD_PRELOAD", "LD_", "KONTOR_JTI", "SLURM_JOB_ID", "SLURMD_DEBUG",
                                       "SBATCH_EXPORT", "IFS", "ENV", "BASH_ENV", "BASH_FUNC_x", "GLIBC_TUNABLES", "GCONV_PATH", "CUDA_VISIBLE_DEVICES", "PMI_RANK", "_", "RANDOM", "UID", "OPTIND", "EPOCHSECONDS",
                                       "A2345678901234567890123456789012345678901234567890123456789012345" };

    (void)state;
    for (size_t i = 0; i < LEN(GOOD); i++)
        if (!secret_name_ok(GOOD[i]))
            fail_msg("%s", GOOD[i]);
    for (size_t i = 0; i < LEN(BAD); i++)
        if (secret_name_ok(BAD[i]))
            fail_msg("%s", BAD[i]);
}

#define KEY "\"key\":\"0000000000000000000000000000000000000000000000000000000000000001\""
#define ENC "\"enc\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
#define CT80 "\"ciphertext\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""
#define ONE(name) "{\"name\":\"" name "\"," ENC "," CT80 "}"

static const struct { const char *why, *text; enum err err; } forms[] = {
    { "one", "{" KEY ",\"sealed\":[" ONE("A") "]}", OK },
    { "two", "{" KEY ",\"sealed\":[" ONE("A") "," ONE("B") "]}", OK },
    { "none", "{" KEY ",\"sealed\":[]}", OK }, /* what is missing is told by name */
    { "no key", "{\"sealed\":[" ONE("A") "]}", ERR_FIELD_MISSING },
    { "no list", "{" KEY "}", ERR_FIELD_MISSING },
    { "the key is no hash", "{\"key\":\"00000000000000000000000000000000000000000000000000000000000000zz\",\"sealed\":[]}", ERR_FIELD_INVALID },
    { "one twice", "{" KEY ",\"sealed\":[" ONE("A") "," ONE("A") "]}", ERR_SECRET_SURPLUS },
    { "a name that the loader uses", "{" KEY ",\"sealed\":[" ONE("LD_PRELOAD") "]}", ERR_FIELD_INVALID },
    { "a member too many", "{" KEY ",\"sealed\":[{\"name\":\"A\",\"value\":\"x\"," ENC "," CT80 "}]}", ERR_FIELD_UNKNOWN },
    { "enc is too short", "{" KEY ",\"sealed\":[{\"name\":\"A\",\"enc\":\"AAAA\"," CT80 "}]}", ERR_FIELD_INVALID },
    { "only a tag", "{" KEY ",\"sealed\":[{\"name\":\"A\"," ENC ",\"ciphertext\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}]}", ERR_FIELD_INVALID },
    { "not filled up", "{" KEY ",\"sealed\":[{\"name\":\"A\"," ENC ",\"ciphertext\":\"AAAAAAAAAAAAAAAAAAAAAAAA\"}]}", ERR_FIELD_INVALID },
    { "nine", "{" KEY ",\"sealed\":[" ONE("A") "," ONE("B") "," ONE("C") "," ONE("D") "," ONE("E") "," ONE("F") "," ONE("G") "," ONE("H") "," ONE("I") "]}", ERR_FIELD_RANGE },
};

static void
test_forms(void **state)
{
    static struct sealed_secrets s, again;

    (void)state;
    for (size_t i = 0; i < LEN(forms); i++) {
        struct err_detail d = { 0 };
        struct json_in in = json_in_open(BYTES_TEXT(forms[i].text), &d);
        struct json_out out = { 0 };
        enum err err;

        sealed_in(&in, &s);
        err = json_in_close(&in);
        if (err != forms[i].err)
            fail_msg("%s: %s, not %s (%s)", forms[i].why, err_wire(err), err_wire(forms[i].err), d.text);
        if (err)
            continue;
        sealed_json(&out, &s);
        assert_string_equal(out.text, forms[i].text); /* written in this order it is the same bytes */
        in = json_in_open(BYTES(out.text, out.len), &d);
        sealed_in(&in, &again);
        assert_int_equal(json_in_close(&in), OK);
        assert_int_equal(again.n, s.n);
        json_out_free(&out);
    }
    assert_int_equal(sealed_check(&s, "", NULL), OK);
}

static void
test_all_that_was_named(void **state)
{
    static struct sealed_secrets s;
    struct err_detail d = { 0 };
    struct json_in in = json_in_open(BYTES_TEXT("{" KEY ",\"sealed\":[" ONE("TOKEN") "," ONE("KEY") "]}"), &d);

    (void)state;
    sealed_in(&in, &s);
    assert_int_equal(json_in_close(&in), OK);
    assert_int_equal(sealed_check(&s, "KEY TOKEN", &d), OK);
    assert_int_equal(sealed_check(&s, "KEY TOKEN MORE", &d), ERR_SECRET_MISSING);
    assert_non_null(strstr(d.text, "MORE"));
    assert_int_equal(sealed_check(&s, "TOKEN", &d), ERR_SECRET_SURPLUS);
    assert_non_null(strstr(d.text, "KEY"));
    assert_int_equal(sealed_check(&s, "KEYS TOKEN", &d), ERR_SECRET_SURPLUS);
    assert_int_equal(sealed_check(&s, "", &d), ERR_SECRET_SURPLUS);
}

/* ---- the key before the present one ---- */

static int64_t ahead_ms;

int64_t __real_real_now_ms(void);
int64_t __wrap_real_now_ms(void);
int64_t
__wrap_real_now_ms(void)
{
    return __real_real_now_ms() + ahead_ms;
}

void __wrap_agent_tell(struct agent *a, struct uuid jti, const char *what, const char *format, ...);
void
__wrap_agent_tell(struct agent *a, struct uuid jti, const char *what, const char *format, ...)
{
    (void)a, (void)jti, (void)what, (void)format;
}

/* A job with something sealed to that key; NULL: it has not come yet. */
static struct job
job_with(const struct agent *a, const struct seal_key *key)
{
    struct sealed_secrets *s = calloc(1, sizeof *s);
    struct json_out out = { 0 };
    struct job j = { .secrets = { { 9 } } };
    char name[HEX_LEN(32)];

    assert_non_null(s);
    if (key) {
        s->key = sha256(BYTES(key->public, 32));
        sealed_json(&out, s);
        j.secrets = sha256(BYTES(out.text, out.len));
        hex_encode(BYTES(j.secrets.b, 32), name);
        assert_int_equal(run_file_write(a->blobs, name, out.text, out.len, RUN_UNSYNCED), OK);
        json_out_free(&out);
    }
    free(s);
    return j;
}

/* A site that always has jobs with secrets would keep it for ever, were it not asked whose they are. */
static void
test_the_old_key_goes_when_nothing_needs_it(void **state)
{
    char folder[] = "/tmp/kontor-seal-XXXXXX", path[64], command[64];
    struct agent a = { .seals = { seal_key_new(), seal_key_new() }, .seals_n = 2, .cfg.spool_dir = folder };
    struct job of_new, of_old, coming, plain = { .secrets = { { 0 } } }, *jobs[2] = { &of_new };
    struct err_detail d = { 0 };

    (void)state;
    assert_non_null(mkdtemp(folder));
    a.blobs = open(folder, O_RDONLY | O_DIRECTORY);
    snprintf(path, sizeof path, "%s/seal.key.old", folder);
    assert_int_equal(seal_key_save(&a.seals[1], path, &d), OK);
    of_new = job_with(&a, &a.seals[0]), of_old = job_with(&a, &a.seals[1]), coming = job_with(&a, NULL);
    a.jobs = jobs;
    a.jobs_n = 2;
    jobs[1] = &plain;
    ahead_ms = INT64_C(23) * 3600 * 1000;
    secrets_prune_keys(&a);
    assert_int_equal(a.seals_n, 2);
    ahead_ms = INT64_C(25) * 3600 * 1000;
    jobs[1] = &of_old;
    secrets_prune_keys(&a);
    assert_int_equal(a.seals_n, 2);
    jobs[1] = &coming;
    secrets_prune_keys(&a);
    assert_int_equal(a.seals_n, 2);
    jobs[1] = &plain;
    secrets_prune_keys(&a);
    assert_int_equal(a.seals_n, 1);
    assert_int_not_equal(access(path, F_OK), 0);
    ahead_ms = 0;
    close(a.blobs);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_nothing_else_opens),
        cmocka_unit_test(test_what_is_bound),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_all_that_was_named),
        cmocka_unit_test(test_the_old_key_goes_when_nothing_needs_it),
    };

    return cmocka_run_group_tests(tests, read_vectors, NULL);
}
