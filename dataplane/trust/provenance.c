#include "provenance.h"

#include "base64.h"
#include "manifest.h"

enum { SOURCE_MAX = 2048, EVIDENCE_MAX = 2 * MANIFEST_MAX };

/* "name":"sha256:<hex>" of the digest the manifest has under that name, else null. */
static enum err digest_append(const struct manifest *m, const char *before, const char *name,
                              struct buf *out)
{
    char hex[65];

    for (size_t i = 0; m != NULL && i < m->n_digests; i++) {
        if (!view_eq(m->digests[i].name, view_str(name)))
            continue;
        hex_encode(m->digests[i].sha256.b, 32, hex);
        return buf_appendf(out, "%s\"sha256:%s\"", before, hex);
    }
    return buf_appendf(out, "%snull", before);
}

static enum err text_append(const struct manifest *m, const char *before, struct view text,
                            struct buf *out)
{
    enum err e = buf_append(out, view_str(before));

    if (e != ERR_NONE)
        return e;
    return m == NULL ? buf_append(out, VIEW_LIT("null")) : buf_append_json_string(out, text);
}

static enum err source_make(const struct manifest *m, struct buf *out)
{
    enum err e = text_append(m, "{\"repo_url\":", m != NULL ? m->repo : VIEW_EMPTY, out);

    if (e == ERR_NONE)
        e = text_append(m, ",\"repo_commit\":", m != NULL ? m->commit : VIEW_EMPTY, out);
    if (e == ERR_NONE)
        e = digest_append(m, ",\"image_digest\":", "image", out);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT(",\"image_provenance\":null}")) : e;
}

static enum err evidence_make(const struct manifest *m, struct view text, struct buf *out)
{
    char policy[65];
    enum err e = text_append(m, ",\"measured_cmdline\":", m != NULL ? m->cmdline : VIEW_EMPTY, out);

    if (e == ERR_NONE)
        e = digest_append(m, ",\"ovmf_digest\":", "ovmf", out);
    if (e == ERR_NONE)
        e = digest_append(m, ",\"kernel_digest\":", "kernel", out);
    if (e == ERR_NONE)
        e = digest_append(m, ",\"initrd_digest\":", "initrd", out);
    if (e != ERR_NONE)
        return e;
    if (m == NULL)
        return buf_append(out, VIEW_LIT(",\"policy_digest\":null,\"release_b64\":null"));
    hex_encode(m->policy.b, 32, policy);
    e = buf_appendf(out, ",\"policy_digest\":\"sha256:%s\",\"release_b64\":\"", policy);
    if (e == ERR_NONE)
        e = base64_append(text, out);
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

enum err provenance_make(struct view manifest, struct provenance *out)
{
    static struct manifest parsed; /* 20 KiB; called once, at start-up */
    const struct manifest *m = NULL;
    enum err e = ERR_NONE;

    buf_init(&out->source, SOURCE_MAX);
    buf_init(&out->evidence, EVIDENCE_MAX);
    if (manifest.len != 0) {
        e = manifest_parse(manifest, &parsed);
        m = &parsed;
    }
    if (e == ERR_NONE)
        e = source_make(m, &out->source);
    if (e == ERR_NONE)
        e = evidence_make(m, manifest, &out->evidence);
    if (e != ERR_NONE)
        provenance_free(out);
    return e;
}

void provenance_free(struct provenance *p)
{
    buf_free(&p->source);
    buf_free(&p->evidence);
}
