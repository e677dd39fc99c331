/* agent/claims.h
 * What the server signs for a site: tickets (schema/ticket.json) and receipts (schema/receipt.json), read strictly from
 * their verified payloads. Times of the ticket are ms of the journal's clock; iat, nbf, exp are real seconds. */
#ifndef AGENT_CLAIMS_H
#define AGENT_CLAIMS_H

#include "base/hash.h"
#include "base/uuid.h"
#include "core/needs.h"
#include "core/ticket.h"
#include "crypto/jws.h"

#define WORKLOAD_MAX TICKET_WORKLOAD_MAX

struct ticket_claims {
    bool cancel; /* do: cancel; then nothing after `organisation` is set */
    struct uuid jti, request, reservation, organisation;
    int64_t iat_s, nbf_s, exp_s;
    uint64_t seq, fence;
    uint64_t offering, hold;
    char model[33];
    uint32_t gpus, nodes, walltime_s, rate_milli;
    int64_t window_start_ms, window_end_ms, permit_from_ms, accept_by_ms, start_by_ms;
    int64_t max_gpums;
    struct hash workload;
    uint32_t workload_len;
    uint16_t needs;      /* core/needs.h; 0: a script's run */
    struct hash secrets; /* SHA-256 of what was sealed for it; zeros: nothing */
    bool needs_unknown;  /* and something that we do not know: it must be rejected */
};

struct receipt_claims {
    uint64_t number;
    struct hash statement;
    int64_t iat_s;
    bool has_permit, granted; /* kind accepted only */
    struct uuid jti;
    uint64_t fence, instance;
    char reason[48]; /* wire name where refused */
};

/* Verify and read a ticket for this site. ERR_TOKEN_… by what is not right (crypto/jws.h; _SERVER: issuer, _SITE: audience); the JSON errors
 * if its claims are not as in the schema. Expiry is the caller's to judge. */
enum err ticket_claims_read(const char *jws, const struct jws_keys *keys, const char *origin, const char *site,
                            struct ticket_claims *ret, struct err_detail *d) MUST_USE;
/* The same for a ticket that ticket_claims_read() refused for one of its values, if it is signed and for this site: what
 * is needed to reject it (jti, request, reservation, seq, fence), the rest zero. A ticket that cannot be carried out must
 * not keep those behind it waiting. ERR_TOKEN_… or the JSON errors if that cannot be read either; a cancel ticket is
 * never read so. */
enum err ticket_claims_head(const char *jws, const struct jws_keys *keys, const char *origin, const char *site,
                            struct ticket_claims *ret) MUST_USE;
/* A ticket that was verified when it came: its key may be gone by now, and nothing is verified here. */
bool ticket_claims_kept(const char *jws, struct ticket_claims *ret);
enum err receipt_claims_read(const char *jws, const struct jws_keys *keys, const char *origin, const char *site,
                             struct receipt_claims *ret, struct err_detail *d) MUST_USE;
/* The second in which a receipt was given (iat), of one that was verified when it came: its key may be gone by now, and
 * nothing is verified here. -1: it is no receipt. */
int64_t receipt_claims_time(const char *jws);

#endif
