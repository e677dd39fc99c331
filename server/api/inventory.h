/* api/inventory.h: what an inventory says of the capacity that its site offers, and what follows from it (core/told.h). */
#ifndef API_INVENTORY_H
#define API_INVENTORY_H

#include "api/call.h"
#include "store/given.h"

/* A maintenance as it stands: cut short where it was ended, or where the capacity was set anew. */
struct maintenance_window {
    struct capacity_change set;
    int64_t until_ms;
    bool ended;
};
/* Those of one offering, of its rows from `at` on, in order. Returns where the next offering's rows begin. */
size_t maintenance_windows(const struct capacity_change *rows, size_t n, size_t at, struct maintenance_window *ret, size_t *ret_n, uint32_t *ret_changes);

/* Of a report of that kind, before it is decided; json: in canonical form, NULL if none came. ERR_INVENTORY_OTHER; what else is
 * wrong with it is noted in the command. */
enum err inventory_check(struct call *call, const char *json, size_t len) MUST_USE;

/* The report is recorded, and its receipt stands in call->out: the calendar follows what the inventory says, and then the call is
 * answered. A report that is sent again because its receipt was lost is followed again. */
void inventory_follow(struct call *call);
#endif
