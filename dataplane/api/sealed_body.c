/* (G) Opens a request's body where it lies and seals what is answered to it. */
#include "sealed_body.h"

#include "content_view.h"
#include "ehbp.h"
#include "evidence.h"
#include "reply.h"

#include <assert.h>
#include <stdlib.h>

/* --- answers */

struct sealed_answer {
    struct web_seal seal; /* first: the server gives this back */
    struct gcm gcm;
    char nonce[2 * EHBP_NONCE_BYTES + 1];
};

static enum err answer_seal(struct web_seal *s, struct view piece, uint8_t *out)
{
    return ehbp_seal(&((struct sealed_answer *)s)->gcm, piece, out);
}

static void answer_free(struct web_seal *s)
{
    struct sealed_answer *a = (struct sealed_answer *)s;

    gcm_free(&a->gcm);
    free(a);
}

/* ERR_MEMORY, ERR_CRYPTO: the answer is not sealed. */
static enum err answer_seal_begin(const struct ehbp *request, struct web_request *r)
{
    struct sealed_answer *a = calloc(1, sizeof *a);
    uint8_t nonce[EHBP_NONCE_BYTES];
    enum err e;

    if (a == NULL)
        return ERR_MEMORY;
    secret_random(nonce, sizeof nonce);
    e = ehbp_answer(request, nonce, &a->gcm);
    if (e != ERR_NONE) {
        free(a);
        return e;
    }
    hex_encode(nonce, sizeof nonce, a->nonce);
    a->seal = (struct web_seal){.header = {VIEW_LIT("ehbp-response-nonce"), view_of(a->nonce, sizeof a->nonce - 1)},
                                .grows = EHBP_GROWS,
                                .seal = answer_seal,
                                .free = answer_free};
    web_seal_answer(r, &a->seal);
    return ERR_NONE;
}

/* --- requests */

/* From the header's value to the keys of the request. ERR_FORMAT: it is no key. */
static enum err request_begin_keys(const struct sealed_context *x, struct view value, struct ehbp *out)
{
    uint8_t enc[HPKE_KEY_BYTES];
    struct secret32 dh;
    enum err e;

    if (hex_decode(value, enc, sizeof enc) != ERR_NONE || identity_agree(x->keys, enc, &dh) != ERR_NONE)
        return ERR_FORMAT;
    e = ehbp_begin(out, &dh, enc, identity_document(x->keys)->hpke_x25519);
    secret_wipe(&dh, sizeof dh);
    return e;
}

static enum sealed_body refused(struct api_failure *f, enum api_error error)
{
    *f = (struct api_failure){.error = error};
    return SEALED_BODY_REFUSED;
}

/* The body with the keys of its request. */
static enum sealed_body open_body(const struct sealed_context *x, struct ehbp *keys, struct web_request *r,
                                  struct api_failure *f)
{
    struct view plain;
    enum err opened = ehbp_open(keys, web_body_bytes(r), web_body(r).len, &plain);

    if (opened == ERR_AUTH)
        return SEALED_BODY_KEY;
    if (opened == ERR_SHORT)
        return refused(f, API_NO_BODY);
    if (opened == ERR_FORMAT && keys->hpke.gcm.next == 0)
        return refused(f, API_SEALED_BODY);
    /* From here on the client is one that has our key, and reads what is sealed to it. */
    if (answer_seal_begin(keys, r) != ERR_NONE)
        return refused(f, API_OVERLOAD);
    if (opened != ERR_NONE)
        return refused(f, API_SEALED_BODY);
    if (!ehbp_seen_first(x->seen, keys->enc))
        return refused(f, API_SEALED_TWICE);
    web_body_narrow(r, plain);
    return SEALED_BODY_OPEN;
}

enum sealed_body sealed_body_open(const struct sealed_context *x, struct web_request *r, struct api_failure *f)
{
    struct view value, method;
    struct ehbp keys;
    enum sealed_body result;
    enum err e;

    if (!web_header(r, SEALED_BODY_HEADER, &value))
        return SEALED_BODY_NONE;
    if (web_body(r).len == 0) {
        method = web_method(r);
        if (view_eq(method, VIEW_LIT("GET")) || view_eq(method, VIEW_LIT("HEAD")) ||
            view_eq(method, VIEW_LIT("OPTIONS")))
            return SEALED_BODY_NONE;
        return refused(f, API_NO_BODY);
    }
    e = request_begin_keys(x, value, &keys);
    if (e != ERR_NONE)
        return refused(f, e == ERR_FORMAT ? API_SEALED_BODY : API_OVERLOAD);
    result = open_body(x, &keys, r, f);
    ehbp_free(&keys);
    return result;
}

void sealed_body_answer(const struct sealed_context *x, struct web_request *r)
{
    struct view value;
    struct ehbp keys;

    if (!web_header(r, SEALED_BODY_HEADER, &value) || request_begin_keys(x, value, &keys) != ERR_NONE)
        return;
    answer_seal_begin(&keys, r); /* else it leaves as it is: nothing of the client's is in it */
    ehbp_free(&keys);
}

/* --- the key */

int sealed_body_answer_key(struct web_request *r)
{
    static const struct view problem =
        VIEW_LIT("{\"type\":\"urn:ietf:params:ehbp:error:key-config\",\"title\":\"key configuration mismatch\","
                 "\"status\":422,\"detail\":\"The body does not open with the HPKE key of this boot. Verify the "
                 "evidence of this data plane again, and seal the request to the key that it names.\"}");
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("content-type"), VIEW_LIT("application/problem+json"));
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    web_respond(r, 422, p.headers, p.n, problem);
    return 422;
}

int sealed_body_keys(const struct sealed_context *x, struct web_request *r)
{
    uint8_t config[EHBP_CONFIG_BYTES];
    struct id id = id_new();
    struct reply p;

    ehbp_config(identity_document(x->keys)->hpke_x25519, config);
    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("content-type"), VIEW_LIT("application/ohttp-keys"));
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-cache"));
    web_respond(r, 200, p.headers, p.n, view_of(config, sizeof config));
    return 200;
}
