/*
 * What is kept of a span only to be given back as it was sent (otlp.md 2.14), and the readers that give it back. README.md has the form.
 * An attribute that is the input or the output is not kept a second time, if the column can be turned into it again byte by byte.
 */
#include "dialect/otlp/map_priv.h"

#include <string.h>

/* ---- from a column back to the attribute ------------------------------------------------------------------------------ */

/* What was sent, compared with the column. AS_IS: the column's JSON value; TEXT: its JSON text; SPACED: that with ", " and ": ", as Python's
 * json.dumps writes it. OTHER: none of these. */
enum form { FORM_OTHER, FORM_AS_IS, FORM_TEXT, FORM_SPACED };

static void add_spaced(struct buf *out, struct str json)
{
    bool quoted = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        buf_add_char(out, c);
        if (quoted && c == '\\' && i + 1 < json.n)
            buf_add_char(out, json.p[++i]);
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ',' || c == ':'))
            buf_add_char(out, ' ');
    }
}

static bool is_spaced(struct str sent, struct str json)
{
    struct buf b;
    if (sent.n <= json.n)
        return false;
    buf_init(&b, 0);
    add_spaced(&b, json);
    bool same = str_eq(buf_str(&b), sent);
    buf_fini(&b);
    return same;
}

static bool is_quoted(struct str sent, struct str json)
{
    struct buf b;
    if (!json.n || json.p[0] != '"')
        return false;
    buf_init(&b, 0);
    json_quote(&b, sent);
    bool same = str_eq(buf_str(&b), json);
    buf_fini(&b);
    return same;
}

static enum form form_of(const struct mapping *x, const struct any *sent, struct str column)
{
    if (sent->kind != ANY_TEXT)
        return str_eq(otlp__json(x, sent), column) ? FORM_AS_IS : FORM_OTHER;
    if (is_quoted(sent->s, column))
        return FORM_AS_IS;
    if (str_eq(sent->s, column))
        return FORM_TEXT;
    return is_spaced(sent->s, column) ? FORM_SPACED : FORM_OTHER;
}

static void write_from_column(struct jw *w, struct str column, struct str form)
{
    struct buf b;
    if (!form.p) {
        jw_raw(w, column);
        return;
    }
    if (str_is(form, "text")) {
        jw_str(w, column);
        return;
    }
    buf_init(&b, 0);
    add_spaced(&b, column);
    jw_str(w, buf_str(&b));
    buf_fini(&b);
}

/* ---- writing ---------------------------------------------------------------------------------------------------------- */

/* An input or output on its way: the attribute it is, or the attribute of an event. */
struct side {
    const struct origin *origin;
    unsigned column;
    const char *key, *form;
};
static void sides_of(const struct mapping *x, struct side out[2])
{
    out[0] = (struct side){ &x->input_origin, OBSERVATION_input, "inputKey", "inputForm" };
    out[1] = (struct side){ &x->output_origin, OBSERVATION_output, "outputKey", "outputForm" };
}

static const struct otlp_attribute *attribute_of(const struct mapping *x, const struct origin *o)
{
    if (o->attribute != ORIGIN_NONE)
        return &x->span->attributes.items[o->attribute];
    if (o->event != ORIGIN_NONE && o->event_attribute != ORIGIN_NONE)
        return &x->span->events[o->event].attributes.items[o->event_attribute];
    return NULL;
}

/* Whether the column stands for the attribute; then its members are written. */
static bool write_side(struct mapping *x, struct jw *w, const struct side *s)
{
    const struct otlp_attribute *at = attribute_of(x, s->origin);
    const struct value *v = event_get(x->event, s->column);
    bool own = s->origin->attribute != ORIGIN_NONE;
    enum form form = at && v && v->kind == V_JSON ? form_of(x, &at->value, v->s) : FORM_OTHER;
    if (own)
        x->use[s->origin->attribute] = form != FORM_OTHER ? USE_PAYLOAD : USE_TAKEN;
    if (form == FORM_OTHER)
        return false;
    if (own)
        jw_kv_str(w, s->key, at->key);
    else
        jw_kv_str(w, s->key, arena_printf(x->scratch, "event:%zu:%.*s", s->origin->event, STR_ARG(at->key)));
    if (form != FORM_AS_IS)
        jw_kv_cstr(w, s->form, form == FORM_TEXT ? "text" : "spaced");
    return true;
}

static void write_kept(const struct mapping *x, struct jw *w)
{
    const struct otlp_attributes *list = &x->span->attributes;
    bool open = false;
    for (size_t i = 0; i < list->n; i++) {
        if (x->use[i] != USE_TAKEN && !(x->use[i] == USE_LEFT && x->left_apart))
            continue;
        if (!open) {
            jw_key(w, "attributes");
            jw_obj(w);
            open = true;
        }
        jw_key_str(w, list->items[i].key);
        otlp__write_any(x, w, &list->items[i].value, false);
    }
    if (open)
        jw_obj_end(w);
}

static void write_list(
    const struct mapping *x, struct jw *w, const struct otlp_attributes *list, const bool *but)
{
    jw_key(w, "attributes");
    jw_obj(w);
    for (size_t i = 0; i < list->n; i++)
        if (!but || !but[i]) {
            jw_key_str(w, list->items[i].key);
            otlp__write_any(x, w, &list->items[i].value, false);
        }
    jw_obj_end(w);
}

static void write_time(const struct mapping *x, struct jw *w, int64_t ns)
{
    jw_kv_str(w, "time", arena_printf(x->scratch, "%lld", (long long)ns));
}

/* Which attributes of event n the columns stand for. */
static bool *left_out(const struct mapping *x, size_t n, const struct side sides[2], const bool done[2])
{
    const struct otlp_attributes *list = &x->span->events[n].attributes;
    bool *out = arena_array(x->scratch, list->n + 1, sizeof *out);
    for (size_t k = 0; k < 2; k++)
        if (done[k] && sides[k].origin->attribute == ORIGIN_NONE && sides[k].origin->event == n)
            out[sides[k].origin->event_attribute] = true;
    return out;
}

static void write_events(struct mapping *x, struct jw *w, const struct side sides[2], const bool done[2])
{
    const struct otlp_span *s = x->span;
    if (!s->n_events)
        return;
    jw_key(w, "events");
    jw_arr(w);
    for (size_t i = 0; i < s->n_events; i++) {
        const struct otlp_event *e = &s->events[i];
        jw_obj(w);
        jw_kv_str(w, "name", e->name.p ? e->name : STR(""));
        if (e->time_ns != TIME_NONE)
            write_time(x, w, e->time_ns);
        write_list(x, w, &e->attributes, left_out(x, i, sides, done));
        if (e->attributes.dropped)
            jw_kv_i64(w, "dropped", e->attributes.dropped);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_links(struct mapping *x, struct jw *w)
{
    const struct otlp_span *s = x->span;
    if (!s->n_links)
        return;
    jw_key(w, "links");
    jw_arr(w);
    for (size_t i = 0; i < s->n_links; i++) {
        const struct otlp_link *l = &s->links[i];
        jw_obj(w);
        jw_kv_str_opt(w, "traceId", l->trace_id);
        jw_kv_str_opt(w, "spanId", l->span_id);
        if (l->trace_state.n)
            jw_kv_str(w, "traceState", l->trace_state);
        if (l->flags)
            jw_kv_i64(w, "flags", l->flags);
        if (l->attributes.n)
            write_list(x, w, &l->attributes, NULL);
        if (l->attributes.dropped)
            jw_kv_i64(w, "dropped", l->attributes.dropped);
        jw_obj_end(w);
    }
    jw_arr_end(w);
}

static void write_status(const struct otlp_span *s, struct jw *w)
{
    if (s->status == STATUS_UNSET && !s->status_message.n)
        return;
    jw_key(w, "status");
    jw_obj(w);
    if (s->status != STATUS_UNSET)
        jw_kv_i64(w, "code", s->status);
    if (s->status_message.n)
        jw_kv_str(w, "message", s->status_message);
    jw_obj_end(w);
}

static void write_dropped(const struct otlp_span *s, struct jw *w)
{
    if (!s->attributes.dropped && !s->dropped_events && !s->dropped_links)
        return;
    jw_key(w, "dropped");
    jw_obj(w);
    if (s->attributes.dropped)
        jw_kv_i64(w, "attributes", s->attributes.dropped);
    if (s->dropped_events)
        jw_kv_i64(w, "events", s->dropped_events);
    if (s->dropped_links)
        jw_kv_i64(w, "links", s->dropped_links);
    jw_obj_end(w);
}

/* The public key that Langfuse's SDKs put on their scope is no one's metadata. */
static void write_public_key(const struct mapping *x, struct jw *w)
{
    const struct otlp_attribute *key = x->scope->slots.slot[ATTR_public_key];
    if (!x->sender.langfuse || !key)
        return;
    jw_key(w, "scope");
    jw_obj(w);
    jw_key_str(w, key->key);
    otlp__write_any(x, w, &key->value, false);
    jw_obj_end(w);
}

void otlp__map_leftovers(struct mapping *x)
{
    struct side sides[2];
    bool done[2];
    const struct otlp_span *s = x->span;
    struct jw w = otlp__begin(x);
    sides_of(x, sides);
    for (size_t k = 0; k < 2; k++)
        done[k] = write_side(x, &w, &sides[k]);
    if (x->left_apart)
        jw_kv_bool(&w, "apart", true);
    write_kept(x, &w);
    if (s->kind)
        jw_kv_i64(&w, "kind", s->kind);
    if (s->trace_state.n)
        jw_kv_str(&w, "traceState", s->trace_state);
    if (s->flags)
        jw_kv_i64(&w, "flags", s->flags);
    write_status(s, &w);
    write_events(x, &w, sides, done);
    write_links(x, &w);
    write_public_key(x, &w);
    write_dropped(s, &w);
    event_set_json(x->event, OBSERVATION_leftovers, otlp__end(x, &w));
}

/* ---- giving back -------------------------------------------------------------------------------------------------------- */

/* The leftovers of a row, and what they say of its payload columns. */
struct kept {
    struct arena *arena;
    const struct row *row;
    struct json leftovers;
};

static struct json parsed(struct arena *a, struct str text)
{
    struct json v;
    return text.p && json_parse(a, text, 0, &v, NULL) == ST_OK ? v : JSON_NONE;
}

static struct kept kept_of(struct arena *a, const struct row *o)
{
    return (struct kept){ a, o, parsed(a, row_text(o, OBSERVATION_leftovers)) };
}

static const struct {
    unsigned column;
    const char *key, *form;
} payloads[] = {
    { OBSERVATION_input, "inputKey", "inputForm" },
    { OBSERVATION_output, "outputKey", "outputForm" },
};
#define N_PAYLOADS (sizeof payloads / sizeof *payloads)

/* Cuts "event:<n>:<key>". No attribute that can be an input or output has a key that begins so. */
static bool names_event(struct str name, int64_t *n, struct str *key)
{
    struct str part;
    if (!str_starts(name, STR("event:")))
        return false;
    *key = str_sub(name, sizeof "event:" - 1, SIZE_MAX);
    return str_cut(key, ':', &part) && key->p && str_to_i64(part, n);
}

static void write_payload(struct jw *w, const struct kept *k, size_t i, struct str key)
{
    struct str column = row_text(k->row, payloads[i].column);
    if (!column.p)
        return;
    jw_key_str(w, key);
    write_from_column(w, column, json_str(json_key(k->leftovers, payloads[i].form)));
}

static void write_members(struct jw *w, struct json object)
{
    struct str key;
    struct json v;
    for (struct json_iter it = json_iter(object); json_is_obj(object) && json_next(&it, &key, &v);) {
        jw_key_str(w, key);
        jw_value(w, v);
    }
}

void otlp_attributes_back(struct jw *w, struct arena *a, const struct row *o)
{
    struct kept k = kept_of(a, o);
    struct str key;
    int64_t n;
    jw_obj(w);
    if (!json_bool(json_key(k.leftovers, "apart")))
        write_members(w, json_key(parsed(a, row_text(o, OBSERVATION_metadata)), "attributes"));
    write_members(w, json_key(k.leftovers, "attributes"));
    for (size_t i = 0; i < N_PAYLOADS; i++) {
        struct str name = json_str(json_key(k.leftovers, payloads[i].key));
        if (name.p && !names_event(name, &n, &key))
            write_payload(w, &k, i, name);
    }
    jw_obj_end(w);
}

/* Is member i of the payloads an attribute of event `at`? */
static bool is_of_event(const struct kept *k, size_t i, int64_t at, struct str *key)
{
    int64_t n;
    return names_event(json_str(json_key(k->leftovers, payloads[i].key)), &n, key) && n == at;
}

static void write_event(struct jw *w, const struct kept *k, struct json event, int64_t at)
{
    struct str key;
    jw_obj(w);
    jw_kv_str(w, "name", json_str(json_key(event, "name")));
    jw_kv_str_opt(w, "time", json_str(json_key(event, "time")));
    jw_key(w, "attributes");
    jw_obj(w);
    write_members(w, json_key(event, "attributes"));
    for (size_t i = 0; i < N_PAYLOADS; i++)
        if (is_of_event(k, i, at, &key))
            write_payload(w, k, i, key);
    jw_obj_end(w);
    jw_obj_end(w);
}

void otlp_events_back(struct jw *w, struct arena *a, const struct row *o)
{
    struct kept k = kept_of(a, o);
    struct json event;
    int64_t at = 0;
    jw_arr(w);
    for (struct json_iter it = json_iter(json_key(k.leftovers, "events")); json_next(&it, NULL, &event); at++)
        write_event(w, &k, event, at);
    jw_arr_end(w);
}
