/* The roots of a policy: AMD's, compiled in; PEM files it names; certificates handed in. */
#include "policy.h"

#include "conf.h"

#include <openssl/pem.h>

void policy_roots_clear(struct attest_policy *p)
{
    for (size_t i = 0; i < p->n_roots; i++) {
        chain_cert_free(&p->roots[i].ark);
        chain_cert_free(&p->roots[i].ask);
        chain_cert_free(&p->roots[i].asvk);
    }
    memset(p->roots, 0, sizeof p->roots);
    p->n_roots = 0;
}

static bool digest_is(struct view v, const char *hex)
{
    struct digest32 got, want;

    digest_sha256(v, &got);
    return hex_decode(view_str(hex), want.b, sizeof want.b) == ERR_NONE &&
           memcmp(got.b, want.b, sizeof got.b) == 0;
}

static bool intermediate_take(const struct chain_cert *ark, struct view der, enum chain_role role,
                              struct chain_cert *out, struct digest32 *spki)
{
    struct chain_cert c;

    if (chain_cert_parse(der, role, &c) != ERR_NONE)
        return false;
    if (!chain_issued(ark, &c) || chain_spki_sha256(&c, spki) != ERR_NONE) {
        chain_cert_free(&c);
        return false;
    }
    chain_cert_free(out);
    *out = c;
    return true;
}

/* The embedded files are checked against their pins each time: a build from a tree in which one was
 * exchanged does not start. */
static bool root_from_amd(const struct amd_root *a, struct policy_root *out)
{
    struct view ark = view_of(a->ark, (size_t)(a->ark_end - a->ark));
    struct view ask = view_of(a->ask, (size_t)(a->ask_end - a->ask));
    struct view asvk = view_of(a->asvk, (size_t)(a->asvk_end - a->asvk));

    return digest_is(ark, a->ark_sha256) && digest_is(ask, a->ask_sha256) &&
           digest_is(asvk, a->asvk_sha256) &&
           chain_cert_parse(ark, CHAIN_ARK, &out->ark) == ERR_NONE &&
           out->ark.product == a->product &&
           intermediate_take(&out->ark, ask, CHAIN_ASK, &out->ask, &out->ask_spki) &&
           intermediate_take(&out->ark, asvk, CHAIN_ASVK, &out->asvk, &out->asvk_spki);
}

const char *policy_roots_amd(struct attest_policy *p)
{
    size_t n;
    const struct amd_root *amd = amd_roots(&n);

    for (size_t i = 0; i < n; i++)
        if (!root_from_amd(&amd[i], &p->roots[p->n_roots++]))
            return "a compiled-in AMD root is not the one it should be";
    return NULL;
}

static bool root_from_pem(struct view pem, struct chain_cert *out)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int n = x == NULL ? 0 : i2d_X509(x, &der);
    bool ok = n > 0 && chain_cert_parse(view_of(der, (size_t)n), CHAIN_ARK, out) == ERR_NONE;

    OPENSSL_free(der);
    X509_free(x);
    BIO_free(bio);
    return ok;
}

const char *policy_root_file(struct attest_policy *p, const char *path)
{
    struct buf pem;
    bool ok;

    if (p->n_roots == POLICY_ROOTS_MAX)
        return "there are too many roots";
    buf_init(&pem, POLICY_FILE_MAX);
    ok = conf_read_file(path, POLICY_FILE_MAX, &pem) == ERR_NONE &&
         root_from_pem(buf_view(&pem), &p->roots[p->n_roots].ark);
    buf_free(&pem);
    if (!ok)
        return "a root's file cannot be read or is no ARK certificate in PEM";
    p->n_roots++;
    return NULL;
}

void attest_policy_distrust(struct attest_policy *p)
{
    policy_roots_clear(p);
}

static enum err root_add(struct attest_policy *p, struct chain_cert *ark)
{
    for (size_t i = 0; i < p->n_roots; i++)
        if (X509_cmp(p->roots[i].ark.x509, ark->x509) == 0) {
            chain_cert_free(ark);
            return ERR_NONE; /* the same file in two encodings */
        }
    if (p->n_roots == POLICY_ROOTS_MAX) {
        chain_cert_free(ark);
        return ERR_LIMIT;
    }
    p->allow_simulated = p->allow_simulated || ark->simulated;
    p->roots[p->n_roots++].ark = *ark;
    return ERR_NONE;
}

enum err attest_policy_trust(struct attest_policy *p, struct view der)
{
    struct chain_cert ark;

    if (chain_cert_parse(der, CHAIN_ARK, &ark) == ERR_NONE)
        return root_add(p, &ark);
    for (size_t i = 0; i < p->n_roots; i++) {
        struct policy_root *r = &p->roots[i];

        if (intermediate_take(&r->ark, der, CHAIN_ASK, &r->ask, &r->ask_spki) ||
            intermediate_take(&r->ark, der, CHAIN_ASVK, &r->asvk, &r->asvk_spki))
            return ERR_NONE;
    }
    return ERR_FORMAT;
}
