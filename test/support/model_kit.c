/*
 * model_kit: the randomness is a plain xorshift, so a failing seed can be run again.
 */
#include "support/model_kit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/model_priv.h"

void kit_init(struct kit *k, uint64_t seed)
{
    *k = (struct kit){ .a = arena_new(), .seed = seed * UINT64_C(0x9E3779B97F4A7C15) | 1, .n_records = 1 };
}

void kit_fini(struct kit *k)
{
    arena_free(k->a);
}

uint64_t kit_random(struct kit *k)
{
    k->seed ^= k->seed << 13;
    k->seed ^= k->seed >> 7;
    k->seed ^= k->seed << 17;
    return k->seed * UINT64_C(0x2545F4914F6CDD1D) >> 11;
}

unsigned kit_below(struct kit *k, unsigned n)
{
    return (unsigned)(kit_random(k) % n);
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

struct event *kit_event(struct kit *k, enum profile p, int64_t t_ns)
{
    struct batch *b = arena_alloc(k->a, sizeof *b);
    batch_init(b, k->a);
    const struct profile_info *info = model_profile(p);
    bool scoped = info->entity == OBSERVATION && p >= PROFILE_LANGWATCH_SPAN;
    return event_new(b, p, 1, scoped ? STR("t") : STR_NONE, STR("id"), t_ns);
}

void kit_seal(struct kit *k, struct event *e)
{
    struct batch b = { .arena = k->a, .events = e, .n_events = 1 };
    batch_seal(&b);
}

static struct str number_text(struct kit *k)
{
    return arena_printf(k->a, "%u", kit_below(k, 4));
}

static struct str random_json(struct kit *k, int depth)
{
    struct str x, y;
    switch (kit_below(k, depth > 0 ? 7 : 4)) {
    case 0: return STR("null");
    case 1: return STR("\"s\"");
    case 2: return kit_below(k, 4) ? STR("true") : STR("[]");
    case 3: return number_text(k);
    case 4: return kit_below(k, 3) ? STR("{}") : STR("[]");
    case 5:
        x = random_json(k, depth - 1);
        y = random_json(k, depth - 1);
        return arena_printf(k->a, "[%.*s,%.*s]", STR_ARG(x), STR_ARG(y));
    default: return kit_random_object(k, depth - 1);
    }
}

struct str kit_random_object(struct kit *k, int depth)
{
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    unsigned present = 1 + kit_below(k, 7);
    jw_obj(&w);
    for (unsigned i = 0; i < 3; i++)
        if (present >> i & 1) {
            const char key[2] = { (char)('a' + i), 0 };
            jw_kv_raw(&w, key, random_json(k, depth));
        }
    jw_obj_end(&w);
    struct str out = arena_dup(k->a, buf_str(&b));
    buf_fini(&b);
    return out;
}

static struct str random_tags(struct kit *k)
{
    static const char *const tags[] = { "[\"a\"]", "[\"b\",\"a\"]", "[\"c\"]", "[\"d\",\"b\"]",
        "[\"a\",\"c\",\"e\"]", "[]" };
    return str_of(tags[kit_below(k, 6)]);
}

static struct value random_value(struct kit *k, const struct column *c)
{
    static const char *const words[] = { "", "x", "y", "word", "word that is longer than a tag" };
    if (c->kind == KIND_OR)
        return value_int(1);
    switch (c->type) {
    case TYPE_TEXT:
    case TYPE_ID: return value_text(str_of(words[kit_below(k, 5)]));
    case TYPE_JSON: break;
    case TYPE_ENUM: return value_int(kit_below(k, 4));
    default: return value_int((int64_t)kit_below(k, 5) * NS_PER_MS);
    }
    struct value v = value_json(c->kind == KIND_TAGS  ? random_tags(k)
                                : c->kind == KIND_MAP ? kit_random_object(k, 2)
                                                      : random_json(k, 1));
    if (c->kind == KIND_REG && c->place == PLACE_PAYLOAD)
        v.hint = (uint8_t)kit_below(k, 8);
    return v;
}

static void random_cell(struct kit *k, struct event *e, const struct column *c)
{
    static const enum patch_mode map_modes[] = { MODE_DEEP, MODE_DEEP, MODE_SHALLOW, MODE_REPLACE };
    enum patch_mode mode = MODE_REPLACE;
    if (c->kind == KIND_MAP)
        mode = map_modes[kit_below(k, 4)];
    else if (c->kind == KIND_TAGS)
        mode = kit_below(k, 3) ? MODE_UNION : MODE_REPLACE;
    switch (kit_below(k, 8)) {
    case 0: event_set_null(e, c->number); break;
    case 1:
        event_set_as(e, c->number, random_value(k, c), RANK_HINT, kit_below(k, 2) ? FIRST : LATEST, mode);
        break;
    case 2:
        event_set_as(e, c->number, random_value(k, c), RANK_BASE + kit_below(k, 2),
            kit_below(k, 2) ? FIRST : LATEST, mode);
        break;
    default: event_set(e, c->number, random_value(k, c));
    }
}

struct event *kit_random_event(struct kit *k, const enum profile *profiles, size_t n_profiles)
{
    size_t n;
    struct event *e =
        kit_event(k, profiles[kit_below(k, (unsigned)n_profiles)], (int64_t)kit_below(k, 6) * NS_PER_S);
    const struct column *columns = model_columns(e->entity, &n);
    for (size_t c = 0; c < n; c++)
        if (kit_below(k, 3) == 0)
            random_cell(k, e, &columns[c]);
    kit_seal(k, e);
    return e;
}

/* ---- payload -------------------------------------------------------------------------------------------------------- */

void kit_store_payload(struct kit *k, struct state *s)
{
    for (size_t w = 0; w < s->n_writers; w++) {
        int64_t record = 0;
        for (size_t i = 0; i < s->n_cells; i++) {
            const struct cell *c = &s->cells[i];
            if (c->writer != w || !state_writes(s, c))
                continue;
            if (!record) {
                assert(s->writers[w].record == 0);
                k->records =
                    arena_grow(k->a, k->records, &k->cap_records, k->n_records + 1, sizeof *k->records);
                memset(k->records[k->n_records], 0, sizeof *k->records);
                record = (int64_t)k->n_records++;
            }
            k->records[record][c->column] = c->value.s;
        }
        if (record)
            s->writers[w].record = record;
    }
}

static enum status load_piece(
    void *ctx, struct arena *a, int64_t record, unsigned piece, struct str *json, struct err *err)
{
    struct kit *k = ctx;
    if (record <= 0 || (size_t)record >= k->n_records || !k->records[record][piece].p)
        return err_set(err, ST_CORRUPT, "no piece %u in record %lld", piece, (long long)record);
    *json = arena_dup(a, k->records[record][piece]);
    return ST_OK;
}

struct payload_loader kit_loader(struct kit *k)
{
    return (struct payload_loader){ load_piece, k };
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

struct state *kit_state(struct kit *k, enum entity entity, const struct kit_row *row)
{
    struct state *s;
    struct err err = { 0 };
    enum status st = state_decode(k->a, entity, row->cols, row->fold, &s, &err);
    if (st != ST_OK) {
        fprintf(stderr, "decode: %s\n", err.text);
        abort();
    }
    return s;
}

bool kit_apply(struct kit *k, enum entity entity, struct kit_row *row, const struct event *e, int64_t recv_ns)
{
    struct payload_loader load = kit_loader(k);
    struct state *old = row->there ? kit_state(k, entity, row) : NULL, *out;
    struct err err = { 0 };
    bool changed;
    if (state_knows(old, e))
        return false;
    if (state_join(k->a, old, state_lift(k->a, old, e, recv_ns), &load, &out, &changed, &err) != ST_OK) {
        fprintf(stderr, "join: %s\n", err.text);
        abort();
    }
    if (!changed)
        return false;
    kit_store_payload(k, out);
    state_encode(k->a, out, row->cols, &row->fold);
    row->there = true;
    return true;
}

/* ---- showing -------------------------------------------------------------------------------------------------------- */

static void show_value(struct kit *k, struct buf *b, const struct value *v)
{
    struct json json;
    if (v->kind == V_INT) {
        buf_printf(b, "%lld", (long long)v->i);
    } else if (v->kind == V_TEXT) {
        buf_printf(b, "'%.*s'", STR_ARG(v->s));
    } else if (v->kind == V_JSON) {
        if (json_parse(k->a, v->s, 0, &json, NULL) != ST_OK) {
            fprintf(stderr, "not JSON: %.*s\n", STR_ARG(v->s));
            abort();
        }
        buf_add_str(b, json_canonical(k->a, json));
        if (v->hint)
            buf_printf(b, " hint %d", v->hint);
    } else {
        buf_add_cstr(b, v->kind == V_REF ? "ref" : "null");
    }
}

static void show_keys(struct buf *b, const struct state *s, unsigned column)
{
    size_t n;
    const struct cell *cells = model__cells(s, column, &n);
    for (size_t i = 0; i < n; i++) {
        const struct writer *w = &s->writers[cells[i].writer];
        buf_printf(b, " [%d%c%d %d %d.%lld.%d.%lld.%d.%08x%s]", cells[i].rank, "LF"[cells[i].direction],
            cells[i].grade, cells[i].mode, w->profile, (long long)w->t_ns, w->minor, (long long)w->recv_ns,
            w->tie, w->digest, cells[i].value.kind == V_NULL ? " null" : "");
    }
}

struct str kit_show(struct kit *k, const struct state *s, bool keys)
{
    size_t n;
    const struct column *columns = model_columns(s->entity, &n);
    struct payload_loader load = kit_loader(k);
    struct buf b;
    buf_init(&b, 0);
    for (unsigned c = 0; c < n; c++) {
        struct value v;
        struct err err = { 0 };
        if (state_show(k->a, s, c, &load, &v, &err) != ST_OK) {
            fprintf(stderr, "show: %s\n", err.text);
            abort();
        }
        if (v.kind == V_NULL && !keys)
            continue;
        buf_printf(&b, "%s=", columns[c].field);
        show_value(k, &b, &v);
        if (keys)
            show_keys(&b, s, c);
        buf_add_char(&b, '\n');
    }
    struct str out = arena_dup(k->a, buf_str(&b));
    buf_fini(&b);
    return out;
}
