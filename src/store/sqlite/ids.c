/* Ids in few bytes. Most ids are hex digits or UUIDs written in one canonical spelling; those are kept as their bytes. */
#include "store/sqlite/sqlite_priv.h"

#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Pairs of digits to bytes; false at anything that is not a lower-case digit. */
static bool unhex(const char *p, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += 2) {
        int high = digit(p[i]), low = digit(p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static char *hex(char *to, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *to++ = digits[p[i] >> 4];
        *to++ = digits[p[i] & 15];
    }
    return to;
}

/* 8-4-4-4-12 */
static bool unuuid(const char *p, uint8_t *out)
{
    return p[8] == '-' && p[13] == '-' && p[18] == '-' && p[23] == '-' && unhex(p, 8, out) &&
           unhex(p + 9, 4, out + 4) && unhex(p + 14, 4, out + 6) && unhex(p + 19, 4, out + 8) &&
           unhex(p + 24, 12, out + 10);
}

void ids__pack(struct str id, struct packed_id *out)
{
    *out = (struct packed_id){ .p = out->bytes };
    if ((id.n == 16 || id.n == 32) && unhex(id.p, id.n, out->bytes)) {
        out->n = id.n / 2;
    } else if (id.n == 36 && unuuid(id.p, out->bytes + 1)) {
        out->bytes[0] = 'u';
        out->n = 17;
    } else {
        out->is_text = true;
        out->p = id.p ? id.p : "";
        out->n = id.n;
    }
}

struct str ids__unpack(const void *p, size_t n, char out[ID_TEXT_MAX])
{
    const uint8_t *b = p;
    if (n == 8 || n == 16) {
        hex(out, b, n);
        return (struct str){ out, n * 2 };
    }
    if (n != 17 || b[0] != 'u')
        return STR_NONE;
    static const uint8_t groups[] = { 4, 2, 2, 2, 6 };
    char *to = out;
    b++;
    for (size_t i = 0; i < sizeof(groups); i++) {
        if (i > 0)
            *to++ = '-';
        to = hex(to, b, groups[i]);
        b += groups[i];
    }
    return (struct str){ out, ID_TEXT_MAX };
}

struct str ids__unpack_to(struct arena *a, const void *p, size_t n)
{
    char text[ID_TEXT_MAX];
    return arena_dup(a, ids__unpack(p, n, text));
}

void ids__bind(sqlite3_stmt *s, int at, struct str id)
{
    struct packed_id packed;
    ids__pack(id, &packed);
    if (packed.is_text)
        sqlite3_bind_text64(s, at, packed.p, packed.n, SQLITE_TRANSIENT, SQLITE_UTF8);
    else
        sqlite3_bind_blob64(s, at, packed.p, packed.n, SQLITE_TRANSIENT);
}

struct str ids__column(struct arena *a, sqlite3_stmt *s, int at)
{
    int type = sqlite3_column_type(s, at);
    if (type == SQLITE_NULL)
        return STR_NONE;
    const void *p = sqlite3_column_blob(s, at);
    size_t n = (size_t)sqlite3_column_bytes(s, at);
    if (type == SQLITE_BLOB)
        return ids__unpack_to(a, p, n);
    return arena_dup(a, (struct str){ p ? p : "", n });
}
