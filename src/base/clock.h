/* clock: times in signed 64-bit nanoseconds since the epoch (UTC), and their text forms. Pure but for the two *_now. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/str.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)
/* "No such time"; never a legal time. */
#define TIME_NONE INT64_MIN

int64_t clock_now_ns(void);
int64_t clock_mono_ns(void);

/* RFC 3339 and its relaxed forms: "T" or a space, fraction of 0 to 9 digits (more are cut), offset "Z" or +hh:mm or +hhmm or
 * none (= UTC), a date alone (= UTC midnight). False for anything else, an impossible date included. */
bool time_parse_iso(struct str s, int64_t *ns);
/* "2026-01-02T03:04:05.678Z". `out` has room for 32 bytes; returns it as a view. */
struct str time_format_iso_ms(int64_t ns, char out[32]);
struct str time_format_iso_us(int64_t ns, char out[40]);
/* Floor division, right for negative times. */
int64_t time_ms(int64_t ns);

#endif
