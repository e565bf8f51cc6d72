/* Images, speech, transcripts, moderations and ranks: small real answers, counted as the APIs count them. A model whose
 * name has "tokens" in it says its usage in tokens. */
#include "job_internal.h"
#include "wire.h"

#include <stdio.h>

enum { WAV_SECOND = 32000 }; /* bytes: 16 kHz, 16 bits, one channel */

static bool text_of(const struct json_member *m, size_t n, const char *name, struct view *out)
{
    struct json_value v;

    return ask_get(m, n, name, &v) && json_string_plain(v, out);
}

static bool by_tokens(struct job *j)
{
    struct view model = job_view(j, j->model);

    return memmem(model.ptr, model.len, "tokens", 6) != NULL;
}

/* --- images */

static const char png[] = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

static const char *const image_members[] = {"model", "prompt", "n", "size", "quality", "style", "background",
                                            "moderation", "response_format", "output_format", "output_compression",
                                            "image", "image[]", "mask", "input_fidelity", NULL};

static void images_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    struct json_value v;

    j->inputs = ask_count(m, n, "n");
    if (j->inputs == 0)
        j->inputs = 1;
    if (ask_get(m, n, "prompt", &v))
        a->prompt_bytes = v.text.len;
    j->stream = false;
}

static void images_whole(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"created\":1700000000,\"data\":[");
    for (unsigned i = 0; i < j->inputs; i++)
        bytes_printf(out, "%s{\"b64_json\":\"%s\"}", i == 0 ? "" : ",", png);
    BYTES_LIT(out, "]");
    j->completion = by_tokens(j) ? 272 * j->inputs : 0;
    if (by_tokens(j) && j->spec.usage != USAGE_MISSING)
        bytes_printf(out,
                     ",\"usage\":{\"total_tokens\":%lld,\"input_tokens\":%lld,\"output_tokens\":%u,"
                     "\"input_tokens_details\":{\"text_tokens\":%lld,\"image_tokens\":0},"
                     "\"output_tokens_details\":{\"image_tokens\":%u,\"text_tokens\":0}}",
                     usage_prompt(j) + j->completion, usage_prompt(j), j->completion, usage_prompt(j), j->completion);
    BYTES_LIT(out, "}");
}

/* --- speech */

static const char *const speech_members[] = {"model", "input", "voice", "instructions", "response_format", "speed",
                                             "stream_format", NULL};

static void speech_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    struct view format = VIEW_LIT("mp3");
    struct json_value v;

    if (ask_get(m, n, "input", &v))
        a->prompt_bytes = v.text.len;
    (void)text_of(m, n, "response_format", &format);
    j->format = view_eq(format, VIEW_LIT("wav")) ? 1 : view_eq(format, VIEW_LIT("opus")) ? 2 : 0;
    j->stream = false;
}

static const char *speech_type(const struct job *j)
{
    static const char *const types[] = {"audio/mpeg", "audio/wav", "audio/opus"};

    return types[j->format];
}

/* A tenth of a second of silence, as WAV, or one frame of an MP3. */
static void speech_whole(struct job *j, struct bytes *out)
{
    static const uint8_t head[] = {'R', 'I', 'F', 'F', 0xa4, 0x0c, 0, 0, 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ',
                                   16, 0, 0, 0, 1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0,
                                   'd', 'a', 't', 'a', 0x80, 0x0c, 0, 0};
    static const uint8_t frame[] = {0xff, 0xfb, 0x90, 0x00};
    static const uint8_t silence[WAV_SECOND / 10];

    if (j->format == 1)
        bytes_put(out, head, sizeof head);
    else
        bytes_put(out, frame, sizeof frame);
    bytes_put(out, silence, sizeof silence);
}

/* --- transcripts */

static const char *const transcript_members[] = {"model", "file", "prompt", "language", "temperature",
                                                 "response_format", "timestamp_granularities[]", "include[]",
                                                 "chunking_strategy", NULL};

static void transcript_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    static const char *const formats[] = {"json", "verbose_json", "text", "srt", "vtt"};
    struct json_value v;

    j->inputs = ask_count(m, n, "file"); /* its bytes */
    a->prompt_bytes = (size_t)j->inputs * 40 / WAV_SECOND; /* 10 tokens a second */
    j->format = 0;
    for (unsigned i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (ask_get(m, n, "response_format", &v) && json_string_is(v, formats[i]))
            j->format = i;
    j->stream = false;
}

static const char *transcript_type(const struct job *j)
{
    static const char *const types[] = {"application/json", "application/json", "text/plain; charset=utf-8",
                                        "text/plain", "text/vtt"};

    return types[j->format];
}

static void transcript_usage(struct job *j, struct bytes *out)
{
    double seconds = (double)j->inputs / WAV_SECOND;

    j->completion = by_tokens(j) ? 7 : 0;
    if (j->spec.usage == USAGE_MISSING)
        return;
    if (by_tokens(j))
        bytes_printf(out,
                     ",\"usage\":{\"type\":\"tokens\",\"input_tokens\":%lld,\"input_token_details\":{\"text_tokens\":0,"
                     "\"audio_tokens\":%lld},\"output_tokens\":7,\"total_tokens\":%lld}",
                     usage_prompt(j), usage_prompt(j), usage_prompt(j) + 7);
    else if (j->format == 1)
        bytes_printf(out, ",\"duration\":%.3f", seconds);
    else
        bytes_printf(out, ",\"usage\":{\"type\":\"duration\",\"seconds\":%u}", (unsigned)(seconds + 0.999));
}

static void transcript_whole(struct job *j, struct bytes *out)
{
    char said[64];

    snprintf(said, sizeof said, "You sent %u bytes.", j->inputs);
    switch (j->format) {
    case 2:
        bytes_printf(out, "%s\n", said);
        return;
    case 3:
        bytes_printf(out, "1\n00:00:00,000 --> 00:00:01,000\n%s\n\n", said);
        return;
    case 4:
        bytes_printf(out, "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n%s\n\n", said);
        return;
    default:
        bytes_printf(out, "{\"text\":\"%s\"", said);
        if (j->format == 1)
            BYTES_LIT(out, ",\"task\":\"transcribe\",\"language\":\"english\",\"segments\":[]");
        transcript_usage(j, out);
        BYTES_LIT(out, "}");
    }
}

/* --- moderations and ranks */

static const char *const moderation_members[] = {"model", "input", NULL};
static const char *const rerank_members[] = {"model", "query", "documents", "top_n", "return_documents",
                                             "max_tokens_per_doc", NULL};

static unsigned length_of(const struct json_member *m, size_t n, const char *name)
{
    struct json_value v;
    struct json_member item;
    unsigned count = 0;

    if (!ask_get(m, n, name, &v) || v.kind != JSON_ARRAY)
        return 1;
    for (struct json_iter it = json_iter(v); json_next(&it, &item);)
        count++;
    return count;
}

static void moderation_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    j->inputs = length_of(m, n, "input");
    a->prompt_bytes = 4;
    j->stream = false;
}

static void moderation_whole(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"id\":\"modr-demo\",\"model\":\"");
    put_part(j, out, j->model);
    BYTES_LIT(out, "\",\"results\":[");
    for (unsigned i = 0; i < j->inputs; i++)
        bytes_printf(out, "%s{\"flagged\":false,\"categories\":{\"violence\":false},\"category_scores\":"
                          "{\"violence\":0.001},\"category_applied_input_types\":{\"violence\":[\"text\"]}}",
                     i == 0 ? "" : ",");
    BYTES_LIT(out, "]}");
    j->completion = 0;
}

static void rerank_read(struct job *j, const struct json_member *m, size_t n, struct ask *a)
{
    j->inputs = length_of(m, n, "documents");
    a->prompt_bytes = 4;
    j->stream = false;
}

static void rerank_whole(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"id\":\"rank-demo\",\"results\":[");
    for (unsigned i = 0; i < j->inputs; i++)
        bytes_printf(out, "%s{\"index\":%u,\"relevance_score\":%.4f}", i == 0 ? "" : ",", i, 1.0 / (i + 1));
    BYTES_LIT(out, "]");
    if (j->spec.usage != USAGE_MISSING)
        bytes_printf(out, ",\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"search_units\":%u}}",
                     (j->inputs + 99) / 100);
    BYTES_LIT(out, "}");
    j->completion = 0;
}

static void no_step(struct job *j, const struct step *s, struct bytes *out)
{
    (void)j; /* there are no streams of these */
    (void)s;
    (void)out;
}

#define CALL_WIRE(name, end, members_, read_, whole_, ...)                                         \
    const struct wire name = {                                                                     \
        .path = VIEW_LIT(end),                                                                     \
        .members = members_,                                                                       \
        .unknown = {"Unrecognized request argument supplied: ", ""},                               \
        .read = read_,                                                                             \
        .step = no_step,                                                                           \
        .whole = whole_,                                                                           \
        .error = openai_error,                                                                     \
        __VA_ARGS__}

CALL_WIRE(wire_images, "/images/generations", image_members, images_read, images_whole, .form = false);
CALL_WIRE(wire_image_edits, "/images/edits", image_members, images_read, images_whole, .form = true);
CALL_WIRE(wire_speech, "/audio/speech", speech_members, speech_read, speech_whole, .type = speech_type);
CALL_WIRE(wire_transcriptions, "/audio/transcriptions", transcript_members, transcript_read, transcript_whole,
          .form = true, .type = transcript_type);
CALL_WIRE(wire_translations, "/audio/translations", transcript_members, transcript_read, transcript_whole,
          .form = true, .type = transcript_type);
CALL_WIRE(wire_moderations, "/moderations", moderation_members, moderation_read, moderation_whole, .form = false);
CALL_WIRE(wire_rerank, "/rerank", rerank_members, rerank_read, rerank_whole, .form = false);
