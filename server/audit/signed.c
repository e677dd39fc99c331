/* audit/signed.c */
#include "audit/signed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "core/entry.h"
#include "core/entry_layout.h"
#include "crypto/sign.h"

static bool
verify(const uint8_t public[32], struct bytes message, const uint8_t sig[64])
{
    return sign_verify(public, message, sig) == OK;
}

enum err
signed_read_file(const char *path, size_t most, char **ret, size_t *ret_len, struct err_detail *d)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe would let us wait for ever */
    struct stat st;
    ssize_t got = -1;

    if (fd < 0)
        return err_say(d, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s cannot be read: %s.", path, strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size <= most) {
        *ret = xcalloc(1, most + 2);
        got = read(fd, *ret, most + 1);
        if (got < 0 || (size_t)got > most) {
            free(*ret);
            got = -1;
        }
    }
    close(fd);
    if (got < 0)
        return err_say(d, ERR_IO, "%s is not a file of at most %zu bytes.", path, most);
    *ret_len = (size_t)got;
    return OK;
}

enum err
signed_head_read(struct bytes bytes, const char *policy, struct signed_head *ret, struct err_detail *d)
{
    struct note *note = xcalloc(1, sizeof *note);
    struct quorum *q = xcalloc(1, sizeof *q);
    struct quorum_result result;
    enum err err = OK;

    *ret = (struct signed_head){ .there = true };
    if (!note_parse(bytes, note) || !checkpoint_parse(note->text, &ret->checkpoint))
        err = err_say(d, ERR_CORRUPT, "It is not a signed checkpoint.");
    if (err == OK && policy != NULL)
        err = quorum_parse(BYTES_TEXT(policy), q, d);
    if (err == OK && policy != NULL) {
        ret->judged = true;
        ret->says = quorum_judge(q, note, verify, &result);
        ret->cosigned = result.cosigned;
        ret->witnesses = q->witnesses;
        ret->names_log = q->logs > 0;
        quorum_words(q, ret->rule, sizeof ret->rule);
    }
    free(q);
    free(note);
    return err;
}

static const char *
sentence(const struct signed_head *h)
{
    bool asked = strcmp(h->rule, "none") != 0;

    if (h->says != QUORUM_OK || (asked && h->names_log))
        return quorum_sentence(h->says);
    if (asked)
        return "Enough witnesses have cosigned the checkpoint; the policy names no log, so whether that has signed it was not checked.";
    return h->names_log ? "The checkpoint is signed by its log; the policy asks for no witness." :
                          "The policy names no log and asks for no witness: nobody's signature was checked.";
}

void
signed_head_tell(const struct signed_head *h, FILE *to)
{
    if (!h->judged)
        fputs("Whose signatures these are was not checked: no --policy was given.\n", to);
    else if (h->witnesses == 0)
        fprintf(to, "%s\n", sentence(h));
    else
        fprintf(to, "%s %u of %u witnesses have cosigned; asked for: %s.\n", sentence(h), h->cosigned, h->witnesses, h->rule);
}

/* ---- receipts ---------------------------------------------------------------------------------------------------- */

/* An entry's bytes, as they are or in hexadecimal. */
static bool
entry_bytes(const char *text, size_t len, uint8_t ret[ENTRY_MAX], size_t *ret_len)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    char copy[2 * ENTRY_MAX + 1];

    if (digits > 0 && digits % 2 == 0 && digits <= 2 * ENTRY_MAX && digits + strspn(text + digits, "\r\n") == len) {
        memcpy(copy, text, digits);
        copy[digits] = '\0';
        *ret_len = digits / 2;
        return hex_decode(copy, ret, *ret_len);
    }
    if (len > ENTRY_MAX)
        return false;
    memcpy(ret, text, len);
    *ret_len = len;
    return true;
}

struct inputs { char *receipt, *entry, *policy; size_t receipt_len, entry_len, policy_len; };

static int
check(const struct inputs *in, FILE *to)
{
    struct receipt r;
    struct signed_head head;
    struct err_detail d = { .text = "" };
    struct entry e;
    uint8_t bytes[ENTRY_MAX];
    size_t len;
    bool in_log, is_entry;

    if (!receipt_parse(BYTES(in->receipt, in->receipt_len), &r)) {
        fputs("FAULT: it is not a receipt (C2SP tlog-proof v1).\n", to);
        return 1;
    }
    if (signed_head_read(r.note, in->policy, &head, &d) != OK) {
        fprintf(to, "FAULT: %s\n", d.text);
        return 1;
    }
    if (!entry_bytes(in->entry, in->entry_len, bytes, &len)) {
        fputs("FAULT: the second file does not have the bytes of an entry.\n", to);
        return 1;
    }
    in_log = proof_inclusion_holds(&r.path, entry_leaf_hash(BYTES(bytes, len)), r.index, head.checkpoint.size, head.checkpoint.root);
    is_entry = entry_decode(BYTES(bytes, len), &e) == OK;
    if (is_entry)
        fprintf(to, "Entry %" PRIu64 ", %s\n", e.index, entry_kind_name(e.kind));
    fprintf(to, "Journal %s, checkpoint of %" PRIu64 " entries\n", head.checkpoint.origin, head.checkpoint.size);
    if (!in_log) {
        fprintf(to, "FAULT: the path does not lead from this entry, as number %" PRIu64 ", to the checkpoint's root.\n", r.index);
        return 1;
    }
    if (!is_entry || e.index != r.index) { /* it is in the log, and no rule lets it be there */
        fprintf(to, "FAULT: leaf %" PRIu64 " of this journal %s.\n", r.index, is_entry ? "says that it is another entry" : "is not an entry of layout version 1");
        return 1;
    }
    fprintf(to, "The entry is number %" PRIu64 " of this journal.\n", r.index);
    signed_head_tell(&head, to);
    return head.judged && head.says != QUORUM_OK ? 1 : 0;
}

int
receipt_check(const char *receipt_path, const char *entry_path, const char *policy_path, FILE *to)
{
    struct inputs in = { .receipt = NULL };
    struct err_detail d = { .text = "" };
    int status = 3;
    enum err err = signed_read_file(receipt_path, 2 * NOTE_MAX, &in.receipt, &in.receipt_len, &d);

    if (err == OK)
        err = signed_read_file(entry_path, 2 * ENTRY_MAX + 2, &in.entry, &in.entry_len, &d);
    if (err == OK && policy_path != NULL)
        err = signed_read_file(policy_path, QUORUM_TEXT_MAX, &in.policy, &in.policy_len, &d);
    if (err == OK)
        status = check(&in, to);
    else
        fprintf(stderr, "kontor-audit: %s\n", d.text);
    free(in.receipt);
    free(in.entry);
    free(in.policy);
    return status;
}
