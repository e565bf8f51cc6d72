/* One thread per lookup: getaddrinfo() can neither be cancelled nor given a deadline. */
#include "resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESOLVE_STACK_BYTES = 256 << 10 }; /* locked in memory, like everything; resolvers use 100 KB */

enum resolve_state {
    RESOLVE_RUNNING,   /* the thread owns result and answer */
    RESOLVE_DONE,      /* the thread has ended; everything is the owner's */
    RESOLVE_ABANDONED, /* the owner has gone; the thread frees */
};

struct resolve {
    pthread_mutex_t lock; /* of state, and held while notify runs */
    enum resolve_state state;
    enum err result;
    struct resolve_answer answer;
    void (*notify)(void *cookie);
    void *cookie;
    char service[8];
    char host[];
};

static bool resolve_take(const struct addrinfo *a, union resolve_address *out)
{
    size_t len = a->ai_family == AF_INET    ? sizeof out->v4
                 : a->ai_family == AF_INET6 ? sizeof out->v6
                                            : 0;

    if (len == 0 || a->ai_addrlen != len)
        return false;
    memset(out, 0, sizeof *out);
    memcpy(out, a->ai_addr, len);
    return true;
}

/* The families in turn, each in the system's order; when one has run out, the rest of the other. */
static void resolve_interleave(const struct addrinfo *list, struct resolve_answer *out)
{
    const struct addrinfo *next[2] = {list, list}; /* of the preferred family, of the other */
    int preferred = list->ai_family;

    for (unsigned turn = 0; out->n < RESOLVE_ADDRESSES_MAX; turn ^= 1) {
        for (unsigned i = 0; i < 2; i++)
            while (next[i] != NULL && (next[i]->ai_family == preferred) != (i == 0))
                next[i] = next[i]->ai_next;
        if (next[turn] == NULL)
            turn ^= 1;
        if (next[turn] == NULL)
            return;
        if (resolve_take(next[turn], &out->list[out->n]))
            out->n++;
        next[turn] = next[turn]->ai_next;
    }
}

static enum err resolve_now(struct resolve *r)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;

    if (getaddrinfo(r->host, r->service, &hints, &list) != 0 || list == NULL)
        return ERR_DNS;
    resolve_interleave(list, &r->answer);
    freeaddrinfo(list);
    return r->answer.n != 0 ? ERR_NONE : ERR_DNS;
}

static void resolve_destroy(struct resolve *r)
{
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static void *resolve_main(void *cookie)
{
    struct resolve *r = cookie;
    bool abandoned;

    r->result = resolve_now(r);
    pthread_mutex_lock(&r->lock);
    abandoned = r->state == RESOLVE_ABANDONED;
    if (!abandoned && r->notify != NULL)
        r->notify(r->cookie);
    if (!abandoned)
        r->state = RESOLVE_DONE; /* the owner may free it from the unlock on */
    pthread_mutex_unlock(&r->lock);
    if (abandoned)
        resolve_destroy(r);
    return NULL;
}

static bool resolve_thread(struct resolve *r)
{
    pthread_attr_t attr;
    pthread_t thread;
    bool good;

    if (pthread_attr_init(&attr) != 0)
        return false;
    good = pthread_attr_setstacksize(&attr, RESOLVE_STACK_BYTES) == 0 &&
           pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
           pthread_create(&thread, &attr, resolve_main, r) == 0;
    pthread_attr_destroy(&attr);
    return good;
}

enum err resolve_start(const char *host, uint16_t port, void (*notify)(void *cookie), void *cookie,
                       struct resolve **out)
{
    struct resolve *r = calloc(1, sizeof *r + strlen(host) + 1);

    if (r == NULL)
        return ERR_MEMORY;
    memcpy(r->host, host, strlen(host) + 1);
    snprintf(r->service, sizeof r->service, "%u", port);
    r->notify = notify;
    r->cookie = cookie;
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        return ERR_MEMORY;
    }
    if (!resolve_thread(r)) {
        resolve_destroy(r);
        return ERR_MEMORY;
    }
    *out = r;
    return ERR_NONE;
}

enum err resolve_poll(struct resolve *r, struct resolve_answer *out)
{
    bool running;

    pthread_mutex_lock(&r->lock);
    running = r->state == RESOLVE_RUNNING;
    pthread_mutex_unlock(&r->lock);
    if (running)
        return ERR_SHORT;
    if (r->result == ERR_NONE)
        *out = r->answer;
    return r->result;
}

void resolve_free(struct resolve *r)
{
    bool done;

    if (r == NULL)
        return;
    pthread_mutex_lock(&r->lock);
    done = r->state == RESOLVE_DONE;
    if (!done)
        r->state = RESOLVE_ABANDONED;
    pthread_mutex_unlock(&r->lock);
    if (done)
        resolve_destroy(r);
}

bool resolve_literal(const char *host, uint16_t port, union resolve_address *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return true;
    }
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return true;
    }
    return false;
}

bool resolve_same(const union resolve_address *a, const union resolve_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port &&
               a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}
