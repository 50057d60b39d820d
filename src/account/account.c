/*
 * account: opening and closing, and passwords. What an account handle is: one SQLite connection, its prepared look-ups, the cache of
 * keys, and one lock around them all. Editing is rare and looking up takes well under a microsecond, so one lock is enough.
 */
#include "account/account_priv.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/mem.h"

enum status account_open(const char *dir, struct account **out, struct err *err)
{
    int rc = sodium_init(); /* Argon2id needs it; 1: done before */
    assert(rc >= 0);
    (void)rc;
    struct account *acc = mem_alloc(sizeof *acc);
    lock_init(&acc->lock, LOCK_ACCOUNT);
    lock_init(&acc->hashing, LOCK_LEAF);
    enum status st = account__open_db(acc, dir, err);
    if (st != ST_OK) {
        account_close(acc);
        acc = NULL;
    }
    *out = acc;
    return st;
}

void account_close(struct account *acc)
{
    if (!acc)
        return;
    account__forget(acc);
    account__close_db(acc);
    lock_fini(&acc->lock);
    lock_fini(&acc->hashing);
    mem_free(acc);
}

struct str account_project_id(struct account *acc, int32_t project, struct arena *a)
{
    lock_take(&acc->lock);
    struct rows r = account__query(acc, "SELECT id FROM project WHERE number = ?", BINDS(B_INT(project)));
    struct str id = account__next(&r) ? arena_dup(a, account__text(&r, 0)) : STR_NONE;
    enum status st = account__end(&r, NULL);
    lock_drop(&acc->lock);
    return st == ST_OK ? id : STR_NONE;
}

/* ---- Passwords ---- */

/* Argon2id of a text nobody has, with the parameters account__set_password() uses: an unknown address takes as long as a wrong
 * password. */
static const char nobody[crypto_pwhash_STRBYTES] =
    "$argon2id$v=19$m=65536,t=2,p=1$PWIMn48b0LhOgBGPGaEpnw$6qFJQ9Hqr0oATVCdwGNnAc56OOf3EJ65cUHocEWMa9Y";

static enum status find_password(
    struct account *acc, struct str email, char out[crypto_pwhash_STRBYTES], struct err *err)
{
    memcpy(out, nobody, sizeof nobody);
    lock_take(&acc->lock);
    struct rows r = account__query(
        acc, "SELECT password FROM user WHERE email = ? AND deleted_ns IS NULL", BINDS(B_TEXT(email)));
    if (account__next(&r)) {
        struct str hash = account__text(&r, 0);
        assert(hash.n < crypto_pwhash_STRBYTES);
        memcpy(out, hash.p, hash.n);
        out[hash.n] = 0;
    }
    enum status st = account__end(&r, err);
    lock_drop(&acc->lock);
    return st;
}

enum status account_check_password(
    struct account *acc, struct str email, struct str password, bool *ok, struct err *err)
{
    char hash[crypto_pwhash_STRBYTES];
    *ok = false;
    enum status st = find_password(acc, email, hash, err);
    if (st != ST_OK)
        return st;
    lock_take(&acc->hashing);
    *ok = crypto_pwhash_str_verify(hash, password.p ? password.p : "", password.n) == 0;
    lock_drop(&acc->hashing);
    return ST_OK;
}
