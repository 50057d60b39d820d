/* json: what is read can be written, and means the same when read again; canonical text is a fixed point and decides equality. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what, struct str text)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %.*s\n", what, STR_ARG(text));
    abort();
}

static struct json reparse(struct arena *a, struct str text)
{
    struct json v;
    struct err err;
    if (json_parse(a, text, 0, &v, &err) != ST_OK)
        must(false, err.text, text);
    return v;
}

/* Walks everything that a decoder might ask for. */
static size_t visit(struct json v)
{
    struct json_iter it = json_iter(v);
    struct json item;
    struct str key;
    int64_t whole;
    double number;
    size_t n = 1 + json_str(v).n + json_num_text(v).n;
    n += json_i64(v, &whole) && json_f64(v, &number);
    while (json_next(&it, &key, &item))
        n += key.n + visit(item);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str sent = { (const char *)data, size };
    struct json v;
    struct err err;
    enum status st = json_parse(a, sent, 0, &v, &err);
    if (st == ST_OK) {
        struct str text = json_text(a, v);
        struct json again = reparse(a, text);
        must(visit(v) == visit(again), "the text has other parts", text);
        must(str_eq(json_text(a, again), text), "the text changes", text);
        must(json_equal(v, again), "the text means something else", text);
        struct str canonical = json_canonical(a, v);
        struct json sorted = reparse(a, canonical);
        must(json_equal(v, sorted), "the canonical text means something else", canonical);
        must(str_eq(json_canonical(a, sorted), canonical), "the canonical text changes", canonical);
        must(str_eq(json_canonical(a, again), canonical), "equal values differ in canonical text", canonical);
    } else
        must(st == ST_INVALID && err.offset <= size && err.line >= 1 && err.column >= 1,
            "a fault without a place", sent);
    arena_free(a);
    return 0;
}
