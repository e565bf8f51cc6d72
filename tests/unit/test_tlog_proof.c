/* The log's texts are read by programs that nobody here wrote: the names of tiles and the
 * stand-alone proof have exactly one spelling, and a proof that differs in a single byte proves
 * nothing. */
#include "tlog_proof.h"
#include "tlog_tile.h"

#include "check.h"

#include <sodium.h>

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

static void test_tiles(void)
{
    static const struct {
        const char *path;
        struct tlog_tile tile;
    } good[] = {
        {"tile/0/000", {false, 0, 0, 256}},
        {"tile/0/000.p/1", {false, 0, 0, 1}},
        {"tile/1/x001/234.p/255", {false, 1, 1234, 255}},
        {"tile/entries/x123/x456/789", {true, 0, 123456789, 256}},
        {"tile/entries/005.p/17", {true, 0, 5, 17}},
        {"tile/7/999", {false, 7, 999, 256}},
    };
    static const char *const bad[] = {
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/8/000",
        "tile/00/000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p",
        "tile/0/001.p/5/",
        "tile/-1/000",
        "tile/entries/",
        "tile/entry/000",
        "/tile/0/000",
        "tile/0/000 ",
        "tile/0/x99/999",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    };
    struct tlog_tile t;
    struct buf out;

    buf_init(&out, TILE_PATH_MAX);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(tlog_tile_parse(view_str(good[i].path), &t));
        CHECK(t.entries == good[i].tile.entries && t.level == good[i].tile.level &&
              t.index == good[i].tile.index && t.width == good[i].tile.width);
        buf_reset(&out);
        CHECK_INT(tlog_tile_path(&t, &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, good[i].path, strlen(good[i].path));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (tlog_tile_parse(view_str(bad[i]), &t)) {
            printf("# %s\n", bad[i]);
            CHECK(!"a path that is none was taken");
        }
    buf_free(&out);
}

static void test_entries(void)
{
    static const uint8_t tile[] = {0, 2, 'h', 'i', 0, 0, 0, 1, 'x', 0};
    struct view v = view_of(tile, sizeof tile), s;

    CHECK(tlog_tile_next_entry(&v, &s) && view_eq(s, VIEW_LIT("hi")));
    CHECK(tlog_tile_next_entry(&v, &s) && s.len == 0);
    CHECK(tlog_tile_next_entry(&v, &s) && view_eq(s, VIEW_LIT("x")));
    CHECK(!tlog_tile_next_entry(&v, &s)); /* half a length */
    CHECK_INT(v.len, 1);
}

/* --- a log of three statements --- */

static const char *const statements[] = {"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"};
static struct digest32 nodes[2][3];

static void store(void *cookie, unsigned level, uint64_t index, const struct digest32 *hash)
{
    (void)cookie;
    nodes[level][index] = *hash;
}

static enum err stored(void *cookie, unsigned level, uint64_t index, struct digest32 *out)
{
    (void)cookie;
    *out = nodes[level][index];
    return ERR_NONE;
}

static void proof_make(uint64_t index, const struct note_key *key, const uint8_t *secret,
                       const char *origin, struct buf *out)
{
    struct tlog_edge edge = {0};
    struct checkpoint c = {.origin = view_str(origin), .size = 3};
    struct tlog_proof_text p = {.index = index};
    struct buf text, note;

    for (unsigned i = 0; i < 3; i++) {
        struct digest32 leaf;

        tlog_leaf_hash(view_str(statements[i]), &leaf);
        tlog_append(&edge, &leaf, store, NULL);
    }
    tlog_root(&edge, &c.root);
    buf_init(&text, 1000);
    buf_init(&note, 2000);
    CHECK_INT(checkpoint_encode(&c, &text), ERR_NONE);
    CHECK_INT(note_sign(buf_view(&text), key, secret, &note), ERR_NONE);
    CHECK_INT(tlog_prove_inclusion(3, index, stored, NULL, &p.path), ERR_NONE);
    p.note = buf_view(&note);
    buf_reset(out);
    CHECK_INT(tlog_proof_encode(&p, out), ERR_NONE);
    buf_free(&text);
    buf_free(&note);
}

static void key_make(uint8_t seed, struct note_key *key, uint8_t secret[static 64])
{
    uint8_t public[32], seeds[32] = {seed};

    crypto_sign_seed_keypair(public, secret, seeds);
    CHECK_INT(note_key_make(VIEW_LIT("example.com/log"), public, key), ERR_NONE);
}

static void test_proof(void)
{
    struct note_key key, other;
    uint8_t secret[64], other_secret[64];
    struct checkpoint c;
    struct buf out;
    uint64_t index;

    key_make(1, &key, secret);
    key_make(2, &other, other_secret);
    buf_init(&out, TLOG_PROOF_TEXT_MAX);
    for (uint64_t i = 0; i < 3; i++) {
        proof_make(i, &key, secret, "example.com/log", &out);
        CHECK_INT(tlog_proof_check(buf_view(&out), view_str(statements[i]), &key, &index, &c),
                  ERR_NONE);
        CHECK_INT(index, i);
        CHECK_INT(c.size, 3);
        CHECK_INT(
            tlog_proof_check(buf_view(&out), view_str(statements[(i + 1) % 3]), &key, &index, NULL),
            ERR_NOT_FOUND);
        CHECK_INT(tlog_proof_check(buf_view(&out), view_str(statements[i]), &other, &index, NULL),
                  ERR_AUTH);
    }
    /* Signed by the key, but for a log of another name. */
    proof_make(0, &key, secret, "example.com/other", &out);
    CHECK_INT(tlog_proof_check(buf_view(&out), view_str(statements[0]), &key, &index, NULL),
              ERR_AUTH);
    buf_free(&out);
}

/* Every bit of the proof counts; so does its end. */
static void test_proof_mutants(void)
{
    struct note_key key;
    uint8_t secret[64];
    struct buf out;
    uint64_t index;
    unsigned accepted = 0;

    key_make(1, &key, secret);
    buf_init(&out, TLOG_PROOF_TEXT_MAX);
    proof_make(1, &key, secret, "example.com/log", &out);
    for (size_t i = 0; i < out.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            out.ptr[i] ^= (uint8_t)(1 << bit);
            accepted += tlog_proof_check(buf_view(&out), view_str(statements[1]), &key, &index,
                                         NULL) == ERR_NONE;
            out.ptr[i] ^= (uint8_t)(1 << bit);
        }
    for (size_t n = 0; n < out.len; n++)
        accepted += tlog_proof_check(view_of(out.ptr, n), view_str(statements[1]), &key, &index,
                                     NULL) == ERR_NONE;
    CHECK_INT(accepted, 0);
    CHECK_INT(tlog_proof_check(buf_view(&out), view_str(statements[1]), &key, &index, NULL),
              ERR_NONE);
    buf_free(&out);
}

static void test_proof_text(void)
{
    static const char *const bad[] = {
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nx",
        "c2sp.org/tlog-proof@v1\nindex \n\nx",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
    };
    struct tlog_proof_text p;

    CHECK_INT(tlog_proof_decode(VIEW_LIT("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 7\n\nx\n"), &p),
              ERR_NONE);
    CHECK_INT(p.index, 7);
    CHECK(view_eq(p.note, VIEW_LIT("x\n")));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(tlog_proof_decode(view_str(bad[i]), &p), ERR_FORMAT);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"tlog_tile_names", test_tiles},      {"tlog_tile_entries", test_entries},
        {"tlog_proof", test_proof},           {"tlog_proof_mutants", test_proof_mutants},
        {"tlog_proof_text", test_proof_text},
    };

    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
