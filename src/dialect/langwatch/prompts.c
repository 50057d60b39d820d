/*
 * Prompts (section 9): LangWatch's words for the prompt registry (dialect/prompts.h). A prompt is asked for by its id or its handle, a
 * version by number or tag; every PUT makes a version, published at once.
 */
#include "dialect/langwatch/rest_priv.h"

#include <string.h>

/* ---- which prompt --------------------------------------------------------------------------------------------------- */

struct str langwatch__prompt_handle(struct call *c)
{
    if (!strstr(c->route->pattern, "{namespace}"))
        return c->params[0];
    return arena_printf(c->arena, "%.*s/%.*s", STR_ARG(c->params[0]), STR_ARG(c->params[1]));
}

struct str langwatch__last_param(const struct call *c)
{
    return c->params[c->n_params - 1];
}

const struct row *langwatch__prompt_found(const struct call *c)
{
    return ask_row(c, 0) ? ask_row(c, 0) : ask_row(c, 1);
}

static enum status not_found(struct call *c, struct err *err, struct str what)
{
    return langwatch__fail_code(c, err, ST_NOT_FOUND, "prompt_not_found",
        arena_printf(c->arena, "Prompt not found: %.*s", STR_ARG(what)));
}

enum status langwatch__prompt_find(struct call *c, struct str handle, bool must, struct err *err)
{
    if (c->round == 0) {
        (void)prompts_ask_one(c, handle);
        (void)prompts_ask_named(c, handle);
        c->again = true;
    } else if (c->round == 1) {
        if (!langwatch__prompt_found(c) && must)
            return not_found(c, err, handle);
        if (langwatch__prompt_found(c))
            (void)prompts_ask_versions(c, langwatch__prompt_found(c)->id);
    }
    return ST_OK;
}

/* ---- GET /api/prompts ----------------------------------------------------------------------------------------------- */

/* The prompts; the newest published version of each; the newest draft of each that has no other. One question a prompt, so that a project's
 * old versions are not loaded, however many there are. */
enum status langwatch_prompts_ask(struct call *c, struct err *err)
{
    size_t n = c->round > 0 ? c->asks[0].n : 0;
    (void)err;
    if (c->round == 0)
        (void)prompts_ask(c);
    for (size_t i = 0; i < n && c->round == 1; i++)
        (void)prompts_ask_newest(c, c->asks[0].rows[i].id);
    for (size_t i = 0; i < n && c->round == 2; i++)
        if (!ask_row(c, 1 + i))
            (void)prompts_ask_last(c, c->asks[0].rows[i].id);
    c->again = c->round < 2;
    return ST_OK;
}

void langwatch_prompts_reply(struct call *c, struct reply *r)
{
    const struct ask *prompts = &c->asks[0];
    size_t last = c->n_asks;
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = prompts->n; i > 0; i--) {
        struct prompt p = prompts_view(c->arena, &prompts->rows[i - 1]);
        const struct row *published = ask_row(c, i), *latest = published ? published : ask_row(c, --last);
        if (latest) /* a set of Langtrace can be empty */
            langwatch__write_prompt(&w, c, &p, latest, false);
    }
    jw_arr_end(&w);
}

/* ---- GET /api/prompts/{id} ------------------------------------------------------------------------------------------ */

/* "handle:3", "handle:production", ?version=, ?tag= */
struct reference {
    struct str handle, tag;
    int64_t version; /* 0: none */
    bool suffixed;
};

static bool read_reference(struct call *c, struct reference *out)
{
    struct str whole = langwatch__prompt_handle(c);
    size_t colon = SIZE_MAX;
    *out = (struct reference){ .handle = whole };
    for (size_t i = whole.n; i > 0 && colon == SIZE_MAX; i--)
        if (whole.p[i - 1] == ':')
            colon = i - 1;
    if (colon != SIZE_MAX) {
        out->suffixed = true;
        out->handle = str_sub(whole, 0, colon);
        struct str suffix = str_sub(whole, colon + 1, SIZE_MAX);
        if (out->handle.n == 0 || suffix.n == 0)
            return false;
        if (!str_to_i64(suffix, &out->version) || out->version <= 0) {
            out->version = 0;
            out->tag = suffix;
        }
    }
    return true;
}

/* Its state is the reference. */
enum status langwatch_prompt_ask(struct call *c, struct err *err)
{
    struct langwatch_state *s = langwatch__state(c);
    struct str tag = call_query(c, "tag"), version = call_query(c, "version");
    if (c->round > 0)
        return langwatch__prompt_find(c, ((struct reference *)s->more)->handle, true, err);
    struct reference *ref = s->more = arena_alloc(c->arena, sizeof(*ref));
    if (!read_reference(c, ref))
        return langwatch__fail_both(c, err, ST_UNPROCESSABLE,
            STR("Invalid prompt reference: expected handle, handle:tag or handle:version"));
    if (ref->suffixed && (tag.n > 0 || version.n > 0))
        return langwatch__fail_both(c, err, ST_UNPROCESSABLE,
            STR("handle:tag and handle:version cannot be combined with the parameters tag and version: use one of them"));
    if (!ref->suffixed && !langwatch__query_number(c, "version", 0, 0, INT64_MAX, &ref->version))
        return langwatch__fail_both(
            c, err, ST_UNPROCESSABLE, STR("version must be a whole number that is not negative"));
    if (!ref->suffixed)
        ref->tag = tag;
    return langwatch__prompt_find(c, ref->handle, true, err);
}

static const struct row *referred(struct call *c, const struct prompt *p)
{
    const struct reference *ref = langwatch__state(c)->more;
    const struct ask *versions = &c->asks[PROMPT_VERSIONS];
    if (ref->version > 0)
        return prompts_with_number(p, versions, ref->version);
    return prompts_with_label(p, versions, ref->tag.n > 0 ? ref->tag : STR(PROMPTS_LATEST));
}

static void write_missing(struct call *c, struct reply *r)
{
    const struct reference *ref = langwatch__state(c)->more;
    struct jw w = jw_of(&r->body);
    struct str text = ref->version > 0 ? arena_printf(c->arena, "Prompt not found: %.*s with version %lld",
                                             STR_ARG(ref->handle), (long long)ref->version)
                      : ref->tag.n > 0
                          ? arena_printf(c->arena, "Prompt not found: %.*s with tag %.*s",
                                STR_ARG(ref->handle), STR_ARG(ref->tag))
                          : arena_printf(c->arena, "Prompt not found: %.*s", STR_ARG(ref->handle));
    r->status = 404;
    jw_obj(&w);
    jw_kv_cstr(&w, "error", "prompt_not_found");
    jw_kv_str(&w, "message", text);
    jw_obj_end(&w);
}

void langwatch_prompt_reply(struct call *c, struct reply *r)
{
    struct prompt p = prompts_view(c->arena, langwatch__prompt_found(c));
    const struct row *version = referred(c, &p);
    struct jw w = jw_of(&r->body);
    if (version)
        langwatch__write_prompt(&w, c, &p, version, false);
    else
        write_missing(c, r);
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static struct str labels_of(struct call *c, const struct prompt *p, struct json tags, struct str version_id)
{
    struct str labels = STR_NONE;
    struct prompt now = p ? *p : (struct prompt){ .labels = JSON_NONE };
    struct json tag;
    for (struct json_iter it = json_iter(tags); json_is_arr(tags) && json_next(&it, NULL, &tag);) {
        labels = prompts_labels_with(c->arena, &now, json_str(tag), version_id);
        if (json_parse(c->arena, labels, 0, &now.labels, NULL) != ST_OK)
            return STR_NONE;
    }
    return labels;
}

void langwatch__prompt_put(struct call *c, struct batch *b, const struct prompt *old, struct str id,
    struct str version_id, int64_t number, struct json body, struct json base,
    const struct prompt_draft *draft)
{
    struct str handle = json_str(json_key(body, "handle"));
    struct str name = handle.n > 0 ? handle : old ? old->name : STR("");
    struct record_member members[2];
    size_t n = 0;
    struct str labels = labels_of(c, old, json_key(body, "tags"), version_id);
    if (labels.p)
        members[n++] = (struct record_member){ "labels", labels };
    if (json_is_set(json_key(body, "scope")))
        members[n++] = (struct record_member){ "scope", json_text(c->arena, json_key(body, "scope")) };
    prompts_put(c, b, old ? old->row : NULL, id,
        &(struct prompt_edit){ .name = name,
            .mode = draft->is_chat ? PROMPT_CHAT : PROMPT_TEXT,
            .members = members,
            .n_members = n });
    prompts_put_version(c, b, NULL, version_id,
        &(struct prompt_version_edit){ .prompt_id = id,
            .name = name,
            .number = number,
            .base = base,
            .members = draft->members,
            .n_members = draft->n_members });
    (void)prompts_ask_one(c, id);
    (void)prompts_ask_version(c, version_id);
}

/* The last two answers: the prompt and the version that was made. */
void langwatch_prompt_saved_reply(struct call *c, struct reply *r)
{
    struct prompt p = prompts_view(c->arena, ask_row(c, c->n_asks - 2));
    struct jw w = jw_of(&r->body);
    langwatch__write_prompt(&w, c, &p, ask_row(c, c->n_asks - 1), false);
}

static enum status taken(struct call *c, struct err *err, struct str handle)
{
    return langwatch__fail_both(
        c, err, ST_CONFLICT, arena_printf(c->arena, "Prompt handle already exists: %.*s", STR_ARG(handle)));
}

/* ---- POST /api/prompts ---------------------------------------------------------------------------------------------- */

static void check_new(struct issues *is, struct json body)
{
    langwatch__check_prompt(is, body, true);
}

enum status langwatch_prompt_new_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_new, &body, err);
    if (st != ST_OK)
        return st;
    (void)prompts_ask_counter(c);
    (void)prompts_ask_named(c, json_str(json_key(body, "handle")));
    return ST_OK;
}

enum status langwatch_prompt_new_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str ids[2];
    struct prompt_draft draft;
    enum status st = call_json(c, &body, err);
    if (st == ST_OK && c->asks[1].n > 0)
        st = taken(c, err, json_str(json_key(body, "handle")));
    if (st == ST_OK)
        st = langwatch__draft_prompt(c, body, NULL, &draft, err);
    if (st != ST_OK)
        return st;
    prompts_take_ids(c, b, 0, ids, 2);
    langwatch__prompt_put(c, b, NULL, ids[0], ids[1], 1, body, JSON_NONE, &draft);
    return ST_OK;
}

/* ---- PUT /api/prompts/{id} ------------------------------------------------------------------------------------------ */

static void check_put(struct issues *is, struct json body)
{
    langwatch__check_prompt(is, body, false);
}

enum status langwatch_prompt_put_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_put, &body, err);
    if (st == ST_OK)
        st = langwatch__prompt_find(c, langwatch__prompt_handle(c), true, err);
    if (st != ST_OK || c->round != 1)
        return st;
    struct str handle = json_str(json_key(body, "handle"));
    (void)prompts_ask_counter(c);
    if (handle.n > 0)
        (void)prompts_ask_named(c, handle);
    return ST_OK;
}

enum status langwatch__prompt_next(
    struct call *c, struct batch *b, const struct prompt *p, struct str *id, int64_t *number, struct err *err)
{
    enum status st = prompts_room(&c->asks[PROMPT_VERSIONS], err);
    if (st != ST_OK)
        return langwatch__fail_both(c, err, st, arena_dup(c->arena, str_of(err->text)));
    prompts_take_ids(c, b, PROMPT_VERSIONS + 1, id, 1);
    *number = prompts_last_number(p, &c->asks[PROMPT_VERSIONS]) + 1;
    return ST_OK;
}

enum status langwatch_prompt_put_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct prompt_draft draft;
    struct prompt_version before = { .content = JSON_NONE };
    struct prompt p = prompts_view(c->arena, langwatch__prompt_found(c));
    const struct row *latest = prompts_with_label(&p, &c->asks[PROMPT_VERSIONS], STR(PROMPTS_LATEST));
    const struct row *other = ask_row(c, PROMPT_VERSIONS + 2);
    enum status st = call_json(c, &body, err);
    struct str handle = json_str(json_key(body, "handle"));
    if (st == ST_OK && other && !str_eq(other->id, p.id))
        st = taken(c, err, handle);
    if (latest)
        before = prompts_view_version(c->arena, latest);
    if (st == ST_OK)
        st = langwatch__draft_prompt(c, body, latest ? &before : NULL, &draft, err);
    struct str id = STR_NONE;
    int64_t number = 0;
    if (st == ST_OK)
        st = langwatch__prompt_next(c, b, &p, &id, &number, err);
    if (st != ST_OK)
        return st;
    if (handle.n > 0)
        prompts_rename_versions(c, b, &c->asks[PROMPT_VERSIONS], handle);
    langwatch__prompt_put(c, b, &p, p.id, id, number, body, before.body, &draft);
    return ST_OK;
}

/* ---- DELETE /api/prompts/{id}, GET .../versions --------------------------------------------------------------------- */

enum status langwatch_prompt_of_ask(struct call *c, struct err *err)
{
    return langwatch__prompt_find(c, langwatch__prompt_handle(c), true, err);
}

enum status langwatch_prompt_delete_write(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    prompts_remove(c, b, langwatch__prompt_found(c)->id, &c->asks[PROMPT_VERSIONS]);
    return ST_OK;
}

void langwatch_prompt_delete_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    (void)c;
    jw_obj(&w);
    jw_kv_bool(&w, "success", true);
    jw_obj_end(&w);
}

void langwatch_prompt_versions_reply(struct call *c, struct reply *r)
{
    struct prompt p = prompts_view(c->arena, langwatch__prompt_found(c));
    const struct ask *versions = &c->asks[PROMPT_VERSIONS];
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = versions->n; i > 0; i--)
        langwatch__write_prompt(&w, c, &p, &versions->rows[i - 1], true);
    jw_arr_end(&w);
}

/* ---- POST /api/prompts/{id}/versions/{versionId}/restore ------------------------------------------------------------ */

enum status langwatch_prompt_restore_ask(struct call *c, struct err *err)
{
    enum status st = langwatch__prompt_find(c, langwatch__prompt_handle(c), true, err);
    if (st == ST_OK && c->round == 1)
        (void)prompts_ask_counter(c);
    return st;
}

enum status langwatch_prompt_restore_write(struct call *c, struct batch *b, struct err *err)
{
    struct prompt p = prompts_view(c->arena, langwatch__prompt_found(c));
    const struct row *row = records_with_id(&c->asks[PROMPT_VERSIONS], langwatch__last_param(c));
    if (!row)
        return langwatch__fail_code(c, err, ST_NOT_FOUND, "prompt_not_found",
            arena_printf(c->arena, "Prompt version not found: %.*s", STR_ARG(langwatch__last_param(c))));
    struct prompt_version v = prompts_view_version(c->arena, row);
    struct prompt_draft draft = { .is_chat = json_is_arr(v.content), .n_members = 1 };
    draft.members[0] = (struct record_member){ "notes",
        arena_printf(c->arena, "\"Restored from version %lld\"", (long long)v.number) };
    struct str id = STR_NONE;
    int64_t number = 0;
    enum status st = langwatch__prompt_next(c, b, &p, &id, &number, err);
    if (st != ST_OK)
        return st;
    langwatch__prompt_put(c, b, &p, p.id, id, number, JSON_NONE, v.body, &draft);
    return ST_OK;
}

/* ---- PUT /api/prompts/{id}/tags/{tag} ------------------------------------------------------------------------------- */

static void check_assignment(struct issues *is, struct json body)
{
    langwatch__is_filled(is, AT(NULL, "versionId"), json_key(body, "versionId"), false);
}

enum status langwatch_prompt_tag_ask(struct call *c, struct err *err)
{
    struct json body;
    enum status st = langwatch__checked_body(c, check_assignment, &body, err);
    struct str fault = langwatch__tag_fault(c->arena, langwatch__last_param(c));
    if (st == ST_OK && fault.p)
        st = langwatch__fail_both(c, err, ST_UNPROCESSABLE, fault);
    return st == ST_OK ? langwatch__prompt_find(c, langwatch__prompt_handle(c), true, err) : st;
}

enum status langwatch_prompt_tag_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct prompt p = prompts_view(c->arena, langwatch__prompt_found(c));
    enum status st = call_json(c, &body, err);
    if (st != ST_OK)
        return st;
    const struct row *version =
        records_with_id(&c->asks[PROMPT_VERSIONS], json_str(json_key(body, "versionId")));
    if (!version)
        return langwatch__fail_both(
            c, err, ST_UNPROCESSABLE, STR("versionId: the version does not belong to this prompt"));
    struct record_member labels = { "labels",
        prompts_labels_with(c->arena, &p, langwatch__last_param(c), version->id) };
    prompts_put(c, b, p.row, p.id, &(struct prompt_edit){ .members = &labels, .n_members = 1 });
    langwatch__state(c)->made = version->id;
    return ST_OK;
}

void langwatch_prompt_tag_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_kv_str(&w, "configId", langwatch__prompt_found(c)->id);
    jw_kv_str(&w, "versionId", langwatch__state(c)->made);
    jw_kv_str(&w, "tag", langwatch__last_param(c));
    langwatch__kv_time(&w, "updatedAt", c->now_ns);
    jw_obj_end(&w);
}
