/*
 * prompts: the one prompt registry. LangWatch's prompts, Lunary's templates and Langtrace's prompt sets are all rows of it, so what is
 * made through one product is there in the others (docs/decisions/0007-one-prompt-registry.md).
 *
 *   record "prompt"          id = a number as text, name = handle, slug or set name, status = mode ("text" or "openai": a chat),
 *                            seq = the id as a number, body {description, scope, tags, labels: {label: version id}, ...}
 *   record "prompt_version"  id = a number as text, name = its prompt's name, parent = prompt, seq = version number,
 *                            status = draft or published, body {content: string or [{role, content}], extra: {model, temperature,
 *                            max_tokens, ...}, notes, variables, tags, inputs, outputs, response_format, test_values, author, span_id,
 *                            published_ns, ...}
 *   record "counter"         the last number given, so that none is given twice, to a prompt or to a version
 *
 * Names     need not be unique (Langtrace's sets): who asks by name gets the oldest.
 * Labels    live on the prompt, so at most one version has a label. LangWatch's tags are labels. "latest" is never stored: it is the
 *           newest published version, else the newest draft.
 * Live      the version with the label "production"; the newest published one while nobody said anything of that label; none when it
 *           is null. Langtrace's `live` and Lunary's publishing are this.
 * Drafts    Lunary's drafts and Langtrace's versions that never were live. LangWatch publishes every version.
 * Members   of a dialect's own in either body are kept as they are by all others. inputs (LangWatch) and variables (Langtrace) name the same
 *           things: a version has at most one of them.
 */
#ifndef DIALECT_PROMPTS_H
#define DIALECT_PROMPTS_H

#include "dialect/records.h"

#define PROMPTS_KIND         "prompt"
#define PROMPTS_VERSION_KIND "prompt_version"
#define PROMPTS_PRODUCTION   "production"
#define PROMPTS_LATEST       "latest"
#define PROMPTS_NUMBER_MAX \
    1000000000 /* the largest version number a client may choose; the next ones are counted from it */

/* ---- questions ---- */

struct ask *prompts_ask(struct call *c);                        /* all, the oldest first */
struct ask *prompts_ask_named(struct call *c, struct str name); /* one row: the oldest of that name */
struct ask *prompts_ask_one(struct call *c, struct str id);     /* ASK_GET */
struct ask *prompts_ask_versions(
    struct call *c, struct str id);                   /* of one prompt, by number, the smallest first */
struct ask *prompts_ask_all_versions(struct call *c); /* of every prompt, in no useful order */
struct ask *prompts_ask_newest(
    struct call *c, struct str id); /* one row: the newest published version of a prompt */
struct ask *prompts_ask_last(struct call *c, struct str id);            /* one row: the same, drafts too */
struct ask *prompts_ask_version(struct call *c, struct str version_id); /* ASK_GET */
/* The counter; ask it before anything new is numbered. Its place is c->n_asks - 1. */
struct ask *prompts_ask_counter(struct call *c);

/* ---- answers: views of rows; everything is borrowed from the row and the arena ---- */

struct prompt {
    const struct row *row;
    struct str id, name;
    bool is_chat; /* of its newest version, as far as anybody said */
    int64_t created_ns, updated_ns;
    struct json labels; /* {label: version id or null}; JSON_NONE: none was ever given */
    struct json body;
};
struct prompt_version {
    const struct row *row;
    struct str id, prompt_id, name; /* name: of the prompt */
    int64_t number;
    bool is_draft;
    int64_t created_ns, updated_ns, published_ns; /* published_ns TIME_NONE: never */
    struct json content;                          /* a string or an array of messages */
    struct json extra;                            /* an object or JSON_NONE */
    struct str notes;
    struct json body;
};
struct prompt prompts_view(struct arena *a, const struct row *prompt);
struct prompt_version prompts_view_version(struct arena *a, const struct row *version);

/* Does this version belong to the prompt? For prompts_ask_all_versions(). */
bool prompts_is_of(const struct row *version, const struct row *prompt);
/* Bring the answer of prompts_ask_all_versions() in order of prompt and number, and then the part of it that is of one prompt, so that a
 * list of prompts takes time in proportion to its length. */
void prompts_group(struct ask *versions);
struct ask prompts_group_of(const struct ask *versions, const struct row *prompt);
/* A version by number, the newest of them; by label somebody gave, or "latest"; the live one. NULL: none. `versions` may hold those of
 * other prompts. */
const struct row *prompts_with_number(const struct prompt *p, const struct ask *versions, int64_t number);
const struct row *prompts_with_label(const struct prompt *p, const struct ask *versions, struct str label);
const struct row *prompts_live(const struct prompt *p, const struct ask *versions);
/* The largest version number so far, 0: none. */
int64_t prompts_last_number(const struct prompt *p, const struct ask *versions);

/* Is there room for one more? ST_UNPROCESSABLE when there are so many that one question does not bring them all. */
MUST_CHECK enum status prompts_room(const struct ask *versions, struct err *err);

/* The content as one text: a string as it is, messages as JSON. */
struct str prompts_text(struct arena *a, struct json content);

/* ---- writing ---- */

/* n new ids for prompts and versions; `asked` is the place of prompts_ask_counter(). Once a request. */
void prompts_take_ids(struct call *c, struct batch *b, size_t asked, struct str *ids, size_t n);

/* What to write of a prompt; absent and NULL: as it was. A new one (old NULL) needs name and mode. */
enum prompt_mode { PROMPT_MODE_KEPT, PROMPT_TEXT, PROMPT_CHAT };
struct prompt_edit {
    struct str name;
    enum prompt_mode mode;
    const struct record_member *members; /* of the body */
    size_t n_members;
};
void prompts_put(
    struct call *c, struct batch *b, const struct row *old, struct str id, const struct prompt_edit *edit);
/* The name of a prompt stands on its versions too: after an edit of it. */
void prompts_rename_versions(struct call *c, struct batch *b, const struct ask *versions, struct str name);

/* What to write of a version. A new one (old NULL) needs prompt_id, name and number. */
struct prompt_version_edit {
    struct str prompt_id, name;
    int64_t number;
    bool is_draft;
    struct json
        base; /* new: the body it starts from, but for what is one version's own (notes, author, span_id, published_ns) */
    const struct record_member *members; /* of the body; published_ns is added */
    size_t n_members;
};
void prompts_put_version(struct call *c, struct batch *b, const struct row *old, struct str id,
    const struct prompt_version_edit *edit);

/* JSON text for the member "labels": those of the prompt (NULL: a new one), with `label` on that version; version absent: null, on none. */
struct str prompts_labels_with(
    struct arena *a, const struct prompt *p, struct str label, struct str version_id);
/* Take away a prompt and its versions. */
void prompts_remove(struct call *c, struct batch *b, struct str id, const struct ask *versions);

#endif
