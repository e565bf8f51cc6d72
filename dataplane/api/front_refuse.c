/* What a client is told that gets no further than the front. */
#include "front_internal.h"

#include "clock.h"
#include "not_stored.h"
#include "reply.h"

#include <stdio.h>

/* Whatever is wrong with a request, its client reads it in its own dialect. */
void front_answer_failure(struct reply *p, struct web_request *r, const struct api_failure *f)
{
    uint8_t plain[PATH_PLAIN_MAX];
    struct view path = path_plain(web_path(r), plain);

    reply_failure_in(p, r, f, front_dialect(r, path), view_starts(path, VIEW_LIT("/api/v1/")));
}

void front_refuse_for(struct stats *stats, struct web_request *r, const struct api_failure *f,
                       const struct web_header *extra)
{
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    if (extra != NULL)
        reply_add(&p, extra->name, extra->value);
    if (stats != NULL)
        stats_status(stats, errors_row(f->error)->status);
    front_answer_failure(&p, r, f);
}

void front_refuse(struct stats *stats, struct web_request *r, enum api_error error,
                   const struct web_header *extra)
{
    struct api_failure f = {.error = error};

    front_refuse_for(stats, r, &f, extra);
}

/* A whole request from somebody who sent a key gets no further than here: it has a receipt too. */
void front_refuse_untrusted(struct visit *v, enum standing why)
{
    const struct front_context *x = v->x;
    struct api_failure f = {.error = API_ATTESTATION};
    struct receipt_facts facts = {
        .id = id_new(),
        .owner = v->who,
        .served_unix_ms = clock_unix_ms(),
        .received_bytes = web_body(v->web).len,
        .endpoint = (uint8_t)receipt_endpoint_of(v->path),
        .error = API_ATTESTATION,
        .outcome = ERR_ATTESTATION,
    };
    struct reply p;

    snprintf(f.text, sizeof f.text, "%s Reason: %s.", errors_row(API_ATTESTATION)->message,
             standing_name(why));
    digest_sha256(web_body(v->web), &facts.received);
    reply_init(&p, &facts.id);
    if (facts.endpoint < RECEIPT_ENDPOINTS)
        reply_publish(&p, x->receipts.receipts, x->worker, &facts);
    stats_status(x->stats, errors_row(f.error)->status);
    front_answer_failure(&p, v->web, &f);
}

static bool path_ends(struct view path, struct view tail)
{
    return path.len >= tail.len && view_eq(view_from(path, path.len - tail.len), tail);
}

/* Nothing is served there: content that we do not keep, or a base URL without /v1, or with it twice. */
void front_refuse_path(struct visit *v)
{
    struct api_failure f = {
        .error = API_NO_ROUTE,
        .message = "There is nothing at this path. Chat completions are at POST /v1/chat/completions, "
                   "the models at GET /v1/models, the providers at GET /v1/providers."};
    const char *stored = not_stored(v->path);
    const struct endpoint *meant = NULL; /* the longest that the path ends with */

    for (size_t i = 0; i < front_n_endpoints; i++)
        if (front_endpoints[i].versioned && !front_endpoints[i].prefix &&
            path_ends(v->path, view_str(front_endpoints[i].path)) &&
            (meant == NULL || strlen(front_endpoints[i].path) > strlen(meant->path)))
            meant = &front_endpoints[i];
    if (stored != NULL)
        f = (struct api_failure){.error = API_NOT_STORED, .message = stored};
    else if (meant != NULL)
        snprintf(f.text, sizeof f.text, "There is nothing at this path; use %s /v1%s.", meant->method,
                 meant->path);
    front_refuse_for(v->x->stats, v->web, &f, NULL);
}
