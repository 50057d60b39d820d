/* Every request of the collisions contract reaches the dialect it names; no two dialects meet on a path without a rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/decide.h"
#include "base/hash.h"
#include "http/path.h"
#include "http/router.h"

/* The keys of section 6 and whose they are. */
static const struct {
    const char *token;
    enum key_form form;
} keys[] = {
    { "pk-lf-demo", FORM_LANGFUSE },
    { "sk-lf-demo", FORM_LANGFUSE },
    { "sk-lw-demo", FORM_LANGWATCH },
    { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", FORM_LANGTRACE },
    { "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210", FORM_LANGTRACE },
    { "lt-demo", FORM_LANGTRACE },
    { "11111111-1111-4111-8111-111111111111", FORM_LUNARY },
    { "22222222-2222-4222-8222-222222222222", FORM_LUNARY },
    { "pk-at-demo", FORM_AGENTTRACE },
    { "sk-at-demo", FORM_AGENTTRACE },
    { "33333333-3333-4333-8333-333333333333", FORM_AGENTTRACE },
    { "tw_demo", FORM_NONE },
};

static const char *names[] = { "langwatch", "langtrace", "llmonitor", "agenttrace", "langfuse", "otlp",
    "none" };
static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

static struct str read_vectors(struct arena *a)
{
    FILE *f = fopen(TW_SOURCE_DIR "/test/vectors/collisions.json", "rb");
    assert_non_null(f);
    char *text = arena_alloc(a, 1 << 20);
    size_t n = fread(text, 1, 1 << 20, f);
    fclose(f);
    return (struct str){ text, n };
}

static struct router *all_routes(void)
{
    struct router *r = router_new();
    for (unsigned d = 0; d < D_COUNT; d++)
        for (size_t i = 0; i < dialects[d]->n_routes; i++)
            router_add(
                r, d, dialects[d]->routes[i].method, dialects[d]->routes[i].pattern, &dialects[d]->routes[i]);
    return r;
}

static bool known_form(struct str token, enum key_form *form)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (str_is(token, keys[i].token)) {
            *form = keys[i].form;
            return true;
        }
    return false;
}

/* Form by shape, of unknown tokens that occur in the vectors. */
static enum key_form shape(struct str token)
{
    if (str_starts(token, STR("pk-lf-")) || str_starts(token, STR("sk-lf-")))
        return FORM_LANGFUSE;
    if (str_starts(token, STR("sk-lw-")))
        return FORM_LANGWATCH;
    if (token.n == 36)
        return FORM_LUNARY;
    return str_starts(token, STR("eyJ")) ? FORM_AGENTTRACE : FORM_NONE;
}

static struct str header(struct json request, const char *name)
{
    struct str key;
    struct json v;
    for (struct json_iter it = json_iter(json_key(request, "headers")); json_next(&it, &key, &v);)
        if (str_eq_nocase(key, str_of(name)))
            return json_str(v);
    return STR_NONE;
}

static bool basic(struct arena *a, struct str authorization, struct str *secret)
{
    struct str plain;
    if (!str_starts(authorization, STR("Basic ")) ||
        !base64_decode(a, str_sub(authorization, 6, SIZE_MAX), &plain))
        return false;
    size_t colon = str_find_char(plain, ':');
    *secret = colon == SIZE_MAX ? STR_NONE : str_sub(plain, colon + 1, SIZE_MAX);
    return colon != SIZE_MAX;
}

static void credential(struct arena *a, struct json request, struct evidence *e)
{
    struct str authorization = header(request, "authorization"), token = STR_NONE;
    if (basic(a, authorization, &token)) {
        e->carrier = CARRIER_BASIC;
    } else if (str_starts(authorization, STR("Bearer "))) {
        e->carrier = CARRIER_BEARER;
        token = str_sub(authorization, 7, SIZE_MAX);
    } else if ((token = header(request, "x-auth-token")).n) {
        e->carrier = CARRIER_X_AUTH_TOKEN;
    } else if ((token = header(request, "x-api-key")).n) {
        e->carrier = CARRIER_X_API_KEY;
    } else if ((token = header(request, "x-langfuse-public-key")).n) {
        e->carrier = CARRIER_LANGFUSE_PUBLIC_KEY;
    } else {
        return;
    }
    e->known = known_form(token, &e->form);
    if (!e->known)
        e->form = shape(token);
}

static struct str media_type(struct json request)
{
    struct str v = header(request, "content-type");
    return str_find(v, STR("protobuf")) != SIZE_MAX ? STR("application/x-protobuf") : STR("application/json");
}

static const char *decided_name(struct arena *a, const struct router *router, struct json request)
{
    struct router_match matches[ROUTER_GROUPS];
    struct path path;
    struct evidence e = { .media_type = media_type(request) };
    struct str method = json_str(json_key(request, "method"));
    for (unsigned m = 0; m < 5; m++)
        if (str_is(method, methods[m]))
            e.method = (enum method)m;
    assert_int_equal(
        path_normalise(a, json_str(json_key(request, "path")), e.method == METHOD_POST, &path, NULL), ST_OK);
    router_find(router, e.method, path.path, matches);
    for (unsigned d = 0; d < D_COUNT; d++)
        e.candidates |= matches[d].route ? 1u << d : 0;
    if (!e.candidates)
        return "none";
    e.path = path.path;
    credential(a, request, &e);
    e.langfuse_sdk = header(request, "x-langfuse-sdk-name").n || header(request, "x_langfuse_sdk_name").n;
    struct decision d = decide(&e);
    struct json body = json_key(request, "body");
    if (d.needs_body)
        d = decide_body(&e, body, !json_is_set(body));
    return names[d.dialect];
}

static void test_every_request_of_the_contract(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct router *router = all_routes();
    struct json all, request;
    size_t n = 0, wrong = 0;
    assert_int_equal(json_parse(a, read_vectors(a), 0, &all, NULL), ST_OK);
    for (struct json_iter it = json_iter(all); json_next(&it, NULL, &request); n++) {
        const char *got = decided_name(a, router, request);
        if (str_is(json_str(json_key(request, "dialect")), got))
            continue;
        wrong++;
        print_message("%zu: %.*s %.*s: expected %.*s, got %s\n", n,
            STR_ARG(json_str(json_key(request, "method"))), STR_ARG(json_str(json_key(request, "path"))),
            STR_ARG(json_str(json_key(request, "dialect"))), got);
    }
    assert_true(n > 80);
    assert_int_equal(wrong, 0);
    router_free(router);
    arena_free(a);
}

/* Sets of dialects that the contract has a rule for. */
static bool has_rule(unsigned c)
{
    const unsigned p = 1u << D_LANGFUSE | 1u << D_AGENTTRACE, v = 1u << D_AGENTTRACE | 1u << D_LLMONITOR;
    const unsigned d = 1u << D_LANGTRACE | 1u << D_LANGWATCH, h = 1u << D_AGENTTRACE | 1u << D_LANGTRACE;
    return (c & (c - 1)) == 0 || (c & 1u << D_OTLP) || c == p || c == v || c == d || c == h;
}

static void test_no_shared_path_without_a_rule(void **state)
{
    (void)state;
    struct router *router = all_routes();
    for (unsigned d = 0; d < D_COUNT; d++)
        for (size_t i = 0; i < dialects[d]->n_routes; i++) {
            const struct route *route = &dialects[d]->routes[i];
            struct router_match matches[ROUTER_GROUPS];
            unsigned c = 0;
            router_find(router, route->method, str_of(route->pattern), matches);
            for (unsigned k = 0; k < D_COUNT; k++)
                c |= matches[k].route ? 1u << k : 0;
            if (!has_rule(c))
                print_message("%s %s: candidates %x\n", methods[route->method], route->pattern, c);
            assert_true(has_rule(c));
        }
    router_free(router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_request_of_the_contract),
        cmocka_unit_test(test_no_shared_path_without_a_rule),
    };
    return cmocka_run_group_tests_name("api_decide", tests, NULL, NULL);
}
