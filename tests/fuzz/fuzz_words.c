/* Whatever bytes a member of the panel sends, judge and final are shown one JSON document with the members that we put
 * there: an honest answer beside it stays as it is, and a judge that echoes the hostile text, or the whole document, gives
 * no verdict that is not of our form. The first byte is the seed, the second the length of the first piece. Refusals are
 * looked for in the same bytes. */
#include "content_view.h"
#include "json.h"
#include "message.h"
#include "words.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void take(struct collect *c, enum event_kind kind, struct view text)
{
    const struct event e = {.kind = kind, .text = text, .name = kind == EVENT_TOOL_BEGIN ? text : VIEW_EMPTY};

    must(collect_take(c, &e) == ERR_NONE);
}

static size_t members_of(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    size_t n = 0;

    while (json_next(&it, &m))
        n++;
    return n;
}

static struct json_value document_of(const struct prompt_list *l)
{
    struct json_value root = {JSON_NULL, VIEW_EMPTY};

    for (size_t i = 0; i < l->n_items; i++)
        if (l->item[i].kind == ITEM_TEXT && l->item[i].text.json)
            must(json_check(l->item[i].text.bytes, &root, NULL) == ERR_NONE);
    must(root.kind == JSON_OBJECT);
    return root;
}

/* Two answers, one of them the honest one. */
static void check_answers(struct json_value document, size_t members)
{
    struct json_value answers = {JSON_NULL, VIEW_EMPTY}, text;
    struct json_iter it;
    struct json_member m;
    size_t honest = 0;

    must(members_of(document) == members && json_get(document, "answers", &answers) && members_of(answers) == 2);
    it = json_iter(answers);
    while (json_next(&it, &m)) {
        must(m.value.kind == JSON_OBJECT && m.value.text.len <= WORDS_QUOTE_MAX + 128);
        honest += json_get(m.value, "text", &text) && view_eq(text.text, VIEW_LIT("\"honest\""));
    }
    must(honest >= 1);
}

/* The judge says the document again. */
static void check_echo(const struct synth_plan *plan, const struct words_answer *answers, uint64_t seed, struct view document)
{
    struct words_verdict v;
    struct collect judge;
    struct buf escaped;
    enum err e;

    buf_init(&escaped, 8 * document.len + 16);
    must(buf_append_json_string(&escaped, document) == ERR_NONE);
    collect_init(&judge, NULL, 8 << 20);
    take(&judge, EVENT_TEXT, view_of(escaped.ptr + 1, escaped.len - 2));
    e = words_verdict(&judge, plan, answers, 2, seed, NULL, &v);
    must(e == ERR_FORMAT); /* a text in it is no object of it */
    words_verdict_free(&v);
    collect_free(&judge);
    buf_free(&escaped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct catalog_synth row = {.code = true};
    const struct synth_plan plan = {.panel_tokens = 1 << 16, .judge_tokens = 1 << 16, .row = &row, .strategy = SYNTH_SYNTHESIZE};
    struct collect said[2];
    const struct words_answer answers[2] = {{&said[0], 1, false}, {&said[1], 6, false}};
    struct view rest, first;
    struct prompt_list client, judge;

    if (size < 2)
        return 0;
    rest = view_of(data + 2, size - 2);
    (void)view_take(&rest, data[1] < rest.len ? data[1] : rest.len, &first);
    collect_init(&said[0], NULL, 1 << 20);
    collect_init(&said[1], NULL, 1 << 20);
    take(&said[0], EVENT_TEXT, first);
    take(&said[0], EVENT_TEXT, rest);
    (void)refusal_is(&said[0]);
    take(&said[0], EVENT_TOOL_BEGIN, first);
    take(&said[0], EVENT_TOOL_ARGS, rest);
    take(&said[0], EVENT_TOOL_ARGS, first);
    take(&said[1], EVENT_TEXT, VIEW_LIT("honest"));
    prompt_list_init(&client);
    must(words_judge(&client, &plan, answers, 2, data[0], &judge) == ERR_NONE);
    check_answers(document_of(&judge), 2);
    check_echo(&plan, answers, data[0], document_of(&judge).text);
    must(words_final(&client, &plan, answers, 2, data[0], NULL) == ERR_NONE);
    check_answers(document_of(&client), 2);
    prompt_list_free(&judge);
    prompt_list_free(&client);
    collect_free(&said[0]);
    collect_free(&said[1]);
    return 0;
}
