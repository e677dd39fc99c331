/* tests/bench/http_wire.h: the client's side of HTTP/1.1 for the benchmarks: a connection whose answers come one at a
 * time, each with a Content-Length. It aborts on what a benchmark cannot go on with. */
#ifndef BENCH_HTTP_WIRE_H
#define BENCH_HTTP_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire {
    int fd; /* -1: not connected */
    char *buffer;
    size_t have, cap;
    size_t need; /* of the whole answer; 0: its head is not in yet */
    int status, retry_after_s; /* 0: it says none */
    char *body; /* of a whole answer, with a NUL behind it */
    size_t body_len;
    int64_t arrived_us; /* when its last part came in at the socket, by the kernel, if wire_stamp() was called */
};

/* "ADDRESS:PORT"; false if it is none. */
bool wire_address(const char *text, struct sockaddr_in *ret);
/* Connect, blocking. */
void wire_open(struct wire *w, const struct sockaddr_in *to);
void wire_close(struct wire *w);
/* Have the kernel note when answers arrive, so that it does not matter when this process gets round to reading them. */
void wire_stamp(struct wire *w);
/* Send it all, blocking if it must. */
void wire_send(struct wire *w, const char *data, size_t len);
/* Take what has come in. True when an answer is whole; wire_next() makes room for the next one. */
bool wire_receive(struct wire *w, bool wait);
void wire_next(struct wire *w);
/* The value of the first member of that name in the answer's body, without its quotes; "" if there is none. */
void wire_member(const struct wire *w, const char *name, char *ret, size_t cap);
int64_t wire_now_us(void); /* real clock, since 1970 */

#endif
