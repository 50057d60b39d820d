/*
 * actions: what `tracewell project|key|user ...` do, one row and one function each. Each runs inside a transaction; what it prints is
 * shown only when that commits.
 *
 * Nothing is taken out: deleting a project and revoking a key leave a mark with the time. Look-ups ask for it, ids stay taken, and
 * maintenance removes a deleted project's traces later.
 */
#include "account/account_priv.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/hash.h"

#define COLUMNS(rows) rows, sizeof(rows) / sizeof *(rows)

static bool wants_json(const struct command *c)
{
    return c->options[OPT_JSON].p != NULL;
}

/* A sentence for people; JSON says it in members. */
static void say(struct command *c, const char *sentence)
{
    if (!wants_json(c))
        buf_add_cstr(c->out, sentence);
}

/* The answer of a query that gives one row, or a list of them. */
static enum status print_query(
    struct command *c, struct table t, const char *list, struct rows r, struct err *err)
{
    table_query(&t, &r);
    enum status st = account__end(&r, err);
    if (st != ST_OK)
        return st;
    if (list)
        table_list(&t, wants_json(c), list, c->out);
    else if (t.used)
        table_one(&t, wants_json(c), c->out);
    return ST_OK;
}

/* ---- Finding what the words name ---- */

struct place {
    int64_t number, organization;
    struct str id, slug;
};

/* "demo, other", for sentences that say what there is. */
static struct str list_names(struct command *c, const char *sql)
{
    struct rows r = account__query(c->acc, sql, NO_BINDS);
    struct str names = account__next(&r) ? arena_dup(c->a, account__text(&r, 0)) : STR_NONE;
    enum status st = account__end(&r, NULL);
    return st == ST_OK && names.n ? names : STR("none");
}

/* Up to two rows of (number, organization, id, slug): all that is needed to know whether there is one. */
static enum status find_places(
    struct command *c, const char *sql, struct str name, struct place *first, size_t *n, struct err *err)
{
    struct rows r = account__query(c->acc, sql, BINDS(B_TEXT(name)));
    for (*n = 0; account__next(&r); ++*n)
        if (*n == 0)
            *first = (struct place){ account__int(&r, 0), account__int(&r, 1),
                arena_dup(c->a, account__text(&r, 2)), arena_dup(c->a, account__text(&r, 3)) };
    return account__end(&r, err);
}

#define PROJECT_NAMES                      \
    "SELECT group_concat(slug, ', ') FROM" \
    " (SELECT slug FROM project WHERE deleted_ns IS NULL ORDER BY number LIMIT 12)"
#define ORGANIZATION_NAMES \
    "SELECT group_concat(id, ', ') FROM (SELECT id FROM organization ORDER BY number LIMIT 12)"

/* By id or slug; an absent name means the only project there is. */
static enum status find_project(struct command *c, struct str name, struct place *out, struct err *err)
{
    size_t n;
    enum status st = find_places(c,
        "SELECT number, organization, id, slug FROM project"
        " WHERE deleted_ns IS NULL AND (?1 IS NULL OR id = ?1 OR slug = ?1) ORDER BY id = ?1 DESC LIMIT 2",
        name, out, &n, err);
    if (st != ST_OK || n == 1 || (n > 1 && name.p))
        return st;
    struct str names = list_names(c, PROJECT_NAMES);
    if (n > 1)
        return err_set(err, ST_INVALID, "say which project with --project; there are %.*s", STR_ARG(names));
    if (!name.p)
        return err_set(
            err, ST_NOT_FOUND, "there is no project yet; `tracewell project create NAME` makes one");
    return err_set(err, ST_NOT_FOUND, "there is no project with the id or slug \"%.*s\"; there are %.*s",
        STR_ARG(str_sub(name, 0, 100)), STR_ARG(names));
}

/* By id or name; an absent name means the only organisation there is. */
static enum status find_organization(struct command *c, struct place *out, struct err *err)
{
    struct str name = c->options[OPT_ORGANIZATION];
    size_t n;
    enum status st = find_places(c,
        "SELECT number, number, id, NULL FROM organization WHERE ?1 IS NULL OR id = ?1 OR name = ?1"
        " ORDER BY id = ?1 DESC LIMIT 2",
        name, out, &n, err);
    if (st != ST_OK || n == 1 || (n > 1 && str_eq(out->id, name)))
        return st;
    struct str names = list_names(c, ORGANIZATION_NAMES);
    if (n > 1)
        return err_set(err, ST_INVALID,
            "say which organization, by its id, with --organization; there are %.*s", STR_ARG(names));
    return err_set(err, ST_NOT_FOUND, "there is no organization \"%.*s\"; there are %.*s",
        STR_ARG(str_sub(name, 0, 100)), STR_ARG(names));
}

static struct str fresh_id(struct command *c)
{
    char uuid[37];
    return arena_dup(c->a, uuid_new(uuid));
}

/* As find_organization(); in a folder without any, one is made. */
static enum status need_organization(struct command *c, struct place *out, struct err *err)
{
    struct str name = c->options[OPT_ORGANIZATION];
    int64_t one;
    bool found;
    enum status st =
        account__number(c->acc, "SELECT 1 FROM organization LIMIT 1", NO_BINDS, &one, &found, err);
    if (st != ST_OK || found)
        return st == ST_OK ? find_organization(c, out, err) : st;
    *out = (struct place){ .id = name.p ? name : fresh_id(c) };
    st = account__make_organization(c->acc, out->id, name.p ? name : STR("Default"), &out->number, err);
    out->organization = out->number;
    return st;
}

static enum status find_user(struct command *c, int64_t *number, struct err *err)
{
    bool found;
    struct str email = c->arguments[0];
    enum status st = account__number(c->acc, "SELECT number FROM user WHERE email = ? AND deleted_ns IS NULL",
        BINDS(B_TEXT(email)), number, &found, err);
    if (st != ST_OK || found)
        return st;
    return err_set(err, ST_NOT_FOUND, "there is no user \"%.*s\"; `tracewell user list` shows who there is",
        STR_ARG(str_sub(email, 0, 100)));
}

/* ---- project ---- */

static const struct column project_columns[] = {
    { "id", CELL_TEXT },
    { "name", CELL_TEXT },
    { "slug", CELL_TEXT },
    { "organization", CELL_TEXT },
    { "keys", CELL_NUMBER },
    { "created_at", CELL_TIME },
    { "deleted_at", CELL_TIME, .json_only = true },
};
#define PROJECT_QUERY                                                                                                   \
    "SELECT p.id, p.name, p.slug, o.id,"                                                                                \
    " (SELECT count(*) FROM api_key k WHERE k.project = p.number AND k.revoked_ns IS NULL), p.created_ns, p.deleted_ns" \
    " FROM project p JOIN organization o ON o.number = p.organization WHERE "

static enum status print_project(struct command *c, int64_t number, struct err *err)
{
    return print_query(c, table_of(c->a, COLUMNS(project_columns)), NULL,
        account__query(c->acc, PROJECT_QUERY "p.number = ?", BINDS(B_INT(number))), err);
}

static enum status list_projects(struct command *c, struct err *err)
{
    struct place o = { 0 };
    enum status st = c->options[OPT_ORGANIZATION].p ? find_organization(c, &o, err) : ST_OK;
    if (st != ST_OK)
        return st;
    return print_query(c, table_of(c->a, COLUMNS(project_columns)), "projects",
        account__query(c->acc,
            PROJECT_QUERY "p.deleted_ns IS NULL AND (?1 IS NULL OR p.organization = ?1) ORDER BY p.number",
            BINDS(B_REF(o.number))),
        err);
}

/* Two projects of one name in one organisation would be a trap on the command line; --init may make them, for there the id counts. */
static enum status check_unused(struct command *c, int64_t organization, struct str name, struct err *err)
{
    int64_t number;
    bool found;
    enum status st = account__number(c->acc,
        "SELECT number FROM project WHERE organization = ? AND name = ? AND deleted_ns IS NULL",
        BINDS(B_INT(organization), B_TEXT(name)), &number, &found, err);
    if (st == ST_OK && found)
        return err_set(
            err, ST_CONFLICT, "there is a project \"%.*s\" already; choose another name", STR_ARG(name));
    return st;
}

static enum status create_project(struct command *c, struct err *err)
{
    struct new_project p = { .name = c->arguments[0], .id = c->options[OPT_ID] };
    struct place o = { 0 };
    int64_t number;
    if (!p.id.p)
        p.id = fresh_id(c);
    enum status st = need_organization(c, &o, err);
    if (st != ST_OK)
        return st;
    p.organization = o.number;
    st = check_unused(c, o.number, p.name, err);
    if (st == ST_OK)
        st = account__make_project(c->acc, &p, &number, err);
    return st == ST_OK ? print_project(c, number, err) : st;
}

static enum status rename_project(struct command *c, struct err *err)
{
    struct place p = { 0 };
    enum status st = find_project(c, c->arguments[0], &p, err);
    if (st == ST_OK)
        st = account__check_name("name", c->arguments[1], err);
    if (st == ST_OK)
        st = check_unused(c, p.organization, c->arguments[1], err);
    if (st == ST_OK)
        st = account__run(c->acc, "UPDATE project SET name = ?, updated_ns = ? WHERE number = ?",
            BINDS(B_TEXT(c->arguments[1]), B_INT(clock_now_ns()), B_INT(p.number)), err);
    return st == ST_OK ? print_project(c, p.number, err) : st;
}

static enum status delete_project(struct command *c, struct err *err)
{
    struct place p = { 0 };
    enum status st = find_project(c, c->arguments[0], &p, err);
    if (st == ST_OK)
        st = account__run(c->acc, "UPDATE project SET deleted_ns = ? WHERE number = ?",
            BINDS(B_INT(clock_now_ns()), B_INT(p.number)), err);
    if (st == ST_OK)
        st = print_project(c, p.number, err);
    say(c,
        "\nThe project is marked as deleted: its keys open nothing from now on. Maintenance removes its data "
        "later; its id stays taken.\n");
    return st;
}

/* ---- key ---- */

static const struct column key_columns[] = {
    { "id", CELL_NUMBER },
    { "form", CELL_TEXT },
    { "project", CELL_TEXT },
    { "public", CELL_TEXT },
    { "secret_hint", CELL_TEXT },
    { "name", CELL_TEXT },
    { "ingest_only", CELL_BOOL },
    { "created_at", CELL_TIME },
    { "revoked_at", CELL_TIME },
    { "organization", CELL_TEXT, .json_only = true },
    { "project_id", CELL_TEXT, .json_only = true },
};
#define KEY_QUERY                                                                            \
    "SELECT k.id, k.form, p.slug, k.public_id, k.hint, k.name, k.ingest_only, k.created_ns," \
    " ifnull(k.revoked_ns, p.deleted_ns), o.id, p.id FROM api_key k"                         \
    " JOIN organization o ON o.number = k.organization LEFT JOIN project p ON p.number = k.project WHERE "

static enum status list_keys(struct command *c, struct err *err)
{
    struct place p = { 0 };
    enum status st = ST_OK;
    if (c->options[OPT_PROJECT].p)
        st = find_project(c, c->options[OPT_PROJECT], &p, err);
    if (st != ST_OK)
        return st;
    bool all = c->options[OPT_ALL].p != NULL;
    return print_query(c, table_of(c->a, COLUMNS(key_columns)), "keys",
        account__query(c->acc,
            KEY_QUERY
            "(?1 IS NULL OR k.project = ?1) AND (?2 OR (k.revoked_ns IS NULL AND p.deleted_ns IS NULL))"
            " ORDER BY k.id",
            BINDS(B_REF(p.number), B_INT(all))),
        err);
}

/* Whom the new key is for. A Langtrace key with an organisation and no project is a team key. */
static enum status find_owner(struct command *c, struct new_key *k, struct place *p, struct err *err)
{
    bool team = c->options[OPT_ORGANIZATION].p && !c->options[OPT_PROJECT].p;
    if (team && k->form != ACCOUNT_LANGTRACE)
        return err_set(err, ST_INVALID,
            "only a key of form langtrace can belong to an organization (a team key); say which project with --project");
    enum status st = team ? find_organization(c, p, err) : find_project(c, c->options[OPT_PROJECT], p, err);
    if (st != ST_OK)
        return st;
    k->organization = p->organization;
    k->project = team ? 0 : p->number;
    return ST_OK;
}

static enum status read_form(struct command *c, enum account_form *form, struct err *err)
{
    struct str name = c->options[OPT_FORM];
    int found = name.p ? account_form_find(name) : ACCOUNT_TRACEWELL;
    if (found < 0)
        return err_set(err, ST_INVALID, "--form takes %s, got \"%.*s\"", account__form_names(),
            STR_ARG(str_sub(name, 0, 60)));
    *form = (enum account_form)found;
    return ST_OK;
}

/* What was not given is fresh. */
static void fill_texts(struct command *c, struct new_key *k, const struct place *p)
{
    account__fresh_key(k->form, p->id, c->a, &k->public_id, &k->secret);
    if (c->options[OPT_PUBLIC].p)
        k->public_id = c->options[OPT_PUBLIC];
    if (c->options[OPT_SECRET].p)
        k->secret = c->options[OPT_SECRET];
}

static void print_new_key(struct command *c, const struct new_key *k, const struct place *p, int64_t id)
{
    static const struct column columns[] = {
        { "id", CELL_NUMBER },
        { "form", CELL_TEXT },
        { "project", CELL_TEXT },
        { "public", CELL_TEXT },
        { "secret", CELL_SECRET },
        { "ingest_only", CELL_BOOL },
    };
    struct table t = table_of(c->a, COLUMNS(columns));
    table_int(&t, id);
    table_text(&t, str_of(account_form_name(k->form)));
    table_text(&t, p->slug);
    table_text(&t, k->public_id);
    table_text(&t, k->secret);
    table_int(&t, k->ingest_only);
    table_one(&t, wants_json(c), c->out);
}

static enum status create_key(struct command *c, struct err *err)
{
    struct new_key k = { .name = c->options[OPT_NAME], .ingest_only = c->options[OPT_INGEST_ONLY].p != NULL };
    struct place p = { 0 };
    int64_t id;
    enum key_state state;
    enum status st = read_form(c, &k.form, err);
    if (st == ST_OK)
        st = find_owner(c, &k, &p, err);
    if (st != ST_OK)
        return st;
    fill_texts(c, &k, &p);
    st = account__make_key(c->acc, &k, &id, &state, err);
    if (st == ST_OK && state != KEY_MADE)
        return err_set(err, ST_CONFLICT,
            "key %" PRId64 " has this secret %s; choose another, or none for a random one", id,
            state == KEY_REVOKED ? "and is revoked, which cannot be undone" : "already");
    if (st == ST_OK)
        print_new_key(c, &k, &p, id);
    return st;
}

/* By number, or by a public id that one live key alone has. */
static enum status find_key(struct command *c, int64_t *id, struct err *err)
{
    struct str name = c->arguments[0];
    int64_t number = 0, n = 0;
    bool digits = str_to_i64(name, &number);
    struct rows r = account__query(c->acc,
        "SELECT id FROM api_key WHERE id = ?1 OR (?1 IS NULL AND public_id = ?2 AND revoked_ns IS NULL)",
        BINDS(B_REF(digits ? number : 0), B_TEXT(name)));
    for (; account__next(&r); n++)
        *id = account__int(&r, 0);
    enum status st = account__end(&r, err);
    if (st != ST_OK || n == 1)
        return st;
    if (n > 1)
        return err_set(err, ST_INVALID,
            "%" PRId64 " keys have this public half; name one by its number from `tracewell "
            "key list`",
            n);
    return err_set(err, ST_NOT_FOUND,
        "there is no key with the number or public half \"%.*s\"; `tracewell key list` shows them",
        STR_ARG(str_sub(name, 0, 100)));
}

static enum status revoke_key(struct command *c, struct err *err)
{
    int64_t id = 0;
    enum status st = find_key(c, &id, err);
    if (st == ST_OK)
        st = account__run(c->acc, "UPDATE api_key SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL",
            BINDS(B_INT(clock_now_ns()), B_INT(id)), err);
    if (st == ST_OK)
        st = print_query(c, table_of(c->a, COLUMNS(key_columns)), NULL,
            account__query(c->acc, KEY_QUERY "k.id = ?", BINDS(B_INT(id))), err);
    say(c, "\nThe key is revoked: it fails from the next request on, and for good.\n");
    return st;
}

/* ---- user ---- */

static const struct column user_columns[] = {
    { "email", CELL_TEXT },
    { "name", CELL_TEXT },
    { "role", CELL_TEXT },
    { "organization", CELL_TEXT },
    { "created_at", CELL_TIME },
    { "id", CELL_TEXT, .json_only = true },
};

static enum status list_users(struct command *c, struct err *err)
{
    return print_query(c, table_of(c->a, COLUMNS(user_columns)), "users",
        account__query(c->acc,
            "SELECT u.email, u.name, m.role, o.id, u.created_ns, u.id FROM user u"
            " LEFT JOIN member m ON m.user = u.number LEFT JOIN organization o ON o.number = m.organization"
            " WHERE u.deleted_ns IS NULL ORDER BY u.number, o.number",
            NO_BINDS),
        err);
}

/* The password is shown only where it was made here. */
static void print_user(struct command *c, struct str password)
{
    static const struct column columns[] = { { "email", CELL_TEXT }, { "password", CELL_SECRET } };
    bool given = c->options[OPT_PASSWORD].p != NULL;
    struct table t = table_of(c->a, columns, given ? 1 : 2);
    table_text(&t, c->arguments[0]);
    if (!given)
        table_text(&t, password);
    table_one(&t, wants_json(c), c->out);
}

static struct str need_password(struct command *c)
{
    return c->options[OPT_PASSWORD].p ? c->options[OPT_PASSWORD] : account__fresh_password(c->a);
}

static enum status create_user(struct command *c, struct err *err)
{
    struct new_user u = {
        .email = c->arguments[0], .name = c->options[OPT_NAME], .password = need_password(c)
    };
    struct str role = c->options[OPT_ROLE].p ? c->options[OPT_ROLE] : STR("member");
    struct place o = { 0 };
    int64_t number;
    enum status st = account__check_role(role, err);
    if (st == ST_OK)
        st = need_organization(c, &o, err);
    if (st == ST_OK)
        st = account__make_user(c->acc, &u, &number, err);
    if (st == ST_OK)
        st = account__make_member(c->acc, number, o.number, role, err);
    if (st == ST_OK)
        print_user(c, u.password);
    return st;
}

static enum status change_password(struct command *c, struct err *err)
{
    struct str password = need_password(c);
    int64_t number;
    enum status st = find_user(c, &number, err);
    if (st == ST_OK)
        st = account__set_password(c->acc, number, password, err);
    if (st == ST_OK)
        print_user(c, password);
    return st;
}

static enum status delete_user(struct command *c, struct err *err)
{
    static const struct column columns[] = { { "email", CELL_TEXT }, { "deleted", CELL_BOOL } };
    struct table t = table_of(c->a, COLUMNS(columns));
    int64_t number;
    enum status st = find_user(c, &number, err);
    if (st == ST_OK)
        st = account__run(c->acc, "UPDATE user SET deleted_ns = ?, password = '' WHERE number = ?",
            BINDS(B_INT(clock_now_ns()), B_INT(number)), err);
    table_text(&t, c->arguments[0]);
    table_int(&t, true);
    table_one(&t, wants_json(c), c->out);
    return st;
}

/* ---- The table ---- */

#define BIT(o) (1u << OPT_##o)

const struct action account__actions[] = {
    { "project", "list", "", BIT(ORGANIZATION), false, false, "The projects there are.", list_projects },
    { "project", "create", "NAME", BIT(ORGANIZATION) | BIT(ID), true, true,
        "Make a project. Its slug, which links contain, comes from the name and stays.", create_project },
    { "project", "rename", "PROJECT NEW-NAME", 0, true, false, "Change a project's name; id and slug stay.",
        rename_project },
    { "project", "delete", "PROJECT", 0, true, false,
        "Mark a project as deleted. Its keys fail at once; its data goes with the next maintenance.",
        delete_project },
    { "key", "list", "", BIT(PROJECT) | BIT(ALL), false, false, "The keys there are, without their secrets.",
        list_keys },
    { "key", "create", "",
        BIT(PROJECT) | BIT(ORGANIZATION) | BIT(FORM) | BIT(NAME) | BIT(PUBLIC) | BIT(SECRET) |
            BIT(INGEST_ONLY),
        true, false,
        "Make a key and show its secret once. With --form langtrace --organization ID: the team's key.",
        create_key },
    { "key", "revoke", "KEY", 0, true, false,
        "End a key, named by its number or public half. It fails at the next request.", revoke_key },
    { "user", "list", "", 0, false, false, "The users there are, one line a membership.", list_users },
    { "user", "create", "EMAIL",
        BIT(ORGANIZATION) | BIT(NAME) | BIT(ROLE) | BIT(PASSWORD) | BIT(PASSWORD_STDIN), true, true,
        "Make a user. Without a password a random one is made and shown once.", create_user },
    { "user", "password", "EMAIL", BIT(PASSWORD) | BIT(PASSWORD_STDIN), true, false,
        "Give a user a new password; a random one is made and shown once by default.", change_password },
    { "user", "delete", "EMAIL", 0, true, false, "Remove a user.", delete_user },
};
const size_t account__action_count = sizeof account__actions / sizeof *account__actions;
