/*
 * merge: rows as joins of statements. One loop that knows no dialect (merge.md 1 to 5).
 *
 * A state is everything said about one id: writers (events still referred to) and cells (statements still standing).
 * An event lifts to a state with one writer; states join; a state shows values; a state is stored as shown columns + fold blob.
 */
#ifndef MODEL_MERGE_H
#define MODEL_MERGE_H

#include "model/model.h"

struct writer {
    uint8_t profile;
    uint8_t minor;
    uint8_t tie;
    uint32_t digest;
    int64_t t_ns;
    int64_t recv_ns; /* 0 unless server-ordered */
    int64_t record;  /* payload record it wrote; 0 none. Set by the store after the join. */
};

#define MERGE_SEEN_MAX    16
#define MERGE_PATCHES_MAX 64

struct state {
    enum entity entity;
    struct writer *writers;
    size_t n_writers;
    struct cell *cells;
    size_t n_cells; /* sorted by column, slot (main before hint), then key */
    uint32_t seen[MERGE_SEEN_MAX];
    size_t n_seen;
};

/* A repeat: an event with this time and digest is among the writers, or its digest is in `seen`. */
bool state_knows(const struct state *s, const struct event *e);
/* Time the server gives an event that has none, or stamps on a server-ordered one: see merge.md 2.3. `old` may be NULL. */
struct state *state_lift(struct arena *a, const struct state *old, const struct event *e, int64_t recv_ns);
/* Reads V_REF pieces. */
struct payload_loader {
    enum status (*load)(
        void *ctx, struct arena *a, int64_t record, unsigned piece, struct str *json, struct err *err);
    void *ctx;
};
/* Join. `old` may be NULL. *changed: some statement of b stands in the result, or a digest went to `seen`, which happens when
 * nothing of a server-ordered writer stands any more and a repeat of it could win. Not changed: keep `old`, *out is of no use.
 * Writers nobody refers to are dropped. load: used only when more than MERGE_PATCHES_MAX patches must be folded. */
MUST_CHECK enum status state_join(struct arena *a, const struct state *old, const struct state *b,
    const struct payload_loader *load, struct state **out, bool *changed, struct err *err);

/* Take back what events of this profile stated, before what replaces it is joined; their writers go with the join. */
void state_forget(struct state *s, enum profile profile);

/* Is this a value that goes into the payload record of its writer (and not there yet)? The store writes those of the new writers
 * whose `record` is still 0 as pieces numbered by column, then sets `record`, then encodes. */
bool state_writes(const struct state *s, const struct cell *c);

/* Store form. cols: shown values (main, else hint) of ROW columns; PAYLOAD columns V_REF to the record that shows. fold: the rest. */
void state_encode(struct arena *a, const struct state *s, struct value cols[COLUMNS_MAX], struct str *fold);
MUST_CHECK enum status state_decode(struct arena *a, enum entity e, const struct value cols[COLUMNS_MAX],
    struct str fold, struct state **out, struct err *err);

/* The shown value of a column: REG main-else-hint; MAP and TAGS folded to JSON text. V_REF values are loaded. */
MUST_CHECK enum status state_show(struct arena *a, const struct state *s, unsigned column,
    const struct payload_loader *load, struct value *out, struct err *err);
/* Rank of what a REG column shows (RANK_GUESS when nothing), and the key parts that rank it against derived values. */
enum rank state_rank(const struct state *s, unsigned column);
/* Of a stored row, as its fold tells it, without making a state: who states a column (its main slot; hints do
 * not count; nobody when several patches make it). */
struct claim {
    bool stated, null;
    enum rank rank;
    enum direction direction;
    enum patch_mode mode;
    enum profile profile;
    uint8_t minor;
    int64_t t_ns;
};
bool row_claim(const struct row *r, unsigned column, struct claim *out); /* false when nobody does */
/* Is the column an explicit null of rank >= 2? (hides derived values) */
bool row_states_null(const struct row *r, unsigned column);
/* Which dialects wrote what stands: enum family bits; 0 for a row that nobody stated. */
unsigned row_families(const struct row *r);

/* A row as read from ROW columns and fold: point its PAYLOAD columns at their records (V_REF; of several patches the newest). */
MUST_CHECK enum status row_refs(struct arena *a, struct row *r, struct err *err);
/* Load the PAYLOAD columns whose bit is set in `columns` (1 << number): V_JSON as shown, patches folded, or V_NULL. */
MUST_CHECK enum status row_load(
    struct arena *a, struct row *r, uint32_t columns, const struct payload_loader *load, struct err *err);

/* Folding, also used alone by tests. patches in key order, oldest first. */
struct patch {
    enum patch_mode mode;
    struct str json;
};
MUST_CHECK enum status patch_fold(
    struct arena *a, const struct patch *patches, size_t n, struct str *out, struct err *err);

#endif
