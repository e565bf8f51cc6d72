/* OpenAI's Responses: whatever a client sends is read or refused; what was read can be walked and its figures
 * hold. Behind a NUL stands what the model says, as a JSON array of events: each is written, as a stream whose
 * every line is JSON and has the next number, and as a whole answer with the same items. */
#include "clock.h"
#include "responses.h"
#include "responses_read.h"

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

    must(v.len == 0 || json_check(v, &root, NULL) == ERR_NONE);
}

/* What stands between quotes: pasted between quotes it is a JSON string again. */
static void touch_text(struct view v)
{
    struct json_value root;
    struct buf quoted;

    buf_init(&quoted, v.len + 2);
    must(buf_append_byte(&quoted, '"') == ERR_NONE && buf_append(&quoted, v) == ERR_NONE &&
         buf_append_byte(&quoted, '"') == ERR_NONE);
    must(json_check(buf_view(&quoted), &root, NULL) == ERR_NONE && root.kind == JSON_STRING);
    buf_free(&quoted);
}

static void walk(const struct prompt *p)
{
    for (size_t i = 0; i < p->list.n_items; i++) {
        const struct prompt_item *item = &p->list.item[i];

        must(i != 0 || item->kind == ITEM_MESSAGE || item->kind == ITEM_RESULT);
        if (item->text.json)
            touch_json(item->text.bytes);
        else
            touch_text(item->text.bytes);
        touch_text(item->id);
        touch_text(item->name);
        touch_text(item->media_type);
        touch_json(item->extra);
        must(item->kind != ITEM_CALL || (item->id.len != 0 && item->name.len != 0));
    }
    for (size_t i = 0; i < p->list.n_tools; i++) {
        touch_text(p->list.tool[i].name);
        touch_text(p->list.tool[i].description);
        touch_json(p->list.tool[i].schema);
    }
    for (int s = 0; s < SETTING_COUNT; s++)
        touch_json(p->list.setting[s]);
    touch_json(p->list.format_schema);
    touch_text(p->list.choice_name);
    touch_text(p->user);
    touch(p->models.text);
    must(p->prompt_bytes <= p->body.len && p->media.bytes <= p->body.len);
    must(p->prompt_bound + p->media.bytes >= p->body.len + PROMPT_TEMPLATE_TOKENS);
    must(p->max_tokens <= LIMIT_TOKENS_ABSURD && p->n_choices == 1 && !p->hosted_tools);
}

/* --- the answer */

static struct view text_in(struct json_value v, const char *name)
{
    struct json_value m;

    return json_get(v, name, &m) && m.kind == JSON_STRING ? view_of(m.text.ptr + 1, m.text.len - 2) : VIEW_EMPTY;
}

/* {"k":kind,"n":tool,"s":text,"i":id,"j":object} */
static bool event_read(struct json_value v, struct event *e)
{
    struct json_value m;
    uint64_t k = 0, n = 0;

    if (!json_get(v, "k", &m) || json_u64(m, &k) != ERR_NONE || k > EVENT_FINISH)
        return false;
    if (json_get(v, "n", &m) && json_u64(m, &n) != ERR_NONE)
        n = 0;
    *e = (struct event){.kind = (enum event_kind)k, .tool = (uint32_t)(n % 8), .custom = n >= 8,
                        .text = text_in(v, "s"), .name = text_in(v, "s"), .id = text_in(v, "i"), .json = VIEW_LIT("{}"),
                        .finish = FINISH_STOP + n % 4};
    if (json_get(v, "j", &m) && m.kind == JSON_OBJECT)
        e->json = m.text;
    return true;
}

static void answer_begin(struct answer *a, const struct prompt *p)
{
    *a = (struct answer){.id = "gen-1", .created = 1, .model = view_str("m"), .provider = view_str("p"), .prompt = p};
    must(responses_dialect.start(a) == ERR_NONE);
}

static bool say(struct answer *a, struct json_value said, struct buf *out)
{
    struct json_iter it = json_iter(said);
    struct json_member m;
    struct event e;

    while (json_next(&it, &m))
        if (event_read(m.value, &e) && responses_dialect.event(a, &e, out) != ERR_NONE)
            return false;
    return true;
}

/* The items of the last event that has a response. */
static void check_stream(struct view all, struct buf *items)
{
    uint64_t next = 0, number;

    while (all.len != 0 && !view_eq(all, VIEW_LIT("data: [DONE]\n\n"))) {
        struct json_value root = {JSON_NULL, VIEW_EMPTY}, v, output;
        const uint8_t *data = memmem(all.ptr, all.len, "\ndata: ", 7), *end;

        must(data != NULL && view_starts(all, VIEW_LIT("event: ")));
        data += 7;
        end = memmem(data, (size_t)(all.ptr + all.len - data), "\n\n", 2);
        must(end != NULL && json_check(view_of(data, (size_t)(end - data)), &root, NULL) == ERR_NONE);
        must(json_get(root, "sequence_number", &v) && json_u64(v, &number) == ERR_NONE && number == next++);
        if (json_get(root, "response", &v)) {
            must(json_get(v, "output", &output));
            buf_reset(items);
            must(buf_append(items, output.text) == ERR_NONE);
        }
        all = view_from(all, (size_t)(end + 2 - all.ptr));
    }
    must(all.len != 0);
}

static void answer(const struct prompt *p, struct json_value said)
{
    static const struct token_usage usage = {.prompt = 1, .completion = 2};
    struct json_value root, output;
    struct buf out, items, whole;
    struct answer a;

    buf_init(&out, 64 << 20);
    buf_init(&items, 64 << 20);
    buf_init(&whole, 64 << 20);
    answer_begin(&a, p);
    must(responses_dialect.begin(&a, &out) == ERR_NONE);
    if (say(&a, said, &out)) {
        must(responses_dialect.end(&a, &usage, "", &out) == ERR_NONE);
        check_stream(buf_view(&out), &items);
        responses_dialect.close(&a);
        answer_begin(&a, p);
        must(say(&a, said, NULL) && responses_dialect.whole(&a, &usage, &whole) == ERR_NONE);
        must(json_check(buf_view(&whole), &root, NULL) == ERR_NONE && json_get(root, "output", &output));
        must(view_eq(output.text, buf_view(&items)));
    }
    responses_dialect.close(&a);
    buf_free(&out);
    buf_free(&items);
    buf_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size != 0 ? memchr(data, 0, size) : NULL;
    struct view body = view_of(data, nul == NULL ? size : (size_t)(nul - data));
    struct view rest = nul == NULL ? VIEW_EMPTY : view_of(nul + 1, size - body.len - 1);
    struct prompt p;
    struct prompt_fault fault;
    struct json_value said;

    clock_freeze(0, 1700000000000);
    if (responses_read(body, &p, &fault) == ERR_NONE) {
        must(fault.message == NULL);
        walk(&p);
        if (json_check(rest, &said, NULL) == ERR_NONE && said.kind == JSON_ARRAY)
            answer(&p, said);
    } else {
        must(fault.message != NULL);
        touch(fault.member);
    }
    prompt_list_free(&p.list);
    return 0;
}
