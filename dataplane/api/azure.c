#include "azure.h"

#include <assert.h>

/* What is asked of a deployment. An id of a model ends in none of these, so the longest that fits is it. */
static const struct {
    struct view operation, path, path_api;
} operations[] = {
    {VIEW_LIT("/chat/completions"), VIEW_LIT("/v1/chat/completions"),
     VIEW_LIT("/api/v1/chat/completions")},
    {VIEW_LIT("/completions"), VIEW_LIT("/v1/completions"), VIEW_LIT("/api/v1/completions")},
    {VIEW_LIT("/embeddings"), VIEW_LIT("/v1/embeddings"), VIEW_LIT("/api/v1/embeddings")},
    {VIEW_LIT("/images/generations"), VIEW_LIT("/v1/images/generations"), VIEW_LIT("/api/v1/images/generations")},
    {VIEW_LIT("/images/edits"), VIEW_LIT("/v1/images/edits"), VIEW_LIT("/api/v1/images/edits")},
    {VIEW_LIT("/audio/speech"), VIEW_LIT("/v1/audio/speech"), VIEW_LIT("/api/v1/audio/speech")},
    {VIEW_LIT("/audio/transcriptions"), VIEW_LIT("/v1/audio/transcriptions"), VIEW_LIT("/api/v1/audio/transcriptions")},
    {VIEW_LIT("/audio/translations"), VIEW_LIT("/v1/audio/translations"), VIEW_LIT("/api/v1/audio/translations")},
    {VIEW_LIT("/responses"), VIEW_LIT("/v1/responses"), VIEW_LIT("/api/v1/responses")},
};

static const struct view deployments = VIEW_LIT("/deployments/");

/* path begins behind "/deployments/". False, and nothing changes: nothing is asked of it. */
static bool deployment_path(struct view rest, bool api, struct view *path, struct view *deployment)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct view tail = operations[i].operation;

        if (rest.len <= tail.len || !view_eq(view_from(rest, rest.len - tail.len), tail))
            continue;
        *deployment = view_of(rest.ptr, rest.len - tail.len);
        *path = api ? operations[i].path_api : operations[i].path;
        return true;
    }
    return false;
}

void azure_path(struct view *path, struct view *deployment, uint8_t out[static PATH_PLAIN_MAX])
{
    static const struct view bases[] = {VIEW_LIT("/openai/v1"), VIEW_LIT("/openai"),
                                        VIEW_LIT("/api/v1"), VIEW_LIT("/v1")};
    struct view p = *path;

    *deployment = VIEW_EMPTY;
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        struct view rest = view_from(p, bases[i].len);

        if (view_starts(p, bases[i]) && view_starts(rest, deployments) &&
            deployment_path(view_from(rest, deployments.len), i == 2, path, deployment))
            return;
    }
    if (!view_starts(p, VIEW_LIT("/openai/")) || p.len > PATH_PLAIN_MAX)
        return;
    p = view_from(p, 7);
    if (!view_starts(p, VIEW_LIT("/v1/"))) {
        assert(p.len + 3 <= PATH_PLAIN_MAX); /* "/openai" made room for "/v1" */
        memcpy(out, "/v1", 3);
        memcpy(out + 3, p.ptr, p.len);
        p = view_of(out, p.len + 3);
    }
    *path = p;
}
