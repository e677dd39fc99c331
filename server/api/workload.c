/* api/workload.c
 * The script that a template makes. Around what is to run may stand what is fetched before and put somewhere afterwards, by
 * the job itself and as its user, with curl; and an image that Apptainer or Podman runs, named by its digest. What goes
 * wrong there ends the job with an exit code of its own (docs/start-up.md). The script is all that the site gets: its hash is
 * in the ticket. */
#include "api/workload.h"

#include <stdio.h>

#include "api/fields.h"
#include "base/text.h"
#include "core/needs.h"
#include "core/ticket.h"

enum { SINGLE_GPU, MULTI_NODE, CONTAINER, SCRIPT, ALLOCATION };
static const char *const TEMPLATES[] = { "single-gpu", "multi-node-pytorch", "container", "script", "allocation", NULL };
static const char *const RUNTIMES[] = { "apptainer", "podman", NULL };
static const enum need RUNTIME_NEEDS[] = { NEED_APPTAINER, NEED_PODMAN };

enum { TRANSFERS_MAX = 16, URL_MAX = 2048, PATH_MAX_LEN = 255, MB_MAX = 4 << 20, MB_USUAL = 64 << 10 };

struct transfer {
    const char *url, *path, *sha256; /* sha256 "": none */
    int64_t most_mb;
};
struct transfers {
    struct transfer of[TRANSFERS_MAX];
    size_t n;
};

/* In single quotes for a shell. */
static const char *
quoted(struct arena *a, const char *text)
{
    char *ret = arena_alloc(a, strlen(text) * 4 + 3);
    char *to = ret;

    *to++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') {
            memcpy(to, "'\\''", 4);
            to += 4;
        } else {
            *to++ = *text;
        }
    }
    *to++ = '\'';
    *to = '\0';
    return ret;
}

static const char *
read_parameter(struct json_in *p, const char *name, size_t max, bool needed, struct arena *a)
{
    if (!needed && !json_in_has(p, name))
        return "";
    return in_line(p, name, max, a);
}

/* ---- what is fetched and put --------------------------------------------------------------------------------------- */

/* http or https, a host, and nothing that a URL has encoded. */
static bool
is_url(const char *text)
{
    size_t scheme = text_starts(text, "https://") ? 8 : text_starts(text, "http://") ? 7 : 0;

    if (scheme == 0 || text[scheme] == '\0' || strchr("/?#:@", text[scheme]))
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || strchr("\"<>\\^`{|}", *text))
            return false;
    return true;
}

/* Below the job's folder, and nowhere else. */
static bool
is_path(const char *text)
{
    for (const char *part = text;;) {
        size_t len = strcspn(part, "/");

        if (len == 0 || (len <= 2 && strspn(part, ".") >= len) || part[0] == '-')
            return false;
        for (size_t i = 0; i < len; i++)
            if (!((part[i] >= 'a' && part[i] <= 'z') || (part[i] >= 'A' && part[i] <= 'Z') || (part[i] >= '0' && part[i] <= '9') ||
                  strchr("._-", part[i])))
                return false;
        if (part[len] == '\0')
            return true;
        part += len + 1;
    }
}

static bool
is_hash(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void
read_transfer(struct json_in *in, struct transfer *ret, bool input, struct arena *a)
{
    ret->url = arena_text(a, json_in_text(in, "url", 1, URL_MAX));
    ret->path = arena_text(a, json_in_text(in, "path", 1, PATH_MAX_LEN));
    ret->sha256 = input ? arena_text(a, json_in_text_or(in, "sha256", 64, "")) : "";
    ret->most_mb = json_in_i64_or(in, "max_mb", 1, MB_MAX, MB_USUAL);
    if (!in->err && !is_url(ret->url))
        json_in_refuse(in, "url", ERR_FIELD_INVALID, "This is no address that begins with https:// or http://.");
    if (!in->err && !is_path(ret->path))
        json_in_refuse(in, "path", ERR_FIELD_INVALID, "Name a file below the job's folder: letters, digits, . _ - and / between them.");
    if (!in->err && ret->sha256[0] && !is_hash(ret->sha256))
        json_in_refuse(in, "sha256", ERR_FIELD_INVALID, "This must be 64 hexadecimal digits in small letters.");
}

static void
read_transfers(struct json_in *in, const char *name, bool input, struct transfers *ret, struct arena *a)
{
    *ret = (struct transfers){ .n = json_in_has(in, name) ? json_in_array(in, name, TRANSFERS_MAX) : 0 };
    for (size_t i = 0; i < ret->n && !in->err; i++) {
        struct json_in one = json_in_array_object(in, name, i);

        read_transfer(&one, &ret->of[i], input, a);
        if (json_in_close(&one))
            return; /* the error is noted */
    }
}

static void
transfers_json(struct json_out *out, const char *name, const struct transfers *t, bool input)
{
    json_open_array(out, name);
    for (size_t i = 0; i < t->n; i++) {
        json_open(out, NULL);
        json_text(out, "url", t->of[i].url);
        json_text(out, "path", t->of[i].path);
        if (input && t->of[i].sha256[0])
            json_text(out, "sha256", t->of[i].sha256);
        json_i64(out, "max_mb", t->of[i].most_mb);
        json_shut(out);
    }
    json_shut_array(out);
}

/* ---- the script ------------------------------------------------------------------------------------------------------ */

static const char TRANSFER_WORDS[] =
    "kontor_ends() { echo \"kontor: $2\" >&2; exit \"$1\"; }\n"
    "kontor_size() { [ \"$(stat -c %s -- \"$1\")\" -le \"$(($2 * 1048576))\" ]; }\n"
    "kontor_curl() { curl --silent --show-error --fail --location --max-redirs 5 --proto =http,https --proto-redir =http,https"
    " --connect-timeout 30 --max-time \"${KONTOR_WALLTIME_S:-3600}\" --retry 3 \"$@\"; }\n"
    "# kontor_get URL PATH MB SHA256\n"
    "kontor_get() {\n"
    "    mkdir -p -- \"$(dirname -- \"$2\")\"\n"
    "    (ulimit -f \"$(($3 * 1024))\"; trap '' XFSZ; kontor_curl --max-filesize \"$(($3 * 1048576))\" --output \"$2\" -- \"$1\")\n"
    "    case $? in\n"
    "    0) ;;\n"
    "    23 | 63 | 153) kontor_ends 81 \"input $2 is larger than $3 MB\" ;;\n"
    "    *) kontor_ends 80 \"input $2 could not be fetched\" ;;\n"
    "    esac\n"
    "    kontor_size \"$2\" \"$3\" || kontor_ends 81 \"input $2 is larger than $3 MB\"\n"
    "    [ -z \"$4\" ] || echo \"$4  $2\" | sha256sum --check --status || kontor_ends 82 \"input $2 is not what was asked for: its SHA-256 differs\"\n"
    "}\n"
    "# kontor_put PATH URL MB\n"
    "kontor_put() {\n"
    "    [ -f \"$1\" ] || kontor_ends 84 \"there is no output $1\"\n"
    "    kontor_size \"$1\" \"$3\" || kontor_ends 85 \"output $1 is larger than $3 MB\"\n"
    "    kontor_curl --output /dev/null --upload-file \"$1\" -- \"$2\" || kontor_ends 86 \"output $1 could not be put\"\n"
    "}\n";

static const char *
lines_of(struct arena *a, const struct transfers *t, bool input)
{
    const char *lines = "";

    for (size_t i = 0; i < t->n; i++) {
        const struct transfer *one = &t->of[i];

        lines = input ? arena_printf(a, "%skontor_get %s %s %lld '%s'\n", lines, quoted(a, one->url), quoted(a, one->path),
                                     (long long)one->most_mb, one->sha256)
                      : arena_printf(a, "%skontor_put %s %s %lld\n", lines, quoted(a, one->path), quoted(a, one->url), (long long)one->most_mb);
    }
    return lines;
}

/* Around what runs: it is a script of its own, so that its exit code is its own, and nothing is put where it fails. */
static const char *
with_transfers(struct arena *a, const char *script, const struct transfers *in, const struct transfers *out)
{
    const char *mark = "KONTOR_RUN", *end = script[strlen(script) - 1] == '\n' ? "" : "\n";

    while (strstr(script, mark)) /* its own here-documents are its own */
        mark = arena_printf(a, "%s_", mark);
    return arena_printf(a, "#!/bin/bash\n%s%scat >.kontor-run <<'%s'\n%s%s%s\nchmod 700 .kontor-run\n./.kontor-run || exit $?\n%s",
                        TRANSFER_WORDS, lines_of(a, in, true), mark, script, end, mark, lines_of(a, out, false));
}

/* NAME@sha256:DIGEST, as a registry has it. */
static bool
is_image(const char *text)
{
    const char *at = strstr(text, "@sha256:");

    if (!at || at == text || !is_hash(at + 8) || text[0] == '-')
        return false;
    for (const char *c = text; c < at; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("._-/:", *c)))
            return false;
    return true;
}

/* The image is fetched first, by its digest, so that what is wrong with it is told from what the command does. */
static const char *
container_script(struct arena *a, int runtime, const char *image, const char *command, const char *secrets)
{
    static const char NONE[] = "command -v %s >/dev/null || { echo 'kontor: this site has no %s here' >&2; exit 83; }\n";
    const char *passed = "", *head = arena_printf(a, NONE, RUNTIMES[runtime], RUNTIMES[runtime]);

    if (RUNTIME_NEEDS[runtime] == NEED_APPTAINER)
        return arena_printf(a,
                            "#!/bin/bash\n%sgpu=\nif [ -e /dev/kfd ]; then gpu=--rocm; elif [ -e /dev/nvidiactl ]; then gpu=--nv; fi\n"
                            "apptainer pull --force .kontor.sif docker://%s || { echo 'kontor: the image could not be fetched' >&2; exit 83; }\n"
                            "exec apptainer exec $gpu --bind \"$PWD:/work\" --pwd /work .kontor.sif bash -c %s\n",
                            head, image, quoted(a, command));
    for (const char *at = secrets; *at; at += strcspn(at, " "), at += *at == ' ') /* by name: the values are in the environment */
        passed = arena_printf(a, "%s--env %.*s ", passed, (int)strcspn(at, " "), at);
    return arena_printf(a,
                        "#!/bin/bash\n%sgpu=\nif [ -e /dev/kfd ]; then gpu='--device /dev/kfd --device /dev/dri'; elif [ -e /dev/nvidiactl ]; then"
                        " gpu='--device nvidia.com/gpu=all'; fi\n"
                        "podman pull --quiet %s >/dev/null || { echo 'kontor: the image could not be fetched' >&2; exit 83; }\n"
                        "exec podman run --rm $gpu --env 'KONTOR_*' %s--volume \"$PWD:/work\" --workdir /work %s bash -c %s\n",
                        head, image, passed, image, quoted(a, command));
}

static const char *
multi_node_script(struct arena *a, const char *entry, const char *args)
{
    return arena_printf(
        a,
        "#!/bin/bash\nset -eu\nexec torchrun --nnodes=\"${KONTOR_NODES:-1}\" --nproc-per-node=\"${KONTOR_GPUS_PER_NODE:-1}\""
        " --rdzv-backend=c10d --rdzv-endpoint=\"${KONTOR_HEAD_NODE:-localhost}:29500\" %s %s\n",
        quoted(a, entry), args);
}

static const char *
own_script(struct json_in *in, struct arena *a)
{
    const char *script = arena_text(a, json_in_text(in, "script", 1, TICKET_WORKLOAD_MAX));

    return !in->err && strncmp(script, "#!", 2) != 0 ? arena_printf(a, "#!/bin/bash\n%s", script) : script;
}

/* What a template is filled in with; NULL with in->err. */
static const char *
filled_in(struct json_in *in, int template, struct request_row *r, struct json_out *shown, struct arena *a)
{
    struct json_in p = json_in_object(in, "parameters");
    const char *image = template == CONTAINER ? read_parameter(&p, "image", 512, true, a) : "";
    int runtime = template == CONTAINER && json_in_has(&p, "runtime") ? json_in_choice(&p, "runtime", RUNTIMES) : 0;
    const char *command = template == MULTI_NODE ? "" : read_parameter(&p, "command", 4096, true, a);
    const char *entry = template == MULTI_NODE ? read_parameter(&p, "entry", 512, true, a) : "";
    const char *args = template == MULTI_NODE ? read_parameter(&p, "args", 4096, false, a) : "";

    if (template == CONTAINER && !p.err && !is_image(image))
        json_in_refuse(&p, "image", ERR_FIELD_INVALID, "Name the image by its digest, as registry.example/name@sha256: and 64 hexadecimal digits.");
    if (json_in_close(&p))
        return NULL;
    if (template == MULTI_NODE) {
        json_text(shown, "entry", entry);
        json_text(shown, "args", args);
        return multi_node_script(a, entry, args);
    }
    json_text(shown, "command", command);
    if (template == SINGLE_GPU)
        return arena_printf(a, "#!/bin/bash\nset -eu\n%s\n", command);
    json_text(shown, "image", image);
    json_text(shown, "runtime", RUNTIMES[runtime]);
    r->needs |= NEED_BIT(RUNTIME_NEEDS[runtime]);
    return container_script(a, runtime, image, command, r->secrets);
}

enum err
workload_read(struct json_in *in, struct request_row *r, struct arena *a, const char **ret_script)
{
    struct json_out shown = { 0 };
    struct transfers inputs, outputs;
    const char *script = NULL;
    int template;

    template = json_in_choice(in, "template", TEMPLATES);
    if (in->err)
        return in->err;
    r->template = TEMPLATES[template];
    r->parameters = "{}";
    if (template == ALLOCATION) { /* people bring their own work: a script is a member too many */
        r->needs |= NEED_BIT(NEED_ALLOCATION);
        if (r->secrets[0])
            json_in_refuse(in, "secrets", ERR_FIELD_INVALID, "Who logs in at a site brings their own.");
        return OK;
    }
    if (r->needs & NEED_BIT(NEED_ALLOCATION)) {
        json_in_refuse(in, "template", ERR_FIELD_INVALID, "An account runs nothing by itself: its template is “allocation”.");
        return in->err;
    }
    json_open(&shown, NULL);
    if (template != SCRIPT) {
        script = filled_in(in, template, r, &shown, a);
    } else {
        script = own_script(in, a);
        if (json_in_has(in, "parameters")) {
            struct json_in none = json_in_object(in, "parameters");

            if (json_in_close(&none))
                script = NULL;
        }
    }
    read_transfers(in, "inputs", true, &inputs, a);
    read_transfers(in, "outputs", false, &outputs, a);
    if (!in->err && inputs.n + outputs.n > 0) {
        transfers_json(&shown, "inputs", &inputs, true);
        transfers_json(&shown, "outputs", &outputs, false);
        if (template == SCRIPT)
            json_text(&shown, "script", script); /* as it was typed, for who asks for the same again */
        r->needs |= NEED_BIT(NEED_TRANSFER);
        script = with_transfers(a, script, &inputs, &outputs);
    }
    json_shut(&shown);
    r->parameters = arena_textn(a, shown.text, shown.len);
    json_out_free(&shown);
    if (!in->err && strlen(script) > TICKET_WORKLOAD_MAX)
        json_in_refuse(in, template == SCRIPT ? "script" : "parameters", ERR_FIELD_RANGE,
                       "The script that the site gets has at most %d bytes, with all that goes around yours.", TICKET_WORKLOAD_MAX);
    *ret_script = script ? script : "";
    return in->err;
}
