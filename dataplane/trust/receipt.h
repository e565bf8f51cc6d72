/* What is known about one finished inference answer: numbers, digests and ids of ours, never a byte
 * that a client or a model wrote. Receipts are made from it when they are asked for, the audit
 * sampler commits to it.
 *
 * Where it is offered: every answer of an inference endpoint, refusals included, ends in
 * receipts_publish() (receipts.h), on the thread of the worker that served it, when the facts are
 * final and before the answer's last bytes leave. An observer set with receipts_observe() is called
 * there; it borrows the facts for the call, must not block and must not allocate. */
#ifndef TR_DATAPLANE_TRUST_RECEIPT_H
#define TR_DATAPLANE_TRUST_RECEIPT_H

#include "bounds.h"
#include "id.h"
#include "route_inputs.h"
#include "secret.h"
#include "price.h"
#include "usage_fields.h"

#include <stdbool.h>

enum receipt_flag {
    RECEIPT_FORWARDED = 1 << 0, /* `forwarded` is set: some provider was sent the request */
    RECEIPT_RETURNED = 1 << 1,  /* `returned` is set: some body was handed to the connection */
    RECEIPT_STREAM = 1 << 2,
    RECEIPT_COMPLETE = 1 << 3,  /* the body ended as HTTP says; otherwise it was cut off */
    RECEIPT_ESTIMATED = 1 << 4, /* the provider gave no usage: tokens are our estimate */
    RECEIPT_CLAMPED = 1 << 5,   /* its figures were corrected, or cost more than was reserved */
    RECEIPT_OWN_KEY = 1 << 7,  /* on a provider key of the customer's own: cost_nusd is the fee */
    RECEIPT_KEYED = 1 << 8,    /* `provider_key` is set: the provider was sent it over TLS */
    RECEIPT_ADMITTED = 1 << 6, /* credit was reserved for it: it counts as served, not as refused */
    RECEIPT_PART = 1 << 9,     /* `whole` is set: it is a part of an orchestration, or what one of its own attempts
                                  came to; not offered to the observer */
};

/* The endpoints whose answers have receipts, each under /v1 and under /api/v1. */
#define RECEIPT_PATHS(X)                                                                           \
    X(CHAT, "/chat/completions")                                                                   \
    X(MESSAGES, "/messages")                                                                       \
    X(RESPONSES, "/responses")                                                                     \
    X(COMPLETIONS, "/completions")                                                                 \
    X(EMBEDDINGS, "/embeddings")                                                                   \
    X(IMAGES, "/images/generations")                                                               \
    X(IMAGE_EDITS, "/images/edits")                                                                \
    X(SPEECH, "/audio/speech")                                                                     \
    X(TRANSCRIPTIONS, "/audio/transcriptions")                                                     \
    X(TRANSLATIONS, "/audio/translations")                                                         \
    X(MODERATIONS, "/moderations")                                                                 \
    X(RERANK, "/rerank")

/* The endpoint as the client addressed it; receipt_path() has the text. */
#define RECEIPT_PATH_ENUM(name, path) RECEIPT_##name##_V1, RECEIPT_##name##_API_V1,
enum receipt_endpoint { RECEIPT_PATHS(RECEIPT_PATH_ENUM) RECEIPT_ENDPOINTS };
#undef RECEIPT_PATH_ENUM

/* One endpoint the route allowed, in the order of the decision. */
struct receipt_candidate {
    uint32_t endpoint_no; /* of the catalog */
    uint8_t provider_no;  /* of the measured providers.conf */
    uint8_t reason;       /* enum route_reason */
    uint8_t tried;        /* 1: an attempt was made */
    uint8_t result;       /* enum err: how the attempt failed, if it did */
};

#define RECEIPT_TOKENS(no, class, ...) uint32_t tokens_##class;
struct receipt_facts {
    struct id id;          /* of the request; the receipt and the response are named after it */
    struct id whole;       /* with PART: whose part it is; `id` is part_id() of it then */
    struct digest32 owner; /* SHA-256 of the API key that was presented */
    struct digest32 received, forwarded, returned; /* SHA-256 of the raw bodies; see the flags.
                              forwarded: as rendered for the last provider tried */
    struct digest32 provider_key; /* SHA-256 of the SPKI of the certificate of the provider tried last */
    struct digest32 catalog; /* of the catalog the route was decided on; zero: none was */
    uint64_t served_unix_ms; /* when the answer ended */
    uint64_t received_bytes, returned_bytes;
    uint64_t route_seed;
    int64_t cost_nusd;
    /* Prices of the endpoint that answered; with the usage they give the cost again. */
    int64_t class_pusd[PRICE_CLASS_COUNT];   /* by enum price_class */
    int64_t unit_nusd[PRICE_UNIT_COUNT - 1]; /* by enum price_unit, without "none" */
    uint32_t catalog_version, price_version; /* price_version: of the endpoint that answered */
    uint32_t own_fee_ppm; /* with OWN_KEY: the fee, of what usage and prices give */
    uint32_t markup_ppm;  /* otherwise what is paid on top of that */
    /* Of an orchestration, 1 << part_index(): its parts, each of which has facts of its own, and which of them refused or
     * were given to the client. Their usage and cost are this one's. Else 0. */
    uint32_t parts, refused, chosen;
    USAGE_TOKENS(RECEIPT_TOKENS) /* uint32_t tokens_prompt, tokens_completion, ... */
    uint32_t units;       /* billed beside tokens and the request itself */
    uint16_t flags;       /* enum receipt_flag */
    uint16_t status;      /* HTTP */
    uint8_t endpoint;     /* enum receipt_endpoint */
    uint8_t error;        /* enum api_error: what the client was told; 0: nothing wrong */
    uint8_t outcome;      /* enum err: what happened */
    uint8_t finish;       /* enum usage_finish */
    uint8_t n_candidates; /* 0: refused before anything was decided */
    uint8_t answered;     /* index of the candidate tried last */
    uint8_t unit_kind;    /* enum price_unit: what units are */
    uint8_t requests;     /* 1: the price of a request was due */
    uint8_t tier;         /* whose prices they are, from 1; 0: the base prices */
    uint8_t reserved[1];  /* zero */
    uint16_t inputs_len;  /* 0: they did not fit, or nothing was decided */
    struct receipt_candidate candidate[LIMIT_CANDIDATES];
    uint8_t inputs[ROUTE_INPUTS_MAX]; /* what the route was decided on: route_inputs.h */
    char model[LIMIT_MODEL_ID_BYTES];          /* the catalog's id, NUL-padded; "": none of ours */
    char upstream_model[LIMIT_MODEL_ID_BYTES]; /* what that provider calls it, NUL-padded */
};
_Static_assert(sizeof(struct receipt_facts) % 8 == 0, "kept as words");

/* "/v1/chat/completions" */
const char *receipt_path(enum receipt_endpoint e);
/* RECEIPT_ENDPOINTS: answers of this path have no receipt. */
enum receipt_endpoint receipt_endpoint_of(struct view path);
/* Under /api/v1, as OpenRouter's clients address it. */
bool receipt_is_openrouter(enum receipt_endpoint e);

/* The text forms of facts->id: "rcpt-" and "gen-" before its 32 digits. */
enum { RECEIPT_ID_LEN = 5 + ID_TEXT_LEN, RECEIPT_CHAT_ID_LEN = 4 + ID_TEXT_LEN };
void receipt_id_text(const struct id *id, char out[static RECEIPT_ID_LEN + 1]);
void receipt_chat_id_text(const struct id *id, char out[static RECEIPT_CHAT_ID_LEN + 1]);
/* Either form. ERR_FORMAT. */
must_check enum err receipt_id_parse(struct view text, struct id *out);

/* A salted commitment to a body:
 *   value = HMAC-SHA256(salt, "tr.commitment.<side>.v1" || 0x00 || SHA-256(body))
 * Each salt is 32 bytes derived from a secret of this boot and the receipt's id, so it need not be
 * kept. It is for the key's owner alone: with it, and only with it, a guess can be tested. */
enum receipt_side { RECEIPT_REQUEST, RECEIPT_RESPONSE };
struct receipt_commitment {
    uint8_t salt[32];
    struct digest32 value;
};
/* response: only when RECEIPT_RETURNED. boot_secret: receipts_salt_secret(). */
void receipt_commit(const struct secret32 *boot_secret, const struct receipt_facts *f,
                    enum receipt_side side, struct receipt_commitment *out);

#endif
