/* The list of a prompt in words, for tests of its readers: "user text:hi | assistant call:id,name,{} |
 * result(id) text:9". */
#ifndef TR_TESTS_PROMPT_WORDS_H
#define TR_TESTS_PROMPT_WORDS_H

#include "prompt.h"

#include <stdio.h>

static char words[65536];
static size_t n_words;

static inline void say(const char *s)
{
    n_words += (size_t)snprintf(words + n_words, sizeof words - n_words, "%s", s);
}

static inline void say_view(struct view v)
{
    n_words += (size_t)snprintf(words + n_words, sizeof words - n_words, "%.*s", (int)v.len,
                                (const char *)v.ptr);
}

static inline void say_item(const struct prompt_item *i)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant"};
    static const char *const kinds[] = {[ITEM_TEXT] = " text:",     [ITEM_REFUSAL] = " refusal:",
                                        [ITEM_IMAGE] = " image:",   [ITEM_AUDIO] = " audio:",
                                        [ITEM_FILE] = " file:",     [ITEM_VIDEO] = " video:",
                                        [ITEM_REASONING] = " thought:", [ITEM_DETAIL] = " detail:",
                                        [ITEM_CALL] = " call:"};

    if (i->kind == ITEM_MESSAGE) {
        say(n_words == 0 ? "" : " | ");
        say(roles[i->role]);
        return;
    }
    if (i->kind == ITEM_RESULT) {
        say(" | result(");
        say_view(i->id);
        say(i->failed ? " failed)" : i->custom ? " custom)" : ")");
    } else {
        say(kinds[i->kind]);
    }
    if (i->kind == ITEM_CALL) {
        say(i->custom ? "custom:" : "");
        say_view(i->id);
        say(",");
        say_view(i->name);
        say(",");
    }
    if (i->media_type.len != 0) {
        say_view(i->media_type);
        say(",");
    }
    say_view(i->text.bytes);
    if (i->kind == ITEM_FILE && i->name.len != 0) {
        say(",");
        say_view(i->name);
    }
    if (i->signature.len != 0) {
        say(",signed ");
        say_view(i->signature);
    }
    if (i->extra.len != 0)
        say(" +mark");
}

static inline void say_list(const struct prompt *p)
{
    n_words = 0;
    words[0] = '\0';
    for (size_t i = 0; i < p->list.n_items; i++)
        say_item(&p->list.item[i]);
}

#endif
