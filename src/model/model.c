/*
 * model: the tables of the canonical model as C arrays, and their names. The .def files are the source; the rules of a profile are
 * resolved once, because RULE names a column by its field and only PROFILE knows the entity.
 */
#include "model/model.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_priv.h"

/* ---- columns -------------------------------------------------------------------------------------------------------- */

struct column_row {
    enum entity entity;
    struct column column;
};

static const struct column_row column_rows[] = {
#define COLUMN(entity, field, number, type, kind, place, text) \
    { entity, { #field, number, TYPE_##type, KIND_##kind, PLACE_##place, text } },
#include "model/columns.def"
#undef COLUMN
};

/* Where each entity's rows begin and how many they are; columns_of holds them without the entity. */
static struct column columns_of[ENTITY_COUNT][COLUMNS_MAX];
static size_t columns_n[ENTITY_COUNT];

static struct profile_info profile_infos[PROFILES_MAX];

struct profile_row {
    const char *name;
    unsigned number;
    enum entity entity;
    unsigned minor;
    bool server;
};

struct rule_row {
    unsigned profile;
    const char *column; /* "*": all */
    struct rule rule;
    bool nulls;
};

struct grade_row {
    unsigned profile;
    int grade;
};

#define ORDER_CLIENT false
#define ORDER_SERVER true
#define ABSENT_KEEP  false
#define ABSENT_NULLS true

static const struct profile_row profile_rows[] = {
#define PROFILE(name, number, entity, minor, order) { #name, number, entity, minor, ORDER_##order },
#define RULE(profile, column, rank, direction, mode, absent)
#define GRADE(profile, grade)
#include "model/profiles.def"
#undef PROFILE
#undef RULE
#undef GRADE
};

static const struct rule_row rule_rows[] = {
#define PROFILE(name, number, entity, minor, order)
#define RULE(profile, column, rank, direction, mode, absent) \
    { PROFILE_##profile, #column, { rank, direction, MODE_##mode }, ABSENT_##absent },
#define GRADE(profile, grade)
#include "model/profiles.def"
#undef PROFILE
#undef RULE
#undef GRADE
};

static const struct grade_row grade_rows[] = {
#define PROFILE(name, number, entity, minor, order)
#define RULE(profile, column, rank, direction, mode, absent)
#define GRADE(profile, grade) { PROFILE_##profile, grade },
#include "model/profiles.def"
#undef PROFILE
#undef RULE
#undef GRADE
};

static void fill_columns(void)
{
    for (size_t i = 0; i < sizeof column_rows / sizeof *column_rows; i++) {
        const struct column_row *r = &column_rows[i];
        assert(r->column.number == columns_n[r->entity] && r->column.number < COLUMNS_MAX);
        columns_of[r->entity][columns_n[r->entity]++] = r->column;
    }
}

static int find_column(enum entity e, const char *field)
{
    for (size_t i = 0; i < columns_n[e]; i++)
        if (strcmp(columns_of[e][i].field, field) == 0)
            return (int)i;
    return -1;
}

static void fill_profile(const struct profile_row *r)
{
    struct profile_info *p = &profile_infos[r->number];
    assert(r->number > 0 && r->number < PROFILES_MAX && p->name == NULL);
    *p = (struct profile_info){
        .name = r->name, .entity = r->entity, .minor = (uint8_t)r->minor, .server = r->server, .grade = -1
    };
    for (size_t c = 0; c < COLUMNS_MAX; c++)
        p->rules[c] = (struct rule){ RANK_SAID, LATEST, MODE_REPLACE };
}

static void fill_rule(const struct rule_row *r)
{
    struct profile_info *p = &profile_infos[r->profile];
    bool all = strcmp(r->column, "*") == 0;
    int one = all ? -1 : find_column(p->entity, r->column);
    assert(all || one >= 0);
    for (size_t c = 0; c < columns_n[p->entity]; c++) {
        if (!all && (int)c != one)
            continue;
        p->rules[c] = r->rule;
        p->nulls |= (uint32_t)r->nulls << c;
    }
}

static void fill_tables(void)
{
    fill_columns();
    for (size_t i = 0; i < sizeof profile_rows / sizeof *profile_rows; i++)
        fill_profile(&profile_rows[i]);
    for (size_t i = 0; i < sizeof rule_rows / sizeof *rule_rows; i++)
        fill_rule(&rule_rows[i]);
    for (size_t i = 0; i < sizeof grade_rows / sizeof *grade_rows; i++)
        profile_infos[grade_rows[i].profile].grade = (int8_t)grade_rows[i].grade;
}

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

const struct column *model_columns(enum entity e, size_t *n)
{
    assert(e < ENTITY_COUNT);
    pthread_once(&tables_once, fill_tables);
    *n = columns_n[e];
    return columns_of[e];
}

int model_column_find(enum entity e, struct str field)
{
    size_t n;
    const struct column *c = model_columns(e, &n);
    for (size_t i = 0; i < n; i++)
        if (str_is(field, c[i].field))
            return (int)i;
    return -1;
}

const struct profile_info *model_profile(unsigned number)
{
    pthread_once(&tables_once, fill_tables);
    return number < PROFILES_MAX && profile_infos[number].name ? &profile_infos[number] : NULL;
}

enum family profile_family(enum profile p)
{
    static const enum family families[] = { FAMILY_LANGFUSE, FAMILY_AGENTTRACE, FAMILY_LLMONITOR,
        FAMILY_LANGWATCH, FAMILY_OTLP, FAMILY_EDIT, FAMILY_LLMONITOR };
    unsigned tens = (unsigned)p / 10;
    assert(tens < sizeof families / sizeof *families);
    return families[tens];
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

const char *entity_name(enum entity e)
{
    static const char *const names[] = { "trace", "observation", "score", "session", "user", "message",
        "record" };
    assert(e < ENTITY_COUNT);
    return names[e];
}

struct type_row {
    const char *name;
    uint8_t grade;
};

static const struct type_row types[OBS_TYPE_COUNT] = {
#define TYPE(name, number, grade) [number] = { #name, grade },
#include "model/types.def"
#undef TYPE
};

const char *observation_type_name(enum observation_type t)
{
    return (unsigned)t < OBS_TYPE_COUNT ? types[t].name : types[OBS_SPAN].name;
}

int observation_type_find(struct str name)
{
    for (int i = 0; i < OBS_TYPE_COUNT; i++)
        if (str_is(name, types[i].name))
            return i;
    return -1;
}

uint8_t model_grade(const struct profile_info *p, unsigned column, const struct value *v)
{
    if (p->entity != OBSERVATION || column != OBSERVATION_type || v->kind != V_INT)
        return 0;
    if (p->grade >= 0)
        return (uint8_t)p->grade;
    return v->i >= 0 && v->i < OBS_TYPE_COUNT ? types[v->i].grade : 0;
}

static const char *const levels[] = { "DEBUG", "DEFAULT", "WARNING", "ERROR" };

const char *level_name(enum level l)
{
    return (unsigned)l < sizeof levels / sizeof *levels ? levels[l] : levels[LEVEL_DEFAULT];
}

int level_find(struct str name)
{
    for (int i = 0; i < (int)(sizeof levels / sizeof *levels); i++)
        if (str_is(name, levels[i]))
            return i;
    return -1;
}

const char *score_source_name(enum score_source s)
{
    static const char *const names[] = { "API", "EVAL", "ANNOTATION" };
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : names[SOURCE_API];
}
