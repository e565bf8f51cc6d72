/* The connections of one loop to its providers: name lookup, TCP, TLS, the keep-alive pool. Knows
 * nothing of HTTP. Private to this directory; fetch.h is what others use. */
#ifndef TR_DATAPLANE_PROVIDER_UPSTREAM_H
#define TR_DATAPLANE_PROVIDER_UPSTREAM_H

#include "fetch.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

enum {
    UPSTREAM_READ_BYTES = 64 << 10,  /* one read; one delivery to the owner */
    UPSTREAM_STAGE_BYTES = 48 << 10, /* plain text encrypted at once: three full records */
    UPSTREAM_WIRE_BYTES = 64 << 10,  /* their cipher text, or a handshake flight */
    UPSTREAM_IDLE_MS = 25000, /* pooled connections end before the provider's end (30-75 s) */
    UPSTREAM_IDLE_MAX = 256,  /* pooled connections per provider and loop */
    UPSTREAM_CONNECTIONS_MAX = 16384, /* per loop; a data plane serves fewer clients than that */
    UPSTREAM_ADDRESSES_MAX = 8,       /* of one name; further ones are not tried */
    UPSTREAM_NAME_MS = 60000,         /* a looked-up name is good for this long */
    UPSTREAM_SESSIONS_MAX = 4,        /* TLS sessions kept per provider; TLS 1.3 uses each once */
};

struct upstream; /* one connection */

/* Whoever uses a connection. `end` is the last call, the connection is gone then: ERR_NONE for an
 * orderly end of the stream. `bytes` may be changed in place; they die when the call returns. */
struct upstream_owner {
    void (*ready)(void *cookie);
    void (*bytes)(void *cookie, uint8_t *bytes, size_t n);
    void (*late)(void *cookie); /* the deadline passed */
    void (*end)(void *cookie, enum err e);
};

/* One provider on one loop. */
struct upstream_site {
    struct upstreams *u;
    const struct provider *provider;
    SSL_CTX *tls; /* NULL: plain text */
    SSL_SESSION *sessions[UPSTREAM_SESSIONS_MAX];
    unsigned n_sessions;
    struct sockaddr_storage addresses[UPSTREAM_ADDRESSES_MAX];
    unsigned n_addresses, first_address; /* first: the one that worked last */
    uint64_t addresses_until;            /* loop time; UINT64_MAX for a literal address */
    uv_getaddrinfo_t lookup;
    bool looking;
    struct upstream *waiting; /* for the lookup */
    struct upstream *idle;    /* the pool, last used first */
    unsigned n_idle;
};

struct upstreams {
    uv_loop_t *loop;
    const struct providers *providers;
    struct upstream_site *sites; /* one per provider, same order */
    struct upstream_counters counters;
    unsigned pending; /* connections, lookups and fetches that still refer to this struct */
    bool closing;
    struct fetch *spare; /* fetch.c's free list */
    /* Scratch memory of the loop: content passes through and is wiped. */
    uint8_t in[UPSTREAM_READ_BYTES], plain[UPSTREAM_READ_BYTES];
    uint8_t stage[UPSTREAM_STAGE_BYTES], wire[UPSTREAM_WIRE_BYTES];
    size_t wire_len;
    bool wire_full;
};
/* Drop one reference; the last one of a closing struct frees it. */
void upstreams_release(struct upstreams *u);
/* fetch.c: free its list of spare structs. */
void fetch_spare_free(struct upstreams *u);

/* A pooled connection of the site, or NULL. */
struct upstream *upstream_reuse(struct upstream_site *s, const struct upstream_owner *owner,
                                void *cookie);
/* A new one; ready or end will be called, never before this returns. ERR_OVERLOAD, ERR_MEMORY. */
must_check enum err upstream_connect(struct upstream_site *s, const struct upstream_owner *owner,
                                     void *cookie, struct upstream **out);
/* Send head, then body. head is copied where needed; body is borrowed until the connection is
 * closed or given back. Trouble is reported by end(), later. */
void upstream_send(struct upstream *c, struct view head, struct view body);
/* The kernel has all of it. */
bool upstream_sent(const struct upstream *c);
/* Loop time (uv_now) at which late() is due; 0: never. */
void upstream_deadline(struct upstream *c, uint64_t at_ms);
void upstream_pause(struct upstream *c);
void upstream_resume(struct upstream *c);
/* To the pool, for at most idle_ms. Everything sent was taken and everything received was read. */
void upstream_give_back(struct upstream *c, uint32_t idle_ms);
/* Close now; no call to the owner any more. */
void upstream_close(struct upstream *c);

/* --- upstream_tls.c --- */

/* The site's context: TLS 1.2 or better, the provider's CA bundle, http/1.1. share: sites made
 * before, whose certificate store is used again if it comes from the same file. */
must_check enum err upstream_tls_site(struct upstream_site *s, const struct upstream_site *share,
                                      size_t n_share);
void upstream_tls_site_free(struct upstream_site *s);
/* The connection's SSL over our own BIO; ERR_CRYPTO. */
must_check enum err upstream_tls_start(struct upstream *c);
/* Feed cipher text (may be empty, to start the handshake). On ERR_NONE go on reading. */
must_check enum err upstream_tls_feed(struct upstream *c, struct view cipher);
/* Encrypt n bytes of u->stage into u->wire. */
must_check enum err upstream_tls_seal(struct upstream *c, size_t n);

#endif
