/*
 * exchange: from the messages of an LLMonitor thread to its exchanges (merge.md 7.4, llmonitor.md 6). One pass over the messages in the
 * order of (time, tie, id):
 *
 *   custom event           an exchange of its own; nothing is appended to it
 *   input side, after an output or nothing        opens an exchange
 *   output side, after nothing                    opens an exchange
 *   retry                  opens a sibling of the exchange before it, which keeps that one's input
 *   anything else          is appended to the exchange before it
 */
#include "model/derive.h"

#include <stdlib.h>

#include "model/model_priv.h"

static int64_t tie_of(const struct row *m)
{
    return row_int(m, MESSAGE_tie, 0);
}

static int message_order(const void *x, const void *y)
{
    const struct row *a = *(const struct row *const *)x, *b = *(const struct row *const *)y;
    int64_t s = row_time(a, MESSAGE_time_ns), t = row_time(b, MESSAGE_time_ns);
    if (s != t)
        return s < t ? -1 : 1;
    if (tie_of(a) != tie_of(b))
        return tie_of(a) < tie_of(b) ? -1 : 1;
    return str_cmp(a->id, b->id);
}

/* Arrays of an exchange while it grows. */
struct growing {
    struct exchange *x;
    size_t cap_messages;
    bool has_output;
    struct str *input, *output; /* JSON texts of the messages */
    size_t n_input, cap_input, n_output, cap_output;
};

struct thread {
    struct arena *a;
    struct growing *items;
    size_t n, cap;
};

static bool is_custom(const struct row *m)
{
    return str_is(row_text(m, MESSAGE_role), "custom-event");
}

static bool is_output(const struct row *m)
{
    struct str role = row_text(m, MESSAGE_role);
    return str_is(role, "assistant") || str_is(role, "tool") || str_is(role, "bot");
}

static void add_text(struct arena *a, struct str **list, size_t *n, size_t *cap, struct str text)
{
    if (!text.p)
        return;
    *list = arena_grow(a, *list, cap, *n + 1, sizeof **list);
    (*list)[(*n)++] = text;
}

static struct growing *open_exchange(struct thread *t, const struct row *m)
{
    t->items = arena_grow(t->a, t->items, &t->cap, t->n + 1, sizeof *t->items);
    struct growing *g = &t->items[t->n++];
    *g = (struct growing){ .x = arena_alloc(t->a, sizeof *g->x) };
    *g->x = (struct exchange){
        .id = m->id, .custom_event = is_custom(m), .start_ns = row_time(m, MESSAGE_time_ns)
    };
    return g;
}

static void append(struct thread *t, struct growing *g, const struct row *m)
{
    struct exchange *x = g->x;
    x->messages = arena_grow(t->a, x->messages, &g->cap_messages, x->n_messages + 1, sizeof(void *));
    x->messages[x->n_messages++] = m;
    x->shown_id = m->id;
    x->end_ns = row_time(m, MESSAGE_time_ns);
    struct str body = row_text(m, MESSAGE_body);
    if (x->custom_event)
        return;
    if (is_output(m)) {
        g->has_output = true;
        add_text(t->a, &g->output, &g->n_output, &g->cap_output, body);
    } else {
        add_text(t->a, &g->input, &g->n_input, &g->cap_input, body);
    }
}

/* A retried answer keeps the question; a retried question starts over. */
static void open_sibling(struct thread *t, const struct row *m)
{
    struct growing before = t->items[t->n - 1], *g = open_exchange(t, m);
    g->x->sibling = before.x->id;
    for (size_t i = 0; is_output(m) && i < before.n_input; i++)
        add_text(t->a, &g->input, &g->n_input, &g->cap_input, before.input[i]);
    append(t, g, m);
}

static void take_message(struct thread *t, const struct row *m)
{
    struct growing *last = t->n ? &t->items[t->n - 1] : NULL;
    bool alone = !last || last->x->custom_event || is_custom(m);
    if (!alone && row_int(m, MESSAGE_retry, 0))
        open_sibling(t, m);
    else if (alone || (!is_output(m) && last->has_output))
        append(t, open_exchange(t, m), m);
    else
        append(t, last, m);
}

static struct str array_of(struct arena *a, const struct str *items, size_t n)
{
    struct buf b;
    if (!n)
        return STR_NONE;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_arr(&w);
    for (size_t i = 0; i < n; i++)
        jw_raw(&w, items[i]);
    jw_arr_end(&w);
    struct str out = arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

void derive_exchanges(
    struct arena *a, const struct row *messages, size_t n, struct exchange **out, size_t *n_out)
{
    struct thread t = { .a = a };
    const struct row **sorted = arena_array(a, n + 1, sizeof(void *));
    for (size_t i = 0; i < n; i++)
        sorted[i] = &messages[i];
    if (n)
        qsort(sorted, n, sizeof(void *), message_order);
    for (size_t i = 0; i < n; i++)
        take_message(&t, sorted[i]);
    *out = arena_array(a, t.n + 1, sizeof **out);
    *n_out = t.n;
    for (size_t i = 0; i < t.n; i++) {
        (*out)[i] = *t.items[i].x;
        (*out)[i].input = array_of(a, t.items[i].input, t.items[i].n_input);
        (*out)[i].output = array_of(a, t.items[i].output, t.items[i].n_output);
    }
}
