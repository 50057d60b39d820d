/*
 * log: one line an event on standard error, as text or JSON (--log-format). Thread safe, one write a line, never blocks on a lock
 * held across I/O of others. Secrets never go in. `tag` is the module's word: "http", "store".
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_setup(enum log_level least, bool json);
bool log_wants(enum log_level level);
void log_line(enum log_level level, const char *tag, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(tag, ...)                        \
    do {                                           \
        if (log_wants(LOG_DEBUG))                  \
            log_line(LOG_DEBUG, tag, __VA_ARGS__); \
    } while (0)
#define log_info(tag, ...)  log_line(LOG_INFO, tag, __VA_ARGS__)
#define log_warn(tag, ...)  log_line(LOG_WARN, tag, __VA_ARGS__)
#define log_error(tag, ...) log_line(LOG_ERROR, tag, __VA_ARGS__)

#endif
