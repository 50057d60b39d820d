/* What segment.c (writing), segment_read.c (reading) and blocks.c (the cache) share. */
#ifndef STORE_SQLITE_SEGMENT_PRIV_H
#define STORE_SQLITE_SEGMENT_PRIV_H

#include "base/buf.h"
#include "base/lock.h"
#include "store/sqlite/segment.h"

#define SEGMENT_HEAD    32
#define SEGMENT_TAIL    32
#define BLOCK_HEAD      32
#define SEGMENT_FORMAT  1
#define CODEC_ZSTD      1
#define BLOCK_RAW_MAX   (UINT32_C(1) << 30)
#define ORDINALS_MAX    UINT32_C(0xFFFFFF00)
#define SEGMENTS_LOADED 64 /* files held open with their index in memory */

/* ---- blocks.c: decompressed blocks, least recently used go first ---------------------------------------------------- */

struct block {
    int64_t segment, offset;
    uint32_t count;
    size_t n;
    char *raw; /* end offsets, then records */
    unsigned refs;
    struct block *next_in_slot, *newer, *older;
};

struct blocks;
struct blocks *blocks__new(size_t limit);
void blocks__free(struct blocks *c);
/* NULL: not there. What is got or put is given back by blocks__drop. */
struct block *blocks__get(struct blocks *c, int64_t segment, int64_t offset);
struct block *blocks__put(struct blocks *c, struct block *b); /* takes b; returns the one to use */
void blocks__drop(struct blocks *c, struct block *b);

/* ---- segment.c ------------------------------------------------------------------------------------------------------ */

struct entry {
    int64_t offset;
    uint32_t first;
};

struct segment {
    struct segment_fact fact;
    bool changed; /* the next commit records the fact */
    int fd;       /* -1: not open */
    bool loaded;  /* index is complete up to `end` */
    struct entry *index;
    size_t n_index, cap_index;
    int64_t end; /* of the blocks that are in the file */
    unsigned refs;
    uint64_t used; /* when, for the choice of whom to unload */
};

struct pending {
    struct buf raw; /* records */
    uint32_t *ends;
    size_t n, cap;
    uint32_t first; /* ordinal of the first */
};

struct segments {
    char *dir;
    struct segment_options o;
    struct store_metrics *metrics;
    struct lock
        lock; /* items, their index, fd and refs; pending is the writer's, but readers inside its transaction are the writer */
    struct segment **items;
    size_t n, cap;
    size_t n_loaded;
    uint64_t clock;
    struct segment *active; /* NULL: the next record opens a file */
    struct pending pending;
    bool unsynced;
    int64_t committed_bytes; /* of the active file */
    int64_t committed_records;
    struct buf scratch, packed;
    struct blocks *cache;
};

uint32_t get32(const char *p);
uint64_t get64(const char *p);
void put32(char *p, uint32_t v);
void put64(char *p, uint64_t v);

/* Opens the file where it is not, and makes its index. With the lock held. */
MUST_CHECK enum status segment__load(struct segments *s, struct segment *g, struct err *err);
struct segment *segments__find(struct segments *s, int64_t number);
void segment__note_block(struct segment *g, int64_t offset, uint32_t first);
/* Reads a block's head at `offset`; ST_CORRUPT when it is none or reaches past `end`. */
MUST_CHECK enum status segment__head(int fd, int64_t number, int64_t offset, int64_t end,
    struct segment_block *b, uint32_t *checksum, struct err *err);
MUST_CHECK enum status segment__pread(int fd, int64_t number, void *p, size_t n, int64_t at, struct err *err);
MUST_CHECK enum status segment__check_head(int fd, int64_t number, struct err *err);
/* The record of one block by its place in it. */
MUST_CHECK enum status segment__record(
    const char *raw, size_t n, uint32_t count, uint32_t at, struct str *out);

#endif
