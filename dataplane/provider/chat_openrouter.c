#include "chat_openrouter.h"

#include "chat_parts.h"
#include "content_view.h"
#include "money.h"

#include <assert.h>

static void put_usd(struct patch *p, int64_t nusd)
{
    char text[MONEY_TEXT_MAX];

    money_text_usd(nusd, text);
    patch_put(p, view_str(text));
}

static void put_usage(struct patch *p, const struct token_usage *usage, int64_t cost_nusd, bool own_key)
{
    patch_put(p, VIEW_LIT(",\"usage\":{"));
    chat_put_figures(p, usage);
    patch_put(p, VIEW_LIT(",\"cost\":"));
    put_usd(p, cost_nusd);
    patch_put(p, VIEW_LIT(",\"cost_details\":{\"upstream_inference_cost\":"));
    if (own_key) /* which is charged to the customer's own key */
        put_usd(p, usage->prompt_nusd + usage->completion_nusd);
    else
        patch_put(p, VIEW_LIT("null"));
    patch_put(p, VIEW_LIT(",\"upstream_inference_prompt_cost\":"));
    put_usd(p, usage->prompt_nusd);
    patch_put(p, VIEW_LIT(",\"upstream_inference_completions_cost\":"));
    put_usd(p, usage->completion_nusd);
    patch_put(p, own_key ? VIEW_LIT("},\"is_byok\":true}}") : VIEW_LIT("},\"is_byok\":false}}"));
}

static void put_choice(struct patch *p, struct view reason)
{
    patch_put(p, VIEW_LIT("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                          "\"finish_reason\":"));
    patch_put(p, reason);
    patch_put(p, VIEW_LIT("}]"));
}

enum err chat_openrouter_closing(const struct chat_canon *c, const struct token_usage *usage,
                                 int64_t cost_nusd, struct buf *out)
{
    struct patch p = {.out = out};
    size_t start = out->len;
    struct view reason = c->finish == FINISH_NONE ? VIEW_LIT("\"length\"") /* we ended it */
                                                  : chat_finish_word(c->finish, chat_called_by(c, 0));

    chat_put_head(c, &p);
    put_choice(&p, reason);
    put_usage(&p, usage, cost_nusd, c->own_key);
    return patch_over(&p, start);
}

enum err chat_openrouter_usage(const struct token_usage *usage, int64_t cost_nusd,
                               bool own_key, struct buf *completion)
{
    struct patch p = {.out = completion};
    size_t end = completion->len;

    assert(end > 1 && completion->ptr[end - 1] == '}');
    completion->len--; /* put_usage() closes it again */
    put_usage(&p, usage, cost_nusd, own_key);
    if (patch_over(&p, end - 1) != ERR_NONE)
        completion->ptr[completion->len++] = '}';
    return p.e;
}

enum err chat_openrouter_failed(const struct chat_canon *c, struct view error, struct buf *out)
{
    struct patch p = {.out = out};
    size_t start = out->len;

    chat_put_head(c, &p);
    put_choice(&p, VIEW_LIT("\"error\""));
    patch_put(&p, VIEW_LIT(",\"error\":"));
    patch_put(&p, error);
    patch_put(&p, VIEW_LIT("}"));
    return patch_over(&p, start);
}
