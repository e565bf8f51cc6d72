/* (G) Requests whose body is encrypted to this boot's HPKE key (trust/ehbp.h), and the sealing of their answers. */
#ifndef TR_DATAPLANE_API_SEALED_BODY_H
#define TR_DATAPLANE_API_SEALED_BODY_H

#include "ehbp_seen.h"
#include "errors.h"
#include "identity.h"
#include "web.h"

struct sealed_context {
    const struct identity_keys *keys;
    struct ehbp_seen *seen;
};

/* The header that announces such a body. */
#define SEALED_BODY_HEADER VIEW_LIT("ehbp-encapsulated-key")

enum sealed_body {
    SEALED_BODY_NONE,    /* nothing is announced, by a method that needs no body: the request is as it came */
    SEALED_BODY_OPEN,    /* web_body() is what the client wrote, and what is answered will be sealed */
    SEALED_BODY_KEY,     /* it was sealed to another key, or is damaged: sealed_body_answer_key() */
    SEALED_BODY_REFUSED, /* *f says what to answer */
};

/* Of a complete request, before anybody reads its body. */
enum sealed_body sealed_body_open(const struct sealed_context *x, struct web_request *r, struct api_failure *f);
/* Of a request whose body is not read: what is answered will be sealed, if the header allows it. */
void sealed_body_answer(const struct sealed_context *x, struct web_request *r);

/* 422: the client must learn this boot's key, from its evidence. Returns the status. */
int sealed_body_answer_key(struct web_request *r);
/* GET /.well-known/hpke-keys. The same. */
int sealed_body_keys(const struct sealed_context *x, struct web_request *r);

#endif
