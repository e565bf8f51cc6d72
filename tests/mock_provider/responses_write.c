/* Writes OpenAI's Responses: each output item goes through added, deltas and done. */
#include "responses.h"

#include <stdio.h>

#define CREATED "1700000000"

static void event_open(struct job *j, struct bytes *out, const char *type)
{
    bytes_printf(out, "event: response.%s\ndata: {\"type\":\"response.%s\",\"sequence_number\":%u,", type,
                 type, j->sequence++);
}

static void event_close(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "}");
    put_end(j, out);
}

/* --- items, complete or as they begin */

static void item_reasoning(struct job *j, unsigned at, bool done, struct bytes *out)
{
    bytes_printf(out, "{\"id\":\"rs_mock_%u_%u\",\"type\":\"reasoning\",\"summary\":[", j->turns, at);
    if (done) {
        BYTES_LIT(out, "{\"type\":\"summary_text\",\"text\":\"");
        put_thought(j, out);
        BYTES_LIT(out, "\"}");
    }
    BYTES_LIT(out, "]");
    if (j->signature.len != 0) {
        /* The one that comes first is not the one that has to be replayed. */
        BYTES_LIT(out, ",\"encrypted_content\":\"");
        if (done)
            put_part_escaped(j, out, j->signature);
        else
            BYTES_LIT(out, "Zmlyc3Q=");
        BYTES_LIT(out, "\"");
    }
    bytes_printf(out, ",\"status\":\"%s\"}", done ? "completed" : "in_progress");
}

static void put_output_text(struct job *j, bool done, struct bytes *out)
{
    BYTES_LIT(out, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"");
    if (done)
        put_text(j, out);
    BYTES_LIT(out, "\"}");
}

static void item_message(struct job *j, unsigned at, bool done, struct bytes *out)
{
    const char *complete = j->finish == JOB_LENGTH ? "incomplete" : "completed";

    bytes_printf(out,
                 "{\"id\":\"msg_mock_%u_%u\",\"type\":\"message\",\"role\":\"assistant\","
                 "\"status\":\"%s\",\"content\":[",
                 j->turns, at, done ? complete : "in_progress");
    if (done)
        put_output_text(j, true, out);
    BYTES_LIT(out, "]}");
}

static const char *args_of(const struct job *j, unsigned i)
{
    return j->tools[i].custom ? "input" : "arguments";
}

static void item_call(struct job *j, unsigned i, unsigned at, bool done, struct bytes *out)
{
    const char *type = j->tools[i].custom ? "custom_tool_call" : "function_call";

    bytes_printf(out, "{\"id\":\"%s_mock_%u_%u\",\"type\":\"%s\",\"call_id\":\"call_",
                 j->tools[i].custom ? "ctc" : "fc", j->turns, at, type);
    put_call_id(j, out, i);
    BYTES_LIT(out, "\",\"name\":\"");
    put_part(j, out, j->tools[i].name);
    if (j->tools[i].space.len != 0) {
        BYTES_LIT(out, "\",\"namespace\":\"");
        put_part(j, out, j->tools[i].space);
    }
    bytes_printf(out, "\",\"%s\":\"", args_of(j, i));
    if (done)
        put_part_escaped(j, out, j->tools[i].args);
    bytes_printf(out, "\",\"status\":\"%s\"}", done ? "completed" : "in_progress");
}

static void put_output(struct job *j, struct bytes *out)
{
    unsigned at = 0;

    BYTES_LIT(out, "[");
    if (j->spec.reasoning != 0)
        item_reasoning(j, at++, true, out);
    if (job_has_text(j)) {
        bytes_str(out, at != 0 ? "," : "");
        item_message(j, at++, true, out);
    }
    for (unsigned i = 0; i < j->n_tools; i++) {
        bytes_str(out, at != 0 ? "," : "");
        item_call(j, i, at++, true, out);
    }
    BYTES_LIT(out, "]");
}

/* --- the response around them */

static void put_usage(struct job *j, struct bytes *out)
{
    long long input = usage_prompt(j), output = usage_completion(j);

    bytes_printf(out,
                 "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":%u,"
                 "\"cache_write_tokens\":0},\"output_tokens\":%lld,\"output_tokens_details\":"
                 "{\"reasoning_tokens\":%u},\"total_tokens\":%lld}",
                 input, j->spec.cached, output, j->spec.reasoning, input + output);
}

static void put_echoes(struct job *j, struct bytes *out)
{
    for (size_t i = 0; i < responses_n_echoes; i++) {
        bytes_printf(out, ",\"%s\":", responses_echoes[i].name);
        if (j->echo[i].len != 0)
            put_part(j, out, j->echo[i]);
        else
            bytes_str(out, responses_echoes[i].otherwise);
    }
}

static void put_response(struct job *j, bool done, struct bytes *out)
{
    bool cut = done && j->finish == JOB_LENGTH;

    bytes_printf(out, "{\"id\":\"resp_mock_%u\",\"object\":\"response\",\"created_at\":" CREATED ",",
                 j->turns);
    put_stamp(j, out);
    bytes_printf(out, "\"status\":\"%s\",\"error\":null,\"incomplete_details\":%s,\"model\":\"",
                 !done ? "in_progress" : cut ? "incomplete" : "completed",
                 cut ? "{\"reason\":\"max_output_tokens\"}" : "null");
    put_part(j, out, j->model);
    BYTES_LIT(out, "\",\"output\":");
    if (done)
        put_output(j, out);
    else
        BYTES_LIT(out, "[]");
    put_echoes(j, out);
    bytes_printf(out, ",\"completed_at\":%s", done && !cut ? CREATED : "null");
    BYTES_LIT(out, ",\"previous_response_id\":null,\"background\":false,\"service_tier\":\"default\","
                   "\"top_logprobs\":0,\"usage\":");
    if (done && j->spec.usage != USAGE_MISSING)
        put_usage(j, out);
    else
        BYTES_LIT(out, "null");
    BYTES_LIT(out, "}");
}

/* --- events */

static void event_response(struct job *j, const char *type, bool done, struct bytes *out)
{
    event_open(j, out, type);
    BYTES_LIT(out, "\"response\":");
    put_response(j, done, out);
    event_close(j, out);
}

static void event_item(struct job *j, const char *type, struct bytes *out)
{
    event_open(j, out, type);
    bytes_printf(out, "\"output_index\":%u,\"item\":", j->block);
}

/* Opens an event that belongs to a part of the present item; places: where in the item. */
static void event_part(struct job *j, const char *type, const char *item, const char *places,
                       struct bytes *out)
{
    event_open(j, out, type);
    bytes_printf(out, "\"item_id\":\"%s_mock_%u_%u\",\"output_index\":%u%s", item, j->turns, j->block,
                 j->block, places);
}

static const char in_summary[] = ",\"summary_index\":0,", in_content[] = ",\"content_index\":0,";

static void reasoning_end(struct job *j, struct bytes *out)
{
    event_part(j, "reasoning_summary_text.done", "rs", in_summary, out);
    BYTES_LIT(out, "\"text\":\"");
    put_thought(j, out);
    BYTES_LIT(out, "\"");
    event_close(j, out);
    event_part(j, "reasoning_summary_part.done", "rs", in_summary, out);
    BYTES_LIT(out, "\"part\":{\"type\":\"summary_text\",\"text\":\"");
    put_thought(j, out);
    BYTES_LIT(out, "\"}");
    event_close(j, out);
    event_item(j, "output_item.done", out);
    item_reasoning(j, j->block, true, out);
    event_close(j, out);
    j->block++;
}

static void event_reasoning(struct job *j, const struct step *s, struct bytes *out)
{
    if (s->first) {
        event_item(j, "output_item.added", out);
        item_reasoning(j, j->block, false, out);
        event_close(j, out);
        event_part(j, "reasoning_summary_part.added", "rs", in_summary, out);
        BYTES_LIT(out, "\"part\":{\"type\":\"summary_text\",\"text\":\"\"}");
        event_close(j, out);
    }
    event_part(j, "reasoning_summary_text.delta", "rs", in_summary, out);
    BYTES_LIT(out, "\"delta\":\"");
    put_piece(out, &s->piece);
    BYTES_LIT(out, "\"");
    put_filler(j, out);
    event_close(j, out);
    if (s->last)
        reasoning_end(j, out);
}

static void text_end(struct job *j, struct bytes *out)
{
    event_part(j, "output_text.done", "msg", in_content, out);
    BYTES_LIT(out, "\"logprobs\":[],\"text\":\"");
    put_text(j, out);
    BYTES_LIT(out, "\"");
    event_close(j, out);
    event_part(j, "content_part.done", "msg", in_content, out);
    BYTES_LIT(out, "\"part\":");
    put_output_text(j, true, out);
    event_close(j, out);
    event_item(j, "output_item.done", out);
    item_message(j, j->block, true, out);
    event_close(j, out);
    j->block++;
}

static void event_text(struct job *j, const struct step *s, struct bytes *out)
{
    if (s->first) {
        event_item(j, "output_item.added", out);
        item_message(j, j->block, false, out);
        event_close(j, out);
        event_part(j, "content_part.added", "msg", in_content, out);
        BYTES_LIT(out, "\"part\":");
        put_output_text(j, false, out);
        event_close(j, out);
    }
    event_part(j, "output_text.delta", "msg", in_content, out);
    BYTES_LIT(out, "\"logprobs\":[],\"delta\":\"");
    put_piece(out, &s->piece);
    BYTES_LIT(out, "\"");
    put_filler(j, out);
    event_close(j, out);
    if (s->last)
        text_end(j, out);
}

static void event_call(struct job *j, struct bytes *out)
{
    event_item(j, "output_item.added", out);
    item_call(j, j->tool, j->block, false, out);
    event_close(j, out);
}

static void event_args_open(struct job *j, const char *phase, struct bytes *out)
{
    bool custom = j->tools[j->tool].custom;
    char type[48];

    snprintf(type, sizeof type, "%s.%s", custom ? "custom_tool_call_input" : "function_call_arguments",
             phase);
    event_part(j, type, custom ? "ctc" : "fc", ",", out);
}

static void event_args(struct job *j, const struct step *s, struct bytes *out)
{
    event_args_open(j, "delta", out);
    BYTES_LIT(out, "\"delta\":\"");
    put_piece(out, &s->piece);
    BYTES_LIT(out, "\"");
    put_filler(j, out);
    event_close(j, out);
    if (!s->last)
        return;
    event_args_open(j, "done", out);
    BYTES_LIT(out, "\"name\":\"");
    put_part(j, out, j->tools[j->tool].name);
    bytes_printf(out, "\",\"%s\":\"", args_of(j, j->tool));
    put_part_escaped(j, out, j->tools[j->tool].args);
    BYTES_LIT(out, "\"");
    event_close(j, out);
    event_item(j, "output_item.done", out);
    item_call(j, j->tool, j->block, true, out);
    event_close(j, out);
    j->block++;
}

static void responses_step(struct job *j, const struct step *s, struct bytes *out)
{
    switch (s->kind) {
    case STEP_BEGIN:
        event_response(j, "created", false, out);
        event_response(j, "in_progress", false, out);
        return;
    case STEP_REASONING:
        event_reasoning(j, s, out);
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
    case STEP_DONE: /* the last event; there is no [DONE] */
        if (!j->spec.no_done)
            event_response(j, j->finish == JOB_LENGTH ? "incomplete" : "completed", true, out);
        return;
    case STEP_AZURE:
    case STEP_SIGNATURE:
    case STEP_FINISH:
    case STEP_USAGE:
        return; /* not of this API, or said with the item or the response */
    }
}

static void responses_whole(struct job *j, struct bytes *out)
{
    put_response(j, true, out);
}

static void responses_error(struct job *j, unsigned status, bool event, struct bytes *out)
{
    if (!event) {
        openai_error(j, status, false, out);
        return;
    }
    bytes_printf(out,
                 "event: error\ndata: {\"type\":\"error\",\"sequence_number\":%u,\"code\":\"%s\","
                 "\"param\":null,\"message\":\"",
                 j->sequence++, status == 429 ? "rate_limit_exceeded" : "server_error");
    if (j->error_text.len != 0)
        put_part_escaped(j, out, j->error_text);
    else
        bytes_printf(out, "mock error %u", status);
    BYTES_LIT(out, "\"}\n\n");
}

const struct wire wire_responses = {
    .path = {(const uint8_t *)"/responses", sizeof "/responses" - 1},
    .members = responses_members,
    .unknown = {"Unknown parameter: '", "'."},
    .read = responses_read,
    .inside = responses_inside,
    .step = responses_step,
    .whole = responses_whole,
    .error = responses_error,
};

static void count_whole(struct job *j, struct bytes *out)
{
    bytes_printf(out, "{\"object\":\"response.input_tokens\",\"input_tokens\":%u}", j->prompt);
    j->completion = 0;
}

const struct wire wire_responses_count = {
    .path = {(const uint8_t *)"/responses/input_tokens", sizeof "/responses/input_tokens" - 1},
    .members = responses_members,
    .unknown = {"Unknown parameter: '", "'."},
    .read = responses_read,
    .step = responses_step,
    .whole = count_whole,
    .error = responses_error,
};
