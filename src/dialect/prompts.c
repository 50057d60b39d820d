/*
 * The prompt registry: its rows as every product reads and writes them. What a product calls a thing, and what it refuses, is its
 * dialect's.
 */
#include "dialect/prompts.h"

#include <stdlib.h>

/* ---- questions ---- */

struct ask *prompts_ask(struct call *c)
{
    return records_find(c, PROMPTS_KIND);
}

struct ask *prompts_ask_named(struct call *c, struct str name)
{
    struct ask *ask = records_find_by(c, PROMPTS_KIND, RECORD_name, name);
    ask->query.limit = 1;
    return ask;
}

struct ask *prompts_ask_one(struct call *c, struct str id)
{
    return records_get(c, PROMPTS_KIND, id);
}

struct ask *prompts_ask_versions(struct call *c, struct str id)
{
    return records_find_parts(c, PROMPTS_VERSION_KIND, id);
}

struct ask *prompts_ask_all_versions(struct call *c)
{
    return records_find(c, PROMPTS_VERSION_KIND);
}

struct ask *prompts_ask_last(struct call *c, struct str id)
{
    struct ask *ask = prompts_ask_versions(c, id);
    ask->query.descending = true;
    ask->query.limit = 1;
    return ask;
}

struct ask *prompts_ask_newest(struct call *c, struct str id)
{
    struct ask *ask = prompts_ask_last(c, id);
    struct filter *published = query_add(c->arena, &ask->query, ON_COLUMN, IS_IN);
    published->column = RECORD_status;
    filter_value(c->arena, published, STR("published"));
    return ask;
}

struct ask *prompts_ask_version(struct call *c, struct str version_id)
{
    return records_get(c, PROMPTS_VERSION_KIND, version_id);
}

struct ask *prompts_ask_counter(struct call *c)
{
    return records_get(c, "counter", STR(PROMPTS_KIND));
}

/* ---- answers ---- */

struct prompt prompts_view(struct arena *a, const struct row *r)
{
    struct json body = records_body(a, r), labels = json_key(body, "labels");
    return (struct prompt){ .row = r,
        .id = r->id,
        .name = row_text(r, RECORD_name),
        .is_chat = !str_is(row_text(r, RECORD_status), "text"),
        .created_ns = records_time(r),
        .updated_ns = r->updated_ns,
        .labels = json_is_obj(labels) ? labels : JSON_NONE,
        .body = body };
}

struct prompt_version prompts_view_version(struct arena *a, const struct row *r)
{
    struct json body = records_body(a, r), extra = json_key(body, "extra");
    int64_t published;
    return (struct prompt_version){ .row = r,
        .id = r->id,
        .prompt_id = row_text(r, RECORD_parent_id),
        .name = row_text(r, RECORD_name),
        .number = row_int(r, RECORD_seq, 1),
        .is_draft = str_is(row_text(r, RECORD_status), "draft"),
        .created_ns = records_time(r),
        .updated_ns = r->updated_ns,
        .published_ns = json_i64(json_key(body, "published_ns"), &published) ? published : TIME_NONE,
        .content = json_key(body, "content"),
        .extra = json_is_obj(extra) ? extra : JSON_NONE,
        .notes = json_str(json_key(body, "notes")),
        .body = body };
}

bool prompts_is_of(const struct row *version, const struct row *prompt)
{
    return str_eq(row_text(version, RECORD_parent_id), prompt->id);
}

static int by_prompt(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int order = str_cmp(row_text(a, RECORD_parent_id), row_text(b, RECORD_parent_id));
    int64_t u = row_int(a, RECORD_seq, 0), v = row_int(b, RECORD_seq, 0);
    return order ? order : u < v ? -1 : u > v;
}

void prompts_group(struct ask *versions)
{
    if (versions->n > 1)
        qsort(versions->rows, versions->n, sizeof(*versions->rows), by_prompt);
}

struct ask prompts_group_of(const struct ask *versions, const struct row *prompt)
{
    size_t low = 0, high = versions->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (str_cmp(row_text(&versions->rows[middle], RECORD_parent_id), prompt->id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct ask part = { .rows = versions->rows + low };
    while (low + part.n < versions->n && prompts_is_of(&part.rows[part.n], prompt))
        part.n++;
    return part;
}

static bool is_newer(const struct row *a, const struct row *b)
{
    int64_t x = row_int(a, RECORD_seq, 0), y = row_int(b, RECORD_seq, 0);
    return x != y ? x > y : records_time(a) >= records_time(b);
}

/* The newest version of the prompt with that number (0: any), drafts or not. */
static const struct row *newest(
    const struct prompt *p, const struct ask *versions, int64_t number, bool drafts)
{
    const struct row *best = NULL;
    for (size_t i = 0; i < versions->n; i++) {
        const struct row *v = &versions->rows[i];
        if (!prompts_is_of(v, p->row) || (number && row_int(v, RECORD_seq, 0) != number) ||
            (!drafts && str_is(row_text(v, RECORD_status), "draft")))
            continue;
        if (!best || is_newer(v, best))
            best = v;
    }
    return best;
}

const struct row *prompts_with_number(const struct prompt *p, const struct ask *versions, int64_t number)
{
    return number ? newest(p, versions, number, true) : NULL;
}

const struct row *prompts_with_label(const struct prompt *p, const struct ask *versions, struct str label)
{
    if (str_is(label, PROMPTS_LATEST)) {
        const struct row *published = newest(p, versions, 0, false);
        return published ? published : newest(p, versions, 0, true);
    }
    struct str id = json_str(json_get(p->labels, label));
    const struct row *v = id.p ? records_with_id(versions, id) : NULL;
    return v && prompts_is_of(v, p->row) ? v : NULL;
}

const struct row *prompts_live(const struct prompt *p, const struct ask *versions)
{
    if (json_type(json_key(p->labels, PROMPTS_PRODUCTION)) == JSON_ABSENT)
        return newest(p, versions, 0, false);
    return prompts_with_label(p, versions, STR(PROMPTS_PRODUCTION));
}

int64_t prompts_last_number(const struct prompt *p, const struct ask *versions)
{
    const struct row *last = newest(p, versions, 0, true);
    return last ? row_int(last, RECORD_seq, 0) : 0;
}

enum status prompts_room(const struct ask *versions, struct err *err)
{
    return !versions->more ? ST_OK
                           : err_set(err, ST_UNPROCESSABLE,
                                 "A prompt has at most %d versions: begin a new prompt", RECORDS_MAX);
}

struct str prompts_text(struct arena *a, struct json content)
{
    return json_is_str(content) ? json_str(content) : json_text(a, content);
}

/* ---- writing ---- */

void prompts_take_ids(struct call *c, struct batch *b, size_t asked, struct str *ids, size_t n)
{
    const struct row *counter = ask_row(c, asked);
    int64_t last = counter ? row_int(counter, RECORD_seq, 0) : 0;
    for (size_t i = 0; i < n; i++)
        ids[i] = arena_printf(c->arena, "%lld", (long long)last + (long long)i + 1);
    event_set_int(records_put(c, b, "counter", STR(PROMPTS_KIND)), RECORD_seq, last + (int64_t)n);
}

void prompts_put(
    struct call *c, struct batch *b, const struct row *old, struct str id, const struct prompt_edit *edit)
{
    struct event *e = records_put(c, b, PROMPTS_KIND, id);
    int64_t number;
    event_set_text(e, RECORD_name, edit->name);
    if (edit->mode != PROMPT_MODE_KEPT)
        event_set_text(e, RECORD_status, edit->mode == PROMPT_TEXT ? STR("text") : STR("openai"));
    if (edit->n_members > 0)
        event_set_json(e, RECORD_body,
            records_body_with(c->arena, records_body(c->arena, old), edit->members, edit->n_members));
    if (!old) {
        event_set_int(e, RECORD_seq, str_to_i64(id, &number) ? number : 0);
        event_set_int(e, RECORD_time_ns, c->now_ns);
    }
}

void prompts_rename_versions(struct call *c, struct batch *b, const struct ask *versions, struct str name)
{
    for (size_t i = 0; i < versions->n && name.p; i++)
        event_set_text(records_put(c, b, PROMPTS_VERSION_KIND, versions->rows[i].id), RECORD_name, name);
}

/* A version that was published keeps the time of that. */
static struct str version_body(
    struct arena *a, struct json old, const struct prompt_version_edit *edit, int64_t now_ns)
{
    struct str body = records_body_with(a, old, edit->members, edit->n_members);
    struct json v;
    int64_t before;
    if (edit->is_draft || json_i64(json_key(old, "published_ns"), &before))
        return body;
    struct record_member published = { "published_ns", arena_printf(a, "%lld", (long long)now_ns) };
    return json_parse(a, body, 0, &v, NULL) == ST_OK ? records_body_with(a, v, &published, 1) : body;
}

static struct json base_of(struct arena *a, struct json base)
{
    static const struct record_member own[] = { { "notes", STR_INIT("") }, { "author", STR_INIT("") },
        { "span_id", STR_INIT("") }, { "published_ns", STR_INIT("") } };
    struct json body;
    if (!json_is_obj(base))
        return JSON_NONE;
    struct str text = records_body_with(a, base, own, sizeof(own) / sizeof(own[0]));
    return json_parse(a, text, 0, &body, NULL) == ST_OK ? body : JSON_NONE;
}

void prompts_put_version(struct call *c, struct batch *b, const struct row *old, struct str id,
    const struct prompt_version_edit *edit)
{
    struct json start = old ? records_body(c->arena, old) : base_of(c->arena, edit->base);
    struct str body = version_body(c->arena, start, edit, c->now_ns);
    struct event *e = records_put(c, b, PROMPTS_VERSION_KIND, id);
    event_set_json(e, RECORD_body, body);
    event_set_text(e, RECORD_status, edit->is_draft ? STR("draft") : STR("published"));
    if (old)
        return;
    event_set_text(e, RECORD_name, edit->name);
    event_set_text(e, RECORD_parent_id, edit->prompt_id);
    event_set_int(e, RECORD_seq, edit->number);
    event_set_int(e, RECORD_time_ns, c->now_ns);
}

struct str prompts_labels_with(
    struct arena *a, const struct prompt *p, struct str label, struct str version_id)
{
    struct record_member m = { arena_cstr(a, label),
        version_id.p ? records_quoted(a, version_id) : STR("null") };
    return records_body_with(a, p ? p->labels : JSON_NONE, &m, 1);
}

void prompts_remove(struct call *c, struct batch *b, struct str id, const struct ask *versions)
{
    records_remove(c, b, PROMPTS_KIND, id);
    for (size_t i = 0; i < versions->n; i++)
        if (str_eq(row_text(&versions->rows[i], RECORD_parent_id), id))
            records_remove(c, b, PROMPTS_VERSION_KIND, versions->rows[i].id);
}
