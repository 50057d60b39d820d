/*
 * first: the accounts of an empty folder, so that the first start is ready to be used: an organisation, a project, a key of each form
 * and an owner who can sign in. Their secrets exist in clear only in the text that is printed, as VARIABLE=value lines that can be
 * pasted where an SDK reads them.
 */
#include "account/account_priv.h"

#include "base/hash.h"

#define FIRST_EMAIL "admin@example.com"

struct first {
    struct account *acc;
    struct arena *a;
    struct buf *print;
    int64_t organization, project;
    struct str project_id;
};

static struct str fresh_id(struct arena *a)
{
    char uuid[37];
    return arena_dup(a, uuid_new(uuid));
}

static enum status make_places(struct first *f, struct err *err)
{
    struct str organization_id = fresh_id(f->a);
    struct new_project p = { .name = STR("Default") };
    f->project_id = p.id = fresh_id(f->a);
    enum status st =
        account__make_organization(f->acc, organization_id, STR("Default"), &f->organization, err);
    p.organization = f->organization;
    if (st == ST_OK)
        st = account__make_project(f->acc, &p, &f->project, err);
    buf_printf(f->print, "  organization  Default (%.*s)\n", STR_ARG(organization_id));
    buf_printf(f->print, "  project       Default (%.*s)\n", STR_ARG(f->project_id));
    return st;
}

static enum status make_owner(struct first *f, struct err *err)
{
    struct new_user u = { .email = STR(FIRST_EMAIL), .name = STR("Admin") };
    u.password = account__fresh_password(f->a);
    int64_t number;
    enum status st = account__make_user(f->acc, &u, &number, err);
    if (st == ST_OK)
        st = account__make_member(f->acc, number, f->organization, STR("owner"), err);
    buf_printf(f->print, "  sign in as    %s\n  password      %.*s\n\n", FIRST_EMAIL, STR_ARG(u.password));
    return st;
}

static enum status make_key(struct first *f, enum account_form form, struct err *err)
{
    const struct form_row *row = account__form(form);
    struct new_key k = { .organization = f->organization, .project = f->project, .form = form };
    account__fresh_key(form, f->project_id, f->a, &k.public_id, &k.secret);
    if (k.public_id.p)
        buf_printf(f->print, "  %-10s  %s=%.*s\n", row->name, row->public_variable, STR_ARG(k.public_id));
    buf_printf(f->print, "  %-10s  %s=%.*s\n", row->name, row->secret_variable, STR_ARG(k.secret));
    int64_t id;
    enum key_state state;
    return account__make_key(f->acc, &k, &id, &state, err);
}

static enum status make_all(struct first *f, struct err *err)
{
    buf_add_cstr(f->print, "Tracewell has made its first accounts. Passwords and keys are shown this once: "
                           "only their hashes are kept.\n\n");
    enum status st = make_places(f, err);
    if (st == ST_OK)
        st = make_owner(f, err);
    for (enum account_form form = ACCOUNT_NONE + 1; form < ACCOUNT_FORMS && st == ST_OK; form++)
        st = make_key(f, form, err);
    buf_add_cstr(f->print, "\nThe tracewell key is for everything else, OpenTelemetry exporters too: "
                           "\"Authorization: Bearer tw_...\".\nMore keys: tracewell key create --help\n");
    return st;
}

enum status account_first(struct account *acc, struct buf *print, bool *made, struct err *err)
{
    struct first f = { .acc = acc, .a = arena_new(), .print = print };
    int64_t one;
    bool found = true;
    size_t before = print->n;
    enum status st = account__begin(acc, true, err);
    if (st == ST_OK) {
        st = account__number(acc, "SELECT 1 FROM organization LIMIT 1", NO_BINDS, &one, &found, err);
        if (st == ST_OK && !found)
            st = make_all(&f, err);
        st = account__finish(acc, st, err);
    }
    *made = st == ST_OK && !found;
    if (!*made)
        print->n = before; /* a secret of a key that does not exist */
    arena_free(f.a);
    return st;
}
