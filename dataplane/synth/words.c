/* (G) What the panel and the final model are asked: the client's list, changed. */
#include "words.h"

#include "content_view.h"
#include "words_internal.h"

#include <assert.h>
#include <stdlib.h>

enum {
    /* Syntax around a quoted answer, its letter and flags included. */
    ANSWER_FRAME = 128,
    /* Syntax of the document, that of the verdict's place included. A message, a part, a call and a tool of the client's
     * take no more bytes there than in the client's body, whatever its dialect. */
    DOCUMENT_FRAME = 1024,
};

/* Twice what so many tokens usually are, so that little is cut, and a short answer does not reserve for a long one. */
static size_t bytes_of_tokens(uint32_t tokens, size_t most)
{
    uint64_t bytes = (uint64_t)tokens * 8;

    if (bytes < WORDS_LEAST)
        return WORDS_LEAST;
    return bytes < most ? (size_t)bytes : most;
}

size_t words_quote_most(const struct synth_plan *plan)
{
    return bytes_of_tokens(plan->panel_tokens, WORDS_QUOTE_MAX);
}

size_t words_verdict_most(const struct synth_plan *plan)
{
    return bytes_of_tokens(plan->judge_tokens, WORDS_VERDICT_MAX);
}

uint64_t words_prompt_bound(const struct synth_plan *plan)
{
    return PROMPTS_MAX + DOCUMENT_FRAME + SYNTH_PROMPT_MAX + words_verdict_most(plan) +
           (uint64_t)plan->panel.n * (words_quote_most(plan) + ANSWER_FRAME);
}

const struct prompts *words_prompts(const struct synth_plan *plan)
{
    return plan->row->code ? &prompts_code : &prompts_general;
}

/* --- additions to a list */

enum err words_add_message(struct prompt_list *l, enum prompt_role role)
{
    struct prompt_item *i;
    enum err e = prompt_add_item(l, ITEM_MESSAGE, &i);

    if (e == ERR_NONE)
        i->role = role;
    return e;
}

enum err words_add_text(struct prompt_list *l, struct view escaped)
{
    struct prompt_item *i;
    enum err e;

    if (escaped.len == 0)
        return ERR_NONE;
    e = prompt_add_item(l, ITEM_TEXT, &i);
    if (e == ERR_NONE)
        i->text.bytes = escaped;
    return e;
}

enum err words_add_document(struct prompt_list *l, struct view json)
{
    struct prompt_item *i;
    struct view kept;
    enum err e = prompt_keep(l, json, &kept);

    if (e == ERR_NONE)
        e = prompt_add_item(l, ITEM_TEXT, &i);
    if (e == ERR_NONE)
        i->text = (struct prompt_text){kept, true};
    return e;
}

/* --- the panel */

static enum err copy_array(void *out, const void *from, size_t n, size_t size)
{
    void *copy;

    if (n == 0)
        return ERR_NONE;
    copy = reallocarray(NULL, n, size);
    if (copy == NULL)
        return ERR_MEMORY;
    memcpy(copy, from, n * size);
    *(void **)out = copy;
    return ERR_NONE;
}

/* The bytes behind the views stay the client's. */
static enum err copy_list(const struct prompt_list *client, struct prompt_list *out)
{
    void *item = NULL, *tool = NULL;
    enum err e = copy_array(&item, client->item, client->n_items, sizeof *client->item);

    if (e == ERR_NONE)
        e = copy_array(&tool, client->tool, client->n_tools, sizeof *client->tool);
    if (e != ERR_NONE) {
        free(item);
        return e;
    }
    *out = *client;
    out->item = item;
    out->tool = tool;
    out->max_items = out->n_items;
    out->max_tools = out->n_tools;
    out->kept = NULL;
    return ERR_NONE;
}

static bool is_begin(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE || i->kind == ITEM_RESULT;
}

static bool is_system(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE && (i->role == ROLE_SYSTEM || i->role == ROLE_DEVELOPER);
}

/* Moves the last n items to before the one at `at`. */
static void move_last(struct prompt_list *l, size_t at, size_t n)
{
    struct prompt_item moved[2];

    assert(n <= 2 && at + n <= l->n_items);
    memcpy(moved, &l->item[l->n_items - n], n * sizeof moved[0]);
    memmove(&l->item[at + n], &l->item[at], (l->n_items - n - at) * sizeof moved[0]);
    memcpy(&l->item[at], moved, n * sizeof moved[0]);
}

/* As the last part of the client's first system message, because many chat templates take one system message only, and
 * because a provider's cache of the client's own system text stays good; or as a system message. */
static enum err add_system(struct prompt_list *l, struct view text)
{
    size_t at = 0, n = 1;
    enum err e = ERR_NONE;

    if (l->n_items != 0 && is_system(&l->item[0])) {
        for (at = 1; at < l->n_items && !is_begin(&l->item[at]);)
            at++;
    } else {
        n = 2;
        e = words_add_message(l, ROLE_SYSTEM);
    }
    if (e == ERR_NONE)
        e = words_add_text(l, text);
    if (e == ERR_NONE)
        move_last(l, at, n);
    return e;
}

/* What is given to the client as it is, is asked for in the client's own words and form. */
enum err words_panel(const struct prompt_list *client, const struct synth_plan *plan, struct prompt_list *out)
{
    enum err e;

    prompt_list_init(out);
    e = copy_list(client, out);
    if (e != ERR_NONE)
        return e;
    out->setting[SETTING_LOGPROBS] = VIEW_EMPTY; /* they are not gathered */
    out->setting[SETTING_TOP_LOGPROBS] = VIEW_EMPTY;
    if (!synth_strategy_gives(plan->strategy)) {
        out->format = FORMAT_UNSAID;
        out->format_name = out->format_schema = VIEW_EMPTY;
        out->format_strict = -1;
        e = add_system(out, words_prompts(plan)->panel);
    }
    if (e != ERR_NONE)
        prompt_list_free(out);
    return e;
}

/* --- the final */

/* What the final is asked is said by the user: a system message behind the first message is not valid in every dialect,
 * and a longer first one would cost the client's cached prompt. Behind a user's last message it is a part of it, because
 * many chat templates want the roles to alternate; behind results of tools it is a message of its own. */
static enum err add_turn(struct prompt_list *l)
{
    size_t at = l->n_items;

    while (at != 0 && !is_begin(&l->item[at - 1]))
        at--;
    if (at != 0 && l->item[at - 1].kind == ITEM_MESSAGE && l->item[at - 1].role == ROLE_USER)
        return ERR_NONE;
    return words_add_message(l, ROLE_USER);
}

/* A mark that asks for the last block to be cached means the client's last one: what follows is never asked again. */
static void keep_mark(struct prompt_list *l)
{
    struct prompt_item *last = l->n_items == 0 ? NULL : &l->item[l->n_items - 1];

    if (l->mark.len != 0 && last != NULL && last->kind == ITEM_TEXT && last->extra.len == 0 && last->block.len == 0)
        last->extra = l->mark;
    l->mark = VIEW_EMPTY;
}

static uint8_t without_refusals(const struct words_answer *answers, size_t n, const struct words_verdict *verdict)
{
    uint8_t left_in = words_places(answers, n);

    for (size_t i = 0; i < n; i++)
        if (answers[i].refused)
            left_in &= (uint8_t)~(1u << answers[i].place);
    return verdict == NULL ? left_in : left_in & (uint8_t)~verdict->refused;
}

static enum err final_document(struct buf *doc, const struct synth_plan *plan, const struct words_answer *answers, size_t n,
                               uint64_t seed, const struct words_verdict *verdict)
{
    uint8_t left_in = plan->strategy == SYNTH_NON_REFUSALS ? without_refusals(answers, n, verdict) : words_places(answers, n);
    enum err e = buf_append(doc, VIEW_LIT("{\"answers\":"));

    if (e == ERR_NONE)
        e = words_put_answers(doc, answers, n, seed, left_in, words_quote_most(plan));
    if (e == ERR_NONE)
        e = buf_append(doc, VIEW_LIT(",\"assessment\":"));
    if (e == ERR_NONE)
        e = buf_append(doc, verdict == NULL ? VIEW_LIT("null") : content_bytes(verdict->text));
    return e == ERR_NONE ? buf_append_byte(doc, '}') : e;
}

enum err words_final(struct prompt_list *list, const struct synth_plan *plan, const struct words_answer *answers, size_t n,
                     uint64_t seed, const struct words_verdict *verdict)
{
    const struct prompts *prompts = words_prompts(plan);
    struct buf doc;
    enum err e;

    buf_init_charged(&doc, (size_t)words_prompt_bound(plan), words_budget(answers, n));
    e = final_document(&doc, plan, answers, n, seed, verdict);
    if (e == ERR_NONE) {
        keep_mark(list);
        e = add_turn(list);
    }
    if (e == ERR_NONE)
        e = words_add_text(list, prompts->final);
    if (e == ERR_NONE)
        e = words_add_document(list, buf_view(&doc));
    if (e == ERR_NONE)
        e = words_add_text(list, plan->synthesis_prompt.len != 0 ? plan->synthesis_prompt : prompts->final_after);
    buf_free(&doc);
    return e;
}
