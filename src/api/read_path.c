/*
 * The read path, stage by stage:
 *
 *   bytes -> dialect (ask) -> query -> store -> rows -> dialect (encode) -> bytes
 */
#include "api/api_priv.h"

static enum status ask_find(struct turn *x, struct ask *ask, struct err *err)
{
    struct answer answer;
    enum status st = store_find(x->api->parts.store, x->call.arena, &ask->query, &answer, err);
    ask->rows = answer.rows;
    ask->n = answer.n;
    ask->more = answer.more;
    ask->total = answer.total;
    return st;
}

static enum status ask_get(struct turn *x, struct ask *ask, struct err *err)
{
    struct row *row;
    enum status st = store_get(x->api->parts.store, x->call.arena, ask->query.project, ask->query.entity,
        ask->scope, ask->id, ask->query.with, &row, err);
    ask->rows = row;
    ask->n = row ? 1 : 0;
    return st;
}

static enum status ask_aggregate(struct turn *x, struct ask *ask, struct err *err)
{
    struct group_key keys[3];
    struct group_row *rows;
    for (size_t i = 0; i < ask->n_groups && i < 3; i++)
        keys[i].by = (int)ask->group[i];
    enum status st = store_aggregate(x->api->parts.store, x->call.arena, &ask->query, keys, ask->n_groups,
        &rows, &ask->n_answer_groups, err);
    if (st != ST_OK)
        return st;
    ask->groups = arena_array(x->call.arena, ask->n_answer_groups + 1, sizeof(*ask->groups));
    for (size_t i = 0; i < ask->n_answer_groups; i++) {
        const struct group_row *g = &rows[i];
        ask->groups[i] = (struct group){ .bucket_ns = g->bucket_ns,
            .text = { g->text[0], g->text[1], g->text[2] },
            .count = g->count,
            .errors = g->errors,
            .success = g->success,
            .tokens_input = g->tokens_input,
            .tokens_output = g->tokens_output,
            .cost_nano_usd = g->cost_nano_usd,
            .duration_ns = g->duration_ns };
    }
    return ST_OK;
}

static enum status ask_distinct(struct turn *x, struct ask *ask, struct err *err)
{
    return store_distinct(x->api->parts.store, x->call.arena, ask->query.project, ask->query.entity,
        ask->subject, ask->column, ask->query.limit, &ask->values, &ask->n_values, err);
}

enum status api__ask_store(struct turn *x, size_t from, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = from; i < x->call.n_asks && st == ST_OK; i++) {
        struct ask *ask = &x->call.asks[i];
        switch (ask->kind) {
        case ASK_FIND: st = ask_find(x, ask, err); break;
        case ASK_GET: st = ask_get(x, ask, err); break;
        case ASK_AGGREGATE: st = ask_aggregate(x, ask, err); break;
        case ASK_DISTINCT: st = ask_distinct(x, ask, err); break;
        }
    }
    return st;
}

/* The route's questions, in rounds: a later one may depend on an earlier answer. */
enum status api__ask_route(struct turn *x, struct err *err)
{
    do {
        size_t asked = x->call.n_asks;
        x->call.again = false;
        enum status st = x->call.route->ask(&x->call, err);
        if (st == ST_OK)
            st = api__ask_store(x, asked, err);
        if (st == ST_OK)
            st = api__do_deeds(x, err);
        if (st != ST_OK)
            return st;
        x->call.round++;
    } while (x->call.again);
    return ST_OK;
}

void api__read_path(struct turn *x)
{
    struct err err = { 0 };
    if (x->call.route->ask && api__ask_route(x, &err) != ST_OK) {
        api__fail(x, &err);
        return;
    }
    struct reply reply = { .status = 200 };
    buf_init(&reply.body, 0);
    x->call.route->reply(&x->call, &reply);
    api__reply(x, &reply);
}
