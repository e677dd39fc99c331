/* market/herald_words.c: what is told, in words: English for letters and programs; the facts, from which pages say it in the
 * reader's language. */
#include <inttypes.h>

#include "base/json.h"
#include "base/text.h"
#include "base/clock.h"
#include "market/herald.h"

struct words {
    const struct herald_item *item;
    struct arena *arena;
    struct notices_event *event;
    const char *when; /* item->at_ms, in words */
};

static const char *
credits(struct arena *a, int64_t gpums)
{
    int64_t milli = gpums / 3600;

    return arena_printf(a, "%" PRId64 ".%03d", milli / 1000, (int)(milli % 1000));
}

/* "2026-05-14 06:00 UTC" */
static const char *
when(struct arena *a, int64_t ms)
{
    char text[TIME_TEXT];

    time_text(ms, text);
    return arena_printf(a, "%.10s %.5s UTC", text, text + 11);
}

static const char *
reservation_link(struct arena *a, struct uuid id, const char *more)
{
    char text[UUID_TEXT];

    uuid_text(id, text);
    return arena_printf(a, "/reservations/%s%s", text, more);
}

static void
job_ended(struct words *w)
{
    static const struct { const char *how, *text; } ROWS[] = {
        { "finished", "It ran to its end" }, { "failed-job", "The job failed by itself" }, { "failed-site", "It failed by the site's fault" },
        { "cancelled", "It was cancelled" }, { "rejected", "The site turned it down" }, { "lapsed", "The site let it lapse" },
        { "withdrawn", "It was withdrawn from the site" }, { "never-started", "It never started" }, { "resolved", "Its dispute was decided" },
        { "expired", "Its time ran out" },
    };
    const char *text = "It has ended";

    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        if (strcmp(ROWS[i].how, w->item->how) == 0)
            text = ROWS[i].text;
    w->event->title = arena_printf(w->arena, "Job ended: %s", w->item->name);
    w->event->text = arena_printf(w->arena, "%s (site %s). %s credits were settled.", text, w->item->code, credits(w->arena, w->item->gpums));
    w->event->link = reservation_link(w->arena, w->item->id, "");
}

static void
quote_ending(struct words *w)
{
    char text[UUID_TEXT];

    uuid_text(w->item->request, text);
    w->event->title = arena_printf(w->arena, "Quote ends soon: %s", w->item->name);
    w->event->text = arena_printf(w->arena, "The quote for %s credits at %s is bound until %s. Nothing is spent if it runs out.",
                                  credits(w->arena, w->item->gpums), w->item->code, w->when);
    w->event->link = arena_printf(w->arena, "/requests/%s", text);
}

static void
credits_lapse(struct words *w)
{
    bool unused = strcmp(w->item->how, "unused") == 0;

    w->event->title = arena_printf(w->arena, "Credits will lapse: about %" PRId64, w->item->gpums / 3600000);
    w->event->text = arena_printf(w->arena, "%s, about %" PRId64 " of the %s free credits of grant %" PRIu64 " will lapse on %s.",
                                  unused ? "Nothing was used in the last two weeks: as things are" : "At the present pace",
                                  w->item->gpums / 3600000, credits(w->arena, w->item->free_gpums), w->item->account, w->when);
    w->event->link = arena_printf(w->arena, "/credits/%" PRIu64, w->item->account);
}

static void
dispute(struct words *w)
{
    bool closed = strcmp(w->item->how, "closed") == 0;

    w->event->title = arena_printf(w->arena, closed ? "Dispute ended: %s" : "Dispute opened: %s", w->item->name);
    w->event->text = arena_printf(w->arena, closed ? "The dispute about the job at %s has ended." : "The job at %s is in dispute: what it costs is not settled yet.",
                                  w->item->code);
    w->event->link = reservation_link(w->arena, w->item->id, "/dispute");
}

static void
agent_silent(struct words *w)
{
    w->event->title = arena_printf(w->arena, "Out of touch: %s", w->item->code);
    w->event->text = arena_printf(w->arena, "The agent of the site %s was last in touch at %s. It gets no new jobs; what runs goes on.", w->item->code, w->when);
    w->event->link = arena_printf(w->arena, "/site/%s", w->item->code);
}

static void
maintenance(struct words *w)
{
    if (strcmp(w->item->how, "moved") == 0) {
        w->event->title = arena_printf(w->arena, "Moved: %s", w->item->name);
        w->event->text = arena_printf(w->arena, "The job could not stay at %s and was moved, at no higher price.", w->item->code);
        w->event->link = reservation_link(w->arena, w->item->other, "");
    } else if (strcmp(w->item->how, "planned") == 0) {
        w->event->title = arena_printf(w->arena, "Maintenance at %s: %s", w->item->code, w->item->name);
        w->event->text = arena_printf(w->arena, "The site %s has planned maintenance from %s to %s, in the time of the job. Its place stays as it is.", w->item->code,
                                      w->when, when(w->arena, w->item->until_ms));
        w->event->link = reservation_link(w->arena, w->item->id, "");
    } else {
        w->event->title = arena_printf(w->arena, "Your place at %s was cut: %s", w->item->code, w->item->name);
        w->event->text = arena_printf(w->arena, "The site %s has less capacity than is booked, by maintenance or otherwise, in the time of the job that begins at %s."
                                      " Its page shows where else it can go.", w->item->code, w->when);
        w->event->link = reservation_link(w->arena, w->item->id, "");
    }
}

static void
facts(struct words *w)
{
    const struct herald_item *i = w->item;
    struct json_out out = { 0 };

    json_open(&out, NULL);
    json_text(&out, "how", i->how);
    if (i->name[0])
        json_text(&out, "name", i->name);
    if (i->code[0])
        json_text(&out, "site", i->code);
    if (!uuid_is_zero(i->id))
        json_uuid(&out, i->kind == NOTICES_QUOTE_ENDING ? "quote" : "reservation", i->id);
    if (!uuid_is_zero(i->other))
        json_uuid(&out, "moved_to", i->other);
    if (i->account != NO_INDEX)
        json_i64(&out, "grant", (int64_t)i->account);
    if (i->kind == NOTICES_JOB_ENDED || i->kind == NOTICES_QUOTE_ENDING || i->kind == NOTICES_CREDITS_LAPSE)
        json_amount(&out, "amount", i->gpums);
    if (i->kind == NOTICES_CREDITS_LAPSE)
        json_amount(&out, "free", i->free_gpums);
    json_time(&out, "time", i->at_ms);
    if (i->until_ms)
        json_time(&out, "until", i->until_ms);
    json_shut(&out);
    w->event->facts = arena_textn(w->arena, out.text, out.len);
    json_out_free(&out);
}

struct notices_event
herald_words(const struct herald_item *item, struct uuid id, int64_t at_ms, struct arena *a)
{
    static void (*const SAY[NOTICES_KINDS])(struct words *) = {
        [NOTICES_JOB_ENDED] = job_ended,         [NOTICES_QUOTE_ENDING] = quote_ending, [NOTICES_CREDITS_LAPSE] = credits_lapse,
        [NOTICES_DISPUTE] = dispute,             [NOTICES_AGENT_SILENT] = agent_silent, [NOTICES_MAINTENANCE] = maintenance,
    };
    struct notices_event e = { .id = id, .kind = item->kind, .subject = item->subject, .organisation = item->organisation, .site = item->site,
                               .at_ms = at_ms, .asker = item->asker, .since_ms = item->since_ms };
    struct words w = { item, a, &e, when(a, item->at_ms) };

    SAY[item->kind](&w);
    facts(&w);
    return e;
}
