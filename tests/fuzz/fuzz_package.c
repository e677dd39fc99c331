/* tests/fuzz/fuzz_package.c: a period's data package (schema/journal/package.md) of a small world. An input is an archive as it is; or, after
 * 'f', which file, where, how much of it goes, and what comes instead: the sums are made anew, as a forger would. The judgement comes to an
 * end, and it finds no fault only where what the entries prove is as it was. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/world.h"
#include "audit/package.h"
#include "base/arena.h"
#include "base/tar.h"
#include "core/note.h"
#include "core/period.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { FILES_MAX = 16 };
struct file { char name[40]; uint8_t *data; size_t len; bool proved; };
static struct { struct file file[FILES_MAX]; size_t n; } good;

static void
add_file(const char *name, const void *data, size_t len, bool proved)
{
    struct file *f = &good.file[good.n++];

    snprintf(f->name, sizeof f->name, "%s", name);
    f->data = xmalloc(len + 1);
    memcpy(f->data, data, len);
    f->len = len;
    f->proved = proved;
}

static void
add_table(const char *name, struct json_out *table, bool proved)
{
    add_file(name, table->text, table->len, proved);
    json_out_free(table);
}

/* ---- the report's source is the world's ledger ------------------------------------------------------------------------ */

static bool
account_of(void *ctx, uint64_t index, struct report_account *ret)
{
    const struct account *a = ledger_account(ctx, index);

    if (a)
        *ret = (struct report_account){ a->class, a->parent, a->owner_site, a->grant_entry != NO_INDEX ? a->policy : NO_INDEX, a->owner_org, a->gge_cents };
    return a != NULL;
}

static bool
policy_of(void *ctx, uint64_t index, char ret_code[REPORT_CODE_MAX], char ret_name[33])
{
    const struct policy *p = ledger_policy(ctx, index);

    if (p) {
        snprintf(ret_code, REPORT_CODE_MAX, "%.16s", p->entry.u.policy.code);
        snprintf(ret_name, 33, "%.32s", p->entry.u.policy.name);
    }
    return p != NULL;
}

static bool
site_of(void *ctx, uint64_t index, char ret_code[REPORT_CODE_MAX])
{
    snprintf(ret_code, REPORT_CODE_MAX, "%.16s", ledger_site(ctx, index)->entry.u.site.code);
    return true;
}

static void
fund_of(void *ctx, uint64_t index, char ret[REPORT_NAME_MAX])
{
    (void)ctx;
    (void)index;
    snprintf(ret, REPORT_NAME_MAX, "InvestAI");
}

static enum err
party_of(void *ctx, struct uuid organisation, struct report_party *ret)
{
    (void)ctx;
    (void)organisation;
    *ret = (struct report_party){ "Brisa", "ES", ORGANISATION_START_UP };
    return OK;
}

/* ---- a package -------------------------------------------------------------------------------------------------------- */

static void
add_names(const struct world *w)
{
    struct json_out names = { 0 };
    char id[UUID_TEXT];

    csv_printf(&names, "what,key,name,country,class\r\nfund,%" PRIu64 ",\"InvestAI\",,\r\n", w->fund);
    for (int i = 0; i < 2; i++) {
        uuid_text(w->org[i], id);
        csv_printf(&names, "organisation,%s,\"Brisa\",ES,%s\r\n", id, ORGANISATION_CLASS_WORDS[ORGANISATION_START_UP]);
    }
    add_table("names.csv", &names, false);
}

static void
add_tables(const struct world *w, struct period *p)
{
    struct report_source source = { account_of, policy_of, site_of, fund_of, party_of, w->l };
    struct json_out moves = { 0 }, signatures = { 0 }, report = { 0 }, concentration = { 0 };
    struct report_subject subject;
    struct report_sums sums;

    period_sort(p);
    report_begin(&sums);
    for (size_t i = 0; i < p->moves_n; i++) {
        report_subject(&source, p->moves[i]->debit, p->moves[i]->credit, &subject);
        if (report_sum(&sums, &source, p->moves[i], &subject) != OK)
            abort();
    }
    report_sort(&sums);
    report_csv(&sums, w->n, &report);
    report_concentration_csv(&sums, &concentration);
    period_moves_csv(p, &moves);
    period_signatures_csv(p, &signatures);
    add_table("report.csv", &report, true);
    add_table("concentration.csv", &concentration, true);
    add_table("moves.csv", &moves, true);
    add_table("signatures.csv", &signatures, true);
    add_table("disputes.csv", &p->disputes, true);
    add_table("corrections.csv", &p->corrections, true);
    add_names(w);
    report_end(&sums);
}

static void
add_entries(const struct world *w, struct period *p)
{
    struct json_out bytes = { 0 };
    char name[40];

    for (size_t i = 0; i < w->n; i++) {
        uint8_t entry[ENTRY_MAX];
        size_t len = entry_encode(&w->entries[i], entry);
        uint8_t head[2] = { (uint8_t)(len >> 8), (uint8_t)len };

        csv_add(&bytes, (const char *)head, 2);
        csv_add(&bytes, (const char *)entry, len);
        period_take(p, &w->entries[i]);
        if ((i + 1) % PACKAGE_BUNDLE == 0 || i + 1 == w->n) {
            snprintf(name, sizeof name, PACKAGE_BUNDLE_NAME, (uint64_t)(i / PACKAGE_BUNDLE * PACKAGE_BUNDLE));
            add_table(name, &bytes, true);
            bytes = (struct json_out){ 0 };
        }
    }
}

static void
make_package(void)
{
    struct world *w = world_new();
    struct checkpoint c = { .origin = "" };
    char text[CHECKPOINT_TEXT_MAX], line[NOTE_LINE_MAX], note[CHECKPOINT_TEXT_MAX + NOTE_LINE_MAX + 2], proof[400];
    struct vkey key;
    struct period p;
    uint8_t sig[64];
    size_t n;

    world_seed(w);
    world_add(w, world_settle(w, world_add(w, world_hold(w, 0, 0, 1, 60)), REPORT_FINISHED, 30));
    snprintf(c.origin, sizeof c.origin, "%s", w->entries[0].u.genesis.origin);
    c.size = w->n;
    c.root = merkle_root(&w->tree);
    key = vkey_make(c.origin, NOTE_ED25519, w->server.public);
    n = checkpoint_text(&c, text);
    sign_make(&w->server, BYTES(text, n), sig);
    line[note_line_write(&key, 0, sig, line)] = '\0';
    n = (size_t)snprintf(note, sizeof note, "%s\n%s", text, line);
    add_file("journal/checkpoint", note, n, false);
    n = (size_t)snprintf(proof, sizeof proof, PACKAGE_TITLE "\norigin %s\nfrom 2020-01-01T00:00:00Z\nto 2040-01-01T00:00:00Z\nfirst 0\nend %zu\n", c.origin, w->n);
    add_file("journal/proof", proof, n, false);
    period_begin(&p);
    add_entries(w, &p);
    add_tables(w, &p);
    period_end(&p);
    world_delete(w);
}

/* ---- judging ---------------------------------------------------------------------------------------------------------- */

static int
judge(const void *data, size_t len)
{
    FILE *archive = len ? fmemopen((void *)(uintptr_t)data, len, "rb") : tmpfile(), *to;
    char *words = NULL;
    size_t words_len;
    int status;

    assert(archive);
    to = open_memstream(&words, &words_len);
    status = package_judge(archive, NULL, to);
    fclose(to);
    fclose(archive);
    assert(words_len > 0 && (status == 0 || status == 1) && (status == 0) == (strstr(words, "FAULT") == NULL));
    free(words);
    return status;
}

static void
put(struct json_out *out, const char *name, const void *data, size_t len)
{
    static const char zeros[TAR_BLOCK];
    uint8_t header[TAR_BLOCK];
    char path[TAR_NAME_MAX];

    snprintf(path, sizeof path, "kontor/%s", name);
    tar_header(path, len, 1, header);
    csv_add(out, (const char *)header, sizeof header);
    csv_add(out, data, len);
    csv_add(out, zeros, tar_padding(len));
}

/* All files, one of them otherwise; their sums are right. */
static int
judge_with(size_t which, const uint8_t *data, size_t len)
{
    static const char end[TAR_END];
    struct json_out out = { 0 }, sums = { 0 };
    int status;

    for (size_t i = 0; i < good.n; i++) {
        const struct file *f = &good.file[i];
        struct bytes is = i == which ? BYTES(data, len) : BYTES(f->data, f->len);
        struct hash h = sha256(is);
        char hex[HEX_LEN(32)];

        put(&out, f->name, is.data, is.len);
        hex_encode(BYTES(h.b, 32), hex);
        csv_printf(&sums, "%s  %s\n", hex, f->name);
    }
    put(&out, "SHA256SUMS", sums.text, sums.len);
    csv_add(&out, end, sizeof end);
    status = judge(out.text, out.len);
    json_out_free(&out);
    json_out_free(&sums);
    return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct file *f;
    size_t at, cut;
    uint8_t *text;

    if (good.n == 0) {
        make_package();
        assert(judge_with(good.n, NULL, 0) == 0);
    }
    if (len < 6 || data[0] != 'f') {
        (void)judge(data, len);
        return 0;
    }
    f = &good.file[data[1] % good.n];
    at = ((size_t)data[2] << 8 | data[3]) % (f->len + 1);
    cut = ((size_t)data[4] << 8 | data[5]) % (f->len - at + 1);
    text = xmalloc(f->len + len);
    memcpy(text, f->data, at);
    memcpy(text + at, data + 6, len - 6);
    memcpy(text + at + len - 6, f->data + at + cut, f->len - at - cut);
    if (judge_with(data[1] % good.n, text, f->len - cut + len - 6) == 0 && f->proved)
        assert(cut == len - 6 && memcmp(text, f->data, f->len) == 0);
    free(text);
    return 0;
}
