/* market/decide.c: THE table: which function decides which command. */
#include "market/market_internal.h"

#include "base/text.h"

static decide_fn *const TABLE[COMMAND_KINDS] = {
    [COMMAND_OPEN_ACCOUNT] = decide_open,
    [COMMAND_ORDER] = decide_order,
    [COMMAND_CAPACITY] = decide_capacity,
    [COMMAND_SITE_STATUS] = decide_site_status,
    [COMMAND_SPOOL_RETIRE] = decide_spool_retire,
    [COMMAND_QUOTE] = decide_quote,
    [COMMAND_QUOTE_RENEW] = decide_quote_renew,
    [COMMAND_QUOTE_RELEASE] = decide_quote_release,
    [COMMAND_ACCEPT] = decide_accept,
    [COMMAND_CANCEL] = decide_cancel,
    [COMMAND_MOVE] = decide_move,
    [COMMAND_INSTANCE] = decide_instance,
    [COMMAND_RECEIVED] = decide_received,
    [COMMAND_REPORT] = decide_report,
    [COMMAND_TIMER] = decide_timer,
    [COMMAND_STATEMENT] = decide_statement,
};

enum err
decide_command(struct deciding *d, struct command *c)
{
    return TABLE[c->kind](d, c);
}

/* What a person may mend and send again under the same key (input, rights, load) is not remembered. */
bool
decide_is_final(enum err err)
{
    int status = err_status(err);

    return err == OK || err == ERR_POISONED || status == 404 || status == 409;
}

enum err
decide_genesis(struct deciding *d, const struct market_config *config)
{
    struct entry entries[3] = { entry_new(GENESIS), entry_new(OPEN), entry_new(OPEN) };

    text_format(entries[0].u.genesis.origin, sizeof entries[0].u.genesis.origin, "%s", config->origin);
    entries[0].u.genesis.format = ENTRY_VERSION;
    entries[0].u.genesis.simulation = config->simulation ? 1 : 0;
    memcpy(entries[0].u.genesis.server_key, config->server_public_key, sizeof entries[0].u.genesis.server_key);
    entries[0].u.genesis.old_size = config->old_size;
    entries[0].u.genesis.old_root = config->old_root;
    entries[1].u.open.class = ACCOUNT_MINT;
    entries[2].u.open.class = ACCOUNT_RESERVE;
    for (size_t i = 0; i < 3; i++) {
        enum err err = batch_group(d, &entries[i], 1);

        if (err)
            return err;
    }
    return OK;
}
