/* account: what products' own APIs do: projects with their fields, and the one minted key of a project or a team. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "support/account_folder.h"

#define DEMO_ID             "11111111-1111-4111-8111-111111111111"
#define LANGTRACE           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TEAM_KEY            "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define assert_str(s, text) assert_true(str_is(s, text))

static struct account_project make(struct account_folder *f, const char *name, const char *description)
{
    struct account_project p = {
        .organization_id = STR("acme"), .name = str_of(name), .description = str_of(description)
    };
    assert_int_equal(account_make_project(f->acc, f->a, &p, &f->err), ST_OK);
    return p;
}

static void a_project_keeps_its_fields(void **state)
{
    struct account_folder *f = *state;
    struct account_project p = make(f, "My Project", "for tests"), q;
    bool found = false;
    assert_str(p.type, "default");
    assert_str(p.organization_id, "acme");
    assert_true(p.number > 1);
    assert_true(p.created_ns > 0 && p.updated_ns == p.created_ns);
    assert_int_equal(account_get_project(f->acc, f->a, p.id, &q, &found, &f->err), ST_OK);
    assert_true(found);
    assert_int_equal(q.number, p.number);
    assert_str(q.name, "My Project");
    assert_str(q.description, "for tests");
    assert_int_equal(account_get_project(f->acc, f->a, STR("nobody"), &q, &found, &f->err), ST_OK);
    assert_false(found);
}

static void names_may_be_empty_and_the_same(void **state)
{
    struct account_folder *f = *state;
    struct account_project p = make(f, NULL, NULL), q = make(f, "", ""), r = make(f, "demo", NULL);
    assert_str(p.name, "");
    assert_str(p.description, "");
    assert_str(r.name, "demo");
    assert_false(str_eq(p.id, q.id));
}

static void a_change_moves_updated(void **state)
{
    struct account_folder *f = *state;
    struct account_project p = make(f, "before", NULL);
    bool found;
    assert_int_equal(RUN(f, "project", "rename", arena_cstr(f->a, p.id), "after"), 0);
    assert_int_equal(account_get_project(f->acc, f->a, p.id, &p, &found, &f->err), ST_OK);
    assert_str(p.name, "after");
    assert_true(p.updated_ns > p.created_ns);
}

static void wrong_projects_are_refused(void **state)
{
    struct account_folder *f = *state;
    struct account_project p = { .organization_id = STR("nobody"), .name = STR("x") };
    assert_int_equal(account_make_project(f->acc, f->a, &p, &f->err), ST_NOT_FOUND);
    char *text = arena_alloc(f->a, 5000);
    memset(text, 'x', 4999);
    p = (struct account_project){ .organization_id = STR("acme"), .description = str_of(text) };
    assert_int_equal(account_make_project(f->acc, f->a, &p, &f->err), ST_INVALID);
    assert_string_equal(f->err.path, "description");
    p = (struct account_project){ .organization_id = STR("acme"), .name = STR("two\nlines") };
    assert_int_equal(account_make_project(f->acc, f->a, &p, &f->err), ST_INVALID);
    assert_string_equal(f->err.path, "name");
}

static void a_removed_project_opens_nothing(void **state)
{
    struct account_folder *f = *state;
    struct account_project p = make(f, "short", NULL);
    struct str key;
    bool found = true;
    assert_int_equal(account_mint_key(f->acc, f->a, STR("acme"), p.id, &key, &f->err), ST_OK);
    assert_true(account_folder_find(f, arena_cstr(f->a, key)));
    assert_int_equal(account_remove_project(f->acc, p.id, &f->err), ST_OK);
    assert_false(account_folder_find(f, arena_cstr(f->a, key)));
    assert_int_equal(account_get_project(f->acc, f->a, p.id, &p, &found, &f->err), ST_OK);
    assert_false(found);
}

static bool is_hex_key(struct str s)
{
    return s.n == 64 && strspn(s.p, "0123456789abcdef") >= 64;
}

static void a_minted_key_replaces_the_one_before(void **state)
{
    struct account_folder *f = *state;
    struct str first, second;
    assert_int_equal(account_mint_key(f->acc, f->a, STR("acme"), STR(DEMO_ID), &first, &f->err), ST_OK);
    assert_true(is_hex_key(first));
    assert_true(account_folder_find(f, arena_cstr(f->a, first)));
    assert_int_equal(f->key.form, ACCOUNT_LANGTRACE);
    assert_str(f->key.project_id, DEMO_ID);
    assert_int_equal(account_mint_key(f->acc, f->a, STR("acme"), STR(DEMO_ID), &second, &f->err), ST_OK);
    assert_false(account_folder_find(f, arena_cstr(f->a, first)));
    assert_true(account_folder_find(f, arena_cstr(f->a, second)));
    assert_true(account_folder_find(f, LANGTRACE)); /* made elsewhere */
    assert_true(account_folder_find(f, TEAM_KEY));
}

static void team_and_project_keys_do_not_replace_each_other(void **state)
{
    struct account_folder *f = *state;
    struct str project, team, team2;
    assert_int_equal(account_mint_key(f->acc, f->a, STR("acme"), STR(DEMO_ID), &project, &f->err), ST_OK);
    assert_int_equal(account_mint_key(f->acc, f->a, STR("acme"), STR_NONE, &team, &f->err), ST_OK);
    assert_true(account_folder_find(f, arena_cstr(f->a, project)));
    assert_true(account_folder_find(f, arena_cstr(f->a, team)));
    assert_int_equal(f->key.project, 0);
    assert_str(f->key.organization_id, "acme");
    assert_int_equal(account_mint_key(f->acc, f->a, STR("acme"), STR_NONE, &team2, &f->err), ST_OK);
    assert_false(account_folder_find(f, arena_cstr(f->a, team)));
    assert_true(account_folder_find(f, arena_cstr(f->a, project)));
}

static void keys_are_minted_only_at_home(void **state)
{
    struct account_folder *f = *state;
    struct str key;
    account_folder_init(f, "{\"organizations\":[{\"id\":\"globex\",\"name\":\"Globex\",\"projects\":[]}]}");
    assert_int_equal(
        account_mint_key(f->acc, f->a, STR("globex"), STR(DEMO_ID), &key, &f->err), ST_NOT_FOUND);
    assert_string_equal(f->err.text, "No projects found");
    assert_int_equal(account_mint_key(f->acc, f->a, STR("acme"), STR("none"), &key, &f->err), ST_NOT_FOUND);
}

/* A file of the first schema, as version 0.1 made it, keeps its rows and gets the new columns. */
static void an_older_file_is_migrated(void **state)
{
    struct account_folder *f = *state;
    sqlite3 *db;
    char path[128];
    bool found;
    struct account_project p;
    account_close(f->acc);
    f->acc = NULL;
    snprintf(path, sizeof path, "%s/accounts.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                         "ALTER TABLE project DROP COLUMN description; ALTER TABLE project DROP COLUMN type;"
                         "ALTER TABLE project DROP COLUMN updated_ns; ALTER TABLE api_key DROP COLUMN minted;"
                         "PRAGMA user_version = 1",
                         NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_OK);
    assert_int_equal(account_get_project(f->acc, f->a, STR(DEMO_ID), &p, &found, &f->err), ST_OK);
    assert_true(found);
    assert_str(p.name, "demo");
    assert_str(p.type, "default");
    assert_true(p.updated_ns == p.created_ns && p.created_ns > 0);
    assert_true(account_folder_find(f, LANGTRACE));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, account_folder_open, account_folder_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_project_keeps_its_fields),
        TEST(names_may_be_empty_and_the_same),
        TEST(a_change_moves_updated),
        TEST(wrong_projects_are_refused),
        TEST(a_removed_project_opens_nothing),
        TEST(a_minted_key_replaces_the_one_before),
        TEST(team_and_project_keys_do_not_replace_each_other),
        TEST(keys_are_minted_only_at_home),
        TEST(an_older_file_is_migrated),
    };
    return cmocka_run_group_tests_name("account/project", tests, NULL, NULL);
}
