/* (G) Provider errors in all the shapes they come in: what the client may be told, and whether
 * another provider could do better. */
#include "chat_parts.h"

#include "content_view.h"

#include <ctype.h>

enum { MESSAGE_SEARCH_MAX = 4096 }; /* bytes of a message looked through for tell-tale words */

static const struct {
    const char *word; /* of "type", "code" or "status" */
    int status;
} words[] = {
    {"context_length_exceeded", 400},
    {"invalid_request_error", 400},
    {"invalid_prompt", 400},
    {"content_filter", 400},
    {"tool_use_failed", 400},
    {"INVALID_ARGUMENT", 400},
    {"FAILED_PRECONDITION", 400},
    {"authentication_error", 401},
    {"invalid_api_key", 401},
    {"UNAUTHENTICATED", 401},
    {"billing_error", 402},
    {"insufficient_quota", 429},
    {"permission_error", 403},
    {"PERMISSION_DENIED", 403},
    {"not_found_error", 404},
    {"model_not_found", 404},
    {"NOT_FOUND", 404},
    {"request_too_large", 413},
    {"rate_limit_exceeded", 429},
    {"rate_limit_error", 429},
    {"RESOURCE_EXHAUSTED", 429},
    {"server_error", 500},
    {"internal_server_error", 500},
    {"api_error", 500},
    {"INTERNAL", 500},
    {"overloaded_error", 503},
    {"UNAVAILABLE", 503},
    {"timeout_error", 504},
    {"DEADLINE_EXCEEDED", 504},
};

static int word_status(struct json_value v)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (json_string_is(v, words[i].word))
            return words[i].status;
    }
    return 0;
}

/* A status as a number, or as the digits of a string. */
static int number_status(struct json_value v)
{
    struct view digits = v.text;
    uint64_t n;

    if (v.kind == JSON_STRING)
        digits = inner(v);
    else if (v.kind != JSON_NUMBER)
        return 0;
    return view_u64(digits, &n) && n >= 400 && n <= 599 ? (int)n : 0;
}

static bool mentions(struct view text, const char *lower)
{
    size_t n = strlen(lower);

    if (text.len > MESSAGE_SEARCH_MAX)
        text.len = MESSAGE_SEARCH_MAX;
    for (size_t i = 0; i + n <= text.len; i++) {
        size_t k = 0;

        while (k < n && tolower(text.ptr[i + k]) == lower[k])
            k++;
        if (k == n)
            return true;
    }
    return false;
}

static void read_object(struct json_value error, struct chat_error *out)
{
    struct json_iter it = json_iter(error);
    struct json_member m;
    int by_word = 0, by_number = 0, s;

    while (json_next(&it, &m)) {
        if (KEY_IS(m, "message") || KEY_IS(m, "status_msg") || KEY_IS(m, "msg") ||
            KEY_IS(m, "error_message") || KEY_IS(m, "error_msg") || KEY_IS(m, "errorMessage")) {
            if (m.value.kind == JSON_STRING)
                out->message = inner(m.value);
        } else if (KEY_IS(m, "code") || KEY_IS(m, "type") || KEY_IS(m, "status") ||
                   KEY_IS(m, "status_code") || KEY_IS(m, "statusCode")) {
            s = number_status(m.value);
            by_number = s != 0 ? s : by_number;
            s = word_status(m.value);
            by_word = s != 0 ? s : by_word;
            if (json_string_is(m.value, "context_length_exceeded"))
                out->context_length = true;
            if (KEY_IS(m, "type") && json_string_is(m.value, "invalid_request_error"))
                out->invalid_request = true;
        }
    }
    if (by_number != 0 || by_word != 0)
        out->status = by_number != 0 ? by_number : by_word;
}

/* {"detail":"..."} and {"detail":[{"msg":"..."}]}, as FastAPI servers answer. */
static void read_detail(struct json_value detail, struct chat_error *out)
{
    struct json_iter it;
    struct json_member first;

    if (detail.kind == JSON_STRING)
        out->message = inner(detail);
    else if (detail.kind == JSON_OBJECT)
        read_object(detail, out);
    else if (detail.kind == JSON_ARRAY) {
        it = json_iter(detail);
        if (json_next(&it, &first) && first.value.kind == JSON_OBJECT)
            read_object(first.value, out);
    }
}

/* MiniMax says in "base_resp" what went wrong, with numbers of its own, in a response of status 200. */
static const struct {
    int64_t code;
    int status;
} minimax[] = {
    {1000, 500}, {1001, 504}, {1002, 429}, {1004, 401}, {1008, 402}, {1013, 500}, {1024, 500}, {1026, 400},
    {1027, 400}, {1033, 500}, {1039, 429}, {1041, 429}, {1042, 400}, {2013, 400}, {2045, 429}, {2049, 401},
    {2056, 429},
};

static int64_t base_resp_code(struct json_value v)
{
    struct json_value code;
    int64_t n;

    return json_get(v, "status_code", &code) && json_i64(code, &n) == ERR_NONE ? n : 0;
}

static void read_base_resp(struct json_value v, struct chat_error *out)
{
    int64_t code = base_resp_code(v);

    read_object(v, out);
    for (size_t i = 0; i < sizeof minimax / sizeof minimax[0]; i++)
        if (minimax[i].code == code)
            out->status = minimax[i].status;
}

/* The context of this model is too small. */
static const char *const too_long[] = {"context length", "maximum context", "context window",
                                       "prompt is too long", "context_length",
                                       "input token count"};

/* Words about what this provider, or this model, cannot do: its limits, the roles, tools and members that
 * it knows. */
static const char *const own_limits[] = {
    "max_tokens",     "max_completion_tokens", "max_output_tokens", "too long",
    "too large",      "too many",              "at most",           "exceed",
    "tokens per min", "reduce",                "developer",         "unknown role",
    "invalid role",   "unexpected role",       "alternate",         "not support",
    "unsupported",    "support tools",         "tool choice",       "function calling",
    "unrecognized",   "unknown parameter",     "unknown field",     "extra inputs",
    "extra fields",   "not permitted",         "not available",
};

/* Some providers say 400 for trouble with the operator's account, or for where the operator calls from;
 * that is no fault of the request. */
static const struct {
    const char *words;
    int status;
} account[] = {
    {"api key", 401},
    {"api_key", 401},
    {"credit balance", 402},
    {"insufficient balance", 402},
    {"insufficient credit", 402},
    {"insufficient funds", 402},
    {"not enough credit", 402},
    {"out of credits", 402},
    {"exceeded your current quota", 402},
    {"specified api usage limits", 402},
    {"spending limit", 402},
    {"spend limit", 402},
    {"billing details", 402},
    {"plans & billing", 402},
    {"in good standing", 402},
    {"overdue", 402},
    {"account is not active", 402},
    {"account has been", 403},
    {"account is suspended", 403},
    {"organization has been", 403},
    {"location is not supported", 403},
    {"country, region", 403},
    {"not available in your", 403},
};

static bool mentions_any(struct view text, const char *const *words_of, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (mentions(text, words_of[i]))
            return true;
    return false;
}

static void judge(struct chat_error *e)
{
    if (e->status == 400 && mentions_any(e->message, too_long, sizeof too_long / sizeof too_long[0]))
        e->context_length = true;
    for (size_t i = 0; i < sizeof account / sizeof account[0]; i++)
        if (e->status == 400 && !e->context_length && mentions(e->message, account[i].words))
            e->status = account[i].status;
    e->client_fault = e->status == 400 || e->status == 404 || e->status == 413 || e->status == 422;
    e->own_limit =
        e->client_fault &&
        (e->status == 413 || e->context_length ||
         mentions_any(e->message, own_limits, sizeof own_limits / sizeof own_limits[0]));
    /* These speak of the operator's account, with fragments of its key: not the client's business.
     */
    if (e->status == 401 || e->status == 402 || e->status == 403)
        e->message = VIEW_EMPTY;
}

/* Does a member that only errors have hold one? Numbers count unless 0: {"code":0} says that all is
 * well. Recursion is bounded by JSON_MAX_DEPTH. */
bool chat_error_says(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    int64_t n;

    if (v.kind == JSON_NUMBER)
        return json_whole(v, &n) != ERR_NONE || n != 0;
    if (v.kind != JSON_ARRAY && v.kind != JSON_OBJECT)
        return is_text(v) || v.kind == JSON_TRUE;
    while (json_next(&it, &m))
        if (chat_error_says(m.value))
            return true;
    return false;
}

/* The value of "error", or the first of a list of errors. */
static void read_error(struct json_value v, struct chat_error *out)
{
    struct json_iter it;
    struct json_member first;
    int s;

    if (v.kind == JSON_ARRAY) {
        it = json_iter(v);
        v = json_next(&it, &first) ? first.value : v;
    }
    if (v.kind == JSON_OBJECT)
        read_object(v, out);
    else if (v.kind == JSON_STRING)
        out->message = inner(v);
    s = number_status(v);
    out->status = s != 0 ? s : out->status;
}

/* Members that make a document without choices an error. */
static bool bare_failed(const struct json_member *m)
{
    static const char *const failed[] = {"error", "failed", "failure", "fail", "exception"};

    if (KEY_IS(*m, "message") || KEY_IS(*m, "msg") || KEY_IS(*m, "status_msg") ||
        KEY_IS(*m, "error_message") || KEY_IS(*m, "error_msg") || KEY_IS(*m, "errorMessage"))
        return is_text(m->value);
    if (KEY_IS(*m, "success") || KEY_IS(*m, "ok"))
        return m->value.kind == JSON_FALSE;
    if (KEY_IS(*m, "errors") || KEY_IS(*m, "detail") || KEY_IS(*m, "fault") ||
        KEY_IS(*m, "exception") || KEY_IS(*m, "error_code") || KEY_IS(*m, "errorCode"))
        return chat_error_says(m->value);
    if (!KEY_IS(*m, "status") && !KEY_IS(*m, "code") && !KEY_IS(*m, "status_code") &&
        !KEY_IS(*m, "statusCode") && !KEY_IS(*m, "type") && !KEY_IS(*m, "object"))
        return false;
    for (size_t i = 0; i < sizeof failed / sizeof failed[0]; i++) {
        if (json_string_is(m->value, failed[i]))
            return true;
    }
    return number_status(m->value) != 0 || word_status(m->value) != 0;
}

bool chat_error_read(struct json_value object, bool bare, struct chat_error *out)
{
    struct json_iter it = json_iter(object);
    struct json_member m;
    bool found = false, plain = false;

    *out = (struct chat_error){.status = 502};
    while (json_next(&it, &m)) {
        if (KEY_IS(m, "error") && chat_error_says(m.value)) {
            found = true;
            read_error(m.value, out);
        } else if (KEY_IS(m, "base_resp") && base_resp_code(m.value) != 0) {
            found = true;
            read_base_resp(m.value, out);
        } else if (bare && bare_failed(&m)) {
            plain = true;
            if (KEY_IS(m, "detail"))
                read_detail(m.value, out);
            else if (KEY_IS(m, "errors") || KEY_IS(m, "fault") || KEY_IS(m, "exception"))
                read_error(m.value, out);
        }
    }
    if (!found && plain && out->message.len == 0)
        read_object(object, out);
    found = found || plain;
    if (found)
        judge(out);
    return found;
}

void chat_canon_error(int status, struct view body, struct chat_error *error)
{
    struct json_value root;
    struct json_iter it;
    struct json_member first;

    *error = (struct chat_error){.status = status};
    if (json_check(body, &root, NULL) == ERR_NONE) {
        if (root.kind == JSON_ARRAY) { /* Gemini wraps its error in an array */
            it = json_iter(root);
            if (json_next(&it, &first))
                root = first.value;
        }
        if (root.kind == JSON_OBJECT)
            (void)chat_error_read(root, true, error);
        else if (root.kind == JSON_STRING)
            error->message = inner(root);
    }
    /* A 400 about the operator's account stays judged so. */
    if (status != 400 || error->status < 401 || error->status > 403)
        error->status = status;
    judge(error);
}
