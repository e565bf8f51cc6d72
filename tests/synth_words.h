/* Parts of the tests of Synth's words: a client's list, answers of a panel, documents. */
#ifndef TR_TESTS_SYNTH_WORDS_H
#define TR_TESTS_SYNTH_WORDS_H

#include "chat_list.h"
#include "chat_request.h"
#include "check.h"
#include "message.h"
#include "words.h"

static const struct catalog_synth general_row = {.code = false};

/* A chat client's body as a list; freed by the caller. */
static inline void read_client(struct prompt *p, const char *body)
{
    static struct chat_request r;
    struct prompt_fault fault;

    CHECK_INT(chat_request_parse(view_str(body), &r, p, &fault), ERR_NONE);
    CHECK_INT(chat_list_make(p, &fault), ERR_NONE);
    p->chat = NULL;
}

/* An answer that says this, escaped. */
static inline void collect_say(struct collect *c, struct view text)
{
    const struct event say = {.kind = EVENT_TEXT, .text = text}, end = {.kind = EVENT_FINISH, .finish = FINISH_STOP};

    collect_init(c, NULL, 1 << 20);
    CHECK_INT(collect_take(c, &say), ERR_NONE);
    CHECK_INT(collect_take(c, &end), ERR_NONE);
}

/* The one document of a list: its last text that is JSON. */
static inline struct json_value document_of(const struct prompt_list *l)
{
    struct json_value root = {JSON_NULL, VIEW_EMPTY};

    for (size_t i = 0; i < l->n_items; i++)
        if (l->item[i].kind == ITEM_TEXT && l->item[i].text.json)
            CHECK_INT(json_check(l->item[i].text.bytes, &root, NULL), ERR_NONE);
    CHECK_INT(root.kind, JSON_OBJECT);
    return root;
}

static inline size_t members_of(struct json_value v)
{
    struct json_member m;
    size_t n = 0;

    for (struct json_iter it = json_iter(v); json_next(&it, &m);)
        n++;
    return n;
}

/* The answer under a letter; kind JSON_NULL: none. */
static inline struct json_value answer_of(struct json_value document, uint8_t letter)
{
    struct json_value answers, v, none = {JSON_NULL, VIEW_EMPTY};
    struct json_member m;
    struct view text;

    if (!json_get(document, "answers", &answers))
        return none;
    for (struct json_iter it = json_iter(answers); json_next(&it, &m);)
        if (json_get(m.value, "letter", &v) && json_string_plain(v, &text) && text.len == 1 && text.ptr[0] == letter)
            return m.value;
    return none;
}

#endif
