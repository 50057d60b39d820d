/* hash: published test vectors, text forms in both directions, and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/hash.h"

static void test_digests(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint8_t sha[32], md5[16];
    hash_sha256(STR("abc"), sha);
    assert_true(
        str_is(hex_encode(a, sha, 32), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    hash_sha256(STR_NONE, sha);
    assert_true(
        str_is(hex_encode(a, sha, 32), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    hash_md5(STR("message digest"), md5);
    assert_true(str_is(hex_encode(a, md5, 16), "f96b697d7cb7938d525a2f31aaf161d0"));
    hash_md5(STR_NONE, md5);
    assert_true(str_is(hex_encode(a, md5, 16), "d41d8cd98f00b204e9800998ecf8427e"));
    arena_free(a);
}

static void test_fast_hash(void **state)
{
    (void)state;
    assert_true(hash64(STR("")) == UINT64_C(0x2d06800538d394c2)); /* XXH3's own vector */
    assert_true(hash64(STR_NONE) == hash64(STR("")));
    assert_true(hash64(STR("a")) != hash64(STR("b")));
    assert_true(hash64_more(hash64(STR("a")), STR("bc")) != hash64_more(hash64(STR("ab")), STR("c")));
    assert_true(hash64_more(1, STR("a")) != hash64_more(2, STR("a")));
}

static void test_hex(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    uint8_t bytes[4];
    assert_true(hex_decode(STR("00fFAb10"), bytes));
    assert_memory_equal(bytes, "\x00\xFF\xAB\x10", 4);
    assert_string_equal(hex_encode(a, bytes, 4).p, "00ffab10");
    assert_true(hex_decode(STR(""), bytes));
    assert_false(hex_decode(STR("abc"), bytes));
    assert_false(hex_decode(STR("0g"), bytes));
    assert_false(hex_decode(STR("0:"), bytes));
    assert_false(hex_decode(STR("@0"), bytes));
    assert_int_equal(hex_encode(a, NULL, 0).n, 0);
    arena_free(a);
}

static void test_base64(void **state)
{
    (void)state;
    static const char *const vectors[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
        { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
    struct arena *a = arena_new();
    struct str out;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct str text = str_of(vectors[i][1]);
        assert_true(str_is(base64_encode(a, str_of(vectors[i][0])), vectors[i][1]));
        assert_true(base64_decode(a, text, &out) && str_is(out, vectors[i][0]));
        while (text.n && text.p[text.n - 1] == '=')
            text.n--;
        assert_true(base64_decode(a, text, &out) && str_is(out, vectors[i][0]));
    }
    assert_true(base64_decode(a, STR("-_+/"), &out) && str_eq(out, STR("\xFB\xFF\xBF")));
    assert_true(base64_decode(a, STR_NONE, &out) && out.n == 0);
    static const char *const bad[] = { "Z", "Zg=", "Zg===", "Zm9v=", "Zm9vY", "=", "====", "Zm 9", "Zm9v\n",
        "Z===", "Zg==Zg==" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(base64_decode(a, str_of(bad[i]), &out));
    arena_free(a);
}

static void test_base64_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[200];
    for (size_t n = 0; n < sizeof bytes; n++) {
        struct arena *a = arena_new();
        struct str out;
        random_bytes(bytes, n);
        assert_true(base64_decode(a, base64_encode(a, (struct str){ (char *)bytes, n }), &out));
        assert_int_equal(out.n, n);
        assert_memory_equal(out.p, bytes, n);
        arena_free(a);
    }
}

static void test_secrets(void **state)
{
    (void)state;
    assert_true(bytes_equal_ct("abc", "abd", 2));
    assert_false(bytes_equal_ct("abc", "abd", 3));
    assert_true(bytes_equal_ct(NULL, NULL, 0));
    char one[37], two[37];
    assert_int_equal(uuid_new(one).n, 36);
    uuid_new(two);
    assert_string_not_equal(one, two);
    assert_int_equal(one[14], '4');
    assert_non_null(strchr("89ab", one[19]));
    assert_true(one[8] == '-' && one[13] == '-' && one[18] == '-' && one[23] == '-');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_fast_hash),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_round_trip),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
