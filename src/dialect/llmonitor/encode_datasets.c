/*
 * Datasets as answers (section 9): the rows people edit, and the items an SDK runs.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

/* ---- answers: rows ---- */

static void write_raw(struct jw *w, struct json body, const char *name, const char *none)
{
    struct json v = json_key(body, name);
    jw_key(w, name);
    if (json_type(v) != JSON_ABSENT)
        jw_value(w, v);
    else
        jw_raw(w, str_of(none));
}

void llmonitor__write_variation(struct jw *w, struct call *c, const struct row *r)
{
    struct json body = records_body(c->arena, r);
    jw_obj(w);
    jw_kv_str(w, "id", r->id);
    jw_kv_str(w, "promptId", row_text(r, RECORD_parent_id));
    write_raw(w, body, "variables", "{}");
    write_raw(w, body, "context", "null");
    write_raw(w, body, "idealOutput", "null");
    llmonitor__write_time(w, "createdAt", records_time(r));
    jw_obj_end(w);
}

void llmonitor__write_prompt(struct jw *w, struct call *c, const struct row *r, const struct ask *variations)
{
    jw_obj(w);
    jw_kv_str(w, "id", r->id);
    jw_kv_str(w, "datasetId", row_text(r, RECORD_parent_id));
    write_raw(w, records_body(c->arena, r), "messages", "null");
    llmonitor__write_time(w, "createdAt", records_time(r));
    if (variations) {
        jw_key(w, "variations");
        jw_arr(w);
        for (size_t i = 0; i < variations->n; i++)
            if (str_eq(row_text(&variations->rows[i], RECORD_parent_id), r->id))
                llmonitor__write_variation(w, c, &variations->rows[i]);
        jw_arr_end(w);
    }
    jw_obj_end(w);
}

void llmonitor__write_dataset_members(struct jw *w, struct call *c, const struct row *r)
{
    jw_kv_str(w, "id", r->id);
    llmonitor__write_time(w, "createdAt", records_time(r));
    llmonitor__write_time(w, "updatedAt", r->updated_ns);
    jw_kv_str(w, "projectId", c->caller->project_id);
    jw_kv_null(w, "ownerId");
    jw_kv_str(w, "slug", row_text(r, RECORD_name));
    jw_kv_str(w, "format", row_text(r, RECORD_status));
}

void llmonitor__write_dataset(struct jw *w, struct call *c, const struct row *r, const struct ask *prompts,
    const struct ask *variations)
{
    jw_obj(w);
    llmonitor__write_dataset_members(w, c, r);
    jw_key(w, "prompts");
    jw_arr(w);
    for (size_t i = 0; i < prompts->n; i++)
        llmonitor__write_prompt(w, c, &prompts->rows[i], variations);
    jw_arr_end(w);
    jw_obj_end(w);
}

/* ---- answers: items ---- */

/* What stands for {{name}}: JavaScript's `variables[name] || ""`. */
static void add_variable(struct buf *out, struct json variables, struct str name)
{
    struct json v = json_get(variables, name);
    double number;
    if (json_is_str(v))
        buf_add_str(out, json_str(v));
    else if (json_f64(v, &number) && number != 0)
        buf_add_str(out, json_num_text(v));
    else if (json_bool(v))
        buf_add_cstr(out, "true");
}

static bool is_brace(char c)
{
    return c == '{' || c == '}';
}

/* The length of a "{{name}}" that begins at `i`, or 0. */
static size_t placeholder_at(struct str text, size_t i)
{
    size_t k = i + 2;
    if (i + 4 > text.n || text.p[i] != '{' || text.p[i + 1] != '{')
        return 0;
    while (k < text.n && !is_brace(text.p[k]))
        k++;
    return k + 1 < text.n && text.p[k] == '}' && text.p[k + 1] == '}' ? k + 2 - i : 0;
}

static void write_filled(struct jw *w, struct str text, struct json variables)
{
    struct buf out;
    buf_init(&out, 0);
    for (size_t i = 0; i < text.n;) {
        size_t n = placeholder_at(text, i);
        if (n > 0)
            add_variable(&out, variables, str_sub(text, i + 2, n - 4));
        else
            buf_add_char(&out, text.p[i]);
        i += n > 0 ? n : 1;
    }
    jw_str(w, out.n ? buf_str(&out) : STR(""));
    buf_fini(&out);
}

static void write_filled_message(struct jw *w, struct json message, struct json variables)
{
    struct str key;
    struct json v;
    if (!json_is_obj(message)) {
        jw_value(w, message);
        return;
    }
    jw_obj(w);
    for (struct json_iter it = json_iter(message); json_next(&it, &key, &v);) {
        jw_key_str(w, key);
        if (json_is_str(v) && str_is(key, "content"))
            write_filled(w, json_str(v), variables);
        else
            jw_value(w, v);
    }
    jw_obj_end(w);
}

/* Without a variation nothing is filled in. */
static void write_input(struct jw *w, struct json messages, const struct json *variables)
{
    struct json message;
    if (!variables) {
        jw_value(w, messages);
    } else if (json_is_str(messages)) {
        write_filled(w, json_str(messages), *variables);
    } else {
        jw_arr(w);
        for (struct json_iter it = json_iter(messages); json_next(&it, NULL, &message);)
            write_filled_message(w, message, *variables);
        jw_arr_end(w);
    }
}

static void write_item(struct jw *w, struct call *c, const struct row *prompt, const struct row *variation)
{
    struct json messages = json_key(records_body(c->arena, prompt), "messages");
    struct json body = variation ? records_body(c->arena, variation) : JSON_NONE,
                variables = json_key(body, "variables");
    jw_obj(w);
    jw_key(w, "input");
    write_input(w, messages, variation ? &variables : NULL);
    write_raw(w, body, "idealOutput", "null");
    jw_obj_end(w);
}

void llmonitor__write_items(
    struct jw *w, struct call *c, const char *key, const struct ask *prompts, const struct ask *variations)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < prompts->n; i++) {
        bool any = false;
        for (size_t k = 0; k < variations->n; k++) {
            if (!str_eq(row_text(&variations->rows[k], RECORD_parent_id), prompts->rows[i].id))
                continue;
            write_item(w, c, &prompts->rows[i], &variations->rows[k]);
            any = true;
        }
        if (!any)
            write_item(w, c, &prompts->rows[i], NULL);
    }
    jw_arr_end(w);
}
