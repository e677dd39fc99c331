/* audit/receipt.c */
#include "audit/receipt.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "audit/finding.h"
#include "audit/print.h"
#include "audit/signed.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "core/entry.h"
#include "core/entry_layout.h"
#include "core/ledger.h"

#define HEADER "c2sp.org/tlog-proof@"

struct text { char *data; size_t len; };

struct judgement {
    struct receipt receipt;
    struct signed_head head;
    struct entry entry;
    bool readable; /* the entry's layout is known */
    bool in_log;
    char fault[300]; /* "": none */
};

static void PRINTF(2, 3)
fault(struct judgement *j, const char *fmt, ...)
{
    va_list args;

    if (j->fault[0])
        return;
    va_start(args, fmt);
    vsnprintf(j->fault, sizeof j->fault, fmt, args);
    va_end(args);
}

/* ---- the two files ------------------------------------------------------------------------------------------------- */

/* What curl has kept where the server refused: its problem details, in which it says why. */
static bool
is_refusal(const struct text *t, char ret[200])
{
    struct json_in in = json_in_open(BYTES(t->data, t->len), NULL);
    const char *detail = json_in_has(&in, "status") ? json_in_text_or(&in, "detail", 4096, "") : "";
    bool is = json_in_has(&in, "status") && json_in_has(&in, "title");

    text_format(ret, 200, "%.190s", detail[0] || !is ? detail : json_in_text_or(&in, "title", 4096, ""));
    finding_defuse(ret);
    return json_in_close(&in) != ERR_JSON_MALFORMED && is;
}

static bool
is_receipt(const struct text *t)
{
    return text_starts(t->data, HEADER);
}

static bool
hex_digits(const char *text, size_t len, uint8_t ret[ENTRY_MAX], size_t *ret_len)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    char copy[2 * ENTRY_MAX + 1];

    if (digits == 0 || digits % 2 != 0 || digits > 2 * ENTRY_MAX || digits + strspn(text + digits, "\r\n") != len)
        return false;
    memcpy(copy, text, digits);
    copy[digits] = '\0';
    *ret_len = digits / 2;
    return hex_decode(copy, ret, *ret_len);
}

/* As the server shows an entry: its "bytes". */
static bool
json_bytes(const struct text *t, uint8_t ret[ENTRY_MAX], size_t *ret_len)
{
    struct json_in in = json_in_open(BYTES(t->data, t->len), NULL);
    const char *hex = json_in_text_or(&in, "bytes", 2 * ENTRY_MAX, "");
    bool good = hex_digits(hex, strlen(hex), ret, ret_len);

    return json_in_close(&in) != ERR_JSON_MALFORMED && good;
}

static bool
entry_bytes(const struct text *t, uint8_t ret[ENTRY_MAX], size_t *ret_len)
{
    if (hex_digits(t->data, t->len, ret, ret_len) || json_bytes(t, ret, ret_len))
        return true;
    if (t->len > ENTRY_MAX)
        return false;
    memcpy(ret, t->data, t->len);
    *ret_len = t->len;
    return true;
}

/* The entry that stands in the receipt itself. */
static bool
entry_within(const struct text *receipt, uint8_t ret[ENTRY_MAX], size_t *ret_len)
{
    struct receipt r;

    return receipt_parse(BYTES(receipt->data, receipt->len), &r) && receipt_extra(&r, ret, ret_len);
}

/* Are these the files that were asked for? If not: says so, and gives the exit status; 0: they are. */
static int
look_at_files(const struct receipt_ask *ask, const struct text *receipt, const struct text *entry, uint8_t bytes[ENTRY_MAX], size_t *len)
{
    char why[200];

    if (ask->entry && !is_receipt(receipt) && is_receipt(entry)) {
        fprintf(stderr, "kontor-audit: %s is the receipt; it comes first: kontor-audit receipt RECEIPT ENTRY\n", ask->entry);
        return 2;
    }
    if (is_refusal(receipt, why)) {
        fprintf(stderr, "kontor-audit: %s is no receipt but a refusal by the server: %s\n", ask->receipt, why);
        return 3;
    }
    if (!is_receipt(receipt)) {
        fprintf(stderr, "kontor-audit: %s is not a receipt (C2SP tlog-proof): it does not begin with %s\n", ask->receipt, HEADER);
        return 3;
    }
    if (!ask->entry) {
        if (entry_within(receipt, bytes, len))
            return 0;
        fputs("kontor-audit: the entry does not stand in this receipt (the server puts it there with ?with=entry), so its bytes are wanted"
              " too: what the server gives at /v1/journal/entries/INDEX/bytes\n", stderr);
        return 2;
    }
    if (is_refusal(entry, why)) {
        fprintf(stderr, "kontor-audit: %s has no entry but a refusal by the server: %s\n", ask->entry, why);
        return 3;
    }
    if (!entry_bytes(entry, bytes, len)) {
        fprintf(stderr, "kontor-audit: %s does not have the bytes of an entry, as they are or in hexadecimal.\n", ask->entry);
        return 3;
    }
    return 0;
}

/* ---- judging ------------------------------------------------------------------------------------------------------- */

/* ERR_FIELD_INVALID: the policy is none, so nothing is judged. */
static enum err
judge(const struct receipt_ask *ask, const struct text *receipt, struct bytes entry, struct judgement *j, struct err_detail *d)
{
    enum err err;

    if (!receipt_parse(BYTES(receipt->data, receipt->len), &j->receipt)) {
        fault(j, "the receipt is damaged: it is not a tlog-proof of version 1.");
        return OK;
    }
    err = signed_head_read(j->receipt.note, ask->policy, &j->head, d);
    if (err == ERR_FIELD_INVALID)
        return err;
    if (err) {
        fault(j, "the receipt is damaged: it has no signed checkpoint.");
        return OK;
    }
    j->readable = entry_decode(entry, &j->entry) == OK;
    j->in_log = proof_inclusion_holds(&j->receipt.path, entry_leaf_hash(entry), j->receipt.index, j->head.checkpoint.size, j->head.checkpoint.root);
    if (!j->in_log)
        fault(j, "the path does not lead from this entry, as number %" PRIu64 ", to the checkpoint's root%s.", j->receipt.index,
              j->readable && j->entry.index != j->receipt.index ? ": the two files are of different entries" : "");
    else if (!j->readable || j->entry.index != j->receipt.index) /* it is in the log, and no rule lets it be there */
        fault(j, "leaf %" PRIu64 " of this journal %s.", j->receipt.index,
              j->readable ? "says that it is another entry" : "is not an entry of layout version 1");
    if (j->head.judged && j->head.says != QUORUM_OK)
        fault(j, "%s %u of the policy's %u witnesses have cosigned.", quorum_sentence(j->head.says), j->head.cosigned, j->head.witnesses);
    return OK;
}

/* ---- the report ---------------------------------------------------------------------------------------------------- */

static void
print_entry(const struct entry *e, FILE *to)
{
    char at[TIME_TEXT], credits[40];

    time_text(e->time_ms, at);
    fprintf(to, "Entry %" PRIu64 ", %s, of %s\n", e->index, entry_kind_name(e->kind), at);
    if (e->debit == NO_INDEX || e->credit == NO_INDEX)
        return;
    audit_credits(e->amount, credits);
    fprintf(to, "%s credits, from account %" PRIu64 " to account %" PRIu64 "\n", credits, e->debit, e->credit);
}

static void
print_words(const struct judgement *j, FILE *to)
{
    const struct signed_head *h = &j->head;
    char root[HEX_LEN(32)];

    if (j->readable)
        print_entry(&j->entry, to);
    if (h->there && h->checkpoint.origin[0]) {
        hex_encode(BYTES(h->checkpoint.root.b, 32), root);
        fprintf(to, "Journal %s, checkpoint of %" PRIu64 " entries\nRoot %s\n", h->checkpoint.origin, h->checkpoint.size, root);
    }
    if (j->in_log && j->readable && j->entry.index == j->receipt.index)
        fprintf(to, "The entry is number %" PRIu64 " of this journal.\n", j->receipt.index);
    if (j->in_log && (!h->judged || h->says == QUORUM_OK))
        signed_head_tell(h, to);
    if (j->in_log && !h->judged)
        fputs("Anybody can make such a receipt.\n", to);
    if (j->fault[0])
        fprintf(to, "FAULT: %s\n", j->fault);
    else
        fputs("No fault found. That the whole journal keeps its rules is judged by kontor-audit verify.\n", to);
}

static void
print_json(const struct judgement *j, FILE *to)
{
    const struct signed_head *h = &j->head;
    struct json_out out = { .fresh = true };

    json_open(&out, NULL);
    json_bool(&out, "clean", j->fault[0] == '\0');
    json_bool(&out, "in_log", j->in_log);
    if (h->there && h->checkpoint.origin[0]) {
        json_i64(&out, "index", (int64_t)j->receipt.index);
        json_text(&out, "origin", h->checkpoint.origin);
    }
    if (j->readable) {
        json_open(&out, "entry");
        json_i64(&out, "index", (int64_t)j->entry.index);
        json_text(&out, "kind", entry_kind_name(j->entry.kind));
        json_time(&out, "time", j->entry.time_ms);
        if (j->entry.debit != NO_INDEX && j->entry.credit != NO_INDEX) {
            json_i64(&out, "debit", (int64_t)j->entry.debit);
            json_i64(&out, "credit", (int64_t)j->entry.credit);
            json_amount(&out, "amount", j->entry.amount);
        }
        json_shut(&out);
    } else
        json_none(&out, "entry");
    audit_json_checkpoint(&out, h);
    json_text(&out, "fault", j->fault[0] ? j->fault : NULL);
    json_shut(&out);
    fprintf(to, "%.*s\n", (int)out.len, out.text);
    json_out_free(&out);
}

static int
check(const struct receipt_ask *ask, const struct text *receipt, const struct text *entry)
{
    struct judgement j = { .readable = false };
    struct err_detail d = { .text = "" };
    uint8_t bytes[ENTRY_MAX];
    size_t len;
    int status = look_at_files(ask, receipt, entry, bytes, &len);

    if (status)
        return status;
    if (judge(ask, receipt, BYTES(bytes, len), &j, &d) != OK) {
        fprintf(stderr, "kontor-audit: %s\n", d.text);
        return 3;
    }
    if (ask->json)
        print_json(&j, ask->to);
    else
        print_words(&j, ask->to);
    return j.fault[0] ? 1 : 0;
}

int
receipt_check(const struct receipt_ask *ask)
{
    struct text receipt = { NULL, 0 }, entry = { NULL, 0 };
    struct err_detail d = { .text = "" };
    int status = 3;
    enum err err = signed_read_file(ask->receipt, 2 * NOTE_MAX, &receipt.data, &receipt.len, &d);

    if (err == OK && ask->entry)
        err = signed_read_file(ask->entry, NOTE_MAX, &entry.data, &entry.len, &d);
    if (err == OK)
        status = check(ask, &receipt, &entry);
    else
        fprintf(stderr, "kontor-audit: %s\n", d.text);
    free(receipt.data);
    free(entry.data);
    return status;
}
