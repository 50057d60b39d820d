/* The data folder: made, locked, synced. A new file is durable only when its folder is synced too. */
#include "store/sqlite/sqlite_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

char *folder__path(const char *dir, const char *name)
{
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = mem_alloc(n);
    snprintf(path, n, "%s/%s", dir, name);
    return path;
}

enum status folder__sync(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    int why = errno;
    if (fd >= 0)
        close(fd);
    return rc == 0 ? ST_OK : err_set(err, ST_IO, "cannot sync the folder %s: %s", dir, strerror(why));
}

static enum status make_one(const char *path, struct err *err)
{
    char parent[PATH_MAX];
    if (mkdir(path, 0700) != 0) {
        struct stat st;
        if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return ST_OK;
        return err_set(err, ST_IO, "cannot make the data folder %s: %s", path,
            strerror(errno == EEXIST ? ENOTDIR : errno));
    }
    snprintf(parent, sizeof(parent), "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == parent)
        slash[1] = 0;
    else if (slash)
        *slash = 0;
    return folder__sync(slash ? parent : ".", err);
}

enum status folder__make(const char *dir, struct err *err)
{
    char path[PATH_MAX];
    if (strlen(dir) + sizeof("/segments/00000000.seg") > sizeof(path))
        return err_set(err, ST_INVALID, "the path of the data folder is longer than %zu bytes", sizeof(path));
    snprintf(path, sizeof(path), "%s/segments", dir);
    enum status st = make_one(dir, err);
    return st == ST_OK ? make_one(path, err) : st;
}

static long owner_of(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    int64_t pid = 0;
    struct str s = str_trim((struct str){ text, n > 0 ? (size_t)n : 0 });
    return str_to_i64(s, &pid) ? (long)pid : 0;
}

enum status folder__lock(const char *dir, int *fd, struct err *err)
{
    char *path = folder__path(dir, "lock");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        err_set(err, ST_IO, "cannot open %s: %s", path, strerror(errno));
        mem_free(path);
        return ST_IO;
    }
    mem_free(path);
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        long pid = owner_of(*fd);
        int why = errno;
        close(*fd);
        *fd = -1;
        if (why != EWOULDBLOCK)
            return err_set(err, ST_IO, "cannot lock %s/lock: %s", dir, strerror(why));
        return err_set(err, ST_CONFLICT,
            "the data folder %s is in use by process %ld. Stop that server first, or give this one a folder of its own with --data.",
            dir, pid);
    }
    char pid[24];
    int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(*fd, 0) != 0 ||
        pwrite(*fd, pid, (size_t)n, 0) != n) /* only the sentence of others needs it */
        return ST_OK;
    return ST_OK;
}

/* ---- copies --------------------------------------------------------------------------------------------------------- */

bool folder__has(const char *dir, const char *name)
{
    char *path = folder__path(dir, name);
    bool there = access(path, F_OK) == 0;
    mem_free(path);
    return there;
}

bool folder__is_empty(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return errno == ENOENT;
    bool empty = true;
    for (struct dirent *e; empty && (e = readdir(d));)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    closedir(d);
    return empty;
}

static enum status copy_bytes(int from, int to, int64_t bytes)
{
    char *piece = mem_alloc(1 << 20);
    ssize_t got = 1;
    while (bytes != 0 && got > 0) {
        size_t want = bytes < 0 || bytes > (1 << 20) ? 1 << 20 : (size_t)bytes;
        got = read(from, piece, want);
        for (ssize_t done = 0, n; done < got; done += n)
            if ((n = write(to, piece + done, (size_t)(got - done))) <= 0) {
                mem_free(piece);
                return ST_IO;
            }
        bytes -= bytes > 0 && got > 0 ? got : 0;
    }
    mem_free(piece);
    return got < 0 || bytes > 0 ? ST_IO : ST_OK;
}

enum status folder__copy(const char *from, const char *to, int64_t bytes, bool *linked, struct err *err)
{
    *linked = bytes < 0 && link(from, to) == 0;
    if (*linked)
        return ST_OK;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    enum status st = out < 0 ? ST_IO : copy_bytes(in, out, bytes);
    if (st == ST_OK && fsync(out) != 0)
        st = ST_IO;
    if (st != ST_OK)
        err_set(err, st, "cannot copy %s to %s: %s", from, to, strerror(errno));
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return st;
}
