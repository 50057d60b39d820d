/*
 * options: fills the modules' structs from three places, the weaker first: the defaults of the rows, the environment, the command
 * line. Each value runs through one parser per type, and each refusal is one sentence made in one place, which names the option as
 * the user wrote it, what it takes and what it got. Texts are not repeated in it, for they may be secrets.
 */
#include "base/options.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define NAME_MAX_BYTES  80
#define HELP_COLUMN_MAX 44

/* ---- Names ---- */

/* "http_listen" as "--http-listen" or as "TRACEWELL_HTTP_LISTEN". */
static struct str flag_name(const struct option_row *row, char out[NAME_MAX_BYTES])
{
    int n = snprintf(out, NAME_MAX_BYTES, "--%s", row->field);
    assert(n > 0 && n < NAME_MAX_BYTES);
    for (char *p = out; *p; p++)
        *p = *p == '_' ? '-' : *p;
    return str_of(out);
}

static struct str environment_name(const struct option_row *row, char out[NAME_MAX_BYTES])
{
    int n = snprintf(out, NAME_MAX_BYTES, "TRACEWELL_%s", row->field);
    assert(n > 0 && n < NAME_MAX_BYTES);
    for (char *p = out; *p; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    return str_of(out);
}

/* ---- Values ---- */

struct unit {
    const char *name;
    int64_t size;
};

/* Largest first, as format_units() needs it. */
static const struct unit byte_units[] = {
    { "TiB", INT64_C(1) << 40 },
    { "GiB", INT64_C(1) << 30 },
    { "MiB", INT64_C(1) << 20 },
    { "KiB", INT64_C(1) << 10 },
    { "", 1 },
    { NULL, 0 },
};
static const struct unit time_units[] = {
    { "d", 86400 * NS_PER_S },
    { "h", 3600 * NS_PER_S },
    { "m", 60 * NS_PER_S },
    { "s", NS_PER_S },
    { "ms", NS_PER_MS },
    { "us", NS_PER_US },
    { "ns", 1 },
    { NULL, 0 },
};

/* Digits and one of the units' names. Zero needs no unit. */
static bool parse_units(struct str s, const struct unit *units, int64_t *out)
{
    size_t digits = 0;
    int64_t n;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    if (!str_to_i64(str_sub(s, 0, digits), &n))
        return false;
    struct str name = str_sub(s, digits, SIZE_MAX);
    for (; units->name; units++)
        if (str_is(name, units->name) || (n == 0 && name.n == 0))
            return !__builtin_mul_overflow(n, units->size, out);
    return false;
}

static void format_units(int64_t v, const struct unit *units, struct buf *out)
{
    while (units[1].name && (v == 0 || v % units->size != 0))
        units++;
    buf_printf(out, "%" PRId64 "%s", v / units->size, v == 0 ? "" : units->name);
}

static bool parse_bool(struct str s, bool *out)
{
    static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "1", "0" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq_nocase(s, str_of(words[i]))) {
            *out = i % 2 == 0;
            return true;
        }
    return false;
}

static void format_number(const struct option_row *row, int64_t v, struct buf *out)
{
    if (row->type == OPTION_BYTES)
        format_units(v, byte_units, out);
    else if (row->type == OPTION_TIME)
        format_units(v, time_units, out);
    else
        buf_printf(out, "%" PRId64, v);
}

/* What the row takes, as the object of "takes". */
static const char *takes(enum option_type type)
{
    switch (type) {
    case OPTION_INT: return "a whole number";
    case OPTION_BYTES: return "a size such as 64MiB, 512KiB or 1000";
    case OPTION_BOOL: return "true or false";
    case OPTION_TIME: return "a duration such as 500ms, 10s, 5m, 24h or 7d";
    default: return "a text";
    }
}

static bool has_bounds(const struct option_row *row)
{
    return row->least != 0 || row->most != 0;
}

static enum status fail_bounds(
    const struct option_row *row, const char *name, struct str got, struct err *err)
{
    struct buf bounds;
    buf_init(&bounds, 0);
    format_number(row, row->least, &bounds);
    buf_add_cstr(&bounds, " and ");
    format_number(row, row->most, &bounds);
    struct str b = buf_str(&bounds);
    enum status st = ST_INVALID;
    if (row->type == OPTION_TEXT)
        err_set(err, st, "%s takes a text of between %.*s bytes, got %zu", name, STR_ARG(b), got.n);
    else
        err_set(err, st, "%s must be between %.*s, got \"%.*s\"", name, STR_ARG(b),
            STR_ARG(str_sub(got, 0, 100)));
    buf_fini(&bounds);
    return st;
}

/* A value of any row's type. */
struct value {
    const char *text;
    int64_t number;
    bool flag;
};

static bool parse_value(const struct option_row *row, struct str s, struct value *v)
{
    switch (row->type) {
    case OPTION_BOOL: return parse_bool(s, &v->flag);
    case OPTION_INT: return str_to_i64(s, &v->number);
    case OPTION_BYTES: return parse_units(s, byte_units, &v->number);
    case OPTION_TIME: return parse_units(s, time_units, &v->number);
    default: v->number = (int64_t)s.n; return true;
    }
}

static void store_value(const struct option_set *set, const struct option_row *row, const struct value *v)
{
    void *at = (char *)set->target + row->offset;
    switch (row->type) {
    case OPTION_TEXT: *(const char **)at = v->text; break;
    case OPTION_BOOL: *(bool *)at = v->flag; break;
    default: *(int64_t *)at = v->number; break;
    }
}

/* `name` is what the user calls the row here: "--listen" or "TRACEWELL_LISTEN". */
static enum status set_value(const struct option_set *set, const struct option_row *row, const char *name,
    struct str s, struct arena *a, struct err *err)
{
    struct value v = { 0 };
    if (!parse_value(row, s, &v))
        return err_set(err, ST_INVALID, "%s takes %s, got \"%.*s\"", name, takes(row->type),
            STR_ARG(str_sub(s, 0, 100)));
    if (row->type != OPTION_BOOL && has_bounds(row) && (v.number < row->least || v.number > row->most))
        return fail_bounds(row, name, s, err);
    if (row->type == OPTION_TEXT)
        v.text = arena_cstr(a, s);
    store_value(set, row, &v);
    return ST_OK;
}

/* ---- Where values come from ---- */

static enum status read_defaults(const struct option_set *set, struct arena *a, struct err *err)
{
    char name[NAME_MAX_BYTES];
    for (size_t r = 0; r < set->n; r++) {
        const struct option_row *row = &set->rows[r];
        flag_name(row, name);
        enum status st = set_value(set, row, name, str_of(row->def), a, err);
        assert(st == ST_OK); /* the table itself is wrong */
        (void)st;
    }
    return ST_OK;
}

/* An empty variable counts as unset: that is what compose files make of a setting nobody filled in. */
static enum status read_environment(const struct option_set *set, struct arena *a, struct err *err)
{
    char name[NAME_MAX_BYTES];
    for (size_t r = 0; r < set->n; r++) {
        environment_name(&set->rows[r], name);
        const char *value = getenv(name);
        if (!value || !value[0])
            continue;
        enum status st = set_value(set, &set->rows[r], name, str_of(value), a, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Levenshtein's distance over at most NAME_MAX_BYTES bytes. */
static size_t distance(struct str a, struct str b)
{
    size_t row[NAME_MAX_BYTES + 1];
    a = str_sub(a, 0, NAME_MAX_BYTES);
    b = str_sub(b, 0, NAME_MAX_BYTES);
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < step ? change : step;
        }
    }
    return row[b.n];
}

static enum status fail_unknown(const struct option_set *sets, size_t n, struct str word, struct err *err)
{
    char name[NAME_MAX_BYTES], best[NAME_MAX_BYTES] = "";
    size_t least = word.n / 3 + 1; /* further than that is no typing error */
    for (size_t s = 0; s < n; s++)
        for (size_t r = 0; r < sets[s].n; r++) {
            size_t d = distance(word, flag_name(&sets[s].rows[r], name));
            if (d < least) {
                least = d;
                memcpy(best, name, sizeof best);
            }
        }
    word = str_sub(word, 0, 100);
    if (best[0])
        return err_set(err, ST_INVALID, "there is no option %.*s; did you mean %s?", STR_ARG(word), best);
    return err_set(err, ST_INVALID, "there is no option %.*s; --help lists them all", STR_ARG(word));
}

static const struct option_row *find_row(
    const struct option_set *sets, size_t n, struct str name, const struct option_set **set)
{
    char buffer[NAME_MAX_BYTES];
    for (size_t s = 0; s < n; s++)
        for (size_t r = 0; r < sets[s].n; r++)
            if (str_eq(name, flag_name(&sets[s].rows[r], buffer))) {
                *set = &sets[s];
                return &sets[s].rows[r];
            }
    return NULL;
}

/* The option at argv[*i], with the word behind it where it takes one; moves *i past them. */
static enum status read_argument(
    const struct option_set *sets, size_t n, int argc, char **argv, int *i, struct arena *a, struct err *err)
{
    const struct option_set *set;
    struct str word = str_of(argv[*i]);
    size_t equals = str_find_char(word, '=');
    struct str name = str_sub(word, 0, equals);
    const struct option_row *row = find_row(sets, n, name, &set);
    if (!row)
        return fail_unknown(sets, n, name, err);
    char flag[NAME_MAX_BYTES];
    flag_name(row, flag);
    struct str value;
    if (equals != SIZE_MAX)
        value = str_sub(word, equals + 1, SIZE_MAX);
    else if (row->type == OPTION_BOOL)
        value = STR("true");
    else if (*i + 1 < argc)
        value = str_of(argv[++*i]);
    else
        return err_set(err, ST_INVALID, "%s needs %s behind it: %s", flag, takes(row->type), row->text);
    ++*i;
    return set_value(set, row, flag, value, a, err);
}

static enum status read_arguments(
    const struct option_set *sets, size_t n, int argc, char **argv, int *i, struct arena *a, struct err *err)
{
    while (*i < argc && argv[*i][0] == '-' && argv[*i][1]) {
        if (strcmp(argv[*i], "--") == 0) {
            ++*i;
            break;
        }
        enum status st = read_argument(sets, n, argc, argv, i, a, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

enum status options_read(
    const struct option_set *sets, size_t n, int argc, char **argv, int *i, struct arena *a, struct err *err)
{
    enum status st = ST_OK;
    for (size_t s = 0; s < n && st == ST_OK; s++)
        st = read_defaults(&sets[s], a, err);
    for (size_t s = 0; s < n && st == ST_OK; s++)
        st = read_environment(&sets[s], a, err);
    return st == ST_OK ? read_arguments(sets, n, argc, argv, i, a, err) : st;
}

/* ---- Help ---- */

static const char *placeholder(enum option_type type)
{
    static const char *const words[] = { " TEXT", " NUMBER", " SIZE", "", " TIME" };
    return words[type];
}

void options_help(const struct option_set *sets, size_t n, struct buf *out)
{
    char name[NAME_MAX_BYTES], left[NAME_MAX_BYTES + 16];
    int width = 0;
    for (size_t s = 0; s < n; s++)
        for (size_t r = 0; r < sets[s].n; r++) {
            flag_name(&sets[s].rows[r], name);
            int w = (int)(strlen(name) + strlen(placeholder(sets[s].rows[r].type)));
            width = w > width ? w : width;
        }
    width = width < HELP_COLUMN_MAX ? width : HELP_COLUMN_MAX;
    for (size_t s = 0; s < n; s++) {
        buf_printf(out, "%s%s:\n", s ? "\n" : "", sets[s].module);
        for (size_t r = 0; r < sets[s].n; r++) {
            const struct option_row *row = &sets[s].rows[r];
            flag_name(row, name);
            snprintf(left, sizeof left, "%s%s", name, placeholder(row->type));
            buf_printf(out, "  %-*s  %s", width, left, row->text);
            if (row->def && row->def[0])
                buf_printf(out, " [%s]", row->def);
            buf_add_char(out, '\n');
        }
    }
}

static void add_bounds(const struct option_row *row, struct buf *out)
{
    if (!has_bounds(row))
        return;
    format_number(row, row->least, out);
    buf_add_cstr(out, " to ");
    format_number(row, row->most, out);
}

/* A bar would end the cell. */
static void add_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

void options_markdown(const struct option_set *sets, size_t n, struct buf *out)
{
    static const char *const types[] = { "text", "number", "size", "true or false", "time" };
    char name[NAME_MAX_BYTES];
    buf_add_cstr(
        out, "| option | environment | type | default | bounds | meaning |\n|---|---|---|---|---|---|\n");
    for (size_t s = 0; s < n; s++)
        for (size_t r = 0; r < sets[s].n; r++) {
            const struct option_row *row = &sets[s].rows[r];
            buf_printf(out, "| `%s` ", flag_name(row, name).p);
            buf_printf(out, "| `%s` | %s | ", environment_name(row, name).p, types[row->type]);
            if (row->def && row->def[0])
                buf_printf(out, "`%s`", row->def);
            buf_add_cstr(out, " | ");
            add_bounds(row, out);
            buf_add_cstr(out, " | ");
            add_cell(out, row->text);
            buf_add_cstr(out, " |\n");
        }
}
