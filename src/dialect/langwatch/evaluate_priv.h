/*
 * evaluate_priv: the catalogue of evaluators and the running of one (section 9).
 */
#ifndef DIALECT_LANGWATCH_EVALUATE_PRIV_H
#define DIALECT_LANGWATCH_EVALUATE_PRIV_H

#include "dialect/langwatch/rest_priv.h"

/* What an evaluator found. Score, passed and label are each there or not. */
struct verdict {
    enum { VERDICT_PROCESSED, VERDICT_SKIPPED, VERDICT_ERROR } status;
    bool has_score, has_passed, passed;
    int64_t score;
    struct str details; /* absent: none; always there after an error */
};
typedef void evaluator_run(struct arena *a, struct json data, struct json settings, struct verdict *out);

struct evaluator {
    const char *id, *name, *category;
    bool is_guardrail;
    const char *required, *optional, *variables, *results; /* words joined by a space */
    evaluator_run *run;                                    /* NULL: not on this server */
    const char *settings, *description;
};
extern const struct evaluator langwatch__evaluators[];
extern const size_t langwatch__n_evaluators;
/* The body of a route that evaluates, checked: 400 {"message": "Bad request: ..."} where it is no JSON, else 400 for what `check` finds. */
MUST_CHECK enum status langwatch__evaluation_body(
    struct call *c, void (*check)(struct issues *, struct json), struct json *body, struct err *err);
/* 404 */
MUST_CHECK enum status langwatch__no_evaluator(struct call *c, struct err *err, struct str what);
const struct evaluator *langwatch__evaluator(struct str id); /* NULL: none */

/* evaluate_local.c: the evaluators that are computed here. */
evaluator_run langwatch__exact_match, langwatch__basic, langwatch__blocklist, langwatch__valid_format;

/* Run it; settings are the caller's over the saved ones over the defaults. One that is not on this server gives an error that says so. */
void langwatch__run_evaluator(struct arena *a, const struct evaluator *e, struct json data, struct json saved,
    struct json settings, struct verdict *out);
/* The members of the answer, in an object of their own. */
void langwatch__write_verdict(struct jw *w, const struct verdict *v, bool as_guardrail);
/* 400 for the first required field that `data` lacks. */
MUST_CHECK enum status langwatch__need_fields(
    struct call *c, const struct evaluator *e, struct json data, struct err *err);

#endif
