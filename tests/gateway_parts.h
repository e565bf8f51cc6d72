/* What the tests of tr-verify against a gateway share: a directory, a subcommand run with its
 * output kept, a log with one statement, a release manifest. Include after the tools' .c files. */
#ifndef TR_TESTS_GATEWAY_PARTS_H
#define TR_TESTS_GATEWAY_PARTS_H

#include "base64.h"
#include "check.h"
#include "attestation/tools/command.h"
#include "note.h"
#include "tlog_proof.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

static char dir[] = "/tmp/test_gateway.XXXXXX"; /* mkdtemp() in main */

struct outcome {
    int code;
    char text[32768];
};

/* Run a subcommand with stdout in a file. */
static inline void run_command(const struct command *c, char **argv, struct outcome *out)
{
    char path[64];
    int argc = 0, saved, fd;
    FILE *f;
    size_t n;

    while (argv[argc] != NULL)
        argc++;
    snprintf(path, sizeof path, "%s/stdout", dir);
    fflush(stdout);
    saved = dup(1);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(fd, 1);
    out->code = (int)c->run(argc, argv);
    fflush(stdout);
    dup2(saved, 1);
    close(saved);
    close(fd);
    f = fopen(path, "rb");
    n = f != NULL ? fread(out->text, 1, sizeof out->text - 1, f) : 0;
    out->text[n] = '\0';
    if (f != NULL)
        fclose(f);
}

static inline void file_put(const char *name, const char *text)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* A log with this one statement in it, and the proof of that. */
static uint8_t log_secret[2][64], log_public[2][32];

static inline void log_prove(struct view statement, int log, struct buf *out)
{
    struct checkpoint c = {.origin = VIEW_LIT("log.test"), .size = 1};
    struct tlog_proof_text p = {.index = 0};
    struct note_key key;
    struct buf text, note;

    buf_init(&text, 1024);
    buf_init(&note, 2048);
    tlog_leaf_hash(statement, &c.root);
    CHECK_INT(note_key_make(VIEW_LIT("log.test"), log_public[log], &key), ERR_NONE);
    CHECK_INT(checkpoint_encode(&c, &text), ERR_NONE);
    CHECK_INT(note_sign(buf_view(&text), &key, log_secret[log], &note), ERR_NONE);
    p.note = buf_view(&note);
    CHECK_INT(tlog_proof_encode(&p, out), ERR_NONE);
    buf_free(&text);
    buf_free(&note);
}

/* A manifest with one measurement, all its bytes `measured`. */
static inline void release_text(uint8_t measured, bool simulated, uint64_t not_after_s,
                                char out[static 2048])
{
    char hex[97], sha[65], image[68];
    uint8_t bytes[48];

    memset(bytes, measured, sizeof bytes);
    hex_encode(bytes, 48, hex);
    hex_encode(bytes, 32, sha);
    snprintf(image, sizeof image, simulated ? "null" : "\"%s\"", sha);
    snprintf(out, 2048,
             "{\"catalog_sha256\":\"%s\",\"cmdline\":\"\",\"digests\":{\"dataplane\":\"%s\"},"
             "\"image_sha256\":%s,"
             "\"measurements\":[{\"cpu\":\"EPYC-v4\",\"features\":1,\"measurement\":\"%s\","
             "\"vcpus\":2}],\"min_svn\":2,\"not_after\":%llu,\"not_before\":1790000000,\"policy_"
             "sha256\":\"%s\","
             "\"previous\":null,\"providers_sha256\":\"%s\",\"purpose\":\"tr.release.v1\","
             "\"sbom_sha256\":%s,\"simulated\":%s,\"source\":{\"commit\":\"%.40s\",\"repo\":"
             "\"https://a.test\"},"
             "\"svn\":3,\"version\":\"1\"}",
             sha, sha, image, hex, (unsigned long long)not_after_s, sha, sha, image,
             simulated ? "true" : "false", sha);
}

/* Ed25519 keys that sign releases: the operator's and somebody else's. */
static uint8_t release_secret[2][64], release_public[2][32];
static char release_key[2][128]; /* as minisign writes them */

static inline void release_keys_make(void)
{
    for (int i = 0; i < 2; i++) {
        uint8_t raw[42] = {'E', 'd', (uint8_t)i};
        struct buf b;

        crypto_sign_keypair(release_public[i], release_secret[i]);
        memcpy(raw + 10, release_public[i], 32);
        buf_init(&b, 128);
        CHECK_INT(base64_append(view_of(raw, sizeof raw), &b), ERR_NONE);
        snprintf(release_key[i], sizeof release_key[i], "%.*s", (int)b.len, (const char *)b.ptr);
        buf_free(&b);
    }
}

/* text into release.json, and beside it the signature by that key. */
static inline void release_sign(const char *text, int by)
{
    uint8_t raw[74] = {'E', 'd', (uint8_t)by}, global[64 + 4];
    struct buf b;

    file_put("release.json", text);
    crypto_sign_detached(raw + 10, NULL, (const uint8_t *)text, strlen(text), release_secret[by]);
    buf_init(&b, 1024);
    CHECK_INT(buf_append(&b, VIEW_LIT("untrusted comment: x\n")), ERR_NONE);
    CHECK_INT(base64_append(view_of(raw, sizeof raw), &b), ERR_NONE);
    memcpy(global, raw + 10, 64);
    memcpy(global + 64, "test", 4);
    crypto_sign_detached(raw + 10, NULL, global, sizeof global, release_secret[by]);
    CHECK_INT(buf_append(&b, VIEW_LIT("\ntrusted comment: test\n")), ERR_NONE);
    CHECK_INT(base64_append(view_of(raw + 10, 64), &b), ERR_NONE);
    CHECK_INT(buf_append(&b, view_of("\n", 2)), ERR_NONE); /* and its NUL */
    file_put("release.json.minisig", (const char *)b.ptr);
    buf_free(&b);
}

#endif
