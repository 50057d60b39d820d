/*
 * Folding patches: the modes by example, and against a second reading of them, a tree in which every path knows who wrote it
 * (merge.md 12.2, property 7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "model/merge.h"
#include "support/model_kit.h"

static bool same_json(struct arena *a, struct str x, struct str y)
{
    struct json one, other;
    assert_int_equal(json_parse(a, x, 0, &one, NULL), ST_OK);
    assert_int_equal(json_parse(a, y, 0, &other, NULL), ST_OK);
    return json_equal(one, other);
}

static void expect(const struct patch *patches, size_t n, const char *want)
{
    struct arena *a = arena_new();
    struct str out;
    assert_int_equal(patch_fold(a, patches, n, &out, NULL), ST_OK);
    if (!same_json(a, out, str_of(want)))
        print_error("want %s, have %.*s\n", want, STR_ARG(out));
    assert_true(same_json(a, out, str_of(want)));
    arena_free(a);
}

#define EXPECT(want, ...)                               \
    do {                                                \
        const struct patch list[] = { __VA_ARGS__ };    \
        expect(list, sizeof list / sizeof *list, want); \
    } while (0)
#define DEEP(text)                \
    {                             \
        MODE_DEEP, STR_INIT(text) \
    }
#define SHALLOW(text)                \
    {                                \
        MODE_SHALLOW, STR_INIT(text) \
    }
#define REPLACE(text)                \
    {                                \
        MODE_REPLACE, STR_INIT(text) \
    }

static void test_deep(void **state)
{
    (void)state;
    EXPECT("{\"a\":{\"x\":1,\"y\":2},\"b\":1}", DEEP("{\"a\":{\"x\":1}}"), DEEP("{\"a\":{\"y\":2},\"b\":1}"));
    EXPECT("{\"l\":[9,2,3]}", DEEP("{\"l\":[1,2,3]}"), DEEP("{\"l\":[9]}"));
    EXPECT("{\"l\":[{\"a\":1,\"b\":2},5]}", DEEP("{\"l\":[{\"a\":1}]}"), DEEP("{\"l\":[{\"b\":2},5]}"));
    EXPECT("{\"a\":null}", DEEP("{\"a\":{\"x\":1}}"), DEEP("{\"a\":null}"));
    EXPECT("{\"a\":[1]}", DEEP("{\"a\":{\"x\":1}}"), DEEP("{\"a\":[1]}"));
    EXPECT("{\"a\":{\"x\":1}}", DEEP("{\"a\":{\"x\":1}}"), DEEP("{\"a\":{}}")); /* clears nothing */
    EXPECT("{\"a\":7}", DEEP("{\"a\":7}"), DEEP("{\"a\":[]}"));
    EXPECT("{\"a\":[]}", DEEP("{\"a\":{}}"), DEEP("{\"a\":[]}")); /* one empty one for another */
    EXPECT("{\"a\":{\"y\":2}}", DEEP("{\"a\":{\"x\":1}}"), DEEP("{\"a\":7}"), DEEP("{\"a\":{\"y\":2}}"));
}

static void test_shallow_and_replace(void **state)
{
    (void)state;
    EXPECT("{\"a\":{\"y\":2},\"b\":1}", SHALLOW("{\"a\":{\"x\":1},\"b\":1}"), SHALLOW("{\"a\":{\"y\":2}}"));
    EXPECT("{\"a\":{}}", SHALLOW("{\"a\":{\"x\":1}}"), SHALLOW("{\"a\":{}}"));
    EXPECT("{\"c\":1}", SHALLOW("{\"a\":1}"), DEEP("{\"b\":1}"), REPLACE("{\"c\":1}"));
    EXPECT("{\"a\":{\"y\":1,\"z\":1},\"d\":{\"p\":1,\"q\":1}}", DEEP("{\"a\":{\"x\":1},\"d\":{\"p\":1}}"),
        SHALLOW("{\"a\":{\"y\":1}}"), DEEP("{\"a\":{\"z\":1},\"d\":{\"q\":1}}"));
    const struct patch nulled[] = { DEEP("{\"a\":1}"), { MODE_REPLACE, { NULL, 0 } }, DEEP("{\"b\":2}") };
    expect(nulled, 3, "{\"b\":2}");
}

static void test_many_keys_in_linear_time(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct buf b;
    struct patch patches[2];
    struct str out;
    struct json json;
    for (int p = 0; p < 2; p++) {
        buf_init(&b, 0);
        struct jw w = jw_of(&b);
        jw_obj(&w);
        for (int i = 0; i < 100000; i++) {
            jw_key_str(&w, arena_printf(a, "k%d", i + p * 50000));
            jw_i64(&w, p);
        }
        jw_obj_end(&w);
        patches[p] = (struct patch){ MODE_DEEP, arena_dup(a, buf_str(&b)) };
        buf_fini(&b);
    }
    assert_int_equal(patch_fold(a, patches, 2, &out, NULL), ST_OK);
    assert_int_equal(json_parse(a, out, 0, &json, NULL), ST_OK);
    assert_int_equal(json_size(json), 150000);
    arena_free(a);
}

static void test_broken_text_is_an_error(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct patch broken[] = { DEEP("{\"a\":1}"), DEEP("{\"a\":") };
    struct str out;
    struct err err;
    assert_int_not_equal(patch_fold(a, broken, 2, &out, &err), ST_OK);
    arena_free(a);
}

/* ---- property 7 ----------------------------------------------------------------------------------------------------- */

/*
 * The second reading keeps for each path the newest patch that put a scalar there, that put an object there, and that cut it (a SHALLOW
 * that names the key, a REPLACE, a scalar): maxima, so the order they are looked at does not matter. A path shows what no newer claim
 * beats. Empty containers have rules of their own, tested above, and are left out here.
 */
/* Patches of objects only, three keys a level, two levels, scalars at the leaves. */
struct shape {
    enum patch_mode mode;
    bool set[3];
    bool deep[3]; /* an object, else a scalar */
    bool below[3][3];
};

static void random_shape(struct kit *k, struct shape *s)
{
    bool any = false;
    s->mode = (enum patch_mode)kit_below(k, 3);
    for (int i = 0; i < 3; i++) {
        s->set[i] = kit_below(k, 2);
        s->deep[i] = kit_below(k, 2);
        bool below = false;
        for (int j = 0; j < 3; j++)
            below |= s->below[i][j] = kit_below(k, 2);
        s->below[i][0] |= !below;
        any |= s->set[i];
    }
    s->set[0] |= !any;
}

static struct str shape_text(struct kit *k, const struct shape *s, int n)
{
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    for (int i = 0; i < 3; i++) {
        const char key[2] = { (char)('a' + i), 0 };
        if (!s->set[i])
            continue;
        jw_key(&w, key);
        if (!s->deep[i]) {
            jw_i64(&w, n);
            continue;
        }
        jw_obj(&w);
        for (int j = 0; j < 3; j++) {
            const char below[2] = { (char)('x' + j), 0 };
            if (s->below[i][j])
                jw_kv_i64(&w, below, n);
        }
        jw_obj_end(&w);
    }
    jw_obj_end(&w);
    struct str out = arena_dup(k->a, buf_str(&b));
    buf_fini(&b);
    return out;
}

/* Newest claims per path, whatever the order they are looked at. */
static struct str read_as_tree(struct kit *k, const struct shape *shapes, const int *order, int n)
{
    int scalar[3], object[3], cut[3], leaf[3][3];
    memset(scalar, -1, sizeof scalar);
    memset(object, -1, sizeof object);
    memset(cut, -1, sizeof cut);
    memset(leaf, -1, sizeof leaf);
    for (int o = 0; o < n; o++) {
        int t = order[o];
        const struct shape *s = &shapes[t];
        for (int i = 0; i < 3; i++) {
            bool cuts = s->mode == MODE_REPLACE || (s->mode == MODE_SHALLOW && s->set[i]) ||
                        (s->set[i] && !s->deep[i]);
            if (cuts && t > cut[i])
                cut[i] = t;
            if (s->set[i] && !s->deep[i] && t > scalar[i])
                scalar[i] = t;
            for (int j = 0; s->set[i] && s->deep[i] && j < 3; j++) {
                if (t > object[i])
                    object[i] = t;
                if (s->below[i][j] && t > leaf[i][j])
                    leaf[i][j] = t;
            }
        }
    }
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_obj(&w);
    for (int i = 0; i < 3; i++) {
        const char key[2] = { (char)('a' + i), 0 };
        if (scalar[i] >= 0 && scalar[i] >= cut[i] && scalar[i] > object[i]) {
            jw_kv_i64(&w, key, scalar[i]);
        } else if (object[i] >= 0 && object[i] >= cut[i]) {
            jw_key(&w, key);
            jw_obj(&w);
            for (int j = 0; j < 3; j++) {
                const char below[2] = { (char)('x' + j), 0 };
                if (leaf[i][j] >= 0 && leaf[i][j] >= cut[i])
                    jw_kv_i64(&w, below, leaf[i][j]);
            }
            jw_obj_end(&w);
        }
    }
    jw_obj_end(&w);
    struct str out = arena_dup(k->a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static void test_7_a_fold_is_a_tree_of_maxima(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct kit k;
        struct shape shapes[6];
        struct patch patches[6];
        struct str folded;
        int order[6] = { 3, 0, 5, 1, 4, 2 };
        kit_init(&k, seed);
        for (int i = 0; i < 6; i++) {
            random_shape(&k, &shapes[i]);
            patches[i] = (struct patch){ shapes[i].mode, shape_text(&k, &shapes[i], i) };
        }
        assert_int_equal(patch_fold(k.a, patches, 6, &folded, NULL), ST_OK);
        struct str read = read_as_tree(&k, shapes, order, 6);
        if (!same_json(k.a, folded, read))
            print_error(
                "seed %llu: %.*s, not %.*s\n", (unsigned long long)seed, STR_ARG(folded), STR_ARG(read));
        assert_true(same_json(k.a, folded, read));
        kit_fini(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_shallow_and_replace),
        cmocka_unit_test(test_many_keys_in_linear_time),
        cmocka_unit_test(test_broken_text_is_an_error),
        cmocka_unit_test(test_7_a_fold_is_a_tree_of_maxima),
    };
    return cmocka_run_group_tests_name("model_patch", tests, NULL, NULL);
}
