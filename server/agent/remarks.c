/* agent/remarks.c */
#include "agent/remarks.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"

static const char *const VERDICTS[] = { "ok", "warning", "fault" };

void
remarks_add(struct remarks *f, const char *what, enum verdict verdict, const char *remedy, const char *format, ...)
{
    struct remark *to;
    va_list args;

    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 16;
        f->all = xrealloc(f->all, f->cap * sizeof *f->all);
    }
    to = &f->all[f->n++];
    *to = (struct remark){ .what = what, .verdict = verdict, .remedy = verdict == VERDICT_OK ? NULL : remedy };
    va_start(args, format);
    text_vformat(to->text, sizeof to->text, format, args);
    va_end(args);
}

void
remarks_err(struct remarks *f, const char *what, enum err err, const struct err_detail *d, const char *remedy, const char *text)
{
    const char *said = d->internal[0] ? d->internal : d->text;

    if (err == OK)
        remarks_add(f, what, VERDICT_OK, NULL, "%s", text);
    else
        remarks_add(f, what, VERDICT_FAULT, remedy, "%s", said[0] ? said : err_sentence(err));
}

enum verdict
remarks_worst(const struct remarks *f)
{
    enum verdict worst = VERDICT_OK;

    for (size_t i = 0; i < f->n; i++)
        worst = f->all[i].verdict > worst ? f->all[i].verdict : worst;
    return worst;
}

static void
print_json(const struct remarks *f, FILE *to)
{
    struct json_out o = { .fresh = true };

    json_open(&o, NULL);
    json_text(&o, "verdict", VERDICTS[remarks_worst(f)]);
    json_open_array(&o, "checks");
    for (size_t i = 0; i < f->n; i++) {
        json_open(&o, NULL);
        json_text(&o, "check", f->all[i].what);
        json_text(&o, "verdict", VERDICTS[f->all[i].verdict]);
        json_text(&o, "finding", f->all[i].text);
        json_text(&o, "remedy", f->all[i].remedy);
        json_shut(&o);
    }
    json_shut_array(&o);
    json_shut(&o);
    fprintf(to, "%.*s\n", (int)o.len, o.text);
    json_out_free(&o);
}

void
remarks_print(const struct remarks *f, bool json, FILE *to)
{
    if (json) {
        print_json(f, to);
        return;
    }
    for (size_t i = 0; i < f->n; i++) {
        fprintf(to, "%-8s %-8s %s\n", f->all[i].what, VERDICTS[f->all[i].verdict], f->all[i].text);
        if (f->all[i].remedy)
            fprintf(to, "%-8s %-8s %s\n", "", "remedy:", f->all[i].remedy);
    }
}

void
remarks_free(struct remarks *f)
{
    free(f->all);
    *f = (struct remarks){ 0 };
}
