/*
 * The dialect's face. Of Langfuse only its OTLP paths are built (langfuse.md 22); the other rows say in Langfuse's shape that they are not
 * there.
 *
 * The body is read and mapped as everywhere (otlp/request.c). To JSON the answers are Langfuse's, to protobuf OTLP's.
 */
#include "dialect/dialect.h"

#include "dialect/otlp/otlp.h"

#define VERSION               "x-langfuse-ingestion-version"
#define INGESTION_VERSION_MAX 4

/* ---- OTLP ----------------------------------------------------------------------------------------------------------- */

static enum status langfuse_traces_write(struct call *c, struct batch *b, struct err *err)
{
    struct str version = call_header(c, VERSION);
    double n;
    if (version.p && (!str_to_f64(str_trim(version), &n) || n > INGESTION_VERSION_MAX))
        return err_at(err, ST_INVALID, VERSION, VERSION " must be a number up to %d, got \"%.*s\"",
            INGESTION_VERSION_MAX, (int)str_utf8_clip(version, 64), version.p);
    return otlp_traces_write(c, b, err);
}

static void langfuse_otlp_reply(struct call *c, struct reply *r)
{
    const struct otlp_outcome *o = otlp_outcome(c);
    if (o->protobuf) {
        otlp_answer_protobuf(o, r);
        return;
    }
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    if (o->signal == SIGNAL_METRICS)
        jw_kv_cstr(&w, "message", "OK");
    otlp_answer_json(o, &w);
    jw_obj_end(&w);
}

static const char *unreadable(const struct call *c, const struct err *err)
{
    if (str_is(str_of(err->path), VERSION))
        return "Invalid ingestion version";
    if (err->code == ST_MEDIA && c->body.n > 0)
        return "Invalid content type";
    if (c->body.n == 0 && call_header(c, "content-encoding").n > 0) /* http could not inflate it */
        return "Failed to decompress request body";
    return otlp_wants_protobuf(c) ? "Failed to parse OTel Protobuf Trace" : "Failed to parse OTel JSON Trace";
}

static bool is_otlp(const struct call *c)
{
    return str_starts(c->path, STR("/api/public/otel/"));
}

/* ---- errors --------------------------------------------------------------------------------------------------------- */

static void otlp_error(const struct call *c, const struct err *err, struct reply *r)
{
    bool key = err->code == ST_UNAUTHORIZED || err->code == ST_PAYMENT || err->code == ST_FORBIDDEN;
    bool unread = err->code == ST_INVALID || err->code == ST_MEDIA; /* 400 is both, as Langfuse has it */
    struct err named = *err;
    if (unread)
        err_set(&named, ST_INVALID, "%s: %.300s", unreadable(c, err), err->text);
    if (!key && otlp_wants_protobuf(c))
        otlp_error_protobuf(&named, r);
    else if (!unread)
        error_shape_x(err, 0, r);
    else {
        struct jw w = jw_of(&r->body);
        r->status = 400;
        jw_obj(&w);
        jw_kv_cstr(&w, "error", unreadable(c, err));
        jw_kv_cstr(&w, "message", err->text);
        jw_obj_end(&w);
    }
}

static void error(const struct call *c, const struct err *err, struct reply *r)
{
    if (is_otlp(c))
        otlp_error(c, err, r);
    else
        error_shape_x(err, 0, r);
}

/* ---- tables --------------------------------------------------------------------------------------------------------- */

#define NONE NULL
static const struct route routes[] = {
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__),
#include "dialect/langfuse/routes.def"
#undef ROUTE
};
#undef NONE

const struct dialect langfuse_dialect = {
    .name = "langfuse",
    .cors = CORS_REFLECT,
    .routes = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .error = error,
};
