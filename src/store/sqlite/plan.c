/*
 * Filters as SQL conditions. A filter is compiled when SQL can say exactly what query_match() says, two-valued (never NULL), so that it may
 * stand below NOT and OR; else it is left to query_match(). Text is put together from the words of this file only, values are bound.
 */
#include "store/sqlite/sqlite_priv.h"

#define VALUES_MAX 500 /* of one filter; a longer list is left to query_match() */

static void add_parameter(struct plan *p, struct bound v)
{
    p->parameters = arena_grow(p->arena, p->parameters, &p->cap, p->n + 1, sizeof(*p->parameters));
    p->parameters[p->n++] = v;
    buf_add_char(&p->where, '?');
}

void plan__text(struct plan *p, struct str s)
{
    add_parameter(p, bound_text(s));
}

void plan__int(struct plan *p, int64_t i)
{
    add_parameter(p, bound_int(i));
}

void plan__id(struct plan *p, struct str id)
{
    add_parameter(p, bound_id(p->arena, id));
}

/* ---- one column ----------------------------------------------------------------------------------------------------- */

static char alias_of(enum entity e)
{
    return e == TRACE ? 't' : e == OBSERVATION ? 'o' : 'x';
}

static enum status add_word(struct plan *p, struct str text, struct err *err)
{
    int64_t number;
    enum status st = words__number(p->c, p->q->project, text, false, &number, err);
    if (st != ST_OK)
        return st;
    plan__text(p, text); /* a text that came before its word stands in the row */
    if (number) {
        buf_add_char(&p->where, ',');
        plan__int(p, number);
    }
    return ST_OK;
}

enum spelling { AS_WORD, AS_ID, AS_TEXT };

/* "(x IS NOT NULL AND x IN (...))" */
static enum status add_in(
    struct plan *p, const char *column, enum spelling as, const struct filter *f, struct err *err)
{
    enum status st = ST_OK;
    buf_printf(&p->where, "(%s IS NOT NULL AND %s IN (", column, column);
    for (size_t i = 0; i < f->n_values && st == ST_OK; i++) {
        if (i > 0)
            buf_add_char(&p->where, ',');
        if (as == AS_WORD)
            st = add_word(p, f->values[i], err);
        else if (as == AS_ID)
            plan__id(p, f->values[i]);
        else
            plan__text(p, f->values[i]);
    }
    buf_add_cstr(&p->where, "))");
    return st;
}

static enum status compile_text(
    struct plan *p, const char *column, enum spelling as, const struct filter *f, bool *done, struct err *err)
{
    *done = f->n_values <= VALUES_MAX;
    if (f->compare == IS_IN && *done)
        return add_in(p, column, as, f, err);
    if (f->compare == IS_NOT_IN && *done) {
        buf_add_cstr(&p->where, "NOT ");
        return add_in(p, column, as, f, err);
    }
    *done = f->compare == IS_SET;
    if (*done)
        buf_printf(&p->where, "(%s IS NOT NULL AND %s <> '')", column, column);
    return ST_OK;
}

/* "(x IS NOT NULL AND x >= ?)"; a column that stands for "no time" by the least number says so with `none`. */
static void compile_time(
    struct plan *p, const char *column, const char *none, const struct filter *f, bool *done)
{
    *done = f->compare == IS_BETWEEN || f->compare == IS_BELOW || f->compare == IS_ABOVE ||
            f->compare == IS_IN || f->compare == IS_NOT_IN;
    if (!*done)
        return;
    buf_printf(&p->where, "(%s IS NOT %s", column, none);
    if (f->compare == IS_BETWEEN && f->low_ns != TIME_NONE) {
        buf_printf(&p->where, " AND %s >= ", column);
        plan__int(p, f->low_ns);
    }
    if (f->compare == IS_BETWEEN && f->high_ns != TIME_NONE) {
        buf_printf(&p->where, " AND %s <= ", column);
        plan__int(p, f->high_ns);
    }
    if (f->compare != IS_BETWEEN) {
        const char *sign = f->compare == IS_BELOW   ? "<"
                           : f->compare == IS_ABOVE ? ">"
                           : f->compare == IS_IN    ? "="
                                                    : "<>";
        buf_printf(&p->where, " AND %s %s ", column, sign);
        plan__int(p, f->compare == IS_BELOW ? f->high_ns : f->low_ns);
    }
    buf_add_char(&p->where, ')');
}

static int word_number(enum entity e, unsigned column, struct str word)
{
    if (e == OBSERVATION && column == OBSERVATION_type)
        return observation_type_find(word);
    if (e == OBSERVATION && column == OBSERVATION_level)
        return level_find(word);
    for (int i = SOURCE_API; i <= SOURCE_ANNOTATION; i++)
        if (str_is(word, score_source_name((enum score_source)i)))
            return i;
    return -1;
}

/* Words of an enumeration; an unset level reads DEFAULT, another unset column matches no word. */
static void compile_enum(struct plan *p, const char *column, const struct filter *f, bool *done)
{
    char expression[64];
    *done = (f->compare == IS_IN || f->compare == IS_NOT_IN) && f->n_values <= VALUES_MAX;
    if (!*done)
        return;
    bool level = p->q->entity == OBSERVATION && f->column == OBSERVATION_level;
    sqlite3_snprintf(sizeof(expression), expression, "coalesce(%s, %d)", column, level ? LEVEL_DEFAULT : -1);
    buf_printf(&p->where, "%s%s IN (-2", f->compare == IS_NOT_IN ? "NOT " : "", expression);
    for (size_t i = 0; i < f->n_values; i++) {
        buf_add_char(&p->where, ',');
        int number = word_number(p->q->entity, f->column, f->values[i]);
        plan__int(p, number < 0 ? -2 : number);
    }
    buf_add_char(&p->where, ')');
}

static enum status compile_column(struct plan *p, const struct filter *f, bool *done, struct err *err)
{
    enum entity e = p->q->entity;
    size_t n;
    const struct column *columns = model_columns(e, &n);
    *done = false;
    if (f->column >= n || !(tables__kept(e) >> f->column & 1))
        return ST_OK;
    const struct column *column = &columns[f->column];
    char name[64];
    sqlite3_snprintf(sizeof(name), name, "%c.%s", alias_of(e), column->field);
    switch (column->type) {
    case TYPE_TEXT: return compile_text(p, name, AS_WORD, f, done, err);
    case TYPE_ID: return compile_text(p, name, AS_ID, f, done, err);
    case TYPE_ENUM: compile_enum(p, name, f, done); return ST_OK;
    case TYPE_TIME:
        if (e != TRACE) /* a trace's SQL columns are the effective times, the filter asks for its own */
            compile_time(p, name, "NULL", f, done);
        return ST_OK;
    default: return ST_OK;
    }
}

/* ---- one filter ----------------------------------------------------------------------------------------------------- */

const char *plan__start(const struct plan *p)
{
    switch (p->q->entity) {
    case TRACE: return p->listed ? "a.start_ns" : "coalesce(t.start_ns, -9223372036854775808)";
    case OBSERVATION: return p->listed ? "a.start_ns" : "coalesce(o.start_ns, -9223372036854775808)";
    case SCORE:
    case RECORD: return "coalesce(x.time_ns, x.created_ns)";
    case SESSION: return "coalesce(x.start_ns, x.created_ns)";
    case USER: return "coalesce(x.first_seen_ns, -9223372036854775808)";
    default: return "coalesce(x.time_ns, -9223372036854775808)";
    }
}

static enum status compile_id(struct plan *p, const struct filter *f, bool *done, struct err *err)
{
    enum entity e = p->q->entity;
    if (e == TRACE)
        return compile_text(p, "t.id", AS_ID, f, done, err);
    if (e == OBSERVATION)
        return compile_text(p, p->listed ? "a.id" : "o.id", AS_ID, f, done, err);
    return compile_text(p, "x.id", AS_TEXT, f, done, err);
}

static enum status compile_scope(struct plan *p, const struct filter *f, bool *done, struct err *err)
{
    if (p->q->entity == OBSERVATION)
        return compile_text(p, "t.id", AS_ID, f, done, err);
    if (p->q->entity == RECORD)
        return compile_text(p, "x.kind", AS_TEXT, f, done, err);
    *done = false;
    return ST_OK;
}

static void compile_updated(struct plan *p, const struct filter *f, bool *done)
{
    char column[64];
    char alias = alias_of(p->q->entity);
    sqlite3_snprintf(sizeof(column), column, "(%c.created_ns + %c.updated_by)", alias, alias);
    compile_time(p, column, "NULL", f, done);
}

static enum status compile_filter(struct plan *p, const struct filter *f, bool *done, struct err *err);

/* All or none: where one child cannot be said, the others are taken back. */
static enum status compile_children(struct plan *p, const struct filter *f, bool *done, struct err *err)
{
    enum status st = ST_OK;
    *done = true;
    buf_add_cstr(&p->where, f->subject == ON_ANY && f->n_children ? "(0" : "(1");
    for (size_t i = 0; i < f->n_children && *done && st == ST_OK; i++) {
        buf_add_cstr(&p->where, f->subject == ON_ANY ? " OR " : " AND ");
        st = compile_filter(p, &f->children[i], done, err);
    }
    buf_add_char(&p->where, ')');
    return st;
}

static enum status compile_subject(struct plan *p, const struct filter *f, bool *done, struct err *err)
{
    bool observations = p->q->entity == OBSERVATION;
    *done = false;
    switch (f->subject) {
    case ON_COLUMN: return compile_column(p, f, done, err);
    case ON_ID: return compile_id(p, f, done, err);
    case ON_SCOPE: return compile_scope(p, f, done, err);
    case ON_START:
        if (observations || p->q->entity == TRACE)
            compile_time(p, plan__start(p), "-9223372036854775808", f, done);
        return ST_OK;
    case ON_UPDATED: compile_updated(p, f, done); return ST_OK;
    case ON_PARENT: return observations ? compile_text(p, "o.parent_id", AS_ID, f, done, err) : ST_OK;
    case ON_ROOT:
        *done = observations;
        if (*done)
            buf_printf(&p->where, "(o.parent_id IS NULL OR o.id IS t.id) = %d", f->low != 0);
        return ST_OK;
    case ON_ERROR:
        *done = observations;
        if (*done)
            buf_printf(
                &p->where, "(coalesce(o.level, %d) = %d) = %d", LEVEL_DEFAULT, LEVEL_ERROR, f->low != 0);
        return ST_OK;
    case ON_ALL:
    case ON_ANY: return compile_children(p, f, done, err);
    case ON_NOTHING:
        *done = true;
        buf_add_char(&p->where, '0');
        return ST_OK;
    default: return ST_OK;
    }
}

static enum status compile_filter(struct plan *p, const struct filter *f, bool *done, struct err *err)
{
    size_t text = p->where.n, parameters = p->n;
    if (f->negate)
        buf_add_cstr(&p->where, "NOT ");
    buf_add_char(&p->where, '(');
    enum status st = compile_subject(p, f, done, err);
    buf_add_char(&p->where, ')');
    if (!*done) {
        p->where.n = text;
        p->n = parameters;
    }
    return st;
}

/* Filters that all must match: each that can be said is, the others are left out. */
static enum status compile_all(struct plan *p, const struct filter *filters, size_t n, struct err *err)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        if (filters[i].subject == ON_ALL && !filters[i].negate) {
            st = compile_all(p, filters[i].children, filters[i].n_children, err);
            continue;
        }
        bool done;
        size_t text = p->where.n;
        buf_add_cstr(&p->where, " AND ");
        st = compile_filter(p, &filters[i], &done, err);
        if (!done) {
            p->where.n = text;
            p->exact = false;
        }
    }
    return st;
}

enum status plan__filters(struct plan *p, struct err *err)
{
    p->exact = !p->q->negate;
    return p->exact ? compile_all(p, p->q->filters, p->q->n_filters, err) : ST_OK;
}
