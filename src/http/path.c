/*
 * path: one normal form of a request target (collisions.md 3.1). The rules run once, in their order, over one buffer that only
 * ever shrinks but for N5, which writes one of a few fixed paths:
 *
 *   target -> N1 cut the query, undo needless escapes -> N2, N3 slashes -> N4 drop a doubled /api -> N5 OTLP exporters' bases
 *
 * Which bytes are a path's is decided before any escape is undone, so "%2F" is never a border and "%00" never an end.
 */
#include "http/path.h"

#include <string.h>

/* ---- N1: escapes ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that the escape at s[i] stands for, or -1 when it is broken. */
static int escape_value(struct str s, size_t i)
{
    if (s.n - i < 3)
        return -1;
    int high = hex_value(s.p[i + 1]);
    int low = hex_value(s.p[i + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* RFC 3986, 2.3: these mean the same escaped and plain. */
static bool is_unreserved(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static enum status bad_escape(struct str path, size_t at, struct err *err)
{
    bool nul = escape_value(path, at) == 0;
    struct str piece = str_sub(path, at, 3);
    enum status st =
        nul ? err_set(
                  err, ST_INVALID, "the path holds %%00 at byte %zu; a zero byte is not allowed there", at)
            : err_set(err, ST_INVALID,
                  "the path has the broken escape \"%.*s\" at byte %zu; a percent sign is written %%25",
                  STR_ARG(piece), at);
    if (err)
        err->offset = at;
    return st;
}

/* Writes to `to`, which has room for all of `path`. */
static enum status plain_escapes(struct str path, char *to, size_t *n, struct err *err)
{
    static const char upper[] = "0123456789ABCDEF";
    size_t out = 0;
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] != '%') {
            to[out++] = path.p[i];
            continue;
        }
        int c = escape_value(path, i);
        if (c <= 0)
            return bad_escape(path, i, err);
        if (is_unreserved(c))
            to[out++] = (char)c;
        else {
            to[out++] = '%';
            to[out++] = upper[c >> 4];
            to[out++] = upper[c & 15];
        }
        i += 2;
    }
    *n = out;
    return ST_OK;
}

/* ---- N2 to N4 ---- */

static size_t single_slashes(char *p, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n; i++)
        if (p[i] != '/' || out == 0 || p[out - 1] != '/')
            p[out++] = p[i];
    return out > 1 && p[out - 1] == '/' ? out - 1 : out;
}

/* Whole segments: "/api/api-key" does not start with "/api/api". */
static bool starts_with_segments(struct str path, struct str prefix)
{
    return str_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

static struct str drop_doubled_api(struct str path)
{
    while (starts_with_segments(path, STR("/api/api")) || starts_with_segments(path, STR("/api/v1")))
        path = str_sub(path, sizeof "/api" - 1, SIZE_MAX);
    return path;
}

/* ---- N5: OTLP exporters append /v1/<signal> to whatever base they were given, sometimes more than once ---- */

static const struct str signals[] = { STR_INIT("/v1/traces"), STR_INIT("/v1/logs"), STR_INIT("/v1/metrics") };

/* Cut one signal off the end; absent when there is none. */
static struct str cut_signal(struct str *path)
{
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (str_ends(*path, signals[i])) {
            path->n -= signals[i].n;
            return signals[i];
        }
    return STR_NONE;
}

static bool is_langwatch_base(struct str base)
{
    static const char *const bases[] = { "/api/otel", "/api/collector", "/api/collector/api",
        "/api/collector/otel", "/api/collector/api/otel" };
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++)
        if (str_is(base, bases[i]))
            return true;
    return false;
}

static struct str signal_path(struct arena *a, struct str path)
{
    if (str_is(path, "/api/public/otel"))
        return STR("/api/public/otel/v1/traces");
    struct str base = path;
    struct str signal = cut_signal(&base);
    if (!signal.p)
        return path;
    while (cut_signal(&base).p)
        ;
    if (base.n == 0)
        return signal;
    if (is_langwatch_base(base))
        return arena_printf(a, "/api/otel%.*s", STR_ARG(signal));
    if (str_is(base, "/api/public/otel") || str_is(base, "/api/public"))
        return arena_printf(a, "%.*s%.*s", STR_ARG(base), STR_ARG(signal));
    if (str_is(base, "/api/trace"))
        return str_is(signal, "/v1/traces") ? base : signal;
    return path;
}

/* ---- The whole ---- */

/* RFC 9112, 3.2.2: a server takes "GET http://host/path" too. */
static struct str drop_origin(struct str target)
{
    size_t scheme = str_eq_nocase(str_sub(target, 0, 7), STR("http://"))    ? 7
                    : str_eq_nocase(str_sub(target, 0, 8), STR("https://")) ? 8
                                                                            : 0;
    if (scheme == 0)
        return target;
    size_t end = scheme;
    while (end < target.n && target.p[end] != '/' && target.p[end] != '?')
        end++;
    return str_sub(target, end, SIZE_MAX);
}

enum status path_normalise(struct arena *a, struct str target, bool post, struct path *out, struct err *err)
{
    target = drop_origin(target);
    size_t mark = str_find_char(target, '?');
    struct str raw = str_sub(target, 0, mark);
    *out = (struct path){ .query = mark == SIZE_MAX ? STR("") : str_sub(target, mark + 1, SIZE_MAX) };

    char *p = arena_alloc(a, raw.n + 1);
    size_t n = 0;
    enum status st = plain_escapes(raw, p, &n, err);
    if (st != ST_OK)
        return st;
    struct str path = { p, single_slashes(p, n) };
    path = drop_doubled_api(path);
    if (post)
        path = signal_path(a, path);
    out->path = path.n ? path : STR("/");
    return ST_OK;
}

/* Decode into `to`. `lenient`: a broken escape stays as it is; else it is the end. */
static bool decode(struct str s, bool plus, bool lenient, char *to, size_t *n)
{
    size_t out = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int value = escape_value(s, i);
            if (value < 0 && !lenient)
                return false;
            if (value >= 0) {
                c = (char)value;
                i += 2;
            }
        } else if (c == '+' && plus)
            c = ' ';
        to[out++] = c;
    }
    *n = out;
    return true;
}

bool path_decode(struct arena *a, struct str s, bool plus, struct str *out)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    if (!decode(s, plus, false, p, &n))
        return false;
    *out = (struct str){ p, n };
    return true;
}

static struct str decode_query(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    (void)decode(s, true, true, p, &n);
    return (struct str){ p, n };
}

void query_pairs(struct arena *a, struct str query, struct path_pair **out, size_t *n)
{
    struct path_pair *pairs = NULL;
    size_t count = 0;
    size_t cap = 0;
    struct str piece;
    while (str_cut(&query, '&', &piece)) {
        if (piece.n == 0)
            continue;
        size_t equals = str_find_char(piece, '=');
        struct str value = equals == SIZE_MAX ? STR("") : str_sub(piece, equals + 1, SIZE_MAX);
        pairs = arena_grow(a, pairs, &cap, count + 1, sizeof *pairs);
        pairs[count++] =
            (struct path_pair){ decode_query(a, str_sub(piece, 0, equals)), decode_query(a, value) };
    }
    *out = pairs;
    *n = count;
}
