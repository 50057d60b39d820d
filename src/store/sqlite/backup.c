/*
 * `tracewell backup` and `restore`. The database first, in one snapshot, then the segments that this snapshot points at: they only grow,
 * so whatever was true of them then is still there. Sealed files never change, so a hard link is a copy; of the open one the valid part is
 * copied. (Stepping the database by pages would start over at every commit of a running server.)
 */
#include "store/sqlite/sqlite_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

typedef void sayer(void *ctx, const char *line);

struct copying {
    const char *from, *to;
    sayer *say;
    void *ctx;
};

static void say(const struct copying *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct copying *k, const char *fmt, ...)
{
    char line[PATH_MAX + 200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    k->say(k->ctx, line);
}

/* One step for all pages. The copy leaves WAL mode, so that it is one file. */
static int copy_open(sqlite3 *in, sqlite3 *out)
{
    sqlite3_backup *b = sqlite3_backup_init(out, "main", in, "main");
    if (!b)
        return sqlite3_errcode(out);
    int rc = sqlite3_backup_step(b, -1);
    int end = sqlite3_backup_finish(b);
    if (rc != SQLITE_DONE)
        return rc == SQLITE_OK ? end : rc;
    return sqlite3_exec(out, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
}

static enum status copy_database(const struct copying *k, const char *name, struct err *err)
{
    sqlite3 *in = NULL, *out = NULL;
    char *from = folder__path(k->from, name), *to = folder__path(k->to, name);
    enum status st = ST_OK;
    int rc = sqlite3_open_v2(from, &in, SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(in, 10000);
    if (rc == SQLITE_OK)
        rc = sqlite3_open_v2(to, &out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (rc == SQLITE_OK)
        rc = copy_open(in, out);
    if (rc != SQLITE_OK)
        st = err_set(err, ST_IO, "cannot copy %s to %s: %s", from, to, sqlite3_errstr(rc));
    else
        say(k, "%s: copied", name);
    sqlite3_close(in);
    sqlite3_close(out);
    mem_free(from);
    mem_free(to);
    return st;
}

static enum status copy_segment(const struct copying *k, const struct segment_fact *f,
    const struct segment_tail *tail, int *linked, struct err *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    bool link;
    bool open = f->state == SEGMENT_OPEN;
    int64_t bytes = !open ? -1 : f->number == tail->number ? tail->bytes : f->bytes;
    segment_path(k->from, f->number, from, sizeof(from));
    segment_path(k->to, f->number, to, sizeof(to));
    enum status st = folder__copy(from, to, bytes, &link, err);
    *linked += link;
    return st;
}

/* By what the copied database says. */
static enum status copy_segments(const struct copying *k, struct err *err)
{
    struct sqlite d = { .path = folder__path(k->to, "tracewell.db") };
    struct conn c = { 0 };
    struct head head;
    struct segment_fact *facts = NULL;
    size_t n = 0;
    int linked = 0;
    struct arena *a = arena_new();
    enum status st = conn__open(&d, d.path, false, &c, err);
    if (st == ST_OK)
        st = schema__look(&c, err);
    if (st == ST_OK)
        st = schema__head(&c, &head, err);
    if (st == ST_OK)
        st = schema__facts(&c, a, &facts, &n, err);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = copy_segment(k, &facts[i], &head.tail, &linked, err);
    if (st == ST_OK)
        say(k, "segments: %zu, %d of them as hard links", n, linked);
    if (c.db)
        conn__close(&c);
    mem_free(d.path);
    arena_free(a);
    return st;
}

static enum status copy_all(const struct copying *k, struct err *err)
{
    char segments[PATH_MAX];
    snprintf(segments, sizeof(segments), "%s/segments", k->to);
    enum status st = folder__make(k->to, err);
    if (st == ST_OK)
        st = copy_database(k, "tracewell.db", err);
    if (st == ST_OK)
        st = copy_segments(k, err);
    if (st == ST_OK && folder__has(k->from, "accounts.db"))
        st = copy_database(k, "accounts.db", err);
    if (st == ST_OK)
        st = folder__sync(segments, err);
    return st == ST_OK ? folder__sync(k->to, err) : st;
}

enum status store_backup(const char *dir, const char *to, sayer *say_line, void *ctx, struct err *err)
{
    struct copying k = { dir, to, say_line, ctx };
    if (!folder__has(dir, "tracewell.db"))
        return err_set(err, ST_NOT_FOUND, "%s holds no tracewell.db; give the data folder of a server", dir);
    if (!folder__is_empty(to))
        return err_set(err, ST_CONFLICT, "%s is not empty; give a folder that does not exist yet", to);
    enum status st = copy_all(&k, err);
    if (st == ST_OK)
        say(&k, "backup of %s is in %s", dir, to);
    return st;
}

/* Made beside its place and renamed into it, so that a restore that breaks off leaves no half folder there. */
enum status store_restore(const char *from, const char *dir, sayer *say_line, void *ctx, struct err *err)
{
    char beside[PATH_MAX], parent[PATH_MAX];
    if (!folder__is_empty(dir))
        return err_set(err, ST_CONFLICT,
            "%s is not empty; a restore never overwrites. Move it away, or give another folder", dir);
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        n--;
    snprintf(beside, sizeof(beside), "%.*s.restoring", (int)n, dir);
    struct copying k = { from, beside, say_line, ctx };
    enum status st = store_check(from, say_line, ctx, err);
    if (st == ST_OK && !folder__is_empty(beside))
        st = err_set(err, ST_CONFLICT, "%s is left of a restore that broke off; remove it first", beside);
    if (st == ST_OK)
        st = copy_all(&k, err);
    if (st == ST_OK && ((rmdir(dir) != 0 && errno != ENOENT) || rename(beside, dir) != 0))
        st = err_set(err, ST_IO, "cannot rename %s to %s: %s", beside, dir, strerror(errno));
    if (st != ST_OK)
        return st;
    snprintf(parent, sizeof(parent), "%.*s", (int)n, dir);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = 0;
    st = folder__sync(slash ? parent : ".", err);
    if (st == ST_OK)
        say(&k, "restored %s into %s", from, dir);
    return st;
}
