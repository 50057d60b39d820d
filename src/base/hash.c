/*
 * hash: thin wrappers. XXH3 is compiled in from its header, so it is inlined and needs no library at run time; libsodium is set up
 * by whoever comes first.
 */
#include "base/hash.h"

#include <assert.h>
#include <md5.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/arena_priv.h"

static_assert(crypto_hash_sha256_BYTES == 32, "the header promises 32 bytes");

uint64_t hash64(struct str s)
{
    return XXH3_64bits(s.p ? s.p : "", s.n);
}

uint64_t hash64_more(uint64_t h, struct str s)
{
    return XXH3_64bits_withSeed(s.p ? s.p : "", s.n, h);
}

static void start_sodium(void)
{
    if (sodium_init() < 0) {
        fprintf(stderr, "tracewell: libsodium cannot start: no source of randomness\n");
        abort();
    }
}

static void need_sodium(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_sodium);
}

void hash_sha256(struct str s, uint8_t out[32])
{
    need_sodium();
    crypto_hash_sha256(out, (const unsigned char *)(s.p ? s.p : ""), s.n);
}

void hash_md5(struct str s, uint8_t out[16])
{
    MD5_CTX ctx;
    MD5Init(&ctx);
    MD5Update(&ctx, (const uint8_t *)(s.p ? s.p : ""), s.n);
    MD5Final(out, &ctx);
}

bool bytes_equal_ct(const void *a, const void *b, size_t n)
{
    return n == 0 || sodium_memcmp(a, b, n) == 0;
}

void random_bytes(void *out, size_t n)
{
    need_sodium();
    randombytes_buf(out, n);
}

static char *put_hex(char *to, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *to++ = digits[p[i] >> 4];
        *to++ = digits[p[i] & 15];
    }
    return to;
}

struct str hex_encode(struct arena *a, const void *p, size_t n)
{
    char *text = arena__take(a, n * 2 + 1);
    *put_hex(text, p, n) = 0;
    return (struct str){ text, n * 2 };
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct str s, uint8_t *out)
{
    if (s.n % 2)
        return false;
    for (size_t i = 0; i < s.n; i += 2) {
        int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

struct str base64_encode(struct arena *a, struct str s)
{
    size_t room = sodium_base64_ENCODED_LEN(s.n, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena__take(a, room);
    sodium_bin2base64(
        text, room, (const unsigned char *)(s.p ? s.p : ""), s.n, sodium_base64_VARIANT_ORIGINAL);
    return (struct str){ text, strlen(text) };
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool base64_decode(struct arena *a, struct str s, struct str *out)
{
    size_t digits = s.n, n = 0;
    while (digits > 0 && s.n - digits < 2 && s.p[digits - 1] == '=')
        digits--;
    /* Padding, where there is some, completes the last group; one digit alone holds no byte. */
    if ((digits < s.n && s.n % 4 != 0) || digits % 4 == 1)
        return false;
    char *bytes = arena__take(a, digits / 4 * 3 + 4);
    uint32_t group = 0;
    for (size_t i = 0; i < digits; i++) {
        int v = base64_value(s.p[i]);
        if (v < 0)
            return false;
        group = group << 6 | (uint32_t)v;
        if (i % 4 != 0) /* every digit but the first of a group completes a byte */
            bytes[n++] = (char)(group >> (6 - i % 4 * 2) & 0xFF);
    }
    bytes[n] = 0;
    *out = (struct str){ bytes, n };
    return true;
}

struct str uuid_new(char out[37])
{
    static const size_t groups[] = { 4, 2, 2, 2, 6 };
    uint8_t bytes[16];
    const uint8_t *from = bytes;
    char *to = out;
    random_bytes(bytes, sizeof bytes);
    bytes[6] = (bytes[6] & 0x0F) | 0x40; /* version 4 */
    bytes[8] = (bytes[8] & 0x3F) | 0x80; /* variant of RFC 9562 */
    for (size_t i = 0; i < 5; i++) {
        if (i)
            *to++ = '-';
        to = put_hex(to, from, groups[i]);
        from += groups[i];
    }
    *to = 0;
    return (struct str){ out, 36 };
}
