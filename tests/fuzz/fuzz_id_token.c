/* What providers of identities send, and what strangers send to sign in there: key sets, tokens, claims, documents of issuers,
 * recovery codes and pages to return to never read past their end, and what is accepted keeps its promises. */
#include "../../controlplane/api/return_to.c"
#include "../../controlplane/identity/id_token.c"
#include "../../controlplane/identity/issuer.c"
#include "../../controlplane/identity/jwks.c"
#include "../../controlplane/outcall_url.c"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_token(struct view v)
{
    static EVP_PKEY *ours;
    struct id_token t;

    if (ours == NULL)
        ours = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    const struct jwk key = {"", JWS_EDDSA, ours};

    if (id_token_split(v, &t) == ERR_NONE) {
        assert(t.signature_len > 0 && t.signature_len <= sizeof t.signature && strlen(t.kid) <= JWK_KID_MAX);
        assert(t.signed_part.ptr == v.ptr && t.signed_part.len < v.len);
        assert(id_token_verify(&t, &key) == ERR_AUTH); /* nobody has signed it */
    }
    id_token_free(&t);
}

static void try_claims(struct view v)
{
    const struct id_claims_want want = {"https://i.example", "c", VIEW_LIT("n"), 1700000000};
    struct id_person who;

    if (id_claims_check(v, &want, &who) == ERR_NONE) {
        assert(who.subject[0] != '\0');
        for (const char *c = who.email; *c != '\0'; c++)
            assert((unsigned char)*c >= ' ');
    }
}

static void try_document(struct view v)
{
    struct issuer i;

    if (issuer_read(v, "https://i.example", &i) == ERR_NONE)
        assert(outcall_url_valid(view_str(i.authorization)) && outcall_url_valid(view_str(i.token)) &&
               outcall_url_valid(view_str(i.jwks)) && (i.userinfo[0] == '\0' || outcall_url_valid(view_str(i.userinfo))));
}

static void try_page(struct view v)
{
    if (return_to_valid(v)) {
        assert(v.len <= RETURN_TO_MAX && v.ptr[0] == '/' && (v.len == 1 || v.ptr[1] != '/'));
        for (size_t k = 0; k < v.len; k++)
            assert(v.ptr[k] > ' ' && v.ptr[k] <= '~' && v.ptr[k] != '\\');
    }
}

/* The first byte says what it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = size == 0 ? VIEW_EMPTY : view_of(data + 1, size - 1);
    struct jwks keys;

    switch (size == 0 ? 'k' : data[0]) {
    case 'k':
        if (jwks_parse(v, &keys) == ERR_NONE)
            for (size_t i = 0; i < keys.n; i++)
                assert(keys.keys[i].key != NULL && keys.keys[i].alg < JWS_ALGS);
        jwks_free(&keys);
        break;
    case 't':
        try_token(v);
        break;
    case 'c':
        try_claims(v);
        break;
    case 'd':
        try_document(v);
        break;
    default:
        try_page(v);
        break;
    }
    return 0;
}
