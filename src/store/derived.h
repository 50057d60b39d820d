/*
 * derived: the trace values a driver stores in columns of their own, and one opaque blob for the rest. Private to store/.
 */
#ifndef STORE_DERIVED_H
#define STORE_DERIVED_H

#include "model/model.h"

/* Everything of `d` as bytes / back. Versioned, bounds-checked. */
void derived_encode(const struct derived *d, struct buf *out);
MUST_CHECK enum status derived_decode(struct arena *a, struct str bytes, struct derived *d, struct err *err);

#endif
