/* tests/fuzz/fuzz_pages.c: the pages' manifest as any bytes, in a folder that has three files, and requests for any path of
 * it. What is loaded answers for the paths that it names, from no file outside of its folder; what is refused says why. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/pages.h"
#include "base/arena.h"
#include "http/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[64];
static const char *const NAMES[] = { "manifest", "a.html", "a.html.gz", "a.html.br", "b.js" };
enum { FILES = sizeof NAMES / sizeof NAMES[0] };

static void
put(const char *name, const void *data, size_t len)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    if (!f || (len > 0 && fwrite(data, 1, len, f) != len) || fclose(f) != 0)
        abort();
}

static void
clean(void)
{
    char path[128];

    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, NAMES[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void
make_folder(void)
{
    snprintf(folder, sizeof folder, "%s/kontor-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    atexit(clean);
    for (size_t i = 1; i < FILES; i++)
        put(NAMES[i], NAMES[i], strlen(NAMES[i]));
}

const char *__wrap_http_header(const struct http_call *call, const char *name);
const char *
__wrap_http_header(const struct http_call *call, const char *name)
{
    return strcmp(name, "Accept-Encoding") == 0 && call->method == HTTP_GET ? "gzip, br" : NULL;
}

/* A language that was chosen: what the path begins with. */
bool __wrap_http_cookie(const struct http_call *call, const char *name, char *ret, size_t cap);
bool
__wrap_http_cookie(const struct http_call *call, const char *name, char *ret, size_t cap)
{
    (void)name;
    return call->path[0] && snprintf(ret, cap, "%.2s", call->path + 1) < (int)cap;
}

/* Each path that stands first in a line, and what lies below it. */
static void
ask(const struct pages *p, char *manifest)
{
    char *line, *rest = manifest;

    while ((line = strsep(&rest, "\n"))) {
        size_t n = strcspn(line, "\t");
        struct http_call call = { .path = line, .method = HTTP_GET };
        bool there = line[0] != '\0';
        struct http_response *r;

        line[n] = '\0';
        r = pages_answer(p, &call);
        assert(r || !there);
        call.method = HTTP_HEAD;
        r = pages_answer(p, &call);
        assert(r || !there);
        call.path = n > 1 ? line + 1 : "//";
        r = pages_answer(p, &call);
        (void)r; /* some other page, or none */
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct err_detail d = { 0 };
    struct pages *p = NULL;
    char *manifest;

    if (!folder[0])
        make_folder();
    put("manifest", data, len);
    if (pages_load(folder, false, &d, &p) == OK) {
        manifest = xcalloc(1, len + 1);
        memcpy(manifest, data, len);
        ask(p, manifest);
        free(manifest);
        pages_delete(p);
    } else {
        assert(d.internal[0] && !p);
    }
    return 0;
}
