/* base/web.h
 * HTTP calls to others, by libcurl; its only user. A few lanes, each with a connection of its own and at most one call at a
 * time. Nothing is retried here and no redirect is followed. One thread at a time. */
#ifndef BASE_WEB_H
#define BASE_WEB_H

#include "base/bytes.h"

struct web;

struct web_call {
    const char *url;            /* that web_url_ok() takes */
    const char *const *headers; /* "Name: value"; ends in NULL; NULL: none */
    struct bytes body;          /* data NULL: GET, else POST; copied */
    const char *type;           /* the body's; NULL: application/json */
    int timeout_ms;
    size_t most;                /* bytes of the reply with its headers, beyond which the call fails; 0: 8 MiB */
    bool stranger;              /* the address is somebody's word: only to public addresses, as they are when the connection is
                                 * made, by no proxy, and the connection is closed afterwards */
};

struct web_reply {
    size_t lane;
    int status;        /* 0: no reply; then error says why */
    bool unsent;       /* it certainly did not reach the server */
    int retry_after_s; /* 0: not said */
    char error[256];
    char *body; /* ends in NUL; valid until the lane's next call */
    size_t len;
};

/* https://…, or http:// on a loopback address, where nobody can listen in. Visible ASCII, and nobody's name or password
 * before the host: "http://127.0.0.1:80@example" goes to example. */
bool web_url_ok(const char *url);
bool web_url_loopback(const char *url); /* one of the latter */
/* Visible ASCII, nobody's name before the host, and https://… or, where plain ones do, http://…: not yet where it leads. */
bool web_url_stranger_ok(const char *url, bool plain_too);
/* ca_file "": the system's. name: User-Agent. ERR_INTERNAL. */
enum err web_new(size_t lanes, const char *ca_file, const char *name, struct web **ret, struct err_detail *d) MUST_USE;
void web_delete(struct web *w);
bool web_busy(const struct web *w, size_t lane);
/* Begin; the lane must be free (assert). */
void web_start(struct web *w, size_t lane, const struct web_call *call);
/* If a call is under way there, it ends now, without a reply. */
void web_end(struct web *w, size_t lane, const char *why);
/* Wait for replies or for one of the descriptors (at most 8) to become readable, at most that long. */
void web_wait(struct web *w, const int *fds, size_t n, int timeout_ms);
/* A reply that came; false if there is none. */
bool web_next(struct web *w, struct web_reply *ret);

#endif
