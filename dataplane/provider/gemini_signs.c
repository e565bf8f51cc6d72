/* (G) Google's signatures in a turn of the model's: which belongs to which part. A client of chat sends them as elements
 * of reasoning_details or beside the call, another one in what it keeps of the thoughts. */
#include "gemini_render_internal.h"

#include "content_view.h"
#include "json.h"
#include "reasoning_maker.h"

bool gemini_is_sign(struct view text)
{
    size_t padding = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];

        if (c == '=' && ++padding <= 2)
            continue;
        if (c == '\\' && i + 1 < text.len && text.ptr[i + 1] == '/')
            continue; /* a slash, as some write it */
        if (padding != 0 || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
                              c == '/' || c == '-' || c == '_'))
            return false;
    }
    return text.len != 0;
}

static struct view between_quotes(struct json_value v)
{
    return v.kind == JSON_STRING ? view_of(v.text.ptr + 1, v.text.len - 2) : VIEW_EMPTY;
}

/* An element that says who made it names Google, one that does not is of a model of Google's. */
static bool is_google(const struct prompt_item *i)
{
    struct json_value root = {JSON_OBJECT, i->text.bytes}, format;
    struct view name;

    if (json_get(root, "format", &format) && json_string_plain(format, &name))
        return view_starts(name, VIEW_LIT("google-"));
    return maker_of_model(i->name) == MAKER_GOOGLE;
}

static void read_element(struct gemini_signs *s, const struct prompt_item *i)
{
    struct json_value root = {JSON_OBJECT, i->text.bytes}, v;
    struct gemini_sign sign = {0};

    if (!json_get(root, "type", &v) || !json_string_is(v, "reasoning.encrypted") || !is_google(i))
        return;
    if (json_get(root, "data", &v))
        sign.data = between_quotes(v);
    if (json_get(root, "id", &v))
        sign.id = between_quotes(v);
    if (gemini_is_sign(sign.data))
        s->sign[s->n++] = sign;
}

void gemini_signs_read(struct gemini_signs *s, const struct prompt_item *item, size_t n)
{
    s->n = 0;
    for (size_t i = 0; i < n && s->n < GEMINI_SIGNS_MAX; i++)
        if (item[i].kind == ITEM_DETAIL && item[i].text.bytes.len != 0 && item[i].text.bytes.ptr[0] == '{')
            read_element(s, &item[i]);
    for (size_t i = 0; i < n; i++) /* so that the first call takes none that is another's */
        for (size_t k = 0; item[i].kind == ITEM_CALL && k < s->n; k++)
            s->sign[k].used = s->sign[k].used || view_eq(s->sign[k].id, item[i].id);
}

struct view gemini_sign_of_answer(const struct gemini_signs *s)
{
    struct view last = VIEW_EMPTY;

    for (size_t i = 0; i < s->n; i++)
        if (s->sign[i].id.len == 0)
            last = s->sign[i].data;
    return last;
}

struct view gemini_sign_of_call(struct gemini_signs *s, const struct prompt_item *call, bool first)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->sign[i].id.len != 0 && view_eq(s->sign[i].id, call->id))
            return s->sign[i].data;
    if (gemini_is_sign(call->signature))
        return call->signature;
    for (size_t i = 0; first && i < s->n; i++)
        if (s->sign[i].id.len != 0 && !s->sign[i].used)
            return s->sign[i].data;
    return VIEW_EMPTY;
}
