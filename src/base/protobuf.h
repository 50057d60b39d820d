/*
 * protobuf: the wire format of Protocol Buffers, read in place and written: tags, varints, fixed numbers, pieces. No schema, no copies, no
 * allocation; groups are skipped; the position of a fault is known.
 *
 * Source    the encoding page of the Protocol Buffers documentation. Why not a library: docs/dependencies.md.
 */
#ifndef BASE_PROTOBUF_H
#define BASE_PROTOBUF_H

#include "base/buf.h"
#include "base/status.h"

enum protobuf_wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* A message being read; a message inside a message is a reader on its piece with the same `start`. */
struct protobuf {
    const char *start; /* of the whole body, for offsets */
    struct str rest;
};
struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value;  /* VARINT, FIXED64, FIXED32 */
    struct str data; /* BYTES */
};

struct protobuf protobuf_of(struct str body);
struct protobuf protobuf_inside(const struct protobuf *p, struct str data);
/* The next field; groups are skipped. *more false at the end. ST_INVALID with err->offset: truncated, over-long, an impossible tag. */
MUST_CHECK enum status protobuf_next(
    struct protobuf *p, struct protobuf_field *f, bool *more, struct err *err);

void protobuf_add_varint(struct buf *out, uint32_t number, uint64_t v);
void protobuf_add_bytes(struct buf *out, uint32_t number, struct str v);

#endif
