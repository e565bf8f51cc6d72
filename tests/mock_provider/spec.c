#include "spec.h"

#include <stddef.h>

enum kind { U32, U32_PLUS_1, FLAG, TEXT };

static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
} words[] = {
    {"times", U32, offsetof(struct spec, times)},
    {"tokens", U32_PLUS_1, offsetof(struct spec, tokens)},
    {"chunk", U32, offsetof(struct spec, chunk)},
    {"reasoning", U32, offsetof(struct spec, reasoning)},
    {"prompt", U32, offsetof(struct spec, prompt)},
    {"cached", U32, offsetof(struct spec, cached)},
    {"args", U32, offsetof(struct spec, args)},
    {"text", TEXT, offsetof(struct spec, text)},
    {"error_text", TEXT, offsetof(struct spec, error_text)},
    {"delay_us", U32, offsetof(struct spec, delay_us)},
    {"first_us", U32, offsetof(struct spec, first_us)},
    {"cadence_us", U32, offsetof(struct spec, cadence_us)},
    {"median_us", U32, offsetof(struct spec, median_us)},
    {"sigma", U32, offsetof(struct spec, sigma)},
    {"line", U32, offsetof(struct spec, line)},
    {"split", U32_PLUS_1, offsetof(struct spec, split)},
    {"step", U32, offsetof(struct spec, step)},
    {"coalesce", U32, offsetof(struct spec, coalesce)},
    {"nodone", FLAG, offsetof(struct spec, no_done)},
    {"azure", FLAG, offsetof(struct spec, azure)},
    {"stamp", FLAG, offsetof(struct spec, stamp)},
    {"textstamp", FLAG, offsetof(struct spec, text_stamp)},
    {"filler", FLAG, offsetof(struct spec, filler)},
    {"echo", FLAG, offsetof(struct spec, echo)},
    {"counter", FLAG, offsetof(struct spec, counter)},
    {"floats", FLAG, offsetof(struct spec, floats)},
    {"sign", FLAG, offsetof(struct spec, sign)},
    {"strict", FLAG, offsetof(struct spec, strict)},
    {"replay", FLAG, offsetof(struct spec, replay)},
    {"refuse", FLAG, offsetof(struct spec, refuse)},
    {"nocalls", FLAG, offsetof(struct spec, no_calls)},
    {"refusal", FLAG, offsetof(struct spec, refusal)},
    {"norole", FLAG, offsetof(struct spec, no_role)},
    {"crlf", FLAG, offsetof(struct spec, crlf)},
    {"comments", FLAG, offsetof(struct spec, comments)},
    {"connclose", FLAG, offsetof(struct spec, connection_close)},
    {"dropafter", FLAG, offsetof(struct spec, drop_after)},
};

static const struct {
    const char *name;
    enum spec_fail fail;
} fails[] = {
    {"html502", FAIL_HTML}, {"truncjson", FAIL_TRUNCATED}, {"badjson", FAIL_BAD_JSON},
    {"rst", FAIL_RESET},    {"close", FAIL_CLOSE},         {"stall", FAIL_STALL},
    {"body", FAIL_BODY},    {"first", FAIL_FIRST},         {"badte", FAIL_BAD_TE},
    {"badcl", FAIL_BAD_CL}, {"bighead", FAIL_BIG_HEAD},    {"garbage", FAIL_GARBAGE},
};

/* Indexed by enum spec_frame, spec_usage and spec_end. */
static const char *const frames[] = {"chunked", "length", "eof"};
static const char *const usages[] = {"normal", "missing", "null",    "finish",
                                     "bare",   "absurd",  "negative"};
static const char *const ends[] = {"", "rst_at", "stall_at", "close_at", "cut_at", "error_at"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

void spec_init(struct spec *s)
{
    *s = (struct spec){.chunk = 1, .args = 5, .coalesce = 1};
}

static bool spec_u32(struct view v, uint32_t *out)
{
    uint64_t n;

    if (!view_u64(v, &n) || n > UINT32_MAX - 1)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool spec_name(const char *const *names, size_t n, struct view v, size_t *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!view_eq(v, view_str(names[i])))
            continue;
        *out = i;
        return true;
    }
    return false;
}

static bool spec_fail(struct view v, struct spec *s)
{
    uint32_t status;

    for (size_t i = 0; i < COUNT(fails); i++) {
        if (!view_eq(v, view_str(fails[i].name)))
            continue;
        s->fail = fails[i].fail;
        return true;
    }
    if (!spec_u32(v, &status) || status < 400 || status > 599)
        return false;
    s->fail = FAIL_STATUS;
    s->status = (uint16_t)status;
    return true;
}

static bool spec_table(struct view key, struct view value, bool has_value, struct spec *s)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        char *at = (char *)s + words[i].offset;
        if (!view_eq(key, view_str(words[i].name)))
            continue;
        switch (words[i].kind) {
        case U32:
            return spec_u32(value, (uint32_t *)(void *)at);
        case U32_PLUS_1:
            if (!spec_u32(value, (uint32_t *)(void *)at))
                return false;
            ++*(uint32_t *)(void *)at;
            return true;
        case FLAG:
            *(bool *)at = true;
            return !has_value;
        case TEXT:
            *(struct view *)(void *)at = value;
            return has_value;
        }
    }
    return false;
}

static bool spec_word(struct view word, struct spec *s)
{
    const uint8_t *eq = memchr(word.ptr, '=', word.len);
    struct view key = word, value = VIEW_EMPTY;
    size_t i;

    if (eq != NULL) {
        key.len = (size_t)(eq - word.ptr);
        value = view_from(word, key.len + 1);
    }
    if (view_eq(key, VIEW_LIT("fail")))
        return spec_fail(value, s);
    if (view_eq(key, VIEW_LIT("id"))) {
        if (value.len >= sizeof s->id)
            return false;
        memcpy(s->id, value.ptr, value.len);
        s->id[value.len] = '\0';
        return true;
    }
    if (view_eq(key, VIEW_LIT("retry_after")))
        return s->has_retry_after = spec_u32(value, &s->retry_after);
    if (view_eq(key, VIEW_LIT("retry_after_ms")))
        return s->has_retry_after_ms = spec_u32(value, &s->retry_after_ms);
    if (view_eq(key, VIEW_LIT("frame"))) {
        if (!spec_name(frames, COUNT(frames), value, &i))
            return false;
        s->frame = (enum spec_frame)i;
        return true;
    }
    if (view_eq(key, VIEW_LIT("usage"))) {
        if (!spec_name(usages, COUNT(usages), value, &i))
            return false;
        s->usage = (enum spec_usage)i;
        return true;
    }
    if (spec_name(ends, COUNT(ends), key, &i) && i != 0) {
        s->end = (enum spec_end)i;
        return spec_u32(value, &s->end_at);
    }
    return spec_table(key, value, eq != NULL, s);
}

bool spec_parse(struct view text, struct spec *s)
{
    const struct view say = VIEW_LIT("say=");

    while (text.len != 0) {
        const uint8_t *comma = memchr(text.ptr, ',', text.len);
        struct view word = text;

        if (view_starts(text, say)) { /* to the end, with its commas */
            s->text = view_from(text, say.len);
            break;
        }
        if (comma != NULL)
            word.len = (size_t)(comma - text.ptr);
        text = view_from(text, word.len + 1);
        if (word.len != 0 && !spec_word(word, s))
            return false;
    }
    return s->chunk != 0 && s->args != 0 && s->coalesce != 0;
}
