/*
 * datasets: rows to test an app with, one list of them for every product. LangWatch's records, Langtrace's data and (later) Langfuse's
 * items are the same rows.
 *
 *   record "dataset"       name = slug, body {name (as people wrote it), description, column_types: [{name, type}], ...};
 *                          status = format of the prompts, in Lunary only
 *   record "dataset_item"  parent = dataset, seq = place, body {entry: {column: value}, span_id, trace_id, metadata, ...}
 *
 * Entry     a row's columns by name. Those that all products know: input, output, expected_output, model, note. A value may be any JSON.
 * Lunary    has prompts and variations below a dataset instead (kinds dataset_prompt, dataset_variation: llmonitor/datasets.c).
 * Slugs     need not be unique: who asks by slug gets the oldest, in Lunary the newest.
 */
#ifndef DIALECT_DATASETS_H
#define DIALECT_DATASETS_H

#include "dialect/records.h"

#define DATASETS_KIND      "dataset"
#define DATASETS_ITEM_KIND "dataset_item"

/* ---- questions ---- */

struct ask *datasets_ask(struct call *c);                       /* all, the oldest first */
struct ask *datasets_ask_one(struct call *c, struct str id);    /* ASK_GET */
struct ask *datasets_ask_slug(struct call *c, struct str slug); /* one row: the oldest of that slug */
/* Rows of a dataset in their order; set offset and limit for a page, with |= WITH_TOTAL for their number. */
struct ask *datasets_ask_items(struct call *c, struct str dataset_id);
/* All rows of it, without their bodies, for datasets_remove(). */
struct ask *datasets_ask_gone(struct call *c, struct str dataset_id);
struct ask *datasets_ask_item(struct call *c, struct str item_id); /* ASK_GET */

/* ---- answers: views of rows; everything is borrowed from the row and the arena ---- */

struct dataset {
    const struct row *row;
    struct str id, slug, name,
        description; /* name: the slug when nobody wrote another; description: absent when none */
    int64_t created_ns, updated_ns;
    struct json body;
};
struct dataset_item {
    const struct row *row;
    struct str id, dataset_id;
    int64_t created_ns, updated_ns;
    struct json entry; /* an object */
    struct json body;
};
struct dataset datasets_view(struct arena *a, const struct row *dataset);
struct dataset_item datasets_view_item(struct arena *a, const struct row *item);
/* A column as text: a string as it is, other JSON minified; absent when there is none or it is null. */
struct str datasets_text(struct arena *a, const struct dataset_item *item, const char *column);

/* ---- writing ---- */

/* old NULL: a new one. Absent slug and members: as they were. */
void datasets_put(struct call *c, struct batch *b, const struct row *old, struct str id, struct str slug,
    const struct record_member *members, size_t n);
/* old NULL: a new row, the `place`-th of this request. members: "entry" whole, and others of the body. */
void datasets_put_item(struct call *c, struct batch *b, const struct row *old, struct str id,
    struct str dataset_id, size_t place, const struct record_member *members, size_t n);
/* A dataset and those of the items that are its own. */
void datasets_remove(struct call *c, struct batch *b, struct str id, const struct ask *items);

/* "Fragen fx01" -> "fragen-fx01"; a name with nothing to keep gives "dataset". */
struct str datasets_slug(struct arena *a, struct str name);

#endif
