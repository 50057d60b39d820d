/*
 * router: patterns to routes. "/api/trace/{id}/share" matches by segment; a literal beats a parameter inside one group; groups
 * (dialects) do not see each other, so one path can have a candidate in several groups (collisions.md 3.2).
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "base/arena.h"

#define ROUTER_GROUPS 8
#define ROUTER_PARAMS 6

struct router;
struct router_match {
    const void *route;                /* what was added; NULL: this group has no such path and method */
    struct str params[ROUTER_PARAMS]; /* raw segments, in order */
    size_t n_params;
    unsigned methods; /* bit per method number (0 to 15) this group has on the path */
};

struct router *router_new(void);
void router_free(struct router *r);
/* `pattern` and `route` outlive the router. A method and path may be added once a group. */
void router_add(struct router *r, unsigned group, unsigned method, const char *pattern, const void *route);
/* Fill one match per group. Among the patterns that fit, those with the method count first: GET "/a/{id}" answers for "/a/x" when
 * only POST has "/a/x". */
void router_find(
    const struct router *r, unsigned method, struct str path, struct router_match out[ROUTER_GROUPS]);

#endif
