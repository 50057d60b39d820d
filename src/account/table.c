/*
 * table: what a list command answers, as columns for people or as JSON for programs, from one description. Cells are collected first,
 * because the width of a column is that of its widest cell.
 */
#include "account/account_priv.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

struct table table_of(struct arena *a, const struct column *columns, size_t n)
{
    return (struct table){ .a = a, .columns = columns, .n = n };
}

static void add_cell(struct table *t, struct cell cell)
{
    t->cells = arena_grow(t->a, t->cells, &t->cap, t->used + 1, sizeof cell);
    t->cells[t->used++] = cell;
}

void table_text(struct table *t, struct str s)
{
    add_cell(t, (struct cell){ .s = arena_dup(t->a, s) });
}

void table_int(struct table *t, int64_t i)
{
    add_cell(t, (struct cell){ .i = i });
}

static bool is_text(enum cell_kind kind)
{
    return kind == CELL_TEXT || kind == CELL_SECRET;
}

void table_query(struct table *t, struct rows *r)
{
    while (account__next(r))
        for (size_t c = 0; c < t->n; c++) {
            if (is_text(t->columns[c].kind))
                table_text(t, account__text(r, (int)c));
            else
                table_int(t, account__int(r, (int)c));
        }
}

/* ---- JSON ---- */

static void write_cell(struct jw *w, const struct column *column, const struct cell *cell)
{
    char time[32];
    switch (column->kind) {
    case CELL_NUMBER: jw_kv_i64(w, column->key, cell->i); break;
    case CELL_BOOL: jw_kv_bool(w, column->key, cell->i != 0); break;
    case CELL_TIME:
        jw_key(w, column->key);
        jw_str(w, cell->i ? time_format_iso_ms(cell->i, time) : STR_NONE);
        break;
    default: jw_kv_str(w, column->key, cell->s); break;
    }
}

static void write_row(struct jw *w, const struct table *t, size_t at)
{
    jw_obj(w);
    for (size_t c = 0; c < t->n; c++)
        write_cell(w, &t->columns[c], &t->cells[at + c]);
    jw_obj_end(w);
}

/* ---- Text ---- */

static struct str cell_text(struct arena *a, enum cell_kind kind, const struct cell *cell)
{
    char time[32];
    if (kind == CELL_NUMBER)
        return arena_printf(a, "%" PRId64, cell->i);
    if (kind == CELL_BOOL)
        return cell->i ? STR("yes") : STR("no");
    if (kind == CELL_TIME && cell->i)
        return arena_dup(a, time_format_iso_ms(cell->i, time));
    return cell->s.n ? cell->s : STR("-");
}

/* Characters, not bytes; near enough to what a terminal shows. */
static size_t width_of(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static struct str heading(struct arena *a, const char *key)
{
    struct str name = arena_dup(a, str_of(key));
    char *p = (char *)name.p;
    for (size_t i = 0; i < name.n; i++)
        p[i] = p[i] == '_' ? ' ' : p[i] >= 'a' && p[i] <= 'z' ? (char)(p[i] - 32) : p[i];
    return name;
}

static size_t column_width(const struct table *t, size_t c)
{
    size_t width = strlen(t->columns[c].key);
    for (size_t at = c; at < t->used; at += t->n) {
        size_t w = width_of(cell_text(t->a, t->columns[c].kind, &t->cells[at]));
        width = w > width ? w : width;
    }
    return width;
}

static void add_padded(struct buf *out, struct str s, size_t width)
{
    buf_add_str(out, s);
    for (size_t n = width_of(s); n < width; n++)
        buf_add_char(out, ' ');
}

/* `at` is the row's first cell, SIZE_MAX for the headings. */
static void add_line(const struct table *t, size_t at, const size_t *widths, struct buf *out)
{
    for (size_t c = 0; c < t->n; c++) {
        if (t->columns[c].json_only)
            continue;
        struct str s = at == SIZE_MAX ? heading(t->a, t->columns[c].key)
                                      : cell_text(t->a, t->columns[c].kind, &t->cells[at + c]);
        add_padded(out, s, widths[c] + 2);
    }
    while (out->n > 0 && out->p[out->n - 1] == ' ')
        out->n--;
    buf_add_char(out, '\n');
}

/* ---- The two ways to print ---- */

void table_list(const struct table *t, bool json, const char *name, struct buf *out)
{
    if (!json) {
        size_t *widths = arena_array(t->a, t->n, sizeof *widths);
        for (size_t c = 0; c < t->n; c++)
            widths[c] = column_width(t, c);
        add_line(t, SIZE_MAX, widths, out);
        for (size_t at = 0; at < t->used; at += t->n)
            add_line(t, at, widths, out);
        return;
    }
    struct jw w = jw_of(out);
    jw_obj(&w);
    jw_key(&w, name);
    jw_arr(&w);
    for (size_t at = 0; at < t->used; at += t->n)
        write_row(&w, t, at);
    jw_arr_end(&w);
    jw_obj_end(&w);
    buf_add_char(out, '\n');
}

void table_one(const struct table *t, bool json, struct buf *out)
{
    size_t width = 0;
    bool secret = false;
    if (json) {
        struct jw w = jw_of(out);
        write_row(&w, t, 0);
        buf_add_char(out, '\n');
        return;
    }
    for (size_t c = 0; c < t->n; c++)
        width = strlen(t->columns[c].key) > width ? strlen(t->columns[c].key) : width;
    for (size_t c = 0; c < t->n; c++) {
        if (t->columns[c].json_only)
            continue;
        buf_printf(out, "%-*s  ", (int)width, t->columns[c].key);
        buf_add_str(out, cell_text(t->a, t->columns[c].kind, &t->cells[c]));
        buf_add_char(out, '\n');
        secret |= t->columns[c].kind == CELL_SECRET && t->cells[c].s.n > 0;
    }
    if (secret)
        buf_add_cstr(out, "\nThis is shown once: only a hash of it is kept.\n");
}
