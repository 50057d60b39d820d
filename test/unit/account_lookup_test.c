/* account: which token opens what; that a revoked key fails at once; the file on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "support/account_folder.h"

#define DEMO_ID             "11111111-1111-4111-8111-111111111111"
#define LUNARY_KEY          "22222222-2222-4222-8222-222222222222"
#define LANGTRACE           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TEAM_KEY            "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define assert_str(s, text) assert_true(str_is(s, text))

/* ---- What tokens open ---- */

static void every_form_and_half_is_found(void **state)
{
    static const struct {
        const char *token;
        enum account_form form;
        bool public_half;
        const char *public_id;
    } rows[] = {
        { "pk-lf-demo", ACCOUNT_LANGFUSE, true, "pk-lf-demo" },
        { "sk-lf-demo", ACCOUNT_LANGFUSE, false, "pk-lf-demo" },
        { "sk-lw-demo", ACCOUNT_LANGWATCH, false, NULL },
        { LANGTRACE, ACCOUNT_LANGTRACE, false, NULL },
        { DEMO_ID, ACCOUNT_LUNARY, true, DEMO_ID },
        { LUNARY_KEY, ACCOUNT_LUNARY, false, DEMO_ID },
        { "pk-at-demo", ACCOUNT_AGENTTRACE, true, "pk-at-demo" },
        { "sk-at-demo", ACCOUNT_AGENTTRACE, false, "pk-at-demo" },
        { "tw_demo", ACCOUNT_TRACEWELL, false, NULL },
    };
    struct account_folder *f = *state;
    for (int round = 0; round < 2; round++) /* from the file, from the cache */
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            assert_true(account_folder_find(f, rows[i].token));
            assert_int_equal(f->key.form, rows[i].form);
            assert_int_equal(f->key.public_half, rows[i].public_half);
            assert_true(str_eq(f->key.public_id, str_of(rows[i].public_id)));
            assert_int_equal(f->key.project, 1);
            assert_true(f->key.id > 0);
            assert_false(f->key.ingest_only);
            assert_str(f->key.project_id, DEMO_ID);
            assert_str(f->key.project_name, "demo");
            assert_str(f->key.project_slug, "demo");
            assert_str(f->key.organization_id, "acme");
        }
}

static void what_is_unknown_is_not_found(void **state)
{
    static const char *const tokens[] = { "", "wrong", "sk-lf-dem", "sk-lf-demo ", "SK-LF-DEMO", "acme",
        "demo", "44444444-4444-4444-8444-444444444444" };
    struct account_folder *f = *state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        assert_false(account_folder_find(f, tokens[i]));
        assert_false(f->key.failed);
        assert_int_equal(f->key.project, 0);
    }
    assert_false(account_find(f->acc, STR_NONE, f->a, &f->key));
    assert_false(account_find(f->acc, ((struct str){ "tw_demo\0x", 9 }), f->a, &f->key));
}

static void a_team_key_opens_its_organization_alone(void **state)
{
    struct account_folder *f = *state;
    assert_true(account_folder_find(f, TEAM_KEY));
    assert_int_equal(f->key.form, ACCOUNT_LANGTRACE);
    assert_int_equal(f->key.project, 0);
    assert_null(f->key.project_id.p);
    assert_str(f->key.organization_id, "acme");
}

static bool find_pair(struct account_folder *f, const char *first, const char *second)
{
    return account_find_pair(f->acc, str_of(first), str_of(second), f->a, &f->key);
}

static void the_first_of_a_pair_must_be_the_public_half(void **state)
{
    struct account_folder *f = *state;
    assert_true(find_pair(f, "pk-lf-demo", "sk-lf-demo"));
    assert_false(f->key.public_half);
    assert_true(find_pair(f, DEMO_ID, LUNARY_KEY));
    assert_true(find_pair(f, "pk-at-demo", "sk-at-demo"));
    assert_false(find_pair(f, "pk-at-demo", "sk-lf-demo"));
    assert_false(find_pair(f, "pk-lf-dem", "sk-lf-demo"));
    assert_false(find_pair(f, "", "sk-lf-demo"));
    assert_false(find_pair(f, DEMO_ID, "sk-lf-demo"));
    assert_int_equal(f->key.project, 0);
    assert_false(find_pair(f, "pk-lf-demo", "wrong"));
    assert_false(find_pair(f, "pk-lf-demo", ""));
}

static void a_row_without_a_public_half_takes_any_first_half(void **state)
{
    struct account_folder *f = *state;
    assert_true(find_pair(f, DEMO_ID, "sk-lw-demo"));
    assert_true(find_pair(f, "any", "tw_demo"));
    assert_str(f->key.project_id, DEMO_ID);
}

static void a_project_id_is_its_lunary_public_key(void **state)
{
    struct account_folder *f = *state;
    account_folder_init(
        f, "{\"organizations\":[{\"id\":\"acme\",\"projects\":[{\"id\":\"p2\",\"name\":\"two\"}]}]}");
    assert_true(account_folder_find(f, "p2"));
    assert_int_equal(f->key.form, ACCOUNT_LUNARY);
    assert_true(f->key.public_half);
    assert_int_equal(f->key.id, 0);
    assert_str(f->key.public_id, "p2");
    assert_int_equal(f->key.project, 2);
    assert_true(find_pair(f, "p2", "p2"));
    assert_false(find_pair(f, "p1", "p2"));
}

static void langwatch_ingestion_keys_only_ingest(void **state)
{
    struct account_folder *f = *state;
    account_folder_init(f,
        "{\"organizations\":[{\"id\":\"acme\",\"projects\":[{\"id\":\"" DEMO_ID "\",\"keys\":["
        "{\"form\":\"langwatch\",\"secret\":\"ik-lw-abcdefghijklmnop_x\"},"
        "{\"form\":\"langwatch\",\"secret\":\"sk-lw-abcdefghijklmnop_012345678901234567890123456789012345678901234567\"}"
        "]}]}]}");
    assert_true(account_folder_find(f, "ik-lw-abcdefghijklmnop_x"));
    assert_true(f->key.ingest_only);
    assert_true(
        account_folder_find(f, "sk-lw-abcdefghijklmnop_012345678901234567890123456789012345678901234567"));
    assert_false(f->key.ingest_only);
}

static void a_project_number_has_an_id(void **state)
{
    struct account_folder *f = *state;
    assert_str(account_project_id(f->acc, 1, f->a), DEMO_ID);
    assert_null(account_project_id(f->acc, 2, f->a).p);
}

static void shapes_name_a_form_for_errors(void **state)
{
    static const struct {
        const char *token;
        enum account_form form;
    } rows[] = {
        { "sk-lw-x", ACCOUNT_LANGWATCH },
        { "ik-lw-x", ACCOUNT_LANGWATCH },
        { "pat-lw-x", ACCOUNT_LANGWATCH },
        { "pk-lf-x", ACCOUNT_LANGFUSE },
        { "sk-lf-x", ACCOUNT_LANGFUSE },
        { "sk-at-x", ACCOUNT_AGENTTRACE },
        { "pk-at-x", ACCOUNT_AGENTTRACE },
        { "at-x", ACCOUNT_AGENTTRACE },
        { "at_pk_x", ACCOUNT_AGENTTRACE },
        { "at_sk_x", ACCOUNT_AGENTTRACE },
        { "pk-0123456789abcdef0123456789abcdef", ACCOUNT_AGENTTRACE },
        { "pk-0123456789abcdef0123456789abcde", ACCOUNT_NONE },
        { "sk-" LANGTRACE, ACCOUNT_AGENTTRACE },
        { "eyJh.eyJl-_.c2ln", ACCOUNT_AGENTTRACE },
        { "a.b", ACCOUNT_NONE },
        { "a.b.c.d", ACCOUNT_NONE },
        { "a..c", ACCOUNT_NONE },
        { DEMO_ID, ACCOUNT_LUNARY },
        { "11111111-1111-4111-8111-11111111111", ACCOUNT_NONE },
        { LANGTRACE, ACCOUNT_LANGTRACE },
        { LANGTRACE "0", ACCOUNT_NONE },
        { "tw_x", ACCOUNT_NONE },
        { "", ACCOUNT_NONE },
        { "wrong", ACCOUNT_NONE },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(account_form_of_shape(str_of(rows[i].token)), rows[i].form);
    assert_int_equal(account_form_of_shape(STR_NONE), ACCOUNT_NONE);
}

static void forms_have_names(void **state)
{
    (void)state;
    for (int form = ACCOUNT_NONE + 1; form < ACCOUNT_FORMS; form++)
        assert_int_equal(account_form_find(str_of(account_form_name((enum account_form)form))), form);
    assert_int_equal(account_form_find(STR("none")), -1);
    assert_int_equal(account_form_find(STR("Langfuse")), -1);
    assert_int_equal(account_form_find(STR_NONE), -1);
}

/* ---- Revocation ---- */

static void a_key_revoked_by_another_handle_fails_at_once(void **state)
{
    struct account_folder *f = *state;
    assert_true(account_folder_find(f, "tw_demo"));
    assert_true(account_folder_find(f, "pk-lf-demo"));
    assert_int_equal(RUN(f, "key", "revoke", "6"), 0); /* the command opens a handle of its own */
    assert_true(account_folder_find(f, "sk-lf-demo"));
    assert_int_equal(RUN(f, "key", "revoke", "pk-lf-demo"), 0);
    assert_false(account_folder_find(f, "pk-lf-demo"));
    assert_false(account_folder_find(f, "sk-lf-demo"));
    assert_int_equal(RUN(f, "key", "list", "--json"), 0);
    assert_true(account_folder_find(f, "sk-lw-demo"));
}

static void the_project_id_closes_with_its_last_lunary_key(void **state)
{
    struct account_folder *f = *state;
    assert_true(account_folder_find(f, LUNARY_KEY));
    assert_int_equal(RUN(f, "key", "create", "--form", "lunary"), 0);
    assert_int_equal(RUN(f, "key", "revoke", DEMO_ID), 1); /* two keys have it */
    assert_true(account_folder_complained(f, "2 keys have this public half"));
    assert_int_equal(RUN(f, "key", "revoke", "5"), 0);
    assert_false(account_folder_find(f, LUNARY_KEY));
    assert_true(account_folder_find(f, DEMO_ID));
    assert_int_equal(RUN(f, "key", "revoke", DEMO_ID), 0);
    assert_false(account_folder_find(f, DEMO_ID));
}

static void keys_of_a_deleted_project_fail_at_once(void **state)
{
    struct account_folder *f = *state;
    assert_true(account_folder_find(f, "tw_demo"));
    assert_int_equal(RUN(f, "project", "delete", "demo"), 0);
    assert_false(account_folder_find(f, "tw_demo"));
    assert_false(account_folder_find(f, DEMO_ID));
    assert_true(account_folder_find(f, TEAM_KEY));
    assert_str(account_project_id(f->acc, 1, f->a), DEMO_ID);
}

/* Answers each byte that comes with whether tw_demo opens anything. Its own process, so it never shares SQLite's state. */
static void serve_lookups(const char *dir, int in, int out)
{
    struct account *acc;
    struct arena *a = arena_new();
    struct account_key key;
    char c;
    if (account_open(dir, &acc, NULL) != ST_OK)
        _exit(1);
    while (read(in, &c, 1) == 1) {
        c = account_find(acc, STR("tw_demo"), a, &key) ? 'y' : 'n';
        if (write(out, &c, 1) != 1)
            break;
    }
    account_close(acc);
    arena_free(a);
    _exit(0);
}

static char ask(int to, int from)
{
    char c = '?';
    assert_int_equal(write(to, &c, 1), 1);
    assert_int_equal(read(from, &c, 1), 1);
    return c;
}

static void a_key_revoked_by_another_process_fails_at_once(void **state)
{
    struct account_folder *f = *state;
    int to[2], from[2], status;
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    pid_t child = fork(); /* before this process opens the file */
    assert_true(child >= 0);
    if (child == 0) {
        close(to[1]);
        close(from[0]);
        serve_lookups(f->dir, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    assert_int_equal(ask(to[1], from[0]), 'n');
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_OK);
    account_folder_init(f, account_folder_demo);
    assert_int_equal(ask(to[1], from[0]), 'y');
    assert_int_equal(ask(to[1], from[0]), 'y');
    assert_int_equal(RUN(f, "key", "revoke", "7"), 0);
    assert_int_equal(ask(to[1], from[0]), 'n');
    close(to[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(from[0]);
}

/* ---- Passwords ---- */

static bool opens(struct account_folder *f, const char *email, const char *password)
{
    bool ok;
    assert_int_equal(account_check_password(f->acc, str_of(email), str_of(password), &ok, &f->err), ST_OK);
    return ok;
}

static void passwords_are_checked(void **state)
{
    struct account_folder *f = *state;
    account_folder_init(f, account_folder_demo);
    assert_true(opens(f, "admin@example.com", "change-me-please"));
    assert_true(opens(f, "Admin@Example.com", "change-me-please"));
    assert_false(opens(f, "admin@example.com", "change-me-pleas"));
    assert_false(opens(f, "admin@example.com", ""));
    assert_false(opens(f, "nobody@example.com", "change-me-please"));
}

/* ---- The file ---- */

static unsigned mode_of(struct account_folder *f, const char *name)
{
    struct stat info;
    const char *path = arena_cstr(f->a, arena_printf(f->a, "%s/%s", f->dir, name));
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void others_can_read_nothing(void **state)
{
    struct account_folder *f = *state;
    mode_t before = umask(0);
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_OK);
    account_folder_init(f, account_folder_demo);
    umask(before);
    assert_int_equal(mode_of(f, "."), 0700);
    assert_int_equal(mode_of(f, "accounts.db"), 0600);
    assert_int_equal(mode_of(f, "accounts.db-wal"), 0600);
    assert_int_equal(mode_of(f, "accounts.db-shm"), 0600);
}

static struct str read_file(struct account_folder *f, const char *name)
{
    const char *path = arena_cstr(f->a, arena_printf(f->a, "%s/%s", f->dir, name));
    FILE *file = fopen(path, "rb");
    char *bytes = arena_alloc(f->a, 1 << 20);
    assert_non_null(file);
    size_t n = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return (struct str){ bytes, n };
}

static void no_secret_is_in_the_file(void **state)
{
    static const char *const secrets[] = { "sk-lf-demo", "sk-lw-demo", LANGTRACE, TEAM_KEY, LUNARY_KEY,
        "sk-at-demo", "tw_demo", "change-me-please" };
    struct account_folder *f = *state;
    account_folder_init(f, account_folder_demo);
    account_close(f->acc); /* the log goes into the file; and reading it would drop SQLite's locks */
    f->acc = NULL;
    struct str bytes = read_file(f, "accounts.db");
    assert_true(bytes.n > 4096);
    assert_true(str_find(bytes, STR("pk-lf-demo")) != SIZE_MAX);
    assert_true(str_find(bytes, STR("$argon2id$")) != SIZE_MAX);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        assert_true(str_find(bytes, str_of(secrets[i])) == SIZE_MAX);
}

static void accounts_survive_closing(void **state)
{
    struct account_folder *f = *state;
    account_close(f->acc);
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_OK);
    assert_true(account_folder_find(f, "tw_demo"));
}

static void write_file(struct account_folder *f, const char *bytes)
{
    const char *path = arena_cstr(f->a, arena_printf(f->a, "%s/accounts.db", f->dir));
    assert_int_equal(mkdir(f->dir, 0700), 0);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(bytes, file);
    fclose(file);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct account_folder *f = *state;
    write_file(f,
        "This is a text file that somebody has put here, long enough to be looked at as a database header.....");
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_CORRUPT);
    assert_null(f->acc);
    assert_non_null(strstr(f->err.text, "accounts.db is damaged"));
}

/* What another program might do to the file. */
static void edit_file(struct account_folder *f, const char *sql)
{
    sqlite3 *db;
    const char *path = arena_cstr(f->a, arena_printf(f->a, "%s/accounts.db", f->dir));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_file_of_a_newer_version_is_refused(void **state)
{
    struct account_folder *f = *state;
    edit_file(f, "PRAGMA user_version = 99");
    account_close(f->acc);
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_CONFLICT);
    assert_non_null(strstr(f->err.text, "schema 99"));
    assert_non_null(strstr(f->err.text, "newer Tracewell"));
}

static void a_database_of_another_program_is_refused(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(mkdir(f->dir, 0700), 0);
    edit_file(f, "CREATE TABLE theirs (x)");
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_CORRUPT);
    assert_non_null(strstr(f->err.text, "another program"));
    edit_file(f, "SELECT x FROM theirs");
}

static void a_failed_lookup_is_no_unknown_key(void **state)
{
    struct account_folder *f = *state;
    assert_true(account_folder_find(f, "tw_demo"));
    edit_file(f, "DROP TABLE token");
    assert_false(account_folder_find(f, "tw_demo"));
    assert_true(f->key.failed);
}

static void a_folder_that_cannot_be_is_refused(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(account_open("", &f->acc, &f->err), ST_INVALID);
    assert_int_equal(account_open("/dev/null/data", &f->acc, &f->err), ST_IO);
    assert_non_null(strstr(f->err.text, "/dev/null"));
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup_teardown(test, account_folder_open, account_folder_free)
#define EMPTY(test)  cmocka_unit_test_setup_teardown(test, account_folder_new, account_folder_free)
    const struct CMUnitTest tests[] = {
        OPENED(every_form_and_half_is_found),
        OPENED(what_is_unknown_is_not_found),
        OPENED(a_team_key_opens_its_organization_alone),
        OPENED(the_first_of_a_pair_must_be_the_public_half),
        OPENED(a_row_without_a_public_half_takes_any_first_half),
        OPENED(a_project_id_is_its_lunary_public_key),
        OPENED(langwatch_ingestion_keys_only_ingest),
        OPENED(a_project_number_has_an_id),
        cmocka_unit_test(shapes_name_a_form_for_errors),
        cmocka_unit_test(forms_have_names),
        OPENED(a_key_revoked_by_another_handle_fails_at_once),
        OPENED(the_project_id_closes_with_its_last_lunary_key),
        OPENED(keys_of_a_deleted_project_fail_at_once),
        EMPTY(a_key_revoked_by_another_process_fails_at_once),
        OPENED(passwords_are_checked),
        EMPTY(others_can_read_nothing),
        OPENED(no_secret_is_in_the_file),
        OPENED(accounts_survive_closing),
        EMPTY(a_file_that_is_no_database_is_refused),
        OPENED(a_file_of_a_newer_version_is_refused),
        EMPTY(a_database_of_another_program_is_refused),
        OPENED(a_failed_lookup_is_no_unknown_key),
        EMPTY(a_folder_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
