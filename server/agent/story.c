/* agent/story.c: what the agent did and why, told to its spool (kontor-agent journal shows it). */
#include <stdarg.h>

#include "agent/agent.h"
#include "base/text.h"

static const char *const KINDS[] = { "none", "accepted", "rejected", "queued", "started", "usage", "finished", "failed", "cancelled", "inventory" };
static const char *const REASONS[] = { "none",     "job",      "site",     "no user", "resource", "workload",
                                       "ticket",   "draining", "walltime", "ordered", "other",
                                       "not-offered", "secrets" };

void
agent_tell(struct agent *a, struct uuid jti, const char *what, const char *format, ...)
{
    char why[400];
    va_list args;

    va_start(args, format);
    text_vformat(why, sizeof why, format, args);
    va_end(args);
    if (spool_tell(a->spool, &(struct spool_line){ .at_ms = real_now_ms(), .jti = jti, .what = what, .why = why }) != OK)
        agent_spool_failed(a);
}

void
agent_tell_report(struct agent *a, const struct report *r)
{
    if (r->kind == REPORT_INVENTORY || r->kind == REPORT_USAGE) /* these come by the clock: they are no deeds */
        return;
    if (r->kind == REPORT_FINISHED || r->kind == REPORT_FAILED || r->kind == REPORT_CANCELLED)
        agent_tell(a, r->jti, KINDS[r->kind], "report %llu: %llu GPU-seconds, exit code %d, reason: %s", (unsigned long long)r->number,
                   (unsigned long long)r->gpu_seconds, (int)r->exit_code, REASONS[r->reason]);
    else if (r->reason != REASON_NONE)
        agent_tell(a, r->jti, KINDS[r->kind], "report %llu, reason: %s", (unsigned long long)r->number, REASONS[r->reason]);
    else
        agent_tell(a, r->jti, KINDS[r->kind], "report %llu", (unsigned long long)r->number);
}
