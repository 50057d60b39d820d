/* otlp_mapped: OTLP bodies through the reader and the mapping, and what became of them as JSON, for tables of cases. */
#ifndef TEST_SUPPORT_OTLP_MAPPED_H
#define TEST_SUPPORT_OTLP_MAPPED_H

#include "dialect/otlp/otlp.h"

/* What a test says of one span or log record; NULL: nothing. Its ids and start are fixed (below) where `members` does not say others. */
struct otlp_case {
    const char *name;
    const char *attributes; /* JSON object */
    const char *members;    /* more members of the span or record: "\"status\":{...}" */
    const char *resource;   /* JSON object of attributes */
    const char *scope;      /* {"name","version","attributes"} */
    const char *expect;     /* columns of the first event: null is absent */
};
#define CASE_TRACE "0af7651916cd43dd8448eb211c80319c"
#define CASE_SPAN  "b7ad6b7169203331"

struct otlp_mapped {
    struct arena *a;
    struct batch batch;
    struct json events; /* dump_events() */
    struct str warning;
    size_t mapped, unmapped; /* log records that gave events, and that did not */
    struct str session_hint; /* set before */
};
void otlp_mapped_init(struct otlp_mapped *m);
void otlp_mapped_fini(struct otlp_mapped *m);
/* Maps every span or log record of a request body. Fails the test when the body cannot be read. */
void otlp_mapped_body(struct otlp_mapped *m, enum otlp_signal signal, struct json body);
void otlp_mapped_span(struct otlp_mapped *m, const struct otlp_case *c);
void otlp_mapped_log(struct otlp_mapped *m, const struct otlp_case *c);

/* Columns of event i; JSON_NONE when there is none. */
struct json otlp_mapped_cols(const struct otlp_mapped *m, size_t i);
/* Compares what `expect` names with the columns of event i; prints the difference. */
bool otlp_mapped_shows(const struct otlp_mapped *m, size_t i, const char *name, const char *expect);
/* Each case alone: a span, and its first event as expected. Returns how many differ. */
size_t otlp_check_spans(const struct otlp_case *cases, size_t n);

#endif
