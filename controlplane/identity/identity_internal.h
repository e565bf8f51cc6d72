/* What identity.c (life, one request after the other), oidc.c and github.c (what is asked and what answers mean) share. */
#ifndef TR_CONTROLPLANE_IDENTITY_IDENTITY_INTERNAL_H
#define TR_CONTROLPLANE_IDENTITY_IDENTITY_INTERNAL_H

#include "form.h"
#include "identity.h"
#include "outcall.h"

enum {
    ENDPOINT_MAX = 1024,
    REDIRECT_MAX = 384,
    ACCESS_TOKEN_MAX = 4096,
    FORM_MAX = 16 << 10,
    LOCATION_MAX = 4096,
};

/* What an issuer publishes about itself. */
struct issuer {
    char authorization[ENDPOINT_MAX], token[ENDPOINT_MAX], jwks[ENDPOINT_MAX];
    char userinfo[ENDPOINT_MAX]; /* empty: it has none */
    bool secret_in_form;         /* it takes the client's secret in the form only */
    bool tells_issuer;           /* redirects carry iss (RFC 9207) */
};

struct identity_provider {
    const struct sign_in_source *source;
    struct outcalls *outcalls; /* its own: a slow one keeps no other waiting */
    char redirect[REDIRECT_MAX];
    char *secret; /* the client's, in guarded memory */
    struct issuer issuer;
    bool known; /* issuer is set */
    uint64_t known_ms;
    struct jwks keys;
    uint64_t keys_ms; /* when they were fetched; 0: never */
};

enum identity_step {
    STEP_DISCOVER,
    STEP_CODE,
    STEP_KEYS,
    STEP_USER,
    STEP_EMAILS,
};

/* One sign-in at a provider, or the way there. */
struct identity_ask {
    struct identity_provider *of;
    enum identity_step step;
    bool begins;
    bool keys_fetched; /* within this one */
    struct identity_pass pass;
    char code[IDENTITY_CODE_MAX + 1];
    char issuer[256]; /* iss of the redirect */
    char access_token[ACCESS_TOKEN_MAX + 1];
    struct buf token; /* the identity token */
    struct id_person person;
    char subject[IDENTITY_SUBJECT_MAX + 1];
    identity_cb *cb;
    void *cookie;
};

/* Ends it: cb fires, and ask is gone. status: of the last answer, 0: it is not about one. */
void ask_end(struct identity_ask *a, enum err e, unsigned status);
/* One request, with the access token or with a form (escaped; empty: GET). extra: one more header, NULL: none. Its answer is
 * read by then(), of status 200 only; with another one or none the ask ends. */
typedef void ask_then(struct identity_ask *a, struct view body);
void ask_get(struct identity_ask *a, const char *url, ask_then *then, bool authorized);
void ask_post(struct identity_ask *a, const char *url, struct view form, const char *authorization, ask_then *then);
/* The end of the way there: the browser goes to this endpoint with the usual parameters. */
void ask_redirect(struct identity_ask *a, const char *endpoint, const char *scope, bool nonce);
/* The form that exchanges the code. secret: the client's is in it. */
must_check enum err ask_code_form(struct identity_ask *a, bool secret, struct buf *out);
/* The only member of this name, plain visible ASCII of at most size - 1 bytes; false: it is none. */
bool ask_text(struct json_value object, const char *name, char *out, size_t size);
/* person is known: subject is made of it. */
void ask_person(struct identity_ask *a);

void oidc_start(struct identity_ask *a);
void github_start(struct identity_ask *a);

/* An issuer's document (OpenID Connect Discovery). ERR_FORMAT: it is none, of another issuer, or names an endpoint that
 * cannot be asked. */
must_check enum err issuer_read(struct view json, const char *name, struct issuer *out);

#endif
