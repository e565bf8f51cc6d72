/* (G) Reads requests for speech of a text, and for the text of speech. */
#include "audio_dialect.h"

#include "call_dialect.h"
#include "content_view.h"

/* --- speech */

static enum err read_input(struct member_reader *r, struct json_value v)
{
    struct call_form *f = &r->p->call.form;
    struct view text;
    enum err e = prompt_read_text(v, "input must be a string", r->fault, &text);

    if (e != ERR_NONE)
        return e;
    if (text.len == 0)
        return prompt_refuse(r->fault, "input is empty", ERR_FORMAT);
    f->guess = call_characters(text);
    f->units = (struct price_units){f->guess, PRICE_UNIT_character};
    f->output_guess = (uint32_t)((uint64_t)f->guess * CALL_SPEECH_TOKENS_10 / 10 + 1);
    r->p->max_tokens = f->guess * CALL_SPEECH_TOKENS_MOST + CALL_TEMPLATE_TOKENS;
    call_add_text(r->p, text.len);
    return ERR_NONE;
}

static enum err read_instructions(struct member_reader *r, struct json_value v)
{
    struct view text;
    enum err e = prompt_read_text(v, "instructions must be a string", r->fault, &text);

    if (e == ERR_NONE)
        call_add_text(r->p, text.len);
    return e;
}

static enum err read_stream_format(struct member_reader *r, struct json_value v)
{
    return json_string_is(v, "audio")
               ? ERR_NONE
               : prompt_refuse(r->fault, "stream_format must be audio: event streams of speech are not supported.",
                               ERR_UNSUPPORTED);
}

static const struct member_rule speech_rules[] = {
    MEMBERS_ROUTING,
    MEMBERS_LABELS,
    {.name = "input", .read = read_input},
    {.name = "instructions", .read = read_instructions},
    {.name = "voice", .read = call_any}, /* a name, or an object with an id */
    {.name = "response_format", .read = call_text},
    {.name = "speed", .read = call_number},
    {.name = "stream_format", .read = read_stream_format},
    {.name = "user", .read = member_user},
    {.name = "stream", .read = call_no_stream},
};

static enum err speech_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    enum err e;

    call_prompt_init(out, PROMPT_SPEECH, CALL_SOUND);
    e = members_read(body, speech_rules, sizeof speech_rules / sizeof speech_rules[0], call_keep_member, out, fault);
    return e == ERR_NONE && out->call.form.units.n == 0 ? call_missing(fault, "input") : e;
}

/* --- the text of speech */

static uint32_t little_endian(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Of a chunk "fmt ": bytes of a second. Decoders go by the rate of samples and their size, so these count, and not the
 * rate of bytes beside them. */
static uint32_t format_bytes(const uint8_t *f)
{
    enum { PCM = 1, FLOATS = 3, A_LAW = 6, MU_LAW = 7, EXTENSIBLE = 0xfffe, RATE_MOST = 192000 * 8 * 4 };
    const unsigned tag = little_endian(f) & UINT16_MAX, channels = little_endian(f) >> 16;
    const unsigned bits = little_endian(f + 12) >> 16;
    const uint64_t rate = (uint64_t)little_endian(f + 4) * channels * ((bits + 7) / 8);

    if (tag != PCM && tag != FLOATS && tag != A_LAW && tag != MU_LAW && tag != EXTENSIBLE)
        return CALL_SECOND_BYTES;
    return rate >= CALL_SECOND_BYTES_LEAST && rate <= RATE_MOST ? (uint32_t)rate : CALL_SECOND_BYTES;
}

/* Bytes of a second, as a WAV file of samples says it; else those of compressed speech. */
static uint32_t second_bytes(struct view file)
{
    enum { CHUNKS_MAX = 32, CHUNK_HEAD = 8, FORMAT_BYTES = 16 };
    size_t at = 12;

    if (file.len < 44 || !view_starts(file, VIEW_LIT("RIFF")) || !view_starts(view_from(file, 8), VIEW_LIT("WAVE")))
        return CALL_SECOND_BYTES;
    for (unsigned n = 0; n < CHUNKS_MAX && at <= file.len && file.len - at >= CHUNK_HEAD + FORMAT_BYTES; n++) {
        const uint32_t len = little_endian(file.ptr + at + 4);

        if (view_starts(view_from(file, at), VIEW_LIT("fmt ")))
            return format_bytes(file.ptr + at + CHUNK_HEAD);
        if (len > file.len - at - CHUNK_HEAD)
            break;
        at += CHUNK_HEAD + (size_t)len + (len & 1);
    }
    return CALL_SECOND_BYTES;
}

static enum err form_audio(struct member_reader *r, const struct multipart_part *part)
{
    struct prompt *p = r->p;
    struct call_form *f = &p->call.form;
    enum err e = form_file(r, part);
    uint64_t most = part->bytes.len / CALL_SECOND_BYTES_LEAST + 1;
    uint64_t guess = part->bytes.len / second_bytes(part->bytes) + 1;

    if (e != ERR_NONE)
        return e;
    _Static_assert(LIMIT_BODY_BYTES / CALL_SECOND_BYTES_LEAST < CALL_SECONDS_MOST, "seconds fit their products");
    f->units = (struct price_units){(uint32_t)most, PRICE_UNIT_second};
    f->guess = (uint32_t)(guess < most ? guess : most);
    f->output_guess = f->guess * 4; /* speech has some 150 words a minute */
    p->max_tokens = (uint32_t)most * CALL_WORDS_A_SECOND + CALL_TEMPLATE_TOKENS;
    p->prompt_bound += most * CALL_TOKENS_A_SECOND + CALL_TEMPLATE_TOKENS;
    p->prompt_bytes += (uint64_t)f->guess * 10 * 4; /* 10 tokens a second */
    return ERR_NONE;
}

static enum err form_hint(struct member_reader *r, const struct multipart_part *part)
{
    call_add_text(r->p, part->bytes.len);
    return form_text(r, part);
}

static enum err form_format(struct member_reader *r, const struct multipart_part *part)
{
    static const struct {
        struct view word;
        enum call_answer answer;
    } formats[] = {
        {VIEW_LIT("json"), CALL_TEXT_JSON}, {VIEW_LIT("verbose_json"), CALL_TEXT_JSON},
        {VIEW_LIT("diarized_json"), CALL_TEXT_JSON}, {VIEW_LIT("text"), CALL_TEXT},
        {VIEW_LIT("srt"), CALL_TEXT}, {VIEW_LIT("vtt"), CALL_TEXT},
    };

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (view_eq(part->bytes, formats[i].word)) {
            r->p->call.form.answer = formats[i].answer;
            return form_text(r, part);
        }
    }
    return prompt_refuse(r->fault, "response_format must be json, verbose_json, diarized_json, text, srt or vtt",
                         ERR_FORMAT);
}

static const struct form_rule transcription_fields[] = {
    FORM_COMMON,
    {.name = "file", .read = form_audio},
    {.name = "prompt", .read = form_hint},
    {.name = "language", .read = form_text},
    {.name = "temperature", .read = form_number},
    {.name = "response_format", .read = form_format},
    {.name = "timestamp_granularities[]", .read = form_text, .many = true},
    {.name = "timestamp_granularities", .read = form_text, .many = true},
    {.name = "include[]", .read = form_text, .many = true},
    {.name = "include", .read = form_text, .many = true},
    {.name = "chunking_strategy", .read = form_text},
};

static enum err transcript_read(enum prompt_kind kind, struct view body, struct prompt *out,
                                struct prompt_fault *fault)
{
    enum err e;

    call_prompt_init(out, kind, CALL_TEXT_JSON);
    e = form_read(body, transcription_fields, sizeof transcription_fields / sizeof transcription_fields[0], out, fault);
    return e == ERR_NONE && out->call.n_files == 0 ? call_missing(fault, "file") : e;
}

static enum err transcriptions_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    return transcript_read(PROMPT_TRANSCRIPTION, body, out, fault);
}

static enum err translations_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    return transcript_read(PROMPT_TRANSLATION, body, out, fault);
}

const struct dialect speech_dialect = {
    .name = "speech",
    .read = speech_read,
    .figures = call_figures,
    .failure = call_failure,
};

const struct dialect transcriptions_dialect = {
    .name = "transcriptions",
    .form = true,
    .read = transcriptions_read,
    .figures = call_figures,
    .failure = call_failure,
};

const struct dialect translations_dialect = {
    .name = "translations",
    .form = true,
    .read = translations_read,
    .figures = call_figures,
    .failure = call_failure,
};
