/* api/metrics.c: figures for Prometheus, text format 0.0.4. On a listener of its own, so that they need not be public. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "api/internal.h"
#include "market/janitor.h"

struct page {
    char text[8192];
    size_t len;
};

static void
figure(struct page *p, const char *type, const char *name, const char *labels, uint64_t value)
{
    int n;

    if (type) {
        n = snprintf(p->text + p->len, sizeof p->text - p->len, "# TYPE %s %s\n", name, type);
        p->len += (size_t)n;
    }
    n = snprintf(p->text + p->len, sizeof p->text - p->len, "%s%s %" PRIu64 "\n", name, labels, value);
    p->len += (size_t)n;
}

static uint64_t
resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f) {
        if (fscanf(f, "%llu %llu", &size, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct http_response *
metrics_get(struct api *api, struct http_call *http)
{
    struct page p = { .len = 0 };
    struct http_stats stats = { 0 };
    const struct state *s;
    size_t polls, streams;
    uint64_t size = 0;
    char why[160];

    if (strcmp(http->path, "/metrics") != 0 || (http->method != HTTP_GET && http->method != HTTP_HEAD))
        return problem_response(NULL, (struct uuid){ { 0 } }, ERR_NOT_FOUND, NULL);
    if (api->http)
        stats = http_stats(api->http);
    s = market_read_lock(api->market);
    if (s) {
        size = ledger_size(s->ledger);
        market_read_unlock(api->market);
    }
    waits_count(api->waits, &polls, &streams);
    for (int i = 1; i < 6; i++) {
        char label[32];

        snprintf(label, sizeof label, "{status=\"%dxx\"}", i);
        figure(&p, i == 1 ? "counter" : NULL, "kontor_replies_total", label, atomic_load(&api->by_status[i]));
    }
    figure(&p, "counter", "kontor_call_microseconds_total", "", atomic_load(&api->micros));
    figure(&p, "counter", "kontor_http_requests_total", "", stats.requests);
    figure(&p, "counter", "kontor_http_refused_total", "", stats.refused);
    figure(&p, "counter", "kontor_http_expired_total", "", stats.expired);
    figure(&p, "gauge", "kontor_http_connections", "", stats.connections);
    figure(&p, "gauge", "kontor_http_kept", "", stats.kept);
    figure(&p, "gauge", "kontor_calls_waiting", "", pool_waiting(api->pool));
    figure(&p, "gauge", "kontor_agent_polls", "", polls);
    figure(&p, "gauge", "kontor_event_streams", "", streams);
    figure(&p, "gauge", "kontor_leading", "", s ? 1 : 0);
    figure(&p, "gauge", "kontor_clock_trusted", "", janitor_trouble(api->janitor, why) ? 1 : 0);
    figure(&p, "gauge", "kontor_clock_sites_heard", "", site_clocks_heard(janitor_site_clocks(api->janitor), monotonic_ms()));
    figure(&p, "gauge", "kontor_journal_entries", "", size);
    figure(&p, "gauge", "process_resident_memory_bytes", "", resident_bytes());
    return http_response(200, "text/plain; version=0.0.4", p.text, p.len, HTTP_COPY);
}
