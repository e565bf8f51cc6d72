/* What an answer with vectors must look like. */
#ifndef TR_DATAPLANE_LLM_EMBEDDINGS_FORM_H
#define TR_DATAPLANE_LLM_EMBEDDINGS_FORM_H

#include <stdbool.h>
#include <stdint.h>

struct embeddings_form {
    uint32_t n_inputs;   /* vectors; at least 1 */
    uint32_t dimensions; /* of each; 0: the model's own */
    bool base64;         /* each is the base64 of its float32s, little-endian; else a JSON array of numbers */
};

#endif
