#include "arrival.h"

#include "clock.h"

#include <stdlib.h>

/* A request, or its body, that waits for the answer about its key. */
struct arrival {
    const struct arrival_context *context;
    struct web_request *web;
    struct digest32 who;
    struct ask *ask;
    void (*then)(void *cookie, struct web_request *web, enum api_error error); /* NULL: a body waits */
    void *cookie;
};

static enum err arrival_find(const struct arrival_context *x, const struct digest32 *who)
{
    struct key *key;
    enum err e = keyring_find(x->keyring, who, clock_mono_ms(), &key);

    if (e == ERR_NONE)
        key_release(key);
    return e;
}

/* What is known of the key decides; ERR_NOT_FOUND has to be asked about. A key without credit is a known
 * one: its request is told how much would do. */
static enum web_verdict arrival_verdict(enum err e, int *why)
{
    switch ((int)e) {
    case ERR_NONE:
    case ERR_CREDIT:
    case ERR_KEY_LIMIT:
    case ERR_LENT:
        return WEB_BODY_ALL;
    case ERR_NOT_FOUND:
        return WEB_BODY_WAIT;
    default:
        *why = (int)errors_of(e);
        return WEB_BODY_REFUSED;
    }
}

static void arrival_answered_cb(void *cookie, const struct ask_answer *answer)
{
    struct arrival a = *(struct arrival *)cookie;
    enum web_verdict v;
    int why = API_CONTROL_PLANE; /* an answer that is over already */

    free(cookie);
    v = arrival_verdict(answer->e == ERR_NONE ? arrival_find(a.context, &a.who) : answer->e, &why);
    if (a.then != NULL) {
        a.then(a.cookie, a.web, v == WEB_BODY_ALL ? API_OK : (enum api_error)why);
        return;
    }
    if (v == WEB_BODY_ALL)
        web_body_share(a.web, share_of(a.context->shares, &a.who));
    web_body_decide(a.web, v == WEB_BODY_ALL ? v : WEB_BODY_REFUSED, why);
}

static void arrival_gone_cb(void *cookie)
{
    struct arrival *a = cookie;

    ask_cancel(a->ask);
    free(a);
}

/* Asks the control plane for `waiting`. WEB_BODY_WAIT, or WEB_BODY_REFUSED with the reason. */
static enum web_verdict arrival_ask(const struct arrival *waiting, int *why)
{
    const struct arrival_context *x = waiting->context;
    struct arrival *a;
    enum err e = ERR_MEMORY;

    if (uplink_trust(x->uplink) != ERR_NONE) {
        *why = API_ATTESTATION;
        return WEB_BODY_REFUSED;
    }
    a = calloc(1, sizeof *a);
    if (a != NULL) {
        *a = *waiting;
        e = uplink_ask_key(x->port, &a->who, arrival_answered_cb, a, &a->ask);
    }
    if (e != ERR_NONE) {
        free(a);
        *why = (int)errors_of(e);
        return WEB_BODY_REFUSED;
    }
    web_set_gone(a->web, arrival_gone_cb, a);
    return WEB_BODY_WAIT;
}

enum web_verdict arrival_of_key(const struct arrival_context *x, struct web_request *web,
                                const struct digest32 *who, bool more, int *why)
{
    enum web_verdict v = arrival_verdict(arrival_find(x, who), why);

    if (v == WEB_BODY_ALL) {
        web_body_share(web, share_of(x->shares, who));
        return v;
    }
    if (!more) /* a small body is worth no look-up of its own: its request will be answered, receipt and all */
        return WEB_BODY_SMALL;
    if (v == WEB_BODY_REFUSED)
        return v;
    return arrival_ask(&(struct arrival){.context = x, .web = web, .who = *who}, why);
}

void arrival_check(const struct arrival_context *x, struct web_request *web,
                   const struct digest32 *who,
                   void (*then)(void *cookie, struct web_request *web, enum api_error error),
                   void *cookie)
{
    int why;
    enum web_verdict v = arrival_verdict(arrival_find(x, who), &why);

    if (v == WEB_BODY_WAIT)
        v = arrival_ask(&(struct arrival){x, web, *who, NULL, then, cookie}, &why);
    if (v != WEB_BODY_WAIT)
        then(cookie, web, v == WEB_BODY_ALL ? API_OK : (enum api_error)why);
}
