/* api/aid_sums.c: all organisations that have had aid under a cap, those that are nearest to it first. */
#include <stdlib.h>
#include <string.h>

#include "api/aid.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "base/num.h"
#include "store/organisations.h"

enum { LOOKED = 500, SHOWN = 100, MILLION = 1000000 };

struct aid_row {
    const struct organisation *of;
    const struct aid_sum *sum;
    int64_t part; /* of the cap, in millionths */
};

/* Each organisation once, those that were given aid last first; at most LOOKED. */
static size_t
organisations_of(const struct aid *list, size_t n, struct uuid ret[LOOKED], bool *ret_more)
{
    size_t found = 0;

    *ret_more = false;
    for (size_t i = n; i > 0; i--) {
        size_t k = 0;

        while (k < found && !uuid_equal(ret[k], list[i - 1].organisation))
            k++;
        if (k < found)
            continue;
        if (found == LOOKED) {
            *ret_more = true;
            break;
        }
        ret[found++] = list[i - 1].organisation;
    }
    return found;
}

/* The nearest first; of equals the older organisation. */
static int
by_part(const void *a, const void *b)
{
    const struct aid_row *x = a, *y = b;

    return x->part != y->part ? (x->part < y->part ? 1 : -1) : memcmp(x->of->id.b, y->of->id.b, sizeof x->of->id.b);
}

static enum err
add_rows(struct call *call, struct uuid id, struct aid_row **rows, size_t *n, size_t *room)
{
    const struct organisation *o;
    struct aid_sum *sums;
    size_t found = 0;
    enum err err = directory_organisation(call->api->directory, call->db, id, &o);

    if (!err)
        err = aid_sums_of(call, id, &sums, &found);
    for (size_t i = 0; !err && i < found; i++) {
        int64_t had = sums[i].granted_cents + sums[i].declared_cents;

        if (had <= 0)
            continue;
        if (*n == *room) {
            *room = *room ? 2 * *room : 64;
            *rows = xrealloc(*rows, *room * sizeof **rows);
        }
        (*rows)[(*n)++] = (struct aid_row){ o, &sums[i], (int64_t)((__int128)had * MILLION / sums[i].rule->cap_cents) };
    }
    return err;
}

static void
row_json(struct json_out *out, const struct aid_row *r)
{
    json_open(out, NULL);
    json_open(out, "organisation");
    json_uuid(out, "id", r->of->id);
    json_text(out, "name", r->of->name);
    json_text(out, "country", r->of->country);
    json_shut(out);
    aid_rule_json(out, "basis", r->sum->rule);
    json_i64(out, "granted_eur_cents", r->sum->granted_cents);
    json_i64(out, "declared_eur_cents", r->sum->declared_cents);
    json_i64(out, "left_eur_cents", max_i64(0, r->sum->rule->cap_cents - r->sum->granted_cents - r->sum->declared_cents));
    json_time(out, "falls", r->sum->falls_ms);
    json_i64(out, "falls_eur_cents", r->sum->falls_cents);
    json_shut(out);
}

/* GET /v1/aid/sums. Whoever may see the programme (routes.c). */
void
aid_sums_list(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    struct uuid *ids = arena_alloc(call->arena, LOOKED * sizeof *ids);
    struct aid_row *rows = NULL;
    struct aid *list = NULL;
    size_t given = 0, looked = 0, n = 0, room = 0;
    bool more = false;
    enum err err = call_query_only(call, NO_NAMES);

    if (!err)
        err = aid_between(call->db, 0, INT64_MAX, call->arena, &list, &given);
    if (!err)
        looked = organisations_of(list, given, ids, &more);
    for (size_t i = 0; !err && i < looked; i++)
        err = add_rows(call, ids[i], &rows, &n, &room);
    if (n > 0)
        qsort(rows, n, sizeof *rows, by_part);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n && i < SHOWN; i++)
        row_json(&call->out, &rows[i]);
    json_shut_array(&call->out);
    json_i64(&call->out, "organisations", (int64_t)looked);
    json_bool(&call->out, "more", more || n > SHOWN);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    free(rows);
    call_end(call, err, 200);
}
