#include "route_metadata.h"

#include <assert.h>
#include <stdio.h>

bool route_metadata_wanted(const struct web_request *r)
{
    static const struct view names[] = {VIEW_LIT("x-openrouter-metadata"),
                                        VIEW_LIT("x-openrouter-experimental-metadata")};
    struct view value;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (web_header(r, names[i], &value) && view_eq_nocase(view_trim(value), VIEW_LIT("enabled")))
            return true;
    return false;
}

/* "provider":...,"model":... of one candidate. */
static enum err append_names(const struct candidate *c, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"provider\":"));

    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(c->endpoint->provider->name));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"model\":"));
    return e == ERR_NONE ? buf_append_json_string(out, view_str(c->model->info->id)) : e;
}

/* What the provider answered with, or, when it did not, the status that its failure would have here. */
static int status_of(const struct request *r, size_t place)
{
    if (r->attempts.statuses[place] != 0)
        return r->attempts.statuses[place];
    return r->attempts.failed[place] == ERR_NONE ? 200 : errors_row(errors_of(r->attempts.failed[place]))->status;
}

static enum err append_attempts(const struct request *r, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT(",\"attempts\":["));
    const char *comma = "";

    for (size_t i = 0; e == ERR_NONE && i < r->attempts.route.n; i++) {
        if (r->attempts.tried[i] == 0)
            continue;
        e = buf_append(out, view_str(comma));
        if (e == ERR_NONE)
            e = append_names(&r->attempts.route.list[i], out);
        if (e == ERR_NONE)
            e = buf_appendf(out, ",\"status\":%d,\"reason\":\"%s\",\"latency_ms\":%u,\"error\":", status_of(r, i),
                            route_reason_name((enum route_reason)r->attempts.route.list[i].reason),
                            (unsigned)r->attempts.took_ms[i]);
        if (e == ERR_NONE)
            e = r->attempts.failed[i] == ERR_NONE
                    ? buf_append(out, VIEW_LIT("null}"))
                    : buf_appendf(out, "\"%s\"}", err_name((enum err)r->attempts.failed[i]));
        comma = ",";
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

/* total: the enabled endpoints of the models that were asked for; available: those that the request's
 * constraints left over, in the order in which they would be tried. */
static enum err append_endpoints(const struct request *r, struct buf *out)
{
    size_t total = 0;
    enum err e;

    for (size_t i = 0; i < r->want.n_models; i++)
        for (size_t k = 0; k < r->want.models[i]->n_endpoints; k++)
            total += r->want.models[i]->endpoints[k].info->weight != 0;
    e = buf_appendf(out, ",\"endpoints\":{\"total\":%zu,\"available\":[", total);
    for (size_t i = 0; e == ERR_NONE && i < r->attempts.route.n; i++) {
        e = buf_append(out, view_str(i == 0 ? "" : ","));
        if (e == ERR_NONE)
            e = append_names(&r->attempts.route.list[i], out);
        if (e == ERR_NONE)
            e = buf_appendf(out, ",\"selected\":%s}", i == r->attempts.place ? "true" : "false");
    }
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("]}")) : e;
}

static enum err append_summary(const struct request *r, struct buf *out)
{
    char text[sizeof r->attempts.candidate.endpoint->provider->name + 40];
    enum err e = buf_append(out, VIEW_LIT(",\"summary\":"));

    snprintf(text, sizeof text, "available=%zu, selected=%s", r->attempts.route.n,
             r->attempts.candidate.endpoint->provider->name);
    return e == ERR_NONE ? buf_append_json_string(out, view_str(text)) : e;
}

enum err route_metadata_object(const struct request *r, const char *region, struct buf *out)
{
    bool first = r->attempts.candidate.model == r->want.models[0];
    enum err e = buf_append(out, VIEW_LIT("{\"requested\":"));

    assert(r->want.n_models != 0 && r->attempts.made != 0);
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(r->want.models[0]->info->id));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"strategy\":\"%s\",\"region\":", first ? "direct" : "fallback");
    if (e == ERR_NONE)
        e = region[0] == '\0' ? buf_append(out, VIEW_LIT("null")) : buf_append_json_string(out, view_str(region));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"is_byok\":%s,\"attempt\":%u", r->attempts.candidate.own != 0 ? "true" : "false",
                        (unsigned)r->attempts.made);
    if (e == ERR_NONE)
        e = append_summary(r, out);
    if (e == ERR_NONE)
        e = append_attempts(r, out);
    if (e == ERR_NONE)
        e = append_endpoints(r, out);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT(",\"pipeline\":[]}")) : e;
}

enum err route_metadata_add(const struct request *r, const char *region, struct buf *object)
{
    size_t end = object->len;
    enum err e;

    assert(end > 2 && object->ptr[end - 1] == '}');
    object->len--;
    e = buf_append(object, VIEW_LIT(",\"openrouter_metadata\":"));
    if (e == ERR_NONE)
        e = route_metadata_object(r, region, object);
    if (e == ERR_NONE)
        e = buf_append_byte(object, '}');
    if (e != ERR_NONE) { /* its bytes are there: nothing is freed or moved away by a failure */
        object->ptr[end - 1] = '}';
        object->len = end;
    }
    return e;
}
