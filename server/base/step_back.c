/* base/step_back.c */
#include "base/step_back.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Work in batches: waking up it takes the processor from nobody (sched(7)), which what starts for some milliseconds does often. */
static void
be_batch(int nice, int64_t slice_ns)
{
    struct sched_attr attr = { .size = sizeof attr, .sched_policy = SCHED_BATCH, .sched_runtime = (uint64_t)slice_ns };
    int now = getpriority(PRIO_PROCESS, 0);

    attr.sched_nice = now > nice ? now : nice; /* back only: forth it may not */
    if (syscall(SYS_sched_setattr, 0, &attr, 0) != 0) /* a container may forbid it */
        setpriority(PRIO_PROCESS, 0, attr.sched_nice);
}

/* With autogroups niceness counts only within a session, and the session's own is what counts among sessions. */
void
step_back(int nice, int64_t slice_ns)
{
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);

    be_batch(nice, slice_ns);
    if (fd < 0)
        return;
    if (dprintf(fd, "%d", nice) < 0)
        errno = 0; /* changed a moment ago by another, which the kernel limits: then not */
    close(fd);
}
