/* The events that a receipt of TrustedRouter has beside ACI's: what they say, and whether they
 * agree with each other and with the hashes. docs/receipts.md describes them. */
#ifndef TR_ATTESTATION_RECEIPT_EVENTS_H
#define TR_ATTESTATION_RECEIPT_EVENTS_H

#include "aci.h"
#include "receipt_lines.h"

struct receipt_events {
    bool has_platform, simulated;
    uint8_t measurement[48];
    bool has_upstream;
    struct view upstream;   /* its name; empty: the receipt does not say it */
    bool has_spki;
    struct digest32 spki;   /* SHA-256 of the key of the certificate that the upstream was verified by */
    bool has_providers;
    struct digest32 providers; /* SHA-256 of the measured providers.conf */
    bool upstream_verified; /* says the gateway: the session it names is not looked at here */
    bool has_outcome, complete;
    int64_t status;
    bool has_bill;
    int64_t cost_nusd;
    bool has_commitment;
    struct receipt_lines lines; /* of an orchestration; n 0: it is none */
    struct receipt_part part;   /* of a part; of empty: it is none */
};

/* Of a document that aci_receipt_open() has accepted as r. Views borrow from it. Events that are
 * not there are not missed: another gateway's receipt has none of them. ERR_FORMAT: an event is
 * there twice or is not what the page says; a key of a certificate without a certificate that was verified, or, in a
 * receipt that names its providers.conf, the other way round. ERR_RANGE: the cost, or that of a line, does not follow from usage and
 * prices, or the lines do not sum to it. ERR_AUTH: a commitment is not to this receipt's hashes. */
must_check enum err receipt_events_read(struct view document, const struct aci_receipt *r,
                                        struct receipt_events *out);

#endif
