/*
 * faulty_io: a preloaded library that makes the disk fail on purpose.
 *
 * The test and the server share one small file (FAULTY_CONTROL). While `count` is above 0, calls of the chosen kind on files below
 * FAULTY_DIR fail with `error` after `skip` of them went through; error 0 writes only the first half of the data.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OP_WRITE = 1, OP_SYNC = 2, OP_NAME = 4 };

/* As test/lib/faults.py packs it. */
struct control {
    int32_t ops, error, skip, count;
    int32_t injected; /* faults so far */
    int32_t seen;     /* calls of any kind on files below the folder, once armed */
};

static struct control *control;
static const char *below;

__attribute__((constructor)) static void open_control(void)
{
    const char *path = getenv("FAULTY_CONTROL");
    below = getenv("FAULTY_DIR");
    int fd = path && below ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    control = p == MAP_FAILED ? NULL : p;
    close(fd);
}

static int ours(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        return 0;
    path[n] = 0;
    size_t k = strlen(below);
    return strncmp(path, below, k) == 0 && path[k] == '/' && !strstr(path, "-shm");
}

/* 0: go through. 1: fail, errno is set. 2: write a part only. */
static int fault(int op, int fd)
{
    if (!control || !(__atomic_load_n(&control->ops, __ATOMIC_SEQ_CST) & op) ||
        __atomic_load_n(&control->count, __ATOMIC_SEQ_CST) <= 0)
        return 0;
    if (fd >= 0 && !ours(fd))
        return 0;
    __atomic_add_fetch(&control->seen, 1, __ATOMIC_SEQ_CST);
    if (__atomic_fetch_sub(&control->skip, 1, __ATOMIC_SEQ_CST) > 0)
        return 0;
    if (__atomic_fetch_sub(&control->count, 1, __ATOMIC_SEQ_CST) <= 0)
        return 0;
    __atomic_add_fetch(&control->injected, 1, __ATOMIC_SEQ_CST);
    errno = control->error;
    return control->error ? 1 : 2;
}

#define REAL(type, name, ...)         \
    static type (*real)(__VA_ARGS__); \
    if (!real)                        \
    *(void **)&real = dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *p, size_t n)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    int f = fault(OP_WRITE, fd);
    return f == 1 ? -1 : real(fd, p, f == 2 && n > 1 ? n / 2 : n);
}

#define POSITIONED(name)                                                   \
    ssize_t name(int fd, const void *p, size_t n, off_t at)                \
    {                                                                      \
        REAL(ssize_t, #name, int, const void *, size_t, off_t);            \
        int f = fault(OP_WRITE, fd);                                       \
        return f == 1 ? -1 : real(fd, p, f == 2 && n > 1 ? n / 2 : n, at); \
    }
POSITIONED(pwrite)
POSITIONED(pwrite64)

ssize_t writev(int fd, const struct iovec *v, int n)
{
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    int f = fault(OP_WRITE, fd);
    return f == 1 ? -1 : real(fd, v, f == 2 && n > 1 ? 1 : n);
}

#define POSITIONED_VECTOR(name)                                        \
    ssize_t name(int fd, const struct iovec *v, int n, off_t at)       \
    {                                                                  \
        REAL(ssize_t, #name, int, const struct iovec *, int, off_t);   \
        int f = fault(OP_WRITE, fd);                                   \
        return f == 1 ? -1 : real(fd, v, f == 2 && n > 1 ? 1 : n, at); \
    }
POSITIONED_VECTOR(pwritev)
POSITIONED_VECTOR(pwritev64)

#define ON_FD(name, op)                       \
    int name(int fd)                          \
    {                                         \
        REAL(int, #name, int);                \
        return fault(op, fd) ? -1 : real(fd); \
    }
ON_FD(fsync, OP_SYNC)
ON_FD(fdatasync, OP_SYNC)

#define TRUNCATE(name)                                   \
    int name(int fd, off_t size)                         \
    {                                                    \
        REAL(int, #name, int, off_t);                    \
        return fault(OP_NAME, fd) ? -1 : real(fd, size); \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define ALLOCATE(name)                                           \
    int name(int fd, int mode, off_t at, off_t n)                \
    {                                                            \
        REAL(int, #name, int, int, off_t, off_t);                \
        return fault(OP_WRITE, fd) ? -1 : real(fd, mode, at, n); \
    }
ALLOCATE(fallocate)
ALLOCATE(fallocate64)
