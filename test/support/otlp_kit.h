/* otlp_kit: a sink that spells out what the OTLP readers hand out, so that tests compare text. */
#ifndef TEST_SUPPORT_OTLP_KIT_H
#define TEST_SUPPORT_OTLP_KIT_H

#include "dialect/otlp/otlp.h"

struct otlp_kit {
    struct arena *arena;
    struct buf text; /* a line for each part of what was handed out */
    struct otlp_tally tally;
    struct err err;
    enum status st;
    size_t handed_out;
    struct batch batch; /* whose bytes_most bounds the arena */
};
void otlp_kit_init(struct otlp_kit *k);
void otlp_kit_fini(struct otlp_kit *k);
/* Read from scratch; what was before is forgotten. */
void otlp_kit_protobuf(struct otlp_kit *k, enum otlp_signal signal, struct str body);
void otlp_kit_json(struct otlp_kit *k, enum otlp_signal signal, const char *text);
void otlp_kit_json_value(struct otlp_kit *k, enum otlp_signal signal, struct json body);
/* The text so far, with a zero byte behind it. */
const char *otlp_kit_text(struct otlp_kit *k);

#endif
