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

/* The modalities of enum catalog_medium bits. */
static uint16_t modalities_of(uint8_t media)
{
    static const struct {
        uint8_t medium;
        enum modality is;
    } words[] = {
        {MEDIUM_TEXT, MODALITY_TEXT},   {MEDIUM_IMAGE, MODALITY_IMAGE}, {MEDIUM_FILE, MODALITY_FILE},
        {MEDIUM_AUDIO, MODALITY_AUDIO}, {MEDIUM_VIDEO, MODALITY_VIDEO},
    };
    uint16_t set = 0;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if ((media & words[i].medium) != 0)
            set |= (uint16_t)(1u << words[i].is);
    return set;
}

uint16_t modalities_in(const struct catalog_model *m)
{
    if (m->inputs != 0)
        return modalities_of(m->inputs);
    return (uint16_t)(1u << MODALITY_TEXT |
                      ((m->capabilities & CAP_IMAGES) != 0 ? 1u << MODALITY_IMAGE : 0));
}

uint16_t modalities_out(const struct catalog_model *m)
{
    switch ((enum catalog_kind)m->kind) {
    case KIND_EMBEDDINGS:
        return 1u << MODALITY_EMBEDDINGS;
    case KIND_SPEECH:
        return 1u << MODALITY_SPEECH;
    case KIND_TRANSCRIPTION:
        return 1u << MODALITY_TRANSCRIPTION;
    case KIND_RERANK:
        return 1u << MODALITY_RERANK;
    case KIND_IMAGES:
        return 1u << MODALITY_IMAGE;
    case KIND_CHAT:
    case KIND_MODERATION:
    case KIND_SYNTH:
    case KIND_COUNT:
        break;
    }
    if ((m->capabilities & CAP_EMBEDDINGS) != 0)
        return 1u << MODALITY_EMBEDDINGS;
    return m->outputs != 0 ? modalities_of(m->outputs) : 1u << MODALITY_TEXT;
}

/* `never`: passed on where a provider takes it, but the catalog does not say which one does. */
static const struct {
    const char *name;
    uint16_t needs; /* enum catalog_capability bits */
    bool never;
    uint32_t not_with; /* enum model_gate bits: such a model does not take it */
} parameters[] = {
    {"max_tokens", 0, false, 0},
    {"max_completion_tokens", 0, false, 0},
    {"temperature", 0, false, GATE_NO_SAMPLING},
    {"top_p", 0, false, GATE_NO_SAMPLING},
    {"stop", 0, false, 0},
    {"seed", 0, false, 0},
    {"frequency_penalty", 0, false, GATE_NO_PENALTIES},
    {"presence_penalty", 0, false, GATE_NO_PENALTIES},
    {"tools", CAP_TOOLS, false, 0},
    {"tool_choice", CAP_TOOLS, false, 0},
    {"parallel_tool_calls", CAP_TOOLS, false, 0},
    {"response_format", CAP_JSON_SCHEMA, false, 0},
    {"structured_outputs", CAP_JSON_SCHEMA, false, GATE_NO_SCHEMA},
    {"reasoning", CAP_REASONING, false, 0},
    {"include_reasoning", CAP_REASONING, false, 0},
    {"reasoning_effort", CAP_REASONING, false, 0},
    {"top_k", 0, true, 0},
    {"min_p", 0, true, 0},
    {"top_a", 0, true, 0},
    {"repetition_penalty", 0, true, 0},
    {"logit_bias", 0, true, 0},
    {"logprobs", 0, true, 0},
    {"top_logprobs", 0, true, 0},
    {"prediction", 0, true, 0},
    {"web_search_options", 0, true, 0},
    {"verbosity", 0, true, 0},
};
enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };
_Static_assert(PARAMETERS <= 32, "sets of parameters are 32 bits wide");

const char *parameter_name(unsigned i)
{
    return i < PARAMETERS ? parameters[i].name : NULL;
}

uint32_t parameters_of(const struct catalog_model *m, uint16_t lacks)
{
    uint16_t has = m->capabilities & (uint16_t)~lacks;
    uint32_t set = 0;

    if (m->kind != KIND_CHAT || (m->capabilities & CAP_EMBEDDINGS) != 0)
        return 0; /* they are all of chat */
    for (unsigned i = 0; i < PARAMETERS; i++)
        if (!parameters[i].never && (has & parameters[i].needs) == parameters[i].needs &&
            (m->gates.bits & parameters[i].not_with) == 0)
            set |= UINT32_C(1) << i;
    return set;
}
