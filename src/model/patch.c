/*
 * patch: what maps and tags show. A map is built as a tree whose nodes are opened only where a patch reaches into them:
 *
 *   node = leaf (a JSON value as parsed) | object (members in order of first appearance) | array (items)
 *
 * so folding costs what the patches touch, and an untouched subtree is copied as text. Objects of more than a few members get a hash
 * index: a patch of n keys onto a map of m costs n + m, whoever chose the keys.
 */
#include "model/merge.h"

#include <string.h>

#include "base/hash.h"
#include "model/model_priv.h"

enum node_kind { NODE_LEAF, NODE_OBJECT, NODE_ARRAY };

struct node {
    enum node_kind kind;
    struct json leaf;
    struct str *keys; /* objects */
    struct node *items;
    size_t n, cap;
    uint32_t *index; /* 1 + place of a key; NULL while there are few */
    size_t index_mask;
};

#define INDEX_FROM 16

struct fold {
    struct arena *a;
};

/* ---- objects -------------------------------------------------------------------------------------------------------- */

static size_t index_slot(const struct node *o, struct str key)
{
    size_t at = (size_t)hash64(key) & o->index_mask;
    while (o->index[at] && !str_eq(o->keys[o->index[at] - 1], key))
        at = (at + 1) & o->index_mask;
    return at;
}

static void index_build(struct fold *f, struct node *o)
{
    size_t size = 64;
    while (size < o->cap * 2)
        size *= 2;
    o->index = arena_array(f->a, size, sizeof *o->index);
    o->index_mask = size - 1;
    for (size_t i = 0; i < o->n; i++)
        o->index[index_slot(o, o->keys[i])] = (uint32_t)i + 1;
}

static struct node *find_member(const struct node *o, struct str key)
{
    if (o->index) {
        uint32_t at = o->index[index_slot(o, key)];
        return at ? &o->items[at - 1] : NULL;
    }
    for (size_t i = 0; i < o->n; i++)
        if (str_eq(o->keys[i], key))
            return &o->items[i];
    return NULL;
}

static void grow(struct fold *f, struct node *o)
{
    size_t cap = o->cap ? o->cap * 2 : 8;
    struct node *items = arena_array(f->a, cap, sizeof *items);
    if (o->n)
        memcpy(items, o->items, o->n * sizeof *items);
    if (o->kind == NODE_OBJECT) {
        struct str *keys = arena_array(f->a, cap, sizeof *keys);
        if (o->n)
            memcpy(keys, o->keys, o->n * sizeof *keys);
        o->keys = keys;
    }
    o->items = items;
    o->cap = cap;
    if (o->kind == NODE_OBJECT && o->n >= INDEX_FROM)
        index_build(f, o);
}

static struct node *add_item(struct fold *f, struct node *o)
{
    if (o->n == o->cap)
        grow(f, o);
    return &o->items[o->n++];
}

/* The member of that key, made as an absent leaf when there is none. */
static struct node *member(struct fold *f, struct node *o, struct str key)
{
    struct node *m = find_member(o, key);
    if (m)
        return m;
    m = add_item(f, o);
    o->keys[o->n - 1] = key;
    if (o->index)
        o->index[index_slot(o, key)] = (uint32_t)o->n;
    *m = (struct node){ .kind = NODE_LEAF, .leaf = JSON_NONE };
    return m;
}

/* Turn a leaf that is a container into a node that can be changed. */
static void open_node(struct fold *f, struct node *n)
{
    if (n->kind != NODE_LEAF)
        return;
    struct json_iter it = json_iter(n->leaf);
    struct json value;
    struct str key;
    bool object = json_is_obj(n->leaf);
    *n = (struct node){ .kind = object ? NODE_OBJECT : NODE_ARRAY };
    while (json_next(&it, &key, &value)) {
        struct node *item = object ? member(f, n, key) : add_item(f, n);
        *item = (struct node){ .kind = NODE_LEAF, .leaf = value };
    }
}

/* ---- patches -------------------------------------------------------------------------------------------------------- */

static enum json_type type_of(const struct node *n)
{
    if (n->kind == NODE_LEAF)
        return json_type(n->leaf);
    return n->kind == NODE_OBJECT ? JSON_OBJ : JSON_ARR;
}

static bool is_container(enum json_type t)
{
    return t == JSON_OBJ || t == JSON_ARR;
}

static bool is_empty_node(const struct node *n)
{
    return n->kind == NODE_LEAF ? json_size(n->leaf) == 0 : n->n == 0;
}

static void replace_node(struct node *n, struct json value)
{
    *n = (struct node){ .kind = NODE_LEAF, .leaf = value };
}

static void apply_deep(struct fold *f, struct node *n, struct json patch);

static void apply_members(struct fold *f, struct node *n, struct json patch)
{
    struct json_iter it = json_iter(patch);
    struct json value;
    struct str key;
    size_t i = 0;
    open_node(f, n);
    while (json_next(&it, &key, &value)) {
        struct node *item;
        if (n->kind == NODE_OBJECT)
            item = member(f, n, key);
        else
            item = i < n->n ? &n->items[i] : add_item(f, n);
        i++;
        apply_deep(f, item, value);
    }
}

/* Depth is that of the patch, which the parser has bounded. */
static void apply_deep(struct fold *f, struct node *n, struct json patch)
{
    enum json_type old = type_of(n), new = json_type(patch);
    bool empty = is_container(new) && json_size(patch) == 0;
    if (empty && old != JSON_ABSENT && !(is_container(old) && is_empty_node(n)))
        return; /* an empty container clears nothing */
    if (!empty && is_container(new) && old == new)
        apply_members(f, n, patch);
    else
        replace_node(n, patch);
}

static void apply_shallow(struct fold *f, struct node *root, struct json patch)
{
    struct json_iter it = json_iter(patch);
    struct json value;
    struct str key;
    open_node(f, root);
    while (json_next(&it, &key, &value))
        replace_node(member(f, root, key), value);
}

static enum status apply(struct fold *f, struct node *root, const struct patch *p, struct err *err)
{
    struct json json;
    if (!p->json.p) { /* a null: the map starts anew, or nothing */
        if (p->mode == MODE_REPLACE)
            *root = (struct node){ .kind = NODE_OBJECT };
        return ST_OK;
    }
    enum status st = json_parse(f->a, p->json, 0, &json, err);
    if (st != ST_OK)
        return st;
    if (p->mode == MODE_REPLACE || !json_is_obj(json))
        replace_node(root, json);
    else if (type_of(root) != JSON_OBJ)
        replace_node(root, json);
    else if (p->mode == MODE_DEEP)
        apply_members(f, root, json);
    else
        apply_shallow(f, root, json);
    return ST_OK;
}

static void write_node(struct jw *w, const struct node *n)
{
    if (n->kind == NODE_LEAF) {
        jw_value(w, n->leaf);
        return;
    }
    bool object = n->kind == NODE_OBJECT;
    object ? jw_obj(w) : jw_arr(w);
    for (size_t i = 0; i < n->n; i++) {
        if (object)
            jw_key_str(w, n->keys[i]);
        write_node(w, &n->items[i]);
    }
    object ? jw_obj_end(w) : jw_arr_end(w);
}

enum status patch_fold(
    struct arena *a, const struct patch *patches, size_t n, struct str *out, struct err *err)
{
    struct fold f = { .a = a };
    struct node root = { .kind = NODE_OBJECT };
    for (size_t i = 0; i < n; i++) {
        enum status st = apply(&f, &root, &patches[i], err);
        if (st != ST_OK)
            return st;
    }
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    write_node(&w, &root);
    *out = arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return ST_OK;
}

/* ---- tags ----------------------------------------------------------------------------------------------------------- */

/* A set of texts in order, as the members of a node. */
static void add_tags(struct fold *f, struct node *set, struct json tags)
{
    struct json_iter it = json_iter(tags);
    struct json tag;
    while (json_next(&it, NULL, &tag))
        if (json_str(tag).p)
            member(f, set, json_str(tag));
}

static struct str write_tags(struct arena *a, const struct node *set)
{
    struct buf b;
    buf_init(&b, 0);
    struct jw w = jw_of(&b);
    jw_arr(&w);
    for (size_t i = 0; i < set->n; i++)
        jw_str(&w, set->keys[i]);
    jw_arr_end(&w);
    struct str out = arena_dup(a, buf_str(&b));
    buf_fini(&b);
    return out;
}

struct str model__tags_union(struct arena *a, struct json x, struct json y)
{
    struct fold f = { .a = a };
    struct node set = { .kind = NODE_OBJECT };
    add_tags(&f, &set, x);
    add_tags(&f, &set, y);
    return write_tags(a, &set);
}

/* The list, then the tags that a union newer than the list names, each at the place of its first statement. */
enum status model__fold_tags(
    struct arena *a, const struct patch *patches, size_t n, struct str *out, struct err *err)
{
    struct fold f = { .a = a };
    struct node set = { .kind = NODE_OBJECT }, newer = { .kind = NODE_OBJECT };
    struct json *parsed = arena_array(a, n, sizeof *parsed);
    size_t list = n;
    for (size_t i = 0; i < n; i++) {
        if (patches[i].mode == MODE_REPLACE)
            list = i;
        enum status st = patches[i].json.p ? json_parse(a, patches[i].json, 0, &parsed[i], err) : ST_OK;
        if (st != ST_OK)
            return st;
    }
    if (list < n)
        add_tags(&f, &set, parsed[list]);
    for (size_t i = list < n ? list + 1 : 0; i < n; i++)
        add_tags(&f, &newer, parsed[i]);
    for (size_t i = 0; i < n; i++) {
        struct json_iter it = json_iter(parsed[i]);
        struct json tag;
        while (patches[i].mode != MODE_REPLACE && json_next(&it, NULL, &tag))
            if (json_str(tag).p && find_member(&newer, json_str(tag)))
                member(&f, &set, json_str(tag));
    }
    *out = write_tags(a, &set);
    return ST_OK;
}

/* ---- showing -------------------------------------------------------------------------------------------------------- */

static enum status show_patches(struct arena *a, const struct cell *cells, size_t n, enum column_kind kind,
    const struct payload_loader *load, struct value *out, struct err *err)
{
    struct patch *patches = arena_array(a, n, sizeof *patches);
    bool any = false; /* since the column began anew with a null, if it did */
    for (size_t i = 0; i < n; i++) {
        patches[i].mode = cells[i].mode;
        enum status st = model__text(a, &cells[i].value, load, &patches[i].json, err);
        if (st != ST_OK)
            return st;
        any = patches[i].json.p || (any && patches[i].mode != MODE_REPLACE);
    }
    *out = (struct value){ .kind = V_NULL };
    if (!any)
        return ST_OK;
    struct str text = patches[0].json;
    enum status st = ST_OK;
    if (kind == KIND_TAGS)
        st = model__fold_tags(a, patches, n, &text, err);
    else if (n > 1)
        st = patch_fold(a, patches, n, &text, err);
    if (st == ST_OK)
        *out = value_json(text);
    return st;
}

/* Main if it is not null, else the hint. */
static const struct cell *shown_cell(const struct cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cells[i].value.kind != V_NULL)
            return &cells[i];
    return NULL;
}

struct value model__shown(const struct column *col, const struct cell *cells, size_t n)
{
    if (n && kind_has_patches(col->kind))
        return cells[n - 1].value;
    const struct cell *c = shown_cell(cells, n);
    return c ? c->value : (struct value){ .kind = V_NULL };
}

enum status state_show(struct arena *a, const struct state *s, unsigned column,
    const struct payload_loader *load, struct value *out, struct err *err)
{
    size_t columns_n, n;
    const struct column *columns = model_columns(s->entity, &columns_n);
    const struct cell *cells = model__cells(s, column, &n);
    if (n && kind_has_patches(columns[column].kind))
        return show_patches(a, cells, n, columns[column].kind, load, out, err);
    const struct cell *c = shown_cell(cells, n);
    *out = c ? c->value : (struct value){ .kind = V_NULL };
    if (out->kind != V_REF)
        return ST_OK;
    struct str text;
    enum status st = model__text(a, out, load, &text, err);
    if (st == ST_OK)
        *out = (struct value){ .kind = V_JSON, .hint = out->hint, .s = text };
    return st;
}

enum rank state_rank(const struct state *s, unsigned column)
{
    size_t n;
    const struct cell *cells = model__cells(s, column, &n);
    const struct cell *c = shown_cell(cells, n);
    return c ? (enum rank)c->rank : RANK_GUESS;
}
