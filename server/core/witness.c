/* core/witness.c */
#include "core/witness.h"

const char *
witness_role_name(enum witness_role role)
{
    return role == WITNESS_RULES ? "attest" : "witness";
}

static enum witness_says
judge_size(const struct witnessed *last, uint64_t old, const struct proof *proof, const struct checkpoint *c)
{
    if (c->size < last->size)
        return WITNESS_SMALLER;
    if (c->size == last->size)
        return last->size == 0 || hash_equal(c->root, last->root) ? WITNESS_SAME : WITNESS_OTHER_ROOT;
    if (last->size == 0)
        return WITNESS_COSIGN; /* the empty tree is the beginning of any */
    if (old != last->size)
        return WITNESS_OTHER_PROOF;
    return proof_consistency_holds(proof, last->size, last->root, c->size, c->root) ? WITNESS_COSIGN : WITNESS_INCONSISTENT;
}

enum witness_says
witness_judge(const struct witnessed *last, const struct vkey *log, const struct note *n, uint64_t old,
              const struct proof *proof, note_verify_fn verify, struct checkpoint *ret)
{
    struct checkpoint c;

    if (!checkpoint_parse(n->text, &c))
        return WITNESS_NO_NOTE;
    if (strcmp(c.origin, log->name) != 0)
        return WITNESS_OTHER_LOG;
    if (note_check(n, log, verify, NULL) != NOTE_GOOD)
        return WITNESS_UNSIGNED;
    *ret = c;
    return judge_size(last, old, proof, &c);
}

bool
witness_is_fork(enum witness_says says)
{
    return says >= WITNESS_SMALLER;
}

static const struct { const char *name, *sentence; } WORDS[] = {
    [WITNESS_COSIGN] = { "cosign", "It extends all that was cosigned." },
    [WITNESS_SAME] = { "same", "It is what was cosigned last." },
    [WITNESS_NO_NOTE] = { "no-note", "It is no signed checkpoint." },
    [WITNESS_OTHER_LOG] = { "other-log", "It is of another journal." },
    [WITNESS_UNSIGNED] = { "unsigned", "It is not signed by the key of this journal's log." },
    [WITNESS_OTHER_PROOF] = { "other-proof", "Its proof begins at another size than was cosigned." },
    [WITNESS_SMALLER] = { "smaller", "It has fewer entries than were cosigned: the journal was rolled back." },
    [WITNESS_OTHER_ROOT] = { "other-root", "It has as many entries as were cosigned, but not the same ones: there is a second history." },
    [WITNESS_INCONSISTENT] = { "inconsistent", "It does not begin with the entries that were cosigned: there is a second history." },
};

const char *
witness_name(enum witness_says says)
{
    return WORDS[says].name;
}

const char *
witness_sentence(enum witness_says says)
{
    return WORDS[says].sentence;
}

bool
witness_fork_from_name(const char *name, enum witness_says *ret)
{
    for (enum witness_says says = WITNESS_SMALLER; says <= WITNESS_INCONSISTENT; says++)
        if (strcmp(WORDS[says].name, name) == 0) {
            *ret = says;
            return true;
        }
    return false;
}
