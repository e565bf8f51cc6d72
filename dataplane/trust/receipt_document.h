/* A receipt as text: the facts of an answer in the shape of ACI (aci/1), signed by this boot's
 * receipt key. Made when somebody asks for it, never before. docs/receipts.md describes every
 * member. */
#ifndef TR_DATAPLANE_TRUST_RECEIPT_DOCUMENT_H
#define TR_DATAPLANE_TRUST_RECEIPT_DOCUMENT_H

#include "buf.h"
#include "providers.h"
#include "receipt.h"

struct identity_keys;
struct keyset;
struct receipts;

/* Whose receipts these are; borrowed parts outlive every receipt. Read-only, any thread. */
struct receipt_signer {
    const struct identity_keys *keys;
    const struct keyset *keyset;
    const struct providers *providers;
    const struct receipts *receipts; /* has the parts of an orchestration */
    const struct secret32 *salt; /* receipts_salt_secret() */
    uint8_t measurement[48];     /* of this very platform, from one of its reports */
    bool simulated;
};

/* Append the signed receipt in canonical form. It holds the salts of the commitments: for the owner
 * of the answer's key only. out needs a maximum of at least RECEIPT_DOCUMENT_MAX.
 * ERR_LIMIT, ERR_MEMORY, ERR_CRYPTO; ERR_UNSUPPORTED: an amount is over 2^53; ERR_NOT_FOUND: f is of an orchestration, and
 * the facts of one of its parts have been overwritten: a receipt without that line would not explain the cost. */
enum { RECEIPT_DOCUMENT_MAX = 64 << 10 }; /* 24 lines of 1.6 KB, and 5 KB, at most */
must_check enum err receipt_document(const struct receipt_signer *s, const struct receipt_facts *f,
                                     struct buf *out);

/* Append what verifiers of the NEAR and older Phala kind ask for:
 *   {"text":"<model>:<sha256 of request>:<sha256 of response>","signature":...,"receipt":{...}}
 * (text without "<model>:" where the receipt has no model). ERR_NOT_FOUND: nothing was returned. */
enum { RECEIPT_SIGNATURE_MAX = RECEIPT_DOCUMENT_MAX + 2048 };
must_check enum err receipt_signature(const struct receipt_signer *s, const struct receipt_facts *f,
                                      struct buf *out);

#endif
