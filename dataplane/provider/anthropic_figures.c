/* (G) Figures, stop reasons, thoughts and citations of Anthropic's answers. */
#include "anthropic_answer.h"
#include "bounds.h"
#include "chat_parts.h"
#include "content_view.h"

/* --- figures */

static void take(struct anthropic_reading *r, struct json_value v, uint32_t *into)
{
    int64_t n;

    if (v.kind == JSON_NULL)
        return;
    if (json_whole(v, &n) != ERR_NONE || n < 0 || n > LIMIT_TOKENS_ABSURD) {
        r->odd = true;
        return;
    }
    *into = (uint32_t)n;
    r->figures = true;
}

static void take_named(struct anthropic_reading *r, struct json_value object, const char *name, uint32_t *into)
{
    struct json_value v;

    if (json_get(object, name, &v))
        take(r, v, into);
}

/* Work beside the answer, which the totals do not hold: a compaction, another model's advice. */
static void take_iterations(struct anthropic_reading *r, struct json_value list)
{
    struct json_iter it = json_iter(list);
    struct json_member m;
    struct json_value type;
    uint64_t input = 0, output = 0;

    while (list.kind == JSON_ARRAY && json_next(&it, &m)) {
        uint32_t one[4] = {0};

        if (!json_get(m.value, "type", &type) ||
            !(json_string_is(type, "compaction") || json_string_is(type, "advisor_message")))
            continue;
        take_named(r, m.value, "input_tokens", &one[0]);
        take_named(r, m.value, "cache_read_input_tokens", &one[1]);
        take_named(r, m.value, "cache_creation_input_tokens", &one[2]);
        take_named(r, m.value, "output_tokens", &one[3]);
        input += (uint64_t)one[0] + one[1] + one[2];
        output += one[3];
    }
    r->odd = r->odd || input > LIMIT_TOKENS_ABSURD || output > LIMIT_TOKENS_ABSURD;
    r->extra_input = input > LIMIT_TOKENS_ABSURD ? 0 : (uint32_t)input;
    r->extra_output = output > LIMIT_TOKENS_ABSURD ? 0 : (uint32_t)output;
}

void anthropic_figures_take(struct anthropic_reading *r, struct json_value usage)
{
    struct json_value v;

    if (usage.kind != JSON_OBJECT)
        return;
    take_named(r, usage, "input_tokens", &r->input);
    take_named(r, usage, "cache_read_input_tokens", &r->cache_read);
    take_named(r, usage, "cache_creation_input_tokens", &r->cache_write);
    take_named(r, usage, "output_tokens", &r->output);
    if (json_get(usage, "cache_creation", &v) && v.kind == JSON_OBJECT)
        take_named(r, v, "ephemeral_1h_input_tokens", &r->cache_write_1h);
    if (json_get(usage, "output_tokens_details", &v) && v.kind == JSON_OBJECT)
        take_named(r, v, "thinking_tokens", &r->thinking);
    if (json_get(usage, "iterations", &v))
        take_iterations(r, v);
}

/* In chat the prompt's tokens hold those of the cache. */
void anthropic_figures_put(const struct anthropic_reading *r, struct body *b)
{
    uint64_t prompt = (uint64_t)r->input + r->cache_read + r->cache_write + r->extra_input;
    uint64_t completion = (uint64_t)r->output + r->extra_output;

    if (!r->figures)
        return;
    BODY_PUT(b, ",\"usage\":{\"prompt_tokens\":");
    body_put_number(b, prompt);
    BODY_PUT(b, ",\"completion_tokens\":");
    body_put_number(b, completion);
    BODY_PUT(b, ",\"total_tokens\":");
    body_put_number(b, prompt + completion);
    BODY_PUT(b, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    body_put_number(b, r->cache_read);
    BODY_PUT(b, ",\"cache_write_tokens\":");
    body_put_number(b, r->cache_write);
    if (r->cache_write_1h != 0) {
        BODY_PUT(b, ",\"cache_write_1h_tokens\":");
        body_put_number(b, r->cache_write_1h);
    }
    BODY_PUT(b, "},\"completion_tokens_details\":{\"reasoning_tokens\":");
    body_put_number(b, r->thinking);
    BODY_PUT(b, "}}");
}

/* --- stop reasons */

static const struct {
    struct view word, finish;
} stops[] = {
    {VIEW_EMPTY, VIEW_EMPTY},
    {VIEW_LIT("end_turn"), VIEW_LIT("stop")},
    {VIEW_LIT("stop_sequence"), VIEW_LIT("stop")},
    {VIEW_LIT("max_tokens"), VIEW_LIT("length")},
    {VIEW_LIT("model_context_window_exceeded"), VIEW_LIT("length")},
    {VIEW_LIT("tool_use"), VIEW_LIT("tool_calls")},
    {VIEW_LIT("refusal"), VIEW_LIT("content_filter")},
    {VIEW_LIT("pause_turn"), VIEW_LIT("stop")}, /* only with tools that it runs itself */
    {VIEW_LIT("compaction"), VIEW_LIT("stop")},
    {VIEW_LIT("unknown"), VIEW_LIT("length")}, /* something may be missing */
};
enum { STOPS = sizeof stops / sizeof stops[0] };

uint8_t anthropic_stop_read(struct json_value v)
{
    if (!is_text(v))
        return 0;
    for (uint8_t i = 1; i < STOPS - 1; i++)
        if (json_string_is(v, (const char *)stops[i].word.ptr))
            return i;
    return STOPS - 1;
}

struct view anthropic_stop_word(uint8_t stop)
{
    return stops[stop].word;
}

struct view anthropic_stop_finish(uint8_t stop)
{
    return stops[stop].finish;
}

/* --- thoughts */

#define FORMAT ",\"format\":\"anthropic-claude-v1\",\"index\":"

void anthropic_put_detail(struct body *b, struct view text, struct view signature, uint32_t index)
{
    BODY_PUT(b, "{\"type\":\"reasoning.text\"");
    if (text.ptr != NULL) {
        BODY_PUT(b, ",\"text\":\"");
        body_put(b, text);
        BODY_PUT(b, "\"");
    }
    if (signature.len != 0) {
        BODY_PUT(b, ",\"signature\":\"");
        body_put(b, signature);
        BODY_PUT(b, "\"");
    }
    BODY_PUT(b, FORMAT);
    body_put_number(b, index);
    BODY_PUT(b, "}");
}

void anthropic_put_redacted(struct body *b, struct view data, uint32_t index)
{
    BODY_PUT(b, "{\"type\":\"reasoning.encrypted\",\"data\":\"");
    body_put(b, data);
    BODY_PUT(b, "\"" FORMAT);
    body_put_number(b, index);
    BODY_PUT(b, "}");
}

/* --- citations */

bool anthropic_put_citation(struct body *b, struct json_value citation, uint32_t from, uint32_t to)
{
    struct view url = anthropic_text(citation, "url");

    if (url.len == 0)
        url = anthropic_text(citation, "source"); /* of a search result that the client gave */
    if (!view_starts(url, VIEW_LIT("http")))
        return false;
    BODY_PUT(b, "{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"");
    body_put(b, url);
    BODY_PUT(b, "\",\"title\":\"");
    body_put(b, anthropic_text(citation, "title"));
    BODY_PUT(b, "\",\"start_index\":");
    body_put_number(b, from);
    BODY_PUT(b, ",\"end_index\":");
    body_put_number(b, to);
    BODY_PUT(b, "}}");
    return true;
}

/* Of UTF-8 the bytes that begin one; an escape is one, the second half of a pair none. */
uint32_t anthropic_characters(struct view escaped)
{
    uint32_t n = 0;

    for (size_t i = 0; i < escaped.len; i++) {
        if ((escaped.ptr[i] & 0xc0) == 0x80)
            continue;
        n++;
        if (escaped.ptr[i] != '\\' || ++i == escaped.len || escaped.ptr[i] != 'u')
            continue;
        if (i + 2 < escaped.len && (escaped.ptr[i + 1] | 0x20) == 'd' && strchr("cdefCDEF", escaped.ptr[i + 2]) != NULL)
            n--;
        i += 4;
    }
    return n;
}
