#include "manifest.h"

#include "jcs.h"

#include <stddef.h>

/* --- members, by a table --- */

enum member_kind { MEMBER_TEXT, MEMBER_NUMBER, MEMBER_BOOL, MEMBER_SHA256, MEMBER_OTHER };
struct member {
    const char *name;
    enum member_kind kind;
    size_t at;  /* in the struct being filled */
    size_t max; /* bytes of a text */
};

/* A text without escapes, so its bytes mean themselves. */
static enum err text_read(struct json_value v, size_t max, struct view *out)
{
    if (!json_string_plain(v, out))
        return ERR_FORMAT;
    for (size_t i = 0; i < out->len; i++) {
        if (out->ptr[i] < ' ' || out->ptr[i] > '~')
            return ERR_FORMAT;
    }
    return out->len <= max ? ERR_NONE : ERR_LIMIT;
}

static enum err hex_read(struct json_value v, uint8_t *out, size_t n)
{
    struct view text;

    if (!json_string_plain(v, &text))
        return ERR_FORMAT;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
            return ERR_FORMAT;
    }
    return hex_decode(text, out, n);
}

static enum err member_read(const struct member *m, struct json_value v, void *base)
{
    char *at = (char *)base + m->at;

    switch (m->kind) {
    case MEMBER_TEXT:
        return text_read(v, m->max, (struct view *)(void *)at);
    case MEMBER_NUMBER:
        return json_u64(v, (uint64_t *)(void *)at) == ERR_NONE ? ERR_NONE : ERR_FORMAT;
    case MEMBER_BOOL:
        *(bool *)at = v.kind == JSON_TRUE;
        return v.kind == JSON_TRUE || v.kind == JSON_FALSE ? ERR_NONE : ERR_FORMAT;
    case MEMBER_SHA256:
        return hex_read(v, (uint8_t *)at, 32);
    case MEMBER_OTHER:
        return ERR_NONE;
    }
    return ERR_BUG;
}

/* The text is canonical, so members come sorted and once, as the table has them. */
static enum err members_read(struct json_value v, const struct member *members, size_t n,
                             void *base)
{
    struct json_iter it = json_iter(v);
    struct json_member got;
    enum err e;

    if (v.kind != JSON_OBJECT)
        return ERR_FORMAT;
    for (size_t i = 0; i < n; i++) {
        if (!json_next(&it, &got) || !view_eq(got.key, view_str(members[i].name)))
            return ERR_FORMAT;
        if ((e = member_read(&members[i], got.value, base)) != ERR_NONE)
            return e;
    }
    return json_next(&it, &got) ? ERR_FORMAT : ERR_NONE;
}

#define AT(member) offsetof(struct manifest, member)
static const struct member manifest_members[] = {
    {"catalog_sha256", MEMBER_SHA256, AT(catalog), 0},
    {"cmdline", MEMBER_TEXT, AT(cmdline), MANIFEST_CMDLINE_MAX},
    {"digests", MEMBER_OTHER, 0, 0},
    {"image_sha256", MEMBER_OTHER, 0, 0},
    {"measurements", MEMBER_OTHER, 0, 0},
    {"min_svn", MEMBER_NUMBER, AT(min_svn), 0},
    {"not_after", MEMBER_NUMBER, AT(not_after_s), 0},
    {"not_before", MEMBER_NUMBER, AT(not_before_s), 0},
    {"policy_sha256", MEMBER_SHA256, AT(policy), 0},
    {"previous", MEMBER_OTHER, 0, 0},
    {"providers_sha256", MEMBER_SHA256, AT(providers), 0},
    {"purpose", MEMBER_OTHER, 0, 0},
    {"sbom_sha256", MEMBER_OTHER, 0, 0},
    {"simulated", MEMBER_BOOL, AT(simulated), 0},
    {"source", MEMBER_OTHER, 0, 0},
    {"svn", MEMBER_NUMBER, AT(svn), 0},
    {"version", MEMBER_TEXT, AT(version), MANIFEST_TEXT_MAX},
};
static const struct member source_members[] = {
    {"commit", MEMBER_TEXT, AT(commit), 64},
    {"repo", MEMBER_TEXT, AT(repo), MANIFEST_TEXT_MAX},
};
static const struct member measurement_members[] = {
    {"cpu", MEMBER_TEXT, offsetof(struct manifest_measurement, cpu), MANIFEST_TEXT_MAX},
    {"features", MEMBER_NUMBER, offsetof(struct manifest_measurement, features), 0},
    {"measurement", MEMBER_OTHER, 0, 0},
    {"vcpus", MEMBER_NUMBER, offsetof(struct manifest_measurement, vcpus), 0},
};
#define COUNT(table) (sizeof table / sizeof table[0])

/* --- what tables do not say --- */

static enum err digests_read(struct json_value v, struct manifest *m)
{
    struct json_iter it = json_iter(v);
    struct json_member got;

    if (v.kind != JSON_OBJECT)
        return ERR_FORMAT;
    while (json_next(&it, &got)) {
        if (m->n_digests == MANIFEST_DIGESTS_MAX || got.key.len > MANIFEST_TEXT_MAX)
            return ERR_LIMIT;
        if (got.key.len == 0 ||
            hex_read(got.value, m->digests[m->n_digests].sha256.b, 32) != ERR_NONE)
            return ERR_FORMAT;
        m->digests[m->n_digests++].name = got.key;
    }
    return m->n_digests != 0 ? ERR_NONE : ERR_FORMAT;
}

static enum err measurements_read(struct json_value v, struct manifest *m)
{
    struct json_iter it = json_iter(v);
    struct json_member got;
    struct json_value hex;
    enum err e;

    if (v.kind != JSON_ARRAY)
        return ERR_FORMAT;
    while (json_next(&it, &got)) {
        struct manifest_measurement *one = &m->measurements[m->n_measurements];

        if (m->n_measurements++ == MANIFEST_MEASUREMENTS_MAX)
            return ERR_LIMIT;
        if ((e = members_read(got.value, measurement_members, COUNT(measurement_members), one)) !=
            ERR_NONE)
            return e;
        if (!json_get(got.value, "measurement", &hex) ||
            hex_read(hex, one->measurement, sizeof one->measurement) != ERR_NONE)
            return ERR_FORMAT;
    }
    return m->n_measurements != 0 ? ERR_NONE : ERR_FORMAT;
}

static enum err previous_read(struct json_value v, struct manifest *m)
{
    m->has_previous = v.kind != JSON_NULL;
    return m->has_previous ? hex_read(v, m->previous.b, 32) : ERR_NONE;
}

/* Image and SBOM are there together. A simulated release may do without, because its measurement is
 * not an image's. */
static enum err image_read(struct json_value v, struct manifest *m)
{
    m->has_image = v.kind != JSON_NULL;
    if (m->has_image)
        return hex_read(v, m->image.b, 32);
    return m->simulated ? ERR_NONE : ERR_FORMAT;
}

static enum err sbom_read(struct json_value v, struct manifest *m)
{
    if (m->has_image)
        return hex_read(v, m->sbom.b, 32);
    return v.kind == JSON_NULL ? ERR_NONE : ERR_FORMAT;
}

/* A commit of git, with SHA-1 or SHA-256 names. */
static enum err source_read(struct json_value v, struct manifest *m)
{
    uint8_t bytes[32];
    enum err e = members_read(v, source_members, COUNT(source_members), m);

    if (e == ERR_NONE && m->commit.len != 40 && m->commit.len != 64)
        e = ERR_FORMAT;
    return e == ERR_NONE ? hex_decode(m->commit, bytes, m->commit.len / 2) : e;
}

static enum err canonical_check(struct view text, struct json_value *root)
{
    struct buf again;
    enum err e;

    if (text.len > MANIFEST_MAX)
        return ERR_LIMIT;
    if (json_check(text, root, NULL) != ERR_NONE || root->kind != JSON_OBJECT)
        return ERR_FORMAT;
    buf_init(&again, 2 * MANIFEST_MAX);
    e = jcs_append(*root, NULL, &again);
    if (e == ERR_NONE && !view_eq(buf_view(&again), text))
        e = ERR_FORMAT;
    buf_free(&again);
    return e == ERR_NONE || e == ERR_MEMORY || e == ERR_LIMIT ? e : ERR_FORMAT;
}

static enum err parts_read(struct json_value root, struct manifest *m)
{
    static const struct {
        const char *name;
        enum err (*read)(struct json_value v, struct manifest *m);
    } parts[] = {
        {"digests", digests_read},           {"image_sha256", image_read},
        {"measurements", measurements_read}, {"previous", previous_read},
        {"sbom_sha256", sbom_read},          {"source", source_read},
    };
    struct json_value v;

    for (size_t i = 0; i < COUNT(parts); i++) {
        enum err e = json_get(root, parts[i].name, &v) ? parts[i].read(v, m) : ERR_FORMAT;

        if (e != ERR_NONE)
            return e;
    }
    return ERR_NONE;
}

enum err manifest_parse(struct view text, struct manifest *out)
{
    struct json_value root, purpose;
    struct manifest m = {.n_measurements = 0};
    enum err e = canonical_check(text, &root);

    if (e != ERR_NONE)
        return e;
    if (!json_get(root, "purpose", &purpose))
        return ERR_FORMAT;
    if (!json_string_is(purpose, "tr.release.v1"))
        return ERR_VERSION;
    e = members_read(root, manifest_members, COUNT(manifest_members), &m);
    if (e == ERR_NONE)
        e = parts_read(root, &m);
    if (e == ERR_NONE &&
        (m.version.len == 0 || m.not_before_s >= m.not_after_s || m.min_svn > m.svn))
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        *out = m;
    return e;
}

bool manifest_has(const struct manifest *m, const uint8_t measurement[static 48])
{
    for (size_t i = 0; i < m->n_measurements; i++) {
        if (secret_equal(m->measurements[i].measurement, measurement, 48))
            return true;
    }
    return false;
}

const struct digest32 *manifest_digest(const struct manifest *m, const char *name)
{
    for (size_t i = 0; i < m->n_digests; i++) {
        if (view_eq(m->digests[i].name, view_str(name)))
            return &m->digests[i].sha256;
    }
    return NULL;
}
