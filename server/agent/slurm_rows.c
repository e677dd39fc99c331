/* agent/slurm_rows.c */
#include "agent/slurm_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define FIELD_MAX  2048
#define FIELDS_MAX 12
#define TIME_MAX   253402300799 /* end of the year 9999 */

struct fields {
    char text[FIELDS_MAX][FIELD_MAX];
    size_t n;
};

/* Cut a line into fields. Long ones are cut off: none that is looked at is that long. False if there are too many. */
static bool
cut(const char *line, size_t len, struct fields *ret)
{
    size_t at = 0;

    ret->n = 0;
    while (at <= len) {
        const char *bar = memchr(line + at, '|', len - at);
        size_t width = bar ? (size_t)(bar - line) - at : len - at, kept = width < FIELD_MAX ? width : FIELD_MAX - 1;

        if (ret->n == FIELDS_MAX)
            return false;
        memcpy(ret->text[ret->n], line + at, kept);
        ret->text[ret->n++][kept] = 0;
        at += width + 1;
    }
    return true;
}

/* The next line that is not empty, as fields. */
static enum slurm_read
next_line(const char **at, struct fields *ret)
{
    const char *line;
    size_t len;

    do {
        line = *at;
        if (!*line)
            return SLURM_END;
        len = strcspn(line, "\n");
        *at = line + len + (line[len] == '\n');
    } while (len == 0);
    return cut(line, len, ret) ? SLURM_ROW : SLURM_BAD;
}

/* A time or count; what Slurm does not know (N/A, Unknown, None, an empty field) is 0. */
static int64_t
count_of(const char *text)
{
    int64_t n;

    return text_to_i64(text, 0, TIME_MAX, &n) ? n : 0;
}

static bool
is_word(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(*words, text) == 0)
            return true;
    return false;
}

static enum slurm_state
state_of(const char *word)
{
    static const char *const BEGUN[] = { "RUNNING", "SUSPENDED", "STOPPED", "COMPLETING", "STAGE_OUT", "RESIZING", "SIGNALING", NULL };
    static const char *const SITES[] = { "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "REVOKED", "REQUEUED", "LAUNCH_FAILED",
                                         "RECONFIG_FAIL", "SPECIAL_EXIT", NULL };
    static const struct {
        const char *word;
        enum slurm_state state;
    } WORDS[] = {
        { "PENDING", SLURM_PENDING },   { "REQUEUE_HOLD", SLURM_PENDING },      { "REQUEUE_FED", SLURM_PENDING },
        { "RESV_DEL_HOLD", SLURM_PENDING }, { "CONFIGURING", SLURM_CONFIGURING }, { "POWER_UP_NODE", SLURM_CONFIGURING },
        { "COMPLETED", SLURM_COMPLETED }, { "FAILED", SLURM_FAILED },           { "TIMEOUT", SLURM_TIMEOUT },
        { "OUT_OF_MEMORY", SLURM_OUT_OF_MEMORY }, { "DEADLINE", SLURM_DEADLINE },
    };

    if (text_starts(word, "CANCELLED"))
        return SLURM_CANCELLED;
    if (is_word(word, BEGUN))
        return SLURM_RUNNING;
    if (is_word(word, SITES))
        return SLURM_SITE;
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (strcmp(word, WORDS[i].word) == 0)
            return WORDS[i].state;
    return SLURM_OTHER;
}

/* gres/gpu=N of a list of NAME=VALUE. */
static uint32_t
gpus_of(const char *tres)
{
    static const char GPUS[] = "gres/gpu=";

    while (tres) {
        if (text_starts(tres, GPUS)) {
            unsigned long n = strtoul(tres + sizeof GPUS - 1, NULL, 10);

            return n <= INT32_MAX ? (uint32_t)n : 0;
        }
        tres = strchr(tres, ',');
        tres = tres ? tres + 1 : NULL;
    }
    return 0;
}

/* Cut at a name's end: what is longer than any name of ours is none of ours. */
static bool
common_of(const char *number, const char *user, const char *name, const char *state, struct slurm_row *ret)
{
    int64_t n;

    *ret = (struct slurm_row){ .by_uid = -1 };
    if (!text_to_i64(number, 1, INT64_MAX, &n) || !state[0])
        return false;
    ret->number = (uint64_t)n;
    text_format(ret->name, sizeof ret->name, "%s", name);
    text_format(ret->user, sizeof ret->user, "%s", user);
    ret->state = state_of(state);
    return true;
}

enum slurm_read
slurm_queue_row(const char **at, struct slurm_row *ret)
{
    struct fields f;
    enum slurm_read read = next_line(at, &f);
    int64_t wait_status;

    if (read != SLURM_ROW)
        return read;
    if (f.n != 9 || f.text[8][0] || !common_of(f.text[0], f.text[1], f.text[2], f.text[3], ret))
        return SLURM_BAD;
    ret->gpus = gpus_of(f.text[4]);
    ret->allocated = ret->gpus > 0;
    ret->start_s = count_of(f.text[5]);
    ret->end_s = count_of(f.text[6]);
    wait_status = count_of(f.text[7]);
    ret->exit_code = (int32_t)(wait_status >> 8 & 255);
    ret->signal = (int32_t)(wait_status & 127);
    return SLURM_ROW;
}

enum slurm_read
slurm_account_row(const char **at, struct slurm_row *ret)
{
    static const char BY[] = "CANCELLED by ";
    struct fields f;
    enum slurm_read read = next_line(at, &f);

    if (read != SLURM_ROW)
        return read;
    if (f.n != 9 || !common_of(f.text[0], f.text[1], f.text[2], f.text[3], ret))
        return SLURM_BAD;
    if (text_starts(f.text[3], BY) && !text_to_i64(f.text[3] + sizeof BY - 1, 0, UINT32_MAX, &ret->by_uid))
        ret->by_uid = -1;
    if (sscanf(f.text[4], "%" SCNd32 ":%" SCNd32, &ret->exit_code, &ret->signal) != 2)
        return SLURM_BAD;
    ret->gpus = gpus_of(f.text[5]);
    ret->allocated = f.text[5][0] != 0;
    ret->elapsed_s = count_of(f.text[6]);
    ret->start_s = count_of(f.text[7]);
    ret->end_s = count_of(f.text[8]);
    return SLURM_ROW;
}

static int64_t
limit_of(const char *tres)
{
    return strstr(tres, "gres/gpu=") ? (int64_t)gpus_of(tres) : -1;
}

enum slurm_read
slurm_assoc_row(const char **at, struct slurm_assoc *ret)
{
    struct fields f;
    enum slurm_read read = next_line(at, &f);

    if (read != SLURM_ROW)
        return read;
    if (f.n != 6 || !f.text[0][0] || (f.text[4][0] && count_of(f.text[4]) == 0 && strcmp(f.text[4], "0") != 0))
        return SLURM_BAD;
    *ret = (struct slurm_assoc){
        .gpus = limit_of(f.text[2]),
        .gpu_minutes = limit_of(f.text[3]),
        .shut = strcmp(f.text[4], "0") == 0 && strcmp(f.text[5], "0") == 0,
    };
    text_format(ret->account, sizeof ret->account, "%s", f.text[0]);
    text_format(ret->user, sizeof ret->user, "%s", f.text[1]);
    return SLURM_ROW;
}

/* N of "gpu:TYPE:N…" or "gpu:N…"; of each kind that is meant, since a node may have several. */
static uint32_t
gres_of(const char *gres, const char *type)
{
    uint64_t sum = 0;

    while (gres && *gres) {
        size_t len = strcspn(gres, ",(");
        char item[128], *last;
        bool meant;

        text_format(item, sizeof item, "%.*s", (int)(len < 127 ? len : 127), gres);
        last = strrchr(item, ':');
        meant = text_starts(item, "gpu:") && last;
        if (meant) {
            *last = 0;
            meant = !type[0] || (text_starts(item, "gpu:") && strcmp(item + 4, type) == 0);
            sum += meant ? strtoul(last + 1, NULL, 10) : 0;
        }
        gres += len;
        if (*gres == '(')
            gres += strcspn(gres, ")");
        gres = strchr(gres, ',');
        gres = gres ? gres + 1 : NULL;
    }
    return sum <= INT32_MAX ? (uint32_t)sum : 0;
}

/* Is it one of the words of "a+b+c"? Marks of Slurm's at a word's end (*, ~, #, $ …) do not count. */
static bool
has_flag(const char *state, const char *flag)
{
    size_t len = strlen(flag);

    while (*state) {
        size_t word = strcspn(state, "+");

        if (strncmp(state, flag, len) == 0 && strspn(state + len, "*~#!%$@^-") + len == word)
            return true;
        state += word + (state[word] == '+');
    }
    return false;
}

enum slurm_read
slurm_node_row(const char **at, const char *gpu_type, struct slurm_node *ret)
{
    struct fields f;
    enum slurm_read read = next_line(at, &f);
    const char *state;

    if (read != SLURM_ROW)
        return read;
    if (f.n != 5 || f.text[4][0] || !f.text[0][0] || !f.text[1][0])
        return SLURM_BAD;
    state = f.text[1];
    *ret = (struct slurm_node){
        .drained = has_flag(state, "drain") || has_flag(state, "drained") || has_flag(state, "draining") || has_flag(state, "fail"),
        .maintenance = has_flag(state, "maint") || has_flag(state, "maintenance"),
        .unknown = has_flag(state, "unknown") || has_flag(state, "unk"),
        .gpus = gres_of(f.text[2], gpu_type),
        .gpus_used = gres_of(f.text[3], gpu_type),
    };
    text_format(ret->name, sizeof ret->name, "%s", f.text[0]);
    ret->up = (has_flag(state, "idle") || has_flag(state, "mixed") || has_flag(state, "allocated")) && !ret->drained &&
              !ret->maintenance && !has_flag(state, "not_responding") && !strchr(state, '*');
    return SLURM_ROW;
}

/* The value of NAME= in a line of such, up to the next blank. */
static void
value_of(const char *line, size_t len, const char *name, char *ret, size_t cap)
{
    size_t name_len = strlen(name), at = 0;

    ret[0] = 0;
    while (at < len) {
        size_t word = strcspn(line + at, " \n");

        if (word > name_len && strncmp(line + at, name, name_len) == 0 && line[at + name_len] == '=') {
            text_format(ret, cap, "%.*s", (int)(word - name_len - 1 < cap ? word - name_len - 1 : cap), line + at + name_len + 1);
            return;
        }
        at += word + 1;
    }
}

enum slurm_read
slurm_window_row(const char **at, struct slurm_window *ret)
{
    const char *line;
    char text[256];
    size_t len;

    do {
        line = *at;
        if (!*line)
            return SLURM_END;
        len = strcspn(line, "\n");
        *at = line + len + (line[len] == '\n');
    } while (len == 0);
    if (text_starts(line, "No reservations"))
        return SLURM_END;
    *ret = (struct slurm_window){ 0 };
    value_of(line, len, "ReservationName", ret->name, sizeof ret->name);
    value_of(line, len, "Nodes", ret->nodes, sizeof ret->nodes);
    value_of(line, len, "Flags", text, sizeof text);
    for (char *flag = text; *flag; flag += strcspn(flag, ",") + (flag[strcspn(flag, ",")] == ','))
        ret->maintenance = ret->maintenance || (strncmp(flag, "MAINT", 5) == 0 && (flag[5] == ',' || flag[5] == 0));
    value_of(line, len, "StartTime", text, sizeof text);
    ret->start_s = count_of(text);
    value_of(line, len, "EndTime", text, sizeof text);
    ret->end_s = count_of(text);
    value_of(line, len, "NodeCnt", text, sizeof text);
    ret->nodes_n = (uint32_t)(count_of(text) & INT32_MAX);
    return ret->name[0] && ret->start_s && ret->end_s >= ret->start_s ? SLURM_ROW : SLURM_BAD;
}

bool
slurm_behind(const char *sdiag, int64_t *ret)
{
    static const char SIZE[] = "DBD Agent queue size:";
    const char *at = strstr(sdiag, SIZE);
    char text[24];

    if (!at)
        return false;
    at += sizeof SIZE - 1;
    at += strspn(at, " \t");
    text_format(text, sizeof text, "%.*s", (int)strspn(at, "0123456789"), at);
    return text_to_i64(text, 0, INT64_MAX, ret);
}

bool
slurm_number(const char *sbatch, uint64_t *ret)
{
    char text[24];
    int64_t n;

    text_format(text, sizeof text, "%.*s", (int)strcspn(sbatch, ";\n") < 23 ? (int)strcspn(sbatch, ";\n") : 23, sbatch);
    if (!text_to_i64(text, 1, INT64_MAX, &n))
        return false;
    *ret = (uint64_t)n;
    return true;
}
