/* tests/integration/test_row_security.c
 * The second wall, query by query: each DB_QUERY of store/ is run on the workers' connection as everybody in turn, with
 * arguments that name what is brisa's or at site 11. Who is named beside it gets something else than an unset actor gets;
 * everybody else gets exactly what an unset actor gets, or is refused. A query without a row here is a failure, and so is
 * a table that is neither walled nor named as nobody's. Each attempt is rolled back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/text.h"
#include "store/db.h"
#include "support.h"

#define BRISA   "0a000000-0000-7000-8000-000000000000"
#define NORDLYS "0b000000-0000-7000-8000-000000000000"
#define AFTER   "0a000000-0000-7000-8000-000000000001" /* just after what is brisa's */
#define LEFT    "f8000000-0000-7000-8000-000000000000" /* made brisa's request, and has left */
#define LISE    "fa000000-0000-7000-8000-000000000000" /* brisa's owner */
#define EVA     "1b000000-0000-7000-8000-000000000000" /* nordlys' */
#define LOCAL   "ffffffff-ffff-ffff-ffff-ffffffffffff"
#define H1      "\\x1111111111111111111111111111111111111111111111111111111111111111"
#define H2      "\\x2222222222222222222222222222222222222222222222222222222222222222"
#define NO_UUID "00000000-0000-0000-0000-000000000000"
#define SEAL    "\\x11111111111111111111111111111111"
#define SEAL_IN "\\" SEAL /* in an array */
#define H64     "\\x" "11111111111111111111111111111111" "11111111111111111111111111111111" "11111111111111111111111111111111" "11111111111111111111111111111111"
#define H64_MORE "1111111111111111"

enum who { OWNER, OTHER_OWNER, OPERATOR, OTHER_OPERATOR, AGENT, OTHER_AGENT, OFFICER, AUDITOR, ADMIN, SERVER, UNIX, NOBODY, UNSET, WHOS };
static const char *const ACTORS[WHOS] = {
    [OWNER] = LISE, [OTHER_OWNER] = EVA, [OPERATOR] = "1c000000-0000-7000-8000-000000000000",
    [OTHER_OPERATOR] = "1d000000-0000-7000-8000-000000000000", [AGENT] = "site 11", [OTHER_AGENT] = "site 12",
    [OFFICER] = "1e000000-0000-7000-8000-000000000000", [AUDITOR] = "1f000000-0000-7000-8000-000000000000",
    [ADMIN] = "20000000-0000-7000-8000-000000000000", [SERVER] = "server", [UNIX] = LOCAL, [NOBODY] = "nobody", [UNSET] = "",
};
#define BIT(who)  (1u << (who))
#define SERVERS   (BIT(SERVER) | BIT(UNIX))
#define ADMINS    (BIT(ADMIN) | SERVERS)
#define PROGRAMME (BIT(OFFICER) | BIT(AUDITOR) | ADMINS)
#define ORG       (BIT(OWNER) | PROGRAMME)
#define SITE      (BIT(OPERATOR) | BIT(AGENT) | PROGRAMME)
#define EVERYBODY 0xffffffffu /* nobody's: no tenant in it */
#define WRITER    0u          /* the sequencer's: refused to a worker */
#define WALLED    BIT(WHOS)   /* a worker may ask, and gets nothing */

static const struct wanted {
    const char *name;
    unsigned who;
    const char *args[32];
} WANTED[] = {
    { "enrol_tokens_add", ADMINS | BIT(OPERATOR) | BIT(AGENT), { H1, "11", "1", "2" } },
    { "enrol_tokens_find", ADMINS | BIT(OPERATOR) | BIT(AGENT), { H2, "0" } },
    { "enrol_tokens_used", ADMINS | BIT(OPERATOR) | BIT(AGENT), { H2, "5" } },
    { "agent_contacts_find", SITE, { "11" } },
    { "agent_contacts_touch", BIT(AGENT), { "11", "99" } },
    { "agent_contacts_inventory", BIT(AGENT), { "11", "99", "{}" } },
    { "agent_contacts_all", SITE, { 0 } },
    { "answers_find_all", WRITER, { "{}" } },
    { "answers_keys", WRITER, { "0", "10" } },
    { "answers_prune", WRITER, { "99", "10" } },
    { "poisoned_list", WRITER, { 0 } },
    { "poisoned_release", WRITER, { H1 } },
    { "blobs_find", BIT(OWNER) | BIT(AGENT), { "sha256 of script" } },
    { "blobs_add", BIT(OWNER) | BIT(OTHER_OWNER) | BIT(OPERATOR) | BIT(OTHER_OPERATOR) | BIT(AGENT) | BIT(OTHER_AGENT) | BIT(OFFICER) | BIT(AUDITOR) | BIT(ADMIN) | BIT(UNIX),
      { "sha256 of new", "new", "1" } },
    { "blobs_renew", ~BIT(UNSET), { "sha256 of stray", "99", "0" } }, /* tells whether it is there, to who has its hash */
    { "secrets_add", BIT(OWNER), { "sha256 of new", BRISA, "new", "1" } },
    { "secrets_of_site", BIT(OWNER) | BIT(AGENT), { "11", "sha256 of sealed" } }, /* an owner's own; the programme and the server read none */
    { "secrets_of_reservation", ORG, { BRISA } }, /* names alone, but for the owner */
    { "secrets_sweep", SERVERS, { "99" } },
    { "blobs_sweep", SERVERS, { "\\x", NULL, "99" } },
    { "evidence_add", BIT(OWNER) | PROGRAMME, { NORDLYS, H1, "why", "{" LISE "}", "1", BRISA, "11", SEAL } }, /* her own words */
    { "evidence_find", ORG | SITE, { BRISA } },
    { "evidence_each", ORG | SITE, { 0 } },
    { "evidence_erase", BIT(OFFICER) | ADMINS, { BRISA, "51", "9", SEAL } },
    { "assertions_find", ~BIT(UNSET), { "sha256 of said" } }, /* as public as the entry with its hash */
    { "assertions_each", ~BIT(UNSET), { 0 } },
    { "account_names_add", PROGRAMME, { "99", "Fund", "F" } },
    { "account_names_all", PROGRAMME, { 0 } },
    { "call_answers_add", ~BIT(UNSET), { H2, H2, BRISA, "1" } },
    { "call_answers_find", BIT(OWNER) | SERVERS, { H1 } },
    { "call_answers_keys", BIT(OWNER) | SERVERS, { "0", "10" } },
    { "call_answers_remove_old", BIT(OWNER) | SERVERS, { "99" } },
    { "organisations_find", ORG, { BRISA } },
    { "organisations_list", ORG, { AFTER, "9" } },
    { "organisations_add", ADMINS, { "0c000000-0000-7000-8000-000000000000", "C", "ES", "Vigo", "0", "0", "1", "0" } },
    { "people_by_email", SERVERS, { "LISE@kontor.example" } },
    { "people_by_id", ORG, { LISE } },
    { "people_lock", BIT(OWNER) | ADMINS, { LISE } },
    { "identities_find", BIT(OWNER) | ADMINS, { "https://id.example", "lise" } },
    { "identities_add", BIT(OWNER) | SERVERS, { "78000000-0000-7000-8000-000000000000", LISE, "https://id.example", "new", "", "", "1", "1" } },
    { "identities_use", SERVERS, { BRISA, "n", "e", "9" } },
    { "identities_of", BIT(OWNER) | ADMINS, { LISE } },
    { "identities_remove", BIT(OWNER), { BRISA, LISE } },
    { "people_list", ORG, { "f0000000-0000-7000-8000-000000000000", "9" } },
    { "people_add", ADMINS, { "77000000-0000-7000-8000-000000000000", "N", "n@kontor.example", "x", "1" } },
    { "people_set_password", BIT(OWNER) | ADMINS, { LISE, "y" } },
    { "roles_of", ORG, { LISE } },
    { "roles_remove", BIT(OWNER) | ADMINS, { LISE, "1", BRISA, "-1" } },
    { "roles_lock", EVERYBODY, { BRISA } }, /* locks a name, shows nothing */
    { "rights_add", BIT(OWNER) | SERVERS, { "79000000-0000-7000-8000-000000000000", "1", LISE, "n", LISE, "n", "1", "2", BRISA, "-1", "why" } },
    { "rights_of_person", ORG, { LISE, "ffffffff-ffff-ffff-ffff-ffffffffffff", "9" } },
    { "rights_of_organisation", ORG, { BRISA, "ffffffff-ffff-ffff-ffff-ffffffffffff", "9" } },
    { "invitations_add", BIT(OWNER) | ADMINS, { "7a000000-0000-7000-8000-000000000000", BRISA, "2", "note", H2, LISE, "n", "1", "9" } },
    { "invitations_open", BIT(OWNER) | ADMINS, { BRISA, "2", "9" } },
    { "invitations_find", BIT(OWNER) | ADMINS, { H1, "2" } },
    { "invitations_end", BIT(OWNER) | ADMINS, { BRISA, "2", NULL } },
    { "aid_rules", ~BIT(UNSET), { 0 } }, /* everybody's */
    { "aid_rules_add", ADMINS, { "7b000000-0000-7000-8000-000000000000", "new", "New", "Law", "1", "3", "1", "1", "1", LISE } },
    { "aid_lock", EVERYBODY, { 0 } }, /* locks a name, shows nothing */
    { "aid_undertaking", ORG | BIT(OTHER_OWNER), { BRISA } }, /* both ends of a link see it */
    { "aid_of", ORG, { BRISA } },
    { "aid_between", ORG, { "1", "2" } },
    { "aid_of_account", ORG, { "7" } },
    { "aid_add", BIT(OFFICER) | SERVERS, { "7c000000-0000-7000-8000-000000000000", BRISA, "019a0000-0000-7000-8000-00000000a1d2", "1", "0", "1" } },
    { "aid_granted", BIT(OFFICER) | SERVERS, { BRISA, "8" } },
    { "aid_drop", BIT(OFFICER) | SERVERS, { LISE } },
    { "aid_declared", ORG, { BRISA } },
    { "aid_declare", BIT(OWNER) | SERVERS, { "7d000000-0000-7000-8000-000000000000", BRISA, "1", LISE, "n", "{}" } },
    { "aid_links", ORG | BIT(OTHER_OWNER), { BRISA } },
    { "aid_links_add", BIT(OFFICER) | SERVERS, { BRISA, NORDLYS, "2", LISE, "n", "why" } },
    { "aid_links_end", BIT(OFFICER) | SERVERS, { BRISA, NORDLYS, "9" } },
    { "roles_of_organisation", ORG, { BRISA } },
    { "roles_add", BIT(OWNER) | ADMINS, { EVA, "1", BRISA, "-1" } },
    { "sessions_find", BIT(OWNER) | ADMINS, { H1, "0" } },
    { "sessions_add", BIT(OWNER) | ADMINS, { H2, LISE, "1", "2", EVA, "" } },
    { "sessions_use", BIT(OWNER) | ADMINS, { H1, "5", "3" } },
    { "sessions_of", BIT(OWNER) | ADMINS, { LISE, "2", "9" } },
    { "sessions_end", BIT(OWNER) | ADMINS, { BRISA, LISE } },
    { "sessions_remove", BIT(OWNER) | ADMINS, { H1 } },
    { "sessions_remove_of", BIT(OWNER) | ADMINS, { LISE, H2 } },
    { "sessions_remove_expired", BIT(OWNER) | ADMINS, { "99999" } },
    { "tokens_add", BIT(OWNER), { "7b000000-0000-7000-8000-000000000000", LISE, "n", H2, "2", BRISA, "1", "9" } },
    { "tokens_find", BIT(OWNER) | ADMINS, { H1, "2" } },
    { "tokens_use", BIT(OWNER) | ADMINS, { BRISA, "5", "x" } },
    { "tokens_of", BIT(OWNER) | ADMINS, { LISE, "2", "9" } },
    { "tokens_end", BIT(OWNER) | ADMINS, { BRISA, LISE, "2" } },
    { "tokens_end_of", BIT(OWNER) | ADMINS, { LISE, "2" } },
    { "tokens_remove_old", SERVERS, { "99" } },
    { "orders_add", BIT(OFFICER) | ADMINS, { LISE, H64 H64_MORE, "", LISE, "n", "1", "1", "9" } },
    { "orders_find", PROGRAMME, { BRISA } },
    { "orders_lock", BIT(OFFICER) | ADMINS, { BRISA } },
    { "orders_list", PROGRAMME, { LOCAL, "9" } },
    { "orders_open", PROGRAMME, { LOCAL, "2", "9" } },
    { "orders_approve", BIT(OFFICER) | ADMINS, { BRISA } },
    { "orders_tried", BIT(OFFICER) | ADMINS, { NORDLYS } },
    { "orders_done", BIT(OFFICER) | ADMINS, { BRISA, "5", "2" } },
    { "orders_end", BIT(OFFICER) | ADMINS, { BRISA, "4", "n", "why", "2" } },
    { "order_signatures_add", BIT(OFFICER), { NORDLYS, "1e000000-0000-7000-8000-000000000000", "n", "1", "1", H64, "1", "" } },
    { "order_signatures_of", PROGRAMME, { BRISA } },
    { "officer_keys_add", BIT(OFFICER), { NORDLYS, "1e000000-0000-7000-8000-000000000000", "n", "k", H2, "1", "", "", "" } },
    { "officer_keys_find", PROGRAMME, { BRISA } },
    { "officer_keys_of", PROGRAMME, { "1e000000-0000-7000-8000-000000000000", "9" } },
    { "officer_keys_all", PROGRAMME, { "9" } },
    { "officer_keys_confirm", BIT(OFFICER) | ADMINS, { BRISA, "n", "1" } },
    { "officer_keys_end", BIT(OFFICER) | ADMINS, { BRISA, "2" } },
    { "security_add", BIT(OWNER) | ADMINS, { "7c000000-0000-7000-8000-000000000000", LISE, "1", "1", "n", "", "", "" } },
    { "security_of", BIT(OWNER) | ADMINS, { LISE, "ffffffff-ffff-ffff-ffff-ffffffffffff", "9" } },
    { "notices_add", SERVERS, { "7c000000-0000-7000-8000-000000000000", "1", "new", BRISA, "-1", "1", "t", "t", "{}", "", "0" } },
    { "notices_to", SERVERS, { LEFT, "2", BRISA, "-1", NO_UUID, NO_UUID, "1" } },
    { "notices_cursor", SERVERS, { 0 } },
    { "notices_cursor_move", SERVERS, { "0", "1", "0" } },
    { "notices_entries", ORG | SITE, { "0", "99" } },
    { "notices_paid", ORG, { "40", "0" } },
    { "notices_windows", EVERYBODY, { "0", "0", "9" } },
    { "notices_of", BIT(OWNER) | SERVERS, { LISE, "ffffffff-ffff-ffff-ffff-ffffffffffff", "9" } },
    { "notices_unread", BIT(OWNER) | SERVERS, { LISE } },
    { "notices_read", BIT(OWNER), { LISE, BRISA, "9" } },
    { "notices_choices", BIT(OWNER) | SERVERS, { LISE } },
    { "notices_choose", BIT(OWNER) | SERVERS, { LISE, "2", "false", "true" } },
    { "notices_stop_mail", BIT(OWNER) | SERVERS, { LISE, "3" } },
    { "notices_mail", SERVERS, { LEFT, "2", BRISA, "-1", NO_UUID, NO_UUID, "1", NO_UUID, "99" } },
    { "guides_of", BIT(OWNER), { LISE } },
    { "guides_see", BIT(OWNER), { LISE, "1", "2" } },
    { "guides_end", BIT(OWNER), { LISE, "1", "true" } },
    { "guides_startup", ORG | SITE, { BRISA, EVA } },
    { "mail_language", BIT(OWNER) | SERVERS, { LISE } },
    { "mail_language_set", BIT(OWNER) | SERVERS, { LISE, "sv" } },
    { "mail_language_drop", BIT(OWNER) | SERVERS, { LISE } },
    { "mail_find", BIT(OWNER) | SERVERS, { LISE } },
    { "mail_asked", SERVERS, { LISE, "0" } },
    { "mail_want", BIT(OWNER) | SERVERS, { LISE, "x@y", NORDLYS, "9" } },
    { "mail_send", SERVERS, { "7e000000-0000-7000-8000-000000000002", NORDLYS, LISE, NO_UUID, "1" } },
    { "mail_confirm", BIT(OWNER) | SERVERS, { BRISA, "9" } },
    { "mail_remove", BIT(OWNER) | SERVERS, { LISE } },
    { "mail_drop", SERVERS, { LISE, "9" } },
    { "mail_failures", BIT(OWNER) | SERVERS, { "0", "9" } },
    { "mail_again", SERVERS, { "0", "9" } },
    { "mail_fault", BIT(OWNER) | SERVERS, { LISE, "0" } },
    { "notices_remove_old", SERVERS, { "99" } },
    { "webhooks_add", BIT(OWNER) | SERVERS, { "7c000000-0000-7000-8000-000000000000", BRISA, "https://hooks.example/", "2", H64, "1", "n" } },
    { "webhooks_of", BIT(OWNER) | SERVERS, { BRISA, "9" } },
    { "webhooks_find", BIT(OWNER) | SERVERS, { BRISA } },
    { "webhooks_end", BIT(OWNER) | SERVERS, { BRISA, "9" } },
    { "deliveries_drop", BIT(OWNER) | SERVERS, { BRISA, "9" } },
    { "deliveries_add", SERVERS, { LEFT, BRISA, "1", NULL, "1" } },
    { "deliveries_claim", BIT(OWNER) | SERVERS, { "0", "99", "100", "{}", "9" } },
    { "deliveries_letters", SERVERS, { "0", "50", "100", "9" } },
    { "deliveries_done", BIT(OWNER) | SERVERS, { BRISA, "0", "2", "1", "1", "200", "" } },
    { "deliveries_list", BIT(OWNER) | SERVERS, { BRISA, "0", "9" } },
    { "deliveries_again", BIT(OWNER) | SERVERS, { LEFT, "9" } },
    { "deliveries_count", BIT(OWNER) | SERVERS, { "false" } },
    { "security_remove_old", SERVERS, { "99" } },
    { "passkeys_add", BIT(OWNER), { "7d000000-0000-7000-8000-000000000000", LISE, "n", H2, H1, "-8", H1, "t", "0", "f", "f", "1" } },
    { "passkeys_of", BIT(OWNER) | ADMINS, { LISE } },
    { "passkeys_find", BIT(OWNER) | ADMINS, { H1 } },
    { "passkeys_use", BIT(OWNER) | SERVERS, { BRISA, "0", "1", "f", "2" } },
    { "passkeys_rename", BIT(OWNER) | SERVERS, { BRISA, LISE, "other" } },
    { "passkeys_remove", BIT(OWNER) | ADMINS, { BRISA, LISE } },
    { "passkeys_remove_of", BIT(OWNER) | ADMINS, { LISE } },
    { "passkeys_spend", SERVERS, { H2, "9" } },
    { "passkeys_spent_remove", SERVERS, { "99" } },
    { "second_of", BIT(OWNER) | ADMINS, { LISE } },
    { "second_demand", BIT(OWNER), { LISE, "1" } },
    { "second_waive", BIT(OWNER) | ADMINS, { LISE } },
    { "second_codes_remove", BIT(OWNER) | ADMINS, { LISE } },
    { "second_codes_add", BIT(OWNER), { LISE, H2 } },
    { "second_take", BIT(OWNER) | ADMINS, { LISE, H1 } },
    { "tickets_after", SITE | BIT(OWNER), { "11", "0", "9" } },
    { "tickets_after_each", SITE | BIT(OWNER), { "{11}", "{0}", "9" } },
    { "tickets_before", SITE | BIT(OWNER), { "11", "9", "9", "" } },
    { "capacity_changes", EVERYBODY, { "0" } },
    { "capacity_steps", EVERYBODY, { 0 } },
    { "report_moves", ORG | SITE, { "0", "9" } },
    { "report_span", EVERYBODY, { "0", "9", "19", "2", "3" } }, /* of all that one may see */
    { "report_witnesses", EVERYBODY, { "0", "9" } },
    { "report_signatures", EVERYBODY, { "0", "99", "9" } },
    { "report_jobs", SITE | BIT(OWNER), { "0", "9223372036854775807" } },
    { "use_moves", ORG | SITE, { "0", "9", "8", "9", "12" } },
    { "use_booked", SITE | BIT(OWNER), { "0", "9223372036854775807" } },
    { "use_runs", SITE | BIT(OWNER), { "0", "9" } },
    { "use_public_waits", ORG, { "0", "9" } },
    { "use_waits", ORG, { "0", "9", "9" } },
    { "month_uses", SITE | BIT(OWNER), { "11", "0" } },
    { "tickets_of", SITE | BIT(OWNER), { BRISA } },
    { "reports_before", SITE | BIT(OWNER), { "11", "9", "9" } },
    { "reports_by_key", SITE | BIT(OWNER), { "11", "1", "0", "9" } },
    { "reports_find", SITE | BIT(OWNER), { "11", "1" } },
    { "reports_of", SITE | BIT(OWNER), { "11", BRISA, "9" } },
    { "requests_find", ORG, { BRISA } },
    { "requests_of", ORG, { BRISA, AFTER, "9" } },
    { "requests_all", ORG, { AFTER, "9" } },
    { "requests_add", BIT(OWNER),
      { "0d000000-0000-7000-8000-000000000000", BRISA, "40", "n", "1", "60", "1", "", "", "false", "0", "0", "0", "0", "0", "false", "script", "{}", "sha256 of script", "6", "1", LISE, "0", "0", "0", "0", "A" } },
    { "entries_snapshot", EVERYBODY, { 0 } },
    { "entries_head", EVERYBODY, { 0 } },
    { "journal_head", EVERYBODY, { 0 } },
    { "journal_reads_head", EVERYBODY, { 0 } },
    { "server_clock", EVERYBODY, { 0 } },
    { "record_shape", EVERYBODY, { "entry" } },
    { "journal_lease", EVERYBODY, { 0 } },    /* who holds the lock but may not write is no leader */
    { "journal_tag", EVERYBODY, { "1" } },
    { "journal_beat", EVERYBODY, { "0", "0" } },
    { "journal_unblock", EVERYBODY, { "0" } }, /* a worker may not end the sequencer's connection anyhow */
    { "migrations_lock", EVERYBODY, { 0 } },
    { "db_set_actor", EVERYBODY, { "nobody" } },
    { "entries_page", ORG | SITE, { "49", "9" } },
    { "account_rows_page", ORG | SITE, { "39", "9" } },
    { "held_rows_page", ORG | SITE, { "00000000-0000-7000-8000-000000000000", "9" } },
    { "tile_rows_page", EVERYBODY, { "-1", "0", "9" } },
    { "journal_read", ORG | SITE, { "50", "51" } },
    { "journal_accounts", ORG | SITE, { "39", "9" } },
    { "journal_stray", ORG | SITE, { "50" } },
    { "entries_counts", EVERYBODY, { 0 } },
    { "shape", EVERYBODY, { 0 } },
    { "shape_release", EVERYBODY, { 0 } },
    { "journal_reads_list", ORG | SITE, { "51", "-1", "1" } },
    { "entries_of_account", ORG | SITE, { "40", "99", "8", "9" } },
    { "journal_reads_sum", ORG, { "40", "0" } },
    { "balance_of", ORG, { "40" } },
    { "balance_of_children", ORG, { "30" } },
    { "journal_reads_dispute", ORG | SITE, { "50", "-1", "9" } },
    { "journal_reads_find", ORG | SITE, { "50" } },
    { "journal_reads_find_with_tile", ORG | SITE, { "50" } },
    { "journal_leader_tell", WRITER, { "1", "a", "b" } },
    { "journal_leader_read", WRITER, { 0 } },
    { "journal_term", WRITER, { "0", "0", SEAL } },
    { "journal_move", WRITER, { "0", "0", "0", H1, "0", SEAL } },
    { "journal_write", WRITER, { "0", "0", "0", H1, "0", SEAL, "{}", "{}", "{}" } },
    { "journal_open", WRITER, { "{}" } },
    { "seals_begun", EVERYBODY, { 0 } },
    { "seals_of_head", EVERYBODY, { "false", "9", "0" } },
    { "seals_of_checkpoint", EVERYBODY, { "0", "9", "0" } },
    { "seals_of_evidence", ORG | SITE, { NO_UUID, "9", "0" } },
    { "seals_of_reservation", ORG | SITE, { NO_UUID, "9", "0" } },
    { "seals_count_head", EVERYBODY, { 0 } },
    { "seals_count_checkpoint", EVERYBODY, { 0 } },
    { "seals_count_evidence", EVERYBODY, { 0 } },
    { "seals_count_reservation", EVERYBODY, { 0 } },
    { "seals_set_head", WRITER, { "{true}", "{" SEAL_IN "}" } },
    { "seals_set_checkpoint", WRITER, { "{5}", "{" SEAL_IN "}" } },
    { "seals_set_evidence", WALLED, { "{" BRISA "}", "{" SEAL_IN "}" } }, /* but with an erasure */
    { "seals_set_reservation", WRITER, { "{" BRISA "}", "{" SEAL_IN "}" } },
    { "reservations_find", ORG | SITE, { BRISA } },
    { "reservations_list", ORG | SITE, { AFTER, NULL, "-1", "", "9" } },
    { "reservations_of_organisation", ORG | SITE, { AFTER, BRISA, "", "9" } },
    { "reservations_displaced", ORG | SITE, { "99", "-1", "9" } },
    { "reservations_of_request", ORG | SITE, { BRISA } },
    { "reservations_of_nights", ORG | SITE, { BRISA, BRISA } },
    { "reservations_count", ORG | SITE, { ",running," } },
    { "reservations_reported", ORG | SITE, { "{40}" } },
    { "blobs_of_site", BIT(OWNER) | BIT(AGENT), { "11", "sha256 of script" } },
    { "quotes_find", ORG, { BRISA } },
    { "tiles_each", EVERYBODY, { 0 } },
    { "tiles_add", WRITER, { "0", "0", "x" } },
    { "tiles_find", EVERYBODY, { "0", "0" } },
    { "tiles_leaves", ORG | SITE, { "50", "51" } },
    { "checkpoints_growth", EVERYBODY, { "9" } },
    { "checkpoints_newest", EVERYBODY, { "99" } },
    { "checkpoints_add", SERVERS, { "7", H1, "note", "1", SEAL } },
    { "checkpoints_find", EVERYBODY, { "5" } },
    { "checkpoints_signed_after", EVERYBODY, { "4" } },
    { "checkpoints_unneeded", EVERYBODY, { "9" } },
    { "checkpoints_sweep", SERVERS, { "{3,5}" } },
    { "cosignatures_sweep", SERVERS, { "{4,5}" } },
    { "quorums_sweep", SERVERS, { "{4,5}" } },
    { "witnesses_find", EVERYBODY, { H1 } },
    { "witnesses_list", EVERYBODY, { 0 } },
    { "witnesses_add", SERVERS, { H2, "11", "0", "n", "1" } },
    { "cosignatures_last", EVERYBODY, { H1 } },
    { "cosignatures_of", EVERYBODY, { "5" } },
    { "cosignatures_first", EVERYBODY, { 0 } },
    { "cosignatures_page", EVERYBODY, { "0", H1, "9" } },
    { "cosignatures_count", EVERYBODY, { 0 } },
    { "cosignatures_recent", EVERYBODY, { "9" } },
    { "cosignatures_add", SERVERS, { "5", H2, "n", "1", H64, "1" } },
    { "quorums_newest", EVERYBODY, { H1 } },
    { "quorums_last", EVERYBODY, { H1 } },
    { "quorums_add", SERVERS, { H2, "5", "1" } },
    { "refusals_standing", EVERYBODY, { 0 } },
    { "refusals_add", SERVERS, { "12", "1", "smaller", "5", H1, "6", H1, "note", "1" } },
    { "quotes_of_request", ORG, { BRISA, "9" } },
};

/* What holds nothing of anybody's. */
static const char *const OPEN_TABLES = " head leader capacity migration tile checkpoint witness cosignature quorum refusal ";

static const char *const DATA[] = {
    "INSERT INTO organisation VALUES ('" BRISA "', 'brisa', 'ES', 'Valencia', 0, 0, 1), ('" NORDLYS "', 'nordlys', 'SE', 'Luleå', 0, 0, 1)",
    "INSERT INTO person SELECT i::uuid, 'n', m || '@kontor.example', 'x', 1 FROM (VALUES ('" LISE "', 'lise'), ('" LEFT "', 'left'), ('" EVA "', 'eva'),"
    " ('1c000000-0000-7000-8000-000000000000', 'c'), ('1d000000-0000-7000-8000-000000000000', 'd'), ('1e000000-0000-7000-8000-000000000000', 'e'),"
    " ('1f000000-0000-7000-8000-000000000000', 'f'), ('20000000-0000-7000-8000-000000000000', 'g')) v (i, m)",
    "INSERT INTO role (person, role, organisation) VALUES ('" LISE "', 1, '" BRISA "'), ('" EVA "', 1, '" NORDLYS "')",
    "INSERT INTO role (person, role, site) VALUES ('1c000000-0000-7000-8000-000000000000', 6, 11), ('1d000000-0000-7000-8000-000000000000', 6, 12)",
    "INSERT INTO role (person, role) VALUES ('1e000000-0000-7000-8000-000000000000', 3), ('1f000000-0000-7000-8000-000000000000', 4), ('20000000-0000-7000-8000-000000000000', 5)",
    "INSERT INTO session VALUES ('" H1 "', '" LISE "', 1, 9, '" BRISA "')",
    "INSERT INTO identity VALUES ('" BRISA "', '" LISE "', 'https://id.example', 'lise', '', '', 1, 1)",
    "INSERT INTO right_change VALUES ('" BRISA "', 1, '" LISE "', 'n', '" LISE "', 'n', 1, 1, '" BRISA "', -1, 'why')",
    "INSERT INTO invitation VALUES ('" BRISA "', '" BRISA "', 2, 'note', '" H1 "', '" LISE "', 'n', 1, 9)",
    "INSERT INTO aid VALUES ('" BRISA "', '" BRISA "', '019a0000-0000-7000-8000-00000000a1d2', 1, 0, 1, 7, false), ('" LISE "', '" BRISA "', '019a0000-0000-7000-8000-00000000a1d2', 1, 0, 1, NULL, false)",
    "INSERT INTO aid_link VALUES ('" BRISA "', '" NORDLYS "', 1, '" LISE "', 'n', 'why')",
    "INSERT INTO aid_declaration VALUES ('" BRISA "', '" BRISA "', 1, '" LISE "', 'n', '{}')",
    "INSERT INTO api_token VALUES ('" BRISA "', '" LISE "', 'n', '" H1 "', 1, '" NO_UUID "', 1, 9)",
    "INSERT INTO security_event VALUES ('" BRISA "', '" LISE "', 1, 1, 'n', '', '', '')",
    "INSERT INTO passkey VALUES ('" BRISA "', '" LISE "', 'n', '" H1 "', '" H1 "', -8, '" H1 "', true, 0, false, false, 1, 1)",
    "INSERT INTO passkey_spent VALUES ('" H1 "', 9)",
    "INSERT INTO second_step VALUES ('" LISE "', 1)",
    "INSERT INTO recovery_code VALUES ('" LISE "', '" H1 "')",
    "INSERT INTO notice_event VALUES ('" BRISA "', 1, 's', '" BRISA "', -1, 1, 't', 't', '{}', ''), ('" LEFT "', 1, 'u', '" BRISA "', -1, 1, 't', 't', '{}', '')",
    "INSERT INTO notice VALUES ('" BRISA "', '" LISE "')",
    "INSERT INTO notice_choice VALUES ('" LISE "', 1, true)",
    "INSERT INTO notice_event VALUES ('" NORDLYS "', 9, '" BRISA "', '" NO_UUID "', -1, 1, 't', 't', '{}', '')",
    "INSERT INTO guide VALUES ('" LISE "', 1, 1, false)",
    "INSERT INTO person_language VALUES ('" LISE "', 'fi')",
    "INSERT INTO mail_address VALUES ('" LISE "', 'a@b', 'c@d', '" BRISA "', 99)",
    "INSERT INTO delivery (id, event, person, organisation, state, tries, created_ms, since_ms, next_ms) VALUES"
    " ('7e000000-0000-7000-8000-000000000000', '" NORDLYS "', '" LISE "', '" NO_UUID "', 1, 1, 1, 1, 1),"
    " ('7e000000-0000-7000-8000-000000000001', '" NORDLYS "', '" LISE "', '" NO_UUID "', 3, 1, 2, 1, 1)",
    "INSERT INTO webhook VALUES ('" BRISA "', '" BRISA "', 'https://hooks.example/', 2, repeat('x', 50), 1, 'n')",
    "INSERT INTO delivery VALUES ('" BRISA "', '" BRISA "', '" BRISA "', '" BRISA "', 1, 0, 1, 1, 1), ('" LEFT "', '" BRISA "', '" BRISA "', '" BRISA "', 3, 0, 1, 1, 1)",
    "INSERT INTO signed_order VALUES ('" BRISA "', '" H64 H64_MORE "', '', '" LISE "', 'n', 1, 1, 9, 1), ('" NORDLYS "', '" H64 H64_MORE "', '', '" LISE "', 'n', 1, 1, 9, 2)",
    "INSERT INTO order_signature VALUES ('" BRISA "', '" LISE "', 'n', 1, 1, '" H64 "', 1)",
    "INSERT INTO officer_key VALUES ('" BRISA "', '1e000000-0000-7000-8000-000000000000', 'n', 'k', '" H1 "', 1)",
    "INSERT INTO enrol_token VALUES ('" H2 "', 11, 1, 9)",
    "INSERT INTO agent_contact VALUES (11, 5)",
    "INSERT INTO blob SELECT sha256(convert_to(t, 'UTF8')), convert_to(t, 'UTF8'), 1 FROM (VALUES ('script'), ('output'), ('stray')) v (t)",
    "INSERT INTO sealed_secrets SELECT sha256(convert_to(t, 'UTF8')), '" BRISA "', convert_to(t, 'UTF8'), 1 FROM (VALUES ('sealed'), ('over')) v (t)",
    "INSERT INTO request VALUES ('" BRISA "', '" BRISA "', 40, 'n', 1, 60, 0, '', '', false, 0, 0, 0, 0, 0, false, 'script', '{}', sha256('script'), 6, 1, '" LEFT "')",
    "INSERT INTO evidence VALUES ('" BRISA "', '" H1 "', 'why', '{}', 1, '" BRISA "', NULL, NULL, 11)",
    "INSERT INTO assertion VALUES (sha256('said'), 'said', 1)",
    "INSERT INTO account_name VALUES (40, 'A', 'a')",
    "INSERT INTO call_answer VALUES ('" H1 "', '" H1 "', '" BRISA "', 5, '" LISE "')",
    "INSERT INTO quote SELECT '" BRISA "', '" BRISA "', '" BRISA "', 40, 1, 2, 'open', false, false, 0, NULL, 0, 'n', false, 1, 1, 1, 1, 1, 1, 11, 1, 1, 1, 1, 1",
    "INSERT INTO quote_answer VALUES ('" BRISA "', 'x', 'y')",
    "INSERT INTO reservation (id, request, org, quote, jti, grant_account, site, offering, rate, hold, gpus, nodes, walltime_s, rate_milli, cost_gpums,"
    " window_start_ms, window_end_ms, permit_from_ms, accept_by_ms, start_by_ms, booked_slot, booked_slots, fence, seq, state, created_ms, changed_ms,"
    " started_ms, reported_ms, reported_gpu_seconds, void_entry, outcome, version, move_freely, moves, workload, workload_len, output, output_len, secrets, name) VALUES ('" BRISA "', '" BRISA "', '" BRISA "',"
    " '" BRISA "', '" BRISA "', 40, 11, 1, 1, 50, 1, 1, 60, 1000, 60000, 1, 2, 1, 1, 1, 1, 1, 1, 1, 'running', 1, 1, 1, 2, 7, 50, 7, 1, false, 0, sha256('script'), 6,"
    " sha256('output'), 6, sha256('sealed'), 'n')",
    "INSERT INTO ticket VALUES (11, 1, '" BRISA "', '" BRISA "', 'x', 1)",
    "INSERT INTO report VALUES (11, 1, 1, 1, 1, 1, '" BRISA "', 1, 'x', decode(repeat('00', 64), 'hex'), NULL, 0, 0, '', 1)",
    "INSERT INTO answer VALUES ('" H1 "', '" H1 "', '', NULL, 1, 1, 1, 0, '', 1)",
    "INSERT INTO checkpoint VALUES (5, '" H1 "', 'note', 1)",
    "INSERT INTO checkpoint VALUES (3, '" H1 "', 'note', 1), (4, '" H1 "', 'note', 1), (6, '" H1 "', 'note', 604800002)",
    "INSERT INTO witness VALUES ('" H1 "', 11, 0, 'n', 1)",
    "INSERT INTO cosignature VALUES (5, '" H1 "', 'n', 1, '" H64 "', 1)",
    "INSERT INTO cosignature VALUES (4, '" H1 "', 'n', 1, '" H64 "', 1)",
    "INSERT INTO quorum VALUES ('" H1 "', 4, 1), ('" H1 "', 5, 1)",
    "INSERT INTO refusal VALUES (11, 1, 'smaller', 5, '" H1 "', 6, '" H1 "', 'note', 2)",
    "INSERT INTO account (index, class, owner_org, owner_site, parent, posted_credits, last_index) VALUES (10, 3, DEFAULT, 0, -1, 9, 10),"
    " (20, 5, '" NORDLYS "', 0, 10, 9, 20), (21, 6, DEFAULT, 12, -1, 9, 21), (40, 5, '" BRISA "', 0, 30, 9, 50), (41, 6, DEFAULT, 11, -1, 9, 50)",
    "INSERT INTO entry SELECT index, 1, kind, 1, index, 1, 0, debit, credit, 1, debit, credit, body, leaf_hash_v1(entry_bytes_v1(1::smallint, kind, index, 1, index,"
    " 1::smallint, 0::smallint, debit, credit, 1, debit, credit, body)) FROM (SELECT k::smallint kind, i::bigint index, d::bigint debit, c::bigint credit, b::bytea body"
    "  FROM (VALUES (14, 5, -1, -1, decode(rpad('01', 292, '0'), 'hex')), (1, 40, -1, -1, '\\x00'), (8, 50, 40, 41, '\\x00'), (19, 51, -1, -1, '\\x00020000000000000000000000000032')) v (k, i, d, c, b)) e",
};

struct fixture {
    struct test_db t;
    PGconn *worker;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    test_db_make(&f->t);
    for (size_t i = 0; i < sizeof DATA / sizeof DATA[0]; i++)
        test_sql(&f->t, DATA[i]);
    f->worker = PQconnectdb(f->t.worker);
    assert_int_equal(PQstatus(f->worker), CONNECTION_OK);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    PQfinish(f->worker);
    test_db_drop(&f->t);
    free(f);
    return 0;
}

static void
plain(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);

    if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(res);
}

static void
begin_as(PGconn *conn, const char *actor)
{
    const char *const values[] = { actor };
    PGresult *res;

    plain(conn, "BEGIN");
    if (!*actor)
        return;
    res = PQexecParams(conn, "SELECT set_config('app.actor', $1, true)", 1, NULL, values, NULL, NULL, 0);
    assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
    PQclear(res);
}

/* What came back, as one text: the error's code, or the command's tag with all fields. malloc'ed. */
static char *
outcome_of(const PGresult *res)
{
    size_t cap = 65536, at;
    char *text = malloc(cap);

    if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK) {
        snprintf(text, cap, "refused %s", PQresultErrorField(res, PG_DIAG_SQLSTATE));
        return text;
    }
    at = (size_t)snprintf(text, cap, "%s:", PQcmdStatus((PGresult *)(uintptr_t)res));
    for (int r = 0; r < PQntuples(res); r++)
        for (int c = 0; c < PQnfields(res) && at < cap; c++)
            at += (size_t)snprintf(text + at, cap - at, "%s|", PQgetisnull(res, r, c) ? "-" : PQgetvalue(res, r, c));
    assert_true(at < cap);
    return text;
}

/* “sha256 of WORD” as a literal; anything else as it is. */
static const char *
resolve(const char *arg, char text[80])
{
    struct hash h;

    if (arg == NULL || strncmp(arg, "sha256 of ", 10) != 0)
        return arg;
    h = sha256(BYTES_TEXT(arg + 10));
    memcpy(text, "\\x", 2);
    hex_encode(BYTES(h.b, sizeof h.b), text + 2);
    return text;
}

static char *
run_as(struct fixture *f, const struct db_query *q, const struct wanted *w, const char *actor)
{
    const char *values[32];
    char texts[32][80];
    PGresult *res;
    char *ret;

    for (int i = 0; i < 32; i++)
        values[i] = resolve(w->args[i], texts[i]);
    begin_as(f->worker, w->who == EVERYBODY ? "" : actor);
    res = PQexecParams(f->worker, q->sql, q->params, NULL, values, NULL, NULL, 0);
    ret = outcome_of(res);
    PQclear(res);
    plain(f->worker, "ROLLBACK");
    return ret;
}

static const struct wanted *
wanted(const char *name)
{
    for (size_t i = 0; i < sizeof WANTED / sizeof WANTED[0]; i++)
        if (strcmp(WANTED[i].name, name) == 0)
            return &WANTED[i];
    return NULL;
}

/* Does this actor get less than it must, or more? */
static bool
right(const struct wanted *w, int who, const char *got, const char *nothing)
{
    bool refused = strcmp(got, "refused 42501") == 0;

    if (strncmp(got, "refused", 7) == 0 && !refused)
        return false; /* a mistake in this test: another error */
    if (w->who == EVERYBODY)
        return !refused;
    if (w->who == WRITER)
        return refused;
    if (w->who & BIT(who))
        return !refused && strcmp(got, nothing) != 0;
    return refused || strcmp(got, nothing) == 0;
}

static void
test_each_query_as_everybody(void **state)
{
    struct fixture *f = *state;
    const struct db_query *q;
    size_t n = 0, bad = 0;

    for (; (q = db_query_at(n)) != NULL; n++) {
        const struct wanted *w = wanted(q->name);
        char *nothing;

        if (w == NULL) {
            print_message("%s: nobody has said here who may see what it gives\n", q->name);
            bad++;
            continue;
        }
        nothing = run_as(f, q, w, "");
        for (int who = 0; who < WHOS; who++) {
            char *got = run_as(f, q, w, ACTORS[who]);

            if (!right(w, who, got, nothing)) {
                print_message("%s as “%s”: %.200s (unset: %.200s)\n", q->name, ACTORS[who], got, nothing);
                bad++;
            }
            free(got);
        }
        free(nothing);
    }
    assert_int_equal(bad, 0);
    assert_int_equal(n, sizeof WANTED / sizeof WANTED[0]);
}

/* What a policy asks, it asks by a key, row by row. Where the planner may hash the other table instead it does so as long as
 * that table is short when the statement is prepared, and reads all of it each time for as long as the connection lives. */
static void
test_no_policy_reads_a_whole_table(void **state)
{
    struct fixture *f = *state;
    const struct db_query *q;
    size_t bad = 0;

    plain(f->worker, "SET plan_cache_mode = force_generic_plan");
    for (size_t n = 0; (q = db_query_at(n)) != NULL; n++) {
        char sql[256] = "EXPLAIN EXECUTE asked";
        size_t at = strlen(sql);
        const struct wanted *w = wanted(q->name);
        PGresult *res;

        if (w == NULL || w->who == WRITER || w->who == EVERYBODY)
            continue;
        for (int i = 0; i < q->params; i++)
            at += (size_t)snprintf(sql + at, sizeof sql - at, "%s NULL", i == 0 ? " (" : ",");
        assert_true(at + 2 < sizeof sql);
        if (q->params > 0)
            memcpy(sql + at, ")", 2);
        res = PQprepare(f->worker, "asked", q->sql, 0, NULL);
        assert_int_equal(PQresultStatus(res), PGRES_COMMAND_OK);
        PQclear(res);
        res = PQexec(f->worker, sql);
        if (PQresultStatus(res) != PGRES_TUPLES_OK)
            fail_msg("%s: %s", q->name, PQerrorMessage(f->worker));
        for (int r = 0; r < PQntuples(res); r++)
            if (strstr(PQgetvalue(res, r, 0), "hashed SubPlan")) {
                print_message("%s: %s\n", q->name, PQgetvalue(res, r, 0));
                bad++;
            }
        PQclear(res);
        plain(f->worker, "DEALLOCATE asked");
    }
    plain(f->worker, "RESET plan_cache_mode");
    assert_int_equal(bad, 0);
}

/* Every table: walled, or named as nobody's; and an actor that is unset sees nothing of it. */
static void
test_each_table(void **state)
{
    struct fixture *f = *state;
    PGresult *tables = PQexec(f->worker, "SELECT relname, relrowsecurity, has_table_privilege('kontor_worker', oid, 'SELECT') FROM pg_class"
                                         " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace");

    assert_true(PQntuples(tables) > 15);
    for (int i = 0; i < PQntuples(tables); i++) {
        char sql[128], word[80];
        PGresult *res;

        text_format(word, sizeof word, " %s ", PQgetvalue(tables, i, 0));
        if (strstr(OPEN_TABLES, word))
            continue;
        if (PQgetvalue(tables, i, 1)[0] != 't')
            fail_msg("%s has no row security, and is not named as nobody's", PQgetvalue(tables, i, 0));
        if (PQgetvalue(tables, i, 2)[0] != 't')
            continue;
        text_format(sql, sizeof sql, "SELECT count(*) FROM %s", PQgetvalue(tables, i, 0));
        res = PQexec(f->worker, sql);
        assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
        assert_string_equal(PQgetvalue(res, 0, 0), "0");
        PQclear(res);
    }
    PQclear(tables);
}

static void
test_nobody_goes_round_it(void **state)
{
    struct fixture *f = *state;
    static const char *const FORCED[] = { "person", "identity", "right_change", "sealed_secrets", "invitation", "session", "api_token", "security_event", "signed_order", "order_signature", "officer_key", "passkey", "passkey_spent", "second_step", "recovery_code", "notice_event", "notice", "notice_choice", "guide", "person_language", "mail_address", "webhook", "delivery", "enrol_token", "request", "blob", "evidence", "call_answer" };
    PGconn *owner = PQconnectdb(f->t.owner);

    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM pg_roles WHERE rolname IN ('kontor_worker', 'kontor_writer') AND (rolsuper OR rolbypassrls)"), 0);
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                                         " AND pg_has_role('kontor_worker', relowner, 'MEMBER')"), 0);
    for (size_t i = 0; i < sizeof FORCED / sizeof FORCED[0]; i++) {
        char sql[128];
        PGresult *res;

        text_format(sql, sizeof sql, "SELECT count(*) FROM %s", FORCED[i]);
        assert_true(test_sql_i64(&f->t, sql) > 0);
        res = PQexec(owner, sql);
        assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
        assert_string_equal(PQgetvalue(res, 0, 0), "0");
        PQclear(res);
    }
    PQfinish(owner);
}

/* An actor that is not well-formed is nobody in particular, never an error and never more. */
static void
test_odd_actors(void **state)
{
    struct fixture *f = *state;
    static const char *const ODD[] = { "Server", "server ", "site", "site 11 ", "site -1", "site 99999999999999999999", "site 11; DROP TABLE role",
                                       "' OR true --", "ffffffff", "00000000-0000-0000-0000-000000000000", "nobody" };

    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++) {
        PGresult *res;

        begin_as(f->worker, ODD[i]);
        res = PQexec(f->worker, "SELECT (SELECT count(*) FROM reservation) + (SELECT count(*) FROM request) + (SELECT count(*) FROM session)"
                                " + (SELECT count(*) FROM account) + (SELECT count(*) FROM entry WHERE index >= 40)");
        if (PQresultStatus(res) != PGRES_TUPLES_OK || strcmp(PQgetvalue(res, 0, 0), "0") != 0)
            fail_msg("%s: %s", ODD[i], PQerrorMessage(f->worker));
        PQclear(res);
        plain(f->worker, "ROLLBACK");
    }
}

static const struct db_query MINE = { .name = "mine", .sql = "SELECT count(*) FROM request", .params = 0, .columns = 1 };
static const struct db_query TOLD = { .name = "told", .sql = "SELECT current_setting('app.actor', true)", .params = 0, .columns = 1 };
static const struct db_query WRONG = { .name = "wrong", .sql = "SELECT 1 / (n - n) FROM (SELECT count(*)::int AS n FROM role) r", .params = 0, .columns = 1 };

static int64_t
seen(struct db *db)
{
    _cleanup_result_ PGresult *rows = NULL;

    assert_int_equal(db_run(db, &MINE, DB_NO_ARGS, &rows), OK);
    return db_get_i64(rows, 0, 0);
}

static void
assert_told(struct db *db, const char *want)
{
    _cleanup_result_ PGresult *rows = NULL;

    assert_int_equal(db_run(db, &TOLD, DB_NO_ARGS, &rows), OK);
    assert_string_equal(db_get_text(rows, 0, 0), want);
}

static enum err
changes_its_mind(struct db *db, void *ctx)
{
    struct uuid lise;

    (void)ctx;
    uuid_parse(LISE, &lise);
    assert_int_equal(seen(db), 1);
    db_act_as(db, DB_ACTOR_NOBODY);
    assert_int_equal(seen(db), 0);
    db_act_as(db, DB_ACTOR_UNSET);
    assert_int_equal(seen(db), 0);
    db_act_as(db, db_actor_person(lise));
    assert_int_equal(seen(db), 1);
    return OK;
}

/* The actor goes with each query, and stays nowhere. */
static void
test_acting(void **state)
{
    struct fixture *f = *state;
    struct db *db = db_new(&(struct db_config){ .conninfo = f->t.worker, .name = "worker" });
    struct uuid lise;
    struct db_actor before;

    assert_true(uuid_parse(LISE, &lise));
    assert_int_equal(seen(db), 0);
    before = db_act_as(db, db_actor_person(lise));
    assert_string_equal(before.text, "");
    assert_int_equal(seen(db), 1);
    assert_told(db, LISE);
    db_act_as(db, db_actor_agent(11));
    assert_told(db, "site 11");
    db_act_as(db, DB_ACTOR_UNSET);
    assert_told(db, "");
    assert_int_equal(seen(db), 0);
    db_act_as(db, db_actor_person(lise));
    assert_int_equal(db_run(db, &WRONG, DB_NO_ARGS, NULL), ERR_INTERNAL); /* 22012 */
    assert_string_equal(db_sqlstate(db), "22012");
    assert_int_equal(seen(db), 1);
    assert_int_equal(db_tx(db, changes_its_mind, NULL), OK);
    assert_int_equal(seen(db), 1);
    db_disconnect(db);
    assert_int_equal(seen(db), 1);
    db_delete(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_query_as_everybody), cmocka_unit_test(test_no_policy_reads_a_whole_table),
        cmocka_unit_test(test_each_table),
        cmocka_unit_test(test_nobody_goes_round_it),    cmocka_unit_test(test_odd_actors),
        cmocka_unit_test(test_acting),
    };

    return cmocka_run_group_tests_name("row_security", tests, setup, teardown);
}
