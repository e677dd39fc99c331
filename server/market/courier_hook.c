/* market/courier_hook.c: deliveries to webhooks: signed JSON by HTTP. */
#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/hook.h"
#include "crypto/random.h"
#include "market/courier_ways.h"

enum { CALL_MS = 10000, REPLY_MAX = 16384 };

void
courier_seal(const struct box_key *key, struct uuid webhook, const struct hook_secret *secret, char *ret)
{
    char about[UUID_TEXT];

    uuid_text(webhook, about);
    box_seal(key, about, BYTES(secret->b, sizeof secret->b), ret);
}

static enum err
unseal(const struct courier *c, const struct delivery *d, struct hook_secret *ret)
{
    char about[UUID_TEXT];
    size_t len = 0;
    enum err err;

    uuid_text(d->webhook, about);
    err = box_open(&c->config.key, about, d->secret, ret->b, sizeof ret->b, &len);
    return err ? err : len == sizeof ret->b ? OK : ERR_SIGNATURE;
}

static struct bytes
body_of(const struct courier *c, const struct delivery *d, struct arena *a)
{
    struct json_out out = { 0 };
    struct bytes body;

    json_open(&out, NULL);
    json_uuid(&out, "id", d->id);
    json_text(&out, "kind", notices_word(d->kind));
    json_time(&out, "at", d->at_ms);
    json_uuid(&out, "organisation", d->organisation);
    json_text(&out, "title", d->title);
    json_text(&out, "text", d->text);
    json_raw(&out, "facts", d->facts, strlen(d->facts));
    json_text(&out, "link", arena_printf(a, "%s/en%s", c->config.base_url, d->link));
    json_shut(&out);
    body = BYTES(arena_textn(a, out.text, out.len), out.len);
    json_out_free(&out);
    return body;
}

static bool
begin_hook(struct courier *c, size_t i, struct lane *l)
{
    struct delivery *d = &l->delivery;
    struct arena *a = l->arena;
    struct hook_secret secret;
    char id[UUID_TEXT], seconds[24], signature[HOOK_SIGNATURE_TEXT];
    const char *headers[4] = { NULL };
    struct bytes body = body_of(c, d, a);

    d->url = arena_text(a, d->url);
    if (unseal(c, d, &secret)) {
        courier_fail(c, d, 0, "The webhook's secret cannot be opened any more: make a new one.", true);
        return false;
    }
    uuid_text(d->id, id);
    text_format(seconds, sizeof seconds, "%" PRId64, real_now_ms() / 1000);
    hook_sign(&secret, id, seconds, body, signature);
    random_wipe(&secret, sizeof secret);
    headers[0] = arena_printf(a, "webhook-id: %s", id);
    headers[1] = arena_printf(a, "webhook-timestamp: %s", seconds);
    headers[2] = arena_printf(a, "webhook-signature: %s", signature);
    web_start(c->web, i, &(struct web_call){ .url = d->url, .headers = headers, .body = body, .timeout_ms = CALL_MS, .most = REPLY_MAX,
                                             .stranger = !c->config.inside });
    return true;
}

static void
judge_hook(struct courier *c, struct lane *l, const struct web_reply *r)
{
    struct delivery *d = &l->delivery;
    char shown[160];

    if (r->status >= 200 && r->status < 300) {
        courier_taken(c, d, r->status);
    } else if (r->status != 0) {
        courier_fail(c, d, r->status, r->status / 100 == 3 ? "It answered with a redirect, which is not followed." : "", r->status == 410);
    } else {
        text_show(shown, sizeof shown, r->error);
        courier_fail(c, d, 0, arena_text(l->arena, shown), false);
    }
}

const struct courier_way COURIER_HOOKS = { .name = "courier", .letters = false, .lanes = COURIER_LANES, .begin = begin_hook, .judge = judge_hook };
