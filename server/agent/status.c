/* agent/status.c: what the spool holds (kontor-agent status), what was done and why (journal), and whether the site takes new
 * work (drain, undrain). */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "base/text.h"
#include "crypto/random.h"

static const char *const ROLES[] = { [WITNESS_GROWS] = "witness", [WITNESS_RULES] = "attested" };

static void
print_witness(struct agent *a)
{
    char time[TIME_TEXT], trouble[300];
    struct spool_refusal r;

    for (int role = 0; role < WITNESS_ROLES; role++) {
        struct spool_cosigned c;

        if (spool_cosigned(a->spool, (enum witness_role)role, &c) != OK)
            continue;
        time_text((int64_t)c.time_s * 1000, time);
        printf("%-9s journal of %llu entries%s%s%s\n", ROLES[role], (unsigned long long)c.at.size, c.time_s ? ", cosigned at " : ", as admitted",
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

/* SHA-256 of the public key that start-ups seal to: what their pages show. False: there is none that may be read. */
static bool
seal_key_id(const struct agent *a, char ret[HEX_LEN(32)])
{
    char path[PATH_MAX];
    struct seal_key key;
    struct hash id;

    snprintf(path, sizeof path, "%s/seal.key", a->cfg.spool_dir);
    if (seal_key_load(path, &key, NULL) != OK)
        return false;
    id = sha256(BYTES(key.public, sizeof key.public));
    hex_encode(BYTES(id.b, sizeof id.b), ret);
    random_wipe(&key, sizeof key);
    return true;
}

static void
print_status(struct agent *a, const struct spool_counts *c, bool draining, const char *why)
{
    char seal[HEX_LEN(32)];

    printf("site      %s (SITE %llu, key %s)\njournal   %s%s\ninstance  %lld\n", a->who.site,
           (unsigned long long)a->who.site_index, a->who.kid, a->who.origin, a->who.simulation ? ", a simulation" : "",
           (long long)c->instance);
    if (seal_key_id(a, seal))
        printf("secrets   sealed to the key %s\n", seal);
    if (draining)
        printf("DRAINING  new tickets are rejected; jobs go on. %s\n", why);
    print_witness(a);
    printf("tickets   up to number %lld; %lld kept, %lld not done\nreports   %lld, %lld without a receipt\n",
           (long long)c->last_seq, (long long)c->tickets, (long long)c->open, (long long)c->reports,
           (long long)c->unreceipted);
}

static void
witness_json(struct agent *a, struct json_out *o)
{
    char trouble[300];
    struct spool_refusal r;
    bool refused = spool_refusal(a->spool, &r) == OK;

    for (int role = 0; role < WITNESS_ROLES; role++) {
        struct spool_cosigned c;

        if (spool_cosigned(a->spool, (enum witness_role)role, &c) != OK) {
            json_none(o, ROLES[role]);
            continue;
        }
        json_open(o, ROLES[role]);
        json_i64(o, "size", (int64_t)c.at.size);
        json_time(o, "at", (int64_t)c.time_s * 1000);
        json_bool(o, "told", c.told);
        json_shut(o);
        free(c.note);
    }
    json_text(o, "attest_trouble", spool_attest_trouble(a->spool, trouble) == OK && trouble[0] ? trouble : NULL);
    json_bool(o, "checkpoint_refused", refused);
    if (refused)
        free(r.note);
}

static void
print_status_json(struct agent *a, const struct spool_counts *c, bool draining, const char *why)
{
    struct json_out o = { .fresh = true };
    char seal[HEX_LEN(32)];

    json_open(&o, NULL);
    json_text(&o, "site", a->who.site);
    json_i64(&o, "site_index", (int64_t)a->who.site_index);
    json_text(&o, "key", a->who.kid);
    json_text(&o, "seal_key", seal_key_id(a, seal) ? seal : NULL);
    json_text(&o, "origin", a->who.origin);
    json_bool(&o, "simulation", a->who.simulation);
    json_i64(&o, "instance", c->instance);
    json_bool(&o, "running", spool_in_use(a->cfg.spool_dir));
    json_bool(&o, "draining", draining);
    json_text(&o, "draining_why", draining ? why : NULL);
    json_i64(&o, "last_ticket", c->last_seq);
    json_i64(&o, "tickets", c->tickets);
    json_i64(&o, "tickets_open", c->open);
    json_i64(&o, "reports", c->reports);
    json_i64(&o, "reports_unreceipted", c->unreceipted);
    witness_json(a, &o);
    json_shut(&o);
    printf("%.*s\n", (int)o.len, o.text);
    json_out_free(&o);
}

int
command_status(struct agent *a)
{
    struct err_detail d = { 0 };
    struct spool_counts c;
    char why[SPOOL_WHY_MAX];
    bool draining;
    enum err err = spool_open(a->cfg.spool_dir, NULL, &a->spool, &a->who, &d);

    if (err == OK)
        err = spool_counts(a->spool, &c);
    if (err)
        return agent_complain(&d);
    draining = spool_draining(a->cfg.spool_dir, why);
    if (a->cfg.json)
        print_status_json(a, &c, draining, why);
    else
        print_status(a, &c, draining, why);
    agent_close(a);
    return EXIT_DONE;
}

/* ---- drain, undrain ---------------------------------------------------------------------------------------------- */

static int
set_draining(struct agent *a, bool on)
{
    struct err_detail d = { 0 };
    const char *why = a->argument ? a->argument : "";
    enum err err = spool_check_folder(a->cfg.spool_dir, &d);

    if (err == OK && (!text_is_line(why) || strlen(why) + 2 > SPOOL_WHY_MAX))
        err = err_internal(&d, ERR_CONFIG, "the reason must be a line of at most %d bytes", SPOOL_WHY_MAX - 2);
    if (err == OK)
        err = spool_set_draining(a->cfg.spool_dir, on, why, &d);
    if (err)
        return agent_complain(&d);
    puts(on ? "New tickets are rejected from now on, also after a restart. Jobs that are here go on. It ends with kontor-agent undrain."
            : "New tickets are taken again.");
    return EXIT_DONE;
}

int
command_drain(struct agent *a)
{
    return set_draining(a, true);
}

int
command_undrain(struct agent *a)
{
    return set_draining(a, false);
}

/* ---- kontor-agent journal ---------------------------------------------------------------------------------------- */

static void
print_line(void *with, const struct spool_line *line)
{
    const struct agent *a = with;
    char at[TIME_TEXT], jti[UUID_TEXT] = "-";
    struct json_out o = { .fresh = true };

    if (!a->cfg.json) {
        time_text(line->at_ms, at);
        if (!uuid_is_zero(line->jti))
            uuid_text(line->jti, jti);
        printf("%s  %-36s  %-10s %s\n", at, jti, line->what, line->why);
        return;
    }
    json_open(&o, NULL);
    json_time(&o, "at", line->at_ms);
    if (uuid_is_zero(line->jti))
        json_none(&o, "jti");
    else
        json_uuid(&o, "jti", line->jti);
    json_text(&o, "what", line->what);
    json_text(&o, "why", line->why);
    json_shut(&o);
    printf("%.*s\n", (int)o.len, o.text);
    json_out_free(&o);
}

int
command_journal(struct agent *a)
{
    struct err_detail d = { 0 };
    struct uuid jti;
    enum err err = OK;

    if (a->argument && !uuid_parse(a->argument, &jti))
        err = err_internal(&d, ERR_CONFIG, "%s is not a ticket's jti", a->argument);
    if (err == OK)
        err = spool_open(a->cfg.spool_dir, NULL, &a->spool, &a->who, &d);
    if (err == OK && (err = spool_story(a->spool, a->argument ? &jti : NULL, print_line, a)) != OK)
        err_internal(&d, err, "%s", spool_error(a->spool));
    if (err == OK && (fflush(stdout) != 0 || ferror(stdout)))
        err = err_internal(&d, ERR_IO, "the journal cannot be written");
    agent_close(a);
    return err ? agent_complain(&d) : EXIT_DONE;
}
