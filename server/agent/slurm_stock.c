/* agent/slurm_stock.c: what the site has, as Slurm counts it: nodes that take jobs, are drained, down, kept for maintenance. */
#include <stdio.h>

#include "agent/slurm.h"
#include "base/hash.h"
#include "base/text.h"

/* NULL: Slurm did not say. Then nothing is known any more. */
void
slurm_stock_nodes(struct backend *b, const char *said)
{
    struct slurm_stock s = { .at_s = real_now_ms() / 1000 };
    struct slurm_node node;
    enum slurm_read read = SLURM_BAD;

    while (said && (read = slurm_node_row(&said, b->o.gpu_type, &node)) == SLURM_ROW) {
        s.nodes++;
        s.gpus += node.gpus;
        s.gpus_used += node.gpus_used;
        s.nodes_up += node.up;
        s.gpus_up += node.up ? node.gpus : 0;
        if (node.up)
            continue;
        s.nodes_unknown += node.unknown;
        s.nodes_maintenance += !node.unknown && node.maintenance;
        s.nodes_drained += !node.unknown && !node.maintenance && node.drained;
        s.nodes_down += !node.unknown && !node.maintenance && !node.drained;
    }
    b->counting = s;
    b->counting.known = said && read == SLURM_END && s.nodes_unknown == 0; /* normal for seconds after a start of slurmctld */
    if (!said)
        b->stock.known = false;
}

void
slurm_stock_windows(struct backend *b, const char *said)
{
    struct slurm_stock s = b->counting;
    struct slurm_window w;
    enum slurm_read read = SLURM_BAD;

    while (said && (read = slurm_window_row(&said, &w)) == SLURM_ROW)
        if (w.maintenance && s.windows_n < sizeof s.windows / sizeof s.windows[0])
            s.windows[s.windows_n++] = w;
    s.known = s.known && said && read == SLURM_END;
    if (s.known || !said || read != SLURM_END)
        b->stock = s;
}

static void
write_stock(const struct backend *b, struct json_out *o, bool with_time)
{
    const struct slurm_stock *s = &b->stock;

    json_text(o, "backend", "slurm");
    json_text(o, "partition", b->o.partition);
    json_text(o, "gpu_type", b->o.gpu_type);
    if (b->o.model[0])
        json_text(o, "model", b->o.model);
    json_bool(o, "known", s->known);
    if (!s->known)
        return;
    if (with_time)
        json_time(o, "as_of", s->at_s * 1000);
    json_i64(o, "gpus", s->gpus);
    json_i64(o, "gpus_up", s->gpus_up);
    json_i64(o, "nodes", s->nodes);
    json_i64(o, "nodes_up", s->nodes_up);
    json_i64(o, "nodes_drained", s->nodes_drained);
    json_i64(o, "nodes_down", s->nodes_down);
    json_i64(o, "nodes_in_maintenance", s->nodes_maintenance);
    json_open_array(o, "maintenance");
    for (size_t i = 0; i < s->windows_n; i++) {
        json_open(o, NULL);
        json_text(o, "name", s->windows[i].name);
        json_text(o, "nodes", s->windows[i].nodes);
        json_i64(o, "nodes_count", s->windows[i].nodes_n);
        json_time(o, "start", s->windows[i].start_s * 1000);
        json_time(o, "end", s->windows[i].end_s * 1000);
        json_shut(o);
    }
    json_shut_array(o);
}

/* What would be told, but the time: equal texts need no telling. */
static uint64_t
mark_of(const struct backend *b)
{
    struct json_out o = { 0 };
    struct hash h;
    uint64_t ret;

    json_open(&o, NULL);
    write_stock(b, &o, false);
    json_shut(&o);
    h = sha256(BYTES(o.text, o.len));
    json_out_free(&o);
    memcpy(&ret, h.b, sizeof ret);
    return ret;
}

void
slurm_inventory(struct backend *b, struct json_out *o)
{
    write_stock(b, o, true);
    if (b->stock.known)
        json_i64(o, "gpus_used", b->stock.gpus_used); /* changes with each job: not worth a report of its own */
    b->stock_told = mark_of(b);
}

bool
slurm_inventory_changed(struct backend *b)
{
    return b->stock_told && mark_of(b) != b->stock_told;
}
