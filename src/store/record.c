/* One pass to find a piece: records have a handful of pieces, so an index would only cost bytes. */
#include "store/record.h"

void record_encode(const struct piece *pieces, size_t n, struct buf *out)
{
    buf_add_varint(out, n);
    for (size_t i = 0; i < n; i++) {
        buf_add_char(out, (char)pieces[i].column);
        buf_add_varint(out, pieces[i].json.n);
    }
    for (size_t i = 0; i < n; i++)
        buf_add_str(out, pieces[i].json);
}

enum status record_piece(struct str record, unsigned column, struct str *json, struct err *err)
{
    struct str s = record, body, byte;
    uint64_t n, length, skip = 0, found_at = 0, found_n = 0;
    bool found = false;
    if (!varint_read(&s, &n) || n > record.n)
        return err_set(err, ST_CORRUPT, "a payload record has a damaged head");
    for (uint64_t i = 0; i < n; i++) {
        if (!bytes_read(&s, 1, &byte) || !varint_read(&s, &length))
            return err_set(err, ST_CORRUPT, "a payload record has a damaged head");
        if ((uint8_t)byte.p[0] == column) {
            found = true;
            found_at = skip;
            found_n = length;
        }
        skip += length;
    }
    body = s;
    if (!found || found_at > body.n || found_n > body.n - found_at)
        return err_set(err, ST_CORRUPT, "a payload record has no piece for column %u", column);
    *json = (struct str){ body.p + found_at, found_n };
    return ST_OK;
}
