/* hash: digests and text forms of bytes. SHA-256 and constant-time compare from libsodium, MD5 from libmd, XXH3 from xxHash. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/arena.h"
#include "base/str.h"

uint64_t hash64(struct str s);                  /* XXH3; fast, not for secrets */
uint64_t hash64_more(uint64_t h, struct str s); /* chain several parts */
void hash_sha256(struct str s, uint8_t out[32]);
void hash_md5(struct str s, uint8_t out[16]);
struct str hex_encode(struct arena *a, const void *p, size_t n); /* lower case */
bool hex_decode(struct str s, uint8_t *out);                     /* out has s.n / 2 bytes; either case */
struct str base64_encode(struct arena *a, struct str s);
bool base64_decode(
    struct arena *a, struct str s, struct str *out);         /* standard or URL alphabet, padding optional */
bool bytes_equal_ct(const void *a, const void *b, size_t n); /* constant time */
void random_bytes(void *out, size_t n);
/* A random UUID, version 4: 36 characters and a zero byte. */
struct str uuid_new(char out[37]);

#endif
