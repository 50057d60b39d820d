/*
 * The two ingest endpoints (sections 1 to 3): one envelope, one pipeline.
 *
 *   body -> events, whatever their nesting -> sorted by timestamp -> each with its project -> llmonitor__decode -> batch
 *
 * An envelope that is wrong is an error of the request; a wrong event inside a good one is only that event's, because SDKs send a batch
 * again and again until it is taken. Events are decoded and answered in the order of their timestamps.
 */
#include "dialect/llmonitor/llmonitor_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* An event as it stands in the body. */
struct item {
    struct json v;
    int64_t t_ns;     /* as sent, or TIME_NONE */
    int64_t order_ns; /* the same, or receipt */
    uint32_t seq;     /* place among all */
    uint32_t at[2];   /* place in the body, UINT32_MAX: a single object; of deeper nesting the outer two */
};
struct items {
    struct arena *arena;
    struct item *list;
    size_t n, cap;
    int64_t now_ns;
};

/* ---- the envelope ---- */

static void gather(struct items *all, struct json v, const uint32_t at[2], unsigned depth)
{
    struct json item;
    if (!json_is_arr(v)) {
        all->list = arena_grow(all->arena, all->list, &all->cap, all->n + 1, sizeof(*all->list));
        struct item *new = &all->list[all->n];
        *new = (struct item){ .v = v, .seq = (uint32_t)all->n, .at = { at[0], at[1] } };
        new->t_ns = json_is_obj(v) ? llmonitor__time_of(json_key(v, "timestamp")) : TIME_NONE;
        new->order_ns = new->t_ns == TIME_NONE ? all->now_ns : new->t_ns;
        all->n++;
        return;
    }
    uint32_t i = 0;
    for (struct json_iter it = json_iter(v); json_next(&it, NULL, &item); i++)
        gather(all, item, (uint32_t[2]){ depth == 0 ? i : at[0], depth == 1 ? i : at[1] }, depth + 1);
}

static int by_time(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    if (a->order_ns != b->order_ns)
        return a->order_ns < b->order_ns ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static enum status read_items(struct call *c, struct items *all, struct err *err)
{
    struct json body;
    enum status st = call_json(c, &body, err);
    if (st != ST_OK)
        return st;
    struct json events = json_is_arr(body) ? body : json_key(body, "events");
    if (!json_is_arr(events) && !json_is_obj(events))
        return err_set(err, ST_INVALID, "Missing events payload.");
    *all = (struct items){ .arena = c->arena, .now_ns = c->now_ns };
    gather(all, events, (uint32_t[2]){ UINT32_MAX, UINT32_MAX }, 0);
    return ST_OK;
}

/* ---- projects ---- */

/* Tokens of neighbouring events are the same, so the last answer is kept. */
struct lookup {
    struct call *call;
    struct str token;
    const struct caller *found;
};

static const struct caller *find_project(struct lookup *l, struct str token)
{
    if (token.n == 0)
        return NULL;
    if (!l->token.p || !str_eq(l->token, token)) {
        l->token = token;
        l->found = l->call->find_caller(l->call->find_ctx, token, l->call->arena);
        /* A public half of another product does not open this. */
        if (l->found && l->found->public_half && l->found->form != FORM_LUNARY)
            l->found = NULL;
    }
    return l->found;
}

/* Who pays for an event: its `app`, else what the first event said; `appId` sends it elsewhere if it is known. */
struct payer {
    const struct caller *home;
    bool by_app; /* /api/report */
    struct lookup app, app_id;
};

static struct str app_of(const struct llmonitor_members *m)
{
    return json_is_set(m->app) ? json_str(m->app) : json_str(m->projectId);
}

static enum status choose_project(
    struct payer *p, const struct llmonitor_members *m, int32_t *project, struct err *err)
{
    const struct caller *to = p->home;
    struct str app = app_of(m);
    if (p->by_app && app.n > 0 && !(to = find_project(&p->app, app)))
        return err_set(
            err, ST_UNAUTHORIZED, "Project with id %.*s does not exist.", STR_ARG(str_sub(app, 0, 100)));
    const struct caller *redirected = find_project(&p->app_id, json_str(m->appId));
    *project = redirected ? redirected->project : to->project;
    return ST_OK;
}

/* ---- events into the batch ---- */

static struct str place_of(const struct item *item, bool bare, char out[64])
{
    const char *root = bare ? "" : "events";
    int n;
    if (item->at[0] == UINT32_MAX)
        n = snprintf(out, 64, "%s", root);
    else if (item->at[1] == UINT32_MAX)
        n = snprintf(out, 64, "%s[%u]", root, item->at[0]);
    else
        n = snprintf(out, 64, "%s[%u][%u]", root, item->at[0], item->at[1]);
    return (struct str){ out, (size_t)n };
}

/* The sentence of a rejected event: with the member's place where there is one. */
static void reject(struct call *c, struct batch *b, size_t i, const struct item *item, const struct err *err)
{
    char place[64];
    struct err told;
    if (err->path[0]) {
        struct str at = place_of(item, json_is_arr(c->json), place);
        (void)err_set(&told, err->code, "%.*s.%s %s", STR_ARG(at), err->path, err->text);
        batch_reject(b, i, &told);
    } else {
        batch_reject(b, i, err);
    }
}

static enum status decode_item(
    struct llmonitor_decode *d, struct payer *payer, const struct item *item, struct err *err)
{
    if (!json_is_obj(item->v))
        return err_set(err, ST_INVALID, "Invalid event");
    d->event = item->v;
    d->t_ns = item->t_ns;
    d->is_start = d->is_message = false;
    d->batch->results[d->wire_index].id = json_str(d->m.runId);
    enum status st = choose_project(payer, &d->m, &d->project, err);
    return st == ST_OK ? llmonitor__decode(d, err) : st;
}

static void decode_items(struct call *c, struct batch *b, const struct items *all, struct payer *payer)
{
    struct buf scratch;
    struct llmonitor_decode d = { .arena = c->arena, .batch = b, .scratch = &scratch };
    bool *is_start = arena_alloc(c->arena, all->n + 1);
    buf_init(&scratch, 0);
    batch_results(b, all->n);
    for (size_t i = 0; i < all->n; i++) {
        const struct item *item = &all->list[i];
        struct err err = { 0 };
        size_t mark = b->n_events;
        if (i == 0 || item->order_ns != all->list[i - 1].order_ns)
            d.tie = 0;
        d.wire_index = (uint32_t)i;
        llmonitor__scan(item->v, &d.m);
        if (decode_item(&d, payer, item, &err) != ST_OK) {
            b->n_events = mark; /* nothing of a wrong event stays */
            reject(c, b, i, item, &err);
            continue;
        }
        is_start[i] = d.is_start;
        d.tie += d.is_message;
    }
    buf_fini(&scratch);
    c->state = is_start;
}

static void sort_items(struct items *all)
{
    if (all->n > 1)
        qsort(all->list, all->n, sizeof(*all->list), by_time);
}

/* ---- the routes ---- */

/* POST /api/report: the app id in the events is the credential. */
enum status llmonitor__report_write(struct call *c, struct batch *b, struct err *err)
{
    struct items all = { 0 };
    enum status st = read_items(c, &all, err);
    if (st != ST_OK)
        return st;
    struct payer payer = { .by_app = true, .app = { .call = c }, .app_id = { .call = c } };
    struct str app = STR_NONE;
    for (size_t i = 0; i < all.n && !app.p; i++) {
        struct llmonitor_members m;
        llmonitor__scan(all.list[i].v, &m);
        app = app_of(&m);
        if (json_is_set(m.app) && !app.p)
            break;
    }
    if (all.n > 0 && !app.p)
        return err_set(err, ST_PAYMENT, "Incorrect project id format");
    payer.home = find_project(&payer.app, app);
    if (all.n > 0 && !payer.home)
        return err_set(err, ST_UNAUTHORIZED, "This project does not exist");
    sort_items(&all);
    decode_items(c, b, &all, &payer);
    return ST_OK;
}

/* POST /v1/runs/ingest: the key is the caller's. */
enum status llmonitor__ingest_write(struct call *c, struct batch *b, struct err *err)
{
    struct items all = { 0 };
    enum status st = read_items(c, &all, err);
    if (st != ST_OK)
        return st;
    struct payer payer = { .home = c->caller, .app = { .call = c }, .app_id = { .call = c } };
    sort_items(&all);
    decode_items(c, b, &all, &payer);
    return ST_OK;
}

static void write_result(struct jw *w, const struct event_result *r, bool is_start)
{
    bool exists = r->outcome == OUTCOME_EXISTS && is_start;
    bool failed = exists || r->outcome == OUTCOME_REJECTED;
    jw_obj(w);
    if (r->id.n > 0)
        jw_kv_str(w, "id", r->id);
    jw_kv_bool(w, "success", !failed);
    if (exists)
        jw_kv_cstr(w, "error", "Run with this ID already exists in the database.");
    else if (failed)
        jw_kv_cstr(w, "error", r->err->text);
    jw_obj_end(w);
}

void llmonitor__ingest_reply(struct call *c, struct reply *r)
{
    const bool *is_start = c->state;
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    jw_key(&w, "results");
    jw_arr(&w);
    for (size_t i = 0; i < c->batch->n_results; i++)
        write_result(&w, &c->batch->results[i], is_start[i]);
    jw_arr_end(&w);
    jw_obj_end(&w);
}
