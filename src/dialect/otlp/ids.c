/*
 * Ids and 64-bit numbers as JSON has them. The standard says hex and decimal text (otlp.md 1.5); printers, runtimes and older SDKs made
 * seven other spellings, and all of them are told apart by type and length alone (langtrace.md 1).
 */
#include "dialect/otlp/otlp_priv.h"

#include <string.h>

#include "base/decimal.h"
#include "base/hash.h"

#define ID_BYTES_MAX 16

enum id_kind { ID_NONE, ID_GOOD, ID_ZERO, ID_OTHER };

/* ---- text ----------------------------------------------------------------------------------------------------------- */

static enum id_kind of_bytes(struct arena *a, const uint8_t *raw, size_t bytes, struct str *out)
{
    uint8_t any = 0;
    for (size_t i = 0; i < bytes; i++)
        any |= raw[i];
    *out = any ? hex_encode(a, raw, bytes) : STR_NONE;
    return any ? ID_GOOD : ID_ZERO;
}

/* Python prints numbers, without leading zeros. */
static bool from_prefixed(struct str s, size_t bytes, uint8_t *raw)
{
    char digits[2 * ID_BYTES_MAX];
    if (s.n < 3 || s.n > 2 + 2 * bytes || s.p[0] != '0' || (s.p[1] | 0x20) != 'x')
        return false;
    memset(digits, '0', sizeof digits);
    memcpy(digits + 2 * bytes - (s.n - 2), s.p + 2, s.n - 2);
    return hex_decode((struct str){ digits, 2 * bytes }, raw);
}

static bool from_base64(struct arena *a, struct str s, size_t bytes, uint8_t *raw)
{
    struct str decoded;
    size_t padded = (bytes + 2) / 3 * 4, bare = (bytes * 4 + 2) / 3;
    if ((s.n != padded && s.n != bare) || !base64_decode(a, s, &decoded) || decoded.n != bytes)
        return false;
    memcpy(raw, decoded.p, bytes);
    return true;
}

static bool from_decimal(struct str s, size_t bytes, uint8_t *raw)
{
    memset(raw, 0, bytes);
    for (size_t i = 0; i < s.n; i++) {
        unsigned carry = (unsigned char)s.p[i] - (unsigned)'0';
        if (carry > 9)
            return false;
        for (size_t b = bytes; b-- > 0;) {
            carry += raw[b] * 10u;
            raw[b] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry)
            return false;
    }
    return s.n > 0;
}

static enum id_kind of_text(struct arena *a, struct str s, size_t bytes, bool decimal, struct str *out)
{
    uint8_t raw[ID_BYTES_MAX] = { 0 };
    if (s.n == 0) {
        *out = STR_NONE;
        return ID_NONE;
    }
    if (from_prefixed(s, bytes, raw) || (s.n == 2 * bytes && hex_decode(s, raw)) ||
        from_base64(a, s, bytes, raw) || (decimal && from_decimal(s, bytes, raw)))
        return of_bytes(a, raw, bytes, out);
    *out = s;
    return ID_OTHER;
}

/* ---- arrays of bytes ------------------------------------------------------------------------------------------------ */

static bool is_byte(struct json v, uint8_t *out)
{
    int64_t n;
    if (!json_i64(v, &n) || n < 0 || n > 255)
        return false;
    *out = (uint8_t)n;
    return true;
}

/* [1, 2, ...] */
static bool from_array(struct json v, size_t bytes, uint8_t *raw)
{
    struct json_iter it = json_iter(v);
    struct json item;
    if (!json_is_arr(v) || json_size(v) != bytes)
        return false;
    for (size_t i = 0; json_next(&it, NULL, &item); i++)
        if (!is_byte(item, &raw[i]))
            return false;
    return true;
}

/* {"0": 1, "1": 2, ...}, in any order. */
static bool from_indexed(struct json v, size_t bytes, uint8_t *raw)
{
    unsigned seen = 0;
    struct json_iter it = json_iter(v);
    struct json item;
    struct str key;
    int64_t i;
    while (json_next(&it, &key, &item)) {
        if (!str_to_i64(key, &i) || i < 0 || (size_t)i >= bytes || !is_byte(item, &raw[i]))
            return false;
        seen |= 1u << i;
    }
    return seen == (1u << bytes) - 1;
}

static enum id_kind of_json(struct arena *a, struct json v, size_t bytes, bool decimal, struct str *out)
{
    uint8_t raw[ID_BYTES_MAX] = { 0 };
    struct json data = json_key(v, "data"); /* {"type": "Buffer", "data": [...]} */
    if (json_size(v) == 0 && (json_is_arr(v) || json_is_obj(v))) {
        *out = STR_NONE;
        return ID_NONE;
    }
    switch (json_type(v)) {
    case JSON_STR: return of_text(a, json_str(v), bytes, decimal, out);
    case JSON_NUM: return of_text(a, json_num_text(v), bytes, decimal, out);
    case JSON_ARR:
    case JSON_OBJ:
        if (from_array(json_is_arr(data) ? data : v, bytes, raw) || from_indexed(v, bytes, raw))
            return of_bytes(a, raw, bytes, out);
        *out = json_text(a, v);
        return ID_OTHER;
    case JSON_BOOL: *out = json_text(a, v); return ID_OTHER;
    default: *out = STR_NONE; return ID_NONE;
    }
}

bool otlp_id_of_json(struct arena *a, struct json v, size_t bytes, struct str *out)
{
    return of_json(a, v, bytes, true, out) == ID_GOOD;
}

bool otlp_id_of_text(struct arena *a, struct str s, size_t bytes, struct str *out)
{
    return of_text(a, s, bytes, true, out) == ID_GOOD;
}

bool otlp__id_of_json(struct arena *a, struct json v, size_t bytes, struct str *out, bool *zero)
{
    enum id_kind kind = of_json(a, v, bytes, false, out);
    *zero = kind == ID_ZERO;
    return kind == ID_GOOD;
}

/* ---- numbers -------------------------------------------------------------------------------------------------------- */

static struct str digits_of(struct json v)
{
    return json_is_num(v) ? json_num_text(v) : str_trim(json_str(v));
}

static bool plain_u64(struct str s, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return s.n > 0;
}

static bool exact_i64(struct str s, int64_t *out)
{
    struct decimal d;
    return decimal_parse(s, &d) && decimal_i64(&d, out);
}

/* What JavaScript's Long is as JSON. low is signed there. */
static bool halves(struct json v, int64_t *out)
{
    int64_t low, high;
    if (!json_i64(json_key(v, "low"), &low) || !json_i64(json_key(v, "high"), &high))
        return false;
    *out = (int64_t)((uint64_t)high << 32 | (uint32_t)low);
    return true;
}

bool otlp__u64_of_json(struct json v, uint64_t *out)
{
    int64_t n;
    if (json_is_obj(v)) {
        if (!halves(v, &n))
            return false;
        *out = (uint64_t)n;
        return n >= 0 || json_bool(json_key(v, "unsigned"));
    }
    struct str s = digits_of(v);
    if (plain_u64(s, out))
        return true;
    if (!exact_i64(s, &n) || n < 0) /* 1.7e18 */
        return false;
    *out = (uint64_t)n;
    return true;
}

bool otlp__i64_of_json(struct json v, int64_t *out)
{
    if (json_is_obj(v))
        return halves(v, out) && (*out >= 0 || !json_bool(json_key(v, "unsigned")));
    return exact_i64(digits_of(v), out);
}
