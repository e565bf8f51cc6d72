/* The request for a certificate (PKCS #10, RFC 2986) for names, under a key that stays here. */
#ifndef TR_DATAPLANE_ACME_CSR_H
#define TR_DATAPLANE_ACME_CSR_H

#include "buf.h"
#include "names.h"

#include <openssl/evp.h>

/* Append its DER. No subject: the names are in the subjectAltName alone. ERR_CRYPTO; ERR_LIMIT, ERR_MEMORY. */
must_check enum err csr_make(EVP_PKEY *key, const struct acme_names *names, struct buf *out);

#endif
