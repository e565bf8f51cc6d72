/* (G) Reads requests for images, to be made of a text or of other images. */
#include "images_dialect.h"

#include "call_dialect.h"
#include "content_view.h"

static const char count_message[] = "n must be an integer from 1 to 10";

/* A price per image is that of a square of a million pixels in ordinary quality, or less: other sizes and qualities
 * are sent to endpoints that charge by tokens only. */
static bool ordinary_size(struct view v)
{
    return view_eq(v, VIEW_LIT("auto")) || view_eq(v, VIEW_LIT("1024x1024")) || view_eq(v, VIEW_LIT("512x512")) ||
           view_eq(v, VIEW_LIT("256x256"));
}

static bool ordinary_quality(struct view v)
{
    return view_eq(v, VIEW_LIT("auto")) || view_eq(v, VIEW_LIT("standard")) || view_eq(v, VIEW_LIT("low")) ||
           view_eq(v, VIEW_LIT("medium"));
}

static void note_priced(struct prompt *p, const char *name, bool ordinary)
{
    if (!ordinary)
        p->call.priced = view_str(name);
}

/* --- JSON */

static enum err read_prompt(struct member_reader *r, struct json_value v)
{
    struct view text;
    enum err e = prompt_read_text(v, "prompt must be a string", r->fault, &text);

    if (e == ERR_NONE && text.len == 0)
        return prompt_refuse(r->fault, "prompt is empty", ERR_FORMAT);
    if (e == ERR_NONE)
        call_add_text(r->p, text.len);
    return e;
}

/* Read with the prompt, which no image is made without. */
static enum err read_negative(struct member_reader *r, struct json_value v)
{
    struct view text;
    enum err e = prompt_read_text(v, "negative_prompt must be a string", r->fault, &text);

    if (e == ERR_NONE && r->p->prompt_bytes != 0)
        call_add_text(r->p, text.len);
    return e;
}

static enum err read_n(struct member_reader *r, struct json_value v)
{
    return prompt_read_count(v, 1, CALL_IMAGES_MAX, count_message, r->fault, &r->p->n_choices);
}

static enum err read_size(struct member_reader *r, struct json_value v)
{
    struct view text;
    enum err e = prompt_read_text(v, "size must be a string", r->fault, &text);

    note_priced(r->p, "size", e == ERR_NONE && ordinary_size(text));
    return e;
}

static enum err read_quality(struct member_reader *r, struct json_value v)
{
    struct view text;
    enum err e = prompt_read_text(v, "quality must be a string", r->fault, &text);

    note_priced(r->p, "quality", e == ERR_NONE && ordinary_quality(text));
    return e;
}

static const struct member_rule rules[] = {
    MEMBERS_ROUTING,
    MEMBERS_LABELS,
    {.name = "prompt", .read = read_prompt},
    {.name = "n", .read = read_n},
    {.name = "size", .read = read_size},
    {.name = "quality", .read = read_quality},
    {.name = "style", .read = call_text},
    {.name = "background", .read = call_text},
    {.name = "moderation", .read = call_text},
    {.name = "response_format", .read = call_text},
    {.name = "output_format", .read = call_text},
    {.name = "output_compression", .read = call_number},
    {.name = "seed", .read = call_number},
    {.name = "negative_prompt", .read = read_negative},
    {.name = "user", .read = member_user},
    {.name = "stream", .read = call_no_stream},
};

/* What n images cost at most, and what they are counted as where the provider does not. */
static void count_images(struct prompt *p)
{
    struct call_form *f = &p->call.form;

    f->units = (struct price_units){p->n_choices, PRICE_UNIT_image};
    f->guess = p->n_choices;
    f->output_guess = p->n_choices * (p->call.priced.len != 0 ? CALL_IMAGE_TOKENS_LARGE : CALL_IMAGE_TOKENS);
    p->max_tokens = CALL_IMAGE_TOKENS_MOST;
}

static enum err images_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    enum err e;

    call_prompt_init(out, PROMPT_IMAGES, CALL_IMAGES);
    e = members_read(body, rules, sizeof rules / sizeof rules[0], call_keep_member, out, fault);
    if (e != ERR_NONE)
        return e;
    if (out->prompt_bytes == 0)
        return call_missing(fault, "prompt");
    count_images(out);
    return ERR_NONE;
}

/* --- forms */

static enum err form_prompt(struct member_reader *r, const struct multipart_part *part)
{
    if (part->bytes.len == 0)
        return prompt_refuse(r->fault, "prompt is empty", ERR_FORMAT);
    call_add_text(r->p, part->bytes.len);
    return form_text(r, part);
}

static enum err form_n(struct member_reader *r, const struct multipart_part *part)
{
    return form_count(part, 1, CALL_IMAGES_MAX, count_message, r->fault, &r->p->n_choices);
}

static enum err form_size(struct member_reader *r, const struct multipart_part *part)
{
    note_priced(r->p, "size", ordinary_size(part->bytes));
    return form_text(r, part);
}

static enum err form_quality(struct member_reader *r, const struct multipart_part *part)
{
    note_priced(r->p, "quality", ordinary_quality(part->bytes));
    return form_text(r, part);
}

/* It makes the provider read more of the images. */
static enum err form_fidelity(struct member_reader *r, const struct multipart_part *part)
{
    note_priced(r->p, "input_fidelity", view_eq(part->bytes, VIEW_LIT("low")));
    return form_text(r, part);
}

static const struct form_rule fields[] = {
    FORM_COMMON,
    {.name = "image", .read = form_file, .many = true},
    {.name = "image[]", .read = form_file, .many = true},
    {.name = "mask", .read = form_file},
    {.name = "prompt", .read = form_prompt},
    {.name = "n", .read = form_n},
    {.name = "size", .read = form_size},
    {.name = "quality", .read = form_quality},
    {.name = "input_fidelity", .read = form_fidelity},
    {.name = "background", .read = form_text},
    {.name = "moderation", .read = form_text},
    {.name = "response_format", .read = form_text},
    {.name = "output_format", .read = form_text},
    {.name = "output_compression", .read = form_number},
};

static enum err edits_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    enum err e;

    call_prompt_init(out, PROMPT_IMAGE_EDITS, CALL_IMAGES);
    e = form_read(body, fields, sizeof fields / sizeof fields[0], out, fault);
    if (e != ERR_NONE)
        return e;
    if (out->call.n_files == 0)
        return call_missing(fault, "image");
    if (out->prompt_bytes == 0)
        return call_missing(fault, "prompt");
    count_images(out);
    /* An image that is read comes to no more tokens than one that is made: in high fidelity some 6,000. */
    out->prompt_bound += (uint64_t)out->call.n_files * CALL_IMAGE_TOKENS_MOST;
    out->prompt_bytes += (uint64_t)out->call.n_files * CALL_IMAGE_TOKENS * 4;
    return ERR_NONE;
}

const struct dialect images_dialect = {
    .name = "images",
    .read = images_read,
    .figures = call_figures,
    .failure = call_failure,
};

const struct dialect image_edits_dialect = {
    .name = "image_edits",
    .form = true,
    .read = edits_read,
    .figures = call_figures,
    .failure = call_failure,
};
