#include "boot.h"

#include "clock.h"
#include "conf.h"
#include "log.h"
#include "own_release.h"
#include "manifest.h"
#include "self_check.h"
#include "tls.h"

#include <stdio.h>

enum {
    PROGRAM_MAX = 256 << 20, /* bytes of our own binary, when the simulator measures it */
    ROOT_FILE_MAX = 16 << 10,
};

static enum err fail(enum err e, const char *sentence, struct buf *why)
{
    if (why->len == 0 && buf_append(why, view_str(sentence)) != ERR_NONE)
        buf_reset(why);
    return e;
}

enum err boot_simulated_measurement(const struct providers *p, struct digest48 *out)
{
    static const char purpose[] = "tr-sim-measurement/v1";
    uint8_t text[sizeof purpose + 48 + 32];
    struct digest48 binary;
    struct buf bytes;
    enum err e;

    buf_init(&bytes, PROGRAM_MAX);
    e = conf_read_file("/proc/self/exe", PROGRAM_MAX, &bytes);
    if (e == ERR_NONE) {
        digest_sha384(buf_view(&bytes), &binary);
        memcpy(text, purpose, sizeof purpose); /* with its NUL */
        memcpy(text + sizeof purpose, binary.b, 48);
        memcpy(text + sizeof purpose + 48, p->digest.b, 32);
        digest_sha384(view_of(text, sizeof text), out);
    }
    buf_free(&bytes);
    return e;
}

static enum err open_sources(struct boot *b, const struct config *c,
                             const struct providers *providers, struct buf *why)
{
    const char *dir = quote_backend.simulated ? c->platform_dir : NULL;
    struct digest48 measurement;
    enum err e;

    if (quote_backend.simulated) {
        e = boot_simulated_measurement(providers, &measurement);
        if (e != ERR_NONE)
            return fail(e, "the program cannot read itself to be measured", why);
    }
    e = quote_backend.open(dir, &measurement, &b->link_source, why);
    if (e == ERR_NONE)
        e = quote_backend.open(dir, &measurement, &b->public_source, why);
    return e;
}

/* With a manifest configured, nothing is served that is not in it. What we are is read from a
 * report of the platform: it is what clients and the control plane will see. */
static enum err check_release(struct boot *b, const struct config *c,
                              const struct providers *providers, struct buf *why)
{
    struct own_release_facts facts = {.providers = providers->digest,
                                      .simulated = quote_backend.simulated,
                                      .now_s = clock_unix_ms() / 1000};
    const uint8_t report_data[64] = {0};
    struct buf manifest;
    struct quote q;
    enum err e = ERR_NONE;

    buf_init(&manifest, MANIFEST_MAX);
    quote_init(&q);
    if (c->release[0] != '\0') {
        e = quote_backend.get(b->public_source, report_data, &q);
        if (e == ERR_NONE) {
            memcpy(facts.measurement, q.report + SNP_AT_MEASUREMENT, sizeof facts.measurement);
            e = own_release_check(c->release, c->release_key, &facts, &manifest, why);
        }
    }
    if (e == ERR_NONE)
        e = provenance_make(buf_view(&manifest), &b->provenance);
    quote_free(&q);
    buf_free(&manifest);
    return e == ERR_NONE ? e
                         : fail(e, "release: the platform gives no report to compare with", why);
}

/* AMD's are compiled in; the simulator's is beside its keys. */
static enum err read_root(const struct config *c, struct buf *out)
{
    char path[CONFIG_PATH_MAX + 16];
    uint8_t der[ROOT_FILE_MAX];
    X509 *cert = NULL;
    struct buf pem;
    size_t len;
    enum err e;

    if (c->platform_root[0] != '\0')
        snprintf(path, sizeof path, "%s", c->platform_root);
    else if (quote_backend.simulated)
        snprintf(path, sizeof path, "%s/ark.pem", c->platform_dir);
    else
        return ERR_NONE;
    buf_init(&pem, ROOT_FILE_MAX);
    e = conf_read_file(path, ROOT_FILE_MAX, &pem);
    if (e == ERR_NONE)
        e = tls_cert_from_pem(buf_view(&pem), &cert);
    if (e == ERR_NONE)
        e = tls_cert_der(cert, der, sizeof der, &len);
    if (e == ERR_NONE)
        e = buf_append(out, view_of(der, len));
    X509_free(cert);
    buf_free(&pem);
    return e;
}

static enum err check_self(struct boot *b, const struct config *c, struct buf *why)
{
    struct self_check check = {
        .source = b->public_source,
        .get = quote_backend.get,
        .identity = identity_text(b->keys),
        .simulated = quote_backend.simulated,
        .now_s = clock_unix_ms() / 1000,
        .report = b->report,
    };
    enum err e;

    buf_init(&b->root, ROOT_FILE_MAX);
    e = read_root(c, &b->root);
    check.root = buf_view(&b->root);
    e = e != ERR_NONE ? fail(e, "platform_root: this root certificate cannot be read", why)
                      : self_check_run(&check, why);
    return e;
}

/* Before the keys are born: pages that are not locked may be written to a disk, keys and prompts with
 * them. */
static enum err check_memory(const struct boot *b, const struct config *c, struct buf *why)
{
    if (b->memory_locked)
        return ERR_NONE;
    if (!quote_backend.simulated && !c->allow_unlocked_memory)
        return fail(ERR_CONFIG,
                    "memory cannot be locked: start it with RLIMIT_MEMLOCK unlimited "
                    "(LimitMEMLOCK=infinity) or CAP_IPC_LOCK, or set allow_unlocked_memory = on, "
                    "which the evidence then says",
                    why);
    LOG("memory_not_locked", KV("simulated", quote_backend.simulated));
    return ERR_NONE;
}

static enum err make_identity(struct boot *b, const struct config *c,
                              const struct providers *providers, struct buf *why)
{
    struct identity_config identity = {
        .audience = c->audience,
        .config_sha256 = providers->digest,
        .cp_spki_sha256 = c->control_spki,
        .simulated = quote_backend.simulated,
        .unlocked_memory = !b->memory_locked,
    };
    enum err e = identity_keys_new(&identity, &b->keys);

    if (e != ERR_NONE)
        return fail(e, "audience: the boot's identity cannot be made", why);
    e = keyset_new(b->keys, &b->keyset);
    return e == ERR_NONE ? e : fail(e, "the boot's keyset cannot be made", why);
}

static enum err start_quotes(struct boot *b, struct buf *why)
{
    const struct quotes_config config = {
        .source = b->public_source,
        .get = quote_backend.get,
        .identity = identity_text(b->keys),
        .window_ms = QUOTES_WINDOW_MS,
    };
    enum err e = quotes_start(&config, &b->quotes);

    return e == ERR_NONE ? e : fail(e, "the quote service cannot be started", why);
}

enum err boot_prepare(struct boot *b, const struct config *c, const struct providers *providers,
                      struct buf *why)
{
    enum err e = open_sources(b, c, providers, why);

    if (e == ERR_NONE)
        e = check_release(b, c, providers, why);
    if (e == ERR_NONE)
        e = check_memory(b, c, why);
    if (e == ERR_NONE)
        e = make_identity(b, c, providers, why);
    if (e == ERR_NONE)
        e = check_self(b, c, why);
    if (e == ERR_NONE)
        e = start_quotes(b, why);
    return e;
}

void boot_free(struct boot *b)
{
    quotes_stop(b->quotes);
    provenance_free(&b->provenance);
    keyset_free(b->keyset);
    buf_free(&b->root);
    identity_keys_free(b->keys);
    quote_backend.close(b->public_source);
    quote_backend.close(b->link_source);
}
