/* base/web.h
 * HTTP calls to others, and letters by SMTP, by libcurl; its only user. A few lanes, each with a connection of its own and at most
 * one call at a time. Nothing is retried here and no redirect is followed. One thread at a time. */
#ifndef BASE_WEB_H
#define BASE_WEB_H

#include "base/bytes.h"

struct web;

/* A letter instead of a call. The addresses are plain ASCII without blanks, line breaks or angle brackets: whoever calls has checked. */
struct web_letter {
    const char *from, *to;
    const char *user, *password; /* "": none */
    bool clear;                  /* without TLS; else nothing is sent, not even the password, before TLS and the server's certificate */
};

struct web_call {
    const char *url;            /* that web_url_ok() takes; of a letter, web_mail_url_ok(), and after it /NAME, as which we greet */
    const char *const *headers; /* "Name: value"; ends in NULL; NULL: none */
    struct bytes body;          /* data NULL: GET, else POST; copied */
    const char *type;           /* the body's; NULL: application/json */
    int timeout_ms;
    size_t most;                /* bytes of the reply with its headers, beyond which the call fails; 0: 8 MiB */
    const struct web_letter *letter; /* NULL: a call. Else body is the letter, its lines ending in CR LF; the connection is closed afterwards */
    bool stranger;              /* the address is somebody's word: only to public addresses, as they are when the connection is
                                 * made, by no proxy, and the connection is closed afterwards */
};

struct web_reply {
    size_t lane;
    int status;        /* 0: no reply; then error says why. Of a letter: the mail server's last reply; 250 if it has it */
    bool refused;      /* of a letter: the status, 4xx or 5xx, is about whom it is for or what it says, not about us */
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
/* smtp://HOST[:PORT], where TLS begins with STARTTLS, or smtps://HOST[:PORT]; nothing after it. */
bool web_mail_url_ok(const char *url);
bool web_mail_url_loopback(const char *url); /* one of those, on this machine's loopback address */
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
