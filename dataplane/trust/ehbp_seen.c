/* A table of keyed hashes of encapsulated keys: the hash decides the set, and a sender who does not know its key
 * cannot aim at one. */
#include "ehbp_seen.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

enum { EHBP_SEEN_LOCKS = 64 }; /* workers seldom meet at one */

struct ehbp_seen_set {
    uint64_t hash[EHBP_SEEN_WAYS]; /* 0: free */
    unsigned next;                 /* the oldest, which the next one replaces */
};

struct ehbp_seen {
    struct ehbp_seen_set *sets;
    pthread_mutex_t locks[EHBP_SEEN_LOCKS];
    uint8_t key[crypto_shorthash_KEYBYTES];
};

enum err ehbp_seen_new(struct ehbp_seen **out)
{
    struct ehbp_seen *s = calloc(1, sizeof *s);

    if (s == NULL)
        return ERR_MEMORY;
    s->sets = calloc(EHBP_SEEN_SETS, sizeof *s->sets);
    if (s->sets == NULL) {
        free(s);
        return ERR_MEMORY;
    }
    for (unsigned i = 0; i < EHBP_SEEN_LOCKS; i++)
        pthread_mutex_init(&s->locks[i], NULL);
    secret_random(s->key, sizeof s->key);
    *out = s;
    return ERR_NONE;
}

void ehbp_seen_free(struct ehbp_seen *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < EHBP_SEEN_LOCKS; i++)
        pthread_mutex_destroy(&s->locks[i]);
    free(s->sets);
    secret_wipe(s, sizeof *s);
    free(s);
}

static bool set_first(struct ehbp_seen_set *set, uint64_t hash)
{
    for (unsigned i = 0; i < EHBP_SEEN_WAYS; i++)
        if (set->hash[i] == hash)
            return false;
    set->hash[set->next] = hash;
    set->next = (set->next + 1) % EHBP_SEEN_WAYS;
    return true;
}

bool ehbp_seen_first(struct ehbp_seen *s, const uint8_t enc[static HPKE_KEY_BYTES])
{
    uint64_t hash;
    size_t set;
    bool first;

    crypto_shorthash((uint8_t *)&hash, enc, HPKE_KEY_BYTES, s->key);
    set = hash % EHBP_SEEN_SETS;
    hash |= hash == 0;
    pthread_mutex_lock(&s->locks[set % EHBP_SEEN_LOCKS]);
    first = set_first(&s->sets[set], hash);
    pthread_mutex_unlock(&s->locks[set % EHBP_SEEN_LOCKS]);
    return first;
}
