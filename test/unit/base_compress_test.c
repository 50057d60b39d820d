/* compress: blocks come back whole or are refused; bodies of every encoding, torn at every byte, hostile or with more behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/compress.h"
#include "base/mem.h"

#define SAMPLE_N 300000
static char sample_bytes[SAMPLE_N];
static const struct str sample = { sample_bytes, SAMPLE_N };

static int make_sample(void **state)
{
    (void)state;
    uint32_t x = 1;
    for (size_t i = 0; i < SAMPLE_N; i++) {
        x = x * 1103515245 + 12345;
        sample_bytes[i] = (char)(i % 1000 < 900 ? "trace span "[i % 11] : (char)(x >> 16));
    }
    return 0;
}

/* ---- Blocks ---- */

static void test_blocks(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 100, 65536, SAMPLE_N };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int level = -5; level <= 12; level += 17) {
            struct buf packed;
            struct err err;
            char *raw = mem_alloc(sizes[i]);
            buf_init(&packed, 0);
            buf_add_cstr(&packed, "head");
            zstd_pack(&packed, str_sub(sample, 0, sizes[i]), level);
            struct str frame = str_sub(buf_str(&packed), 4, SIZE_MAX);
            assert_int_equal(zstd_unpack(frame, raw, sizes[i], &err), ST_OK);
            assert_memory_equal(raw, sample_bytes, sizes[i]);
            assert_int_equal(zstd_unpack(frame, raw, sizes[i] + 1, &err), ST_CORRUPT);
            if (sizes[i])
                assert_int_equal(zstd_unpack(frame, raw, sizes[i] - 1, &err), ST_CORRUPT);
            for (size_t cut = 0; cut < frame.n && cut < 50; cut++)
                assert_int_equal(zstd_unpack(str_sub(frame, 0, cut), raw, sizes[i], &err), ST_CORRUPT);
            mem_free(raw);
            buf_fini(&packed);
        }
}

static void test_damaged_blocks(void **state)
{
    (void)state;
    struct buf packed;
    char *raw = mem_alloc(SAMPLE_N);
    buf_init(&packed, 0);
    zstd_pack(&packed, sample, 3);
    for (size_t i = 0; i < packed.n; i += 101) {
        packed.p[i] ^= 0x55; /* never a crash; the payload's checksum catches what zstd lets pass */
        enum status st = zstd_unpack(buf_str(&packed), raw, SAMPLE_N, NULL);
        assert_true(st == ST_OK || st == ST_CORRUPT);
        packed.p[i] ^= 0x55;
    }
    assert_int_equal(zstd_unpack(STR_NONE, raw, 1, NULL), ST_CORRUPT);
    assert_int_equal(zstd_unpack(STR("not zstd at all"), raw, 1, NULL), ST_CORRUPT);
    mem_free(raw);
    buf_fini(&packed);
}

/* The worst case may not fit below a maximum where the result does. */
static void test_pack_below_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 200000);
    zstd_pack(&b, sample, 3);
    assert_false(b.over);
    assert_true(b.n > 0 && b.n < 200000);
    buf_fini(&b);
    buf_init(&b, 10);
    zstd_pack(&b, sample, 3);
    assert_true(b.over);
    assert_int_equal(b.n, 0);
    buf_fini(&b);
}

static void *pack_once(void *arg)
{
    struct buf b;
    (void)arg;
    buf_init(&b, 0);
    zstd_pack(&b, sample, 1);
    buf_fini(&b);
    return NULL;
}

static void test_threads_free_their_contexts(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) { /* the leak sanitizer looks at the end */
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, pack_once, NULL), 0);
        pthread_join(t, NULL);
    }
}

static void test_checksum(void **state)
{
    (void)state;
    uint32_t whole = checksum32(sample);
    assert_true(whole == checksum32(sample));
    for (size_t i = 0; i < 64; i++) {
        sample_bytes[i * 1000] ^= 1;
        assert_true(checksum32(sample) != whole);
        sample_bytes[i * 1000] ^= 1;
    }
}

/* ---- Bodies ---- */

static void add_zlib(struct buf *out, struct str raw, int window_bits)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&z, raw.n) + 64;
    z.next_in = (Bytef *)(uintptr_t)raw.p;
    z.avail_in = (uInt)raw.n;
    z.next_out = (Bytef *)buf_reserve(out, bound);
    z.avail_out = (uInt)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n += z.total_out;
    deflateEnd(&z);
}

enum wire { WIRE_PLAIN, WIRE_GZIP, WIRE_ZLIB, WIRE_BARE, WIRE_ZSTD, WIRES };
static const enum encoding wire_encoding[WIRES] = { ENCODING_IDENTITY, ENCODING_GZIP, ENCODING_DEFLATE,
    ENCODING_DEFLATE, ENCODING_ZSTD };

static void add_wire(struct buf *out, struct str raw, enum wire wire)
{
    switch (wire) {
    case WIRE_PLAIN: buf_add_str(out, raw); break;
    case WIRE_GZIP: add_zlib(out, raw, 15 + 16); break;
    case WIRE_ZLIB: add_zlib(out, raw, 15); break;
    case WIRE_BARE: add_zlib(out, raw, -15); break;
    default: zstd_pack(out, raw, 3); break;
    }
}

/* Feeds in pieces of `step` bytes; the last status other than ST_OK, or that of finish. */
static enum status inflate_all(
    enum encoding e, struct str body, size_t step, size_t limit, struct buf *out, struct err *err)
{
    struct inflater *f = inflater_new(e, limit);
    enum status st = ST_OK;
    while (body.n && st == ST_OK) {
        size_t n = body.n < step ? body.n : step;
        char *piece = mem_alloc(n);
        memcpy(piece, body.p, n);
        st = inflater_feed(f, (struct str){ piece, n }, out, err);
        mem_free(piece);
        body = str_sub(body, n, SIZE_MAX);
    }
    if (st != ST_OK) {
        enum status again = inflater_feed(f, STR("x"), out, NULL);
        assert_int_equal(again, st); /* an error stays one */
        assert_int_equal(inflater_finish(f, NULL), st);
    } else
        st = inflater_finish(f, err);
    inflater_free(f);
    return st;
}

static void test_bodies(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 1000, 65536, SAMPLE_N };
    static const size_t steps[] = { 1, 7, 4096, SIZE_MAX };
    for (int wire = 0; wire < WIRES; wire++)
        for (size_t i = 0; i < 5; i++) {
            struct buf body;
            buf_init(&body, 0);
            add_wire(&body, str_sub(sample, 0, sizes[i]), (enum wire)wire);
            for (size_t k = 0; k < 4; k++) {
                struct buf out;
                struct err err = { 0 };
                buf_init(&out, 0);
                /* The limit is exactly reached, and that is fine. */
                if (inflate_all(wire_encoding[wire], buf_str(&body), steps[k], sizes[i], &out, &err) != ST_OK)
                    fail_msg("wire %d, %zu bytes, step %zu: %s", wire, sizes[i], steps[k], err.text);
                assert_true(str_eq(buf_str(&out), str_sub(sample, 0, sizes[i])));
                if (sizes[i]) {
                    buf_clear(&out);
                    assert_int_equal(
                        inflate_all(wire_encoding[wire], buf_str(&body), steps[k], sizes[i] - 1, &out, &err),
                        ST_TOO_LARGE);
                    assert_true(out.n <= sizes[i] - 1);
                }
                buf_fini(&out);
            }
            buf_fini(&body);
        }
}

static void test_torn_bodies(void **state)
{
    (void)state;
    for (int wire = WIRE_GZIP; wire < WIRES; wire++) {
        struct buf body, out;
        struct err err;
        buf_init(&body, 0);
        buf_init(&out, 0);
        add_wire(&body, str_sub(sample, 0, 200), (enum wire)wire);
        for (size_t n = 0; n < body.n; n++)
            assert_int_equal(
                inflate_all(wire_encoding[wire], (struct str){ body.p, n }, 16, 1000, &out, &err),
                ST_INVALID);
        buf_fini(&out);
        buf_fini(&body);
    }
}

static void test_more_behind_the_end(void **state)
{
    (void)state;
    for (int wire = WIRE_GZIP; wire < WIRES; wire++) {
        bool several = wire == WIRE_GZIP || wire == WIRE_ZSTD;
        for (size_t step = 1; step < 1000; step += 499) {
            struct buf body, out;
            struct err err;
            buf_init(&body, 0);
            buf_init(&out, 0);
            add_wire(&body, STR("first "), (enum wire)wire);
            add_wire(&body, STR(""), (enum wire)wire);
            add_wire(&body, STR("second"), (enum wire)wire);
            enum status st = inflate_all(wire_encoding[wire], buf_str(&body), step, 1000, &out, &err);
            assert_int_equal(st, several ? ST_OK : ST_INVALID);
            assert_true(!several || str_is(buf_str(&out), "first second"));
            buf_clear(&body);
            add_wire(&body, STR("first"), (enum wire)wire);
            buf_add_cstr(&body, "garbage behind the end");
            assert_int_equal(
                inflate_all(wire_encoding[wire], buf_str(&body), step, 1000, &out, &err), ST_INVALID);
            buf_fini(&out);
            buf_fini(&body);
        }
    }
}

/* 200 MB of zeros in a few bytes: the output may not pass the limit by one byte, nor the memory by much. */
static void test_bombs(void **state)
{
    (void)state;
    char *zeros = mem_alloc(20000000);
    for (int wire = WIRE_GZIP; wire < WIRES; wire++) {
        struct buf body, out;
        struct err err;
        buf_init(&body, 0);
        add_wire(&body, (struct str){ zeros, 20000000 }, (enum wire)wire);
        assert_true(body.n < 100000);
        buf_init(&out, 0);
        assert_int_equal(
            inflate_all(wire_encoding[wire], buf_str(&body), SIZE_MAX, 100000, &out, &err), ST_TOO_LARGE);
        assert_non_null(strstr(err.text, "100000"));
        assert_true(out.n <= 100000);
        assert_true(out.cap <= 300000);
        buf_fini(&out);
        buf_init(&out, 5000); /* the buffer's own maximum counts too */
        assert_int_equal(
            inflate_all(wire_encoding[wire], buf_str(&body), SIZE_MAX, 100000, &out, &err), ST_TOO_LARGE);
        buf_fini(&out);
        buf_fini(&body);
    }
    mem_free(zeros);
}

/* A frame may ask for a window of gigabytes; nothing of the sort is set aside. */
static void test_zstd_window(void **state)
{
    (void)state;
    struct buf body, out;
    struct err err;
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 26);
    buf_init(&body, 0);
    buf_init(&out, 0);
    char *to = buf_reserve(&body, 1000000);
    ZSTD_inBuffer in = { sample_bytes, SAMPLE_N, 0 };
    ZSTD_outBuffer packed = { to, 1000000, 0 };
    assert_int_equal(ZSTD_compressStream2(c, &packed, &in, ZSTD_e_flush), 0);
    assert_int_equal(ZSTD_compressStream2(c, &packed, &in, ZSTD_e_end), 0);
    body.n = packed.pos;
    assert_int_equal(inflate_all(ENCODING_ZSTD, buf_str(&body), SIZE_MAX, SAMPLE_N, &out, &err), ST_INVALID);
    ZSTD_freeCCtx(c);
    buf_fini(&body);
    buf_fini(&out);
}

static void test_garbage(void **state)
{
    (void)state;
    struct buf out;
    struct err err;
    buf_init(&out, 0);
    for (int wire = WIRE_GZIP; wire < WIRES; wire++) {
        assert_int_equal(
            inflate_all(wire_encoding[wire], STR("{\"json\":\"as it is\"}"), 4, 1000, &out, &err),
            ST_INVALID);
        assert_non_null(strstr(err.text, "the body is not valid"));
        assert_int_equal(inflate_all(wire_encoding[wire], STR(""), 4, 1000, &out, &err), ST_INVALID);
    }
    assert_int_equal(inflate_all(ENCODING_IDENTITY, STR(""), 4, 0, &out, &err), ST_OK);
    buf_fini(&out);
    inflater_free(NULL);
}

static void test_encoding_names(void **state)
{
    (void)state;
    enum encoding e = ENCODING_ZSTD;
    assert_true(encoding_parse(STR_NONE, &e) && e == ENCODING_IDENTITY);
    assert_true(encoding_parse(STR("identity"), &e) && e == ENCODING_IDENTITY);
    assert_true(encoding_parse(STR(" GZip "), &e) && e == ENCODING_GZIP);
    assert_true(encoding_parse(STR("x-gzip"), &e) && e == ENCODING_GZIP);
    assert_true(encoding_parse(STR("deflate"), &e) && e == ENCODING_DEFLATE);
    assert_true(encoding_parse(STR("zstd"), &e) && e == ENCODING_ZSTD);
    assert_false(encoding_parse(STR("br"), &e));
    assert_false(encoding_parse(STR("gzip, gzip"), &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_damaged_blocks),
        cmocka_unit_test(test_pack_below_maximum),
        cmocka_unit_test(test_threads_free_their_contexts),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_torn_bodies),
        cmocka_unit_test(test_more_behind_the_end),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_zstd_window),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_encoding_names),
    };
    return cmocka_run_group_tests(tests, make_sample, NULL);
}
