#include "catalog_bytes.h"

#include "reply.h"

/* The digest is the entity's tag. */
static void answer(struct web_request *r, const struct snapshot *s, struct buf *bytes)
{
    char tag[2 + 64 + 1];
    struct id id = id_new();
    struct reply p;

    tag[0] = '"';
    hex_encode(snapshot_catalog(s)->digest.b, 32, tag + 1);
    tag[65] = '"';
    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("etag"), view_of(tag, 66));
    reply_add(&p, VIEW_LIT("content-type"), VIEW_LIT("application/octet-stream"));
    web_respond_taking(r, 200, p.headers, p.n, bytes);
}

int catalog_bytes_answer(const struct models_context *x, struct web_request *r)
{
    struct snapshot *s = catalog_acquire(x->catalogs, x->worker);
    struct buf bytes;
    int status = 200;

    buf_init(&bytes, LIMIT_CATALOG_BYTES);
    if (s == NULL)
        status = reply_refusal(r, &(struct api_failure){.error = API_NOT_READY});
    else if (catalog_pack(snapshot_catalog(s), &bytes) != ERR_NONE)
        status = reply_refusal(r, &(struct api_failure){.error = API_INTERNAL});
    else
        answer(r, s, &bytes);
    buf_free(&bytes);
    snapshot_release(s);
    return status;
}
