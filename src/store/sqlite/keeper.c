/*
 * The keeper: a thread that copies the write-ahead log into the database while the writer goes on. A passive checkpoint takes no lock a
 * writer needs, but its copying and syncing takes up to some 300 ms on a busy disk, which no commit should wait for.
 */
#include "store/sqlite/sqlite_priv.h"

#include "base/log.h"
#include "base/mem.h"

struct keeper {
    sqlite3 *db; /* its own connection */
    pthread_t thread;
    struct lock lock;
    pthread_cond_t wake;
    bool wanted, stop;
};

static void checkpoint(struct keeper *k)
{
    int rc = sqlite3_wal_checkpoint_v2(k->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        log_warn("store", "a checkpoint failed: %s", sqlite3_errmsg(k->db));
}

static void *keeper_main(void *arg)
{
    struct keeper *k = arg;
    for (;;) {
        lock_take(&k->lock);
        while (!k->wanted && !k->stop)
            cond_wait(&k->wake, &k->lock);
        bool stop = k->stop;
        k->wanted = false;
        lock_drop(&k->lock);
        if (stop)
            return NULL;
        checkpoint(k);
    }
}

enum status keeper__start(const char *path, struct keeper **out, struct err *err)
{
    struct keeper *k = mem_alloc(sizeof(*k));
    int rc = sqlite3_open_v2(path, &k->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(k->db,
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = 0", NULL, NULL,
            NULL);
    if (rc != SQLITE_OK) {
        enum status st = err_set(err, ST_IO, "cannot open %s: %s", path, sqlite3_errmsg(k->db));
        sqlite3_close(k->db);
        mem_free(k);
        return st;
    }
    lock_init(&k->lock, LOCK_LEAF);
    cond_init(&k->wake);
    thread_start(&k->thread, "tw-keeper", keeper_main, k);
    *out = k;
    return ST_OK;
}

void keeper__wake(struct keeper *k)
{
    lock_take(&k->lock);
    k->wanted = true;
    pthread_cond_signal(&k->wake);
    lock_drop(&k->lock);
}

void keeper__stop(struct keeper *k)
{
    if (!k)
        return;
    lock_take(&k->lock);
    k->stop = true;
    pthread_cond_signal(&k->wake);
    lock_drop(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->wake);
    lock_fini(&k->lock);
    sqlite3_close(k->db);
    mem_free(k);
}
