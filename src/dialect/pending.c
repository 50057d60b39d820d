/*
 * Dialects whose issue has not come yet. Their paths are known, so that the right product answers on shared ones and says in its own
 * shape that the route is not there. Each moves into its folder when it is built.
 */
#include "dialect/dialect.h"

#define NONE       NULL
#define ROUTE(...) ROUTE_ROW(__VA_ARGS__),
static const struct route agenttrace_routes[] = {
#include "dialect/agenttrace/routes.def"
};
#undef ROUTE
#undef NONE

static void error_x(const struct call *c, const struct err *err, struct reply *r)
{
    (void)c;
    error_shape_x(err, 0, r);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const struct dialect agenttrace_dialect = { "agenttrace", CORS_STAR, agenttrace_routes,
    COUNT(agenttrace_routes), error_x };
