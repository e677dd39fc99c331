/* tests/fuzz/fuzz_secret.c: what was sealed for a job, as the site's agent reads it, and what is in it once it is open.
 * The first byte says what the rest is:
 *   J   the object as it was fetched, any bytes
 *   V   values, each ended by 0x1e, which are sealed as they should be, and opened: they come out as they went in, in the
 *       environment's form and in that of Slurm's file, or are refused for a zero byte within
 *   X   the same, of which one bit is changed (its place: the next two bytes): nothing of it opens */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/run.h"
#include "agent/secrets.h"
#include "agent/slurm_secrets.h"
#include "base/arena.h"
#include "base/text.h"
#include "core/secret.h"
#include "crypto/hpke.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct agent agent;
static struct job job;
static struct uuid organisation;
static struct bytes fetched;

/* The blob's file is the input. */
enum err __wrap_run_file_tail(int dir, const char *name, void *ret, size_t cap, size_t *ret_len);
enum err
__wrap_run_file_tail(int dir, const char *name, void *ret, size_t cap, size_t *ret_len)
{
    (void)dir;
    assert(strlen(name) == 64);
    *ret_len = fetched.len < cap ? fetched.len : cap;
    memcpy(ret, fetched.data + fetched.len - *ret_len, *ret_len);
    return OK;
}

/* What Slurm's file would have is what the environment has. */
static void
check_lines(const char *open, size_t len)
{
    static uint8_t value[SECRET_VALUE_MAX];
    size_t lines_len;
    char *lines = slurm_secrets_lines(BYTES(open, len), &lines_len);
    const char *at = lines, *end;

    assert(lines_len <= SUBMIT_SECRETS_MAX);
    end = lines + lines_len;
    for (const char *one = open; one < open + len; one += strlen(one) + 1) {
        size_t name_len = strcspn(one, "="), value_len, text_len;

        assert(memcmp(at, one, name_len) == 0 && at[name_len] == ' ');
        at += name_len + 1;
        text_len = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) - at);
        assert(base64_decode(at, text_len, value, sizeof value, &value_len));
        assert(value_len == strlen(one + name_len + 1) && memcmp(value, one + name_len + 1, value_len) == 0);
        at += text_len + 1;
    }
    assert(at == end);
    slurm_secrets_wipe(&lines, lines_len);
}

/* Names that a job may have, each once, and values that are texts. */
static void
check_open(const char *open, size_t len)
{
    if (len == 0)
        return;
    assert(open[len - 1] == 0);
    for (const char *one = open; one < open + len; one += strlen(one) + 1) {
        char name[SECRET_NAME_MAX + 1];
        size_t name_len = strcspn(one, "=");

        assert(one[name_len] == '=' && name_len <= SECRET_NAME_MAX && strlen(one + name_len + 1) <= SECRET_VALUE_MAX);
        text_format(name, sizeof name, "%.*s", (int)name_len, one);
        assert(secret_name_ok(name));
        for (const char *other = open; other < one; other += strlen(other) + 1)
            assert(strncmp(other, one, name_len + 1) != 0);
    }
    check_lines(open, len);
}

/* What is taken is written as it was read. */
static void
check_form(struct bytes text)
{
    static struct sealed_secrets s, again;
    struct json_in in = json_in_open(text, NULL);
    struct json_out out = { 0 };

    memset(&s, 0, sizeof s);
    memset(&again, 0, sizeof again);
    sealed_in(&in, &s);
    if (json_in_close(&in) != OK)
        return;
    assert(s.n <= SECRETS_MAX);
    sealed_json(&out, &s);
    in = json_in_open(BYTES(out.text, out.len), NULL);
    sealed_in(&in, &again);
    assert(json_in_close(&in) == OK && memcmp(&s, &again, sizeof s) == 0);
    json_out_free(&out);
}

static enum err
open_all(struct bytes text, uint8_t **ret, size_t *ret_len)
{
    struct err_detail d = { 0 };
    enum err checked, err;

    fetched = text;
    job.secrets = sha256(text);
    checked = secrets_check(&agent, &job, &d);
    err = secrets_open(&agent, &job, organisation, ret, ret_len, &d);
    assert(checked == OK || err == checked);
    assert(err == OK || (*ret == NULL && d.internal[0]));
    return err;
}

static void
as_fetched(const uint8_t *data, size_t len)
{
    uint8_t *open = NULL;
    size_t open_len = 0;

    check_form(BYTES(data, len));
    if (open_all(BYTES(data, len), &open, &open_len) == OK)
        check_open((const char *)open, open_len);
    secrets_wipe(open, open_len);
}

/* The values as the environment has them at *ret; whether one has a zero within. */
static bool
seal_values(const uint8_t *data, size_t len, struct sealed_secrets *s, char *ret, size_t *ret_len)
{
    static const uint8_t ONCE[32] = { 4, 5, 6 };
    struct seal_key once = seal_key_from_secret(ONCE);
    bool zero = false;

    *s = (struct sealed_secrets){ .key = sha256(BYTES(agent.seals[0].public, 32)) };
    *ret_len = 0;
    while (len > 0 && s->n < SECRETS_MAX) {
        struct sealed_secret *one = &s->all[s->n];
        uint8_t info[SECRET_INFO_MAX], value[SECRET_VALUE_MAX] = { 0 };
        const uint8_t *end = memchr(data, 0x1e, len);
        size_t whole = end ? (size_t)(end - data) : len, used = whole < sizeof value ? whole : sizeof value, info_len, open_len;

        memcpy(value, data, used);
        for (open_len = used; open_len > 0 && value[open_len - 1] == 0; open_len--)
            ;
        zero = zero || memchr(value, 0, open_len);
        text_format(one->name, sizeof one->name, "A%zu", s->n);
        used = used == 0 ? SECRET_PAD : (used + SECRET_PAD - 1) / SECRET_PAD * SECRET_PAD;
        one->sealed_len = used + SECRET_TAG_LEN;
        info_len = secret_info(organisation, job.t.request, job.workload, one->name, info);
        memcpy(one->enc, once.public, sizeof one->enc);
        assert(hpke_seal_with(&once, agent.seals[0].public, BYTES(info, info_len), BYTES("", 0), BYTES(value, used), one->sealed) == OK);
        text_format(ret + *ret_len, 8, "%s=", one->name);
        *ret_len += strlen(one->name) + 1;
        memcpy(ret + *ret_len, value, open_len);
        *ret_len += open_len;
        ret[(*ret_len)++] = 0;
        s->n++;
        data += whole + (end != NULL);
        len -= whole + (end != NULL);
    }
    return zero;
}

static void
as_values(const uint8_t *data, size_t len)
{
    static struct sealed_secrets s;
    static char want[SUBMIT_SECRETS_MAX];
    size_t want_len, open_len = 0;
    bool zero = seal_values(data, len, &s, want, &want_len);
    struct json_out out = { 0 };
    uint8_t *open = NULL;
    enum err err;

    sealed_json(&out, &s);
    check_form(BYTES(out.text, out.len));
    err = open_all(BYTES(out.text, out.len), &open, &open_len);
    assert(err == (zero ? ERR_CORRUPT : OK));
    if (err == OK) {
        assert(open_len == want_len && memcmp(open, want, want_len) == 0);
        check_open((const char *)open, open_len);
    }
    secrets_wipe(open, open_len);
    json_out_free(&out);
}

/* A bit of the agreement, of the sealed bytes, of the job's request, of its script's hash or of its organisation. */
static void
as_changed(const uint8_t *data, size_t len)
{
    static struct sealed_secrets s;
    static char want[SUBMIT_SECRETS_MAX];
    size_t at = len < 2 ? 0 : (size_t)data[0] << 8 | data[1], want_len, open_len = 0;
    uint8_t *places[5], bit = (uint8_t)(1u << (at & 7)), *open = NULL;
    size_t lens[5] = { 32, 0, sizeof job.t.request.b, sizeof job.workload.b, sizeof organisation.b };
    struct json_out out = { 0 };

    if (len < 3)
        return;
    seal_values(data + 2, len - 2, &s, want, &want_len);
    places[0] = s.all[0].enc;
    places[1] = s.all[0].sealed;
    lens[1] = s.all[0].sealed_len;
    places[2] = job.t.request.b;
    places[3] = job.workload.b;
    places[4] = organisation.b;
    at >>= 3;
    places[at % 5][at / 5 % lens[at % 5]] ^= bit;
    sealed_json(&out, &s);
    assert(open_all(BYTES(out.text, out.len), &open, &open_len) == ERR_SIGNATURE);
    json_out_free(&out);
    if (at % 5 >= 2)
        places[at % 5][at / 5 % lens[at % 5]] ^= bit;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t OURS[32] = { 1, 2, 3 };

    agent.seals[0] = seal_key_from_secret(OURS);
    agent.seals_n = 1;
    job.workload = (struct hash){ { 7 } };
    if (len < 1 || len > SECRETS_BUNDLE_MAX)
        return 0;
    if (data[0] == 'J')
        as_fetched(data + 1, len - 1);
    else if (data[0] == 'V')
        as_values(data + 1, len - 1);
    else if (data[0] == 'X')
        as_changed(data + 1, len - 1);
    return 0;
}
