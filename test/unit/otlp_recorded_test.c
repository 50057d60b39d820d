/* otlp: every recorded protobuf body and the JSON form of it give equal spans and log records. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "support/otlp_kit.h"

static struct str file_of(struct arena *a, const char *folder, struct str name)
{
    struct buf b;
    char chunk[4096];
    buf_init(&b, 0);
    const char *path = arena_cstr(a, arena_printf(a, "%s/%.*s", folder, STR_ARG(name)));
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_add(&b, chunk, n);
    fclose(f);
    struct str content = arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return content;
}

static enum otlp_signal signal_of(struct str path)
{
    return str_ends(path, STR("/v1/logs"))      ? SIGNAL_LOGS
           : str_ends(path, STR("/v1/metrics")) ? SIGNAL_METRICS
                                                : SIGNAL_TRACES;
}

static void compare(struct arena *a, const char *folder, struct json request, size_t *n_items)
{
    struct otlp_kit binary, json;
    enum otlp_signal signal = signal_of(json_str(json_key(request, "path")));
    otlp_kit_init(&binary);
    otlp_kit_init(&json);
    otlp_kit_protobuf(&binary, signal, file_of(a, folder, json_str(json_key(request, "bodyFile"))));
    otlp_kit_json_value(&json, signal, json_key(request, "bodyDecoded"));
    assert_int_equal(binary.st, ST_OK);
    assert_int_equal(json.st, ST_OK);
    assert_true(binary.tally.seen > 0);
    assert_int_equal(binary.tally.seen, json.tally.seen);
    assert_int_equal(binary.tally.rejected, 0);
    assert_int_equal(json.tally.rejected, 0);
    assert_string_equal(otlp_kit_text(&binary), otlp_kit_text(&json));
    assert_int_equal(binary.handed_out, signal == SIGNAL_METRICS ? 0 : binary.tally.seen);
    *n_items += binary.tally.seen;
    otlp_kit_fini(&binary);
    otlp_kit_fini(&json);
}

static size_t compare_file(const char *folder, const char *name, size_t *n_items)
{
    struct arena *a = arena_new();
    struct json recording, request;
    struct err err;
    size_t compared = 0;
    assert_int_equal(json_parse(a, file_of(a, folder, str_of(name)), 0, &recording, &err), ST_OK);
    struct json_iter it = json_iter(json_key(recording, "requests"));
    while (json_next(&it, NULL, &request))
        if (json_is_obj(json_key(request, "bodyDecoded"))) {
            compare(a, folder, request, n_items);
            compared++;
        }
    arena_free(a);
    return compared;
}

static size_t compare_folder(const char *folder, size_t *n_items)
{
    DIR *dir = opendir(folder);
    size_t compared = 0;
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (str_ends(str_of(e->d_name), STR(".json")))
            compared += compare_file(folder, e->d_name, n_items);
    closedir(dir);
    return compared;
}

static void test_javascript(void **state)
{
    (void)state;
    size_t n_items = 0;
    assert_int_equal(compare_folder("test/fixtures/opentelemetry-otlp-proto@0.223.0", &n_items), 16);
    assert_int_equal(n_items, 20);
}

static void test_python(void **state)
{
    (void)state;
    size_t n_items = 0;
    assert_int_equal(
        compare_folder("test/fixtures/py-opentelemetry-exporter-otlp-proto-http@1.45.2", &n_items), 12);
    assert_int_equal(n_items, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_javascript),
        cmocka_unit_test(test_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
