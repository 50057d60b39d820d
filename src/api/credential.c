/*
 * The first well-formed carrier is the credential, and nothing after it is tried, even if its key is unknown. A malformed one falls through.
 */
#include "api/credential.h"

#include "base/hash.h"
#include "http/path.h"

static bool bearer(struct str header, const char *scheme, struct str *rest)
{
    struct str s = str_of(scheme);
    if (header.n <= s.n || !str_eq_nocase(str_sub(header, 0, s.n), s))
        return false;
    if (header.p[s.n] != ' ' && header.p[s.n] != '\t')
        return false;
    *rest = str_trim(str_sub(header, s.n, SIZE_MAX));
    return rest->n > 0;
}

static bool from_authorization(const struct http_request *r, struct credential_found *out)
{
    struct str header = http_header_get(r, "authorization"), rest, plain;
    if (bearer(header, "Basic", &rest)) {
        if (!base64_decode(r->arena, rest, &plain))
            return false;
        size_t colon = str_find_char(plain, ':');
        if (colon == SIZE_MAX || colon == 0 || colon + 1 >= plain.n)
            return false;
        out->carrier = CARRIER_BASIC;
        out->first = str_sub(plain, 0, colon);
        out->token = str_sub(plain, colon + 1, SIZE_MAX);
        return true;
    }
    if (!bearer(header, "Bearer", &rest))
        return false;
    out->carrier = CARRIER_BEARER;
    out->token = rest;
    return true;
}

static bool from_header(
    const struct http_request *r, const char *name, enum carrier carrier, struct credential_found *out)
{
    struct str v = str_trim(http_header_get(r, name));
    if (v.n == 0)
        return false;
    out->carrier = carrier;
    out->token = v;
    return true;
}

static bool from_query(const struct http_request *r, struct str query, struct credential_found *out)
{
    struct path_pair *pairs;
    size_t n;
    query_pairs(r->arena, query, &pairs, &n);
    for (size_t i = 0; i < n; i++)
        if (str_is(pairs[i].name, "api_key") && pairs[i].value.n > 0) {
            out->carrier = CARRIER_API_KEY_QUERY;
            out->token = pairs[i].value;
            return true;
        }
    return false;
}

static void find_carrier(
    const struct http_request *r, struct str query, bool api_key_first, struct credential_found *out)
{
    if (api_key_first && from_header(r, "x-api-key", CARRIER_X_API_KEY, out))
        return;
    if (from_authorization(r, out) || from_header(r, "x-auth-token", CARRIER_X_AUTH_TOKEN, out) ||
        from_header(r, "x-api-key", CARRIER_X_API_KEY, out) ||
        from_header(r, "lunary-project-key", CARRIER_LUNARY_PROJECT_KEY, out) || from_query(r, query, out))
        return;
    from_header(r, "x-langfuse-public-key", CARRIER_LANGFUSE_PUBLIC_KEY, out);
}

void credential_find(struct account *acc, const struct http_request *r, struct str query, bool api_key_first,
    struct credential_found *out)
{
    *out = (struct credential_found){ .carrier = CARRIER_NONE };
    find_carrier(r, query, api_key_first, out);
    if (out->carrier == CARRIER_NONE)
        return;
    out->known = out->carrier == CARRIER_BASIC
                     ? account_find_pair(acc, out->first, out->token, r->arena, &out->key)
                     : account_find(acc, out->token, r->arena, &out->key);
    out->failed = !out->known && out->key.failed;
    /* Never a credential of its own but for AgentTrace's rows. */
    if (out->carrier == CARRIER_LANGFUSE_PUBLIC_KEY && (!out->known || out->key.form != ACCOUNT_AGENTTRACE)) {
        *out = (struct credential_found){ .carrier = CARRIER_NONE };
        return;
    }
    out->form = (enum key_form)(out->known ? out->key.form : account_form_of_shape(out->token));
    if (out->form == FORM_TRACEWELL)
        out->form = FORM_NONE;
}

struct caller caller_of(const struct account_key *k)
{
    return (struct caller){ .project = k->project,
        .project_id = k->project_id,
        .project_name = k->project_name,
        .project_slug = k->project_slug,
        .organization_id = k->organization_id,
        .form = (enum key_form)k->form,
        .public_half = k->public_half,
        .ingest_only = k->ingest_only };
}
