/* Writes Anthropic's Messages. */
#include "messages.h"

#include "job_internal.h"

static const char *stop_reason(const struct job *j)
{
    switch (j->finish) {
    case JOB_TOOL_CALLS:
        return "tool_use";
    case JOB_LENGTH:
        return "max_tokens";
    case JOB_STOP:
        break;
    }
    return "end_turn";
}

/* Anthropic counts what it read from its cache apart. */
static void put_usage(struct job *j, long long output, struct bytes *out)
{
    bytes_printf(out,
                 "\"usage\":{\"input_tokens\":%lld,\"cache_creation_input_tokens\":0,"
                 "\"cache_read_input_tokens\":%u,\"output_tokens\":%lld",
                 usage_prompt(j) - (long long)j->spec.cached, j->spec.cached, output);
    if (output > 1)
        bytes_printf(out, ",\"output_tokens_details\":{\"thinking_tokens\":%u}", j->spec.reasoning);
    BYTES_LIT(out, "}");
}

static void event_open(struct bytes *out, const char *type)
{
    bytes_printf(out, "event: %s\ndata: {\"type\":\"%s\"", type, type);
}

static void event_close(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "}");
    put_end(j, out);
}

static void put_message(struct job *j, struct bytes *out)
{
    /* Claude Code takes messages of the same id for pieces of one. */
    bytes_printf(out, "\"id\":\"msg_mock_%u\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"",
                 j->turns);
    put_part(j, out, j->model);
    BYTES_LIT(out, "\",\"content\":[");
}

static void event_start(struct job *j, struct bytes *out)
{
    event_open(out, "message_start");
    BYTES_LIT(out, ",\"message\":{");
    put_message(j, out);
    BYTES_LIT(out, "],\"stop_reason\":null,\"stop_sequence\":null,");
    put_stamp(j, out);
    put_usage(j, 1, out);
    BYTES_LIT(out, "}");
    event_close(j, out);
    event_open(out, "ping");
    event_close(j, out);
}

static void block_start(struct job *j, struct bytes *out)
{
    event_open(out, "content_block_start");
    bytes_printf(out, ",\"index\":%u,\"content_block\":{\"type\":\"", j->block);
}

static void block_stop(struct job *j, struct bytes *out)
{
    event_open(out, "content_block_stop");
    bytes_printf(out, ",\"index\":%u", j->block++);
    event_close(j, out);
}

static void delta_open(struct job *j, struct bytes *out, const char *type, const char *member)
{
    event_open(out, "content_block_delta");
    bytes_printf(out, ",\"index\":%u,\"delta\":{\"type\":\"%s\",\"%s\":\"", j->block, type, member);
}

static void delta_close(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "\"}");
    event_close(j, out);
}

static void event_thinking(struct job *j, const struct step *s, struct bytes *out)
{
    if (s->first) {
        block_start(j, out);
        BYTES_LIT(out, "thinking\",\"thinking\":\"\",\"signature\":\"\"}");
        event_close(j, out);
    }
    delta_open(j, out, "thinking_delta", "thinking");
    put_piece(out, &s->piece);
    delta_close(j, out);
    if (s->last && j->signature.len == 0)
        block_stop(j, out);
}

static void event_signature(struct job *j, struct bytes *out)
{
    delta_open(j, out, "signature_delta", "signature");
    put_part_escaped(j, out, j->signature);
    delta_close(j, out);
    block_stop(j, out);
}

static void event_text(struct job *j, const struct step *s, struct bytes *out)
{
    if (s->first) {
        block_start(j, out);
        BYTES_LIT(out, "text\",\"text\":\"\"}");
        event_close(j, out);
    }
    delta_open(j, out, "text_delta", "text");
    if (s->piece.fill == 0)
        put_text_stamp(j, out);
    put_piece(out, &s->piece);
    delta_close(j, out);
    if (s->last)
        block_stop(j, out);
}

static void put_tool_use(struct job *j, unsigned i, struct bytes *out)
{
    BYTES_LIT(out, "tool_use\",\"id\":\"toolu_");
    put_call_id(j, out, i);
    BYTES_LIT(out, "\",\"name\":\"");
    put_part(j, out, j->tools[i].name);
    BYTES_LIT(out, "\",\"input\":");
}

/* The first piece is always empty; a call without arguments has no other one. */
static void event_tool_use(struct job *j, struct bytes *out)
{
    block_start(j, out);
    put_tool_use(j, j->tool, out);
    BYTES_LIT(out, "{}}");
    event_close(j, out);
    delta_open(j, out, "input_json_delta", "partial_json");
    delta_close(j, out);
}

static void event_input(struct job *j, const struct step *s, struct bytes *out)
{
    delta_open(j, out, "input_json_delta", "partial_json");
    put_piece(out, &s->piece);
    delta_close(j, out);
    if (s->last)
        block_stop(j, out);
}

static void event_delta(struct job *j, struct bytes *out)
{
    event_open(out, "message_delta");
    bytes_printf(out, ",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null}", stop_reason(j));
    if (j->spec.usage != USAGE_MISSING) {
        BYTES_LIT(out, ",");
        put_usage(j, usage_completion(j), out);
    }
    event_close(j, out);
}

static void messages_step(struct job *j, const struct step *s, struct bytes *out)
{
    switch (s->kind) {
    case STEP_BEGIN:
        event_start(j, out);
        return;
    case STEP_REASONING:
        event_thinking(j, s, out);
        return;
    case STEP_SIGNATURE:
        event_signature(j, out);
        return;
    case STEP_TEXT:
        event_text(j, s, out);
        return;
    case STEP_CALL:
        event_tool_use(j, out);
        return;
    case STEP_ARGS:
        event_input(j, s, out);
        return;
    case STEP_FINISH:
        event_delta(j, out);
        return;
    case STEP_DONE:
        if (j->spec.no_done)
            return;
        event_open(out, "message_stop");
        event_close(j, out);
        return;
    case STEP_AZURE:
    case STEP_USAGE:
        return; /* not of this API */
    }
}

static void whole_content(struct job *j, struct bytes *out)
{
    const char *comma = "";

    if (j->spec.reasoning != 0) {
        BYTES_LIT(out, "{\"type\":\"thinking\",\"thinking\":\"");
        put_thought(j, out);
        BYTES_LIT(out, "\",\"signature\":\"");
        put_part_escaped(j, out, j->signature);
        BYTES_LIT(out, "\"}");
        comma = ",";
    }
    if (job_has_text(j)) {
        bytes_printf(out, "%s{\"type\":\"text\",\"text\":\"", comma);
        put_text(j, out);
        BYTES_LIT(out, "\"}");
        comma = ",";
    }
    for (unsigned i = 0; i < j->n_tools; i++) {
        bytes_printf(out, "%s{\"type\":\"", comma);
        put_tool_use(j, i, out);
        put_part(j, out, j->tools[i].args);
        BYTES_LIT(out, "}");
        comma = ",";
    }
}

static void messages_whole(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{");
    put_message(j, out);
    whole_content(j, out);
    bytes_printf(out, "],\"stop_reason\":\"%s\",\"stop_sequence\":null,", stop_reason(j));
    put_stamp(j, out);
    if (j->spec.usage == USAGE_MISSING)
        BYTES_LIT(out, "\"usage\":null");
    else
        put_usage(j, usage_completion(j), out);
    BYTES_LIT(out, "}");
}

static const char *error_type(unsigned status)
{
    static const struct {
        unsigned status;
        const char *type;
    } types[] = {
        {400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"},
        {403, "permission_error"},      {404, "not_found_error"},      {413, "request_too_large"},
        {429, "rate_limit_error"},      {503, "overloaded_error"},     {504, "timeout_error"},
        {529, "overloaded_error"},
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].status == status)
            return types[i].type;
    return status < 500 ? "invalid_request_error" : "api_error";
}

static void messages_error(struct job *j, unsigned status, bool event, struct bytes *out)
{
    if (event)
        BYTES_LIT(out, "event: error\ndata: ");
    bytes_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"",
                 error_type(status));
    if (j->error_text.len != 0)
        put_part_escaped(j, out, j->error_text);
    else
        bytes_printf(out, "mock error %u", status);
    BYTES_LIT(out, "\"");
    if (view_eq(job_view(j, j->error_text), VIEW_LIT(MESSAGES_NO_THREAD)))
        BYTES_LIT(out, ",\"details\":{\"error_code\":\"thread_unsupported_request\",\"unsupported\":[]}");
    BYTES_LIT(out, "},\"request_id\":\"req_mock\"}");
    if (event)
        BYTES_LIT(out, "\n\n");
}

const struct wire wire_messages = {
    .path = {(const uint8_t *)"/messages", sizeof "/messages" - 1},
    .members = messages_members,
    .unknown = {"", ": Extra inputs are not permitted"},
    .read = messages_read,
    .inside = messages_inside,
    .step = messages_step,
    .whole = messages_whole,
    .error = messages_error,
};

static void count_whole(struct job *j, struct bytes *out)
{
    bytes_printf(out, "{\"input_tokens\":%u}", j->prompt);
    j->completion = 0;
}

const struct wire wire_messages_count = {
    .path = {(const uint8_t *)"/messages/count_tokens", sizeof "/messages/count_tokens" - 1},
    .members = messages_members,
    .unknown = {"", ": Extra inputs are not permitted"},
    .read = messages_read,
    .step = messages_step,
    .whole = count_whole,
    .error = messages_error,
};
