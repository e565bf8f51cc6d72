#include "audit_text.h"

#include "canonical.h"

#include <sodium.h>

#define S(text, kind, member) CANONICAL_FIELD(text, CANONICAL_##kind, audit_sample, member)
static const struct canonical_field sample_fields[] = {
    S("{\"answered_at_ms\":", NUMBER, answered_ms),
    S(",\"complete\":", BOOL, complete),
    S(",\"purpose\":\"tr.audit.sample.v1\",\"request_commitment\":", HEX, request_commitment),
    S(",\"request_id\":", HEX, request),
    S(",\"response_commitment\":", HEX, response_commitment),
    S(",\"seq\":", NUMBER, seq),
    S(",\"status\":", NUMBER, status),
};
#define O(text, kind, member) CANONICAL_FIELD(text, CANONICAL_##kind, audit_opening, member)
static const struct canonical_field opening_fields[] = {
    O("{\"request_salt\":", HEX, request_salt),
    O(",\"request_sha256\":", HEX, request_sha256),
    O(",\"response_salt\":", HEX, response_salt),
    O(",\"response_sha256\":", HEX, response_sha256),
};
#define H(text, kind, member) CANONICAL_FIELD(text, CANONICAL_##kind, audit_head, member)
enum { HEAD_SIGNATURE = 10, WINDOW_SIGNATURE = 5 }; /* their places in the tables */
static const struct canonical_field head_fields[] = {
    H("{\"boot\":", HEX, boot),
    H(",\"count\":", NUMBER, count),
    H(",\"epoch_ms\":", NUMBER, epoch_ms),
    H(",\"first_kept\":", NUMBER, first_kept),
    H(",\"head\":", HEX, head),
    H(",\"missed\":", NUMBER, missed),
    H(",\"pick_anchor\":", HEX, pick_anchor),
    H(",\"purpose\":\"tr.audit.head.v1\",\"rate_ppm\":", NUMBER, rate_ppm),
    H(",\"revealed\":", HEX, revealed),
    H(",\"revealed_epochs\":", NUMBER, revealed_epochs),
    [HEAD_SIGNATURE] = H(",\"signature\":", HEX, signature),
    H(",\"signed_at_ms\":", NUMBER, signed_at_ms),
    H(",\"simulated\":", BOOL, simulated),
    H(",\"since_ms\":", NUMBER, since_ms),
};
#define W(text, kind, member) CANONICAL_FIELD(text, CANONICAL_##kind, audit_window, member)
static const struct canonical_field window_fields[] = {
    W("{\"after\":", HEX, after),
    W(",\"before\":", HEX, before),
    W(",\"boot\":", HEX, boot),
    W(",\"from\":", NUMBER, from),
    {.before = VIEW_LIT(",\"purpose\":\"tr.audit.window.v1\""), .kind = CANONICAL_TEXT},
    [WINDOW_SIGNATURE] = W(",\"signature\":", HEX, signature),
    W(",\"to\":", NUMBER, to),
};
#define TABLE(rows, last)                                                                          \
    {                                                                                              \
        rows, sizeof rows / sizeof rows[0], VIEW_LIT(last)                                         \
    }
static const struct canonical sample_table = TABLE(sample_fields, "}");
/* an opening goes on with the sample itself */
static const struct canonical opening_table = TABLE(opening_fields, ",\"sample\":");
static const struct canonical head_table = TABLE(head_fields, "}");
static const struct canonical window_table = TABLE(window_fields, "}");

/* --- encode */

enum err audit_text_sample(const struct audit_sample *s, struct buf *out)
{
    return canonical_append(&sample_table, s, CANONICAL_ALL, out);
}

enum err audit_text_opening(const struct audit_opening *o, struct buf *out)
{
    size_t before = out->len;
    enum err e = canonical_append(&opening_table, o, CANONICAL_ALL, out);

    if (e == ERR_NONE)
        e = audit_text_sample(&o->sample, out);
    if (e == ERR_NONE)
        e = buf_append_byte(out, '}');
    if (e != ERR_NONE)
        out->len = before;
    return e;
}

enum err audit_text_head(const struct audit_head *h, bool to_sign, struct buf *out)
{
    return canonical_append(&head_table, h, to_sign ? HEAD_SIGNATURE : CANONICAL_ALL, out);
}

enum err audit_text_window(const struct audit_window *w, bool to_sign, struct buf *out)
{
    return canonical_append(&window_table, w, to_sign ? WINDOW_SIGNATURE : CANONICAL_ALL, out);
}

enum err audit_text_leaf(const struct audit_sample *s, struct digest32 *out)
{
    struct buf text;
    enum err e;

    buf_init(&text, AUDIT_SAMPLE_BYTES);
    e = audit_text_sample(s, &text);
    if (e == ERR_NONE)
        digest_sha256(buf_view(&text), out);
    buf_free(&text);
    return e;
}

/* --- decode */

bool audit_text_take_opening(struct view *v, struct audit_opening *out)
{
    return canonical_take(&opening_table, v, out) &&
           canonical_take(&sample_table, v, &out->sample) &&
           canonical_take_literal(v, VIEW_LIT("}"));
}

bool audit_text_take_head(struct view *v, struct audit_head *out)
{
    return canonical_take(&head_table, v, out);
}

bool audit_text_take_window(struct view *v, struct audit_window *out)
{
    return canonical_take(&window_table, v, out);
}

/* --- signatures */

static bool signed_by(const struct buf *text, const uint8_t signature[static 64],
                      const uint8_t key[static 32])
{
    return crypto_sign_verify_detached(signature, text->ptr, text->len, key) == 0;
}

bool audit_text_head_signed(const struct audit_head *h, const uint8_t key[static 32])
{
    struct buf text;
    bool ok;

    buf_init(&text, AUDIT_HEAD_BYTES);
    ok = audit_text_head(h, true, &text) == ERR_NONE && signed_by(&text, h->signature, key);
    buf_free(&text);
    return ok;
}

bool audit_text_window_signed(const struct audit_window *w, const uint8_t key[static 32])
{
    struct buf text;
    bool ok;

    buf_init(&text, AUDIT_HEAD_BYTES);
    ok = audit_text_window(w, true, &text) == ERR_NONE && signed_by(&text, w->signature, key);
    buf_free(&text);
    return ok;
}
