#include "document.h"

#include "base64.h"
#include "json.h"

#include <assert.h>

enum { DOCUMENT_MEMBERS = 8, BATCH_MEMBERS = 3, CERTS_MEMBERS = 3, RELEASE_MEMBERS = 2 };
#define FORMAT "tr-attestation/v1"
static const char *const binding_names[ATTEST_BINDING_COUNT] = {
    [ATTEST_BINDING_NONE] = "none", [ATTEST_BINDING_TLS_EXPORTER] = "tls-exporter"};

const char *attest_binding_name(enum attest_binding b)
{
    assert((unsigned)b < ATTEST_BINDING_COUNT);
    return binding_names[b];
}

bool attest_binding_parse(struct view text, enum attest_binding *out)
{
    for (int b = 0; b < ATTEST_BINDING_COUNT; b++)
        if (view_eq(text, view_str(binding_names[b]))) {
            *out = (enum attest_binding)b;
            return true;
        }
    return false;
}

/* --- encode */

static enum err hex_member(struct buf *out, const char *before, const uint8_t b[static 32])
{
    char hex[65];

    hex_encode(b, 32, hex);
    return buf_appendf(out, "%s\"%s\"", before, hex);
}

static enum err base64_member(struct buf *out, const char *before, struct view v)
{
    enum err e = buf_appendf(out, "%s\"", before);

    if (e == ERR_NONE)
        e = base64_append(v, out);
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

static enum err batch_append(const struct attest_document *d, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT(",\"batch\":{\"index\":"));

    if (e == ERR_NONE)
        e = buf_append_u64(out, d->index);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"size\":"));
    if (e == ERR_NONE)
        e = buf_append_u64(out, d->size);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"path\":["));
    for (size_t i = 0; i < d->path.n && e == ERR_NONE; i++)
        e = hex_member(out, i == 0 ? "" : ",", d->path.hashes[i].b);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("]}")) : e;
}

static enum err certs_append(const struct attest_document *d, struct buf *out)
{
    enum err e = base64_member(out, ",\"certs\":{\"vek\":", d->vek);

    if (e == ERR_NONE && d->ask.len != 0)
        e = base64_member(out, ",\"ask\":", d->ask);
    if (e == ERR_NONE && d->ark.len != 0)
        e = base64_member(out, ",\"ark\":", d->ark);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static enum err release_append(const struct attest_document *d, struct buf *out)
{
    enum err e = ERR_NONE;

    if (d->release_leaf.len == 0)
        return ERR_NONE;
    e = base64_member(out, ",\"release\":{\"leaf\":", d->release_leaf);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"proof\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, d->release_proof);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

/* What encoder and decoder both hold a document to. */
static enum err bounds_check(const struct attest_document *d)
{
    if (d->index >= d->size || d->report.len != SNP_REPORT_BYTES || d->identity.len == 0 ||
        d->vek.len == 0)
        return ERR_FORMAT;
    if (d->size > ATTEST_BATCH_MAX || d->path.n > TLOG_PROOF_MAX ||
        d->identity.len > IDENTITY_MAX_BYTES || d->vek.len > ATTEST_CERT_MAX ||
        d->ask.len > ATTEST_CERT_MAX || d->ark.len > ATTEST_CERT_MAX ||
        d->release_leaf.len > ATTEST_RELEASE_LEAF_MAX)
        return ERR_LIMIT;
    return ERR_NONE;
}

enum err attest_document_encode(const struct attest_document *d, struct buf *out)
{
    size_t before = out->len;
    enum err e = bounds_check(d);

    if (e == ERR_NONE)
        e = hex_member(out, "{\"format\":\"" FORMAT "\",\"nonce\":", d->nonce);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"binding\":\"%s\"", attest_binding_name(d->binding));
    if (e == ERR_NONE)
        e = base64_member(out, ",\"identity\":", d->identity);
    if (e == ERR_NONE)
        e = batch_append(d, out);
    if (e == ERR_NONE)
        e = base64_member(out, ",\"report\":", d->report);
    if (e == ERR_NONE)
        e = certs_append(d, out);
    if (e == ERR_NONE)
        e = release_append(d, out);
    if (e == ERR_NONE)
        e = buf_append_byte(out, '}');
    if (e == ERR_NONE && out->len - before > ATTEST_DOCUMENT_MAX)
        e = ERR_LIMIT;
    if (e != ERR_NONE)
        out->len = before;
    return e;
}

/* --- decode: each reader takes one value and checks it whole */

struct reader {
    struct attest_document *d;
    struct buf *store;
};
typedef enum err read_fn(struct reader *r, struct json_value v);

struct member {
    const char *name;
    read_fn *read;
    bool optional;
};

static enum err object_read(struct reader *r, struct json_value v, const struct member *members,
                            size_t n)
{
    struct json_member found[DOCUMENT_MEMBERS];
    size_t n_found, n_read = 0;
    enum err e = json_object(v.text, found, DOCUMENT_MEMBERS, &n_found, NULL);

    assert(n <= DOCUMENT_MEMBERS);
    for (size_t i = 0; i < n && e == ERR_NONE; i++) {
        struct json_value value;

        e = json_find(found, n_found, members[i].name, &value);
        if (e == ERR_NOT_FOUND && members[i].optional) {
            e = ERR_NONE;
            continue;
        }
        if (e == ERR_NONE)
            e = members[i].read(r, value);
        n_read++;
    }
    return e == ERR_NONE && n_read == n_found ? ERR_NONE : ERR_FORMAT;
}

static enum err read_hex32(struct json_value v, uint8_t out[static 32])
{
    struct view text;

    if (!json_string_plain(v, &text) || text.len != 64)
        return ERR_FORMAT;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
            return ERR_FORMAT;
    return hex_decode(text, out, 32);
}

static enum err read_base64(struct reader *r, struct json_value v, struct view *out)
{
    size_t before = r->store->len;
    struct view text;
    enum err e;

    if (!json_string_plain(v, &text) || text.len == 0)
        return ERR_FORMAT;
    e = base64_decode(text, r->store);
    *out = view_from(buf_view(r->store), before);
    return e;
}

static enum err read_format(struct reader *r, struct json_value v)
{
    (void)r;
    return json_string_is(v, FORMAT) ? ERR_NONE : ERR_FORMAT;
}

static enum err read_nonce(struct reader *r, struct json_value v)
{
    return read_hex32(v, r->d->nonce);
}

static enum err read_binding(struct reader *r, struct json_value v)
{
    struct view text;

    return json_string_plain(v, &text) && attest_binding_parse(text, &r->d->binding) ? ERR_NONE
                                                                                     : ERR_FORMAT;
}

static enum err read_identity(struct reader *r, struct json_value v)
{
    return read_base64(r, v, &r->d->identity);
}

static enum err read_report(struct reader *r, struct json_value v)
{
    return read_base64(r, v, &r->d->report);
}

static enum err read_index(struct reader *r, struct json_value v)
{
    return json_u64(v, &r->d->index);
}

static enum err read_size(struct reader *r, struct json_value v)
{
    return json_u64(v, &r->d->size);
}

static enum err read_path(struct reader *r, struct json_value v)
{
    struct tlog_proof *p = &r->d->path;
    struct json_member m;
    struct json_iter it;
    enum err e = ERR_NONE;

    if (v.kind != JSON_ARRAY)
        return ERR_FORMAT;
    it = json_iter(v);
    for (p->n = 0; e == ERR_NONE && json_next(&it, &m); p->n++)
        e = p->n == TLOG_PROOF_MAX ? ERR_LIMIT : read_hex32(m.value, p->hashes[p->n].b);
    return e;
}

static enum err read_vek(struct reader *r, struct json_value v)
{
    return read_base64(r, v, &r->d->vek);
}

static enum err read_ask(struct reader *r, struct json_value v)
{
    return read_base64(r, v, &r->d->ask);
}

static enum err read_ark(struct reader *r, struct json_value v)
{
    return read_base64(r, v, &r->d->ark);
}

static enum err read_release_leaf(struct reader *r, struct json_value v)
{
    return read_base64(r, v, &r->d->release_leaf);
}

static enum err read_release_proof(struct reader *r, struct json_value v)
{
    size_t before = r->store->len;
    enum err e;

    if (v.kind != JSON_STRING)
        return ERR_FORMAT;
    e = json_string_decode(v, r->store);
    r->d->release_proof = view_from(buf_view(r->store), before);
    return e;
}

static enum err read_batch(struct reader *r, struct json_value v)
{
    static const struct member members[BATCH_MEMBERS] = {
        {"index", read_index, false}, {"size", read_size, false}, {"path", read_path, false}};

    return object_read(r, v, members, BATCH_MEMBERS);
}

static enum err read_certs(struct reader *r, struct json_value v)
{
    static const struct member members[CERTS_MEMBERS] = {
        {"vek", read_vek, false}, {"ask", read_ask, true}, {"ark", read_ark, true}};

    return object_read(r, v, members, CERTS_MEMBERS);
}

static enum err read_release(struct reader *r, struct json_value v)
{
    static const struct member members[RELEASE_MEMBERS] = {{"leaf", read_release_leaf, false},
                                                           {"proof", read_release_proof, false}};

    return object_read(r, v, members, RELEASE_MEMBERS);
}

enum err attest_document_decode(struct view text, struct buf *store, struct attest_document *out)
{
    static const struct member members[DOCUMENT_MEMBERS] = {
        {"format", read_format, false},   {"nonce", read_nonce, false},
        {"binding", read_binding, false}, {"identity", read_identity, false},
        {"batch", read_batch, false},     {"report", read_report, false},
        {"certs", read_certs, false},     {"release", read_release, true},
    };
    struct reader r = {.d = out, .store = store};
    struct json_value root;
    const uint8_t *base;
    enum err e;

    assert(store->len == 0);
    memset(out, 0, sizeof *out);
    if (text.len > ATTEST_DOCUMENT_MAX)
        return ERR_LIMIT;
    /* Views into store are taken while it fills, so it must not move: decoded bytes are never more
     * than their text, and the string decoder reserves at most that once more. */
    e = buf_reserve(store, 2 * text.len);
    if (e != ERR_NONE)
        return e;
    base = store->ptr;
    if (json_check(text, &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT)
        return ERR_FORMAT;
    e = object_read(&r, root, members, DOCUMENT_MEMBERS);
    assert(store->ptr == base);
    return e == ERR_NONE ? bounds_check(out) : e;
}

/* --- what binds it to a report */

bool attest_document_report_data(const struct attest_document *d, const uint8_t cb[static 32],
                                 uint8_t out[static 64])
{
    static const uint8_t unbound[32];
    struct digest32 leaf, root;

    evidence_leaf(EVIDENCE_PUBLIC, d->nonce,
                  d->binding == ATTEST_BINDING_TLS_EXPORTER ? cb : unbound, &leaf);
    if (!tlog_inclusion_root(d->size, d->index, &leaf, &d->path, &root))
        return false;
    evidence_report_data(d->identity, &root, out);
    return true;
}
