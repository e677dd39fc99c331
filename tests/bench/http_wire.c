#include "http_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"

static void
give_up(const char *why)
{
    fprintf(stderr, "%s: %s\n", why, strerror(errno));
    exit(1);
}

int64_t
wire_now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

bool
wire_address(const char *text, struct sockaddr_in *ret)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    int64_t port;

    if (!colon || !text_to_i64(colon + 1, 1, 65535, &port) ||
        !text_format(host, sizeof host, "%.*s", (int)(colon - text), text))
        return false;
    *ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    return inet_pton(AF_INET, host, &ret->sin_addr) == 1;
}

void
wire_open(struct wire *w, const struct sockaddr_in *to)
{
    int one = 1;

    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd < 0 || connect(w->fd, (const struct sockaddr *)to, sizeof *to) != 0)
        give_up("cannot connect");
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void
wire_stamp(struct wire *w)
{
    int one = 1;

    if (setsockopt(w->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) != 0)
        give_up("no time stamps");
    w->cap = 8192; /* and the buffer is there by then */
    w->buffer = xcalloc(1, w->cap);
}

static ssize_t
take(struct wire *w, bool wait)
{
    struct iovec to = { .iov_base = w->buffer + w->have, .iov_len = w->cap - w->have - 1 };
    char control[128];
    struct msghdr m = { .msg_iov = &to, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    ssize_t n = recvmsg(w->fd, &m, wait ? 0 : MSG_DONTWAIT);

    for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL; c; c = CMSG_NXTHDR(&m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec t;

            memcpy(&t, CMSG_DATA(c), sizeof t);
            w->arrived_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
        }
    return n;
}

void
wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    free(w->buffer);
    *w = (struct wire){ .fd = -1 };
}

void
wire_send(struct wire *w, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(w->fd, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            give_up("cannot send");
        data += n;
        len -= (size_t)n;
    }
}

static void
read_head(struct wire *w)
{
    char *end = memmem(w->buffer, w->have, "\r\n\r\n", 4);
    int64_t len = 0;

    if (!end)
        return;
    *end = '\0';
    if (strncmp(w->buffer, "HTTP/1.1 ", 9) != 0)
        give_up("this is no HTTP");
    w->status = (int)strtol(w->buffer + 9, NULL, 10);
    w->retry_after_s = 0;
    for (char *line = strstr(w->buffer, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            len = strtol(line + 15, NULL, 10);
        if (strncasecmp(line, "Retry-After:", 12) == 0)
            w->retry_after_s = (int)strtol(line + 12, NULL, 10);
    }
    w->body = end + 4;
    w->body_len = (size_t)len;
    w->need = (size_t)(end + 4 - w->buffer) + (size_t)len;
}

bool
wire_receive(struct wire *w, bool wait)
{
    for (;;) {
        ssize_t n;

        if (w->need && w->have >= w->need) {
            w->body[w->body_len] = '\0';
            return true;
        }
        if (w->have + 4096 > w->cap) {
            size_t body_at = w->need ? (size_t)(w->body - w->buffer) : 0;

            w->cap = w->cap ? w->cap * 2 : 8192;
            w->buffer = xrealloc(w->buffer, w->cap);
            w->body = w->buffer + body_at;
        }
        n = take(w, wait);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return false;
        if (n <= 0)
            give_up("the server hung up");
        w->have += (size_t)n;
        if (!w->need)
            read_head(w);
    }
}

void
wire_next(struct wire *w)
{
    w->have = w->need = 0;
}

void
wire_member(const struct wire *w, const char *name, char *ret, size_t cap)
{
    char key[64];
    const char *at;
    size_t len;

    ret[0] = '\0';
    if (!text_format(key, sizeof key, "\"%s\":", name) || !(at = strstr(w->body, key)))
        return;
    at += strlen(key);
    at += *at == '"';
    len = strcspn(at, "\",}");
    if (len < cap) {
        memcpy(ret, at, len);
        ret[len] = '\0';
    }
}
