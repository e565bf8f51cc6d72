/* An exchange whose answer several models make: what its client is told, in each dialect, streaming and not, from the
 * panel's first event to the end, whoever writes the answer, fails or leaves. The orchestration behind it (synth/run.c) and
 * the reading of its parameters are scripted here; request machine, attempts, readers and writers are real. */
#define SENT_MAX (256 << 10)
#include "lib/chat_sides.h"
#include "chat_write.h"
#include "completions.h"
#include "exchange_synth.h"
#include "messages.h"
#include "responses.h"
#include "synth_read.h"

/* --- a scripted orchestration */

struct synth {
    struct synth_task task;
};
static struct {
    struct synth run;
    bool is, events, event_text;   /* what synth_read() finds */
    bool nobody;                   /* synth_reserve() fails */
    bool runs;                     /* synth_stop() finds something running */
    unsigned made, started, stopped, asked, freed;
    const char *says;              /* to the final */
    struct collect answer;         /* of the panel; empty: none */
    uint32_t final_tokens;
    enum synth_strategy strategy;
} script;
static struct catalog_synth row = {.model_no = 3};

enum err synth_read(struct prompt *p, const struct snapshot *catalog, struct synth_plan *out, bool *is,
                    struct api_failure *f)
{
    (void)catalog, (void)f;
    *is = strcmp(p->model, "tr/synth") == 0;
    *out = (struct synth_plan){.row = &row, .panel_tokens = 10, .judge_tokens = 10, .final_tokens = script.final_tokens,
                               .strategy = script.strategy,
                               .finals = {.id = {VIEW_LIT("demo/echo"), VIEW_LIT("demo/none"), VIEW_LIT("demo/other")},
                                          .n = 3},
                               .events = script.events, .event_text = script.event_text};
    return ERR_NONE;
}
enum err synth_new(const struct synth_task *task, struct synth **out)
{
    script.run.task = *task;
    script.made++;
    *out = &script.run;
    return ERR_NONE;
}
bool synth_reserve(struct synth *s, int64_t *amount_nusd, struct api_failure *f)
{
    CHECK(s == &script.run);
    *amount_nusd = 5000;
    f->error = API_PROVIDER_FAILED;
    return !script.nobody;
}
uint64_t synth_prompt_bound(const struct synth_plan *plan)
{
    CHECK(plan != NULL);
    return 100;
}
void synth_start(struct synth *s)
{
    CHECK(s == &script.run);
    script.started++;
}
bool synth_stop(struct synth *s)
{
    CHECK(s == &script.run);
    script.stopped++;
    return !script.runs;
}
enum err synth_final(struct synth *s, struct prompt_list *list)
{
    struct prompt_item *item;
    enum err e = prompt_add_item(list, ITEM_MESSAGE, &item);

    CHECK(s == &script.run);
    script.asked++;
    if (e != ERR_NONE)
        return e;
    item->role = ROLE_USER;
    e = prompt_add_item(list, ITEM_TEXT, &item);
    if (e == ERR_NONE)
        item->text.bytes = view_str(script.says);
    return e;
}
bool synth_accepts(const struct synth *s, const struct collect *answer)
{
    CHECK(s == &script.run);
    return !collect_empty(answer) && !view_starts(collect_text(answer), VIEW_LIT("I cannot"));
}
const struct collect *synth_answer(struct synth *s)
{
    struct parts *p = s->task.whole->parts;

    if (collect_empty(&script.answer))
        return NULL;
    if (p->n != 0)
        p->line[0].chosen = true;
    return &script.answer;
}
enum err synth_metadata(const struct synth *s, struct buf *out)
{
    return buf_appendf(out, "{\"strategy\":\"scripted\",\"cost_nusd\":%lld}",
                       (long long)s->task.whole->cost_nusd);
}
void synth_free(struct synth *s)
{
    CHECK(s == NULL || s == &script.run);
    script.freed += s != NULL;
}

/* --- its catalog: demo/echo at two providers, demo/other at one, and what is made of them */

static void publish(void)
{
    struct catalog c = {.version = 2, .n_models = 3, .n_endpoints = 3};
    static const char *const ids[] = {"demo/echo", "demo/other", "tr/synth"};

    c.models = calloc(3, sizeof *c.models);
    c.endpoints = calloc(3, sizeof *c.endpoints);
    for (uint32_t i = 0; i < 3; i++) {
        c.models[i] = (struct catalog_model){.no = i + 1, .context_length = 100000, .max_output = 100000,
                                             .kind = i == 2 ? KIND_SYNTH : KIND_CHAT};
        strcpy(c.models[i].id, ids[i]);
        c.endpoints[i] = (struct catalog_endpoint){.no = i + 1, .model_no = i == 2 ? 2 : 1, .provider_no = i == 1,
                                                   .weight = 1, .upstream_model = "up-echo",
                                                   .price.prompt_pusd = 1000, .price.completion_pusd = 1000};
        price_follow(&c.endpoints[i].price, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion |
                                                1 << PRICE_CLASS_cached | 1 << PRICE_CLASS_cache_write);
    }
    CHECK_INT(catalog_store_publish(chats.catalogs, &c), ERR_NONE);
}

static void script_reset(void)
{
    collect_free(&script.answer);
    memset(&script, 0, sizeof script);
    script.says = "the panel says";
    script.final_tokens = 700;
    collect_init(&script.answer, NULL, 1 << 20);
}

/* --- dialects */

static const struct spoken {
    const struct dialect *dialect;
    enum receipt_endpoint at;
    const char *ask, *streaming;
    const char *begun, *text, *end; /* of a stream: once each; the text's beginning */
    const char *whole;              /* of a whole answer that says hello */
    const char *failed;             /* of a stream that failed before its answer began */
} all[] = {
    {&chat_dialect, RECEIPT_CHAT_V1, "{\"model\":\"tr/synth\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
     ",\"stream\":true}", "\"role\":\"assistant\",\"content\":\"hello\"", "\"content\":\"hello\"", "data: [DONE]\n\n",
     "\"message\":{\"role\":\"assistant\",\"content\":\"hello\"", "data: {\"error\":{"},
    {&chat_dialect, RECEIPT_CHAT_API_V1, "{\"model\":\"tr/synth\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
     ",\"stream\":true}", "\"role\":\"assistant\",\"content\":\"hello\"", "\"content\":\"hello\"", "data: [DONE]\n\n",
     "\"message\":{\"role\":\"assistant\",\"content\":\"hello\"", "\"finish_reason\":\"error\"}],\"error\":{"},
    {&messages_2023, RECEIPT_MESSAGES_V1,
     "{\"model\":\"tr/synth\",\"max_tokens\":5000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
     ",\"stream\":true}", "event: message_start\n", "\"text\":\"hello\"", "event: message_stop\n", "\"text\":\"hello\"",
     "event: error\n"},
    {&responses_dialect, RECEIPT_RESPONSES_V1, "{\"model\":\"tr/synth\",\"input\":\"hi\"", ",\"stream\":true}",
     "event: response.created\n", "\"delta\":\"hello\"", "event: response.completed\n", "\"text\":\"hello\"",
     "event: response.failed\n"},
};
enum { ALL = sizeof all / sizeof all[0] };

static void up_text(const char *text)
{
    up_bytes(view_str(text), strlen(text));
}

static void begin_with(const struct spoken *s, const char *more, bool stream)
{
    static char body[64 << 10];

    reset();
    publish();
    spoken = s->dialect;
    spoken_at = s->at;
    snprintf(body, sizeof body, "%s%s%s", s->ask, more, stream ? s->streaming : "}");
    ask(body);
}

static void begin(const struct spoken *s, bool stream)
{
    script_reset();
    begin_with(s, "", stream);
}

static struct request *whole(void)
{
    struct request *r = chats.request.requests;

    CHECK(r != NULL);
    return r;
}

/* One member of the panel was asked, and has cost so much. */
static void panel_cost(int64_t nusd)
{
    struct parts *p = whole()->parts;

    p->line[p->n++] = (struct part_line){.role = PART_PANEL, .outcome = ERR_NONE, .finish = FINISH_STOP, .attempts = 1,
                                         .model_no = 2, .endpoint_no = 3, .cost_nusd = nusd,
                                         .usage = {.present = true, .prompt = 100, .completion = 20}};
    p->cost_nusd += nusd;
    p->usage.prompt += 100;
    p->usage.completion += 20;
}

static void panel_says(const char *text)
{
    CHECK_INT(collect_take(&script.answer, &(struct event){.kind = EVENT_TEXT, .text = view_str(text)}), ERR_NONE);
    CHECK_INT(collect_take(&script.answer, &(struct event){.kind = EVENT_FINISH, .finish = FINISH_STOP}), ERR_NONE);
}

#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\"," \
    "\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"
#define ROLE CHUNK("{\"role\":\"assistant\",\"content\":\"\"}", "null")
#define TEXT CHUNK("{\"content\":\"hello\"}", "null")
#define STOP CHUNK("{}", "\"stop\"")
#define USAGE                                                                                      \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\"," \
    "\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n"
#define DONE "data: [DONE]\n\n"
#define WHOLE_SAYS(text)                                                                           \
    "{\"id\":\"up\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"up-echo\","              \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":" text "},"         \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,"          \
    "\"total_tokens\":11}}"
#define WHOLE WHOLE_SAYS("\"hello\"")

static unsigned count_of(const char *word)
{
    unsigned n = 0;

    for (const char *at = client.out; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

/* One exchange is over, billed and wiped, with one receipt of the bytes that the client got. */
static void check_over(int64_t spent, bool complete)
{
    struct digest32 d;

    client_reads();
    CHECK(chats.request.requests == NULL);
    CHECK_INT(script.freed, script.made);
    CHECK_INT(-balance, spent);
    CHECK_INT(the_key.refs, 0);
    CHECK_INT(receipt.n, 1);
    CHECK_INT((receipt.facts.flags & RECEIPT_COMPLETE) != 0, complete);
    CHECK_INT(receipt.facts.returned_bytes, client.n_taken);
    digest_stream_end(&client.taken, &d);
    CHECK_BYTES(receipt.facts.returned.b, 32, d.b, 32);
}

/* Every model that is named is the orchestration. */
static void check_model(void)
{
    CHECK(count_of("\"model\":\"tr/synth\"") != 0);
    CHECK_INT(count_of("\"model\":\""), count_of("\"model\":\"tr/synth\""));
}

/* What the answer says of how it was made and what it cost, once. */
static void check_sums(const struct spoken *s, bool stream, unsigned prompt, unsigned completion)
{
    char figures[128];

    CHECK_INT(count_of("\"trustedrouter\":{\"synth\":{\"strategy\":\"scripted\""), 1);
    snprintf(figures, sizeof figures,
             s->dialect == &chat_dialect ? "\"prompt_tokens\":%u,\"completion_tokens\":%u"
             : s->dialect == &messages_2023 ? "\"input_tokens\":%u,\"output_tokens\":%u" : "\"input_tokens\":%u,",
             prompt, completion);
    CHECK_INT(count_of(figures), s->at == RECEIPT_CHAT_V1 && stream ? 0 : 1); /* where they were not asked for */
}

static void finish_stream(void)
{
    up_head(200);
    up_text(ROLE);
    up_text(TEXT STOP USAGE DONE);
    client_reads();
    up_done(ERR_NONE);
}

static void finish_whole(void)
{
    up_head(200);
    up_text(WHOLE);
    up_done(ERR_NONE);
}

/* --- the final writes */

static void test_prepared(void)
{
    for (size_t i = 0; i < ALL; i++) {
        for (int stream = 0; stream < 2; stream++) {
            begin(&all[i], stream != 0);
            CHECK_INT(script.started, 1);
            CHECK_INT(up.started, 0);
            CHECK_INT(client.status, 0);
            panel_cost(70);
            request_prepared(whole());
            CHECK_INT(up.started, 1);
            CHECK_INT(script.asked, 1);
            CHECK(strstr(up.sent[0], "the panel says") != NULL && strstr(up.sent[0], "\"hi\"") != NULL);
            CHECK(strstr(up.sent[0], "\"max_tokens\":700") != NULL);
            if (stream)
                finish_stream();
            else
                finish_whole();
            CHECK_INT(client.status, 200);
            CHECK(strstr(client.headers, "x-tr-model: demo/echo\n") != NULL);
            CHECK(strstr(client.headers, "x-tr-provider: demo-") != NULL);
            CHECK(strstr(client.headers, "x-tr-skipped-models") == NULL); /* the client named none */
            check_over(81, true);
            check_model();
            check_sums(&all[i], stream != 0, 109, 22);
            if (stream) {
                CHECK_INT(count_of(all[i].begun), 1);
                CHECK_INT(count_of(all[i].end), 1);
                CHECK(strstr(client.out, all[i].text) != NULL);
            } else {
                CHECK(strstr(client.out, all[i].whole) != NULL);
            }
        }
    }
}

/* A limit of the client's own that is smaller stays. */
static void test_limit(void)
{
    script_reset();
    begin_with(&all[0], ",\"max_tokens\":30", false);
    CHECK(whole()->prompt_bound >= client.body.len + PROMPT_TEMPLATE_TOKENS + 100); /* of what the panel adds */
    CHECK_INT(whole()->max_output, 30);
    request_prepared(whole());
    CHECK(strstr(up.sent[0], "\"max_tokens\":30") != NULL);
    finish_whole();
    check_over(11, true);
}

/* What the final is asked may be many times longer than the client's body. */
static void test_long_panel(void)
{
    static char text[200 << 10];

    memset(text, 'x', sizeof text - 1);
    begin(&all[0], false);
    script.says = text;
    request_prepared(whole());
    CHECK_INT(up.started, 1);
    CHECK(strlen(up.sent[0]) > sizeof text);
    finish_whole();
    check_over(11, true);
}

/* With the figures only when they were asked for: other clients read the first choice of every chunk. */
static void test_usage_chunk(void)
{
    for (int asked = 0; asked < 2; asked++) {
        script_reset();
        begin_with(&all[0], asked ? ",\"stream_options\":{\"include_usage\":true}" : "", true);
        request_prepared(whole());
        finish_stream();
        check_over(11, true);
        CHECK_INT(count_of("\"choices\":[],\"trustedrouter\":{"), asked);
        CHECK_INT(count_of("\"finish_reason\":\"stop\"}],\"trustedrouter\":{"), !asked);
        CHECK_INT(count_of("\"usage\":{\"prompt_tokens\":9"), asked);
    }
}

/* The same model's other provider, and then the next model, before the first byte. */
static void test_finals_fall_back(void)
{
    for (size_t i = 0; i < ALL; i++) {
        begin(&all[i], true);
        request_prepared(whole());
        for (int k = 0; k < 2; k++) {
            CHECK(strstr(up.sent[k], "the panel says") != NULL);
            up_head(200);
            if (k == 0)
                up_text(ROLE CHUNK("{\"refusal\":\"lost\"}", "null") "data: {\"error\":{\"code\":500}}\n\n");
            else
                up_done(ERR_CONNECT);
        }
        CHECK_INT(up.started, 3);
        CHECK_INT(client.status, 0);
        finish_stream();
        CHECK_INT(script.asked, 1); /* its question is the same for all */
        CHECK(strstr(client.headers, "x-tr-model: demo/other\n") != NULL);
        check_over(11, true);
        CHECK_INT(count_of("lost"), 0);
        CHECK_INT(count_of(all[i].begun), 1);
        CHECK_INT(count_of(all[i].end), 1);
    }
}

/* A whole answer that refuses is billed, and the next model is asked. */
static void test_whole_refused(void)
{
    for (size_t i = 0; i < ALL; i++) {
        begin(&all[i], false);
        request_prepared(whole());
        up_head(200);
        up_text(WHOLE_SAYS("\"I cannot do that\""));
        up_done(ERR_NONE);
        CHECK_INT(client.status, 0);
        CHECK_INT(up.started, 2);
        finish_whole();
        CHECK(strstr(client.headers, "x-tr-model: demo/other\n") != NULL);
        CHECK(strstr(client.out, all[i].whole) != NULL);
        CHECK_INT(count_of("I cannot"), 0);
        check_over(22, true);
        check_sums(&all[i], false, 18, 4);
    }
}

/* So is a stream that ends without anything useful; nothing of it reaches the client, not even behind an early head. */
static void test_stream_refused(void)
{
    static const char *const says[] = {
        ROLE STOP USAGE DONE,
        ROLE CHUNK("{\"content\":\" \\n\"}", "null") STOP USAGE DONE,
        ROLE CHUNK("{\"refusal\":\"never\"}", "null") CHUNK("{}", "\"content_filter\"") USAGE DONE,
    };

    for (size_t i = 0; i < ALL; i++) {
        for (size_t k = 0; k < sizeof says / sizeof says[0]; k++) {
            begin(&all[i], true);
            if (k == 2) {
                request_tick(whole(), clock_mono_ms() + 3600000);
                client_reads();
                CHECK_INT(client.status, 200);
            }
            request_prepared(whole());
            up_head(200);
            up_text(says[k]);
            client_reads();
            CHECK_INT(up.started, 2);
            CHECK_INT(count_of("never"), 0);
            CHECK_INT(count_of("data: "), 0);
            finish_stream();
            client_reads();
            CHECK_INT(count_of("never"), 0);
            CHECK_INT(count_of(all[i].begun), 1);
            CHECK_INT(count_of(all[i].end), 1);
            CHECK(strstr(client.out, all[i].text) != NULL);
            CHECK(chats.request.requests == NULL);
            CHECK_INT(receipt.n, 1);
        }
    }
}

/* A final whose refusal goes past its limit is ended by us: what was held is the answer. */
static void test_stream_cut(void)
{
    static char big[120 << 10];

    strcpy(big, "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"");
    memset(big + strlen(big), 'x', 100 << 10);
    strcat(big, "\"},\"finish_reason\":null}]}\n\n");
    for (size_t i = 0; i < ALL; i++) {
        begin(&all[i], true);
        request_prepared(whole());
        up_head(200);
        up_text(ROLE);
        up_text(big);
        CHECK_INT(up.cancelled, 1);
        CHECK(client.ended && !client.aborted);
        client_reads();
        CHECK(strstr(client.out, "xxxxxxxx") != NULL);
        CHECK_INT(count_of("data: [DONE]\n\n"), 1);
        CHECK_INT(count_of("event: message_start\n"), i == 2);
        CHECK_INT(count_of("event: response.created\n"), i == 3);
        CHECK(chats.request.requests == NULL);
        CHECK_INT(receipt.n, 1);
    }
}

/* --- the panel's answer is the answer */

static void check_given(const struct spoken *s, bool stream)
{
    CHECK_INT(client.status, 200);
    CHECK(strstr(client.headers, "x-tr-model: demo/other\n") != NULL);
    CHECK(strstr(client.headers, "x-tr-provider: demo-a\n") != NULL);
    check_model();
    if (stream) {
        CHECK_INT(count_of(s->begun), 1);
        CHECK_INT(count_of(s->end), 1);
        CHECK(strstr(client.out, s->text) != NULL);
    } else {
        CHECK(strstr(client.out, s->whole) != NULL);
    }
}

static void test_given(void)
{
    for (size_t i = 0; i < ALL; i++) {
        for (int stream = 0; stream < 2; stream++) {
            script_reset();
            script.strategy = SYNTH_FIRST_SUCCESS;
            begin_with(&all[i], "", stream != 0);
            CHECK_INT(-balance, 5000); /* the panel's share alone: no final is asked */
            panel_cost(70);
            panel_says("hello");
            whole()->parts->line[0].chosen = true;
            request_given(whole());
            CHECK_INT(up.started, 0);
            check_over(70, true);
            check_given(&all[i], stream != 0);
            check_sums(&all[i], stream != 0, 100, 20);
        }
    }
}

/* With its calls; a stream's head has left long before. */
static void test_given_calls(void)
{
    static const struct event events[] = {
        {.kind = EVENT_TOOL_BEGIN, .id = VIEW_LIT("c1"), .name = VIEW_LIT("look")},
        {.kind = EVENT_TOOL_ARGS, .text = VIEW_LIT("{\\\"a\\\":1}")},
        {.kind = EVENT_FINISH, .finish = FINISH_TOOL_CALLS},
    };
    for (size_t i = 0; i < ALL; i++) {
        for (int stream = 0; stream < 2; stream++) {
            begin(&all[i], stream != 0);
            panel_cost(70);
            for (size_t k = 0; k < 3; k++)
                CHECK_INT(collect_take(&script.answer, &events[k]), ERR_NONE);
            if (stream)
                request_tick(whole(), clock_mono_ms() + 3600000);
            client_reads();
            request_given(whole());
            check_over(70, true);
            CHECK(strstr(client.out, "\"name\":\"look\"") != NULL);
            CHECK(strstr(client.out, "\\\"a\\\":1") != NULL || strstr(client.out, "{\"a\":1}") != NULL);
            CHECK_INT(count_of("\"tool_calls\"") != 0, i < 2);
        }
    }
}

static void test_rescue(void)
{
    for (size_t i = 0; i < ALL; i++) {
        for (int stream = 0; stream < 2; stream++) {
            begin(&all[i], stream != 0);
            panel_cost(70);
            panel_says("hello");
            request_prepared(whole());
            for (unsigned k = 1; k <= 3; k++) {
                CHECK_INT(up.started, k);
                up_head(500);
                up_text("{\"error\":{\"message\":\"lost\"}}");
                up_done(ERR_NONE);
            }
            check_over(70, true);
            check_given(&all[i], stream != 0);
            CHECK_INT(count_of("lost"), 0);
        }
    }
}

/* --- nothing comes of it */

static void test_unprepared(void)
{
    for (size_t i = 0; i < ALL; i++) {
        for (int stream = 0; stream < 2; stream++) {
            struct api_failure f = {.error = API_PROVIDER_FAILED};

            begin(&all[i], stream != 0);
            panel_cost(70);
            request_unprepared(whole(), ERR_PROVIDER_STATUS, &f);
            CHECK(client.status >= 500);
            check_over(70, true);
        }
        /* behind the head: as the stream's last event */
        begin(&all[i], true);
        panel_cost(70);
        request_tick(whole(), clock_mono_ms() + 3600000);
        client_reads();
        CHECK_INT(client.status, 200);
        request_unprepared(whole(), ERR_PROVIDER_STATUS, &(struct api_failure){.error = API_PROVIDER_FAILED});
        CHECK(client.ended && !client.aborted);
        check_over(70, false);
        CHECK_INT(count_of(all[i].failed), 1);
        CHECK_INT(count_of(all[i].end), 0);
    }
}

static void test_finals_fail(void)
{
    for (size_t i = 0; i < ALL; i++) {
        for (int early = 0; early < 2; early++) {
            begin(&all[i], true);
            panel_cost(70);
            if (early)
                request_tick(whole(), clock_mono_ms() + 3600000);
            client_reads();
            request_prepared(whole());
            for (unsigned k = 0; k < 3; k++) {
                up_head(500);
                up_text("{}");
                up_done(ERR_NONE);
            }
            CHECK(early ? client.status == 200 : client.status >= 500);
            check_over(70, !early);
            CHECK(!early || count_of(all[i].failed) == 1);
            CHECK_INT(count_of(all[i].end), 0);
        }
    }
}

/* 402 and its like come before anything runs. */
static void test_nobody(void)
{
    script_reset();
    script.nobody = true;
    begin_with(&all[0], "", true);
    CHECK(client.status >= 500);
    CHECK_INT(script.started, 0);
    CHECK_INT(up.started, 0);
    check_over(0, true);
}

/* --- signs of life */

static void test_keep_alive(void)
{
    for (size_t i = 0; i < ALL; i++) {
        begin(&all[i], true);
        request_tick(whole(), clock_mono_ms() + 3600000);
        CHECK_INT(client.status, 200);
        CHECK(strstr(client.headers, "x-tr-model") == NULL); /* nobody has written yet */
        CHECK(strcmp(client.out, ": keep-alive\n\n") == 0);
        client_reads();
        request_tick(whole(), clock_mono_ms() + 3600000);
        CHECK(strcmp(client.out, ": keep-alive\n\n: keep-alive\n\n") == 0);
        client_reads();
        request_prepared(whole());
        CHECK(strstr(up.sent[0], "\"hi\"") != NULL); /* the prompt is not forgotten */
        request_tick(whole(), clock_mono_ms() + 3600000);
        client_reads();
        CHECK_INT(count_of(": keep-alive\n\n"), 3);
        finish_stream();
        check_over(11, true);
        CHECK_INT(count_of(all[i].begun), 1);
        CHECK_INT(count_of(all[i].end), 1);
        check_model();
    }
}

/* --- progress */

static void say(enum synth_event_kind kind, enum part_role role, uint8_t place, const char *model, const char *text,
                const struct part_line *line)
{
    struct synth_event e = {.kind = kind, .role = role, .place = place, .model = view_str(model), .text = view_str(text),
                            .line = line};

    script.run.task.event(script.run.task.cookie, &e);
}

static void say_all(void)
{
    static const struct part_line good = {.usage = {.prompt = 4, .completion = 3}, .total_ms = 20, .cost_nusd = 7},
                                  bad = {.outcome = ERR_IDLE_TIMEOUT};

    say(SYNTH_STARTED, PART_PANEL, 0, "", "", NULL);
    say(SYNTH_PART_STARTED, PART_PANEL, 0, "a/b", "", NULL);
    say(SYNTH_PART_TEXT, PART_PANEL, 0, "a/b", "se\\ncret", NULL);
    say(SYNTH_PART_DONE, PART_PANEL, 0, "a/b", "", &good);
    say(SYNTH_PART_FAILED, PART_PANEL, 1, "c/d", "", &bad);
    say(SYNTH_PART_STARTED, PART_JUDGE, 0, "j", "", NULL);
    say(SYNTH_PART_DONE, PART_JUDGE, 0, "j", "", &good);
    say(SYNTH_PART_FAILED, PART_JUDGE, 0, "j", "", &bad);
}

#define EVENT(members) "\"choices\":[],\"trustedrouter\":{\"synth\":{\"event\":{" members

static void test_events(void)
{
    for (int text = 0; text < 2; text++) {
        script_reset();
        script.events = true;
        script.event_text = text != 0;
        begin_with(&all[0], "", true);
        CHECK_INT(client.status, 200); /* at once */
        say_all();
        client_reads();
        CHECK_INT(count_of(EVENT("\"type\":\"synth.started\"}}}}\n\n")), 1);
        CHECK_INT(count_of(EVENT("\"type\":\"panel.started\",\"index\":0,\"model\":\"a/b\"}}}}\n\n")), 1);
        CHECK_INT(count_of(EVENT("\"type\":\"panel.text_delta\",\"index\":0,\"model\":\"a/b\",\"text\":\"se\\ncret\"}}}}")), text);
        CHECK_INT(count_of("cret"), text);
        CHECK_INT(count_of(EVENT("\"type\":\"panel.done\",\"index\":0,\"model\":\"a/b\",\"refused\":false,\"error\":null,"
                                 "\"prompt_tokens\":4,\"completion_tokens\":3,\"elapsed_ms\":20,\"cost\":0.000000007}}}}")), 1);
        CHECK_INT(count_of(EVENT("\"type\":\"panel.failed\",\"index\":1,\"model\":\"c/d\",\"refused\":false,\"error\":\"")), 1);
        CHECK_INT(count_of(EVENT("\"type\":\"judge.started\"")), 1);
        CHECK_INT(count_of(EVENT("\"type\":\"judge.done\"")), 1);
        CHECK_INT(count_of(EVENT("\"type\":\"judge.failed\"")), 1);
        request_prepared(whole());
        CHECK(strstr(up.sent[0], "the panel says") != NULL);
        client_reads();
        CHECK_INT(count_of(EVENT("\"type\":\"final.started\",\"index\":0,\"model\":\"demo/echo\"}}}}")), 1);
        finish_stream();
        check_over(11, true);
        CHECK_INT(count_of("\"content\":\"hello\""), 1);
    }
}

/* Who did not ask is told nothing, and so is a client that is gone or does not read. */
static void test_no_events(void)
{
    begin(&all[0], true);
    say_all();
    CHECK_INT(client.status, 0);
    request_prepared(whole());
    finish_stream();
    check_over(11, true);
    CHECK_INT(count_of("\"event\""), 0);

    script_reset();
    script.events = true;
    begin_with(&all[0], "", true);
    client.stuck = true;
    for (int i = 0; i < 5000; i++)
        say_all();
    CHECK(whole() != NULL && budget_used(content) < 1 << 20);
    client.stuck = false;
    script.runs = true;
    client.gone(client.gone_cookie);
    say_all();
    request_idle(whole());
    CHECK(chats.request.requests == NULL);
}

/* --- the client leaves */

static void test_leaves(void)
{
    for (size_t i = 0; i < ALL; i++) {
        for (int phase = 0; phase < 4; phase++) {
            begin(&all[i], true);
            panel_cost(70);
            script.runs = phase == 1;
            if (phase >= 2)
                request_prepared(whole());
            if (phase == 3) {
                up_head(200);
                up_text(ROLE TEXT);
                client_reads();
            }
            client.gone(client.gone_cookie);
            CHECK_INT(script.stopped, phase < 2);
            if (phase == 1)
                request_idle(whole());
            if (up.started != 0)
                up_done(ERR_NONE);
            CHECK(chats.request.requests == NULL);
            CHECK_INT(script.freed, 1);
            CHECK(-balance >= 70);
            CHECK_INT(the_key.refs, 0);
            CHECK_INT(receipt.n, 1);
        }
    }
}

/* --- what is refused */

static void test_refused(void)
{
    static const struct {
        const char *more, *param;
    } rows[] = {
        {",\"stop\":7", "\"param\":\"stop\""},
        {",\"tools\":[{\"type\":\"function\"}]", "\"param\":\"tools\""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        script_reset();
        begin_with(&all[0], rows[i].more, false);
        CHECK_INT(client.status, 400);
        CHECK(strstr(client.out, rows[i].param) != NULL);
        CHECK_INT(script.made, 0);
        check_over(0, true);
    }
    script_reset(); /* text completions have no place for it */
    reset();
    publish();
    spoken = &completions_dialect;
    spoken_at = RECEIPT_COMPLETIONS_V1;
    ask("{\"model\":\"tr/synth\",\"prompt\":\"hi\"}");
    CHECK_INT(client.status, 404);
    CHECK(strstr(client.out, "/v1/chat/completions") != NULL);
    check_over(0, true);
}

/* In the way of old a client reads one call. */
static void test_functions(void)
{
    static const char call[] =
        "{\"id\":\"up\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\","
        "\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}],"
        "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}";

    script_reset();
    begin_with(&all[0], ",\"functions\":[{\"name\":\"look\",\"parameters\":{\"type\":\"object\"}}]", false);
    request_prepared(whole());
    up_head(200);
    up_text(call);
    up_done(ERR_NONE);
    CHECK(strstr(client.out, "\"function_call\":{\"name\":\"look\",\"arguments\":\"{}\"}") != NULL);
    CHECK(strstr(client.out, "\"finish_reason\":\"function_call\"") != NULL);
    CHECK(strstr(client.out, "tool_calls") == NULL);
    check_over(11, true);
}

/* Wherever memory ends, the client reads an error or the connection breaks, and nothing is lost: reset() asserts that all
 * of the budget came back. */
static void test_no_memory(void)
{
    bool served = false;

    for (size_t most = 64; most < 96 << 10; most += most / 4) {
        for (size_t i = 0; i < 2 * ALL; i++) {
            bool stream = i % 2 != 0;

            content_max = most;
            begin(&all[i / 2], stream);
            if (client.status == 0 && most % 3 == 0) {
                panel_says("hello");
                request_given(whole());
            } else if (client.status == 0) {
                request_prepared(whole());
                for (unsigned k = 0; k < up.started; k++) {
                    if (stream)
                        finish_stream();
                    else
                        finish_whole();
                }
            }
            client_reads();
            CHECK(chats.request.requests == NULL);
            CHECK_INT(the_key.refs, 0);
            CHECK_INT(script.freed, script.made);
            CHECK_INT(receipt.n, 1);
            served = client.status == 200 && strstr(client.out, "hello") != NULL;
            CHECK(served || client.status >= 500 || client.aborted || count_of(all[i / 2].failed) == 1);
        }
    }
    CHECK(served); /* at last there was enough */
    content_max = 128 << 20;
    reset();
}

static const struct check_case cases[] = {
    {"exchange_synth_prepared", test_prepared},
    {"exchange_synth_limit", test_limit},
    {"exchange_synth_long_panel", test_long_panel},
    {"exchange_synth_usage_chunk", test_usage_chunk},
    {"exchange_synth_finals_fall_back", test_finals_fall_back},
    {"exchange_synth_whole_refused", test_whole_refused},
    {"exchange_synth_stream_refused", test_stream_refused},
    {"exchange_synth_stream_cut", test_stream_cut},
    {"exchange_synth_given", test_given},
    {"exchange_synth_given_calls", test_given_calls},
    {"exchange_synth_rescue", test_rescue},
    {"exchange_synth_unprepared", test_unprepared},
    {"exchange_synth_finals_fail", test_finals_fail},
    {"exchange_synth_nobody", test_nobody},
    {"exchange_synth_keep_alive", test_keep_alive},
    {"exchange_synth_events", test_events},
    {"exchange_synth_no_events", test_no_events},
    {"exchange_synth_leaves", test_leaves},
    {"exchange_synth_refused", test_refused},
    {"exchange_synth_functions", test_functions},
    {"exchange_synth_no_memory", test_no_memory},
};
CHECK_MAIN(cases)
