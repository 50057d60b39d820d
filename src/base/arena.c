/*
 * arena: a list of blocks. The first block of the list is the one being filled; pieces that would waste too much of a block get one
 * of their own, which stands behind the first.
 *
 *   arena -> [open block | pieces ... free] -> [own block | one piece] -> [full block | pieces] -> ...
 *
 * With TW_ARENA_MALLOC every piece takes the path of the large ones, so the address sanitizer guards each end.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena_priv.h"
#include "base/mem.h"

#define ALIGN       ((size_t)16)
#define BLOCK_LEAST ((size_t)4096)
#define BLOCK_MOST  ((size_t)1 << 20)

#ifdef TW_ARENA_MALLOC
#define EACH_PIECE_ALONE true
#else
#define EACH_PIECE_ALONE false
#endif

struct block {
    struct block *next;
    size_t size; /* of data */
    size_t used;
    size_t unused_; /* keeps data aligned */
    char data[];
};
static_assert(offsetof(struct block, data) % ALIGN == 0, "pieces are aligned to 16");

struct arena {
    struct block *open; /* NULL, or the head of the list */
    size_t next_size;   /* of the next block, its head included */
    size_t bytes;
};

struct arena *arena_new(void)
{
    struct arena *a = mem_alloc(sizeof *a);
    *a = (struct arena){ .next_size = BLOCK_LEAST };
    return a;
}

static void free_blocks(struct block *b)
{
    while (b) {
        struct block *next = b->next;
        mem_free(b);
        b = next;
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    free_blocks(a->open);
    mem_free(a);
}

/* The open block is the youngest of its kind and so the largest. One that holds a single large piece is not worth keeping. */
void arena_reset(struct arena *a)
{
    struct block *keep = a->open;
    if (keep && !EACH_PIECE_ALONE && keep->size <= BLOCK_MOST) {
        free_blocks(keep->next);
        keep->next = NULL;
        keep->used = 0;
        a->bytes = sizeof *keep + keep->size;
    } else {
        free_blocks(keep);
        *a = (struct arena){ .next_size = BLOCK_LEAST };
    }
}

size_t arena_bytes(const struct arena *a)
{
    return a->bytes;
}

static struct block *new_block(struct arena *a, size_t size, bool zeroed)
{
    assert(size <= SIZE_MAX / 2);
    struct block *b = zeroed ? mem_alloc(sizeof *b + size) : mem_resize(NULL, sizeof *b + size);
    *b = (struct block){ .size = size };
    a->bytes += sizeof *b + size;
    return b;
}

/* A fresh large block comes zeroed from the system, often without being touched. */
static void *take_alone(struct arena *a, size_t n, bool zeroed)
{
    struct block *b = new_block(a, n, zeroed);
    b->used = n;
    if (a->open) {
        b->next = a->open->next;
        a->open->next = b;
    } else
        a->open = b;
    return b->data;
}

static void open_block(struct arena *a)
{
    struct block *b = new_block(a, a->next_size - sizeof *b, false);
    b->next = a->open;
    a->open = b;
    if (a->next_size < BLOCK_MOST)
        a->next_size *= 2;
}

static size_t round_up(size_t n)
{
    return (n + ALIGN - 1) & ~(ALIGN - 1);
}

static bool fits_open(const struct arena *a, size_t n)
{
    return !EACH_PIECE_ALONE && a->open && round_up(n) <= a->open->size - a->open->used;
}

static void *take(struct arena *a, size_t n, bool zeroed)
{
    assert(n <= SIZE_MAX / 2);
    if (!fits_open(a, n)) {
        if (EACH_PIECE_ALONE || round_up(n) > a->next_size / 2)
            return take_alone(a, n, zeroed);
        open_block(a);
    }
    char *p = a->open->data + a->open->used;
    a->open->used += round_up(n);
    if (zeroed)
        memset(p, 0, n);
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    return take(a, n, true);
}

void *arena__take(struct arena *a, size_t n)
{
    return take(a, n, false);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    assert(size == 0 || count <= SIZE_MAX / 2 / size);
    return take(a, count * size, true);
}

/* Where the newest piece of the open block ends, so that it can be changed in place. */
static bool is_newest(const struct arena *a, const void *p, size_t n)
{
    if (EACH_PIECE_ALONE || !a->open || round_up(n) > a->open->used)
        return false;
    return (const char *)p == a->open->data + a->open->used - round_up(n);
}

void arena__give_back(struct arena *a, void *p, size_t n, size_t used)
{
    assert(used <= n);
    if (is_newest(a, p, n))
        a->open->used = (size_t)((char *)p - a->open->data) + round_up(used);
}

static bool extend(struct arena *a, void *p, size_t old_n, size_t new_n)
{
    if (!p || !is_newest(a, p, old_n))
        return false;
    size_t at = (size_t)((char *)p - a->open->data);
    if (round_up(new_n) > a->open->size - at)
        return false;
    a->open->used = at + round_up(new_n);
    memset((char *)p + old_n, 0, new_n - old_n);
    return true;
}

void *arena_grow(struct arena *a, void *items, size_t *cap, size_t want, size_t size)
{
    if (items && want <= *cap)
        return items;
    size_t old_n = items ? *cap * size : 0;
    size_t more = *cap * 2 > 8 ? *cap * 2 : 8;
    more = more > want ? more : want;
    assert(size == 0 || more <= SIZE_MAX / 2 / size);
    *cap = more;
    if (extend(a, items, old_n, more * size))
        return items;
    char *grown = take(a, more * size, false);
    if (old_n)
        memcpy(grown, items, old_n);
    memset(grown + old_n, 0, more * size - old_n);
    return grown;
}

struct str arena_dup(struct arena *a, struct str s)
{
    if (!s.p)
        return STR_NONE;
    char *p = take(a, s.n + 1, false);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return (struct str){ p, s.n };
}

const char *arena_cstr(struct arena *a, struct str s)
{
    return arena_dup(a, s.p ? s : STR("")).p;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    if ((size_t)n < sizeof small)
        return arena_dup(a, (struct str){ small, (size_t)n });
    char *p = take(a, (size_t)n + 1, false);
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct str){ p, (size_t)n };
}
