#include "own_release.h"

#include "conf.h"
#include "manifest.h"
#include "minisign.h"

#include <stdio.h>

enum { PATH_BYTES = 1024 };

static enum err fail(enum err e, const char *sentence, struct buf *why)
{
    return buf_append(why, view_str(sentence)) == ERR_NONE ? e : ERR_MEMORY;
}

static enum err load(const char *path, struct buf *text, struct buf *signature, struct buf *why)
{
    char beside[PATH_BYTES];

    if ((size_t)snprintf(beside, sizeof beside, "%s.minisig", path) >= sizeof beside ||
        conf_read_file(path, MANIFEST_MAX, text) != ERR_NONE)
        return fail(ERR_CONFIG, "release: the manifest cannot be read", why);
    if (conf_read_file(beside, MINISIGN_SIGNATURE_MAX, signature) != ERR_NONE)
        return fail(ERR_CONFIG, "release: there is no signature beside the manifest", why);
    return ERR_NONE;
}

static enum err about_us(const struct manifest *m, const struct own_release_facts *f,
                         struct buf *why)
{
    if (m->simulated != f->simulated)
        return fail(ERR_ATTESTATION, "release: made for another kind of platform", why);
    if (!secret_equal(m->providers.b, f->providers.b, sizeof m->providers.b))
        return fail(ERR_ATTESTATION, "release: has another providers.conf", why);
    if (!manifest_has(m, f->measurement))
        return fail(ERR_ATTESTATION, "release: our measurement is not in it", why);
    if (f->now_s < m->not_before_s)
        return fail(ERR_ATTESTATION, "release: not valid yet", why);
    if (f->now_s >= m->not_after_s)
        return fail(ERR_ATTESTATION, "release: expired", why);
    return ERR_NONE;
}

enum err own_release_check(const char *path, const char *key, const struct own_release_facts *facts,
                           struct buf *manifest, struct buf *why)
{
    static struct manifest m; /* 20 KiB; called once, at start-up */
    struct minisign_key public;
    struct buf text, signature;
    enum err e;

    buf_init(&text, MANIFEST_MAX);
    buf_init(&signature, MINISIGN_SIGNATURE_MAX);
    if (minisign_key_parse(view_str(key), &public) != ERR_NONE) {
        e = fail(ERR_CONFIG, "release_key: not a minisign public key", why);
        goto done;
    }
    e = load(path, &text, &signature, why);
    if (e != ERR_NONE)
        goto done;
    if (minisign_check(buf_view(&text), buf_view(&signature), &public, NULL) != ERR_NONE)
        e = fail(ERR_AUTH, "release: not signed by release_key", why);
    else if (manifest_parse(buf_view(&text), &m) != ERR_NONE)
        e = fail(ERR_CONFIG, "release: not a release manifest in canonical JSON", why);
    else
        e = about_us(&m, facts, why);
    if (e == ERR_NONE)
        e = buf_append(manifest, buf_view(&text));
done:
    buf_free(&text);
    buf_free(&signature);
    return e;
}
