/* credential: which key a request carries, and what it opens (collisions.md 3.3). */
#ifndef API_CREDENTIAL_H
#define API_CREDENTIAL_H

#include "account/account.h"
#include "api/decide.h"
#include "http/http.h"

struct credential_found {
    enum carrier carrier; /* NONE: nothing well-formed */
    struct str first;     /* Basic: before the colon */
    struct str token;
    bool known;
    bool failed;            /* accounts could not be read: not the client's fault */
    struct account_key key; /* when known */
    enum key_form form;     /* of the row, else of the token's shape */
};

/* api_key_first: on Langtrace's own rows X-API-Key comes before everything else. */
void credential_find(struct account *acc, const struct http_request *r, struct str query, bool api_key_first,
    struct credential_found *out);
/* As a dialect sees it. Strings are shared with the key. */
struct caller caller_of(const struct account_key *k);

#endif
