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
    return ADMIT_NO;
}

static void admit_ask_cb(void *cookie, const struct ask_answer *answer)
{
    struct admission *a = cookie;

    a->ask = NULL;
    a->answered = true;
    a->answer = *answer;
    a->ready(a->cookie);
}

/* The answer is taken once: what it reserved is a's from here on. */
static enum err admit_answer_take(struct admission *a)
{
    a->answered = false;
    a->retry_ms = a->answer.e == ERR_LENT ? ADMIT_LENT_RETRY_MS : a->answer.retry_ms;
    a->available_nusd = a->answer.most_nusd;
    return a->answer.e;
}

static enum admit_answer admit_ask(struct admission *a)
{
    enum err e = uplink_ask(a->context->port, &a->digest, a->amount_nusd, admit_ask_cb, a, &a->ask);

    a->asked_nusd = a->amount_nusd;
    return e == ERR_NONE ? ADMIT_WAIT : admit_no(a, e);
}

/* The lease has paid; can the request be metered, too? */
static enum admit_answer admit_reserved(struct admission *a, struct key *key, const struct id *lease)
{
    const struct admit_context *c = a->context;

    a->key = key;
    a->lease = *lease;
    if (!meter_reserve(c->meter, c->worker)) {
        key_settle(key, lease, a->amount_nusd, 0);
        return admit_no(a, ERR_OVERLOAD);
    }
    if (a->parts && !meter_reserve_parts(c->meter, c->worker)) {
        meter_unreserve(c->meter, c->worker);
        key_settle(key, lease, a->amount_nusd, 0);
        return admit_no(a, ERR_OVERLOAD);
    }
    a->reserved = true;
    if (key_wants_more(key, clock_mono_ms()))
        uplink_hint_lease(c->port, key);
    return ADMIT_YES;
}

static enum admit_answer admit_answer_step(struct admission *a)
{
    enum err e = admit_answer_take(a);

    return e == ERR_NONE ? admit_reserved(a, a->answer.key, &a->answer.lease) : admit_no(a, e);
}

enum admit_answer admit_step(struct admission *a)
{
    uint64_t now_ms = clock_mono_ms();
    struct key *key;
    struct id lease;
    enum err e;

    assert(!a->reserved && a->ask == NULL);
    if (uplink_trust(a->context->uplink) != ERR_NONE)
        return admit_no(a, ERR_ATTESTATION);
    if (a->answered)
        return admit_answer_step(a);
    e = keyring_find(a->context->keyring, &a->digest, now_ms, &key);
    if (e == ERR_NOT_FOUND)
        return admit_ask(a);
    if (e != ERR_NONE)
        return admit_no(a, e);
    e = key_reserve(key, a->amount_nusd, now_ms, &lease, &a->retry_ms);
    if (e == ERR_NONE)
        return admit_reserved(a, key, &lease);
    key_release(key);
    return e == ERR_CREDIT || e == ERR_CONTROL_PLANE ? admit_ask(a) : admit_no(a, e);
}

/* What the link has reserved for the growth joins the reservation, which has a reference of its own. */
static enum admit_answer grow_answer_step(struct admission *a, int64_t amount_nusd)
{
    enum err e = admit_answer_take(a);

    if (e != ERR_NONE)
        return admit_no(a, e);
    assert(id_eq(&a->answer.lease, &a->lease) && a->answer.key == a->key);
    assert(amount_nusd - a->amount_nusd == a->asked_nusd);
    key_release(a->answer.key);
    a->amount_nusd = amount_nusd;
    return ADMIT_YES;
}

enum admit_answer admit_grow(struct admission *a, int64_t more_nusd)
{
    int64_t amount_nusd;
    enum err e;

    assert(a->reserved && a->ask == NULL && more_nusd >= 0);
    if (money_add(a->amount_nusd, more_nusd, &amount_nusd) != ERR_NONE)
        return admit_no(a, ERR_CREDIT);
    if (a->answered)
        return grow_answer_step(a, amount_nusd);
    e = key_grow(a->key, &a->lease, more_nusd, clock_mono_ms());
    if (e == ERR_NONE) {
        a->amount_nusd = amount_nusd;
        return ADMIT_YES;
    }
    if (e == ERR_CONFLICT)
        return admit_no(a, ERR_LENT);
    if (e != ERR_CREDIT && e != ERR_CONTROL_PLANE)
        return admit_no(a, e);
    a->asked_nusd = more_nusd;
    e = uplink_ask_more(a->context->port, a->key, &a->lease, more_nusd, admit_ask_cb, a, &a->ask);
    return e == ERR_NONE ? ADMIT_WAIT : admit_no(a, e);
}

/* Drop a question that is open, or an answer that was not used. */
static void admit_forget(struct admission *a)
{
    if (a->ask != NULL)
        ask_cancel(a->ask);
    a->ask = NULL;
    if (a->answered && a->answer.e == ERR_NONE) {
        key_settle(a->answer.key, &a->answer.lease, a->asked_nusd, 0);
        key_release(a->answer.key);
    }
    a->answered = false;
}

bool admit_cover(struct admission *a, int64_t more_nusd)
{
    int64_t amount_nusd;

    assert(a->reserved && more_nusd >= 0);
    admit_forget(a);
    if (money_add(a->amount_nusd, more_nusd, &amount_nusd) != ERR_NONE ||
        key_grow(a->key, &a->lease, more_nusd, clock_mono_ms()) != ERR_NONE)
        return false;
    a->amount_nusd = amount_nusd;
    return true;
}

void admit_settle(struct admission *a, int64_t cost_nusd, uint64_t tokens)
{
    assert(a->reserved && cost_nusd >= 0 && cost_nusd <= a->amount_nusd);
    admit_forget(a);
    key_settle(a->key, &a->lease, a->amount_nusd, cost_nusd);
    key_count_tokens(a->key, tokens, clock_mono_ms());
    key_rates(a->key, clock_mono_ms(), &a->rates);
    a->settled = true;
    a->reserved = false;
    key_release(a->key);
    a->key = NULL;
}

void admit_rates(const struct admission *a, const struct admit_context *c,
                 const struct digest32 *digest, struct key_rates *out)
{
    uint64_t now_ms = clock_mono_ms();
    struct key *key;

    *out = (struct key_rates){0};
    if (a->key != NULL) {
        key_rates(a->key, now_ms, out);
    } else if (a->settled) {
        *out = a->rates;
    } else if (keyring_find(c->keyring, digest, now_ms, &key) == ERR_NONE) { /* refused */
        key_rates(key, now_ms, out);
        key_release(key);
    }
}

void admit_release(struct admission *a)
{
    admit_forget(a);
    if (a->reserved) {
        key_settle(a->key, &a->lease, a->amount_nusd, 0);
        meter_unreserve(a->context->meter, a->context->worker);
        if (a->parts)
            meter_unreserve_parts(a->context->meter, a->context->worker);
        a->reserved = false;
    }
    if (a->key != NULL)
        key_release(a->key);
    a->key = NULL;
}

void admit_withdraw(struct admission *a)
{
    if (a->reserved)
        key_forgo(a->key);
    admit_release(a);
}
