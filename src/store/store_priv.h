/* What the files of store/ share. */
#ifndef STORE_STORE_PRIV_H
#define STORE_STORE_PRIV_H

#include "model/derive.h"
#include "store/driver.h"
#include "store/record.h"

/* A set of (project, id) touched by the open commit group, in order of first touch. */
struct touched {
    struct touch {
        int32_t project;
        struct str id;
    } * items;
    size_t n, cap;
    uint32_t *slots; /* open addressing, index + 1 */
    size_t n_slots;
};

/* An event that waits for the end of its group, and the next one about the same id. */
struct pending_event {
    const struct event *event;
    struct batch *batch;
    int64_t recv_ns;
    struct pending_event *next, *last; /* last: of the first only */
};

/* The group's events by id: firsts in order of first appearance. */
struct pending {
    struct pending_event **firsts;
    size_t n, cap;
    uint32_t *slots; /* open addressing, index + 1 */
    size_t n_slots;
};

struct store {
    struct driver *driver;
    struct store_metrics metrics;
    struct arena *group;    /* memory of the open commit group */
    bool open;              /* a commit group is open */
    struct touched traces;  /* to derive again before the commit */
    struct touched threads; /* whose exchanges to compute again */
    struct touched spans;   /* whose log messages to put together again: trace id, a zero byte, span id */
    struct pending pending; /* events not applied yet */
    int64_t recv_ns;        /* of the event at hand */
    int64_t newest_recv_ns; /* never goes backwards */
};

/* Reading inside a reader's snapshot, or the writer's transaction when rd is NULL. */
struct view {
    struct store *s;
    struct reader *rd;
};

/* payload loader over a view */
struct payload_loader store__loader(struct view *v);

bool touched_add(struct touched *t, struct arena *a, int32_t project,
    struct str id); /* copies id; false when there already */

/* apply.c */
enum status store__put(struct store *s, struct row *r, const struct row *old, struct err *err);
enum status store__ensure_trace(struct store *s, int32_t project, struct str id, struct err *err);
/* The rows a scan visits, gathered. */
struct rows {
    struct arena *a;
    struct row *items;
    size_t n, cap;
};
bool rows_gather(void *ctx, struct row *r);

/* Kind of the records by which a message id finds its exchange: id = message, name = exchange, parent_id = thread. */
#define STORE_EXCHANGE "exchange"
/* A row the store computed itself, stated by one event of profile EXCHANGE or EDIT_RECORD: no join, replaced whole. */
enum status store__put_computed(
    struct store *s, const struct event *e, struct str scope, enum identity identity, struct err *err);

/* A statement the store computed about a row that others state too: it replaces the one of the same profile that stands. */
enum status store__put_again(struct store *s, const struct event *e, struct err *err);

/* tree.c: identity of LLMonitor runs */
enum status store__tree_place(
    struct store *s, int32_t project, const struct row *r, struct str *trace_id, struct err *err);
enum status store__retree(struct store *s, int32_t project, struct str run_id, struct err *err);
enum status store__retree_children(struct store *s, int32_t project, struct str parent_id, struct err *err);
enum status store__move(struct store *s, struct row *r, struct str trace_id, struct err *err);
/* threads.c */
enum status store__thread_refresh(struct store *s, int32_t project, struct str thread, struct err *err);
/* logs.c: content of spans that came as log messages */
enum status store__messages_refresh(struct store *s, int32_t project, struct str parent, struct err *err);
/* settle.c: derived values of touched traces */
enum status store__trace_refresh(struct store *s, int32_t project, struct str trace_id, struct err *err);
/* remove.c */
enum status store__remove(struct store *s, const struct removal *rm, enum outcome *outcome, struct err *err);

/* load.c: fill in what `with` asks */
enum status store__load(struct view *v, struct arena *a, struct row *r, unsigned with, struct err *err);

#endif
