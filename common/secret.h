/* Keys and other secrets: wiped after use, compared in constant time, never logged. */
#ifndef TR_COMMON_SECRET_H
#define TR_COMMON_SECRET_H

#include "err.h"
#include "view.h"

struct secret32 {
    uint8_t b[32];
};
/* A SHA-256 digest. Not secret by itself, but compared in constant time where it authenticates. */
struct digest32 {
    uint8_t b[32];
};
struct digest48 {
    uint8_t b[48];
};

/* Start libsodium and OpenSSL's digests once per process. ERR_CRYPTO when they refuse. */
must_check enum err secret_init(void);

void secret_wipe(void *p, size_t n);
bool secret_equal(const void *a, const void *b, size_t n);
void secret_random(void *p, size_t n);

/* Prefetched OpenSSL digests; they cannot fail on valid input and assert that. */
void digest_sha256(struct view v, struct digest32 *out);
void digest_sha256_2(struct view a, struct view b, struct digest32 *out);
void digest_sha384(struct view v, struct digest48 *out);
void digest_sha512(struct view v, uint8_t out[static 64]);

/* Lower-case hex, constant time. out holds 2*n+1 bytes and is NUL-terminated. */
void hex_encode(const void *p, size_t n, char *out);
/* Exactly 2*n lower- or upper-case hex digits. ERR_FORMAT otherwise; *out then undefined. */
must_check enum err hex_decode(struct view text, uint8_t *out, size_t n);

#endif
