/*
 * What people change on a trace afterwards: its metadata, and who may read it (langwatch.md 6). No client time: what is edited shows.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include <string.h>

#include "base/hash.h"

/* ---- metadata ------------------------------------------------------------------------------------------------------- */

static const char *const columned[] = { "user_id", "thread_id", "labels", "prompt_ids", "prompt_version_ids",
    NULL };

static void check_custom(struct issues *is, const struct at *at, struct json v)
{
    switch (json_type(v)) {
    case JSON_STR:
        if (langwatch__characters(json_str(v)) > LANGWATCH_METADATA_TEXT)
            langwatch__issue(is, at, "too_big",
                arena_printf(
                    is->arena, "String must contain at most %d character(s)", LANGWATCH_METADATA_TEXT));
        return;
    case JSON_NUM:
    case JSON_BOOL:
    case JSON_OBJ: return;
    case JSON_ARR: langwatch__is_texts(is, at, v, false); return;
    default: langwatch__issue_type(is, at, "string, number, boolean, array or object", v); return;
    }
}

static void check_member(struct issues *is, const struct at *at, struct str key, struct json v)
{
    if (str_is(key, "user_id") || str_is(key, "thread_id"))
        langwatch__is_id(is, at, v);
    else if (str_is(key, "customer_id"))
        langwatch__is_text(is, at, v, false);
    else if (langwatch__word(columned, key) >= 0)
        langwatch__is_texts(is, at, v, false);
    else
        check_custom(is, at, v);
}

static void check_metadata(struct issues *is, struct json body)
{
    struct str key;
    struct json metadata = json_key(body, "metadata"), v;
    const struct at *at = AT(NULL, "metadata");
    if (!langwatch__is_object(is, NULL, body, false) || !langwatch__is_object(is, at, metadata, false))
        return;
    if (json_size(metadata) == 0)
        langwatch__issue(is, at, "too_small", STR("At least one metadata key is required"));
    if (json_text(is->arena, metadata).n > LANGWATCH_METADATA_BYTES)
        langwatch__issue(is, at, "too_big",
            arena_printf(is->arena, "Metadata must be at most %d bytes", LANGWATCH_METADATA_BYTES));
    for (struct json_iter it = json_iter(metadata); json_next(&it, &key, &v);)
        check_member(is, AT_KEY(at, key), key, v);
}

static void set_list(struct event *e, unsigned column, struct json v)
{
    if (json_is_arr(v))
        event_set_as(e, column, value_json(json_text(e->arena, v)), RANK_SAID, LATEST, MODE_REPLACE);
}

static void set_metadata(struct arena *a, struct event *e, struct json metadata)
{
    struct str key;
    struct json v;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    for (struct json_iter it = json_iter(metadata); json_next(&it, &key, &v);) {
        if (langwatch__word(columned, key) >= 0)
            continue;
        jw_key_str(&w, key);
        jw_value(&w, v);
    }
    jw_obj_end(&w);
    bool empty = out.n == 2;
    struct str text = langwatch__taken(a, &out);
    if (!empty)
        event_set_json(e, TRACE_metadata, text);
}

enum status langwatch_metadata_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct issues is = { .arena = c->arena };
    enum status st = call_json(c, &body, err);
    if (st == ST_TOO_LARGE)
        return st;
    if (st != ST_OK)
        return langwatch__fail_malformed(c, err);
    if (!str_is_id(c->params[0]))
        langwatch__issue(&is, AT(NULL, "traceId"), "custom", STR("Invalid trace id"));
    check_metadata(&is, body);
    if (is.n > 0)
        return langwatch__fail_newer(c, err, &is);
    struct json metadata = json_key(body, "metadata");
    struct event *e = event_new(b, PROFILE_EDIT_TRACE, c->caller->project, STR_NONE, c->params[0], TIME_NONE);
    e->wire_index = 0;
    event_set_text(e, TRACE_user_id, json_str(json_key(metadata, "user_id")));
    event_set_text(e, TRACE_session_id, json_str(json_key(metadata, "thread_id")));
    event_set_receipt(e, TRACE_start_ns, RANK_HINT, FIRST);
    set_list(e, TRACE_tags, json_key(metadata, "labels"));
    set_list(e, TRACE_prompt_ids, json_key(metadata, "prompt_ids"));
    set_list(e, TRACE_prompt_version_ids, json_key(metadata, "prompt_version_ids"));
    set_metadata(c->arena, e, metadata);
    event_set_int(e, TRACE_exists, 1);
    batch_results(b, 1);
    return ST_OK;
}

void langwatch_metadata_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "traceId", c->params[0]);
    jw_obj_end(&w);
}

/* ---- shares --------------------------------------------------------------------------------------------------------- */

static void set_public(struct call *c, struct batch *b, bool is_public)
{
    struct event *e = event_new(b, PROFILE_EDIT_TRACE, c->caller->project, STR_NONE, c->params[0], TIME_NONE);
    e->wire_index = 0;
    event_set_int(e, TRACE_public, is_public);
    batch_results(b, 1);
}

/* One link a trace: asked again, it is the same. */
enum status langwatch_share_write(struct call *c, struct batch *b, struct err *err)
{
    struct langwatch_state *s = langwatch__state(c);
    char uuid[37];
    if (!str_is_id(c->params[0]))
        return langwatch__fail_message(c, err, ST_INVALID, STR("Invalid trace id."));
    set_public(c, b, true);
    if (c->asks[0].n > 0) {
        s->token = c->asks[0].rows[0].id;
        return ST_OK;
    }
    s->token = arena_dup(c->arena, uuid_new(uuid));
    struct event *e =
        event_new(b, PROFILE_EDIT_RECORD, c->caller->project, STR("share"), s->token, TIME_NONE);
    e->wire_index = 0;
    event_set_text(e, RECORD_name, STR("trace"));
    event_set_text(e, RECORD_trace_id, c->params[0]);
    return ST_OK;
}

void langwatch_share_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_cstr(&w, "status", "success");
    jw_kv_str(&w, "path", arena_printf(c->arena, "/share/%.*s", STR_ARG(langwatch__state(c)->token)));
    jw_obj_end(&w);
}

enum status langwatch_unshare_write(struct call *c, struct batch *b, struct err *err)
{
    if (!str_is_id(c->params[0]))
        return langwatch__fail_message(c, err, ST_INVALID, STR("Invalid trace id."));
    for (size_t i = 0; i < c->asks[0].n; i++)
        batch_remove(b, c->caller->project, RECORD, STR("share"), c->asks[0].rows[i].id);
    set_public(c, b, false);
    return ST_OK;
}

void langwatch_unshare_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    (void)c;
    jw_obj(&w);
    jw_kv_cstr(&w, "status", "success");
    jw_obj_end(&w);
}
