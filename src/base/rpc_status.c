/* rpc_status: three small messages. Status: code = 1, message = 2, details = 3 (Any: type_url = 1, value = 2). */
#include "base/rpc_status.h"

#include "base/protobuf.h"

enum rpc_code rpc_code_of_http(int status)
{
    switch (status) {
    case 401: return RPC_UNAUTHENTICATED;
    case 402:
    case 403: return RPC_PERMISSION_DENIED;
    case 404:
    case 405:
    case 415: return RPC_UNIMPLEMENTED;
    case 413:
    case 431: return RPC_RESOURCE_EXHAUSTED;
    case 429:
    case 503: return RPC_UNAVAILABLE;
    default: break;
    }
    if (status >= 200 && status < 300)
        return RPC_OK;
    return status >= 400 && status < 500 ? RPC_INVALID_ARGUMENT : RPC_INTERNAL;
}

/* Any of a RetryInfo: retry_delay = 1, a Duration with seconds = 1. */
static void add_retry_info(struct buf *out, int64_t seconds)
{
    struct buf duration, info, any;
    buf_init(&duration, 0);
    buf_init(&info, 0);
    buf_init(&any, 0);
    protobuf_add_varint(&duration, 1, (uint64_t)seconds);
    protobuf_add_bytes(&info, 1, buf_str(&duration));
    protobuf_add_bytes(&any, 1, STR("type.googleapis.com/google.rpc.RetryInfo"));
    protobuf_add_bytes(&any, 2, buf_str(&info));
    protobuf_add_bytes(out, 3, buf_str(&any));
    buf_fini(&any);
    buf_fini(&info);
    buf_fini(&duration);
}

void rpc_status_add(struct buf *out, enum rpc_code code, struct str message, int64_t retry_s)
{
    if (code != RPC_OK)
        protobuf_add_varint(out, 1, (uint64_t)code);
    if (message.n)
        protobuf_add_bytes(out, 2, message);
    if (retry_s > 0)
        add_retry_info(out, retry_s);
}
