/* The words of OpenRouter's catalog, and which of them are true of a model. */
#include "catalog_words.h"

#include <assert.h>
#include <stddef.h>

const char *modality_name(enum modality m)
{
    static const char *const names[MODALITY_COUNT] = {
        [MODALITY_TEXT] = "text",           [MODALITY_IMAGE] = "image",
        [MODALITY_FILE] = "file",           [MODALITY_AUDIO] = "audio",
        [MODALITY_VIDEO] = "video",         [MODALITY_EMBEDDINGS] = "embeddings",
        [MODALITY_RERANK] = "rerank",       [MODALITY_SPEECH] = "speech",
        [MODALITY_TRANSCRIPTION] = "transcription",
    };

    assert(m < MODALITY_COUNT);
    return names[m];
}

uint16_t modalities_in(const struct catalog_model *m)
{
    return (uint16_t)(1u << MODALITY_TEXT |
                      ((m->capabilities & CAP_IMAGES) != 0 ? 1u << MODALITY_IMAGE : 0));
}

uint16_t modalities_out(const struct catalog_model *m)
{
    return (m->capabilities & CAP_EMBEDDINGS) != 0 ? 1u << MODALITY_EMBEDDINGS : 1u << MODALITY_TEXT;
}

/* `never`: passed on where a provider takes it, but the catalog does not say which one does. */
static const struct {
    const char *name;
    uint16_t needs; /* enum catalog_capability bits */
    bool never;
} parameters[] = {
    {"max_tokens", 0, false},
    {"max_completion_tokens", 0, false},
    {"temperature", 0, false},
    {"top_p", 0, false},
    {"stop", 0, false},
    {"seed", 0, false},
    {"frequency_penalty", 0, false},
    {"presence_penalty", 0, false},
    {"tools", CAP_TOOLS, false},
    {"tool_choice", CAP_TOOLS, false},
    {"parallel_tool_calls", CAP_TOOLS, false},
    {"response_format", CAP_JSON_SCHEMA, false},
    {"structured_outputs", CAP_JSON_SCHEMA, false},
    {"reasoning", CAP_REASONING, false},
    {"include_reasoning", CAP_REASONING, false},
    {"reasoning_effort", CAP_REASONING, false},
    {"top_k", 0, true},
    {"min_p", 0, true},
    {"top_a", 0, true},
    {"repetition_penalty", 0, true},
    {"logit_bias", 0, true},
    {"logprobs", 0, true},
    {"top_logprobs", 0, true},
    {"prediction", 0, true},
    {"web_search_options", 0, true},
    {"verbosity", 0, true},
};
enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };
_Static_assert(PARAMETERS <= 32, "sets of parameters are 32 bits wide");

const char *parameter_name(unsigned i)
{
    return i < PARAMETERS ? parameters[i].name : NULL;
}

uint32_t parameters_of(const struct catalog_model *m)
{
    uint32_t set = 0;

    if ((m->capabilities & CAP_EMBEDDINGS) != 0)
        return 0; /* they are all of chat */
    for (unsigned i = 0; i < PARAMETERS; i++)
        if (!parameters[i].never && (m->capabilities & parameters[i].needs) == parameters[i].needs)
            set |= UINT32_C(1) << i;
    return set;
}
