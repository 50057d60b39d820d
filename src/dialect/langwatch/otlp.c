/*
 * LangWatch's own OTLP paths (langwatch.md 8). The body is read and mapped as everywhere (otlp/request.c); to JSON the answer is
 * LangWatch's, to protobuf OTLP's.
 */
#include "dialect/langwatch/langwatch_priv.h"

#include "dialect/otlp/otlp.h"

/* All members are always there. */
static void put_spans(struct jw *w, const struct otlp_outcome *o)
{
    jw_kv_cstr(w, "message", o->empty ? "No traces to process" : "Trace received successfully.");
    jw_key(w, "partialSuccess");
    jw_obj(w);
    jw_kv_i64(w, "rejectedSpans", (int64_t)o->tally.rejected);
    jw_kv_str(w, "errorMessage",
        o->tally.rejected ? str_of(o->tally.first.text)
        : o->warning.p    ? o->warning
                          : STR(""));
    jw_obj_end(w);
}

void langwatch_otlp_reply(struct call *c, struct reply *r)
{
    const struct otlp_outcome *o = otlp_outcome(c);
    if (o->protobuf) {
        otlp_answer_protobuf(o, r);
        return;
    }
    struct jw w = jw_of(&r->body);
    jw_obj(&w);
    if (o->signal == SIGNAL_TRACES)
        put_spans(&w, o);
    else
        otlp_answer_json(o, &w);
    jw_obj_end(&w);
}

static const char *unreadable(struct str path)
{
    return str_ends(path, STR("/logs"))      ? "Failed to parse logs"
           : str_ends(path, STR("/metrics")) ? "Failed to parse metrics"
                                             : "Failed to parse traces";
}

/* What is wrong with the request as such. Others are refused as on LangWatch's other paths. False: this one is. */
bool langwatch__otlp_error(const struct call *c, const struct err *err, struct reply *r)
{
    bool key = err->code == ST_UNAUTHORIZED || err->code == ST_PAYMENT || err->code == ST_FORBIDDEN;
    bool unread = err->code == ST_INVALID || err->code == ST_MEDIA; /* 400 is both: LangWatch knows no 415 */
    bool encoding = err->code == ST_MEDIA && c->body.n == 0;
    const char *error = encoding ? "ERR_UNSUPPORTED_ENCODING" : unreadable(c->path);
    struct err named = *err;
    if (unread)
        err_set(&named, ST_INVALID, "%s: %.300s", error, err->text);
    if (!key && otlp_wants_protobuf(c)) {
        otlp_error_protobuf(&named, r);
        return true;
    }
    if (!unread)
        return false;
    struct jw w = jw_of(&r->body);
    r->status = 400;
    jw_obj(&w);
    jw_kv_cstr(&w, "error", error);
    jw_kv_cstr(&w, "message", err->text);
    jw_obj_end(&w);
    return true;
}
