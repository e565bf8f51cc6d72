/* The control plane's end of the attested link: a TLS 1.3 listener that challenges every data plane,
 * verifies its evidence, and only then serves keys, leases, pushes and usage. */
#ifndef TR_CONTROLPLANE_PEERS_PEERS_H
#define TR_CONTROLPLANE_PEERS_PEERS_H

#include "buf.h"
#include "err.h"
#include "ledger.h"
#include "providers.h"
#include "verify.h"

#include <openssl/ssl.h>
#include <uv.h>

struct peers;
struct translog;
struct api;
/* What keeps the list of data planes for operators (fleet.c). Nothing is answered. */
struct peers_fleet {
    /* STATE of an accepted data plane. */
    void (*said)(void *cookie, const struct id *boot, const struct msg_state *m);
    /* event: "accepted" (policy: under which), "refused" or "closed"; detail: a name of ours. */
    void (*happened)(void *cookie, const struct id *boot, const char *event, const char *detail,
                     const struct digest32 *policy);
    /* Some control plane has written orders, a policy or provider keys down, or may have. */
    void (*changed)(void *cookie);
    void *cookie;
};
struct peers_config {
    uv_loop_t *loop;
    const char *host;
    uint16_t port;            /* 0: any */
    EVP_PKEY *link_key;       /* pinned by data planes */
    X509 *link_cert;
    EVP_PKEY *ca_key;         /* signs accepted data planes' TLS keys (TR_CA) */
    X509 *ca_cert;
    const char *dataplane_names; /* names in those certificates: "localhost,127.0.0.1" */
    uint32_t reattest_ms;
    uint32_t own_fee_ppm; /* of the catalog's price, for requests on customers' own provider keys */
    const struct attest_policy *policy; /* until peers_set_policy() */
    struct ledger *ledger;
    struct api *api;      /* answers what data planes relay; NULL: nothing is */
    struct translog *log; /* every boot is written there before it is accepted; NULL: no log */
    const struct providers *providers;
    const struct peers_fleet *fleet; /* NULL: nobody does */
    /* How many keys the operator gave for a provider; the one with this index, from 0: false when there is none. */
    size_t (*provider_keys)(void *cookie, uint16_t provider_no);
    bool (*provider_key)(void *cookie, uint16_t provider_no, size_t index, struct view *key);
    uint8_t (*provider_weight)(void *cookie, uint16_t provider_no, size_t index); /* its part of the requests; NULL: all 1 */
    void *cookie;
};
/* Everything in c is borrowed and must outlive the peers. Takes the ledger's watch. */
must_check enum err peers_start(const struct peers_config *c, struct peers **out);
uint16_t peers_port(const struct peers *p);
/* From now on evidence is judged by this policy (borrowed, as the first one was): peers that were accepted
 * under another is asked again at once. */
void peers_set_policy(struct peers *p, const struct attest_policy *policy);
/* What an operator wants of a data plane that is connected here, if it is: end, or be refused. Again is harmless. */
enum peers_order { PEERS_DRAIN = 1, PEERS_EVICT = 2 };
void peers_order(struct peers *p, const struct id *boot, unsigned orders);
/* The operator's provider keys are others: every data plane gets them anew, and a catalog that fits them. */
void peers_keys_changed(struct peers *p);
/* Stop listening and close every connection; stopped() fires once, from the loop. */
void peers_stop(struct peers *p, void (*stopped)(void *cookie), void *cookie);
/* After stopped() and after the ledger, whose calls may still be coming back, is freed. */
void peers_free(struct peers *p);
struct peers_counters {
    uint64_t connected, accepted_total, refused_total, refused[REFUSAL_COUNT];
    uint64_t crowded_out; /* closed without a proof to make room (places.h) */
    uint64_t unfinished;  /* closed before the end of their TLS handshake, for any reason */
    uint64_t usage_set_aside; /* records that the database refuses, kept in usage_aside */
    uint64_t usage_gaps;      /* times that a boot was told of missing records */
    uint64_t usage_lost;      /* records that their boot no longer had */
};
struct peers_counters peers_counters(const struct peers *p);
/* Usage that has arrived and is not booked yet, over all connections. */
struct peers_waiting {
    uint64_t batches, oldest_ms; /* how long the oldest one waits; 0: none does */
};
struct peers_waiting peers_waiting(const struct peers *p, uint64_t now_ms);
/* What is wrong with this control plane (enum trouble bits): every accepted data plane is told, now
 * and when it is accepted. */
void peers_set_troubles(struct peers *p, uint8_t troubles);

#endif
