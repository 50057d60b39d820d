/*
 * segment: payload records in append-only files, many records to a compressed, checksummed block.
 *
 *   file   head 32: "TWSEG001" | number u32 | format u32 | zeros | checksum u32
 *          block ... block | footer (sealed files only)
 *   block  head 32: "TWBK" | raw size | packed size | first ordinal | count | codec | checksum of the packed bytes | checksum of the head
 *          packed bytes: one zstd frame of  end offset u32 x count | the records
 *   footer entries (offset u64, first ordinal u32, zero u32) x blocks | tail 32: offset of the entries u64 | blocks u32 | checksum of the
 *          entries u32 | zeros | checksum of the tail u32 | "TWEN"
 * All numbers little-endian; checksums are checksum32().
 *
 * A pointer is segment << 32 | ordinal + 1. Ordinals count the records of a file; a block knows its first, so a rewritten file may
 * lay its blocks out anew and every pointer stays right.
 *
 * Promise   What segments_flush() returned ST_OK for is on the disk. Bytes behind the tail that a commit recorded are nobody's: they are
 *           cut off when the folder is opened. A file whose sync failed is never written again.
 *           What was once synced is never overwritten while the process lives, even when its commit failed: that commit may yet be
 *           found in the write-ahead log after a power cut.
 * Threads   add, flush, rollback, committed: the writer. get: any thread.
 */
#ifndef STORE_SQLITE_SEGMENT_H
#define STORE_SQLITE_SEGMENT_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/status.h"
#include "store/store.h"

struct segments;

/* Where the next block goes. number 0: no file yet. */
struct segment_tail {
    int64_t number;
    int64_t bytes;
    int64_t ordinal;
};

enum segment_state { SEGMENT_OPEN, SEGMENT_SEALED, SEGMENT_ABANDONED };

/* What the database keeps of a file. */
struct segment_fact {
    int64_t number;
    enum segment_state state;
    int64_t bytes; /* valid ones, without the footer */
    int64_t records;
};

struct segment_options {
    size_t block, limit, cache;
    int level;
};

/* The two calls a disk can fail; tests put their own here. */
struct segment_io {
    ssize_t (*write_at)(int fd, const void *p, size_t n, off_t at);
    int (*sync)(int fd);
};
extern struct segment_io segment_io;

/* facts: every file the database knows, by number. */
MUST_CHECK enum status segments_open(const char *dir, const struct segment_options *o,
    struct store_metrics *m, const struct segment_fact *facts, size_t n, const struct segment_tail *tail,
    struct segments **out, struct err *err);
void segments_close(struct segments *s); /* NULL is fine */

MUST_CHECK enum status segments_add(struct segments *s, struct str bytes, int64_t *pointer, struct err *err);
/* Write and sync what was added. *tail is what the commit records. */
MUST_CHECK enum status segments_flush(struct segments *s, struct segment_tail *tail, struct err *err);
/* The next fact that the commit must record, or NULL. Call until NULL, then segments_committed(). */
const struct segment_fact *segments_changed(struct segments *s, size_t *at);
void segments_committed(struct segments *s);
void segments_rollback(struct segments *s);

/* In the writer's transaction a record may not be in a file yet: false when it is not one of those. */
bool segments_get_pending(struct segments *s, struct arena *a, int64_t pointer, struct str *bytes);
MUST_CHECK enum status segments_get(
    struct segments *s, struct arena *a, int64_t pointer, struct str *bytes, struct err *err);

/* ---- care ----------------------------------------------------------------------------------------------------------- */

struct segment_block {
    int64_t offset;
    uint32_t raw_n, packed_n, first, count;
};
/* Walk the blocks of a file and verify each. visit may be NULL. ST_CORRUPT at the first fault, with file and offset. */
MUST_CHECK enum status segment_verify(const char *path, int64_t number, int64_t bytes,
    void (*visit)(void *ctx, const struct segment_block *b), void *ctx, struct err *err);
void segment_path(const char *dir, int64_t number, char *out, size_t n);

#endif
