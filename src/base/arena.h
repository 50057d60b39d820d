/*
 * arena: memory of one request or one batch, freed whole.
 *
 * Threads   one owner at a time. Blocks double from 4 KiB to 1 MiB; larger pieces get a block of their own.
 * In builds with TW_ARENA_MALLOC every piece is its own malloc, so the sanitizers see it.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);          /* NULL is fine */
void arena_reset(struct arena *a);         /* forget all pieces, keep one block */
size_t arena_bytes(const struct arena *a); /* taken from the heap so far */

void *arena_alloc(struct arena *a, size_t n); /* zeroed, aligned to 16 */
void *arena_array(struct arena *a, size_t count, size_t size);
/* Grow an array of `size`-byte items to hold at least `want`; returns the (moved) items, updates *cap. */
void *arena_grow(struct arena *a, void *items, size_t *cap, size_t want, size_t size);
struct str arena_dup(struct arena *a, struct str s); /* absent stays absent; a zero byte follows the copy */
const char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
