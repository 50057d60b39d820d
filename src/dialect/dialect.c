/*
 * What every dialect needs of a call: its headers, query and body read once, and questions for the store. No wire format here.
 */
#include "dialect/dialect.h"

#include <string.h>

struct str call_header(const struct call *c, const char *lower_name)
{
    for (size_t i = 0; i < c->n_headers; i++)
        if (str_is(c->headers[i].name, lower_name))
            return c->headers[i].value;
    return STR_NONE;
}

struct str call_query(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->n_query; i++)
        if (str_is(c->query[i].name, name))
            return c->query[i].value;
    return STR_NONE;
}

enum status call_json(struct call *c, struct json *out, struct err *err)
{
    if (!c->parsed) {
        c->parse_status = json_parse(c->arena, c->body, 0, &c->json, &c->parse_err);
        c->parsed = true;
    }
    *out = c->json;
    if (c->parse_status != ST_OK && err)
        *err = c->parse_err;
    return c->parse_status;
}

static struct ask *ask_new(struct call *c, enum entity e)
{
    c->asks = arena_grow(c->arena, c->asks, &c->cap_asks, c->n_asks + 1, sizeof(*c->asks));
    struct ask *ask = &c->asks[c->n_asks++];
    *ask = (struct ask){ .total = -1 };
    ask->query.entity = e;
    ask->query.project = c->caller ? c->caller->project : 0;
    return ask;
}

struct ask *call_find(struct call *c, enum entity e)
{
    struct ask *ask = ask_new(c, e);
    ask->kind = ASK_FIND;
    ask->query.limit = 50;
    ask->query.descending = true;
    return ask;
}

struct ask *call_get(struct call *c, enum entity e, struct str scope, struct str id, unsigned with)
{
    struct ask *ask = ask_new(c, e);
    ask->kind = ASK_GET;
    ask->scope = scope;
    ask->id = id;
    ask->query.with = with;
    return ask;
}

struct deed *call_deed(struct call *c, int kind)
{
    c->deeds = arena_grow(c->arena, c->deeds, &c->cap_deeds, c->n_deeds + 1, sizeof(*c->deeds));
    struct deed *deed = &c->deeds[c->n_deeds++];
    *deed = (struct deed){ .kind = kind };
    return deed;
}

struct row *ask_row(const struct call *c, size_t i)
{
    return i < c->n_asks && c->asks[i].n > 0 ? &c->asks[i].rows[0] : NULL;
}

void reply_header(struct reply *r, struct str name, struct str value)
{
    if (r->n_headers < sizeof(r->headers) / sizeof(r->headers[0]))
        r->headers[r->n_headers++] = (struct pair){ name, value };
}
