#include "bundle.h"

#include "base64.h"
#include "json.h"

enum { MEMBERS = 6 };
#define FORMAT "tr-bundle/v1"

enum err bundle_encode(const struct bundle *b, struct buf *out)
{
    char exporter[65], spki[65];
    size_t before = out->len;
    enum err e;

    hex_encode(b->exporter, 32, exporter);
    hex_encode(b->tls_spki.b, 32, spki);
    e = buf_appendf(
        out, "{\"format\":\"" FORMAT "\",\"at\":%llu,\"host\":", (unsigned long long)b->at_s);
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(b->host));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"exporter\":\"%s\",\"tls_spki_sha256\":\"%s\",\"document\":\"",
                        exporter, spki);
    if (e == ERR_NONE)
        e = base64_append(b->document, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\"}"));
    if (e != ERR_NONE)
        out->len = before;
    return e;
}

static bool hex_value(struct json_value v, uint8_t out[static 32])
{
    struct view text;

    if (!json_string_plain(v, &text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
            return false;
    return hex_decode(text, out, 32) == ERR_NONE;
}

/* Printable ASCII: it is shown to people. */
static bool host_value(struct json_value v, char out[static BUNDLE_HOST_MAX + 1])
{
    struct view text;

    if (!json_string_plain(v, &text) || text.len > BUNDLE_HOST_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

enum err bundle_decode(struct view text, struct buf *store, struct bundle *out)
{
    static const char *const names[MEMBERS] = {"format",          "at",      "host", "exporter",
                                               "tls_spki_sha256", "document"};
    struct json_member m[MEMBERS];
    struct json_value v[MEMBERS];
    struct view document;
    size_t n;

    memset(out, 0, sizeof *out);
    if (text.len > BUNDLE_MAX)
        return ERR_LIMIT;
    if (json_object(text, m, MEMBERS, &n, NULL) != ERR_NONE || n != MEMBERS)
        return ERR_FORMAT;
    for (size_t i = 0; i < MEMBERS; i++)
        if (json_find(m, n, names[i], &v[i]) != ERR_NONE)
            return ERR_FORMAT;
    if (!json_string_is(v[0], FORMAT) || json_u64(v[1], &out->at_s) != ERR_NONE ||
        !host_value(v[2], out->host) || !hex_value(v[3], out->exporter) ||
        !hex_value(v[4], out->tls_spki.b) || !json_string_plain(v[5], &document) ||
        base64_decode(document, store) != ERR_NONE)
        return ERR_FORMAT;
    out->document = buf_view(store);
    return ERR_NONE;
}
