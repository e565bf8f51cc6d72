/* What the tests of tr-verify against a gateway share: a directory, a subcommand run with its
 * output kept, a log with one statement, a release manifest. Include after the tools' .c files. */
#ifndef TR_TESTS_GATEWAY_PARTS_H
#define TR_TESTS_GATEWAY_PARTS_H

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
    char hex[97], sha[65];
    uint8_t bytes[48];

    memset(bytes, measured, sizeof bytes);
    hex_encode(bytes, 48, hex);
    hex_encode(bytes, 32, sha);
    snprintf(out, 2048,
             "{\"catalog_sha256\":\"%s\",\"cmdline\":\"\",\"digests\":{\"dataplane\":\"%s\"},"
             "\"measurements\":[{\"cpu\":\"EPYC-v4\",\"features\":1,\"measurement\":\"%s\","
             "\"vcpus\":2}],\"not_after\":%llu,\"not_before\":1790000000,\"policy_sha256\":\"%s\","
             "\"previous\":null,\"providers_sha256\":\"%s\",\"purpose\":\"tr.release.v1\","
             "\"simulated\":%s,\"source\":{\"commit\":\"%.40s\",\"repo\":\"https://a.test\"},"
             "\"svn\":3,\"version\":\"1\"}",
             sha, sha, hex, (unsigned long long)not_after_s, sha, sha, simulated ? "true" : "false",
             sha);
}

#endif
