/* Writes OpenAI's chat completions. */
#include "chat.h"

#define CREATED "1700000000"

static const char *finish_name(const struct job *j)
{
    if (j->spec.refuse)
        return "content_filter";
    switch (j->finish) {
    case JOB_TOOL_CALLS:
        return "tool_calls";
    case JOB_LENGTH:
        return "length";
    case JOB_STOP:
        break;
    }
    return "stop";
}

static void put_usage(struct job *j, struct bytes *out)
{
    long long prompt = usage_prompt(j), completion = usage_completion(j);

    bytes_printf(out,
                 "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld",
                 prompt, completion, prompt + completion);
    if (j->spec.usage != USAGE_NEGATIVE)
        bytes_printf(out,
                     ",\"prompt_tokens_details\":{\"cached_tokens\":%u},"
                     "\"completion_tokens_details\":{\"reasoning_tokens\":%u}",
                     j->spec.cached, j->spec.reasoning);
    BYTES_LIT(out, "}");
}

/* Everything of a chunk up to its choices. */
static void put_head(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\","
                   "\"created\":" CREATED ",\"model\":\"");
    put_part(j, out, j->model);
    BYTES_LIT(out, "\",");
    put_stamp(j, out);
}

static void delta_open(struct job *j, struct bytes *out)
{
    put_head(j, out);
    BYTES_LIT(out, "\"choices\":[{\"index\":0,\"delta\":{");
}

static void delta_close(struct job *j, struct bytes *out, const char *finish)
{
    BYTES_LIT(out, "},\"logprobs\":null,\"finish_reason\":");
    if (finish != NULL) {
        BYTES_LIT(out, "\"");
        bytes_str(out, finish);
        BYTES_LIT(out, "\"}]");
    } else {
        BYTES_LIT(out, "null}]");
    }
    if (j->spec.usage == USAGE_NULLS)
        BYTES_LIT(out, ",\"usage\":null");
    if (j->spec.usage == USAGE_FINISH && finish != NULL) {
        BYTES_LIT(out, ",");
        put_usage(j, out);
    }
    put_filler(j, out);
    BYTES_LIT(out, "}");
    put_end(j, out);
}

static void event_text(struct job *j, const struct step *s, struct bytes *out)
{
    delta_open(j, out);
    bytes_str(out, j->spec.refusal ? "\"refusal\":\"" : "\"content\":\"");
    if (s->piece.fill == 0)
        put_text_stamp(j, out);
    put_piece(out, &s->piece);
    BYTES_LIT(out, "\"");
    delta_close(j, out, NULL);
}

/* Signed reasoning comes twice, as those do that serve it to clients of OpenRouter's. */
static void event_reasoning(struct job *j, const struct step *s, struct bytes *out)
{
    delta_open(j, out);
    BYTES_LIT(out, "\"reasoning_content\":\"");
    put_piece(out, &s->piece);
    BYTES_LIT(out, "\"");
    if (j->signature.len != 0) {
        BYTES_LIT(out, ",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"");
        put_piece(out, &s->piece);
        BYTES_LIT(out, "\",\"format\":\"anthropic-claude-v1\",\"index\":0}]");
    }
    delta_close(j, out, NULL);
}

static void event_signature(struct job *j, struct bytes *out)
{
    delta_open(j, out);
    BYTES_LIT(out, "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"");
    put_part_escaped(j, out, j->signature);
    BYTES_LIT(out, "\",\"format\":\"anthropic-claude-v1\",\"index\":0}]");
    delta_close(j, out, NULL);
}

static const char *kind_of(const struct job *j, unsigned i)
{
    return j->tools[i].custom ? "custom" : "function";
}

static const char *args_of(const struct job *j, unsigned i)
{
    return j->tools[i].custom ? "input" : "arguments";
}

/* A call without its arguments: of which the caller writes the rest. */
static void call_open(struct job *j, unsigned i, struct bytes *out)
{
    BYTES_LIT(out, "\"id\":\"call_");
    put_call_id(j, out, i);
    bytes_printf(out, "\",\"type\":\"%s\",\"%s\":{\"name\":\"", kind_of(j, i), kind_of(j, i));
    put_part(j, out, j->tools[i].name);
    bytes_printf(out, "\",\"%s\":\"", args_of(j, i));
}

static void event_call(struct job *j, struct bytes *out)
{
    delta_open(j, out);
    bytes_printf(out, "\"tool_calls\":[{\"index\":%u,", j->tool);
    call_open(j, j->tool, out);
    BYTES_LIT(out, "\"}}]");
    delta_close(j, out, NULL);
}

static void event_args(struct job *j, const struct step *s, struct bytes *out)
{
    delta_open(j, out);
    bytes_printf(out, "\"tool_calls\":[{\"index\":%u,\"%s\":{\"%s\":\"", j->tool, kind_of(j, j->tool),
                 args_of(j, j->tool));
    put_piece(out, &s->piece);
    BYTES_LIT(out, "\"}}]");
    delta_close(j, out, NULL);
}

static void event_usage(struct job *j, struct bytes *out)
{
    if (!j->include_usage || j->spec.usage == USAGE_MISSING || j->spec.usage == USAGE_FINISH)
        return;
    put_head(j, out);
    if (j->spec.usage != USAGE_BARE)
        BYTES_LIT(out, "\"choices\":[],");
    put_usage(j, out);
    BYTES_LIT(out, "}");
    put_end(j, out);
}

/* What Azure sends first: no id, no model, no choices. */
static void event_azure(struct job *j, struct bytes *out)
{
    if (!j->spec.azure)
        return;
    BYTES_LIT(out, "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
                   "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":"
                   "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}");
    put_end(j, out);
}

static void event_role(struct job *j, struct bytes *out)
{
    if (j->spec.no_role)
        return;
    delta_open(j, out);
    BYTES_LIT(out, "\"role\":\"assistant\",\"content\":\"\"");
    delta_close(j, out, NULL);
}

static void chat_step(struct job *j, const struct step *s, struct bytes *out)
{
    switch (s->kind) {
    case STEP_AZURE:
        event_azure(j, out);
        return;
    case STEP_BEGIN:
        event_role(j, out);
        return;
    case STEP_REASONING:
        event_reasoning(j, s, out);
        return;
    case STEP_SIGNATURE:
        event_signature(j, out);
        return;
    case STEP_TEXT:
        event_text(j, s, out);
        return;
    case STEP_CALL:
        event_call(j, out);
        return;
    case STEP_ARGS:
        event_args(j, s, out);
        return;
    case STEP_FINISH:
        delta_open(j, out);
        delta_close(j, out, finish_name(j));
        return;
    case STEP_USAGE:
        event_usage(j, out);
        return;
    case STEP_DONE:
        if (j->spec.no_done)
            return;
        BYTES_LIT(out, "data: [DONE]");
        put_end(j, out);
        return;
    }
}

static void whole_calls(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, ",\"tool_calls\":[");
    for (unsigned i = 0; i < j->n_tools; i++) {
        bytes_str(out, i == 0 ? "{" : ",{");
        call_open(j, i, out);
        put_part_escaped(j, out, j->tools[i].args);
        BYTES_LIT(out, "\"}}");
    }
    BYTES_LIT(out, "]");
}

static void whole_reasoning(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, ",\"reasoning_content\":\"");
    put_thought(j, out);
    BYTES_LIT(out, "\"");
    if (j->signature.len == 0)
        return;
    BYTES_LIT(out, ",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"");
    put_thought(j, out);
    BYTES_LIT(out, "\",\"signature\":\"");
    put_part_escaped(j, out, j->signature);
    BYTES_LIT(out, "\",\"format\":\"anthropic-claude-v1\",\"index\":0}]");
}

/* The text, unless this member has none. */
static void put_said(struct job *j, struct bytes *out, bool none)
{
    if (none) {
        BYTES_LIT(out, "null");
        return;
    }
    BYTES_LIT(out, "\"");
    put_text(j, out);
    BYTES_LIT(out, "\"");
}

static void chat_whole(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":" CREATED
                   ",\"model\":\"");
    put_part(j, out, j->model);
    BYTES_LIT(out, "\",");
    put_stamp(j, out);
    BYTES_LIT(out, "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    put_said(j, out, (j->n_tools != 0 && !job_has_text(j)) || j->spec.refusal);
    if (j->spec.reasoning != 0)
        whole_reasoning(j, out);
    if (j->n_tools != 0)
        whole_calls(j, out);
    BYTES_LIT(out, ",\"refusal\":");
    put_said(j, out, !j->spec.refusal);
    BYTES_LIT(out, "},\"logprobs\":null,\"finish_reason\":\"");
    bytes_str(out, finish_name(j));
    BYTES_LIT(out, "\"}]");
    if (j->spec.usage != USAGE_MISSING) {
        BYTES_LIT(out, ",");
        put_usage(j, out);
    }
    BYTES_LIT(out, "}");
}

const struct wire wire_chat = {
    .path = {(const uint8_t *)"/chat/completions", sizeof "/chat/completions" - 1},
    .members = chat_members,
    .unknown = {"Unrecognized request argument supplied: ", ""},
    .read = chat_read,
    .inside = chat_inside,
    .step = chat_step,
    .whole = chat_whole,
    .error = openai_error,
};
