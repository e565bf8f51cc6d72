#include "job.h"
#include "job_internal.h"

#include "json.h"
#include "sample.h"
#include "secret.h"

enum { MEMBERS_MAX = 256, WORDS_TOKENS = 16 /* of an answer in words, unless told */ };

struct job_part job_keep(struct job *j, const void *p, size_t n)
{
    struct job_part part = {j->payload.len, n};

    bytes_put(&j->payload, p, n);
    return part;
}

struct view job_view(const struct job *j, struct job_part p)
{
    return view_of(j->payload.ptr + p.off, p.len);
}

static uint32_t tokens_of(size_t n)
{
    return (uint32_t)((n + TOKEN_BYTES - 1) / TOKEN_BYTES);
}

static bool job_commands(struct job *j, struct json_value mock, const char *name)
{
    static const char everyone[] = "*";
    const char *const keys[] = {everyone, name};
    struct json_value v;
    struct view text;

    for (size_t i = 0; i < 2; i++) {
        if (!json_get(mock, keys[i], &v))
            continue;
        if (!json_string_plain(v, &text) || !spec_parse(text, &j->spec))
            return false;
    }
    return true;
}

static uint32_t json_count(const struct json_member *m, size_t n, const char *name,
                           uint32_t otherwise)
{
    struct json_value v;
    uint64_t u;

    if (json_find(m, n, name, &v) != ERR_NONE || json_u64(v, &u) != ERR_NONE || u > UINT32_MAX)
        return otherwise;
    return (uint32_t)u;
}

/* A model that is given tools calls the first two, unless it was told not to or has just been given
 * their results. */
static void job_read_tools(struct job *j, const struct json_member *m, size_t n)
{
    struct json_value tools, choice, messages, role, function, name, parameters;
    struct json_member item;
    bool answered = false, parallel = true;

    if (json_find(m, n, "tools", &tools) != ERR_NONE || tools.kind != JSON_ARRAY)
        return;
    if (json_find(m, n, "tool_choice", &choice) == ERR_NONE && json_string_is(choice, "none"))
        return;
    if (json_find(m, n, "parallel_tool_calls", &choice) == ERR_NONE)
        parallel = choice.kind != JSON_FALSE;
    if (json_find(m, n, "messages", &messages) == ERR_NONE && messages.kind == JSON_ARRAY) {
        struct json_iter it = json_iter(messages);
        while (json_next(&it, &item))
            answered = json_get(item.value, "role", &role) && json_string_is(role, "tool");
    }
    if (answered)
        return;
    struct json_iter it = json_iter(tools);
    while (j->n_tools < (parallel ? 2 : 1) && json_next(&it, &item)) {
        if (!json_get(item.value, "function", &function) || !json_get(function, "name", &name) ||
            name.kind != JSON_STRING)
            continue;
        j->tools[j->n_tools].name = job_keep(j, name.text.ptr + 1, name.text.len - 2);
        size_t from = j->payload.len;
        if (json_get(function, "parameters", &parameters))
            sample_json(&j->payload, parameters);
        else
            BYTES_LIT(&j->payload, "{}");
        j->tools[j->n_tools].args = (struct job_part){from, j->payload.len - from};
        j->n_tools++;
    }
}

/* A request without commands is a person's or a program's that tries the router: it hears itself. */
static bool job_talks(struct job *j, const struct json_member *m, size_t n, uint64_t number)
{
    struct json_value messages;

    if ((j->told && !j->spec.counter) || j->spec.tokens != 0 ||
        json_find(m, n, "messages", &messages) != ERR_NONE)
        return false;
    if (j->spec.counter)
        bytes_printf(&j->payload, "%llu: ", (unsigned long long)number);
    if (j->spec.reasoning == 0)
        j->spec.reasoning = job_reasoning(m, n);
    j->talks = job_last_message(j, messages);
    return j->talks;
}

static void job_read_text(struct job *j, struct view body, const struct json_member *m, size_t n,
                          uint64_t number)
{
    struct json_value format, type, schema;
    size_t from = j->payload.len;

    if (j->spec.echo) {
        struct digest32 d;
        char hex[65];
        digest_sha256(body, &d);
        hex_encode(d.b, sizeof d.b, hex);
        bytes_printf(&j->payload, "sha256=%s bytes=%zu", hex, body.len);
    } else if (j->spec.text.len != 0) {
        bytes_put(&j->payload, j->spec.text.ptr, j->spec.text.len);
    } else if (json_find(m, n, "response_format", &format) == ERR_NONE &&
               json_get(format, "type", &type) && !json_string_is(type, "text")) {
        if (json_get(format, "json_schema", &schema) && json_get(schema, "schema", &schema))
            sample_json(&j->payload, schema);
        else
            BYTES_LIT(&j->payload, "{\"ok\":true}");
    } else if (!job_talks(j, m, n, number)) {
        uint32_t tokens = j->spec.tokens != 0 ? j->spec.tokens - 1 : WORDS_TOKENS;

        j->words = true;
        j->text = (struct job_part){0, (size_t)tokens * TOKEN_BYTES};
        return;
    }
    j->text = (struct job_part){from, j->payload.len - from};
}

/* Does the text, as it is cut now, end inside a UTF-8 sequence? */
static bool job_inside_character(const struct job *j)
{
    return ((unsigned char)j->payload.ptr[j->text.off + j->text.len] & 0xc0) == 0x80;
}

static void job_count(struct job *j, const struct json_member *m, size_t n)
{
    uint32_t max = json_count(m, n, "max_completion_tokens", json_count(m, n, "max_tokens", 0));
    struct json_value messages;
    uint32_t text;

    j->prompt = j->spec.prompt;
    if (j->prompt == 0 && json_find(m, n, "messages", &messages) == ERR_NONE)
        j->prompt = tokens_of(messages.text.len);
    j->finish = j->n_tools != 0 ? "tool_calls" : "stop";
    if (j->n_tools != 0)
        j->text.len = 0;
    text = tokens_of(j->text.len);
    if (max != 0 && j->spec.reasoning + text > max) {
        if (j->spec.reasoning > max)
            j->spec.reasoning = max;
        text = max - j->spec.reasoning;
        j->text.len = (size_t)text * TOKEN_BYTES;
        while (!j->words && j->text.len != 0 && job_inside_character(j))
            j->text.len--;
        j->finish = "length";
    }
    j->completion = j->spec.reasoning + text + tokens_of(j->spec.line);
    for (unsigned i = 0; i < j->n_tools; i++)
        j->completion += tokens_of(j->tools[i].args.len);
}

bool job_read(struct job *j, struct view body, const char *name, const struct spec *default_spec,
              uint64_t number)
{
    struct json_member m[MEMBERS_MAX];
    struct json_value v, include;
    size_t n;

    j->spec = *default_spec;
    j->stream = j->include_usage = j->words = j->talks = false;
    j->payload.len = 0;
    j->n_tools = j->tool = 0;
    j->phase = 0;
    j->pos = 0;
    j->model = j->text = j->error_text = (struct job_part){0, 0};
    if (json_object(body, m, MEMBERS_MAX, &n, NULL) != ERR_NONE)
        return false;
    j->told = json_find(m, n, "mock", &v) == ERR_NONE;
    if (j->told && !job_commands(j, v, name))
        return false;
    if (json_find(m, n, "model", &v) == ERR_NONE && v.kind == JSON_STRING)
        j->model = job_keep(j, v.text.ptr + 1, v.text.len - 2);
    j->stream = json_find(m, n, "stream", &v) == ERR_NONE && v.kind == JSON_TRUE;
    if (json_find(m, n, "stream_options", &v) == ERR_NONE)
        j->include_usage = json_get(v, "include_usage", &include) && include.kind == JSON_TRUE;
    j->error_text = job_keep(j, j->spec.error_text.ptr, j->spec.error_text.len);
    job_read_tools(j, m, n);
    job_read_text(j, body, m, n, number);
    job_count(j, m, n);
    return true;
}

void job_free(struct job *j)
{
    bytes_free(&j->payload);
}
