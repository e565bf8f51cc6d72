/* (G) The items of a Responses answer as JSON, at any time of their life. */
#include "content_view.h"
#include "responses_internal.h"
#include "responses_state.h"

const char *responses_digits(const struct answer *a)
{
    const char *dash = strchr(a->id, '-');

    return dash == NULL ? a->id : dash + 1;
}

void responses_item_id(const struct answer *a, size_t at, struct pen *p)
{
    static const char *const prefix[] = {[RESPONSES_MESSAGE] = "\"msg_",
                                         [RESPONSES_REASONING] = "\"rs_",
                                         [RESPONSES_FUNCTION] = "\"fc_",
                                         [RESPONSES_CUSTOM] = "\"ctc_",
                                         [RESPONSES_IMAGE] = "\"ig_"};

    pen_text(p, prefix[responses_state(a)->item[at].kind]);
    pen_text(p, responses_digits(a));
    pen_text(p, "_");
    pen_number(p, at);
    pen_text(p, "\"");
}

static const char *status(const struct responses_item *i)
{
    return !i->over ? "in_progress" : i->cut ? "incomplete" : "completed";
}

void responses_part_json(const struct responses_item *i, bool refusal, bool empty, struct pen *p)
{
    if (refusal) {
        pen_text(p, "{\"type\":\"refusal\",\"refusal\":");
        pen_quoted(p, empty ? VIEW_EMPTY : buf_view(&i->refusal.all));
        pen_text(p, "}");
        return;
    }
    pen_text(p, "{\"type\":\"output_text\",\"text\":");
    pen_quoted(p, empty ? VIEW_EMPTY : buf_view(&i->text.all));
    pen_text(p, ",\"annotations\":[");
    pen_put(p, empty ? VIEW_EMPTY : buf_view(&i->notes));
    pen_text(p, "],\"logprobs\":[");
    pen_put(p, empty ? VIEW_EMPTY : buf_view(&i->logprobs));
    pen_text(p, "]}");
}

static void message_json(const struct responses_item *i, struct pen *p)
{
    bool both = i->has_text && i->has_refusal;

    pen_text(p, "\"message\",\"role\":\"assistant\",\"content\":[");
    if (i->has_text || i->has_refusal)
        responses_part_json(i, both ? i->refusal_first : i->has_refusal, false, p);
    if (both) {
        pen_text(p, ",");
        responses_part_json(i, !i->refusal_first, false, p);
    }
    pen_text(p, "]");
}

static void reasoning_json(const struct responses_item *i, struct pen *p)
{
    pen_text(p, "\"reasoning\",\"summary\":[");
    if (i->text.all.len != 0) {
        pen_text(p, "{\"type\":\"summary_text\",\"text\":");
        pen_quoted(p, buf_view(&i->text.all));
        pen_text(p, "}");
    }
    pen_text(p, "]");
    if (i->notes.len != 0) {
        pen_text(p, ",\"encrypted_content\":");
        pen_quoted(p, buf_view(&i->notes));
    }
}

static void call_json(const struct answer *a, const struct responses_item *i, size_t at, struct pen *p)
{
    pen_text(p, i->kind == RESPONSES_CUSTOM ? "\"custom_tool_call\",\"call_id\":"
                                            : "\"function_call\",\"call_id\":");
    if (i->call.len != 0) {
        pen_quoted(p, buf_view(&i->call));
    } else {
        pen_text(p, "\"call_");
        pen_text(p, responses_digits(a));
        pen_text(p, "_");
        pen_number(p, at);
        pen_text(p, "\"");
    }
    if (i->space.len != 0) {
        pen_text(p, ",\"namespace\":");
        pen_quoted(p, buf_view(&i->space));
    }
    pen_text(p, ",\"name\":");
    pen_quoted(p, buf_view(&i->name));
    pen_text(p, i->kind == RESPONSES_CUSTOM ? ",\"input\":" : ",\"arguments\":");
    pen_quoted(p, buf_view(&i->text.all));
}

void responses_item_json(const struct answer *a, size_t at, struct pen *p)
{
    const struct responses_item *i = &responses_state(a)->item[at];

    pen_text(p, "{\"id\":");
    responses_item_id(a, at, p);
    pen_text(p, ",\"type\":");
    switch (i->kind) {
    case RESPONSES_MESSAGE:
        message_json(i, p);
        break;
    case RESPONSES_REASONING:
        reasoning_json(i, p);
        break;
    case RESPONSES_FUNCTION:
    case RESPONSES_CUSTOM:
        call_json(a, i, at, p);
        break;
    case RESPONSES_IMAGE:
        pen_text(p, "\"image_generation_call\",\"result\":");
        if (i->over)
            pen_quoted(p, buf_view(&i->text.all));
        else
            pen_text(p, "null");
        break;
    }
    pen_text(p, ",\"status\":\"");
    pen_text(p, status(i));
    pen_text(p, "\"}");
}

/* --- what stands beside a text */

/* One token; those beside it have the same members. */
static void token_json(struct json_value token, struct pen *p)
{
    struct json_value v;

    pen_text(p, "{\"token\":");
    pen_json(p, json_get(token, "token", &v) ? v.text : VIEW_LIT("\"\""));
    pen_text(p, ",\"logprob\":");
    pen_json(p, json_get(token, "logprob", &v) && v.kind == JSON_NUMBER ? v.text : VIEW_LIT("0"));
    pen_text(p, ",\"bytes\":");
    pen_json(p, json_get(token, "bytes", &v) && v.kind == JSON_ARRAY ? v.text : VIEW_LIT("[]"));
}

static void top_json(struct json_value top, struct pen *p)
{
    struct json_iter it = json_iter(top);
    struct json_member m;

    for (size_t n = 0; top.kind == JSON_ARRAY && json_next(&it, &m); n++) {
        pen_text(p, n == 0 ? "" : ",");
        token_json(m.value, p);
        pen_text(p, "}");
    }
}

void responses_logprobs_json(struct json_value tokens, struct pen *p)
{
    struct json_iter it = json_iter(tokens);
    struct json_member m;

    for (size_t n = 0; tokens.kind == JSON_ARRAY && json_next(&it, &m); n++) {
        struct json_value top = {JSON_NULL, VIEW_EMPTY};

        pen_text(p, n == 0 ? "" : ",");
        token_json(m.value, p);
        pen_text(p, ",\"top_logprobs\":[");
        (void)json_get(m.value, "top_logprobs", &top);
        top_json(top, p);
        pen_text(p, "]}");
    }
}

static void index_json(struct json_value citation, const char *name, struct pen *p)
{
    struct json_value v;
    uint64_t n = 0;

    if (!json_get(citation, name, &v) || json_u64(v, &n) != ERR_NONE)
        n = 0;
    pen_number(p, n);
}

bool responses_annotation_json(struct json_value annotation, struct pen *p)
{
    struct json_value type, citation;

    if (!json_get(annotation, "type", &type) || !json_string_is(type, "url_citation"))
        return false;
    if (!json_get(annotation, "url_citation", &citation))
        citation = annotation; /* flat already */
    pen_text(p, "{\"type\":\"url_citation\",\"url\":");
    pen_quoted(p, responses_text(citation, "url"));
    pen_text(p, ",\"title\":");
    pen_quoted(p, responses_text(citation, "title"));
    pen_text(p, ",\"start_index\":");
    index_json(citation, "start_index", p);
    pen_text(p, ",\"end_index\":");
    index_json(citation, "end_index", p);
    pen_text(p, "}");
    return true;
}
