/* What the files of ingest share. */
#ifndef INGEST_INGEST_PRIV_H
#define INGEST_INGEST_PRIV_H

#include "model/model.h"

/* Reject events whose ids cannot be ids; take user and session ids that cannot be ids out of their column and keep them in leftovers
 * (design.md 2). */
void ingest__validate(struct batch *b);

#endif
