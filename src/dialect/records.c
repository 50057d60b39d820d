/*
 * Records as every dialect asks for them, reads and writes them. What a kind means is its owner's.
 */
#include "dialect/records.h"

#include "base/hash.h"

struct ask *records_find(struct call *c, const char *kind)
{
    struct ask *ask = call_find(c, RECORD);
    ask->query.order = BY_SEQ;
    ask->query.descending = false;
    ask->query.limit = RECORDS_MAX;
    ask->query.with = WITH_PAYLOAD;
    filter_value(c->arena, query_add(c->arena, &ask->query, ON_SCOPE, IS_IN), str_of(kind));
    return ask;
}

struct ask *records_find_by(struct call *c, const char *kind, unsigned column, struct str value)
{
    struct ask *ask = records_find(c, kind);
    struct filter *f = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
    f->column = (uint8_t)column;
    filter_value(c->arena, f, value);
    return ask;
}

struct ask *records_find_parts(struct call *c, const char *kind, struct str parent_id)
{
    return records_find_by(c, kind, RECORD_parent_id, parent_id);
}

struct ask *records_find_all_of(struct call *c, const char *kind, unsigned column, struct str value)
{
    struct ask *ask = records_find_by(c, kind, column, value);
    ask->query.limit = SIZE_MAX;
    ask->query.with = 0;
    return ask;
}

struct ask *records_get(struct call *c, const char *kind, struct str id)
{
    return call_get(c, RECORD, str_of(kind), id, WITH_PAYLOAD);
}

struct json records_body(struct arena *a, const struct row *r)
{
    struct json body;
    struct str text = r ? row_text(r, RECORD_body) : STR_NONE;
    return text.n > 0 && json_parse(a, text, 0, &body, NULL) == ST_OK ? body : JSON_NONE;
}

int64_t records_time(const struct row *r)
{
    int64_t ns = row_time(r, RECORD_time_ns);
    return ns == TIME_NONE ? r->created_ns : ns;
}

const struct row *records_with_id(const struct ask *ask, struct str id)
{
    for (size_t i = 0; i < ask->n; i++)
        if (str_eq(ask->rows[i].id, id))
            return &ask->rows[i];
    return NULL;
}

struct event *records_put(struct call *c, struct batch *b, const char *kind, struct str id)
{
    return event_new(b, PROFILE_EDIT_RECORD, c->caller->project, str_of(kind), id, TIME_NONE);
}

void records_remove(struct call *c, struct batch *b, const char *kind, struct str id)
{
    batch_remove(b, c->caller->project, RECORD, str_of(kind), id);
}

void records_remove_all(struct call *c, struct batch *b, const char *kind, const struct ask *ask)
{
    for (size_t i = 0; i < ask->n; i++)
        records_remove(c, b, kind, ask->rows[i].id);
}

struct str records_new_id(const struct call *c, const char *kind, size_t place)
{
    uint8_t digest[32];
    hash_sha256(arena_printf(c->arena, "%s %.*s %lld %zu", kind, STR_ARG(c->caller->project_id),
                    (long long)c->now_ns, place),
        digest);
    return hex_encode(c->arena, digest, 12);
}

/* Words are told apart by their length, so that no two lists of words are one. */
struct str records_id_of(struct arena *a, const struct str *words, size_t n)
{
    uint8_t digest[32];
    struct buf all;
    buf_init(&all, 0);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&all, "%zu ", words[i].n);
        buf_add_str(&all, words[i]);
    }
    hash_sha256(buf_str(&all), digest);
    buf_fini(&all);
    return hex_encode(a, digest, 12);
}

static const struct record_member *named(const struct record_member *members, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(key, members[i].name))
            return &members[i];
    return NULL;
}

struct str records_body_with(struct arena *a, struct json old, const struct record_member *members, size_t n)
{
    struct str key;
    struct json v;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    for (struct json_iter it = json_iter(old); json_next(&it, &key, &v);) {
        const struct record_member *m = named(members, n, key);
        if (m && m->json.p)
            continue;
        jw_key_str(&w, key);
        jw_value(&w, v);
    }
    for (size_t i = 0; i < n; i++)
        if (members[i].json.n > 0)
            jw_kv_raw(&w, members[i].name, members[i].json);
    jw_obj_end(&w);
    struct str text = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

struct str records_quoted(struct arena *a, struct str s)
{
    struct buf out;
    if (!s.p)
        return STR_NONE;
    buf_init(&out, 0);
    json_quote(&out, s);
    struct str text = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return text;
}
