/* (G) Reads a body by a table of members. */
#include "members.h"

#include "content_view.h"

#include <assert.h>

enum err member_model(struct member_reader *r, struct json_value v)
{
    return prompt_read_model(v, r->p, r->fault);
}

enum err member_models(struct member_reader *r, struct json_value v)
{
    r->p->models = v;
    return ERR_NONE;
}

enum err member_provider(struct member_reader *r, struct json_value v)
{
    r->p->provider = v;
    return ERR_NONE;
}

enum err member_route(struct member_reader *r, struct json_value v)
{
    r->p->route = v;
    return ERR_NONE;
}

enum err member_label(struct member_reader *r, struct json_value v)
{
    (void)r, (void)v;
    return ERR_NONE;
}

enum err member_user(struct member_reader *r, struct json_value v)
{
    return prompt_read_text(v, "user must be a string", r->fault, &r->p->user);
}

static enum err refuse_unknown(struct member_reader *r, const struct json_member *m)
{
    r->fault->member = m->key;
    return prompt_refuse(r->fault, "This member is not known.", ERR_UNSUPPORTED);
}

/* Each member's value to its rule's place. */
static enum err place(struct member_reader *r, const struct member_rule *rules, size_t n_rules,
                      member_other_fn *other, const struct json_member *m,
                      struct json_value found[static MEMBER_RULES_MAX])
{
    size_t k = 0;

    while (k < n_rules && !json_key_is(m->key, rules[k].name))
        k++;
    if (k == n_rules)
        return other(r, m);
    r->fault->param = rules[k].name;
    if (found[k].text.len != 0)
        return prompt_refuse(r->fault, "This member appears more than once.", ERR_DUPLICATE);
    found[k] = m->value;
    return ERR_NONE;
}

static enum err read_one(struct member_reader *r, const struct member_rule *rule, struct json_value v)
{
    r->fault->param = rule->name;
    if (v.kind == JSON_NULL) /* also of one that is absent */
        return ERR_NONE;
    return rule->read != NULL ? rule->read(r, v)
                              : prompt_read_raw(v, rule->kind, "This member is of the wrong type.", r->fault,
                                                &r->p->list.setting[rule->setting]);
}

enum err members_read(struct view body, const struct member_rule *rules, size_t n_rules, member_other_fn *other,
                      struct prompt *p, struct prompt_fault *fault)
{
    struct member_reader r = {.p = p, .fault = fault};
    struct json_member all[LIMIT_MEMBERS];
    struct json_value found[MEMBER_RULES_MAX] = {{JSON_NULL, VIEW_EMPTY}};
    size_t n = 0;
    enum err e;

    assert(n_rules <= MEMBER_RULES_MAX);
    if (view_starts(body, VIEW_LIT("\xef\xbb\xbf")))
        body = view_from(body, 3);
    *fault = (struct prompt_fault){0};
    p->body = body;
    e = json_object(body, all, LIMIT_MEMBERS, &n, &fault->at);
    if (e != ERR_NONE)
        return prompt_refuse(fault, prompt_no_object(body, e), e);
    for (size_t i = 0; e == ERR_NONE && i < n; i++)
        e = place(&r, rules, n_rules, other != NULL ? other : refuse_unknown, &all[i], found);
    for (size_t k = 0; e == ERR_NONE && k < n_rules; k++)
        e = read_one(&r, &rules[k], found[k]);
    if (e == ERR_NONE)
        *fault = (struct prompt_fault){0};
    return e;
}
