/* (G) Pairs calls with their results. */
#include "call_pairs.h"

#include "content_view.h"

#include <stdlib.h>
#include <string.h>

struct by_id {
    struct view id;
    uint32_t at;
};

static int by_id_compare(const void *x, const void *y)
{
    const struct by_id *a = x, *b = y;
    int order;

    if (a->id.len != b->id.len)
        return a->id.len < b->id.len ? -1 : 1;
    order = a->id.len == 0 ? 0 : memcmp(a->id.ptr, b->id.ptr, a->id.len);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at);
}

static void pair_sorted(const struct prompt_item *item, const struct by_id *list, size_t n, uint32_t *partner)
{
    uint32_t call = 0;
    bool waits = false;

    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !view_eq(list[i].id, list[i - 1].id))
            waits = false;
        if (item[list[i].at].kind == ITEM_CALL) {
            call = list[i].at;
            waits = true;
        } else if (waits) {
            partner[call] = list[i].at;
            partner[list[i].at] = call;
            waits = false;
        }
    }
}

enum err call_pairs(const struct prompt_item *item, size_t n, uint32_t **out)
{
    uint32_t *partner = calloc(n + 1, sizeof *partner);
    struct by_id *list = reallocarray(NULL, n + 1, sizeof *list);
    size_t found = 0;

    *out = NULL;
    if (partner == NULL || list == NULL) {
        free(partner);
        free(list);
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < n; i++)
        if (item[i].kind == ITEM_CALL || item[i].kind == ITEM_RESULT)
            list[found++] = (struct by_id){item[i].id, (uint32_t)i};
    qsort(list, found, sizeof *list, by_id_compare);
    pair_sorted(item, list, found, partner);
    free(list);
    *out = partner;
    return ERR_NONE;
}
