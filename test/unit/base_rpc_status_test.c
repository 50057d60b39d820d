/* google.rpc.Status: the worked bytes of otlp.md 1.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rpc_status.h"

static void check(enum rpc_code code, struct str message, int64_t retry_s, const char *hex)
{
    struct arena *a = arena_new();
    struct buf out;
    buf_init(&out, 0);
    rpc_status_add(&out, code, message, retry_s);
    assert_string_equal(arena_cstr(a, hex_encode(a, out.p, out.n)), hex);
    buf_fini(&out);
    arena_free(a);
}

static void the_worked_bytes(void **state)
{
    check(RPC_INVALID_ARGUMENT, STR("bad"), 0, "08031203626164");
    check(RPC_UNAVAILABLE, STR("busy"), 5,
        "080e1204627573791a300a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e66"
        "6f12040a020805");
    check(RPC_OK, STR(""), 0, "");
}

static void codes_of_http(void **state)
{
    static const int pairs[][2] = { { 200, 0 }, { 204, 0 }, { 302, 13 }, { 400, 3 }, { 401, 16 }, { 402, 7 },
        { 403, 7 }, { 404, 12 }, { 405, 12 }, { 409, 3 }, { 413, 8 }, { 415, 12 }, { 422, 3 }, { 429, 14 },
        { 431, 8 }, { 500, 13 }, { 502, 13 }, { 503, 14 } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(rpc_code_of_http(pairs[i][0]), pairs[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_bytes),
        cmocka_unit_test(codes_of_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
