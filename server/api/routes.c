/* api/routes.c: THE table: method, path, name, who may call, whether it needs a key, whether
 * a program's token may call it, where it runs, its handler. The
 * document schema/openapi.yaml names the same; a test compares them. */
#include <stdio.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "base/text.h"

#define PUBLIC    WHO_PUBLIC
#define SESSION   WHO_SESSION
#define BUYER     (WHO_MEMBER | WHO_OWNER)
#define PROGRAMME (WHO_OFFICER | WHO_AUDITOR | WHO_ADMINISTRATOR)
#define SEES_ORG  (BUYER | PROGRAMME)
#define SEES_JOB  (SEES_ORG | WHO_SITE_OPERATOR)
#define SAYS      (BUYER | WHO_SITE_OPERATOR)
#define OPERATOR  (WHO_SITE_OPERATOR | WHO_ADMINISTRATOR)
#define ADMIN     WHO_ADMINISTRATOR
#define OFFICER   WHO_OFFICER
#define AGENT     WHO_AGENT
#define KEY       true
#define NO_KEY    false
#define NO_TOKEN  TOKEN_NEVER
#define READS     TOKEN_READS
#define WRITES    TOKEN_WRITES

/* clang-format off */
const struct route ROUTES[] = {
    /* public */
    { HTTP_GET, "/v1/sites", "sites_list", PUBLIC, NO_KEY, READS, RUN_WORKER, sites_list },
    { HTTP_GET, "/v1/sites/waits", "sites_waits", PUBLIC, NO_KEY, READS, RUN_WORKER, sites_waits },
    { HTTP_GET, "/v1/offerings", "offerings_list", PUBLIC, NO_KEY, READS, RUN_WORKER, offerings_list },
    { HTTP_GET, "/v1/offerings/free", "offerings_free", PUBLIC, NO_KEY, READS, RUN_WORKER, offerings_free },
    { HTTP_GET, "/v1/sites/{code}/calendar", "sites_calendar", PUBLIC, NO_KEY, READS, RUN_WORKER, sites_calendar },
    { HTTP_GET, "/v1/policies", "policies_list", PUBLIC, NO_KEY, READS, RUN_WORKER, policies_list },
    { HTTP_GET, "/v1/journal", "journal_get", PUBLIC, NO_KEY, READS, RUN_WORKER, journal_get },
    { HTTP_GET, "/checkpoint", "checkpoint", PUBLIC, NO_KEY, READS, RUN_WORKER, checkpoint_get },
    { HTTP_GET, "/tile/{path}", "tile", PUBLIC, NO_KEY, READS, RUN_WORKER, tile_get },
    { HTTP_GET, "/v1/journal/entries/{index}/receipt", "journal_entry_receipt", PUBLIC, NO_KEY, READS, RUN_WORKER, entry_receipt },
    { HTTP_GET, "/v1/journal/entries/{index}/bytes", "journal_entry_bytes", PUBLIC, NO_KEY, READS, RUN_WORKER, entry_bytes },
    { HTTP_GET, "/v1/journal/growth", "journal_growth", PUBLIC, NO_KEY, READS, RUN_WORKER, journal_growth },
    { HTTP_GET, "/v1/journal/entries/{index}/evidence", "journal_entry_evidence", PUBLIC, NO_KEY, READS, RUN_WORKER, entry_evidence },
    { HTTP_GET, "/v1/journal/witnesses", "journal_witnesses", PUBLIC, NO_KEY, READS, RUN_WORKER, journal_witnesses },
    { HTTP_GET, "/v1/journal/policy", "journal_policy", PUBLIC, NO_KEY, READS, RUN_WORKER, journal_policy },
    { HTTP_GET, "/v1/journal/entries", "journal_entries", PUBLIC, NO_KEY, READS, RUN_WORKER, journal_entries },
    { HTTP_GET, "/v1/journal/entries/{index}", "journal_entry", PUBLIC, NO_KEY, READS, RUN_WORKER, journal_entry_get },
    { HTTP_GET, "/.well-known/jwks.json", "jwks", PUBLIC, NO_KEY, READS, RUN_WORKER, jwks_get },
    { HTTP_GET, "/v1/openapi.yaml", "openapi", PUBLIC, NO_KEY, READS, RUN_SOCKET, openapi_get },
    { HTTP_GET, "/errors/{code}", "error_explained", PUBLIC, NO_KEY, READS, RUN_SOCKET, error_explained },
    { HTTP_GET, "/health/live", "health_live", PUBLIC, NO_KEY, READS, RUN_SOCKET, health_live },
    { HTTP_GET, "/health/ready", "health_ready", PUBLIC, NO_KEY, READS, RUN_SOCKET, health_ready },
    { HTTP_GET, "/health/leader", "health_leader", PUBLIC, NO_KEY, READS, RUN_SOCKET, health_leader },
    /* people */
    { HTTP_GET, "/v1/session", "session_get", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, session_get },
    { HTTP_POST, "/v1/session", "session_create", PUBLIC, NO_KEY, NO_TOKEN, RUN_SLOW, session_create },
    { HTTP_POST, "/v1/session/passkey/begin", "session_passkey_begin", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, session_passkey_begin },
    { HTTP_POST, "/v1/session/passkey", "session_passkey", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, session_passkey },
    { HTTP_POST, "/v1/session/second", "session_second", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, session_second },
    { HTTP_POST, "/v1/session/second/passkey", "session_second_passkey", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, session_second_passkey },
    { HTTP_DELETE, "/v1/session", "session_delete", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, session_delete },
    { HTTP_GET, "/v1/me", "me_get", SESSION, NO_KEY, READS, RUN_WORKER, me_get },
    { HTTP_POST, "/v1/me/password", "me_password", SESSION, NO_KEY, NO_TOKEN, RUN_SLOW, me_password },
    { HTTP_GET, "/v1/me/sessions", "me_sessions", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_sessions },
    { HTTP_DELETE, "/v1/me/sessions/{id}", "me_session_end", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_session_end },
    { HTTP_POST, "/v1/me/sessions/end-others", "me_sessions_end_others", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_sessions_end_others },
    { HTTP_GET, "/v1/me/passkeys", "me_passkeys", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_passkeys },
    { HTTP_POST, "/v1/me/passkeys/begin", "me_passkey_begin", SESSION, NO_KEY, NO_TOKEN, RUN_SLOW, me_passkey_begin },
    { HTTP_POST, "/v1/me/passkeys", "me_passkey_make", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_passkey_make },
    { HTTP_POST, "/v1/me/passkeys/{id}/rename", "me_passkey_rename", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_passkey_rename },
    { HTTP_POST, "/v1/me/passkeys/{id}/remove", "me_passkey_remove", SESSION, NO_KEY, NO_TOKEN, RUN_SLOW, me_passkey_remove },
    { HTTP_GET, "/v1/me/second-step", "me_second", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_second },
    { HTTP_POST, "/v1/me/second-step", "me_second_set", SESSION, NO_KEY, NO_TOKEN, RUN_SLOW, me_second_set },
    { HTTP_POST, "/v1/me/recovery-codes", "me_codes_make", SESSION, NO_KEY, NO_TOKEN, RUN_SLOW, me_codes_make },
    { HTTP_GET, "/v1/me/tokens", "me_tokens", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_tokens },
    { HTTP_POST, "/v1/me/tokens", "me_token_make", SESSION, NO_KEY, NO_TOKEN, RUN_SLOW, me_token_make },
    { HTTP_DELETE, "/v1/me/tokens/{id}", "me_token_end", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_token_end },
    { HTTP_GET, "/v1/me/keys", "me_keys", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_keys },
    { HTTP_POST, "/v1/me/keys", "me_key_ask", OFFICER | ADMIN, NO_KEY, NO_TOKEN, RUN_SLOW, me_key_ask },
    { HTTP_POST, "/v1/me/keys/passkey", "me_key_ask_passkey", OFFICER | ADMIN, NO_KEY, NO_TOKEN, RUN_SLOW, me_key_ask_passkey },
    { HTTP_GET, "/v1/me/security", "me_security", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_security },
    { HTTP_GET, "/v1/me/notices", "me_notices", SESSION, NO_KEY, READS, RUN_WORKER, me_notices },
    { HTTP_POST, "/v1/me/notices/read", "me_notices_read", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_notices_read },
    { HTTP_GET, "/v1/me/notice-choices", "me_notice_choices", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_notice_choices },
    { HTTP_POST, "/v1/me/notice-choices", "me_notice_choose", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_notice_choose },
    { HTTP_GET, "/v1/me/mail", "me_mail", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_mail },
    { HTTP_POST, "/v1/me/mail", "me_mail_ask", SESSION, NO_KEY, NO_TOKEN, RUN_SLOW, me_mail_ask },
    { HTTP_DELETE, "/v1/me/mail", "me_mail_remove", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_mail_remove },
    { HTTP_POST, "/v1/me/language", "me_language", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_language },
    { HTTP_GET, "/v1/me/guides", "me_guides", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_guides },
    { HTTP_POST, "/v1/me/guides", "me_guides_do", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_guides_do },
    { HTTP_POST, "/v1/mail/confirm", "mail_confirm", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, mail_confirm_post },
    { HTTP_GET, "/v1/mail/stop", "mail_stop_page", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, mail_stop_page },
    { HTTP_POST, "/v1/mail/stop", "mail_stop", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, mail_stop },
    { HTTP_GET, "/v1/mail", "mail_state", ADMIN, NO_KEY, NO_TOKEN, RUN_WORKER, mail_state },
    { HTTP_POST, "/v1/mail/again", "mail_again", ADMIN, NO_KEY, NO_TOKEN, RUN_WORKER, mail_again_post },
    { HTTP_GET, "/v1/me/rights", "me_rights", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_rights },
    { HTTP_GET, "/v1/me/identities", "me_identities", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, me_identities },
    { HTTP_POST, "/v1/me/identities/{id}/remove", "me_identity_remove", SESSION, NO_KEY, NO_TOKEN, RUN_SLOW, me_identity_remove },
    { HTTP_GET, "/v1/providers", "providers_list", PUBLIC, NO_KEY, READS, RUN_WORKER, providers_list },
    { HTTP_POST, "/v1/providers/{code}/sign-in", "sign_in_begin", PUBLIC, NO_KEY, NO_TOKEN, RUN_SLOW, sign_in_begin },
    { HTTP_GET, "/v1/providers/{code}/callback", "sign_in_end", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, sign_in_end },
    { HTTP_GET, "/v1/organisations", "organisations_list", SESSION, NO_KEY, READS, RUN_WORKER, organisations_list_get },
    { HTTP_POST, "/v1/organisations", "organisations_create", ADMIN, KEY, NO_TOKEN, RUN_WORKER, organisations_create },
    { HTTP_GET, "/v1/organisations/{id}", "organisations_get", SEES_ORG, NO_KEY, READS, RUN_WORKER, organisations_get },
    { HTTP_GET, "/v1/organisations/{id}/members", "organisations_members", SEES_ORG, NO_KEY, READS, RUN_WORKER, organisations_members },
    { HTTP_POST, "/v1/organisations/{id}/members", "members_set", BUYER | ADMIN, KEY, NO_TOKEN, RUN_WORKER, members_set },
    { HTTP_GET, "/v1/organisations/{id}/rights", "organisations_rights", SEES_ORG, NO_KEY, READS, RUN_WORKER, organisations_rights },
    { HTTP_GET, "/v1/organisations/{id}/aid", "organisations_aid", SEES_ORG, NO_KEY, READS, RUN_WORKER, organisations_aid },
    { HTTP_POST, "/v1/organisations/{id}/aid/declarations", "aid_declare", WHO_OWNER, KEY, NO_TOKEN, RUN_WORKER, aid_declare_post },
    { HTTP_GET, "/v1/organisations/{id}/aid/links", "aid_links_list", PROGRAMME, NO_KEY, READS, RUN_WORKER, aid_links_list },
    { HTTP_POST, "/v1/organisations/{id}/aid/links", "aid_links_set", OFFICER, KEY, NO_TOKEN, RUN_WORKER, aid_links_set },
    { HTTP_GET, "/v1/organisations/{id}/invitations", "invitations_list", WHO_OWNER | ADMIN, NO_KEY, NO_TOKEN, RUN_WORKER, invitations_list_get },
    { HTTP_POST, "/v1/organisations/{id}/invitations", "invitations_create", WHO_OWNER | ADMIN, NO_KEY, NO_TOKEN, RUN_WORKER, invitations_create },
    { HTTP_DELETE, "/v1/invitations/{id}", "invitations_withdraw", WHO_OWNER | ADMIN, NO_KEY, NO_TOKEN, RUN_WORKER, invitations_withdraw },
    { HTTP_GET, "/v1/organisations/{id}/webhooks", "webhooks_list", WHO_OWNER, NO_KEY, NO_TOKEN, RUN_WORKER, webhooks_list },
    { HTTP_POST, "/v1/organisations/{id}/webhooks", "webhooks_create", WHO_OWNER, NO_KEY, NO_TOKEN, RUN_SLOW, webhooks_create },
    { HTTP_GET, "/v1/organisations/{id}/deliveries", "deliveries_get", WHO_OWNER, NO_KEY, NO_TOKEN, RUN_WORKER, deliveries_get },
    { HTTP_DELETE, "/v1/webhooks/{id}", "webhooks_remove", WHO_OWNER, NO_KEY, NO_TOKEN, RUN_WORKER, webhooks_remove },
    { HTTP_POST, "/v1/webhooks/{id}/test", "webhooks_test", WHO_OWNER, NO_KEY, NO_TOKEN, RUN_WORKER, webhooks_test },
    { HTTP_POST, "/v1/deliveries/{id}/again", "deliveries_retry", WHO_OWNER, NO_KEY, NO_TOKEN, RUN_WORKER, deliveries_retry },
    { HTTP_POST, "/v1/invitations/look", "invitations_look", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, invitations_look },
    { HTTP_POST, "/v1/invitations/join", "invitations_join", SESSION, NO_KEY, NO_TOKEN, RUN_WORKER, invitations_join },
    { HTTP_POST, "/v1/invitations/accept", "invitations_accept", PUBLIC, NO_KEY, NO_TOKEN, RUN_SLOW, invitations_accept },
    { HTTP_GET, "/v1/people", "people_list", ADMIN, NO_KEY, NO_TOKEN, RUN_WORKER, people_list_get },
    { HTTP_POST, "/v1/people", "people_create", ADMIN, NO_KEY, NO_TOKEN, RUN_SLOW, people_create },
    { HTTP_POST, "/v1/people/{id}/password", "people_password", ADMIN, NO_KEY, NO_TOKEN, RUN_SLOW, people_password },
    { HTTP_POST, "/v1/people/{id}/roles", "people_roles", ADMIN, KEY, NO_TOKEN, RUN_WORKER, people_roles },
    { HTTP_POST, "/v1/people/{id}/roles/remove", "people_roles_remove", ADMIN, KEY, NO_TOKEN, RUN_WORKER, people_roles_remove },
    { HTTP_GET, "/v1/people/{id}/rights", "people_rights", ADMIN, NO_KEY, NO_TOKEN, RUN_WORKER, people_rights },
    { HTTP_GET, "/v1/people/{id}/identities", "people_identities", ADMIN, NO_KEY, NO_TOKEN, RUN_WORKER, people_identities },
    /* start-ups */
    { HTTP_GET, "/v1/grants", "grants_list", SESSION, NO_KEY, READS, RUN_WORKER, grants_list },
    { HTTP_GET, "/v1/grants/{account}", "grants_get", SEES_ORG, NO_KEY, READS, RUN_WORKER, grants_get },
    { HTTP_GET, "/v1/grants/{account}/aid", "grants_aid", SEES_ORG, NO_KEY, READS, RUN_WORKER, grants_aid },
    { HTTP_GET, "/v1/grants/{account}/share", "grants_share", SEES_ORG, NO_KEY, READS, RUN_WORKER, grants_share },
    { HTTP_GET, "/v1/grants/{account}/history-proof", "grants_history", SEES_ORG, NO_KEY, READS, RUN_SLOW, grants_history },
    { HTTP_GET, "/v1/grants/{account}/entries", "grants_entries", SEES_ORG, NO_KEY, READS, RUN_WORKER, grants_entries },
    { HTTP_GET, "/v1/requests", "requests_list", SESSION, NO_KEY, READS, RUN_WORKER, requests_list_get },
    { HTTP_POST, "/v1/requests", "requests_create", BUYER, KEY, WRITES, RUN_WORKER, requests_create },
    { HTTP_GET, "/v1/requests/{id}", "requests_get", SEES_ORG, NO_KEY, READS, RUN_WORKER, requests_get },
    { HTTP_POST, "/v1/requests/{id}/quotes", "requests_quote", BUYER, KEY, WRITES, RUN_WORKER, requests_quote },
    { HTTP_POST, "/v1/requests/{id}/cancel", "requests_cancel", BUYER, KEY, WRITES, RUN_COMMAND, requests_cancel },
    { HTTP_POST, "/v1/quotes", "quotes_look", BUYER, NO_KEY, READS, RUN_BRISK, quotes_look },
    { HTTP_GET, "/v1/quotes/{id}", "quotes_get", SEES_ORG, NO_KEY, READS, RUN_WORKER, quotes_get },
    { HTTP_POST, "/v1/quotes/{id}/renew", "quotes_renew", BUYER, KEY, WRITES, RUN_COMMAND, quotes_renew },
    { HTTP_POST, "/v1/quotes/{id}/release", "quotes_release", BUYER, KEY, WRITES, RUN_COMMAND, quotes_release },
    { HTTP_POST, "/v1/quotes/{id}/accept", "quotes_accept", BUYER, KEY, WRITES, RUN_COMMAND, quotes_accept },
    { HTTP_GET, "/v1/reservations", "reservations_list", SESSION, NO_KEY, READS, RUN_WORKER, reservations_list_get },
    { HTTP_GET, "/v1/reservations/{id}", "reservations_get", SEES_JOB, NO_KEY, READS, RUN_WORKER, reservations_get },
    { HTTP_POST, "/v1/reservations/{id}/cancel", "reservations_cancel", BUYER, KEY, WRITES, RUN_COMMAND, reservations_cancel },
    { HTTP_GET, "/v1/reservations/{id}/outlook", "reservations_outlook", SEES_JOB, NO_KEY, READS, RUN_WORKER, reservations_outlook },
    { HTTP_POST, "/v1/reservations/{id}/move", "reservations_move", BUYER, KEY, WRITES, RUN_WORKER, reservations_move },
    { HTTP_GET, "/v1/reservations/{id}/dispute", "reservations_dispute", SEES_JOB, NO_KEY, READS, RUN_WORKER, reservations_dispute },
    { HTTP_POST, "/v1/reservations/{id}/contest", "reservations_contest", BUYER, KEY, WRITES, RUN_WORKER, reservations_contest },
    { HTTP_POST, "/v1/reservations/{id}/statements", "reservations_say", SAYS, KEY, WRITES, RUN_WORKER, reservations_say },
    { HTTP_GET, "/v1/reservations/{id}/output", "reservations_output", BUYER, NO_KEY, READS, RUN_WORKER, reservations_output },
    { HTTP_GET, "/v1/reservations/{id}/secrets", "reservations_secrets", BUYER, NO_KEY, READS, RUN_WORKER, reservations_secrets },
    { HTTP_GET, "/v1/reservations/{id}/ticket", "reservations_ticket", SEES_JOB, NO_KEY, READS, RUN_WORKER, reservations_ticket },
    { HTTP_GET, "/v1/reservations/{id}/events", "reservations_events", SEES_JOB, NO_KEY, READS, RUN_WORKER, reservations_events },
    /* the programme */
    { HTTP_GET, "/v1/programme", "programme_get", PROGRAMME, NO_KEY, READS, RUN_WORKER, programme_get },
    { HTTP_GET, "/v1/programme/moves", "programme_moves", PROGRAMME, NO_KEY, READS, RUN_WORKER, programme_moves },
    { HTTP_GET, "/v1/programme/report", "programme_report", PROGRAMME, NO_KEY, READS, RUN_SLOW, programme_report },
    { HTTP_GET, "/v1/programme/report/package", "programme_package", PROGRAMME, NO_KEY, READS, RUN_SLOW, programme_package },
    { HTTP_GET, "/v1/programme/report.csv", "programme_report_csv", PROGRAMME, NO_KEY, READS, RUN_SLOW, programme_report_csv },
    { HTTP_GET, "/v1/programme/use", "programme_use", PROGRAMME, NO_KEY, READS, RUN_SLOW, programme_use },
    { HTTP_GET, "/v1/programme/shares", "programme_shares", PROGRAMME, NO_KEY, READS, RUN_WORKER, programme_shares },
    { HTTP_GET, "/v1/funds", "funds_list", PROGRAMME, NO_KEY, READS, RUN_WORKER, funds_list },
    { HTTP_GET, "/v1/funds/{account}/flow", "funds_flow", PROGRAMME, NO_KEY, READS, RUN_SLOW, funds_flow },
    { HTTP_POST, "/v1/funds", "funds_create", OFFICER, KEY, NO_TOKEN, RUN_WORKER, funds_create },
    { HTTP_GET, "/v1/tranches", "tranches_list", PROGRAMME, NO_KEY, READS, RUN_WORKER, tranches_list },
    { HTTP_POST, "/v1/tranches", "tranches_create", OFFICER, KEY, NO_TOKEN, RUN_WORKER, tranches_create },
    { HTTP_POST, "/v1/grants", "grants_create", OFFICER, KEY, NO_TOKEN, RUN_WORKER, grants_create },
    { HTTP_GET, "/v1/aid/rules", "aid_rules_list", PUBLIC, NO_KEY, READS, RUN_WORKER, aid_rules_list },
    { HTTP_POST, "/v1/aid/rules", "aid_rules_create", ADMIN, KEY, NO_TOKEN, RUN_WORKER, aid_rules_create },
    { HTTP_GET, "/v1/aid/sums", "aid_sums", PROGRAMME, NO_KEY, READS, RUN_SLOW, aid_sums_list },
    { HTTP_GET, "/v1/aid/register.csv", "aid_register", PROGRAMME, NO_KEY, READS, RUN_WORKER, aid_register },
    { HTTP_POST, "/v1/grants/{account}/clawback", "grants_clawback", ADMIN, KEY, NO_TOKEN, RUN_SLOW, grants_clawback },
    { HTTP_POST, "/v1/journal/entries/{index}/erase", "journal_entry_erase", OFFICER | ADMIN, KEY, NO_TOKEN, RUN_WORKER, entry_erase },
    { HTTP_POST, "/v1/reservations/{id}/resolve", "reservations_resolve", ADMIN, KEY, NO_TOKEN, RUN_SLOW, reservations_resolve },
    { HTTP_POST, "/v1/reservations/{id}/correct", "reservations_correct", OFFICER | ADMIN, KEY, NO_TOKEN, RUN_SLOW, reservations_correct },
    { HTTP_POST, "/v1/reservations/{id}/dismiss", "reservations_dismiss", OFFICER | ADMIN, KEY, NO_TOKEN, RUN_SLOW, reservations_dismiss },
    { HTTP_POST, "/v1/accounts/{account}/close", "accounts_close", ADMIN, KEY, NO_TOKEN, RUN_SLOW, accounts_close },
    { HTTP_GET, "/v1/clock", "clock_get", ADMIN, NO_KEY, READS, RUN_WORKER, clock_get },
    { HTTP_POST, "/v1/journal/admit", "journal_admit", ADMIN, KEY, NO_TOKEN, RUN_WORKER, journal_admit },
    { HTTP_GET, "/v1/orders", "orders_list", PROGRAMME, NO_KEY, READS, RUN_WORKER, orders_list_get },
    { HTTP_GET, "/v1/orders/{id}", "orders_get", PROGRAMME, NO_KEY, READS, RUN_WORKER, orders_get },
    { HTTP_POST, "/v1/orders/{id}/signatures", "orders_sign", OFFICER | ADMIN, KEY, NO_TOKEN, RUN_WORKER, orders_sign },
    { HTTP_POST, "/v1/orders/{id}/carry-out", "orders_carry_out", OFFICER | ADMIN, KEY, NO_TOKEN, RUN_WORKER, orders_carry_out },
    { HTTP_POST, "/v1/orders/{id}/withdraw", "orders_withdraw", OFFICER | ADMIN, KEY, NO_TOKEN, RUN_WORKER, orders_withdraw },
    { HTTP_POST, "/v1/orders/{id}/refuse", "orders_refuse", OFFICER | ADMIN, KEY, NO_TOKEN, RUN_WORKER, orders_refuse },
    { HTTP_GET, "/v1/order-rule", "order_rule_get", PROGRAMME, NO_KEY, READS, RUN_WORKER, order_rule_get },
    { HTTP_POST, "/v1/order-rule", "order_rule_set", ADMIN, KEY, NO_TOKEN, RUN_WORKER, order_rule_set },
    { HTTP_GET, "/v1/officer-keys", "officer_keys_list", PROGRAMME, NO_KEY, NO_TOKEN, RUN_WORKER, officer_keys_get },
    { HTTP_POST, "/v1/officer-keys/{id}/confirm", "officer_key_confirm", ADMIN, KEY, NO_TOKEN, RUN_WORKER, officer_key_confirm },
    { HTTP_POST, "/v1/officer-keys/{id}/refuse", "officer_key_refuse", OFFICER | ADMIN, KEY, NO_TOKEN, RUN_WORKER, officer_key_refuse },
    { HTTP_POST, "/v1/keys/rotate", "keys_rotate", ADMIN, KEY, NO_TOKEN, RUN_WORKER, keys_rotate },
    { HTTP_POST, "/v1/keys/{index}/revoke", "keys_revoke", OPERATOR | OFFICER, KEY, NO_TOKEN, RUN_WORKER, keys_revoke },
    { HTTP_POST, "/v1/log-keys/rotate", "log_keys_rotate", ADMIN, KEY, NO_TOKEN, RUN_WORKER, log_keys_rotate },
    { HTTP_POST, "/v1/clock/confirm", "clock_confirm", ADMIN, KEY, NO_TOKEN, RUN_WORKER, clock_confirm },
    /* sites */
    { HTTP_POST, "/v1/sites", "sites_create", ADMIN, KEY, NO_TOKEN, RUN_WORKER, sites_create },
    { HTTP_POST, "/v1/sites/{code}/offerings", "offerings_create", ADMIN, KEY, NO_TOKEN, RUN_WORKER, offerings_create },
    { HTTP_POST, "/v1/offerings/{index}/rates", "rates_create", ADMIN, KEY, NO_TOKEN, RUN_WORKER, rates_create },
    { HTTP_POST, "/v1/offerings/{index}/capacity", "capacity_create", ADMIN, KEY, NO_TOKEN, RUN_WORKER, capacity_create },
    { HTTP_POST, "/v1/offerings/{index}/floors", "offerings_floors", OPERATOR | OFFICER, KEY, NO_TOKEN, RUN_WORKER, offerings_floors },
    { HTTP_POST, "/v1/policies", "policies_create", ADMIN, KEY, NO_TOKEN, RUN_WORKER, policies_create },
    { HTTP_GET, "/v1/sites/{code}/agent", "sites_agent", OPERATOR, NO_KEY, READS, RUN_WORKER, sites_agent },
    { HTTP_GET, "/v1/sites/{code}/tickets", "sites_tickets", OPERATOR, NO_KEY, READS, RUN_WORKER, sites_tickets },
    { HTTP_GET, "/v1/sites/{code}/reports", "sites_reports", OPERATOR, NO_KEY, READS, RUN_WORKER, sites_reports },
    { HTTP_GET, "/v1/sites/{code}/moves", "sites_moves", OPERATOR, NO_KEY, READS, RUN_WORKER, sites_moves },
    { HTTP_GET, "/v1/sites/{code}/share", "sites_share", OPERATOR, NO_KEY, READS, RUN_WORKER, sites_share },
    { HTTP_GET, "/v1/sites/{code}/maintenance", "sites_maintenance", OPERATOR, NO_KEY, READS, RUN_WORKER, sites_maintenance },
    { HTTP_POST, "/v1/offerings/{index}/maintenance", "maintenance_plan", OPERATOR, KEY, NO_TOKEN, RUN_WORKER, maintenance_plan },
    { HTTP_POST, "/v1/offerings/{index}/maintenance-end", "maintenance_end", OPERATOR, KEY, NO_TOKEN, RUN_WORKER, maintenance_end },
    { HTTP_POST, "/v1/sites/{code}/pause", "sites_pause", OPERATOR, KEY, NO_TOKEN, RUN_WORKER, sites_pause },
    { HTTP_POST, "/v1/sites/{code}/drain", "sites_drain", OPERATOR, KEY, NO_TOKEN, RUN_WORKER, sites_drain },
    { HTTP_POST, "/v1/sites/{code}/spool-retire", "sites_spool_retire", OPERATOR, KEY, NO_TOKEN, RUN_WORKER, sites_spool_retire },
    { HTTP_POST, "/v1/sites/{code}/agent-tokens", "sites_agent_token", OPERATOR, NO_KEY, NO_TOKEN, RUN_WORKER, sites_agent_token },
    /* agents */
    { HTTP_POST, "/v1/agent/enrol", "agent_enrol", PUBLIC, NO_KEY, NO_TOKEN, RUN_WORKER, agent_enrol },
    { HTTP_POST, "/v1/agent/instance", "agent_instance", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_instance },
    { HTTP_GET, "/v1/agent/tickets", "agent_tickets", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_tickets },
    { HTTP_POST, "/v1/agent/tickets/received", "agent_received", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_received },
    { HTTP_POST, "/v1/agent/reports", "agent_report", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_report },
    { HTTP_POST, "/v1/agent/keys", "agent_keys", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_keys },
    { HTTP_GET, "/v1/agent/self", "agent_self", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_self },
    { HTTP_POST, "/v1/agent/seen", "agent_seen", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_seen },
    { HTTP_POST, "/v1/agent/witness", "agent_witness", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_witness },
    { HTTP_GET, "/v1/agent/checkpoint", "agent_checkpoint", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_checkpoint },
    { HTTP_GET, "/v1/agent/entries", "agent_entries", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_entries },
    { HTTP_GET, "/v1/agent/assertions/{sha256}", "agent_assertions", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_assertions },
    { HTTP_POST, "/v1/agent/cosignatures", "agent_cosignature", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_cosignature },
    { HTTP_POST, "/v1/agent/refusals", "agent_refusal", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_refusal },
    { HTTP_GET, "/v1/agent/blobs/{sha256}", "agent_blob", AGENT, NO_KEY, NO_TOKEN, RUN_WORKER, agent_blob },
};
/* clang-format on */
const size_t ROUTES_COUNT = sizeof ROUTES / sizeof *ROUTES;

const char *
who_text(enum who who)
{
    switch (who) {
    case WHO_PUBLIC:
        return "public";
    case WHO_SESSION:
        return "session";
    case WHO_MEMBER:
        return "member";
    case WHO_OWNER:
        return "owner";
    case WHO_OFFICER:
        return "officer";
    case WHO_AUDITOR:
        return "auditor";
    case WHO_SITE_OPERATOR:
        return "site_operator";
    case WHO_ADMINISTRATOR:
        return "administrator";
    case WHO_AGENT:
        return "agent";
    }
    return "?";
}

const struct route *
route_named(const char *name)
{
    for (size_t i = 0; i < ROUTES_COUNT; i++)
        if (strcmp(ROUTES[i].name, name) == 0)
            return &ROUTES[i];
    return NULL;
}

void
routes_print(FILE *to)
{
    static const char *const TOKENS[] = { [TOKEN_NEVER] = "-", [TOKEN_READS] = "read", [TOKEN_WRITES] = "write" };

    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        const struct route *r = &ROUTES[i];
        const char *comma = "";

        fprintf(to, "%s %s %s ", http_method_text(r->method), r->path, r->name);
        for (unsigned bit = WHO_PUBLIC; bit <= WHO_AGENT; bit <<= 1)
            if (r->who & bit) {
                fprintf(to, "%s%s", comma, who_text((enum who)bit));
                comma = ",";
            }
        fprintf(to, " %s %s\n", r->key ? "key" : "-", TOKENS[r->token]);
    }
}

/* One part of a path that stands for something. False if it is not of that kind: then there is no such thing. */
static bool
take_part(struct call *call, const char *pattern, size_t pattern_len, const char *part, size_t len)
{
    char text[80];
    int64_t index;

    if (len == 0 || len >= sizeof text)
        return false;
    memcpy(text, part, len);
    text[len] = '\0';
    if (strncmp(pattern, "{id}", pattern_len) == 0)
        return uuid_parse(text, &call->path_id);
    if (strncmp(pattern, "{index}", pattern_len) == 0 || strncmp(pattern, "{account}", pattern_len) == 0) {
        if (!text_to_i64(text, 0, INT64_MAX, &index))
            return false;
        call->path_index = (uint64_t)index;
        return true;
    }
    call->path_text = arena_textn(call->arena, part, len);
    return true;
}

static bool
match(const char *pattern, const char *path, struct call *call)
{
    for (;;) {
        size_t pattern_len = strcspn(pattern, "/");
        size_t len = strcmp(pattern, "{path}") == 0 ? strlen(path) : strcspn(path, "/"); /* all that is left */

        if (pattern[0] == '{') {
            if (!take_part(call, pattern, pattern_len, path, len))
                return false;
        } else if (pattern_len != len || memcmp(pattern, path, len) != 0) {
            return false;
        }
        pattern += pattern_len;
        path += len;
        if (!*pattern || !*path)
            return *pattern == *path;
        pattern++;
        path++;
    }
}

const struct route *
route_find(enum http_method method, const char *path, struct call *call, enum err *ret_err, char *ret_allowed,
           size_t cap)
{
    size_t used = 0;

    if (method == HTTP_HEAD)
        method = HTTP_GET;
    *ret_err = ERR_NOT_FOUND;
    for (size_t i = 0; i < ROUTES_COUNT; i++) {
        const struct route *r = &ROUTES[i];

        /* Cheap first: most differ before the first variable part. */
        if (r->path[4] != path[4 < strlen(path) ? 4 : strlen(path)] || !match(r->path, path, call))
            continue;
        if (r->method == method)
            return r;
        *ret_err = ERR_METHOD;
        used += (size_t)snprintf(ret_allowed + used, cap - used, "%s%s", used ? ", " : "", http_method_text(r->method));
    }
    return NULL;
}
