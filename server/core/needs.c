/* core/needs.c */
#include "core/needs.h"

#include <stddef.h>
#include <string.h>

const char *const NEED_WORDS[NEEDS + 1] = { [NEED_ALLOCATION] = "allocation", [NEED_TRANSFER] = "transfer",
                                               [NEED_APPTAINER] = "apptainer", [NEED_PODMAN] = "podman", [NEED_SECRETS] = "secrets", NULL };

const char *const NEED_PHRASES[NEEDS] = { [NEED_ALLOCATION] = "allocations for people who log in",
                                           [NEED_TRANSFER] = "inputs and outputs by URL", [NEED_APPTAINER] = "images for Apptainer",
                                           [NEED_PODMAN] = "images for Podman",
                                           [NEED_SECRETS] = "sealed secrets" };

uint16_t
needs_in(struct json_in *in, const char *name, bool *ret_unknown)
{
    size_t n = json_in_has(in, name) ? json_in_array(in, name, NEEDS_NAMED_MAX) : 0;
    uint16_t needs = 0;

    if (ret_unknown)
        *ret_unknown = false;
    for (size_t i = 0; i < n && !in->err; i++) {
        const char *word = json_in_array_text(in, name, i, NEED_WORD_MAX);
        int need = 0;

        while (need < NEEDS && strcmp(NEED_WORDS[need], word) != 0)
            need++;
        if (need < NEEDS)
            needs |= NEED_BIT(need);
        else if (ret_unknown)
            *ret_unknown = true;
    }
    return needs;
}

void
needs_json(struct json_out *out, const char *name, uint16_t needs)
{
    json_open_array(out, name);
    for (int i = 0; i < NEEDS; i++)
        if (needs & NEED_BIT(i))
            json_text(out, NULL, NEED_WORDS[i]);
    json_shut_array(out);
}
