/* api/handlers.h: what the route table names, and what handlers of one file use of another. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/agent_tickets.h"
#include "api/call.h"

struct role;
struct report_record;
struct request_row;
struct site_state;

handler_fn health_live, health_ready, health_leader; /* health.c */
handler_fn agent_seen, journal_admit;                /* seen.c */
handler_fn keys_rotate, log_keys_rotate;             /* rotate.c */
handler_fn jwks_get, openapi_get, error_explained; /* public.c */
handler_fn session_get, session_create, session_delete, me_get, me_password; /* session.c */
handler_fn providers_list, sign_in_begin, sign_in_end; /* sign_in.c */
handler_fn me_passkeys, me_passkey_begin, me_passkey_make, me_passkey_rename, me_passkey_remove; /* passkeys.c */
handler_fn session_passkey_begin, session_passkey, session_second, session_second_passkey; /* passkey_use.c */
handler_fn me_second, me_second_set, me_codes_make; /* ways.c */
handler_fn me_tokens, me_token_make, me_token_end; /* tokens.c */
handler_fn me_security; /* security.c */
handler_fn me_notices, me_notices_read, me_notice_choices, me_notice_choose; /* notices.c */
handler_fn me_mail, me_mail_ask, me_mail_remove, mail_confirm_post, mail_stop, mail_stop_page, me_language, mail_state, mail_again_post; /* mail.c */
handler_fn me_guides, me_guides_do; /* guide.c */
handler_fn webhooks_list, webhooks_create, webhooks_remove, webhooks_test, deliveries_get, deliveries_retry; /* webhooks.c */
handler_fn me_sessions, me_session_end, me_sessions_end_others; /* session.c */
handler_fn me_identities, me_identity_remove, people_identities; /* identities.c */
handler_fn people_create, people_list_get, people_password, people_roles, people_roles_remove; /* people.c */
handler_fn me_rights, people_rights, organisations_rights;                  /* rights.c */
handler_fn aid_rules_list, organisations_aid, grants_aid;                        /* aid.c */
handler_fn aid_rules_create, aid_declare_post, aid_links_list, aid_links_set, aid_register; /* aid_declared.c */
handler_fn members_set;                                                     /* members.c */
handler_fn invitations_list_get, invitations_create, invitations_withdraw, invitations_look, invitations_join, invitations_accept; /* invitations.c */
handler_fn organisations_create, organisations_list_get, organisations_get, organisations_members;
handler_fn sites_list, offerings_list, offerings_free, sites_calendar, sites_agent, sites_tickets, sites_reports, sites_pause,
    sites_drain, sites_agent_token; /* sites.c */
handler_fn sites_spool_retire;      /* spools.c */
handler_fn clock_get, clock_confirm; /* clocks.c */
handler_fn sites_create, offerings_create, rates_create, capacity_create, offerings_floors, policies_create,
    policies_list;                                                                            /* registry.c */
handler_fn checkpoint_get, tile_get, entry_receipt, entry_bytes, agent_entries, agent_assertions, journal_growth; /* log.c */
handler_fn entry_evidence, entry_erase;                                                      /* evidence.c */
handler_fn agent_witness, agent_cosignature, agent_refusal, agent_checkpoint, journal_witnesses, journal_policy; /* witnesses.c */
handler_fn journal_get, journal_entries, journal_entry_get; /* journal.c */
handler_fn grants_list, grants_get, grants_entries, funds_list, tranches_list, programme_get; /* grants.c */
handler_fn grants_history; /* history.c */
handler_fn reservations_outlook, reservations_move; /* outlook.c */
handler_fn programme_moves, sites_moves; /* moves.c */
handler_fn programme_report, programme_report_csv; /* report.c */
handler_fn programme_use; /* use.c */
handler_fn programme_package; /* package.c */
handler_fn funds_flow; /* flow.c */
handler_fn aid_sums_list; /* aid_sums.c */
handler_fn sites_maintenance, maintenance_plan, maintenance_end; /* maintenance.c */
handler_fn sites_share; /* given.c */
handler_fn sites_waits; /* site_waits.c */
handler_fn reservations_dispute, reservations_contest, reservations_say; /* disputes.c */
handler_fn grants_share, programme_shares; /* fairness.c */
handler_fn funds_create, tranches_create, grants_create, grants_clawback, accounts_close,
    reservations_resolve, reservations_correct, reservations_dismiss; /* funding.c */
handler_fn requests_create, requests_get, requests_list_get, requests_cancel;                    /* requests.c */
handler_fn quotes_look, quotes_get, quotes_renew, quotes_release, quotes_accept, requests_quote; /* quotes.c */
handler_fn reservations_list_get, reservations_get, reservations_cancel, reservations_output, reservations_ticket,
    reservations_secrets, reservations_events;                                    /* reservations.c */
handler_fn orders_list_get, orders_get; /* waiting.c */
handler_fn orders_sign, orders_carry_out, orders_withdraw, orders_refuse; /* signing.c */
handler_fn order_rule_get, order_rule_set; /* order_rule.c */
handler_fn me_keys, me_key_ask, me_key_ask_passkey, officer_keys_get, officer_key_confirm, officer_key_refuse; /* officer_keys.c */
handler_fn agent_self; /* agent_self.c */
handler_fn agent_keys, keys_revoke; /* agent_keys.c */
handler_fn agent_enrol, agent_instance, agent_received, agent_report, agent_blob; /* agents.c */

const char *role_name(int code);
enum err roles_json(struct call *call, struct uuid person) MUST_USE;
enum err role_json(struct call *call, const char *member, const struct role *r, const struct state *s) MUST_USE;
/* Signed in: a session, its cookie, and the call is that person's. */
enum err session_begin(struct call *call, struct uuid person) MUST_USE;
enum err password_store(struct call *call, struct uuid person, const char *password, struct hash but) MUST_USE;
enum err journal_json(struct call *call, const char *name) MUST_USE;
enum err site_report_json(struct call *call, const struct report_record *record) MUST_USE;
enum err state_words(struct call *call, const char **ret) MUST_USE;
void journal_list_of(struct call *call, uint64_t account);
void reply_account(struct call *call, uint64_t account, int status);
void reply_reservation(struct call *call, struct uuid id, int status);
void send_cancel(struct call *call, handler_fn *then); /* what is in.cancel already; then as call_send_any() has it */
void reply_site(struct call *call, const char *code);
void reply_agent(struct call *call, int status);
void spool_json(struct json_out *out, const struct site_state *ss);
void reply_offering(struct call *call, uint64_t index);
enum err site_of_code(struct call *call, const char *code, uint64_t *ret) MUST_USE;
enum err site_of_path(struct call *call, uint64_t *ret) MUST_USE;
enum err request_find(struct call *call, struct uuid id, struct request_row *ret) MUST_USE;
void jwks_json(struct call *call, const struct state *s, const char *name);
enum err agent_check_instance(struct call *call) MUST_USE;
void agent_in_touch(struct call *call);
void clocks_hear(struct call *call);
void clock_ahead_json(struct call *call, uint64_t site);
const char *report_kind_name(unsigned kind);
const char *report_reason_name(unsigned reason);

#endif
