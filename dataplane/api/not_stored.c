#include "not_stored.h"

#include <stdbool.h>

#define NOTHING "This router stores no content, "

/* What stands behind /v1 or /api/v1. What begins with it and ends there or goes on with '/' is meant. */
static const struct {
    const char *path;
    const char *sentence;
} places[] = {
    {"/files", NOTHING "so there are no files. Send the file inside of the request that needs it."},
    {"/uploads", NOTHING "so there are no uploads. Send the file inside of the request that needs it."},
    {"/batches", NOTHING "so there are no batches. Send the requests one by one."},
    {"/messages/batches", NOTHING "so there are no batches. Send the requests one by one."},
    {"/responses", NOTHING "so a response cannot be fetched, continued, cancelled or deleted. Send the "
                           "whole conversation as input, with store false."},
    {"/conversations", NOTHING "so there are no conversations. Send the whole conversation as input."},
    {"/chat/completions", NOTHING "so a completion cannot be fetched, changed or deleted."},
    {"/assistants", NOTHING "so there are no assistants. Use POST /v1/chat/completions or /v1/responses."},
    {"/threads", NOTHING "so there are no threads. Use POST /v1/chat/completions or /v1/responses."},
    {"/vector_stores", NOTHING "so there are no vector stores."},
    {"/fine_tuning", NOTHING "so no model can be trained here."},
    {"/evals", NOTHING "so there are no evaluations."},
    {"/containers", NOTHING "so there are no containers."},
    {"/skills", NOTHING "so there are no skills."},
    {"/agents", NOTHING "so there are no agents."},
    {"/sessions", NOTHING "so there are no sessions."},
    {"/environments", NOTHING "so there are no environments."},
    {"/memory_stores", NOTHING "so there are no memory stores."},
    {"/vaults", NOTHING "so there are no vaults."},
    {"/presets", NOTHING "so there are no presets. Send the settings with each request."},
    {"/realtime", NOTHING "so there are no realtime sessions. Use POST /v1/chat/completions."},
    {"/videos", NOTHING "so there are no videos."},
};

static bool under(struct view path, struct view place)
{
    return view_starts(path, place) && (path.len == place.len || path.ptr[place.len] == '/');
}

const char *not_stored(struct view path)
{
    if (view_starts(path, VIEW_LIT("/v1/")))
        path = view_from(path, 3);
    else if (view_starts(path, VIEW_LIT("/api/v1/")))
        path = view_from(path, 7);
    else
        return NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (under(path, view_str(places[i].path)))
            return places[i].sentence;
    return NULL;
}
