/*
 * messages: the input and output of a span whose content came as log records, one message each (otlp.md 1.8, merge.md 4.3). A pure function
 * of the records, so the order in which they arrive does not show.
 */
#include "model/derive.h"

#include <stdlib.h>

/* Some clocks tell milliseconds only: what was said in one of them stands in the order of its request. */
int log_message_order(const struct row *a, const struct row *b)
{
    int64_t x = row_time(a, RECORD_time_ns), y = row_time(b, RECORD_time_ns);
    int64_t i = row_int(a, RECORD_seq, 0), j = row_int(b, RECORD_seq, 0);
    if (x != y)
        return x < y ? -1 : 1;
    return i != j ? (i < j ? -1 : 1) : str_cmp(a->id, b->id);
}

static int by_order(const void *p, const void *q)
{
    return log_message_order(*(const struct row *const *)p, *(const struct row *const *)q);
}

static struct str array_of(struct arena *a, const struct row *const *rows, size_t n, const char *side)
{
    struct buf out;
    size_t found = 0;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        if (str_is(row_text(rows[i], RECORD_status), side)) {
            jw_raw(&w, row_text(rows[i], RECORD_body));
            found++;
        }
    jw_arr_end(&w);
    struct str text = buf_str(&out);
    if (found == 1 && str_is(str_of(side), MESSAGE_OUTPUT)) /* one choice is the answer itself */
        text = str_sub(text, 1, text.n - 2);
    struct str copy = found ? arena_dup(a, text) : STR_NONE;
    buf_fini(&out);
    return copy;
}

struct str message_parent(struct arena *a, struct str trace_id, struct str span_id)
{
    return arena_printf(a, "%.*s/%.*s", STR_ARG(trace_id), STR_ARG(span_id));
}

void derive_messages(
    struct arena *a, const struct row *records, size_t n, struct str *input, struct str *output)
{
    const struct row **sorted = arena_array(a, n + 1, sizeof(struct row *));
    for (size_t i = 0; i < n; i++)
        sorted[i] = &records[i];
    qsort(sorted, n, sizeof *sorted, by_order);
    *input = array_of(a, sorted, n, MESSAGE_INPUT);
    *output = array_of(a, sorted, n, MESSAGE_OUTPUT);
}
