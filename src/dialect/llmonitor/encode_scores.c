/*
 * Scores of a run: its feedback, put together again from one score per key, and all others as they are (sections 7 and 9).
 *
 * A score that came as feedback keeps the key and value it was sent with in its leftovers; that is how it is told from the rest.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

/* ---- scores ---- */

static bool is_feedback(struct call *c, const struct row *score)
{
    return json_is_obj(json_key(llmonitor__parse(c->arena, row_text(score, SCORE_leftovers)), "feedback"));
}

static void write_score_value(struct jw *w, struct json value)
{
    static const char *const parts[] = { "number", "boolean", "text" };
    for (size_t i = 0; i < 3; i++)
        if (json_is_set(json_key(value, parts[i]))) {
            /* A category with a number is named, not counted. */
            bool named = i == 0 && json_is_str(json_key(value, "text")) &&
                         !str_is(json_str(json_key(value, "type")), "NUMERIC");
            jw_value(w, named ? json_key(value, "text") : json_key(value, parts[i]));
            return;
        }
    jw_null(w);
}

static void write_score(struct jw *w, struct call *c, const struct row *s)
{
    struct json value = llmonitor__parse(c->arena, row_text(s, SCORE_value));
    if (!json_is_obj(value) || is_feedback(c, s))
        return;
    jw_obj(w);
    jw_key(w, "value");
    write_score_value(w, value);
    jw_kv_str(w, "label", row_text(s, SCORE_name));
    jw_kv_str(w, "comment", row_text(s, SCORE_comment));
    jw_obj_end(w);
}

/* A root also shows what was said of its trace as a whole. */
void llmonitor__write_scores(struct jw *w, struct call *c, const struct row *r, struct llmonitor_extras *x)
{
    size_t n;
    const struct row *const *of_trace =
        llmonitor__with_key(c, &x->scores, llmonitor__is_root(r) ? r->scope : STR_NONE, &n);
    jw_key(w, "scores");
    jw_arr(w);
    for (size_t i = 0; i < r->n_scores; i++)
        write_score(w, c, &r->scores[i]);
    for (size_t i = 0; i < n; i++)
        if (!row_text(of_trace[i], SCORE_observation_id).p)
            write_score(w, c, of_trace[i]);
    jw_arr_end(w);
}

static const char *const feedback_keys[] = { "thumb", "rating", "retried", "emoji", "comment" };
enum { N_FEEDBACK = 5 };

struct feedback {
    struct call *c;
    struct json values[N_FEEDBACK];
    int64_t times[N_FEEDBACK];
    struct json others[32]; /* each score's other keys */
    size_t n_others;
};

static void take_feedback(struct feedback *f, const struct row *score)
{
    struct str key;
    struct json v,
        kept = json_key(llmonitor__parse(f->c->arena, row_text(score, SCORE_leftovers)), "feedback");
    if (!json_is_obj(kept))
        return;
    struct json others = llmonitor__parse(f->c->arena, row_text(score, SCORE_metadata));
    if (json_is_obj(others) && f->n_others < sizeof(f->others) / sizeof(f->others[0]))
        f->others[f->n_others++] = others;
    int64_t time = row_time(score, SCORE_time_ns);
    for (struct json_iter it = json_iter(kept); json_next(&it, &key, &v);)
        for (int k = 0; k < N_FEEDBACK; k++) {
            bool named = str_is(key, feedback_keys[k]) || (k == 0 && str_is(key, "thumbs"));
            if (!named || (json_type(f->values[k]) != JSON_ABSENT && time < f->times[k]))
                continue;
            f->values[k] = v;
            f->times[k] = time;
        }
}

static bool is_empty(const struct feedback *f)
{
    bool any = false;
    struct json v;
    for (int k = 0; k < N_FEEDBACK; k++)
        any |= json_is_set(f->values[k]);
    for (size_t i = 0; i < f->n_others; i++)
        for (struct json_iter it = json_iter(f->others[i]); json_next(&it, NULL, &v);)
            any |= json_is_set(v);
    return !any;
}

void llmonitor__write_feedback(struct jw *w, struct call *c, const struct row *scores, size_t n,
    const struct row *const *more, size_t n_more)
{
    struct feedback f = { .c = c };
    struct str key;
    struct json v;
    for (size_t i = 0; i < n; i++)
        take_feedback(&f, &scores[i]);
    for (size_t i = 0; i < n_more; i++)
        take_feedback(&f, more[i]);
    if (is_empty(&f)) {
        jw_null(w);
        return;
    }
    jw_obj(w);
    for (int k = 0; k < N_FEEDBACK; k++)
        if (json_is_set(f.values[k])) {
            jw_key(w, feedback_keys[k]);
            llmonitor__write_camel(w, f.values[k]);
        }
    for (size_t i = 0; i < f.n_others; i++)
        for (struct json_iter it = json_iter(f.others[i]); json_next(&it, &key, &v);)
            if (json_is_set(v)) {
                llmonitor__write_camel_key(w, key);
                llmonitor__write_camel(w, v);
            }
    jw_obj_end(w);
}
