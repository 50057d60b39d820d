/*
 * Answers to questions: pages of a search, one trace, a thread, a transcript (langwatch.md 5.3 to 5.5, 6).
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

/* ---- headers of the old routes -------------------------------------------------------------------------------------- */

static void deprecated(const struct call *c, struct reply *r, struct str successor)
{
    if (!str_starts(c->path, STR("/api/trace/")))
        return;
    reply_header(r, STR("Deprecation"), STR("true"));
    reply_header(
        r, STR("Link"), arena_printf(c->arena, "<%.*s>; rel=\"successor-version\"", STR_ARG(successor)));
}

/* ---- a page --------------------------------------------------------------------------------------------------------- */

static struct str group_key(const struct search *s, const struct row *t)
{
    return s->group == GROUP_USER ? trace_user_id(t) : trace_session_id(t);
}

/* Groups in the order in which each first appears, flattened. Only within the page: what lies on the next one is not known yet. */
static size_t *page_order(struct arena *a, const struct search *s, const struct row *rows, size_t n)
{
    size_t *order = arena_array(a, n + 1, sizeof *order), k = 0;
    bool *done = arena_array(a, n + 1, sizeof *done);
    for (size_t i = 0; i < n; i++) {
        if (done[i])
            continue;
        order[k++] = i;
        for (size_t j = i + 1; s->group != GROUP_NONE && j < n; j++) {
            if (done[j] || !str_eq(group_key(s, &rows[i]), group_key(s, &rows[j])))
                continue;
            done[j] = true;
            order[k++] = j;
        }
    }
    return order;
}

/* Given when the page is full, so that a walk ends at the first page that is not. */
static void write_scroll_id(struct jw *w, struct call *c, const struct search *s, const struct ask *page)
{
    struct cursor last;
    if (page->n == 0 || page->n < page->query.limit)
        return;
    query_cursor_of(c->arena, &page->query, &page->rows[page->n - 1], &last);
    struct str text = cursor_encode(c->arena, &page->query, &last);
    if (s->by_updated)
        text = arena_printf(c->arena, "%lld.%.*s", (long long)time_ms(s->through_ns), STR_ARG(text));
    jw_kv_str(w, "scrollId", text);
}

static void write_pagination(struct jw *w, struct call *c, const struct search *s, const struct ask *page)
{
    jw_key(w, "pagination");
    jw_obj(w);
    jw_kv_i64(w, "totalHits", page->total);
    write_scroll_id(w, c, s, page);
    if (s->by_updated)
        jw_kv_i64(w, "updatedThrough", time_ms(s->through_ns));
    jw_obj_end(w);
}

/* The answer to a question of round 1; place 0: there was none. */
static const struct row *detail(const struct call *c, const size_t *places, size_t i)
{
    return places && places[i] > 0 ? ask_row(c, places[i] - 1) : NULL;
}

static void write_item(
    struct jw *w, const struct trace_view *v, const struct call *c, const struct langwatch_state *s, size_t i)
{
    const struct row *t = &c->asks[0].rows[i];
    if (s->search->n_select > 0)
        langwatch__write_selected(w, v, s->search, t);
    else if (s->search->format == FORMAT_DIGEST)
        langwatch__write_digest(w, v, t);
    else
        langwatch__write_trace(w, v, t, detail(c, s->errors_ask, i),
            s->search->spans ? langwatch__last_rag(t) : detail(c, s->contexts_ask, i));
}

void langwatch_search_reply(struct call *c, struct reply *r)
{
    struct langwatch_state *s = langwatch__state(c);
    struct trace_view v = langwatch__view(c);
    const struct ask *page = &c->asks[0];
    size_t *order = page_order(c->arena, s->search, page->rows, page->n);
    struct jw w = jw_of(&r->body);
    v.spans = s->search->spans;
    v.tree = v.times_as_text = s->search->llm_mode && s->search->format == FORMAT_JSON;
    deprecated(c, r, STR("/api/traces/search"));
    jw_obj(&w);
    jw_key(&w, "traces");
    jw_arr(&w);
    for (size_t i = 0; i < page->n; i++)
        write_item(&w, &v, c, s, order[i]);
    jw_arr_end(&w);
    write_pagination(&w, c, s->search, page);
    if (s->search->n_select > 0)
        langwatch__write_schema(&w, s->search);
    jw_obj_end(&w);
}

/* ---- one trace ------------------------------------------------------------------------------------------------------ */

static bool wants_digest(const struct call *c)
{
    struct str mode = call_query(c, "llmMode"), format = call_query(c, "format");
    if (format.p)
        return str_is(format, "digest");
    return str_is(mode, "true") || str_is(mode, "1");
}

static void refuse_ambiguous(const struct call *c, struct reply *r)
{
    const struct ask *found = &c->asks[1];
    struct buf ids;
    struct jw w = jw_of(&r->body);
    buf_init(&ids, 0);
    for (size_t i = 0; i < found->n; i++)
        buf_printf(&ids, "%s%.*s", i ? ", " : "", STR_ARG(found->rows[i].id));
    r->status = 409;
    jw_obj(&w);
    jw_kv_str(&w, "message",
        arena_printf(c->arena, "Trace ID prefix \"%.*s\" is ambiguous — matches: %.*s. Use a longer prefix.",
            STR_ARG(c->params[0]), STR_ARG(buf_str(&ids))));
    jw_key(&w, "candidateTraceIds");
    jw_arr(&w);
    for (size_t i = 0; i < found->n; i++)
        jw_str(&w, found->rows[i].id);
    jw_arr_end(&w);
    jw_obj_end(&w);
    buf_fini(&ids);
}

static void refuse_unknown(const struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    r->status = 404;
    jw_obj(&w);
    if (str_starts(c->path, STR("/api/traces/")))
        jw_kv_cstr(&w, "error", "Trace not found.");
    jw_kv_cstr(&w, "message", "Trace not found.");
    jw_obj_end(&w);
}

/* The trace that was asked for, or NULL and the refusal is written. */
static const struct row *trace_or_refusal(struct call *c, struct reply *r)
{
    struct langwatch_state *s = langwatch__state(c);
    const struct row *t = ask_row(c, s->trace_ask);
    if (t)
        return t;
    if (c->n_asks > 1 && c->asks[1].n > 1)
        refuse_ambiguous(c, r);
    else
        refuse_unknown(c, r);
    return NULL;
}

void langwatch_trace_reply(struct call *c, struct reply *r)
{
    struct trace_view v = langwatch__view(c);
    bool digest = wants_digest(c);
    deprecated(c, r,
        arena_printf(c->arena, "/api/traces/%.*s?format=%s",
            STR_ARG(langwatch__url_part(c->arena, c->params[0])), digest ? "digest" : "json"));
    const struct row *t = trace_or_refusal(c, r);
    struct jw w = jw_of(&r->body);
    if (!t)
        return;
    v.spans = v.tree = true;
    if (digest)
        langwatch__write_span_digest(&w, &v, t);
    else
        langwatch__write_trace(&w, &v, t, NULL, langwatch__last_rag(t));
}

void langwatch_thread_reply(struct call *c, struct reply *r)
{
    struct trace_view v = langwatch__view(c);
    struct jw w = jw_of(&r->body);
    v.spans = true;
    jw_obj(&w);
    jw_key(&w, "traces");
    jw_arr(&w);
    for (size_t i = 0; i < c->asks[0].n; i++)
        langwatch__write_trace(&w, &v, &c->asks[0].rows[i], NULL, langwatch__last_rag(&c->asks[0].rows[i]));
    jw_arr_end(&w);
    jw_obj_end(&w);
}

/* ---- transcript ----------------------------------------------------------------------------------------------------- */

static int64_t count_type(const struct row *t, enum observation_type type)
{
    int64_t n = 0;
    for (size_t i = 0; i < t->n_observations; i++)
        n += row_int(&t->observations[i], OBSERVATION_type, OBS_SPAN) == (int64_t)type;
    return n;
}

/* The view of a coding agent's work. Nothing reads such work out of spans yet, so there are totals and no entries. */
void langwatch_transcript_reply(struct call *c, struct reply *r)
{
    const struct row *t = trace_or_refusal(c, r);
    struct jw w = jw_of(&r->body);
    if (!t)
        return;
    jw_obj(&w);
    jw_kv_cstr(&w, "agent", "unknown");
    jw_kv_str(&w, "sessionId", trace_session_id(t));
    jw_kv_raw(&w, "entries", STR("[]"));
    jw_key(&w, "totals");
    jw_obj(&w);
    jw_kv_i64(&w, "modelCalls", count_type(t, OBS_GENERATION));
    jw_kv_i64(&w, "toolCalls", count_type(t, OBS_TOOL));
    jw_kv_i64(&w, "tokens", t->derived ? t->derived->tokens_total : 0);
    jw_kv_f64(&w, "costUsd", t->derived ? (double)t->derived->cost_nano_usd / 1e9 : 0);
    jw_obj_end(&w);
    jw_kv_raw(&w, "subAgents", STR("[]"));
    jw_obj_end(&w);
}
