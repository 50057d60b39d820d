/* Operations: liveness, readiness, version, metrics. They need no key and say nothing about any project. */
#include "api/api_priv.h"

static void json_reply(struct http_request *r, struct http_reply *out, int status, struct buf *body)
{
    struct buf *moved = arena_alloc(r->arena, sizeof(*moved));
    *moved = *body;
    *out = (struct http_reply){ .status = status, .content_type = "application/json", .move = moved };
}

static void health(struct api *api, struct http_request *r, struct http_reply *out)
{
    bool ready = api->ready && !http_draining(api->parts.http);
    struct buf body;
    char iso[32];
    buf_init(&body, 0);
    struct jw w = jw_of(&body);
    jw_obj(&w);
    jw_kv_cstr(&w, "status", ready ? "healthy" : "unavailable");
    jw_kv_cstr(&w, "version", api->parts.version);
    jw_kv_i64(&w, "uptime", (clock_mono_ns() - api->started_mono) / NS_PER_S);
    jw_kv_str(&w, "timestamp", time_format_iso_ms(r->received_ns, iso));
    jw_key(&w, "checks");
    jw_obj(&w);
    jw_kv_cstr(&w, "store", ready ? "ok" : "starting or stopping");
    jw_obj_end(&w);
    jw_obj_end(&w);
    json_reply(r, out, ready ? 200 : 503, &body);
}

static void version(struct api *api, struct http_request *r, struct http_reply *out)
{
    struct buf body;
    buf_init(&body, 0);
    struct jw w = jw_of(&body);
    jw_obj(&w);
    jw_kv_cstr(&w, "name", "tracewell");
    jw_kv_cstr(&w, "version", api->parts.version);
    jw_kv_cstr(&w, "commit", api->parts.commit);
    jw_obj_end(&w);
    json_reply(r, out, 200, &body);
}

static void metrics(struct api *api, struct http_request *r, struct http_reply *out)
{
    const struct metric_set sets[] = {
        { "http", http_metric_rows, http_metric_count, http_metrics(api->parts.http) },
        { "ingest", ingest_metric_rows, ingest_metric_count, ingest_metrics(api->parts.ingest) },
        { "store", store_metric_rows, store_metric_count, store_metrics(api->parts.store) },
    };
    struct buf body;
    buf_init(&body, 0);
    metrics_write(sets, sizeof(sets) / sizeof(sets[0]), &body);
    buf_printf(&body,
        "# HELP tracewell_json_surrogates_total lone surrogates replaced by U+FFFD\n# TYPE tracewell_json_surrogates_total counter\n"
        "tracewell_json_surrogates_total %llu\n",
        (unsigned long long)json_surrogates());
    metrics_write_process(&body);
    json_reply(r, out, 200, &body);
    out->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

static void alive(struct http_request *r, struct http_reply *out)
{
    struct buf body;
    buf_init(&body, 0);
    buf_add_cstr(&body, "{\"status\":\"ok\"}");
    json_reply(r, out, 200, &body);
}

bool api__operations(struct api *api, struct http_request *r, struct str path, struct http_reply *out)
{
    if (str_is(path, "/livez") || str_is(path, "/live") || str_is(path, "/healthz"))
        alive(r, out);
    else if (str_is(path, "/health") || str_is(path, "/readyz") || str_is(path, "/ready"))
        health(api, r, out);
    else if (str_is(path, "/version"))
        version(api, r, out);
    else if (str_is(path, "/metrics"))
        metrics(api, r, out);
    else
        return false;
    r->note = STR("operations");
    return true;
}
