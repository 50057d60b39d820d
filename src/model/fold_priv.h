/*
 * The fold blob's format as fold.c writes it and unfold.c reads it.
 */
#ifndef MODEL_FOLD_PRIV_H
#define MODEL_FOLD_PRIV_H

#include "base/buf.h"
#include "model/model_priv.h"

#define FOLD_VERSION 1
#define FOLD_FULL    0x80
#define MORE         0x80 /* top bit of the profile byte: a flags byte follows */
#define IN_HINT_SLOT 0x80 /* top bit of a column's number where a cell is named */

enum writer_flag { W_RECV = 1, W_TIE = 2, W_RECORD = 4, W_NULLS = 8, W_HINTS = 16, W_TYPE_HINTS = 32 };

/* How a statement departs from its profile, packed: rank 2 bits, direction 1, grade 2, mode 2. */
static inline uint8_t pack_claim(const struct cell *c)
{
    return (uint8_t)(c->rank | c->direction << 2 | c->grade << 3 | c->mode << 5);
}

static inline void unpack_claim(uint8_t b, struct cell *c)
{
    c->rank = b & 3;
    c->direction = b >> 2 & 1;
    c->grade = b >> 3 & 3;
    c->mode = b >> 5 & 3;
}

/* The cell a writer's profile would make of a value. */
static inline struct cell ruled_cell(
    const struct profile_info *p, unsigned column, unsigned writer, bool hint, struct value v)
{
    const struct rule *r = &p->rules[column];
    struct cell c = { .column = (uint8_t)column,
        .rank = r->rank,
        .direction = r->direction,
        .mode = r->mode,
        .writer = (uint16_t)writer,
        .value = v };
    c.grade = model_grade(p, column, &v);
    if (hint)
        c.rank = RANK_HINT;
    return c;
}

/* ---- times ---------------------------------------------------------------------------------------------------------- */

/* Differences wrap, so that no pair of times is illegal. */
static inline int64_t less(int64_t x, int64_t y)
{
    return (int64_t)((uint64_t)x - (uint64_t)y);
}

static inline int64_t plus(int64_t x, int64_t y)
{
    return (int64_t)((uint64_t)x + (uint64_t)y);
}

/* The k-th TIME column of an entity as a base, k from 1; 0 is the epoch. */
static inline int64_t time_base(enum entity e, const struct value *cols, unsigned k)
{
    size_t n;
    const struct column *columns = model_columns(e, &n);
    for (size_t c = 0; k && c < n; c++)
        if (columns[c].type == TYPE_TIME && --k == 0)
            return cols[c].kind == V_INT ? cols[c].i : 0;
    return 0;
}

/* Columns that a writer holds in the full form: shown ones, those of them that are null, hints. */
struct masks {
    uint32_t held, nulls, hints;
};

static inline bool takes_type_hint(const struct column *col)
{
    return col->place == PLACE_PAYLOAD && col->kind == KIND_REG;
}

#endif
