/* The audit sampler's documents, each with one spelling (canonical JSON): a sample, what opens it,
 * the signed head of a boot's chain, the signed window that samples are shown in. docs/audit.md has
 * them in words, audit_hash.h the digests in them. */
#ifndef TR_ATTESTATION_AUDIT_TEXT_H
#define TR_ATTESTATION_AUDIT_TEXT_H

#include "audit_hash.h"
#include "buf.h"
#include "err.h"
#include "id.h"
#include "secret.h"

/* One answer, committed to. Its text is the leaf's preimage. */
struct audit_sample {
    uint64_t answered_ms; /* unix, the signer's clock */
    bool complete;        /* the body ended as HTTP says; otherwise it was cut off */
    struct digest32 request_commitment;
    struct id request; /* x-request-id */
    struct digest32 response_commitment;
    uint64_t seq;    /* of this boot's chain, from 0 */
    uint64_t status; /* HTTP */
};

/* What only the key's owner gets: salts and the digests of the raw bodies. */
struct audit_opening {
    uint8_t request_salt[32];
    struct digest32 request_sha256;
    uint8_t response_salt[32];
    struct digest32 response_sha256;
    struct audit_sample sample;
};

/* Where a boot's chain stands. */
struct audit_head {
    struct id boot;
    uint64_t count;       /* samples ever, kept or not */
    uint64_t epoch_ms;    /* AUDIT_EPOCH_MS */
    uint64_t first_kept;  /* lower ones are gone; == count: none is kept */
    struct digest32 head; /* chain[count] */
    uint64_t missed;      /* picked, but a worker's queue was full: not in the chain */
    struct digest32 pick_anchor;
    uint64_t rate_ppm;
    struct digest32 revealed; /* secret number revealed_epochs; the anchor itself at first */
    uint64_t revealed_epochs; /* epochs whose picks anybody can check now */
    uint8_t signature[64];
    uint64_t signed_at_ms;
    bool simulated;
    uint64_t since_ms; /* unix: the boot, where epoch 0 begins */
};

/* chain[from] and chain[to] of a boot, for the samples between. */
struct audit_window {
    struct digest32 after, before; /* chain[to], chain[from] */
    struct id boot;
    uint64_t from;
    uint8_t signature[64];
    uint64_t to;
};

enum {
    AUDIT_WINDOW_MAX = 1024,  /* samples in one answer, of all owners: 67 bytes each */
    AUDIT_OPENINGS_MAX = 128, /* of them, the asker's own: some 650 bytes each */
    AUDIT_HEAD_BYTES = 1024,  /* of the text of a head or a window */
    AUDIT_SAMPLE_BYTES = 512,
    AUDIT_DOCUMENT_BYTES = 256 << 10, /* both lists full, and half as much again */
};

/* Append the one spelling. ERR_FORMAT: a number too big for JSON; ERR_LIMIT, ERR_MEMORY. */
must_check enum err audit_text_sample(const struct audit_sample *s, struct buf *out);
must_check enum err audit_text_opening(const struct audit_opening *o, struct buf *out);
/* to_sign: without the signature, the bytes it is over. */
must_check enum err audit_text_head(const struct audit_head *h, bool to_sign, struct buf *out);
must_check enum err audit_text_window(const struct audit_window *w, bool to_sign, struct buf *out);

/* SHA-256 of a sample's text. ERR_FORMAT as above. */
must_check enum err audit_text_leaf(const struct audit_sample *s, struct digest32 *out);

/* Take one from the front of v; false when nothing else but its one spelling is there. */
bool audit_text_take_opening(struct view *v, struct audit_opening *out);
bool audit_text_take_head(struct view *v, struct audit_head *out);
bool audit_text_take_window(struct view *v, struct audit_window *out);

/* Is it signed by this Ed25519 key? */
bool audit_text_head_signed(const struct audit_head *h, const uint8_t key[static 32]);
bool audit_text_window_signed(const struct audit_window *w, const uint8_t key[static 32]);

#endif
