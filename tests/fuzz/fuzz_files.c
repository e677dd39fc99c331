/* tests/fuzz/fuzz_files.c: small files that a program reads back: a secret key, an export's head, what the agent and its
 * supervisor keep of a run. The first byte says which. What is taken means the same when written again. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/run.h"
#include "base/text.h"
#include "core/tile.h"
#include "crypto/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char folder[64];
static int dir = -1;

static void
clean(void)
{
    static const char *const NAMES[] = { "key", "spec", "started", "status" };

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        unlinkat(dir, NAMES[i], 0);
    rmdir(folder);
}

static void
open_folder(void)
{
    snprintf(folder, sizeof folder, "%s/kontor-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder) || (dir = open(folder, O_RDONLY | O_DIRECTORY)) < 0)
        abort();
    atexit(clean);
}

static void
put(const char *name, const uint8_t *data, size_t len)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        abort();
    close(fd);
}

static void
as_key(const uint8_t *data, size_t len)
{
    struct err_detail d = { 0 };
    char path[96], text[BASE64_LEN(32)];
    uint8_t secret[32];

    put("key", data, len);
    snprintf(path, sizeof path, "%s/key", folder);
    if (keyfile_load(path, "ed25519", secret, &d) == OK) {
        base64url_encode(BYTES(secret, 32), text);
        assert(len == strlen("kontor-key/v1 ed25519 ") + strlen(text) + 1);
        assert(memcmp(data + strlen("kontor-key/v1 ed25519 "), text, strlen(text)) == 0);
    } else {
        assert(d.internal[0]);
    }
}

static void
as_head(const uint8_t *data, size_t len)
{
    struct head_text head;
    char *text = calloc(1, len + 1), again[HEAD_TEXT_MAX];

    if (!text)
        abort();
    memcpy(text, data, len);
    if (head_text_parse(text, &head)) {
        assert(head_text_write(&head, again) == strlen(text));
        assert(memcmp(again, text, strlen(text)) == 0);
    }
    free(text);
}

static void
as_run(const uint8_t *data, size_t len)
{
    static struct run_spec spec, again;
    struct run_status status, status_again;
    int64_t started, started_again;

    put("spec", data, len);
    if (run_spec_read(dir, &spec) == OK) {
        assert(memchr(spec.share, 0, sizeof spec.share) && memchr(spec.wake, 0, sizeof spec.wake));
        assert(run_spec_write(dir, &spec) == OK && run_spec_read(dir, &again) == OK);
        assert(strcmp(spec.jti, again.jti) == 0 && spec.gpus == again.gpus && strcmp(spec.wake, again.wake) == 0);
    }
    put("started", data, len);
    if (run_started_read(dir, &started) == OK)
        assert(run_started_write(dir, started) == OK && run_started_read(dir, &started_again) == OK &&
               started == started_again);
    put("status", data, len);
    if (run_status_read(dir, &status) == OK) {
        unlinkat(dir, "status", 0);
        assert(run_status_write(dir, &status) == OK && run_status_read(dir, &status_again) == OK);
        assert(status.end == status_again.end && status.gpu_seconds == status_again.gpu_seconds);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (dir < 0)
        open_folder();
    if (len < 2)
        return 0;
    switch (data[0]) {
    case 'k':
        as_key(data + 1, len - 1);
        break;
    case 'h':
        as_head(data + 1, len - 1);
        break;
    case 'r':
        as_run(data + 1, len - 1);
        break;
    }
    return 0;
}
