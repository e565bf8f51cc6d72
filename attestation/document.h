/* The public attestation document ("tr-attestation/v1"): what GET /attestation answers and what
 * `tr-verify gateway` reads. One JSON object, each member once, no other:
 *   {"format":"tr-attestation/v1","nonce":"<64 hex>","binding":"tls-exporter"|"none",
 *    "identity":"<base64 D>","batch":{"index":i,"size":n,"path":["<64 hex>",...]},
 *    "report":"<base64>","certs":{"vek":"<base64 DER>","ask":"<base64 DER>"[,"ark":...]}
 *    [,"release":{"leaf":"<base64 statement>","proof":"<C2SP tlog-proof>"}]}
 * One report serves a batch of nonces: REPORT_DATA holds the root over the batch's leaves
 * (evidence.h), the document the way from this nonce's leaf to that root. */
#ifndef TR_ATTESTATION_DOCUMENT_H
#define TR_ATTESTATION_DOCUMENT_H

#include "buf.h"
#include "err.h"
#include "evidence.h"
#include "report.h"
#include "tlog.h"
#include "view.h"

enum {
    ATTEST_BATCH_MAX = 256,             /* nonces under one report */
    ATTEST_DOCUMENT_MAX = 128 << 10,    /* bytes of the JSON; a usual one has 8 KB */
    ATTEST_RELEASE_LEAF_MAX = 32 << 10, /* bytes of the release statement */
    ATTEST_CERT_MAX = 4096,             /* DER of one certificate */
};

/* none: the exporter's place in the leaf is 32 zero bytes. Such evidence says which keys belong to
 * the measured program, not that this connection ends there. */
enum attest_binding { ATTEST_BINDING_NONE, ATTEST_BINDING_TLS_EXPORTER, ATTEST_BINDING_COUNT };
const char *attest_binding_name(enum attest_binding b); /* "none", "tls-exporter" */
/* The value of ?binding= ; false on any other word. */
bool attest_binding_parse(struct view text, enum attest_binding *out);

struct attest_document {
    uint8_t nonce[32];
    enum attest_binding binding;
    struct view identity;      /* the exact bytes of D */
    uint64_t index, size;      /* this nonce's leaf in the batch */
    struct tlog_proof path;    /* from that leaf to the batch's root */
    struct view report;        /* 1184 bytes as the firmware gave them */
    struct view vek, ask, ark; /* DER; ask and ark may be empty; an ark is never believed */
    struct view release_leaf;  /* the logged statement's bytes; empty: no release member */
    struct view release_proof; /* C2SP tlog-proof text */
};

/* Append the document. ERR_LIMIT: a part is over its maximum above; ERR_FORMAT: index >= size or a
 * report of another length; nothing is appended then. */
must_check enum err attest_document_encode(const struct attest_document *d, struct buf *out);
/* Strict: every member once, none unknown, canonical base64, lower-case hex, nothing behind it.
 * Views point into store, which must be empty and holds what was decoded; it needs a maximum of at
 * least ATTEST_STORE_MAX and must outlive *out. */
enum { ATTEST_STORE_MAX = 2 * ATTEST_DOCUMENT_MAX };
must_check enum err attest_document_decode(struct view text, struct buf *store,
                                           struct attest_document *out);

/* The REPORT_DATA this document must be under, for the exporter cb of the connection it came over
 * (not looked at when binding is none). False when the path does not fit index and size. */
bool attest_document_report_data(const struct attest_document *d, const uint8_t cb[static 32],
                                 uint8_t out[static 64]);

#endif
