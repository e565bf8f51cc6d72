/* Rules of keys from the database's text to the numbers of the link. */
#include "terms.h"

#include "log.h"

enum { LIMITED, PARTS, PARTS_VERSION, RULED, MODELS, PROVIDERS, RANGES, PRIVACY, REGION };

/* The next line of a list; false: there is none. */
static bool take_line(struct view *list, struct view *line)
{
    const uint8_t *end = list->len == 0 ? NULL : memchr(list->ptr, '\n', list->len);

    if (list->len == 0)
        return false;
    *line = view_of(list->ptr, end == NULL ? list->len : (size_t)(end - list->ptr));
    *list = view_from(*list, end == NULL ? list->len : line->len + 1);
    return true;
}

static void add_model(struct key_rules *rules, struct view text, const struct providers *providers)
{
    (void)providers;
    if (rules->n_models < LIMIT_RULE_MODELS)
        rules->models[rules->n_models++] = model_rule_of(text);
}

static void add_range(struct key_rules *rules, struct view text, const struct providers *providers)
{
    struct ip_range range;

    (void)providers;
    if (rules->n_ranges < LIMIT_RULE_RANGES && ip_range_parse(text, &range) == ERR_NONE)
        rules->ranges[rules->n_ranges++] = range;
}

static void add_provider(struct key_rules *rules, struct view text, const struct providers *providers)
{
    const struct provider *p = NULL;
    char id[sizeof p->id];

    if (providers == NULL || text.len >= sizeof id)
        return;
    memcpy(id, text.ptr, text.len);
    id[text.len] = '\0';
    p = providers_find(providers, id);
    if (p != NULL)
        provider_set_add(&rules->providers, p->no);
}

static void read_list(const struct db_result *r, unsigned column, enum key_rule_list which,
                      void (*add)(struct key_rules *rules, struct view text, const struct providers *providers),
                      const struct providers *providers, struct key_rules *rules)
{
    struct view list = db_get_text(r, 0, column), line;

    if (db_is_null(r, 0, column))
        return;
    rules->set |= (uint8_t)which;
    while (take_line(&list, &line))
        add(rules, line, providers);
}

/* A word that is none is the strictest. */
static void read_words(const struct db_result *r, unsigned column, struct key_rules *rules)
{
    if (!db_is_null(r, 0, column + PRIVACY) &&
        !key_privacy_parse(db_get_text(r, 0, column + PRIVACY), &rules->privacy))
        rules->privacy = KEY_PRIVACY_CONFIDENTIAL;
    if (!db_is_null(r, 0, column + REGION) && !key_region_parse(db_get_text(r, 0, column + REGION), &rules->region))
        rules->set |= KEY_RULE_MODELS; /* of a region that nobody knows nothing is */
}

bool terms_read(const struct db_result *r, unsigned column, const struct providers *providers, struct key_terms *out)
{
    if (!db_get_bool(r, 0, column + LIMITED) && !db_get_bool(r, 0, column + RULED))
        return false;
    *out = (struct key_terms){.parts = (uint16_t)db_get_i64(r, 0, column + PARTS),
                              .parts_version = (uint64_t)db_get_i64(r, 0, column + PARTS_VERSION)};
    read_list(r, column + MODELS, KEY_RULE_MODELS, add_model, providers, &out->rules);
    read_list(r, column + PROVIDERS, KEY_RULE_PROVIDERS, add_provider, providers, &out->rules);
    read_list(r, column + RANGES, KEY_RULE_RANGES, add_range, providers, &out->rules);
    read_words(r, column, &out->rules);
    return true;
}
