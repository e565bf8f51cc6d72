#include "catalog_names.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_ALIAS, KIND_SLUG, KIND_LOOSE, KIND_NUMBER };

struct name {
    uint32_t index; /* of the model or alias, + 1; 0: an empty place */
    uint8_t kind;
    bool ambiguous; /* several models have it */
};

struct catalog_names {
    const struct catalog *catalog;
    struct name *places;
    size_t n_places; /* a power of two */
};

/* --- what is compared */

static struct view slug_of(const char *id)
{
    const char *slash = strchr(id, '/');

    return view_str(slash != NULL ? slash + 1 : id);
}

static uint8_t loose_byte(uint8_t c)
{
    return c == '.' ? '-' : c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static bool equal(struct view a, struct view b, bool loose)
{
    if (!loose || a.len != b.len)
        return view_eq(a, b);
    for (size_t i = 0; i < a.len; i++)
        if (loose_byte(a.ptr[i]) != loose_byte(b.ptr[i]))
            return false;
    return true;
}

static struct view number_text(const uint32_t *no)
{
    return view_of(no, sizeof *no);
}

static bool name_is(const struct catalog_names *n, const struct name *x, enum kind kind, struct view text)
{
    const struct catalog *c = n->catalog;

    if (x->kind != kind)
        return false;
    switch (kind) {
    case KIND_ALIAS:
        return view_eq(view_str(c->aliases[x->index - 1].id), text);
    case KIND_SLUG:
    case KIND_LOOSE:
        return equal(slug_of(c->models[x->index - 1].id), text, kind == KIND_LOOSE);
    case KIND_NUMBER:
        return view_eq(number_text(&c->models[x->index - 1].no), text);
    }
    return false;
}

/* FNV-1a. The keys inserted are the operator's, so nobody outside can build collisions. */
static size_t hash_of(enum kind kind, struct view text)
{
    uint32_t h = (2166136261u ^ (uint32_t)kind) * 16777619u;

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (kind == KIND_LOOSE ? loose_byte(text.ptr[i]) : text.ptr[i])) * 16777619u;
    return h;
}

/* Where it is, or the empty place where it belongs. */
static struct name *place_of(const struct catalog_names *n, enum kind kind, struct view text)
{
    size_t at = hash_of(kind, text) & (n->n_places - 1);

    while (n->places[at].index != 0 && !name_is(n, &n->places[at], kind, text))
        at = (at + 1) & (n->n_places - 1);
    return &n->places[at];
}

static void name_add(struct catalog_names *n, enum kind kind, struct view text, size_t index)
{
    struct name *x = place_of(n, kind, text);

    if (x->index != 0)
        x->ambiguous = true;
    else
        *x = (struct name){.index = (uint32_t)index + 1, .kind = (uint8_t)kind};
}

enum err catalog_names_new(const struct catalog *c, struct catalog_names **out)
{
    struct catalog_names *n = calloc(1, sizeof *n);
    size_t names = 3 * c->n_models + c->n_aliases;

    if (n == NULL)
        return ERR_MEMORY;
    n->catalog = c;
    for (n->n_places = 16; n->n_places < 2 * names; n->n_places *= 2)
        ;
    n->places = calloc(n->n_places, sizeof *n->places);
    if (n->places == NULL) {
        free(n);
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < c->n_aliases; i++)
        name_add(n, KIND_ALIAS, view_str(c->aliases[i].id), i);
    for (size_t i = 0; i < c->n_models; i++) {
        name_add(n, KIND_SLUG, slug_of(c->models[i].id), i);
        name_add(n, KIND_LOOSE, slug_of(c->models[i].id), i);
        name_add(n, KIND_NUMBER, number_text(&c->models[i].no), i);
    }
    *out = n;
    return ERR_NONE;
}

void catalog_names_free(struct catalog_names *n)
{
    if (n == NULL)
        return;
    free(n->places);
    free(n);
}

static int find(const struct catalog_names *n, enum kind kind, struct view text)
{
    const struct name *x = place_of(n, kind, text);

    return x->index == 0 ? NAMES_NONE : x->ambiguous ? NAMES_AMBIGUOUS : (int)(x->index - 1);
}

int catalog_names_alias(const struct catalog_names *n, struct view id)
{
    return find(n, KIND_ALIAS, id);
}

int catalog_names_slug(const struct catalog_names *n, struct view slug, bool loose)
{
    return find(n, loose ? KIND_LOOSE : KIND_SLUG, slug);
}

int catalog_names_number(const struct catalog_names *n, uint32_t no)
{
    return find(n, KIND_NUMBER, number_text(&no));
}
