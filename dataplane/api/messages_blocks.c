/* (G) Reads the content blocks of a message: what a user, a model or a tool said. */
#include "messages_internal.h"

#include "content_view.h"

/* What a block stands in decides which blocks may. */
enum place {
    IN_SYSTEM = 1,
    IN_USER = 2,
    IN_ASSISTANT = 4,
    IN_RESULT = 8,
    IN_DOCUMENT = 16, /* the content source of a document */
};

struct blocks {
    struct messages_reader *r;
    enum prompt_role role;
    enum place place;
    bool message_open; /* parts join the item that was begun last, and that is this message */
};

typedef enum err block_fn(struct blocks *b, struct json_value block);
static block_fn read_text, read_image, read_document, read_search_result, read_tool_result,
    read_tool_use, read_thinking, read_redacted, read_tool_reference, read_dropped, read_refused;
static enum err read_list(struct blocks *b, struct json_value content);

static const struct {
    const char *type;
    unsigned places;
    block_fn *read;
} types[] = {
    {"text", IN_SYSTEM | IN_USER | IN_ASSISTANT | IN_RESULT | IN_DOCUMENT, read_text},
    {"image", IN_USER | IN_ASSISTANT | IN_RESULT | IN_DOCUMENT, read_image},
    {"document", IN_USER | IN_ASSISTANT | IN_RESULT, read_document},
    {"search_result", IN_USER | IN_ASSISTANT | IN_RESULT, read_search_result},
    {"tool_result", IN_USER, read_tool_result},
    {"tool_reference", IN_RESULT, read_tool_reference},
    {"tool_use", IN_ASSISTANT, read_tool_use},
    {"thinking", IN_ASSISTANT, read_thinking},
    {"redacted_thinking", IN_ASSISTANT, read_redacted},
    /* What Anthropic's own servers did in an earlier turn: no other provider has it. */
    {"server_tool_use", IN_ASSISTANT, read_dropped},
    {"web_search_tool_result", IN_ASSISTANT, read_dropped},
    {"web_fetch_tool_result", IN_ASSISTANT, read_dropped},
    {"code_execution_tool_result", IN_ASSISTANT, read_dropped},
    {"bash_code_execution_tool_result", IN_ASSISTANT, read_dropped},
    {"text_editor_code_execution_tool_result", IN_ASSISTANT, read_dropped},
    {"tool_search_tool_result", IN_ASSISTANT, read_dropped},
    {"advisor_tool_result", IN_ASSISTANT, read_dropped},
    {"mcp_tool_use", IN_ASSISTANT, read_dropped},
    {"mcp_tool_result", IN_ASSISTANT, read_dropped},
    {"mcp_tool_listing", IN_ASSISTANT, read_dropped},
    {"fallback", IN_ASSISTANT, read_dropped},
    /* What they keep, or what would be lost without a word. */
    {"container_upload", IN_USER | IN_ASSISTANT, read_refused},
    {"compaction", IN_USER | IN_ASSISTANT, read_refused},
    {"browser_state", IN_RESULT, read_refused},
    {"tool_addition", IN_SYSTEM, read_refused},
    {"tool_removal", IN_SYSTEM, read_refused},
};

enum err messages_read_mark(struct messages_reader *r, struct json_value v)
{
    static const struct messages_field fields[] = {{"ttl", OF_TEXT}};
    struct json_value ttl;
    enum err e = messages_fields(r, v, fields, 1, false, &ttl);

    if (e == ERR_NONE && messages_has(ttl) && !json_string_is(ttl, "5m"))
        r->p->long_cache = true;
    return e;
}

/* The message's own item comes with its first part: results are items of their own. */
static enum err need_message(struct blocks *b)
{
    struct prompt_item *message;
    enum err e;

    if (b->message_open)
        return ERR_NONE;
    e = prompt_add_item(&b->r->p->list, ITEM_MESSAGE, &message);
    if (e != ERR_NONE)
        return e;
    message->role = b->role;
    b->message_open = true;
    return ERR_NONE;
}

static enum err add_part(struct blocks *b, enum prompt_item_kind kind, struct prompt_item **out)
{
    enum err e = need_message(b);

    return e == ERR_NONE ? prompt_add_item(&b->r->p->list, kind, out) : e;
}

/* Empty texts are refused by providers and say nothing. */
static enum err add_text(struct blocks *b, struct json_value text, struct json_value mark)
{
    struct prompt_item *item;
    enum err e = ERR_NONE;

    if (messages_has(mark))
        e = messages_read_mark(b->r, mark);
    if (e != ERR_NONE || messages_text(text).len == 0)
        return e;
    e = add_part(b, ITEM_TEXT, &item);
    if (e != ERR_NONE)
        return e;
    item->text.bytes = messages_text(text);
    item->extra = mark.text;
    return ERR_NONE;
}

/* What Claude Code puts in front changes with each request, which would spoil every cache. */
static bool is_billing(struct json_value text)
{
    return view_starts(messages_text(text), VIEW_LIT("x-anthropic-billing-header:"));
}

static enum err read_text(struct blocks *b, struct json_value block)
{
    static const struct messages_field fields[] = {
        {"text", OF_TEXT}, {"cache_control", OF_OBJECT}, {"citations", OF_LIST}};
    struct json_value v[3];
    struct json_member any;
    struct json_iter it;
    enum err e = messages_fields(b->r, block, fields, 3, false, v);

    if (e != ERR_NONE)
        return e;
    if (!messages_has(v[0]))
        return messages_refuse(b->r, "text", "Field required", ERR_FORMAT);
    if (b->place == IN_SYSTEM && is_billing(v[0]))
        return read_dropped(b, block);
    it = json_iter(v[2]);
    if (b->r->since_2026 && b->role == ROLE_USER && messages_has(v[2]) && json_next(&it, &any))
        return messages_refuse(b->r, "citations", "Extra inputs are not permitted", ERR_UNSUPPORTED);
    return add_text(b, v[0], v[1]);
}

/* --- sources --- */

enum source_kind { SOURCE_BASE64, SOURCE_URL, SOURCE_TEXT, SOURCE_CONTENT };

struct source {
    enum source_kind kind;
    struct json_value media_type, data; /* data: base64, URL, text, or content */
    size_t bytes;                       /* of the whole source */
};

static enum err read_source(struct messages_reader *r, struct json_value v, struct source *out)
{
    static const struct messages_field fields[] = {{"type", OF_TEXT},
                                                   {"media_type", OF_TEXT},
                                                   {"data", OF_TEXT},
                                                   {"url", OF_TEXT},
                                                   {"content", OF_TEXT | OF_LIST}};
    struct json_value m[5];
    enum err e;

    if (!messages_has(v))
        return messages_refuse(r, "source", "Field required", ERR_FORMAT);
    e = messages_fields(r, v, fields, 5, false, m);
    if (e != ERR_NONE)
        return e;
    *out = (struct source){.media_type = m[1], .data = m[2], .bytes = v.text.len};
    if (json_string_is(m[0], "base64")) {
        out->kind = SOURCE_BASE64;
    } else if (json_string_is(m[0], "text")) {
        out->kind = SOURCE_TEXT;
    } else if (json_string_is(m[0], "url")) {
        out->kind = SOURCE_URL;
        out->data = m[3];
    } else if (json_string_is(m[0], "content")) {
        out->kind = SOURCE_CONTENT;
        out->data = m[4];
    } else {
        return messages_refuse(r, "source",
                               json_string_is(m[0], "file")
                                   ? "this router stores no files; send the data itself"
                                   : "Input tag should be one of base64, url, text, content",
                               ERR_UNSUPPORTED);
    }
    return messages_has(out->data) ? ERR_NONE
                                   : messages_refuse(r, "source", "its data is missing", ERR_FORMAT);
}

static enum err read_image(struct blocks *b, struct json_value block)
{
    static const char *const kinds[] = {"image/jpeg", "image/png", "image/gif", "image/webp"};
    static const struct messages_field fields[] = {{"source", OF_OBJECT}, {"cache_control", OF_OBJECT}};
    struct json_value v[2];
    struct prompt_item *item;
    struct source s;
    size_t kind = 0;
    enum err e = messages_fields(b->r, block, fields, 2, false, v);

    if (e == ERR_NONE)
        e = read_source(b->r, v[0], &s);
    if (e == ERR_NONE && messages_has(v[1]))
        e = messages_read_mark(b->r, v[1]);
    if (e != ERR_NONE)
        return e;
    if (s.kind != SOURCE_BASE64 && s.kind != SOURCE_URL)
        return messages_refuse(b->r, "source", "an image is sent as base64 or by URL", ERR_FORMAT);
    while (kind < 4 && !json_string_is(s.media_type, kinds[kind]))
        kind++;
    if (s.kind == SOURCE_BASE64 && kind == 4)
        return messages_refuse(b->r, "media_type",
                               "Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
                               ERR_FORMAT);
    if (s.kind == SOURCE_URL && !view_starts(messages_text(s.data), VIEW_LIT("http")))
        return messages_refuse(b->r, "url", "Only HTTP and HTTPS URLs are supported", ERR_FORMAT);
    e = add_part(b, ITEM_IMAGE, &item);
    if (e != ERR_NONE)
        return e;
    item->text.bytes = messages_text(s.data);
    item->media_type = s.kind == SOURCE_BASE64 ? messages_text(s.media_type) : VIEW_EMPTY;
    item->extra = v[1].text;
    media_add(&b->r->p->media, MEDIA_IMAGE, s.kind == SOURCE_BASE64, s.bytes, block.text.len);
    b->r->p->prompt_bytes -= s.bytes;
    b->r->p->needs |= CAP_IMAGES;
    return ERR_NONE;
}

/* A document's own parts, in its place. */
static enum err read_inner(struct blocks *b, struct json_value content)
{
    enum place outer = b->place;
    enum err e;

    if (content.kind == JSON_STRING)
        return add_text(b, content, (struct json_value){0});
    b->place = IN_DOCUMENT;
    e = read_list(b, content);
    b->place = outer;
    return e;
}

static enum err add_pdf(struct blocks *b, const struct source *s, struct json_value title,
                        struct json_value mark)
{
    struct prompt_item *item;
    enum err e;

    if (!json_string_is(s->media_type, "application/pdf"))
        return messages_refuse(b->r, "media_type", "Input should be 'application/pdf'", ERR_FORMAT);
    e = add_part(b, ITEM_FILE, &item);
    if (e != ERR_NONE)
        return e;
    item->text.bytes = messages_text(s->data);
    item->media_type = messages_text(s->media_type);
    item->name = messages_text(title);
    item->extra = mark.text;
    media_add(&b->r->p->media, MEDIA_FILE, true, s->bytes, s->bytes);
    b->r->p->prompt_bytes -= s->bytes;
    return ERR_NONE;
}

/* The parts that came of it, from item `from` on, are one block in Anthropic's own dialect. */
static void note_block(struct blocks *b, size_t from, struct json_value block)
{
    struct prompt_list *l = &b->r->p->list;

    for (; from < l->n_items; from++)
        if (l->item[from].kind != ITEM_MESSAGE)
            l->item[from].block = block.text;
}

static enum err read_document(struct blocks *b, struct json_value block)
{
    const size_t from = b->r->p->list.n_items;
    static const struct messages_field fields[] = {
        {"source", OF_OBJECT}, {"title", OF_TEXT}, {"context", OF_TEXT}, {"cache_control", OF_OBJECT}};
    struct json_value v[4];
    struct source s = {0};
    enum err e = messages_fields(b->r, block, fields, 4, false, v);

    if (e == ERR_NONE && b->place == IN_ASSISTANT && b->r->since_2026)
        return messages_refuse(b->r, "messages", "documents are not permitted in an assistant message",
                               ERR_FORMAT);
    if (e == ERR_NONE)
        e = read_source(b->r, v[0], &s);
    if (e == ERR_NONE && messages_has(v[3]))
        e = messages_read_mark(b->r, v[3]);
    if (e == ERR_NONE && s.kind == SOURCE_URL)
        return messages_refuse(b->r, "source", "documents by URL are not supported; send the data itself",
                               ERR_UNSUPPORTED);
    if (e == ERR_NONE && s.kind != SOURCE_BASE64)
        e = add_text(b, v[1], (struct json_value){0});
    if (e == ERR_NONE)
        e = add_text(b, v[2], (struct json_value){0});
    if (e != ERR_NONE)
        return e;
    if (s.kind == SOURCE_BASE64)
        e = add_pdf(b, &s, v[1], v[3]);
    else
        e = s.kind == SOURCE_TEXT ? add_text(b, s.data, v[3]) : read_inner(b, s.data);
    note_block(b, from, block);
    return e;
}

static enum err read_search_result(struct blocks *b, struct json_value block)
{
    static const struct messages_field fields[] = {{"title", OF_TEXT}, {"source", OF_TEXT}, {"content", OF_LIST}};
    const size_t from = b->r->p->list.n_items;
    struct json_value v[3];
    enum err e = messages_fields(b->r, block, fields, 3, false, v);

    for (size_t i = 0; e == ERR_NONE && i < 2; i++)
        e = add_text(b, v[i], (struct json_value){0});
    if (e == ERR_NONE && !messages_has(v[2]))
        return messages_refuse(b->r, "content", "Field required", ERR_FORMAT);
    if (e == ERR_NONE)
        e = read_inner(b, v[2]);
    note_block(b, from, block);
    return e;
}

/* --- tools --- */

static enum err read_tool_result(struct blocks *b, struct json_value block)
{
    static const struct messages_field fields[] = {{"tool_use_id", OF_TEXT},
                                                   {"content", OF_TEXT | OF_LIST},
                                                   {"is_error", OF_BOOL},
                                                   {"cache_control", OF_OBJECT}};
    struct blocks inner = {b->r, b->role, IN_RESULT, true};
    struct json_value v[4];
    struct prompt_item *item;
    enum err e = messages_fields(b->r, block, fields, 4, false, v);

    if (e == ERR_NONE && messages_text(v[0]).len == 0)
        return messages_refuse(b->r, "tool_use_id", "Field required", ERR_FORMAT);
    if (e == ERR_NONE && messages_has(v[3]))
        e = messages_read_mark(b->r, v[3]);
    if (e == ERR_NONE)
        e = prompt_add_item(&b->r->p->list, ITEM_RESULT, &item);
    if (e != ERR_NONE)
        return e;
    b->message_open = false;
    item->id = messages_text(v[0]);
    item->failed = v[2].kind == JSON_TRUE;
    item->extra = v[3].text;
    if (v[1].kind == JSON_ARRAY)
        return read_list(&inner, v[1]);
    return add_text(&inner, v[1], (struct json_value){0});
}

/* Names a tool that was not loaded; all are sent in full. */
static enum err read_tool_reference(struct blocks *b, struct json_value block)
{
    static const struct messages_field fields[] = {{"tool_name", OF_TEXT}};
    struct json_value name;
    enum err e = messages_fields(b->r, block, fields, 1, false, &name);

    return e == ERR_NONE ? add_text(b, name, (struct json_value){0}) : e;
}

static enum err read_tool_use(struct blocks *b, struct json_value block)
{
    static const struct messages_field fields[] = {
        {"id", OF_TEXT}, {"name", OF_TEXT}, {"input", OF_OBJECT}, {"cache_control", OF_OBJECT}};
    struct json_value v[4];
    struct prompt_item *item;
    enum err e = messages_fields(b->r, block, fields, 4, false, v);

    for (size_t i = 0; e == ERR_NONE && i < 3; i++)
        if (!messages_has(v[i]))
            return messages_refuse(b->r, fields[i].name, "Field required", ERR_FORMAT);
    if (e == ERR_NONE && messages_has(v[3]))
        e = messages_read_mark(b->r, v[3]);
    if (e == ERR_NONE)
        e = add_part(b, ITEM_CALL, &item);
    if (e != ERR_NONE)
        return e;
    item->id = messages_text(v[0]);
    item->name = messages_text(v[1]);
    item->text = (struct prompt_text){v[2].text, true};
    item->extra = v[3].text;
    return ERR_NONE;
}

/* --- thoughts --- */

static enum err read_thinking(struct blocks *b, struct json_value block)
{
    static const struct messages_field fields[] = {{"thinking", OF_TEXT}, {"signature", OF_TEXT}};
    struct json_value v[2];
    enum err e = messages_fields(b->r, block, fields, 2, false, v);

    if (e == ERR_NONE && !messages_has(v[0]))
        return messages_refuse(b->r, "thinking", "Field required", ERR_FORMAT);
    if (e == ERR_NONE)
        e = need_message(b);
    return e == ERR_NONE ? messages_add_thought(b->r, messages_text(v[0]), messages_text(v[1])) : e;
}

static enum err read_redacted(struct blocks *b, struct json_value block)
{
    static const struct messages_field fields[] = {{"data", OF_TEXT}};
    struct json_value data;
    enum err e = messages_fields(b->r, block, fields, 1, false, &data);

    if (e == ERR_NONE && !messages_has(data))
        return messages_refuse(b->r, "data", "Field required", ERR_FORMAT);
    if (e == ERR_NONE)
        e = need_message(b);
    return e == ERR_NONE ? messages_add_redacted(b->r, messages_text(data)) : e;
}

static enum err read_dropped(struct blocks *b, struct json_value block)
{
    b->r->p->prompt_bytes -= block.text.len;
    return ERR_NONE;
}

static enum err read_refused(struct blocks *b, struct json_value block)
{
    struct json_value type;

    if (!json_get(block, "type", &type))
        return ERR_BUG;
    return messages_refuse_member(b->r, messages_text(type),
                                  "content blocks of this type are not supported by this router");
}

static enum err read_block(struct blocks *b, struct json_value block)
{
    static const struct messages_field fields[] = {{"type", OF_TEXT}};
    struct json_value type;
    enum err e;

    if (block.kind != JSON_OBJECT)
        return messages_refuse(b->r, "content", "Input should be an object", ERR_FORMAT);
    e = messages_fields(b->r, block, fields, 1, false, &type);
    if (e != ERR_NONE)
        return e;
    if (!messages_has(type))
        return messages_refuse(b->r, "type", "Field required", ERR_FORMAT);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((types[i].places & b->place) != 0 && json_string_is(type, types[i].type))
            return types[i].read(b, block);
    return messages_refuse_member(b->r, messages_text(type),
                                  "content blocks of this type are not permitted here");
}

static enum err read_list(struct blocks *b, struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && json_next(&it, &m))
        e = read_block(b, m.value);
    return e;
}

enum err messages_read_blocks(struct messages_reader *r, enum prompt_role role, struct json_value content)
{
    enum place place = role == ROLE_SYSTEM ? IN_SYSTEM : role == ROLE_USER ? IN_USER : IN_ASSISTANT;
    struct blocks b = {r, role, place, false};

    if (content.kind == JSON_ARRAY)
        return read_list(&b, content);
    return place == IN_SYSTEM && is_billing(content) ? read_dropped(&b, content)
                                                     : add_text(&b, content, (struct json_value){0});
}
