/* OpenSSL's EVP interface keeps its state behind two allocations; the older one below it, with the
 * same assembly, takes it from the caller. It is marked deprecated, but part of every OpenSSL 3. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "digest_stream.h"

#include <assert.h>
#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct digest_stream), "SHA256_CTX fits");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct digest_stream), "and is aligned");

static SHA256_CTX *context_of(struct digest_stream *s)
{
    return (SHA256_CTX *)(void *)s->state;
}

void digest_stream_begin(struct digest_stream *s)
{
    int ok = SHA256_Init(context_of(s));

    assert(ok == 1);
}

void digest_stream_add(struct digest_stream *s, struct view v)
{
    int ok = v.len == 0 ? 1 : SHA256_Update(context_of(s), v.ptr, v.len);

    assert(ok == 1);
}

void digest_stream_end(struct digest_stream *s, struct digest32 *out)
{
    int ok = SHA256_Final(out->b, context_of(s));

    assert(ok == 1);
    secret_wipe(s, sizeof *s);
}
