/* Anthropic's Messages: whatever a client sends is read or refused; what was read can be walked, its figures
 * hold, and written back as an answer it is JSON, event by event and whole. */
#include "messages.h"
#include "prompt_read.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static volatile uint8_t sum; /* so that every byte is read */

static void touch(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        sum = (uint8_t)(sum + v.ptr[i]);
}

static void touch_json(struct view v)
{
    struct json_value root;

    touch(v);
    must(v.len == 0 || json_check(v, &root, NULL) == ERR_NONE);
}

static void walk(const struct prompt *p)
{
    for (size_t i = 0; i < p->list.n_items; i++) {
        const struct prompt_item *item = &p->list.item[i];

        must(i != 0 || item->kind == ITEM_MESSAGE || item->kind == ITEM_RESULT);
        if (item->text.json)
            touch_json(item->text.bytes);
        touch(item->text.bytes);
        touch(item->id);
        touch(item->name);
        touch(item->media_type);
        touch(item->signature);
        touch_json(item->extra);
        must(item->kind != ITEM_CALL || (item->id.ptr != NULL && item->text.json));
    }
    for (size_t i = 0; i < p->list.n_tools; i++) {
        touch(p->list.tool[i].name);
        touch(p->list.tool[i].description);
        touch_json(p->list.tool[i].schema);
    }
    for (int s = 0; s < SETTING_COUNT; s++)
        touch_json(p->list.setting[s]);
    touch_json(p->list.format_schema);
    touch(p->list.choice_name);
    touch(p->user);
    must(p->prompt_bytes <= p->body.len && p->media.bytes <= p->body.len);
    must(p->prompt_bound + p->media.bytes >= p->body.len + PROMPT_TEMPLATE_TOKENS);
    must(p->max_tokens <= LIMIT_TOKENS_ABSURD && p->n_choices == 1 && !p->hosted_tools);
}

/* Each "data: " line of a stream but the last is JSON. */
static void check_stream(struct view v)
{
    struct json_value root;

    while (v.len != 0) {
        const uint8_t *end = memchr(v.ptr, '\n', v.len);
        struct view line;

        must(end != NULL);
        must(view_take(&v, (size_t)(end - v.ptr) + 1, &line));
        line.len--;
        if (view_starts(line, VIEW_LIT("data: ")) && !view_eq(line, VIEW_LIT("data: [DONE]")))
            must(json_check(view_from(line, 6), &root, NULL) == ERR_NONE);
    }
}

static enum err say(struct answer *a, const struct prompt_item *item, uint32_t *calls, struct buf *out)
{
    struct event e = {.kind = EVENT_TEXT, .text = item->text.bytes};
    enum err err;

    if (item->kind == ITEM_REASONING)
        e.kind = EVENT_REASONING;
    if (item->kind == ITEM_DETAIL)
        e = (struct event){.kind = EVENT_DETAIL, .json = item->text.bytes};
    if (item->kind != ITEM_CALL)
        return item->text.json && item->kind != ITEM_DETAIL ? ERR_NONE
                                                            : messages_2023.event(a, &e, out);
    e = (struct event){.kind = EVENT_TOOL_BEGIN, .tool = (*calls)++, .id = item->id, .name = item->name};
    err = messages_2023.event(a, &e, out);
    e = (struct event){.kind = EVENT_TOOL_ARGS, .tool = e.tool / 2, .text = item->name};
    return err == ERR_NONE ? messages_2023.event(a, &e, out) : err;
}

static void write_back(const struct prompt *p, bool stream)
{
    struct token_usage usage = {0};
    struct answer a = {.id = "gen-00000000000000000000000000000001", .model = VIEW_LIT("a/b"),
                       .prompt = p, .stream = stream};
    struct json_value root;
    uint32_t calls = 0;
    struct buf out;
    enum err e = messages_2023.start(&a);

    must(e == ERR_NONE);
    buf_init(&out, 16 << 20);
    if (stream)
        e = messages_2023.begin(&a, &out);
    for (size_t i = 0; e == ERR_NONE && i < p->list.n_items; i++)
        e = say(&a, &p->list.item[i], &calls, stream ? &out : NULL);
    must(e == ERR_NONE || e == ERR_PROVIDER_LARGE);
    if (e == ERR_NONE && stream) {
        must(messages_2023.end(&a, &usage, "", &out) == ERR_NONE);
        check_stream(buf_view(&out));
    } else if (e == ERR_NONE) {
        must(messages_2023.whole(&a, &usage, &out) == ERR_NONE);
        /* arguments that are JSON of the greatest depth stand a little deeper in the answer */
        e = json_check(buf_view(&out), &root, NULL);
        must(e == ERR_NONE || e == ERR_LIMIT);
    }
    messages_2023.close(&a);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum err (*const reads[])(struct view, struct prompt *, struct prompt_fault *) = {
        messages_2023.read, messages_2026.read, messages_2023.read_count};
    struct prompt_fault fault;
    struct prompt p;
    enum err e;

    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        e = reads[i](view_of(data, size), &p, &fault);
        must(e == ERR_NONE ? fault.message == NULL : fault.message != NULL);
        if (e == ERR_NONE) {
            walk(&p);
            if (i == 0) {
                write_back(&p, true);
                write_back(&p, false);
            }
        }
        prompt_list_free(&p.list);
    }
    return 0;
}
