/* json_priv: what json.c (reading) and json_write.c (writing) share. The only header that shows yyjson. */
#ifndef BASE_JSON_PRIV_H
#define BASE_JSON_PRIV_H

#include <yyjson.h>

#include "base/json.h"

static inline yyjson_val *json__val(struct json v)
{
    return v.v;
}

/* A string's, key's or number's bytes, in the arena. */
static inline struct str json__bytes(yyjson_val *v)
{
    return (struct str){ v->uni.str, unsafe_yyjson_get_len(v) };
}

/* The keys of an object by their bytes, each once, the last of equal ones: what JavaScript would see. The caller frees the array
 * with mem_free. */
yyjson_val **json__sorted_keys(yyjson_val *obj, size_t *n);

#endif
