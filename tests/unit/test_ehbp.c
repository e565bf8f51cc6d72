/* Encrypted bodies: what another implementation seals must open, and nothing else may. A frame that opens although a
 * byte of it was changed, or a nonce that is used twice, is invisible to every client that works. The HPKE vectors are
 * those of RFC 9180's authors (test-vectors.json: mode 0, KEM 0x0020, KDF 0x0001, AEAD 0x0002). */
#include "ehbp.h"

#include "check.h"
#include "ehbp_seen.h"
#include "evidence.h"
#include "hkdf.h"
#include "identity.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

static void unhex(const char *text, uint8_t *out)
{
    CHECK_INT(hex_decode(view_str(text), out, strlen(text) / 2), ERR_NONE);
}

/* --- RFC 9180 */

static const char info_hex[] = "4f6465206f6e2061204772656369616e2055726e";
static const char sk_hex[] = "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d";
static const char pk_hex[] = "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c";
static const char enc_hex[] = "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256";
static const char pt_hex[] = "4265617574792069732074727574682c20747275746820626561757479";
static const struct {
    uint64_t seq;
    const char *aad, *ct;
} vectors[] = {
    {0, "Count-0",
     "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a"},
    {1, "Count-1",
     "2c43aff25343fdbff864506f0818b9d87df84ea01b1a2144d23b4d40c26bf655fdf197fe40297a8aebeed5cc2d"},
    {2, "Count-2",
     "e0a8f2cf92ff61215edbb8c55dc31fe9e2eb42a5685867bb6854211542099f9e940c4b41c192bc390835b1a5f7"},
    {4, "Count-4",
     "448a8892f261cbb6bf5b7b64a4fae8a2c86492494b069c10525895d871c27c2f12cd17e0588fedaba9f7b0cd4c"},
    {255, "Count-255",
     "f6ad1823eb0b932d04b6e23010eea64f1fe5edd0583dae5ba27ca6363f4ea104bd217331460ef4208040423641"},
    {256, "Count-256",
     "53624f4f9f173453b14e633b45390ff54cacaa4428d44baee1bff8133fab1ab3afe60f88e4634b525c54e92eda"},
};
static const struct {
    const char *context, *value;
} exports[] = {
    {"", "ded6cffafaea6b812cbf3e241e88332adbc077aca81512914213810ee291770a"},
    {"00", "04d3cb6cc116b28ffd22ad5bc276c60d31fec71ceb87ae24db811c64b7507339"},
    {"54657374436f6e74657874", "7c5ded445732c14fe09727d29b4251c0fd38455fe8440571e687f0886aac94d2"},
};

static void vector_begin(struct hpke *h, bool seals)
{
    uint8_t sk[32], pk[32], enc[32], info[sizeof info_hex / 2];
    struct secret32 dh;

    unhex(sk_hex, sk);
    unhex(pk_hex, pk);
    unhex(enc_hex, enc);
    unhex(info_hex, info);
    CHECK_INT(crypto_scalarmult(dh.b, sk, enc), 0);
    CHECK_INT(hpke_begin(h, &dh, enc, pk, view_of(info, sizeof info), seals), ERR_NONE);
}

static void vectors_of_the_rfc_open(void)
{
    uint8_t pt[29], ct[45], out[45];
    struct hpke h, sender;

    vector_begin(&h, false);
    vector_begin(&sender, true);
    unhex(pt_hex, pt);
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        unhex(vectors[i].ct, ct);
        h.gcm.next = sender.gcm.next = vectors[i].seq;
        CHECK_INT(gcm_open(&h.gcm, view_str(vectors[i].aad), view_of(ct, sizeof ct), out), ERR_NONE);
        CHECK_BYTES(out, sizeof pt, pt, sizeof pt);
        CHECK_INT(h.gcm.next, vectors[i].seq + 1);
        CHECK_INT(gcm_seal(&sender.gcm, view_str(vectors[i].aad), view_of(pt, sizeof pt), out), ERR_NONE);
        CHECK_BYTES(out, sizeof ct, ct, sizeof ct);
        /* Twice, or with other data, it does not open, and does not count. */
        CHECK_INT(gcm_open(&h.gcm, view_str(vectors[i].aad), view_of(ct, sizeof ct), out), ERR_CRYPTO);
        h.gcm.next = vectors[i].seq;
        CHECK_INT(gcm_open(&h.gcm, VIEW_LIT("Count-7"), view_of(ct, sizeof ct), out), ERR_CRYPTO);
        CHECK_INT(h.gcm.next, vectors[i].seq);
    }
    hpke_free(&h);
    hpke_free(&sender);
    CHECK(sodium_is_zero(h.exporter.b, sizeof h.exporter.b) && sodium_is_zero(h.gcm.base, sizeof h.gcm.base));
}

static void vectors_of_the_rfc_export(void)
{
    struct hpke h;

    vector_begin(&h, false);
    for (size_t i = 0; i < sizeof exports / sizeof exports[0]; i++) {
        uint8_t context[16], want[32];
        struct secret32 got;

        unhex(exports[i].context, context);
        unhex(exports[i].value, want);
        hpke_export(&h, view_of(context, strlen(exports[i].context) / 2), &got);
        CHECK_BYTES(got.b, 32, want, 32);
    }
    hpke_free(&h);
}

/* --- a client */

struct client {
    struct hpke hpke;
    uint8_t enc[32];
    struct secret32 dh; /* as the receiver computes it */
};

static uint8_t own_pk[32], own_sk[32];

static void client_begin(struct client *c, const uint8_t pk[static 32])
{
    uint8_t sk[32];
    struct secret32 dh;

    CHECK_INT(crypto_box_keypair(c->enc, sk), 0);
    CHECK_INT(crypto_scalarmult(dh.b, sk, pk), 0);
    CHECK_INT(hpke_begin(&c->hpke, &dh, c->enc, pk, VIEW_LIT("ehbp request"), true), ERR_NONE);
    CHECK_INT(crypto_scalarmult(c->dh.b, own_sk, c->enc), 0);
}

/* The bytes as frames of these lengths, which may be 0; *len of what is made. */
static uint8_t *client_seal(struct client *c, struct view plain, const size_t *frames, size_t n, size_t *len)
{
    uint8_t *out = malloc(plain.len + n * EHBP_GROWS + 1);
    struct view part;

    *len = 0;
    for (size_t i = 0; i < n; i++) {
        if (frames[i] == SIZE_MAX) { /* a frame without bytes */
            memset(out + *len, 0, EHBP_LENGTH_BYTES);
            *len += EHBP_LENGTH_BYTES;
            continue;
        }
        CHECK(view_take(&plain, frames[i], &part));
        CHECK_INT(ehbp_seal(&c->hpke.gcm, part, out + *len), ERR_NONE);
        *len += part.len + EHBP_GROWS;
    }
    CHECK_INT(plain.len, 0);
    return out;
}

/* Opens a copy of exactly these bytes, so that a step beyond them is seen. */
static enum err server_open(const struct client *c, const uint8_t *body, size_t len, uint8_t *plain, size_t *plain_len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    struct view opened;
    struct ehbp e;
    enum err err;

    memcpy(copy, body, len);
    CHECK_INT(ehbp_begin(&e, &c->dh, c->enc, own_pk), ERR_NONE);
    err = ehbp_open(&e, copy, len, &opened);
    if (err == ERR_NONE) {
        CHECK(opened.ptr >= copy && opened.ptr + opened.len <= copy + len);
        if (plain != NULL)
            memcpy(plain, opened.ptr, opened.len);
        *plain_len = opened.len;
    }
    ehbp_free(&e);
    free(copy);
    return err;
}

static void whatever_the_frames_the_text_is_the_same(void)
{
    for (unsigned round = 0; round < 400; round++) {
        uint8_t text[5000], got[5000];
        size_t len = randombytes_uniform(round % 10 == 0 ? sizeof text : 60), left = len, n = 0, sealed_len, got_len;
        size_t frames[40];
        struct client c;
        uint8_t *sealed;

        randombytes_buf(text, len);
        client_begin(&c, own_pk);
        while (n < 38) {
            frames[n] = randombytes_uniform(4) == 0 ? SIZE_MAX : randombytes_uniform((uint32_t)left + 1);
            left -= frames[n] == SIZE_MAX ? 0 : frames[n];
            n++;
        }
        frames[n++] = left;
        sealed = client_seal(&c, view_of(text, len), frames, n, &sealed_len);
        CHECK_INT(server_open(&c, sealed, sealed_len, got, &got_len), ERR_NONE);
        CHECK_BYTES(got, got_len, text, len);
        /* Cut anywhere but between two frames it is refused; there it is shorter, which nothing in EHBP tells. */
        for (size_t cut = 1; cut <= 24 && cut < sealed_len; cut++) {
            enum err e = server_open(&c, sealed, sealed_len - cut, NULL, &got_len);

            CHECK(e != ERR_NONE || got_len < len || (frames[n - 1] == 0 && got_len == len) || frames[n - 1] == SIZE_MAX);
        }
        hpke_free(&c.hpke);
        free(sealed);
    }
}

static void a_changed_byte_is_refused(void)
{
    static const char text[] = "{\"model\":\"demo/echo\",\"messages\":[]}";
    size_t frames[] = {10, SIZE_MAX, 0, sizeof text - 11};
    struct client c;
    size_t len, got_len;
    uint8_t *sealed;

    client_begin(&c, own_pk);
    sealed = client_seal(&c, view_of(text, sizeof text - 1), frames, 4, &len);
    CHECK_INT(server_open(&c, sealed, len, NULL, &got_len), ERR_NONE);
    for (size_t at = 0; at < len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            enum err e;

            sealed[at] ^= (uint8_t)(1u << bit);
            e = server_open(&c, sealed, len, NULL, &got_len);
            CHECK(e != ERR_NONE);
            /* Only what is in the first frame is a matter of the key. */
            CHECK(e != ERR_AUTH || at < 10 + EHBP_GROWS);
            CHECK(e == ERR_AUTH || at < EHBP_LENGTH_BYTES || at >= 10 + EHBP_GROWS);
            sealed[at] ^= (uint8_t)(1u << bit);
        }
    for (size_t at = 0; at < sizeof c.enc; at++) { /* the encapsulated key is part of what is sealed */
        c.enc[at] ^= 1;
        CHECK_INT(server_open(&c, sealed, len, NULL, &got_len), ERR_AUTH);
        c.enc[at] ^= 1;
    }
    hpke_free(&c.hpke);
    free(sealed);
}

static void another_key_is_told_from_damage(void)
{
    uint8_t pk[32], sk[32], two[2 * (4 + EHBP_GROWS)];
    size_t one = 8, len, got_len;
    struct client c;
    uint8_t *sealed;

    crypto_box_keypair(pk, sk);
    client_begin(&c, pk);
    sealed = client_seal(&c, VIEW_LIT("01234567"), &one, 1, &len);
    CHECK_INT(server_open(&c, sealed, len, NULL, &got_len), ERR_AUTH);
    free(sealed);
    hpke_free(&c.hpke);

    client_begin(&c, own_pk);
    sealed = client_seal(&c, VIEW_LIT("01234567"), (size_t[]){4, 4}, 2, &len);
    CHECK_INT(len, sizeof two);
    CHECK_INT(server_open(&c, sealed, len, NULL, &got_len), ERR_NONE);
    /* Frames in another order, or twice: the second one is not what follows the first. */
    memcpy(two, sealed + len / 2, len / 2);
    memcpy(two + len / 2, sealed, len / 2);
    CHECK_INT(server_open(&c, two, len, NULL, &got_len), ERR_AUTH);
    memcpy(two, sealed, len / 2);
    CHECK_INT(server_open(&c, two, len, NULL, &got_len), ERR_CRYPTO);
    CHECK_INT(server_open(&c, two, len / 2, NULL, &got_len), ERR_NONE);
    hpke_free(&c.hpke);
    free(sealed);
}

static void what_is_not_made_of_frames(void)
{
    static const struct {
        const char *hex;
        enum err want;
    } cases[] = {
        {"", ERR_SHORT},
        {"00000000", ERR_SHORT},
        {"0000000000000000", ERR_SHORT},
        {"00", ERR_FORMAT},
        {"000000", ERR_FORMAT},
        {"00000000000000", ERR_FORMAT},
        {"0000000f000000000000000000000000000000", ERR_FORMAT},           /* shorter than a tag */
        {"00000010000000000000000000000000000000", ERR_FORMAT},           /* cut */
        {"0000001000000000000000000000000000000000", ERR_AUTH},           /* an empty text, but not ours */
        {"ffffffff00000000000000000000000000000000", ERR_FORMAT},
        {"0400000100000000000000000000000000000000", ERR_FORMAT},         /* over 64 MiB */
    };
    struct client c;
    size_t got_len;

    client_begin(&c, own_pk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t body[32];

        unhex(cases[i].hex, body);
        CHECK_INT(server_open(&c, body, strlen(cases[i].hex) / 2, NULL, &got_len), cases[i].want);
    }
    hpke_free(&c.hpke);
}

/* A body of empty frames would keep a worker from its other requests: 32 MiB of them took 330 ms. */
static void a_body_has_only_so_many_frames(void)
{
    size_t *frames = calloc(EHBP_FRAMES_MAX + 1, sizeof *frames), got_len = 1;

    for (size_t more = 0; more <= 1; more++) {
        size_t n = EHBP_FRAMES_MAX + more, len;
        struct client c;
        uint8_t *sealed;

        client_begin(&c, own_pk);
        sealed = client_seal(&c, VIEW_EMPTY, frames, n, &len);
        CHECK_INT(server_open(&c, sealed, len, NULL, &got_len), more == 0 ? ERR_NONE : ERR_FORMAT);
        CHECK_INT(got_len, 0);
        hpke_free(&c.hpke);
        free(sealed);
    }
    free(frames);
}

/* --- answers */

/* The answer as a client opens it: keys of the exported secret, one nonce for each frame. */
static void an_answer_opens_at_its_client_only(void)
{
    uint8_t nonce[EHBP_NONCE_BYTES], other[EHBP_NONCE_BYTES], salt[64], base[12], out[64], got[64];
    const struct view labels[] = {VIEW_LIT("key"), VIEW_LIT("nonce")};
    struct secret32 exported, prk, key;
    struct gcm seals, again, opens;
    struct ehbp e;
    struct client c;

    client_begin(&c, own_pk);
    randombytes_buf(nonce, sizeof nonce);
    CHECK_INT(ehbp_begin(&e, &c.dh, c.enc, own_pk), ERR_NONE);
    CHECK_INT(ehbp_answer(&e, nonce, &seals), ERR_NONE);
    memcpy(other, nonce, sizeof other);
    other[31] ^= 1;
    CHECK_INT(ehbp_answer(&e, other, &again), ERR_NONE);
    ehbp_free(&e);

    hpke_export(&c.hpke, VIEW_LIT("ehbp response"), &exported);
    memcpy(salt, c.enc, 32);
    memcpy(salt + 32, nonce, 32);
    hkdf_extract(view_of(salt, sizeof salt), &(struct view){exported.b, 32}, 1, &prk);
    hkdf_expand(&prk, &labels[0], 1, key.b, 32);
    hkdf_expand(&prk, &labels[1], 1, base, 12);
    CHECK_INT(gcm_begin(&opens, &key, base, false), ERR_NONE);
    for (unsigned i = 0; i < 300; i++) {
        struct view text = view_of("data: {}\n\n", i % 10 + 1);

        CHECK_INT(ehbp_seal(&seals, text, out), ERR_NONE);
        CHECK_INT((out[0] << 24 | out[1] << 16 | out[2] << 8) | out[3], (int)text.len + GCM_TAG_BYTES);
        CHECK_INT(gcm_open(&opens, VIEW_EMPTY, view_of(out + 4, text.len + GCM_TAG_BYTES), got), ERR_NONE);
        CHECK_BYTES(got, text.len, text.ptr, text.len);
    }
    /* Another answer to the same request has other keys. */
    opens.next = 0;
    CHECK_INT(ehbp_seal(&again, VIEW_LIT("data: "), out), ERR_NONE);
    CHECK_INT(gcm_open(&opens, VIEW_EMPTY, view_of(out + 4, 6 + GCM_TAG_BYTES), got), ERR_CRYPTO);
    gcm_free(&seals);
    gcm_free(&again);
    gcm_free(&opens);
    hpke_free(&c.hpke);
}

static void the_key_config(void)
{
    static const char want[] = "00" "0020" "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
                               "0004" "0001" "0002";
    uint8_t pk[32], out[EHBP_CONFIG_BYTES];
    char text[2 * sizeof out + 1];

    unhex(pk_hex, pk);
    ehbp_config(pk, out);
    hex_encode(out, sizeof out, text);
    CHECK_BYTES(text, strlen(text), want, strlen(want));
}

/* --- this boot's key */

static void the_identity_agrees_with_its_document(void)
{
    const struct identity_config config = {.audience = "localhost"};
    static const uint8_t no_key[32]; /* of low order: the value would be the same for everybody */
    uint8_t sk[32], pk[32];
    struct secret32 ours, theirs;
    struct identity_keys *k = NULL;

    CHECK_INT(identity_keys_new(&config, &k), ERR_NONE);
    crypto_box_keypair(pk, sk);
    CHECK_INT(identity_agree(k, pk, &ours), ERR_NONE);
    CHECK_INT(crypto_scalarmult(theirs.b, sk, identity_document(k)->hpke_x25519), 0);
    CHECK_BYTES(ours.b, 32, theirs.b, 32);
    CHECK_INT(identity_agree(k, no_key, &ours), ERR_CRYPTO);
    identity_keys_free(k);
}

/* --- repeated requests */

static void a_request_is_first_once(void)
{
    struct ehbp_seen *s = NULL;
    uint8_t enc[32] = {0};
    unsigned again = 0;

    CHECK_INT(ehbp_seen_new(&s), ERR_NONE);
    CHECK(ehbp_seen_first(s, enc));
    CHECK(!ehbp_seen_first(s, enc));
    /* Of 200,000 later ones, ten minutes at 333 a second, nearly all are still known behind the last. */
    for (uint32_t i = 1; i <= 200000; i++) {
        memcpy(enc, &i, sizeof i);
        CHECK(ehbp_seen_first(s, enc));
    }
    for (uint32_t i = 1; i <= 200000; i++) {
        memcpy(enc, &i, sizeof i);
        again += ehbp_seen_first(s, enc);
    }
    CHECK(again < 1000); /* 7 sets get more than 16, and forget all of theirs in turn while they are asked */
    /* It stays as large as it is. */
    for (uint32_t i = 200001; i <= 1500000; i++) {
        memcpy(enc, &i, sizeof i);
        CHECK(ehbp_seen_first(s, enc));
    }
    ehbp_seen_free(s);
}

static struct ehbp_seen *shared;
static _Atomic unsigned firsts;

static void *all_of_them(void *cookie)
{
    uint8_t enc[32] = {1};

    (void)cookie;
    for (uint32_t i = 0; i < 20000; i++) {
        memcpy(enc + 4, &i, sizeof i);
        firsts += ehbp_seen_first(shared, enc);
    }
    return NULL;
}

static void one_worker_is_first(void)
{
    pthread_t threads[4];

    CHECK_INT(ehbp_seen_new(&shared), ERR_NONE);
    for (unsigned i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, all_of_them, NULL), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(firsts, 20000);
    ehbp_seen_free(shared);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"ehbp_vectors_of_the_rfc_open", vectors_of_the_rfc_open},
        {"ehbp_vectors_of_the_rfc_export", vectors_of_the_rfc_export},
        {"ehbp_whatever_the_frames_the_text_is_the_same", whatever_the_frames_the_text_is_the_same},
        {"ehbp_a_changed_byte_is_refused", a_changed_byte_is_refused},
        {"ehbp_another_key_is_told_from_damage", another_key_is_told_from_damage},
        {"ehbp_what_is_not_made_of_frames", what_is_not_made_of_frames},
        {"ehbp_a_body_has_only_so_many_frames", a_body_has_only_so_many_frames},
        {"ehbp_an_answer_opens_at_its_client_only", an_answer_opens_at_its_client_only},
        {"ehbp_the_key_config", the_key_config},
        {"ehbp_the_identity_agrees_with_its_document", the_identity_agrees_with_its_document},
        {"ehbp_a_request_is_first_once", a_request_is_first_once},
        {"ehbp_one_worker_is_first", one_worker_is_first},
    };

    if (secret_init() != ERR_NONE)
        return 1;
    crypto_box_keypair(own_pk, own_sk);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
