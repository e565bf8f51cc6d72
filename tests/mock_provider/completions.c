/* OpenAI's completions, the older API for text without turns. */
#include "wire.h"

#define CREATED "1700000000"

static const char *const members[] = {
    "model", "prompt", "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens",
    "n", "presence_penalty", "seed", "stop", "stream", "stream_options", "suffix", "temperature",
    "top_p", "user", NULL};

static void completions_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value v, include;
    struct json_member first;

    if (ask_get(m, n, "stream_options", &v))
        j->include_usage = json_get(v, "include_usage", &include) && include.kind == JSON_TRUE;
    if (ask_get(m, n, "prompt", &v)) {
        a->prompt_bytes = v.text.len;
        if (v.kind == JSON_ARRAY) { /* of several prompts the first one is answered */
            struct json_iter it = json_iter(v);
            if (json_next(&it, &first))
                v = first.value;
        }
        ask_user(a, v);
    }
    a->max_tokens = ask_count(m, n, "max_tokens");
}

static void put_usage(struct job *j, struct bytes *out)
{
    long long prompt = usage_prompt(j), completion = usage_completion(j);

    bytes_printf(out,
                 "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld}",
                 prompt, completion, prompt + completion);
}

static void put_head(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"id\":\"cmpl-mock\",\"object\":\"text_completion\",\"created\":" CREATED
                   ",\"model\":\"");
    put_part(j, out, j->model);
    BYTES_LIT(out, "\",");
    put_stamp(j, out);
    BYTES_LIT(out, "\"choices\":[");
}

static void put_finish(struct job *j, struct bytes *out)
{
    bytes_printf(out, "\",\"logprobs\":null,\"finish_reason\":\"%s\"}]",
                 j->finish == JOB_LENGTH ? "length" : "stop");
}

static void completions_step(struct job *j, const struct step *s, struct bytes *out)
{
    bool counted = j->include_usage && j->spec.usage != USAGE_MISSING;

    if (s->kind == STEP_DONE && !j->spec.no_done) {
        BYTES_LIT(out, "data: [DONE]");
        put_end(j, out);
    }
    if (s->kind != STEP_TEXT && s->kind != STEP_FINISH && (s->kind != STEP_USAGE || !counted))
        return;
    BYTES_LIT(out, "data: ");
    put_head(j, out);
    if (s->kind == STEP_USAGE) {
        BYTES_LIT(out, "],");
        put_usage(j, out);
    } else {
        BYTES_LIT(out, "{\"index\":0,\"text\":\"");
        put_piece(out, &s->piece);
        if (s->kind == STEP_FINISH)
            put_finish(j, out);
        else
            BYTES_LIT(out, "\",\"logprobs\":null,\"finish_reason\":null}]");
    }
    BYTES_LIT(out, "}");
    put_end(j, out);
}

static void completions_whole(struct job *j, struct bytes *out)
{
    put_head(j, out);
    BYTES_LIT(out, "{\"index\":0,\"text\":\"");
    put_text(j, out);
    put_finish(j, out);
    if (j->spec.usage != USAGE_MISSING) {
        BYTES_LIT(out, ",");
        put_usage(j, out);
    }
    BYTES_LIT(out, "}");
}

const struct wire wire_completions = {
    .path = {(const uint8_t *)"/completions", sizeof "/completions" - 1},
    .members = members,
    .unknown = {"Unrecognized request argument supplied: ", ""},
    .read = completions_read,
    .step = completions_step,
    .whole = completions_whole,
    .error = openai_error,
};
