/* The challenges of certificate authorities that are open for this data plane's names: its own, and those of
 * other data planes of the same launch, which a balancer may lead here. Every function on any thread. */
#ifndef TR_DATAPLANE_ACME_CHALLENGE_H
#define TR_DATAPLANE_ACME_CHALLENGE_H

#include "buf.h"
#include "err.h"
#include "message.h"
#include "names.h"

#include <openssl/ssl.h>

struct identity;      /* evidence.h */
struct identity_keys; /* identity.h */
struct challenges;

enum {
    CHALLENGES_MAX = 256, /* of all boots together */
    CHALLENGE_PEERS_MAX = 64, /* boots known to be good; the one that came first makes way */
    CHALLENGE_EARLY_MS = 60000, /* how far another's clock may be ahead of ours */
};

/* keys and names are borrowed and outlive it. ERR_MEMORY, ERR_CRYPTO. */
must_check enum err challenges_new(const struct identity_keys *keys, const struct acme_names *names,
                                   struct challenges **out);
void challenges_free(struct challenges *c);

/* --- our own; name is one of the names. Each appends to *frame the ACME_CHALLENGE for the others */

/* An open one of that name and method is replaced. ERR_LIMIT: there is no place; ERR_FORMAT: an authorization
 * that no message can carry; ERR_CRYPTO; of *frame. */
must_check enum err challenges_open(struct challenges *c, enum acme_method method, const char *name,
                                    struct view authorization, uint64_t now_ms, struct buf *frame);
/* It is answered no more. ERR_NOT_FOUND: there is none. */
must_check enum err challenges_close(struct challenges *c, enum acme_method method, const char *name,
                                     uint64_t now_ms, struct buf *frame);
/* All that are open, for a data plane that has come. */
must_check enum err challenges_retell(struct challenges *c, uint64_t now_ms, struct buf *frames);
/* TLS-ALPN-01 tells one challenge of a name from another by nothing, so one data plane after the other has its
 * own validated: the one that made its challenge first, by the time in it, then by boot id. CHALLENGE_NONE: no
 * challenge of this name is open. */
enum challenge_turn { CHALLENGE_NONE, CHALLENGE_OURS, CHALLENGE_ANOTHERS };
enum challenge_turn challenges_turn(struct challenges *c, const char *name, uint64_t now_ms);

/* --- what answers the authority */

/* Append the key authorization of an HTTP-01 token. ERR_NOT_FOUND, ERR_LIMIT, ERR_MEMORY. */
must_check enum err challenges_authorization(struct challenges *c, struct view token, uint64_t now_ms,
                                             struct buf *out);
/* For tls_ctx_set_challenges(). */
bool challenges_answer(void *cookie, struct view name, EVP_PKEY **key, X509 **cert);

/* --- those of others (challenge_peer.c) */

enum challenge_verdict {
    CHALLENGE_GOOD,      /* it is answered from now on, or no more */
    CHALLENGE_UNKNOWN,   /* no boot whose evidence we have found good, or that document is over */
    CHALLENGE_SIGNATURE, /* not signed by that boot */
    CHALLENGE_NAME,      /* a name that is not ours */
    CHALLENGE_TIME,      /* over, or made in the future */
    CHALLENGE_OLD,       /* we know a newer word of that boot about it */
    CHALLENGE_FULL,      /* no place */
    CHALLENGE_VERDICT_COUNT
};
const char *challenge_verdict_name(enum challenge_verdict v);
/* Another boot whose evidence was found good (seal_peer_judge()). */
void challenges_know(struct challenges *c, const struct identity *who);
enum challenge_verdict challenges_take(struct challenges *c, const struct msg_acme_challenge *m, uint64_t now_ms);

#endif
