/* A neutral prompt, built item by item: for tests of renderers. Included once, by the test itself. */
#ifndef TR_TESTS_PROMPT_BUILD_H
#define TR_TESTS_PROMPT_BUILD_H

#include "check.h"
#include "prompt.h"

static struct prompt prompt;

static inline struct view v(const char *s)
{
    return s == NULL ? VIEW_EMPTY : view_str(s);
}

static inline void prompt_begin(void)
{
    prompt = (struct prompt){.n_choices = 1};
    prompt_list_init(&prompt.list);
}

static inline struct prompt_item *item(enum prompt_item_kind kind, const char *text)
{
    struct prompt_item *i = NULL;

    CHECK_INT(prompt_add_item(&prompt.list, kind, &i), ERR_NONE);
    i->text.bytes = v(text);
    return i;
}

static inline void message(enum prompt_role role)
{
    item(ITEM_MESSAGE, NULL)->role = role;
}

static inline void says(enum prompt_role role, const char *text)
{
    message(role);
    (void)item(ITEM_TEXT, text);
}

/* arguments: as chat has them, between quotes. */
static inline struct prompt_item *call(const char *id, const char *name, const char *arguments)
{
    struct prompt_item *i = item(ITEM_CALL, arguments);

    i->id = v(id);
    i->name = v(name);
    return i;
}

static inline struct prompt_item *result(const char *id, const char *text)
{
    size_t at = prompt.list.n_items;

    item(ITEM_RESULT, NULL)->id = v(id);
    if (text != NULL)
        (void)item(ITEM_TEXT, text);
    return &prompt.list.item[at];
}

static inline struct prompt_tool *tool(enum prompt_tool_kind kind, const char *name, const char *schema)
{
    struct prompt_tool *t = NULL;

    CHECK_INT(prompt_add_tool(&prompt.list, kind, &t), ERR_NONE);
    t->name = v(name);
    t->schema = v(schema);
    return t;
}

#endif
