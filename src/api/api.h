/*
 * api: the two paths. Turns HTTP requests into dialect calls, ingest batches and store questions, and their results into replies.
 *
 * Place     http calls it; it alone sees http, dialects, ingest, store and accounts together.
 * Files     write_path.c and read_path.c each hold one path as one function; decide.c says whose request it is; credential.c whose key.
 * Threads   ingest routes run on the I/O thread (large bodies on a worker) and wait for their commit without a thread; everything that
 *           asks the store runs on a worker; edits one at a time.
 */
#ifndef API_API_H
#define API_API_H

#include "account/account.h"
#include "dialect/dialect.h"
#include "http/http.h"
#include "ingest/ingest.h"
#include "store/store.h"

struct api;

struct api_parts {
    struct http *http;
    struct ingest *ingest;
    struct store *store;
    struct account *account;
    const char *version;
    const char *commit;
};

struct api *api_new(const struct api_parts *parts);
void api_free(struct api *api);
const struct http_handler *api_handler(struct api *api);
/* For the ports that take OTLP alone. */
const struct http_handler *api_otlp_handler(struct api *api);
/* From now on /readyz answers 200. */
void api_ready(struct api *api);

#endif
