/* tests/fuzz/fuzz_parts.c: what an export has beside the entries, of which one file is any bytes; the first byte says which:
 * reasons behind commitments (e), assertions (a), reservations (h), the signed checkpoint (c), the progress of an audit
 * before (p), a policy (w). Every signature is taken for good. The auditor comes to an end; where it finds no fault, as much
 * was compared as in the export as it should be. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/world.h"
#include "audit/verify.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { EVIDENCE, ASSERTIONS, HOLDS, CHECKPOINT, PROGRESS, POLICY_TEXT, FILES };
static const char KINDS[] = "eahcpw";
static const char *const NAMES[FILES] = { "evidence.jsonl", "assertions.jsonl", "holds.csv", "checkpoint", "progress", NULL };

static struct { char *data; size_t len; } file[FILES];
static char folder[64];
static struct evidence_sums good;

enum err __wrap_sign_verify(const uint8_t public[32], struct bytes message, const uint8_t signature[64]);
enum err
__wrap_sign_verify(const uint8_t public[32], struct bytes message, const uint8_t signature[64])
{
    (void)public;
    (void)message;
    (void)signature;
    return OK;
}

static void
put(const char *name, const void *data, size_t len)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    if (!f || (len > 0 && fwrite(data, 1, len, f) != len) || fclose(f) != 0)
        abort();
}

static void
clean(void)
{
    char command[96];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        abort();
}

/* ---- the export ------------------------------------------------------------------------------------------------------ */

static struct hash
salt_of(uint64_t i)
{
    uint8_t byte = (uint8_t)i;

    return sha256(BYTES(&byte, 1));
}

static void
put_assertion(const struct world *w, FILE *to)
{
    struct hash h = sha256(BYTES(w->said, w->said_len));

    fputs("{\"sha256\":\"", to);
    for (size_t i = 0; i < sizeof h.b; i++)
        fprintf(to, "%02x", h.b[i]);
    fputs("\",\"assertion\":\"", to);
    for (size_t i = 0; i < w->said_len; i++)
        fprintf(to, "%02x", w->said[i]);
    fputs("\"}\n", to);
}

/* Orders with a reason, one of which is erased, and one signed by a passkey. */
static void
make_evidence(struct world *w)
{
    FILE *f = open_memstream(&file[EVIDENCE].data, &file[EVIDENCE].len), *a = open_memstream(&file[ASSERTIONS].data, &file[ASSERTIONS].len);
    struct hash erased = { { 0 } };
    char text[64], salt[HEX_LEN(32)], order[UUID_TEXT], erased_order[UUID_TEXT], time[TIME_TEXT];

    world_passkey(w);
    for (uint64_t i = 0; i < 5; i++) {
        struct entry e = world_move(w, TRANCHE, w->fund, w->tranche, CREDIT);
        struct hash s = salt_of(i);

        snprintf(text, sizeof text, "Reason %llu", (unsigned long long)i);
        e.u.move.commitment = sha256_of((const struct bytes[]){ BYTES(s.b, 32), BYTES_TEXT(text) }, 2);
        world_sign(w, &e, i == 4 ? "P" : "S");
        if (i == 4)
            put_assertion(w, a);
        world_add(w, e);
        uuid_text(e.u.move.order, order);
        hex_encode(BYTES(s.b, 32), salt);
        if (i == 0) {
            erased = e.u.move.commitment;
            memcpy(erased_order, order, sizeof order);
        } else {
            fprintf(f, "{\"order\":\"%s\",\"salt\":\"%s\",\"text\":\"%s\"}\n", order, salt, text);
        }
    }
    struct entry e = world_order(w, NOTICE);

    e.u.notice.type = NOTICE_ERASURE;
    e.u.notice.commitment = erased;
    world_sign(w, &e, "S");
    time_text(w->now, time);
    fprintf(f, "{\"order\":\"%s\",\"erased\":\"%s\",\"erasure\":%llu}\n", erased_order, time, (unsigned long long)world_add(w, e));
    fclose(f);
    fclose(a);
}

static void
make_holds(const struct world *w)
{
    FILE *f = open_memstream(&file[HOLDS].data, &file[HOLDS].len);
    const struct hold *h;

    fputs("reservation,request,organisation,hold,grant,site,offering,rate,fence,gpus,walltime_s,rate_milli,amount,"
          "window_start_ms,window_end_ms,start_by_ms,paid\n", f);
    for (size_t it = 0; (h = ledger_next_hold(w->l, &it)) != NULL;) {
        char reservation[UUID_TEXT], request[UUID_TEXT], org[UUID_TEXT];

        uuid_text(h->reservation, reservation);
        uuid_text(h->request, request);
        uuid_text(ledger_account(w->l, h->grant)->owner_org, org);
        fprintf(f, "%s,%s,%s,%lld,%lld,%lld,%lld,%lld,%lld,%u,%u,%u,%lld,%lld,%lld,%lld,%lld\n", reservation, request, org, (long long)h->index,
                (long long)h->grant, (long long)h->site, (long long)h->offering, (long long)h->rate, (long long)h->fence, h->gpus, h->walltime_s,
                h->rate_milli, (long long)h->amount, (long long)h->window_start_ms, (long long)h->window_end_ms, (long long)h->start_by_ms,
                (long long)(h->settled - h->corrected));
    }
    fclose(f);
}

static void
put_balances(const struct ledger *l)
{
    char path[128];
    const struct account *a;
    FILE *f;

    snprintf(path, sizeof path, "%s/balances.csv", folder);
    f = fopen(path, "wb");
    if (!f)
        abort();
    fputs("account,class,closed,owner_org,owner_site,parent,posted_debits,posted_credits,held_debits,held_credits,last_index\n", f);
    for (size_t it = 0; (a = ledger_next_account(l, &it)) != NULL;) {
        char org[UUID_TEXT];

        uuid_text(a->owner_org, org);
        fprintf(f, "%lld,%u,%d,%s,%lld,%lld,%lld,%lld,%lld,%lld,%lld\n", (long long)a->index, a->class, a->closed, org,
                (long long)a->owner_site, (long long)a->parent, (long long)a->posted_debits, (long long)a->posted_credits,
                (long long)a->held_debits, (long long)a->held_credits, (long long)a->last_index);
    }
    fclose(f);
}

static enum err
put_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    char path[TILE_PATH_MAX];

    (void)ctx;
    tile_path(level, n, width, path);
    put(path, hashes, width * sizeof *hashes);
    return OK;
}

static void
put_log(const struct world *w, const struct head_text *head)
{
    struct tiles *t = xcalloc(1, sizeof *t);
    uint8_t *bundle = xmalloc(w->n * (ENTRY_MAX + 2));
    char path[TILE_PATH_MAX], text[HEAD_TEXT_MAX];
    size_t used = 0;

    t->write = put_tile;
    for (size_t i = 0; i < w->n; i++) {
        size_t n = entry_encode(&w->entries[i], bundle + used + 2);

        bundle[used] = (uint8_t)(n >> 8);
        bundle[used + 1] = (uint8_t)n;
        if (tiles_append(t, entry_leaf_hash(BYTES(bundle + used + 2, n))) != OK)
            abort();
        used += n + 2;
    }
    if (tiles_finish(t) != OK)
        abort();
    tile_path(TILE_ENTRIES, 0, (unsigned)w->n, path);
    put(path, bundle, used);
    put("head", text, head_text_write(head, text));
    free(bundle);
    free(t);
}

/* The other files, as they should be. */
static void
make_others(const struct world *w, const struct head_text *head)
{
    struct vkey key = vkey_make(head->origin, NOTE_ED25519, w->server.public);
    struct checkpoint c = { .size = head->size, .root = head->root };
    char vkey[VKEY_TEXT_MAX > NOTE_LINE_MAX ? VKEY_TEXT_MAX : NOTE_LINE_MAX], text[HEAD_TEXT_MAX], note[CHECKPOINT_TEXT_MAX];
    size_t len = head_text_write(head, text);
    FILE *f = open_memstream(&file[PROGRESS].data, &file[PROGRESS].len);

    fprintf(f, "kontor-audit progress/v1\n%.*s", (int)len, text);
    fclose(f);
    vkey_text(&key, vkey);
    f = open_memstream(&file[POLICY_TEXT].data, &file[POLICY_TEXT].len);
    fprintf(f, "log %s\nquorum none\n", vkey);
    fclose(f);
    snprintf(c.origin, sizeof c.origin, "%s", head->origin);
    len = checkpoint_text(&c, note);
    note_line_write(&key, 0, (const uint8_t[64]){ 1 }, vkey);
    f = open_memstream(&file[CHECKPOINT].data, &file[CHECKPOINT].len);
    fprintf(f, "%.*s\n%s", (int)len, note, vkey);
    fclose(f);
}

/* False: it could not be judged. */
static bool
judge(struct audit *a, int changed, const char *policy)
{
    struct err_detail d = { 0 };
    char progress[128];
    enum err err;

    snprintf(progress, sizeof progress, "%s/progress", folder);
    a->dir = folder;
    a->resume = changed == PROGRESS ? progress : NULL;
    a->policy = policy;
    err = audit_verify(a, &d);
    assert(err == OK || d.text[0]);
    return err == OK;
}

static void
make_export(void)
{
    static const char *const FOLDERS[] = { "tile", "tile/0", "tile/0/000.p", "tile/entries", "tile/entries/000.p" };
    struct world *w = world_new();
    struct head_text head = { .origin = "kontor.example/journal" };
    struct audit *a = xcalloc(1, sizeof *a);
    char path[128];
    uint64_t hold;

    snprintf(folder, sizeof folder, "%s/kontor-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    atexit(clean);
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, FOLDERS[i]);
        mkdir(path, 0700);
    }
    world_seed(w);
    make_evidence(w);
    for (int i = 0; i < 3; i++) {
        hold = world_add(w, world_hold(w, i % 2, i % 2, 4, 3600));
        w->now += HOUR_MS;
        if (i < 2)
            world_add(w, world_settle(w, hold, REPORT_FINISHED, 3600));
    }
    assert(w->n < TILE_WIDTH);
    head.size = w->n;
    head.root = merkle_root(&w->tree);
    head.time_ms = w->now;
    make_holds(w);
    make_others(w, &head);
    put_log(w, &head);
    put_balances(w->l);
    for (int i = 0; i < FILES; i++)
        if (NAMES[i])
            put(NAMES[i], file[i].data, file[i].len);
    if (!judge(a, FILES, file[POLICY_TEXT].data) || a->found.n > 0)
        audit_print(a, stderr);
    assert(a->found.n == 0 && a->checkpoint.says == QUORUM_OK && a->evidence.kept == 4 && a->evidence.erased == 1 && a->evidence.assertions == 1 && a->holds == 3);
    good = a->evidence;
    free(a);
    world_delete(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct audit *a;
    const char *kind = len > 0 && data[0] ? strchr(KINDS, data[0]) : NULL;
    char *policy;
    int i;

    if (!folder[0])
        make_export();
    if (!kind)
        return 0;
    i = (int)(kind - KINDS);
    a = xcalloc(1, sizeof *a);
    policy = xcalloc(1, len);
    memcpy(policy, data + 1, len - 1);
    if (NAMES[i])
        put(NAMES[i], data + 1, len - 1);
    if (judge(a, i, i == POLICY_TEXT ? policy : i == CHECKPOINT ? file[POLICY_TEXT].data : NULL) && a->found.n == 0) {
        assert(a->evidence.kept == good.kept && a->evidence.erased == good.erased);
        assert(a->evidence.assertions == good.assertions);
        assert(i != HOLDS || a->holds >= 1); /* what is no longer held may be left out */
    }
    if (NAMES[i] && i != PROGRESS)
        put(NAMES[i], file[i].data, file[i].len);
    free(policy);
    free(a);
    return 0;
}
