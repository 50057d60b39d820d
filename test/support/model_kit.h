/*
 * model_kit: what the tests of src/model share: random events, a payload store in memory, and a state written out as text, so that two
 * states can be compared by what they show.
 */
#ifndef SUPPORT_MODEL_KIT_H
#define SUPPORT_MODEL_KIT_H

#include "model/merge.h"

struct kit {
    struct arena *a;
    uint64_t seed;
    struct str (*records)[COLUMNS_MAX]; /* piece texts by record number */
    size_t n_records, cap_records;
};

void kit_init(struct kit *k, uint64_t seed);
void kit_fini(struct kit *k);

uint64_t kit_random(struct kit *k);
unsigned kit_below(struct kit *k, unsigned n); /* 0 .. n - 1 */

/* A sealed batch of one event, set by the caller between these two. */
struct event *kit_event(struct kit *k, enum profile p, int64_t t_ns);
void kit_seal(struct kit *k, struct event *e);
/* A sealed event of random columns and values; times from a few, so that they collide. */
struct event *kit_random_event(struct kit *k, const enum profile *profiles, size_t n_profiles);
/* Random JSON object of short keys; deep enough that patches meet. */
struct str kit_random_object(struct kit *k, int depth);

/* What the store does after a join: give new payload a record. */
void kit_store_payload(struct kit *k, struct state *s);
struct payload_loader kit_loader(struct kit *k);

/* Join one event into a state as the store does, keeping the row only in its encoded form. *state: NULL at first. */
struct kit_row {
    struct value cols[COLUMNS_MAX];
    struct str fold;
    bool there;
};
bool kit_apply(
    struct kit *k, enum entity entity, struct kit_row *row, const struct event *e, int64_t recv_ns);
struct state *kit_state(struct kit *k, enum entity entity, const struct kit_row *row);

/* Every column as shown, one a line, canonical JSON; with keys: also who wrote it. */
struct str kit_show(struct kit *k, const struct state *s, bool keys);

#endif
