/* Filters of pages about usage. */
#include "usage_filter.h"

#include "query_text.h"

enum { FILTER_MAX = 256 }; /* bytes of a model's or provider's name */

/* false: the call has been answered. */
static bool take_text(struct call *c, const char *name, struct buf *text, struct db_param *out)
{
    struct view v;

    if (!call_query(c, name, &v))
        return true;
    if (v.len == 0 || query_text(v, text) != ERR_NONE) {
        call_fail(c, 400, "invalid_parameter", "This is a name of at most 256 bytes.", name);
        return false;
    }
    *out = db_bytes(buf_view(text));
    return true;
}

static bool take_key(struct call *c, struct usage_filter *f)
{
    struct view v;

    if (!call_query(c, "api_key_hash", &v))
        return true;
    if (hex_decode(v, f->digest.b, sizeof f->digest.b) != ERR_NONE) {
        call_fail(c, 400, "invalid_parameter", "This must be a key's hash.", "api_key_hash");
        return false;
    }
    f->key = db_bytes(view_of(f->digest.b, sizeof f->digest.b));
    return true;
}

bool usage_filter_read(struct call *c, struct usage_filter *out)
{
    *out = (struct usage_filter){.key = db_null(), .model = db_null(), .provider = db_null()};
    buf_init(&out->model_text, FILTER_MAX);
    buf_init(&out->provider_text, FILTER_MAX);
    return take_key(c, out) && take_text(c, "model", &out->model_text, &out->model) &&
           take_text(c, "provider", &out->provider_text, &out->provider);
}

void usage_filter_free(struct usage_filter *f)
{
    buf_free(&f->model_text);
    buf_free(&f->provider_text);
}
