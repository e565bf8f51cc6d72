/* (G) The body of a client's request: its type, and the content coding taken off. */
#include "exchange_internal.h"

#include "clock.h"
#include "content_view.h"
#include "multipart.h"
#include "unpack.h"

/* What the decoded body of a key that is not known here may have, in bytes: so many, and so many times
 * those that came. Prompts compress to a tenth, seldom to a fiftieth. */
enum {
    EXCHANGE_UNPACKED_UNKNOWN_MIN = 1 << 20,
    EXCHANGE_UNPACKED_RATIO = 64,
};

/* A form's parts begin with the boundary that its header names. */
static bool form_ok(const struct web_request *web, const struct exchange *x)
{
    struct view type, named, first;

    return web_header(web, VIEW_LIT("content-type"), &type) && multipart_boundary(type, &named) == ERR_NONE &&
           multipart_first(content_bytes(x->body), &first) == ERR_NONE && view_eq(named, first);
}

static bool media_type_ok(const struct web_request *web)
{
    struct view type;
    const uint8_t *semicolon;

    if (!web_header(web, VIEW_LIT("content-type"), &type))
        return true; /* a body that is JSON needs no label */
    semicolon = type.len != 0 ? memchr(type.ptr, ';', type.len) : NULL;
    if (semicolon != NULL)
        type.len = (size_t)(semicolon - type.ptr);
    return view_eq_nocase(view_trim(type), VIEW_LIT("application/json"));
}

static bool key_is_known(const struct exchange *x)
{
    struct key *key;

    if (keyring_find(x->context->request.admit.keyring, &x->request.key_digest, clock_mono_ms(),
                     &key) != ERR_NONE)
        return false;
    key_release(key);
    return true;
}

/* Decoding costs more than receiving, so a key that nobody has vouched for yet gets less of it. */
static size_t unpacked_max(const struct exchange *x, size_t packed)
{
    size_t most = EXCHANGE_UNPACKED_UNKNOWN_MIN;

    if (key_is_known(x) || packed > (LIMIT_BODY_BYTES - most) / EXCHANGE_UNPACKED_RATIO)
        return LIMIT_BODY_BYTES;
    return most + packed * EXCHANGE_UNPACKED_RATIO;
}

static enum err copy_body(struct exchange *x, struct view body, struct api_failure *f)
{
    enum unpack_coding coding = UNPACK_IDENTITY;
    struct view encoding;
    enum err e = ERR_NONE;

    if (web_header(x->web, VIEW_LIT("content-encoding"), &encoding))
        e = unpack_coding(encoding, &coding);
    if (e != ERR_NONE) {
        f->error = API_CONTENT_CODING;
        return e;
    }
    x->body = content_new(LIMIT_BODY_BYTES + 1, x->budget); /* as unpack() wants it */
    if (x->body == NULL)
        e = ERR_MEMORY;
    else if (coding == UNPACK_IDENTITY)
        e = buf_append(content_buf(x->body), body);
    else
        e = unpack(coding, body, unpacked_max(x, body.len), content_buf(x->body));
    if (e == ERR_FORMAT || e == ERR_SHORT)
        f->error = API_BAD_CODING;
    else if (e == ERR_LIMIT)
        *f = (struct api_failure){.error = API_TOO_LARGE,
                                  .message = "The request body is over 32 MiB when it is decoded, or "
                                             "grows more than 64-fold with a key not yet known here."};
    else if (e != ERR_NONE)
        f->error = errors_of(e);
    return e;
}

enum err exchange_read_body(struct exchange *x, struct view body, struct api_failure *f)
{
    enum err e;

    if (!x->dialect->form && !media_type_ok(x->web)) {
        f->error = API_MEDIA_TYPE;
        return ERR_UNSUPPORTED;
    }
    if (body.len == 0) {
        f->error = API_NO_BODY;
        return ERR_SHORT;
    }
    e = copy_body(x, body, f);
    if (e != ERR_NONE || !x->dialect->form || form_ok(x->web, x))
        return e;
    *f = (struct api_failure){.error = API_MEDIA_TYPE,
                              .message = "This call takes multipart/form-data, whose body begins with the boundary "
                                         "that the Content-Type header names."};
    return ERR_UNSUPPORTED;
}
