#include "keyset.h"

#include "aci.h"
#include "evidence.h"
#include "identity.h"

#include <stdlib.h>

enum { KEYSET_TEXT_MAX = 2048, DIGEST_TEXT_LEN = 7 + 64 };

struct keyset {
    struct buf text;
    struct digest32 digest;
    char digest_text[DIGEST_TEXT_LEN + 1];
    char key_id[KEYSET_KEY_ID_LEN + 1];
};

static void key_id_make(const uint8_t public[static 32], char out[static KEYSET_KEY_ID_LEN + 1])
{
    struct digest32 d;

    digest_sha256(view_of(public, 32), &d);
    memcpy(out, "receipt-", 8);
    hex_encode(d.b, 8, out + 8);
}

/* Members in JCS order. e2ee_public_keys is empty: the boot's X25519 key opens what the control
 * plane seals and is no key for clients. The audience needs no escaping: identity.c made sure. */
static enum err text_make(const struct identity *i, struct keyset *k)
{
    char receipt[65], spki[65];

    hex_encode(i->receipt_ed25519, 32, receipt);
    hex_encode(i->tls_spki_sha256.b, 32, spki);
    return buf_appendf(&k->text,
                       "{\"e2ee_public_keys\":[],\"not_after\":%llu,\"receipt_signing_keys\":"
                       "[{\"algo\":\"ed25519\",\"key_id\":\"%s\",\"public_key\":\"%s\"}],"
                       "\"subject\":\"%s\",\"tls_public_keys\":"
                       "[{\"domain\":\"%s\",\"spki_sha256\":\"%s\"}]}",
                       (unsigned long long)i->not_after_s, k->key_id, receipt, i->audience,
                       i->audience, spki);
}

enum err keyset_new(const struct identity_keys *keys, struct keyset **out)
{
    struct keyset *k = calloc(1, sizeof *k);
    struct identity i;
    enum err e;

    if (k == NULL)
        return ERR_MEMORY;
    buf_init(&k->text, KEYSET_TEXT_MAX);
    e = identity_decode(identity_text(keys), &i);
    if (e == ERR_NONE) {
        key_id_make(i.receipt_ed25519, k->key_id);
        e = text_make(&i, k);
    }
    if (e == ERR_NONE)
        e = aci_keyset_digest(buf_view(&k->text), &k->digest);
    if (e == ERR_NONE) {
        memcpy(k->digest_text, "sha256:", 7);
        hex_encode(k->digest.b, 32, k->digest_text + 7);
        *out = k;
        k = NULL;
    }
    keyset_free(k);
    return e;
}

void keyset_free(struct keyset *k)
{
    if (k == NULL)
        return;
    buf_free(&k->text);
    free(k);
}

struct view keyset_text(const struct keyset *k)
{
    return buf_view(&k->text);
}

const struct digest32 *keyset_digest(const struct keyset *k)
{
    return &k->digest;
}

struct view keyset_digest_text(const struct keyset *k)
{
    return view_of(k->digest_text, DIGEST_TEXT_LEN);
}

struct view keyset_receipt_key_id(const struct keyset *k)
{
    return view_of(k->key_id, KEYSET_KEY_ID_LEN);
}
