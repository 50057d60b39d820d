/*
 * Datasets (section 9): prompts, each with variations of its variables and the output that would be ideal.
 *
 *   record "dataset"            name = slug, status = format (text or chat)
 *   record "dataset_prompt"     parent = dataset, body = {messages}
 *   record "dataset_variation"  parent = prompt, name = dataset, body = {variables, idealOutput, context}
 *
 * By slug, a dataset is what the SDKs run: one item per prompt and variation, variables filled in. By id it is what people edit.
 */
#include "dialect/llmonitor/llmonitor_priv.h"
#include "dialect/datasets.h"

static const char *const prompt_members[] = { "messages", NULL };
static const char *const variation_members[] = { "variables", "idealOutput", "context", NULL };

/* ---- GET /v1/datasets, /v1/datasets/{slug or id} ---- */

enum status llmonitor__datasets_ask(struct call *c, struct err *err)
{
    (void)err;
    (void)records_find(c, "dataset");
    return ST_OK;
}

void llmonitor__datasets_reply(struct call *c, struct reply *r)
{
    const struct ask *ask = &c->asks[0];
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = ask->n; i > 0; i--) {
        jw_obj(&w);
        llmonitor__write_dataset_members(&w, c, &ask->rows[i - 1]);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
}

static void ask_parts(struct call *c, struct str dataset)
{
    (void)records_find_parts(c, "dataset_prompt", dataset);
    struct ask *variations = records_find(c, "dataset_variation");
    (void)llmonitor__filter_in(c->arena, &variations->query, RECORD_name, dataset);
}

/* Rows that other products put there go too. */
static void ask_gone(struct call *c, struct str dataset)
{
    (void)records_find_all_of(c, "dataset_prompt", RECORD_parent_id, dataset);
    (void)records_find_all_of(c, "dataset_variation", RECORD_name, dataset);
    (void)datasets_ask_gone(c, dataset);
}

static const struct row *dataset_of(const struct call *c)
{
    return ask_row(c, 0) ? ask_row(c, 0) : ask_row(c, 1);
}

enum status llmonitor__dataset_ask(struct call *c, struct err *err)
{
    if (c->round > 0) {
        const struct row *dataset = dataset_of(c);
        if (!dataset)
            return err_set(err, ST_NOT_FOUND, "Dataset not found");
        if (c->method == METHOD_DELETE)
            ask_gone(c, dataset->id);
        else
            ask_parts(c, dataset->id);
        return ST_OK;
    }
    (void)records_get(c, "dataset", c->params[0]);
    struct ask *slug = records_find(c, "dataset");
    slug->query.limit = 1;
    slug->query.descending = true;
    (void)llmonitor__filter_in(c->arena, &slug->query, RECORD_name, c->params[0]);
    c->again = true;
    return llmonitor__body_first(c, err);
}

void llmonitor__dataset_reply(struct call *c, struct reply *r)
{
    const struct row *dataset = dataset_of(c);
    struct jw w = jw_of(&r->body);
    if (ask_row(c, 0)) {
        llmonitor__write_dataset(&w, c, dataset, &c->asks[2], &c->asks[3]);
        return;
    }
    jw_obj(&w);
    jw_kv_str(&w, "id", dataset->id);
    jw_kv_str(&w, "slug", row_text(dataset, RECORD_name));
    jw_kv_null(&w, "ownerId");
    jw_kv_str(&w, "projectId", c->caller->project_id);
    llmonitor__write_items(&w, c, "items", &c->asks[2], &c->asks[3]);
    llmonitor__write_items(&w, c, "runs", &c->asks[2], &c->asks[3]); /* lunary-js reads it under this name */
    jw_obj_end(&w);
}

/* ---- new rows ---- */

static void put_part(struct call *c, struct batch *b, const char *kind, struct str id, struct str parent,
    size_t place, struct str body)
{
    struct event *e = records_put(c, b, kind, id);
    event_set_text(e, RECORD_parent_id, parent);
    event_set_int(e, RECORD_seq, c->now_ns + (int64_t)place);
    event_set_int(e, RECORD_time_ns, c->now_ns);
    event_set_json(e, RECORD_body, body);
}

static struct str put_prompt(
    struct call *c, struct batch *b, struct str dataset, size_t place, struct str messages)
{
    struct str id = llmonitor__new_id(c, "dataset_prompt", place), start = STR("{\"messages\":");
    char *body = arena_alloc(c->arena, start.n + messages.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < start.n; i++)
        body[n++] = start.p[i];
    for (size_t i = 0; i < messages.n; i++)
        body[n++] = messages.p[i];
    body[n++] = '}';
    put_part(c, b, "dataset_prompt", id, dataset, place, (struct str){ body, n });
    return id;
}

static struct str put_variation(
    struct call *c, struct batch *b, struct str dataset, struct str prompt, struct str body)
{
    struct str id = llmonitor__new_id(c, "dataset_variation", 0);
    put_part(c, b, "dataset_variation", id, prompt, 0, body);
    event_set_text(&b->events[b->n_events - 1], RECORD_name, dataset);
    return id;
}

static struct str default_prompt(bool chat)
{
    return chat ? STR("[{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},"
                      "{\"role\":\"user\",\"content\":\"Hello! I need help with something.\"}]")
                : STR("\"What is the result of 1 + 1?\"");
}

static bool is_chat(struct json messages)
{
    struct json m;
    if (!json_is_arr(messages))
        return false;
    for (struct json_iter it = json_iter(messages); json_next(&it, NULL, &m);)
        if (!json_is_str(json_key(m, "role")))
            return false;
    return true;
}

/* Messages as the dataset's format has them. */
static enum status check_messages(bool chat, struct json messages, struct err *err)
{
    if (!chat && !json_is_str(messages))
        return err_set(err, ST_INVALID, "For text format, prompt must be a string.");
    if (chat && !is_chat(messages))
        return err_set(err, ST_INVALID, "For chat format, prompt must be an array of messages.");
    return ST_OK;
}

/* ---- POST /v1/datasets ---- */

enum status llmonitor__new_dataset_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug = STR_NONE, format = STR_NONE;
    bool with_variation;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", true, &slug, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "format", false, &format, err);
    if (st == ST_OK)
        st = llmonitor__bool_member(body, "withPromptVariation", true, &with_variation, err);
    if (st == ST_OK && format.p && !str_is(format, "text") && !str_is(format, "chat"))
        st = err_at(err, ST_UNPROCESSABLE, "format", "must be \"text\" or \"chat\"");
    struct json prompt = json_key(body, "prompt");
    bool chat = str_is(format, "chat");
    if (st == ST_OK && json_is_set(prompt))
        st = check_messages(chat, prompt, err);
    if (st != ST_OK)
        return st;
    struct str id = llmonitor__new_id(c, "dataset", 0);
    struct event *e = records_put(c, b, "dataset", id);
    event_set_text(e, RECORD_name, slug);
    event_set_text(e, RECORD_status, chat ? STR("chat") : STR("text"));
    event_set_int(e, RECORD_seq, c->now_ns);
    event_set_int(e, RECORD_time_ns, c->now_ns);
    if (!json_is_null(prompt)) {
        struct str messages = json_is_set(prompt) ? json_text(c->arena, prompt) : default_prompt(chat);
        struct str first = put_prompt(c, b, id, 0, messages);
        if (with_variation)
            (void)put_variation(c, b, id, first, STR("{\"variables\":{},\"idealOutput\":\"\"}"));
    }
    (void)records_get(c, "dataset", id);
    ask_parts(c, id);
    return ST_OK;
}

/* The last three answers: the dataset, its prompts, its variations. */
void llmonitor__new_dataset_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    llmonitor__write_dataset(
        &w, c, ask_row(c, c->n_asks - 3), &c->asks[c->n_asks - 2], &c->asks[c->n_asks - 1]);
}

/* ---- PATCH, DELETE /v1/datasets/{id} ---- */

enum status llmonitor__dataset_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str slug;
    struct str id = dataset_of(c)->id;
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "slug", true, &slug, err);
    if (st != ST_OK)
        return st;
    event_set_text(records_put(c, b, "dataset", id), RECORD_name, slug);
    (void)records_get(c, "dataset", id);
    ask_parts(c, id);
    return ST_OK;
}

enum status llmonitor__dataset_remove(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    batch_remove(b, c->caller->project, RECORD, STR("dataset"), dataset_of(c)->id);
    records_remove_all(c, b, "dataset_prompt", &c->asks[2]);
    records_remove_all(c, b, "dataset_variation", &c->asks[3]);
    records_remove_all(c, b, DATASETS_ITEM_KIND, &c->asks[4]);
    return ST_OK;
}

/* ---- /v1/datasets/prompts ---- */

static enum status ask_dataset_of(struct call *c, struct err *err)
{
    struct json body;
    struct str id;
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "Dataset not found");
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "datasetId", true, &id, err);
    if (st != ST_OK)
        return st;
    (void)records_get(c, "dataset", id);
    c->again = true;
    return ST_OK;
}

enum status llmonitor__new_prompt_ask(struct call *c, struct err *err)
{
    return ask_dataset_of(c, err);
}

static struct str variation_body(struct call *c, struct json ideal)
{
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_obj(&w);
    jw_kv_raw(&w, "variables", STR("{}"));
    jw_kv_str(&w, "idealOutput", json_is_str(ideal) ? json_str(ideal) : STR(""));
    jw_obj_end(&w);
    struct str text = arena_dup(c->arena, buf_str(&out));
    buf_fini(&out);
    return text;
}

enum status llmonitor__new_prompt_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    struct str ideal;
    bool with_variation;
    const struct row *dataset = ask_row(c, 0);
    bool chat = str_is(row_text(dataset, RECORD_status), "chat");
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "idealOutput", false, &ideal, err);
    if (st == ST_OK)
        st = llmonitor__bool_member(body, "withPromptVariation", true, &with_variation, err);
    struct json messages = json_key(body, "messages");
    if (st == ST_OK && json_type(messages) != JSON_ABSENT)
        st = check_messages(chat, messages, err);
    if (st != ST_OK)
        return st;
    struct str text = json_is_set(messages) ? json_text(c->arena, messages) : default_prompt(chat);
    struct str id = put_prompt(c, b, dataset->id, 0, text);
    if (with_variation)
        (void)put_variation(c, b, dataset->id, id, variation_body(c, json_key(body, "idealOutput")));
    (void)records_get(c, "dataset_prompt", id);
    return ST_OK;
}

/* A prompt alone; with its variations after a read. */
void llmonitor__prompt_reply(struct call *c, struct reply *r)
{
    bool read = !c->route->write;
    struct jw w = jw_of(&r->body);
    llmonitor__write_prompt(&w, c, ask_row(c, read ? 0 : c->n_asks - 1), read ? &c->asks[1] : NULL);
}

enum status llmonitor__prompt_ask(struct call *c, struct err *err)
{
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "Prompt not found");
    (void)records_get(c, "dataset_prompt", c->params[0]);
    (void)records_find_parts(c, "dataset_variation", c->params[0]);
    c->again = true;
    return llmonitor__body_first(c, err);
}

enum status llmonitor__prompt_edit_ask(struct call *c, struct err *err)
{
    enum status st = llmonitor__prompt_ask(c, err);
    if (st == ST_OK && c->round == 1)
        (void)records_get(c, "dataset", row_text(ask_row(c, 0), RECORD_parent_id));
    return st;
}

enum status llmonitor__prompt_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    const struct row *prompt = ask_row(c, 0), *dataset = ask_row(c, 2);
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = check_messages(
            dataset && str_is(row_text(dataset, RECORD_status), "chat"), json_key(body, "messages"), err);
    if (st != ST_OK)
        return st;
    event_set_json(records_put(c, b, "dataset_prompt", prompt->id), RECORD_body,
        llmonitor__patched_body(c, prompt, body, prompt_members));
    (void)records_get(c, "dataset_prompt", prompt->id);
    return ST_OK;
}

enum status llmonitor__prompt_remove(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    batch_remove(b, c->caller->project, RECORD, STR("dataset_prompt"), c->params[0]);
    records_remove_all(c, b, "dataset_variation", &c->asks[1]);
    return ST_OK;
}

/* ---- POST /v1/datasets/prompts/attach: the messages of runs become prompts ---- */

#define ATTACH_MAX 1000

enum status llmonitor__attach_ask(struct call *c, struct err *err)
{
    struct json body, id;
    enum status st = ask_dataset_of(c, err);
    if (st != ST_OK || c->round > 0)
        return st;
    st = llmonitor__body(c, &body, err);
    struct json ids = json_key(body, "runIds");
    if (st == ST_OK && (!json_is_arr(ids) || json_size(ids) > ATTACH_MAX))
        st = err_at(err, ST_UNPROCESSABLE, "runIds", "must be an array of at most %d run ids", ATTACH_MAX);
    for (struct json_iter it = json_iter(ids); st == ST_OK && json_next(&it, NULL, &id);) {
        if (!json_is_str(id))
            return err_at(
                err, ST_UNPROCESSABLE, "runIds", "must hold strings, got %s", json_type_name(json_type(id)));
        (void)call_get(c, OBSERVATION, STR_NONE, llmonitor__run_id(c->arena, json_str(id)), WITH_PAYLOAD);
    }
    return st;
}

/* The messages of a run's input, or its text for a text dataset; absent when there is nothing to use. */
static struct str messages_of(struct call *c, const struct row *run, bool chat)
{
    struct json input = llmonitor__parse(c->arena, row_text(run, OBSERVATION_input)), m;
    if (!chat && json_is_str(input))
        return json_text(c->arena, input);
    struct buf out;
    buf_init(&out, 0);
    struct jw w = jw_of(&out);
    jw_arr(&w);
    for (struct json_iter it = json_iter(input); json_is_arr(input) && json_next(&it, NULL, &m);)
        if (llmonitor__is_message(m))
            jw_value(&w, m);
    jw_arr_end(&w);
    struct str text = out.n > 2 ? arena_dup(c->arena, buf_str(&out)) : STR_NONE;
    buf_fini(&out);
    return text;
}

enum status llmonitor__attach_write(struct call *c, struct batch *b, struct err *err)
{
    const struct row *dataset = ask_row(c, 0);
    bool chat = str_is(row_text(dataset, RECORD_status), "chat");
    size_t n = c->n_asks, *first = arena_alloc(c->arena, sizeof(*first));
    (void)err;
    *first = n;
    for (size_t i = 1; i < n; i++) {
        const struct row *run = ask_row(c, i);
        struct str messages = run ? messages_of(c, run, chat) : STR_NONE;
        if (messages.p)
            (void)records_get(c, "dataset_prompt", put_prompt(c, b, dataset->id, i, messages));
    }
    c->state = first;
    return ST_OK;
}

void llmonitor__attach_reply(struct call *c, struct reply *r)
{
    const size_t *first = c->state;
    struct jw w = jw_of(&r->body);
    jw_arr(&w);
    for (size_t i = *first; i < c->n_asks; i++)
        if (ask_row(c, i))
            llmonitor__write_prompt(&w, c, ask_row(c, i), NULL);
    jw_arr_end(&w);
}

/* ---- /v1/datasets/variations ---- */

enum status llmonitor__new_variation_ask(struct call *c, struct err *err)
{
    struct json body;
    struct str id;
    if (c->round > 0)
        return ask_row(c, 0) ? ST_OK : err_set(err, ST_NOT_FOUND, "Prompt not found");
    enum status st = llmonitor__body(c, &body, err);
    if (st == ST_OK)
        st = llmonitor__text_member(body, "promptId", true, &id, err);
    if (st != ST_OK)
        return st;
    (void)records_get(c, "dataset_prompt", id);
    c->again = true;
    return ST_OK;
}

static enum status read_variation(struct call *c, struct json *body, struct err *err)
{
    struct str text;
    enum status st = llmonitor__body(c, body, err);
    if (st != ST_OK)
        return st;
    struct json variables = json_key(*body, "variables");
    if (json_is_set(variables) && !json_is_obj(variables))
        return err_at(err, ST_UNPROCESSABLE, "variables", "must be an object, got %s",
            json_type_name(json_type(variables)));
    return llmonitor__text_member(*body, "idealOutput", false, &text, err);
}

enum status llmonitor__new_variation_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    const struct row *prompt = ask_row(c, 0);
    enum status st = read_variation(c, &body, err);
    if (st != ST_OK)
        return st;
    struct str text = llmonitor__patched_body(c, NULL, body, variation_members);
    struct str id = put_variation(c, b, row_text(prompt, RECORD_parent_id), prompt->id, text);
    (void)records_get(c, "dataset_variation", id);
    return ST_OK;
}

enum status llmonitor__variation_ask(struct call *c, struct err *err)
{
    return llmonitor__need_record(c, "dataset_variation", "Variation not found", err);
}

enum status llmonitor__variation_write(struct call *c, struct batch *b, struct err *err)
{
    struct json body;
    const struct row *old = ask_row(c, 0);
    enum status st = read_variation(c, &body, err);
    if (st != ST_OK)
        return st;
    event_set_json(records_put(c, b, "dataset_variation", old->id), RECORD_body,
        llmonitor__patched_body(c, old, body, variation_members));
    (void)records_get(c, "dataset_variation", old->id);
    return ST_OK;
}

enum status llmonitor__variation_remove(struct call *c, struct batch *b, struct err *err)
{
    (void)err;
    batch_remove(b, c->caller->project, RECORD, STR("dataset_variation"), c->params[0]);
    return ST_OK;
}

void llmonitor__variation_reply(struct call *c, struct reply *r)
{
    struct jw w = jw_of(&r->body);
    llmonitor__write_variation(&w, c, ask_row(c, c->n_asks - 1));
}
