/* audit/signed.c */
#include "audit/signed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
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
