/* (G) The list of harmless members, and the search for look-alikes. */
#include "chat_members.h"

#include "content_view.h"

#include <stdlib.h>

/* Sampling, form and bookkeeping: the answer differs, its price and its limit do not. Members that
 * are read, priced or edited are in chat_request.c; what is in neither table is not sent. Sorted. */
static const char *const harmless[] = {
    "add_generation_prompt",
    "add_special_tokens",
    "bad_words",
    "chat_template_kwargs",
    "clear_thinking",
    "continue_final_message",
    "disable_reasoning",
    "disable_tool_validation",
    "do_sample",
    "documents",
    "echo",
    "enable_thinking",
    "frequency_penalty",
    "guided_choice",
    "guided_decoding_backend",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "guided_whitespace_pattern",
    "ignore_eos",
    "include_stop_str_in_output",
    "incremental_output",
    "logit_bias",
    "logprobs",
    "metadata",
    "min_p",
    "mirostat_lr",
    "mirostat_target",
    "moderation",
    "presence_penalty",
    "prompt_cache_isolation_key",
    "prompt_cache_key",
    "prompt_mode",
    "prompt_truncate_len",
    "random_seed",
    "reasoning_format",
    "reasoning_split",
    "repetition_penalty",
    "request_id",
    "result_format",
    "return_token_ids",
    "return_tokens_as_token_ids",
    "safe_prompt",
    "safety_identifier",
    "seed",
    "skip_special_tokens",
    "spaces_between_special_tokens",
    "stop_token_ids",
    "structured_outputs",
    "temperature",
    "tool_stream",
    "top_a",
    "top_k",
    "top_logprobs",
    "top_p",
    "truncate_prompt_tokens",
    "typical_p",
    "verbosity",
};
enum { HARMLESS = sizeof harmless / sizeof harmless[0] };

static int compare(const void *key, const void *element)
{
    const struct view *a = key;
    struct view b = view_str(*(const char *const *)element);
    int order = memcmp(a->ptr, b.ptr, a->len < b.len ? a->len : b.len);

    return order != 0 ? order : (a->len > b.len) - (a->len < b.len);
}

bool chat_member_harmless(struct view key)
{
    if (key.len == 0)
        return false;
    if (memchr(key.ptr, '\\', key.len) == NULL)
        return bsearch(&key, harmless, HARMLESS, sizeof harmless[0], compare) != NULL;
    for (size_t i = 0; i < HARMLESS; i++)
        if (json_key_is(key, harmless[i]))
            return true;
    return false;
}

bool chat_member_allowed(const struct provider *p, struct view key)
{
    for (size_t i = 0; i < p->n_members; i++)
        if (json_key_is(key, p->members[i]))
            return true;
    return false;
}

enum err chat_nested(struct json_value v, const char *name, struct json_value *out,
                     struct view *like)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = ERR_NOT_FOUND;
    bool second = false;

    while (it.object && json_next(&it, &m)) {
        if (!json_key_like(m.key, name))
            continue;
        if (!json_key_is(m.key, name)) {
            *like = m.key;
            return ERR_UNSUPPORTED;
        }
        second = second || e == ERR_NONE;
        *out = m.value;
        e = ERR_NONE;
    }
    return second ? ERR_DUPLICATE : e;
}
