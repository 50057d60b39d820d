/*
 * record: the bytes of one payload record: the JSON texts that one event wrote into PAYLOAD columns. Private to store/.
 *
 *   count varint | count x (column byte, length varint) | the texts, one after the other
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/buf.h"
#include "base/status.h"

struct piece {
    uint8_t column;
    struct str json;
};

void record_encode(const struct piece *pieces, size_t n, struct buf *out);
/* The text of one column; ST_CORRUPT when the record is damaged or lacks it. */
MUST_CHECK enum status record_piece(struct str record, unsigned column, struct str *json, struct err *err);

#endif
