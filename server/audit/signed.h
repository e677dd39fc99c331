/* audit/signed.h
 * What the log and its witnesses have signed: a checkpoint judged under a policy (C2SP tlog-policy). */
#ifndef AUDIT_SIGNED_H
#define AUDIT_SIGNED_H

#include <stdio.h>

#include "core/quorum.h"

struct signed_head {
    bool there;                  /* a checkpoint was given */
    bool judged;                 /* under a policy */
    struct checkpoint checkpoint;
    enum quorum_says says;
    unsigned cosigned, witnesses; /* of the policy's witnesses, so many have cosigned */
    bool names_log;              /* the policy does: else nobody asked whether it has signed */
    char rule[256];              /* what the policy asks for in words; "none" */
};

/* A file's bytes, at most `most`, and a NUL; *ret is malloc'ed. ERR_NOT_FOUND, ERR_IO (also: no regular file, or larger). */
enum err signed_read_file(const char *path, size_t most, char **ret, size_t *ret_len, struct err_detail *d) MUST_USE;
/* policy: the text of one, or NULL: then nothing is judged. ERR_CORRUPT: it is no signed checkpoint; ERR_FIELD_INVALID: the
 * policy is none. */
enum err signed_head_read(struct bytes note, const char *policy, struct signed_head *ret, struct err_detail *d) MUST_USE;

/* In one line: what was judged, how many of how many, and which quorum was asked for; or that nothing was. */
void signed_head_tell(const struct signed_head *h, FILE *to);

#endif
