#include "support/fault_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>

#include "store/sqlite/segment.h"

static int left = -1;
static bool sticky_fault, met;

static bool fails(void)
{
    if (left < 0)
        return false;
    if (left > 0) {
        left--;
        return false;
    }
    met = true;
    if (!sticky_fault)
        left = -1;
    return true;
}

void fault_arm(int n, bool sticky)
{
    left = n;
    sticky_fault = sticky;
    met = false;
}

bool fault_met(void)
{
    bool was = met;
    left = -1;
    met = false;
    return was;
}

/* ---- segments ------------------------------------------------------------------------------------------------------- */

static struct segment_io real_io;

static ssize_t write_at(int fd, const void *p, size_t n, off_t at)
{
    if (fails()) {
        if (n > 10 && real_io.write_at(fd, p, n / 2, at) < 0)
            return -1;
        errno = ENOSPC;
        return -1;
    }
    return real_io.write_at(fd, p, n, at);
}

static int sync_fd(int fd)
{
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return real_io.sync(fd);
}

/* ---- SQLite --------------------------------------------------------------------------------------------------------- */

struct file {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim;

static sqlite3_file *under(sqlite3_file *f)
{
    return ((struct file *)f)->real;
}

#define PASS(name, parameters, ...)                             \
    static int name parameters                                  \
    {                                                           \
        return under(f)->pMethods->name(under(f), __VA_ARGS__); \
    }

static int xClose(sqlite3_file *f)
{
    int rc = under(f)->pMethods->xClose(under(f));
    f->pMethods = NULL;
    return rc;
}

static int xWrite(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (fails()) {
        if (n > 10)
            under(f)->pMethods->xWrite(under(f), p, n / 2, at);
        return SQLITE_FULL;
    }
    return under(f)->pMethods->xWrite(under(f), p, n, at);
}

static int xSync(sqlite3_file *f, int flags)
{
    return fails() ? SQLITE_IOERR_FSYNC : under(f)->pMethods->xSync(under(f), flags);
}

static int xTruncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : under(f)->pMethods->xTruncate(under(f), size);
}

PASS(xRead, (sqlite3_file * f, void *p, int n, sqlite3_int64 at), p, n, at)
PASS(xFileSize, (sqlite3_file * f, sqlite3_int64 *size), size)
PASS(xLock, (sqlite3_file * f, int lock), lock)
PASS(xUnlock, (sqlite3_file * f, int lock), lock)
PASS(xCheckReservedLock, (sqlite3_file * f, int *out), out)
PASS(xFileControl, (sqlite3_file * f, int op, void *arg), op, arg)
PASS(
    xShmMap, (sqlite3_file * f, int page, int size, int extend, void volatile **out), page, size, extend, out)
PASS(xShmLock, (sqlite3_file * f, int at, int n, int flags), at, n, flags)
PASS(xShmUnmap, (sqlite3_file * f, int remove), remove)

static int xSectorSize(sqlite3_file *f)
{
    return under(f)->pMethods->xSectorSize(under(f));
}

static int xDeviceCharacteristics(sqlite3_file *f)
{
    return under(f)->pMethods->xDeviceCharacteristics(under(f));
}

static void xShmBarrier(sqlite3_file *f)
{
    under(f)->pMethods->xShmBarrier(under(f));
}

static const sqlite3_io_methods methods = { 2, xClose, xRead, xWrite, xTruncate, xSync, xFileSize, xLock,
    xUnlock, xCheckReservedLock, xFileControl, xSectorSize, xDeviceCharacteristics, xShmMap, xShmLock,
    xShmBarrier, xShmUnmap, NULL, NULL };

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct file *mine = (struct file *)f;
    (void)vfs;
    mine->real = (sqlite3_file *)(mine + 1);
    mine->base.pMethods = NULL;
    int rc = real_vfs->xOpen(real_vfs, name, mine->real, flags, out);
    if (mine->real->pMethods)
        mine->base.pMethods = &methods;
    return rc;
}

void fault_install(void)
{
    real_io = segment_io;
    segment_io = (struct segment_io){ write_at, sync_fd };
    real_vfs = sqlite3_vfs_find(NULL);
    shim = *real_vfs;
    shim.zName = "fault";
    shim.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
    shim.xOpen = open_file;
    sqlite3_vfs_register(&shim, 1);
}

void fault_remove(void)
{
    segment_io = real_io;
    sqlite3_vfs_unregister(&shim);
    sqlite3_vfs_register(real_vfs, 1);
}
