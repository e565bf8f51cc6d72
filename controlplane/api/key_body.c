/* The members of a key's object, and the checks of its rules. */
#include "key_body.h"

#include "key_rules.h"
#include "message.h"

const char *const key_resets[] = {"none", "daily", "weekly", "monthly", NULL};
const char *const key_roles[] = {"inference", "management", "operator", NULL};
/* The words of provider.min_privacy and of data_collection: key_privacy_parse() knows them all. */
static const char *const privacies[] = {"any", "allow", "no_store", "zdr", "deny", "confidential",
                                        "e2e", "e2ee",  "max",      NULL};
static const char *const regions[] = {"eu", "us", NULL};

/* clang-format off */
#define CHANGEABLE(title_required)                                                                 \
    [TITLE] = {"name", FIELD_TEXT, title_required, false, 128, NULL},                              \
    [DISABLED] = {"disabled", FIELD_BOOL, false, false, 0, NULL},                                  \
    [LIMIT] = {"limit", FIELD_USD, false, true, 0, NULL},                                          \
    [RESET] = {"limit_reset", FIELD_NAME, false, true, 0, key_resets},                             \
    [EXPIRES] = {"expires_at", FIELD_FUTURE, false, true, 0, NULL},                                \
    [REQUESTS] = {"requests_per_minute", FIELD_COUNT, false, false, INT32_MAX, NULL},              \
    [TOKENS] = {"tokens_per_minute", FIELD_COUNT, false, false, INT32_MAX, NULL},                  \
    [BYOK] = {"include_byok_in_limit", FIELD_BOOL, false, true, 0, NULL},                          \
    [MODELS] = {"allowed_models", FIELD_LIST, false, true, LIMIT_RULE_MODELS, NULL},               \
    [PROVIDERS] = {"allowed_providers", FIELD_LIST, false, true, LIMIT_PROVIDERS, NULL},           \
    [ADDRESSES] = {"allowed_ips", FIELD_LIST, false, true, LIMIT_RULE_RANGES, NULL},               \
    [PRIVACY] = {"min_privacy", FIELD_NAME, false, true, 0, privacies},                            \
    [REGION] = {"region", FIELD_NAME, false, true, 0, regions}
/* clang-format on */
const struct field key_create_fields[KEY_CREATE_FIELDS] = {
    CHANGEABLE(true),
    [ROLE] = {"role", FIELD_NAME, false, false, 0, key_roles},
    [WORKSPACE] = {"workspace_id", FIELD_ID, false, true, 0, NULL},
    [CREATOR] = {"creator_user_id", FIELD_PLAIN, false, true, 128, NULL},
};
const struct field key_patch_fields[KEY_PATCH_FIELDS] = {CHANGEABLE(false)};

static bool provider_ok(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!((v.ptr[i] >= 'a' && v.ptr[i] <= 'z') || (v.ptr[i] >= '0' && v.ptr[i] <= '9') || v.ptr[i] == '-'))
            return false;
    return v.len >= 1 && v.len <= 31;
}

static bool range_ok(struct view v)
{
    struct ip_range range;

    return ip_range_parse(v, &range) == ERR_NONE;
}

static const struct {
    enum key_field field;
    bool (*ok)(struct view element);
    const char *fault;
} lists[] = {
    {MODELS, model_rule_ok, "Each is a model's id (author/slug), or author/* for all models of an author."},
    {PROVIDERS, provider_ok, "Each is the id of a provider."},
    {ADDRESSES, range_ok, "Each is an address or a range (192.0.2.0/24, 2001:db8::/32) whose bits behind its length are 0."},
};

static bool elements_ok(struct json_value list, bool (*ok)(struct view element))
{
    struct json_member item;
    struct view text;

    for (struct json_iter it = json_iter(list); json_next(&it, &item);)
        if (!json_string_plain(item.value, &text) || !ok(text))
            return false;
    return true;
}

/* ,"name":value */
static enum err put_member(struct buf *out, const struct field *f, struct view value)
{
    enum err e = buf_appendf(out, "%s\"%s\":", out->len == 1 ? "" : ",", f->name);

    return e == ERR_NONE ? buf_append(out, value) : e;
}

/* Texts are plain: without escapes, quotes and control characters, so they are JSON as they stand. */
static enum err put_text(struct buf *out, const struct field *f, struct view text)
{
    enum err e = put_member(out, f, VIEW_LIT("\""));

    if (e == ERR_NONE)
        e = buf_append(out, text);
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

static enum err put_rule(struct buf *out, const struct field *f, const struct value *v)
{
    if (v->state == VALUE_NULL)
        return put_member(out, f, VIEW_LIT("null"));
    switch (f->type) {
    case FIELD_LIST:
        return put_member(out, f, v->list.text);
    case FIELD_NAME:
        return put_text(out, f, view_str(f->names[v->number]));
    case FIELD_PLAIN:
        return put_text(out, f, v->plain);
    case FIELD_BOOL:
        return put_member(out, f, v->number != 0 ? VIEW_LIT("true") : VIEW_LIT("false"));
    case FIELD_TEXT:
    case FIELD_USD:
    case FIELD_COUNT:
    case FIELD_FUTURE:
    case FIELD_ID:
    case FIELD_SECRET:
    case FIELD_LINES:
        break;
    }
    return ERR_BUG;
}

static bool refuse_rules(struct call *c, const struct value *v, bool creating)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const struct value *list = &v[lists[i].field];

        if (list->state != VALUE_SET || elements_ok(list->list, lists[i].ok))
            continue;
        call_fail(c, 400, "invalid_parameter", lists[i].fault, key_patch_fields[lists[i].field].name);
        return true;
    }
    if (creating && v[CREATOR].state == VALUE_SET && !catalog_id_ok(v[CREATOR].plain)) {
        call_fail(c, 400, "invalid_parameter", "This must be an id.", key_create_fields[CREATOR].name);
        return true;
    }
    return false;
}

bool key_body_rules(struct call *c, const struct value *v, bool creating, struct buf *out)
{
    static const enum key_field rules[] = {BYOK, MODELS, PROVIDERS, ADDRESSES, PRIVACY, REGION, CREATOR};
    enum err e;

    if (refuse_rules(c, v, creating))
        return false;
    buf_init(out, CALL_BODY_MAX + 1024);
    e = buf_append_byte(out, '{');
    for (size_t i = 0; e == ERR_NONE && i < sizeof rules / sizeof rules[0]; i++) {
        if ((rules[i] == CREATOR && !creating) || v[rules[i]].state == VALUE_ABSENT)
            continue;
        e = put_rule(out, &key_create_fields[rules[i]], &v[rules[i]]);
    }
    if (e == ERR_NONE)
        e = buf_append_byte(out, '}');
    if (e == ERR_NONE)
        return true;
    buf_free(out);
    call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    return false;
}

bool key_body_refused(struct call *c, struct view outcome)
{
    if (view_eq(outcome, VIEW_LIT("ok")))
        return false;
    if (view_eq(outcome, VIEW_LIT("provider")))
        call_fail(c, 400, "invalid_parameter", "No endpoint of the catalog is at one of these providers.",
                  "allowed_providers");
    else if (view_eq(outcome, VIEW_LIT("own")))
        call_fail(c, 409, "own_key", "A key cannot change or delete itself: use another one.", NULL);
    else if (view_eq(outcome, VIEW_LIT("above")))
        call_fail(c, 403, "insufficient_role", "This kind of key may do more than you may.", NULL);
    else if (view_eq(outcome, VIEW_LIT("too_many")))
        call_fail(c, 409, "too_many_keys", "The account has 1,000 keys: delete those that are not used.", NULL);
    else
        call_fail_db(c, ERR_BUG);
    return true;
}
