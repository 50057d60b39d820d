/*
 * derive: what follows from rows. Pure functions of the final rows of one trace or thread (merge.md 6, 7.3, 7.4; langwatch.md 4).
 */
#ifndef MODEL_DERIVE_H
#define MODEL_DERIVE_H

#include "model/merge.h"
#include "model/price.h"

/* Everything a trace shows of its observations. rows: all of them, ROW columns filled, any order (sorted inside).
 * scores, sessions play no part. Observation input and output stay V_REF.
 * Members of `said` that are looked at: name user_id session_id tags metadata public input output (rank 3; of LLMonitor 2, on a root),
 * release version environment (2 on a root, else 1), name_hint user_hint session_hint (the same), session_user_id and what many spans
 * share, user_shared session_shared (1, on a root too), as_root, blocked (a guardrail did not pass), skip_usage (a roll-up of other
 * spans: its usage and cost are not summed, otlp.md 2.7). */
void derive_trace(
    struct arena *a, const struct row *rows, size_t n, const struct price_table *prices, struct derived *out);

/* Tree order: parents before children by (start, id); a row whose parent is absent, unknown or closes a cycle is a root
 * (cycle: the member with the smallest (start, id)). order[i] is an index into rows, depth[i] its level from 0;
 * outside_in: all siblings of a level first, then each sibling's subtree (langwatch.md 4). */
void derive_tree(
    struct arena *a, const struct row *rows, size_t n, bool outside_in, uint32_t *order, uint16_t *depth);

/* Text of a value as LangWatch finds it (langwatch.md 4.1). */
enum text_class { TEXT_NONE, TEXT_FALLBACK, TEXT_REAL };
enum text_class derive_text(
    struct arena *a, struct json value, enum type_hint hint, bool input_mode, struct str *out);
/* The trace's input or output text (4.2, 4.3). Loads only the payloads it must look at. Absent: none. */
MUST_CHECK enum status derive_trace_text(struct arena *a, const struct row *rows, size_t n, bool input,
    const struct payload_loader *load, struct str *text, struct err *err);

/* LLMonitor exchanges: messages of one thread, any order -> exchanges (merge.md 7.4, llmonitor.md 6). Bodies must be V_JSON. */
struct exchange {
    struct str id;       /* internal: first message */
    struct str shown_id; /* last message */
    struct str sibling;  /* id of the exchange this one retries, or absent */
    const struct row **messages;
    size_t n_messages;        /* in order; all their ids are aliases */
    struct str input, output; /* JSON arrays of stored messages, or absent */
    bool custom_event;        /* a custom event stands for itself */
    int64_t start_ns, end_ns;
};
void derive_exchanges(
    struct arena *a, const struct row *messages, size_t n, struct exchange **out, size_t *n_out);

/* Content of one span that came as log records: its records of kind LOG_MESSAGE, any order, bodies V_JSON -> input, an array of messages,
 * and output, the one choice or an array of them. Absent: none. The status of a record tells which of the two it belongs to. */
#define LOG_MESSAGE "log_message"
/* parent_id of such a record: trace and span in one, so that a span's records are found without those of its namesakes in other traces. */
struct str message_parent(struct arena *a, struct str trace_id, struct str span_id);
#define MESSAGE_INPUT  "input"
#define MESSAGE_OUTPUT "output"
/* Which of two such records was said first: negative, 0 for the same one, positive. */
int log_message_order(const struct row *a, const struct row *b);
void derive_messages(
    struct arena *a, const struct row *records, size_t n, struct str *input, struct str *output);

/* Final usage of an observation: disjoint keys (design.md 2), as JSON object text, and sums. profile of the row's newest usage
 * writer decides what was counted inside what. Absent when the row has no usage. */
struct usage_final {
    struct str json;
    int64_t input, output, total, cached, cache_creation,
        reasoning;                 /* `input` = all keys containing "input" but the cache ones */
    int64_t input_all, output_all; /* sums of keys that contain "input" / "output" */
    bool estimated;
    bool counted; /* the row has any count */
};
void derive_usage(struct arena *a, const struct row *r, struct usage_final *out);
/* Cost in nano-USD: as sent; else by the price table and the rule of the dialect that wrote the row. -1: unknown. */
int64_t derive_cost(struct arena *a, const struct row *r, const struct usage_final *u,
    const struct price_table *prices, bool *computed);

#endif
