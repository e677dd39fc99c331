/* agent/check.c: kontor-agent check: what an administrator wants to know before the agent runs, and when it does not do what
 * it should. It changes nothing, opens no instance, and may be asked while an agent runs. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/text.h"

#define CALL_TIMEOUT_MS 10000
#define ROOM_LEAST_MB   64
#define ROOM_GOOD_MB    1024

static void
check_config(struct agent *a, struct remarks *f)
{
    bool plain = strncmp(a->cfg.server, "http://", 7) == 0;

    if (strcmp(a->cfg.backend, "exec") == 0 && strcmp(a->cfg.sandbox, "none") == 0)
        remarks_add(f, "config", VERDICT_WARNING, "set sandbox = bwrap",
                     "sandbox = none: jobs run as plain processes; for tests only, and told in the inventory");
    if (a->cfg.metrics_file[0] && (strlen(a->cfg.metrics_file) < 6 || strcmp(a->cfg.metrics_file + strlen(a->cfg.metrics_file) - 5, ".prom") != 0))
        remarks_add(f, "config", VERDICT_WARNING, "let the name of metrics_file end in .prom",
                     "metrics_file = %s: node_exporter reads names that end in .prom only", a->cfg.metrics_file);
    remarks_add(f, "config", VERDICT_OK, NULL, "read; backend %s, server %s%s", a->cfg.backend, a->cfg.server,
                 plain ? " (plain HTTP, allowed on this machine's own addresses only)" : "");
}

static void
check_user(struct remarks *f)
{
    const struct passwd *user = getpwuid(geteuid());
    const char *name = user ? user->pw_name : "a user without a name";

    if (geteuid() == 0)
        remarks_add(f, "user", VERDICT_WARNING, "make a user for the agent, give it spool_dir, and run it as that user",
                     "runs as root; an ordinary user suffices");
    else
        remarks_add(f, "user", VERDICT_OK, NULL, "runs as %s", name);
}

/* What jobs need is on the machines that run them: with a batch system this host is only a hint. */
static void
check_programs(struct agent *a, struct remarks *f)
{
    static const struct { enum need need; const char *program; } NEEDED[] = {
        { NEED_TRANSFER, "curl" }, { NEED_APPTAINER, "apptainer" }, { NEED_PODMAN, "podman" },
    };
    static const char *const FOLDERS[] = { "/usr/local/bin", "/usr/bin", "/bin" };
    bool here = strcmp(a->cfg.backend, "exec") == 0;

    for (size_t i = 0; i < sizeof NEEDED / sizeof NEEDED[0]; i++) {
        char path[PATH_MAX];
        bool found = false;

        if (!(a->takes & NEED_BIT(NEEDED[i].need)))
            continue;
        for (size_t j = 0; j < sizeof FOLDERS / sizeof FOLDERS[0]; j++) {
            text_format(path, sizeof path, "%s/%s", FOLDERS[j], NEEDED[i].program);
            found = found || access(path, X_OK) == 0;
        }
        if (!found)
            remarks_add(f, "takes", here ? VERDICT_FAULT : VERDICT_WARNING, "install it where jobs run, or leave the word out of takes",
                        "%s is not on this host%s", NEEDED[i].program, here ? "" : "; is it on the nodes?");
        else
            remarks_add(f, "takes", VERDICT_OK, NULL, "%s is there", NEEDED[i].program);
    }
}

/* True: there is a spool of ours to read. */
static bool
check_spool(struct agent *a, struct remarks *f)
{
    struct err_detail d = { 0 };
    struct statvfs room;
    unsigned long long free_mb;
    enum err err = spool_check_folder(a->cfg.spool_dir, &d);

    if (err) {
        remarks_err(f, "spool", err, &d,
                     err == ERR_CONFIG ? "give spool_dir to the agent's user, mode 0700, on a local disk; run check as that user"
                                       : "make the folder, or correct spool_dir",
                     "");
        return false;
    }
    if (statvfs(a->cfg.spool_dir, &room) == 0) {
        free_mb = (unsigned long long)room.f_bavail * room.f_frsize >> 20;
        if (free_mb < ROOM_GOOD_MB)
            remarks_add(f, "spool", free_mb < ROOM_LEAST_MB ? VERDICT_FAULT : VERDICT_WARNING, "make room on that file system",
                         "%s has %llu MiB of room left", a->cfg.spool_dir, free_mb);
    }
    err = spool_open(a->cfg.spool_dir, NULL, &a->spool, &a->who, &d);
    if (err) {
        remarks_err(f, "spool", err, &d,
                     err == ERR_NOT_FOUND ? "kontor-agent enrol" : "see docs/site.md, \"The spool\"; never put an older copy in its place", "");
        return false;
    }
    err = spool_check_place(a->spool, &d);
    if (err)
        remarks_err(f, "spool", err, &d,
                     "bring the original back; if you have moved it here yourself, with the agent stopped, and there is no other: kontor-agent spool-moved", "");
    else
        remarks_add(f, "spool", VERDICT_OK, NULL, "%s: local, ours alone, whole%s", a->cfg.spool_dir,
                     spool_in_use(a->cfg.spool_dir) ? "; an agent is using it" : "");
    return true;
}

static enum err
load_key(struct agent *a, const char *name, struct err_detail *d)
{
    char path[PATH_MAX];
    struct sign_key sign;
    struct seal_key seal;

    snprintf(path, sizeof path, "%s/%s.key", a->cfg.spool_dir, name);
    if (strcmp(name, "agent") == 0)
        return sign_key_load(path, &a->key, d);
    return strcmp(name, "seal") == 0 ? seal_key_load(path, &seal, d) : sign_key_load(path, &sign, d);
}

/* True: we can sign as the site. */
static bool
check_keys(struct agent *a, struct remarks *f)
{
    static const char *const NAMES[] = { "agent", "seal", "witness", "attest" };
    static const char REMEDY[] = "the keys lie in spool_dir, mode 0600, and belong to the agent's user; a key that is gone is not "
                                 "brought back: see docs/site.md, \"Keys\"";
    bool good = true;
    char next[PATH_MAX];

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct err_detail d = { 0 };
        enum err err = load_key(a, NAMES[i], &d);

        if (err == ERR_NOT_FOUND && i >= 2) /* the witness makes its own when it begins */
            continue;
        if (err)
            remarks_err(f, "keys", err, &d, REMEDY, "");
        good = good && (err == OK || i >= 2);
    }
    if (good && memcmp(a->key.public, a->who.public, SIGN_PUBLIC_LEN) != 0) {
        remarks_add(f, "keys", VERDICT_FAULT, REMEDY, "agent.key is not the key that the spool belongs to");
        good = false;
    }
    snprintf(next, sizeof next, "%s/agent.key.next", a->cfg.spool_dir);
    if (access(next, F_OK) == 0)
        remarks_add(f, "keys", VERDICT_WARNING, "stop the agent; kontor-agent rotate-key; start it", "a rotation was begun and not finished");
    if (good)
        remarks_add(f, "keys", VERDICT_OK, NULL, "site %s, key %s", a->who.site, a->who.kid);
    return good;
}

struct self {
    int64_t real_ms, bound_ms, instance, newest;
    bool draining, paused;
    char until[TIME_TEXT];
};

static enum err
self_read(const struct wire_reply *r, struct self *ret, struct err_detail *d)
{
    struct json_in in = json_in_open(BYTES(r->body, r->len), d);

    json_in_text(&in, "site", 1, 16);
    json_in_i64(&in, "key", 0, INT64_MAX);
    ret->newest = json_in_i64(&in, "newest_key", 0, INT64_MAX);
    text_format(ret->until, sizeof ret->until, "%s", json_in_has(&in, "until") ? json_in_text(&in, "until", 0, TIME_TEXT) : "");
    ret->instance = json_in_i64(&in, "instance", 0, INT64_MAX);
    ret->real_ms = json_in_time(&in, "real_time");
    ret->bound_ms = json_in_i64(&in, "clock_bound_ms", 1, INT32_MAX);
    ret->draining = json_in_bool(&in, "draining");
    ret->paused = json_in_bool(&in, "paused");
    return json_in_close(&in);
}

static void
check_clock(struct remarks *f, int64_t ahead_ms, int64_t bound_ms)
{
    int64_t apart_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;
    enum verdict verdict = apart_ms > bound_ms ? VERDICT_FAULT : apart_ms > CLOCK_APART_MS ? VERDICT_WARNING : VERDICT_OK;

    remarks_add(f, "clock", verdict, "let NTP or chrony set this machine's clock", "%lld.%03lld s %s the server's; %lld s are tolerated",
                 (long long)(apart_ms / 1000), (long long)(apart_ms % 1000), ahead_ms < 0 ? "behind" : "ahead of", (long long)(bound_ms / 1000));
}

/* What the server that leads says of us. */
static void
take_self(struct agent *a, struct remarks *f, const struct wire_reply *r, int64_t asked_ms, int64_t answered_ms)
{
    struct err_detail d = { 0 };
    struct self s;
    enum err err = self_read(r, &s, &d);

    if (err) {
        remarks_add(f, "site", VERDICT_FAULT, "is that the marketplace's address for agents?", "the server's answer is not as it should be: %s %s",
                     d.pointer, d.text);
        return;
    }
    if (strcmp(a->who.kid, "") != 0 && s.newest != strtoll(a->who.kid, NULL, 10))
        remarks_add(f, "site", VERDICT_WARNING, "kontor-agent rotate-key, or bring the newer key's spool back",
                     "the server knows a newer key of this site, %lld; ours ends %s", (long long)s.newest, s.until[0] ? s.until : "soon");
    if (s.draining || s.paused)
        remarks_add(f, "site", VERDICT_WARNING, "it is said on the site's page in the marketplace, and taken back there",
                     "the site %s: no new work comes", s.draining ? "is draining" : "is paused");
    remarks_add(f, "site", VERDICT_OK, NULL, "the server knows us; its newest instance is %lld", (long long)s.instance);
    check_clock(f, asked_ms + (answered_ms - asked_ms) / 2 - s.real_ms, s.bound_ms);
}

static void
ask_self(struct agent *a, struct remarks *f, size_t server)
{
    struct wire_call call = { .path = "/v1/agent/self", .token = agent_token(a), .timeout_ms = CALL_TIMEOUT_MS };
    struct wire_reply r;
    int64_t asked_ms = real_now_ms();
    char code[48];

    (void)server;
    wire_once(a->wire, &call, &r);
    if (r.status == 200) {
        take_self(a, f, &r, asked_ms, real_now_ms());
        return;
    }
    problem_code(&r, code, sizeof code);
    if (strcmp(code, "clock-skew") == 0) {
        struct json_in in = json_in_open(BYTES(r.body, r.len), NULL);

        remarks_add(f, "clock", VERDICT_FAULT, "let NTP or chrony set this machine's clock", "%s", json_in_text_or(&in, "detail", 300, code));
        if (json_in_close(&in) != OK) {
            /* it has other members, which do not matter */
        }
    } else if (strncmp(code, "token-", 6) == 0) {
        remarks_add(f, "site", VERDICT_FAULT, "see docs/site.md, \"Keys\": a key that was revoked is followed by a new one",
                     "the server does not take this site's key (key %s; %s): it is revoked, over, or of another journal", a->who.kid, code);
    } else if (strcmp(code, "not-leader") != 0) { /* who stands by does not say */
        remarks_add(f, "site", VERDICT_WARNING, "ask the marketplace's operator if it stays so", "the server answers %d %s", r.status, code);
    }
}

/* Each address, and by the one that leads what it knows of us. */
static void
check_servers(struct agent *a, struct remarks *f, bool can_sign)
{
    struct err_detail d = { 0 };
    struct wire_call call = { .path = "/health/live", .timeout_ms = CALL_TIMEOUT_MS };
    enum err err = wire_new(a->cfg.server, a->cfg.ca_file, &a->wire, &d);

    if (err) {
        remarks_err(f, "server", err, &d, "correct server or ca_file", "");
        return;
    }
    for (size_t i = 0; i < wire_servers(a->wire); i++) {
        struct wire_reply r;
        size_t at;

        wire_once(a->wire, &call, &r);
        at = r.server;
        if (r.status == 0) {
            remarks_add(f, "server", VERDICT_FAULT, "look at address, firewall (only calls out are needed), proxy and ca_file", "%s: %s",
                         wire_server(a->wire, at), r.error);
        } else {
            remarks_add(f, "server", VERDICT_OK, NULL, "%s answers", wire_server(a->wire, at));
            if (can_sign)
                ask_self(a, f, at);
        }
        wire_turn(a->wire, at, "");
    }
}

int
command_check(struct agent *a)
{
    struct remarks f = { 0 };
    struct err_detail d = { 0 };
    char why[SPOOL_WHY_MAX];
    bool spool, keys = false;
    enum verdict worst;
    enum err err;

    check_config(a, &f);
    check_user(&f);
    spool = check_spool(a, &f);
    if (spool)
        keys = check_keys(a, &f);
    if (spool && spool_draining(a->cfg.spool_dir, why))
        remarks_add(&f, "drain", VERDICT_WARNING, "kontor-agent undrain", "new tickets are rejected: %s", why);
    check_servers(a, &f, keys);
    err = agent_open_backend(a, true, &d);
    if (err)
        remarks_err(&f, a->cfg.backend, err, &d, "correct the configuration", "");
    else
        a->kind->check(a->backend, &f);
    if (err == OK)
        check_programs(a, &f);
    worst = remarks_worst(&f);
    remarks_print(&f, a->cfg.json, stdout);
    remarks_free(&f);
    agent_close(a);
    return worst == VERDICT_FAULT ? EXIT_ERROR : EXIT_DONE;
}
