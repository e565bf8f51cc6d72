/* The sections of catalog.conf as the configuration reader fills them; catalog_file.c makes a catalog of them. */
#ifndef TR_CONTROLPLANE_CATALOG_SECTIONS_H
#define TR_CONTROLPLANE_CATALOG_SECTIONS_H

#include "buf.h"
#include "message.h"

enum { CATALOG_IDS_MAX = CATALOG_ALIAS_MODELS * (LIMIT_MODEL_ID_BYTES + 1) + 1 }; /* bytes of a list of ids */

struct model_section {
    char id[LIMIT_MODEL_ID_BYTES + 1], name[LIMIT_MODEL_ID_BYTES + 1];
    char description[LIMIT_DESCRIPTION_BYTES + 1];
    char capabilities[128], inputs[64], outputs[64], gates[256], efforts[64], budget[32];
    char created[32], knowledge[16], facts[16], fallbacks[CATALOG_IDS_MAX];
    uint64_t context_length, max_output;
    int kind, open_weights; /* kind -1: not said */
    unsigned line;
};

struct endpoint_section {
    char model[LIMIT_MODEL_ID_BYTES + 1], provider[32], upstream_model[LIMIT_MODEL_ID_BYTES + 1];
    char source[LIMIT_SOURCE_BYTES + 32], tiers[1024], lacks[128], retires[16];
    uint64_t weight, context_length, max_output;
    int quantization;
    bool retains_data;
    struct price price; /* a class that is not said is -1, a unit 0 */
    unsigned line;
};

struct alias_section {
    char id[LIMIT_MODEL_ID_BYTES + 1], models[CATALOG_IDS_MAX], wants[64];
    int sort;
    bool listed;
    unsigned line;
};

/* A model that is made of others, and of which. */
struct synth_section {
    struct model_section model;
    char panel[CATALOG_IDS_MAX], judges[CATALOG_IDS_MAX], finals[CATALOG_IDS_MAX];
    uint64_t panel_tokens, judge_tokens, final_tokens;
    int preset;
    bool code, generic;
};

struct catalog_sections {
    struct model_section *models;
    struct endpoint_section *endpoints;
    struct alias_section *aliases;
    struct synth_section *synths;
    size_t n_models, n_endpoints, n_aliases, n_synths;
    /* where the reader is: lines are counted up to the section that opens */
    const uint8_t *seen;
    unsigned line;
};

/* Gives the sections to the caller in every case (catalog_sections_free). ERR_CONFIG with one sentence in why. */
must_check enum err catalog_sections_read(struct view text, const char *file_name, struct catalog_sections *out,
                                          struct buf *why);
void catalog_sections_free(struct catalog_sections *s);

#endif
