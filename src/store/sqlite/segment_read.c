/*
 * Reading payload segments. An index of (offset, first ordinal) per file is made when the file is first read: from the footer of a
 * sealed one, else by walking the heads of its blocks. At most SEGMENTS_LOADED files are held open.
 */
#include "store/sqlite/segment_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compress.h"
#include "base/log.h"
#include "base/mem.h"

enum status segment__pread(int fd, int64_t number, void *p, size_t n, int64_t at, struct err *err)
{
    char *to = p;
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ST_IO, "cannot read payload segment %lld at %lld: %s", (long long)number,
                (long long)at, strerror(errno));
        if (got == 0)
            return err_set(err, ST_CORRUPT, "payload segment %lld ends at %lld, before what rows point at",
                (long long)number, (long long)at);
        to += got;
        n -= (size_t)got;
        at += got;
    }
    return ST_OK;
}

enum status segment__check_head(int fd, int64_t number, struct err *err)
{
    char h[SEGMENT_HEAD];
    enum status st = segment__pread(fd, number, h, sizeof(h), 0, err);
    if (st != ST_OK)
        return st;
    if (memcmp(h, "TWSEG001", 8) != 0 || get32(h + 28) != checksum32((struct str){ h, 28 }) ||
        get32(h + 8) != (uint32_t)number)
        return err_set(err, ST_CORRUPT, "payload segment %lld has a damaged head", (long long)number);
    if (get32(h + 12) != SEGMENT_FORMAT)
        return err_set(err, ST_CORRUPT,
            "payload segment %lld has format %u, this version reads %d; use the version that wrote it",
            (long long)number, get32(h + 12), SEGMENT_FORMAT);
    return ST_OK;
}

enum status segment__head(int fd, int64_t number, int64_t offset, int64_t end, struct segment_block *b,
    uint32_t *checksum, struct err *err)
{
    char h[BLOCK_HEAD];
    enum status st = segment__pread(fd, number, h, sizeof(h), offset, err);
    if (st != ST_OK)
        return st;
    *b = (struct segment_block){ offset, get32(h + 4), get32(h + 8), get32(h + 12), get32(h + 16) };
    *checksum = get32(h + 24);
    if (memcmp(h, "TWBK", 4) != 0 || get32(h + 28) != checksum32((struct str){ h, 28 }) ||
        get32(h + 20) != CODEC_ZSTD)
        return err_set(err, ST_CORRUPT, "payload segment %lld has a damaged block head at %lld",
            (long long)number, (long long)offset);
    if (offset + BLOCK_HEAD + b->packed_n > end || b->raw_n > BLOCK_RAW_MAX ||
        (uint64_t)b->count * 4 > b->raw_n || b->count == 0)
        return err_set(err, ST_CORRUPT, "payload segment %lld has an impossible block at %lld",
            (long long)number, (long long)offset);
    return ST_OK;
}

/* ---- the index of a file -------------------------------------------------------------------------------------------- */

/* The next place from `at` on where a whole block head stands, or the end: a damaged head hides no block but its own. */
static int64_t next_head(const struct segment *g, int64_t at)
{
    char piece[65536];
    struct segment_block b;
    uint32_t checksum;
    while (at + BLOCK_HEAD <= g->end) {
        size_t n = (size_t)(g->end - at < (int64_t)sizeof(piece) ? g->end - at : (int64_t)sizeof(piece));
        if (segment__pread(g->fd, g->fact.number, piece, n, at, NULL) != ST_OK)
            break;
        for (size_t i = 0; i + 4 <= n; i++)
            if (memcmp(piece + i, "TWBK", 4) == 0 &&
                segment__head(g->fd, g->fact.number, at + (int64_t)i, g->end, &b, &checksum, NULL) == ST_OK)
                return at + (int64_t)i;
        at += (int64_t)n - 3;
    }
    return g->end;
}

static enum status walk(struct segment *g, struct err *err)
{
    g->n_index = 0;
    for (int64_t at = SEGMENT_HEAD; at < g->end;) {
        struct segment_block b;
        uint32_t checksum;
        struct err damage;
        enum status st = segment__head(g->fd, g->fact.number, at, g->end, &b, &checksum, &damage);
        if (st == ST_OK) {
            segment__note_block(g, at, b.first);
            at += BLOCK_HEAD + b.packed_n;
        } else if (st == ST_CORRUPT) {
            log_error("store", "%s: what it held is lost; run `tracewell check`", damage.text);
            at = next_head(g, at + 1);
        } else {
            if (err)
                *err = damage;
            return st;
        }
    }
    return ST_OK;
}

/* False: there is no footer, or a damaged one. */
static bool read_footer(struct segment *g)
{
    char tail[SEGMENT_TAIL];
    struct stat st;
    if (fstat(g->fd, &st) != 0 || st.st_size < g->end + SEGMENT_TAIL)
        return false;
    if (segment__pread(g->fd, g->fact.number, tail, sizeof(tail), st.st_size - SEGMENT_TAIL, NULL) != ST_OK)
        return false;
    size_t n = (size_t)get32(tail + 8) * 16;
    if (memcmp(tail + 28, "TWEN", 4) != 0 || get32(tail + 24) != checksum32((struct str){ tail, 24 }) ||
        (int64_t)get64(tail) != g->end || g->end + (int64_t)n + SEGMENT_TAIL != st.st_size)
        return false;
    char *entries = mem_alloc(n + 1);
    bool good = segment__pread(g->fd, g->fact.number, entries, n, g->end, NULL) == ST_OK &&
                checksum32((struct str){ entries, n }) == get32(tail + 12);
    for (size_t i = 0; good && i < n; i += 16)
        segment__note_block(g, (int64_t)get64(entries + i), get32(entries + i + 8));
    mem_free(entries);
    return good;
}

static void unload(struct segments *s, struct segment *g)
{
    close(g->fd);
    mem_free(g->index);
    g->fd = -1;
    g->index = NULL;
    g->n_index = g->cap_index = 0;
    g->loaded = false;
    s->n_loaded--;
}

static void make_room(struct segments *s)
{
    while (s->n_loaded >= SEGMENTS_LOADED) {
        struct segment *oldest = NULL;
        for (size_t i = 0; i < s->n; i++) {
            struct segment *g = s->items[i];
            if (g->fd >= 0 && g != s->active && g->refs == 0 && (!oldest || g->used < oldest->used))
                oldest = g;
        }
        if (!oldest)
            return;
        unload(s, oldest);
    }
}

enum status segment__load(struct segments *s, struct segment *g, struct err *err)
{
    if (g->fd < 0) {
        char path[PATH_MAX];
        make_room(s);
        segment_path(s->dir, g->fact.number, path, sizeof(path));
        g->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (g->fd < 0)
            return err_set(
                err, errno == ENOENT ? ST_CORRUPT : ST_IO, "cannot open %s: %s", path, strerror(errno));
        s->n_loaded++;
    }
    enum status st = segment__check_head(g->fd, g->fact.number, err);
    if (st == ST_OK && !(g->fact.state == SEGMENT_SEALED && read_footer(g)))
        st = walk(g, err);
    g->loaded = st == ST_OK;
    return st;
}

/* ---- one record ----------------------------------------------------------------------------------------------------- */

enum status segment__record(const char *raw, size_t n, uint32_t count, uint32_t at, struct str *out)
{
    size_t body = (size_t)count * 4;
    if (at >= count || body > n)
        return ST_CORRUPT;
    size_t from = at ? get32(raw + 4 * (size_t)(at - 1)) : 0, to = get32(raw + 4 * (size_t)at);
    if (from > to || to > n - body)
        return ST_CORRUPT;
    *out = (struct str){ raw + body + from, to - from };
    return ST_OK;
}

static enum status gone(int64_t pointer, struct err *err)
{
    return err_set(err, ST_CORRUPT, "no payload record %lld in segment %lld",
        (long long)((pointer & 0xFFFFFFFF) - 1), (long long)(pointer >> 32));
}

/* The last entry whose block begins at or before the ordinal; n: none. */
static size_t entry_of(const struct segment *g, uint32_t ordinal)
{
    size_t low = 0, high = g->n_index;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (g->index[mid].first <= ordinal)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? low - 1 : g->n_index;
}

/* The file and the entry of the block that holds a record; *end is where that block ends. With the lock held. */
static enum status locate(struct segments *s, int64_t pointer, struct segment **file, struct entry *e,
    int64_t *end, struct err *err)
{
    struct segment *g = segments__find(s, pointer >> 32);
    if (!g)
        return gone(pointer, err);
    enum status st = g->loaded ? ST_OK : segment__load(s, g, err);
    if (st != ST_OK)
        return st;
    size_t at = entry_of(g, (uint32_t)(pointer & 0xFFFFFFFF) - 1);
    if (at == g->n_index)
        return gone(pointer, err);
    *e = g->index[at];
    *end = at + 1 < g->n_index ? g->index[at + 1].offset : g->end;
    *file = g;
    return ST_OK;
}

static enum status read_block(
    const struct segment *g, const struct entry *e, int64_t end, struct block **out, struct err *err)
{
    struct segment_block b;
    uint32_t checksum;
    enum status st = segment__head(g->fd, g->fact.number, e->offset, end, &b, &checksum, err);
    if (st != ST_OK)
        return st;
    char *packed = mem_alloc(b.packed_n + 1U), *raw = mem_alloc(b.raw_n + 1U);
    st = segment__pread(g->fd, g->fact.number, packed, b.packed_n, e->offset + BLOCK_HEAD, err);
    if (st == ST_OK && checksum32((struct str){ packed, b.packed_n }) != checksum)
        st = err_set(err, ST_CORRUPT,
            "payload segment %lld has a damaged block at %lld: its checksum is wrong",
            (long long)g->fact.number, (long long)e->offset);
    if (st == ST_OK)
        st = zstd_unpack((struct str){ packed, b.packed_n }, raw, b.raw_n, err);
    mem_free(packed);
    if (st != ST_OK) {
        mem_free(raw);
        return st;
    }
    struct block *block = mem_alloc(sizeof(*block));
    *block = (struct block){
        .segment = g->fact.number, .offset = e->offset, .count = b.count, .n = b.raw_n, .raw = raw
    };
    *out = block;
    return ST_OK;
}

bool segments_get_pending(struct segments *s, struct arena *a, int64_t pointer, struct str *bytes)
{
    const struct pending *p = &s->pending;
    uint32_t ordinal = (uint32_t)(pointer & 0xFFFFFFFF) - 1;
    if (!s->active || s->active->fact.number != pointer >> 32 || ordinal < p->first ||
        ordinal >= p->first + p->n)
        return false;
    uint32_t at = ordinal - p->first, from = at ? p->ends[at - 1] : 0;
    *bytes = arena_dup(a, (struct str){ p->raw.p + from, p->ends[at] - from });
    return true;
}

/* Held by refs, the file stays open while its block is read. */
static enum status hold(struct segments *s, int64_t pointer, struct segment **file, struct entry *e,
    int64_t *end, struct err *err)
{
    lock_take(&s->lock);
    enum status st = locate(s, pointer, file, e, end, err);
    if (st == ST_OK) {
        assert(*file);
        (*file)->refs++;
        (*file)->used = ++s->clock;
    }
    lock_drop(&s->lock);
    return st;
}

static void let_go(struct segments *s, struct segment *g)
{
    lock_take(&s->lock);
    g->refs--;
    lock_drop(&s->lock);
}

static enum status get_block(struct segments *s, const struct segment *g, const struct entry *e, int64_t end,
    struct block **out, struct err *err)
{
    struct block *b = blocks__get(s->cache, g->fact.number, e->offset);
    enum status st = ST_OK;
    metric_add(b ? &s->metrics->block_hits : &s->metrics->block_misses, 1);
    if (!b) {
        st = read_block(g, e, end, &b, err);
        if (st == ST_OK)
            b = blocks__put(s->cache, b);
    }
    *out = b;
    return st;
}

enum status segments_get(
    struct segments *s, struct arena *a, int64_t pointer, struct str *bytes, struct err *err)
{
    struct segment *g = NULL;
    struct block *b = NULL;
    struct entry e = { 0 };
    struct str found;
    int64_t end = 0;
    if (pointer <= 0 || (pointer & 0xFFFFFFFF) == 0)
        return gone(pointer, err);
    enum status st = hold(s, pointer, &g, &e, &end, err);
    if (st != ST_OK)
        return st;
    st = get_block(s, g, &e, end, &b, err);
    if (st == ST_OK) {
        st = segment__record(b->raw, b->n, b->count, (uint32_t)(pointer & 0xFFFFFFFF) - 1 - e.first, &found);
        if (st == ST_OK)
            *bytes = arena_dup(a, found);
        else
            gone(pointer, err);
        blocks__drop(s->cache, b);
    }
    let_go(s, g);
    return st;
}

/* ---- care ----------------------------------------------------------------------------------------------------------- */

static enum status verify_block(
    const struct segment *g, int64_t at, int64_t end, struct segment_block *b, struct err *err)
{
    uint32_t checksum;
    struct block *block;
    struct str record;
    struct entry e = { at, 0 };
    enum status st = segment__head(g->fd, g->fact.number, at, end, b, &checksum, err);
    if (st == ST_OK)
        st = read_block(g, &e, end, &block, err);
    if (st != ST_OK)
        return st;
    for (uint32_t i = 0; i < block->count && st == ST_OK; i++)
        if ((st = segment__record(block->raw, block->n, block->count, i, &record)) != ST_OK)
            err_set(err, st, "payload segment %lld has a damaged list of records at %lld",
                (long long)g->fact.number, (long long)at);
    mem_free(block->raw);
    mem_free(block);
    return st;
}

enum status segment_verify(const char *path, int64_t number, int64_t bytes,
    void (*visit)(void *ctx, const struct segment_block *b), void *ctx, struct err *err)
{
    struct segment g = { .fact = { .number = number }, .fd = open(path, O_RDONLY | O_CLOEXEC) };
    if (g.fd < 0)
        return err_set(
            err, errno == ENOENT ? ST_CORRUPT : ST_IO, "cannot open %s: %s", path, strerror(errno));
    enum status st = segment__check_head(g.fd, number, err);
    for (int64_t at = SEGMENT_HEAD; at < bytes && st == ST_OK;) {
        struct segment_block b;
        st = verify_block(&g, at, bytes, &b, err);
        if (st != ST_OK)
            break;
        if (visit)
            visit(ctx, &b);
        at += BLOCK_HEAD + (int64_t)b.packed_n;
    }
    close(g.fd);
    return st;
}
