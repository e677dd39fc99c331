/* audit/package_tables.c */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "audit/finding.h"
#include "audit/package_internal.h"
#include "base/arena.h"
#include "base/text.h"

struct thing_key { uint64_t what; struct uuid id; uint64_t index; };

void *
package_thing(struct judged *j, enum package_thing what, struct uuid id, uint64_t index, size_t len)
{
    struct thing_key key = { what, id, index };
    void *thing = map_get(j->known, &key);

    if (thing != NULL || len == 0)
        return thing;
    thing = xcalloc(1, len);
    map_put(j->known, &key, thing, NULL);
    if (j->n == j->cap) {
        j->cap = j->cap > 0 ? j->cap * 2 : 256;
        j->things = xrealloc(j->things, j->cap * sizeof *j->things);
    }
    return j->things[j->n++] = thing;
}

static const struct uuid NO_ID = { { 0 } };

static void *
make(struct judged *j, enum package_thing what, uint64_t index, size_t len)
{
    return package_thing(j, what, NO_ID, index, len);
}

static void *
find(struct judged *j, enum package_thing what, uint64_t index)
{
    return package_thing(j, what, NO_ID, index, 0);
}

/* ---- what the entries say -------------------------------------------------------------------------------------------- */

static void
learn_account(struct judged *j, const struct entry *e)
{
    struct report_account *a;

    if (e->kind == OPEN) {
        a = make(j, THING_ACCOUNT, e->index, sizeof *a);
        *a = (struct report_account){ .class = e->u.open.class, .parent = NO_INDEX, .policy = NO_INDEX, .site = e->u.open.owner_site, .organisation = e->u.open.owner_org };
        return;
    }
    a = find(j, THING_ACCOUNT, e->credit);
    if (a == NULL || a->parent != NO_INDEX || a->class == ACCOUNT_RESERVE)
        return;
    a->parent = e->debit;
    if (e->kind == GRANT) {
        a->policy = e->u.move.policy;
        a->gge_cents = e->u.move.gge_cents;
    }
}

void
package_learn(struct judged *j, const struct entry *e)
{
    struct package_names *names;
    struct package_key *key;
    uint8_t bytes[ENTRY_MAX];

    switch (e->kind) {
    case GENESIS:
        j->genesis = sha256(BYTES(bytes, entry_encode(e, bytes)));
        j->has_genesis = true;
        key = make(j, THING_KEY, 0, sizeof *key);
        memcpy(key->ed25519, e->u.genesis.server_key, 32);
        key->use = KEY_SERVER;
        if (strcmp(e->u.genesis.origin, j->origin) != 0)
            package_fault(j, "entry 0 is of the journal “%.63s”", e->u.genesis.origin);
        break;
    case OPEN:
    case TRANCHE:
    case GRANT: learn_account(j, e); break;
    case KEY:
        key = make(j, THING_KEY, e->index, sizeof *key);
        memcpy(key->ed25519, e->u.key.ed25519, 32);
        key->use = e->u.key.use;
        break;
    case POLICY:
        names = make(j, THING_POLICY, e->index, sizeof *names);
        text_format(names->code, sizeof names->code, "%.16s", e->u.policy.code);
        text_format(names->name, sizeof names->name, "%.32s", e->u.policy.name);
        break;
    case SITE:
        if (e->u.site.first != NO_INDEX)
            break;
        names = make(j, THING_SITE, e->index, sizeof *names);
        text_format(names->code, sizeof names->code, "%.16s", e->u.site.code);
        break;
    default: break;
    }
}

/* ---- names, on the server's word -------------------------------------------------------------------------------------- */

static bool
learn_organisation(struct judged *j, const char *key, const char *name, const char *country, const char *class)
{
    struct report_party *party;
    struct uuid id;
    int c = 0;

    while (ORGANISATION_CLASS_WORDS[c] && strcmp(ORGANISATION_CLASS_WORDS[c], class) != 0)
        c++;
    if (!ORGANISATION_CLASS_WORDS[c] || strlen(country) != 2 || !uuid_parse(key, &id))
        return false;
    party = package_thing(j, THING_PARTY, id, 0, sizeof *party);
    party->class = c;
    memcpy(party->country, country, 3);
    return text_format(party->name, sizeof party->name, "%s", name);
}

static bool
learn_name(struct judged *j, char *line)
{
    char *what, *key, *name, *country, *class, *at = line;
    int64_t index;

    if (!csv_read(&at, &what) || !csv_read(&at, &key) || !csv_read(&at, &name) || !csv_read(&at, &country) || !csv_read(&at, &class) || at != NULL)
        return false;
    if (name[0] == '\'' && name[1] && strchr("=+-@\t\r", name[1]))
        name++; /* the mark of text is no part of it */
    if (strcmp(what, "organisation") == 0)
        return learn_organisation(j, key, name, country, class);
    if (strcmp(what, "fund") != 0 || !text_to_i64(key, 0, INT64_MAX, &index))
        return false;
    return text_format(make(j, THING_FUND, (uint64_t)index, REPORT_NAME_MAX), REPORT_NAME_MAX, "%s", name);
}

static void
learn_names(struct judged *j)
{
    size_t len;
    char *text = package_read(j, "names.csv", PACKAGE_TEXT_MAX, &len), *line = text ? strstr(text, "\r\n") : NULL;

    while (line != NULL && line[2] != '\0') {
        char *begin = line + 2, *end = strstr(begin, "\r\n");

        if (end == NULL)
            break;
        *end = '\0';
        if (!learn_name(j, begin)) {
            package_fault(j, "names.csv has a line that is none: “%.60s”", begin);
            break;
        }
        line = end;
    }
    free(text);
}

/* ---- the report's source ---------------------------------------------------------------------------------------------- */

static bool
account_of(void *ctx, uint64_t index, struct report_account *ret)
{
    const struct report_account *a = find(ctx, THING_ACCOUNT, index);

    if (a != NULL)
        *ret = *a;
    return a != NULL;
}

static bool
policy_of(void *ctx, uint64_t index, char ret_code[REPORT_CODE_MAX], char ret_name[33])
{
    const struct package_names *p = find(ctx, THING_POLICY, index);

    if (p != NULL) {
        memcpy(ret_code, p->code, REPORT_CODE_MAX);
        memcpy(ret_name, p->name, 33);
    }
    return p != NULL;
}

static bool
site_of(void *ctx, uint64_t index, char ret_code[REPORT_CODE_MAX])
{
    const struct package_names *s = find(ctx, THING_SITE, index);

    if (s != NULL)
        memcpy(ret_code, s->code, REPORT_CODE_MAX);
    return s != NULL;
}

static void
fund_of(void *ctx, uint64_t index, char ret[REPORT_NAME_MAX])
{
    const char *name = find(ctx, THING_FUND, index);

    text_format(ret, REPORT_NAME_MAX, "%s", name != NULL ? name : "");
}

static enum err
party_of(void *ctx, struct uuid organisation, struct report_party *ret)
{
    const struct report_party *party = package_thing(ctx, THING_PARTY, organisation, 0, 0);

    if (party == NULL)
        return ERR_NOT_FOUND;
    *ret = *party;
    return OK;
}

static bool
sum_up(struct judged *j)
{
    struct report_source source = { account_of, policy_of, site_of, fund_of, party_of, j };
    struct report_subject subject;

    for (size_t i = 0; i < j->period.moves_n; i++) {
        const struct report_move *m = j->period.moves[i];

        if (find(j, THING_ACCOUNT, m->debit) == NULL || find(j, THING_ACCOUNT, m->credit) == NULL) {
            package_fault(j, "the OPEN of account %" PRIu64 " or %" PRIu64 " is not in it, so what entry %" PRIu64 " is about is not known", m->debit, m->credit, m->first);
            return false;
        }
        report_subject(&source, m->debit, m->credit, &subject);
        if (report_sum(&j->report, &source, m, &subject) != OK) {
            package_fault(j, "names.csv does not name the organisation of account %" PRIu64 " or %" PRIu64, m->debit, m->credit);
            return false;
        }
    }
    report_sort(&j->report);
    return true;
}

/* ---- comparing -------------------------------------------------------------------------------------------------------- */

static void
compare(struct judged *j, const char *name, struct json_out *want)
{
    size_t len, at = 0, begin = 0, line = 1;
    char *text = package_read(j, name, PACKAGE_TEXT_MAX, &len);

    if (text == NULL) {
        package_fault(j, "%s is missing, or too large", name);
    } else if (len != want->len || memcmp(text, want->text, len) != 0) {
        for (; at < len && at < want->len && text[at] == want->text[at]; at++)
            if (text[at] == '\n') {
                begin = at + 1;
                line++;
            }
        package_fault(j, "%s, line %zu does not follow from the entries: it says “%.*s”, they “%.*s”", name, line, (int)strcspn(text + begin, "\r\n") % 90,
                      text + begin, (int)strcspn(want->text + begin, "\r\n") % 90, want->text + begin);
    }
    free(text);
}

void
package_tables(struct judged *j)
{
    struct json_out moves = { 0 }, signatures = { 0 }, report = { 0 }, concentration = { 0 };

    period_sort(&j->period);
    learn_names(j);
    period_moves_csv(&j->period, &moves);
    period_signatures_csv(&j->period, &signatures);
    compare(j, "moves.csv", &moves);
    compare(j, "signatures.csv", &signatures);
    compare(j, "disputes.csv", &j->period.disputes);
    compare(j, "corrections.csv", &j->period.corrections);
    if (sum_up(j)) {
        report_csv(&j->report, j->head.checkpoint.size, &report);
        report_concentration_csv(&j->report, &concentration);
        compare(j, "report.csv", &report);
        compare(j, "concentration.csv", &concentration);
    }
    json_out_free(&moves);
    json_out_free(&signatures);
    json_out_free(&report);
    json_out_free(&concentration);
}
