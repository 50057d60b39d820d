/*
 * power_log: a preloaded library that writes down what a power cut could take back.
 *
 * Every write, truncation, sync, creation, rename and removal below POWER_DIR is appended to POWER_LOG, in the order it happened:
 *   W inode offset length LF data     T inode size      C inode path     R from LF to     U path     M inode path
 *   S number inode (a sync begins)    E number inode (it ended well); inode is that of a directory for its names
 * test/lib/power.py rebuilds the folder as it could look after a cut at any place of this log.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *below;
static int log_fd = -1;
static unsigned long syncs;

#define REAL(type, name, ...)         \
    static type (*real)(__VA_ARGS__); \
    if (!real)                        \
    *(void **)&real = dlsym(RTLD_NEXT, name)

static void append(const void *head, size_t n, const void *data, size_t m)
{
    static ssize_t (*real)(int, const struct iovec *, int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "writev");
    struct iovec v[2] = { { (void *)(uintptr_t)head, n }, { (void *)(uintptr_t)data, m } };
    if (real(log_fd, v, m ? 2 : 1) != (ssize_t)(n + m)) {
        fprintf(stderr, "power_log: the log cannot be written\n");
        abort();
    }
}

static void note(const void *data, size_t m, const char *fmt, ...)
{
    char head[2 * PATH_MAX + 100];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(head, sizeof head, fmt, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    append(head, (size_t)n, data, m);
    pthread_mutex_unlock(&lock);
}

static int path_below(const char *path)
{
    size_t k = strlen(below);
    return strncmp(path, below, k) == 0 && (path[k] == '/' || path[k] == 0);
}

/* Absolute form of a path that need not exist; 1 when it is below the folder. */
static int ours_path(int dir, const char *path, char *out)
{
    char link[64], base[PATH_MAX] = "";
    if (log_fd < 0 || !path)
        return 0;
    if (path[0] != '/') {
        ssize_t n;
        if (dir == AT_FDCWD) {
            if (!getcwd(base, sizeof base))
                return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            n = readlink(link, base, sizeof base - 1);
            if (n <= 0)
                return 0;
            base[n] = 0;
        }
        snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, path);
    } else {
        snprintf(out, PATH_MAX, "%.4000s", path);
    }
    return path_below(out);
}

/* Inode of an open file below the folder, else 0. */
static unsigned long ours(int fd)
{
    char link[64], path[PATH_MAX];
    struct stat st;
    if (log_fd < 0 || fd == log_fd)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return 0;
    path[n] = 0;
    return path_below(path) && fstat(fd, &st) == 0 ? (unsigned long)st.st_ino : 0;
}

static void note_folder(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        note(NULL, 0, "M %lu %s\n", (unsigned long)st.st_ino, path);
}

__attribute__((constructor)) static void open_log(void)
{
    const char *path = getenv("POWER_LOG");
    below = getenv("POWER_DIR");
    if (path && below)
        log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd >= 0)
        note_folder(below);
}

/* ---- data ---- */

static void wrote(int fd, const void *p, ssize_t n, off_t at)
{
    int kept = errno;
    unsigned long inode = n > 0 ? ours(fd) : 0;
    if (inode)
        note(p, (size_t)n, "W %lu %lld %zd\n", inode, (long long)at, n);
    errno = kept;
}

ssize_t write(int fd, const void *p, size_t n)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    ssize_t done = real(fd, p, n);
    if (done > 0 && fd > 2)
        wrote(fd, p, done, lseek(fd, 0, SEEK_CUR) - done);
    return done;
}

#define POSITIONED(name)                                        \
    ssize_t name(int fd, const void *p, size_t n, off_t at)     \
    {                                                           \
        REAL(ssize_t, #name, int, const void *, size_t, off_t); \
        ssize_t done = real(fd, p, n, at);                      \
        wrote(fd, p, done, at);                                 \
        return done;                                            \
    }
POSITIONED(pwrite)
POSITIONED(pwrite64)

static void wrote_vector(int fd, const struct iovec *v, int n, ssize_t done, off_t at)
{
    for (int i = 0; i < n && done > 0; i++) {
        ssize_t part = (ssize_t)v[i].iov_len < done ? (ssize_t)v[i].iov_len : done;
        wrote(fd, v[i].iov_base, part, at);
        at += part;
        done -= part;
    }
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    ssize_t done = real(fd, v, n);
    if (done > 0 && ours(fd))
        wrote_vector(fd, v, n, done, lseek(fd, 0, SEEK_CUR) - done);
    return done;
}

#define POSITIONED_VECTOR(name)                                      \
    ssize_t name(int fd, const struct iovec *v, int n, off_t at)     \
    {                                                                \
        REAL(ssize_t, #name, int, const struct iovec *, int, off_t); \
        ssize_t done = real(fd, v, n, at);                           \
        wrote_vector(fd, v, n, done, at);                            \
        return done;                                                 \
    }
POSITIONED_VECTOR(pwritev)
POSITIONED_VECTOR(pwritev64)

#define TRUNCATE(name)                                             \
    int name(int fd, off_t size)                                   \
    {                                                              \
        REAL(int, #name, int, off_t);                              \
        int rc = real(fd, size);                                   \
        unsigned long inode = rc == 0 ? ours(fd) : 0;              \
        if (inode)                                                 \
            note(NULL, 0, "T %lu %lld\n", inode, (long long)size); \
        return rc;                                                 \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name)                                                              \
    int name(int fd)                                                            \
    {                                                                           \
        REAL(int, #name, int);                                                  \
        unsigned long inode = ours(fd);                                         \
        unsigned long number = __atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST); \
        if (inode)                                                              \
            note(NULL, 0, "S %lu %lu\n", number, inode);                        \
        int rc = real(fd);                                                      \
        int kept = errno;                                                       \
        if (inode && rc == 0)                                                   \
            note(NULL, 0, "E %lu %lu\n", number, inode);                        \
        errno = kept;                                                           \
        return rc;                                                              \
    }
SYNC(fsync)
SYNC(fdatasync)

/* ---- names ---- */

static int opened(int fd, int existed, int flags, const char *path)
{
    struct stat st;
    int kept = errno;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        if (!existed)
            note(NULL, 0, "C %lu %s\n", (unsigned long)st.st_ino, path);
        else if (flags & O_TRUNC)
            note(NULL, 0, "T %lu 0\n", (unsigned long)st.st_ino);
    }
    errno = kept;
    return fd;
}

#define OPEN(name)                                                                   \
    int name(const char *path, int flags, ...)                                       \
    {                                                                                \
        REAL(int, #name, const char *, int, ...);                                    \
        char full[PATH_MAX];                                                         \
        va_list args;                                                                \
        va_start(args, flags);                                                       \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;      \
        va_end(args);                                                                \
        int mine = (flags & (O_CREAT | O_TRUNC)) && ours_path(AT_FDCWD, path, full); \
        int existed = mine && access(path, F_OK) == 0;                               \
        int fd = real(path, flags, mode);                                            \
        return mine ? opened(fd, existed, flags, full) : fd;                         \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                            \
    int name(int dir, const char *path, int flags, ...)                         \
    {                                                                           \
        REAL(int, #name, int, const char *, int, ...);                          \
        char full[PATH_MAX];                                                    \
        va_list args;                                                           \
        va_start(args, flags);                                                  \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0; \
        va_end(args);                                                           \
        int mine = (flags & (O_CREAT | O_TRUNC)) && ours_path(dir, path, full); \
        int existed = mine && faccessat(dir, path, F_OK, 0) == 0;               \
        int fd = real(dir, path, flags, mode);                                  \
        return mine ? opened(fd, existed, flags, full) : fd;                    \
    }
OPENAT(openat)
OPENAT(openat64)

int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    char a[PATH_MAX], b[PATH_MAX];
    int mine = ours_path(AT_FDCWD, from, a) && ours_path(AT_FDCWD, to, b);
    int rc = real(from, to);
    if (mine && rc == 0)
        note(NULL, 0, "R %s\n%s\n", a, b);
    return rc;
}

#define REMOVE(name)                                \
    int name(const char *path)                      \
    {                                               \
        REAL(int, #name, const char *);             \
        char full[PATH_MAX];                        \
        int mine = ours_path(AT_FDCWD, path, full); \
        int rc = real(path);                        \
        if (mine && rc == 0)                        \
            note(NULL, 0, "U %s\n", full);          \
        return rc;                                  \
    }
REMOVE(unlink)
REMOVE(remove)

int mkdir(const char *path, mode_t mode)
{
    REAL(int, "mkdir", const char *, mode_t);
    char full[PATH_MAX];
    int mine = ours_path(AT_FDCWD, path, full);
    int rc = real(path, mode);
    if (mine && rc == 0)
        note_folder(full);
    return rc;
}
