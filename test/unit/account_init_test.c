/* account: --init makes all of a file or nothing, the same file any number of times, and says where a fault is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "support/account_folder.h"

/* The demo's organisation with one project and these keys. */
#define PROJECT(id, keys)                                                                  \
    "{\"organizations\":[{\"id\":\"acme\",\"projects\":[{\"id\":\"" id "\",\"name\":\"" id \
    "\",\"keys\":[" keys "]}]}]}"
#define KEY(form, secret) "{\"form\":\"" form "\",\"secret\":\"" secret "\"}"
#define PAIR(form, public, secret) \
    "{\"form\":\"" form "\",\"public\":\"" public "\",\"secret\":\"" secret "\"}"
#define DEMO_ID "11111111-1111-4111-8111-111111111111"

static void expect(
    struct account_folder *f, const char *json, enum status st, const char *path, const char *text)
{
    enum status got = account_init(f->acc, str_of(json), &f->err);
    if (got != st || strcmp(f->err.path, path) != 0 || !strstr(f->err.text, text))
        fail_msg("%s\ngave %s at \"%s\": %s\nwanted %s at \"%s\": %s", json, status_name(got), f->err.path,
            f->err.text, status_name(st), path, text);
}

static const char *list(struct account_folder *f, const char *word)
{
    assert_int_equal(RUN(f, word, "list", "--json"), 0);
    return arena_cstr(f->a, buf_str(&f->out));
}

static void the_same_file_twice_changes_nothing(void **state)
{
    struct account_folder *f = *state;
    account_folder_init(f, account_folder_demo);
    const char *projects = list(f, "project"), *keys = list(f, "key"), *users = list(f, "user");
    account_folder_init(f, account_folder_demo);
    account_folder_init(f, account_folder_demo);
    assert_string_equal(list(f, "project"), projects);
    assert_string_equal(list(f, "key"), keys);
    assert_string_equal(list(f, "user"), users);
}

static void what_is_missing_is_added(void **state)
{
    struct account_folder *f = *state;
    account_folder_init(f, PROJECT("p2", KEY("tracewell", "tw_two")));
    assert_true(account_folder_find(f, "tw_two"));
    assert_int_equal(f->key.project, 2);
    account_folder_init(f, PROJECT("p2", KEY("tracewell", "tw_two") "," KEY("langtrace", "lt_two")));
    assert_true(account_folder_find(f, "lt_two"));
    assert_true(account_folder_find(f, "tw_demo"));
}

static void what_people_changed_since_stays(void **state)
{
    struct account_folder *f = *state;
    bool ok;
    account_folder_init(f, account_folder_demo);
    assert_int_equal(RUN(f, "user", "password", "admin@example.com", "--password", "another-one"), 0);
    assert_int_equal(RUN(f, "project", "rename", "demo", "Renamed"), 0);
    assert_int_equal(RUN(f, "key", "revoke", "7"), 0);
    account_folder_init(f, account_folder_demo);
    assert_false(account_folder_find(f, "tw_demo"));
    assert_true(account_folder_find(f, "sk-lw-demo"));
    assert_true(str_is(f->key.project_name, "Renamed"));
    assert_int_equal(
        account_check_password(f->acc, STR("admin@example.com"), STR("another-one"), &ok, NULL), ST_OK);
    assert_true(ok);
}

static void what_was_deleted_stays_deleted(void **state)
{
    struct account_folder *f = *state;
    account_folder_init(f, account_folder_demo);
    assert_int_equal(RUN(f, "project", "delete", "demo"), 0);
    assert_int_equal(RUN(f, "user", "delete", "admin@example.com"), 0);
    account_folder_init(f, account_folder_demo);
    assert_false(account_folder_find(f, "tw_demo"));
    assert_int_equal(RUN(f, "user", "list", "--json"), 0);
    assert_false(account_folder_said(f, "admin@"));
}

static void nothing_is_made_when_anything_is_wrong(void **state)
{
    struct account_folder *f = *state;
    expect(f,
        "{\"organizations\":[{\"id\":\"new\",\"projects\":[{\"id\":\"p2\",\"keys\":[" KEY(
            "tracewell", "tw_two") "]}],"
                                   "\"users\":[{\"email\":\"two@example.com\",\"password\":\"long-enough\"},"
                                   "{\"email\":\"three@example.com\",\"password\":\"short\"}]}]}",
        ST_INVALID, "organizations[0].users[1].password", "8 to 1024 bytes, not 5");
    assert_false(account_folder_find(f, "tw_two"));
    assert_false(account_folder_find(f, "p2"));
    assert_int_equal(RUN(f, "user", "list"), 0);
    assert_false(account_folder_said(f, "two@example.com"));
    account_folder_init(f, PROJECT("p2", "")); /* and the number of what was not made is not lost */
    assert_true(account_folder_find(f, "p2"));
    assert_int_equal(f->key.project, 2);
}

static void faults_have_a_path(void **state)
{
    struct account_folder *f = *state;
    expect(f, "[]", ST_INVALID, "", "must be an object, got array");
    expect(f, "{\"organizations\":{}}", ST_INVALID, "organizations", "must be an array, got object");
    expect(f, "{\"organisations\":[]}", ST_INVALID, "",
        "no member \"organisations\" here; there may be organizations");
    expect(f, "{\"organizations\":[1]}", ST_INVALID, "organizations[0]", "must be an object, got number");
    expect(f, "{\"organizations\":[{}]}", ST_INVALID, "organizations[0].id", "is missing");
    expect(f, "{\"organizations\":[{\"id\":\"a b\"}]}", ST_INVALID, "organizations[0].id", "without spaces");
    expect(f, "{\"organizations\":[{\"id\":\"\"}]}", ST_INVALID, "organizations[0].id", "1 to 800 bytes");
    expect(f, "{\"organizations\":[{\"id\":\"o\",\"name\":null}]}", ST_INVALID, "organizations[0].name",
        "must be a string, got null");
    expect(f, "{\"organizations\":[{\"id\":\"o\"},{\"id\":\"o2\",\"teamkey\":\"x\"}]}", ST_INVALID,
        "organizations[1]", "no member \"teamkey\" here; there may be id, name, team_key, projects, users");
    expect(f, "{\"organizations\":[{\"id\":\"o\",\"team_key\":1}]}", ST_INVALID, "organizations[0].team_key",
        "must be a string, got number");
    expect(f, "{\"organizations\":[{\"id\":\"o\",\"projects\":[],\"projects\":[]}]}", ST_INVALID,
        "organizations[0]", "\"projects\" is there twice");
    expect(f, "{\"organizations\":[{\"id\":\"o\",\"users\":[{\"email\":\"x\",\"password\":\"12345678\"}]}]}",
        ST_INVALID, "organizations[0].users[0].email", "is not an e-mail address");
    expect(f,
        "{\"organizations\":[{\"id\":\"o\",\"users\":[{\"email\":\"x@y\",\"password\":\"12345678\",\"role\":\"boss\"}]}]}",
        ST_INVALID, "organizations[0].users[0].role", "owner, admin, member or viewer, not \"boss\"");
    expect(f, PROJECT("p", KEY("lunar", "x")), ST_INVALID, "organizations[0].projects[0].keys[0].form",
        "must be langfuse, langwatch, langtrace, lunary, agenttrace or tracewell, got \"lunar\"");
    expect(f, PROJECT("p", "{\"form\":\"langwatch\"}"), ST_INVALID,
        "organizations[0].projects[0].keys[0].secret", "is missing");
    expect(f, PROJECT("p", PAIR("langwatch", "pk", "sk")), ST_INVALID,
        "organizations[0].projects[0].keys[0].public", "a secret alone");
    expect(f, PROJECT("p", PAIR("langfuse", "pk:x", "sk")), ST_INVALID,
        "organizations[0].projects[0].keys[0].public", "\":\"");
    expect(f, PROJECT("p", PAIR("langfuse", "same", "same")), ST_INVALID,
        "organizations[0].projects[0].keys[0].secret", "same text as the public half");
}

static void broken_json_has_a_line(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(account_init(f->acc, STR("{\n\"organizations\": [}\n"), &f->err), ST_INVALID);
    assert_int_equal(f->err.line, 2);
}

static void a_text_belongs_to_one_project_form_and_half(void **state)
{
    struct account_folder *f = *state;
    const char *secret = "organizations[0].projects[0].keys[0].secret";
    const char *public = "organizations[0].projects[0].keys[0].public";
    expect(f, PROJECT("p2", KEY("tracewell", "tw_demo")), ST_CONFLICT, secret,
        "it is the secret half of a tracewell key of project " DEMO_ID);
    expect(f, PROJECT(DEMO_ID, KEY("langtrace", "tw_demo")), ST_CONFLICT, secret, "taken");
    expect(f, PROJECT(DEMO_ID, PAIR("langfuse", "sk-lf-demo", "x")), ST_CONFLICT, public,
        "secret half of a langfuse");
    expect(f, PROJECT(DEMO_ID, PAIR("langfuse", "x", "pk-lf-demo")), ST_CONFLICT, secret,
        "public half of a langfuse");
    expect(f, PROJECT("p2", PAIR("langfuse", "pk-lf-demo", "x")), ST_CONFLICT, public, "taken");
    expect(f, PROJECT("p2", KEY("tracewell", DEMO_ID)), ST_CONFLICT, secret, "taken");
    expect(f, PROJECT(DEMO_ID, KEY("tracewell", DEMO_ID)), ST_CONFLICT, secret, "taken");
    expect(f,
        PROJECT("p2", KEY("langtrace", "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210")),
        ST_CONFLICT, secret, "of organization acme");
    expect(f, "{\"organizations\":[{\"id\":\"acme\",\"team_key\":\"tw_demo\"}]}", ST_CONFLICT,
        "organizations[0].team_key", "taken");
    /* within one file, too */
    expect(f, PROJECT("p2", KEY("langtrace", "twice") "," KEY("tracewell", "twice")), ST_CONFLICT,
        "organizations[0].projects[0].keys[1].secret", "taken");
    /* a text of a key is no project id */
    expect(f, PROJECT("sk-lf-demo", ""), ST_CONFLICT, "organizations[0].projects[0].id", "a text of key 2");
}

static void rows_that_differ_in_nothing_may_share_a_text(void **state)
{
    struct account_folder *f = *state;
    account_folder_init(f, PROJECT(DEMO_ID, PAIR("lunary", DEMO_ID, "second") "," KEY("lunary", "third")));
    assert_true(account_folder_find(f, "second"));
    assert_true(account_folder_find(f, "third"));
    assert_true(str_is(f->key.public_id, DEMO_ID)); /* by default the project's id */
    assert_true(account_folder_find(f, DEMO_ID));
    assert_true(f->key.public_half);
    expect(f, PROJECT(DEMO_ID, PAIR("langfuse", "pk-lf-other", "sk-lf-demo")), ST_CONFLICT,
        "organizations[0].projects[0].keys[0].public", "whose public half is another one");
}

static void a_project_stays_in_its_organization(void **state)
{
    struct account_folder *f = *state;
    expect(f, "{\"organizations\":[{\"id\":\"other\",\"projects\":[{\"id\":\"" DEMO_ID "\"}]}]}", ST_CONFLICT,
        "organizations[0].projects[0].id", "belongs to organization acme, not to other");
}

static void a_user_may_be_in_two_organizations(void **state)
{
    struct account_folder *f = *state;
    account_folder_init(f, account_folder_demo);
    account_folder_init(f,
        "{\"organizations\":[{\"id\":\"other\",\"users\":[{\"email\":\"ADMIN@example.com\",\"password\":\"whatever8\","
        "\"role\":\"viewer\"}]}]}");
    assert_int_equal(RUN(f, "user", "list"), 0);
    assert_true(account_folder_said(f, "admin@example.com  admin@example.com  owner   acme"));
    assert_true(account_folder_said(f, "admin@example.com  admin@example.com  viewer  other"));
}

static void the_first_start_makes_one_of_each(void **state)
{
    struct account_folder *f = *state;
    bool made;
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_OK);
    assert_int_equal(account_first(f->acc, &f->out, &made, &f->err), ST_OK);
    assert_true(made);
    struct str rest = arena_dup(f->a, buf_str(&f->out)), line, name;
    int forms[ACCOUNT_FORMS] = { 0 };
    while (str_cut(&rest, '\n', &line)) {
        if (str_find(line, STR("_KEY=")) == SIZE_MAX)
            continue;
        str_cut(&line, '=', &name);
        assert_true(account_find(f->acc, line, f->a, &f->key));
        assert_int_equal(f->key.project, 1);
        forms[f->key.form] |= f->key.public_half ? 2 : 1;
        if (f->key.form != ACCOUNT_TRACEWELL)
            assert_int_equal(account_form_of_shape(line), f->key.form);
    }
    assert_int_equal(forms[ACCOUNT_LANGFUSE], 3);
    assert_int_equal(forms[ACCOUNT_LANGWATCH], 1);
    assert_int_equal(forms[ACCOUNT_LANGTRACE], 1);
    assert_int_equal(forms[ACCOUNT_LUNARY], 3);
    assert_int_equal(forms[ACCOUNT_AGENTTRACE], 3);
    assert_int_equal(forms[ACCOUNT_TRACEWELL], 1);
    size_t before = f->out.n;
    assert_int_equal(account_first(f->acc, &f->out, &made, &f->err), ST_OK);
    assert_false(made);
    assert_int_equal(f->out.n, before);
}

static void the_first_owner_can_sign_in(void **state)
{
    struct account_folder *f = *state;
    bool made, ok;
    assert_int_equal(account_open(f->dir, &f->acc, &f->err), ST_OK);
    assert_int_equal(account_first(f->acc, &f->out, &made, &f->err), ST_OK);
    size_t at = str_find(buf_str(&f->out), STR("password      "));
    assert_true(at != SIZE_MAX);
    struct str password = str_sub(buf_str(&f->out), at + 14, 20);
    assert_int_equal(account_check_password(f->acc, STR("admin@example.com"), password, &ok, NULL), ST_OK);
    assert_true(ok);
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup_teardown(test, account_folder_open, account_folder_free)
#define EMPTY(test)  cmocka_unit_test_setup_teardown(test, account_folder_new, account_folder_free)
    const struct CMUnitTest tests[] = {
        OPENED(the_same_file_twice_changes_nothing),
        OPENED(what_is_missing_is_added),
        OPENED(what_people_changed_since_stays),
        OPENED(what_was_deleted_stays_deleted),
        OPENED(nothing_is_made_when_anything_is_wrong),
        OPENED(faults_have_a_path),
        OPENED(broken_json_has_a_line),
        OPENED(a_text_belongs_to_one_project_form_and_half),
        OPENED(rows_that_differ_in_nothing_may_share_a_text),
        OPENED(a_project_stays_in_its_organization),
        OPENED(a_user_may_be_in_two_organizations),
        EMPTY(the_first_start_makes_one_of_each),
        EMPTY(the_first_owner_can_sign_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
