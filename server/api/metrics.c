/* api/metrics.c
 * Figures for Prometheus, text format 0.0.4, on a listener of its own: who may reach that may read them. Labels come from
 * fixed lists, from the route table and from the registry of sites; nothing names an organisation or a person. What is
 * counted is counted with atomics where it happens; reading takes no lock for longer than a hot path may wait. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/internal.h"
#include "market/courier.h"
#include "market/figures.h"
#include "market/guard.h"
#include "market/janitor.h"
#include "market/notary.h"

static const char *const PHASES[] = { "waiting", "rebuilding", "leading", "troubled", "stopping", "guarded" };

void
metric_head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
figure(FILE *to, const char *name, const char *type, uint64_t value, const char *help)
{
    metric_head(to, name, type, help);
    fprintf(to, "%s %" PRIu64 "\n", name, value);
}

/* Thousandths or millionths as a decimal number. */
static void
put_decimal(FILE *to, int64_t value, int64_t unit)
{
    uint64_t v = (uint64_t)(value < 0 ? -value : value);

    fprintf(to, "%s%" PRIu64 ".%0*" PRIu64 "\n", value < 0 ? "-" : "", v / (uint64_t)unit, unit == 1000 ? 3 : 6,
            v % (uint64_t)unit);
}

static void
seconds(FILE *to, const char *name, const char *type, int64_t us, const char *help)
{
    metric_head(to, name, type, help);
    fprintf(to, "%s ", name);
    put_decimal(to, us, 1000000);
}

static uint64_t
load(const atomic_uint_fast64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

/* labels: `route="x",` with its comma, or "". Values are microseconds shown as seconds, or plain counts. */
static void
histogram(FILE *to, const char *name, const char *labels, const struct histogram *h, const struct histogram_bounds *bounds)
{
    bool plain = bounds == &HISTOGRAM_COUNT;
    uint64_t counts[HISTOGRAM_MAX + 1], sum;
    size_t len = strlen(labels);

    histogram_read(h, bounds, counts, &sum);
    for (size_t i = 0; i < bounds->n; i++) {
        if (plain)
            fprintf(to, "%s_bucket{%sle=\"%" PRId64 "\"} %" PRIu64 "\n", name, labels, bounds->at[i], counts[i]);
        else
            fprintf(to, "%s_bucket{%sle=\"%" PRId64 ".%06" PRId64 "\"} %" PRIu64 "\n", name, labels,
                    bounds->at[i] / 1000000, bounds->at[i] % 1000000, counts[i]);
    }
    fprintf(to, "%s_bucket{%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, counts[bounds->n]);
    fprintf(to, len ? "%s_sum{%.*s} " : "%s_sum ", name, (int)len - 1, labels);
    if (plain)
        fprintf(to, "%" PRIu64 "\n", sum);
    else
        put_decimal(to, (int64_t)sum, 1000000);
    fprintf(to, len ? "%s_count{%.*s} " : "%s_count ", name, (int)len - 1, labels);
    fprintf(to, "%" PRIu64 "\n", counts[bounds->n]);
}

static void
one_histogram(FILE *to, const char *name, const struct histogram *h, const struct histogram_bounds *bounds,
              const char *help)
{
    metric_head(to, name, "histogram", help);
    histogram(to, name, "", h, bounds);
}

/* ---- HTTP and the workers ----------------------------------------------------------------------------------------- */

static void
of_routes(const struct api *api, FILE *to)
{
    metric_head(to, "kontor_http_requests_total", "counter", "Calls answered, by route and class of the status.");
    for (size_t i = 0; i <= ROUTES_COUNT; i++)
        for (int class = 1; class < 6; class++)
            if (traffic_calls(api->traffic, i, class))
                fprintf(to, "kontor_http_requests_total{route=\"%s\",class=\"%dxx\"} %" PRIu64 "\n",
                        i < ROUTES_COUNT ? ROUTES[i].name : "none", class, traffic_calls(api->traffic, i, class));
    metric_head(to, "kontor_http_request_duration_seconds", "histogram",
                "From a call's arrival to its reply, by route; long polls include their wait.");
    for (size_t i = 0; i <= ROUTES_COUNT; i++) {
        char label[64];
        uint64_t any = 0;

        for (int class = 0; class < 6; class++)
            any += traffic_calls(api->traffic, i, class);
        snprintf(label, sizeof label, "route=\"%s\",", i < ROUTES_COUNT ? ROUTES[i].name : "none");
        if (any) /* a route that nobody has called has no lines */
            histogram(to, "kontor_http_request_duration_seconds", label, traffic_times(api->traffic, i), &HISTOGRAM_TIME);
    }
}

static void
of_http(struct api *api, FILE *to)
{
    struct http_stats stats = { 0 };
    size_t polls, streams;

    if (api->http)
        stats = http_stats(api->http);
    waits_count(api->waits, &polls, &streams);
    figure(to, "kontor_http_received_total", "counter", stats.requests, "Requests read from sockets, pages included.");
    figure(to, "kontor_http_rejected_total", "counter", stats.refused, "Requests refused before any route saw them.");
    figure(to, "kontor_http_expired_total", "counter", stats.expired, "Calls answered for want of an answer in time.");
    figure(to, "kontor_http_connections", "gauge", stats.connections, "Connections open now.");
    figure(to, "kontor_http_kept_calls", "gauge", stats.kept, "Calls under way now, long polls included.");
    figure(to, "kontor_agent_polls", "gauge", polls, "Agents that wait for tickets now.");
    figure(to, "kontor_event_streams", "gauge", streams, "Browsers that follow a reservation now.");
}

static void
of_workers(struct api *api, FILE *to)
{
    static const char *const LANES[3] = { [LANE_FRESH] = "fresh", [LANE_BACK] = "back", [LANE_SLOW] = "slow" };
    struct pool_load load_now = pool_load(api->pool);

    figure(to, "kontor_workers", "gauge", load_now.workers, "Worker threads, each with a database connection.");
    figure(to, "kontor_workers_busy", "gauge", load_now.busy, "Workers that have something in hand now.");
    metric_head(to, "kontor_worker_queue_calls", "gauge", "Calls that wait for a worker: new, back from the market, slow.");
    for (int i = 0; i < 3; i++)
        fprintf(to, "kontor_worker_queue_calls{lane=\"%s\"} %zu\n", LANES[i], load_now.waiting[i]);
}

/* ---- the market --------------------------------------------------------------------------------------------------- */

static void
of_decisions(const struct market_figures *f, FILE *to)
{
    metric_head(to, "kontor_decisions_total", "counter", "Commands completed, by kind and what became of them.");
    for (int kind = 0; kind < COMMAND_KINDS; kind++)
        for (int outcome = 0; outcome < DECISION_OUTCOMES; outcome++)
            fprintf(to, "kontor_decisions_total{command=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
                    command_name((enum command_kind)kind), decision_outcome_name((enum decision_outcome)outcome),
                    load(&f->decisions[kind][outcome]));
    metric_head(to, "kontor_refusals_total", "counter", "Commands that were not carried out, by reason.");
    for (int err = 1; err < ERR_COUNT; err++)
        fprintf(to, "kontor_refusals_total{reason=\"%s\"} %" PRIu64 "\n", err_wire((enum err)err), load(&f->refusals[err]));
    metric_head(to, "kontor_commits_total", "counter", "Batches sent to the database, by outcome.");
    for (int i = 0; i < COMMIT_OUTCOMES; i++)
        fprintf(to, "kontor_commits_total{outcome=\"%s\"} %" PRIu64 "\n", commit_outcome_name((enum commit_outcome)i),
                load(&f->commits[i]));
}

static void
of_market(struct api *api, FILE *to)
{
    const struct market_figures *f = market_figures(api->market);
    enum market_phase phase = market_phase(api->market);
    size_t max, queued = market_queued(api->market, &max);

    figure(to, "kontor_queue_commands", "gauge", queued, "Commands that wait for the sequencer.");
    figure(to, "kontor_queue_limit_commands", "gauge", max, "The most that may wait; beyond it calls are turned away.");
    one_histogram(to, "kontor_queue_wait_seconds", &f->waited, &HISTOGRAM_TIME, "A command's wait for the sequencer.");
    one_histogram(to, "kontor_batch_commands", &f->batch_size, &HISTOGRAM_COUNT, "Commands decided in one batch.");
    one_histogram(to, "kontor_batch_duration_seconds", &f->batch_time, &HISTOGRAM_TIME,
                  "A batch from its first command's taking to its last one's answer.");
    one_histogram(to, "kontor_commit_duration_seconds", &f->commit_time, &HISTOGRAM_TIME,
                  "A batch in the database: all its statements and COMMIT.");
    of_decisions(f, to);
    metric_head(to, "kontor_rebuilds_total", "counter", "How often the state was built anew from the database.");
    fprintf(to, "kontor_rebuilds_total{outcome=\"done\"} %" PRIu64 "\n", load(&f->rebuilds));
    fprintf(to, "kontor_rebuilds_total{outcome=\"failed\"} %" PRIu64 "\n", load(&f->rebuilds_failed));
    seconds(to, "kontor_rebuild_seconds_total", "counter", (int64_t)load(&f->rebuild_us), "Time spent on rebuilding.");
    figure(to, "kontor_leading", "gauge", phase == MARKET_LEADING && market_leads(api->market),
           "1 while this server takes commands, and has heard from the database.");
    metric_head(to, "kontor_phase", "gauge", "1 at the phase that the market is in.");
    for (int i = 0; i <= MARKET_GUARDED; i++)
        fprintf(to, "kontor_phase{phase=\"%s\"} %d\n", PHASES[i], (int)phase == i);
    figure(to, "kontor_term", "gauge", load(&f->term), "The term of the lease that this server held last.");
    figure(to, "kontor_head_batch", "gauge", load(&f->batch), "Number of the newest batch; the log names it beside calls.");
    figure(to, "kontor_journal_entries", "gauge", load(&f->size), "Length of the journal.");
    figure(to, "kontor_journal_entries_written_total", "counter", load(&f->entries), "Entries written by this process.");
}

/* ---- notices ------------------------------------------------------------------------------------------------------ */

static void
of_letters(const struct courier_figures *f, FILE *to)
{
    int64_t oldest_ms = f ? atomic_load(&f->oldest_ms) : 0;

    if (f == NULL)
        return;
    figure(to, "kontor_letters_waiting", "gauge", (uint64_t)atomic_load(&f->waiting), "Letters that wait to go out.");
    figure(to, "kontor_letters_dead", "gauge", (uint64_t)atomic_load(&f->dead), "Letters that were given up; administrators see why.");
    seconds(to, "kontor_letters_oldest_seconds", "gauge", oldest_ms ? (real_now_ms() - oldest_ms) * 1000 : 0,
            "How long the oldest letter has waited to go out.");
    figure(to, "kontor_letters_taken_total", "counter", load(&f->taken), "Letters that the mail server took.");
    figure(to, "kontor_letters_failed_total", "counter", load(&f->failed), "Tries that failed.");
}

static void
of_deliveries(const struct courier_figures *f, FILE *to)
{
    int64_t oldest_ms = f ? atomic_load(&f->oldest_ms) : 0;

    if (f == NULL)
        return;
    figure(to, "kontor_deliveries_waiting", "gauge", (uint64_t)atomic_load(&f->waiting), "Notices that wait to be delivered.");
    figure(to, "kontor_deliveries_dead", "gauge", (uint64_t)atomic_load(&f->dead), "Notices that were given up; their owners see them.");
    seconds(to, "kontor_deliveries_oldest_seconds", "gauge", oldest_ms ? (real_now_ms() - oldest_ms) * 1000 : 0,
            "How long the oldest notice has waited to be delivered.");
    figure(to, "kontor_deliveries_taken_total", "counter", load(&f->taken), "Notices that were taken by whom they were for.");
    figure(to, "kontor_deliveries_failed_total", "counter", load(&f->failed), "Tries that failed.");
}

/* ---- what it stands on -------------------------------------------------------------------------------------------- */

static void
of_clocks(struct api *api, FILE *to)
{
    static const char *const OTHERS[CLOCK_OTHERS] = { [CLOCK_DATABASE] = "database", [CLOCK_SITES] = "sites" };
    struct clock_reading newest = janitor_clocks(api->janitor);
    int64_t silent_ms = janitor_database_silence(api->janitor);
    struct guard_now guard;
    char why[320];

    figure(to, "kontor_checkpoints_signed", "gauge", notary_trouble(api->notary, why) ? 1 : 0,
           "0 while no checkpoints of the journal are signed, since something does not fit.");
    guard_look(api->market, &guard);
    figure(to, "kontor_rollback_guard_open", "gauge", guard.open, "0 while nothing is written, since witnesses may have seen a longer journal.");
    figure(to, "kontor_rollback_guard_witnesses", "gauge", guard.witnesses, "Witnesses of the policy that the guard asks; 0: no guard.");
    figure(to, "kontor_rollback_guard_shown", "gauge", guard.shown, "Of these, so many have shown what they cosigned last.");
    figure(to, "kontor_clock_trusted", "gauge", janitor_trouble(api->janitor, why) ? 1 : 0,
           "0 while what is due by time waits, since clocks disagree.");
    figure(to, "kontor_clock_sites_heard", "gauge",
           site_clocks_heard(janitor_site_clocks(api->janitor), monotonic_ms()), "Sites whose agents say what time it is.");
    metric_head(to, "kontor_clock_ahead_seconds", "gauge", "By how much another clock is ahead of this machine's.");
    for (int i = 0; i < CLOCK_OTHERS; i++)
        if (newest.other[i].known) {
            fprintf(to, "kontor_clock_ahead_seconds{other=\"%s\"} ", OTHERS[i]);
            put_decimal(to, newest.other[i].ahead_ms, 1000);
        }
    seconds(to, "kontor_database_silence_seconds", "gauge", silent_ms * 1000, "Since the database last answered a probe.");
    figure(to, "kontor_key_files_present", "gauge", api_keys_there(api),
           "0 if a key file of the server is gone: the next start would fail.");
}

static uint64_t
open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!folder)
        return 0;
    while (readdir(folder))
        n++;
    closedir(folder);
    return n > 3 ? n - 3 : 0; /* . and .. and the folder itself */
}

static void
of_process(const struct api *api, FILE *to)
{
    unsigned long long size = 0, resident = 0;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/proc/self/statm", "r");
    struct rlimit files = { 0 };
    struct rusage used;

    if (f) {
        if (fscanf(f, "%llu %llu", &size, &resident) != 2)
            size = resident = 0;
        fclose(f);
    }
    getrusage(RUSAGE_SELF, &used);
    getrlimit(RLIMIT_NOFILE, &files);
    figure(to, "process_resident_memory_bytes", "gauge", resident * page, "Resident memory.");
    figure(to, "process_virtual_memory_bytes", "gauge", size * page, "Virtual memory.");
    seconds(to, "process_cpu_seconds_total", "counter",
            (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec + used.ru_stime.tv_usec,
            "User and system time.");
    figure(to, "process_open_fds", "gauge", open_files(), "Open files and sockets.");
    figure(to, "process_max_fds", "gauge", files.rlim_cur, "The most that may be open.");
    seconds(to, "process_start_time_seconds", "gauge", api->started_ms * 1000, "When it started, since 1970.");
    metric_head(to, "kontor_build_info", "gauge", "1; its label is the version.");
    fprintf(to, "kontor_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
}

struct http_response *
metrics_get(struct api *api, struct http_call *http)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to;

    if (strcmp(http->path, "/metrics") != 0 || (http->method != HTTP_GET && http->method != HTTP_HEAD))
        return problem_response(api, NULL, (struct uuid){ { 0 } }, ERR_NOT_FOUND, NULL);
    to = open_memstream(&text, &len);
    if (!to)
        abort();
    of_http(api, to);
    of_routes(api, to);
    of_workers(api, to);
    of_market(api, to);
    of_deliveries(api->courier, to);
    of_letters(api->postman, to);
    of_clocks(api, to);
    metrics_of_state(api, to);
    witness_figures_show(api->witness_figures, to);
    of_process(api, to);
    if (fclose(to) != 0)
        abort();
    return http_response(200, "text/plain; version=0.0.4", text, len, HTTP_FREE);
}
