/*
 * The write path, stage by stage:
 *
 *   bytes -> dialect (decode) -> events -> ingest (validate, batch) -> store (join, keep) -> dialect (encode) -> bytes
 *
 * An ingest route runs on the thread that read the body and holds no thread while its commit is on the way. An edit asks first, so it runs on
 * a worker, one at a time.
 */
#include "api/api_priv.h"

struct batch *api__batch_new(struct turn *x)
{
    struct batch *b = arena_alloc(x->r->arena, sizeof(*b));
    batch_init(b, arena_new());
    b->bytes = x->r->body.n;
    b->bytes_most = ingest_batch_most(x->api->parts.ingest);
    return b;
}

static void write_reply(struct turn *x)
{
    struct reply reply = { .status = 200 };
    buf_init(&reply.body, 0);
    x->call.route->reply(&x->call, &reply);
    batch_fini(x->call.batch);
    x->call.batch = NULL;
    api__reply(x, &reply);
}

/* On the connection's own thread again: the writer thread encodes nothing. */
static void committed(void *ctx, struct http_request *r)
{
    struct turn *x = r->user;
    (void)ctx;
    if (x->st == ST_OK) {
        write_reply(x);
        return;
    }
    batch_fini(x->call.batch);
    x->call.batch = NULL;
    api__fail(x, &x->err);
}

static void on_commit(void *ctx, struct batch *b, enum status st, const struct err *err)
{
    struct turn *x = ctx;
    (void)b;
    x->st = st;
    if (st != ST_OK)
        x->err = *err;
    http_continue(x->r, committed, NULL);
}

void api__write_path(struct turn *x)
{
    struct batch *b = api__batch_new(x);
    struct err err = { 0 };
    x->call.batch = b;
    enum status st = x->call.route->write(&x->call, b, &err);
    if (st != ST_OK) {
        batch_fini(b);
        x->call.batch = NULL;
        api__fail(x, &err);
        return;
    }
    if (ingest_submit(x->api->parts.ingest, b, on_commit, x, &err) != ST_OK) {
        x->call.batch = NULL;
        api__fail(x, &err);
    }
}

/* ask -> write -> commit -> the questions that write added. */
static enum status edit(struct turn *x, struct err *err)
{
    enum status st = api__ask_route(x, err);
    if (st != ST_OK)
        return st;
    size_t asked = x->call.n_asks;
    x->call.batch = api__batch_new(x);
    if ((st = x->call.route->write(&x->call, x->call.batch, err)) != ST_OK)
        return st;
    struct batch *b = x->call.batch;
    batch_edited(b, x->r->received_ns);
    if ((st = ingest_write(x->api->parts.ingest, b, err)) != ST_OK) {
        if (st == ST_BUSY || st == ST_TOO_LARGE)
            x->call.batch = NULL; /* ingest has freed it */
        return st;
    }
    return api__ask_store(x, asked, err);
}

void api__edit_path(struct turn *x)
{
    struct err err = { 0 };
    lock_take(&x->api->edits);
    enum status st = edit(x, &err);
    if (st != ST_OK)
        api__undo_deeds(x);
    lock_drop(&x->api->edits);
    if (st == ST_OK) {
        write_reply(x);
        return;
    }
    if (x->call.batch)
        batch_fini(x->call.batch);
    x->call.batch = NULL;
    api__fail(x, &err);
}
