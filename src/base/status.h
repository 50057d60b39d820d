/*
 * status: how a call ended, and the sentence that goes with it.
 *
 * Functions that can fail return `enum status` and fill `struct err` where the fault is found. ST_OK is 0.
 * The sentence teaches: what was wrong, where, and what would be right. Never log and return the same error.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum status {
#define STATUS(name, http, retry, text) ST_##name,
#include "base/status.def"
#undef STATUS
    ST_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* An error as it travels up. Plain data: copy and reuse freely. `path` is a JSON path such as
 * "spans[3].timestamps.started_at" or empty; offset, line and column (from 1) are of the body, 0 = unknown. */
struct err {
    enum status code;
    char text[480];
    char path[200];
    size_t offset;
    size_t line;
    size_t column;
};

const char *status_name(enum status st);
const char *status_text(enum status st);
int status_http(enum status st);
bool status_retryable(enum status st);

/* Fill `err` (may be NULL) and return `st`. Long text is cut at a character border. Clears path and position. */
enum status err_set(struct err *err, enum status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, with the JSON path of the fault. */
enum status err_at(struct err *err, enum status st, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Put `prefix` before the path that is there: err_under(err, "spans[3]") makes "spans[3].name" of "name". */
void err_under(struct err *err, const char *prefix);

#endif
