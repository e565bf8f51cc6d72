/* Keys known not to work: a fixed table of sets, written by the link thread, read by workers without a
 * lock, so that a client that tries keys costs the control plane one look-up per key and LIMIT_NEGATIVE_MS. */
#include "keyring_slot.h"

/* --- workers --- */

enum err keyring_no_find(const struct keyring *k, const struct digest32 *d, uint64_t mono_ms)
{
    const struct no_cell *set = &k->no[(digest_word(d, 1) & (NO_SETS - 1)) * NO_WAYS];

    for (unsigned i = 0; i < NO_WAYS; i++) {
        /* A cell is read between two equal reads of its verdict, which is 0 while it changes. Two
         * equal verdicts around a change say the same of both keys, so even that is right. */
        uint64_t v = atomic_load_explicit(&set[i].verdict, memory_order_acquire);
        bool same = v != 0 && verdict_until(v) > mono_ms;

        for (unsigned w = 0; same && w < 4; w++)
            same = atomic_load_explicit(&set[i].digest[w], memory_order_acquire) ==
                   digest_word(d, w);
        if (same && atomic_load_explicit(&set[i].verdict, memory_order_acquire) == v)
            return verdict_err(v);
    }
    return ERR_NOT_FOUND;
}

/* --- the link thread --- */

static struct no_cell *no_cell_of(struct keyring *k, const struct digest32 *d)
{
    uint64_t w[4];
    struct no_cell *set;

    memcpy(w, d->b, sizeof w);
    set = &k->no[(w[1] & (NO_SETS - 1)) * NO_WAYS];
    for (unsigned i = 0; i < NO_WAYS; i++) {
        bool same = true;

        for (unsigned j = 0; j < 4; j++)
            same &= atomic_load_explicit(&set[i].digest[j], memory_order_relaxed) == w[j];
        if (same)
            return &set[i];
    }
    return NULL;
}

void keyring_no_remember(struct keyring *k, const struct digest32 *d, uint64_t verdict)
{
    struct no_cell *c = no_cell_of(k, d);
    uint64_t w[4];

    memcpy(w, d->b, sizeof w);
    if (c == NULL)
        c = &k->no[(w[1] & (NO_SETS - 1)) * NO_WAYS + k->no_cursor++ % NO_WAYS];
    atomic_store_explicit(&c->verdict, 0, memory_order_release);
    for (unsigned j = 0; j < 4; j++)
        atomic_store_explicit(&c->digest[j], w[j], memory_order_release);
    atomic_store_explicit(&c->verdict, verdict, memory_order_release);
}

void keyring_no_forget(struct keyring *k, const struct digest32 *d)
{
    struct no_cell *c = no_cell_of(k, d);

    if (c != NULL)
        atomic_store_explicit(&c->verdict, 0, memory_order_release);
}

uint64_t keyring_no_verdict(uint8_t reason, uint64_t mono_ms)
{
    static const struct {
        enum err err;
        uint32_t ms;
    } table[NO_KEY_COUNT] = {
        [NO_KEY_UNKNOWN] = {ERR_AUTH, LIMIT_NEGATIVE_MS},
        [NO_KEY_DISABLED] = {ERR_FORBIDDEN, LIMIT_NEGATIVE_MS},
        [NO_KEY_EXPIRED] = {ERR_KEY_EXPIRED, LIMIT_NEGATIVE_MS},
        [NO_KEY_CREDIT] = {ERR_CREDIT, NEGATIVE_CREDIT_MS},
        [NO_KEY_LIMIT] = {ERR_KEY_LIMIT, NEGATIVE_CREDIT_MS},
    };

    if (reason >= NO_KEY_COUNT) /* the decoder refuses it; if it did not, no means no */
        reason = NO_KEY_UNKNOWN;
    return verdict_make(mono_ms + table[reason].ms, table[reason].err);
}
