/* agent/metrics.c
 * What the agent tells Prometheus: a text file (exposition format 0.0.4) for node_exporter's textfile collector, which needs
 * no port. Written aside and put in place at once. A file that cannot be written is said once in the log and harms nothing. */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/text.h"

#define METRICS_EVERY_MS 10000
#define METRICS_MAX      16384

struct page {
    char text[METRICS_MAX];
    size_t len;
};

static void PRINTF(2, 3)
put(struct page *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vformat(p->text + p->len, sizeof p->text - p->len, format, args);
    va_end(args);
    p->len += strlen(p->text + p->len);
}

static void
head(struct page *p, const char *name, const char *type, const char *help)
{
    put(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
one(struct page *p, const char *name, const char *type, const char *help, int64_t value)
{
    head(p, name, type, help);
    put(p, "%s %" PRId64 "\n", name, value);
}

/* Milliseconds as seconds. */
static void
one_ms(struct page *p, const char *name, const char *help, int64_t ms)
{
    int64_t size = ms < 0 ? -ms : ms;

    head(p, name, "gauge", help);
    put(p, "%s %s%" PRId64 ".%03" PRId64 "\n", name, ms < 0 ? "-" : "", size / 1000, size % 1000);
}

static void
jobs(const struct agent *a, struct page *p)
{
    int64_t n[AGENT_PHASES] = { 0 };

    for (size_t i = 0; i < a->jobs_n; i++)
        n[a->jobs[i]->t.phase]++;
    head(p, "kontor_agent_jobs", "gauge", "Tickets at hand, by phase.");
    for (int i = 0; i < AGENT_DONE; i++)
        put(p, "kontor_agent_jobs{phase=\"%s\"} %" PRId64 "\n", agent_phase_name((enum agent_phase)i), n[i]);
}

static void
totals(const struct agent *a, struct page *p)
{
    const struct agent_tally *t = &a->tally;

    one(p, "kontor_agent_tickets_total", "counter", "Tickets taken into the spool.", t->tickets);
    head(p, "kontor_agent_permits_total", "counter", "Permits, by what the server said.");
    put(p, "kontor_agent_permits_total{permit=\"granted\"} %" PRId64 "\nkontor_agent_permits_total{permit=\"refused\"} %" PRId64 "\n",
        t->permits_granted, t->permits_refused);
    head(p, "kontor_agent_ended_total", "counter", "Tickets that have ended, by their last report.");
    put(p, "kontor_agent_ended_total{report=\"rejected\"} %" PRId64 "\nkontor_agent_ended_total{report=\"finished\"} %" PRId64
           "\nkontor_agent_ended_total{report=\"failed\"} %" PRId64 "\nkontor_agent_ended_total{report=\"cancelled\"} %" PRId64 "\n",
        t->ended[REPORT_REJECTED], t->ended[REPORT_FINISHED], t->ended[REPORT_FAILED], t->ended[REPORT_CANCELLED]);
    one(p, "kontor_agent_reports_total", "counter", "Reports signed.", t->reports);
    one(p, "kontor_agent_receipts_total", "counter", "Receipts taken into the spool.", t->receipts);
    one(p, "kontor_agent_calls_failed_total", "counter", "Calls to the server that failed.", t->calls_failed);
}

static void
page_write(struct agent *a, struct page *p)
{
    struct spool_counts c = { 0 };

    if (spool_counts(a->spool, &c) != OK)
        agent_spool_failed(a);
    head(p, "kontor_agent_info", "gauge", "Always 1; what runs.");
    put(p, "kontor_agent_info{site=\"%s\",key=\"%s\",backend=\"%s\",version=\"" PACKAGE_VERSION "\"} 1\n", a->who.site, a->who.kid,
        a->kind->name);
    one(p, "kontor_agent_connected", "gauge", "1 while an instance is open at the server.", a->open);
    one(p, "kontor_agent_instance", "gauge", "The instance that is open, or was last.", (int64_t)a->instance);
    one(p, "kontor_agent_draining", "gauge", "1 while new tickets are rejected.", a->draining);
    one_ms(p, "kontor_agent_last_contact_seconds", "When the server last answered as it should, in seconds since 1970; 0: not yet.",
           a->tally.contact_ms);
    one_ms(p, "kontor_agent_clock_ahead_seconds", "This machine's clock against the server's, when the instance was opened.",
           a->tally.clock_ahead_ms);
    jobs(a, p);
    one(p, "kontor_agent_last_ticket", "gauge", "The newest ticket's number in the spool.", c.last_seq);
    one(p, "kontor_agent_reports_unreceipted", "gauge", "Reports that the server has not receipted yet.", c.unreceipted);
    one(p, "kontor_agent_witness_halted", "gauge", "1 while nothing is cosigned, since a checkpoint was refused.",
        witness_is_halted(a));
    totals(a, p);
    one_ms(p, "kontor_agent_written_seconds", "When this was written, in seconds since 1970.", real_now_ms());
}

static bool
put_in_place(const char *path, const struct page *p)
{
    char aside[PATH_MAX];
    int fd;
    bool good;

    if (!text_format(aside, sizeof aside, "%s.%d", path, (int)getpid())) /* the collector reads *.prom only */
        return false;
    fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    good = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, p->text, p->len) == (ssize_t)p->len;
    if (fd >= 0)
        close(fd);
    good = good && rename(aside, path) == 0;
    if (fd >= 0 && !good)
        unlink(aside);
    return good;
}

void
metrics_tick(struct agent *a)
{
    struct page *p;
    int64_t now_ms = monotonic_ms();
    bool good;

    if (!a->cfg.metrics_file || !a->cfg.metrics_file[0] || now_ms < a->next_metrics_mono_ms)
        return;
    a->next_metrics_mono_ms = now_ms + METRICS_EVERY_MS;
    p = xcalloc(1, sizeof *p);
    page_write(a, p);
    good = put_in_place(a->cfg.metrics_file, p);
    free(p);
    if (!good && !a->metrics_failed)
        log_warning(&a->log, "metrics-not-written", LOG_TEXT("file", a->cfg.metrics_file));
    a->metrics_failed = !good;
}
