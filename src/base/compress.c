/*
 * compress: one-shot zstd for stored blocks, and a streaming decoder for request bodies.
 *
 * zstd's contexts are large and slow to make, so each thread keeps one of each; a pthread key frees them when the thread ends.
 *
 * The decoder writes straight into the caller's buffer, in chunks that never reach past the limit. When the limit is reached
 * exactly, one more byte is asked for into a scratch byte: if it comes, the body is too large; if the stream ends, all is well. A
 * bomb thus costs at most the limit. A body may be several gzip members or zstd frames in a row; anything else behind the end is
 * an error, for data that is silently dropped is data lost.
 */
#include "base/compress.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/hash.h"
#include "base/mem.h"

#define CHUNK           ((size_t)64 * 1024)
/* RFC 9659: a zstd content coding needs a window of at most 8 MiB. The library would go to 128 MiB for anyone who asks. */
#define ZSTD_WINDOW_LOG 23

/* ---- Stored blocks ---- */

struct contexts {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
};

static pthread_key_t contexts_key;

static void free_contexts(void *p)
{
    struct contexts *c = p;
    ZSTD_freeCCtx(c->pack);
    ZSTD_freeDCtx(c->unpack);
    mem_free(c);
}

static void make_key(void)
{
    int error = pthread_key_create(&contexts_key, free_contexts);
    assert(!error);
}

static struct contexts *contexts_here(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static _Thread_local struct contexts *here;
    if (here)
        return here;
    pthread_once(&once, make_key);
    here = mem_alloc(sizeof *here);
    *here = (struct contexts){ ZSTD_createCCtx(), ZSTD_createDCtx() };
    assert(here->pack && here->unpack);
    pthread_setspecific(contexts_key, here);
    return here;
}

void zstd_pack(struct buf *out, struct str raw, int level)
{
    size_t bound = ZSTD_compressBound(raw.n);
    /* Near the buffer's maximum the bound may not fit where the result does. */
    bool aside = out->max && out->n + bound > out->max;
    char *to = aside ? mem_resize(NULL, bound) : buf_reserve(out, bound);
    if (!to)
        return;
    size_t n = ZSTD_compressCCtx(contexts_here()->pack, to, bound, raw.p ? raw.p : "", raw.n, level);
    assert(!ZSTD_isError(n)); /* the room is enough and the level is clamped: only memory could fail */
    if (aside) {
        buf_add(out, to, n);
        mem_free(to);
    } else
        out->n += n;
}

enum status zstd_unpack(struct str packed, void *raw, size_t raw_n, struct err *err)
{
    char nothing;
    unsigned long long said =
        packed.n ? ZSTD_getFrameContentSize(packed.p, packed.n) : ZSTD_CONTENTSIZE_ERROR;
    if (said != raw_n)
        return err_set(err, ST_CORRUPT, "a packed block of %zu bytes does not hold the %zu bytes expected",
            packed.n, raw_n);
    size_t n =
        ZSTD_decompressDCtx(contexts_here()->unpack, raw_n ? raw : &nothing, raw_n, packed.p, packed.n);
    if (ZSTD_isError(n))
        return err_set(
            err, ST_CORRUPT, "a packed block of %zu bytes is damaged: %s", packed.n, ZSTD_getErrorName(n));
    if (n != raw_n)
        return err_set(err, ST_CORRUPT, "a packed block holds %zu bytes instead of %zu", n, raw_n);
    return ST_OK;
}

uint32_t checksum32(struct str s)
{
    return (uint32_t)hash64(s);
}

/* ---- Request bodies ---- */

struct inflater {
    enum encoding encoding;
    size_t limit;
    size_t total;
    bool started;  /* z is set up */
    bool complete; /* at the end of a member or frame */
    enum status failed;
    z_stream z;
    ZSTD_DStream *zstd;
};

static const char *const encoding_names[] = { "identity", "gzip", "deflate", "zstd" };

bool encoding_parse(struct str content_encoding, enum encoding *out)
{
    struct str name = str_trim(content_encoding);
    if (name.n == 0)
        name = STR("identity");
    if (str_eq_nocase(name, STR("x-gzip")))
        name = STR("gzip");
    for (size_t i = 0; i < sizeof encoding_names / sizeof *encoding_names; i++)
        if (str_eq_nocase(name, str_of(encoding_names[i]))) {
            *out = (enum encoding)i;
            return true;
        }
    return false;
}

struct inflater *inflater_new(enum encoding e, size_t limit_bytes)
{
    struct inflater *f = mem_alloc(sizeof *f);
    *f = (struct inflater){ .encoding = e, .limit = limit_bytes, .complete = e == ENCODING_IDENTITY };
    if (e == ENCODING_ZSTD) {
        f->zstd = ZSTD_createDStream();
        assert(f->zstd);
        ZSTD_DCtx_setParameter(f->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    }
    return f;
}

void inflater_free(struct inflater *f)
{
    if (!f)
        return;
    if (f->started)
        inflateEnd(&f->z);
    ZSTD_freeDStream(f->zstd);
    mem_free(f);
}

static enum status too_large(struct inflater *f, struct err *err)
{
    f->failed = ST_TOO_LARGE;
    return err_set(err, ST_TOO_LARGE, "the body is larger than %zu bytes%s", f->limit,
        f->encoding == ENCODING_IDENTITY ? "" : " when decompressed");
}

static enum status damaged(struct inflater *f, const char *why, struct err *err)
{
    f->failed = ST_INVALID;
    return err_set(err, ST_INVALID, "the body is not valid %s: %s", encoding_names[f->encoding],
        why ? why : "damaged data");
}

/* What one step of a decoder did with input and output. */
struct step {
    struct str in;
    unsigned char *to;
    size_t room;
    size_t written;
};

/* "deflate" means zlib's wrapper (RFC 9110, 8.4.1.2), but some senders leave it out. A wrapped stream begins with method 8 in the low
 * four bits; a bare one would have to begin with a stored block and a set padding bit, which nobody writes. */
static int window_bits(enum encoding e, struct str in)
{
    if (e == ENCODING_GZIP)
        return 15 + 16;
    return (in.p[0] & 0x0F) == 8 ? 15 : -15;
}

static enum status step_zlib(struct inflater *f, struct step *s, struct err *err)
{
    if (!f->started) {
        int error = inflateInit2(&f->z, window_bits(f->encoding, s->in));
        assert(error == Z_OK);
        f->started = true;
    } else if (f->complete) {
        if (f->encoding != ENCODING_GZIP)
            return damaged(f, "there are bytes behind its end", err);
        inflateReset(&f->z);
    }
    uInt most = UINT32_MAX;
    f->z.next_in = (Bytef *)(uintptr_t)s->in.p; /* zlib does not write there, it only lacks the const */
    f->z.avail_in = s->in.n < most ? (uInt)s->in.n : most;
    f->z.next_out = s->to;
    f->z.avail_out = (uInt)s->room;
    int result = inflate(&f->z, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return damaged(f, result == Z_NEED_DICT ? "it needs a dictionary" : f->z.msg, err);
    s->in = str_sub(s->in, (size_t)((const char *)f->z.next_in - s->in.p), SIZE_MAX);
    s->written = s->room - f->z.avail_out;
    f->complete = result == Z_STREAM_END;
    return ST_OK;
}

static enum status step_zstd(struct inflater *f, struct step *s, struct err *err)
{
    ZSTD_inBuffer in = { s->in.p, s->in.n, 0 };
    ZSTD_outBuffer out = { s->to, s->room, 0 };
    size_t left = ZSTD_decompressStream(f->zstd, &out, &in);
    if (ZSTD_isError(left))
        return damaged(f, ZSTD_getErrorName(left), err);
    s->in = str_sub(s->in, in.pos, SIZE_MAX);
    s->written = out.pos;
    f->complete = left == 0;
    return ST_OK;
}

/* One step. Sets *more when it filled its room, for then the decoder may hold back output without needing input. */
static enum status decode_chunk(
    struct inflater *f, struct str *piece, struct buf *out, bool *more, struct err *err)
{
    unsigned char scratch;
    size_t room = f->limit - f->total < CHUNK ? f->limit - f->total : CHUNK;
    struct step s = { .in = *piece, .to = &scratch, .room = 1 };
    if (room > 0) {
        s.to = (unsigned char *)buf_reserve(out, room);
        s.room = room;
    }
    if (!s.to)
        return too_large(f, err);
    enum status st = f->encoding == ENCODING_ZSTD ? step_zstd(f, &s, err) : step_zlib(f, &s, err);
    if (st != ST_OK)
        return st;
    if (room == 0 && s.written > 0)
        return too_large(f, err);
    out->n += s.written;
    f->total += s.written;
    *more = s.written == s.room && !f->complete;
    *piece = s.in;
    return ST_OK;
}

static enum status feed_plain(struct inflater *f, struct str piece, struct buf *out, struct err *err)
{
    if (piece.n > f->limit - f->total)
        return too_large(f, err);
    buf_add_str(out, piece);
    f->total += piece.n;
    return out->over ? too_large(f, err) : ST_OK;
}

enum status inflater_feed(struct inflater *f, struct str piece, struct buf *out, struct err *err)
{
    bool more = false;
    if (f->failed == ST_TOO_LARGE)
        return too_large(f, err);
    if (f->failed)
        return damaged(f, "it was damaged before", err);
    if (f->encoding == ENCODING_IDENTITY)
        return feed_plain(f, piece, out, err);
    while (piece.n > 0 || more) {
        enum status st = decode_chunk(f, &piece, out, &more, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

enum status inflater_finish(struct inflater *f, struct err *err)
{
    if (f->failed == ST_TOO_LARGE)
        return too_large(f, err);
    if (f->failed)
        return damaged(f, "it was damaged before", err);
    return f->complete ? ST_OK : damaged(f, "it ends too early", err);
}
