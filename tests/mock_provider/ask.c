/* What the readers of all APIs share. */
#include "wire.h"

#include "script.h"

bool ask_get(const struct json_member *m, size_t n, const char *name, struct json_value *out)
{
    return json_find(m, n, name, out) == ERR_NONE;
}

uint32_t ask_count(const struct json_member *m, size_t n, const char *name)
{
    struct json_value v;
    uint64_t u;

    if (!ask_get(m, n, name, &v) || json_u64(v, &u) != ERR_NONE || u > UINT32_MAX)
        return 0;
    return (uint32_t)u;
}

void ask_user(struct ask *a, struct json_value content)
{
    a->user = content;
    a->answered = false;
    if (a->script.text.len == 0)
        a->unsigned_turn = NULL; /* only the turns of the present task have to be complete */
    if (memmem(content.text.ptr, content.text.len, SCRIPT_MARK, sizeof SCRIPT_MARK - 1) == NULL)
        return;
    a->script = content;
    a->turns = 0;
    a->unsigned_turn = NULL;
}

void ask_turn(struct ask *a)
{
    a->turns++;
    a->all_turns++;
    a->answered = false;
}

void ask_result(struct ask *a, struct json_value content)
{
    a->result = content;
    a->answered = true;
}

void ask_tool(struct ask *a, struct json_value name, struct json_value schema, bool custom)
{
    if (name.kind == JSON_STRING && a->n_tools < ASK_TOOLS_MAX)
        a->tools[a->n_tools++] = (struct ask_tool){.name = name, .schema = schema, .custom = custom};
}

const struct wire *wire_of(struct view path)
{
    /* "/completions" is also the end of "/chat/completions": that comes first. */
    static const struct wire *const wires[] = {&wire_chat,       &wire_messages,       &wire_responses,
                                               &wire_completions, &wire_embeddings,
                                               &wire_messages_count, &wire_responses_count,
                                               &wire_gemini,      &wire_gemini_stream,
                                               &wire_images, &wire_image_edits, &wire_speech,
                                               &wire_transcriptions, &wire_translations, &wire_moderations,
                                               &wire_rerank};
    const uint8_t *query = path.len != 0 ? memchr(path.ptr, '?', path.len) : NULL;

    if (query != NULL)
        path.len = (size_t)(query - path.ptr);
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        struct view end = wires[i]->path;
        if (path.len >= end.len && view_eq(view_from(path, path.len - end.len), end))
            return wires[i];
    }
    return NULL;
}
