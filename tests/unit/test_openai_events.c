/* The events that a client's dialect is written from must say what the provider said: every text in its
 * order, every call once with its id, name and arguments, one finish per choice. What is right for the
 * recordings is said by a reader of its own, on json-c. */
#include "check.h"
#include "openai_events.h"
#include "provider_fixtures.h"

/* The product has a function of that name. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object

enum { TEXT_MAX = 1 << 20 };

/* Events as one line of words, each with what it carries. */
struct notes {
    char text[TEXT_MAX];
    size_t len;
    unsigned n, fail_at; /* 0: never */
};
static struct notes notes;

static void note(const char *word, struct view v)
{
    notes.len += (size_t)snprintf(notes.text + notes.len, sizeof notes.text - notes.len, "%s%s%.*s", notes.len ? " " : "",
                                  word, (int)v.len, (const char *)v.ptr);
}

static enum err take(void *cookie, const struct event *e)
{
    static const char *const words[] = {
        [EVENT_TEXT] = "text=", [EVENT_REASONING] = "thought=", [EVENT_DETAIL] = "detail=",
        [EVENT_REFUSAL] = "refusal=", [EVENT_TOOL_BEGIN] = "begin", [EVENT_TOOL_ARGS] = "args",
        [EVENT_ANNOTATION] = "annotation=", [EVENT_LOGPROBS] = "logprobs=", [EVENT_IMAGE] = "image=",
        [EVENT_AUDIO] = "audio=", [EVENT_FINISH] = "finish=",
    };
    char head[64];

    CHECK(cookie == &notes);
    if (++notes.n == notes.fail_at)
        return ERR_MEMORY;
    if (e->choice != 0) {
        snprintf(head, sizeof head, "%u:", e->choice);
        note(head, VIEW_EMPTY);
    }
    if (e->kind == EVENT_TOOL_BEGIN || e->kind == EVENT_TOOL_ARGS) {
        snprintf(head, sizeof head, "%s%s%u=", e->custom ? "custom-" : "", words[e->kind], e->tool);
        note(head, e->kind == EVENT_TOOL_BEGIN ? e->id : e->text);
        if (e->kind == EVENT_TOOL_BEGIN)
            note("name=", e->name);
    } else if (e->kind == EVENT_FINISH)
        note(words[e->kind], view_str(usage_finish_name(e->finish)));
    else
        note(words[e->kind], e->json.len != 0 ? e->json : e->text);
    return ERR_NONE;
}

static const struct event_sink sink = {take, &notes};

static void notes_clear(void)
{
    notes.len = notes.n = notes.fail_at = 0;
    notes.text[0] = '\0';
}

#define D(delta) "{\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]}"
#define F(reason) "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}"

/* Canonical chunks of one answer -> its events. */
static const struct {
    const char *chunks[8];
    const char *want;
} streams[] = {
    {{D("{\"role\":\"assistant\",\"content\":\"\"}"), D("{\"content\":\"a\\n\\u00e9\"}"), F("stop")},
     "text=a\\n\\u00e9 finish=stop"},
    /* in one chunk: order is ours, whatever the provider's */
    {{"{\"id\":\"x\",\"choices\":[{\"finish_reason\":\"length\",\"logprobs\":{\"content\":[{\"token\":\"t\"}]},\"index\":0,"
      "\"delta\":{\"audio\":{\"data\":\"QQ==\"},\"images\":[{\"i\":1}],\"annotations\":[{\"n\":1},{\"n\":2}],"
      "\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],"
      "\"refusal\":\"no\",\"content\":\"hi\",\"reasoning_content\":\"hm\",\"reasoning\":\"hm\"}}]}"},
     "thought=hm logprobs={\"content\":[{\"token\":\"t\"}]} text=hi annotation={\"n\":1} annotation={\"n\":2} "
     "refusal=no begin0=c name=f args0={} image={\"i\":1} audio={\"data\":\"QQ==\"} finish=length"},
    /* the worked example E2 */
    {{D("{\"reasoning\":\"Two tools.\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Two tools.\",\"index\":0}]}"),
      D("{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"c2ln\",\"index\":0}]}"),
      D("{\"content\":\"One moment. \"}"),
      D("{\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"\"}}]}"),
      D("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\":\"}}]}"),
      D("{\"tool_calls\":[{\"index\":1,\"id\":\"t2\",\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}]}"),
      F("tool_calls")},
     "thought=Two tools. detail={\"type\":\"reasoning.text\",\"text\":\"Two tools.\",\"index\":0} "
     "detail={\"type\":\"reasoning.text\",\"signature\":\"c2ln\",\"index\":0} text=One moment.  "
     "begin0=t1 name=weather args0={\\\"city\\\": begin1=t2 name=now args1={} finish=tool_calls"},
    /* thoughts that are in the details alone */
    {{D("{\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"s\"},{\"type\":\"reasoning.text\",\"text\":\"t\"},"
        "{\"type\":\"reasoning.encrypted\",\"data\":\"ZQ==\"}]}")},
     "thought=s detail={\"type\":\"reasoning.summary\",\"summary\":\"s\"} thought=t "
     "detail={\"type\":\"reasoning.text\",\"text\":\"t\"} detail={\"type\":\"reasoning.encrypted\",\"data\":\"ZQ==\"}"},
    /* a name that comes behind its id, before and after arguments */
    {{D("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"\",\"arguments\":\"\"}}]}"),
      D("{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}"),
      D("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1\"}}]}"), F("tool_calls")},
     "begin0=c name=f args0=1 finish=tool_calls"},
    {{D("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"\",\"arguments\":\"\"}}]}"),
      D("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1\"}}]}"), F("tool_calls")},
     "begin0=c name= args0=1 finish=tool_calls"},
    {{D("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"\",\"arguments\":\"\"}}]}"),
      D("{\"tool_calls\":[{\"index\":1,\"id\":\"d\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}"),
      F("tool_calls")},
     "begin0=c name= begin1=d name=g finish=tool_calls"},
    {{D("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"\",\"arguments\":\"\"}}]}"),
      F("stop")},
     "begin0=c name= finish=stop"},
    /* free text */
    {{D("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"f\",\"input\":\"x\"}}]}"),
      D("{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"y\"}}]}"), F("tool_calls")},
     "custom-begin0=c name=f custom-args0=x custom-args0=y finish=tool_calls"},
    /* a function with an empty "custom" beside it, as Snowflake's */
    {{D("{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"\",\"name\":\"\"},\"id\":\"c\",\"type\":\"function\","
        "\"function\":{\"arguments\":\"{}\",\"name\":\"f\"}}]}")},
     "begin0=c name=f args0={}"},
    /* a finish that is told twice, beside the figures or not */
    {{D("{\"content\":\"a\"}"), F("stop"), F("stop"), "{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}"},
     "text=a finish=stop"},
    /* choices side by side */
    {{"{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":null},"
      "{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}",
      "{\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"content_filter\"}]}"},
     "1: text=b text=a finish=stop 1: finish=content_filter"},
    /* the old way of calls: nothing that asks for it is translated */
    {{F("function_call")}, "finish=tool_calls"},
    /* the short way: chunks that differ in their text alone, and such that only seem to */
    {{D("{\"content\":\"a\"}"), D("{\"content\":\"\\\"b\\\\\"}"), D("{\"content\":\"c\",\"refusal\":\"d\"}"), D("{\"content\":\"\"}"),
      D("{\"content\":\"e\"}"), D("{\"refusal\":\"f\"}"), F("stop")},
     "text=a text=\\\"b\\\\ text=c refusal=d text=e refusal=f finish=stop"},
    {{D("{\"reasoning\":\"a\",\"reasoning_content\":\"a\"}"), D("{\"reasoning\":\"bc\",\"reasoning_content\":\"bc\"}"),
      D("{\"reasoning\":\"d\",\"reasoning_content\":\"e\"}"), D("{\"reasoning_content\":\"f\",\"reasoning\":\"f\"}"),
      D("{\"reasoning_content\":\"g\",\"reasoning\":\"g\"}"), D("{\"reasoning_content\":\"h\",\"reasoning\":\"i\"}"),
      D("{\"reasoning_content\":\"jk\",\"reasoning\":\"\"}")},
     "thought=a thought=bc thought=d thought=f thought=g thought=i thought=jk"},
    {{D("{\"content\":\"a\"}"), "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":null}]}",
      "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"c\"},\"finish_reason\":null}]}",
      "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"d\"},\"finish_reason\":\"stop\"}]}"},
     "text=a 1: text=b 1: text=c 1: text=d 1: finish=stop"},
    {{D("{\"content\":\"a\",\"refusax\":\"b\"}"), D("{\"content\":\"c\",\"refusal\":\"d\"}"),
      D("{\"reasoning\":\"r\",\"content\":\"e\"}"), D("{\"reasoning\":\"r\",\"content\":\"f\"}")},
     "text=a text=c refusal=d thought=r text=e thought=r text=f"},
    /* arguments that differ in nothing else; of another call; with a text; of a held call */
#define ARGS(call, text) D("{\"tool_calls\":[{\"index\":" call ",\"function\":{\"arguments\":\"" text "\"}}]}")
    {{D("{\"tool_calls\":[{\"index\":1,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}"),
      ARGS("1", "ab"), ARGS("1", "\\\"cd"), ARGS("1", ""), ARGS("0", "e"), ARGS("0", "f"),
      D("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"g\"}},{\"index\":1,\"function\":{\"arguments\":\"h\"}}]}"),
      ARGS("1", "}")},
     "begin1=c name=f args1={ args1=ab args1=\\\"cd args0=e args0=f args0=g args1=h args1=}"},
    {{ARGS("0", "a"),
      D("{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"\",\"arguments\":\"\"}}]}"),
      ARGS("0", "b"), ARGS("0", "c")},
     "args0=a begin0=c name= args0=b args0=c"},
    {{D("{\"tool_calls\":[{\"index\":2,\"custom\":{\"input\":\"x\"}}]}"),
      D("{\"tool_calls\":[{\"index\":2,\"custom\":{\"input\":\"yz\"}}]}")},
     "custom-args2=x custom-args2=yz"},
    /* what says nothing is no event */
    {{D("{\"content\":null,\"refusal\":null,\"reasoning\":\"\",\"annotations\":[],\"images\":[],\"audio\":null,\"tool_calls\":[]}"),
      "{\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":null}]}",
      "{\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":{\"content\":[]},\"finish_reason\":null}]}", "{\"choices\":[]}"},
     ""},
};

static void test_streams(void)
{
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct openai_events s = {0};

        notes_clear();
        for (size_t k = 0; k < 8 && streams[i].chunks[k] != NULL; k++)
            CHECK_INT(openai_events_chunk(&s, view_str(streams[i].chunks[k]), &sink), ERR_NONE);
        CHECK_BYTES(notes.text, notes.len, streams[i].want, strlen(streams[i].want));
    }
}

static void test_whole(void)
{
    static const char body[] =
        "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"refusal\":null,"
        "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
        "{\"id\":\"d\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"\"}}],"
        "\"reasoning\":\"r\",\"reasoning_content\":\"r\"},\"finish_reason\":\"tool_calls\"},"
        "{\"index\":1,\"message\":{\"content\":null,\"refusal\":\"no\"},\"finish_reason\":\"stop\"}],\"usage\":{}}";
    static const char want[] = "thought=r text=a begin0=c name=f args0={} custom-begin1=d name=g "
                               "finish=tool_calls 1: refusal=no 1: finish=stop";

    notes_clear();
    CHECK_INT(openai_events_whole(view_str(body), &sink), ERR_NONE);
    CHECK_BYTES(notes.text, notes.len, want, strlen(want));
}

/* Chunks too long to be learnt, beside such that just fit. */
static void test_long_surroundings(void)
{
    for (size_t pad = 400; pad < 520; pad++) {
        struct openai_events s = {0};
        char chunk[1024];

        notes_clear();
        for (int i = 0; i < 3; i++) {
            snprintf(chunk, sizeof chunk, "{\"model\":\"%0*d\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"t%d\"}}]}",
                     (int)pad, 0, i);
            CHECK_INT(openai_events_chunk(&s, view_str(chunk), &sink), ERR_NONE);
        }
        CHECK_BYTES(notes.text, notes.len, "text=t0 text=t1 text=t2", 23);
    }
}

/* The sink's error is told, and nothing is handed over behind it. */
static void test_sink_fails(void)
{
    struct openai_events s = {0};

    for (unsigned at = 1; at <= 3; at++) {
        notes_clear();
        notes.fail_at = at;
        CHECK_INT(openai_events_chunk(&s, view_str("{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\",\"refusal\":\"b\","
                                                   "\"reasoning\":\"c\"},\"finish_reason\":null}]}"),
                                      &sink),
                  ERR_MEMORY);
        CHECK_INT(notes.n, at);
    }
}

/* --- recordings --- */

enum { CALLS = 64 };

/* What one side says, decoded. */
struct said {
    char *text, *thought, *args[CALLS];
    char finish[32];
    unsigned begins;
    char *names;
};

static void append(char **to, const char *s, size_t len)
{
    size_t had = *to != NULL ? strlen(*to) : 0;

    *to = realloc(*to, had + len + 1);
    memcpy(*to + had, s, len);
    (*to)[had + len] = '\0';
}

static void said_free(struct said *s)
{
    free(s->text);
    free(s->thought);
    free(s->names);
    for (size_t i = 0; i < CALLS; i++)
        free(s->args[i]);
    *s = (struct said){0};
}

static struct said by_events, by_oracle;

/* Decoded by json-c; a piece may end within a surrogate pair, so all pieces are decoded at the end. */
static enum err collect(void *cookie, const struct event *e)
{
    struct said *s = cookie;

    if (e->choice != 0)
        return ERR_NONE;
    switch (e->kind) {
    case EVENT_TEXT:
        append(&s->text, (const char *)e->text.ptr, e->text.len);
        break;
    case EVENT_REASONING:
        append(&s->thought, (const char *)e->text.ptr, e->text.len);
        break;
    case EVENT_TOOL_BEGIN:
        CHECK(e->id.len != 0);
        CHECK_INT(e->tool, s->begins); /* without gaps */
        s->begins++;
        append(&s->names, (const char *)e->name.ptr, e->name.len);
        append(&s->names, ";", 1);
        break;
    case EVENT_TOOL_ARGS:
        CHECK(e->tool < s->begins);
        append(&s->args[e->tool % CALLS], (const char *)e->text.ptr, e->text.len);
        break;
    case EVENT_FINISH:
        CHECK(s->finish[0] == '\0');
        snprintf(s->finish, sizeof s->finish, "%s", usage_finish_name(e->finish));
        break;
    case EVENT_DETAIL:
    case EVENT_REFUSAL:
    case EVENT_ANNOTATION:
    case EVENT_LOGPROBS:
    case EVENT_IMAGE:
    case EVENT_AUDIO:
        break;
    }
    return ERR_NONE;
}

/* Escaped text as text. */
static void decode(char **text)
{
    char *quoted = NULL;
    json_c_object *o;

    if (*text == NULL)
        return;
    append(&quoted, "\"", 1);
    append(&quoted, *text, strlen(*text));
    append(&quoted, "\"", 1);
    o = json_tokener_parse(quoted);
    CHECK(json_object_is_type(o, json_type_string));
    free(*text);
    *text = NULL;
    append(text, json_object_get_string(o), strlen(json_object_get_string(o)));
    json_object_put(o);
    free(quoted);
}

static json_c_object *member(json_c_object *o, const char *name)
{
    return json_object_is_type(o, json_type_object) ? json_object_object_get(o, name) : NULL;
}

static void append_string(char **to, json_c_object *o)
{
    if (json_object_is_type(o, json_type_string) && json_object_get_string_len(o) != 0)
        append(to, json_object_get_string(o), (size_t)json_object_get_string_len(o));
}

/* Snowflake has what its model thought in the details alone. */
static void oracle_thoughts(struct said *s, json_c_object *d)
{
    json_c_object *details = member(d, "reasoning_details");

    append_string(&s->thought, member(d, "reasoning"));
    if (member(d, "reasoning") != NULL || !json_object_is_type(details, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(details); i++) {
        append_string(&s->thought, member(json_object_array_get_idx(details, i), "text"));
        append_string(&s->thought, member(json_object_array_get_idx(details, i), "summary"));
    }
}

/* A canonical document, read by names alone. */
static void oracle(struct said *s, struct view json, bool whole)
{
    struct json_tokener *t = json_tokener_new();
    json_c_object *o = json_tokener_parse_ex(t, (const char *)json.ptr, (int)json.len);
    json_c_object *choices = member(o, "choices");

    CHECK(o != NULL);
    for (size_t i = 0; choices != NULL && i < json_object_array_length(choices); i++) {
        json_c_object *c = json_object_array_get_idx(choices, i), *calls;
        json_c_object *d = member(c, whole ? "message" : "delta");
        const char *finish = json_object_get_string(member(c, "finish_reason"));

        if (json_object_get_int(member(c, "index")) != 0)
            continue;
        append_string(&s->text, member(d, "content"));
        oracle_thoughts(s, d);
        calls = member(d, "tool_calls");
        for (size_t k = 0; calls != NULL && k < json_object_array_length(calls); k++) {
            json_c_object *call = json_object_array_get_idx(calls, k);
            json_c_object *f = member(call, "function");
            int no = whole ? (int)k : json_object_get_int(member(call, "index"));

            if (member(call, "id") != NULL) {
                s->begins++;
                append_string(&s->names, member(f, "name"));
                append(&s->names, ";", 1);
            }
            append_string(&s->args[no % CALLS], member(f, "arguments"));
        }
        if (finish != NULL)
            snprintf(s->finish, sizeof s->finish, "%s", finish);
    }
    json_object_put(o);
    json_tokener_free(t);
}

static const struct event_sink collector = {collect, &by_events};
static struct chat_canon canon;
static struct openai_events state;
static unsigned documents, answers, with_calls, with_thoughts;
static bool stopped;

static void same_text(const char *path, const char *what, const char *a, const char *b)
{
    if (a == NULL)
        a = "";
    if (b == NULL)
        b = "";
    if (strcmp(a, b) != 0) {
        printf("# %s: %s\n", path, what);
        CHECK_BYTES(a, strlen(a), b, strlen(b));
    }
}

static void compare(const char *path)
{
    decode(&by_events.text);
    decode(&by_events.thought);
    same_text(path, "text", by_events.text, by_oracle.text);
    same_text(path, "reasoning", by_events.thought, by_oracle.thought);
    same_text(path, "names", by_events.names, by_oracle.names);
    same_text(path, "finish", by_events.finish, by_oracle.finish);
    CHECK_INT(by_events.begins, by_oracle.begins);
    for (size_t i = 0; i < CALLS; i++) {
        decode(&by_events.args[i]);
        same_text(path, "arguments", by_events.args[i], by_oracle.args[i]);
    }
    answers += by_oracle.text != NULL || by_oracle.begins != 0;
    with_calls += by_oracle.begins != 0;
    with_thoughts += by_oracle.thought != NULL;
    said_free(&by_events);
    said_free(&by_oracle);
}

static void start(void)
{
    static const struct provider provider = {.id = "recorded"};

    canon = (struct chat_canon){.id = "gen-1", .created = 1, .model = VIEW_LIT("m"), .provider = &provider,
                                .want_usage = true};
    state = (struct openai_events){0};
    stopped = false;
}

static void take_document(struct view data, bool whole)
{
    struct buf out;
    enum chat_kind kind = CHAT_NOTHING;
    struct chat_error error;
    enum err e;

    if (stopped)
        return;
    buf_init(&out, 8 << 20);
    e = whole ? chat_canon_whole(&canon, data, &out, &kind, &error)
              : chat_canon_chunk(&canon, data, &out, &kind, &error);
    stopped = e != ERR_NONE || kind == CHAT_ERROR || kind == CHAT_DONE;
    if (e == ERR_NONE && kind == CHAT_EMIT) {
        documents++;
        CHECK_INT(whole ? openai_events_whole(buf_view(&out), &collector)
                        : openai_events_chunk(&state, buf_view(&out), &collector),
                  ERR_NONE);
        oracle(&by_oracle, buf_view(&out), whole);
    }
    buf_free(&out);
}

static void run_whole(const char *path, const uint8_t *bytes, size_t len)
{
    start();
    take_document(view_of(bytes, len), true);
    compare(path);
}

static void take_payload(const uint8_t *payload, size_t len)
{
    take_document(view_of(payload, len), false);
}

static void run_lines(const char *path, const uint8_t *bytes, size_t len)
{
    start();
    fixture_payloads(path, bytes, len, take_payload);
    compare(path);
}

static void test_recordings(void)
{
    unsigned files = fixtures_each(".resp.sse", run_lines);

    files += fixtures_each(".resp.chunks.jsonl", run_lines);
    files += fixtures_each(".resp.json", run_whole);
    printf("# %u files, %u canonical documents, %u answers, %u with calls, %u with reasoning\n", files, documents,
           answers, with_calls, with_thoughts);
    CHECK(files != 0);
    CHECK(answers != 0 && with_calls != 0 && with_thoughts != 0);
}

static const struct check_case cases[] = {
    {"events_of_chunks", test_streams},
    {"events_of_a_whole_answer", test_whole},
    {"events_long_surroundings", test_long_surroundings},
    {"events_sink_fails", test_sink_fails},
    {"events_of_recordings", test_recordings},
};

CHECK_MAIN(cases)
