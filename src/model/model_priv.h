/*
 * What the files of model share and nobody else needs: the rules of the profiles as one table.
 */
#ifndef MODEL_MODEL_PRIV_H
#define MODEL_MODEL_PRIV_H

#include "model/merge.h"

struct rule {
    uint8_t rank;      /* enum rank */
    uint8_t direction; /* enum direction */
    uint8_t mode;      /* enum patch_mode */
};

struct profile_info {
    const char *name; /* NULL: no such profile */
    enum entity entity;
    uint8_t minor;
    bool server;    /* receipt breaks exact ties */
    int8_t grade;   /* of types it states; -1: the type's own */
    uint32_t nulls; /* columns it sets to null when it states nothing */
    struct rule rules[COLUMNS_MAX];
};

#define PROFILES_MAX 128 /* the fold blob has seven bits for a profile */

/* NULL when there is none of that number. */
const struct profile_info *model_profile(unsigned number);
/* Grade of a statement: only observation types have one. */
uint8_t model_grade(const struct profile_info *p, unsigned column, const struct value *v);

/* Maps and tags have one slot, ordered by rank first; registers keep hints apart. */
static inline unsigned cell_slot(const struct column *columns, const struct cell *c)
{
    return columns[c->column].kind == KIND_REG && c->rank == RANK_HINT;
}

static inline bool kind_has_patches(enum column_kind k)
{
    return k == KIND_MAP || k == KIND_TAGS;
}

/* Is the value of the kind that the column's type says? */
static inline bool value_fits(const struct column *col, const struct value *v)
{
    switch (col->type) {
    case TYPE_TEXT:
    case TYPE_ID: return v->kind == V_TEXT;
    case TYPE_JSON: return v->kind == V_JSON;
    default: return v->kind == V_INT;
    }
}

/* Order of two statements about one column: greater wins (merge.md 2.1). */
int model__key_cmp(
    const struct writer *wx, const struct cell *x, const struct writer *wy, const struct cell *y);
/* First cell of a column and how many there are, both slots. */
const struct cell *model__cells(const struct state *s, unsigned column, size_t *n);
/* The tags of x, then those of y that are not in x: a JSON array. Items that are not strings are left out. */
struct str model__tags_union(struct arena *a, struct json x, struct json y);
/* Of a patch, never 0. */
uint32_t model__hash(struct str s);
/* Counts of one usage by key, disjoint, as sent but for that; derive_usage() without the writing. */
struct counts {
    struct str *keys;
    int64_t *values;
    size_t n;
};
struct usage_final;
void model__usage(struct arena *a, const struct row *r, struct counts *c, struct usage_final *out);
/* A sum that stops at the ends of its type. */
int64_t model__add(int64_t x, int64_t y);
/* Order of observations: start (none last), then id. */
int model__row_cmp(const struct row *x, const struct row *y);
/* Indexes of rows in that order. */
uint32_t *model__rows_sorted(struct arena *a, const struct row *rows, size_t n);
/* What tag patches in key order show: a JSON array. */
MUST_CHECK enum status model__fold_tags(
    struct arena *a, const struct patch *patches, size_t n, struct str *out, struct err *err);
/* What the cells of one column show while payloads are not loaded. */
struct value model__shown(const struct column *col, const struct cell *cells, size_t n);
/* The text of a V_JSON or V_REF value. */
MUST_CHECK enum status model__text(struct arena *a, const struct value *v, const struct payload_loader *load,
    struct str *out, struct err *err);

#endif
