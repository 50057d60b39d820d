/*
 * init: --init FILE.json, the accounts that must exist. The file is walked once, top down, making what is missing, inside one
 * transaction: the first thing that is wrong ends it, and nothing is made. Errors carry the JSON path; each level puts its own part
 * in front on the way up.
 *
 * Idempotent means: what is there stays as people have left it since. A name, a password or a role that was changed is not changed
 * back, and a key that was revoked, a project or a user that was deleted does not come back to life with the next start; the log
 * says so.
 */
#include "account/account_priv.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"

/* Where the walk is. */
struct walk {
    struct account *acc;
    struct str organization_id, project_id;
    int64_t organization, project;
};

/* ---- Members ---- */

/* Its name, short enough for a sentence. */
static struct str clipped(struct str s)
{
    return str_sub(s, 0, str_utf8_clip(s, 60));
}

static enum status fail_member(struct str key, const char *const *names, struct err *err)
{
    struct buf known;
    buf_init(&known, 0);
    for (; *names; names++)
        buf_printf(&known, "%s%s", known.n ? ", " : "", *names);
    enum status st = err_set(err, ST_INVALID, "there is no member \"%.*s\" here; there may be %.*s",
        STR_ARG(clipped(key)), STR_ARG(buf_str(&known)));
    buf_fini(&known);
    return st;
}

static bool is_named(struct str key, const char *const *names)
{
    for (; *names; names++)
        if (str_is(key, *names))
            return true;
    return false;
}

/* An object with members of these names alone, each once: a second "keys" would hide the first. */
static enum status check_members(struct json object, const char *const *names, struct err *err)
{
    struct str key;
    struct json value;
    if (!json_is_obj(object))
        return err_at(err, ST_INVALID, "", "must be an object, got %s", json_type_name(json_type(object)));
    for (struct json_iter it = json_iter(object); json_next(&it, &key, &value);) {
        if (!is_named(key, names))
            return fail_member(key, names, err);
        if (json_get(object, key).v != value.v)
            return err_set(err, ST_INVALID, "the member \"%.*s\" is there twice", STR_ARG(clipped(key)));
    }
    return ST_OK;
}

static enum status read_text(
    struct json object, const char *name, bool needed, struct str *out, struct err *err)
{
    struct json value = json_key(object, name);
    *out = json_str(value);
    if (json_is_str(value) || (!needed && json_type(value) == JSON_ABSENT))
        return ST_OK;
    if (json_type(value) == JSON_ABSENT)
        return err_at(err, ST_INVALID, name, "is missing; it must be a string");
    return err_at(err, ST_INVALID, name, "must be a string, got %s", json_type_name(json_type(value)));
}

typedef enum status make_fn(struct walk *w, struct json item, struct err *err);

/* Each item of the array `name`, which may be absent. */
static enum status make_each(
    struct walk *w, struct json owner, const char *name, make_fn *make, struct err *err)
{
    char place[64];
    struct json list = json_key(owner, name), item;
    if (json_type(list) == JSON_ABSENT)
        return ST_OK;
    if (!json_is_arr(list))
        return err_at(err, ST_INVALID, name, "must be an array, got %s", json_type_name(json_type(list)));
    struct json_iter it = json_iter(list);
    for (size_t i = 0; json_next(&it, NULL, &item); i++) {
        enum status st = make(w, item, err);
        if (st == ST_OK)
            continue;
        snprintf(place, sizeof place, "%s[%zu]", name, i);
        err_under(err, place);
        return st;
    }
    return ST_OK;
}

/* ---- Keys ---- */

static enum status make_key(struct walk *w, struct new_key *k, const char *where, struct err *err)
{
    int64_t id;
    enum key_state state;
    k->organization = w->organization;
    enum status st = account__make_key(w->acc, k, &id, &state, err);
    if (st == ST_OK && state == KEY_REVOKED)
        log_warn("account", "--init: key %" PRId64 " of %s was revoked and stays so; give it a new secret",
            id, where);
    return st;
}

static enum status read_form(struct json item, enum account_form *out, struct err *err)
{
    struct str name;
    enum status st = read_text(item, "form", true, &name, err);
    if (st != ST_OK)
        return st;
    int form = account_form_find(name);
    if (form < 0)
        return err_at(err, ST_INVALID, "form", "must be %s, got \"%.*s\"", account__form_names(),
            STR_ARG(clipped(name)));
    *out = (enum account_form)form;
    return ST_OK;
}

static enum status make_project_key(struct walk *w, struct json item, struct err *err)
{
    static const char *const names[] = { "form", "public", "secret", NULL };
    struct new_key k = { .project = w->project };
    enum status st = check_members(item, names, err);
    if (st == ST_OK)
        st = read_form(item, &k.form, err);
    if (st == ST_OK)
        st = read_text(item, "public", false, &k.public_id, err);
    if (st == ST_OK)
        st = read_text(item, "secret", true, &k.secret, err);
    if (st != ST_OK)
        return st;
    if (k.form == ACCOUNT_LUNARY && !k.public_id.p)
        k.public_id = w->project_id;
    /* LangWatch's ingestion keys say so in their text (langwatch.md 2.2). */
    k.ingest_only = k.form == ACCOUNT_LANGWATCH && str_starts(k.secret, STR("ik-lw-"));
    return make_key(w, &k, "a project", err);
}

/* ---- Projects, users, organisations ---- */

/* *number 0: there is no such project yet. */
static enum status find_project(struct walk *w, int64_t *number, bool *deleted, struct err *err)
{
    enum status refused = ST_OK;
    *number = 0;
    struct rows r = account__query(w->acc,
        "SELECT p.number, p.deleted_ns IS NOT NULL, p.organization, o.id"
        " FROM project p JOIN organization o ON o.number = p.organization WHERE p.id = ?",
        BINDS(B_TEXT(w->project_id)));
    if (account__next(&r)) {
        *number = account__int(&r, 0);
        *deleted = account__int(&r, 1) != 0;
        if (account__int(&r, 2) != w->organization)
            refused = err_at(err, ST_CONFLICT, "id", "this project belongs to organization %.*s, not to %.*s",
                STR_ARG(account__text(&r, 3)), STR_ARG(w->organization_id));
    }
    enum status st = account__end(&r, refused == ST_OK ? err : NULL);
    return refused == ST_OK ? st : refused;
}

static enum status make_project(struct walk *w, struct json item, struct err *err)
{
    static const char *const names[] = { "id", "name", "keys", NULL };
    struct new_project p = { .organization = w->organization };
    bool deleted = false;
    enum status st = check_members(item, names, err);
    if (st == ST_OK)
        st = read_text(item, "id", true, &p.id, err);
    if (st == ST_OK)
        st = read_text(item, "name", false, &p.name, err);
    if (st != ST_OK)
        return st;
    w->project_id = p.id;
    p.name = p.name.p ? p.name : p.id;
    st = find_project(w, &w->project, &deleted, err);
    if (st == ST_OK && deleted) {
        log_warn("account", "--init: project %.*s was deleted and stays so; give it a new id", STR_ARG(p.id));
        return ST_OK;
    }
    if (st == ST_OK && !w->project)
        st = account__make_project(w->acc, &p, &w->project, err);
    return st == ST_OK ? make_each(w, item, "keys", make_project_key, err) : st;
}

/* The user's row, made when missing; *number 0 when the user was deleted. */
static enum status need_user(struct walk *w, const struct new_user *u, int64_t *number, struct err *err)
{
    bool found;
    enum status st = account__number(w->acc,
        "SELECT number * (deleted_ns IS NULL) FROM user WHERE email = ? ORDER BY deleted_ns IS NOT NULL LIMIT 1",
        BINDS(B_TEXT(u->email)), number, &found, err);
    if (st != ST_OK)
        return st;
    if (!found)
        return account__make_user(w->acc, u, number, err);
    if (!*number)
        log_warn("account",
            "--init: user %.*s was deleted and stays so; `tracewell user create` makes it again",
            STR_ARG(u->email));
    return account__check_password_rules(u->password, err);
}

static enum status make_user(struct walk *w, struct json item, struct err *err)
{
    static const char *const names[] = { "email", "password", "role", NULL };
    struct new_user u = { 0 };
    struct str role;
    int64_t number;
    enum status st = check_members(item, names, err);
    if (st == ST_OK)
        st = read_text(item, "email", true, &u.email, err);
    if (st == ST_OK)
        st = read_text(item, "password", true, &u.password, err);
    if (st == ST_OK)
        st = read_text(item, "role", false, &role, err);
    if (st == ST_OK && role.p)
        st = account__check_role(role, err);
    if (st == ST_OK)
        st = need_user(w, &u, &number, err);
    if (st != ST_OK || !number)
        return st;
    return account__make_member(w->acc, number, w->organization, role.p ? role : STR("member"), err);
}

static enum status make_team_key(struct walk *w, struct json item, struct err *err)
{
    struct new_key k = { .form = ACCOUNT_LANGTRACE };
    enum status st = read_text(item, "team_key", false, &k.secret, err);
    if (st != ST_OK || !k.secret.p)
        return st;
    st = make_key(w, &k, "an organization", err);
    if (st != ST_OK && err)
        snprintf(err->path, sizeof err->path, "team_key"); /* the file calls this secret by another name */
    return st;
}

static enum status make_organization(struct walk *w, struct json item, struct err *err)
{
    static const char *const names[] = { "id", "name", "team_key", "projects", "users", NULL };
    struct str id = STR_NONE, name;
    bool found;
    enum status st = check_members(item, names, err);
    if (st == ST_OK)
        st = read_text(item, "id", true, &id, err);
    if (st == ST_OK)
        st = read_text(item, "name", false, &name, err);
    if (st == ST_OK)
        st = account__number(w->acc, "SELECT number FROM organization WHERE id = ?", BINDS(B_TEXT(id)),
            &w->organization, &found, err);
    if (st == ST_OK && !found)
        st = account__make_organization(w->acc, id, name.p ? name : id, &w->organization, err);
    w->organization_id = id;
    if (st == ST_OK)
        st = make_team_key(w, item, err);
    if (st == ST_OK)
        st = make_each(w, item, "projects", make_project, err);
    return st == ST_OK ? make_each(w, item, "users", make_user, err) : st;
}

enum status account_init(struct account *acc, struct str json_text, struct err *err)
{
    static const char *const names[] = { "organizations", NULL };
    struct arena *a = arena_new();
    struct walk w = { .acc = acc };
    struct json root;
    enum status st = json_parse(a, json_text, 0, &root, err);
    if (st == ST_OK)
        st = check_members(root, names, err);
    if (st == ST_OK)
        st = account__begin(acc, true, err);
    if (st == ST_OK)
        st = account__finish(acc, make_each(&w, root, "organizations", make_organization, err), err);
    arena_free(a);
    return st;
}
