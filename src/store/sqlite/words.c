/*
 * The dictionary: short texts that repeat (names, models, environments) as numbers. Each connection keeps a small table of what it saw
 * last, by place: a text and its number sit in the slot of their hash, and in the slot of the number; what comes next replaces them.
 * A word is never changed or dropped, so what a connection saw stays true; only the writer, after a rollback, forgets.
 */
#include "store/sqlite/sqlite_priv.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define SLOTS      1024
#define FULL_SLOTS 64

struct word {
    int64_t number; /* 0: empty */
    int32_t project;
    uint32_t n;
    char *text;
};

struct word_cache {
    struct word by_text[SLOTS];   /* project and text -> number */
    struct word by_number[SLOTS]; /* number -> text */
    struct {
        int32_t project;
        int64_t words;
    } counts[FULL_SLOTS]; /* writer: how many words a project has */
};

static void clear(struct word *w)
{
    mem_free(w->text);
    *w = (struct word){ 0 };
}

static void set(struct word *w, int64_t number, int32_t project, struct str text)
{
    char *copy = mem_alloc(text.n + 1);
    if (text.n)
        memcpy(copy, text.p, text.n);
    mem_free(w->text);
    *w = (struct word){ number, project, (uint32_t)text.n, copy };
}

static struct word_cache *cache(struct conn *c)
{
    if (!c->words)
        c->words = mem_alloc(sizeof(*c->words));
    return c->words;
}

void words__forget(struct conn *c)
{
    if (!c->words)
        return;
    for (int i = 0; i < SLOTS; i++) {
        clear(&c->words->by_text[i]);
        clear(&c->words->by_number[i]);
    }
    memset(c->words->counts, 0, sizeof(c->words->counts));
}

void words__free(struct conn *c)
{
    words__forget(c);
    mem_free(c->words);
    c->words = NULL;
}

static struct word *text_slot(struct conn *c, int32_t project, struct str text)
{
    return &cache(c)->by_text[(hash64(text) + (uint64_t)(uint32_t)project * UINT64_C(0x9E3779B97F4A7C15)) %
                              SLOTS];
}

static bool holds(const struct word *w, int32_t project, struct str text)
{
    return w->number && w->project == project && str_eq((struct str){ w->text, w->n }, text);
}

static enum status find_stored(
    struct conn *c, int32_t project, struct str text, int64_t *number, struct err *err)
{
    sqlite3_stmt *s;
    bool row;
    enum status st = conn__take(c, STMT_WORD_FIND, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, project);
    sqlite3_bind_text64(s, 2, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
    st = conn__step(c, s, &row, err);
    *number = st == ST_OK && row ? sqlite3_column_int64(s, 0) : 0;
    conn__give(c, STMT_WORD_FIND, s);
    return st;
}

/* A project that makes up names without end would turn the dictionary into an index of random keys. */
static enum status has_room(struct conn *c, int32_t project, bool *room, struct err *err)
{
    size_t at = (uint32_t)project % FULL_SLOTS;
    if (cache(c)->counts[at].project != project) {
        sqlite3_stmt *s;
        bool row;
        enum status st = conn__take(c, STMT_WORD_COUNT, &s, err);
        if (st != ST_OK)
            return st;
        sqlite3_bind_int64(s, 1, project);
        st = conn__step(c, s, &row, err);
        int64_t n = st == ST_OK && row ? sqlite3_column_int64(s, 0) : 0;
        conn__give(c, STMT_WORD_COUNT, s);
        if (st != ST_OK)
            return st;
        cache(c)->counts[at].project = project;
        cache(c)->counts[at].words = n;
    }
    *room = cache(c)->counts[at].words < WORDS_LIMIT;
    return ST_OK;
}

static enum status add_word(
    struct conn *c, int32_t project, struct str text, int64_t *number, struct err *err)
{
    sqlite3_stmt *s;
    bool room;
    enum status st = has_room(c, project, &room, err);
    if (st != ST_OK || !room)
        return st;
    if ((st = conn__take(c, STMT_WORD_ADD, &s, err)) != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, project);
    sqlite3_bind_text64(s, 2, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
    if ((st = conn__run(c, STMT_WORD_ADD, s, err)) != ST_OK)
        return st;
    *number = sqlite3_last_insert_rowid(c->db);
    cache(c)->counts[(uint32_t)project % FULL_SLOTS].words++;
    return ST_OK;
}

enum status words__number(
    struct conn *c, int32_t project, struct str text, bool add, int64_t *number, struct err *err)
{
    *number = 0;
    if (text.n == 0 || text.n > WORD_MAX || memchr(text.p, 0, text.n))
        return ST_OK;
    struct word *w = text_slot(c, project, text);
    if (holds(w, project, text)) {
        *number = w->number;
        return ST_OK;
    }
    enum status st = find_stored(c, project, text, number, err);
    if (st == ST_OK && *number == 0 && add)
        st = add_word(c, project, text, number, err);
    if (st == ST_OK && *number)
        set(w, *number, project, text);
    return st;
}

enum status words__text(struct conn *c, struct arena *a, int64_t number, struct str *text, struct err *err)
{
    struct word *w = &cache(c)->by_number[(uint64_t)number % SLOTS];
    if (w->number == number) {
        *text = arena_dup(a, (struct str){ w->text, w->n });
        return ST_OK;
    }
    sqlite3_stmt *s;
    bool row;
    enum status st = conn__take(c, STMT_WORD_TEXT, &s, err);
    if (st != ST_OK)
        return st;
    sqlite3_bind_int64(s, 1, number);
    st = conn__step(c, s, &row, err);
    if (st == ST_OK && !row)
        st = err_set(
            err, ST_CORRUPT, "a row names word %lld, which the dictionary does not have", (long long)number);
    if (st == ST_OK) {
        struct str found = { (const char *)sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0) };
        set(w, number, 0, found);
        *text = arena_dup(a, found);
    }
    conn__give(c, STMT_WORD_TEXT, s);
    return st;
}
