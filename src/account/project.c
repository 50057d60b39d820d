/*
 * project: what products' own APIs do with projects and keys: show one, make one, mint a key (langtrace.md 4, 5). Each is one
 * transaction, committed to disk before it is answered.
 */
#include "account/account_priv.h"

#include "base/clock.h"
#include "base/hash.h"

#define DESCRIPTION_BYTES_MAX 4000
#define TYPE_BYTES_MAX        100

#define PROJECT_COLUMNS \
    "p.number, p.id, p.name, p.description, p.type, o.id, p.created_ns, ifnull(p.updated_ns, p.created_ns)"

static void project_of_row(const struct rows *r, struct arena *a, struct account_project *out)
{
    *out = (struct account_project){
        .number = (int32_t)account__int(r, 0),
        .id = arena_dup(a, account__text(r, 1)),
        .name = arena_dup(a, account__text(r, 2)),
        .description = arena_dup(a, account__text(r, 3)),
        .type = arena_dup(a, account__text(r, 4)),
        .organization_id = arena_dup(a, account__text(r, 5)),
        .created_ns = account__int(r, 6),
        .updated_ns = account__int(r, 7),
    };
}

/* The lock is held. */
static enum status read_project(struct account *acc, struct arena *a, struct str id,
    struct account_project *out, bool *found, struct err *err)
{
    struct rows r = account__query(acc,
        "SELECT " PROJECT_COLUMNS " FROM project p JOIN organization o ON o.number = p.organization"
        " WHERE p.id = ? AND p.deleted_ns IS NULL",
        BINDS(B_TEXT(id)));
    *found = account__next(&r);
    if (*found)
        project_of_row(&r, a, out);
    return account__end(&r, err);
}

enum status account_get_project(struct account *acc, struct arena *a, struct str id,
    struct account_project *out, bool *found, struct err *err)
{
    lock_take(&acc->lock);
    enum status st = read_project(acc, a, id, out, found, err);
    lock_drop(&acc->lock);
    return st;
}

static enum status find_organization(struct account *acc, struct str id, int64_t *number, struct err *err)
{
    bool found;
    enum status st = account__number(
        acc, "SELECT number FROM organization WHERE id = ?", BINDS(B_TEXT(id)), number, &found, err);
    return st == ST_OK && !found ? err_set(err, ST_NOT_FOUND, "there is no organization with this id") : st;
}

/* ---- making ---- */

static enum status check_size(const char *path, struct str s, size_t most, struct err *err)
{
    return s.n <= most ? ST_OK : err_at(err, ST_INVALID, path, "has at most %zu bytes, not %zu", most, s.n);
}

static struct str or_empty(struct str s)
{
    return s.p ? s : STR("");
}

static enum status insert_project(struct account *acc, const struct account_project *p, struct err *err)
{
    struct new_project made = { .id = p->id, .name = or_empty(p->name), .nameless = true };
    int64_t number;
    enum status st = find_organization(acc, p->organization_id, &made.organization, err);
    if (st == ST_OK)
        st = account__make_project(acc, &made, &number, err);
    if (st == ST_OK)
        st = account__run(acc, "UPDATE project SET description = ?, type = ? WHERE number = ?",
            BINDS(B_TEXT(or_empty(p->description)), B_TEXT(p->type.n ? p->type : STR("default")),
                B_INT(number)),
            err);
    return st;
}

enum status account_make_project(
    struct account *acc, struct arena *a, struct account_project *p, struct err *err)
{
    char uuid[37];
    bool found;
    p->id = arena_dup(a, uuid_new(uuid));
    enum status st = check_size("description", p->description, DESCRIPTION_BYTES_MAX, err);
    if (st == ST_OK)
        st = check_size("type", p->type, TYPE_BYTES_MAX, err);
    if (st == ST_OK)
        st = account__begin(acc, true, err);
    if (st != ST_OK)
        return st;
    st = insert_project(acc, p, err);
    if (st == ST_OK)
        st = read_project(acc, a, p->id, p, &found, err);
    return account__finish(acc, st, err);
}

enum status account_remove_project(struct account *acc, struct str id, struct err *err)
{
    enum status st = account__begin(acc, true, err);
    if (st != ST_OK)
        return st;
    st = account__run(acc, "UPDATE project SET deleted_ns = ? WHERE id = ? AND deleted_ns IS NULL",
        BINDS(B_INT(clock_now_ns()), B_TEXT(id)), err);
    return account__finish(acc, st, err);
}

/* ---- keys ---- */

/* The organization's number, and the project's, 0 when none is named. */
static enum status find_owner(struct account *acc, struct str organization_id, struct str project_id,
    struct new_key *k, struct err *err)
{
    bool found;
    enum status st = find_organization(acc, organization_id, &k->organization, err);
    if (st != ST_OK || !project_id.p)
        return st;
    st = account__number(acc,
        "SELECT number FROM project WHERE id = ? AND organization = ? AND deleted_ns IS NULL",
        BINDS(B_TEXT(project_id), B_INT(k->organization)), &k->project, &found, err);
    return st == ST_OK && !found ? err_set(err, ST_NOT_FOUND, "No projects found") : st;
}

static enum status replace_key(struct account *acc, const struct new_key *k, struct err *err)
{
    int64_t id;
    enum key_state state;
    enum status st = account__run(acc,
        "UPDATE api_key SET revoked_ns = ? WHERE minted AND revoked_ns IS NULL AND organization = ?"
        " AND project IS ?",
        BINDS(B_INT(clock_now_ns()), B_INT(k->organization), B_REF(k->project)), err);
    if (st == ST_OK)
        st = account__make_key(acc, k, &id, &state, err);
    if (st == ST_OK)
        st = account__run(acc, "UPDATE api_key SET minted = 1 WHERE id = ?", BINDS(B_INT(id)), err);
    return st;
}

enum status account_mint_key(struct account *acc, struct arena *a, struct str organization_id,
    struct str project_id, struct str *secret, struct err *err)
{
    struct new_key k = { .form = ACCOUNT_LANGTRACE, .name = STR("Langtrace API") };
    account__fresh_key(ACCOUNT_LANGTRACE, STR_NONE, a, &k.public_id, &k.secret);
    enum status st = account__begin(acc, true, err);
    if (st != ST_OK)
        return st;
    st = find_owner(acc, organization_id, project_id, &k, err);
    if (st == ST_OK)
        st = replace_key(acc, &k, err);
    *secret = k.secret;
    return account__finish(acc, st, err);
}
