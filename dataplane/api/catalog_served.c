/* Writes who serves a model, and the strictest privacy that a request can demand of it. */
#include "catalog_served.h"

enum privacy {
    PRIVACY_NONE, /* no enabled endpoint */
    PRIVACY_ANY,
    PRIVACY_ZDR,
    PRIVACY_CONFIDENTIAL,
};

static const char *const words[] = {
    [PRIVACY_NONE] = "null",
    [PRIVACY_ANY] = "\"any\"",
    [PRIVACY_ZDR] = "\"zdr\"",
    [PRIVACY_CONFIDENTIAL] = "\"confidential\"",
};

/* As route_decide() takes it: a provider inside attested hardware that keeps prompts is neither. */
static enum privacy privacy_of(const struct route_endpoint *e)
{
    if (provider_keeps(e->provider) || e->info->retains_data)
        return PRIVACY_ANY;
    return e->provider->confidential ? PRIVACY_CONFIDENTIAL : PRIVACY_ZDR;
}

enum err catalog_served_privacy(const struct route_endpoint *e, struct buf *out)
{
    return buf_appendf(out, ",\"privacy\":%s", words[privacy_of(e)]);
}

static bool listed_before(const struct route_model *m, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (m->endpoints[k].info->weight != 0 && m->endpoints[k].provider == m->endpoints[i].provider)
            return true;
    return false;
}

enum err catalog_served_json(const struct route_model *m, struct buf *out)
{
    enum privacy best = PRIVACY_NONE;
    const char *separator = "";
    enum err e;

    for (size_t i = 0; i < m->n_endpoints; i++)
        if (m->endpoints[i].info->weight != 0 && privacy_of(&m->endpoints[i]) > best)
            best = privacy_of(&m->endpoints[i]);
    e = buf_appendf(out, ",\"privacy\":%s,\"providers\":[", words[best]);
    for (size_t i = 0; e == ERR_NONE && i < m->n_endpoints; i++) {
        if (m->endpoints[i].info->weight == 0 || listed_before(m, i))
            continue;
        e = buf_append(out, view_str(separator));
        separator = ",";
        if (e == ERR_NONE)
            e = buf_append_json_string(out, view_str(m->endpoints[i].provider->id));
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}
