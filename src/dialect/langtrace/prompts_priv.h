/* prompts_priv: how a set and a prompt are shown, for reads and for what edits answer. */
#ifndef DIALECT_LANGTRACE_PROMPTS_PRIV_H
#define DIALECT_LANGTRACE_PROMPTS_PRIV_H

#include "dialect/langtrace/langtrace_priv.h"
#include "dialect/prompts.h"

/* value: to show instead of what is stored; absent: as it is stored. */
void langtrace__write_prompt(
    struct jw *w, struct arena *a, const struct prompt_version *v, bool live, struct str value);
/* Members of the open object. */
void langtrace__write_set_members(struct jw *w, const struct call *c, const struct prompt *set);
bool langtrace__is_live(const struct prompt *set, const struct ask *versions, const struct row *v);

#endif
