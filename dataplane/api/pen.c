/* (G) Appends until something fails. */
#include "pen.h"

#include "content_view.h"
#include "money.h"

void pen_put(struct pen *p, struct view text)
{
    if (p->out != NULL && p->e == ERR_NONE)
        p->e = buf_append(p->out, text);
}

void pen_json(struct pen *p, struct view value)
{
    size_t from = p->out == NULL ? 0 : p->out->len;

    pen_put(p, value);
    if (p->out == NULL || p->e != ERR_NONE)
        return;
    for (size_t i = from; i < p->out->len; i++)
        if (p->out->ptr[i] == '\n' || p->out->ptr[i] == '\r') /* strings hold none */
            p->out->ptr[i] = ' ';
}

void pen_text(struct pen *p, const char *text)
{
    pen_put(p, view_str(text));
}

void pen_number(struct pen *p, uint64_t n)
{
    if (p->out != NULL && p->e == ERR_NONE)
        p->e = buf_append_u64(p->out, n);
}

void pen_usd(struct pen *p, int64_t nusd)
{
    char text[MONEY_TEXT_MAX];

    money_text_usd(nusd, text);
    pen_text(p, text);
}

/* A class that most answers do not have. */
static void put_some(struct pen *p, const char *name, uint32_t tokens)
{
    if (tokens == 0)
        return;
    pen_text(p, name);
    pen_number(p, tokens);
}

void pen_figures(struct pen *p, const struct token_usage *u)
{
    pen_text(p, "\"prompt_tokens\":");
    pen_number(p, u->prompt);
    pen_text(p, ",\"completion_tokens\":");
    pen_number(p, u->completion);
    pen_text(p, ",\"total_tokens\":");
    pen_number(p, (uint64_t)u->prompt + u->completion);
    pen_text(p, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    pen_number(p, u->cached_read);
    put_some(p, ",\"cache_write_tokens\":", u->cache_write);
    put_some(p, ",\"audio_tokens\":", u->audio_input);
    put_some(p, ",\"image_tokens\":", u->image_input);
    pen_text(p, "},\"completion_tokens_details\":{\"reasoning_tokens\":");
    pen_number(p, u->reasoning);
    put_some(p, ",\"audio_tokens\":", u->audio_output);
    put_some(p, ",\"image_tokens\":", u->image_output);
    pen_text(p, "}");
}

void pen_cost(struct pen *p, int64_t cost_nusd, const struct token_usage *u, const char *prompt, const char *completion)
{
    pen_text(p, ",\"cost\":");
    pen_usd(p, cost_nusd);
    pen_text(p, ",\"cost_details\":{\"upstream_inference_cost\":null,\"upstream_inference_");
    pen_text(p, prompt);
    pen_text(p, "_cost\":");
    pen_usd(p, u->prompt_nusd);
    pen_text(p, ",\"upstream_inference_");
    pen_text(p, completion);
    pen_text(p, "_cost\":");
    pen_usd(p, u->completion_nusd);
    pen_text(p, "}");
}

void pen_string(struct pen *p, struct view plain)
{
    if (p->out != NULL && p->e == ERR_NONE)
        p->e = buf_append_json_string(p->out, plain);
}

void pen_quoted(struct pen *p, struct view escaped)
{
    pen_text(p, "\"");
    pen_put(p, escaped);
    pen_text(p, "\"");
}
