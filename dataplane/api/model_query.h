/* The query string of a list of models (OpenRouter's parameters): which models, in which order, which page.
 * A filter that this catalog cannot judge is refused, never dropped: a list that looks filtered and is not
 * would be believed. */
#ifndef TR_DATAPLANE_API_MODEL_QUERY_H
#define TR_DATAPLANE_API_MODEL_QUERY_H

#include "catalog_store.h"
#include "view.h"

enum {
    MODEL_QUERY_TEXT_MAX = 512, /* bytes of one parameter, decoded */
    MODEL_QUERY_PAGE_MAX = 1000,
    MODEL_QUERY_WORDS_MAX = 16, /* of one list or search */
};

enum model_order { ORDER_CATALOG, ORDER_NEWEST, ORDER_CHEAPEST, ORDER_DEAREST, ORDER_CONTEXT, ORDER_LATENCY };

struct model_words {
    char text[MODEL_QUERY_TEXT_MAX]; /* lower case */
    struct view word[MODEL_QUERY_WORDS_MAX];
    size_t n;
};

struct model_query {
    bool filtered;           /* anything below was said */
    uint64_t offset, limit;  /* limit: UINT64_MAX when it was not said */
    struct model_words find; /* each is part of the id or of the name */
    struct model_words authors;
    uint32_t parameters;      /* enum of catalog_words: the model has them all */
    uint16_t input, output;   /* enum modality: it has one of these, at least; 0: any */
    struct provider_set providers; /* one of these serves it, if any were named */
    bool providers_set;
    bool zdr;                 /* one that keeps no data does */
    char region[16];          /* one that serves from there does; "": any */
    uint64_t min_context;     /* tokens */
    int64_t min_prompt_pusd, max_prompt_pusd;
    int64_t min_completion_pusd, max_completion_pusd; /* of the cheapest endpoint, per token */
    uint64_t min_age_s, max_age_s;
    enum model_order order;
};

/* What was wrong with it. Both are static text of ours. */
struct model_query_fault {
    const char *param, *message;
};

/* ERR_FORMAT a value that is not understood; ERR_UNSUPPORTED one that is, and that this catalog cannot
 * judge. Parameters of other names are not looked at: clients send their own. */
must_check enum err model_query_read(struct view query, const struct providers *providers,
                                     struct model_query *out, struct model_query_fault *fault);
/* Is m, a model of s, listed? now_unix_s: for its age. Of the kind synth: what the bounds of its price leave no doubt of, and
 * what at least one of its panel and one of its finals is. */
bool model_query_takes(const struct model_query *q, const struct snapshot *s, const struct route_model *m,
                       uint64_t now_unix_s);

#endif
