/*
 * fields: decoding and encoding by table. A dialect's fields.def says which JSON path is which column, and how it is spelled.
 *
 *   FIELD(kinds, path, column, conversion, nulls, direction)
 *     kinds       bits of the dialect's own event kinds the row is for
 *     path        members joined by '.', from the value given to fields_decode()
 *     column      ENTITY_field of columns.def
 *     conversion  CONV_* below
 *     nulls       ERASE: explicit null is a statement; IGNORE: it is absent; EMPTY: "" is absent too; FALSY: "", 0, false too
 *     direction   IN, OUT or IN | OUT
 * Rank, direction of time and map mode are the profile's (model/profiles.def).
 */
#ifndef DIALECT_FIELDS_H
#define DIALECT_FIELDS_H

#include "dialect/dialect.h"

enum conversion {
    CONV_TEXT, /* string */
    CONV_ID,   /* string that is an id (design.md 2) */
    CONV_BOOL,
    CONV_INT,
    CONV_MS,     /* number of epoch milliseconds <-> ns */
    CONV_ISO,    /* RFC 3339 text <-> ns */
    CONV_JSON,   /* any JSON */
    CONV_OBJECT, /* a JSON object */
    CONV_TEXTS,  /* array of strings */
    CONV_LEVEL,  /* DEBUG DEFAULT WARNING ERROR */
};
enum nulls { NULLS_ERASE, NULLS_IGNORE, NULLS_EMPTY, NULLS_FALSY };
enum { FIELD_IN = 1, FIELD_OUT = 2 };

struct field {
    unsigned kinds;
    const char *path;
    uint8_t column;
    enum conversion conversion;
    enum nulls nulls;
    unsigned direction;
};

/* State every field of `kinds` that `v` has. A wrong type is ST_INVALID with err->path and "Expected string, received number". */
MUST_CHECK enum status fields_decode(
    const struct field *fields, size_t n, unsigned kinds, struct json v, struct event *e, struct err *err);
/* Write the row's columns as members of the object that is open in w; paths with '.' must come grouped. null_too: unset ones as null. */
void fields_encode(
    const struct field *fields, size_t n, unsigned kinds, const struct row *r, bool null_too, struct jw *w);
/* One conversion, both ways. */
MUST_CHECK enum status field_in(
    struct arena *a, enum conversion c, struct json v, struct value *out, struct err *err);
void field_out(enum conversion c, const struct value *v, struct jw *w);

#endif
