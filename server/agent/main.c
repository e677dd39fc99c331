/* agent/main.c: kontor-agent, the daemon of a site: enrol | run | check | status | witness-…. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"

static const struct config_option OPTIONS[] = {
#define C(...) CONFIG_OPTION(agent_config, __VA_ARGS__)
#include "agent/config.def"
#undef C
};

static const struct config_set SET = {
    .program = "kontor-agent",
    .section = 8,
    .summary = "the agent of a site of the Kontor marketplace",
    .synopsis = "enrol [OPTION...]\n"
                "run [OPTION...]\n"
                "check [OPTION...]\n"
                "status [OPTION...]\n"
                "receipts [OPTION...]\n"
                "witness-keys [OPTION...]\n"
                "witness-dismiss [OPTION...]\n"
                "witness-admit [OPTION...]\n"
                "witness-forgive [OPTION...]",
    .description =
        "kontor-agent polls the marketplace for tickets signed for its site, asks for the permit of each, runs the job"
        " and reports. It needs no open port: it only calls.\n\n"
        "enrol makes the site's keys and trades a one-time token (token_file) for a place in the federation. run is the"
        " daemon; it ends within seconds of SIGTERM and leaves jobs running, which the next start picks up. check looks"
        " at spool, keys, sandbox and clock. status says what the spool holds.\n\n"
        "run also watches the journal, unless told not to (witness = no): it cosigns each checkpoint that extends all that it"
        " has cosigned, and refuses any other, loudly and for good. receipts prints what it has reported of jobs' ends and the server has receipted, for an auditor (kontor-audit"
        " verify --receipts). witness-keys prints its keys as a policy file names them."
        " witness-dismiss and witness-admit settle a refusal while the agent is stopped: the first goes on from what was"
        " cosigned before, the second takes what was refused as the journal. witness-forgive, while the agent is stopped too,"
        " forgets what the journal owes for jobs that have ended, for which it does not attest it.",
    .exits =
        "0 after success, 1 after a failure, 2 after a wrong command line or configuration.\n\n"
        "run exits with 4 when a newer instance of this agent has been opened, 5 when its spool is older than what the"
        " server has of it, 6 when another report carries one of its numbers: do not restart it then.",
    .file = "/etc/kontor/agent.conf",
    .options = OPTIONS,
    .count = sizeof OPTIONS / sizeof OPTIONS[0],
};

static int
complain(const struct err_detail *d)
{
    fprintf(stderr, "kontor-agent: %s\n", d->internal[0] ? d->internal : d->text);
    return EXIT_ERROR;
}

static enum err
backend_open(struct agent *a, struct err_detail *d)
{
    char folder[PATH_MAX];
    struct exec_options o = {
        .folder = folder,
        .sandbox = a->cfg.sandbox,
        .run_as = a->cfg.run_as,
        .share = a->cfg.share,
        .supervisor = a->cfg.supervisor,
        .gpus = (uint32_t)a->cfg.gpus,
        .memory_mb = (uint32_t)a->cfg.memory_mb,
        .processes = (uint32_t)a->cfg.processes,
        .grace_s = (uint32_t)a->cfg.grace_s,
    };

    if (strcmp(a->cfg.backend, "exec") != 0)
        return err_internal(d, ERR_CONFIG, "backend = %s: there is only exec so far", a->cfg.backend);
    if (strcmp(a->cfg.sandbox, "bwrap") != 0 && strcmp(a->cfg.sandbox, "none") != 0)
        return err_internal(d, ERR_CONFIG, "sandbox = %s: must be bwrap or none", a->cfg.sandbox);
    snprintf(folder, sizeof folder, "%s/claims", a->cfg.spool_dir);
    return backend_exec_open(&o, &a->backend, &a->kind, d);
}

/* Keys, spool, backend. */
static enum err
agent_open(struct agent *a, struct err_detail *d)
{
    char path[PATH_MAX];
    enum err err;

    snprintf(path, sizeof path, "%s/agent.key", a->cfg.spool_dir);
    err = spool_check_folder(a->cfg.spool_dir, d);
    if (err == OK)
        err = sign_key_load(path, &a->key, d);
    if (err == OK)
        err = spool_open(a->cfg.spool_dir, a->key.public, &a->spool, &a->who, d);
    if (err)
        return err;
    snprintf(path, sizeof path, "%s/blobs", a->cfg.spool_dir);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_internal(d, ERR_IO, "%s: %s", path, strerror(errno));
    a->blobs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (a->blobs < 0)
        return err_internal(d, ERR_IO, "%s: %s", path, strerror(errno));
    if (a->cfg.witness && (err = witness_open(a, d)) != OK)
        return err;
    return backend_open(a, d);
}

static void
agent_close(struct agent *a)
{
    if (a->wire)
        wire_delete(a->wire);
    witness_close(a);
    if (a->backend)
        a->kind->close(a->backend);
    if (a->spool)
        spool_close(a->spool);
    if (a->blobs >= 0)
        close(a->blobs);
    for (size_t i = 0; i < a->jobs_n; i++)
        free(a->jobs[i]);
    free(a->jobs);
    free(a->token);
}

static int
command_run(struct agent *a)
{
    struct err_detail d = { 0 };
    int status;
    enum err err = agent_open(a, &d);

    if (err == OK)
        err = backend_exec_check(a->backend, &d);
    if (err == OK)
        err = wire_new(a->cfg.server, a->cfg.ca_file, &a->wire, &d);
    if (err) {
        status = complain(&d);
    } else {
        if (strcmp(a->cfg.sandbox, "none") == 0)
            log_warning(&a->log, "no-sandbox",
                        LOG_TEXT("why", "sandbox = none: jobs run as plain processes, for tests only"));
        log_info(&a->log, "start", LOG_TEXT("site", a->who.site), LOG_TEXT("version", PACKAGE_VERSION));
        status = (int)agent_run(a);
    }
    agent_close(a);
    return status;
}

/* One line a check; all are made. */
static bool
told(const char *what, enum err err, const struct err_detail *d)
{
    if (err)
        printf("%-8s not well: %s\n", what, d->internal[0] ? d->internal : err_sentence(err));
    else
        printf("%-8s well\n", what);
    return err == OK;
}

static int
command_check(struct agent *a)
{
    struct err_detail d = { 0 };
    struct wire_call call = { .path = "/health/live", .timeout_ms = 10000 };
    struct wire_reply r;
    bool good = told("spool", spool_check_folder(a->cfg.spool_dir, &d), &d);
    enum err err;

    d = (struct err_detail){ 0 };
    err = agent_open(a, &d);
    good = told("keys", err, &d) && good;
    if (a->backend) {
        d = (struct err_detail){ 0 };
        good = told("sandbox", backend_exec_check(a->backend, &d), &d) && good;
        if (strcmp(a->cfg.sandbox, "none") == 0)
            puts("         sandbox = none: jobs run as plain processes; for tests only, and told in the inventory");
    }
    d = (struct err_detail){ 0 };
    err = wire_new(a->cfg.server, a->cfg.ca_file, &a->wire, &d);
    if (err != OK)
        good = told("server", err, &d) && good;
    for (size_t i = 0; err == OK && i < wire_servers(a->wire); i++) {
        enum err answers = OK;

        wire_once(a->wire, &call, &r);
        if (r.status == 0)
            answers = err_internal(&d, ERR_IO, "%s: %s", wire_server(a->wire, r.server), r.error);
        good = told("server", answers, &d) && good;
        wire_turn(a->wire, r.server, "");
    }
    agent_close(a);
    return good ? EXIT_DONE : EXIT_ERROR;
}

static void
status_of_witness(struct agent *a)
{
    static const char *const WORDS[] = { [WITNESS_GROWS] = "witness", [WITNESS_RULES] = "attested" };
    char time[TIME_TEXT], trouble[300];
    struct spool_refusal r;

    for (int role = 0; role < WITNESS_ROLES; role++) {
        struct spool_cosigned c;

        if (spool_cosigned(a->spool, (enum witness_role)role, &c) != OK)
            continue;
        time_text((int64_t)c.time_s * 1000, time);
        printf("%-9s journal of %llu entries%s%s%s\n", WORDS[role], (unsigned long long)c.at.size, c.time_s ? ", cosigned at " : ", as admitted",
               c.time_s ? time : "", c.told ? "" : "; the server does not have it yet");
        free(c.note);
    }
    if (spool_attest_trouble(a->spool, trouble) == OK && trouble[0])
        printf("attested  NOT: %s\n", trouble);
    if (spool_refusal(a->spool, &r) != OK)
        return;
    time_text(r.at_ms, time);
    printf("REFUSED   at %s a checkpoint of %llu entries. %s\n", time, (unsigned long long)r.shown.size, witness_sentence(r.says));
    printf("          Nothing is cosigned until you have settled it with the marketplace's operator and other witnesses:\n"
           "          kontor-agent witness-dismiss (go on from what was cosigned), or kontor-agent witness-admit (that\n"
           "          checkpoint is the journal from now on). It said:\n%s", r.note);
    free(r.note);
}

static int
command_status(struct agent *a)
{
    struct err_detail d = { 0 };
    struct spool_counts c;
    enum err err = spool_open(a->cfg.spool_dir, NULL, &a->spool, &a->who, &d);

    if (err == OK)
        err = spool_counts(a->spool, &c);
    if (err)
        return complain(&d);
    printf("site      %s (SITE %llu, key %s)\njournal   %s%s\ninstance  %lld\n", a->who.site,
           (unsigned long long)a->who.site_index, a->who.kid, a->who.origin, a->who.simulation ? ", a simulation" : "",
           (long long)c.instance);
    status_of_witness(a);
    printf("tickets   up to number %lld; %lld kept, %lld not done\nreports   %lld, %lld without a receipt\n",
           (long long)c.last_seq, (long long)c.tickets, (long long)c.open, (long long)c.reports,
           (long long)c.unreceipted);
    agent_close(a);
    return EXIT_DONE;
}

static int
settle(struct agent *a, bool admit)
{
    struct err_detail d = { 0 };
    char path[PATH_MAX];
    enum err err;

    snprintf(path, sizeof path, "%s/agent.key", a->cfg.spool_dir);
    err = sign_key_load(path, &a->key, &d);
    if (err == OK)
        err = spool_open(a->cfg.spool_dir, a->key.public, &a->spool, &a->who, &d);
    if (err == OK && (err = spool_settle_refusal(a->spool, admit)) != OK)
        err_internal(&d, err, "%s", err == ERR_NOT_FOUND ? "no checkpoint was refused: there is nothing to settle" : spool_error(a->spool));
    if (err == OK)
        puts(admit ? "The checkpoint that was refused is the journal from now on." :
                     "The refusal is settled; what was cosigned before stays the measure.");
    agent_close(a);
    return err ? complain(&d) : EXIT_DONE;
}

static int
command_witness_dismiss(struct agent *a)
{
    return settle(a, false);
}

static int
command_witness_admit(struct agent *a)
{
    return settle(a, true);
}

static int
command_witness_forgive(struct agent *a)
{
    struct err_detail d = { 0 };
    char path[PATH_MAX];
    uint64_t n = 0;
    enum err err;

    snprintf(path, sizeof path, "%s/agent.key", a->cfg.spool_dir);
    err = sign_key_load(path, &a->key, &d);
    if (err == OK)
        err = spool_open(a->cfg.spool_dir, a->key.public, &a->spool, &a->who, &d);
    if (err == OK && (err = spool_forgive(a->spool, &n)) != OK)
        err_internal(&d, err, "%s", spool_error(a->spool));
    if (err == OK)
        printf("Forgotten: what the journal owed for %llu ended job%s.\n", (unsigned long long)n, n == 1 ? "" : "s");
    agent_close(a);
    return err ? complain(&d) : EXIT_DONE;
}

/* The lines that the marketplace's operator, and whoever else trusts this site, puts into a policy file. */
static int
command_witness_keys(struct agent *a)
{
    struct err_detail d = { 0 };
    enum err err = spool_open(a->cfg.spool_dir, NULL, &a->spool, &a->who, &d);

    if (err == OK)
        err = witness_print_keys(a, stdout, &d);
    agent_close(a);
    return err ? complain(&d) : EXIT_DONE;
}

static void
print_receipted(void *unused, const struct spool_report *r, const char *receipt)
{
    struct json_out line = { .fresh = true };

    (void)unused;
    json_open(&line, NULL);
    json_hex(&line, "statement", BYTES(r->statement, sizeof r->statement));
    json_hex(&line, "signature", BYTES(r->signature, sizeof r->signature));
    json_text(&line, "receipt", receipt);
    json_shut(&line);
    printf("%.*s\n", (int)line.len, line.text);
    json_out_free(&line);
}

/* What an auditor asks a site for: permits, and what it has reported of jobs' ends, with the server's word that it has it. */
static int
command_receipts(struct agent *a)
{
    struct err_detail d = { 0 };
    enum err err = spool_open(a->cfg.spool_dir, NULL, &a->spool, &a->who, &d);

    if (err == OK && (err = spool_receipted(a->spool, print_receipted, NULL)) != OK)
        err_internal(&d, err, "%s", spool_error(a->spool));
    if (err == OK && (fflush(stdout) != 0 || ferror(stdout)))
        err = err_internal(&d, ERR_IO, "the receipts cannot be written");
    agent_close(a);
    return err ? complain(&d) : EXIT_DONE;
}

static const struct {
    const char *name;
    int (*run)(struct agent *a);
} COMMANDS[] = {
    { "run", command_run },
    { "check", command_check },
    { "status", command_status },
    { "receipts", command_receipts },
    { "witness-keys", command_witness_keys },
    { "witness-dismiss", command_witness_dismiss },
    { "witness-admit", command_witness_admit },
    { "witness-forgive", command_witness_forgive },
};

static int
name_one_command(void)
{
    fputs("kontor-agent: name one command: enrol, run, check, status, receipts or witness-…; see kontor-agent --help\n", stderr);
    return EXIT_USAGE;
}

static bool
is_command(const char *word)
{
    bool known = strcmp(word, "enrol") == 0;

    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
        known = known || strcmp(word, COMMANDS[i].name) == 0;
    return known;
}

/* Before the configuration is read: who mistypes a command is told that, not what the file lacks. -1 if all is well so far. */
static int
look_at_command(int argc, char **argv)
{
    if (argc < 2)
        return name_one_command();
    if (argv[1][0] == '-' || is_command(argv[1]))
        return -1;
    fprintf(stderr, "kontor-agent: there is no command \"%s\"; see kontor-agent --help\n", argv[1]);
    return EXIT_USAGE;
}

static int
dispatch(struct agent *a, const char *command)
{
    bool json = strcmp(a->cfg.log_format, "json") == 0;

    a->log = (struct log){ .fd = 2, .json = json };
    if (!log_level_parse(a->cfg.log_level, &a->log.least)) {
        fprintf(stderr, "kontor-agent: log_level = %s: must be debug, info, warning or error\n", a->cfg.log_level);
        return EXIT_USAGE;
    }
    if (strcmp(command, "enrol") == 0)
        return (int)agent_enrol(&a->cfg);
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
        if (strcmp(command, COMMANDS[i].name) == 0)
            return COMMANDS[i].run(a);
    fprintf(stderr, "kontor-agent: there is no command \"%s\"; see kontor-agent --help\n", command);
    return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
    struct agent a = { .blobs = -1 };
    struct arena *arena = arena_new();
    struct config_rest rest;
    int status = look_at_command(argc, argv);

    if (status < 0)
        status = config_begin(&SET, arena, argc - 1, argv + 1, &a.cfg, &rest);
    if (status < 0 && rest.argc != 1)
        status = name_one_command();
    if (status < 0)
        status = dispatch(&a, rest.argv[0]);
    arena_delete(arena);
    return status;
}
