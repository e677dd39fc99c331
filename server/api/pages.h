/* api/pages.h
 * The files that browsers get: what scripts/build-web made, listed in web_dir/manifest (its format stands there), read
 * once at the start and answered from memory on the socket's thread. Assets carry their hash in their path and may be
 * kept for a year; a page of the map (a route) names its own files in its head, so that a browser asks for them at once; a
 * shell answers /en/ and everything below it that is no route. Both are asked for again each time and answered 304 when
 * unchanged. There is a shell a language; "/" leads to the one that the reader's Accept-Language would rather have, else English. */
#ifndef API_PAGES_H
#define API_PAGES_H

#include "http/http.h"

/* To browsers that come by TLS: come by nothing else for a year, here and below (RFC 6797). */
#define HTTPS_ONLY "max-age=31536000; includeSubDomains"

struct pages;

/* https: browsers come by TLS. ERR_IO or ERR_CONFIG with d->internal: the manifest or a file of it cannot be read, or makes no sense. */
enum err pages_load(const char *web_dir, bool https, struct err_detail *d, struct pages **ret) MUST_USE;
void pages_delete(struct pages *p); /* after http_delete() */
/* The answer to GET and HEAD of a path that is ours, or NULL: the call is for others. Any thread; valid in the handler
 * only, as it reads headers. */
struct http_response *pages_answer(const struct pages *p, const struct http_call *call);

#endif
