/*
 * How many rows a second the SQLite driver takes, and what they cost on disk. Not a test: run it on a quiet machine.
 *
 *     build/release/tracewell-store-bench FOLDER ROWS COMMIT [PAYLOAD BYTES] [SPANS A TRACE]
 *
 * One thread does what store/ does for OTLP spans: look for the trace and the row, append payload, put the row; at the end of a commit scan
 * each touched trace and put it with derived values.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/store_kit.h"

struct bench {
    struct driver *d;
    struct err err;
    struct arena *a;
    struct dice dice;
    int64_t spans_a_trace;
    size_t payload;
    char *words; /* a long text that compresses about 3 to 1 */
};

static void must(struct bench *b, enum status st)
{
    if (st == ST_OK)
        return;
    fprintf(stderr, "%s: %s\n", status_name(st), b->err.text);
    exit(1);
}

#define TEXT_BYTES (8 << 20)

static char *make_words(struct dice *d)
{
    char *text = mem_alloc(TEXT_BYTES + 64);
    char vocabulary[3000][12];
    for (int i = 0; i < 3000; i++) {
        unsigned n = 2 + dice_roll(d, 8);
        for (unsigned k = 0; k < n; k++)
            vocabulary[i][k] = (char)('a' + dice_roll(d, 26));
        vocabulary[i][n] = 0;
    }
    for (size_t at = 0; at < TEXT_BYTES;) {
        unsigned pick = dice_roll(d, 3000);
        pick = pick * dice_roll(d, 3000) / 3000; /* some words more often */
        at += (size_t)sprintf(text + at, "%s ", vocabulary[pick]);
    }
    return text;
}

static int64_t add_payload(struct bench *b)
{
    int64_t pointer;
    size_t at = dice_roll(&b->dice, (uint32_t)(TEXT_BYTES - b->payload - 1));
    must(b, b->d->ops->payload_add(b->d, (struct str){ b->words + at, b->payload }, &pointer, &b->err));
    return pointer;
}

static struct row *get(struct bench *b, enum entity e, struct str scope, struct str id)
{
    struct row *r;
    must(b, b->d->ops->get_row(b->d, NULL, b->a, 1, e, scope, id, &r, &b->err));
    return r;
}

static void put_trace(struct bench *b, struct str id, bool derived)
{
    struct rowkit_rows rows = { .a = b->a };
    struct row *old = get(b, TRACE, STR_NONE, id);
    struct row trace = { .entity = TRACE, .project = 1, .id = id, .created_ns = 1, .updated_ns = 1 };
    if (old && !derived)
        return;
    if (derived) {
        must(b, b->d->ops->scan_scope(b->d, NULL, b->a, 1, OBSERVATION, id, rowkit_gather, &rows, &b->err));
        trace = *old;
        trace.derived = arena_alloc(b->a, sizeof(*trace.derived));
        *trace.derived = (struct derived){ .observations = (int64_t)rows.n,
            .start_ns = row_time(&rows.items[0], OBSERVATION_start_ns),
            .end_ns = TIME_NONE,
            .last_end_ns = TIME_NONE,
            .first_token_ns = TIME_NONE,
            .name = STR("agent run"),
            .user_id = arena_printf(b->a, "user-%u", dice_roll(&b->dice, 5000)),
            .session_id = id,
            .tags = STR("[\"prod\",\"eu\"]"),
            .ranks = { 3, 3, 3, 3, 3, 3, 3, 3 } };
    }
    must(b, b->d->ops->put_row(b->d, &trace, old, &b->err));
}

static void put_span(struct bench *b, int64_t n, struct str trace)
{
    static const char *const names[] = { "chat", "retrieve", "tool call", "plan", "answer" };
    struct row r = { .entity = OBSERVATION, .project = 1, .scope = trace };
    int64_t start = INT64_C(1790000000000000000) + n * 50000 + dice_roll(&b->dice, 1000000);
    r.id = arena_printf(b->a, "%08x%08x", dice_roll(&b->dice, UINT32_MAX), dice_roll(&b->dice, UINT32_MAX));
    r.created_ns = r.updated_ns = start + 3000000000;
    r.cols[OBSERVATION_type] = value_int(n % 5 == 0 ? OBS_GENERATION : OBS_SPAN);
    r.cols[OBSERVATION_name] = value_text(str_of(names[n % 5]));
    r.cols[OBSERVATION_parent_id] = value_text(
        arena_printf(b->a, "%08x%08x", dice_roll(&b->dice, UINT32_MAX), dice_roll(&b->dice, UINT32_MAX)));
    r.cols[OBSERVATION_start_ns] = value_int(start);
    r.cols[OBSERVATION_end_ns] = value_int(start + dice_roll(&b->dice, 2000000000));
    if (n % 5 == 0)
        r.cols[OBSERVATION_model] = value_text(STR("gpt-4o-mini"));
    r.fold = STR("\x01\x28\x11\x22\x33\x44\x05\x06\x07\x08\x09\x0a");
    if (get(b, OBSERVATION, trace, r.id))
        return;
    if (b->payload) {
        struct value v = { .kind = V_REF, .i = add_payload(b) };
        static const unsigned columns[] = { OBSERVATION_input, OBSERVATION_output, OBSERVATION_metadata,
            OBSERVATION_leftovers };
        for (size_t i = 0; i < 4; i++) {
            v.piece = (uint8_t)columns[i];
            r.cols[columns[i]] = v;
        }
    }
    must(b, b->d->ops->put_row(b->d, &r, NULL, &b->err));
}

static __attribute__((noinline)) void one_commit(struct bench *b, int64_t from, int64_t n)
{
    arena_reset(b->a);
    struct str trace = STR_NONE;
    struct str *traces = arena_array(b->a, (size_t)n, sizeof(*traces));
    size_t n_traces = 0;
    must(b, b->d->ops->begin(b->d, &b->err));
    for (int64_t i = from; i < from + n; i++) {
        if (i % b->spans_a_trace == 0 || !trace.p) {
            trace = arena_printf(b->a, "%08x%08x%08x%08x", dice_roll(&b->dice, UINT32_MAX),
                dice_roll(&b->dice, UINT32_MAX), dice_roll(&b->dice, UINT32_MAX), (unsigned)i);
            traces[n_traces++] = trace;
            put_trace(b, trace, false);
        }
        put_span(b, i, trace);
    }
    for (size_t i = 0; i < n_traces; i++)
        put_trace(b, traces[i], true);
    must(b, b->d->ops->commit(b->d, &b->err));
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

struct page {
    struct bench *b;
    struct reader *rd;
    const struct query *q;
    bool exact;
    size_t n;
    struct str trace; /* of the last row */
};

static bool fill_page(void *ctx, struct row *r)
{
    struct page *p = ctx;
    if (!p->exact && !query_match(p->b->a, p->q, r))
        return true;
    p->trace = r->entity == TRACE ? r->id : r->scope;
    return ++p->n < 50;
}

static void ask(struct bench *b, struct query *q, struct page *p)
{
    *p = (struct page){ .b = b, .q = q };
    q->project = 1;
    q->order = BY_START;
    q->descending = true;
    must(b, b->d->ops->reader_take(b->d, &p->rd, &b->err));
    must(b, b->d->ops->scan_query(b->d, p->rd, b->a, q, fill_page, p, &p->exact, &b->err));
    b->d->ops->reader_drop(b->d, p->rd);
}

static int by_time(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static void report(const char *what, int64_t *took, size_t n)
{
    qsort(took, n, sizeof(*took), by_time);
    printf("  %-44s p50 %8.3f ms, p99 %8.3f ms\n", what, (double)took[n / 2] / 1e6,
        (double)took[n * 99 / 100] / 1e6);
}

#define TIMES 200

/* One filter on one column, or none. */
static void read_lists(struct bench *b, const char *what, enum entity e, enum subject subject,
    unsigned column, const char *format, unsigned many)
{
    int64_t took[TIMES];
    for (size_t i = 0; i < TIMES; i++) {
        arena_reset(b->a);
        struct query q = { .entity = e };
        struct page p;
        if (subject != ON_NOTHING) {
            struct filter *f = query_add(b->a, &q, subject, IS_IN);
            char text[100];
            f->column = (uint8_t)column;
            if (many > 1)
                snprintf(text, sizeof(text), "%s%u", format, dice_roll(&b->dice, many));
            else
                snprintf(text, sizeof(text), "%s", format);
            filter_value(b->a, f, arena_dup(b->a, str_of(text)));
        }
        int64_t at = clock_mono_ns();
        ask(b, &q, &p);
        took[i] = clock_mono_ns() - at;
    }
    report(what, took, TIMES);
}

/* A trace by id with its narrow rows; any of the newest 50 of a user. */
static void read_traces(struct bench *b)
{
    int64_t took[TIMES];
    for (size_t i = 0; i < TIMES; i++) {
        arena_reset(b->a);
        struct query q = { .entity = TRACE };
        struct page p;
        struct rowkit_rows rows = { .a = b->a };
        struct row *trace;
        struct filter *f = query_add(b->a, &q, ON_COLUMN, IS_IN);
        f->column = TRACE_user_id;
        filter_value(b->a, f, arena_printf(b->a, "user-%u", dice_roll(&b->dice, 5000)));
        ask(b, &q, &p);
        struct str id = arena_dup(b->a, p.trace);
        int64_t at = clock_mono_ns();
        must(b, b->d->ops->reader_take(b->d, &p.rd, &b->err));
        must(b, b->d->ops->get_row(b->d, p.rd, b->a, 1, TRACE, STR_NONE, id, &trace, &b->err));
        must(b, b->d->ops->scan_scope(b->d, p.rd, b->a, 1, OBSERVATION, id, rowkit_gather, &rows, &b->err));
        b->d->ops->reader_drop(b->d, p.rd);
        took[i] = clock_mono_ns() - at;
    }
    report("one trace and its rows, by id", took, TIMES);
}

static void read_count(struct bench *b, enum entity e)
{
    struct query q = { .entity = e, .project = 1 };
    struct reader *rd;
    int64_t n = 0, at = clock_mono_ns();
    bool exact;
    must(b, b->d->ops->reader_take(b->d, &rd, &b->err));
    must(b, b->d->ops->count_query(b->d, rd, &q, &n, &exact, &b->err));
    b->d->ops->reader_drop(b->d, rd);
    printf(
        "  counting %lld %ss: %.1f ms\n", (long long)n, entity_name(e), (double)(clock_mono_ns() - at) / 1e6);
}

static void read_all(struct bench *b)
{
    read_lists(b, "newest 50 traces", TRACE, ON_NOTHING, 0, "", 1);
    read_lists(b, "newest 50 traces of a user", TRACE, ON_COLUMN, TRACE_user_id, "user-", 5000);
    read_lists(b, "newest 50 traces of a name that all have", TRACE, ON_COLUMN, TRACE_name, "agent run", 1);
    read_lists(b, "newest 50 traces of a tag that all have", TRACE, ON_TAGS, 0, "prod", 1);
    read_lists(b, "newest 50 observations", OBSERVATION, ON_NOTHING, 0, "", 1);
    read_lists(
        b, "newest 50 observations of a model", OBSERVATION, ON_COLUMN, OBSERVATION_model, "gpt-4o-mini", 1);
    read_traces(b);
    read_count(b, TRACE);
    read_count(b, OBSERVATION);
}

static int64_t bytes_in(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static int64_t bytes_of_segments(const char *dir)
{
    int64_t sum = 0;
    char path[700];
    for (int i = 1; i < 1000; i++) {
        snprintf(path, sizeof(path), "%s/segments/%08d.seg", dir, i);
        sum += bytes_in(path);
    }
    return sum;
}

/* Of this process: what a quiet machine would take, but for the waits for its disk. */
static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    struct bench b = { .a = arena_new(), .dice = { 88172645463325252ULL } };
    struct store_options o = rowkit_options();
    struct store_metrics m = { 0 };
    int64_t rows = atoll(argv[2]), commit = atoll(argv[3]), slowest = 0;
    b.payload = argc > 4 ? (size_t)atoll(argv[4]) : 2048;
    b.spans_a_trace = argc > 5 ? atoll(argv[5]) : 10;
    b.words = make_words(&b.dice);
    must(&b, driver_sqlite_open(argv[1], &o, &m, &b.d, &b.err));
    double cpu = cpu_seconds();
    int64_t began = clock_mono_ns(), lap = began, upkeep = 0;
    for (int64_t n = 0; n < rows; n += commit) {
        int64_t at = clock_mono_ns();
        one_commit(&b, n, commit);
        int64_t took = clock_mono_ns() - at;
        slowest = took > slowest ? took : slowest;
        at = clock_mono_ns();
        b.d->ops->maintain(b.d);
        upkeep += clock_mono_ns() - at;
        if ((n + commit) % (rows / 5) < commit) {
            printf("  %9lld rows: %.0f rows/s\n", (long long)(n + commit),
                (double)(rows / 5) * 1e9 / (double)(clock_mono_ns() - lap));
            lap = clock_mono_ns();
        }
    }
    double took = (double)(clock_mono_ns() - began) / 1e9;
    printf(
        "%lld rows, commits of %lld: %.0f rows/s (%.0f a CPU second), upkeep %.1f %%, slowest commit %.1f ms\n",
        (long long)rows, (long long)commit, (double)rows / took, (double)rows / (cpu_seconds() - cpu),
        (double)upkeep / 1e7 / took, (double)slowest / 1e6);
    b.d->ops->close(b.d);
    int64_t opening = clock_mono_ns();
    must(&b, driver_sqlite_open(argv[1], &o, &m, &b.d, &b.err));
    printf("opened again in %.1f ms\n", (double)(clock_mono_ns() - opening) / 1e6);
    read_all(&b);
    b.d->ops->close(b.d);
    char *db = folder_file(argv[1], "tracewell.db");
    int64_t segments = bytes_of_segments(argv[1]);
    printf("bytes a row: database %.1f, segments %.1f (payload %zu, ratio %.2f)\n",
        (double)bytes_in(db) / (double)rows, (double)segments / (double)rows, b.payload,
        (double)b.payload * (double)rows / (double)(segments ? segments : 1));
    return 0;
}
