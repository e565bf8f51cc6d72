/* The table of models that tests have spoken of or asked for. */
#include "models.h"

#include "spec.h"

static struct {
    char name[MODEL_NAME_MAX];
    struct bytes words, last;
} models[MODELS_MAX];
static unsigned n_models;

/* MODELS_MAX: not there. */
static unsigned models_find(struct view name)
{
    for (unsigned i = 0; i < n_models; i++)
        if (view_eq(name, view_str(models[i].name)))
            return i;
    return MODELS_MAX;
}

static unsigned models_make(struct view name)
{
    unsigned i = models_find(name);

    if (i != MODELS_MAX || n_models == MODELS_MAX || name.len == 0 || name.len >= MODEL_NAME_MAX)
        return i;
    memcpy(models[n_models].name, name.ptr, name.len);
    models[n_models].name[name.len] = '\0';
    models[n_models].words.len = models[n_models].last.len = 0;
    return n_models++;
}

bool models_set(struct view name, struct view words)
{
    unsigned i = models_make(name);
    struct spec trial;

    spec_init(&trial);
    if (i == MODELS_MAX || !spec_parse(words, &trial))
        return false;
    models[i].words.len = 0;
    bytes_put(&models[i].words, words.ptr, words.len);
    return true;
}

struct view models_words(struct view name)
{
    unsigned i = models_find(name);

    return i != MODELS_MAX ? view_of(models[i].words.ptr, models[i].words.len) : VIEW_EMPTY;
}

void models_remember(struct view name, struct view body)
{
    unsigned i = models_make(name);

    if (i == MODELS_MAX)
        return;
    models[i].last.len = 0;
    bytes_put(&models[i].last, body.ptr, body.len);
}

struct view models_last(struct view name)
{
    unsigned i = models_find(name);

    return i != MODELS_MAX ? view_of(models[i].last.ptr, models[i].last.len) : VIEW_EMPTY;
}

void models_reset(void)
{
    n_models = 0;
}
