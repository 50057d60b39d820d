/*
 * price: what models cost. Rows of prices.def (USD per million tokens), matched as langwatch.md 4.5 and llmonitor.md 8 say.
 */
#ifndef MODEL_PRICE_H
#define MODEL_PRICE_H

#include "base/str.h"

/* pico-USD (1e-12) per token, since some models cost less than a nano-USD; a negative rate is unknown and falls back to input. */
struct price {
    const char *model;
    int64_t input, output, cached, cache_creation;
};
struct price_table {
    const struct price *rows;
    size_t n;
};
const struct price_table *price_default(void);
/* The row for a model name as sent (any vendor prefix, dated suffix), or NULL. */
const struct price *price_find(const struct price_table *t, struct str model);
/* LLMonitor's legacy table: name contains the text, first row wins; NULL when none. */
const struct price *price_find_legacy(struct str model);

#endif
