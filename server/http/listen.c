/* http/listen.c: listening sockets. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/internal.h"

/* A socket file left behind by a server that was killed is in the way of bind(): if nobody answers there, it goes. */
static bool
unlink_if_dead(const struct sockaddr_un *at)
{
    struct stat st;
    int fd;
    bool dead;

    if (lstat(at->sun_path, &st) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(st.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    dead = connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 && errno == ECONNREFUSED;
    close(fd);
    return dead && unlink(at->sun_path) == 0;
}

static enum err
open_unix(const char *path, struct err_detail *d, int *ret_fd)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof at.sun_path)
        return err_internal(d, ERR_CONFIG, "the path of the socket is too long: %s", path);
    memcpy(at.sun_path, path, strlen(path) + 1);
    if (!unlink_if_dead(&at))
        return err_internal(d, ERR_IO, "another server uses %s, or it is not a socket", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The mode goes before bind(), so that there is no moment at which another user could connect. */
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || chmod(path, 0600) != 0 ||
        listen(fd, SOMAXCONN) != 0) {
        int e = errno;

        if (fd >= 0)
            close(fd);
        return err_internal(d, ERR_IO, "cannot listen at %s: %s", path, strerror(e));
    }
    *ret_fd = fd;
    return OK;
}

/* A socket bound to the address; share: with our own other threads (SO_REUSEPORT). */
static enum err
bind_tcp(const char *host, uint16_t port, bool share, struct err_detail *d, int *ret_fd)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char service[8];
    int one = 1;
    int fd;

    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &hints, &found) != 0)
        return err_internal(d, ERR_CONFIG, "not a numeric address: %s", host);
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0) ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        int e = errno;

        if (fd >= 0)
            close(fd);
        freeaddrinfo(found);
        return err_internal(d, ERR_IO, "cannot listen at %s port %u: %s", host, port, strerror(e));
    }
    freeaddrinfo(found);
    *ret_fd = fd;
    return OK;
}

enum err
listen_probe(const struct http_listener *l, struct err_detail *d)
{
    enum err err;
    int fd;

    if (l->unix_path || l->port == 0)
        return OK;
    err = bind_tcp(l->host, l->port, false, d, &fd);
    if (err == OK)
        close(fd);
    return err;
}

enum err
listen_open(const struct http_listener *l, uint16_t port, struct err_detail *d, int *ret_fd)
{
    if (l->unix_path)
        return open_unix(l->unix_path, d, ret_fd);
    return bind_tcp(l->host, port, true, d, ret_fd);
}

uint16_t
listen_port(int fd)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;

    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return 0;
    if (at.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&at)->sin_port);
    if (at.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&at)->sin6_port);
    return 0;
}
