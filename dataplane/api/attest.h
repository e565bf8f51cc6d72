/* The public attestation endpoints: what anybody may ask this data plane about itself. Each binding
 * format has a report of its own, and its own purpose in what the report signs. */
#ifndef TR_DATAPLANE_API_ATTEST_H
#define TR_DATAPLANE_API_ATTEST_H

#include "quotes.h"
#include "web.h"

struct attest_desk; /* a worker's: its port to the quote service, and reports it keeps */
struct attest_facts;
struct stats;

/* A report that nobody's nonce is in may be shown again for this long. */
enum { ATTEST_KEEP_MS = 10000 };

/* facts and stats are borrowed. */
must_check enum err attest_desk_new(struct quotes *q, uv_loop_t *loop,
                                    const struct attest_facts *facts, struct stats *stats,
                                    struct attest_desk **out);
void attest_desk_free(struct attest_desk *d); /* the loop must run once more */
/* Once a second; all: answer every request that still waits. */
void attest_desk_tick(struct attest_desk *d, uint64_t now_ms, bool all);

/* Handlers; each answers, now or later, and counts its status. */

/* GET /attestation?nonce=<64 hex>[&binding=tls-exporter|none] */
void attest_document(struct attest_desk *d, struct web_request *r);
/* POST /attestation/quote {"nonce":"<64 hex>"[,"binding":...]}: the same, but out of the URL. */
void attest_quote(struct attest_desk *d, struct web_request *r);
/* GET /v1/aci/attestation[?nonce=<64 hex>]: docs/aci-sev-snp-extension.md */
void attest_aci(struct attest_desk *d, struct web_request *r);
/* GET /v1/attestation/report[?nonce=<64 hex>][&signing_algo=ed25519] */
void attest_report(struct attest_desk *d, struct web_request *r);
/* GET /attestation/verifying-key: the key that signs receipts. */
void attest_verifying_key(struct attest_desk *d, struct web_request *r);
/* GET /v1/byok/sealing-key: the key that customers seal their own provider keys to. */
void attest_sealing_key(struct attest_desk *d, struct web_request *r);

#endif
