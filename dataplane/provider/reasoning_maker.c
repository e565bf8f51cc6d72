/* (G) The makers of reasoning, by the names of formats and models. */
#include "reasoning_maker.h"

#include "content_view.h"
#include "json.h"

#include <string.h>

/* What a model's name holds somewhere, in lower case. The first that fits counts. */
static const struct {
    const char *word;
    enum maker maker;
} models[] = {
    {"deepseek", MAKER_OTHER}, /* before the models that it was distilled into */
    {"claude", MAKER_ANTHROPIC},   {"gemini", MAKER_GOOGLE},  {"gpt-", MAKER_OPENAI},
    {"chatgpt", MAKER_OPENAI},     {"codex", MAKER_OPENAI},   {"grok", MAKER_XAI},
    {"minimax", MAKER_MINIMAX},    {"gemma", MAKER_OTHER},    {"llama", MAKER_OTHER},
    {"qwen", MAKER_OTHER},         {"qwq", MAKER_OTHER},      {"mistral", MAKER_OTHER},
    {"mixtral", MAKER_OTHER},      {"magistral", MAKER_OTHER}, {"ministral", MAKER_OTHER},
    {"devstral", MAKER_OTHER},     {"codestral", MAKER_OTHER}, {"kimi", MAKER_OTHER},
    {"moonshot", MAKER_OTHER},     {"glm-", MAKER_OTHER},     {"command-", MAKER_OTHER},
    {"nemotron", MAKER_OTHER},     {"phi-", MAKER_OTHER},     {"nova-", MAKER_OTHER},
};
/* Too short to be looked for inside: a name begins with them, or what is behind its last slash does. */
static const char *const openai_series[] = {"o1", "o3", "o4"};

/* What a format begins with. */
static const struct {
    struct view word;
    enum maker maker;
} formats[] = {
    {VIEW_LIT("anthropic-"), MAKER_ANTHROPIC},    {VIEW_LIT("openai-"), MAKER_OPENAI},
    {VIEW_LIT("azure-openai-"), MAKER_OPENAI},    {VIEW_LIT("google-"), MAKER_GOOGLE},
    {VIEW_LIT("xai-"), MAKER_XAI},                {VIEW_LIT("minimax-"), MAKER_MINIMAX},
};

static bool holds(struct view name, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= name.len; i++)
        if (view_eq_nocase(view_of(name.ptr + i, n), view_of(word, n)))
            return true;
    return false;
}

static bool begins_series(struct view name, const char *word)
{
    size_t n = strlen(word);

    return view_starts(name, view_of(word, n)) && (name.len == n || name.ptr[n] == '-');
}

enum maker maker_of_model(struct view name)
{
    struct view last = name;

    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '/')
            last = view_from(name, i + 1);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (holds(name, models[i].word))
            return models[i].maker;
    for (size_t i = 0; i < sizeof openai_series / sizeof openai_series[0]; i++)
        if (begins_series(last, openai_series[i]))
            return MAKER_OPENAI;
    return MAKER_UNKNOWN;
}

static enum maker maker_of_format(struct view format)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (format.len >= formats[i].word.len &&
            view_eq_nocase(view_of(format.ptr, formats[i].word.len), formats[i].word))
            return formats[i].maker;
    return MAKER_UNKNOWN;
}

enum maker reasoning_maker_of(struct view element, enum maker thinker)
{
    struct json_value format;
    struct view text;
    enum maker maker = MAKER_UNKNOWN;

    if (json_get((struct json_value){JSON_OBJECT, element}, "format", &format) &&
        json_string_plain(format, &text))
        maker = maker_of_format(text);
    return maker != MAKER_UNKNOWN ? maker : thinker;
}

bool reasoning_replays(enum maker of_model, struct view element, enum maker thinker)
{
    enum maker of_element = reasoning_maker_of(element, thinker);

    return of_element == MAKER_UNKNOWN || of_model == MAKER_UNKNOWN || of_element == of_model;
}
