/* The REST API: keys, credits, usage, for people and their programs. Its own TLS listener, Bearer
 * keys looked up by digest, JSON in and out, the same routes under /v1 (OpenAI's errors) and
 * /api/v1 (OpenRouter's). */
#ifndef TR_CONTROLPLANE_API_API_H
#define TR_CONTROLPLANE_API_API_H

#include "db.h"
#include "err.h"
#include "id.h"
#include "message.h"
#include "rate.h"

#include <openssl/ssl.h>
#include <uv.h>

struct api;
struct translog;
struct rules;
struct vault;
struct providers;
struct control_health;
struct payments;
struct pages;
struct identity;
struct mailer;
struct api_config {
    uv_loop_t *loop;
    struct db *db;
    const char *host;
    uint16_t port; /* 0: any */
    SSL_CTX *tls;  /* borrowed, outlives the api */
    struct translog *log; /* the transparency log, borrowed */
    struct rules *rules;  /* the attestation policy, borrowed */
    const struct providers *providers; /* borrowed */
    const struct vault *vault;         /* borrowed */
    const struct control_health *health; /* borrowed, outlives the api */
    struct payments *payments; /* borrowed, outlives the calls whose client waits; NULL: there are none */
    struct rate_config pages; /* how often pages that need no key may be asked for */
    bool sign_up; /* anybody may become a customer */
    const char *console_origin; /* where browsers see us (site.h); borrowed; NULL or empty: nowhere */
    struct identity *identity;  /* where users may sign in, borrowed, outlives the calls whose client waits; NULL: nowhere */
    struct mailer *mailer;      /* the same; NULL: no messages are sent */
    struct rate_config caller; /* of one credential, as of an address; address_per_s 0: no limit */
    const char *cors_origins; /* pages that may call from browsers (cors.h); borrowed, NULL: none */
    const struct pages *console;  /* its files, borrowed, outlives the api; NULL: there are none */
    const char *console_name, *console_dataplanes, *release_key, *security_contact; /* what its pages are told;
                                                                                     * borrowed, may be empty */
    uint64_t idempotency_ms; /* how long an idempotency key is remembered */
};
/* ERR_IO with errno set when the address is taken. */
must_check enum err api_start(const struct api_config *c, struct api **out);
uint16_t api_port(const struct api *a);
/* cookie: the api. What was rolled up of an account's usage, as its live feeds tell it. Before api_stop(). */
void api_usage_told(void *cookie, const struct id *account, struct view json);
/* Stop accepting; running requests finish; then stopped(cookie) fires once and the api is gone. */
void api_stop(struct api *a, void (*stopped)(void *cookie), void *cookie);

/* A client's question that a data plane hands on (relayed.c): the same routes and handlers, of those that
 * an account's own keys use. address: of the data plane, for the limit on unknown keys. cb fires once, maybe
 * before api_relay() returns; the answer is borrowed. Not after api_stop(). */
struct api_answer {
    int status;
    uint32_t retry_ms; /* with 429 and 503 */
    struct view body;  /* JSON */
};
typedef void api_answer_cb(void *cookie, const struct api_answer *answer);
void api_relay(struct api *a, const struct msg_relay_ask *ask, const uint8_t address[static 16],
               api_answer_cb *cb, void *cookie);

/* A new key: its text (the caller wipes it), digest, and the label by which people know it again.
 */
enum { API_LABEL_MAX = 20 };
struct new_key {
    char text[KEY_TEXT_LEN + 1];
    uint8_t digest[32];
    char label[API_LABEL_MAX + 1];
};
void api_new_key(bool management, struct new_key *out);

#endif
