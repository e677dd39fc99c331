/* tests/fuzz/fuzz_options.c: any bytes as a file of options of the agent and of the auditor; the first byte says whose. What
 * is taken is within the limits of its table. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct agent_options {
#define C(name, type, initial, min, max, sentence) CONFIG_MEMBER_##type name;
#include "agent/config.def"
#undef C
};
struct audit_options {
#define C(name, type, initial, min, max, sentence) CONFIG_MEMBER_##type name;
#include "audit/config.def"
#undef C
};

static const struct config_option AGENT[] = {
#define C(name, type, initial, min, max, sentence) CONFIG_OPTION(agent_options, name, type, initial, min, max, sentence)
#include "agent/config.def"
#undef C
};
static const struct config_option AUDIT[] = {
#define C(name, type, initial, min, max, sentence) CONFIG_OPTION(audit_options, name, type, initial, min, max, sentence)
#include "audit/config.def"
#undef C
};

static void
within(const struct config_option *o, const char *options)
{
    const char *text;
    int64_t number;

    switch (o->type) {
    case CONFIG_NUMBER:
        memcpy(&number, options + o->offset, sizeof number);
        assert(number >= o->min && number <= o->max);
        break;
    case CONFIG_FLAG:
        assert((uint8_t)options[o->offset] <= 1);
        break;
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_SECRET:
        memcpy(&text, options + o->offset, sizeof text);
        if (text != NULL)
            assert((int64_t)strlen(text) >= o->min && (int64_t)strlen(text) <= o->max);
        break;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct config_set SETS[] = {
        { .program = "kontor-agent", .options = AGENT, .count = sizeof AGENT / sizeof AGENT[0] },
        { .program = "kontor-audit", .options = AUDIT, .count = sizeof AUDIT / sizeof AUDIT[0] },
    };
    union { struct agent_options agent; struct audit_options audit; } options;
    const struct config_set *set;
    struct arena *a;
    struct err_detail detail = { 0 };
    struct config_rest rest;
    char flag[64], *argv[] = { flag };
    int fd;

    if (len == 0)
        return 0;
    set = &SETS[data[0] == 'v']; /* v: the auditor, which verifies */
    fd = memfd_create("options", 0);
    if (fd < 0 || write(fd, data + 1, len - 1) != (ssize_t)(len - 1))
        abort();
    snprintf(flag, sizeof flag, "--config=/proc/self/fd/%d", fd);
    a = arena_new();
    memset(&options, 0, sizeof options);
    if (config_read(set, a, 1, argv, &options, &rest, &detail) != OK)
        assert(detail.text[0] != '\0' || detail.internal[0] != '\0');
    else
        for (size_t i = 0; i < set->count; i++)
            within(&set->options[i], (const char *)&options);
    close(fd);
    arena_delete(a);
    return 0;
}
