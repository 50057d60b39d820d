/*
 * Input and output where OpenTelemetry's GenAI conventions put them (otlp.md 2.5, rules 6, 7, 8 and 22): messages in attributes of the span,
 * or in attributes of its events, with the system's instructions apart from them.
 */
#include "dialect/otlp/map_priv.h"

#include <string.h>

/* Where attributes are looked up: the span, or one of its events. */
struct place {
    const struct mapping *x;
    const struct otlp_event *event; /* NULL: the span */
    size_t index;                   /* of the event */
};

static const struct any *look(const struct place *p, enum attribute_slot slot)
{
    const struct any *v =
        p->event ? otlp__event_get(p->event, otlp__attribute_key(slot).p, NULL) : otlp__get(p->x, slot);
    return otlp__is_present(v) ? v : NULL;
}

static struct found found_event_value(
    const struct mapping *x, size_t event, size_t attribute, const struct any *v)
{
    struct found f = otlp__found_json(otlp__payload(x, v));
    f.origin.event = event;
    f.origin.event_attribute = attribute;
    return f;
}

static struct found found_at(const struct place *p, enum attribute_slot slot)
{
    size_t at = 0;
    if (!p->event)
        return otlp__found_slot(p->x, slot);
    const struct any *v = otlp__event_get(p->event, otlp__attribute_key(slot).p, &at);
    return otlp__is_present(v) ? found_event_value(p->x, p->index, at, v) : otlp__found_json(STR_NONE);
}

/* ---- instructions --------------------------------------------------------------------------------------------------- */

/* Text of one entry of the instructions: the string, its content, or the entry itself. */
static struct str text_of_entry(const struct mapping *x, struct json entry)
{
    struct json content = json_key(entry, "content");
    if (json_is_set(content))
        entry = content;
    return json_is_str(entry) ? json_str(entry) : json_text(x->scratch, entry);
}

static struct str text_of_instructions(const struct mapping *x, const struct any *v)
{
    struct json item, parsed = otlp__parse(x, v);
    struct buf b;
    if (!json_is_arr(parsed))
        return otlp__text(x, v);
    buf_init(&b, 0);
    for (struct json_iter it = json_iter(parsed); json_next(&it, NULL, &item);) {
        if (b.n)
            buf_add_char(&b, '\n');
        buf_add_str(&b, text_of_entry(x, item));
    }
    struct str text = arena_dup(x->scratch, buf_str(&b));
    buf_fini(&b);
    return text;
}

static bool has_system(struct json messages)
{
    struct json item;
    for (struct json_iter it = json_iter(messages); json_next(&it, NULL, &item);)
        if (str_is(json_str(json_key(item, "role")), "system"))
            return true;
    return false;
}

/* `messages` is the text of an array. */
static struct str put_before(const struct mapping *x, struct str instructions, struct str messages)
{
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_arr(&w);
    jw_obj(&w);
    jw_kv_cstr(&w, "role", "system");
    jw_kv_str(&w, "content", instructions);
    jw_obj_end(&w);
    if (messages.n > 2)
        jw_raw(&w, str_sub(messages, 1, messages.n - 2));
    jw_arr_end(&w);
    struct str json = arena_dup(x->arena, buf_str(&b));
    buf_fini(&b);
    return json;
}

static struct found with_instructions(const struct place *p, enum attribute_slot slot)
{
    struct found f = found_at(p, slot);
    const struct any *instructions = look(p, ATTR_gen_ai_system_instructions);
    if (!f.json.p || f.json.p[0] != '[' || !instructions || has_system(otlp__parse(p->x, look(p, slot))))
        return f;
    return otlp__found_json(put_before(p->x, text_of_instructions(p->x, instructions), f.json));
}

struct found otlp__with_instructions(const struct mapping *x, enum attribute_slot messages)
{
    return with_instructions(&(struct place){ x, NULL, 0 }, messages);
}

/* ---- rule 22, and rule 6, which is the same in an event -------------------------------------------------------------- */

static void semconv_at(const struct place *p, struct both *out)
{
    out->input = with_instructions(p, ATTR_gen_ai_input_messages);
    if (!out->input.json.p)
        out->input = found_at(p, ATTR_gen_ai_tool_call_arguments);
    if (!out->input.json.p)
        out->input = found_at(p, ATTR_gen_ai_retrieval_query_text);
    out->output = found_at(p, ATTR_gen_ai_output_messages);
    if (!out->output.json.p)
        out->output = found_at(p, ATTR_gen_ai_tool_call_result);
    if (!out->output.json.p)
        out->output = found_at(p, ATTR_gen_ai_retrieval_documents);
}

void otlp__semconv(const struct mapping *x, struct both *out)
{
    semconv_at(&(struct place){ x, NULL, 0 }, out);
}

void otlp__details_event(const struct mapping *x, struct both *out)
{
    for (size_t i = 0; i < x->span->n_events && !out->input.json.p && !out->output.json.p; i++)
        if (str_is(x->span->events[i].name, "gen_ai.client.inference.operation.details"))
            semconv_at(&(struct place){ x, &x->span->events[i], i }, out);
}

/* ---- rule 7: an event a message ------------------------------------------------------------------------------------- */

/* The role an event's name says; NULL: it is no message. A choice has none. */
static const char *role_of(struct str event)
{
    static const char *const messages[][2] = { { "gen_ai.system.message", "system" },
        { "gen_ai.user.message", "user" }, { "gen_ai.assistant.message", "assistant" },
        { "gen_ai.tool.message", "tool" } };
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        if (str_is(event, messages[i][0]))
            return messages[i][1];
    return NULL;
}

/* What the event says of the message; JSON in its strings is read. */
static void write_message(const struct mapping *x, struct jw *w, const struct otlp_event *e, const char *role)
{
    jw_obj(w);
    if (role && !otlp__event_get(e, "role", NULL))
        jw_kv_cstr(w, "role", role);
    for (size_t i = 0; i < e->attributes.n; i++) {
        const struct otlp_attribute *a = &e->attributes.items[i];
        if (str_is(a->key, "gen_ai.system"))
            continue;
        jw_key_str(w, a->key);
        otlp__write_any(x, w, &a->value, true);
    }
    jw_obj_end(w);
}

struct list {
    struct buf text;
    struct jw w;
    size_t n;
};

static void add_message(const struct mapping *x, struct list *l, const struct otlp_event *e, const char *role)
{
    if (!l->n++) {
        buf_init(&l->text, 0);
        l->w = jw_of(&l->text);
        jw_arr(&l->w);
    }
    write_message(x, &l->w, e, role);
}

/* bare: a list of one is its item. */
static struct found end_list(const struct mapping *x, struct list *l, bool bare)
{
    if (!l->n)
        return otlp__found_json(STR_NONE);
    jw_arr_end(&l->w);
    struct str json = buf_str(&l->text);
    if (bare && l->n == 1)
        json = str_sub(json, 1, json.n - 2);
    json = arena_dup(x->arena, json);
    buf_fini(&l->text);
    return otlp__found_json(json);
}

void otlp__message_events(const struct mapping *x, struct both *out)
{
    struct list messages = { .n = 0 }, choices = { .n = 0 };
    for (size_t i = 0; i < x->span->n_events; i++) {
        const struct otlp_event *e = &x->span->events[i];
        const char *role = str_starts(e->name, STR("gen_ai.")) ? role_of(e->name) : NULL;
        if (role)
            add_message(x, &messages, e, role);
        else if (str_is(e->name, "gen_ai.choice"))
            add_message(x, &choices, e, NULL);
    }
    out->input = end_list(x, &messages, false);
    out->output = end_list(x, &choices, true);
}

/* ---- rule 8: an event a side ---------------------------------------------------------------------------------------- */

/* The attribute `key` of the first event of this name that has it, or the family below it. */
static struct found content_of(
    const struct mapping *x, const char *event, const char *key, const char *family)
{
    for (size_t i = 0; i < x->span->n_events; i++) {
        const struct otlp_event *e = &x->span->events[i];
        size_t at = 0;
        if (!str_is(e->name, event))
            continue;
        const struct any *v = otlp__event_get(e, key, &at);
        if (otlp__is_present(v))
            return found_event_value(x, i, at, v);
        struct str json = otlp__event_family_json(x, e, family, false);
        if (json.p)
            return otlp__found_json(json);
    }
    return otlp__found_json(STR_NONE);
}

void otlp__content_events(const struct mapping *x, struct both *out)
{
    out->input = content_of(x, "gen_ai.content.prompt", "gen_ai.prompt", "gen_ai.prompt.");
    out->output = content_of(x, "gen_ai.content.completion", "gen_ai.completion", "gen_ai.completion.");
}
