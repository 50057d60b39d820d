/*
 * Writing payload segments: gather records into a block, compress, append, sync before the commit. The format is drawn in segment.h.
 *
 *   add -> pending -> (full, or flush) block -> file -> sync -> the commit records the tail
 */
#include "store/sqlite/segment_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compress.h"
#include "base/log.h"
#include "base/mem.h"

static ssize_t write_at(int fd, const void *p, size_t n, off_t at)
{
    return pwrite(fd, p, n, at);
}

struct segment_io segment_io = { write_at, fdatasync };

uint32_t get32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t get64(const char *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void put32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(v >> (8 * i));
}

void put64(char *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

void segment_path(const char *dir, int64_t number, char *out, size_t n)
{
    snprintf(out, n, "%s/segments/%08lld.seg", dir, (long long)number);
}

/* ---- the list of files ---------------------------------------------------------------------------------------------- */

static struct segment *add_segment(struct segments *s, const struct segment_fact *fact)
{
    struct segment *g = mem_alloc(sizeof(*g));
    *g = (struct segment){ .fact = *fact, .fd = -1, .end = fact->bytes };
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->items = mem_resize(s->items, s->cap * sizeof(struct segment *));
    }
    assert(s->n == 0 || s->items[s->n - 1]->fact.number < fact->number);
    s->items[s->n++] = g;
    metric_set_to(&s->metrics->segments, (int64_t)s->n);
    return g;
}

struct segment *segments__find(struct segments *s, int64_t number)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->items[mid]->fact.number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->n && s->items[low]->fact.number == number ? s->items[low] : NULL;
}

void segment__note_block(struct segment *g, int64_t offset, uint32_t first)
{
    if (g->n_index == g->cap_index) {
        g->cap_index = g->cap_index ? g->cap_index * 2 : 64;
        g->index = mem_resize(g->index, g->cap_index * sizeof(*g->index));
    }
    g->index[g->n_index++] = (struct entry){ offset, first };
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

/* The file the last commit wrote to: what is behind its tail is cut off. A file that is too short lost what rows point at; it is left
 * as it is, to be found by readers and by `tracewell check`. */
static enum status resume(struct segments *s, const struct segment_tail *tail, struct err *err)
{
    struct segment *g = segments__find(s, tail->number);
    if (!g || g->fact.state != SEGMENT_OPEN)
        return ST_OK;
    char path[PATH_MAX];
    struct stat st;
    segment_path(s->dir, tail->number, path, sizeof(path));
    g->fact.bytes = g->end = tail->bytes;
    g->fact.records = tail->ordinal;
    g->fd = open(path, O_RDWR | O_CLOEXEC);
    if (g->fd < 0 || fstat(g->fd, &st) != 0 || st.st_size < tail->bytes) {
        log_error("store",
            "%s is damaged: it should hold %lld bytes. New payload goes to a new file; run `tracewell check`.",
            path, (long long)tail->bytes);
        g->fact.state = SEGMENT_ABANDONED;
        g->changed = true;
        return ST_OK;
    }
    if (st.st_size > tail->bytes && ftruncate(g->fd, tail->bytes) != 0)
        return err_set(err, ST_IO, "cannot cut the torn tail off %s: %s", path, strerror(errno));
    s->active = g;
    s->n_loaded++;
    s->committed_bytes = tail->bytes;
    s->committed_records = tail->ordinal;
    s->pending.first = (uint32_t)tail->ordinal;
    return ST_OK;
}

enum status segments_open(const char *dir, const struct segment_options *o, struct store_metrics *m,
    const struct segment_fact *facts, size_t n, const struct segment_tail *tail, struct segments **out,
    struct err *err)
{
    struct segments *s = mem_alloc(sizeof(*s));
    *s = (struct segments){ .dir = mem_strdup(dir), .o = *o, .metrics = m, .cache = blocks__new(o->cache) };
    lock_init(&s->lock, LOCK_SEGMENT);
    buf_init(&s->pending.raw, 0);
    buf_init(&s->scratch, 0);
    buf_init(&s->packed, 0);
    for (size_t i = 0; i < n; i++)
        add_segment(s, &facts[i]);
    enum status st = resume(s, tail, err);
    if (st != ST_OK) {
        segments_close(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void segments_close(struct segments *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i]->fd >= 0)
            close(s->items[i]->fd);
        mem_free(s->items[i]->index);
        mem_free(s->items[i]);
    }
    mem_free(s->items);
    mem_free(s->pending.ends);
    buf_fini(&s->pending.raw);
    buf_fini(&s->scratch);
    buf_fini(&s->packed);
    blocks__free(s->cache);
    lock_fini(&s->lock);
    mem_free(s->dir);
    mem_free(s);
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static enum status write_all(int fd, const void *p, size_t n, int64_t at)
{
    const char *from = p;
    while (n > 0) {
        ssize_t done = segment_io.write_at(fd, from, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return ST_IO;
        from += done;
        n -= (size_t)done;
        at += done;
    }
    return ST_OK;
}

static enum status sync_folder(const char *dir)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/segments", dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc == 0 ? ST_OK : ST_IO;
}

static enum status write_file_head(int fd, int64_t number)
{
    char head[SEGMENT_HEAD] = "TWSEG001";
    put32(head + 8, (uint32_t)number);
    put32(head + 12, SEGMENT_FORMAT);
    put32(head + 28, checksum32((struct str){ head, 28 }));
    return write_all(fd, head, sizeof(head), 0);
}

/* A file of that number may lie there from a commit that never was. */
static enum status open_next(struct segments *s, struct err *err)
{
    char path[PATH_MAX];
    int64_t number = s->n ? s->items[s->n - 1]->fact.number + 1 : 1;
    if (number > INT32_MAX)
        return err_set(err, ST_IO, "all segment numbers are used up");
    segment_path(s->dir, number, path, sizeof(path));
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(err, ST_IO, "cannot make %s: %s", path, strerror(errno));
    if (write_file_head(fd, number) != ST_OK || sync_folder(s->dir) != ST_OK) {
        err_set(err, ST_IO, "cannot write %s: %s", path, strerror(errno));
        close(fd);
        unlink(path);
        return ST_IO;
    }
    struct segment_fact fact = { .number = number, .state = SEGMENT_OPEN, .bytes = SEGMENT_HEAD };
    lock_take(&s->lock);
    s->active = add_segment(s, &fact);
    s->active->fd = fd;
    s->active->loaded = true;
    s->active->changed = true;
    s->n_loaded++;
    lock_drop(&s->lock);
    s->unsynced = true;
    s->committed_bytes = SEGMENT_HEAD;
    s->committed_records = 0;
    s->pending.first = 0;
    return ST_OK;
}

/* The footer lets a reader find blocks without walking the file. It can be made again, so a failure to write it fails nothing. */
static void write_footer(struct segments *s, struct segment *g)
{
    buf_clear(&s->scratch);
    for (size_t i = 0; i < g->n_index; i++) {
        char e[16] = { 0 };
        put64(e, (uint64_t)g->index[i].offset);
        put32(e + 8, g->index[i].first);
        buf_add(&s->scratch, e, sizeof(e));
    }
    char tail[SEGMENT_TAIL] = { 0 };
    put64(tail, (uint64_t)g->end);
    put32(tail + 8, (uint32_t)g->n_index);
    put32(tail + 12, checksum32(buf_str(&s->scratch)));
    put32(tail + 24, checksum32((struct str){ tail, 24 }));
    memcpy(tail + 28, "TWEN", 4);
    buf_add(&s->scratch, tail, sizeof(tail));
    if (write_all(g->fd, s->scratch.p, s->scratch.n, g->end) != ST_OK || segment_io.sync(g->fd) != 0)
        log_warn("store", "segment %lld gets no footer: %s", (long long)g->fact.number, strerror(errno));
}

static void leave(struct segments *s, enum segment_state state)
{
    struct segment *g = s->active;
    lock_take(&s->lock);
    g->fact.state = state;
    g->changed = true;
    s->active = NULL;
    lock_drop(&s->lock);
}

/* Between commits only, so that nothing pending or unsynced is left behind. */
static void seal(struct segments *s)
{
    struct segment *g = s->active;
    lock_take(&s->lock);
    bool loaded = g->loaded || segment__load(s, g, NULL) == ST_OK;
    lock_drop(&s->lock);
    if (loaded)
        write_footer(s, g);
    leave(s, SEGMENT_SEALED);
}

static enum status pack_block(struct segments *s, struct err *err)
{
    struct pending *p = &s->pending;
    size_t raw_n = p->n * 4 + p->raw.n;
    if (raw_n > BLOCK_RAW_MAX)
        return err_set(err, ST_IO, "a payload block of %zu bytes is over the limit of the format", raw_n);
    buf_clear(&s->scratch);
    char *to = buf_reserve(&s->scratch, raw_n);
    for (size_t i = 0; i < p->n; i++)
        put32(to + 4 * i, p->ends[i]);
    memcpy(to + p->n * 4, p->raw.p, p->raw.n);
    s->scratch.n = raw_n;
    char head[BLOCK_HEAD] = "TWBK";
    buf_clear(&s->packed);
    buf_add(&s->packed, head, sizeof(head));
    zstd_pack(&s->packed, buf_str(&s->scratch), s->o.level);
    struct str body = str_sub(buf_str(&s->packed), BLOCK_HEAD, SIZE_MAX);
    char *h = s->packed.p;
    put32(h + 4, (uint32_t)raw_n);
    put32(h + 8, (uint32_t)body.n);
    put32(h + 12, p->first);
    put32(h + 16, (uint32_t)p->n);
    put32(h + 20, CODEC_ZSTD);
    put32(h + 24, checksum32(body));
    put32(h + 28, checksum32((struct str){ h, 28 }));
    return ST_OK;
}

static void clear_pending(struct pending *p, uint32_t first)
{
    p->n = 0;
    p->first = first;
    buf_clear(&p->raw);
    if (p->raw.cap > (4U << 20)) /* one large body must not hold its memory for ever */
        buf_fini(&p->raw);
}

/* Pending becomes a block at the end of the active file. */
static enum status write_block(struct segments *s, struct err *err)
{
    struct segment *g = s->active;
    struct pending *p = &s->pending;
    if (p->n == 0)
        return ST_OK;
    enum status st = pack_block(s, err);
    if (st != ST_OK)
        return st;
    s->unsynced = true;
    if (write_all(g->fd, s->packed.p, s->packed.n, g->end) != ST_OK)
        return err_set(
            err, ST_IO, "cannot write payload segment %lld: %s", (long long)g->fact.number, strerror(errno));
    lock_take(&s->lock);
    if (g->loaded)
        segment__note_block(g, g->end, p->first);
    g->end += (int64_t)s->packed.n;
    lock_drop(&s->lock);
    metric_add(&s->metrics->payload_packed, (int64_t)s->packed.n);
    clear_pending(p, p->first + (uint32_t)p->n);
    return ST_OK;
}

enum status segments_add(struct segments *s, struct str bytes, int64_t *pointer, struct err *err)
{
    struct pending *p = &s->pending;
    enum status st = ST_OK;
    if (bytes.n > BLOCK_RAW_MAX - 4)
        return err_set(
            err, ST_TOO_LARGE, "a payload of %zu bytes is over the limit of %u", bytes.n, BLOCK_RAW_MAX - 4);
    if (p->n > 0 && p->raw.n + bytes.n > s->o.block)
        st = write_block(s, err);
    bool at_rest = s->active && p->n == 0 && s->active->end == s->committed_bytes;
    if (st == ST_OK && at_rest && (s->active->end >= (int64_t)s->o.limit || p->first >= ORDINALS_MAX / 2))
        seal(s);
    if (st == ST_OK && !s->active)
        st = open_next(s, err);
    if (st != ST_OK)
        return st;
    if (p->first + p->n >= ORDINALS_MAX)
        return err_set(err, ST_IO, "one commit holds more payload records than a segment takes");
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 256;
        p->ends = mem_resize(p->ends, p->cap * sizeof(*p->ends));
    }
    buf_add_str(&p->raw, bytes);
    p->ends[p->n] = (uint32_t)p->raw.n;
    *pointer = s->active->fact.number << 32 | (int64_t)(p->first + (uint32_t)p->n + 1);
    p->n++;
    return ST_OK;
}

/* A failed sync says nothing about what reached the disk, and asking again would only hear of newer writes. */
static enum status abandon(struct segments *s, struct err *err)
{
    struct segment *g = s->active;
    metric_add(&s->metrics->sync_failures, 1);
    err_set(err, ST_IO, "syncing payload segment %lld failed: %s. It is not used any further.",
        (long long)g->fact.number, strerror(errno));
    lock_take(&s->lock);
    g->fact.bytes = g->end = s->committed_bytes;
    g->fact.records = s->committed_records;
    while (g->n_index > 0 && g->index[g->n_index - 1].offset >= g->end)
        g->n_index--;
    lock_drop(&s->lock);
    leave(s, SEGMENT_ABANDONED);
    clear_pending(&s->pending, 0);
    s->unsynced = false;
    return ST_IO;
}

enum status segments_flush(struct segments *s, struct segment_tail *tail, struct err *err)
{
    enum status st = s->active ? write_block(s, err) : ST_OK;
    if (st != ST_OK)
        return st;
    if (s->active && s->unsynced && segment_io.sync(s->active->fd) != 0)
        return abandon(s, err);
    s->unsynced = false;
    *tail = (struct segment_tail){ 0 };
    if (s->active)
        *tail = (struct segment_tail){ s->active->fact.number, s->active->end, s->pending.first };
    return ST_OK;
}

const struct segment_fact *segments_changed(struct segments *s, size_t *at)
{
    while (*at < s->n && !s->items[*at]->changed)
        ++*at;
    return *at < s->n ? &s->items[(*at)++]->fact : NULL;
}

void segments_committed(struct segments *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->items[i]->changed = false;
    if (!s->active)
        return;
    lock_take(&s->lock);
    s->active->fact.bytes = s->committed_bytes = s->active->end;
    s->active->fact.records = s->committed_records = s->pending.first;
    lock_drop(&s->lock);
}

/* Blocks that were written stay, with their ordinals: dead, but in the way of nobody. */
void segments_rollback(struct segments *s)
{
    clear_pending(&s->pending, s->pending.first);
}
