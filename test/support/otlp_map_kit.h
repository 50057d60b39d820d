/* otlp_map_kit: one OTLP span in JSON, read, mapped, and shown under the names of the contract's vectors (otlp.md 2.1, 3). */
#ifndef TEST_SUPPORT_OTLP_MAP_KIT_H
#define TEST_SUPPORT_OTLP_MAP_KIT_H

#include "dialect/otlp/otlp.h"

struct map_kit {
    struct arena *arena;
    struct batch batch; /* what became of the span: sealed events; batch.arena is the kit's */
    struct otlp_tally tally;
    struct err err;
    enum status st;
};

/* A request of one span is made of the parts, read and mapped. resource, scope: may be absent. */
void map_kit_init(struct map_kit *k, struct json span, struct json resource, struct json scope);
void map_kit_fini(struct map_kit *k);
/* The observation's event, or NULL: the span was dropped. */
const struct event *map_kit_observation(const struct map_kit *k);
/*
 * All that was said, as one object: what vectors expect, and sourceType, inputType and outputType (LangWatch's type hints), usage as
 * stored, leftovers, said. {"dropped":true} when there is no event.
 */
struct json map_kit_show(struct map_kit *k);
/* Does `have` hold what `want` says? Members of metadata may be more; null is also what is absent. Prints what differs. */
bool map_kit_holds(struct map_kit *k, const char *name, struct json want, struct json have);

#endif
