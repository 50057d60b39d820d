/*
 * router: one trie of segments per group.
 *
 *   "/api/trace/{id}/share"      root - "api" - "trace" -+- "search"
 *                                                        '- {}  - "share"  -> methods, routes
 *
 * A node has its literal children sorted by name, and at most one child for any segment. A search walks every branch that fits,
 * the literal one first, and keeps the first route that has the method: so "/datasets/{id}" still answers GET for the id "search"
 * when only POST has a literal of that name. Branches that lose tell which methods the path has. How far a search can branch is
 * bounded by the patterns, never by the path.
 */
#include "http/router.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define METHODS 16

struct node {
    struct str name; /* views the pattern that was added first */
    struct node **children;
    size_t n_children;
    struct node *any;
    const void *routes[METHODS];
};

struct router {
    struct node *roots[ROUTER_GROUPS];
};

struct search {
    unsigned method;
    struct str params[ROUTER_PARAMS]; /* of the branch being walked */
    size_t n_params;
    struct router_match *match;
};

struct router *router_new(void)
{
    return mem_alloc(sizeof(struct router));
}

static void free_node(struct node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->n_children; i++)
        free_node(node->children[i]);
    free_node(node->any);
    mem_free(node->children);
    mem_free(node);
}

void router_free(struct router *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < ROUTER_GROUPS; i++)
        free_node(r->roots[i]);
    mem_free(r);
}

/* Where `name` is among the children, or would have to stand. */
static size_t child_at(const struct node *node, struct str name, bool *found)
{
    size_t low = 0;
    size_t high = node->n_children;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(node->children[middle]->name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

static struct node *literal_child(struct node *node, struct str name)
{
    bool found;
    size_t at = child_at(node, name, &found);
    if (found)
        return node->children[at];
    node->children = mem_resize(node->children, (node->n_children + 1) * sizeof(struct node *));
    memmove(node->children + at + 1, node->children + at, (node->n_children - at) * sizeof(struct node *));
    node->n_children++;
    node->children[at] = mem_alloc(sizeof(struct node));
    node->children[at]->name = name;
    return node->children[at];
}

static struct node *parameter_child(struct node *node)
{
    if (!node->any)
        node->any = mem_alloc(sizeof(struct node));
    return node->any;
}

/* The next segment of a path that starts with '/'; absent at its end. */
static struct str next_segment(struct str *rest)
{
    struct str segment;
    if (rest->n < 2)
        return STR_NONE;
    *rest = str_sub(*rest, 1, SIZE_MAX);
    size_t end = str_find_char(*rest, '/');
    segment = str_sub(*rest, 0, end);
    *rest = str_sub(*rest, segment.n, SIZE_MAX);
    return segment;
}

void router_add(struct router *r, unsigned group, unsigned method, const char *pattern, const void *route)
{
    assert(group < ROUTER_GROUPS && method < METHODS && pattern[0] == '/' && route);
    if (!r->roots[group])
        r->roots[group] = mem_alloc(sizeof(struct node));
    struct node *node = r->roots[group];
    size_t n_params = 0;
    struct str rest = str_of(pattern);
    for (struct str s = next_segment(&rest); s.p; s = next_segment(&rest)) {
        bool parameter = s.n > 1 && s.p[0] == '{' && s.p[s.n - 1] == '}';
        assert(s.n > 0 && (parameter || str_find_char(s, '{') == SIZE_MAX));
        n_params += parameter;
        node = parameter ? parameter_child(node) : literal_child(node, s);
    }
    assert(n_params <= ROUTER_PARAMS);
    assert(!node->routes[method]); /* one row a method and path */
    node->routes[method] = route;
}

static void arrive(const struct node *node, struct search *s)
{
    for (unsigned m = 0; m < METHODS; m++)
        if (node->routes[m])
            s->match->methods |= 1U << m;
    if (s->match->route || s->method >= METHODS || !node->routes[s->method])
        return;
    s->match->route = node->routes[s->method];
    memcpy(s->match->params, s->params, sizeof s->params);
    s->match->n_params = s->n_params;
}

static void walk(const struct node *node, struct str rest, struct search *s)
{
    struct str segment = next_segment(&rest);
    if (!segment.p) {
        arrive(node, s);
        return;
    }
    bool found;
    size_t at = child_at(node, segment, &found);
    if (found)
        walk(node->children[at], rest, s);
    if (node->any && segment.n > 0) {
        s->params[s->n_params++] = segment;
        walk(node->any, rest, s);
        s->n_params--;
    }
}

void router_find(
    const struct router *r, unsigned method, struct str path, struct router_match out[ROUTER_GROUPS])
{
    for (size_t i = 0; i < ROUTER_GROUPS; i++) {
        out[i] = (struct router_match){ 0 };
        if (!r->roots[i] || path.n == 0 || path.p[0] != '/')
            continue;
        struct search s = { .method = method, .match = &out[i] };
        walk(r->roots[i], path, &s);
    }
}
