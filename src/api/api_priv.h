/* What the files of api share. */
#ifndef API_API_PRIV_H
#define API_API_PRIV_H

#include "api/api.h"
#include "api/credential.h"
#include "api/decide.h"
#include "base/lock.h"
#include "http/path.h"
#include "http/router.h"

struct api {
    struct api_parts parts;
    struct router *router;
    struct http_handler handler, otlp_handler;
    struct lock edits; /* one edit at a time: what it asked still holds when it writes */
    _Atomic bool ready;
    int64_t started_mono;
};

/* One request on its way. Lives in the request's arena; r->user points here. */
struct turn {
    struct api *api;
    struct http_request *r;
    struct call call;
    struct caller caller;
    struct path path;
    bool head;
    bool otlp_only; /* came by a port for OTLP alone */
    struct router_match matches[ROUTER_GROUPS];
    struct evidence evidence;
    struct decision decision;
    struct credential_found credential;
    enum cors cors;
    struct err err;
    enum status st; /* of the commit */
};

/* intake.c: before the body */
bool api__begin(void *ctx, struct http_request *r, struct http_reply *early);
bool api__begin_otlp(void *ctx, struct http_request *r, struct http_reply *early);

/* respond.c: replies */
void api__reply(struct turn *x, struct reply *reply);
void api__fail(struct turn *x, const struct err *err);
/* The body of an error in the shape that is right for this request; fills status, headers and body. */
void api__error(struct turn *x, const struct err *err, struct http_reply *out);
void api__cors(const struct turn *x, struct http_reply *out);
void api__options(struct turn *x, struct http_reply *out);

/* ops.c: health, version, metrics. False: not one of these paths. */
bool api__operations(struct api *api, struct http_request *r, struct str path, struct http_reply *out);

/* write_path.c, read_path.c */
void api__write_path(struct turn *x);
void api__read_path(struct turn *x);
void api__edit_path(struct turn *x);
/* Run the route's questions from number `from` on. */
enum status api__ask_store(struct turn *x, size_t from, struct err *err);
/* Ask the route what it wants to know, in rounds, and the store for it. */
enum status api__ask_route(struct turn *x, struct err *err);
/* deeds.c: what the route wants of accounts; the second one after an edit that failed */
enum status api__do_deeds(struct turn *x, struct err *err);
void api__undo_deeds(struct turn *x);
struct batch *api__batch_new(struct turn *x);

#endif
