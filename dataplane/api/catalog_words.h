/* The words that OpenRouter's catalog has for what a model takes and gives, as sets of bits: what the lists
 * print and what their filters compare. */
#ifndef TR_DATAPLANE_API_CATALOG_WORDS_H
#define TR_DATAPLANE_API_CATALOG_WORDS_H

#include "message.h"

/* What models can read and write (OpenRouter's words), as bits. */
enum modality {
    MODALITY_TEXT,
    MODALITY_IMAGE,
    MODALITY_FILE,
    MODALITY_AUDIO,
    MODALITY_VIDEO,
    MODALITY_EMBEDDINGS,
    MODALITY_RERANK,
    MODALITY_SPEECH,
    MODALITY_TRANSCRIPTION,
    MODALITY_COUNT
};
const char *modality_name(enum modality m);
uint16_t modalities_in(const struct catalog_model *m);
uint16_t modalities_out(const struct catalog_model *m);

/* Request parameters that OpenRouter's catalog knows, as bits; NULL behind the last. */
const char *parameter_name(unsigned i);
/* lacks: what an endpoint of it has not, enum catalog_capability bits; 0: the model itself. */
uint32_t parameters_of(const struct catalog_model *m, uint16_t lacks);

#endif
