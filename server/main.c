/* main.c: kontord, the server of the marketplace. Wiring only: each subcommand is one row and one function. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/admin.h"
#include "api/passwords.h"
#include "base/clock.h"
#include "base/config.h"
#include "crypto/random.h"
#include "market/cosigning.h"
#include "store/export.h"
#include "api/sealing.h"
#include "api/serve.h"
#include "store/migrate.h"
#include "store/poisoned.h"

struct subcommand { const char *name; int (*run)(int argc, char **argv); const char *sentence; };

/* Does this word say where the server's data directory is? It comes before the verb. */
static bool
says_where(const char *word)
{
    return strncmp(word, "--data-dir=", 11) == 0 || strncmp(word, "--config=", 9) == 0;
}

/* The data directory of `kontord admin`: as the options before the verb say, or KONTOR_DATA_DIR, or the server's file. */
static int
run_admin(int argc, char **argv)
{
    const char *env = getenv("KONTOR_DATA_DIR");
    struct arena *arena = arena_new();
    struct config config;
    struct config_rest rest;
    int words = 0, status;

    while (words < argc && says_where(argv[words]))
        words++;
    if (words == argc || (words == 0 && (env || strcmp(argv[0], "--help") == 0))) {
        config.data_dir = env ? env : "";
        status = -1;
    } else
        status = config_begin(&CONFIG_KONTORD, arena, words, argv, &config, &rest);
    if (status < 0)
        status = admin_main(config.data_dir, argc - words, argv + words);
    arena_delete(arena);
    return status;
}

/* kontord admit …: kontord admin admit … */
static int
run_admit(int argc, char **argv)
{
    struct arena *arena = arena_new();
    char **words = arena_alloc(arena, ((size_t)argc + 2) * sizeof *words);
    int n = 0, status;

    while (argc > 0 && says_where(argv[0]))
        words[n++] = *argv++, argc--;
    words[n++] = arena_text(arena, "admit");
    for (int i = 0; i < argc; i++) /* also as two words: --rollback-to N */
        if (strcmp(argv[i], "--rollback-to") == 0 && i + 1 < argc) {
            words[n++] = arena_printf(arena, "--rollback-to=%s", argv[i + 1]);
            i++;
        } else
            words[n++] = argv[i];
    status = run_admin(n, words);
    arena_delete(arena);
    return status;
}

static void
show_progress(void *unused, uint64_t done, uint64_t all)
{
    (void)unused;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%3d %%  %" PRIu64 " of %" PRIu64 " entries", (int)(done * 100 / all), done, all);
}

static enum err
checkpoint_shown(void *policy, struct db *db, struct arena *a, struct checkpoint_row *ret)
{
    return cosigning_newest(db, policy, a, ret);
}

static bool
is_outside_witness(void *policy, const char *name, const uint8_t public[32])
{
    struct log_policy_now now = log_policy_now(policy);

    return now.quorum != NULL && quorum_witness_of(now.quorum, name, public) >= 0;
}

static void
show_wrong(void *unused, const char *text, bool remark)
{
    (void)unused;
    fprintf(stderr, "%skontord export: %s%s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", remark ? "to be noted: " : "", text);
}

/* What the export found beside what it wrote. */
static int
show_found(const struct export_result *r, const char *data_dir)
{
    if (r->beyond_head > 0)
        fprintf(stderr, "kontord export: %" PRIu64 " more rows are in the table than the head covers\n", r->beyond_head);
    if (r->wrong > 0)
        fprintf(stderr, "kontord export: %" PRIu64 " rows are not as they were sealed\n", r->wrong);
    if (r->unchecked)
        fprintf(stderr, "kontord export: no row was compared with its seal: %s/seal.key is missing\n", data_dir);
    if (r->faults + r->wrong > EXPORT_TOLD_MAX)
        fprintf(stderr, "kontord export: not all were named\n");
    return r->beyond_head > 0 || r->wrong > 0 || r->faults > 0 || r->unchecked;
}

static enum err
export_to(const struct config *config, const char *dir, struct export_result *ret, struct err_detail *d)
{
    struct log_policy *policy = NULL;
    struct seals seals;
    enum err sealed = sealing_load(config->data_dir, &seals, d), err = sealed == ERR_NOT_FOUND ? OK : sealed;
    struct db *db = db_new(&(struct db_config){ .conninfo = config->db_worker, .name = "kontord export", .timeout_ms = 600000,
                                                .seals = sealed == OK ? &seals : NULL });

    if (err == OK) {
        *d = (struct err_detail){ .text = "" };
        err = log_policy_open(config->policy, "", NULL, &policy, d);
    }
    if (err == OK)
        err = export_write(db, dir, config->with_evidence ? EXPORT_EVIDENCE : EXPORT_JOURNAL, show_progress, NULL,
                           (struct export_checkpoint){ checkpoint_shown, is_outside_witness, policy }, show_wrong, ret, d);
    db_delete(db);
    log_policy_close(policy);
    random_wipe(&seals, sizeof seals);
    return err;
}

/* kontord export [OPTION…] DIR: the journal as files for kontor-audit. */
static int
run_export(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct config config;
    struct config_rest rest;
    struct err_detail detail = { .text = "" };
    struct export_result result = { .entries = 0 };
    int status = config_begin(&CONFIG_KONTORD, arena, argc, argv, &config, &rest);
    enum err err;

    if (status < 0 && rest.argc != 1) {
        fputs("usage: kontord export [OPTION...] DIR\n", stderr);
        status = 2;
    }
    if (status < 0) {
        err = export_to(&config, rest.argv[0], &result, &detail);
        if (isatty(STDERR_FILENO))
            fputs("\r\033[K", stderr);
        if (err != OK)
            fprintf(stderr, "kontord export: %s %s\n", detail.text[0] ? detail.text : err_sentence(err), detail.internal);
        else
            printf("%" PRIu64 " entries and %" PRIu64 " balances in %s\n", result.entries, result.accounts, rest.argv[0]);
        status = show_found(&result, config.data_dir) != 0 || err != OK;
    }
    arena_delete(arena);
    return status;
}

static void
show_poisoned(void *unused, const struct hash *scope, int64_t created_ms)
{
    char text[HEX_LEN(sizeof scope->b)], time[TIME_TEXT];

    (void)unused;
    hex_encode(BYTES(scope->b, sizeof scope->b), text);
    time_text(created_ms, time);
    printf("%s  %s\n", text, time);
}

/* kontord poisoned [OPTION…] [SCOPE]: as db_writer; lists, or releases one. */
static int
run_poisoned(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct config config;
    struct config_rest rest;
    struct hash scope;
    int status = config_begin(&CONFIG_KONTORD, arena, argc, argv, &config, &rest);

    if (status < 0 && (rest.argc > 1 || (rest.argc == 1 && !hex_decode(rest.argv[0], scope.b, sizeof scope.b)))) {
        fputs("usage: kontord poisoned [OPTION...] [SCOPE]\n", stderr);
        status = 2;
    }
    if (status < 0) {
        struct db *db = db_new(&(struct db_config){ .conninfo = config.db_writer, .name = "kontord poisoned" });
        enum err err = rest.argc == 1 ? poisoned_release(db, &scope) : poisoned_list(db, show_poisoned, NULL);

        if (err != OK)
            fprintf(stderr, "kontord poisoned: %s %s\n", err_sentence(err), db_message(db));
        status = err != OK;
        db_delete(db);
    }
    arena_delete(arena);
    return status;
}

static void
show_migration(void *unused, int number, const char *name, bool applied)
{
    (void)unused;
    (void)number;
    printf("%-40s %s\n", name, applied ? "applied" : "is there");
}

/* kontord migrate [OPTION…]: as db_owner; forward only. */
static int
run_migrate(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct config config;
    struct config_rest rest;
    struct err_detail detail = { .text = "" };
    int status = config_begin(&CONFIG_KONTORD, arena, argc, argv, &config, &rest);

    if (status < 0 && rest.argc != 0) {
        fputs("usage: kontord migrate [OPTION...]\n", stderr);
        status = 2;
    }
    if (status < 0) {
        enum err err = migrate_run(config.db_owner, config.migrations_dir, show_migration, NULL, &detail);

        if (err != OK)
            fprintf(stderr, "kontord migrate: %s %s\n", err_sentence(err), detail.internal);
        status = err != OK;
    }
    arena_delete(arena);
    return status;
}

/* kontord passwords: the server's, not people's. */
static int
run_passwords(int argc, char **argv)
{
    (void)argc, (void)argv;
    return passwords_serve();
}

static const struct subcommand SUBCOMMANDS[] = {
    { "serve", run_serve, "run the server: kontord serve" },
    { "keygen", run_keygen, "make the server's keys in its data directory: kontord keygen" },
    { "begin", run_begin, "begin a journal that follows an older one: kontord begin EXPORT-OF-THE-OLDER" },
    { "routes", run_routes, "list the routes of the HTTP interface" },
    { "migrate", run_migrate, "bring the database up to this version: kontord migrate" },
    { "export", run_export, "write the journal as files for kontor-audit: kontord export DIR" },
    { "reseal", run_reseal, "seal the database's rows as they are, and tell which had been changed: kontord reseal" },
    { "poisoned", run_poisoned, "list the commands that were set aside, or release one: kontord poisoned [SCOPE]" },
    { "admit", run_admit, "admit a rollback that witnesses have seen: kontord admit --rollback-to N --reason=WHY" },
    { "passwords", run_passwords, "hash passwords for the server, which starts this itself" },
    { "admin", run_admin, "administer the running server (kontord admin --help)" },
};

static int
usage(FILE *to, int status)
{
    fputs("usage: kontord SUBCOMMAND [OPTION...]\n       kontord --help | --version\n\n", to);
    for (size_t i = 0; i < sizeof SUBCOMMANDS / sizeof SUBCOMMANDS[0]; i++)
        fprintf(to, "  %-10s %s\n", SUBCOMMANDS[i].name, SUBCOMMANDS[i].sentence);
    return status;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("kontord %s\n", PACKAGE_VERSION) < 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (argc == 2 && strcmp(argv[1], "--manual") == 0) {
        config_manual(&CONFIG_KONTORD, stdout);
        admin_manual(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--example") == 0) {
        config_example(&CONFIG_KONTORD, stdout);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < sizeof SUBCOMMANDS / sizeof SUBCOMMANDS[0]; i++)
        if (strcmp(argv[1], SUBCOMMANDS[i].name) == 0)
            return SUBCOMMANDS[i].run(argc - 2, argv + 2);
    return usage(stderr, 2);
}
