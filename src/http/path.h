/* path: one normal form of a request target, before any route is matched (collisions.md 3.1). Pure. */
#ifndef HTTP_PATH_H
#define HTTP_PATH_H

#include "base/arena.h"
#include "base/status.h"

struct path_pair {
    struct str name, value;
};

struct path {
    struct str path;  /* N1 to N5 applied */
    struct str query; /* raw, without '?' */
};
/* ST_INVALID: a broken escape or %00 in the path. `post`: N5 applies. */
MUST_CHECK enum status path_normalise(
    struct arena *a, struct str target, bool post, struct path *out, struct err *err);
/* Percent-decoding of one segment; false when broken. plus: '+' is a space (queries). */
bool path_decode(struct arena *a, struct str s, bool plus, struct str *out);
/* Form-encoded pairs in order. Broken escapes stay as they are. */
void query_pairs(struct arena *a, struct str query, struct path_pair **out, size_t *n);

#endif
