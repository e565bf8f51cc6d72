/* What is asked of embeddings, and what form the answer must have. */
#ifndef TR_DATAPLANE_LLM_EMBEDDINGS_H
#define TR_DATAPLANE_LLM_EMBEDDINGS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    EMBEDDINGS_INPUTS_MAX = 2048,     /* as OpenAI's schema */
    EMBEDDINGS_DIMENSIONS_MAX = 65536, /* of one vector; the largest model has some 12,000 */
    EMBEDDINGS_MEMBERS_MAX = 8,       /* members that only some providers know */
    EMBEDDINGS_TEMPLATE_TOKENS = 16,  /* of one input: what begins and ends it, and the word for its purpose */
};

/* What the answer must look like. */
struct embeddings_form {
    uint32_t n_inputs;   /* vectors; at least 1 */
    uint32_t dimensions; /* of each; 0: the model's own */
    bool base64;         /* each is the base64 of its float32s, little-endian; else a JSON array of numbers */
};

#endif
