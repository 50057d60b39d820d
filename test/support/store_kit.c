#include "support/store_kit.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* ---- folders -------------------------------------------------------------------------------------------------------- */

char *folder_new(void)
{
    const char *tmp = getenv("TMPDIR");
    char path[512];
    if (!tmp)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* these tests sync thousands of times */
    snprintf(path, sizeof(path), "%s/tracewell-store-XXXXXX", tmp);
    char *made = mkdtemp(path);
    assert(made);
    return mem_strdup(made);
}

static void drop(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return;
    if (S_ISDIR(st.st_mode)) {
        DIR *dir = opendir(path);
        for (struct dirent *e; dir && (e = readdir(dir));) {
            char below[1024];
            if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                continue;
            snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
            drop(below);
        }
        if (dir)
            closedir(dir);
        rmdir(path);
    } else {
        unlink(path);
    }
}

void folder_drop(char *dir)
{
    drop(dir);
    mem_free(dir);
}

char *folder_file(const char *dir, const char *name)
{
    size_t n = strlen(dir) + strlen(name) + 2;
    char *path = mem_alloc(n);
    snprintf(path, n, "%s/%s", dir, name);
    return path;
}

struct store_options rowkit_options(void)
{
    struct store_options o;
    struct option_set set = { "store", store_option_rows, store_option_count, &o };
    struct arena *a = arena_new();
    struct err err;
    char name[] = "test", *argv[] = { name, NULL };
    int i = 1;
    enum status st = options_read(&set, 1, 1, argv, &i, a, &err);
    assert(st == ST_OK);
    (void)st;
    arena_free(a);
    return o;
}

/* ---- random rows ---------------------------------------------------------------------------------------------------- */

uint32_t dice_roll(struct dice *d, uint32_t below)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (uint32_t)(d->state >> 32) % below;
}

struct str rowkit_id(struct arena *a, struct dice *d, uint32_t many)
{
    uint32_t n = dice_roll(d, many), form = n % 9;
    unsigned long long x = (n + 1) * 0x9E3779B97F4A7C15ULL, y = (n + 7) * 0xC2B2AE3D27D4EB4FULL;
    switch (form) {
    case 0: return arena_printf(a, "%016llx", x);
    case 1: return arena_printf(a, "%016llx%016llx", x, y);
    case 2:
        return arena_printf(a, "%08llx-%04llx-%04llx-%04llx-%012llx", x >> 32, x & 0xffff, y & 0xffff,
            y >> 16 & 0xffff, y >> 16);
    case 3: return arena_printf(a, "span-%u", n);
    case 4: return arena_printf(a, "%016llX", x);
    case 5:
        return arena_printf(a, "%08llX-%04llx-%04llx-%04llx-%012llx", x >> 32, x & 0xffff, y & 0xffff,
            y >> 16 & 0xffff, y >> 16);
    case 6: return arena_printf(a, "\xe9\xa1\xb9\xe7\x9b\xae %u", n);
    case 7: return arena_printf(a, "u%016u", n);
    default: return arena_printf(a, "%0200u", n);
    }
}

static int64_t random_int(struct dice *d)
{
    static const int64_t odd[] = { 0, 1, -1, INT64_MAX, INT64_MIN + 1, 127, 128, -128, 1 << 20 };
    uint32_t roll = dice_roll(d, 20);
    return roll < sizeof(odd) / sizeof(odd[0]) ? odd[roll] : (int64_t)dice_roll(d, 1000000);
}

static int64_t random_time(struct dice *d)
{
    if (dice_roll(d, 20) == 0)
        return random_int(d);
    return INT64_C(1790000000000000000) + (int64_t)dice_roll(d, 50) * 1000000007;
}

static struct str random_text(struct arena *a, struct dice *d)
{
    switch (dice_roll(d, 8)) {
    case 0: return STR("");
    case 1: return arena_printf(a, "%0150u", dice_roll(d, 5));
    case 2: return arena_printf(a, "gr\xc3\xbc\xc3\x9f %u", dice_roll(d, 300));
    default: return arena_printf(a, "word-%u", dice_roll(d, 12));
    }
}

static struct value random_json(struct arena *a, struct dice *d, const struct column *c)
{
    struct value v;
    if (c->kind == KIND_TAGS)
        return value_json(arena_printf(a, "[\"tag-%u\",\"tag-%u\"]", dice_roll(d, 6), dice_roll(d, 6)));
    v = value_json(
        arena_printf(a, "{\"n\":%u,\"s\":\"%0*u\"}", dice_roll(d, 100), (int)dice_roll(d, 300), 1));
    v.hint = dice_roll(d, 4) == 0 ? HINT_CHAT_MESSAGES : HINT_NONE;
    return v;
}

static struct value random_value(
    struct arena *a, struct dice *d, enum entity e, const struct column *c, const int64_t *pointers, size_t n)
{
    if (c->place == PLACE_PAYLOAD && n > 0) {
        struct value v = { .kind = V_REF, .piece = c->number, .i = pointers[0] };
        if (dice_roll(d, 4) == 0)
            v.i = pointers[dice_roll(d, (uint32_t)n)];
        if (dice_roll(d, 8) == 0)
            v.piece = (uint8_t)dice_roll(d, 30);
        if (dice_roll(d, 8) == 0)
            v.hint = HINT_TEXT;
        return v;
    }
    switch (c->type) {
    case TYPE_TEXT: return value_text(random_text(a, d));
    case TYPE_ID: return value_text(rowkit_id(a, d, 20));
    case TYPE_TIME: return value_int(random_time(d));
    case TYPE_BOOL: return value_int(dice_roll(d, 2));
    case TYPE_INT: return value_int(random_int(d));
    case TYPE_ENUM:
        return value_int(
            e == OBSERVATION && c->number == OBSERVATION_type ? dice_roll(d, 10) : dice_roll(d, 3));
    default: return random_json(a, d, c);
    }
}

static struct derived *random_derived(struct arena *a, struct dice *d)
{
    struct derived *v = arena_alloc(a, sizeof(*v));
    v->observations = dice_roll(d, 5);
    v->errors = dice_roll(d, 2);
    v->start_ns = dice_roll(d, 5) ? random_time(d) : TIME_NONE;
    v->end_ns = v->last_end_ns = dice_roll(d, 5) ? random_time(d) : TIME_NONE;
    v->first_token_ns = TIME_NONE;
    if (dice_roll(d, 2)) {
        v->name = random_text(a, d);
        v->user_id = rowkit_id(a, d, 20);
        v->session_id = rowkit_id(a, d, 20);
        v->tags = arena_printf(a, "[\"tag-%u\"]", dice_roll(d, 6));
        for (size_t i = 0; i < sizeof(v->ranks); i++)
            v->ranks[i] = (uint8_t)(2 + dice_roll(d, 2));
    }
    return v;
}

struct row *rowkit_row(
    struct arena *a, struct dice *d, enum entity e, const int64_t *pointers, size_t n_pointers)
{
    size_t n;
    const struct column *columns = model_columns(e, &n);
    struct row *r = arena_alloc(a, sizeof(*r));
    static const char *const kinds[] = { "prompt", "dataset", "tracked_event" };
    *r = (struct row){ .entity = e, .project = 1 + (int32_t)dice_roll(d, 2), .id = rowkit_id(a, d, 60) };
    if (e == OBSERVATION || e == MESSAGE)
        r->scope = rowkit_id(a, d, dice_roll(d, 2) ? 12 : 300); /* of a trace there is, or of a new one */
    if (e == RECORD)
        r->scope = str_of(kinds[dice_roll(d, 3)]);
    if (e == OBSERVATION)
        r->identity = (uint8_t)dice_roll(d, 3);
    uint32_t density = 1 + dice_roll(d, 4);
    for (size_t i = 0; i < n; i++)
        if (dice_roll(d, 4) < density)
            r->cols[columns[i].number] = random_value(a, d, e, &columns[i], pointers, n_pointers);
    if (dice_roll(d, 3))
        r->fold = arena_printf(a, "fold%c%u", 0, dice_roll(d, 1000));
    r->created_ns = INT64_C(1790000100000000000) + (int64_t)dice_roll(d, 100) * 1000;
    r->updated_ns = r->created_ns + (int64_t)dice_roll(d, 3) * 1000;
    if (e == TRACE && dice_roll(d, 5))
        r->derived = random_derived(a, d);
    return r;
}

/* ---- comparing ------------------------------------------------------------------------------------------------------ */

static const char *value_difference(const struct value *x, const struct value *y)
{
    if (x->kind != y->kind)
        return "kind";
    if (x->kind != V_NULL && x->hint != y->hint)
        return "hint";
    if ((x->kind == V_INT || x->kind == V_REF) && x->i != y->i)
        return "number";
    if (x->kind == V_REF && x->piece != y->piece)
        return "piece";
    return (x->kind == V_TEXT || x->kind == V_JSON) && !str_eq(x->s, y->s) ? "text" : NULL;
}

static const char *derived_difference(const struct derived *x, const struct derived *y)
{
    if (!x != !y)
        return "derived: one has none";
    if (!x)
        return NULL;
    if (x->observations != y->observations || x->errors != y->errors || x->start_ns != y->start_ns ||
        x->end_ns != y->end_ns)
        return "derived numbers";
    return str_eq(x->name, y->name) && str_eq(x->user_id, y->user_id) && str_eq(x->tags, y->tags)
               ? NULL
               : "derived texts";
}

const char *rowkit_difference(const struct row *x, const struct row *y)
{
    static _Thread_local char said[160];
    if (!x || !y)
        return x == y ? NULL : "one of the rows is missing";
    if (x->entity != y->entity || x->project != y->project || !str_eq(x->scope, y->scope) ||
        !str_eq(x->id, y->id))
        return "key";
    if (x->created_ns != y->created_ns || x->updated_ns != y->updated_ns)
        return "receipts";
    if (x->identity != y->identity || !str_eq(x->fold, y->fold))
        return "identity or fold";
    for (unsigned c = 0; c < COLUMNS_MAX; c++) {
        const char *what = value_difference(&x->cols[c], &y->cols[c]);
        if (what) {
            snprintf(said, sizeof(said), "%s of %s column %u", what, entity_name(x->entity), c);
            return said;
        }
    }
    return derived_difference(x->derived, y->derived);
}

bool rowkit_gather(void *ctx, struct row *r)
{
    struct rowkit_rows *rows = ctx;
    rows->items = arena_grow(rows->a, rows->items, &rows->cap, rows->n + 1, sizeof(*rows->items));
    rows->items[rows->n++] = *r;
    return true;
}
