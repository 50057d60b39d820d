/*
 * lift: wire bodies of the merge vectors as batches of events, by hand and only as far as the vectors go. It is written from the contracts,
 * not from the decoders, so the vectors can be run without any of these and tell a fault of the model from a fault of a decoder. Where a
 * dialect has its decoder, the vectors are run through that one too.
 */
#ifndef SUPPORT_LIFT_H
#define SUPPORT_LIFT_H

#include "model/model.h"

/* A new batch of one vector item's events, not sealed: a request body, a patch or a delete. The batch owns its arena; strings point
 * into the item. decoded: by the dialect's own decoder, where lift_has_decoder(). */
struct batch *lift_item(struct str dialect, struct json item, int32_t project, bool decoded);
bool lift_has_decoder(struct str dialect);
void lift_free(struct batch *b);

#endif
