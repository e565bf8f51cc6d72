/* What the writers of all APIs share. */
#include "job_internal.h"
#include "wire.h"

#include <time.h>

/* 64 words of TOKEN_BYTES each, so that n tokens are always 4n bytes. */
static const char word_list[] = "the cat sat on  a   mat and the dog ate it  all the way to  sea "
                                "one two ten six red sky low sun far end big map new day old way "
                                "key box cup tea ice air oak elm fir bay sea oar net fog dew mud "
                                "pen ink ash gem owl fox hen bee ant yak ram ewe cod eel koi ray ";
_Static_assert(sizeof word_list - 1 == 64 * TOKEN_BYTES, "a word is one token");

void put_words(struct bytes *out, size_t from, size_t n)
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

void put_piece(struct bytes *out, const struct piece *p)
{
    if (p->ptr != NULL) {
        bytes_escaped(out, p->ptr + p->from, p->n);
    } else if (p->fill != 0) {
        bytes_reserve(out, p->n);
        memset(out->ptr + out->len, p->fill, p->n);
        out->len += p->n;
    } else {
        put_words(out, p->from, p->n);
    }
}

void put_part(struct job *j, struct bytes *out, struct job_part p)
{
    struct view v = job_view(j, p);

    bytes_put(out, v.ptr, v.len);
}

void put_part_escaped(struct job *j, struct bytes *out, struct job_part p)
{
    struct view v = job_view(j, p);

    bytes_escaped(out, (const char *)v.ptr, v.len);
}

void put_thought(struct job *j, struct bytes *out)
{
    if (j->signature.len != 0)
        put_part_escaped(j, out, j->thought);
    else
        put_words(out, 0, (size_t)j->spec.reasoning * TOKEN_BYTES);
}

void put_text(struct job *j, struct bytes *out)
{
    struct piece line = {.n = j->spec.line, .fill = 'x'};

    put_piece(out, &line);
    if (j->words)
        put_words(out, 0, j->text.len);
    else
        put_part_escaped(j, out, j->text);
}

bool job_has_text(const struct job *j)
{
    return j->text.len != 0 || j->spec.line != 0;
}

void put_call_id(struct job *j, struct bytes *out, unsigned tool)
{
    if (j->turns != 0)
        bytes_printf(out, "mock_%u_%u", j->turns, tool);
    else
        bytes_printf(out, "mock_%u", tool);
}

static uint64_t nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void put_stamp(struct job *j, struct bytes *out)
{
    if (!j->spec.stamp)
        return;
    BYTES_LIT(out, "\"mock_arrived_ns\":");
    bytes_u64(out, j->arrived_ns);
    BYTES_LIT(out, ",\"mock_sent_ns\":");
    bytes_u64(out, nanoseconds());
    BYTES_LIT(out, ",");
}

/* The time inside the text: such chunks differ in their text alone, as real ones do. */
void put_text_stamp(struct job *j, struct bytes *out)
{
    if (!j->spec.text_stamp)
        return;
    BYTES_LIT(out, "@");
    bytes_u64(out, nanoseconds());
    BYTES_LIT(out, " ");
}

/* OpenAI's padding against the reading of lengths: another one in each event. */
void put_filler(struct job *j, struct bytes *out)
{
    if (!j->spec.filler)
        return;
    BYTES_LIT(out, ",\"obfuscation\":\"");
    put_words(out, j->pos % 7, 3 + j->pos % 5);
    BYTES_LIT(out, "\"");
}

void put_end(struct job *j, struct bytes *out)
{
    if (j->spec.crlf)
        BYTES_LIT(out, "\r\n\r\n");
    else
        BYTES_LIT(out, "\n\n");
}

long long usage_prompt(const struct job *j)
{
    return j->spec.usage == USAGE_NEGATIVE ? -5 : (long long)j->prompt;
}

long long usage_completion(const struct job *j)
{
    if (j->spec.usage == USAGE_NEGATIVE)
        return -7;
    return j->spec.usage == USAGE_ABSURD ? 1000000000000000000LL : (long long)j->completion;
}

void openai_error(struct job *j, unsigned status, bool event, struct bytes *out)
{
    struct view text = job_view(j, j->error_text);
    const char *type = status == 429   ? "rate_limit_error"
                       : status == 401 ? "authentication_error"
                       : status < 500  ? "invalid_request_error"
                                       : "server_error";

    if (event)
        BYTES_LIT(out, "data: ");
    BYTES_LIT(out, "{\"error\":{\"message\":\"");
    if (text.len != 0)
        bytes_escaped(out, (const char *)text.ptr, text.len);
    else
        bytes_printf(out, "mock error %u", status);
    bytes_printf(out, "\",\"type\":\"%s\",\"param\":null,\"code\":\"mock_%u\"}}", type, status);
    if (event)
        BYTES_LIT(out, "\n\n");
}
