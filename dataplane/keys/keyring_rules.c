/* Revocations and changed rules, and which word about a key is the later one. Look-ups, lease answers and
 * pushes travel on their own ways through the control plane, so they arrive in any order; each carries the
 * version of the key's rules it was given under, and what is older than what was heard is ignored.
 *
 * A version counts for HEARD_MS only. No message is on its way for longer, so nothing older can still come;
 * and a database that was restored from a backup, whose versions begin lower, is obeyed again after that. */
#include "keyring.h"
#include "keyring_slot.h"

#include <assert.h>

/* --- versions --- */

static struct heard *heard_set(const struct keyring *k, const struct digest32 *d)
{
    return &k->heard[(digest_word(d, 2) & (HEARD_SETS - 1)) * HEARD_WAYS];
}

static bool heard_lately(uint64_t at_ms, uint64_t mono_ms)
{
    return mono_ms - at_ms <= HEARD_MS;
}

static struct heard *heard_find(const struct keyring *k, const struct digest32 *d)
{
    struct heard *set = heard_set(k, d);

    for (unsigned i = 0; i < HEARD_WAYS; i++)
        if (set[i].at_ms != 0 && secret_equal(&set[i].digest, d, sizeof *d))
            return &set[i];
    return NULL;
}

/* The oldest entry of its set is replaced. Only pushes of the control plane are noted here, so strangers that
 * try keys cannot push anything out. */
static void heard_add(struct keyring *k, const struct digest32 *d, uint64_t version, uint64_t at_ms)
{
    struct heard *set = heard_set(k, d), *at = heard_find(k, d);

    for (unsigned i = 0; at == NULL && i < HEARD_WAYS; i++)
        if (set[i].at_ms == 0)
            at = &set[i];
    if (at == NULL) {
        at = set;
        for (unsigned i = 1; i < HEARD_WAYS; i++)
            if (set[i].at_ms < at->at_ms)
                at = &set[i];
    }
    *at = (struct heard){*d, version, at_ms};
}

bool rules_older(const struct keyring *k, const struct key *s, const struct digest32 *d,
                 uint64_t version, uint64_t mono_ms)
{
    const struct heard *h;

    if (s != NULL)
        return version < s->version && heard_lately(s->version_ms, mono_ms);
    h = heard_find(k, d);
    return h != NULL && version < h->version && heard_lately(h->at_ms, mono_ms);
}

void rules_heard(struct keyring *k, struct key *s, const struct digest32 *d, uint64_t version,
                 uint64_t mono_ms)
{
    if (s == NULL) {
        heard_add(k, d, version, mono_ms);
    } else if (version != s->version || s->version_ms == 0) {
        s->version = version;
        s->version_ms = mono_ms;
    }
}

void rules_keep(struct keyring *k, const struct key *s)
{
    heard_add(k, &s->digest, s->version, s->version_ms);
}

/* --- refusals --- */

static void slot_refuse(struct keyring *k, struct key *s, uint64_t verdict)
{
    /* First the verdict, then the money: a worker that still sees the lease open debits it before the
     * swap, and its request was running when the key was revoked. */
    atomic_store_explicit(&s->no, verdict, memory_order_release);
    slot_close_and_return(k, s);
}

static void rules_refuse(struct keyring *k, struct key *s, const struct digest32 *d, uint8_t reason,
                         uint64_t mono_ms)
{
    uint64_t verdict = keyring_no_verdict(reason, mono_ms);

    if (s == NULL)
        keyring_no_remember(k, d, verdict);
    else
        slot_refuse(k, s, verdict);
}

void keyring_no_key(struct keyring *k, const struct msg_no_key *n, uint64_t mono_ms)
{
    struct key *s = slot_by_digest(k, &n->key_digest);

    /* Version 0 knows of no such key, and there is nothing later to that. */
    if (n->version != 0 && rules_older(k, s, &n->key_digest, n->version, mono_ms))
        return;
    if (n->version != 0 && s != NULL)
        rules_heard(k, s, &n->key_digest, n->version, mono_ms);
    if ((n->reason == NO_KEY_CREDIT || n->reason == NO_KEY_LIMIT) && n->most_nusd > 0)
        return; /* all is lent at present: that answers those requests that asked, and is not remembered */
    rules_refuse(k, s, &n->key_digest, n->reason, mono_ms);
}

/* The key may be used, under rules we do not know: its next request asks. */
static void rules_changed(struct keyring *k, struct key *s, const struct digest32 *d,
                          uint64_t mono_ms)
{
    keyring_no_forget(k, d);
    if (s == NULL)
        return;
    slot_withhold(k, s, mono_ms);
    atomic_store_explicit(&s->no, 0, memory_order_release);
}

void keyring_revoke(struct keyring *k, const struct msg_revoke *r, uint64_t mono_ms)
{
    struct key *s = slot_by_digest(k, &r->key_digest);

    if (rules_older(k, s, &r->key_digest, r->version, mono_ms))
        return;
    rules_heard(k, s, &r->key_digest, r->version, mono_ms);
    if (r->reason == NO_KEY_CHANGED)
        rules_changed(k, s, &r->key_digest, mono_ms);
    else
        rules_refuse(k, s, &r->key_digest, r->reason, mono_ms);
}

/* --- what we hold */

bool keyring_owner(struct keyring *k, const struct digest32 *digest, struct id *account)
{
    const struct key *s = slot_by_digest(k, digest);

    if (s != NULL)
        *account = s->account;
    return s != NULL;
}

size_t keyring_used(const struct keyring *k)
{
    return k->used;
}

size_t keyring_keys(const struct keyring *k, size_t *cursor, size_t end, size_t max,
                    struct buf *keys)
{
    size_t n = 0;

    assert(end <= k->used);
    for (; *cursor < end && n < max; ++*cursor) {
        const struct key *s = &k->slots[*cursor];

        if (msg_keys_put(keys, &s->digest, s->version) != ERR_NONE)
            break; /* out of memory: the next call goes on from here */
        n++;
    }
    return n;
}
