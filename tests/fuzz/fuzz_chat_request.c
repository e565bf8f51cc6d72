/* What leaves for a provider is, to whoever reads it there, the request that was priced. Two readers that
 * are not ours look at the rendered body: json-c, which reads C strings and takes the last of two equal
 * keys, and one on top of it that ignores letter case. tests/e2e/members.py has Python's. */
#include "chat_request.h"
#include "json.h"

#include <ctype.h>
#include <stdlib.h>

#define json_object json_c_object /* json.h has a function of this name */
#include <json-c/json.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* --- the careless reader */

/* Lower case, as Unicode folds what is ASCII or becomes it. Too long a key is none of ours. */
static void fold(const char *key, char out[static 32])
{
    size_t n = 0;

    for (; *key != '\0' && n < 31; n++) {
        if (strncmp(key, "\xc5\xbf", 2) == 0) {
            out[n] = 's';
            key += 2;
        } else if (strncmp(key, "\xe2\x84\xaa", 3) == 0) {
            out[n] = 'k';
            key += 3;
        } else {
            out[n] = (char)tolower((unsigned char)*key++);
        }
    }
    out[*key == '\0' ? n : 0] = '\0';
}

/* The member that any spelling of name finds: there is at most one, and it is spelled exactly. */
static struct json_object *careless(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;
    size_t n = 0;

    json_object_object_foreach(object, key, value)
    {
        char folded[32];

        fold(key, folded);
        if (strcmp(folded, name) != 0)
            continue;
        must(strcmp(key, name) == 0 && n++ == 0);
        found = value;
    }
    return found;
}

static bool absent(struct json_object *object, const char *name)
{
    bool none = true;

    json_object_object_foreach(object, key, value)
    {
        char folded[32];

        (void)value;
        fold(key, folded);
        none = none && strcmp(folded, name) != 0;
    }
    return none;
}

/* A count as a strict provider reads it; `otherwise` when there is none. */
static int64_t count(struct json_object *object, const char *name, int64_t otherwise)
{
    struct json_object *v = careless(object, name);

    if (v == NULL)
        return otherwise;
    must(json_object_is_type(v, json_type_int));
    return json_object_get_int64(v);
}

static bool is_word(struct json_object *v, const char *a, const char *b)
{
    return json_object_is_type(v, json_type_string) && (strcmp(json_object_get_string(v), a) == 0 ||
                                                        strcmp(json_object_get_string(v), b) == 0);
}

/* --- what it must see */

static void check_output(struct json_object *root, const struct chat_request *r, uint32_t limit)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens", "max_output_tokens"};
    static const char *const others[] = {"max_new_tokens", "max_length", "n_predict", "num_generations",
                                         "num_return_sequences", "use_beam_search"};
    int64_t want = limit != 0 ? limit : r->facts->max_tokens, n = count(root, "n", 1);
    int64_t best_of = count(root, "best_of", 1), budget;
    struct json_object *thinking = careless(root, "thinking");
    size_t given = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t got = count(root, names[i], 0);

        must(got == 0 || got == want);
        given += got != 0;
    }
    must(given == (want != 0));
    must((n > best_of ? n : best_of) == r->facts->n_choices);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        must(absent(root, others[i]));
    must(count(root, "min_tokens", 0) <= r->facts->max_tokens);
    budget = thinking != NULL ? count(thinking, "budget_tokens", 0) : 0;
    must(budget == 0 || ((uint64_t)budget <= r->facts->extra_output &&
                         (r->facts->max_tokens == 0 || budget <= r->facts->max_tokens)));
}

static void check_stream(struct json_object *root, const struct chat_request *r,
                         const struct provider *provider)
{
    struct json_object *stream = careless(root, "stream");
    struct json_object *options = careless(root, "stream_options");

    must((stream != NULL && json_object_get_boolean(stream)) == r->facts->stream);
    if (!r->facts->stream || (provider->quirks & QUIRK_NO_STREAM_OPTIONS) != 0)
        must(absent(root, "stream_options"));
    else
        must(json_object_get_boolean(careless(options, "include_usage")));
}

/* What is not text is counted as what it is, or the whole context is reserved (has_media). */
struct parts {
    uint64_t images, others;
};

static void check_parts(struct json_object *content, const struct chat_request *r, struct parts *p)
{
    if (!json_object_is_type(content, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(content); i++) {
        struct json_object *part = json_object_array_get_idx(content, i), *type;

        if (!json_object_is_type(part, json_type_object))
            continue;
        type = careless(part, "type");
        if (is_word(type, "image_url", "image_url"))
            p->images++;
        else if (is_word(type, "input_audio", "file") || is_word(type, "video_url", "video_url"))
            p->others++;
        else if (!is_word(type, "text", "refusal"))
            must(r->facts->has_media);
    }
}

static void check_media(const struct chat_request *r, const struct parts *p)
{
    must(r->facts->has_media || r->facts->media.images >= p->images);
    must(r->facts->has_media ||
         r->facts->media.references + r->facts->media.bound / MEDIA_FLOOR_TOKENS >= p->others);
}

/* What a model thought, and what is to be cached, is no member of a strict provider's messages. */
static void check_inside(struct json_object *message, const struct provider *provider)
{
    bool refuses = (provider->quirks & (QUIRK_OPENAI | QUIRK_STRICT)) != 0;
    struct json_object *v;

    if (!refuses || !json_object_is_type(message, json_type_object))
        return;
    must(!json_object_object_get_ex(message, "reasoning", &v));
    must(!json_object_object_get_ex(message, "reasoning_details", &v));
    must(!json_object_object_get_ex(message, "cache_control", &v));
    must((provider->quirks & QUIRK_REASONING_CONTENT) != 0 ||
         !json_object_object_get_ex(message, "reasoning_content", &v));
}

static void check_prompt(struct json_object *root, const struct chat_request *r, const struct provider *provider)
{
    struct json_object *messages = careless(root, "messages"), *tools = careless(root, "tools");
    struct parts parts = {0, 0};

    must(json_object_is_type(messages, json_type_array));
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        struct json_object *message = json_object_array_get_idx(messages, i);

        check_parts(careless(message, "content"), r, &parts);
        check_inside(message, provider);
    }
    check_media(r, &parts);
    for (size_t i = 0; tools != NULL && i < json_object_array_length(tools); i++) {
        struct json_object *type = careless(json_object_array_get_idx(tools, i), "type");

        must(type == NULL || is_word(type, "function", "custom"));
    }
    must(tools == NULL || json_object_array_length(tools) != 0);
}

static void check_rest(struct json_object *root, const struct provider *provider)
{
    static const char *const never[] = {
        "models", "provider", "route", "transforms", "plugins", "usage", "session_id", "trace", "tags",
        "debug", "include_reasoning", "reasoning", "web_search_options", "search_parameters", "background", "webhook", "audio"};
    struct json_object *store = careless(root, "store"), *tier = careless(root, "service_tier");

    must(is_word(careless(root, "model"), "up/model", "up/model"));
    if ((provider->quirks & QUIRK_NO_STORE) != 0)
        must(absent(root, "store"));
    else
        must(json_object_is_type(store, json_type_boolean) && !json_object_get_boolean(store));
    must(tier == NULL || is_word(tier, "default", "default"));
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        must(absent(root, never[i]) || careless(root, never[i]) == NULL);
}

static void check_second_readers(struct view body, const struct chat_request *r,
                                 const struct provider *provider, uint32_t limit)
{
    struct json_tokener *tokener = json_tokener_new_ex(2 * JSON_MAX_DEPTH);
    struct json_object *root;

    must(tokener != NULL);
    root = json_tokener_parse_ex(tokener, (const char *)body.ptr, (int)body.len);
    must(json_object_is_type(root, json_type_object));
    check_output(root, r, limit);
    check_stream(root, r, provider);
    check_prompt(root, r, provider);
    check_rest(root, provider);
    json_object_put(root);
    json_tokener_free(tokener);
}

/* Our own reader finds again what it found: the edits lost nothing. */
static void check_again(struct view body, const struct chat_request *r, uint32_t limit)
{
    static struct chat_request again;
    struct prompt facts;
    struct prompt_fault fault;

    must(chat_request_parse(body, &again, &facts, &fault) == ERR_NONE);
    must(strcmp(facts.model, "up/model") == 0);
    must(facts.max_tokens == (limit != 0 ? limit : r->facts->max_tokens));
    must(facts.n_choices == r->facts->n_choices && facts.stream == r->facts->stream && facts.needs == r->facts->needs);
    must(facts.has_media == r->facts->has_media && view_eq(facts.user, r->facts->user));
    must(facts.media.images == r->facts->media.images && facts.media.references == r->facts->media.references);
    for (int k = CHAT_KEY_MODELS; k < CHAT_KEY_COUNT; k++)
        must(!again.member[k].present);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct chat_request r;
    struct prompt facts;
    struct prompt_fault fault;
    struct provider provider = {.n_members = 1, .members = {"mock"}};
    struct view refused;
    struct buf out;
    uint32_t limit;

    if (size < 2)
        return 0;
    if (chat_request_parse(view_of(data + 2, size - 2), &r, &facts, &fault) != ERR_NONE) {
        must(fault.message != NULL);
        return 0;
    }
    if (!chat_request_fits(&r, &provider, &refused)) {
        must(refused.ptr != NULL);
        return 0;
    }
    provider.quirks = (data[0] & 0x3fu) | (data[0] & 0xc0u) << (data[1] & 3); /* openai to reasoning_content */
    limit = data[1] < 128 ? 0 : data[1];
    if (limit != 0 && limit < facts.max_tokens) /* the caller lowers limits only when nothing must fill them */
        limit = facts.max_tokens;
    buf_init(&out, chat_request_room(&r));
    must(chat_request_render(&r, &provider, "up/model", limit, &out) == ERR_NONE);
    check_again(buf_view(&out), &r, limit);
    check_second_readers(buf_view(&out), &r, &provider, limit);
    buf_free(&out);
    return 0;
}
