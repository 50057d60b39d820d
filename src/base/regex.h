/*
 * regex: searching with regular expressions that users write. PCRE2, with limits, so that no pattern holds a thread for long.
 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include "base/status.h"
#include "base/str.h"

#define REGEX_PATTERN_MAX 4096    /* bytes */
#define REGEX_MATCH_LIMIT 1000000 /* steps of one search */
#define REGEX_FOUND_MAX   100000  /* matches counted */

enum { REGEX_LITERAL = 1, REGEX_CASELESS = 2, REGEX_MULTILINE = 4 };

/* How often the pattern is found in the text. ST_INVALID: the pattern is none, or took too many steps; err says where. */
MUST_CHECK enum status regex_count(
    struct str pattern, unsigned flags, struct str text, int64_t *n, struct err *err);

#endif
