#include "admit.h"

#include "clock.h"
#include "money.h"

#include <assert.h>

void admit_init(struct admission *a, const struct admit_context *context,
                const struct digest32 *digest, int64_t amount_nusd, void (*ready)(void *cookie),
                void *cookie)
{
    assert(amount_nusd >= 0);
    *a = (struct admission){
        .context = context,
        .digest = *digest,
        .amount_nusd = amount_nusd,
        .ready = ready,
        .cookie = cookie,
    };
}

static enum admit_answer admit_no(struct admission *a, enum err why)
{
    assert(why != ERR_NONE);
    a->why = why;
    if (a->key != NULL)
        a->available_nusd = key_available(a->key);
    return ADMIT_NO;
}

static int64_t admit_want(const struct admission *a)
{
    return a->amount_nusd < LEASE_ASK_MAX ? a->amount_nusd : LEASE_ASK_MAX;
}

static void admit_key_cb(void *cookie, enum err e)
{
    struct admission *a = cookie;

    a->ask = NULL;
    a->link_failed = e != ERR_NONE;
    a->ready(a->cookie);
}

static void admit_lease_cb(void *cookie, enum err e, enum lease_status s)
{
    struct admission *a = cookie;

    a->ask = NULL;
    a->link_failed = e != ERR_NONE;
    a->lease_status = s;
    a->ready(a->cookie);
}

static enum admit_answer admit_ask_key(struct admission *a)
{
    enum err e;

    if (a->link_failed || a->asks == ADMIT_ASKS_MAX)
        return admit_no(a, ERR_CONTROL_PLANE);
    a->asks++;
    e = uplink_ask_key(a->context->port, &a->digest, admit_want(a), admit_key_cb, a, &a->ask);
    return e == ERR_NONE ? ADMIT_WAIT : admit_no(a, e);
}

/* The lease holds too little, or has ended (why). What the last answer said decides whether asking
 * (again) can help. */
static enum admit_answer admit_ask_lease(struct admission *a, enum err why)
{
    enum err e;

    if (a->link_failed)
        return admit_no(a, ERR_CONTROL_PLANE);
    if (a->lease_status == LEASE_NO_CREDIT)
        return admit_no(a, ERR_CREDIT);
    if (a->lease_status == LEASE_KEY_LIMIT)
        return admit_no(a, ERR_KEY_LIMIT);
    if (a->asks == ADMIT_ASKS_MAX)
        return admit_no(a, why);
    a->asks++;
    e = uplink_ask_lease(a->context->port, a->key, admit_want(a), admit_lease_cb, a, &a->ask);
    return e == ERR_NONE ? ADMIT_WAIT : admit_no(a, e);
}

static enum err admit_find(struct admission *a, uint64_t now_ms)
{
    if (a->lease_status == LEASE_GONE && a->key != NULL) {
        key_release(a->key); /* the keyring knows by now why it is gone */
        a->key = NULL;
        a->lease_status = LEASE_OK;
    }
    if (a->key != NULL)
        return ERR_NONE;
    return keyring_find(a->context->keyring, &a->digest, now_ms, &a->key);
}

enum admit_answer admit_step(struct admission *a)
{
    const struct admit_context *c = a->context;
    uint64_t now_ms = clock_mono_ms();
    enum err e;

    assert(!a->reserved && a->ask == NULL);
    if (uplink_trust(c->uplink) != ERR_NONE)
        return admit_no(a, ERR_ATTESTATION);
    e = admit_find(a, now_ms);
    if (e == ERR_NOT_FOUND)
        return admit_ask_key(a);
    if (e != ERR_NONE)
        return admit_no(a, e);
    e = key_reserve(a->key, a->amount_nusd, now_ms, &a->lease, &a->retry_ms);
    if (e == ERR_CREDIT || e == ERR_CONTROL_PLANE)
        return admit_ask_lease(a, e);
    if (e != ERR_NONE)
        return admit_no(a, e);
    if (!meter_reserve(c->meter, c->worker)) {
        key_settle(a->key, &a->lease, a->amount_nusd, 0);
        return admit_no(a, ERR_OVERLOAD);
    }
    a->reserved = true;
    if (key_wants_more(a->key, now_ms))
        uplink_hint_lease(c->port, a->key, admit_want(a));
    return ADMIT_YES;
}

/* The answer about the last attempt to grow is over, whatever the next one will hear. */
static enum admit_answer grow_no(struct admission *a, enum err why)
{
    a->growing = false;
    return admit_no(a, why);
}

static enum admit_answer grow_ask(struct admission *a, int64_t more_nusd)
{
    int64_t want = more_nusd < LEASE_ASK_MAX ? more_nusd : LEASE_ASK_MAX;
    enum err e;

    a->growing = true;
    a->lease_status = LEASE_OK;
    e = uplink_ask_lease(a->context->port, a->key, want, admit_lease_cb, a, &a->ask);
    return e == ERR_NONE ? ADMIT_WAIT : grow_no(a, e);
}

enum admit_answer admit_grow(struct admission *a, int64_t more_nusd)
{
    int64_t amount_nusd;
    enum err e;

    assert(a->reserved && a->ask == NULL && more_nusd >= 0);
    if (money_add(a->amount_nusd, more_nusd, &amount_nusd) != ERR_NONE)
        return grow_no(a, ERR_CREDIT);
    e = key_grow(a->key, &a->lease, more_nusd, clock_mono_ms());
    if (e == ERR_NONE) {
        a->growing = false;
        a->amount_nusd = amount_nusd;
        return ADMIT_YES;
    }
    if (e != ERR_CREDIT && e != ERR_CONTROL_PLANE)
        return grow_no(a, e == ERR_CONFLICT ? ERR_CREDIT : e);
    if (!a->growing)
        return grow_ask(a, more_nusd);
    if (a->link_failed)
        e = ERR_CONTROL_PLANE;
    else if (a->lease_status == LEASE_KEY_LIMIT)
        e = ERR_KEY_LIMIT;
    return grow_no(a, e);
}

void admit_settle(struct admission *a, int64_t cost_nusd, uint64_t tokens)
{
    assert(a->reserved && cost_nusd >= 0 && cost_nusd <= a->amount_nusd);
    if (a->ask != NULL) /* the request ended while it waited to grow */
        ask_cancel(a->ask);
    a->ask = NULL;
    key_settle(a->key, &a->lease, a->amount_nusd, cost_nusd);
    key_count_tokens(a->key, tokens, clock_mono_ms());
    a->reserved = false;
    key_release(a->key);
    a->key = NULL;
}

void admit_release(struct admission *a)
{
    if (a->ask != NULL)
        ask_cancel(a->ask);
    a->ask = NULL;
    if (a->reserved) {
        key_settle(a->key, &a->lease, a->amount_nusd, 0);
        meter_unreserve(a->context->meter, a->context->worker);
        a->reserved = false;
    }
    if (a->key != NULL)
        key_release(a->key);
    a->key = NULL;
}
