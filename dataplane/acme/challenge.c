/* The table of open challenges: our own, and what answers an authority. */
#include "challenge.h"

#include "challenge_cert.h"
#include "challenge_internal.h"
#include "clock.h"
#include "identity.h"
#include "tls.h"

#include <assert.h>
#include <stdlib.h>

enum { CHALLENGE_FRAME_MAX = 1024, CHALLENGE_TEXT_MAX = 1024 };

enum err challenges_new(const struct identity_keys *keys, const struct acme_names *names, struct challenges **out)
{
    struct challenges *c = calloc(1, sizeof *c);
    enum err e;

    if (c == NULL)
        return ERR_MEMORY;
    e = tls_key_new(&c->key);
    if (e == ERR_NONE && pthread_mutex_init(&c->lock, NULL) != 0)
        e = ERR_MEMORY;
    if (e != ERR_NONE) {
        EVP_PKEY_free(c->key);
        free(c);
        return e;
    }
    c->keys = keys;
    c->names = names;
    *out = c;
    return ERR_NONE;
}

void challenges_free(struct challenges *c)
{
    if (c == NULL)
        return;
    pthread_mutex_destroy(&c->lock);
    EVP_PKEY_free(c->key);
    free(c);
}

/* --- places */

static bool is_open(const struct challenge *p, uint64_t now_ms)
{
    return now_ms < p->until_ms && !p->over;
}

struct challenge *challenge_place(struct challenges *c, const struct id *boot, struct view name, uint8_t method,
                                  uint64_t now_ms)
{
    struct challenge *free_place = NULL;

    for (size_t i = 0; i < CHALLENGES_MAX; i++) {
        struct challenge *p = &c->list[i];

        if (now_ms >= p->until_ms)
            free_place = free_place == NULL ? p : free_place;
        else if (id_eq(&p->boot, boot) && p->method == method && view_eq(view_str(p->name), name))
            return p;
    }
    if (free_place != NULL)
        *free_place = (struct challenge){.until_ms = 0};
    return free_place;
}

void challenge_set(struct challenge *p, const struct msg_acme_challenge *m)
{
    uint64_t most_ms = m->created_ms + LIMIT_ACME_CHALLENGE_S * UINT64_C(1000);

    p->boot = m->boot;
    p->created_ms = m->created_ms;
    p->over = m->lifetime_s == 0;
    p->until_ms = p->over ? most_ms : m->created_ms + m->lifetime_s * UINT64_C(1000);
    p->method = m->method;
    memcpy(p->name, m->name.ptr, m->name.len);
    p->name[m->name.len] = '\0';
    memcpy(p->authorization, m->authorization.ptr, m->authorization.len);
    p->authorization_len = (uint8_t)m->authorization.len;
}

/* --- our own */

static struct msg_acme_challenge message_of(const struct challenge *p)
{
    return (struct msg_acme_challenge){
        .boot = p->boot,
        .created_ms = p->created_ms,
        .lifetime_s = p->over ? 0 : (uint16_t)((p->until_ms - p->created_ms) / 1000),
        .method = p->method,
        .name = view_str(p->name),
        .authorization = view_of(p->authorization, p->authorization_len),
    };
}

static enum err tell(const struct challenges *c, const struct challenge *p, struct buf *frame)
{
    struct msg_acme_challenge m = message_of(p);
    struct buf text;
    enum err e;

    buf_init(&text, CHALLENGE_TEXT_MAX);
    e = msg_acme_challenge_text(&m, &text);
    if (e == ERR_NONE)
        e = identity_sign_text(c->keys, buf_view(&text), m.signature);
    if (e == ERR_NONE)
        e = msg_acme_challenge_encode(&m, frame);
    buf_free(&text);
    return e;
}

enum err challenges_open(struct challenges *c, enum acme_method method, const char *name,
                         struct view authorization, uint64_t now_ms, struct buf *frame)
{
    const struct msg_acme_challenge m = {.boot = identity_boot(c->keys),
                                         .created_ms = now_ms,
                                         .lifetime_s = LIMIT_ACME_CHALLENGE_S,
                                         .method = (uint8_t)method,
                                         .name = view_str(name),
                                         .authorization = authorization};
    struct challenge *p, before;
    enum err e = ERR_LIMIT;

    assert(acme_names_have(c->names, m.name));
    if (authorization.len > LIMIT_ACME_AUTHORIZATION_BYTES)
        return ERR_FORMAT;
    pthread_mutex_lock(&c->lock);
    p = challenge_place(c, &m.boot, m.name, m.method, now_ms);
    if (p != NULL) {
        before = *p;
        challenge_set(p, &m);
        if (p->created_ms <= before.created_ms) /* within the same millisecond: it must be the newer word */
            p->created_ms = before.created_ms + 1;
        e = tell(c, p, frame);
        if (e != ERR_NONE)
            *p = before;
    }
    pthread_mutex_unlock(&c->lock);
    return e == ERR_RANGE ? ERR_FORMAT : e;
}

enum err challenges_close(struct challenges *c, enum acme_method method, const char *name, uint64_t now_ms,
                          struct buf *frame)
{
    struct id boot = identity_boot(c->keys);
    struct challenge *p;
    enum err e = ERR_NOT_FOUND;

    pthread_mutex_lock(&c->lock);
    p = challenge_place(c, &boot, view_str(name), (uint8_t)method, now_ms);
    if (p != NULL && is_open(p, now_ms)) {
        p->over = true;
        e = tell(c, p, frame);
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

enum err challenges_retell(struct challenges *c, uint64_t now_ms, struct buf *frames)
{
    struct id boot = identity_boot(c->keys);
    enum err e = ERR_NONE;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; e == ERR_NONE && i < CHALLENGES_MAX; i++)
        if (is_open(&c->list[i], now_ms) && id_eq(&c->list[i].boot, &boot))
            e = tell(c, &c->list[i], frames);
    pthread_mutex_unlock(&c->lock);
    return e;
}

/* --- answers */

static bool is_before(const struct challenge *a, const struct challenge *b)
{
    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms;
    return memcmp(a->boot.b, b->boot.b, sizeof a->boot.b) < 0;
}

/* With the lock. */
static const struct challenge *first_of(const struct challenges *c, struct view name, uint64_t now_ms)
{
    const struct challenge *first = NULL;

    for (size_t i = 0; i < CHALLENGES_MAX; i++) {
        const struct challenge *p = &c->list[i];

        if (is_open(p, now_ms) && p->method == ACME_TLS_ALPN_01 && view_eq_nocase(name, view_str(p->name)) &&
            (first == NULL || is_before(p, first)))
            first = p;
    }
    return first;
}

enum challenge_turn challenges_turn(struct challenges *c, const char *name, uint64_t now_ms)
{
    struct id boot = identity_boot(c->keys);
    enum challenge_turn turn = CHALLENGE_NONE;
    const struct challenge *first;

    pthread_mutex_lock(&c->lock);
    first = first_of(c, view_str(name), now_ms);
    if (first != NULL)
        turn = id_eq(&first->boot, &boot) ? CHALLENGE_OURS : CHALLENGE_ANOTHERS;
    pthread_mutex_unlock(&c->lock);
    return turn;
}

enum err challenges_authorization(struct challenges *c, struct view token, uint64_t now_ms, struct buf *out)
{
    enum err e = ERR_NOT_FOUND;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; e == ERR_NOT_FOUND && token.len != 0 && i < CHALLENGES_MAX; i++) {
        const struct challenge *p = &c->list[i];
        struct view authorization = view_of(p->authorization, p->authorization_len);

        if (is_open(p, now_ms) && p->method == ACME_HTTP_01 && view_starts(authorization, token) &&
            authorization.len > token.len && authorization.ptr[token.len] == '.')
            e = buf_append(out, authorization);
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

bool challenges_answer(void *cookie, struct view name, EVP_PKEY **key, X509 **cert)
{
    struct challenges *c = cookie;
    struct challenge copy = {.until_ms = 0};
    const struct challenge *first;

    pthread_mutex_lock(&c->lock);
    first = first_of(c, name, clock_unix_ms());
    if (first != NULL)
        copy = *first;
    pthread_mutex_unlock(&c->lock);
    if (copy.until_ms == 0 ||
        challenge_cert_make(c->key, copy.name, view_of(copy.authorization, copy.authorization_len), cert) != ERR_NONE)
        return false;
    EVP_PKEY_up_ref(c->key);
    *key = c->key;
    return true;
}
