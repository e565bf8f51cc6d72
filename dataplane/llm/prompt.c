#include "prompt.h"

#include "content_view.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more element of `size` bytes behind n of *max. */
static enum err grow(void **list, size_t n, size_t *max, size_t limit, size_t size)
{
    size_t more = *max == 0 ? 16 : *max * 2;
    void *grown;

    if (n < *max)
        return ERR_NONE;
    if (n >= limit)
        return ERR_LIMIT;
    if (more > limit)
        more = limit;
    grown = reallocarray(*list, more, size);
    if (grown == NULL)
        return ERR_MEMORY;
    *list = grown;
    *max = more;
    return ERR_NONE;
}

enum err prompt_add_item(struct prompt_list *l, enum prompt_item_kind kind, struct prompt_item **out)
{
    void *list = l->item;
    enum err e = grow(&list, l->n_items, &l->max_items, PROMPT_ITEMS_MAX, sizeof *l->item);

    l->item = list;
    if (e != ERR_NONE)
        return e;
    *out = &l->item[l->n_items++];
    **out = (struct prompt_item){.kind = kind};
    return ERR_NONE;
}

enum err prompt_add_tool(struct prompt_list *l, enum prompt_tool_kind kind, struct prompt_tool **out)
{
    void *list = l->tool;
    enum err e = grow(&list, l->n_tools, &l->max_tools, PROMPT_TOOLS_MAX, sizeof *l->tool);

    l->tool = list;
    if (e != ERR_NONE)
        return e;
    *out = &l->tool[l->n_tools++];
    **out = (struct prompt_tool){.kind = kind, .strict = -1};
    return ERR_NONE;
}

struct prompt_kept {
    struct prompt_kept *next;
    size_t len;
    uint8_t bytes[];
};

enum err prompt_keep(struct prompt_list *l, struct view bytes, struct view *out)
{
    struct prompt_kept *k = malloc(sizeof *k + bytes.len);

    if (k == NULL)
        return ERR_MEMORY;
    k->next = l->kept;
    k->len = bytes.len;
    if (bytes.len != 0)
        memcpy(k->bytes, bytes.ptr, bytes.len);
    l->kept = k;
    *out = view_of(k->bytes, k->len);
    return ERR_NONE;
}

static void kept_free(struct prompt_kept *k)
{
    while (k != NULL) {
        struct prompt_kept *next = k->next;

        sodium_memzero(k->bytes, k->len);
        free(k);
        k = next;
    }
}

size_t prompt_list_kept(const struct prompt_list *l)
{
    size_t bytes = 0;

    for (const struct prompt_kept *k = l->kept; k != NULL; k = k->next)
        bytes += k->len;
    return bytes;
}

size_t prompt_list_bytes(const struct prompt_list *l)
{
    size_t bytes = l->max_items * sizeof *l->item + l->max_tools * sizeof *l->tool;

    for (const struct prompt_kept *k = l->kept; k != NULL; k = k->next)
        bytes += sizeof *k + k->len;
    return bytes;
}

size_t prompt_beyond(const struct prompt *p)
{
    const uintptr_t from = (uintptr_t)p->body.ptr, at_most = p->body.len;
    size_t bytes = 0;

    for (size_t i = 0; i < p->list.n_items; i++) {
        const struct view text = p->list.item[i].text.bytes;

        if (text.len != 0 && (uintptr_t)text.ptr - from >= at_most) /* below wraps */
            bytes += text.len;
    }
    return bytes;
}

bool prompt_is_media(const struct prompt_item *i)
{
    return i->kind == ITEM_IMAGE || i->kind == ITEM_AUDIO || i->kind == ITEM_FILE || i->kind == ITEM_VIDEO;
}

struct view prompt_media_member(const struct prompt_item *i)
{
    assert(prompt_is_media(i));
    return i->kind == ITEM_IMAGE   ? VIEW_LIT("image_url")
           : i->kind == ITEM_AUDIO ? VIEW_LIT("input_audio")
           : i->kind == ITEM_FILE  ? VIEW_LIT("file")
                                   : VIEW_LIT("video_url");
}

static bool item_says(const struct prompt_item *i)
{
    switch (i->kind) {
    case ITEM_MESSAGE:
        return i->role != ROLE_ASSISTANT;
    case ITEM_RESULT:
    case ITEM_CALL:
        return true;
    case ITEM_TEXT:
    case ITEM_REFUSAL:
        return i->text.bytes.len != 0;
    case ITEM_IMAGE: /* a message of another role has said by itself that it is there; a model's has none */
    case ITEM_AUDIO:
    case ITEM_FILE:
    case ITEM_VIDEO:
    case ITEM_REASONING:
    case ITEM_DETAIL:
        break;
    }
    return false;
}

bool prompt_says(const struct prompt_list *l, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (item_says(&l->item[i]))
            return true;
    return false;
}

uint64_t prompt_list_repeats(const struct prompt_list *l)
{
    size_t id = 0; /* of the result that the item belongs to */
    uint64_t bytes = 0;

    for (size_t i = 0; i < l->n_items; i++) {
        if (l->item[i].kind == ITEM_MESSAGE || l->item[i].kind == ITEM_RESULT)
            id = l->item[i].id.len;
        if (l->item[i].kind == ITEM_CALL)
            bytes += l->item[i].id.len;
        if (l->item[i].kind == ITEM_REASONING && l->item[i].signature.len != 0)
            bytes += l->item[i].text.bytes.len;
        if (!prompt_is_media(&l->item[i]))
            continue;
        bytes += id;
        id = 0; /* once for each result */
    }
    return bytes;
}

void prompt_list_init(struct prompt_list *l)
{
    *l = (struct prompt_list){.parallel_calls = -1, .format_strict = -1};
}

void prompt_list_free(struct prompt_list *l)
{
    free(l->item);
    free(l->tool);
    kept_free(l->kept);
    prompt_list_init(l);
}
