/* rpc_status: google.rpc.Status, which says in gRPC and in OTLP over HTTP how a call ended (otlp.md 1.3, 1.6, 1.7). Pure. */
#ifndef BASE_RPC_STATUS_H
#define BASE_RPC_STATUS_H

#include "base/buf.h"

enum rpc_code {
    RPC_OK = 0,
    RPC_INVALID_ARGUMENT = 3,
    RPC_PERMISSION_DENIED = 7,
    RPC_RESOURCE_EXHAUSTED = 8,
    RPC_UNIMPLEMENTED = 12,
    RPC_INTERNAL = 13,
    RPC_UNAVAILABLE = 14,
    RPC_UNAUTHENTICATED = 16
};

enum rpc_code rpc_code_of_http(int status);
/* Appends the message in protobuf. retry_s > 0: with RetryInfo of so many seconds; only RPC_UNAVAILABLE is worth one here. */
void rpc_status_add(struct buf *out, enum rpc_code code, struct str message, int64_t retry_s);

#endif
