/* A stranger decides by these documents whether an operator lies about an answer, so: the hashes
 * and the files of tests/fuzz/corpus/audit were made with another implementation (Python's hashlib,
 * hmac and cryptography) and must be accepted; no changed bit may be; and what a signer who lies
 * can sign is refused with the word that says how he lied. */
#include "audit_document.h"

#include "check.h"
#include "conf.h"

#include <sodium.h>
#include <stdlib.h>

#define CORPUS "tests/fuzz/corpus/audit/"
#define HOUR UINT64_C(3600000)
#define SINCE UINT64_C(1790000000000)

static uint8_t public[32], secret[64]; /* from the seed 01 01 .. 01, as the files' */
static struct audit_document doc;

static void load(const char *name, struct buf *out)
{
    char path[256];

    snprintf(path, sizeof path, CORPUS "%s", name);
    buf_init(out, AUDIT_DOCUMENT_BYTES + 1);
    if (conf_read_file(path, AUDIT_DOCUMENT_BYTES + 1, out) != ERR_NONE)
        check_fail(__FILE__, __LINE__, path);
}

static void open_file(const char *name)
{
    struct buf text;

    load(name, &text);
    CHECK_INT(audit_document_parse(buf_view(&text), &doc), ERR_NONE);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_ACCEPT);
    buf_free(&text);
}

/* --- hashes */

static void test_hashes(void)
{
    static const char genesis[] =
        "8ca3fe824c45a6b1c4e8889510dc76626c422573d86ea39686428dd7f2371514";
    static const char link[] = "1ad3fbea090a7cb2a97efa7d060f57133196c434ad22e4f215350e31bf45e2bb";
    static const char back[] = "da2332def583bffbf72cb589ec4ed9c95a40eadb7c44776c9a0e83a6b1ea8551";
    static const char request[] =
        "b02e7f4113ffc7148c069e1e400086a83e1e79db95e36e6292f5a8eac3097ca3";
    static const char response[] =
        "a25edac3db8071a2bf28e59038ed9657a2633669dba4d72d79fe99e683d3f46d";
    static const char leaf[] = "e9e540b6f51a30ff66bae7260c66cb2a1260f90d1a62e21fed3e0843c1e15431";
    struct audit_sample s = {
        .answered_ms = 1700000000123, .complete = true, .seq = 7, .status = 200};
    struct digest32 a, b, out;
    uint8_t key[32], salt[32];
    struct id boot;
    char hex[65];

    for (unsigned k = 0; k < 16; k++)
        boot.b[k] = (uint8_t)(k + 1);
    memset(key, 0x44, sizeof key);
    memset(salt, 0x66, sizeof salt);
    memset(a.b, 0x55, 32);
    audit_hash_genesis(&boot, key, &a, &out);
    hex_encode(out.b, 32, hex);
    CHECK_BYTES(hex, 64, genesis, 64);
    memset(a.b, 0x11, 32);
    memset(b.b, 0x22, 32);
    audit_hash_link(&a, &b, &out);
    hex_encode(out.b, 32, hex);
    CHECK_BYTES(hex, 64, link, 64);
    s.request_commitment = a;
    s.response_commitment = b;
    s.request = boot;
    CHECK_INT(audit_text_leaf(&s, &out), ERR_NONE);
    hex_encode(out.b, 32, hex);
    CHECK_BYTES(hex, 64, leaf, 64);
    s.seq = (UINT64_C(1) << 53) + 1; /* readers of JSON would disagree about it */
    CHECK_INT(audit_text_leaf(&s, &out), ERR_FORMAT);
    memset(a.b, 0x33, 32);
    audit_hash_back(&a, &out);
    hex_encode(out.b, 32, hex);
    CHECK_BYTES(hex, 64, back, 64);
    digest_sha256(VIEW_LIT("hello"), &a);
    audit_hash_commit(AUDIT_REQUEST, salt, &a, &out);
    hex_encode(out.b, 32, hex);
    CHECK_BYTES(hex, 64, request, 64);
    audit_hash_commit(AUDIT_RESPONSE, salt, &a, &out);
    hex_encode(out.b, 32, hex);
    CHECK_BYTES(hex, 64, response, 64);
}

/* A fixed secret over counted ids: the very picks Python makes, and their number. */
static void test_picks(void)
{
    static const unsigned first[] = {20, 25, 26, 43, 64};
    struct digest32 s;
    unsigned picked = 0, all = 0, none = 0, half = 0;

    memset(s.b, 0x33, 32);
    for (uint32_t k = 0; k < 100000; k++) {
        struct id i = {{0}};

        for (unsigned j = 0; j < 4; j++)
            i.b[15 - j] = (uint8_t)(k >> (8 * j));
        if (audit_hash_pick(&s, &i, 50000)) {
            if (picked < 5)
                CHECK_INT(k, first[picked]);
            picked++;
        }
        all += audit_hash_pick(&s, &i, AUDIT_PPM);
        none += audit_hash_pick(&s, &i, 0);
        half += audit_hash_pick(&s, &i, AUDIT_PPM / 2);
    }
    CHECK_INT(picked, 4940); /* 5000 +- 69 expected */
    CHECK_INT(all, 100000);
    CHECK_INT(none, 0);
    CHECK(half > 49000 && half < 51000);
    CHECK(audit_hash_pick(&s, &(struct id){{0}}, 569623) &&
          !audit_hash_pick(&s, &(struct id){{0}}, 569622));
}

static struct id id_at(uint64_t ms)
{
    struct id i = {{0}};

    for (unsigned k = 0; k < 6; k++)
        i.b[k] = (uint8_t)(ms >> (40 - 8 * k));
    return i;
}

static void test_epochs(void)
{
    static const struct {
        uint64_t ms, epoch;
    } cases[] = {{SINCE, 0},
                 {SINCE + HOUR - 1, 0},
                 {SINCE + HOUR, 1},
                 {SINCE - 5 * HOUR, 0},
                 {SINCE + (AUDIT_EPOCHS - 1) * HOUR, AUDIT_EPOCHS - 1},
                 {SINCE + AUDIT_EPOCHS * HOUR, AUDIT_EPOCHS - 1},
                 {(UINT64_C(1) << 48) - 1, AUDIT_EPOCHS - 1}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct id id = id_at(cases[i].ms);

        CHECK_INT(audit_hash_epoch(&id, SINCE), cases[i].epoch);
    }
}

/* --- the files */

static void test_accepts(void)
{
    open_file("head.json");
    CHECK(!doc.has_window && doc.head.count == 6 && doc.head.simulated);
    CHECK_INT(doc.head.rate_ppm, 500000);
    open_file("first.json");
    CHECK(doc.head.count == 0 && doc.head.revealed_epochs == 0);
    open_file("whole.json");
    CHECK(doc.has_window && doc.n_leaves == 6 && doc.n_samples == 4 && audit_document_whole(&doc));
    CHECK(doc.samples[1].sample.seq == 2 && !doc.samples[1].sample.complete);
    open_file("part.json");
    CHECK(doc.window.from == 2 && doc.window.to == 4 && doc.n_samples == 1);
    CHECK(!audit_document_whole(&doc));
    open_file("none.json");
    CHECK(doc.n_leaves == 0 && doc.n_samples == 0);
    public[0] ^= 1;
    CHECK_INT(audit_document_check(&doc, public), AUDIT_SIGNATURE);
    public[0] ^= 1;
}

static bool accepted(struct view text)
{
    return audit_document_parse(text, &doc) == ERR_NONE &&
           audit_document_check(&doc, public) == AUDIT_ACCEPT;
}

/* Every bit of every file; every byte left out or doubled. */
static void test_mutants(void)
{
    static const char *const names[] = {"head.json", "part.json", "none.json", "whole.json"};
    unsigned tried = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct buf text;
        uint8_t *other;

        load(names[i], &text);
        CHECK(accepted(buf_view(&text)));
        other = malloc(text.len + 1);
        for (size_t at = 0; at < text.len; at++) {
            for (unsigned bit = 0; bit < 8; bit++, tried++) {
                text.ptr[at] ^= (uint8_t)(1 << bit);
                if (accepted(buf_view(&text)))
                    check_fail(names[i], (int)at, "a changed bit is accepted");
                text.ptr[at] ^= (uint8_t)(1 << bit);
            }
            memcpy(other, text.ptr, at);
            memcpy(other + at, text.ptr + at + 1, text.len - at - 1);
            CHECK(!accepted(view_of(other, text.len - 1)));
            memcpy(other + at, text.ptr + at, text.len - at);
            memmove(other + at + 1, other + at, text.len - at);
            CHECK(!accepted(view_of(other, text.len + 1)));
            CHECK(!accepted(view_of(text.ptr, at)));
            tried += 3;
        }
        free(other);
        buf_free(&text);
    }
    printf("# %u mutants\n", tried);
}

/* --- liars */

static void sign_head(struct audit_head *h)
{
    struct buf text;

    buf_init(&text, AUDIT_HEAD_BYTES);
    CHECK_INT(audit_text_head(h, true, &text), ERR_NONE);
    crypto_sign_detached(h->signature, NULL, text.ptr, text.len, secret);
    buf_free(&text);
}

static void sign_window(struct audit_window *w)
{
    struct buf text;

    buf_init(&text, AUDIT_HEAD_BYTES);
    CHECK_INT(audit_text_window(w, true, &text), ERR_NONE);
    crypto_sign_detached(w->signature, NULL, text.ptr, text.len, secret);
    buf_free(&text);
}

/* The chain over doc's leaves and samples as they are now, and both ends signed. */
static void rebuild(void)
{
    struct digest32 chain = doc.window.before, next;

    for (size_t i = 0; i < doc.n_samples; i++) {
        struct audit_opening *o = &doc.samples[i];

        audit_hash_commit(AUDIT_REQUEST, o->request_salt, &o->request_sha256,
                          &o->sample.request_commitment);
        audit_hash_commit(AUDIT_RESPONSE, o->response_salt, &o->response_sha256,
                          &o->sample.response_commitment);
        CHECK_INT(audit_text_leaf(&o->sample, &doc.leaves[o->sample.seq - doc.window.from]),
                  ERR_NONE);
    }
    for (size_t i = 0; i < doc.n_leaves; i++) {
        audit_hash_link(&chain, &doc.leaves[i], &next);
        chain = next;
    }
    doc.window.after = chain;
    if (doc.window.to == doc.head.count)
        doc.head.head = chain;
    sign_head(&doc.head);
    sign_window(&doc.window);
}

static void test_liars_head(void)
{
    open_file("whole.json");
    doc.head.rate_ppm = AUDIT_PPM + 1;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    open_file("whole.json");
    doc.head.epoch_ms = 1;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    open_file("whole.json");
    doc.head.first_kept = 7;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    open_file("whole.json");
    doc.head.revealed_epochs = AUDIT_EPOCHS + 1;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    open_file("whole.json"); /* another secret than the one promised */
    doc.head.revealed.b[0] ^= 1;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_REVEAL);
    open_file("whole.json"); /* the right one under the wrong number */
    doc.head.revealed_epochs++;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_REVEAL);
    open_file("first.json"); /* nothing was sampled, but something came before */
    doc.head.head.b[0] ^= 1;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_CHAIN);
}

static void test_liars_window(void)
{
    static const struct {
        uint64_t from, to;
    } bounds[] = {{1, 6}, {0, 5}, {6, 0}, {0, 7}};

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        open_file("whole.json");
        doc.window.from = bounds[i].from;
        doc.window.to = bounds[i].to;
        sign_window(&doc.window);
        CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    }
    open_file("whole.json"); /* signed, but about another boot */
    doc.window.boot.b[0] ^= 1;
    sign_window(&doc.window);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    open_file("whole.json"); /* what is not kept any more cannot be shown */
    doc.head.first_kept = 1;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    open_file("whole.json"); /* a beginning that is none */
    doc.window.before.b[0] ^= 1;
    rebuild();
    CHECK_INT(audit_document_check(&doc, public), AUDIT_CHAIN);
    open_file("whole.json"); /* a window that does not end in the head */
    doc.head.head.b[0] ^= 1;
    sign_head(&doc.head);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_CHAIN);
    open_file("whole.json"); /* a leaf taken out of the middle */
    memmove(&doc.leaves[1], &doc.leaves[2], 4 * sizeof doc.leaves[0]);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_CHAIN);
    open_file("part.json"); /* the head's signature is no window's and the other way round */
    memcpy(doc.window.signature, doc.head.signature, 64);
    CHECK_INT(audit_document_check(&doc, public), AUDIT_SIGNATURE);
}

static void test_liars_sample(void)
{
    open_file("whole.json"); /* rebuilt as it was: the control */
    rebuild();
    CHECK_INT(audit_document_check(&doc, public), AUDIT_ACCEPT);
    open_file("whole.json"); /* an answer altered later: the leaf is still the old one's */
    doc.samples[0].sample.status = 500;
    CHECK_INT(audit_document_check(&doc, public), AUDIT_SAMPLE);
    open_file("whole.json");
    doc.samples[1].response_sha256.b[0] ^= 1;
    CHECK_INT(audit_document_check(&doc, public), AUDIT_COMMITMENT);
    open_file("whole.json");
    doc.samples[1].request_salt[31] ^= 1;
    CHECK_INT(audit_document_check(&doc, public), AUDIT_COMMITMENT);
    open_file("whole.json"); /* the same place twice */
    doc.samples[1] = doc.samples[0];
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    open_file("whole.json"); /* out of order */
    doc.samples[3] = doc.samples[1];
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    open_file("part.json"); /* outside of the window */
    doc.samples[0].sample.seq = 4;
    CHECK_INT(audit_document_check(&doc, public), AUDIT_NUMBERS);
    /* A sample that its secret did not pick, with everything else in order. */
    open_file("whole.json");
    CHECK_INT(hex_decode(VIEW_LIT("01a0c476dfc070008000000000000000"),
                         doc.samples[0].sample.request.b, 16),
              ERR_NONE);
    rebuild();
    CHECK_INT(audit_document_check(&doc, public), AUDIT_PICK);
    open_file("whole.json"); /* its twin: picked */
    CHECK_INT(hex_decode(VIEW_LIT("01a0c476dfc070018000000000000000"),
                         doc.samples[0].sample.request.b, 16),
              ERR_NONE);
    rebuild();
    CHECK_INT(audit_document_check(&doc, public), AUDIT_ACCEPT);
}

/* --- questions */

static void test_expects(void)
{
    struct id late = id_at(SINCE + 3 * HOUR), picked, not ;

    open_file("whole.json");
    CHECK_INT(hex_decode(VIEW_LIT("01a0c476dfc070018000000000000000"), picked.b, 16), ERR_NONE);
    CHECK_INT(hex_decode(VIEW_LIT("01a0c476dfc070008000000000000000"), not .b, 16), ERR_NONE);
    CHECK_INT(audit_document_expects(&doc, &picked), AUDIT_PICKED);
    CHECK_INT(audit_document_expects(&doc, &not ), AUDIT_NOT_PICKED);
    CHECK_INT(audit_document_expects(&doc, &late), AUDIT_NOT_YET);
}

static void test_find(void)
{
    struct digest32 request, response;

    open_file("whole.json");
    digest_sha256(VIEW_LIT("request 2"), &request);
    digest_sha256(VIEW_LIT("response 2"), &response);
    CHECK_INT(audit_document_find(&doc, NULL, &request, &response), 1);
    CHECK_INT(audit_document_find(&doc, &doc.samples[1].sample.request, NULL, NULL), 1);
    CHECK_INT(audit_document_find(&doc, &doc.samples[2].sample.request, &request, NULL), 4);
    digest_sha256(VIEW_LIT("response 3"), &response); /* another answer's */
    CHECK_INT(audit_document_find(&doc, NULL, &request, &response), 4);
    CHECK_INT(audit_document_find(&doc, NULL, NULL, &response), 2);
    digest_sha256(VIEW_LIT("response 1"), &response); /* in the chain, but not ours */
    CHECK_INT(audit_document_find(&doc, NULL, NULL, &response), 4);
}

static struct audit_head head_of(const char *name)
{
    static struct audit_document other;
    struct buf text;

    load(name, &text);
    CHECK_INT(audit_document_parse(buf_view(&text), &other), ERR_NONE);
    buf_free(&text);
    return other.head;
}

static void test_follows(void)
{
    struct audit_head earlier = head_of("earlier.json"), same = head_of("head.json"),
                      first = head_of("first.json"), h;

    open_file("whole.json");
    CHECK_INT(audit_document_follows(&doc, &earlier, public), AUDIT_ACCEPT);
    CHECK_INT(audit_document_follows(&doc, &same, public), AUDIT_ACCEPT);
    CHECK_INT(audit_document_follows(&doc, &first, public), AUDIT_ACCEPT);
    open_file("part.json"); /* [2, 4) reaches a head at 3, not one at 0 */
    CHECK_INT(audit_document_follows(&doc, &earlier, public), AUDIT_ACCEPT);
    CHECK_INT(audit_document_follows(&doc, &first, public), AUDIT_APART);
    open_file("head.json"); /* no leaves: only its own count can be compared */
    CHECK_INT(audit_document_follows(&doc, &same, public), AUDIT_ACCEPT);
    CHECK_INT(audit_document_follows(&doc, &earlier, public), AUDIT_APART);
    h = same; /* the same place, another history */
    h.head.b[5] ^= 1;
    sign_head(&h);
    CHECK_INT(audit_document_follows(&doc, &h, public), AUDIT_REWOUND);
    for (unsigned i = 0; i < 8; i++) {
        h = same;
        switch (i) {
        case 0:
            h.count++;
            break; /* rewound */
        case 1:
            h.pick_anchor.b[0] ^= 1;
            break; /* another promise */
        case 2:
            h.boot.b[0] ^= 1;
            break; /* another boot is another chain */
        case 3:
            h.missed++;
            break;
        case 4:
            h.first_kept++;
            break; /* what was gone is back */
        case 5:
            h.since_ms++;
            break;
        case 6:
            h.rate_ppm--;
            break;
        case 7:
            h.simulated = false;
            break;
        }
        sign_head(&h);
        CHECK_INT(audit_document_follows(&doc, &h, public), AUDIT_REWOUND);
    }
    h = same; /* a secret that was shown is not shown any more; nor is one read from nowhere */
    h.revealed_epochs++;
    sign_head(&h);
    CHECK_INT(audit_document_follows(&doc, &h, public), AUDIT_REWOUND);
    h.revealed_epochs = UINT64_C(1) << 53;
    sign_head(&h);
    CHECK_INT(audit_document_follows(&doc, &h, public), AUDIT_REWOUND);
    h = same;
    h.signature[0] ^= 1;
    CHECK_INT(audit_document_follows(&doc, &h, public), AUDIT_SIGNATURE);
    open_file("whole.json");
    h = earlier;
    h.head.b[5] ^= 1;
    sign_head(&h);
    CHECK_INT(audit_document_follows(&doc, &h, public), AUDIT_REWOUND);
    h = earlier;
    h.revealed.b[5] ^= 1;
    sign_head(&h);
    CHECK_INT(audit_document_follows(&doc, &h, public), AUDIT_REWOUND);
}

/* Lists as long as they may be, and one longer. */
static void test_bounds(void)
{
    static const size_t sizes[][2] = {{AUDIT_WINDOW_MAX, ERR_NONE},
                                      {AUDIT_WINDOW_MAX + 1, ERR_FORMAT}};
    struct buf text;

    for (size_t i = 0; i < 2; i++) {
        open_file("none.json");
        buf_init(&text, AUDIT_DOCUMENT_BYTES);
        CHECK_INT(buf_append(&text, VIEW_LIT("{\"head\":")), ERR_NONE);
        CHECK_INT(audit_text_head(&doc.head, false, &text), ERR_NONE);
        CHECK_INT(buf_append(&text, VIEW_LIT(",\"leaves\":[")), ERR_NONE);
        for (size_t k = 0; k < sizes[i][0]; k++)
            CHECK_INT(buf_appendf(&text, "%s\"%064x\"", k == 0 ? "" : ",", 7), ERR_NONE);
        CHECK_INT(buf_append(&text, VIEW_LIT("],\"purpose\":\"tr.audit.samples.v1\","
                                             "\"samples\":[],\"window\":")),
                  ERR_NONE);
        CHECK_INT(audit_text_window(&doc.window, false, &text), ERR_NONE);
        CHECK_INT(buf_append_byte(&text, '}'), ERR_NONE);
        CHECK_INT(audit_document_parse(buf_view(&text), &doc), sizes[i][1]);
        buf_free(&text);
    }
}

static const struct check_case cases[] = {
    {"audit_hashes", test_hashes},
    {"audit_picks", test_picks},
    {"audit_epochs", test_epochs},
    {"audit_accepts", test_accepts},
    {"audit_mutants", test_mutants},
    {"audit_liars_head", test_liars_head},
    {"audit_liars_window", test_liars_window},
    {"audit_liars_sample", test_liars_sample},
    {"audit_expects", test_expects},
    {"audit_find", test_find},
    {"audit_follows", test_follows},
    {"audit_bounds", test_bounds},
};

int main(int argc, char **argv)
{
    uint8_t seed[32];

    if (secret_init() != ERR_NONE)
        return 1;
    memset(seed, 1, sizeof seed);
    crypto_sign_seed_keypair(public, secret, seed);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
