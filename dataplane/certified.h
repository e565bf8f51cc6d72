/* The certificates of the public listener, brought together: the control plane's, which comes over the link, and a
 * public authority's, which this data plane gets itself (acme/). Without acme_directory there is the first only. */
#ifndef TR_DATAPLANE_CERTIFIED_H
#define TR_DATAPLANE_CERTIFIED_H

#include "acme.h"
#include "config.h"
#include "opening.h"
#include "uplink.h"

struct identity_keys;

struct certified {
    const struct config *config;
    EVP_PKEY *tls_key;
    SSL_CTX *tls;
    struct opening *opening;
    struct uplink *uplink;
    struct served *served;
    struct challenges *challenges; /* NULL: no public authority is asked */
    struct acme *acme;
    struct web_server *http; /* NULL: no HTTP-01 */
};

/* All are borrowed and outlive it. Before the workers' first handshake. ERR_MEMORY, ERR_CRYPTO. */
must_check enum err certified_init(struct certified *c, const struct config *config,
                                   const struct identity_keys *keys, SSL_CTX *tls, struct opening *opening);
/* What the link brings, on its thread. Before certified_start() only the first does anything useful. */
must_check enum err certified_control(struct certified *c, struct view leaf_der, struct view ca_der);
void certified_peer(struct certified *c, const struct identity *who);
void certified_challenge(struct certified *c, const struct msg_acme_challenge *m);

/* The listener of HTTP-01 on this loop, when there is one. ERR_IO. */
must_check enum err certified_listen(struct certified *c, uv_loop_t *loop);
/* Ask the authority. ERR_MEMORY, ERR_CRYPTO, ERR_IO. */
must_check enum err certified_start(struct certified *c);
/* Before the link stops. */
void certified_stop(struct certified *c);
/* After the link and the workers have stopped. */
void certified_free(struct certified *c);

#endif
