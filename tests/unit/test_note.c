/* Signed notes must be those that other tools check: the key and note below are the example of the
 * Go checksum database (sum.golang.org), signed by a key that is not ours. */
#include "note.c"

#include "check.h"

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

static const char sumdb_vkey[] = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
/* golang.org/x/mod's own test vectors (PeterNeumann), checked with its note package. */
static const char neumann_vkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char neumann_note[] =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

static void foreign_keys_and_notes(void)
{
    struct note_key k;
    struct view text;
    struct buf b;

    CHECK_INT(note_key_parse(view_str(sumdb_vkey), &k), ERR_NONE);
    buf_init(&b, 1024);
    CHECK_INT(note_key_text(&k, &b), ERR_NONE);
    CHECK_BYTES(b.ptr, b.len, sumdb_vkey, sizeof sumdb_vkey - 1);
    buf_free(&b);
    CHECK_INT(note_key_parse(view_str(neumann_vkey), &k), ERR_NONE);
    CHECK_INT(note_open(view_str(neumann_note), &k, &text), ERR_NONE);
    CHECK_INT(text.len, 57 + 42);
    /* twin: signed by somebody else */
    CHECK_INT(note_key_parse(view_str(sumdb_vkey), &k), ERR_NONE);
    CHECK_INT(note_open(view_str(neumann_note), &k, &text), ERR_AUTH);
}

static void own_notes_and_mutants(void)
{
    uint8_t public[32], secret[64];
    struct checkpoint c = {VIEW_LIT("log.example/tr"), 12345, {{0}}}, back;
    struct note_key k;
    struct buf text, note;
    struct view signed_text;
    unsigned accepted = 0;

    CHECK(sodium_init() >= 0);
    CHECK_INT(crypto_sign_keypair(public, secret), 0);
    digest_sha256(VIEW_LIT("root"), &c.root);
    buf_init(&text, 4096);
    buf_init(&note, 4096);
    CHECK_INT(note_key_make(VIEW_LIT("log.example/tr"), public, &k), ERR_NONE);
    CHECK_INT(checkpoint_encode(&c, &text), ERR_NONE);
    CHECK_INT(note_sign(buf_view(&text), &k, secret, &note), ERR_NONE);
    CHECK_INT(note_open(buf_view(&note), &k, &signed_text), ERR_NONE);
    CHECK(view_eq(signed_text, buf_view(&text)));
    CHECK_INT(checkpoint_decode(signed_text, &back), ERR_NONE);
    CHECK_INT(back.size, 12345);
    CHECK(view_eq(back.origin, c.origin) && memcmp(back.root.b, c.root.b, 32) == 0);
    for (size_t i = 0; i < note.len; i++) { /* every bit of it counts */
        for (unsigned bit = 0; bit < 8; bit++) {
            note.ptr[i] ^= (uint8_t)(1 << bit);
            accepted += note_open(buf_view(&note), &k, &signed_text) == ERR_NONE;
            note.ptr[i] ^= (uint8_t)(1 << bit);
        }
    }
    CHECK_INT(accepted, 0);
    for (size_t i = 0; i < note.len; i++)
        CHECK(note_open(view_of(note.ptr, i), &k, &signed_text) != ERR_NONE);
    buf_free(&text);
    buf_free(&note);
}

static void malformed(void)
{
    static const char *const vkeys[] = {
        "", "a", "a+b", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
    };
    static const char *const checkpoints[] = {
        "", "origin\n", "origin\n1\n", "origin\n01\nAAAA\n", "\n1\nAAAA\n",
        "origin\n-1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n18446744073709551616\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
    };
    struct note_key k;
    struct checkpoint c;

    for (size_t i = 0; i < sizeof vkeys / sizeof vkeys[0]; i++)
        CHECK_INT(note_key_parse(view_str(vkeys[i]), &k), ERR_FORMAT);
    for (size_t i = 0; i < sizeof checkpoints / sizeof checkpoints[0]; i++)
        CHECK_INT(checkpoint_decode(view_str(checkpoints[i]), &c), ERR_FORMAT);
    CHECK_INT(checkpoint_decode(
                  VIEW_LIT("origin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), &c),
              ERR_NONE);
}

static const struct check_case cases[] = {
    {"note: keys and notes of other tools", foreign_keys_and_notes},
    {"note: ours, and every mutant of it", own_notes_and_mutants},
    {"note: malformed keys and checkpoints", malformed},
};
CHECK_MAIN(cases)
