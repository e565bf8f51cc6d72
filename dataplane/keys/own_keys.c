/* The store: a table of references under one lock, which only requests of accounts with own keys take. */
#include "own_keys.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

struct own_store {
    pthread_mutex_t lock;
    uint64_t uses;
    size_t n;
    struct own_keys *list[OWN_ACCOUNTS_MAX];
};

enum err own_store_new(struct own_store **out)
{
    struct own_store *s = calloc(1, sizeof *s);

    if (s == NULL)
        return ERR_MEMORY;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return ERR_NONE;
}

void own_store_free(struct own_store *s)
{
    if (s == NULL)
        return;
    own_store_clear(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* --- under the lock */

static void keys_drop(struct own_keys *k)
{
    assert(k->refs > 0);
    if (--k->refs == 0)
        sodium_free(k); /* wipes */
}

static void store_remove(struct own_store *s, size_t at)
{
    keys_drop(s->list[at]);
    s->list[at] = s->list[--s->n];
}

/* s->n: it is not there. */
static size_t store_place(const struct own_store *s, const struct id *account)
{
    size_t at = 0;

    while (at < s->n && !id_eq(&s->list[at]->account, account))
        at++;
    return at;
}

static size_t store_oldest(const struct own_store *s)
{
    size_t oldest = 0;

    for (size_t i = 1; i < s->n; i++)
        if (s->list[i]->used < s->list[oldest]->used)
            oldest = i;
    return oldest;
}

/* --- any thread */

struct own_keys *own_store_find(struct own_store *s, const struct id *account, uint64_t version)
{
    struct own_keys *k = NULL;
    size_t at;

    pthread_mutex_lock(&s->lock);
    at = store_place(s, account);
    if (at < s->n && s->list[at]->version >= version) {
        k = s->list[at];
        k->refs++;
        k->used = ++s->uses;
    }
    pthread_mutex_unlock(&s->lock);
    return k;
}

void own_keys_release(struct own_store *s, struct own_keys *k)
{
    if (k == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    keys_drop(k);
    pthread_mutex_unlock(&s->lock);
}

struct view own_key_text(const struct own_keys *k, unsigned at)
{
    assert(at < k->n && k->list[at].len <= OWN_KEY_TEXT_MAX);
    return view_of(k->list[at].text, k->list[at].len);
}

/* --- the link thread */

enum err own_keys_new(const struct id *account, unsigned n, struct own_keys **out)
{
    size_t bytes = sizeof **out + n * sizeof(struct own_key);
    struct own_keys *k;

    assert(n <= LIMIT_OWN_KEYS);
    /* sodium_malloc() puts the end of the block at a guard page, so its size keeps the alignment. */
    k = sodium_malloc((bytes + 15) / 16 * 16);
    if (k == NULL)
        return ERR_MEMORY;
    memset(k, 0, bytes);
    k->account = *account;
    k->n = n;
    k->refs = 1;
    *out = k;
    return ERR_NONE;
}

void own_store_put(struct own_store *s, struct own_keys *k)
{
    size_t at;

    pthread_mutex_lock(&s->lock);
    at = store_place(s, &k->account);
    if (at == s->n && s->n == OWN_ACCOUNTS_MAX)
        at = store_oldest(s);
    if (at < s->n)
        store_remove(s, at);
    k->used = ++s->uses;
    s->list[s->n++] = k;
    pthread_mutex_unlock(&s->lock);
}

void own_store_forget(struct own_store *s, const struct id *account)
{
    size_t at;

    pthread_mutex_lock(&s->lock);
    at = store_place(s, account);
    if (at < s->n)
        store_remove(s, at);
    pthread_mutex_unlock(&s->lock);
}

void own_store_clear(struct own_store *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->n != 0)
        store_remove(s, s->n - 1);
    pthread_mutex_unlock(&s->lock);
}
