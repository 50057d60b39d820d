/* The block cache: a hash table over a list in order of use. Small, since neighbours in a block are read together. */
#include "store/sqlite/segment_priv.h"

#include <assert.h>

#include "base/mem.h"

#define SLOTS 1024

struct blocks {
    struct lock lock;
    size_t limit, bytes;
    struct block *slots[SLOTS];
    struct block *newest, *oldest;
};

struct blocks *blocks__new(size_t limit)
{
    struct blocks *c = mem_alloc(sizeof(*c));
    lock_init(&c->lock, LOCK_LEAF);
    c->limit = limit;
    return c;
}

static void block_free(struct block *b)
{
    mem_free(b->raw);
    mem_free(b);
}

void blocks__free(struct blocks *c)
{
    if (!c)
        return;
    for (struct block *b = c->newest, *older; b; b = older) {
        older = b->older;
        assert(b->refs == 0);
        block_free(b);
    }
    lock_fini(&c->lock);
    mem_free(c);
}

static struct block **slot_of(struct blocks *c, int64_t segment, int64_t offset)
{
    uint64_t h = ((uint64_t)segment * UINT64_C(0x9E3779B97F4A7C15)) ^
                 ((uint64_t)offset * UINT64_C(0xC2B2AE3D27D4EB4F));
    return &c->slots[(h ^ h >> 32) % SLOTS];
}

static void unlist(struct blocks *c, struct block *b)
{
    *(b->newer ? &b->newer->older : &c->newest) = b->older;
    *(b->older ? &b->older->newer : &c->oldest) = b->newer;
    b->newer = b->older = NULL;
}

static void list_newest(struct blocks *c, struct block *b)
{
    b->older = c->newest;
    b->newer = NULL;
    *(c->newest ? &c->newest->newer : &c->oldest) = b;
    c->newest = b;
}

static struct block *find(struct blocks *c, int64_t segment, int64_t offset)
{
    struct block *b = *slot_of(c, segment, offset);
    while (b && (b->segment != segment || b->offset != offset))
        b = b->next_in_slot;
    return b;
}

static void forget(struct blocks *c, struct block *b)
{
    struct block **at = slot_of(c, b->segment, b->offset);
    while (*at != b)
        at = &(*at)->next_in_slot;
    *at = b->next_in_slot;
    unlist(c, b);
    c->bytes -= b->n;
    block_free(b);
}

static void evict(struct blocks *c)
{
    for (struct block *b = c->oldest, *newer; b && c->bytes > c->limit; b = newer) {
        newer = b->newer;
        if (b->refs == 0)
            forget(c, b);
    }
}

struct block *blocks__get(struct blocks *c, int64_t segment, int64_t offset)
{
    lock_take(&c->lock);
    struct block *b = find(c, segment, offset);
    if (b) {
        b->refs++;
        unlist(c, b);
        list_newest(c, b);
    }
    lock_drop(&c->lock);
    return b;
}

struct block *blocks__put(struct blocks *c, struct block *b)
{
    lock_take(&c->lock);
    struct block *there = find(c, b->segment, b->offset);
    if (there) { /* another reader was as quick */
        block_free(b);
        b = there;
        b->refs++;
    } else {
        struct block **slot = slot_of(c, b->segment, b->offset);
        b->refs = 1;
        b->next_in_slot = *slot;
        *slot = b;
        list_newest(c, b);
        c->bytes += b->n;
        evict(c);
    }
    lock_drop(&c->lock);
    return b;
}

/* A block larger than a quarter of the cache would push out too much; it goes as soon as it is not in use. */
void blocks__drop(struct blocks *c, struct block *b)
{
    lock_take(&c->lock);
    assert(b->refs > 0);
    b->refs--;
    if (b->refs == 0 && b->n > c->limit / 4)
        forget(c, b);
    else
        evict(c);
    lock_drop(&c->lock);
}
