/*
 * Traces as text, for people and models (langwatch.md 5.4, 6): the tree of a trace, the digest of a search, the digest of its spans.
 *
 *   .
 *   └── agent: answer
 *       ├── rag: retrieve
 *       └── llm: chat (gpt-5)
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

#include "base/hash.h"

/* A chain of spans may be as long as its trace; what is deeper is drawn at this depth, or its lines would grow with the square. */
#define DEPTH_MAX     64
#define TEXT_CHARS    200
#define DUPLICATE_MIN 50

/* ---- the tree ------------------------------------------------------------------------------------------------------- */

struct tree {
    const struct row *rows;
    size_t n;
    uint32_t *order; /* parents before children */
    uint16_t *depth; /* by place in order */
    bool *last;      /* of its siblings, by place in order */
};

static struct tree tree_of(struct arena *a, const struct row *t)
{
    struct tree tree = { .rows = t->observations, .n = t->n_observations };
    bool later[DEPTH_MAX + 1] = { false }; /* at this depth: a sibling follows */
    tree.order = arena_array(a, tree.n + 1, sizeof *tree.order);
    tree.depth = arena_array(a, tree.n + 1, sizeof *tree.depth);
    tree.last = arena_array(a, tree.n + 1, sizeof *tree.last);
    derive_tree(a, tree.rows, tree.n, false, tree.order, tree.depth);
    for (size_t i = tree.n; i-- > 0;) {
        size_t depth = tree.depth[i] < DEPTH_MAX ? tree.depth[i] : DEPTH_MAX;
        tree.last[i] = !later[depth];
        later[depth] = true;
        for (size_t d = depth + 1; d <= DEPTH_MAX && later[d]; d++)
            later[d] = false;
    }
    return tree;
}

/* What stands before the i-th line, and, with `below`, before the lines under it. ended[d]: the line at depth d was the last one. */
static void write_prefix(
    struct buf *out, const struct tree *tree, size_t i, bool ended[DEPTH_MAX + 1], bool below)
{
    size_t depth = tree->depth[i] < DEPTH_MAX ? tree->depth[i] : DEPTH_MAX;
    ended[depth] = tree->last[i];
    for (size_t d = 0; d < depth; d++)
        buf_add_cstr(out, ended[d] ? "    " : "│   ");
    if (below)
        buf_add_cstr(out, tree->last[i] ? "    " : "│   ");
    else
        buf_add_cstr(out, tree->last[i] ? "└── " : "├── ");
}

static struct str name_of(const struct row *o)
{
    struct str name = row_text(o, OBSERVATION_name);
    return name.n ? name : langwatch__type_word(o);
}

struct str langwatch__ascii_tree(struct arena *a, const struct row *t)
{
    struct tree tree = tree_of(a, t);
    bool ended[DEPTH_MAX + 1] = { false };
    struct buf out;
    buf_init(&out, 0);
    buf_add_cstr(&out, ".\n");
    for (size_t i = 0; i < tree.n; i++) {
        const struct row *o = &tree.rows[tree.order[i]];
        struct str type = langwatch__type_word(o), model = row_text(o, OBSERVATION_model);
        write_prefix(&out, &tree, i, ended, false);
        buf_printf(&out, "%.*s: %.*s", STR_ARG(type), STR_ARG(name_of(o)));
        if (model.n > 0 && str_is(type, "llm"))
            buf_printf(&out, " (%.*s)", STR_ARG(model));
        buf_add_char(&out, '\n');
    }
    return langwatch__taken(a, &out);
}

/* ---- times ---------------------------------------------------------------------------------------------------------- */

struct str langwatch__ago(struct arena *a, int64_t ns, int64_t now_ns)
{
    int64_t minutes = now_ns > ns ? ((now_ns - ns) / NS_PER_S + 30) / 60 : 0;
    char iso[32];
    if (now_ns - ns >= 24 * 3600 * NS_PER_S && now_ns > ns) {
        const char *p = time_format_iso_ms(ns, iso).p;
        return arena_printf(a, "%.2s/%.2s %.5s", p + 8, p + 5, p + 11);
    }
    if (minutes < 1)
        return STR("less than a minute ago");
    if (minutes < 45)
        return arena_printf(a, "%d minute%s ago", (int)minutes, minutes == 1 ? "" : "s");
    int64_t hours = minutes < 90 ? 1 : (minutes + 30) / 60;
    return arena_printf(a, "about %d hour%s ago", (int)hours, hours == 1 ? "" : "s");
}

static void write_duration(struct buf *out, int64_t ns)
{
    int64_t ms = ns > 0 ? ns / NS_PER_MS : 0;
    if (ms < 1000)
        buf_printf(out, "%dms", (int)ms);
    else
        buf_printf(out, "%.2fs", (double)ms / 1000);
}

static void write_span_duration(struct buf *out, const struct row *o)
{
    int64_t start = row_time(o, OBSERVATION_start_ns), end = row_time(o, OBSERVATION_end_ns);
    if (start == TIME_NONE || end == TIME_NONE)
        buf_add_cstr(out, "unfinished");
    else
        write_duration(out, end - start);
}

/* ---- the digest of a search ----------------------------------------------------------------------------------------- */

static void write_cut(struct buf *out, struct str text)
{
    size_t end = 0, chars = 0;
    if (!text.p) {
        buf_add_cstr(out, "N/A");
        return;
    }
    for (; end < text.n && chars <= TEXT_CHARS; end++)
        if (((unsigned char)text.p[end] & 0xC0) != 0x80 && ++chars > TEXT_CHARS)
            break;
    buf_add_str(out, str_sub(text, 0, end));
    if (end < text.n)
        buf_add_cstr(out, "...");
}

static void write_platform_url(struct jw *w, const struct trace_view *v, const struct row *t)
{
    if (v->platform_url.p)
        jw_kv_str(w, "platformUrl",
            arena_printf(v->arena, "%.*s%.*s", STR_ARG(v->platform_url),
                STR_ARG(langwatch__url_part(v->arena, t->id))));
}

void langwatch__write_digest(struct jw *w, const struct trace_view *v, const struct row *t)
{
    struct buf text;
    buf_init(&text, 0);
    buf_add_cstr(&text, "Input: ");
    write_cut(&text, langwatch__trace_text(v->arena, t, true));
    buf_add_cstr(&text, "\nOutput: ");
    write_cut(&text, langwatch__trace_text(v->arena, t, false));
    jw_obj(w);
    jw_kv_str(w, "trace_id", t->id);
    jw_kv_str(w, "formatted_trace", buf_str(&text));
    buf_fini(&text);
    langwatch__write_texts(w, v->arena, t);
    langwatch__write_times(w, v, t);
    langwatch__write_metadata(w, v, t);
    langwatch__write_trace_error(w, v, t, NULL);
    langwatch__write_evaluations(w, v, t);
    write_platform_url(w, v, t);
    jw_obj_end(w);
}

/* ---- the digest of spans -------------------------------------------------------------------------------------------- */

/* A digest being written: `seen` is a hash table of the long strings so far. */
struct digest {
    struct arena *a;
    struct buf out;
    uint64_t *seen;
    size_t n_seen, mask;
};

static void grow_seen(struct digest *d)
{
    size_t mask = d->mask ? d->mask * 2 + 1 : 255;
    uint64_t *seen = arena_array(d->a, mask + 1, sizeof *seen);
    for (size_t i = 0; d->seen && i <= d->mask; i++) {
        size_t at = (size_t)d->seen[i] & mask;
        while (d->seen[i] && seen[at])
            at = (at + 1) & mask;
        if (d->seen[i])
            seen[at] = d->seen[i];
    }
    d->seen = seen;
    d->mask = mask;
}

/* Was this string written before? It is remembered. */
static bool seen_before(struct digest *d, struct str s)
{
    uint64_t h = hash64(s) | 1;
    if (d->n_seen * 2 >= d->mask)
        grow_seen(d);
    size_t at = (size_t)h & d->mask;
    for (; d->seen[at]; at = (at + 1) & d->mask)
        if (d->seen[at] == h)
            return true;
    d->seen[at] = h;
    d->n_seen++;
    return false;
}

/* A string as the digest shows it. */
static struct str shown(struct digest *d, struct str s)
{
    struct str data = STR("data:");
    size_t comma = str_starts(s, data) ? str_find_char(s, ',') : SIZE_MAX;
    if (comma != SIZE_MAX && comma < 100) {
        struct str mime = str_sub(s, data.n, comma - data.n);
        mime = str_sub(mime, 0, str_find_char(mime, ';'));
        return arena_printf(d->a, "[IMAGE: %.*s, ~%zu bytes]", STR_ARG(mime), (s.n - comma - 1) / 4 * 3);
    }
    if (langwatch__characters(s) >= DUPLICATE_MIN && seen_before(d, s))
        return STR("[DUPLICATE - SEE ABOVE]");
    return s;
}

static void write_shown(struct digest *d, struct jw *w, struct json v)
{
    struct str key;
    struct json item;
    if (json_is_str(v))
        jw_str(w, shown(d, json_str(v)));
    else if (json_is_obj(v)) {
        jw_obj(w);
        for (struct json_iter it = json_iter(v); json_next(&it, &key, &item);) {
            jw_key_str(w, key);
            write_shown(d, w, item);
        }
        jw_obj_end(w);
    } else if (json_is_arr(v)) {
        jw_arr(w);
        for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item);)
            write_shown(d, w, item);
        jw_arr_end(w);
    } else
        jw_value(w, v);
}

/* "key: value" below a span; a value of several lines stays in its column of the tree only with its first. */
static void write_attribute(struct digest *d, struct str indent, const char *key, struct json v)
{
    if (!json_is_set(v) || (json_is_obj(v) && json_size(v) == 0))
        return;
    buf_printf(&d->out, "%.*s    %s: ", STR_ARG(indent), key);
    if (json_is_str(v))
        buf_add_str(&d->out, shown(d, json_str(v)));
    else {
        struct jw w = jw_of(&d->out);
        write_shown(d, &w, v);
    }
    buf_add_char(&d->out, '\n');
}

static void write_attributes(struct digest *d, struct str indent, const struct row *o)
{
    struct str model = row_text(o, OBSERVATION_model), span, type = langwatch__type_word(o);
    struct buf text;
    buf_init(&text, 0);
    struct jw w = jw_of(&text);
    langwatch__write_span(&w, d->a, o);
    span = langwatch__taken(d->a, &text);
    struct json v = langwatch__parsed(d->a, span);
    buf_printf(&d->out, "%.*s    type: %.*s\n", STR_ARG(indent), STR_ARG(type));
    write_attribute(d, indent, "input", json_key(json_key(v, "input"), "value"));
    write_attribute(d, indent, "output", json_key(json_key(v, "output"), "value"));
    if (model.n > 0)
        buf_printf(&d->out, "%.*s    model: %.*s\n", STR_ARG(indent), STR_ARG(model));
    write_attribute(d, indent, "vendor", json_key(v, "vendor"));
    write_attribute(d, indent, "params", json_key(v, "params"));
    write_attribute(d, indent, "metrics", json_key(v, "metrics"));
    write_attribute(d, indent, "contexts", json_key(v, "contexts"));
}

static struct str failure_of(const struct row *o)
{
    struct str message = row_text(o, OBSERVATION_status_message);
    if (row_int(o, OBSERVATION_level, LEVEL_DEFAULT) != LEVEL_ERROR)
        return STR_NONE;
    return message.n ? message : STR("Unknown error");
}

static void write_span_lines(struct digest *d, const struct tree *tree, size_t i, bool ended[DEPTH_MAX + 1])
{
    const struct row *o = &tree->rows[tree->order[i]];
    int64_t start = row_time(o, OBSERVATION_start_ns);
    struct str failure = failure_of(o), id = str_sub(o->id, 0, str_utf8_clip(o->id, 8));
    struct buf prefix;
    char iso[32];
    write_prefix(&d->out, tree, i, ended, false);
    buf_printf(&d->out, "[%.*s] %.*s %.*s (", STR_ARG(id),
        STR_ARG(start == TIME_NONE ? STR("-") : time_format_iso_ms(start, iso)), STR_ARG(name_of(o)));
    write_span_duration(&d->out, o);
    buf_add_char(&d->out, ')');
    if (failure.p)
        buf_printf(&d->out, " ⚠️ ERROR: %.*s", STR_ARG(failure));
    buf_add_char(&d->out, '\n');
    buf_init(&prefix, 0);
    write_prefix(&prefix, tree, i, ended, true);
    write_attributes(d, buf_str(&prefix), o);
    buf_fini(&prefix);
    buf_add_char(&d->out, '\n');
}

static void write_failures(struct digest *d, const struct tree *tree)
{
    bool any = false;
    for (size_t i = 0; i < tree->n; i++) {
        const struct row *o = &tree->rows[tree->order[i]];
        struct str failure = failure_of(o);
        if (!failure.p)
            continue;
        if (!any)
            buf_add_cstr(&d->out, "=== ERRORS ===\n");
        any = true;
        buf_printf(&d->out, "- %.*s: %.*s\n", STR_ARG(name_of(o)), STR_ARG(failure));
    }
}

static struct str span_digest(struct arena *a, const struct row *t)
{
    struct digest d = { .a = a };
    struct tree tree = tree_of(a, t);
    bool ended[DEPTH_MAX + 1] = { false };
    const struct derived *r = t->derived;
    if (tree.n == 0)
        return STR("No spans recorded.");
    buf_init(&d.out, 0);
    buf_printf(&d.out, "Spans: %zu | Total Duration: ", tree.n);
    if (r && r->start_ns != TIME_NONE && r->last_end_ns != TIME_NONE)
        write_duration(&d.out, r->last_end_ns - r->start_ns);
    else
        buf_add_cstr(&d.out, "unknown");
    buf_add_cstr(&d.out, "\n\n");
    for (size_t i = 0; i < tree.n; i++)
        write_span_lines(&d, &tree, i, ended);
    write_failures(&d, &tree);
    return langwatch__taken(a, &d.out);
}

void langwatch__write_span_digest(struct jw *w, const struct trace_view *v, const struct row *t)
{
    jw_obj(w);
    jw_kv_str(w, "trace_id", t->id);
    jw_kv_str(w, "formatted_trace", span_digest(v->arena, t));
    langwatch__write_times(w, v, t);
    langwatch__write_metadata(w, v, t);
    langwatch__write_evaluations(w, v, t);
    write_platform_url(w, v, t);
    jw_obj_end(w);
}
