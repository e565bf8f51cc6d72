/* The terms of a key beside its money: what it may be used for, and which part of its limits per minute is this data
 * plane's. Written by the link thread, with what makes the key usable, and before it. */
#include "keyring_slot.h"

#include <assert.h>

/* --- rules */

static bool rules_same(const struct slot_rules *at, const uint64_t word[static RULES_WORDS])
{
    bool same = true;

    for (unsigned i = 0; i < RULES_WORDS; i++)
        same = same && atomic_load_explicit(&at->word[i], memory_order_relaxed) == word[i];
    return same;
}

/* Each word is written with release, so that whoever reads one of them sees that the generation is odd. */
static void slot_rules_write(struct keyring *k, struct key *s, const struct key_rules *rules)
{
    struct slot_rules *at = &k->rules[s - k->slots];
    uint64_t word[RULES_WORDS] = {0}, was = atomic_load_explicit(&s->rules, memory_order_relaxed);

    memcpy(word, rules, sizeof *rules);
    if (was != 0 && rules_same(at, word))
        return; /* a lease that was renewed: requests that are routed need not be routed again */
    atomic_store_explicit(&s->rules, 1, memory_order_relaxed);
    for (unsigned i = 0; i < RULES_WORDS; i++)
        atomic_store_explicit(&at->word[i], word[i], memory_order_release);
    k->rules_generation += 2;
    atomic_store_explicit(&s->rules, k->rules_generation, memory_order_release);
}

/* --- limits per minute */

/* The part of a minute that one of `limit` takes here. */
static uint64_t interval_ns(uint32_t limit, unsigned parts)
{
    return limit == 0 ? 0 : MINUTE_NS * parts / limit;
}

static uint32_t part_of(uint32_t limit, unsigned parts)
{
    return limit == 0 || limit >= parts ? limit / parts : 1;
}

static void slot_share(struct key *s)
{
    unsigned parts = s->parts == 0 ? 1 : s->parts;

    atomic_store_explicit(&s->request_limit, part_of(s->requests_per_minute, parts), memory_order_relaxed);
    atomic_store_explicit(&s->token_limit, part_of(s->tokens_per_minute, parts), memory_order_relaxed);
    atomic_store_explicit(&s->request_ns, interval_ns(s->requests_per_minute, parts), memory_order_relaxed);
    atomic_store_explicit(&s->token_ns, interval_ns(s->tokens_per_minute, parts), memory_order_relaxed);
}

void slot_limits(struct key *s, uint32_t requests_per_minute, uint32_t tokens_per_minute)
{
    s->requests_per_minute = requests_per_minute;
    s->tokens_per_minute = tokens_per_minute;
    slot_share(s);
}

/* Counts, too, are told by statements that ran at the same time (keyring_rules.c says why a version counts for HEARD_MS
 * only). */
static void slot_parts(struct key *s, uint16_t parts, uint64_t version, uint64_t mono_ms)
{
    assert(parts >= 1);
    if (s->parts_ms != 0 && version < s->parts_version && mono_ms - s->parts_ms <= HEARD_MS)
        return;
    s->parts = parts;
    s->parts_version = version;
    s->parts_ms = mono_ms;
    slot_share(s);
}

/* Where the limits are shared, what the others have left is not known here: a full bucket would be a minute's worth
 * that nobody gave up. */
void slot_limits_begin(struct key *s, uint64_t mono_ms)
{
    uint64_t interval = atomic_load_explicit(&s->request_ns, memory_order_relaxed);
    uint64_t bucket = interval > MINUTE_NS ? interval : MINUTE_NS, now = mono_ms * 1000000;

    atomic_store_explicit(&s->request_full_ns, s->parts > 1 ? now + bucket - interval : 0, memory_order_relaxed);
    atomic_store_explicit(&s->token_full_ns, s->parts > 1 ? now + MINUTE_NS - 1 : 0, memory_order_relaxed);
}

void keyring_parts(struct keyring *k, const struct msg_key_parts *m, uint64_t mono_ms)
{
    struct key *s = NULL;

    while ((s = slot_of_key(k, &m->key, s)) != NULL)
        slot_parts(s, m->parts, m->version, mono_ms);
}

/* --- both */

void slot_terms(struct keyring *k, struct key *s, const struct key_terms *terms, uint64_t mono_ms)
{
    if (terms != NULL && key_rules_any(&terms->rules))
        slot_rules_write(k, s, &terms->rules);
    else
        atomic_store_explicit(&s->rules, 0, memory_order_release);
    if (terms != NULL)
        slot_parts(s, terms->parts, terms->parts_version, mono_ms);
}
