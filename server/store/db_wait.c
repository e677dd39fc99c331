/* store/db_wait.c: waiting for the server, with a limit, and with something to do meanwhile. */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "base/clock.h"
#include "store/db_internal.h"

enum { MEANWHILE_NS = 250000 };

void
db_meanwhile(struct db *db, db_meanwhile_fn *fn, void *ctx)
{
    db->meanwhile = fn;
    db->meanwhile_ctx = ctx;
}

static int
wait_for(struct db *db, struct pollfd *fd, int64_t left_ms)
{
    struct timespec pause = { .tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000 };

    if (db->meanwhile != NULL) {
        pause = (struct timespec){ .tv_nsec = MEANWHILE_NS };
        if (db->meanwhile(db->meanwhile_ctx))
            pause.tv_nsec = 0;
    }
    return ppoll(fd, 1, &pause, NULL);
}

/* The next result, NULL between two queries; ERR_DB when the connection is lost or the deadline (monotonic ms) over. */
enum err
db_next_result(struct db *db, int64_t deadline_ms, PGresult **ret)
{
    for (;;) {
        int unsent = PQflush(db->conn);
        struct pollfd fd = { .fd = PQsocket(db->conn), .events = POLLIN };
        int64_t left_ms = deadline_ms - monotonic_ms();

        if (unsent < 0)
            return db_lost(db, PQerrorMessage(db->conn));
        if (PQisBusy(db->conn) == 0) {
            *ret = PQgetResult(db->conn);
            return OK;
        }
        if (left_ms <= 0)
            return db_lost(db, "no answer in time");
        if (unsent > 0)
            fd.events |= POLLOUT;
        if (wait_for(db, &fd, left_ms) < 0 && errno != EINTR)
            return db_lost(db, "poll failed");
        if (fd.revents != 0 && PQconsumeInput(db->conn) == 0)
            return db_lost(db, PQerrorMessage(db->conn));
    }
}

int64_t
db_deadline(const struct db *db)
{
    return monotonic_ms() + db->timeout_ms + 1000; /* the server's own limit comes first */
}
