/* What a request asks for, whatever API it came by. */
#include "job.h"
#include "job_internal.h"

#include "form.h"
#include "models.h"
#include "sample.h"
#include "script.h"
#include "secret.h"
#include "shown.h"
#include "sign.h"
#include "strict.h"
#include "wire.h"

enum {
    MEMBERS_MAX = 256,
    WORDS_TOKENS = 16,    /* of an answer in words, unless told */
    REASONING_TOKENS = 8, /* of one that is asked to reason */
};

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

static void job_call(struct job *j, const struct ask_tool *tool)
{
    size_t from = j->payload.len;

    if (tool->custom)
        BYTES_LIT(&j->payload, "sample");
    else if (tool->schema.text.len != 0)
        sample_json(&j->payload, tool->schema);
    else
        BYTES_LIT(&j->payload, "{}");
    j->tools[j->n_tools].args = (struct job_part){from, j->payload.len - from};
    j->tools[j->n_tools].custom = tool->custom;
    j->tools[j->n_tools].name = job_keep(j, tool->name.text.ptr + 1, tool->name.text.len - 2);
    j->tools[j->n_tools].space = (struct job_part){0, 0};
    if (tool->space.kind == JSON_STRING && tool->space.text.len > 2)
        j->tools[j->n_tools].space =
            job_keep(j, tool->space.text.ptr + 1, tool->space.text.len - 2);
    j->n_tools++;
}

/* A model that is given tools calls the first two, unless it was told not to or has just been given
 * their results; or the one that it has to call. */
static void job_calls(struct job *j, const struct ask *a)
{
    for (unsigned i = 0; i < a->n_tools && j->n_tools < (a->one_call ? 1 : 2); i++) {
        if (a->no_calls || a->answered || j->spec.no_calls)
            return;
        if (a->only.text.len == 0 || view_eq(a->only.text, a->tools[i].name.text))
            job_call(j, &a->tools[i]);
    }
}

/* The members of the demonstration's panel say the same in different words. */
static void put_opening(struct job *j)
{
    static const struct {
        struct view model, words;
    } openings[] = {
        {VIEW_LIT("up-short"), VIEW_LIT("In short: ")},
        {VIEW_LIT("up-long"), VIEW_LIT("At length, and with all that belongs to it: ")},
        {VIEW_LIT("up-doubt"), VIEW_LIT("One may doubt it, and yet: ")},
    };

    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++)
        if (view_eq(openings[i].model, view_of(j->payload.ptr + j->model.off, j->model.len)))
            bytes_put(&j->payload, openings[i].words.ptr, openings[i].words.len);
}

/* A request without commands is a person's or a program's that tries the router: it hears itself. */
static bool job_talks(struct job *j, const struct ask *a)
{
    if ((j->told && !j->spec.counter) || j->spec.tokens != 0)
        return false;
    if (j->spec.counter)
        bytes_printf(&j->payload, "%llu: ", (unsigned long long)j->number);
    if (a->reasons && j->spec.reasoning == 0)
        j->spec.reasoning = REASONING_TOKENS;
    if (a->user.text.len == 0)
        return false;
    put_opening(j);
    j->talks = job_content(j, a->user);
    return j->talks;
}

static void job_read_text(struct job *j, const struct ask *a, struct view body)
{
    size_t from = j->payload.len;
    struct job_part shown;

    if (j->spec.echo) {
        struct digest32 d;
        char hex[65];
        digest_sha256(body, &d);
        hex_encode(d.b, sizeof d.b, hex);
        bytes_printf(&j->payload, "sha256=%s bytes=%zu", hex, body.len);
    } else if (j->spec.text.len != 0) {
        bytes_put(&j->payload, j->spec.text.ptr, j->spec.text.len);
    } else if (j->spec.tokens == 0 && shown_play(j, a, &shown)) {
        j->text = shown;
        return;
    } else if (a->json) {
        if (a->schema.text.len != 0)
            sample_json(&j->payload, a->schema);
        else
            BYTES_LIT(&j->payload, "{\"ok\":true}");
    } else if (!job_talks(j, a)) {
        uint32_t tokens = j->spec.tokens != 0 ? j->spec.tokens - 1 : WORDS_TOKENS;

        j->words = true;
        j->text = (struct job_part){0, (size_t)tokens * TOKEN_BYTES};
        return;
    }
    j->text = (struct job_part){from, j->payload.len - from};
}

/* Reasoning that is signed is a text of its own, so that its signature can be made from it. */
static void job_sign(struct job *j)
{
    struct bytes words = {0}, signature = {0};

    if (j->thought.len == 0) {
        put_words(&words, 0, (size_t)j->spec.reasoning * TOKEN_BYTES);
        j->thought = job_keep(j, words.ptr, words.len);
    }
    sign_text(job_view(j, j->thought), &signature);
    j->signature = job_keep(j, signature.ptr, signature.len);
    j->spec.reasoning = tokens_of(j->thought.len);
    bytes_free(&words);
    bytes_free(&signature);
}

/* A model whose thoughts have to be replayed thinks before it calls. */
static void job_reason(struct job *j)
{
    bool must = j->spec.replay && j->n_tools != 0;

    if (must && j->spec.reasoning == 0)
        j->spec.reasoning = REASONING_TOKENS;
    if (j->thought.len != 0 || (j->spec.reasoning != 0 && (j->spec.sign || must)))
        job_sign(j);
}

/* Does the text, as it is cut now, end inside a UTF-8 sequence? */
static bool job_inside_character(const struct job *j)
{
    return ((unsigned char)j->payload.ptr[j->text.off + j->text.len] & 0xc0) == 0x80;
}

static void job_count(struct job *j, const struct ask *a)
{
    uint32_t max = a->max_tokens, text;

    j->prompt = j->spec.prompt != 0 ? j->spec.prompt : tokens_of(a->prompt_bytes);
    j->finish = j->n_tools != 0 ? JOB_TOOL_CALLS : JOB_STOP;
    text = tokens_of(j->text.len);
    if (max != 0 && j->spec.reasoning + text > max && j->signature.len == 0) {
        if (j->spec.reasoning > max)
            j->spec.reasoning = max;
        text = max - j->spec.reasoning;
        j->text.len = (size_t)text * TOKEN_BYTES;
        while (!j->words && j->text.len != 0 && job_inside_character(j))
            j->text.len--;
        j->finish = JOB_LENGTH;
    }
    j->completion = j->spec.reasoning + text + tokens_of(j->spec.line);
    for (unsigned i = 0; i < j->n_tools; i++)
        j->completion += tokens_of(j->tools[i].args.len);
}

static void job_reset(struct job *j, const struct wire *wire, const struct spec *spec, uint64_t number)
{
    j->wire = wire;
    j->spec = *spec;
    j->number = number;
    j->stream = j->include_usage = j->words = j->talks = j->told = false;
    j->payload.len = j->script.len = 0;
    j->n_tools = j->tool = j->block = j->sequence = j->inputs = 0;
    j->phase = 0;
    j->pos = 0;
    j->model = j->text = j->error_text = j->thought = j->signature = (struct job_part){0, 0};
    memset(j->echo, 0, sizeof j->echo);
}

static bool job_refuse(struct job *j, const char *why)
{
    j->error_text = job_keep(j, why, strlen(why));
    return false;
}

static bool job_read_members(struct job *j, struct view body, const struct json_member *m, size_t n,
                             const char *name)
{
    static struct ask ask; /* large, and there is one thread */
    struct json_value v;
    struct view words;
    char why[256];

    memset(&ask, 0, offsetof(struct ask, tools));
    if (ask_get(m, n, "model", &v) && v.kind == JSON_STRING)
        j->model = job_keep(j, v.text.ptr + 1, v.text.len - 2);
    words = models_words(job_view(j, j->model));
    if (!spec_parse(words, &j->spec))
        return job_refuse(j, "not a command of the model");
    j->told = ask_get(m, n, "mock", &v);
    if (j->told && !job_commands(j, v, name))
        return job_refuse(j, "not a command");
    j->told = j->told || words.len != 0;
    j->stream = ask_get(m, n, "stream", &v) && v.kind == JSON_TRUE;
    j->wire->read(j, m, n, &ask);
    j->turns = ask.all_turns;
    if (!script_open(j, &ask))
        return job_refuse(j, "not a command in the script");
    if (j->spec.strict && !strict_takes(j->wire, m, n, why, sizeof why))
        return job_refuse(j, why);
    if (j->spec.replay && ask.unsigned_turn != NULL)
        return job_refuse(j, ask.unsigned_turn);
    j->error_text = job_keep(j, j->spec.error_text.ptr, j->spec.error_text.len);
    if (!script_turn(j, &ask)) {
        if (j->script.len == 0) /* behind a script the model only talks: agents would go on for ever */
            job_calls(j, &ask);
        job_read_text(j, &ask, body);
        if (j->n_tools != 0)
            j->text.len = 0;
    }
    job_reason(j);
    job_count(j, &ask);
    return true;
}

bool job_read(struct job *j, const struct wire *wire, struct view body, const char *name,
              const struct spec *default_spec, uint64_t number)
{
    static struct bytes form;
    struct json_member m[MEMBERS_MAX];
    size_t n;

    job_reset(j, wire, default_spec, number);
    if (wire->form) {
        form.len = 0;
        form_as_json(body, &form);
        body = view_of(form.ptr, form.len);
    }
    if (json_object(body, m, MEMBERS_MAX, &n, NULL) != ERR_NONE)
        return job_refuse(j, "not a request");
    return job_read_members(j, body, m, n, name);
}

void job_free(struct job *j)
{
    bytes_free(&j->payload);
    bytes_free(&j->script);
}
