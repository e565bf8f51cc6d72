/* (G) Response headers and whole answers: what every response of this data plane has in common. */
#ifndef TR_DATAPLANE_API_REPLY_H
#define TR_DATAPLANE_API_REPLY_H

#include "dialect.h"
#include "error_body.h"
#include "id.h"
#include "rate_headers.h"
#include "receipts.h"
#include "web.h"

enum { REPLY_HEADERS_MAX = 24 };

/* Lives on the stack while an answer is started; the server copies what it is given. */
struct reply {
    struct web_header headers[REPLY_HEADERS_MAX];
    size_t n;
    struct id id; /* of the request */
    char request_id[ID_TEXT_LEN + 1];
    char generation_id[4 + ID_TEXT_LEN + 1]; /* "gen-" and the same digits */
    char receipt_id[RECEIPT_ID_LEN + 1];     /* "rcpt-" and again */
    char max_tokens[12];
    /* What reply_json() completes and publishes; NULL: nothing. */
    struct receipt_facts *facts;
    struct receipts *receipts;
    unsigned worker;
    struct error_header_text retry;
    struct rate_header_text rates;
};

/* What every answer of the public listener carries, whoever words it (web_config.always): CORS, and
 * which keyset serves here. The digest's text must outlive the server. */
enum { REPLY_ALWAYS = 4 };
size_t reply_always(struct view keyset_digest_text, struct web_header out[static REPLY_ALWAYS]);

/* Request ids. */
void reply_init(struct reply *p, const struct id *id);
/* name and value must live until the answer is started. */
void reply_add(struct reply *p, struct view name, struct view value);
/* x-generation-id: only where a generation exists. */
void reply_add_generation(struct reply *p);
/* x-receipt-id: where a receipt of these ids will be. */
void reply_add_receipt(struct reply *p);
/* x-tr-max-tokens: the limit that the router gave the provider, because the client gave none. */
void reply_add_max_tokens(struct reply *p, uint32_t tokens);
/* What the limits of the key leave; rejected: one of them is why. Nothing for a key without limits. */
void reply_add_rates(struct reply *p, const struct key_rates *rates, const struct dialect *dialect,
                     bool rejected);
/* The same for a whole answer: reply_json() and reply_failure() add what was returned to the facts
 * and publish them in `receipts` as that worker's, before the first byte leaves. */
void reply_publish(struct reply *p, struct receipts *receipts, unsigned worker,
                   struct receipt_facts *facts);
/* A complete answer with a JSON body. The request pointer is dead on return. */
void reply_json(struct reply *p, struct web_request *r, int status, struct view body);
/* The same for a large body, which is taken and left empty. */
void reply_json_taking(struct reply *p, struct web_request *r, int status, struct buf *body);
/* The same for an answer of another media type. */
void reply_body_taking(struct reply *p, struct web_request *r, int status, struct view type, struct buf *body);
/* The same for a failure, in the words of this dialect; openrouter: under /api/v1. Counts nothing, logs
 * nothing. */
void reply_failure_in(struct reply *p, struct web_request *r, const struct api_failure *f,
                      const struct dialect *dialect, bool openrouter);
/* In chat's, for what belongs to no dialect: in the shape of the API that the path belongs to. */
void reply_failure(struct reply *p, struct web_request *r, const struct api_failure *f);

/* What a client speaks that asks for something of no dialect: by its headers. */
const struct dialect *reply_dialect(const struct web_request *r);
/* Answers that have nothing but ids and a body. Both return the status. e: how the body, which is freed,
 * was made; what was not made is a 500. */
int reply_done(struct web_request *r, enum err e, struct buf *body);
int reply_refusal(struct web_request *r, const struct api_failure *f);

#endif
