/* (G) The operator's provider keys, shared by all loops: a sequence lock per provider over words in
 * guarded, locked memory. A reader copies without a lock; a replacement overwrites the old key. */
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

struct credentials {
    pthread_mutex_t writers;
    struct slot *slots; /* LIMIT_PROVIDERS of them, from sodium_malloc */
};

enum err credentials_new(struct credentials **out)
{
    struct credentials *c = calloc(1, sizeof *c);

    if (c == NULL)
        return ERR_MEMORY;
    c->slots = sodium_malloc(LIMIT_PROVIDERS * sizeof *c->slots);
    if (c->slots == NULL) {
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

enum err credentials_set(struct credentials *c, uint16_t provider_no, struct view key)
{
    struct slot *s;
    uint32_t sequence;
    enum err e = key_check(key);

    if (e != ERR_NONE)
        return e;
    if (provider_no >= LIMIT_PROVIDERS)
        return ERR_RANGE;
    s = &c->slots[provider_no];
    pthread_mutex_lock(&c->writers);
    sequence = atomic_load_explicit(&s->sequence, memory_order_relaxed);
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
    pthread_mutex_unlock(&c->writers);
    return ERR_NONE;
}

bool credentials_present(const struct credentials *c, uint16_t provider_no)
{
    return provider_no < LIMIT_PROVIDERS &&
           atomic_load_explicit(&c->slots[provider_no].len, memory_order_relaxed) != 0;
}

size_t credentials_copy(const struct credentials *c, uint16_t provider_no,
                        uint8_t out[static CREDENTIAL_MAX])
{
    const struct slot *s;
    uint32_t before, after, len;

    if (provider_no >= LIMIT_PROVIDERS)
        return 0;
    s = &c->slots[provider_no];
    do { /* a writer holds the slot for well under a microsecond, a few times a day */
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
    size_t n = c == NULL ? 0 : credentials_copy(c, provider_no, key);
    bool found = credential_quoted(view_of(key, n), text);

    secret_wipe(key, n);
    return found;
}
