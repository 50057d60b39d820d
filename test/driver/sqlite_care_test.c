/* store/sqlite: check finds what is broken and nothing else; backup works beside a running writer; restore never overwrites. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/sqlite/sqlite_priv.h"
#include "support/store_kit.h"

struct home {
    char *dir, *copy;
    struct store_options o;
    struct store_metrics metrics;
    struct driver *d;
    struct err err;
    struct buf said;
    _Atomic bool stop;
    int commits;
};

static void must(struct home *h, enum status st)
{
    if (st != ST_OK)
        print_error("%s: %s\n%.*s\n", status_name(st), h->err.text, STR_ARG(buf_str(&h->said)));
    assert_int_equal(st, ST_OK);
}

static void hear(void *ctx, const char *line)
{
    struct home *h = ctx;
    buf_printf(&h->said, "%s\n", line);
}

static bool heard(struct home *h, const char *words)
{
    return str_find(buf_str(&h->said), str_of(words)) != SIZE_MAX;
}

static void open_home(struct home *h, const char *dir)
{
    must(h, driver_sqlite_open(dir, &h->o, &h->metrics, &h->d, &h->err));
}

static void close_home(struct home *h)
{
    h->d->ops->close(h->d);
    h->d = NULL;
}

#define ROWS 20

static enum status commit_rows(struct home *h, int commit, struct err *err)
{
    struct arena *a = arena_new();
    enum status st = h->d->ops->begin(h->d, err);
    for (int i = 0; i < ROWS && st == ST_OK; i++) {
        struct row r = {
            .entity = OBSERVATION, .project = 1, .created_ns = 10, .updated_ns = 10, .identity = IDENTITY_BARE
        };
        int64_t pointer = 0;
        r.scope = arena_printf(a, "trace-%d", commit);
        r.id = arena_printf(a, "%08x%08x", commit, i);
        r.cols[OBSERVATION_name] = value_text(STR("step"));
        r.cols[OBSERVATION_start_ns] = value_int(commit * 100 + i);
        st = h->d->ops->payload_add(
            h->d, arena_printf(a, "payload %d %0*d", i, 300 + i * 9, commit), &pointer, err);
        r.cols[OBSERVATION_input] = (struct value){ .kind = V_REF, .piece = OBSERVATION_input, .i = pointer };
        struct row trace = {
            .entity = TRACE, .project = 1, .id = r.scope, .created_ns = 10, .updated_ns = 10
        };
        if (st == ST_OK && i == 0)
            st = h->d->ops->put_row(h->d, &trace, NULL, err);
        if (st == ST_OK)
            st = h->d->ops->put_row(h->d, &r, NULL, err);
    }
    if (st == ST_OK)
        st = h->d->ops->commit(h->d, err);
    arena_free(a);
    return st;
}

static int set_up(void **state)
{
    struct home *h = mem_alloc(sizeof(*h));
    *h = (struct home){ .dir = folder_new(), .o = rowkit_options() };
    h->copy = folder_file(h->dir, "copy");
    h->o.store_block = 4096;
    h->o.store_segment = 1 << 20;
    buf_init(&h->said, 0);
    char *inner = folder_file(h->dir, "data");
    mem_free(h->dir);
    h->dir = inner;
    open_home(h, h->dir);
    for (h->commits = 0; h->commits < 5; h->commits++)
        must(h, commit_rows(h, h->commits, &h->err));
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct home *h = *state;
    if (h->d)
        close_home(h);
    char *slash = strrchr(h->dir, '/');
    *slash = 0;
    folder_drop(h->dir);
    mem_free(h->copy);
    buf_fini(&h->said);
    mem_free(h);
    return 0;
}

static int count_rows(struct home *h)
{
    struct arena *a = arena_new();
    struct reader *rd;
    struct rowkit_rows rows = { .a = a };
    struct query q = { .entity = OBSERVATION, .project = 1, .order = BY_START, .limit = SIZE_MAX };
    bool exact;
    must(h, h->d->ops->reader_take(h->d, &rd, &h->err));
    must(h, h->d->ops->scan_query(h->d, rd, a, &q, rowkit_gather, &rows, &exact, &h->err));
    for (size_t i = 0; i < rows.n; i++) {
        struct str got;
        must(h, h->d->ops->payload_get(h->d, rd, a, rows.items[i].cols[OBSERVATION_input].i, &got, &h->err));
    }
    h->d->ops->reader_drop(h->d, rd);
    int n = (int)rows.n;
    arena_free(a);
    return n;
}

/* ---- check ---------------------------------------------------------------------------------------------------------- */

static void good_folder_passes(void **state)
{
    struct home *h = *state;
    assert_int_equal(store_check(h->dir, hear, h, &h->err), ST_CONFLICT); /* a server has it open */
    close_home(h);
    must(h, store_check(h->dir, hear, h, &h->err));
    assert_true(heard(h, "observation: 100 rows"));
    assert_true(heard(h, "0 payload records that no row points at"));
    assert_false(heard(h, "fault"));
    assert_int_equal(store_check("/nowhere/at/all", hear, h, &h->err), ST_NOT_FOUND);
}

static void change_byte(const char *path, off_t at)
{
    char c;
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c = (char)(c ^ 0x10);
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void damaged_payload_is_found(void **state)
{
    struct home *h = *state;
    close_home(h);
    char *path = folder_file(h->dir, "segments/00000001.seg");
    change_byte(path, 150);
    assert_int_equal(store_check(h->dir, hear, h, &h->err), ST_CORRUPT);
    assert_true(heard(h, "fault: payload segment 1"));
    assert_true(heard(h, "which is not there"));
    mem_free(path);
}

static void run_sql(struct home *h, const char *text)
{
    sqlite3 *db;
    char *path = folder_file(h->dir, "tracewell.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    mem_free(path);
}

static void lost_rows_are_found(void **state)
{
    static const struct {
        const char *text, *what;
    } wounds[] = {
        { "DELETE FROM observation_at WHERE start_ns = 101", "missing in the list by start" },
        { "DELETE FROM bare WHERE trace_no = 1", "missing in the list by bare id" },
        { "DELETE FROM trace_at WHERE no = 1", "traces are missing in the list by start" },
        { "DELETE FROM observation WHERE trace_no = 1", "names observations that are not there" },
        { "UPDATE observation SET packed = x'ff' WHERE trace_no = 2", "damaged blob of columns" },
        { "UPDATE segment SET number = 9", "which is not there" },
        { "DELETE FROM word", "which the dictionary does not have" },
    };
    struct home *h = *state;
    for (size_t i = 0; i < sizeof(wounds) / sizeof(wounds[0]); i++) {
        if (h->d)
            close_home(h);
        run_sql(h, wounds[i].text);
        buf_clear(&h->said);
        assert_int_equal(store_check(h->dir, hear, h, &h->err), ST_CORRUPT);
        if (!heard(h, wounds[i].what))
            print_error("%s\n%.*s\n", wounds[i].text, STR_ARG(buf_str(&h->said)));
        assert_true(heard(h, wounds[i].what));
    }
}

static void newer_version_is_refused(void **state)
{
    struct home *h = *state;
    close_home(h);
    run_sql(h, "PRAGMA user_version = 99");
    assert_int_equal(driver_sqlite_open(h->dir, &h->o, &h->metrics, &h->d, &h->err), ST_CORRUPT);
    assert_non_null(strstr(h->err.text, "newer Tracewell"));
    run_sql(h, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert_int_equal(driver_sqlite_open(h->dir, &h->o, &h->metrics, &h->d, &h->err), ST_CORRUPT);
    assert_non_null(strstr(h->err.text, "another program"));
    h->d = NULL;
}

/* A folder as version 1 left it. */
static void older_version_is_brought_up(void **state)
{
    struct home *h = *state;
    struct query q = { .entity = OBSERVATION, .project = 1 };
    struct reader *rd;
    int64_t n = 0;
    bool exact;
    close_home(h);
    run_sql(h, "DROP TABLE tally; PRAGMA user_version = 1");
    assert_int_equal(store_check(h->dir, hear, h, &h->err), ST_CORRUPT);
    assert_non_null(strstr(h->err.text, "start the server once"));
    open_home(h, h->dir);
    must(h, commit_rows(h, h->commits++, &h->err));
    must(h, h->d->ops->reader_take(h->d, &rd, &h->err));
    must(h, h->d->ops->count_query(h->d, rd, &q, &n, &exact, &h->err));
    h->d->ops->reader_drop(h->d, rd);
    assert_true(exact);
    assert_int_equal(n, h->commits * ROWS);
    close_home(h);
    must(h, store_check(h->dir, hear, h, &h->err));
}

static void put_record(
    struct home *h, int32_t project, const char *kind, const char *id, int64_t seq, const char *body)
{
    int64_t pointer = 0;
    struct row r = { .entity = RECORD,
        .project = project,
        .scope = str_of(kind),
        .id = str_of(id),
        .created_ns = 1,
        .updated_ns = 1 };
    r.cols[RECORD_seq] = value_int(seq);
    if (body) {
        must(h, h->d->ops->payload_add(h->d, str_of(body), &pointer, &h->err));
        r.cols[RECORD_body] = (struct value){ .kind = V_REF, .piece = RECORD_body, .i = pointer };
    }
    must(h, h->d->ops->put_row(h->d, &r, NULL, &h->err));
}

/* -1: no such record. */
static int64_t seq_of(struct home *h, struct reader *rd, int32_t project, const char *kind, const char *id)
{
    struct arena *a = arena_new();
    struct row *r;
    must(h, h->d->ops->get_row(h->d, rd, a, project, RECORD, str_of(kind), str_of(id), &r, &h->err));
    int64_t seq = r ? row_int(r, RECORD_seq, 0) : -1;
    arena_free(a);
    return seq;
}

/* Version 3: templates are prompts, with one counter for both kinds of number; other projects and kinds are as they were. */
static void templates_become_prompts(void **state)
{
    static const int last[] = { 9, 3, 2 };
    struct home *h = *state;
    struct reader *rd;
    must(h, h->d->ops->begin(h->d, &h->err));
    put_record(h, 1, "template", "1", 1, NULL);
    put_record(h, 1, "template_version", "1", 7, "{\"content\":\"c\"}");
    put_record(h, 1, "counter", "template", 4, NULL);
    put_record(h, 1, "counter", "template_version", 9, NULL);
    put_record(h, 2, "counter", "template", 3, NULL);
    put_record(h, 2, "counter", "template_version", 3, NULL);
    put_record(h, 3, "counter", "template", 2, NULL);
    put_record(h, 3, "dataset", "template", 8, NULL);
    must(h, h->d->ops->commit(h->d, &h->err));
    close_home(h);
    run_sql(h, "PRAGMA user_version = 2");
    open_home(h, h->dir);
    must(h, h->d->ops->reader_take(h->d, &rd, &h->err));
    assert_int_equal(seq_of(h, rd, 1, "prompt", "1"), 1);
    assert_int_equal(seq_of(h, rd, 1, "prompt_version", "1"), 7);
    assert_int_equal(seq_of(h, rd, 1, "template", "1"), -1);
    assert_int_equal(seq_of(h, rd, 1, "template_version", "1"), -1);
    for (int project = 1; project <= 3; project++) {
        assert_int_equal(seq_of(h, rd, project, "counter", "prompt"), last[project - 1]);
        assert_int_equal(seq_of(h, rd, project, "counter", "template"), -1);
        assert_int_equal(seq_of(h, rd, project, "counter", "template_version"), -1);
    }
    assert_int_equal(seq_of(h, rd, 3, "dataset", "template"), 8);
    h->d->ops->reader_drop(h->d, rd);
    close_home(h);
    must(h, store_check(h->dir, hear, h, &h->err));
}

/* ---- backup and restore --------------------------------------------------------------------------------------------- */

static void *keep_writing(void *arg)
{
    struct home *h = arg;
    struct err err;
    while (!atomic_load(&h->stop)) {
        if (commit_rows(h, h->commits, &err) != ST_OK)
            return arg;
        h->commits++;
        h->d->ops->maintain(h->d);
        usleep(2000);
    }
    return NULL;
}

static void backup_beside_a_writer(void **state)
{
    struct home *h = *state;
    pthread_t writer;
    void *failed;
    h->o.store_segment = 1 << 20;
    assert_int_equal(pthread_create(&writer, NULL, keep_writing, h), 0);
    for (int round = 0; round < 6; round++) {
        struct home other = { .o = h->o };
        char name[32];
        usleep(30000);
        snprintf(name, sizeof(name), "copy-%d", round);
        char *copy = folder_file(h->dir, name);
        buf_init(&other.said, 0);
        must(&other, store_backup(h->dir, copy, hear, &other, &other.err));
        must(&other, store_check(copy, hear, &other, &other.err));
        open_home(&other, copy);
        int n = count_rows(&other);
        assert_true(n >= 100 && n % ROWS == 0);
        close_home(&other);
        buf_fini(&other.said);
        mem_free(copy);
    }
    atomic_store(&h->stop, true);
    pthread_join(writer, &failed);
    assert_null(failed);
    assert_int_equal(count_rows(h), h->commits * ROWS);
}

static void restore_into_place(void **state)
{
    struct home *h = *state;
    must(h, store_backup(h->dir, h->copy, hear, h, &h->err));
    assert_int_equal(store_backup(h->dir, h->copy, hear, h, &h->err), ST_CONFLICT);
    must(h, commit_rows(h, h->commits, &h->err));
    close_home(h);
    assert_int_equal(store_restore(h->copy, h->dir, hear, h, &h->err), ST_CONFLICT);
    assert_non_null(strstr(h->err.text, "never overwrites"));
    char *away = folder_file(h->copy, "../away");
    assert_int_equal(rename(h->dir, away), 0);
    must(h, store_restore(h->copy, h->dir, hear, h, &h->err));
    open_home(h, h->dir);
    assert_int_equal(count_rows(h), 5 * ROWS);
    must(h, commit_rows(h, 77, &h->err));
    assert_int_equal(count_rows(h), 6 * ROWS);
    close_home(h);
    must(h, store_check(h->copy, hear, h, &h->err)); /* the copy is as it was */
    mem_free(away);
}

static void restore_checks_first(void **state)
{
    struct home *h = *state;
    must(h, store_backup(h->dir, h->copy, hear, h, &h->err));
    char *path = folder_file(h->copy, "segments/00000001.seg"), *target = folder_file(h->copy, "../target");
    change_byte(path, 200);
    assert_int_equal(store_restore(h->copy, target, hear, h, &h->err), ST_CORRUPT);
    assert_int_equal(access(target, F_OK), -1);
    mem_free(path);
    mem_free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_folder_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_payload_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_rows_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newer_version_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_version_is_brought_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(templates_become_prompts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(backup_beside_a_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restore_into_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restore_checks_first, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
