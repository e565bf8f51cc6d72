/* Images, speech, transcripts, moderations and ranks: what a client asks is counted by what it is paid by, or refused
 * by name; the provider is sent just that under its own name of the model; and an answer that is none is no answer. */
#include "audio_dialect.h"
#include "images_dialect.h"
#include "openai_call.h"
#include "rank_dialect.h"

#include "check.h"

#include <string.h>

#define J(rest) "{\"model\":\"a/b\"" rest "}"
#define D "--B\r\nContent-Disposition: form-data; name="
#define F(name, value) D "\"" name "\"\r\n\r\n" value "\r\n"
#define U(name, bytes) D "\"" name "\"; filename=\"x.wav\"\r\nContent-Type: audio/wav\r\n\r\n" bytes "\r\n"
#define END "--B--\r\n"
#define MODEL F("model", "a/b")

static void test_read(void)
{
    static const struct {
        const struct dialect *dialect;
        const char *body;
        enum err want;
        const char *name; /* of the member that is refused */
        unsigned units, kind, guess, choices;
    } rows[] = {
        {&images_dialect, J(",\"prompt\":\"cat\""), ERR_NONE, NULL, 1, PRICE_UNIT_image, 1, 1},
        {&images_dialect, J(",\"prompt\":\"cat\",\"n\":10,\"user\":\"u\",\"stream\":false,\"seed\":1"), ERR_NONE, NULL, 10, PRICE_UNIT_image, 10, 10},
        {&images_dialect, J(",\"prompt\":\"cat\",\"n\":null,\"size\":null"), ERR_NONE, NULL, 1, PRICE_UNIT_image, 1, 1},
        {&images_dialect, J(",\"prompt\":\"cat\",\"n\":11"), ERR_RANGE, "n", 0, 0, 0, 0},
        {&images_dialect, J(",\"prompt\":\"cat\",\"n\":0"), ERR_RANGE, "n", 0, 0, 0, 0},
        {&images_dialect, J(",\"prompt\":\"cat\",\"n\":\"2\""), ERR_FORMAT, "n", 0, 0, 0, 0},
        {&images_dialect, J(",\"prompt\":\"cat\",\"n\":1,\"n\":9"), ERR_DUPLICATE, "n", 0, 0, 0, 0},
        {&images_dialect, J(",\"prompt\":\"cat\",\"n\":1,\"\\u006e\":9"), ERR_DUPLICATE, "n", 0, 0, 0, 0},
        {&images_dialect, J(",\"prompt\":\"cat\",\"stream\":true"), ERR_UNSUPPORTED, "stream", 0, 0, 0, 0},
        {&images_dialect, J(",\"prompt\":\"\""), ERR_FORMAT, "prompt", 0, 0, 0, 0},
        {&images_dialect, J(",\"negative_prompt\":\"dog\""), ERR_FORMAT, "prompt", 0, 0, 0, 0},
        {&images_dialect, J(",\"prompt\":\"cat\",\"size\":1"), ERR_FORMAT, "size", 0, 0, 0, 0},
        {&image_edits_dialect, MODEL F("prompt", "x") U("image", "png") F("n", "2") END, ERR_NONE, NULL, 2, PRICE_UNIT_image, 2, 2},
        {&image_edits_dialect, MODEL F("prompt", "x") U("image[]", "a") U("image[]", "b") U("mask", "c") END, ERR_NONE, NULL, 1, PRICE_UNIT_image, 1, 1},
        {&image_edits_dialect, MODEL F("prompt", "x") U("mask", "a") U("mask", "b") END, ERR_DUPLICATE, "mask", 0, 0, 0, 0},
        {&image_edits_dialect, MODEL F("prompt", "x") END, ERR_FORMAT, "image", 0, 0, 0, 0},
        {&image_edits_dialect, MODEL U("image", "png") END, ERR_FORMAT, "prompt", 0, 0, 0, 0},
        {&image_edits_dialect, MODEL F("prompt", "x") F("image", "png") END, ERR_FORMAT, "image", 0, 0, 0, 0},
        {&image_edits_dialect, MODEL F("prompt", "x") U("image", "png") F("n", "2") F("n", "9") END, ERR_DUPLICATE, "n", 0, 0, 0, 0},
        {&image_edits_dialect, MODEL F("prompt", "x") U("image", "png") F("n", "x") END, ERR_FORMAT, "n", 0, 0, 0, 0},
        {&image_edits_dialect, MODEL F("prompt", "x") U("image", "png") F("stream", "true") END, ERR_UNSUPPORTED, "stream", 0, 0, 0, 0},
        {&image_edits_dialect, J(",\"prompt\":\"x\""), ERR_FORMAT, "body", 0, 0, 0, 0},
        {&speech_dialect, J(",\"input\":\"hello\",\"voice\":\"alloy\""), ERR_NONE, NULL, 5, PRICE_UNIT_character, 5, 1},
        {&speech_dialect, J(",\"input\":\"\\ud83d\\ude00\\u00e9\\n\xc3\xa9\",\"voice\":{\"id\":\"v\"}"), ERR_NONE, NULL, 4, PRICE_UNIT_character, 4, 1},
        {&speech_dialect, J(",\"input\":\"\\ude00\\ude00\",\"voice\":\"v\""), ERR_NONE, NULL, 2, PRICE_UNIT_character, 2, 1},
        {&speech_dialect, J(",\"input\":\"x\",\"stream_format\":\"audio\""), ERR_NONE, NULL, 1, PRICE_UNIT_character, 1, 1},
        {&speech_dialect, J(",\"input\":\"x\",\"stream_format\":\"sse\""), ERR_UNSUPPORTED, "stream_format", 0, 0, 0, 0},
        {&speech_dialect, J(",\"input\":\"\""), ERR_FORMAT, "input", 0, 0, 0, 0},
        {&speech_dialect, J(""), ERR_FORMAT, "input", 0, 0, 0, 0},
        {&speech_dialect, J(",\"input\":[\"x\"]"), ERR_FORMAT, "input", 0, 0, 0, 0},
        {&transcriptions_dialect, MODEL U("file", "0123456789") END, ERR_NONE, NULL, 1, PRICE_UNIT_second, 1, 1},
        {&transcriptions_dialect, MODEL U("file", "0") F("response_format", "srt") F("temperature", "0.5") F("timestamp_granularities[]", "word") F("timestamp_granularities[]", "segment") END, ERR_NONE, NULL, 1, PRICE_UNIT_second, 1, 1},
        {&translations_dialect, MODEL U("file", "0") END, ERR_NONE, NULL, 1, PRICE_UNIT_second, 1, 1},
        {&transcriptions_dialect, MODEL U("file", "") END, ERR_FORMAT, "file", 0, 0, 0, 0},
        {&transcriptions_dialect, MODEL U("file", "0") U("file", "1") END, ERR_DUPLICATE, "file", 0, 0, 0, 0},
        {&transcriptions_dialect, MODEL END, ERR_FORMAT, "file", 0, 0, 0, 0},
        {&transcriptions_dialect, MODEL U("file", "0") F("response_format", "pdf") END, ERR_FORMAT, "response_format", 0, 0, 0, 0},
        {&transcriptions_dialect, MODEL U("file", "0") F("stream", "true") END, ERR_UNSUPPORTED, "stream", 0, 0, 0, 0},
        {&transcriptions_dialect, MODEL U("file", "0") F("temperature", "hot") END, ERR_FORMAT, "temperature", 0, 0, 0, 0},
        {&transcriptions_dialect, U("file", "0") F("model", "a\x01") END, ERR_FORMAT, "model", 0, 0, 0, 0},
        {&transcriptions_dialect, MODEL U("file", "0") F("x y", "1") END, ERR_FORMAT, NULL, 0, 0, 0, 0},
        {&moderations_dialect, J(",\"input\":\"x\""), ERR_NONE, NULL, 0, PRICE_UNIT_NONE, 0, 1},
        {&moderations_dialect, "{\"input\":[\"x\",\"y\"]}", ERR_NONE, NULL, 0, PRICE_UNIT_NONE, 0, 1},
        {&moderations_dialect, J(",\"input\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y\"}}]"), ERR_NONE, NULL, 0, PRICE_UNIT_NONE, 0, 1},
        {&moderations_dialect, J(",\"input\":[{\"type\":\"video\"}]"), ERR_UNSUPPORTED, "input", 0, 0, 0, 0},
        {&moderations_dialect, J(",\"input\":[1]"), ERR_FORMAT, "input", 0, 0, 0, 0},
        {&moderations_dialect, J(""), ERR_FORMAT, "input", 0, 0, 0, 0},
        {&rerank_dialect, J(",\"query\":\"q\",\"documents\":[\"a\",{\"text\":\"b\"}],\"top_n\":1"), ERR_NONE, NULL, 1, PRICE_UNIT_query, 1, 1},
        {&rerank_dialect, J(",\"documents\":[\"a\"],\"query\":\"q\""), ERR_NONE, NULL, 1, PRICE_UNIT_query, 1, 1},
        {&rerank_dialect, J(",\"documents\":[\"a\"]"), ERR_FORMAT, "query", 0, 0, 0, 0},
        {&rerank_dialect, J(",\"query\":\"q\""), ERR_FORMAT, "documents", 0, 0, 0, 0},
        {&rerank_dialect, J(",\"query\":\"q\",\"documents\":[]"), ERR_FORMAT, "documents", 0, 0, 0, 0},
        {&rerank_dialect, J(",\"query\":\"q\",\"documents\":[1]"), ERR_FORMAT, "documents", 0, 0, 0, 0},
        {&rerank_dialect, J(",\"query\":\"q\",\"documents\":\"a\""), ERR_FORMAT, "documents", 0, 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prompt_fault fault;
        struct prompt p;
        enum err e = rows[i].dialect->read(view_str(rows[i].body), &p, &fault);

        CHECK_INT(e, rows[i].want);
        if (e == ERR_NONE) {
            CHECK_INT(p.call.form.units.n, rows[i].units);
            CHECK_INT(p.call.form.units.kind, rows[i].kind);
            CHECK_INT(p.call.form.guess, rows[i].guess);
            CHECK_INT(p.n_choices, rows[i].choices);
            CHECK(p.model[0] != '\0' && !p.stream && fault.message == NULL);
        } else if (rows[i].name != NULL) {
            struct view name = fault.member.len != 0 ? fault.member : view_str(fault.param);

            CHECK(fault.message != NULL && view_eq(name, view_str(rows[i].name)));
        }
        prompt_list_free(&p.list);
    }
}

/* A WAV file says how long it is; of another one the size is a bound. 101 documents are two queries, and so are
 * two documents of which one is as long as a hundred. */
static void test_counts(void)
{
    static const uint8_t wav[44] = {'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ', 16, 0, 0, 0,
                                    1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0xff, 0xff, 0xff, 0xff, /* a lie: 32,000 bytes a second */
                                    2, 0, 16, 0};
    enum { SECONDS = 3, BYTES = SECONDS * 32000 - 44 };
    struct prompt_fault fault;
    struct prompt p;
    struct buf b;

    for (int is_wav = 0; is_wav < 2; is_wav++) {
        buf_init(&b, 1 << 20);
        CHECK_INT(buf_append(&b, VIEW_LIT(MODEL D "\"file\"; filename=\"a\"\r\n\r\n")), ERR_NONE);
        if (is_wav)
            CHECK_INT(buf_append(&b, view_of(wav, sizeof wav)), ERR_NONE);
        for (unsigned i = 0; i < BYTES; i++)
            CHECK_INT(buf_append_byte(&b, 'x'), ERR_NONE);
        CHECK_INT(buf_append(&b, VIEW_LIT("\r\n" END)), ERR_NONE);
        CHECK_INT(transcriptions_dialect.read(buf_view(&b), &p, &fault), ERR_NONE);
        CHECK_INT(p.call.form.units.n, (BYTES + (is_wav ? 44 : 0)) / CALL_SECOND_BYTES_LEAST + 1);
        CHECK_INT(p.call.form.guess, is_wav ? SECONDS + 1 : BYTES / CALL_SECOND_BYTES + 1);
        CHECK(p.prompt_bound >= p.call.form.units.n * 10 && p.max_tokens >= p.call.form.units.n * 4);
        prompt_list_free(&p.list);
        buf_free(&b);
    }
    for (unsigned n = 100; n <= 101; n++) {
        buf_init(&b, 1 << 20);
        CHECK_INT(buf_append(&b, VIEW_LIT("{\"model\":\"a/b\",\"query\":\"q\",\"documents\":[\"a\"")), ERR_NONE);
        for (unsigned i = 1; i < n; i++)
            CHECK_INT(buf_append(&b, VIEW_LIT(",\"a\"")), ERR_NONE);
        CHECK_INT(buf_append(&b, VIEW_LIT("]}")), ERR_NONE);
        CHECK_INT(rerank_dialect.read(buf_view(&b), &p, &fault), ERR_NONE);
        CHECK_INT(p.call.form.units.n, n == 100 ? 1 : 2);
        CHECK_INT(p.call.form.guess, n == 100 ? 1 : 2);
        prompt_list_free(&p.list);
        buf_free(&b);
    }
    buf_init(&b, 1 << 20);
    CHECK_INT(buf_append(&b, VIEW_LIT("{\"model\":\"a/b\",\"query\":\"q\",\"documents\":[\"a\",\"")), ERR_NONE);
    for (unsigned i = 0; i < 50000; i++)
        CHECK_INT(buf_append_byte(&b, 'x'), ERR_NONE);
    CHECK_INT(buf_append(&b, VIEW_LIT("\"]}")), ERR_NONE);
    CHECK_INT(rerank_dialect.read(buf_view(&b), &p, &fault), ERR_NONE);
    CHECK(p.call.form.units.n == 2 && p.call.form.guess == 1);
    prompt_list_free(&p.list);
    buf_free(&b);
}

static const struct provider open_provider = {.n_members = 1, .members = {"x_row"}};
static const struct catalog_model model = {.id = "a/b"};
static const struct catalog_endpoint per_image = {.upstream_model = "up", .price = {.image_nusd = 1}},
                                     per_token = {.upstream_model = "up", .price = {.completion_pusd = 1}};

static void test_render(void)
{
    static const struct {
        const struct dialect *dialect;
        const char *body, *want, *refused;
        const struct catalog_endpoint *endpoint;
    } rows[] = {
        {&images_dialect, J(",\"prompt\":\"c\\u00e9\",\"n\":2 , \"user\":\"u\",\"style\":null,\"provider\":{},\"session_id\":\"s\""),
         "{\"model\":\"up\",\"prompt\":\"c\\u00e9\",\"n\":2}", NULL, &per_image},
        {&images_dialect, J(",\"prompt\":\"c\",\"size\":\"1024x1024\",\"quality\":\"auto\""),
         "{\"model\":\"up\",\"prompt\":\"c\",\"size\":\"1024x1024\",\"quality\":\"auto\"}", NULL, &per_image},
        {&images_dialect, J(",\"prompt\":\"c\",\"size\":\"1792x1024\""), NULL, "size", &per_image},
        {&images_dialect, J(",\"prompt\":\"c\",\"quality\":\"hd\""), NULL, "quality", &per_image},
        {&images_dialect, J(",\"prompt\":\"c\",\"quality\":\"hd\""), "{\"model\":\"up\",\"prompt\":\"c\",\"quality\":\"hd\"}", NULL, &per_token},
        {&images_dialect, J(",\"prompt\":\"c\",\"x_row\":1"), "{\"model\":\"up\",\"prompt\":\"c\",\"x_row\":1}", NULL, &per_image},
        {&images_dialect, J(",\"prompt\":\"c\",\"partial_images\":3"), NULL, "partial_images", &per_token},
        {&images_dialect, J(",\"prompt\":\"c\",\"N\":9"), NULL, "N", &per_token},
        {&image_edits_dialect, F("user", "u") U("image", "p\r\nq") F("prompt", "x") MODEL F("x_row", "1") END,
         F("model", "up") U("image", "p\r\nq") F("prompt", "x") F("x_row", "1") END, NULL, &per_token},
        {&image_edits_dialect, MODEL U("image", "p") F("prompt", "x") F("n[]", "9") END, NULL, "n[]", &per_token},
        {&image_edits_dialect, MODEL U("image", "p") F("prompt", "x") F("input_fidelity", "high") END, NULL, "input_fidelity", &per_image},
        {&transcriptions_dialect, MODEL U("file", "x") F("Model", "dear") END, NULL, "Model", &per_token},
        {&rerank_dialect, J(",\"query\":\"q\",\"documents\":[ \"a\"]"), "{\"model\":\"up\",\"query\":\"q\",\"documents\":[ \"a\"]}", NULL, &per_token},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct destination d = {.provider = &open_provider, .model = &model, .endpoint = rows[i].endpoint};
        struct prompt_fault fault;
        struct view refused = VIEW_EMPTY;
        struct prompt p;
        struct buf out;

        CHECK_INT(rows[i].dialect->read(view_str(rows[i].body), &p, &fault), ERR_NONE);
        buf_init(&out, openai_call_room(&p));
        CHECK_INT(openai_call_fits(&p, &d, &refused), rows[i].refused == NULL);
        if (rows[i].refused != NULL) {
            CHECK(view_eq(refused, view_str(rows[i].refused)));
        } else {
            CHECK_INT(openai_call_render(&p, &d, 0, &out), ERR_NONE);
            CHECK_BYTES(out.ptr, out.len, rows[i].want, strlen(rows[i].want));
        }
        buf_free(&out);
        prompt_list_free(&p.list);
    }
}

static void test_answer(void)
{
    static const struct {
        enum call_answer answer;
        enum body_type type;
        const char *body;
        enum err want;
        enum chat_kind kind;
        unsigned units, prompt, completion;
        enum body_type told;
    } rows[] = {
        {CALL_IMAGES, BODY_TYPE_JSON, "{\"data\":[{\"url\":\"x\"},{\"url\":\"y\"}]}", ERR_NONE, CHAT_EMIT, 2, 0, 0, BODY_TYPE_JSON},
        {CALL_IMAGES, BODY_TYPE_OTHER, "{\"data\":[{}],\"usage\":{\"input_tokens\":3,\"output_tokens\":9}}", ERR_NONE, CHAT_EMIT, 1, 3, 9, BODY_TYPE_JSON},
        {CALL_IMAGES, BODY_TYPE_JSON, "{\"data\":[]}", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_IMAGES, BODY_TYPE_JSON, "{\"error\":{\"message\":\"no\",\"code\":400}}", ERR_NONE, CHAT_ERROR, 0, 0, 0, 0},
        {CALL_IMAGES, BODY_TYPE_JSON, "<html>", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_IMAGES, BODY_TYPE_JSON, "[1]", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_SOUND, BODY_TYPE_MP3, "\xff\xfb", ERR_NONE, CHAT_EMIT, 7, 0, 0, BODY_TYPE_MP3},
        {CALL_SOUND, BODY_TYPE_OTHER, "{}", ERR_NONE, CHAT_EMIT, 7, 0, 0, BODY_TYPE_OTHER},
        {CALL_SOUND, BODY_TYPE_MP3, "", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_SOUND, BODY_TYPE_JSON, "{\"error\":\"no voice\"}", ERR_NONE, CHAT_ERROR, 0, 0, 0, 0},
        {CALL_SOUND, BODY_TYPE_JSON, "{\"audio\":\"x\"}", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_SOUND, BODY_TYPE_TEXT, "no voice", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":\"hi\"}", ERR_NONE, CHAT_EMIT, 0, 0, 0, BODY_TYPE_JSON},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":\"hi\",\"duration\":1.001}", ERR_NONE, CHAT_EMIT, 2, 0, 0, BODY_TYPE_JSON},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":\"hi\",\"duration\":\"2.000\"}", ERR_NONE, CHAT_EMIT, 2, 0, 0, BODY_TYPE_JSON},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":\"hi\",\"duration\":0}", ERR_NONE, CHAT_EMIT, 1, 0, 0, BODY_TYPE_JSON},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":\"hi\",\"duration\":-5}", ERR_NONE, CHAT_EMIT, 0, 0, 0, BODY_TYPE_JSON},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":\"hi\",\"duration\":1e3}", ERR_NONE, CHAT_EMIT, 0, 0, 0, BODY_TYPE_JSON},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":\"hi\",\"usage\":{\"type\":\"duration\",\"seconds\":4}}", ERR_NONE, CHAT_EMIT, 4, 0, 0, BODY_TYPE_JSON},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":\"hi\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_details\":{\"audio_tokens\":14},\"output_tokens\":5,\"total_tokens\":19}}", ERR_NONE, CHAT_EMIT, 0, 14, 5, BODY_TYPE_JSON},
        {CALL_TEXT_JSON, BODY_TYPE_JSON, "{\"text\":1}", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_TEXT, BODY_TYPE_TEXT, "", ERR_NONE, CHAT_EMIT, 0, 0, 0, BODY_TYPE_TEXT},
        {CALL_TEXT, BODY_TYPE_OTHER, "WEBVTT", ERR_NONE, CHAT_EMIT, 0, 0, 0, BODY_TYPE_TEXT},
        {CALL_TEXT, BODY_TYPE_JSON, "{\"error\":{\"message\":\"no\"}}", ERR_NONE, CHAT_ERROR, 0, 0, 0, 0},
        {CALL_TEXT, BODY_TYPE_MP3, "x", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_JUDGEMENTS, BODY_TYPE_JSON, "{\"results\":[{\"flagged\":true}]}", ERR_NONE, CHAT_EMIT, 0, 0, 0, BODY_TYPE_JSON},
        {CALL_JUDGEMENTS, BODY_TYPE_JSON, "{\"results\":{}}", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
        {CALL_RANKS, BODY_TYPE_JSON, "{\"results\":[],\"meta\":{\"billed_units\":{\"search_units\":2}}}", ERR_NONE, CHAT_EMIT, 2, 0, 0, BODY_TYPE_JSON},
        {CALL_RANKS, BODY_TYPE_JSON, "{\"results\":[],\"usage\":{\"search_units\":3,\"total_tokens\":5}}", ERR_NONE, CHAT_EMIT, 3, 5, 0, BODY_TYPE_JSON},
        {CALL_RANKS, BODY_TYPE_JSON, "{\"data\":[]}", ERR_NONE, CHAT_EMIT, 1, 0, 0, BODY_TYPE_JSON},
        {CALL_RANKS, BODY_TYPE_JSON, "{\"data\":1}", ERR_PROVIDER_PROTOCOL, CHAT_NOTHING, 0, 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("a/b"), .provider = &open_provider,
                               .type = rows[i].type,
                               .call = {.answer = rows[i].answer, .units = {7, PRICE_UNIT_character}, .guess = 1}};
        struct chat_error error = {0};
        enum chat_kind kind;
        struct buf out;

        buf_init(&out, 1 << 16);
        CHECK_INT(openai_call_whole(&c, view_str(rows[i].body), &out, &kind, &error), rows[i].want);
        CHECK_INT(kind, rows[i].kind);
        if (rows[i].kind == CHAT_EMIT) {
            CHECK_BYTES(out.ptr, out.len, rows[i].body, strlen(rows[i].body));
            CHECK_INT(c.units, rows[i].units);
            CHECK_INT(c.usage.prompt, rows[i].prompt);
            CHECK_INT(c.usage.completion, rows[i].completion);
            if (rows[i].answer == CALL_TEXT_JSON) /* what was read is what was heard */
                CHECK_INT(c.usage.audio_input, rows[i].prompt);
            CHECK_INT(c.type, rows[i].told);
        } else {
            CHECK_INT(out.len, 0);
        }
        buf_free(&out);
    }
}

static void test_figures(void)
{
    static const struct {
        const char *body, *want;
        bool openrouter;
    } rows[] = {
        {"{\"text\":\"a\"}", "{\"text\":\"a\"}", false},
        {"{\"text\":\"a\"}", "{\"usage\":{\"cost\":0.000000005},\"text\":\"a\"}", true},
        {"{\"text\":\"a\",\"usage\":{}}", "{\"text\":\"a\",\"usage\":{\"cost\":0.000000005}}", true},
        {"{\"usage\":{\"input_tokens\":1},\"x\":1}", "{\"usage\":{\"cost\":0.000000005,\"input_tokens\":1},\"x\":1}", true},
        {"{\"usage\":{\"a\":1,\"cost\":12345678901234567890},\"x\":1}", "{\"usage\":{\"a\":1,\"cost\":0.000000005},\"x\":1}", true},
        {"{\"usage\":null,\"x\":1}", "{\"usage\":{\"cost\":0.000000005},\"x\":1}", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer a = {.openrouter = rows[i].openrouter, .cost_nusd = 5};
        struct token_usage usage = {0};
        struct buf b;

        buf_init(&b, 1 << 12);
        CHECK_INT(buf_append(&b, view_str(rows[i].body)), ERR_NONE);
        CHECK_INT(rerank_dialect.figures(&a, &usage, &b), ERR_NONE);
        CHECK_BYTES(b.ptr, b.len, rows[i].want, strlen(rows[i].want));
        buf_free(&b);
    }
}

static void test_types(void)
{
    CHECK_INT(body_type_of(VIEW_LIT("Audio/MPEG; x=y")), BODY_TYPE_MP3);
    CHECK_INT(body_type_of(VIEW_LIT("text/html")), BODY_TYPE_OTHER);
    CHECK_INT(body_type_of(VIEW_EMPTY), BODY_TYPE_OTHER);
    CHECK(view_eq(body_type_text(BODY_TYPE_OTHER), VIEW_LIT("application/octet-stream")));
    for (enum body_type t = BODY_TYPE_JSON; t < BODY_TYPE_OTHER; t++)
        CHECK_INT(body_type_of(body_type_text(t)), t);
}

static const struct check_case cases[] = {
    {"calls_read", test_read},
    {"calls_counts", test_counts},
    {"calls_render", test_render},
    {"calls_answer", test_answer},
    {"calls_figures", test_figures},
    {"calls_types", test_types},
};
CHECK_MAIN(cases)
