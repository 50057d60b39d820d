/*
 * One call through a route as api would make it:
 *
 *   match -> ask, answers of round 0 -> ask again ... -> write -> results -> reply, or error -> reply
 *
 * Only the keys a case has are compared; with TW_CASES=write every expected key it has is written anew.
 */
#include "support/dialect_case.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "dialect/dialect.h"
#include "support/dump.h"

/* What came out of one case. */
struct output {
    struct str asks;       /* [[query, ...] per round] */
    struct str after_asks; /* [query, ...] that write added, for after the commit */
    struct str deeds;      /* what was wanted of accounts */
    struct str events, removals;
    struct str body;    /* JSON text, or a JSON string of what is no JSON */
    struct str headers; /* object */
    int status;
    size_t n_results;
};

static const char *const method_names[METHOD_COUNT] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

/* ---- the request ---- */

static struct pair *read_pairs(struct arena *a, struct json v, size_t *n)
{
    struct pair *pairs = arena_array(a, json_size(v) + 1, sizeof *pairs);
    struct str name;
    struct json value;
    *n = 0;
    for (struct json_iter it = json_iter(v); json_next(&it, &name, &value);)
        pairs[(*n)++] = (struct pair){ name, json_str(value) };
    return pairs;
}

static bool match_pattern(struct call *c, const char *pattern)
{
    struct str want = str_of(pattern), have = c->path, p, s;
    c->n_params = 0;
    for (;;) {
        bool more = str_cut(&want, '/', &p), given = str_cut(&have, '/', &s);
        if (!more || !given)
            return more == given;
        if (str_starts(p, STR("{")) && s.n > 0)
            c->params[c->n_params++] = s;
        else if (!str_eq(p, s))
            return false;
    }
}

/* A literal pattern beats one with parameters. */
static const struct route *find_route(struct call *c)
{
    const struct route *found = NULL;
    for (size_t i = 0; i < c->dialect->n_routes; i++) {
        const struct route *r = &c->dialect->routes[i];
        if (r->method == c->method && match_pattern(c, r->pattern) && (!found || c->n_params == 0))
            found = r;
    }
    if (found)
        match_pattern(c, found->pattern);
    return found;
}

static struct caller caller_of_tests(int32_t project)
{
    return (struct caller){
        .project = project,
        .project_id = project == 1 ? STR("proj_1") : STR("proj_2"),
        .project_name = STR("Demo"),
        .project_slug = STR("demo"),
        .organization_id = STR("acme"),
        .form = FORM_LANGWATCH,
    };
}

/* "good..." opens the caller's own project, "other..." another one. */
static const struct caller *find_caller(void *ctx, struct str token, struct arena *a)
{
    if (!str_starts(token, STR("other")))
        return str_starts(token, STR("good")) ? ctx : NULL;
    struct caller *other = arena_alloc(a, sizeof *other);
    *other = caller_of_tests(2);
    return other;
}

static struct str unescaped(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t byte = (uint8_t)(s.p[i] == '+' ? ' ' : s.p[i]);
        if (s.p[i] == '%' && i + 2 < s.n && hex_decode(str_sub(s, i + 1, 2), &byte))
            i += 2;
        out[n++] = (char)byte;
    }
    return (struct str){ out, n };
}

/* A query as it stands in a URL. */
static void read_query_text(struct call *c, struct str text)
{
    struct str part, name;
    size_t room = 1;
    for (size_t i = 0; i < text.n; i++)
        room += text.p[i] == '&';
    c->query_raw = text;
    c->query = arena_array(c->arena, room, sizeof *c->query);
    while (str_cut(&text, '&', &part)) {
        str_cut(&part, '=', &name);
        c->query[c->n_query++] =
            (struct pair){ unescaped(c->arena, name), unescaped(c->arena, part.p ? part : STR("")) };
    }
}

static enum credential credential_of(struct str word)
{
    if (str_is(word, "none"))
        return CREDENTIAL_NONE;
    return str_is(word, "unknown") ? CREDENTIAL_UNKNOWN : CREDENTIAL_GOOD;
}

static struct call call_of(struct arena *a, const struct dialect *d, struct caller *caller, struct json input)
{
    struct call c = { .arena = a,
        .dialect = d,
        .base_url = STR("http://127.0.0.1:8585"),
        .caller = caller,
        .find_caller = find_caller,
        .find_ctx = caller };
    int64_t now_ms;
    struct str method = json_str(json_key(input, "method"));
    if (json_bool(json_key(input, "team"))) /* the key of an organization, of no project */
        *caller = (struct caller){ .organization_id = caller->organization_id, .form = FORM_LANGTRACE };
    for (int m = 0; m < METHOD_COUNT; m++)
        if (str_is(method, method_names[m]))
            c.method = (enum method)m;
    c.path = json_str(json_key(input, "path"));
    if (json_is_str(json_key(input, "query")))
        read_query_text(&c, json_str(json_key(input, "query")));
    else
        c.query = read_pairs(a, json_key(input, "query"), &c.n_query);
    c.credential = credential_of(json_str(json_key(input, "credential")));
    c.headers = read_pairs(a, json_key(input, "headers"), &c.n_headers);
    struct json body = json_key(input, "body");
    c.body = json_type(body) == JSON_ABSENT ? json_str(json_key(input, "text")) : json_text(a, body);
    c.now_ns = (json_i64(json_key(input, "now_ms"), &now_ms) ? now_ms : INT64_C(1800000000000)) * NS_PER_MS;
    c.route = find_route(&c);
    if (c.route && (c.route->access == ACCESS_OPEN || c.route->access == ACCESS_BODY))
        c.caller = NULL;
    return c;
}

/* ---- a store that answers what the case says ---- */

static int64_t member(struct json v, const char *name, int64_t none)
{
    int64_t i;
    return json_i64(json_key(v, name), &i) ? i : none;
}

static void give_groups(struct arena *a, struct ask *ask, struct json v)
{
    struct json g;
    ask->groups = arena_array(a, json_size(v) + 1, sizeof *ask->groups);
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &g);) {
        struct group *to = &ask->groups[ask->n_answer_groups++];
        *to = (struct group){
            .bucket_ns = member(g, "bucket_ns", TIME_NONE),
            .count = member(g, "count", 0),
            .errors = member(g, "errors", 0),
            .success = member(g, "success", 0),
            .tokens_input = member(g, "tokens_input", 0),
            .tokens_output = member(g, "tokens_output", 0),
            .cost_nano_usd = member(g, "cost_nano_usd", 0),
        };
        for (size_t i = 0; i < 3; i++)
            to->text[i] = json_str(json_at(json_key(g, "text"), i));
    }
}

static void give_values(struct arena *a, struct ask *ask, struct json v)
{
    struct json value;
    ask->values = arena_array(a, json_size(v) + 1, sizeof *ask->values);
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &value);)
        ask->values[ask->n_values++] = json_str(value);
}

static void give_answer(struct arena *a, struct ask *ask, struct json v)
{
    int64_t total;
    if (json_is_obj(json_key(v, "row"))) {
        ask->rows = arena_alloc(a, sizeof *ask->rows);
        *ask->rows = dump_row(a, json_key(v, "row"));
        ask->n = 1;
    }
    if (json_is_arr(json_key(v, "rows")))
        ask->rows = dump_rows(a, json_key(v, "rows"), &ask->n);
    if (json_is_arr(json_key(v, "groups")))
        give_groups(a, ask, json_key(v, "groups"));
    if (json_is_arr(json_key(v, "values")))
        give_values(a, ask, json_key(v, "values"));
    ask->more = json_bool(json_key(v, "more"));
    ask->total = json_i64(json_key(v, "total"), &total) ? total : (int64_t)ask->n;
}

/* {"aggregate": [group, ...], "query": QUERY} or {"distinct": entity, "column": number} */
static struct str dump_sums(struct arena *a, const struct ask *ask, struct str query)
{
    static const char *const groups[] = { "none", "day", "hour", "name", "type", "model", "user" };
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    if (ask->kind == ASK_AGGREGATE) {
        jw_key(&w, "aggregate");
        jw_arr(&w);
        for (size_t i = 0; i < ask->n_groups; i++)
            jw_cstr(&w, groups[ask->group[i]]);
        jw_arr_end(&w);
        jw_kv_raw(&w, "query", query);
    } else {
        jw_kv_cstr(&w, "distinct", entity_name(ask->query.entity));
        jw_kv_i64(&w, "column", ask->column);
    }
    jw_obj_end(&w);
    struct str s = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return s;
}

static struct str dump_ask(struct arena *a, const struct ask *ask)
{
    struct str query = dump_query(a, &ask->query);
    if (ask->kind == ASK_AGGREGATE || ask->kind == ASK_DISTINCT)
        return dump_sums(a, ask, query);
    if (ask->kind != ASK_GET)
        return query;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_cstr(&w, "get", entity_name(ask->query.entity));
    jw_kv_str_opt(&w, "scope", ask->scope);
    jw_kv_str(&w, "id", ask->id);
    jw_key(&w, "with");
    struct json q;
    if (json_parse(a, query, 0, &q, NULL) != ST_OK)
        abort();
    jw_value(&w, json_key(q, "with"));
    jw_obj_end(&w);
    struct str s = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return s;
}

/* ---- accounts that answer what the case says ---- */

static void give_deed(struct deed *d, struct json v)
{
    const struct {
        const char *name;
        struct str *to;
    } texts[] = { { "name", &d->name }, { "description", &d->description }, { "type", &d->type },
        { "project_id", &d->project_id }, { "organization_id", &d->organization_id },
        { "secret", &d->secret } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (json_is_str(json_key(v, texts[i].name)))
            *texts[i].to = json_str(json_key(v, texts[i].name));
    d->found = json_bool(json_key(v, "found"));
    d->number = (int32_t)member(v, "number", 0);
    d->created_ns = member(v, "created_ns", 0);
    d->updated_ns = member(v, "updated_ns", d->created_ns);
    d->done = true;
}

static void dump_deed(struct jw *w, const struct deed *d)
{
    static const char *const kinds[] = { "project_get", "project_new", "key_mint" };
    jw_obj(w);
    jw_kv_cstr(w, "deed", kinds[d->kind]);
    jw_kv_str_opt(w, "organization_id", d->organization_id);
    jw_kv_str_opt(w, "project_id", d->project_id);
    jw_kv_str_opt(w, "name", d->name);
    jw_kv_str_opt(w, "description", d->description);
    jw_kv_str_opt(w, "type", d->type);
    jw_obj_end(w);
}

static void do_deeds(struct call *c, struct json answers, struct jw *w)
{
    for (size_t i = 0; i < c->n_deeds; i++)
        if (!c->deeds[i].done) {
            dump_deed(w, &c->deeds[i]);
            give_deed(&c->deeds[i], json_at(answers, i));
        }
}

static enum status ask_all(struct call *c, struct json answers, struct json accounts, struct jw *asks,
    struct jw *deeds, struct err *err)
{
    if (!c->route->ask)
        return ST_OK;
    for (size_t asked = 0;; c->round++, asked = c->n_asks) {
        c->again = false;
        enum status st = c->route->ask(c, err);
        if (st != ST_OK)
            return st;
        jw_arr(asks);
        for (size_t i = asked; i < c->n_asks; i++) {
            jw_raw(asks, dump_ask(c->arena, &c->asks[i]));
            give_answer(c->arena, &c->asks[i], json_at(json_at(answers, c->round), i - asked));
        }
        jw_arr_end(asks);
        do_deeds(c, accounts, deeds);
        if (!c->again)
            return ST_OK;
    }
}

static void give_results(struct batch *b, struct json v)
{
    for (size_t i = 0; i < json_size(v) && i < b->n_results; i++) {
        struct str word = json_str(json_at(v, i));
        if (str_is(word, "unchanged"))
            b->results[i].outcome = OUTCOME_UNCHANGED;
        else if (str_is(word, "exists"))
            b->results[i].outcome = OUTCOME_EXISTS;
        else if (!str_is(word, "stored")) {
            struct err err;
            (void)err_set(&err, ST_INVALID, "%.*s", STR_ARG(word));
            batch_reject(b, i, &err);
        }
    }
}

/* What write wants to know of what it wrote. */
static void ask_after(struct call *c, struct json answers, size_t asked, struct jw *asks)
{
    for (size_t i = asked; i < c->n_asks; i++) {
        jw_raw(asks, dump_ask(c->arena, &c->asks[i]));
        give_answer(c->arena, &c->asks[i], json_at(answers, i - asked));
    }
}

static enum status run_route(struct call *c, struct json v, struct batch *b, struct jw *asks,
    struct jw *deeds, struct jw *after, struct err *err)
{
    struct str unauthorized = json_str(json_key(v, "fail"));
    for (int st = ST_OK; st < ST_COUNT && unauthorized.p; st++)
        if (str_is(unauthorized, status_name((enum status)st)))
            return err_set(err, (enum status)st, "%s", status_text((enum status)st));
    if (!c->route)
        return err_set(err, ST_NOT_FOUND, "Not Found");
    if (c->body.n > (size_t)c->route->limit_bytes)
        return err_set(
            err, ST_TOO_LARGE, "%zu bytes are more than %lld", c->body.n, (long long)c->route->limit_bytes);
    enum status st = ask_all(c, json_key(v, "answers"), json_key(v, "accounts"), asks, deeds, err);
    size_t asked = c->n_asks;
    if (st == ST_OK && c->route->write)
        st = c->route->write(c, b, err);
    if (st == ST_OK)
        ask_after(c, json_key(v, "after"), asked, after);
    c->batch = b;
    give_results(b, json_key(v, "results"));
    return st;
}

/* ---- what came out ---- */

static struct str reply_body(struct arena *a, const struct reply *r)
{
    struct json parsed;
    struct str body = arena_dup(a, buf_str(&r->body));
    if (json_parse(a, body, 0, &parsed, NULL) == ST_OK)
        return json_text(a, parsed);
    struct buf out;
    buf_init(&out, 0);
    json_quote(&out, body);
    struct str s = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return s;
}

static struct str reply_headers(struct arena *a, const struct reply *r)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    if (r->content_type)
        jw_kv_cstr(&w, "content-type", r->content_type);
    for (size_t i = 0; i < r->n_headers; i++) {
        jw_key_str(&w, r->headers[i].name);
        jw_str(&w, r->headers[i].value);
    }
    jw_obj_end(&w);
    struct str s = arena_dup(a, buf_str(&out));
    buf_fini(&out);
    return s;
}

static struct output run_case(struct arena *a, const struct dialect *d, struct json v)
{
    struct caller caller = caller_of_tests(1);
    struct call c = call_of(a, d, &caller, json_key(v, "input"));
    struct batch b;
    struct err err = { 0 };
    struct reply r = { .status = 200 };
    struct buf asks, deeds, after;
    buf_init(&asks, 0);
    buf_init(&deeds, 0);
    buf_init(&after, 0);
    buf_init(&r.body, 0);
    batch_init(&b, a);
    struct jw w = jw_of(&asks), wanted = jw_of(&deeds), behind = jw_of(&after);
    jw_arr(&w);
    jw_arr(&wanted);
    jw_arr(&behind);
    enum status st = run_route(&c, v, &b, &w, &wanted, &behind, &err);
    jw_arr_end(&w);
    jw_arr_end(&wanted);
    jw_arr_end(&behind);
    if (st != ST_OK)
        d->error(&c, &err, &r);
    else if (c.route->reply)
        c.route->reply(&c, &r);
    struct output o = {
        .asks = st == ST_OK ? arena_dup(a, buf_str(&asks)) : STR("[]"),
        .deeds = st == ST_OK ? arena_dup(a, buf_str(&deeds)) : STR("[]"),
        .after_asks = st == ST_OK ? arena_dup(a, buf_str(&after)) : STR("[]"),
        .events = st == ST_OK ? dump_events(a, &b) : STR("[]"),
        .removals = st == ST_OK ? dump_removals(a, &b) : STR("[]"),
        .body = reply_body(a, &r),
        .headers = reply_headers(a, &r),
        .status = r.status,
        .n_results = b.n_results,
    };
    buf_fini(&asks);
    buf_fini(&deeds);
    buf_fini(&after);
    buf_fini(&r.body);
    return o;
}

/* ---- comparing ---- */

static struct str part_of(struct arena *a, const struct output *o, struct str key)
{
    if (str_is(key, "asks"))
        return o->asks;
    if (str_is(key, "deeds"))
        return o->deeds;
    if (str_is(key, "after_asks"))
        return o->after_asks;
    if (str_is(key, "events"))
        return o->events;
    if (str_is(key, "removals"))
        return o->removals;
    if (str_is(key, "body"))
        return o->body;
    if (str_is(key, "headers"))
        return o->headers;
    if (str_is(key, "status"))
        return arena_printf(a, "%d", o->status);
    if (str_is(key, "n_results"))
        return arena_printf(a, "%zu", o->n_results);
    return STR_NONE;
}

static bool part_equals(struct arena *a, struct str part, struct json expected)
{
    struct json v;
    return json_parse(a, part, 0, &v, NULL) == ST_OK && json_equal(v, expected);
}

static size_t compare_case(struct arena *a, const struct output *o, struct json v, const char *file)
{
    struct str key;
    struct json expected;
    size_t faults = 0;
    for (struct json_iter it = json_iter(v); json_next(&it, &key, &expected);) {
        struct str part = part_of(a, o, key);
        if (!part.p || part_equals(a, part, expected))
            continue;
        faults++;
        fprintf(stderr, "%s: %.*s: %.*s differs\n  expected %.*s\n  got      %.*s\n", file,
            STR_ARG(json_str(json_key(v, "name"))), STR_ARG(key), STR_ARG(json_text(a, expected)),
            STR_ARG(part));
    }
    return faults > 0;
}

/* A case again, with what came out in the place of what was expected. */
static void rewrite_case(struct arena *a, const struct output *o, struct json v, struct jw *w)
{
    struct str key;
    struct json member;
    jw_obj(w);
    for (struct json_iter it = json_iter(v); json_next(&it, &key, &member);) {
        struct str part = part_of(a, o, key);
        jw_key_str(w, key);
        if (part.p)
            jw_raw(w, part);
        else
            jw_value(w, member);
    }
    jw_obj_end(w);
}

/* ---- files ---- */

static struct str read_file(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct buf text;
    char piece[4096];
    size_t n;
    if (!f) {
        fprintf(stderr, "%s cannot be read\n", path);
        abort();
    }
    buf_init(&text, 0);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        buf_add(&text, piece, n);
    fclose(f);
    struct str s = arena_dup(a, buf_str(&text));
    buf_fini(&text);
    return s;
}

static void write_file(const char *path, struct str text)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(text.p, 1, text.n, f) != text.n)
        abort();
    fclose(f);
}

static size_t run_file(const struct dialect *d, const char *path, bool write, size_t *run)
{
    struct arena *a = arena_new();
    struct json file, v;
    struct err err;
    if (json_parse(a, read_file(a, path), 0, &file, &err) != ST_OK) {
        fprintf(stderr, "%s:%zu: %s\n", path, err.line, err.text);
        abort();
    }
    size_t failed = 0;
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    for (struct json_iter it = json_iter(file); json_next(&it, NULL, &v); ++*run) {
        struct arena *mine = arena_new();
        struct output o = run_case(mine, d, v);
        if (write)
            rewrite_case(mine, &o, v, &w);
        else
            failed += compare_case(mine, &o, v, path);
        arena_free(mine);
    }
    jw_arr_end(&w);
    if (write)
        write_file(path, buf_str(&out));
    buf_fini(&out);
    arena_free(a);
    return failed;
}

size_t dialect_cases_run(const struct dialect *d, size_t *run)
{
    char folder[512], path[1024];
    struct dirent **entries;
    const char *mode = getenv("TW_CASES");
    size_t failed = 0;
    *run = 0;
    snprintf(folder, sizeof folder, "%s/test/dialect/%s", TW_SOURCE_DIR, d->name);
    int n = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (str_ends(str_of(entries[i]->d_name), STR(".case.json"))) {
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
            failed += run_file(d, path, mode && strcmp(mode, "write") == 0, run);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return failed;
}
