/* (G) Reads the members and form fields that one-answer calls have in common, and adds the bill to an answer. */
#include "call_dialect.h"

#include "content_view.h"
#include "error_body.h"
#include "pen.h"

#include <assert.h>

void call_prompt_init(struct prompt *p, enum prompt_kind kind, enum call_answer answer)
{
    *p = (struct prompt){.kind = kind, .n_choices = 1, .call.form.answer = answer};
    prompt_list_init(&p->list);
}

enum err call_missing(struct prompt_fault *fault, const char *name)
{
    fault->param = name;
    return prompt_refuse(fault, "This member is required.", ERR_FORMAT);
}

/* --- members of a JSON body */

static enum err of_kind(struct member_reader *r, struct json_value v, enum json_kind kind, const char *message)
{
    struct view raw;

    return prompt_read_raw(v, kind, message, r->fault, &raw);
}

enum err call_text(struct member_reader *r, struct json_value v)
{
    return of_kind(r, v, JSON_STRING, "This member must be a string.");
}

enum err call_number(struct member_reader *r, struct json_value v)
{
    return of_kind(r, v, JSON_NUMBER, "This member must be a number.");
}

enum err call_flag(struct member_reader *r, struct json_value v)
{
    bool flag;

    return prompt_read_bool(v, r->fault, &flag);
}

enum err call_any(struct member_reader *r, struct json_value v)
{
    (void)r, (void)v;
    return ERR_NONE;
}

static const char no_streams[] = "Streams of this call are not supported; leave stream out.";

enum err call_no_stream(struct member_reader *r, struct json_value v)
{
    bool stream = false;
    enum err e = prompt_read_bool(v, r->fault, &stream);

    return e != ERR_NONE || !stream ? e : prompt_refuse(r->fault, no_streams, ERR_UNSUPPORTED);
}

static enum err keep(struct member_reader *r, struct view key)
{
    struct prompt_call *x = &r->p->call;

    r->fault->member = key;
    for (size_t i = 0; i < x->n_members; i++)
        if (view_eq(x->member[i], key))
            return prompt_refuse(r->fault, "This member appears more than once.", ERR_DUPLICATE);
    if (x->n_members == CALL_MEMBERS_MAX)
        return prompt_refuse(r->fault, "This member is not known.", ERR_UNSUPPORTED);
    x->member[x->n_members++] = key;
    r->fault->member = VIEW_EMPTY;
    return ERR_NONE;
}

enum err call_keep_member(struct member_reader *r, const struct json_member *m)
{
    return keep(r, m->key);
}

/* --- fields of a form */

enum err form_count(const struct multipart_part *part, uint32_t min, uint32_t max, const char *message,
                    struct prompt_fault *fault, uint32_t *out)
{
    uint64_t n;

    if (part->filename.ptr != NULL || !view_u64(part->bytes, &n))
        return prompt_refuse(fault, message, ERR_FORMAT);
    if (n < min || n > max)
        return prompt_refuse(fault, message, ERR_RANGE);
    *out = (uint32_t)n;
    return ERR_NONE;
}

enum err form_text(struct member_reader *r, const struct multipart_part *part)
{
    return part->filename.ptr == NULL ? ERR_NONE
                                      : prompt_refuse(r->fault, "This field must not be a file.", ERR_FORMAT);
}

enum err form_number(struct member_reader *r, const struct multipart_part *part)
{
    struct json_value v;

    return part->filename.ptr == NULL && json_check(part->bytes, &v, NULL) == ERR_NONE && v.kind == JSON_NUMBER
               ? ERR_NONE
               : prompt_refuse(r->fault, "This field must be a number.", ERR_FORMAT);
}

enum err form_no_stream(struct member_reader *r, const struct multipart_part *part)
{
    return view_eq_nocase(part->bytes, VIEW_LIT("false"))
               ? ERR_NONE
               : prompt_refuse(r->fault, no_streams, ERR_UNSUPPORTED);
}

enum err form_model(struct member_reader *r, const struct multipart_part *part)
{
    struct buf quoted;
    struct json_value v;
    enum err e;

    buf_init(&quoted, LIMIT_MODEL_ID_BYTES * 6 + 2);
    e = part->filename.ptr == NULL ? buf_append_json_string(&quoted, part->bytes) : ERR_FORMAT;
    if (e == ERR_NONE)
        e = json_check(buf_view(&quoted), &v, NULL);
    if (e == ERR_NONE)
        e = prompt_read_model(v, r->p, r->fault);
    else
        e = prompt_refuse(r->fault, "model must be the id of a model", e == ERR_MEMORY ? e : ERR_FORMAT);
    buf_free(&quoted);
    return e;
}

/* The hash of an end user is made of what a JSON body would say, so there is nothing to escape in it. */
enum err form_user(struct member_reader *r, const struct multipart_part *part)
{
    r->p->user = part->bytes;
    return form_text(r, part);
}

enum err form_file(struct member_reader *r, const struct multipart_part *part)
{
    struct prompt_call *x = &r->p->call;

    if (part->filename.ptr == NULL || part->bytes.len == 0)
        return prompt_refuse(r->fault, "This field must be a file that is not empty.", ERR_FORMAT);
    x->file_bytes += part->bytes.len;
    if (++x->n_files > CALL_FILES_MAX + 1)
        return prompt_refuse(r->fault, "There may be 16 images and a mask.", ERR_RANGE);
    return ERR_NONE;
}

static enum err form_part(struct member_reader *r, const struct form_rule *rules, size_t n_rules, uint32_t *seen,
                          const struct multipart_part *part)
{
    for (size_t k = 0; k < n_rules; k++) {
        if (!view_eq(part->name, view_str(rules[k].name)))
            continue;
        r->fault->param = rules[k].name;
        if ((*seen >> k & 1) != 0 && !rules[k].many)
            return prompt_refuse(r->fault, "This member appears more than once.", ERR_DUPLICATE);
        *seen |= 1u << k;
        return rules[k].read(r, part);
    }
    for (size_t i = 0; i < part->name.len; i++) /* it is told in an error's JSON, and to a provider */
        if (part->name.ptr[i] <= ' ' || part->name.ptr[i] >= 0x7f)
            return prompt_refuse(r->fault, "The name of a field is no plain word.", ERR_FORMAT);
    return keep(r, part->name);
}

enum err form_read(struct view body, const struct form_rule *rules, size_t n_rules, struct prompt *p,
                   struct prompt_fault *fault)
{
    struct member_reader r = {.p = p, .fault = fault};
    struct multipart m;
    struct multipart_part part;
    uint32_t seen = 0;
    enum err e;

    assert(n_rules <= FORM_RULES_MAX);
    *fault = (struct prompt_fault){0};
    p->body = body;
    e = multipart_first(body, &p->call.boundary);
    if (e == ERR_NONE)
        e = multipart_begin(&m, body, p->call.boundary);
    while (e == ERR_NONE) {
        e = multipart_next(&m, &part);
        if (e == ERR_NONE)
            e = form_part(&r, rules, n_rules, &seen, &part);
    }
    if (e == ERR_NOT_FOUND) {
        *fault = (struct prompt_fault){0};
        return ERR_NONE;
    }
    if (fault->message == NULL) {
        fault->param = "body";
        fault->message = "The body is no multipart/form-data that can be read in one way only.";
    }
    return e;
}

/* --- text */

uint32_t call_characters(struct view s)
{
    uint64_t n = 0;
    bool high = false; /* the first half of a pair stands in front */

    for (size_t i = 0; i < s.len; i++) {
        bool first = false, second = false;

        if ((s.ptr[i] & 0xc0) == 0x80)
            continue;
        if (s.ptr[i] == '\\' && i + 1 < s.len && s.ptr[++i] == 'u' && i + 4 < s.len) {
            uint8_t a = s.ptr[i + 1] | 0x20, b = s.ptr[i + 2] | 0x20;

            first = a == 'd' && (b == '8' || b == '9' || b == 'a' || b == 'b');
            second = a == 'd' && (b >= 'c' && b <= 'f');
            i += 4;
        }
        n += high && second ? 0 : 1;
        high = first;
    }
    return (uint32_t)n; /* a body has at most 32 Mi bytes */
}

void call_add_text(struct prompt *p, uint64_t bytes)
{
    p->prompt_bytes += bytes;
    p->prompt_bound += bytes + CALL_TEMPLATE_TOKENS;
}

/* --- the answer */

/* In place of len bytes at `from`. */
static enum err replace(struct buf *b, size_t from, size_t len, struct view with)
{
    enum err e = with.len > len ? buf_reserve(b, with.len - len) : ERR_NONE;

    if (e != ERR_NONE)
        return e;
    memmove(b->ptr + from + with.len, b->ptr + from + len, b->len - from - len);
    memcpy(b->ptr + from, with.ptr, with.len);
    b->len = b->len - len + with.len;
    return ERR_NONE;
}

/* Where the cost belongs in an answer, and what stands around it. */
struct cost_place {
    size_t from, len;
    const char *before, *behind;
};

static struct cost_place cost_place(struct view body, struct json_value root)
{
    struct json_value usage, cost;
    struct json_member any;
    struct json_iter it;

    if (!json_get(root, "usage", &usage))
        return (struct cost_place){(size_t)(root.text.ptr - body.ptr) + 1, 0, "\"usage\":{\"cost\":", "},"};
    if (usage.kind != JSON_OBJECT)
        return (struct cost_place){(size_t)(usage.text.ptr - body.ptr), usage.text.len, "{\"cost\":", "}"};
    if (json_get(usage, "cost", &cost))
        return (struct cost_place){(size_t)(cost.text.ptr - body.ptr), cost.text.len, "", ""};
    it = json_iter(usage);
    return (struct cost_place){(size_t)(usage.text.ptr - body.ptr) + 1, 0, "\"cost\":", json_next(&it, &any) ? "," : ""};
}

/* Under /api/v1 a client reads what it pays, in the provider's usage object when there is one. An answer that is a
 * JSON object has members: without any the adapter has refused it. */
enum err call_figures(const struct answer *a, const struct token_usage *usage, struct buf *whole)
{
    struct json_value root;
    struct cost_place at;
    struct buf text;
    struct pen p = {.out = &text};

    (void)usage; /* the provider's own figures stay as they came */
    if (!a->openrouter || json_check(buf_view(whole), &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT)
        return ERR_NONE;
    at = cost_place(buf_view(whole), root);
    buf_init(&text, 128);
    pen_text(&p, at.before);
    pen_usd(&p, a->cost_nusd);
    pen_text(&p, at.behind);
    if (p.e == ERR_NONE)
        p.e = replace(whole, at.from, at.len, buf_view(&text));
    buf_free(&text);
    return p.e;
}

enum err call_failure(const struct api_failure *f, const struct id *request, bool openrouter, struct buf *out)
{
    (void)request;
    return openrouter ? error_openrouter_body(f, out) : error_body(f, out);
}
