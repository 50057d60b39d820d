/* account: what `tracewell project|key|user` print, refuse and return. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "support/account_folder.h"

#define assert_said(text)       assert_true(account_folder_said(f, text))
#define assert_complained(text) assert_true(account_folder_complained(f, text))

static struct json answer(struct account_folder *f)
{
    struct json v;
    assert_int_equal(json_parse(f->a, buf_str(&f->out), 0, &v, &f->err), ST_OK);
    return v;
}

static struct str member(struct account_folder *f, const char *key)
{
    return json_str(json_key(answer(f), key));
}

static void slug_is(struct account_folder *f, const char *name, const char *slug)
{
    assert_int_equal(RUN(f, "project", "create", name, "--json"), 0);
    assert_true(str_is(member(f, "slug"), slug));
}

/* ---- project ---- */

static void slugs_are_made_from_names(void **state)
{
    struct account_folder *f = *state;
    slug_is(f, "My First App", "my-first-app");
    slug_is(f, "my first  app!", "my-first-app-2");
    slug_is(f, "My_First.App", "my-first-app-3");
    slug_is(f, "* Caf\xc3\xa9 42 --", "caf-42");
    slug_is(f, "\xe9\xa1\xb9\xe7\x9b\xae", "unnamed");
    slug_is(f, "\xe9\xa1\xb9", "unnamed-2");
    slug_is(f, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static void slugs_are_no_words_of_the_server(void **state)
{
    static const char *const words[] = { "api", "V1", "v2", "v3", "v1development", "Auth", "graphql",
        "webhooks", "health", "healthz", "live", "livez", "ready", "readyz", "version", "metrics", "docs",
        "redoc", "project", "trace", "share" };
    struct account_folder *f = *state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_int_equal(RUN(f, "project", "create", words[i], "--json"), 0);
        assert_true(str_ends(member(f, "slug"), STR("-2")));
    }
    slug_is(f, "traces", "traces");
}

static void projects_are_listed(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "project", "list"), 0);
    assert_said("ID ");
    assert_said("11111111-1111-4111-8111-111111111111  demo  demo  acme          6");
    assert_int_equal(RUN(f, "project", "list", "--json", "--organization", "Acme"), 0);
    struct json first = json_at(json_key(answer(f), "projects"), 0);
    assert_true(str_is(json_str(json_key(first, "slug")), "demo"));
    assert_true(json_is_null(json_key(first, "deleted_at")));
    assert_true(json_is_str(json_key(first, "created_at")));
}

static void a_project_can_be_created_with_an_id(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "project", "create", "Two", "--id=p2"), 0);
    assert_said("id            p2\n");
    assert_true(account_folder_find(f, "p2"));
    assert_int_equal(RUN(f, "project", "create", "Three", "--id", "p2"), 1);
    assert_complained("tracewell project create: id: the id \"p2\" belongs to another project");
    assert_int_equal(RUN(f, "project", "create", "Two"), 1);
    assert_complained("there is a project \"Two\" already");
    assert_int_equal(RUN(f, "project", "create", " x"), 1);
    assert_complained("no spaces at its ends");
}

static void a_project_can_be_renamed(void **state)
{
    struct account_folder *f = *state;
    assert_true(account_folder_find(f, "tw_demo"));
    assert_int_equal(RUN(f, "project", "rename", "demo", "New name"), 0);
    assert_true(account_folder_find(f, "tw_demo"));
    assert_true(str_is(f->key.project_name, "New name"));
    assert_true(str_is(f->key.project_slug, "demo"));
    assert_int_equal(RUN(f, "project", "rename", "nope", "x"), 1);
    assert_complained("there is no project with the id or slug \"nope\"; there are demo\n");
}

static void a_deleted_project_keeps_its_id(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "project", "delete", "11111111-1111-4111-8111-111111111111", "--json"), 0);
    assert_true(json_is_str(json_key(answer(f), "deleted_at")));
    assert_int_equal(RUN(f, "project", "list", "--json"), 0);
    assert_int_equal(json_size(json_key(answer(f), "projects")), 0);
    assert_int_equal(RUN(f, "project", "delete", "demo"), 1);
    assert_int_equal(RUN(f, "project", "create", "demo", "--id", "11111111-1111-4111-8111-111111111111"), 1);
    assert_complained("ids are never given twice");
    slug_is(f, "demo", "demo"); /* a slug may serve again */
    assert_int_equal(RUN(f, "key", "create", "--json"), 0);
    assert_true(account_find(f->acc, member(f, "secret"), f->a, &f->key));
    assert_int_equal(f->key.project, 2);
}

/* ---- key ---- */

static void a_fresh_key_of_each_form_opens_its_project(void **state)
{
    struct account_folder *f = *state;
    for (int form = ACCOUNT_NONE + 1; form < ACCOUNT_FORMS; form++) {
        const char *name = account_form_name((enum account_form)form);
        assert_int_equal(RUN(f, "key", "create", "--json", "--form", name, "--project", "demo"), 0);
        struct str secret = member(f, "secret"), public = member(f, "public");
        assert_true(account_find_pair(f->acc, public, secret, f->a, &f->key));
        assert_int_equal(f->key.form, form);
        assert_int_equal(f->key.project, 1);
        if (form != ACCOUNT_TRACEWELL)
            assert_int_equal(account_form_of_shape(secret), form);
        assert_int_equal(RUN(f, "key", "list", "--json"), 0);
        assert_true(str_find(buf_str(&f->out), secret) == SIZE_MAX);
    }
}

static void a_new_key_is_shown_once(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "key", "create", "--name", "CI", "--ingest-only"), 0);
    assert_said("form         tracewell\n");
    assert_said("secret       tw_");
    assert_said("This is shown once");
    assert_int_equal(RUN(f, "key", "list"), 0);
    assert_said("CI    yes");
    assert_said("tw_");
    assert_false(account_folder_said(f, "sk-lf-demo"));
}

static void a_key_may_have_texts_clients_know(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(
        RUN(f, "key", "create", "--form", "langfuse", "--public", "pk-mine", "--secret", "sk-mine"), 0);
    assert_true(account_folder_find(f, "sk-mine"));
    assert_int_equal(
        RUN(f, "key", "create", "--form", "langfuse", "--public", "pk-mine", "--secret", "sk-mine"), 1);
    assert_complained("has this secret already");
    assert_int_equal(RUN(f, "key", "create", "--secret", "sk-mine"), 1);
    assert_complained("tracewell key create: secret: this text is taken");
    assert_int_equal(RUN(f, "key", "revoke", "pk-mine"), 0);
    assert_said("revoked");
    assert_int_equal(
        RUN(f, "key", "create", "--form", "langfuse", "--public", "pk-mine", "--secret", "sk-mine"), 1);
    assert_complained("is revoked, which cannot be undone");
}

static void a_team_key_is_made_for_an_organization(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "key", "create", "--json", "--form", "langtrace", "--organization", "acme"), 0);
    assert_true(json_is_null(json_key(answer(f), "project")));
    assert_true(account_find(f->acc, member(f, "secret"), f->a, &f->key));
    assert_int_equal(f->key.project, 0);
    assert_true(str_is(f->key.organization_id, "acme"));
    assert_int_equal(RUN(f, "key", "create", "--organization", "acme"), 1);
    assert_complained("only a key of form langtrace can belong to an organization");
}

static void the_only_project_needs_no_name(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "key", "create"), 0);
    assert_int_equal(RUN(f, "project", "create", "Other"), 0);
    assert_int_equal(RUN(f, "key", "create"), 1);
    assert_complained("say which project with --project; there are demo, other");
    assert_int_equal(RUN(f, "key", "create", "--project", "other"), 0);
    assert_int_equal(RUN(f, "key", "list", "--project", "other", "--json"), 0);
    assert_int_equal(json_size(json_key(answer(f), "keys")), 1);
}

static void revoking_is_listed_and_final(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "key", "revoke", "99"), 1);
    assert_complained("there is no key with the number or public half \"99\"");
    assert_int_equal(RUN(f, "key", "revoke", "7", "--json"), 0);
    struct str when = member(f, "revoked_at");
    assert_true(when.n > 0);
    assert_int_equal(RUN(f, "key", "revoke", "7", "--json"), 0);
    assert_true(str_eq(member(f, "revoked_at"), when));
    assert_int_equal(RUN(f, "key", "list", "--json"), 0);
    assert_int_equal(json_size(json_key(answer(f), "keys")), 6);
    assert_int_equal(RUN(f, "key", "list", "--all", "--json"), 0);
    assert_int_equal(json_size(json_key(answer(f), "keys")), 7);
}

/* ---- user ---- */

static bool opens(struct account_folder *f, const char *email, struct str password)
{
    bool ok;
    assert_int_equal(account_check_password(f->acc, str_of(email), password, &ok, &f->err), ST_OK);
    return ok;
}

static void users_come_and_go(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(
        RUN(f, "user", "create", "eve@example.com", "--role", "viewer", "--name", "Eve", "--json"), 0);
    struct str password = member(f, "password");
    assert_int_equal(password.n, 20);
    assert_true(opens(f, "eve@example.com", password));
    assert_int_equal(RUN(f, "user", "create", "EVE@example.com"), 1);
    assert_complained("there is a user EVE@example.com already");
    assert_int_equal(RUN(f, "user", "list"), 0);
    assert_said("eve@example.com  Eve   viewer  acme");
    assert_int_equal(RUN(f, "user", "password", "eve@example.com", "--password", "my-own-password"), 0);
    assert_false(account_folder_said(f, "my-own-password"));
    assert_false(opens(f, "eve@example.com", password));
    assert_true(opens(f, "eve@example.com", STR("my-own-password")));
    assert_int_equal(RUN(f, "user", "delete", "eve@example.com"), 0);
    assert_false(opens(f, "eve@example.com", STR("my-own-password")));
    assert_int_equal(RUN(f, "user", "delete", "eve@example.com"), 1);
    assert_complained("there is no user \"eve@example.com\"");
    assert_int_equal(RUN(f, "user", "create", "eve@example.com"), 0);
}

static void users_are_refused_with_a_reason(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "user", "create", "eve"), 1);
    assert_complained("\"eve\" is not an e-mail address");
    assert_int_equal(RUN(f, "user", "create", "eve@example.com", "--role", "king"), 1);
    assert_complained("not \"king\"");
    assert_int_equal(RUN(f, "user", "create", "eve@example.com", "--password", "short"), 1);
    assert_complained("8 to 1024 bytes, not 5");
    assert_int_equal(RUN(f, "user", "create", "eve@example.com", "--organization", "nope"), 1);
    assert_complained("there is no organization \"nope\"; there are acme");
}

static void a_password_comes_from_standard_input(void **state)
{
    struct account_folder *f = *state;
    int ends[2], before = dup(STDIN_FILENO);
    account_folder_init(f, account_folder_demo);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "from-standard-input\nmore\n", 25), 25);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    int code = RUN(f, "user", "password", "admin@example.com", "--password-stdin");
    dup2(before, STDIN_FILENO);
    close(before);
    assert_int_equal(code, 0);
    assert_true(opens(f, "admin@example.com", STR("from-standard-input")));
}

/* ---- The words ---- */

static void wrong_use_is_explained(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "key", "creat"), 2);
    assert_complained("there is no \"tracewell key creat\"; there are list, create, revoke");
    assert_complained("`tracewell key --help`");
    assert_int_equal(RUN(f, "key", "create", "--froms", "x"), 2);
    assert_complained("there is no option --froms here; there are --data, --json");
    assert_int_equal(RUN(f, "key", "list", "--form", "langfuse"), 2);
    assert_int_equal(RUN(f, "key", "create", "--form", "lang"), 1);
    assert_complained("--form takes langfuse, langwatch");
    assert_int_equal(RUN(f, "key", "list", "--json=yes"), 2);
    assert_complained("--json takes no value");
    assert_int_equal(RUN(f, "project", "rename", "demo"), 2);
    assert_complained("takes PROJECT NEW-NAME, got 1 word");
    assert_int_equal(RUN(f, "key", "list", "x"), 2);
    assert_complained("takes options only, got 1 word");
    char *last[] = { (char *)"list", (char *)"--data" };
    assert_int_equal(account_command("key", 2, last, &f->out, &f->errors), 2);
    assert_complained("--data needs DIR behind it");
    assert_int_equal(account_command("kye", 1, last, &f->out, &f->errors), 2);
    assert_complained("there is no command \"kye\"");
}

static void help_names_every_command(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "key", "--help"), 0);
    assert_said("tracewell key create [--organization ID] [--project PROJECT] [--form FORM]");
    assert_said("--data DIR");
    assert_false(account_folder_said(f, "--role"));
    assert_int_equal(RUN(f, "user", "create", "-h"), 0);
    assert_said("tracewell user delete EMAIL");
    buf_clear(&f->errors);
    assert_int_equal(account_command("project", 0, NULL, &f->out, &f->errors), 2);
    assert_complained("tracewell project rename PROJECT NEW-NAME");
}

static void a_missing_folder_is_made_only_to_begin(void **state)
{
    struct account_folder *f = *state;
    assert_int_equal(RUN(f, "key", "list"), 1);
    assert_complained("there are no accounts in ");
    assert_int_not_equal(access(f->dir, F_OK), 0);
    assert_int_equal(RUN(f, "project", "create", "demo", "--organization", "acme"), 0);
    assert_int_equal(RUN(f, "project", "list"), 0);
    assert_said("acme");
    assert_int_equal(RUN(f, "project", "delete", "demo"), 0);
    assert_int_equal(RUN(f, "key", "create"), 1);
    assert_complained("there is no project yet");
}

static void the_folder_comes_from_the_environment(void **state)
{
    struct account_folder *f = *state;
    char *list[] = { (char *)"list" };
    setenv("TRACEWELL_DATA", f->dir, 1);
    int code = account_command("project", 1, list, &f->out, &f->errors);
    unsetenv("TRACEWELL_DATA");
    assert_int_equal(code, 0);
    assert_said("demo");
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup_teardown(test, account_folder_open, account_folder_free)
#define EMPTY(test)  cmocka_unit_test_setup_teardown(test, account_folder_new, account_folder_free)
    const struct CMUnitTest tests[] = {
        OPENED(slugs_are_made_from_names),
        OPENED(slugs_are_no_words_of_the_server),
        OPENED(projects_are_listed),
        OPENED(a_project_can_be_created_with_an_id),
        OPENED(a_project_can_be_renamed),
        OPENED(a_deleted_project_keeps_its_id),
        OPENED(a_fresh_key_of_each_form_opens_its_project),
        OPENED(a_new_key_is_shown_once),
        OPENED(a_key_may_have_texts_clients_know),
        OPENED(a_team_key_is_made_for_an_organization),
        OPENED(the_only_project_needs_no_name),
        OPENED(revoking_is_listed_and_final),
        OPENED(users_come_and_go),
        OPENED(users_are_refused_with_a_reason),
        OPENED(a_password_comes_from_standard_input),
        OPENED(wrong_use_is_explained),
        OPENED(help_names_every_command),
        EMPTY(a_missing_folder_is_made_only_to_begin),
        OPENED(the_folder_comes_from_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
