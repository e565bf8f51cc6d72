/* Writes Google's generateContent: calls come whole, and the last event has the reason of the end. */
#include "gemini.h"

#include "job_internal.h"
#include "sign.h"

static const char *finish_reason(const struct job *j)
{
    return j->spec.refuse ? "SAFETY" : j->finish == JOB_LENGTH ? "MAX_TOKENS" : "STOP";
}

static void put_usage(struct job *j, struct bytes *out)
{
    long long prompt = usage_prompt(j), completion = usage_completion(j);

    if (j->spec.usage == USAGE_MISSING)
        return;
    bytes_printf(out,
                 ",\"usageMetadata\":{\"promptTokenCount\":%lld,\"candidatesTokenCount\":%lld,\"totalTokenCount\":%lld", prompt,
                 completion - (long long)j->spec.reasoning, prompt + completion);
    if (j->spec.reasoning != 0)
        bytes_printf(out, ",\"thoughtsTokenCount\":%u", j->spec.reasoning);
    if (j->spec.cached != 0)
        bytes_printf(out, ",\"cachedContentTokenCount\":%u", j->spec.cached);
    BYTES_LIT(out, "}");
}

static void part_begin(struct bytes *out)
{
    BYTES_LIT(out, "data: {\"candidates\":[{\"content\":{\"parts\":[");
}

static void part_end(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "],\"role\":\"model\"},\"index\":0}],\"modelVersion\":\"");
    put_part(j, out, j->model);
    BYTES_LIT(out, "\",\"responseId\":\"mock\"}");
    put_end(j, out);
}

/* A call with the signature that the first of a turn has, made of its name. */
static void put_call(struct job *j, unsigned i, struct bytes *out)
{
    struct bytes signature = {0};

    BYTES_LIT(out, "{\"functionCall\":{\"name\":\"");
    put_part(j, out, j->tools[i].name);
    BYTES_LIT(out, "\",\"args\":");
    put_part(j, out, j->tools[i].args);
    BYTES_LIT(out, "}");
    if (i == 0 && (j->spec.replay || j->spec.sign)) {
        sign_text(job_view(j, j->tools[i].name), &signature);
        BYTES_LIT(out, ",\"thoughtSignature\":\"");
        bytes_put(out, signature.ptr, signature.len);
        BYTES_LIT(out, "\"");
        bytes_free(&signature);
    }
    BYTES_LIT(out, "}");
}

/* The signature of an answer in words comes on an empty text. */
static void put_text_signature(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"text\":\"\",\"thoughtSignature\":\"");
    put_part(j, out, j->signature);
    BYTES_LIT(out, "\"}");
}

static void event_text(struct job *j, const struct step *s, bool thought, struct bytes *out)
{
    part_begin(out);
    BYTES_LIT(out, "{\"text\":\"");
    if (!thought && s->piece.fill == 0)
        put_text_stamp(j, out);
    put_piece(out, &s->piece);
    BYTES_LIT(out, "\"");
    if (thought)
        BYTES_LIT(out, ",\"thought\":true");
    BYTES_LIT(out, "}");
    part_end(j, out);
}

/* The last part, and what stands behind the parts. */
static void put_finish(struct job *j, struct bytes *out)
{
    if (j->signature.len != 0 && j->n_tools == 0)
        put_text_signature(j, out);
    else
        BYTES_LIT(out, "{\"text\":\"\"}");
    bytes_printf(out, "],\"role\":\"model\"},\"finishReason\":\"%s\",\"index\":0}]", finish_reason(j));
    put_usage(j, out);
}

static void event_finish(struct job *j, struct bytes *out)
{
    part_begin(out);
    put_finish(j, out);
    BYTES_LIT(out, "}");
    put_end(j, out);
}

static void gemini_step(struct job *j, const struct step *s, struct bytes *out)
{
    switch (s->kind) {
    case STEP_REASONING:
        event_text(j, s, true, out);
        return;
    case STEP_TEXT:
        event_text(j, s, false, out);
        return;
    case STEP_CALL:
        part_begin(out);
        put_call(j, j->tool, out);
        part_end(j, out);
        return;
    case STEP_FINISH:
        event_finish(j, out);
        return;
    case STEP_AZURE:
    case STEP_BEGIN:
    case STEP_SIGNATURE:
    case STEP_ARGS:
    case STEP_USAGE:
    case STEP_DONE:
        return; /* not of this API */
    }
}

static void gemini_whole(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"candidates\":[{\"content\":{\"parts\":[");
    if (j->spec.reasoning != 0) {
        BYTES_LIT(out, "{\"text\":\"");
        put_thought(j, out);
        BYTES_LIT(out, "\",\"thought\":true},");
    }
    if (job_has_text(j)) {
        BYTES_LIT(out, "{\"text\":\"");
        put_text(j, out);
        BYTES_LIT(out, "\"},");
    }
    for (unsigned i = 0; i < j->n_tools; i++) {
        put_call(j, i, out);
        BYTES_LIT(out, ",");
    }
    put_finish(j, out);
    BYTES_LIT(out, ",\"responseId\":\"mock\"}");
}

static const char *status_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *word;
    } words[] = {{400, "INVALID_ARGUMENT"}, {401, "UNAUTHENTICATED"}, {403, "PERMISSION_DENIED"}, {404, "NOT_FOUND"},
                 {429, "RESOURCE_EXHAUSTED"}, {503, "UNAVAILABLE"},     {504, "DEADLINE_EXCEEDED"}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].status == status)
            return words[i].word;
    return "INTERNAL";
}

static void gemini_error(struct job *j, unsigned status, bool event, struct bytes *out)
{
    if (event)
        BYTES_LIT(out, "data: ");
    bytes_printf(out, "{\"error\":{\"code\":%u,\"message\":\"", status);
    if (j->error_text.len != 0)
        put_part_escaped(j, out, j->error_text);
    else
        bytes_printf(out, "mock error %u", status);
    bytes_printf(out, "\",\"status\":\"%s\"", status_of(status));
    if (status == 429)
        BYTES_LIT(out, ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"34.4s\"}]");
    BYTES_LIT(out, "}}");
    if (event)
        BYTES_LIT(out, "\n\n");
}

const struct wire wire_gemini = {
    .path = {(const uint8_t *)":generateContent", sizeof ":generateContent" - 1},
    .members = gemini_members,
    .unknown = {"Invalid JSON payload received. Unknown name \"", "\": Cannot find field."},
    .read = gemini_read,
    .inside = gemini_inside,
    .step = gemini_step,
    .whole = gemini_whole,
    .error = gemini_error,
};

const struct wire wire_gemini_stream = {
    .path = {(const uint8_t *)":streamGenerateContent", sizeof ":streamGenerateContent" - 1},
    .members = gemini_members,
    .unknown = {"Invalid JSON payload received. Unknown name \"", "\": Cannot find field."},
    .read = gemini_read_stream,
    .inside = gemini_inside,
    .step = gemini_step,
    .whole = gemini_whole,
    .error = gemini_error,
};
