/* store/agents.c */
#include "store/agents.h"

DB_QUERY(ENROL_TOKENS_ADD, .name = "enrol_tokens_add",
         .sql = "INSERT INTO enrol_token (token_hash, site, created_ms, expires_ms) VALUES ($1, $2, $3, $4)",
         .params = 4, .columns = 0);

DB_QUERY(ENROL_TOKENS_FIND, .name = "enrol_tokens_find",
         .sql = "SELECT site FROM enrol_token WHERE token_hash = $1 AND expires_ms > $2", .params = 2, .columns = 1);

DB_QUERY(ENROL_TOKENS_USED, .name = "enrol_tokens_used",
         .sql = "UPDATE enrol_token SET used_ms = $2 WHERE token_hash = $1 AND used_ms IS NULL", .params = 2,
         .columns = 0);

DB_QUERY(AGENT_CONTACTS_FIND, .name = "agent_contacts_find",
         .sql = "SELECT contact_ms, inventory FROM agent_contact WHERE site = $1", .params = 1, .columns = 2);

DB_QUERY(AGENT_CONTACTS_TOUCH, .name = "agent_contacts_touch",
         .sql = "INSERT INTO agent_contact (site, contact_ms) VALUES ($1, $2) ON CONFLICT (site)"
                " DO UPDATE SET contact_ms = greatest(agent_contact.contact_ms, excluded.contact_ms)",
         .params = 2, .columns = 0);

DB_QUERY(AGENT_CONTACTS_INVENTORY, .name = "agent_contacts_inventory",
         .sql =
             "INSERT INTO agent_contact (site, contact_ms, inventory, inventory_ms) VALUES ($1, $2, $3, $2)"
             " ON CONFLICT (site) DO UPDATE SET contact_ms = greatest(agent_contact.contact_ms, excluded.contact_ms),"
             " inventory = excluded.inventory, inventory_ms = excluded.inventory_ms",
         .params = 3, .columns = 0);

DB_QUERY(AGENT_CONTACTS_ALL, .name = "agent_contacts_all", .sql = "SELECT site, contact_ms FROM agent_contact",
         .params = 0, .columns = 2);

enum err
enrol_tokens_add(struct db *db, struct hash token_hash, uint64_t site, int64_t now_ms, int64_t expires_ms)
{
    return db_run(db, &ENROL_TOKENS_ADD,
                  DB_ARGS(db_hash(&token_hash), db_u64(site), db_i64(now_ms), db_i64(expires_ms)), NULL);
}

enum err
enrol_tokens_find(struct db *db, struct hash token_hash, int64_t now_ms, uint64_t *ret_site)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ENROL_TOKENS_FIND, DB_ARGS(db_hash(&token_hash), db_i64(now_ms)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_TOKEN_SPENT;
    *ret_site = db_get_u64(rows, 0, 0);
    return OK;
}

enum err
enrol_tokens_used(struct db *db, struct hash token_hash, int64_t now_ms)
{
    return db_run(db, &ENROL_TOKENS_USED, DB_ARGS(db_hash(&token_hash), db_i64(now_ms)), NULL);
}

enum err
agent_contacts_find(struct db *db, uint64_t site, struct arena *a, struct agent_contact *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &AGENT_CONTACTS_FIND, DB_ARGS(db_u64(site)), &rows);

    if (err)
        return err;
    *ret = (struct agent_contact){ 0 };
    if (PQntuples(rows) == 1) {
        ret->contact_ms = db_get_i64(rows, 0, 0);
        if (!db_is_null(rows, 0, 1))
            ret->inventory = arena_text(a, db_get_text(rows, 0, 1));
    }
    return OK;
}

enum err
agent_contacts_touch(struct db *db, uint64_t site, int64_t now_ms)
{
    return db_run(db, &AGENT_CONTACTS_TOUCH, DB_ARGS(db_u64(site), db_i64(now_ms)), NULL);
}

enum err
agent_contacts_inventory(struct db *db, uint64_t site, int64_t now_ms, const char *json, size_t len)
{
    return db_run(db, &AGENT_CONTACTS_INVENTORY, DB_ARGS(db_u64(site), db_i64(now_ms), db_textn(json, len)), NULL);
}

enum err
agent_contacts_all(struct db *db, struct arena *a, uint64_t **ret_sites, int64_t **ret_ms, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &AGENT_CONTACTS_ALL, DB_NO_ARGS, &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret_sites = arena_alloc(a, (size_t)n * sizeof **ret_sites);
    *ret_ms = arena_alloc(a, (size_t)n * sizeof **ret_ms);
    for (int i = 0; i < n; i++) {
        (*ret_sites)[i] = db_get_u64(rows, i, 0);
        (*ret_ms)[i] = db_get_i64(rows, i, 1);
    }
    *ret_n = (size_t)n;
    return OK;
}
