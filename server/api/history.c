/* api/history.c
 * GET /v1/grants/{account}/history-proof: everything that the organisation of this grant has in the journal, with the proof
 * that nothing is left out (schema/journal/history.md). */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/internal.h"
#include "core/history.h"
#include "core/note.h"
#include "market/log_tiles.h"
#include "market/notary.h"
#include "market/cosigning.h"
#include "store/journal_reads.h"

enum { PAGE = 500, ENTRIES_MAX = 20000 };

/* An account of the organisation, and where it stands in the statement of state, as the memory has it. */
struct of_account { uint64_t index; bool stated; uint64_t place, accounts; struct proof path; };

struct writing {
    struct call *call;
    FILE *out;
    struct log_reader *log;
    uint64_t size;                /* of the checkpoint's log */
    struct of_account *accounts;  /* newest first */
    size_t n;
    struct hash stated;           /* root of the newest statement, as the memory has it */
    size_t entries;
};

/* All the organisation's accounts, newest first. Security: only for who may see the organisation. */
static enum err
copy_accounts(struct writing *w, uint64_t account, struct uuid *ret_org)
{
    const struct state *s = market_read_lock(w->call->api->market);
    const struct account *a;
    size_t n = 0;
    enum err err = OK;

    if (!s)
        return ERR_NOT_LEADER;
    a = ledger_account(s->ledger, account);
    if (!a || a->class != ACCOUNT_GRANT || a->grant_entry == NO_INDEX || !may_see_organisation(&w->call->actor, a->owner_org))
        err = ERR_NOT_FOUND;
    else {
        *ret_org = a->owner_org;
        w->stated = ledger_state_stated(s->ledger);
        for (size_t it = 0; (a = ledger_next_account(s->ledger, &it)) != NULL;)
            n += uuid_equal(a->owner_org, *ret_org);
        w->accounts = arena_alloc(w->call->arena, n * sizeof *w->accounts);
        w->n = n;
        for (size_t it = 0; (a = ledger_next_account(s->ledger, &it)) != NULL;)
            if (uuid_equal(a->owner_org, *ret_org)) {
                struct of_account *to = &w->accounts[--n];

                *to = (struct of_account){ .index = a->index };
                to->stated = ledger_state_path(s->ledger, a->index, &to->path, &to->place, &to->accounts);
            }
    }
    market_read_unlock(w->call->api->market);
    return err;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void
put_base64(struct writing *w, const char *word, struct bytes data)
{
    char text[BASE64_LEN(ENTRY_MAX)];

    base64_encode(data, text);
    fprintf(w->out, "%s%s\n", word, text);
}

static void
put_path(struct writing *w, const struct proof *path)
{
    for (unsigned i = 0; i < path->n; i++)
        put_base64(w, "path ", BYTES(path->path[i].b, 32));
}

static enum err
put_entry(struct writing *w, const struct entry_record *record)
{
    struct merkle_source from = log_reader_source(w->log);
    uint8_t bytes[ENTRY_MAX];
    struct proof path;
    char word[40];
    enum err err;

    if (record->hidden || ++w->entries > ENTRIES_MAX)
        return err_say(&w->call->detail, ERR_BODY_TOO_LARGE, "The history is of more than %d entries: ask the operator for an export.", ENTRIES_MAX);
    err = proof_inclusion(&from, record->entry.index, w->size, &path);
    if (err)
        return err;
    snprintf(word, sizeof word, "entry %" PRIu64 " ", record->entry.index);
    put_base64(w, word, BYTES(bytes, entry_encode(&record->entry, bytes)));
    put_path(w, &path);
    return OK;
}

static enum err
find_entry(struct writing *w, uint64_t index)
{
    struct entry_record record;
    enum err err = journal_reads_find(w->call->db, index, &record);

    return err ? err : put_entry(w, &record);
}

/* Newest first, those that the checkpoint covers, down to the OPEN. What the memory has and the checkpoint has not comes later. */
static enum err
put_entries(struct writing *w, uint64_t account)
{
    struct entry_filter filter = { .kind = -1, .account = account, .before = w->size };
    size_t n = PAGE;
    enum err err = OK;

    while (!err && n == PAGE) {
        struct entry_record *records;

        err = journal_reads_list(w->call->db, &filter, PAGE, w->call->arena, &records, &n);
        for (size_t i = 0; !err && i < n; i++) {
            err = put_entry(w, &records[i]);
            filter.before = records[i].entry.index;
        }
    }
    return err;
}

static enum err
put_account(struct writing *w, const struct of_account *a)
{
    if (a->stated)
        fprintf(w->out, "account %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", a->index, a->place, a->accounts);
    else
        fprintf(w->out, "account %" PRIu64 " - -\n", a->index);
    if (a->stated)
        put_path(w, &a->path);
    return put_entries(w, a->index);
}

/* The newest statement of state that the checkpoint covers. */
static enum err
find_statement(struct writing *w, struct entry *ret)
{
    struct entry_filter filter = { .kind = NOTICE, .account = NO_INDEX, .before = w->size };
    struct entry_record *records;
    size_t n = PAGE;
    enum err err = OK;

    while (!err && n == PAGE) {
        err = journal_reads_list(w->call->db, &filter, PAGE, w->call->arena, &records, &n);
        for (size_t i = 0; !err && i < n; i++) {
            filter.before = records[i].entry.index;
            if (!records[i].hidden && records[i].entry.u.notice.type == NOTICE_STATE) {
                *ret = records[i].entry;
                return OK;
            }
        }
    }
    return err ? err : err_say(&w->call->detail, ERR_TOO_EARLY, "There is no statement of state yet; one is made every hour.");
}

static enum err
put_all(struct writing *w, struct uuid org, const struct checkpoint_row *checkpoint)
{
    struct entry statement = { .index = NO_INDEX };
    char text[UUID_TEXT];
    enum err err = find_statement(w, &statement);

    if (!err && !hash_equal(statement.u.notice.root, w->stated))
        err = err_say(&w->call->detail, ERR_TOO_EARLY, "A statement of state was made just now; it can be proven when the next checkpoint is shown, within some seconds.");
    if (err)
        return err;
    uuid_text(org, text);
    fprintf(w->out, HISTORY_TITLE "\norganisation %s\nstate %" PRIu64 "\n", text, statement.index);
    err = find_entry(w, statement.index);
    for (size_t i = 0; !err && i < w->n; i++)
        if (w->accounts[i].index < w->size) /* one that was opened since comes later */
            err = put_account(w, &w->accounts[i]);
    fprintf(w->out, "\n%s", checkpoint->note);
    return err;
}

void
grants_history(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    struct writing w = { .call = call };
    struct checkpoint_row checkpoint;
    struct uuid org;
    char *text = NULL;
    size_t len = 0;
    enum err err = call_query_only(call, NO_NAMES);

    if (!err)
        err = copy_accounts(&w, call->path_index, &org);
    db_act_as(call->db, DB_ACTOR_SERVER); /* who may see it is decided; the paths are of hashes */
    if (!err)
        err = cosigning_newest(call->db, notary_policy(call->api->notary), call->arena, &checkpoint);
    if (err == ERR_NOT_FOUND && w.n > 0)
        err = err_say(&call->detail, ERR_TOO_EARLY, "No checkpoint is shown yet; one is signed within ten seconds.");
    if (!err) {
        w.size = checkpoint.size;
        w.out = open_memstream(&text, &len);
        w.log = log_reader_new(call->api->market, call->db, w.size);
        err = put_all(&w, org, &checkpoint);
        log_reader_delete(w.log);
        if (fclose(w.out) != 0)
            err = ERR_INTERNAL;
    }
    if (err) {
        free(text);
        call_fail(call, err);
        return;
    }
    call->cache = "private, no-store";
    call_reply_bytes(call, 200, "text/plain; charset=utf-8", text, len);
}
