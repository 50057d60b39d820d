/*
 * Deeds: what a route wants to know of accounts or have done there (dialect.h), since dialects see neither. They run between the store's
 * questions and the route's next round, each in a transaction of its own that is on disk before the next one begins.
 */
#include "api/api_priv.h"

#include "base/log.h"

static void show_project(struct deed *d, const struct account_project *p)
{
    d->number = p->number;
    d->project_id = p->id;
    d->organization_id = p->organization_id;
    d->name = p->name;
    d->description = p->description;
    d->type = p->type;
    d->created_ns = p->created_ns;
    d->updated_ns = p->updated_ns;
}

static enum status get_project(struct turn *x, struct deed *d, struct err *err)
{
    struct account_project p;
    enum status st =
        account_get_project(x->api->parts.account, x->call.arena, d->project_id, &p, &d->found, err);
    if (st == ST_OK && d->found)
        show_project(d, &p);
    return st;
}

static enum status new_project(struct turn *x, struct deed *d, struct err *err)
{
    struct account_project p = {
        .organization_id = d->organization_id, .name = d->name, .description = d->description, .type = d->type
    };
    enum status st = account_make_project(x->api->parts.account, x->call.arena, &p, err);
    if (st == ST_OK)
        show_project(d, &p);
    return st;
}

static enum status mint_key(struct turn *x, struct deed *d, struct err *err)
{
    enum status st = account_mint_key(
        x->api->parts.account, x->call.arena, d->organization_id, d->project_id, &d->secret, err);
    d->found = st == ST_OK;
    return st == ST_NOT_FOUND ? ST_OK : st;
}

enum status api__do_deeds(struct turn *x, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < x->call.n_deeds && st == ST_OK; i++) {
        struct deed *d = &x->call.deeds[i];
        if (d->done)
            continue;
        switch (d->kind) {
        case DEED_PROJECT_GET: st = get_project(x, d, err); break;
        case DEED_PROJECT_NEW: st = new_project(x, d, err); break;
        case DEED_KEY_MINT: st = mint_key(x, d, err); break;
        }
        d->done = st == ST_OK;
    }
    return st;
}

/* A project whose first rows could not be stored was never there for its maker, who will try again. */
void api__undo_deeds(struct turn *x)
{
    for (size_t i = 0; i < x->call.n_deeds; i++) {
        struct deed *d = &x->call.deeds[i];
        struct err err;
        if (d->kind != DEED_PROJECT_NEW || !d->done)
            continue;
        if (account_remove_project(x->api->parts.account, d->project_id, &err) != ST_OK)
            log_error("api", "a project whose making failed could not be removed: %s", err.text);
    }
}
