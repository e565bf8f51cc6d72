#include "providers.h"

#include "conf.h"
#include "json.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* One section as the configuration reader fills it; checked and narrowed afterwards. */
struct section {
    struct provider p;
    char quirks[256], members[768], drop[768], rename[384];
    uint64_t port, connect_ms, tls_ms, first_byte_ms, idle_ms, total_ms, whole_ms;
    uint64_t hidden_tokens_per_s;
    int dialect, auth;
};

static const char *const dialect_names[] = {
    [DIALECT_OPENAI] = "openai",       [DIALECT_RESPONSES] = "responses",
    [DIALECT_ANTHROPIC] = "anthropic", [DIALECT_GEMINI] = "gemini",
    NULL,
};
_Static_assert(sizeof dialect_names / sizeof dialect_names[0] == DIALECT_COUNT + 1, "one each");
static const char *const auth_names[] = {
    [AUTH_BEARER] = "bearer",
    [AUTH_API_KEY] = "api-key",
    [AUTH_X_API_KEY] = "x-api-key",
    [AUTH_GOOG_API_KEY] = "x-goog-api-key",
    [AUTH_NONE] = "none",
    NULL,
};
static const struct {
    struct view name;
    unsigned bit;
} quirk_names[] = {
    {VIEW_LIT("no_stream_options"), QUIRK_NO_STREAM_OPTIONS},
    {VIEW_LIT("max_tokens"), QUIRK_MAX_TOKENS},
    {VIEW_LIT("max_completion_tokens"), QUIRK_MAX_COMPLETION_TOKENS},
    {VIEW_LIT("reasoning_excluded"), QUIRK_REASONING_EXCLUDED},
    {VIEW_LIT("no_store"), QUIRK_NO_STORE},
    {VIEW_LIT("developer_as_system"), QUIRK_DEVELOPER_AS_SYSTEM},
    {VIEW_LIT("openai"), QUIRK_OPENAI},
    {VIEW_LIT("strict"), QUIRK_STRICT},
    {VIEW_LIT("thinking"), QUIRK_THINKING},
    {VIEW_LIT("no_reasoning_effort"), QUIRK_NO_REASONING_EFFORT},
    {VIEW_LIT("reasoning_content"), QUIRK_REASONING_CONTENT},
    {VIEW_LIT("fills_middle"), QUIRK_FILLS_MIDDLE},
    {VIEW_LIT("short_tool_ids"), QUIRK_SHORT_TOOL_IDS},
    {VIEW_LIT("enable_thinking"), QUIRK_ENABLE_THINKING},
};

enum {
    DEADLINE_MAX_MS = 3600 * 1000, /* the longest answers of reasoning models take minutes */
    HIDDEN_TOKENS_PER_S_MAX = 100000,
};

/* --- the configuration's fields and their defaults */

#define TEXT(field, name)                                                                          \
    {                                                                                              \
        name, CONF_TEXT, offsetof(struct section, p.field), sizeof(((struct provider *)0)->field), \
            0, 0, NULL, false                                                                      \
    }
#define WORDS(field)                                                                               \
    {                                                                                              \
#field, CONF_TEXT, offsetof(struct section, field), sizeof(((struct section *)0)->field),  \
            0, 0, NULL, false                                                                      \
    }
#define SWITCH(field)                                                                              \
    {                                                                                              \
#field, CONF_BOOL, offsetof(struct section, p.field), sizeof(bool), 0, 0, NULL, false      \
    }
#define DEADLINE(field)                                                                            \
    {                                                                                              \
#field, CONF_U64, offsetof(struct section, field), sizeof(uint64_t), 1, DEADLINE_MAX_MS,   \
            NULL, false                                                                            \
    }
static const struct conf_field section_fields[] = {
    TEXT(name, "name"),
    {"host", CONF_TEXT, offsetof(struct section, p.host), sizeof(((struct provider *)0)->host), 0,
     0, NULL, true},
    {"port", CONF_U64, offsetof(struct section, port), sizeof(uint64_t), 1, 65535, NULL, false},
    SWITCH(tls),
    TEXT(path, "path"),
    TEXT(query, "query"),
    TEXT(ca, "ca"),
    {"dialect", CONF_NAME, offsetof(struct section, dialect), sizeof(int), 0, 0, dialect_names,
     false},
    {"auth", CONF_NAME, offsetof(struct section, auth), sizeof(int), 0, 0, auth_names, false},
    WORDS(quirks),
    WORDS(members),
    SWITCH(hosted_tools),
    WORDS(drop),
    WORDS(rename),
    TEXT(force, "force"),
    TEXT(region, "region"),
    TEXT(jurisdiction, "jurisdiction"),
    SWITCH(retains_data),
    SWITCH(trains),
    SWITCH(confidential),
    DEADLINE(connect_ms),
    DEADLINE(tls_ms),
    DEADLINE(first_byte_ms),
    DEADLINE(idle_ms),
    DEADLINE(total_ms),
    DEADLINE(whole_ms),
    {"hidden_tokens_per_s", CONF_U64, offsetof(struct section, hidden_tokens_per_s),
     sizeof(uint64_t), 0, HIDDEN_TOKENS_PER_S_MAX, NULL, false},
};

static const struct section section_default = {
    .p = {.path = "/v1", .tls = true, .retains_data = true, .trains = true},
    .port = 443,
    .connect_ms = 5000,
    .tls_ms = 5000,
    .first_byte_ms = 20000,
    .idle_ms = 120000, /* reasoning models pause for a minute between events */
    .total_ms = 1800000,
    .whole_ms = 600000, /* as long as the SDKs wait */
    .hidden_tokens_per_s = 50, /* large reasoning models write 40 to 100 */
    .dialect = DIALECT_OPENAI,
    .auth = AUTH_BEARER,
};

struct parse {
    struct section *sections;
    size_t n;
    bool too_many;
};

static struct conf_target parse_section(void *cookie, struct view kind, struct view name)
{
    struct parse *parse = cookie;
    struct section *s;

    if (kind.len == 0) /* nothing may stand before the first section */
        return (struct conf_target){section_fields, 0, parse};
    if (!view_eq(kind, VIEW_LIT("provider")) || name.len >= sizeof s->p.id)
        return (struct conf_target){NULL, 0, NULL};
    if (parse->n == LIMIT_PROVIDERS) {
        parse->too_many = true;
        return (struct conf_target){NULL, 0, NULL};
    }
    s = &parse->sections[parse->n++];
    *s = section_default;
    if (name.len != 0)
        memcpy(s->p.id, name.ptr, name.len);
    return (struct conf_target){section_fields, sizeof section_fields / sizeof section_fields[0],
                                s};
}

/* --- what a section must satisfy */

static bool text_ok(const char *s, const char *allowed)
{
    return s[strspn(s, allowed)] == '\0';
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

#define PATH_BYTES LOWER UPPER DIGIT "/-._~"

static bool host_ok(const char *host)
{
    return host[0] != '\0' && host[0] != '-' && host[0] != '.' &&
           (text_ok(host, LOWER DIGIT "-.") || text_ok(host, "abcdef" DIGIT ":."));
}

/* The whole of 127/8 is loopback; a name that merely begins with "127." is not. */
static bool host_is_loopback(const char *host)
{
    struct in_addr v4;

    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

/* The one place of the model's name is left out of what is looked at. */
static bool path_ok(const char *path)
{
    static const char model[] = "{model}";
    const char *at = strstr(path, model), *rest = at == NULL ? path : at + sizeof model - 1;
    size_t len = strlen(path), head = at == NULL ? 0 : (size_t)(at - path);

    return len == 0 ||
           (path[0] == '/' && path[len - 1] != '/' && strspn(path, PATH_BYTES) >= head && text_ok(rest, PATH_BYTES));
}

/* Names separated by spaces or commas; each once. */
static bool quirks_take(const char *text, unsigned *out)
{
    unsigned quirks = 0;

    while (text += strspn(text, " ,"), *text != '\0') {
        struct view word = view_of(text, strcspn(text, " ,"));
        unsigned bit = 0;

        for (size_t i = 0; i < sizeof quirk_names / sizeof quirk_names[0]; i++)
            if (view_eq(word, quirk_names[i].name))
                bit = quirk_names[i].bit;
        if (bit == 0 || (quirks & bit) != 0)
            return false;
        quirks |= bit;
        text += word.len;
    }
    *out = quirks;
    return (quirks & (QUIRK_MAX_TOKENS | QUIRK_MAX_COMPLETION_TOKENS)) !=
           (QUIRK_MAX_TOKENS | QUIRK_MAX_COMPLETION_TOKENS);
}

static bool is_member(struct view word)
{
    return word.len != 0 && word.len <= PROVIDER_MEMBER_BYTES && strspn((const char *)word.ptr, LOWER DIGIT "_") >= word.len;
}

/* Names separated by spaces or commas; each once. */
static bool names_take(const char *text, char names[][PROVIDER_MEMBER_BYTES + 1], size_t *n)
{
    *n = 0;
    while (text += strspn(text, " ,"), *text != '\0') {
        struct view word = view_of(text, strcspn(text, " ,"));

        if (*n == PROVIDER_MEMBERS_MAX || !is_member(word))
            return false;
        for (size_t i = 0; i < *n; i++)
            if (view_eq(word, view_str(names[i])))
                return false;
        memcpy(names[*n], word.ptr, word.len);
        names[(*n)++][word.len] = '\0';
        text += word.len;
    }
    return true;
}

/* "seed>random_seed", separated by spaces or commas. */
static bool renames_take(const char *text, struct provider *p)
{
    p->n_renames = 0;
    while (text += strspn(text, " ,"), *text != '\0') {
        struct view word = view_of(text, strcspn(text, " ,"));
        const uint8_t *mark = memchr(word.ptr, '>', word.len);
        struct provider_rename *r = &p->rename[p->n_renames];
        struct view from, to;

        if (mark == NULL || p->n_renames == PROVIDER_RENAMES_MAX)
            return false;
        from = view_of(word.ptr, (size_t)(mark - word.ptr));
        to = view_from(word, from.len + 1);
        if (!is_member(from) || !is_member(to))
            return false;
        memcpy(r->from, from.ptr, from.len);
        memcpy(r->to, to.ptr, to.len);
        p->n_renames++;
        text += word.len;
    }
    return true;
}

/* What decides about the model, the prompt and the price is not for a row to say. */
static bool force_ok(const char *force)
{
    static const char *const ours[] = {"model", "messages", "input", "contents", "system", "tools", "n", "max_tokens",
                                       "max_completion_tokens", "max_output_tokens", "stream"};
    struct json_member m[PROVIDER_MEMBERS_MAX];
    size_t n;

    if (force[0] == '\0')
        return true;
    if (json_object(view_str(force), m, PROVIDER_MEMBERS_MAX, &n, NULL) != ERR_NONE || n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (memchr(m[i].key.ptr, '\\', m[i].key.len) != NULL)
            return false;
        for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++)
            if (json_key_is(m[i].key, ours[k]))
                return false;
        for (size_t k = 0; k < i; k++)
            if (view_eq(m[i].key, m[k].key))
                return false;
    }
    return true;
}

/* What a request is sent as. */
static const char *form_finish(struct section *s)
{
    struct provider *p = &s->p;

    if (!path_ok(p->path))
        return "path";
    if (!text_ok(p->query, LOWER UPPER DIGIT "-._~=&"))
        return "query";
    if (!quirks_take(s->quirks, &p->quirks))
        return "quirks";
    if (!names_take(s->members, p->members, &p->n_members))
        return "members";
    if (!names_take(s->drop, p->drop.name, &p->drop.n))
        return "drop";
    if (!renames_take(s->rename, p))
        return "rename";
    return force_ok(p->force) ? NULL : "force (a JSON object, without members that are ours)";
}

/* The first rule the section breaks, as the name of its field; NULL when it is fine. */
static const char *section_finish(struct section *s)
{
    struct provider *p = &s->p;

    p->port = (uint16_t)s->port;
    p->dialect = (enum provider_dialect)s->dialect;
    p->auth = (enum provider_auth)s->auth;
    p->connect_ms = (uint32_t)s->connect_ms;
    p->tls_ms = (uint32_t)s->tls_ms;
    p->first_byte_ms = (uint32_t)s->first_byte_ms;
    p->idle_ms = (uint32_t)s->idle_ms;
    p->total_ms = (uint32_t)s->total_ms;
    p->whole_ms = (uint32_t)s->whole_ms;
    p->hidden_tokens_per_s = (uint32_t)s->hidden_tokens_per_s;
    if (p->id[0] == '\0' || !text_ok(p->id, LOWER DIGIT "-"))
        return "its id (lower case, digits and dashes)";
    for (const char *c = p->name; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            return "name";
    if (!host_ok(p->host))
        return "host";
    if (!p->tls && !host_is_loopback(p->host))
        return "tls (it may be off for a loopback host only)";
    if (!text_ok(p->region, LOWER DIGIT "-"))
        return "region";
    if (!text_ok(p->jurisdiction, LOWER UPPER DIGIT "-"))
        return "jurisdiction";
    if (p->name[0] == '\0')
        memcpy(p->name, p->id, sizeof p->id);
    return form_finish(s);
}

/* Our sentence; when even that cannot be written the error alone has to do. */
static void why_set(struct buf *why, size_t no, const char *field)
{
    buf_reset(why);
    if (buf_appendf(why, "providers.conf: provider %zu: bad %s", no, field) != ERR_NONE)
        buf_reset(why);
}

enum err providers_parse(struct view text, struct providers *out, struct buf *why)
{
    struct parse parse = {calloc(LIMIT_PROVIDERS, sizeof(struct section)), 0, false};
    enum err e = ERR_MEMORY;

    if (parse.sections == NULL)
        goto done;
    e = conf_parse(text, "providers.conf", parse_section, &parse, why);
    if (e != ERR_NONE) {
        if (parse.too_many)
            why_set(why, LIMIT_PROVIDERS, "number (too many providers)");
        goto done;
    }
    e = ERR_CONFIG;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < parse.n; i++) {
        const char *bad = section_finish(&parse.sections[i]);

        if (bad == NULL && providers_find(out, parse.sections[i].p.id) != NULL)
            bad = "its id (given twice)";
        if (bad != NULL) {
            why_set(why, i, bad);
            goto done;
        }
        out->list[out->n] = parse.sections[i].p;
        out->list[out->n].no = (uint16_t)out->n;
        out->n++;
    }
    if (out->n == 0) {
        why_set(why, 0, "file (it names no provider)");
        goto done;
    }
    digest_sha256(text, &out->digest);
    e = ERR_NONE;
done:
    free(parse.sections);
    return e;
}

const struct provider *providers_find(const struct providers *p, const char *id)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].id, id) == 0)
            return &p->list[i];
    return NULL;
}
