/* http/server.c: the listeners and their threads, opened, started, stopped. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "http/internal.h"

static enum err
open_loop(struct http_server *s, size_t listener, struct err_detail *d)
{
    struct http_loop *loop = &s->loops[s->loop_count];
    enum err err;

    loop->server = s;
    loop->listener = &s->config.listeners[listener];
    loop->event_fd = -1;
    err = listen_open(loop->listener, s->ports[listener], d, &loop->listen_fd);
    if (err)
        return err;
    s->loop_count++;
    if (!s->ports[listener])
        s->ports[listener] = listen_port(loop->listen_fd);
    return loop_open(loop, d);
}

/* libmicrohttpd's own way out is abort(). */
static void
panic(void *cls, const char *file, unsigned line, const char *reason)
{
    (void)cls;
    (void)file;
    (void)line;
    fatal(reason ? reason : "libmicrohttpd cannot go on");
}

enum err
http_open(const struct http_config *config, struct err_detail *d, struct http_server **ret)
{
    struct http_server *s = xcalloc(1, sizeof *s);
    size_t loops = 0;
    enum err err = OK;

    assert(config->listener_count <= HTTP_LISTENERS_MAX && config->handler && config->refuse);
    MHD_set_panic_func(panic, NULL);
    s->config = *config;
    for (size_t i = 0; i < config->listener_count; i++) {
        struct http_listener *l = &s->config.listeners[i];

        if (l->unix_path)
            l->unix_path = s->hosts[i] = xstrdup(l->unix_path);
        else
            l->host = s->hosts[i] = xstrdup(l->host);
        if (l->threads == 0 || l->unix_path)
            l->threads = 1;
        s->ports[i] = l->port;
        loops += l->threads;
    }
    s->loops = xcalloc(loops ? loops : 1, sizeof *s->loops);
    for (size_t i = 0; i < config->listener_count && !err; i++) {
        err = listen_probe(&s->config.listeners[i], d);
        for (unsigned t = 0; t < s->config.listeners[i].threads && !err; t++)
            err = open_loop(s, i, d);
    }
    if (err) {
        http_delete(s);
        return err;
    }
    *ret = s;
    return OK;
}

enum err
http_start(struct http_server *s, struct err_detail *d)
{
    sigset_t all, before;
    size_t n = 0;

    /* Signals are main's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (n < s->loop_count && pthread_create(&s->loops[n].thread, NULL, loop_run, &s->loops[n]) == 0)
        n++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    s->started = n == s->loop_count;
    if (s->started)
        return OK;
    atomic_store(&s->stopping, true);
    for (size_t i = 0; i < n; i++) {
        loop_wake(&s->loops[i]);
        pthread_join(s->loops[i].thread, NULL);
    }
    return err_internal(d, ERR_IO, "cannot start a thread: %s", strerror(errno));
}

void
http_stop(struct http_server *s)
{
    if (!s->started)
        return;
    atomic_store(&s->stopping, true);
    for (size_t i = 0; i < s->loop_count; i++)
        loop_wake(&s->loops[i]);
    for (size_t i = 0; i < s->loop_count; i++)
        pthread_join(s->loops[i].thread, NULL);
    s->started = false;
    for (size_t i = 0; i < s->config.listener_count; i++)
        if (s->config.listeners[i].unix_path)
            unlink(s->config.listeners[i].unix_path);
}

void
http_delete(struct http_server *s)
{
    if (!s)
        return;
    http_stop(s);
    for (size_t i = 0; i < s->loop_count; i++) {
        struct http_loop *loop = &s->loops[i];

        if (loop->daemon)
            MHD_stop_daemon(loop->daemon);
        else if (loop->listen_fd >= 0)
            close(loop->listen_fd);
        if (loop->event_fd >= 0)
            close(loop->event_fd);
        pthread_mutex_destroy(&loop->lock);
    }
    for (size_t i = 0; i < s->config.listener_count; i++)
        free(s->hosts[i]);
    free(s->loops);
    free(s);
}

uint16_t
http_port(const struct http_server *s, size_t listener)
{
    assert(listener < s->config.listener_count);
    return s->ports[listener];
}

struct http_stats
http_stats(const struct http_server *s)
{
    return (struct http_stats){
        .requests = atomic_load(&s->requests),
        .refused = atomic_load(&s->refused),
        .expired = atomic_load(&s->expired),
        .connections = atomic_load(&s->connections),
        .kept = atomic_load(&s->kept),
    };
}
