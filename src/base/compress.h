/* compress: zstd blocks for payloads, gzip / deflate / zstd bodies. Every output has a limit. */
#ifndef BASE_COMPRESS_H
#define BASE_COMPRESS_H

#include "base/buf.h"
#include "base/status.h"

/* One zstd frame, appended to `out`. Thread-local contexts, so calls cost no set-up. */
void zstd_pack(struct buf *out, struct str raw, int level);
/* `raw_n` is the exact size expected. ST_CORRUPT when the frame is damaged or of another size. */
MUST_CHECK enum status zstd_unpack(struct str packed, void *raw, size_t raw_n, struct err *err);

/* A streaming decoder of one request body: feed what arrives, read `out`. */
enum encoding { ENCODING_IDENTITY, ENCODING_GZIP, ENCODING_DEFLATE, ENCODING_ZSTD };
struct inflater;
bool encoding_parse(struct str content_encoding,
    enum encoding *out); /* "", "identity", "gzip", "x-gzip", "deflate", "zstd" */
struct inflater *inflater_new(enum encoding e, size_t limit_bytes);
void inflater_free(struct inflater *f);
/* ST_TOO_LARGE as soon as the output would pass the limit (a bomb never grows past it), ST_INVALID when damaged. */
MUST_CHECK enum status inflater_feed(struct inflater *f, struct str piece, struct buf *out, struct err *err);
/* ST_INVALID when the stream is not complete. */
MUST_CHECK enum status inflater_finish(struct inflater *f, struct err *err);
/* CRC-32C-strength checksum of a block: the low 32 bits of XXH3. */
uint32_t checksum32(struct str s);

#endif
