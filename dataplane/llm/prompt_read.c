/* (G) Reads single members of a request. */
#include "prompt_read.h"

#include "content_view.h"
#include "effort.h"

const char *prompt_no_object(struct view body, enum err e)
{
    if (view_starts(body, VIEW_LIT("\xff\xfe")) || view_starts(body, VIEW_LIT("\xfe\xff")))
        return "the body is UTF-16; send UTF-8";
    return e == ERR_LIMIT ? "the body is nested too deeply or has too many members"
                          : "the body is not a JSON object in UTF-8";
}

static enum err model_put(struct view plain, struct prompt *p, struct prompt_fault *fault)
{
    if (plain.len > LIMIT_MODEL_ID_BYTES)
        return prompt_refuse(fault, "model is too long", ERR_RANGE);
    if (plain.len == 0)
        return prompt_refuse(fault, "model must be a non-empty string", ERR_FORMAT);
    for (size_t i = 0; i < plain.len; i++)
        if (plain.ptr[i] < 0x20 || plain.ptr[i] == 0x7f)
            return prompt_refuse(fault, "model holds a control character", ERR_FORMAT);
    memcpy(p->model, plain.ptr, plain.len);
    p->model[plain.len] = '\0';
    return ERR_NONE;
}

enum err prompt_read_model(struct json_value v, struct prompt *p, struct prompt_fault *fault)
{
    struct buf decoded;
    struct view plain;
    enum err e;

    if (v.kind != JSON_STRING)
        return prompt_refuse(fault, "model must be a string", ERR_FORMAT);
    if (json_string_plain(v, &plain))
        return model_put(plain, p, fault);
    buf_init(&decoded, LIMIT_MODEL_ID_BYTES);
    e = json_string_decode(v, &decoded);
    if (e == ERR_NONE)
        e = model_put(buf_view(&decoded), p, fault);
    else if (e != ERR_MEMORY)
        e = e == ERR_LIMIT ? prompt_refuse(fault, "model is too long", ERR_RANGE)
                           : prompt_refuse(fault, "model must be a non-empty string", ERR_FORMAT);
    buf_free(&decoded);
    return e;
}

enum err prompt_read_bool(struct json_value v, struct prompt_fault *fault, bool *out)
{
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE)
        return prompt_refuse(fault, "must be true or false", ERR_FORMAT);
    *out = v.kind == JSON_TRUE;
    return ERR_NONE;
}

enum err prompt_read_count(struct json_value v, uint32_t min, uint32_t max, const char *message,
                           struct prompt_fault *fault, uint32_t *out)
{
    int64_t n = 0;
    enum err e = json_whole(v, &n);

    if (e != ERR_NONE && e != ERR_RANGE)
        return prompt_refuse(fault, message, ERR_FORMAT);
    if (e == ERR_RANGE || n < (int64_t)min || n > (int64_t)max)
        return prompt_refuse(fault, message, ERR_RANGE);
    *out = (uint32_t)n;
    return ERR_NONE;
}

enum err prompt_read_text(struct json_value v, const char *message, struct prompt_fault *fault,
                          struct view *out)
{
    if (v.kind != JSON_STRING)
        return prompt_refuse(fault, message, ERR_FORMAT);
    *out = view_of(v.text.ptr + 1, v.text.len - 2);
    return ERR_NONE;
}

enum err prompt_read_raw(struct json_value v, enum json_kind kind, const char *message,
                         struct prompt_fault *fault, struct view *out)
{
    if (v.kind != kind)
        return prompt_refuse(fault, message, ERR_FORMAT);
    *out = v.text;
    return ERR_NONE;
}

enum err prompt_read_effort(struct json_value v, struct prompt_fault *fault,
                            enum prompt_effort *out)
{
    if (effort_read(v, out))
        return ERR_NONE;
    return prompt_refuse(fault, "must be none, minimal, low, medium, high, xhigh or max", ERR_FORMAT);
}
