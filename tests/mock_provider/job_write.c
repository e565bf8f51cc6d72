#include "job.h"
#include "job_internal.h"

#include <assert.h>
#include <time.h>

enum phase { AZURE, ROLE, REASONING, LINE, TEXT, TOOL_NAME, TOOL_ARGS, FINISH, USAGE, DONE, OVER };

/* 64 words of TOKEN_BYTES each, so that n tokens are always 4n bytes. */
static const char word_list[] = "the cat sat on  a   mat and the dog ate it  all the way to  sea "
                                "one two ten six red sky low sun far end big map new day old way "
                                "key box cup tea ice air oak elm fir bay sea oar net fog dew mud "
                                "pen ink ash gem owl fox hen bee ant yak ram ewe cod eel koi ray ";
_Static_assert(sizeof word_list - 1 == 64 * TOKEN_BYTES, "a word is one token");

enum { WORD_MAX = 64 }; /* bytes of one event of such a text */

#define CREATED "1700000000"

static void put_words(struct bytes *out, size_t from, size_t n)
{
    while (n != 0) {
        size_t at = from % (sizeof word_list - 1), take = sizeof word_list - 1 - at;
        if (take > n)
            take = n;
        bytes_put(out, word_list + at, take);
        from += take;
        n -= take;
    }
}

static void put_part(struct job *j, struct bytes *out, struct job_part p)
{
    struct view v = job_view(j, p);
    bytes_put(out, v.ptr, v.len);
}

static void put_usage(struct job *j, struct bytes *out)
{
    unsigned long long prompt = j->prompt, completion = j->completion;

    if (j->spec.usage == USAGE_ABSURD)
        completion = 1000000000000000000ULL;
    if (j->spec.usage == USAGE_NEGATIVE) {
        BYTES_LIT(out, "\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":-7,"
                       "\"total_tokens\":-12}");
        return;
    }
    BYTES_LIT(out, "\"usage\":{\"prompt_tokens\":");
    bytes_u64(out, prompt);
    BYTES_LIT(out, ",\"completion_tokens\":");
    bytes_u64(out, completion);
    BYTES_LIT(out, ",\"total_tokens\":");
    bytes_u64(out, prompt + completion);
    BYTES_LIT(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    bytes_u64(out, j->spec.cached);
    BYTES_LIT(out, "},\"completion_tokens_details\":{\"reasoning_tokens\":");
    bytes_u64(out, j->spec.reasoning);
    BYTES_LIT(out, "}}");
}

static void put_stamp(struct job *j, struct bytes *out)
{
    struct timespec t;

    if (!j->spec.stamp)
        return;
    clock_gettime(CLOCK_MONOTONIC, &t);
    BYTES_LIT(out, "\"mock_arrived_ns\":");
    bytes_u64(out, j->arrived_ns);
    BYTES_LIT(out, ",\"mock_sent_ns\":");
    bytes_u64(out, (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec);
    BYTES_LIT(out, ",");
}

/* The time inside the text: such chunks differ in their text alone, as real ones do. */
static void put_text_stamp(struct job *j, struct bytes *out)
{
    struct timespec t;

    if (!j->spec.text_stamp)
        return;
    clock_gettime(CLOCK_MONOTONIC, &t);
    BYTES_LIT(out, "@");
    bytes_u64(out, (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec);
    BYTES_LIT(out, " ");
}

/* OpenAI's padding against the reading of lengths: another one in each chunk. */
static void put_filler(struct job *j, struct bytes *out)
{
    if (!j->spec.filler)
        return;
    BYTES_LIT(out, ",\"obfuscation\":\"");
    put_words(out, j->pos % 7, 3 + j->pos % 5);
    BYTES_LIT(out, "\"");
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

static void put_end(struct job *j, struct bytes *out)
{
    if (j->spec.crlf)
        BYTES_LIT(out, "\r\n\r\n");
    else
        BYTES_LIT(out, "\n\n");
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

/* The next piece of a text: `want` bytes, or the rest; more, so as not to cut inside a UTF-8 sequence or, in
 * a text that people read, inside a word. */
static size_t piece(const struct job *j, struct job_part p, size_t want)
{
    size_t n = p.len - j->pos < want ? p.len - j->pos : want;
    const char *at = j->payload.ptr + p.off + j->pos;

    while (j->talks && j->pos + n < p.len && n < WORD_MAX && at[n] != ' ')
        n++;
    while (j->pos + n < p.len && ((unsigned char)at[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static void next_phase(struct job *j)
{
    j->phase++;
    j->pos = 0;
}

static uint32_t event_text(struct job *j, struct bytes *out)
{
    size_t want = (size_t)j->spec.chunk * TOKEN_BYTES, n;

    delta_open(j, out);
    BYTES_LIT(out, "\"content\":\"");
    put_text_stamp(j, out);
    if (j->words) {
        n = j->text.len - j->pos < want ? j->text.len - j->pos : want;
        put_words(out, j->pos, n);
    } else {
        n = piece(j, j->text, want);
        bytes_escaped(out, j->payload.ptr + j->text.off + j->pos, n);
    }
    BYTES_LIT(out, "\"");
    delta_close(j, out, NULL);
    j->pos += n;
    return (uint32_t)((n + TOKEN_BYTES - 1) / TOKEN_BYTES);
}

static uint32_t event_reasoning(struct job *j, struct bytes *out)
{
    size_t left = j->spec.reasoning - j->pos;
    size_t n = left < j->spec.chunk ? left : j->spec.chunk;

    delta_open(j, out);
    BYTES_LIT(out, "\"reasoning_content\":\"");
    put_words(out, j->pos * TOKEN_BYTES, n * TOKEN_BYTES);
    BYTES_LIT(out, "\"");
    delta_close(j, out, NULL);
    j->pos += n;
    return (uint32_t)n;
}

static uint32_t event_line(struct job *j, struct bytes *out)
{
    delta_open(j, out);
    BYTES_LIT(out, "\"content\":\"");
    bytes_reserve(out, j->spec.line);
    memset(out->ptr + out->len, 'x', j->spec.line);
    out->len += j->spec.line;
    BYTES_LIT(out, "\"");
    delta_close(j, out, NULL);
    return (j->spec.line + TOKEN_BYTES - 1) / TOKEN_BYTES;
}

static void event_tool_name(struct job *j, struct bytes *out)
{
    delta_open(j, out);
    bytes_printf(out,
                 "\"tool_calls\":[{\"index\":%u,\"id\":\"call_mock_%u\",\"type\":\"function\","
                 "\"function\":{\"name\":\"",
                 j->tool, j->tool);
    put_part(j, out, j->tools[j->tool].name);
    BYTES_LIT(out, "\",\"arguments\":\"\"}}]");
    delta_close(j, out, NULL);
}

static uint32_t event_tool_args(struct job *j, struct bytes *out)
{
    struct job_part args = j->tools[j->tool].args;
    size_t n = piece(j, args, j->spec.args);
    size_t before = (j->pos + TOKEN_BYTES - 1) / TOKEN_BYTES;

    delta_open(j, out);
    bytes_printf(out, "\"tool_calls\":[{\"index\":%u,\"function\":{\"arguments\":\"", j->tool);
    bytes_escaped(out, j->payload.ptr + args.off + j->pos, n);
    BYTES_LIT(out, "\"}}]");
    delta_close(j, out, NULL);
    j->pos += n;
    return (uint32_t)((j->pos + TOKEN_BYTES - 1) / TOKEN_BYTES - before);
}

static void event_usage(struct job *j, struct bytes *out)
{
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
    BYTES_LIT(out, "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\","
                   "\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":"
                   "{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}");
    put_end(j, out);
}

static bool usage_wanted(const struct job *j)
{
    return j->include_usage && j->spec.usage != USAGE_MISSING && j->spec.usage != USAGE_FINISH;
}

bool job_event(struct job *j, struct bytes *out, uint32_t *tokens)
{
    *tokens = 0;
    if (j->spec.comments)
        BYTES_LIT(out, ": keep-alive\n\n");
    for (;;) {
        switch ((enum phase)j->phase) {
        case AZURE:
            next_phase(j);
            if (!j->spec.azure)
                break;
            event_azure(j, out);
            return true;
        case ROLE:
            next_phase(j);
            if (j->spec.no_role)
                break;
            delta_open(j, out);
            BYTES_LIT(out, "\"role\":\"assistant\",\"content\":\"\"");
            delta_close(j, out, NULL);
            return true;
        case REASONING:
            if (j->pos < j->spec.reasoning) {
                *tokens = event_reasoning(j, out);
                return true;
            }
            next_phase(j);
            break;
        case LINE:
            next_phase(j);
            if (j->spec.line == 0)
                break;
            *tokens = event_line(j, out);
            return true;
        case TEXT:
            if (j->pos < j->text.len) {
                *tokens = event_text(j, out);
                return true;
            }
            next_phase(j);
            if (j->n_tools == 0)
                j->phase = FINISH;
            break;
        case TOOL_NAME:
            event_tool_name(j, out);
            next_phase(j);
            return true;
        case TOOL_ARGS:
            if (j->pos < j->tools[j->tool].args.len) {
                *tokens = event_tool_args(j, out);
                return true;
            }
            next_phase(j);
            if (++j->tool < j->n_tools)
                j->phase = TOOL_NAME;
            break;
        case FINISH:
            next_phase(j);
            delta_open(j, out);
            delta_close(j, out, j->finish);
            return true;
        case USAGE:
            next_phase(j);
            if (!usage_wanted(j))
                break;
            event_usage(j, out);
            return true;
        case DONE:
            next_phase(j);
            if (j->spec.no_done)
                break;
            BYTES_LIT(out, "data: [DONE]");
            put_end(j, out);
            return true;
        case OVER:
            return false;
        }
    }
}

static void whole_tools(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, ",\"tool_calls\":[");
    for (unsigned i = 0; i < j->n_tools; i++) {
        bytes_printf(out,
                     "%s{\"id\":\"call_mock_%u\",\"type\":\"function\",\"function\":{\"name\":\"",
                     i == 0 ? "" : ",", i);
        put_part(j, out, j->tools[i].name);
        BYTES_LIT(out, "\",\"arguments\":\"");
        struct view args = job_view(j, j->tools[i].args);
        bytes_escaped(out, (const char *)args.ptr, args.len);
        BYTES_LIT(out, "\"}}");
    }
    BYTES_LIT(out, "]");
}

void job_whole(struct job *j, struct bytes *out)
{
    BYTES_LIT(out, "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":" CREATED
                   ",\"model\":\"");
    put_part(j, out, j->model);
    BYTES_LIT(out, "\",");
    put_stamp(j, out);
    BYTES_LIT(out, "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    if (j->n_tools != 0) {
        BYTES_LIT(out, "null");
    } else {
        BYTES_LIT(out, "\"");
        bytes_reserve(out, j->spec.line);
        memset(out->ptr + out->len, 'x', j->spec.line);
        out->len += j->spec.line;
        if (j->words)
            put_words(out, 0, j->text.len);
        else
            bytes_escaped(out, j->payload.ptr + j->text.off, j->text.len);
        BYTES_LIT(out, "\"");
    }
    if (j->spec.reasoning != 0) {
        BYTES_LIT(out, ",\"reasoning_content\":\"");
        put_words(out, 0, (size_t)j->spec.reasoning * TOKEN_BYTES);
        BYTES_LIT(out, "\"");
    }
    if (j->n_tools != 0)
        whole_tools(j, out);
    BYTES_LIT(out, ",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"");
    bytes_str(out, j->finish);
    BYTES_LIT(out, "\"}]");
    if (j->spec.usage != USAGE_MISSING) {
        BYTES_LIT(out, ",");
        put_usage(j, out);
    }
    BYTES_LIT(out, "}");
}

void job_error(struct job *j, unsigned status, struct bytes *out)
{
    struct view text = job_view(j, j->error_text);
    const char *type = status == 429   ? "rate_limit_error"
                       : status == 401 ? "authentication_error"
                       : status < 500  ? "invalid_request_error"
                                       : "server_error";

    BYTES_LIT(out, "{\"error\":{\"message\":\"");
    if (text.len != 0)
        bytes_escaped(out, (const char *)text.ptr, text.len);
    else
        bytes_printf(out, "mock error %u", status);
    bytes_printf(out, "\",\"type\":\"%s\",\"param\":null,\"code\":\"mock_%u\"}}", type, status);
}
