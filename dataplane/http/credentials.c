/* (G) The operator's provider keys, shared by all loops: a sequence lock per key over words in
 * guarded, locked memory. A reader copies without a lock; a replacement overwrites the old key. Several keys of one
 * provider are used in turn. */
#include "credentials.h"

#include "content_view.h"
#include "json.h"
#include "secret.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>

enum { WORDS = CREDENTIAL_MAX / 8 };

struct slot {
    _Atomic uint32_t sequence; /* odd: being written */
    _Atomic uint32_t len;
    _Atomic uint64_t word[WORDS];
};

/* Of one provider's keys, nothing of it secret. */
struct turn {
    _Atomic uint32_t next;                           /* counts requests */
    _Atomic uint64_t refused_ms[PROVIDER_KEYS_MAX];  /* when last; 0: never */
    _Atomic uint64_t aside_until[PROVIDER_KEYS_MAX]; /* not used before, while others can be */
    _Atomic uint8_t weight[PROVIDER_KEYS_MAX];       /* of the requests; 0 as 1 */
    _Atomic int status[PROVIDER_KEYS_MAX];           /* of the last refusal */
    _Atomic uint64_t refusals;
};

struct credentials {
    pthread_mutex_t writers;
    struct slot (*slots)[PROVIDER_KEYS_MAX]; /* LIMIT_PROVIDERS times, from sodium_malloc */
    struct turn *turns;                      /* LIMIT_PROVIDERS of them */
};

enum err credentials_new(struct credentials **out)
{
    struct credentials *c = calloc(1, sizeof *c);

    if (c == NULL)
        return ERR_MEMORY;
    c->turns = calloc(LIMIT_PROVIDERS, sizeof *c->turns);
    c->slots = sodium_malloc(LIMIT_PROVIDERS * sizeof *c->slots);
    if (c->slots == NULL || c->turns == NULL) {
        sodium_free(c->slots);
        free(c->turns);
        free(c);
        return ERR_MEMORY;
    }
    memset(c->slots, 0, LIMIT_PROVIDERS * sizeof *c->slots);
    pthread_mutex_init(&c->writers, NULL);
    *out = c;
    return ERR_NONE;
}

void credentials_free(struct credentials *c)
{
    if (c == NULL)
        return;
    sodium_free(c->slots); /* wipes */
    free(c->turns);
    pthread_mutex_destroy(&c->writers);
    free(c);
}

/* The key becomes a header line: nothing in it may end that line. */
static enum err key_check(struct view key)
{
    if (key.len > CREDENTIAL_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] <= 0x20 || key.ptr[i] >= 0x7f)
            return ERR_FORMAT;
    }
    return ERR_NONE;
}

static void slot_write(struct slot *s, struct view key)
{
    uint32_t sequence = atomic_load_explicit(&s->sequence, memory_order_relaxed);

    atomic_store_explicit(&s->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&s->len, (uint32_t)key.len, memory_order_relaxed);
    for (size_t i = 0; i < WORDS; i++) { /* all of them: the old key is gone afterwards */
        uint64_t word = 0;

        if (i * 8 < key.len)
            memcpy(&word, key.ptr + i * 8, key.len - i * 8 < 8 ? key.len - i * 8 : 8);
        atomic_store_explicit(&s->word[i], word, memory_order_relaxed);
    }
    atomic_store_explicit(&s->sequence, sequence + 2, memory_order_release);
}

/* A writer holds the slot for well under a microsecond, a few times a day. */
static size_t slot_read(const struct slot *s, uint8_t out[static CREDENTIAL_MAX])
{
    uint32_t before, after, len;

    do {
        before = atomic_load_explicit(&s->sequence, memory_order_acquire);
        len = atomic_load_explicit(&s->len, memory_order_relaxed);
        for (size_t i = 0; i * 8 < len && i < WORDS; i++) {
            uint64_t word = atomic_load_explicit(&s->word[i], memory_order_relaxed);

            memcpy(out + i * 8, &word, 8);
        }
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&s->sequence, memory_order_relaxed);
    } while ((before & 1) != 0 || before != after);
    assert(len <= CREDENTIAL_MAX);
    return len;
}

enum err credentials_set(struct credentials *c, uint16_t provider_no, unsigned index, unsigned total, struct view key)
{
    uint8_t old[CREDENTIAL_MAX];
    struct turn *t;
    size_t n;
    enum err e = key_check(key);

    if (e != ERR_NONE)
        return e;
    if (provider_no >= LIMIT_PROVIDERS || index >= total || total > PROVIDER_KEYS_MAX)
        return ERR_RANGE;
    t = &c->turns[provider_no];
    pthread_mutex_lock(&c->writers);
    n = slot_read(&c->slots[provider_no][index], old);
    if (!view_eq(view_of(old, n), key)) { /* each connection to the control plane brings all of them again */
        slot_write(&c->slots[provider_no][index], key);
        atomic_store(&t->refused_ms[index], 0);
        atomic_store(&t->aside_until[index], 0);
    }
    for (unsigned i = total; i < PROVIDER_KEYS_MAX; i++)
        slot_write(&c->slots[provider_no][i], VIEW_EMPTY);
    pthread_mutex_unlock(&c->writers);
    secret_wipe(old, n);
    return ERR_NONE;
}

static bool has_key(const struct credentials *c, uint16_t provider_no, unsigned index)
{
    return atomic_load_explicit(&c->slots[provider_no][index].len, memory_order_relaxed) != 0;
}

unsigned credentials_count(const struct credentials *c, uint16_t provider_no)
{
    unsigned n = 0;

    for (unsigned i = 0; provider_no < LIMIT_PROVIDERS && i < PROVIDER_KEYS_MAX; i++)
        n += has_key(c, provider_no, i);
    return n;
}

bool credentials_present(const struct credentials *c, uint16_t provider_no)
{
    return credentials_count(c, provider_no) != 0;
}

size_t credentials_copy(const struct credentials *c, uint16_t provider_no, unsigned index,
                        uint8_t out[static CREDENTIAL_MAX])
{
    if (provider_no >= LIMIT_PROVIDERS || index >= PROVIDER_KEYS_MAX)
        return 0;
    return slot_read(&c->slots[provider_no][index], out);
}

void credentials_weigh(struct credentials *c, uint16_t provider_no, const uint8_t *weights)
{
    assert(provider_no < LIMIT_PROVIDERS);
    for (unsigned i = 0; i < PROVIDER_KEYS_MAX; i++)
        atomic_store(&c->turns[provider_no].weight[i], weights == NULL ? 1 : weights[i]);
}

/* The key of the first n whose turn it is. */
static unsigned whose_turn(const struct credentials *c, uint16_t provider_no, unsigned n, uint32_t turn)
{
    unsigned share[PROVIDER_KEYS_MAX], all = 0, i = 0;

    for (unsigned k = 0; k < n; k++) {
        uint8_t w = atomic_load_explicit(&c->turns[provider_no].weight[k], memory_order_relaxed);

        share[k] = !has_key(c, provider_no, k) ? 0 : w == 0 ? 1 : w;
        all += share[k];
    }
    if (all == 0)
        return 0;
    for (turn %= all; turn >= share[i]; i++)
        turn -= share[i];
    return i;
}

int credentials_pick(const struct credentials *c, uint16_t provider_no, unsigned tried, uint64_t now_ms)
{
    struct turn *t = &c->turns[provider_no];
    const uint32_t turn = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
    unsigned n = PROVIDER_KEYS_MAX, first;
    int last = -1; /* the one that was refused the longest ago */

    while (n != 0 && !has_key(c, provider_no, n - 1))
        n--;
    first = n == 0 ? 0 : whose_turn(c, provider_no, n, turn);
    for (unsigned k = 0; k < n; k++) {
        unsigned i = (first + k) % n;

        if (!has_key(c, provider_no, i) || (tried >> i & 1) != 0)
            continue;
        if (atomic_load(&t->aside_until[i]) <= now_ms)
            return (int)i;
        if (last < 0 || atomic_load(&t->refused_ms[i]) < atomic_load(&t->refused_ms[last]))
            last = (int)i;
    }
    return tried == 0 ? last : -1;
}

void credentials_refused(const struct credentials *c, uint16_t provider_no, unsigned index, int status, uint64_t now_ms,
                         uint64_t for_ms)
{
    struct turn *t = &c->turns[provider_no];

    assert(index < PROVIDER_KEYS_MAX);
    atomic_store(&t->refused_ms[index], now_ms);
    atomic_store(&t->status[index], status);
    atomic_store(&t->aside_until[index], now_ms + for_ms);
    atomic_fetch_add_explicit(&t->refusals, 1, memory_order_relaxed);
}

int credentials_aside(const struct credentials *c, uint16_t provider_no, unsigned index, uint64_t now_ms)
{
    const struct turn *t = &c->turns[provider_no];

    assert(provider_no < LIMIT_PROVIDERS && index < PROVIDER_KEYS_MAX);
    return has_key(c, provider_no, index) && atomic_load(&t->aside_until[index]) > now_ms ? atomic_load(&t->status[index])
                                                                                        : 0;
}

void credentials_forget(struct credentials *c, uint16_t provider_no)
{
    assert(provider_no < LIMIT_PROVIDERS);
    pthread_mutex_lock(&c->writers);
    for (unsigned i = 0; i < PROVIDER_KEYS_MAX; i++)
        slot_write(&c->slots[provider_no][i], VIEW_EMPTY);
    pthread_mutex_unlock(&c->writers);
}

void credentials_counters(const struct credentials *c, uint16_t provider_no, uint64_t now_ms, struct credential_counters *out)
{
    const struct turn *t = &c->turns[provider_no];

    *out = (struct credential_counters){.keys = credentials_count(c, provider_no), .refusals = atomic_load(&t->refusals)};
    for (unsigned i = 0; i < PROVIDER_KEYS_MAX; i++)
        out->aside += has_key(c, provider_no, i) && atomic_load(&t->aside_until[i]) > now_ms;
}

/* Is the piece a word that any sentence may hold? Letters of one case, which a random key hardly has. */
static bool is_word(const uint8_t *piece)
{
    bool lower = true, upper = true;

    for (size_t i = 0; i < CREDENTIAL_QUOTE_MIN; i++) {
        lower = lower && piece[i] >= 'a' && piece[i] <= 'z';
        upper = upper && piece[i] >= 'A' && piece[i] <= 'Z';
    }
    return lower || upper;
}

/* Some providers quote the end of a key, or a piece between asterisks. */
static bool holds_piece(struct view plain, const uint8_t *key, size_t n)
{
    if (plain.len == 0)
        return false;
    if (n < CREDENTIAL_QUOTE_MIN)
        return memmem(plain.ptr, plain.len, key, n) != NULL;
    for (size_t i = 0; i + CREDENTIAL_QUOTE_MIN <= n; i++)
        if ((i == 0 || !is_word(key + i)) &&
            memmem(plain.ptr, plain.len, key + i, CREDENTIAL_QUOTE_MIN) != NULL)
            return true;
    return false;
}

/* Escapes may spell any character, so the text is compared as decoded. */
bool credential_quoted(struct view key, struct view text)
{
    struct buf quoted, plain;
    bool found = false;
    enum err e;

    buf_init(&quoted, text.len + 2);
    buf_init(&plain, text.len + 2);
    if (key.len == 0)
        goto done;
    e = buf_append_byte(&quoted, '"');
    if (e == ERR_NONE)
        e = buf_append(&quoted, text);
    if (e == ERR_NONE)
        e = buf_append_byte(&quoted, '"');
    if (e == ERR_NONE)
        e = json_string_decode((struct json_value){JSON_STRING, buf_view(&quoted)}, &plain);
    found = e != ERR_NONE || /* what cannot be read is not vouched for */
            holds_piece(buf_view(&plain), key.ptr, key.len);
done:
    buf_free(&plain);
    buf_free(&quoted);
    return found;
}

bool credentials_quoted(const struct credentials *c, uint16_t provider_no, struct view text)
{
    uint8_t key[CREDENTIAL_MAX];
    bool found = false;

    for (unsigned i = 0; c != NULL && !found && i < PROVIDER_KEYS_MAX; i++) {
        size_t n = credentials_copy(c, provider_no, i, key);

        found = credential_quoted(view_of(key, n), text);
        secret_wipe(key, n);
    }
    return found;
}
