/* api/package.c
 * GET /v1/programme/report/package: a period's data package (schema/journal/package.md), one archive: the report's tables, the journal's
 * slice with what proves it, and how to verify both without us. Poured piece by piece: memory goes by accounts, never by entries. */
#include "api/package.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "api/pour.h"
#include "api/report.h"
#include "market/state.h"
#include "store/organisations.h"

enum stage { THE_PROOF, THE_SLICE, THE_REST, THE_AROUND, THE_ASSERTED, THE_TABLES, THE_END };

static const char README[] =
    "What this is\n"
    "\n"
    "The data package of a period of a Kontor marketplace: the tables of the programme's report, and the part of the\n"
    "journal that they follow from, with its proofs. Amounts are GPU-milliseconds (gpums): 3,600,000 are one credit, a\n"
    "reference GPU-hour. Times are UTC; a period is from (included) to (not included). It holds nothing about people:\n"
    "entries name accounts, organisations by number, sites and keys; names.csv names organisations and funds.\n"
    "\n"
    "How to verify it, with no connection and no trust in the server\n"
    "\n"
    "    kontor-audit package --policy=POLICY FILE      FILE: the archive as it came, or the folder it was unpacked to\n"
    "\n"
    "POLICY is a C2SP tlog-policy: the log's key and which witnesses must have cosigned. Take it from somebody else than\n"
    "this server: the operator's is in journal/policy, which proves nothing by itself. The programme says what it proved\n"
    "and what it did not. Without it: sha256sum --check SHA256SUMS, and schema/journal/package.md of Kontor's sources\n"
    "describes every file.\n"
    "\n"
    "What is in it\n"
    "\n"
    "    report.csv          credits in and out: all, by fund, mode, country, class of organisation, site, organisation;\n"
    "                        value_eur_cents is the gross grant equivalent of what was granted\n"
    "    concentration.csv   how much of what was paid went for how few organisations\n"
    "    moves.csv           the same figures by kind of entry and accounts, as the journal names them\n"
    "    disputes.csv        disputes opened, answered, closed, resolved\n"
    "    corrections.csv     what was taken back, of which entry\n"
    "    signatures.csv      who vouches for the entries: by a key of their own, or on the operator's word\n"
    "    witnesses.csv       who cosigned checkpoints that end within the period *\n"
    "    jobs.csv            how jobs ended: booked and used GPU-seconds; the rest was idle *\n"
    "    idle.csv            where the time of each site's GPUs went: used, booked and not used, free, in maintenance, down,\n"
    "                        kept for others; GPU-milliseconds of real GPUs, up to when the package was made *\n"
    "    names.csv           names, countries and classes *\n"
    "    entries/            the journal's entries of the period: each a length of two bytes and its bytes\n"
    "    around/             entries outside of it that it rests on (accounts, keys, modes, sites), each with its proof\n"
    "    assertions/         what officers' passkeys signed, if any did: each verifies the entry that has its SHA-256\n"
    "    journal/            the signed checkpoint, the one before the period, the proofs that join them, the policy\n"
    "\n"
    "* rests on the server's word: kontor-audit says so too.\n";

void
package_file(struct package *p, const char *name, struct bytes data, struct json_out *out)
{
    static const char ZEROS[TAR_BLOCK];
    struct hash digest = sha256(data);
    char path[TAR_NAME_MAX], hex[HEX_LEN(32)];
    uint8_t header[TAR_BLOCK];

    snprintf(path, sizeof path, "%s/%s", p->folder, name);
    tar_header(path, data.len, p->made_ms / 1000, header);
    csv_add(out, (const char *)header, sizeof header);
    csv_add(out, (const char *)data.data, data.len);
    csv_add(out, ZEROS, tar_padding(data.len));
    hex_encode(BYTES(digest.b, 32), hex);
    csv_printf(&p->digests, "%s  %s\n", hex, name);
}

static void
put_table(struct package *p, const char *name, struct json_out *table, struct json_out *out)
{
    package_file(p, name, BYTES(table->text, table->len), out);
    json_out_free(table);
}

/* ---- the tables ------------------------------------------------------------------------------------------------------ */

static int
by_key(const void *a, const void *b)
{
    const struct report_group *x = *(struct report_group *const *)a, *y = *(struct report_group *const *)b;

    return memcmp(&x->key, &y->key, sizeof x->key);
}

static enum err
name_csv(struct call *call, const struct report_source *source, const struct report_group *g, struct json_out *out)
{
    struct report_party party;
    struct uuid id;
    uint64_t account;
    char text[UUID_TEXT];
    enum err err;

    if (g->key.by == REPORT_BY_FUND) {
        memcpy(&account, g->key.of, sizeof account);
        csv_printf(out, "fund,%" PRIu64 ",", account);
        csv_field(out, g->name);
        csv_printf(out, ",,\r\n");
    }
    if (g->key.by != REPORT_BY_ORGANISATION)
        return OK;
    memcpy(id.b, g->key.of, sizeof id.b);
    err = source->party(source->ctx, id, &party);
    if (err)
        return err;
    uuid_text(id, text);
    csv_printf(out, "organisation,%s,", text);
    csv_field(out, party.name);
    csv_printf(out, ",%s,%s\r\n", party.country, ORGANISATION_CLASS_WORDS[party.class]);
    (void)call;
    return OK;
}

/* Whom the tables name: sorted, so that two packages of the same period are the same. */
static enum err
names_csv(struct call *call, struct package *p, const struct report_source *source, struct json_out *out)
{
    struct report_group **list = xcalloc(p->sums.n, sizeof(struct report_group *));
    enum err err = OK;

    memcpy(list, p->sums.groups, p->sums.n * sizeof(struct report_group *));
    qsort(list, p->sums.n, sizeof *list, by_key);
    csv_printf(out, "what,key,name,country,class\r\n");
    for (size_t i = 0; !err && i < p->sums.n; i++)
        err = name_csv(call, source, list[i], out);
    free(list);
    return err;
}

/* The report's sums, of what the slice has. */
static enum err
sum_up(struct call *call, struct package *p)
{
    struct report_subject *of = arena_alloc(call->arena, (p->period.moves_n + 1) * sizeof *of);
    struct report_from_state from = { call, market_read_lock(call->api->market) };
    struct report_source source = report_from_state(&from);
    enum err err = OK;

    if (!from.state)
        return ERR_NOT_LEADER;
    for (size_t i = 0; i < p->period.moves_n; i++)
        report_subject(&source, p->period.moves[i]->debit, p->period.moves[i]->credit, &of[i]);
    market_read_unlock(call->api->market);
    for (size_t i = 0; !err && i < p->period.moves_n; i++)
        err = report_sum(&p->sums, &source, p->period.moves[i], &of[i]);
    report_sort(&p->sums);
    return err ? err : names_csv(call, p, &source, &p->names);
}

static enum err
jobs_csv(struct call *call, struct package *p, struct json_out *out)
{
    struct report_jobs *jobs;
    const struct state *s;
    size_t n;
    enum err err = report_jobs(call->db, p->from_ms, p->to_ms, call->arena, &jobs, &n);

    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    csv_printf(out, "site,outcome,jobs,booked_gpu_seconds,used_gpu_seconds\r\n");
    for (size_t i = 0; i < n; i++) {
        const struct site *site = ledger_site(s->ledger, jobs[i].site);

        csv_field(out, site ? site->entry.u.site.code : "");
        csv_printf(out, ",%s,%" PRId64 ",%" PRId64 ",%" PRId64 "\r\n", ticket_outcome_name((enum ticket_outcome)jobs[i].outcome), jobs[i].count,
                   jobs[i].booked_gpu_seconds, jobs[i].used_gpu_seconds);
    }
    market_read_unlock(call->api->market);
    return OK;
}

static enum err
witnesses_csv(struct call *call, struct package *p, struct json_out *out)
{
    struct report_witness *list;
    size_t n;
    enum err err = report_witnesses(call->db, p->first, p->end, call->arena, &list, &n);

    csv_printf(out, "witness,public_key,checkpoints,first,last\r\n");
    for (size_t i = 0; !err && i < n; i++) {
        char hex[HEX_LEN(32)], first[TIME_TEXT], last[TIME_TEXT];

        hex_encode(BYTES(list[i].public, 32), hex);
        time_text(list[i].first_ms, first);
        time_text(list[i].last_ms, last);
        csv_field(out, list[i].name);
        csv_printf(out, ",%s,%" PRId64 ",%s,%s\r\n", hex, list[i].checkpoints, first, last);
    }
    return err;
}

static enum err
put_tables(struct call *call, struct package *p, struct json_out *out)
{
    struct json_out report = { 0 }, concentration = { 0 }, moves = { 0 }, signatures = { 0 }, jobs = { 0 }, witnesses = { 0 }, idle = { 0 };
    enum err err = sum_up(call, p);

    if (!err)
        err = jobs_csv(call, p, &jobs);
    if (!err)
        err = package_idle(call, p, &idle);
    if (!err)
        err = witnesses_csv(call, p, &witnesses);
    if (!err) {
        report_csv(&p->sums, p->checkpoint.size, &report);
        report_concentration_csv(&p->sums, &concentration);
        period_moves_csv(&p->period, &moves);
        period_signatures_csv(&p->period, &signatures);
        put_table(p, "report.csv", &report, out);
        put_table(p, "concentration.csv", &concentration, out);
        put_table(p, "moves.csv", &moves, out);
        put_table(p, "signatures.csv", &signatures, out);
        put_table(p, "jobs.csv", &jobs, out);
        put_table(p, "idle.csv", &idle, out);
        put_table(p, "witnesses.csv", &witnesses, out);
        put_table(p, "disputes.csv", &p->period.disputes, out);
        put_table(p, "corrections.csv", &p->period.corrections, out);
        put_table(p, "names.csv", &p->names, out);
    }
    json_out_free(&jobs);
    json_out_free(&idle);
    json_out_free(&witnesses);
    return err;
}

/* ---- one piece after the other ---------------------------------------------------------------------------------------- */

static void
put_end(struct package *p, struct json_out *out)
{
    static const char ZEROS[TAR_END];
    struct json_out digests = p->digests;

    p->digests = (struct json_out){ 0 };
    put_table(p, "SHA256SUMS", &digests, out);
    csv_add(out, ZEROS, sizeof ZEROS);
}

static enum err
step(struct call *call, void *work, struct json_out *out, bool *ret_done)
{
    struct package *p = work;
    enum err err = OK;

    db_act_as(call->db, DB_ACTOR_SERVER); /* who may have it is decided: the whole journal's readers */
    switch (p->stage) {
    case THE_PROOF:
        package_file(p, "README.txt", BYTES_TEXT(README), out);
        err = package_proof(call, p, out);
        p->stage = p->next < p->end ? THE_SLICE : THE_REST;
        break;
    case THE_SLICE:
        err = package_bundle(call, p, out);
        p->stage = p->next < p->end ? THE_SLICE : THE_REST;
        break;
    case THE_REST:
        period_sort(&p->period);
        err = package_look_around(call, p);
        p->stage = p->around_n ? THE_AROUND : p->asserted_n ? THE_ASSERTED : THE_TABLES;
        break;
    case THE_AROUND:
        err = package_around(call, p, out);
        p->stage = p->around_at < p->around_n ? THE_AROUND : p->asserted_n ? THE_ASSERTED : THE_TABLES;
        break;
    case THE_ASSERTED:
        err = package_asserted(call, p, out);
        p->stage = p->asserted_at < p->asserted_n ? THE_ASSERTED : THE_TABLES;
        break;
    case THE_TABLES:
        err = put_tables(call, p, out);
        p->stage = THE_END;
        break;
    default:
        put_end(p, out);
        *ret_done = true;
    }
    return err;
}

static void
end(void *work)
{
    struct package *p = work;

    free(p->note);
    free(p->start_note);
    free(p->policy);
    free(p->around);
    free(p->asserted);
    period_end(&p->period);
    report_end(&p->sums);
    json_out_free(&p->names);
    json_out_free(&p->digests);
    free(p);
}

static void
day_of(int64_t ms, char ret[9])
{
    char text[TIME_TEXT];

    time_text(ms, text);
    snprintf(ret, 9, "%.4s%.2s%.2s", text, text + 5, text + 8);
}

/* Security: routes.c: whoever may see the programme may read the whole journal. */
void
programme_package(struct call *call)
{
    struct package *p = xcalloc(1, sizeof *p);
    char from[9], to[9];
    enum err err = report_period(call, &p->from_ms, &p->to_ms);

    p->made_ms = call->now_ms;
    period_begin(&p->period);
    report_begin(&p->sums);
    db_act_as(call->db, DB_ACTOR_SERVER);
    if (!err)
        err = package_choose(call, p);
    if (err) {
        end(p);
        call_fail(call, err);
        return;
    }
    day_of(p->from_ms, from);
    day_of(p->to_ms, to);
    snprintf(p->folder, sizeof p->folder, "kontor-%s-%s", from, to);
    pour_begin(call, &(struct pour_of){ .type = "application/x-tar", .file = arena_printf(call->arena, "%s.tar", p->folder),
                                           .checkpoint = p->words, .step = step, .end = end, .work = p });
}
