/* (G) The members of a body by a table: each known one once, read in the order of the table, so that a member may rely
 * on those before it; and those that most requests have. */
#ifndef TR_DATAPLANE_LLM_MEMBERS_H
#define TR_DATAPLANE_LLM_MEMBERS_H

#include "prompt_read.h"

struct member_reader {
    struct prompt *p;
    struct prompt_fault *fault;
};
/* The value is there and not null. A failure has set the fault's message. */
typedef enum err member_fn(struct member_reader *r, struct json_value v);
struct member_rule {
    const char *name;
    member_fn *read; /* NULL: a setting of this kind, which travels as it came */
    enum json_kind kind;
    enum prompt_setting setting;
};
/* A member without a rule. */
typedef enum err member_other_fn(struct member_reader *r, const struct json_member *m);

enum { MEMBER_RULES_MAX = 48 };

/* Reads body, behind a byte order mark, into *p, whose kind and defaults the caller has set and whose list it has
 * initialised. other NULL: a member without a rule is refused. ERR_FORMAT, ERR_SHORT, ERR_LIMIT, ERR_DUPLICATE,
 * ERR_UNSUPPORTED and what the rules fail with; *fault then says what. */
must_check enum err members_read(struct view body, const struct member_rule *rules, size_t n_rules,
                                 member_other_fn *other, struct prompt *p, struct prompt_fault *fault);

/* Routing: every dialect has these. */
member_fn member_model, member_models, member_provider, member_route;
#define MEMBERS_ROUTING                                                                            \
    {.name = "model", .read = member_model}, {.name = "models", .read = member_models},            \
        {.name = "provider", .read = member_provider}, {.name = "route", .read = member_route}
/* Labels of a request, which say nothing to a provider. */
member_fn member_label;
#define MEMBERS_LABELS                                                                             \
    {.name = "session_id", .read = member_label}, {.name = "trace", .read = member_label},         \
        {.name = "tags", .read = member_label}, {.name = "metadata", .read = member_label},        \
        {.name = "usage", .read = member_label}
/* The end user's id. */
member_fn member_user;

#endif
