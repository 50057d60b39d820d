/*
 * Totals, remembered: a list that is paged through, or asked again and again by a screen, counts once a commit. A small table by place:
 * what comes next replaces what was there.
 */
#include "store/sqlite/sqlite_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#define PLACES  128
#define KEY_MAX 4096 /* a longer question is counted each time */

struct count {
    int64_t commit; /* 0: empty */
    int64_t n;
    char *key;
    size_t key_n;
};

struct counts {
    struct lock lock;
    struct count places[PLACES];
};

struct counts *counts__new(void)
{
    struct counts *c = mem_alloc(sizeof(*c));
    lock_init(&c->lock, LOCK_LEAF);
    return c;
}

void counts__free(struct counts *c)
{
    if (!c)
        return;
    for (int i = 0; i < PLACES; i++)
        mem_free(c->places[i].key);
    lock_fini(&c->lock);
    mem_free(c);
}

bool counts__find(struct counts *c, int64_t commit, struct str key, int64_t *n)
{
    struct count *at = &c->places[hash64(key) % PLACES];
    lock_take(&c->lock);
    bool found = at->commit == commit && commit > 0 && str_eq((struct str){ at->key, at->key_n }, key);
    if (found)
        *n = at->n;
    lock_drop(&c->lock);
    return found;
}

void counts__note(struct counts *c, int64_t commit, struct str key, int64_t n)
{
    if (key.n == 0 || key.n > KEY_MAX)
        return;
    struct buf copy;
    buf_init(&copy, 0);
    buf_add_str(&copy, key);
    struct count *at = &c->places[hash64(key) % PLACES];
    lock_take(&c->lock);
    mem_free(at->key);
    at->commit = commit;
    at->n = n;
    at->key = buf_take(&copy, &at->key_n);
    lock_drop(&c->lock);
}
