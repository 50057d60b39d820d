/*
 * edit: what can be made and changed, each once, for --init, the first start and the command line alike. All of it runs inside a
 * transaction of the caller, which throws everything away when one step refuses.
 *
 * The rule about texts (collisions.md 3.3): secrets and public ids share one index, and a text may not be given to rows that differ in
 * project, form or half. A project's id counts as its Lunary public key even without a row, so it is part of the rule. Rows stay when
 * their key is revoked or their project deleted: what a text opened once it never opens again elsewhere.
 */
#include "account/account_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"

#define NAME_BYTES_MAX     200
#define SLUG_BYTES_MAX     60
#define EMAIL_BYTES_MAX    254
#define PASSWORD_BYTES_MIN 8
#define PASSWORD_BYTES_MAX 1024
#define HINT_BYTES_MIN     32 /* a shorter secret would give away too much of itself */

/* ---- What texts may be ---- */

enum status account__check_name(const char *path, struct str name, struct err *err)
{
    if (name.n <= NAME_BYTES_MAX && str_is_id(name) && str_trim(name).n == name.n)
        return ST_OK;
    return err_at(err, ST_INVALID, path,
        "a name is 1 to %d bytes of text without line breaks, and no spaces at its ends", NAME_BYTES_MAX);
}

/* Ids, secrets and public ids travel in headers and links. */
static enum status check_token(const char *path, struct str s, struct err *err)
{
    if (str_is_id(s) && str_find_char(s, ' ') == SIZE_MAX)
        return ST_OK;
    return err_at(err, ST_INVALID, path, "must be 1 to 800 bytes of text without spaces");
}

enum status account__check_role(struct str role, struct err *err)
{
    static const char *const roles[] = { "owner", "admin", "member", "viewer" };
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (str_is(role, roles[i]))
            return ST_OK;
    return err_at(err, ST_INVALID, "role", "a role is owner, admin, member or viewer, not \"%.*s\"",
        STR_ARG(str_sub(role, 0, 40)));
}

enum status account__check_password_rules(struct str password, struct err *err)
{
    if (password.n >= PASSWORD_BYTES_MIN && password.n <= PASSWORD_BYTES_MAX)
        return ST_OK;
    return err_at(err, ST_INVALID, "password", "a password has %d to %d bytes, not %zu", PASSWORD_BYTES_MIN,
        PASSWORD_BYTES_MAX, password.n);
}

static enum status check_email(struct str email, struct err *err)
{
    size_t at = str_find_char(email, '@');
    bool shaped = at != SIZE_MAX && at > 0 && at + 1 < email.n &&
                  str_find_char(str_sub(email, at + 1, SIZE_MAX), '@') == SIZE_MAX;
    if (shaped && email.n <= EMAIL_BYTES_MAX && str_is_id(email) && str_find_char(email, ' ') == SIZE_MAX)
        return ST_OK;
    return err_at(err, ST_INVALID, "email", "\"%.*s\" is not an e-mail address such as admin@example.com",
        STR_ARG(str_sub(email, 0, 100)));
}

/* ---- Organisations and projects ---- */

enum status account__make_organization(
    struct account *acc, struct str id, struct str name, int64_t *number, struct err *err)
{
    enum status st = check_token("id", id, err);
    if (st == ST_OK)
        st = account__check_name("name", name, err);
    if (st == ST_OK)
        st = account__run(acc, "INSERT INTO organization (id, name, created_ns) VALUES (?, ?, ?)",
            BINDS(B_TEXT(id), B_TEXT(name), B_INT(clock_now_ns())), err);
    *number = sqlite3_last_insert_rowid(acc->db);
    return st;
}

/* First segments of paths that are not the web pages' (collisions.md 2), and what its links use itself. */
static const char *const reserved_slugs[] = {
    "api", "v1", "v2", "v3", "v1development", "auth", "graphql", "webhooks", /* APIs */
    "health", "healthz", "live", "livez", "ready", "readyz", "version", "metrics", "docs",
    "redoc",                     /* operations */
    "project", "trace", "share", /* links */
};

static bool is_reserved(const char *slug)
{
    for (size_t i = 0; i < sizeof reserved_slugs / sizeof *reserved_slugs; i++)
        if (strcmp(slug, reserved_slugs[i]) == 0)
            return true;
    return false;
}

/* ASCII letters and digits, lower case; each run of anything else is one '-', none at the ends. */
static void make_slug(struct str name, char out[SLUG_BYTES_MAX + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < SLUG_BYTES_MAX; i++) {
        char c = name.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            out[n++] = c;
        else if (n > 0 && out[n - 1] != '-')
            out[n++] = '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = 0;
    if (n == 0)
        memcpy(out, "unnamed", sizeof "unnamed");
}

/* The name's slug, or the first of slug-2, slug-3, ... that is free. */
static enum status free_slug(
    struct account *acc, struct str name, char out[SLUG_BYTES_MAX + 24], struct err *err)
{
    char base[SLUG_BYTES_MAX + 1];
    make_slug(name, base);
    snprintf(out, SLUG_BYTES_MAX + 24, "%s", base);
    for (int64_t i = 2;; i++) {
        bool taken;
        int64_t number;
        enum status st =
            account__number(acc, "SELECT number FROM project WHERE slug = ? AND deleted_ns IS NULL",
                BINDS(B_TEXT(str_of(out))), &number, &taken, err);
        if (st != ST_OK || (!taken && !is_reserved(out)))
            return st;
        snprintf(out, SLUG_BYTES_MAX + 24, "%s-%" PRId64, base, i);
    }
}

/* A project's id opens its Lunary public half, so no other key may have it as its text. */
static enum status check_project_id(struct account *acc, struct str id, struct err *err)
{
    uint8_t hash[ACCOUNT_HASH_BYTES];
    int64_t number;
    bool found;
    enum status st = check_token("id", id, err);
    if (st == ST_OK)
        st = account__number(
            acc, "SELECT number FROM project WHERE id = ?", BINDS(B_TEXT(id)), &number, &found, err);
    if (st != ST_OK)
        return st;
    if (found)
        return err_at(err, ST_CONFLICT, "id",
            "the id \"%.*s\" belongs to another project, or did before that was deleted; ids are never given twice",
            STR_ARG(str_sub(id, 0, 100)));
    hash_sha256(id, hash);
    st = account__number(
        acc, "SELECT key FROM token WHERE hash = ?", BINDS(B_HASH(hash)), &number, &found, err);
    if (st == ST_OK && found)
        return err_at(err, ST_CONFLICT, "id",
            "this id is a text of key %" PRId64
            " of another project, and clients may send a project's id as a key; "
            "choose another id",
            number);
    return st;
}

enum status account__make_project(
    struct account *acc, const struct new_project *p, int64_t *number, struct err *err)
{
    char slug[SLUG_BYTES_MAX + 24];
    enum status st = check_project_id(acc, p->id, err);
    if (st == ST_OK && !(p->nameless && p->name.n == 0))
        st = account__check_name("name", p->name, err);
    if (st == ST_OK)
        st = free_slug(acc, p->name, slug, err);
    if (st == ST_OK)
        st = account__run(acc,
            "INSERT INTO project (organization, id, name, slug, created_ns) VALUES (?, ?, ?, ?, ?)",
            BINDS(B_INT(p->organization), B_TEXT(p->id), B_TEXT(p->name), B_TEXT(str_of(slug)),
                B_INT(clock_now_ns())),
            err);
    *number = sqlite3_last_insert_rowid(acc->db);
    return st;
}

/* ---- Keys ---- */

static enum status check_key(const struct new_key *k, struct err *err)
{
    enum status st = check_token("secret", k->secret, err);
    if (st != ST_OK || !k->public_id.p)
        return st;
    if (!account__form(k->form)->public_variable)
        return err_at(err, ST_INVALID, "public",
            "keys of form %s have a secret alone; those of forms langfuse, lunary and agenttrace have a public half",
            account_form_name(k->form));
    st = check_token("public", k->public_id, err);
    if (st == ST_OK && str_find_char(k->public_id, ':') != SIZE_MAX)
        return err_at(err, ST_INVALID, "public", "may not contain \":\", which ends it in HTTP Basic");
    if (st == ST_OK && str_eq(k->public_id, k->secret))
        return err_at(
            err, ST_INVALID, "secret", "may not be the same text as the public half, which is no secret");
    return st;
}

/* A row that gives a text to somebody. */
struct claim {
    int64_t organization, project;
    struct str form;
    bool public_half;
};

static bool claim_agrees(const struct claim *c, const struct new_key *k, bool public_half)
{
    return c->project == k->project && c->organization == k->organization && c->public_half == public_half &&
           str_is(c->form, account_form_name(k->form));
}

/* Whether `text` may be this half of `k`: nobody has it, or rows that differ in nothing. The text is not repeated in the sentence. */
static enum status check_claims(
    struct account *acc, const struct new_key *k, struct str text, bool public_half, struct err *err)
{
    uint8_t hash[ACCOUNT_HASH_BYTES];
    hash_sha256(text, hash);
    enum status refused = ST_OK;
    struct rows r = account__query(acc,
        "SELECT k.organization, ifnull(k.project, 0), k.form, t.public_half, ifnull(p.id, o.id)"
        " FROM token t JOIN api_key k ON k.id = t.key JOIN organization o ON o.number = k.organization"
        " LEFT JOIN project p ON p.number = k.project WHERE t.hash = ?"
        " UNION ALL SELECT organization, number, 'lunary', 1, id FROM project WHERE id = ?",
        BINDS(B_HASH(hash), B_TEXT(text)));
    while (refused == ST_OK && account__next(&r)) {
        struct claim c = { account__int(&r, 0), account__int(&r, 1), account__text(&r, 2),
            account__int(&r, 3) != 0 };
        if (!claim_agrees(&c, k, public_half))
            refused = err_at(err, ST_CONFLICT, public_half ? "public" : "secret",
                "this text is taken: it is the %s half of a %.*s key of %s %.*s; a text may not be given to keys that "
                "differ in project, form or half, so choose another",
                c.public_half ? "public" : "secret", STR_ARG(c.form), c.project ? "project" : "organization",
                STR_ARG(account__text(&r, 4)));
    }
    enum status st = account__end(&r, refused == ST_OK ? err : NULL);
    return refused == ST_OK ? st : refused;
}

/* The row whose secret this is; *id 0 when there is none. Its project and form are known to be those of `k`. */
static enum status find_secret(
    struct account *acc, const struct new_key *k, int64_t *id, enum key_state *state, struct err *err)
{
    uint8_t hash[ACCOUNT_HASH_BYTES];
    hash_sha256(k->secret, hash);
    *id = 0;
    enum status refused = ST_OK;
    struct rows r = account__query(acc,
        "SELECT k.id, k.revoked_ns IS NOT NULL, k.public_id FROM token t JOIN api_key k ON k.id = t.key"
        " WHERE t.hash = ? AND NOT t.public_half",
        BINDS(B_HASH(hash)));
    if (account__next(&r)) {
        *id = account__int(&r, 0);
        *state = account__int(&r, 1) ? KEY_REVOKED : KEY_THERE;
        if (!str_eq(account__text(&r, 2), k->public_id))
            refused = err_at(err, ST_CONFLICT, "public",
                "the secret beside it belongs to key %" PRId64 ", whose public half is another one", *id);
    }
    enum status st = account__end(&r, refused == ST_OK ? err : NULL);
    return refused == ST_OK ? st : refused;
}

/* What lists show of a secret, so that people can tell keys apart. */
static void make_hint(struct str secret, char out[16])
{
    out[0] = 0;
    if (secret.n >= HINT_BYTES_MIN)
        snprintf(out, 16, "%.6s...%.4s", secret.p, secret.p + secret.n - 4);
    if (!str_is_utf8(str_of(out)))
        out[0] = 0;
}

static enum status add_token(
    struct account *acc, int64_t key, struct str text, bool public_half, struct err *err)
{
    uint8_t hash[ACCOUNT_HASH_BYTES];
    hash_sha256(text, hash);
    return account__run(acc, "INSERT INTO token (hash, key, public_half) VALUES (?, ?, ?)",
        BINDS(B_HASH(hash), B_INT(key), B_INT(public_half)), err);
}

static enum status insert_key(struct account *acc, const struct new_key *k, int64_t *id, struct err *err)
{
    char hint[16];
    make_hint(k->secret, hint);
    enum status st = account__run(acc,
        "INSERT INTO api_key (organization, project, form, name, public_id, hint, ingest_only, created_ns)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        BINDS(B_INT(k->organization), B_REF(k->project), B_TEXT(str_of(account_form_name(k->form))),
            B_TEXT(k->name.p ? k->name : STR("")), B_TEXT(k->public_id), B_TEXT(str_of(hint)),
            B_INT(k->ingest_only), B_INT(clock_now_ns())),
        err);
    *id = sqlite3_last_insert_rowid(acc->db);
    if (st == ST_OK)
        st = add_token(acc, *id, k->secret, false, err);
    if (st == ST_OK && k->public_id.p)
        st = add_token(acc, *id, k->public_id, true, err);
    return st;
}

enum status account__make_key(
    struct account *acc, const struct new_key *k, int64_t *id, enum key_state *state, struct err *err)
{
    assert(k->form > ACCOUNT_NONE && k->form < ACCOUNT_FORMS);
    enum status st = check_key(k, err);
    if (st == ST_OK && k->name.n)
        st = account__check_name("name", k->name, err);
    if (st == ST_OK)
        st = check_claims(acc, k, k->secret, false, err);
    if (st == ST_OK && k->public_id.p)
        st = check_claims(acc, k, k->public_id, true, err);
    if (st == ST_OK)
        st = find_secret(acc, k, id, state, err);
    if (st != ST_OK || *id)
        return st;
    *state = KEY_MADE;
    return insert_key(acc, k, id, err);
}

/* ---- Users ---- */

static enum status hash_password(
    struct account *acc, struct str password, char out[crypto_pwhash_STRBYTES], struct err *err)
{
    enum status st = account__check_password_rules(password, err);
    if (st != ST_OK)
        return st;
    lock_take(&acc->hashing);
    int rc = crypto_pwhash_str_alg(out, password.p, password.n, crypto_pwhash_OPSLIMIT_INTERACTIVE,
        crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13);
    lock_drop(&acc->hashing);
    return rc == 0
               ? ST_OK
               : err_set(err, ST_BUSY, "hashing a password takes 64 MiB of memory, which are not free now");
}

enum status account__make_user(
    struct account *acc, const struct new_user *u, int64_t *number, struct err *err)
{
    char hash[crypto_pwhash_STRBYTES], id[37];
    bool taken;
    enum status st = check_email(u->email, err);
    if (st == ST_OK && u->name.n)
        st = account__check_name("name", u->name, err);
    if (st == ST_OK)
        st = account__number(acc, "SELECT number FROM user WHERE email = ? AND deleted_ns IS NULL",
            BINDS(B_TEXT(u->email)), number, &taken, err);
    if (st == ST_OK && taken)
        return err_at(err, ST_CONFLICT, "email", "there is a user %.*s already", STR_ARG(u->email));
    if (st == ST_OK)
        st = hash_password(acc, u->password, hash, err);
    if (st == ST_OK)
        st = account__run(acc,
            "INSERT INTO user (id, email, name, password, created_ns) VALUES (?, ?, ?, ?, ?)",
            BINDS(B_TEXT(uuid_new(id)), B_TEXT(u->email), B_TEXT(u->name.n ? u->name : u->email),
                B_TEXT(str_of(hash)), B_INT(clock_now_ns())),
            err);
    *number = sqlite3_last_insert_rowid(acc->db);
    return st;
}

enum status account__make_member(
    struct account *acc, int64_t user, int64_t organization, struct str role, struct err *err)
{
    enum status st = account__check_role(role, err);
    if (st != ST_OK)
        return st;
    return account__run(acc,
        "INSERT INTO member (user, organization, role) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        BINDS(B_INT(user), B_INT(organization), B_TEXT(role)), err);
}

enum status account__set_password(struct account *acc, int64_t user, struct str password, struct err *err)
{
    char hash[crypto_pwhash_STRBYTES];
    enum status st = hash_password(acc, password, hash, err);
    if (st != ST_OK)
        return st;
    return account__run(
        acc, "UPDATE user SET password = ? WHERE number = ?", BINDS(B_TEXT(str_of(hash)), B_INT(user)), err);
}
