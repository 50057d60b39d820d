/*
 * store_kit: what the tests of the storage drivers share. Scratch folders, hand-made and random rows, comparing what two drivers answer.
 */
#ifndef TEST_SUPPORT_STORE_KIT_H
#define TEST_SUPPORT_STORE_KIT_H

#include "store/driver.h"

/* A new empty folder in memory (below TMPDIR where set, /tmp where there is no /dev/shm); remove it with folder_drop(). */
char *folder_new(void);
void folder_drop(char *dir);                          /* and frees the name */
char *folder_file(const char *dir, const char *name); /* caller frees */

struct store_options rowkit_options(void); /* the defaults of options.def */

/* xorshift; the same seed gives the same rows. */
struct dice {
    uint64_t state;
};
uint32_t dice_roll(struct dice *d, uint32_t below);

/* Ids of every form, from a small set, so that rows meet. */
struct str rowkit_id(struct arena *a, struct dice *d, uint32_t many);
/* A row of any entity with random columns. V_REF columns point at one of `pointers`. */
struct row *rowkit_row(
    struct arena *a, struct dice *d, enum entity e, const int64_t *pointers, size_t n_pointers);
/* NULL when equal, else the first difference in words. */
const char *rowkit_difference(const struct row *x, const struct row *y);

struct rowkit_rows {
    struct arena *a;
    struct row *items;
    size_t n, cap;
};
bool rowkit_gather(void *ctx, struct row *r); /* a row_visitor */

#endif
