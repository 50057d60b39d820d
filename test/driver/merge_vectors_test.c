/*
 * The vectors of merge.md 12.1, through the store: every order, with repeats, each event in a request of its own; what is read back must
 * be what the vector expects. test/vectors/merge-vectors.json explains its fields in `about`; test/support/lift.c makes the events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"
#include "support/lift.h"

#define VECTORS       TW_SOURCE_DIR "/test/vectors/merge-vectors.json"
#define RECV_FIRST    (INT64_C(1800000000000) * NS_PER_MS)
#define ALL_ORDERS    6 /* more events than this: a thousand random orders */
#define RANDOM_ROUNDS 1000
#define DELIVERIES    64

/* One vector, its requests made once and delivered again and again. */
struct vector {
    bool decoded; /* by the dialects' own decoders */
    struct json json;
    struct str dialect;
    struct batch **batches;
    size_t n_batches;
    bool listed, dups;
    uint64_t seed;
    size_t order[DELIVERIES], n_order; /* what is delivered, in order, to print when it fails */
};

static uint64_t next_random(struct vector *v)
{
    v->seed ^= v->seed << 13;
    v->seed ^= v->seed >> 7;
    v->seed ^= v->seed << 17;
    return v->seed >> 11;
}

/* ---- reading back --------------------------------------------------------------------------------------------------- */

struct reader {
    struct store *store;
    struct arena *a;
    int32_t project;
    struct buf out; /* the members of one row, as JSON text */
    struct jw w;
};

static struct row *get(struct reader *r, enum entity e, struct str scope, struct str id)
{
    struct row *row = NULL;
    struct err err = { 0 };
    unsigned with = WITH_PAYLOAD | WITH_OBSERVATIONS | WITH_TEXTS | WITH_PARENT;
    enum status st = store_get(r->store, r->a, r->project, e, scope, id, with, &row, &err);
    if (st != ST_OK)
        print_error("read: %s\n", err.text);
    assert_int_equal(st, ST_OK);
    return row;
}

static void put_text(struct reader *r, const char *key, struct str s)
{
    jw_kv_str_opt(&r->w, key, s);
}

static void put_ms(struct reader *r, const char *key, int64_t ns)
{
    if (ns != TIME_NONE)
        jw_kv_i64(&r->w, key, time_ms(ns));
}

static void put_json(struct reader *r, const char *key, const struct value *v)
{
    if (v->kind == V_JSON)
        jw_kv_raw(&r->w, key, v->s);
}

/* LangWatch's way: {type, value}. Kept beside the plain one under another name; see expected_key(). */
static void put_typed(struct reader *r, const char *key, const struct value *v)
{
    static const char *const names[] = { "json", "text", "raw", "json", "chat_messages", "list",
        "guardrail_result", "evaluation_result" };
    if (v->kind != V_JSON)
        return;
    jw_key(&r->w, key);
    jw_obj(&r->w);
    jw_kv_cstr(&r->w, "type", names[v->hint & 7]);
    jw_kv_raw(&r->w, "value", v->s);
    jw_obj_end(&r->w);
}

/* Of an OTLP row only what its user said: the vectors do not name what is added to it (otlp.md 2.14). */
static void put_metadata(struct reader *r, const struct row *row)
{
    static const char *const added[] = { "attributes", "resourceAttributes", "scope" };
    const struct value *v = &row->cols[OBSERVATION_metadata];
    struct json metadata, member;
    struct str key;
    if (!(row_families(row) & FAMILY_OTLP) || v->kind != V_JSON ||
        json_parse(r->a, v->s, 0, &metadata, NULL) != ST_OK) {
        put_json(r, "metadata", v);
        return;
    }
    jw_key(&r->w, "metadata");
    jw_obj(&r->w);
    for (struct json_iter it = json_iter(metadata); json_next(&it, &key, &member);) {
        bool is_added = false;
        for (size_t i = 0; i < sizeof added / sizeof *added; i++)
            is_added |= str_is(key, added[i]);
        if (!is_added) {
            jw_key_str(&r->w, key);
            jw_value(&r->w, member);
        }
    }
    jw_obj_end(&r->w);
}

static void show_prompt(struct reader *r, const struct row *row)
{
    struct json prompt;
    if (row->cols[OBSERVATION_prompt].kind != V_JSON ||
        json_parse(r->a, row->cols[OBSERVATION_prompt].s, 0, &prompt, NULL) != ST_OK)
        return;
    jw_key(&r->w, "prompt");
    jw_arr(&r->w);
    jw_value(&r->w, json_key(prompt, "name"));
    jw_value(&r->w, json_key(prompt, "version"));
    jw_arr_end(&r->w);
}

static void show_observation(struct reader *r, const struct row *row)
{
    int64_t type = row_int(row, OBSERVATION_type, -1), level = row_int(row, OBSERVATION_level, -1);
    bool bare = row->identity == IDENTITY_BARE && !row_text(row, OBSERVATION_trace_id).p;
    if (type >= 0)
        jw_kv_cstr(&r->w, "type", observation_type_name((enum observation_type)type));
    if (level >= 0)
        jw_kv_cstr(&r->w, "level", level_name((enum level)level));
    put_text(r, "name", row_text(row, OBSERVATION_name));
    put_text(r, "model", row_text(row, OBSERVATION_model));
    put_text(r, "status_message", row_text(row, OBSERVATION_status_message));
    put_text(r, "environment", row_text(row, OBSERVATION_environment));
    put_text(r, "parent_id", row_text(row, OBSERVATION_parent_id));
    put_text(r, "user_id", row_text(row, OBSERVATION_user_id));
    put_text(r, "trace", row->scope);
    put_ms(r, "start_ms", row_time(row, OBSERVATION_start_ns));
    put_ms(r, "end_ms", row_time(row, OBSERVATION_end_ns));
    put_json(r, "input", &row->cols[OBSERVATION_input]);
    put_json(r, "output", &row->cols[OBSERVATION_output]);
    put_typed(r, "output:typed", &row->cols[OBSERVATION_output]);
    put_typed(r, "input:typed", &row->cols[OBSERVATION_input]);
    put_metadata(r, row);
    put_json(r, "usage", &row->cols[OBSERVATION_usage]);
    put_json(r, "cost", &row->cols[OBSERVATION_cost]);
    put_json(r, "params", &row->cols[OBSERVATION_params]);
    put_json(r, "tags", &row->cols[OBSERVATION_tags]);
    show_prompt(r, row);
    jw_kv_bool(&r->w, "hidden", bare && row_families(row) == FAMILY_AGENTTRACE);
}

/* What derived usage calls total where the vector counts as the client sent. */
static void show_sums(struct reader *r, const struct derived *d)
{
    jw_kv_i64(&r->w, "observations", d->observations);
    jw_kv_i64(&r->w, "error_count", d->errors);
    jw_kv_i64(&r->w, "total_cost_nano", d->cost_nano_usd);
    jw_kv_raw_opt(&r->w, "usage", d->usage);
    put_text(r, "first_error", d->first_error);
    if (d->first_token_ns != TIME_NONE)
        jw_kv_i64(&r->w, "first_token_ms", d->first_token_ns / NS_PER_MS);
}

static void show_exchange(struct reader *r, const struct row *trace)
{
    for (size_t i = 0; i < trace->n_observations; i++) {
        struct row *run = get(r, OBSERVATION, trace->id, trace->observations[i].id);
        if (!str_eq(run->id, trace->id) || !run->n_aliases)
            continue;
        jw_key(&r->w, "messages");
        jw_arr(&r->w);
        for (size_t k = 0; k < run->n_aliases; k++)
            jw_str(&r->w, run->aliases[k]);
        jw_arr_end(&r->w);
        put_text(r, "sibling", run->sibling);
    }
}

static void show_trace(struct reader *r, const struct row *row)
{
    struct value input = trace_input(row, false), output = trace_output(row, false);
    struct value input_any = trace_input(row, true), output_any = trace_output(row, true);
    jw_kv_bool(&r->w, "exists", true);
    put_text(r, "name", trace_name(row));
    put_text(r, "user_id", trace_user_id(row));
    put_text(r, "session_id", trace_session_id(row));
    put_text(r, "release", trace_release(row));
    put_text(r, "environment", trace_environment(row));
    put_ms(r, "start_ms", trace_start_ns(row));
    put_ms(r, "end_ms", trace_end_ns(row));
    jw_kv_bool(&r->w, "public", trace_public(row));
    jw_kv_raw(&r->w, "tags", trace_tags(r->a, row));
    jw_kv_raw_opt(&r->w, "metadata", trace_metadata(r->a, row));
    put_json(r, "input", &input);
    put_json(r, "output", &output);
    put_json(r, "input_any", &input_any);
    put_json(r, "output_any", &output_any);
    put_text(r, "lw_input", row->text_input);
    put_text(r, "lw_output", row->text_output);
    if (row->derived)
        show_sums(r, row->derived);
    show_exchange(r, row);
}

static void show_score_value(struct reader *r, struct json expected, const struct value *v)
{
    struct json value;
    if (v->kind != V_JSON || json_parse(r->a, v->s, 0, &value, NULL) != ST_OK)
        return;
    jw_key(&r->w, "value");
    if (!json_is_obj(expected)) { /* LLMonitor's vectors name the word alone */
        jw_value(&r->w, json_key(value, "text"));
        return;
    }
    jw_obj(&r->w);
    jw_kv_str_opt(&r->w, "type", json_str(json_key(value, "type")));
    jw_kv_raw_opt(&r->w, "num", json_text(r->a, json_key(value, "number")));
    jw_kv_raw_opt(&r->w, "bool", json_text(r->a, json_key(value, "boolean")));
    jw_kv_str_opt(&r->w, "text", json_str(json_key(value, "text")));
    jw_obj_end(&r->w);
}

static void show_score(struct reader *r, struct json expected, const struct row *row)
{
    put_text(r, "name", row_text(row, SCORE_name));
    put_text(r, "comment", row_text(row, SCORE_comment));
    put_text(r, "trace_id", row_text(row, SCORE_trace_id));
    put_text(r, "obs_id", row_text(row, SCORE_observation_id));
    put_text(r, "target", row_text(row, SCORE_observation_id));
    put_text(r, "queue_id", row_text(row, SCORE_queue_id));
    put_text(r, "status", row_text(row, SCORE_status));
    put_ms(r, "time_ms", row_time(row, SCORE_time_ns));
    show_score_value(r, json_key(expected, "value"), &row->cols[SCORE_value]);
}

static void show_session(struct reader *r, const struct row *row)
{
    struct json first = JSON_NONE;
    const struct value *v = &row->cols[SESSION_first_message];
    put_text(r, "environment", row_text(row, SESSION_environment));
    if (v->kind == V_JSON && json_parse(r->a, v->s, 0, &first, NULL) == ST_OK)
        jw_kv_raw_opt(
            &r->w, "first_message", json_text(r->a, json_is_obj(first) ? json_key(first, "content") : first));
}

static void show_user(struct reader *r, const struct row *row)
{
    put_ms(r, "last_seen_ms", row_time(row, USER_last_seen_ns));
    put_ms(r, "first_seen_ms", row_time(row, USER_first_seen_ns));
    put_json(r, "props", &row->cols[USER_props]);
}

static enum entity entity_of(struct str kind)
{
    static const struct {
        const char *name;
        enum entity e;
    } kinds[] = { { "traces", TRACE }, { "observations", OBSERVATION }, { "scores", SCORE },
        { "sessions", SESSION }, { "users", USER } };
    for (size_t i = 0; i < 5; i++)
        if (str_is(kind, kinds[i].name))
            return kinds[i].e;
    return ENTITY_COUNT;
}

/* "trace/id" where two traces share an observation's id. */
static struct row *find(struct reader *r, enum entity e, struct str id)
{
    size_t slash = e == OBSERVATION ? str_find_char(id, '/') : SIZE_MAX;
    if (slash == SIZE_MAX)
        return get(r, e, STR_NONE, id);
    return get(r, e, str_sub(id, 0, slash), str_sub(id, slash + 1, id.n));
}

static struct json shown(struct reader *r, enum entity e, struct json expected, const struct row *row)
{
    struct json out = JSON_NONE;
    buf_init(&r->out, 0);
    r->w = jw_of(&r->out);
    jw_obj(&r->w);
    switch (e) {
    case TRACE: show_trace(r, row); break;
    case OBSERVATION: show_observation(r, row); break;
    case SCORE: show_score(r, expected, row); break;
    case SESSION: show_session(r, row); break;
    default: show_user(r, row);
    }
    jw_obj_end(&r->w);
    assert_int_equal(json_parse(r->a, buf_str(&r->out), 0, &out, NULL), ST_OK);
    buf_fini(&r->out);
    return out;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static bool is_nothing(struct json v)
{
    return !json_is_set(v) || ((json_is_arr(v) || json_is_obj(v)) && json_size(v) == 0);
}

static int compare_texts(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static bool same_set(struct json x, struct json y)
{
    struct str a[32], b[32];
    size_t n = json_size(x);
    if (n != json_size(y) || n > 32)
        return false;
    for (size_t i = 0; i < n; i++) {
        a[i] = json_str(json_at(x, i));
        b[i] = json_str(json_at(y, i));
    }
    qsort(a, n, sizeof *a, compare_texts);
    qsort(b, n, sizeof *b, compare_texts);
    for (size_t i = 0; i < n; i++)
        if (!str_eq(a[i], b[i]))
            return false;
    return true;
}

/* Members of the expected value that are null may be absent. */
static bool same(struct json expected, struct json actual)
{
    if (is_nothing(expected) && is_nothing(actual))
        return true;
    if (!json_is_obj(expected) || !json_is_obj(actual))
        return json_equal(expected, actual);
    struct json_iter it = json_iter(expected);
    struct json v;
    struct str key;
    size_t n = 0;
    while (json_next(&it, &key, &v)) {
        if (!same(v, json_get(actual, key)))
            return false;
        n += json_get(actual, key).v != NULL;
    }
    return n == json_size(actual);
}

static bool member_is(struct reader *r, struct json actual, struct str key, struct json expected)
{
    if (str_is(key, "tags_sorted"))
        return same_set(expected, json_key(actual, "tags"));
    if (json_is_obj(expected) && json_key(expected, "type").v && json_key(expected, "value").v) {
        struct str typed = arena_printf(r->a, "%.*s:typed", STR_ARG(key));
        return same(expected, json_get(actual, typed));
    }
    if (str_is(key, "value") && json_is_obj(expected)) { /* a score's: as far as it is named */
        struct json_iter it = json_iter(expected);
        struct json v;
        struct str part;
        bool all = true;
        while (json_next(&it, &part, &v))
            all = all && same(v, json_get(json_get(actual, key), part));
        return all;
    }
    return same(expected, json_get(actual, key));
}

static bool row_is(struct reader *r, struct str kind, struct str id, struct json expected)
{
    enum entity e = entity_of(kind);
    struct row *row = find(r, e, id);
    struct json_iter it = json_iter(expected);
    struct json v;
    struct str key;
    bool ok = true;
    if (!row) {
        print_error("    %.*s/%.*s is not there\n", STR_ARG(kind), STR_ARG(id));
        return false;
    }
    struct json actual = shown(r, e, expected, row);
    while (json_next(&it, &key, &v))
        if (!member_is(r, actual, key, v)) {
            struct str want = json_text(r->a, v), have = json_text(r->a, json_get(actual, key));
            print_error("    %.*s/%.*s %.*s: want %.*s, have %.*s\n", STR_ARG(kind), STR_ARG(id),
                STR_ARG(key), STR_ARG(want), STR_ARG(have));
            ok = false;
        }
    return ok;
}

static bool is_absent(struct reader *r, struct str path)
{
    size_t slash = str_find_char(path, '/');
    if (!find(r, entity_of(str_sub(path, 0, slash)), str_sub(path, slash + 1, path.n)))
        return true;
    print_error("    %.*s is there\n", STR_ARG(path));
    return false;
}

static bool rows_are(struct reader *r, struct json expect)
{
    struct json_iter kinds = json_iter(expect);
    struct json rows, v;
    struct str kind, id;
    bool ok = true;
    while (json_next(&kinds, &kind, &rows)) {
        struct json_iter it = json_iter(rows);
        while (json_next(&it, &id, &v))
            ok &= str_is(kind, "absent") ? is_absent(r, json_str(v)) : row_is(r, kind, id, v);
    }
    return ok;
}

static int32_t project_number(struct str name)
{
    return str_is(name, "p2") ? 2 : 1;
}

static bool store_is(struct store *s, struct json expect)
{
    struct reader r = { .store = s, .a = arena_new(), .project = 1 };
    struct json projects = json_key(expect, "projects"), v;
    struct json_iter it = json_iter(projects);
    struct str name;
    bool ok = true;
    if (!projects.v)
        ok = rows_are(&r, expect);
    while (json_next(&it, &name, &v)) {
        r.project = project_number(name);
        ok &= rows_are(&r, v);
    }
    arena_free(r.a);
    return ok;
}

/* ---- delivering ----------------------------------------------------------------------------------------------------- */

static bool deliver_all(struct vector *v)
{
    struct store *s;
    struct err err = { 0 };
    assert_int_equal(store_open_memory(&s, &err), ST_OK);
    for (size_t i = 0; i < v->n_order; i++) {
        enum status st = store_apply(s, v->batches[v->order[i]], RECV_FIRST + (int64_t)i * NS_PER_S, &err);
        if (st == ST_OK)
            st = store_commit(s, &err);
        if (st != ST_OK)
            print_error("apply: %s\n", err.text);
        assert_int_equal(st, ST_OK);
    }
    bool ok = store_is(s, json_key(v->json, "expect"));
    store_close(s);
    return ok;
}

static void print_failure(const struct vector *v)
{
    struct str name = json_str(json_key(v->json, "name"));
    print_error("  FAIL %.*s%s, delivered", STR_ARG(name), v->decoded ? ":decoded" : "");
    for (size_t i = 0; i < v->n_order; i++)
        print_error(" %zu", v->order[i]);
    print_error("\n");
}

static bool run_order(struct vector *v, const size_t *order, size_t n)
{
    v->n_order = n;
    memcpy(v->order, order, n * sizeof *order);
    return deliver_all(v);
}

/* The same with items delivered before coming again at random places. */
static bool run_with_repeats(struct vector *v, const size_t *order, size_t n)
{
    v->n_order = 0;
    for (size_t i = 0; i < n; i++) {
        v->order[v->n_order++] = order[i];
        while (v->n_order < DELIVERIES - n && next_random(v) % 3 == 0)
            v->order[v->n_order++] = order[next_random(v) % (i + 1)];
    }
    return deliver_all(v);
}

/* Repeats twice where orders are few, and now and then where they are a thousand. */
static bool run_both(struct vector *v, const size_t *order, size_t n)
{
    if (!run_order(v, order, n))
        return false;
    size_t repeats = !v->dups ? 0 : n <= 3 ? 2 : n <= 5 ? 1 : next_random(v) % 4 == 0;
    for (; repeats; repeats--)
        if (!run_with_repeats(v, order, n))
            return false;
    return true;
}

static void swap(size_t *x, size_t *y)
{
    size_t t = *x;
    *x = *y;
    *y = t;
}

static bool run_permutations(struct vector *v, size_t *order, size_t from, size_t n)
{
    if (from == n)
        return run_both(v, order, n);
    for (size_t i = from; i < n; i++) {
        swap(&order[from], &order[i]);
        bool ok = run_permutations(v, order, from + 1, n);
        swap(&order[from], &order[i]);
        if (!ok)
            return false;
    }
    return true;
}

static bool run_orders(struct vector *v)
{
    size_t order[DELIVERIES], n = v->n_batches;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    if (v->listed) {
        for (int round = 0; round < 20; round++)
            if (!run_both(v, order, n))
                return false;
        return true;
    }
    if (n <= ALL_ORDERS)
        return run_permutations(v, order, 0, n);
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        for (size_t i = n; i > 1; i--)
            swap(&order[i - 1], &order[next_random(v) % i]);
        if (!run_both(v, order, n))
            return false;
    }
    return true;
}

/* ---- vectors -------------------------------------------------------------------------------------------------------- */

static struct batch *lift(struct vector *v, struct json item)
{
    struct str dialect = json_str(json_key(item, "dialect"));
    return lift_item(dialect.p ? dialect : v->dialect, item,
        project_number(json_str(json_key(item, "project"))), v->decoded);
}

static void add_batch(struct vector *v, struct batch *b)
{
    batch_seal(b);
    v->batches[v->n_batches++] = b;
    assert_true(v->n_batches < DELIVERIES / 2);
}

/* Each event of the item in a batch of its own: the item is lifted anew for each, and all but one event dropped. */
static void add_split(struct vector *v, struct json item)
{
    struct batch *whole = lift(v, item);
    size_t n = whole->n_events;
    if (n <= 1) {
        add_batch(v, whole);
        return;
    }
    lift_free(whole);
    for (size_t i = 0; i < n; i++) {
        struct batch *one = lift(v, item);
        one->events[0] = one->events[i];
        one->n_events = 1;
        add_batch(v, one);
    }
}

static void make_batches(struct vector *v, bool split)
{
    struct json_iter it = json_iter(json_key(v->json, "events"));
    struct json item;
    v->n_batches = 0;
    while (json_next(&it, NULL, &item)) {
        if (split)
            add_split(v, item);
        else
            add_batch(v, lift(v, item));
    }
}

static void free_batches(struct vector *v)
{
    for (size_t i = 0; i < v->n_batches; i++)
        lift_free(v->batches[i]);
}

static bool run_vector(struct vector *v)
{
    struct json split = json_key(v->json, "split"), dups = json_key(v->json, "dups");
    v->dialect = json_str(json_key(v->json, "dialect"));
    v->listed = str_is(json_str(json_key(v->json, "orders")), "listed");
    v->dups = !dups.v || json_bool(dups);
    bool ok = true;
    for (int round = 0; round < 2 && ok; round++) {
        if (round == 1 && split.v && !json_bool(split))
            break;
        make_batches(v, round == 1);
        ok = run_orders(v);
        if (!ok)
            print_failure(v);
        free_batches(v);
    }
    return ok;
}

static struct str read_file(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct buf b;
    size_t n;
    if (!f) {
        perror(path);
        exit(1);
    }
    buf_init(&b, 0);
    do {
        char *p = buf_reserve(&b, 65536);
        n = fread(p, 1, 65536, f);
        b.n += n;
    } while (n);
    fclose(f);
    struct str text = arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return text;
}

struct test {
    struct json vector;
    bool decoded;
};

static void test_vector(void **state)
{
    const struct test *t = *state;
    struct batch *batches[DELIVERIES];
    struct vector v = {
        .json = t->vector, .decoded = t->decoded, .batches = batches, .seed = 88172645463325252U
    };
    assert_true(run_vector(&v));
}

static bool names_a_decoder(struct json vector)
{
    struct json_iter it = json_iter(json_key(vector, "events"));
    struct json item;
    bool any = lift_has_decoder(json_str(json_key(vector, "dialect")));
    while (json_next(&it, NULL, &item))
        any |= lift_has_decoder(json_str(json_key(item, "dialect")));
    return any;
}

/* Each vector is a test function of its own, named after it; ":decoded" when the dialects' decoders make the events. */
int main(void)
{
    struct arena *a = arena_new();
    struct json file, vector;
    if (json_parse(a, read_file(a, VECTORS), 0, &file, NULL) != ST_OK)
        return 1;
    struct json list = json_key(file, "vectors");
    struct CMUnitTest *tests = arena_array(a, json_size(list) * 2, sizeof *tests);
    struct test *states = arena_array(a, json_size(list) * 2, sizeof *states);
    struct json_iter it = json_iter(list);
    size_t n = 0;
    while (json_next(&it, NULL, &vector))
        for (int decoded = 0; decoded <= names_a_decoder(vector); decoded++) {
            struct str name = arena_printf(
                a, "%.*s%s", STR_ARG(json_str(json_key(vector, "name"))), decoded ? ":decoded" : "");
            states[n] = (struct test){ vector, decoded };
            tests[n] = (struct CMUnitTest){
                .name = arena_cstr(a, name), .test_func = test_vector, .initial_state = &states[n]
            };
            n++;
        }
    int failed = _cmocka_run_group_tests("merge_vectors", tests, n, NULL, NULL);
    arena_free(a);
    return failed;
}
