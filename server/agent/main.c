/* agent/main.c: kontor-agent, the daemon of a site: its commands. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/secrets.h"
#include "base/text.h"

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
                "drain [OPTION...] [REASON]\n"
                "undrain [OPTION...]\n"
                "journal [OPTION...] [JTI]\n"
                "rotate-key [OPTION...]\n"
                "rotate-seal [OPTION...]\n"
                "spool-moved [OPTION...]\n"
                "receipts [OPTION...]\n"
                "witness-keys [OPTION...]\n"
                "witness-dismiss [OPTION...]\n"
                "witness-admit [OPTION...]\n"
                "witness-forgive [OPTION...]",
    .description =
        "kontor-agent polls the marketplace for tickets signed for its site, asks for the permit of each, runs the job"
        " and reports. It needs no open port: it only calls.\n\n"
        "enrol makes the site's keys and trades a one-time token (token_file) for a place in the federation. run is the"
        " daemon; it ends within seconds of SIGTERM and leaves jobs running, which the next start picks up.\n\n"
        "check looks at configuration, user, spool, keys, server, clock and backend, and says of each whether it is ok, wants a"
        " look (warning) or keeps the agent from its work (fault), with a remedy. status says what the spool holds. journal says"
        " what the agent did and why, all of it or a ticket's. With --json these three write JSON.\n\n"
        "drain, with a reason, makes the agent reject new tickets from now on, whether it runs or not, until undrain; jobs that"
        " are here go on. A spool that was copied or restored is refused; spool-moved says, while the agent is stopped, that it"
        " was moved here and that there is no other any more.\n\n"
        "rotate-key, while the agent is stopped, makes a new key for the site, which the one before signs for; both are in force"
        " for a day. Where that one was revoked, a one-time token (token_file) vouches for the new one."
        " rotate-seal, while the agent is stopped too, makes a new key for the secrets that start-ups seal to the site (takes has the"
        " word secrets); the one before still opens what was sealed to it.\n\n"
        "run also watches the journal, unless told not to (witness = no): it cosigns each checkpoint that extends all that it"
        " has cosigned, and refuses any other, loudly and for good. receipts prints what it has reported of jobs' ends and the server has receipted, for an auditor (kontor-audit"
        " verify --receipts). witness-keys prints its keys as a policy file names them."
        " witness-dismiss and witness-admit settle a refusal while the agent is stopped: the first goes on from what was"
        " cosigned before, the second takes what was refused as the journal. witness-forgive, while the agent is stopped too,"
        " forgets what the journal owes for jobs that have ended, for which it does not attest it.",
    .exits =
        "0 after success, 1 after a failure, 2 after a wrong command line or configuration.\n\n"
        "check exits with 1 if there is a fault.\n\n"
        "run exits with 4 when a newer instance of this agent has been opened, 5 when its spool is a copy or older than what"
        " the server has of it, 6 when another report carries one of its numbers: do not restart it then.",
    .file = "/etc/kontor/agent.conf",
    .options = OPTIONS,
    .count = sizeof OPTIONS / sizeof OPTIONS[0],
};

int
agent_complain(const struct err_detail *d)
{
    fprintf(stderr, "kontor-agent: %s\n", d->internal[0] ? d->internal : d->text);
    return EXIT_ERROR;
}

static enum err
open_slurm(struct agent *a, bool only_look, struct err_detail *d)
{
    char notes[PATH_MAX];
    struct slurm_options o = {
        .notes = notes,
        .folder = a->cfg.slurm_folder,
        .users = a->cfg.slurm_users,
        .conf = a->cfg.slurm_conf,
        .bin = a->cfg.slurm_bin,
        .partition = a->cfg.slurm_partition,
        .gpu_type = a->cfg.slurm_gpu_type,
        .model = a->cfg.slurm_model,
        .submit = a->cfg.slurm_submit,
        .cluster = a->cfg.slurm_cluster,
        .allocations = a->cfg.slurm_allocations,
        .only_look = only_look,
    };

    snprintf(notes, sizeof notes, "%s/slurm", a->cfg.spool_dir);
    return backend_slurm_open(&o, &a->backend, &a->kind, d);
}

/* What jobs may need is the administrator's word. exec's sandbox has no network, so nothing can be fetched there. */
static enum err
read_takes(struct agent *a, struct err_detail *d)
{
    char words[256], *rest = words, *word;

    a->takes = 0;
    text_format(words, sizeof words, "%s", a->cfg.takes);
    while ((word = strsep(&rest, " ")) != NULL) {
        int need = 0;

        while (need < NEEDS && strcmp(NEED_WORDS[need], word) != 0)
            need++;
        if (word[0] && (need == NEEDS || need == NEED_ALLOCATION))
            return err_internal(d, ERR_CONFIG, "takes = %s: may be transfer, apptainer, podman, secrets (for allocations: slurm_allocations)", word);
        a->takes |= word[0] ? NEED_BIT(need) : 0;
    }
    if (a->takes & (uint16_t)~NEED_BIT(NEED_SECRETS) && strcmp(a->cfg.backend, "exec") == 0 && strcmp(a->cfg.sandbox, "none") != 0)
        return err_internal(d, ERR_CONFIG, "takes = %s: exec's sandbox has no network; leave it out (but secrets), or set sandbox = none", a->cfg.takes);
    return OK;
}

enum err
agent_open_backend(struct agent *a, bool only_look, struct err_detail *d)
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
        .only_look = only_look,
    };

    enum err err = read_takes(a, d);

    if (err)
        return err;
    if (strcmp(a->cfg.backend, "slurm") == 0)
        return open_slurm(a, only_look, d);
    if (strcmp(a->cfg.backend, "exec") != 0)
        return err_internal(d, ERR_CONFIG, "backend = %s: must be slurm or exec", a->cfg.backend);
    if (strcmp(a->cfg.sandbox, "bwrap") != 0 && strcmp(a->cfg.sandbox, "none") != 0)
        return err_internal(d, ERR_CONFIG, "sandbox = %s: must be bwrap or none", a->cfg.sandbox);
    snprintf(folder, sizeof folder, "%s/claims", a->cfg.spool_dir);
    return backend_exec_open(&o, &a->backend, &a->kind, d);
}

enum err
agent_open_own(struct agent *a, struct err_detail *d)
{
    char path[PATH_MAX];
    enum err err = spool_check_folder(a->cfg.spool_dir, d);

    snprintf(path, sizeof path, "%s/agent.key", a->cfg.spool_dir);
    if (err == OK)
        err = sign_key_load(path, &a->key, d);
    if (err == OK)
        err = spool_open(a->cfg.spool_dir, a->key.public, &a->spool, &a->who, d);
    if (err == ERR_FORBIDDEN) { /* another key's; perhaps the one that was being rotated to */
        struct err_detail ignored = { 0 };

        if (rotation_finish(a, &ignored) == OK)
            err = OK;
    }
    return err;
}

enum err
agent_open(struct agent *a, struct err_detail *d)
{
    char path[PATH_MAX];
    enum err err = agent_open_own(a, d);

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
    err = agent_open_backend(a, false, d);
    return err == OK && a->takes & NEED_BIT(NEED_SECRETS) ? secrets_load_keys(a, d) : err;
}

void
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
    secrets_wipe_keys(a);
    for (size_t i = 0; i < a->jobs_n; i++)
        free(a->jobs[i]);
    free(a->jobs);
    free(a->token);
}

/* What `check` would call a fault of the backend keeps the agent from running. */
static enum err
backend_ready(struct agent *a, struct err_detail *d)
{
    struct remarks f = { 0 };
    enum err err = OK;

    a->kind->check(a->backend, &f);
    for (size_t i = 0; err == OK && i < f.n; i++)
        if (f.all[i].verdict == VERDICT_FAULT)
            err = err_internal(d, ERR_CONFIG, "%s: %s; %s", f.all[i].what, f.all[i].text, f.all[i].remedy);
    remarks_free(&f);
    return err;
}

static int
command_run(struct agent *a)
{
    struct err_detail d = { 0 };
    int status;
    enum err err = agent_open(a, &d);

    if (err == OK)
        err = backend_ready(a, &d);
    if (err == OK)
        err = wire_new(a->cfg.server, a->cfg.ca_file, &a->wire, &d);
    if (err) {
        status = agent_complain(&d);
        if (err == ERR_SPOOL_BEHIND)
            status = EXIT_BEHIND;
    } else {
        if (strcmp(a->kind->name, "exec") == 0 && strcmp(a->cfg.sandbox, "none") == 0)
            log_warning(&a->log, "no-sandbox",
                        LOG_TEXT("why", "sandbox = none: jobs run as plain processes, for tests only"));
        log_info(&a->log, "start", LOG_TEXT("site", a->who.site), LOG_TEXT("version", PACKAGE_VERSION));
        status = (int)agent_run(a);
    }
    agent_close(a);
    return status;
}

static int
settle(struct agent *a, bool admit)
{
    struct err_detail d = { 0 };
    enum err err = agent_open_own(a, &d);

    if (err == OK && (err = spool_settle_refusal(a->spool, admit)) != OK)
        err_internal(&d, err, "%s", err == ERR_NOT_FOUND ? "no checkpoint was refused: there is nothing to settle" : spool_error(a->spool));
    if (err == OK)
        puts(admit ? "The checkpoint that was refused is the journal from now on." :
                     "The refusal is settled; what was cosigned before stays the measure.");
    agent_close(a);
    return err ? agent_complain(&d) : EXIT_DONE;
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
    uint64_t n = 0;
    enum err err = agent_open_own(a, &d);

    if (err == OK && (err = spool_forgive(a->spool, &n)) != OK)
        err_internal(&d, err, "%s", spool_error(a->spool));
    if (err == OK)
        printf("Forgotten: what the journal owed for %llu ended job%s.\n", (unsigned long long)n, n == 1 ? "" : "s");
    agent_close(a);
    return err ? agent_complain(&d) : EXIT_DONE;
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
    return err ? agent_complain(&d) : EXIT_DONE;
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
    return err ? agent_complain(&d) : EXIT_DONE;
}

static int
command_spool_moved(struct agent *a)
{
    struct err_detail d = { 0 };
    char path[PATH_MAX];
    enum err err = spool_check_folder(a->cfg.spool_dir, &d);

    snprintf(path, sizeof path, "%s/agent.key", a->cfg.spool_dir);
    if (err == OK)
        err = sign_key_load(path, &a->key, &d);
    if (err == OK)
        err = spool_moved(a->cfg.spool_dir, a->key.public, &d);
    if (err)
        return agent_complain(&d);
    puts("This is the spool's place from now on. No other copy of it may ever be used.");
    return EXIT_DONE;
}

static int
command_enrol(struct agent *a)
{
    return (int)agent_enrol(&a->cfg);
}

static const struct {
    const char *name;
    int (*run)(struct agent *a);
    bool argument; /* takes one */
} COMMANDS[] = {
    { "enrol", command_enrol, false },
    { "run", command_run, false },
    { "check", command_check, false },
    { "status", command_status, false },
    { "drain", command_drain, true },
    { "undrain", command_undrain, false },
    { "journal", command_journal, true },
    { "receipts", command_receipts, false },
    { "rotate-key", command_rotate_key, false },
    { "rotate-seal", command_rotate_seal, false },
    { "spool-moved", command_spool_moved, false },
    { "witness-keys", command_witness_keys, false },
    { "witness-dismiss", command_witness_dismiss, false },
    { "witness-admit", command_witness_admit, false },
    { "witness-forgive", command_witness_forgive, false },
};

static int
name_one_command(void)
{
    fputs("kontor-agent: name one command; see kontor-agent --help\n", stderr);
    return EXIT_USAGE;
}

/* The command of that name, with so many arguments behind it; -1 if there is none. */
static int
find_command(const char *word)
{
    for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
        if (strcmp(word, COMMANDS[i].name) == 0)
            return (int)i;
    return -1;
}

/* Before the configuration is read: who mistypes a command is told that, not what the file lacks. -1 if all is well so far. */
static int
look_at_command(int argc, char **argv)
{
    if (argc < 2)
        return name_one_command();
    if (argv[1][0] == '-' || find_command(argv[1]) >= 0)
        return -1;
    fprintf(stderr, "kontor-agent: there is no command \"%s\"; see kontor-agent --help\n", argv[1]);
    return EXIT_USAGE;
}

static int
dispatch(struct agent *a, const struct config_rest *rest)
{
    bool json = strcmp(a->cfg.log_format, "json") == 0;
    int at = find_command(rest->argv[0]);

    a->log = (struct log){ .fd = 2, .json = json };
    if (!log_level_parse(a->cfg.log_level, &a->log.least)) {
        fprintf(stderr, "kontor-agent: log_level = %s: must be debug, info, warning or error\n", a->cfg.log_level);
        return EXIT_USAGE;
    }
    if (at < 0) {
        fprintf(stderr, "kontor-agent: there is no command \"%s\"; see kontor-agent --help\n", rest->argv[0]);
        return EXIT_USAGE;
    }
    if (rest->argc > (COMMANDS[at].argument ? 2 : 1)) {
        fprintf(stderr, "kontor-agent: %s takes %s; see kontor-agent --help\n", rest->argv[0],
                COMMANDS[at].argument ? "one argument at most" : "no argument");
        return EXIT_USAGE;
    }
    a->argument = rest->argc == 2 ? rest->argv[1] : NULL;
    return COMMANDS[at].run(a);
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
    if (status < 0 && rest.argc < 1)
        status = name_one_command();
    if (status < 0)
        status = dispatch(&a, &rest);
    arena_delete(arena);
    return status;
}
