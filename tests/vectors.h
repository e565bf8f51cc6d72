/* What a unit test shows to the verifier, written down for another verifier: with TR_VECTORS=DIR in the environment each
 * question and its answer becomes a line of DIR/PROGRAM.jsonl. tests/console/unit/negative.test.mjs puts them to the browser's
 * verifier, which must answer the same. Include behind every other header: from here on the functions' names are ours. */
#ifndef TR_TESTS_VECTORS_H
#define TR_TESTS_VECTORS_H

#include "aci.h"
#include "base64.h"
#include "document.h"
#include "evidence.h"
#include "manifest.h"
#include "minisign.h"
#include "policy.h"
#include "policy_words.h"
#include "presented.h"
#include "receipt_events.h"
#include "time_text.h"
#include "tlog_proof.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { VECTOR_BLOBS = 1 << 16, VECTOR_TEXT_MAX = 1 << 20 };

static FILE *vector_file_;

/* NULL: nobody asks for vectors. */
static inline FILE *vector_file(void)
{
    const char *place = getenv("TR_VECTORS");
    char path[4096];

    if (vector_file_ != NULL || place == NULL)
        return vector_file_;
    snprintf(path, sizeof path, "%s/%s.jsonl", place, program_invocation_short_name);
    vector_file_ = fopen(path, "wb");
    if (vector_file_ == NULL) {
        perror(path);
        abort();
    }
    return vector_file_;
}

/* --- bytes: the same ones are written once, and named by a number */

static inline unsigned vector_blob(struct view v)
{
    static struct digest32 seen[VECTOR_BLOBS];
    static unsigned number[VECTOR_BLOBS], n;
    struct digest32 d;
    struct buf text;
    unsigned at;

    digest_sha256(v, &d);
    for (at = (unsigned)(d.b[0] | d.b[1] << 8); number[at] != 0; at = (at + 1) % VECTOR_BLOBS)
        if (memcmp(seen[at].b, d.b, sizeof d.b) == 0)
            return number[at];
    if (n == VECTOR_BLOBS - 1)
        abort();
    seen[at] = d;
    number[at] = ++n;
    buf_init(&text, VECTOR_TEXT_MAX);
    if (base64_append(v, &text) != ERR_NONE)
        abort();
    fprintf(vector_file(), "{\"blob\":%u,\"base64\":\"%.*s\"}\n", n, (int)text.len,
            text.len == 0 ? "" : (const char *)text.ptr);
    buf_free(&text);
    return n;
}

/* --- a policy as its text again */

static inline void policy_hex(struct buf *out, const char *name, const uint8_t *b, size_t n)
{
    char hex[2 * 64 + 1];

    hex_encode(b, n, hex);
    if (buf_appendf(out, "%s = %s\n", name, hex) != ERR_NONE)
        abort();
}

static inline void policy_bits(struct buf *out, const char *name, enum policy_words_list list, uint64_t bits)
{
    enum err e = buf_appendf(out, "%s =", name);
    const char *word;
    uint64_t bit;

    for (size_t i = 0; e == ERR_NONE && (word = policy_words_at(list, i, &bit)) != NULL; i++)
        if ((bits & bit) != 0)
            e = buf_appendf(out, " %s", word);
    if (e != ERR_NONE || buf_append_byte(out, '\n') != ERR_NONE)
        abort();
}

static inline void policy_switches(const struct attest_policy *p, struct buf *out)
{
    const struct {
        const char *name;
        bool on;
    } switches[] = {{"allow_simulated", p->allow_simulated},
                    {"provisional_firmware", p->provisional_firmware},
                    {"allow_vlek", p->allow_vlek},
                    {"require_crl", p->require_crl},
                    {"allow_unlocked_memory", p->allow_unlocked_memory}};

    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        if (buf_appendf(out, "%s = %s\n", switches[i].name, switches[i].on ? "on" : "off") != ERR_NONE)
            abort();
}

static inline void policy_top(const struct attest_policy *p, struct buf *out)
{
    char expires[TIME_TEXT_BYTES] = "";
    enum err e;

    if (p->expires_s != 0)
        time_format(p->expires_s, expires);
    e = buf_appendf(out, "version = %s\nexpires = %s\naudience = %s\nroots = none\ncsp_id = %s\n", p->version, expires,
                    p->audience, p->csp_id);
    if (e == ERR_NONE)
        e = buf_appendf(out, "min_guest_svn = %u\nmin_firmware = %u.%u.%u\nmin_guest_abi = %u.%u\n", p->min_guest_svn,
                        p->min_firmware >> 16, p->min_firmware >> 8 & 0xff, p->min_firmware & 0xff,
                        p->min_guest_abi >> 8, p->min_guest_abi & 0xff);
    if (e == ERR_NONE)
        e = buf_appendf(out, "mitigations_require = %016llx\n", (unsigned long long)p->mitigations_require);
    if (e != ERR_NONE)
        abort();
    policy_switches(p, out);
    policy_bits(out, "report_versions", POLICY_WORDS_VERSION, p->versions);
    policy_bits(out, "products", POLICY_WORDS_PRODUCT, p->products);
    policy_bits(out, "guest_allow", POLICY_WORDS_GUEST, p->guest_allow);
    policy_bits(out, "guest_require", POLICY_WORDS_GUEST_REQUIRE, p->guest_require);
    policy_bits(out, "platform_require", POLICY_WORDS_PLATFORM, p->platform_require);
    policy_bits(out, "platform_forbid", POLICY_WORDS_PLATFORM, p->platform_forbid);
    policy_hex(out, "host_data", p->host_data, 32);
    policy_hex(out, "id_key_sha384", p->id_key_sha384, 48);
    if (p->author_key.asked)
        policy_hex(out, "author_key_sha384", p->author_key.b, 48);
    if (p->family_id.asked)
        policy_hex(out, "family_id", p->family_id.b, 16);
    if (p->image_id.asked)
        policy_hex(out, "image_id", p->image_id.b, 16);
}

static inline void policy_floor_text(const struct policy_floor *f, struct buf *out)
{
    static const char *const names[] = {"", "milan", "genoa", "turin"};
    const uint8_t *t = f->tcb.part;
    enum err e = f->exact ? buf_appendf(out, "[floor %02x-%02x-%02x]\n", f->family, f->model, f->stepping)
                          : buf_appendf(out, "[floor %s]\n", names[f->product]);

    if (e == ERR_NONE)
        e = buf_appendf(out, "fmc = %u\nbootloader = %u\ntee = %u\nsnp = %u\nmicrocode = %u\n", t[SNP_FMC],
                        t[SNP_BOOTLOADER], t[SNP_TEE], t[SNP_SNP], t[SNP_MICROCODE]);
    if (e == ERR_NONE)
        e = buf_appendf(out, "firmware = %u.%u.%u\nbulletin = %s\n", f->firmware >> 16, f->firmware >> 8 & 0xff,
                        f->firmware & 0xff, f->bulletin);
    if (e != ERR_NONE)
        abort();
}

static inline unsigned vector_policy(const struct attest_policy *p)
{
    struct buf text;
    unsigned number;

    buf_init(&text, VECTOR_TEXT_MAX);
    policy_top(p, &text);
    for (size_t i = 0; i < p->n_measurements; i++) {
        if (buf_appendf(&text, "[measurement %zu]\n", i) != ERR_NONE)
            abort();
        policy_hex(&text, "sha384", p->measurements[i].b, 48);
    }
    for (size_t i = 0; i < p->n_chips; i++) {
        if (buf_appendf(&text, "[chip %zu]\n", i) != ERR_NONE)
            abort();
        policy_hex(&text, "id", p->chips[i], 64);
    }
    for (size_t i = 0; i < p->n_floors; i++)
        policy_floor_text(&p->floors[i], &text);
    number = vector_blob(buf_view(&text));
    buf_free(&text);
    return number;
}

/* The certificates that it trusts, each root before its own intermediates. */
static inline void vector_roots(const struct attest_policy *p, struct buf *out)
{
    for (size_t i = 0; i < p->n_roots; i++) {
        X509 *const certs[] = {p->roots[i].ark.x509, p->roots[i].ask.x509, p->roots[i].asvk.x509};

        for (size_t k = 0; k < 3; k++) {
            unsigned char *der = NULL;
            int n = certs[k] == NULL ? 0 : i2d_X509(certs[k], &der);

            if (n > 0 && buf_appendf(out, "%s%u", out->len == 0 ? "" : ",", vector_blob(view_of(der, (size_t)n))) != ERR_NONE)
                abort();
            OPENSSL_free(der);
        }
    }
}

/* Every finding: CODE and o (ok), f (failed), - (not asked, not reached). */
static inline void vector_answer(const char *kind, const struct attest_policy *p, uint64_t now_s, const struct examination *x)
{
    static const char marks[] = {[FINDING_OK] = 'o', [FINDING_FAILED] = 'f', [FINDING_NOT_ASKED] = '-', [FINDING_NOT_REACHED] = '-'};
    unsigned policy = vector_policy(p);
    struct buf roots;

    buf_init(&roots, 1024);
    vector_roots(p, &roots); /* their bytes before the line that names them */
    fprintf(vector_file(), "{\"kind\":\"%s\",\"policy\":%u,\"roots\":[%.*s],\"now\":%llu,\"code\":\"%s\",\"verdict\":\"%s\",\"findings\":\"",
            kind, policy, (int)roots.len, roots.len == 0 ? "" : (const char *)roots.ptr, (unsigned long long)now_s,
            verdict_name(x->verdict), verdict_class_name(verdict_class(x->verdict)));
    for (size_t i = 0; i < x->n; i++)
        fprintf(vector_file(), "%s%s:%c", i == 0 ? "" : " ", verdict_name(x->findings[i].code), marks[x->findings[i].outcome]);
    fputs("\",", vector_file());
    buf_free(&roots);
}

/* --- what is asked */

/* A report with its certificates. Not inlined: gcc 12 then takes a caller's static examination for one that is never written,
 * and puts it where nothing can write. */
static __attribute__((noinline, unused)) void vector_examine(const struct attest_subject *s, const struct attest_policy *p, uint64_t now_s, struct examination *out)
{
    unsigned report, vek, ask, crl, data;

    attest_examine(s, p, now_s, out);
    if (vector_file() == NULL)
        return;
    report = vector_blob(s->report);
    vek = vector_blob(s->vek);
    ask = vector_blob(s->ask);
    crl = vector_blob(s->crl);
    data = s->report_data == NULL ? 0 : vector_blob(view_of(s->report_data, 64));
    vector_answer("report", p, now_s, out);
    fprintf(vector_file(), "\"report\":%u,\"vek\":%u,\"ask\":%u,\"crl\":%u,\"report_data\":%u}\n", report, vek, ask, crl, data);
}

/* The same as the link asks it. */
static inline enum refusal vector_verify_report(const struct msg_evidence *e, const struct attest_policy *p, uint64_t now_s,
                                                bool *simulated)
{
    const struct attest_subject s = {.report = e->report, .vek = e->vek, .ask = e->ask};
    struct examination x;

    if (vector_file() != NULL)
        vector_examine(&s, p, now_s, &x);
    return attest_verify_report(e, p, now_s, simulated);
}

/* The last document that was decoded, as it came. */
static struct buf vector_document_;

static inline enum err vector_document_decode(struct view text, struct buf *store, struct attest_document *out)
{
    enum err e = attest_document_decode(text, store, out);
    unsigned document;

    if (vector_file() == NULL || text.len > VECTOR_TEXT_MAX / 2)
        return e;
    buf_free(&vector_document_);
    buf_init(&vector_document_, VECTOR_TEXT_MAX);
    if (buf_append(&vector_document_, text) != ERR_NONE)
        abort();
    document = vector_blob(text);
    fprintf(vector_file(), "{\"kind\":\"document\",\"document\":%u,\"ok\":%s}\n", document, e == ERR_NONE ? "true" : "false");
    return e;
}

static inline void vector_key(const char *name, const char *kind, const uint8_t *id, size_t n, const uint8_t *public)
{
    uint8_t raw[64];
    struct buf text;

    buf_init(&text, 256);
    memcpy(raw, kind, strlen(kind));
    memcpy(raw + strlen(kind), id, n);
    memcpy(raw + strlen(kind) + n, public, 32);
    if (base64_append(view_of(raw, strlen(kind) + n + 32), &text) != ERR_NONE)
        abort();
    fprintf(vector_file(), "\"%s\":\"%.*s\",", name, (int)text.len, (const char *)text.ptr);
    buf_free(&text);
}

static inline void vector_note_key(const struct note_key *k)
{
    struct buf text;

    buf_init(&text, 512);
    if (note_key_text(k, &text) != ERR_NONE)
        abort();
    fprintf(vector_file(), "\"log_key\":\"%.*s\",", (int)text.len, (const char *)text.ptr);
    buf_free(&text);
}

/* A document against a connection. */
static inline void vector_presented(const struct attest_document *d, const struct presented_expect *e, const struct attest_policy *p,
                                    struct examination *x, struct identity *identity, bool *has_identity)
{
    unsigned document, release, signature, crl, ask[3];

    attest_presented(d, e, p, x, identity, has_identity);
    if (vector_file() == NULL)
        return;
    document = vector_blob(buf_view(&vector_document_));
    release = vector_blob(e->release);
    signature = vector_blob(e->release_signature);
    crl = vector_blob(e->crl);
    ask[0] = vector_blob(view_of(e->nonce, 32));
    ask[1] = vector_blob(view_of(e->exporter, 32));
    ask[2] = vector_blob(view_of(e->tls_spki->b, 32));
    vector_answer("presented", p, e->now_s, x);
    if (e->log_key != NULL)
        vector_note_key(e->log_key);
    if (e->release_key != NULL)
        vector_key("release_key", "Ed", e->release_key->id, 8, e->release_key->public);
    if (e->audience != NULL)
        fprintf(vector_file(), "\"audience\":\"%s\",", e->audience);
    fprintf(vector_file(), "\"document\":%u,\"release\":%u,\"signature\":%u,\"crl\":%u,\"nonce\":%u,\"exporter\":%u,\"tls_spki\":%u,\"min_svn\":%llu}\n",
            document, release, signature, crl, ask[0], ask[1], ask[2], (unsigned long long)e->min_svn);
}

static inline enum err vector_identity_decode(struct view text, struct identity *out)
{
    enum err e = identity_decode(text, out);
    unsigned blob;

    if (vector_file() != NULL) {
        blob = vector_blob(text);
        fprintf(vector_file(), "{\"kind\":\"identity\",\"text\":%u,\"ok\":%s}\n", blob, e == ERR_NONE ? "true" : "false");
    }
    return e;
}

/* A receipt: opened, and its events read. */
static inline enum err vector_receipt_open(struct view document, const uint8_t public[static 32], struct aci_receipt *out)
{
    enum err e = aci_receipt_open(document, public, out), events = e;
    const char *code = e == ERR_AUTH ? "SIGNATURE" : "DOCUMENT";
    struct receipt_events x;
    unsigned blob, key;

    if (vector_file() == NULL || document.len > VECTOR_TEXT_MAX / 2)
        return e;
    if (e == ERR_NONE) {
        events = receipt_events_read(document, out, &x);
        code = events == ERR_NONE ? "ACCEPT" : events == ERR_RANGE ? "COST" : events == ERR_AUTH ? "COMMITMENT" : "DOCUMENT";
    }
    blob = vector_blob(document);
    key = vector_blob(view_of(public, 32));
    fprintf(vector_file(), "{\"kind\":\"receipt\",\"document\":%u,\"key\":%u,\"code\":\"%s\"}\n", blob, key, code);
    return e;
}

static inline enum err vector_manifest_parse(struct view text, struct manifest *out)
{
    enum err e = manifest_parse(text, out);
    unsigned blob;

    if (vector_file() == NULL || text.len > VECTOR_TEXT_MAX / 2)
        return e;
    blob = vector_blob(text);
    fprintf(vector_file(), "{\"kind\":\"manifest\",\"text\":%u,\"answer\":\"%s\"}\n", blob,
            e == ERR_NONE ? "ok" : e == ERR_VERSION ? "version" : "refused");
    return e;
}

static inline enum err vector_minisign_check(struct view file, struct view signature, const struct minisign_key *key, struct view *comment)
{
    enum err e = minisign_check(file, signature, key, comment);
    unsigned blob[2];

    if (vector_file() == NULL)
        return e;
    blob[0] = vector_blob(file);
    blob[1] = vector_blob(signature);
    fputs("{\"kind\":\"minisign\",", vector_file());
    vector_key("release_key", "Ed", key->id, 8, key->public);
    fprintf(vector_file(), "\"file\":%u,\"signature\":%u,\"answer\":\"%s\"}\n", blob[0], blob[1],
            e == ERR_NONE ? "ok" : e == ERR_AUTH ? "other" : "format");
    return e;
}

static inline enum err vector_proof_check(struct view text, struct view statement, const struct note_key *key, uint64_t *index,
                                          struct checkpoint *checkpoint)
{
    enum err e = tlog_proof_check(text, statement, key, index, checkpoint);
    unsigned blob[2];

    if (vector_file() == NULL)
        return e;
    blob[0] = vector_blob(text);
    blob[1] = vector_blob(statement);
    fputs("{\"kind\":\"proof\",", vector_file());
    vector_note_key(key);
    fprintf(vector_file(), "\"text\":%u,\"statement\":%u,\"ok\":%s}\n", blob[0], blob[1], e == ERR_NONE ? "true" : "false");
    return e;
}

static inline enum err vector_note_open(struct view note, const struct note_key *k, struct view *text)
{
    enum err e = note_open(note, k, text);
    unsigned blob;

    if (vector_file() == NULL || note.len > VECTOR_TEXT_MAX / 2)
        return e;
    blob = vector_blob(note);
    fputs("{\"kind\":\"note\",", vector_file());
    vector_note_key(k);
    fprintf(vector_file(), "\"note\":%u,\"answer\":\"%s\"}\n", blob, e == ERR_NONE ? "ok" : e == ERR_AUTH ? "signature" : "format");
    return e;
}

#define attest_examine vector_examine
#define attest_verify_report vector_verify_report
#define attest_document_decode vector_document_decode
#define attest_presented vector_presented
#define identity_decode vector_identity_decode
#define aci_receipt_open vector_receipt_open
#define manifest_parse vector_manifest_parse
#define minisign_check vector_minisign_check
#define tlog_proof_check vector_proof_check
#define note_open vector_note_open

#endif
