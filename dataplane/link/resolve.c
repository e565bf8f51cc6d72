#include "resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESOLVE_STACK_BYTES = 256 << 10 }; /* locked in memory, like everything; resolvers use 100 KB */

enum resolve_state {
    RESOLVE_RUNNING,   /* the thread owns result and address */
    RESOLVE_DONE,      /* the thread has ended; everything is the owner's */
    RESOLVE_ABANDONED, /* the owner has gone; the thread frees */
};

struct resolve {
    _Atomic int state;
    enum err result;
    struct sockaddr_storage address;
    char service[8];
    char host[];
};

static enum err resolve_now(struct resolve *r)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;

    if (getaddrinfo(r->host, r->service, &hints, &list) != 0 || list == NULL)
        return ERR_DNS;
    memcpy(&r->address, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return ERR_NONE;
}

static void *resolve_main(void *cookie)
{
    struct resolve *r = cookie;
    int running = RESOLVE_RUNNING;

    r->result = resolve_now(r);
    if (!atomic_compare_exchange_strong(&r->state, &running, RESOLVE_DONE))
        free(r);
    return NULL;
}

enum err resolve_start(const char *host, uint16_t port, struct resolve **out)
{
    struct resolve *r = calloc(1, sizeof *r + strlen(host) + 1);
    pthread_attr_t attr;
    pthread_t thread;
    int failed;

    if (r == NULL)
        return ERR_MEMORY;
    memcpy(r->host, host, strlen(host) + 1);
    snprintf(r->service, sizeof r->service, "%u", port);
    failed = pthread_attr_init(&attr);
    if (failed == 0) {
        failed = pthread_attr_setstacksize(&attr, RESOLVE_STACK_BYTES);
        if (failed == 0)
            failed = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        if (failed == 0)
            failed = pthread_create(&thread, &attr, resolve_main, r);
        pthread_attr_destroy(&attr);
    }
    if (failed != 0) {
        free(r);
        return ERR_MEMORY;
    }
    *out = r;
    return ERR_NONE;
}

enum err resolve_poll(struct resolve *r, struct sockaddr_storage *out)
{
    if (atomic_load(&r->state) == RESOLVE_RUNNING)
        return ERR_SHORT;
    if (r->result == ERR_NONE)
        *out = r->address;
    return r->result;
}

void resolve_free(struct resolve *r)
{
    int running = RESOLVE_RUNNING;

    if (r != NULL && !atomic_compare_exchange_strong(&r->state, &running, RESOLVE_ABANDONED))
        free(r);
}
