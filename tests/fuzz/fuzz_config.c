/* tests/fuzz/fuzz_config.c: any bytes as a file of options. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena *a = arena_new();
    struct err_detail detail = { 0 };
    struct config_rest rest;
    struct config config;
    char flag[64], *argv[] = { flag };
    int fd = memfd_create("options", 0);

    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        abort();
    snprintf(flag, sizeof flag, "--config=/proc/self/fd/%d", fd);
    if (config_read(&CONFIG_KONTORD, a, 1, argv, &config, &rest, &detail) != OK)
        assert(detail.text[0] != '\0');
    else
        assert(config.clock_rate >= 1 && config.workers >= 1 && config.listen != NULL);
    close(fd);
    arena_delete(a);
    return 0;
}
