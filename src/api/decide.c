/*
 * The rules of collisions.md 3.4, first line that decides wins. The candidates choose the rule:
 *
 *   one                    that one
 *   otlp and others        T on .../v1/traces, else L
 *   langfuse, agenttrace   P
 *   agenttrace, llmonitor  V
 *   langtrace, langwatch   D
 *   agenttrace, langtrace  H
 */
#include "api/decide.h"

const struct dialect *const dialects[D_COUNT] = {
    [D_LANGWATCH] = &langwatch_dialect,
    [D_LANGTRACE] = &langtrace_dialect,
    [D_LLMONITOR] = &llmonitor_dialect,
    [D_AGENTTRACE] = &agenttrace_dialect,
    [D_LANGFUSE] = &langfuse_dialect,
    [D_OTLP] = &otlp_dialect,
};

#define BIT(d) (1u << (d))

static struct decision decided(enum dialect_number d, const char *line)
{
    return (struct decision){ .dialect = d, .line = line };
}

static struct decision by_default(enum dialect_number d, const char *line)
{
    return (struct decision){ .dialect = d, .line = line, .by_default = true };
}

static struct decision wait_for_body(enum dialect_number d, const char *line)
{
    return (struct decision){ .dialect = d, .line = line, .needs_body = true, .by_default = true };
}

/* ---- T: POST .../v1/traces ------------------------------------------------------------------------------------------ */

static struct decision rule_t(const struct evidence *e)
{
    if (!e->known)
        return by_default(D_OTLP, "T0");
    if (str_is(e->media_type, "application/x-protobuf") || str_is(e->media_type, "application/protobuf"))
        return decided(D_OTLP, "T1");
    return wait_for_body(D_OTLP, "T");
}

static bool has_resource(struct json body)
{
    static const char *const names[] = { "resourceSpans", "resourceLogs", "resourceMetrics", "resource_spans",
        "resource_logs", "resource_metrics" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_type(json_key(body, names[i])) != JSON_ABSENT)
            return true;
    return false;
}

static struct decision rule_t_body(const struct evidence *e, struct json body, bool empty)
{
    if (has_resource(body))
        return decided(D_OTLP, "T2");
    if (json_is_arr(body))
        return decided(D_LANGTRACE, "T3");
    if (json_is_arr(json_key(body, "batch")))
        return decided(D_AGENTTRACE, "T4");
    if (empty || (json_is_obj(body) && json_size(body) == 0))
        return decided(e->form == FORM_AGENTTRACE ? D_AGENTTRACE : D_OTLP, "T5");
    if (json_is_obj(body))
        return decided(D_AGENTTRACE, "T6");
    return decided(D_OTLP, "T7");
}

/* ---- P: Langfuse and AgentTrace under /api/public -------------------------------------------------------------------- */

static struct decision rule_p(const struct evidence *e)
{
    if (e->carrier == CARRIER_BASIC)
        return decided(D_LANGFUSE, "P1");
    if (e->form == FORM_LANGFUSE || e->form == FORM_AGENTTRACE)
        return decided(e->form == FORM_LANGFUSE ? D_LANGFUSE : D_AGENTTRACE, "P2");
    if (e->langfuse_sdk)
        return decided(D_LANGFUSE, "P3");
    if (e->carrier == CARRIER_BEARER || e->carrier == CARRIER_X_API_KEY ||
        e->carrier == CARRIER_LANGFUSE_PUBLIC_KEY || e->carrier == CARRIER_API_KEY_QUERY)
        return decided(D_AGENTTRACE, "P4");
    return e->carrier == CARRIER_NONE ? by_default(D_LANGFUSE, "P5") : decided(D_LANGFUSE, "P5");
}

/* ---- V: AgentTrace and Lunary under /v1 ------------------------------------------------------------------------------ */

static struct decision rule_v(const struct evidence *e)
{
    if (e->form == FORM_LUNARY || e->form == FORM_AGENTTRACE)
        return decided(e->form == FORM_LUNARY ? D_LLMONITOR : D_AGENTTRACE, "V1");
    if (e->lunary_project_key)
        return decided(D_LLMONITOR, "V2");
    if (e->method == METHOD_POST || e->method == METHOD_PATCH)
        return wait_for_body(D_AGENTTRACE, "V3");
    return e->carrier == CARRIER_NONE ? by_default(D_AGENTTRACE, "V4") : decided(D_AGENTTRACE, "V4");
}

static struct decision rule_v_body(const struct evidence *e, struct json body)
{
    if (json_type(json_key(body, "slug")) != JSON_ABSENT)
        return decided(D_LLMONITOR, "V3");
    return e->carrier == CARRIER_NONE ? by_default(D_AGENTTRACE, "V4") : decided(D_AGENTTRACE, "V4");
}

/* ---- D: Langtrace and LangWatch datasets ----------------------------------------------------------------------------- */

static struct decision rule_d(const struct evidence *e)
{
    if (e->form == FORM_LANGTRACE || e->form == FORM_LANGWATCH)
        return decided(e->form == FORM_LANGTRACE ? D_LANGTRACE : D_LANGWATCH, "D1");
    if (e->carrier == CARRIER_X_API_KEY)
        return decided(D_LANGTRACE, "D2");
    if (e->carrier == CARRIER_BASIC || e->carrier == CARRIER_BEARER || e->carrier == CARRIER_X_AUTH_TOKEN)
        return decided(D_LANGWATCH, "D2");
    return by_default(D_LANGWATCH, "D3");
}

static enum dialect_number lowest(unsigned candidates)
{
    for (unsigned d = 0; d < D_COUNT; d++)
        if (candidates & BIT(d))
            return (enum dialect_number)d;
    return D_NONE;
}

struct decision decide(const struct evidence *e)
{
    unsigned c = e->candidates;
    if ((c & (c - 1)) == 0)
        return decided(lowest(c), "one");
    if (c & BIT(D_OTLP))
        return str_ends(e->path, STR("/v1/traces")) ? rule_t(e) : decided(D_OTLP, "L");
    if (c == (BIT(D_LANGFUSE) | BIT(D_AGENTTRACE)))
        return rule_p(e);
    if (c == (BIT(D_AGENTTRACE) | BIT(D_LLMONITOR)))
        return rule_v(e);
    if (c == (BIT(D_LANGTRACE) | BIT(D_LANGWATCH)))
        return rule_d(e);
    return decided(D_LANGTRACE, "H"); /* GET /api/health */
}

struct decision decide_body(const struct evidence *e, struct json body, bool empty)
{
    return e->candidates & BIT(D_OTLP) ? rule_t_body(e, body, empty) : rule_v_body(e, body);
}
