/* audit/main.c: kontor-audit, the auditor. Needs no database and trusts no server.
 * Exit status: 0 no fault, 1 faults found, 2 wrong usage, 3 there is nothing that can be judged, 4 no fault
 * found, but a part of the export is missing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/carry.h"
#include "audit/history.h"
#include "audit/package.h"
#include "audit/receipt.h"
#include "audit/verify.h"
#include "audit/watch.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"

struct audit_config {
#define C(name, type, initial, min, max, sentence) CONFIG_MEMBER_##type name;
#include "audit/config.def"
#undef C
};

static const struct config_option OPTIONS[] = {
#define C(...) CONFIG_OPTION(audit_config, __VA_ARGS__)
#include "audit/config.def"
#undef C
};

static const struct config_set SET = {
    .program = "kontor-audit",
    .section = 1,
    .summary = "the auditor of a Kontor marketplace's journal",
    .synopsis = "verify [OPTION...] DIR|URL\nwatch --remember=FILE [OPTION...] URL|DIR\nreceipt [OPTION...] RECEIPT [ENTRY]\nhistory [OPTION...] FILE\npackage [OPTION...] FILE|FOLDER\ncarry-over [OPTION...] DIR",
    .description =
        "kontor-audit verify judges an export of the journal (kontord export DIR), or the log that is served at an address (C2SP"
        " tlog-tiles): it rebuilds the tree, replays every entry by the ledger's rules, checks every signature in it and, of an"
        " export, compares every balance. It needs no database and trusts no server. All processors share the work, memory stays"
        " below 64 MiB, and with --resume one that was stopped goes on. Where the export has a checkpoint, the journal must begin with what it says; with --policy its"
        " signatures are judged.\n\n"
        "Under a policy that names witnesses, entries' times are compared with those of their cosignatures: a time that is later than"
        " enough witnesses had seen the entry is a fault (but for --clocks); what they saw over --late after it is counted, and is none. A"
        " simulation's times are not compared.\n\n"
        "With --receipts, what a site has (kontor-agent receipts) is held against the entries: a job's end that the server has receipted"
        " and whose hold it let expire, unpaid, is a fault.\n\n"
        "kontor-audit watch fetches the newest checkpoint of a log, which must extend the one that FILE keeps, and keeps it there."
        " It says nothing when all is well: for cron.\n\n"
        "kontor-audit receipt judges one entry: RECEIPT is what the server gives at /v1/journal/entries/INDEX/receipt (C2SP"
        " tlog-proof), ENTRY a file with the entry's bytes, as they are (/v1/journal/entries/INDEX/bytes), in hexadecimal, or in the"
        " JSON at /v1/journal/entries/INDEX; it is not needed where the receipt has it (…/receipt?with=entry). Without --policy nobody's signature is checked: only that the receipt is one of this"
        " entry.\n\n"
        "kontor-audit history judges an organisation's own history: FILE is what the server gives at"
        " /v1/grants/ACCOUNT/history-proof. Its entries are in the log, and none is left out up to the statement of state.\n\n"
        "kontor-audit package judges a period's data package (schema/journal/package.md), as the archive that the server gives at"
        " /v1/programme/report/package or as the folder it was unpacked to: the files' sums, the checkpoint's signatures, that the slice is in"
        " the log and whole, the signatures of its entries, and that the tables follow from them. It says what it proved and what it did not.\n\n"
        "kontor-audit carry-over verifies an export, and writes what a new origin has to take over from it as orders, one a line,"
        " for kontord admin carry-over.\n\n"
        "Each fault names the entry, account or file that it is about.",
    .exits = "0: no fault was found. 1: faults were found. 2: the command line is wrong. 3: there is nothing that can be"
             " judged. 4: no fault was found, but the export lacks a part that each export has, and what is in that was not compared; or the"
             " server that serves the log does not give what passkeys have signed.",
    .options = OPTIONS,
    .count = sizeof OPTIONS / sizeof OPTIONS[0],
};

struct bar { int64_t began_ms, shown_ms; const struct audit *audit; const struct audit_config *config; };

/* Ten times a second: how far, how fast, how long still. */
static void
show_progress(void *ctx, uint64_t done, uint64_t all)
{
    static const char FULL[] = "##############################";
    struct bar *bar = ctx;
    int64_t now_ms = monotonic_ms(), took_ms = now_ms - bar->began_ms;
    int full = (int)(done * 30 / all);

    if (done < all && now_ms - bar->shown_ms < 100)
        return;
    bar->shown_ms = now_ms;
    fprintf(stderr, "\r[%.*s%*s] %3d %%  %" PRIu64 " of %" PRIu64 " entries", full, FULL, 30 - full, "", (int)(done * 100 / all), done, all);
    if (took_ms > 500)
        fprintf(stderr, ", %" PRIu64 "/s, %" PRIu64 " s left \033[K", done * 1000 / (uint64_t)took_ms, (all - done) * (uint64_t)took_ms / done / 1000);
}

static unsigned
cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 1 ? (unsigned)n : 1;
}

/* A text that an option names, malloc'ed, or NULL if none was named. False: it cannot be read. */
static bool
read_text(const char *path, char **ret)
{
    struct err_detail detail = { .text = "" };
    size_t len;

    *ret = NULL;
    if (path[0] == '\0')
        return true;
    if (signed_read_file(path, QUORUM_TEXT_MAX, ret, &len, &detail) == OK && strlen(*ret) == len)
        return true;
    if (detail.text[0] != '\0')
        fprintf(stderr, "kontor-audit: %s\n", detail.text);
    else
        fprintf(stderr, "kontor-audit: %s has a zero byte.\n", path);
    return false;
}

static int
watch(const struct audit_config *config, const char *where, char *policy, char *headers)
{
    struct watch w = { .where = where, .remember = config->remember, .policy = policy, .ca_file = config->ca_file, .headers = headers,
                       .words = isatty(STDOUT_FILENO) && !config->quiet, .to = stdout };

    if (config->remember[0] != '\0')
        return watch_run(&w);
    fputs("kontor-audit: watch wants --remember=FILE, which keeps the last checkpoint.\n", stderr);
    return 2;
}

/* The journal has no fault: its orders. */
static void
carry_over(void *ctx, const struct ledger *l)
{
    const struct bar *bar = ctx;

    carry_write(&(struct carry){ .orders = stdout, .words = stderr, .head = &bar->audit->head, .reference = bar->config->reference }, l);
}

static int
verify(const struct audit_config *config, const char *dir, bool carries, char *policy, char *headers)
{
    struct audit *a = xcalloc(1, sizeof *a);
    struct err_detail detail = { .text = "" };
    struct bar bar = { monotonic_ms(), 0, a, config };
    enum err err;
    int status;

    a->policy = policy;
    a->headers = headers;
    a->ca_file = config->ca_file;
    a->dir = dir;
    a->remember = config->remember[0] != '\0' ? config->remember : NULL;
    a->resume = config->resume[0] != '\0' ? config->resume : NULL;
    a->threads = config->threads > 0 ? (unsigned)config->threads : cores();
    a->scratch = config->scratch;
    a->times = (struct times_limits){ .late_s = config->late, .clocks_s = config->clocks };
    a->receipts = config->receipts[0] != '\0' ? config->receipts : NULL;
    a->follows = config->follows[0] != '\0' ? config->follows : NULL;
    a->judged = carries ? carry_over : NULL;
    a->ctx = &bar;
    if (isatty(STDERR_FILENO) && !config->quiet)
        a->progress = show_progress;
    err = audit_verify(a, &detail);
    if (a->progress != NULL)
        fputs("\r\033[K", stderr);
    if (err != OK)
        fprintf(stderr, "kontor-audit: %s\n", detail.text[0] != '\0' ? detail.text : err_sentence(err));
    else if (config->json && !carries)
        audit_print_json(a, stdout);
    else if (!carries || !audit_clean(a))
        audit_print(a, carries ? stderr : stdout);
    status = err != OK ? 3 : a->found.n > 0 ? 1 : audit_clean(a) ? 0 : 4;
    free(a);
    return status;
}

/* Which of them it is. -1: none. */
static int
run_with(const struct audit_config *config, const struct config_rest *rest, char *policy, char *headers)
{
    const char *verb = rest->argc > 0 ? rest->argv[0] : "";

    if (rest->argc == 2 && strcmp(verb, "verify") == 0)
        return verify(config, rest->argv[1], false, policy, headers);
    if (rest->argc == 2 && strcmp(verb, "carry-over") == 0)
        return verify(config, rest->argv[1], true, policy, headers);
    if (rest->argc == 2 && strcmp(verb, "watch") == 0)
        return watch(config, rest->argv[1], policy, headers);
    if (rest->argc == 2 && strcmp(verb, "history") == 0)
        return history_check(rest->argv[1], policy, stdout);
    if (rest->argc == 2 && strcmp(verb, "package") == 0)
        return package_check(rest->argv[1], policy, stdout);
    if ((rest->argc == 2 || rest->argc == 3) && strcmp(verb, "receipt") == 0)
        return receipt_check(&(struct receipt_ask){ rest->argv[1], rest->argc == 3 ? rest->argv[2] : NULL, policy, config->json, stdout });
    return -1;
}

static int
run(const struct audit_config *config, const struct config_rest *rest)
{
    char *policy = NULL, *headers = NULL;
    int status = 3;

    if (read_text(config->policy, &policy) && read_text(config->headers, &headers))
        status = run_with(config, rest, policy, headers);
    free(policy);
    free(headers);
    return status;
}

static const char USAGE[] =
    "usage: kontor-audit verify [OPTION...] DIR|URL\n"
    "       kontor-audit watch --remember=FILE [OPTION...] URL|DIR\n"
    "       kontor-audit receipt [OPTION...] RECEIPT [ENTRY]\n"
    "       kontor-audit history [OPTION...] FILE\n"
    "       kontor-audit package [OPTION...] FILE|FOLDER\n"
    "       kontor-audit carry-over [OPTION...] DIR\n"
    "see kontor-audit --help\n";

int
main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct audit_config config;
    struct config_rest rest;
    int status = config_begin(&SET, arena, argc - 1, argv + 1, &config, &rest);

    if (status < 0)
        status = run(&config, &rest);
    if (status < 0) {
        fputs(USAGE, stderr);
        status = 2;
    }
    arena_delete(arena);
    return status;
}
