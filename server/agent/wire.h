/* agent/wire.h
 * HTTP to the server (base/web.h). A few lanes, each with a connection of its own and at most one call at a
 * time: the long poll never delays a report. Nothing is retried here and no redirect is followed. */
#ifndef AGENT_WIRE_H
#define AGENT_WIRE_H

#include "base/bytes.h"

enum wire_lane { WIRE_POLL, WIRE_REPORT, WIRE_ERRAND, WIRE_WITNESS, WIRE_ATTEST, WIRE_LANES };

struct wire;

struct wire_call {
    const char *path;  /* "/v1/agent/…" with its query */
    const char *token; /* Authorization: Bearer; NULL: none */
    uint64_t instance; /* Kontor-Instance; 0: none */
    struct bytes body; /* JSON; data NULL: GET */
    int timeout_ms;
};

struct wire_reply {
    enum wire_lane lane;
    uint64_t instance; /* the call's */
    int status;        /* 0: no reply; then error says why */
    bool unsent;       /* it certainly did not reach the server */
    int retry_after_s; /* 0: not said */
    size_t server;     /* which of the addresses was asked */
    char error[256];
    char *body; /* ends in NUL; valid until the lane's next call */
    size_t len;
};

/* urls: one or several, separated by spaces; each https://…, or http:// on a loopback address. ERR_CONFIG otherwise.
 * ca_file "": the system's. Calls go to one of them, at first the first. */
enum { WIRE_SERVERS_MAX = 8 };
enum err wire_new(const char *urls, const char *ca_file, struct wire **ret, struct err_detail *d) MUST_USE;
size_t wire_servers(const struct wire *w);
const char *wire_server(const struct wire *w, size_t i);
/* The server asked last (a reply's) will not do: from now on ask the one with that address, if it is one of ours, else the
 * next. Security: an address that a reply names is never followed unless the operator has named it too. */
void wire_turn(struct wire *w, size_t from, const char *to);
void wire_delete(struct wire *w);
bool wire_busy(const struct wire *w, enum wire_lane lane);
/* Begin; the lane must be free (assert). */
void wire_start(struct wire *w, enum wire_lane lane, const struct wire_call *call);
/* Wait for replies or for one of the descriptors to become readable, at most that long. */
void wire_wait(struct wire *w, const int *fds, size_t n, int timeout_ms);
/* A reply that came; false if there is none. */
bool wire_next(struct wire *w, struct wire_reply *ret);
/* One call to its end. */
void wire_once(struct wire *w, const struct wire_call *call, struct wire_reply *ret);

#endif
