/* An orchestration spends the client's money in several places at once, and each of them can fail. These cases drive it
 * with the real request machine, attempts and words against scripted providers: what becomes of every strategy in every
 * kind of trouble, that the client pays the sum of what ran, and that nothing of what was said is kept. */
#include "deadline.c"
#include "run.c"

#include "catalog_store.h"
#include "chat_list.h"
#include "chat_request.h"
#include "check.h"
#include "lib/quiet.h"
#include "clock.h"
#include "fetch.h"
#include "health.h"
#include "leave.h"
#include "own.h"
#include "part_lines.h"
#include "part_id.h"
#include "receipts.h"
#include "words_internal.h"

#include <stdio.h>

/* --- the key and its money */

struct key {
    int refs;
};
static struct key the_key;
static struct {
    int64_t balance, lease; /* lease: what it holds; 0: enough */
    unsigned records;
    struct usage_record record;
    uplink_ask_cb *ask_cb;
    void *ask_cookie;
} money;

enum err keyring_find(struct keyring *k, const struct digest32 *d, uint64_t ms, struct key **out)
{
    (void)k, (void)d, (void)ms;
    the_key.refs++;
    *out = &the_key;
    return ERR_NONE;
}
uint64_t key_rules_generation(const struct key *k)
{
    (void)k;
    return 0;
}
bool key_rules(const struct keyring *k, const struct key *s, struct key_rules *out, uint64_t *generation)
{
    (void)k, (void)s;
    *out = (struct key_rules){0};
    *generation = 0;
    return true;
}
void key_forgo(struct key *k)
{
    (void)k;
}
void key_release(struct key *k)
{
    k->refs--;
}
struct id key_id(const struct key *k)
{
    (void)k;
    return (struct id){{1}};
}
struct id key_account(const struct key *k)
{
    (void)k;
    return (struct id){{2}};
}
uint64_t key_own_version(const struct key *k)
{
    (void)k;
    return 0;
}
enum err key_reserve(struct key *k, int64_t amount, uint64_t ms, struct id *id, uint32_t *retry)
{
    (void)k, (void)ms, (void)id, (void)retry;
    if (money.lease != 0 && amount > money.lease)
        return ERR_CREDIT;
    money.balance -= amount;
    return ERR_NONE;
}
enum err key_grow(struct key *k, const struct id *id, int64_t more, uint64_t ms)
{
    (void)k, (void)id, (void)ms;
    money.balance -= more;
    return ERR_NONE;
}
void key_settle(struct key *k, const struct id *id, int64_t amount, int64_t cost)
{
    (void)k, (void)id;
    CHECK(cost >= 0 && cost <= amount);
    money.balance += amount - cost;
}
int64_t key_available(const struct key *k)
{
    (void)k;
    return money.lease;
}
bool key_wants_more(struct key *k, uint64_t ms)
{
    (void)k, (void)ms;
    return false;
}
void key_count_tokens(struct key *k, uint64_t tokens, uint64_t ms)
{
    (void)k, (void)tokens, (void)ms;
}
void key_rates(const struct key *k, uint64_t ms, struct key_rates *out)
{
    (void)k, (void)ms;
    *out = (struct key_rates){0};
}
bool meter_reserve(struct meter *m, unsigned w)
{
    (void)m, (void)w;
    return true;
}
void meter_unreserve(struct meter *m, unsigned w)
{
    (void)m, (void)w;
}
void meter_attempts(struct meter *m, unsigned w, const struct meter_attempt *a, size_t n)
{
    (void)m, (void)w, (void)a, (void)n;
}
bool meter_reserve_parts(struct meter *m, unsigned w)
{
    (void)m, (void)w;
    return true;
}
void meter_unreserve_parts(struct meter *m, unsigned w)
{
    (void)m, (void)w;
}
void meter_parts(struct meter *m, unsigned w, const struct meter_part *p, size_t n)
{
    (void)m, (void)w, (void)p, (void)n;
}
void meter_push(struct meter *m, unsigned w, const struct usage_record *r)
{
    (void)m, (void)w;
    money.record = *r;
    money.records++;
}
enum err uplink_trust(const struct uplink *u)
{
    (void)u;
    return ERR_NONE;
}
enum err uplink_ask(struct uplink_port *p, const struct digest32 *d, int64_t amount, uplink_ask_cb *cb, void *cookie,
                    struct ask **out)
{
    (void)p, (void)d, (void)amount;
    money.ask_cb = cb;
    money.ask_cookie = cookie;
    *out = (struct ask *)&money;
    return ERR_NONE;
}
enum err uplink_ask_more(struct uplink_port *p, struct key *k, const struct id *id, int64_t more, uplink_ask_cb *cb,
                         void *cookie, struct ask **out)
{
    (void)p, (void)k, (void)id, (void)more, (void)cb, (void)cookie, (void)out;
    return ERR_CONTROL_PLANE;
}
void uplink_hint_lease(struct uplink_port *p, struct key *k)
{
    (void)p, (void)k;
}
void ask_cancel(struct ask *a)
{
    (void)a;
}

/* --- the providers: a model of the catalog each, called by one letter or two */

struct fetch {
    bool live, headed;
    char model[8];
    char sent[32 << 10];
    const struct fetch_events *events;
    void *cookie;
};
enum { FETCHES = 48 };
static struct fetch fetches[FETCHES];
static unsigned n_fetches;
static const char *unreachable = ""; /* models whose requests cannot even be begun */

enum err fetch_start(struct upstreams *u, const struct fetch_request *r, const struct fetch_events *events, void *cookie,
                     struct fetch **out)
{
    struct fetch *f = &fetches[n_fetches];

    (void)u;
    CHECK(n_fetches < FETCHES && r->model.len == 1 && r->body.len < sizeof f->sent);
    if (strchr(unreachable, r->model.ptr[0]) != NULL)
        return ERR_CONNECT;
    n_fetches++;
    *f = (struct fetch){.live = true, .events = events, .cookie = cookie};
    memcpy(f->model, r->model.ptr, r->model.len);
    memcpy(f->sent, r->body.ptr, r->body.len);
    *out = f;
    return ERR_NONE;
}
bool fetch_body_let(struct fetch *f)
{
    return f->live;
}
bool fetch_forwarded(const struct fetch *f)
{
    return f->live;
}
void fetch_cancel(struct fetch *f)
{
    CHECK(f->live);
    f->live = false;
}
bool fetch_sent(const struct fetch *f)
{
    (void)f;
    return true;
}
const struct digest32 *fetch_peer_key(const struct fetch *f)
{
    (void)f;
    return NULL;
}
void fetch_progressed(struct fetch *f, uint64_t bytes)
{
    (void)f, (void)bytes;
}
void fetch_within(struct fetch *f, uint32_t ms)
{
    (void)f, (void)ms;
}
void fetch_pause(struct fetch *f)
{
    (void)f;
}
void fetch_resume(struct fetch *f)
{
    (void)f;
}

/* The request to this model that is open; NULL: there is none. */
static struct fetch *open_at(const char *model)
{
    for (unsigned i = 0; i < n_fetches; i++)
        if (fetches[i].live && strcmp(fetches[i].model, model) == 0)
            return &fetches[i];
    return NULL;
}

/* The body of that request. */
static const char *sent_to(const char *model)
{
    const struct fetch *f = open_at(model);

    return f != NULL ? f->sent : "";
}

static bool was_asked(const char *model)
{
    for (unsigned i = 0; i < n_fetches; i++)
        if (strcmp(fetches[i].model, model) == 0)
            return true;
    return false;
}

static void f_head(struct fetch *f, int status)
{
    const struct fetch_head h = {.status = status, .retry_after_ms = -1};

    f->headed = true;
    f->events->head(f->cookie, &h);
}
static void f_bytes(struct fetch *f, const char *text)
{
    if (f->live)
        f->events->body(f->cookie, view_str(text));
}
static void f_done(struct fetch *f)
{
    if (!f->live)
        return;
    f->live = false;
    f->events->done(f->cookie, ERR_NONE);
}

#define CHUNK_BEGIN                                                                                                      \
    "data: {\"id\":\"u\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"u\",\"choices\":"                \
    "[{\"index\":0,\"delta\":"
#define USAGE                                                                                                            \
    "data: {\"id\":\"u\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"u\",\"choices\":[],\"usage\":"   \
    "{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}\n\n"
enum { COST = 10 + 5 }; /* nano-USD of an answer with these figures */

/* One piece of text; it may not need escapes twice. */
static void f_text(struct fetch *f, const char *text)
{
    char chunk[4096];

    if (!f->headed)
        f_head(f, 200);
    snprintf(chunk, sizeof chunk, CHUNK_BEGIN "{\"content\":\"%s\"},\"finish_reason\":null}]}\n\n", text);
    f_bytes(f, chunk);
}
static void f_finish(struct fetch *f)
{
    if (!f->headed)
        f_head(f, 200);
    f_bytes(f, CHUNK_BEGIN "{},\"finish_reason\":\"stop\"}]}\n\n");
}
static void f_end(struct fetch *f)
{
    f_finish(f);
    f_bytes(f, USAGE);
    f_bytes(f, "data: [DONE]\n\n");
    f_done(f);
}

/* What a model does when it is its turn. */
enum act { ANSWER, REFUSE, EMPTY, FAIL, LIMITED, HANG, BABBLE };
#define REFUSAL "I'm sorry, but I can't help with that request."

static void answer(const char *model, const char *text)
{
    struct fetch *f = open_at(model);

    if (f == NULL)
        return;
    if (text != NULL)
        f_text(f, text);
    f_end(f);
}

static void fail(const char *model, int status)
{
    struct fetch *f = open_at(model);

    if (f == NULL)
        return;
    f_head(f, status);
    f_bytes(f, "{\"error\":{\"message\":\"no\",\"type\":\"server_error\"}}");
    f_done(f);
}

/* --- the whole, as an exchange has it */

static struct {
    struct request r; /* first */
    struct parts parts;
    struct synth *synth;
    struct prompt prompt;
    struct chat_request chat;
    struct synth_plan plan;
    struct catalog_synth row;
    struct prompt_list final_list;
    struct collect final; /* what the final has said */
    struct api_failure failure;
    unsigned finals, completes, fails, lefts, destroys;
    char given[512];     /* complete() without a final: the answer */
    char metadata[8192]; /* at the end */
    char events[1024];
    bool finaled;
    enum phase { IN_PANEL, IN_JUDGE, IN_FINAL } phase;
} w;

static struct upstreams ups;
static struct budget *budget;
static struct health *health;
static struct stats stats;
static struct receipts *receipts;
static struct catalog_store *catalogs;
static struct request_context context;
static struct providers providers = {.n = 2, .list = {{.no = 0, .id = "p", .name = "P"}, {.no = 1, .id = "q", .name = "Q"}}};

static enum err w_attempt(struct request *r, bool last)
{
    (void)r, (void)last;
    w.finals++;
    if (!w.finaled)
        CHECK_INT(synth_final(w.synth, &w.final_list), ERR_NONE);
    w.finaled = true;
    return ERR_NONE;
}
static void w_nothing(struct request *r)
{
    (void)r;
}
static void w_account(const struct request *r, struct attempt_account *out)
{
    (void)r;
    *out = (struct attempt_account){.usage = {.present = true, .prompt = 10, .completion = 5},
                                    .delivered_bytes = w.final.bytes,
                                    .forwarded = true,
                                    .status = 200};
}
static void w_hold(struct request *r, bool hold)
{
    (void)r, (void)hold;
}
static void w_complete(struct request *r)
{
    const struct collect *c = w.finaled && w.parts.line[w.parts.n - 1].chosen ? NULL : synth_answer(w.synth);

    if (c != NULL)
        snprintf(w.given, sizeof w.given, "%.*s", (int)collect_text(c).len, (const char *)collect_text(c).ptr);
    w.completes++;
    request_closed(r);
}
static void w_fail(struct request *r, const struct api_failure *f)
{
    w.fails++;
    w.failure = *f;
    request_closed(r);
}
static void w_left(struct request *r)
{
    (void)r;
    w.lefts++;
}
static bool w_plan(struct request *r, int64_t *amount, struct api_failure *f)
{
    (void)r;
    return synth_reserve(w.synth, amount, f);
}
static void w_prepare(struct request *r)
{
    (void)r;
    synth_start(w.synth);
}
static bool w_stop(struct request *r)
{
    (void)r;
    return synth_stop(w.synth);
}
static bool w_accepts(struct request *r)
{
    (void)r;
    return synth_accepts(w.synth, &w.final);
}
static bool w_rescue(struct request *r)
{
    (void)r;
    return synth_answer(w.synth) != NULL;
}
static void w_destroy(struct request *r)
{
    struct buf text;

    (void)r;
    buf_init(&text, sizeof w.metadata - 1);
    CHECK_INT(synth_metadata(w.synth, &text), ERR_NONE);
    memcpy(w.metadata, text.ptr, text.len);
    buf_free(&text);
    synth_free(w.synth);
    w.synth = NULL;
    prompt_list_free(&w.final_list);
    prompt_list_free(&w.prompt.list);
    collect_free(&w.final);
    w.destroys++;
}
static const struct request_ops w_ops = {
    .attempt = w_attempt, .cancel = w_nothing, .account = w_account, .commit = w_nothing, .hold = w_hold,
    .keep_alive = w_nothing, .complete = w_complete, .fail = w_fail, .left = w_left, .plan = w_plan, .prepare = w_prepare,
    .stop = w_stop, .accepts = w_accepts, .rescue = w_rescue, .destroy = w_destroy};

static bool w_want(void *cookie, struct prompt *part, struct view id, struct route_want *out, struct api_failure *f)
{
    const struct route_model *m = snapshot_find(w.r.catalog, id);

    (void)cookie;
    CHECK(part->chat == NULL && part->list.n_items != 0 && part->stream);
    *out = (struct route_want)ROUTE_WANT_ANY;
    if (m == NULL) {
        *f = (struct api_failure){.error = API_NO_MODEL};
        return false;
    }
    out->models[out->n_models++] = m;
    return true;
}

static void w_event(void *cookie, const struct synth_event *e)
{
    size_t n = strlen(w.events);

    (void)cookie;
    snprintf(w.events + n, sizeof w.events - n, "%s%.*s%s ", (const char *[]){"S", "+", "t", "=", "-"}[e->kind],
             (int)e->model.len, (const char *)e->model.ptr, e->line != NULL && e->line->refused ? "!" : "");
}

/* --- a catalog with these models */

static const char *const model_ids[] = {"a", "b", "c", "d", "j", "k", "f", "g"};
enum { CONTEXT = 100000 }; /* tokens; fewer than the answers of a panel may have */
enum { MODELS = sizeof model_ids / sizeof model_ids[0] };

static void publish_catalog(void)
{
    struct catalog c = {.version = 1, .n_models = MODELS, .n_endpoints = MODELS + 1};

    c.models = calloc(c.n_models, sizeof *c.models);
    c.endpoints = calloc(c.n_endpoints, sizeof *c.endpoints);
    for (uint32_t i = 0; i < c.n_endpoints; i++) { /* d is at two providers */
        uint32_t m = i < MODELS ? i : 3;
        struct catalog_endpoint *e = &c.endpoints[i];

        if (i < MODELS) {
            c.models[i] = (struct catalog_model){.no = i + 1, .context_length = CONTEXT, .max_output = 1000,
                                                 .capabilities = m == 4 ? CAP_JSON_SCHEMA : 0};
            strcpy(c.models[i].id, model_ids[i]);
        }
        *e = (struct catalog_endpoint){.no = 100 + i, .model_no = m + 1, .provider_no = i < MODELS ? 0 : 1, .weight = 1,
                                       .price.prompt_pusd = 1000, .price.completion_pusd = 1000};
        strcpy(e->upstream_model, model_ids[m]);
        price_follow(&e->price, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion | 1 << PRICE_CLASS_cached |
                                    1 << PRICE_CLASS_cache_write);
    }
    CHECK_INT(catalog_store_publish(catalogs, &c), ERR_NONE);
}

static void reset(void)
{
    memset(&w, 0, sizeof w);
    memset(fetches, 0, sizeof fetches);
    memset(&money, 0, sizeof money);
    memset(&stats, 0, sizeof stats);
    n_fetches = 0;
    unreachable = "";
    the_key.refs = 0;
    catalog_store_free(catalogs);
    health_free(health);
    budget_free(budget); /* which asserts that all of it came back */
    CHECK_INT(budget_new(64 << 20, &budget), ERR_NONE);
    CHECK_INT(health_new(&health), ERR_NONE);
    if (receipts == NULL)
        CHECK_INT(receipts_new(1, 64, &receipts), ERR_NONE);
    CHECK_INT(catalog_store_new(&providers, health, 1, &catalogs), ERR_NONE);
    publish_catalog();
    ups.loop = uv_default_loop();
    context = (struct request_context){.health = health, .stats = &stats, .receipts = receipts};
}

static void list_names(struct synth_list *l, const char *names)
{
    l->n = 0;
    for (; *names != '\0'; names++)
        l->id[l->n++] = view_of(names, 1);
}

#define ASKED "{\"model\":\"f\",\"messages\":[{\"role\":\"user\",\"content\":\"What is it?\"}],\"stream\":true}"
enum { LIMIT = 100 };

/* Everything but request_begin(). */
static void set_up(enum synth_strategy strategy, const char *panel)
{
    static const char body[] = ASKED;
    static unsigned n_wholes;
    struct prompt_fault fault;

    n_wholes++;
    reset();
    w.row = (struct catalog_synth){.model_no = 7, .preset = SYNTH_PRESET_QUALITY};
    w.plan = (struct synth_plan){.row = &w.row, .preset = SYNTH_PRESET_QUALITY, .strategy = strategy, .panel_tokens = LIMIT, .judge_tokens = LIMIT,
                                 .final_tokens = LIMIT, .deadline_ms = 60000, .events = true};
    list_names(&w.plan.panel, panel);
    list_names(&w.plan.judges, "jk");
    list_names(&w.plan.finals, "fg");
    CHECK_INT(chat_request_parse(view_str(body), &w.chat, &w.prompt, &fault), ERR_NONE);
    w.prompt.chat = &w.chat;
    CHECK_INT(chat_list_make(&w.prompt, &fault), ERR_NONE);
    prompt_list_init(&w.final_list);
    collect_init(&w.final, budget, 1 << 16);
    w.r = (struct request){.ops = &w_ops,
                           .context = &context,
                           .id = {{3, 0, 0, 0, 0, 0, (uint8_t)(n_wholes >> 8), (uint8_t)n_wholes}},
                           .catalog = catalog_acquire(catalogs, 0),
                           .want = ROUTE_WANT_ANY,
                           .received_us = clock_mono_us(),
                           .received_unix_ms = clock_unix_ms(),
                           .prompt_bound = w.prompt.prompt_bound + synth_prompt_bound(&w.plan),
                           .prompt_bytes = w.prompt.prompt_bytes,
                           .max_output = LIMIT,
                           .n_choices = 1,
                           .stream = true,
                           .parts = &w.parts};
    w.parts.model = snapshot_number(w.r.catalog, 7)->info;
    w.r.want.models[w.r.want.n_models++] = snapshot_find(w.r.catalog, VIEW_LIT("f"));
    w.r.want.models[w.r.want.n_models++] = snapshot_find(w.r.catalog, VIEW_LIT("g"));
    CHECK_INT(synth_new(&(struct synth_task){.whole = &w.r, .prompt = &w.prompt, .plan = &w.plan, .upstreams = &ups,
                                             .budget = budget, .id = "gen-1", .want = w_want, .event = w_event},
                        &w.synth),
              ERR_NONE);
}

static void begin(enum synth_strategy strategy, const char *panel)
{
    set_up(strategy, panel);
    request_begin(&w.r);
}

static bool is_over(void)
{
    return w.destroys != 0;
}

/* The final says this; NULL: it fails. */
static void final_says(const char *text)
{
    const struct event e = {.kind = EVENT_TEXT, .text = view_str(text != NULL ? text : "")};
    const struct attempt_result x = {.e = text != NULL ? ERR_NONE : ERR_PROVIDER_STATUS,
                                     .status = text != NULL ? 200 : 500,
                                     .retry_after_ms = -1};

    collect_reset(&w.final);
    if (text != NULL && text[0] != '\0')
        CHECK_INT(collect_take(&w.final, &e), ERR_NONE);
    request_attempt_ended(&w.r, &x, false);
}

/* What every end has in common. */
static void check_over(void)
{
    int64_t sum = 0;

    uv_run(uv_default_loop(), UV_RUN_NOWAIT); /* closes the timer */
    CHECK_INT(w.destroys, 1);
    CHECK_INT(w.completes + w.fails + w.lefts, 1);
    CHECK(context.requests == NULL);
    CHECK_INT(the_key.refs, 0);
    CHECK_INT(budget_used(budget), 0);
    for (size_t i = 0; i < w.parts.n; i++)
        sum += w.parts.line[i].cost_nusd;
    CHECK_INT(-money.balance, sum);
    CHECK_INT(money.records, 1);
    CHECK_INT(money.record.cost_nusd, sum);
    if (w.completes != 0) { /* the record names who wrote the answer */
        CHECK(parts_answer(&w.parts)->chosen);
        CHECK_INT(money.record.endpoint_no, parts_answer(&w.parts)->endpoint_no);
    }
    for (unsigned i = 0; i < n_fetches; i++)
        CHECK(!fetches[i].live);
}

/* --- the table: every strategy in every kind of trouble */

/* A answers, R refuses, E says nothing, F fails, L is rate limited, H hangs; a judge: V gives a verdict, B babbles; a final
 * is as a member. What hangs in lower case (h) answers behind the deadline. */
struct cell {
    const char *name;
    const char *panel, *judges, *finals; /* of a, b, c; of j, k; of f, g */
    uint8_t quorum;
    bool deadline, judge_late; /* of the panel, of a judge */
    char leaves; /* p, j, f: the client leaves in that phase */
    const char *want[SYNTH_STRATEGY_COUNT];
};

static const char *const texts[] = {"It is a thing.", "It is quite another thing, of course.", "It is one more thing."};

static void verdict_text(char *out, size_t size)
{
    if (w.plan.strategy == SYNTH_SELECTOR)
        snprintf(out, size, "{\\\"selected\\\":\\\"%c\\\",\\\"rationale\\\":\\\"best\\\"}", words_letter(w.synth->seed, 2));
    else
        snprintf(out, size,
                 "{\\\"consensus\\\":\\\"a thing\\\",\\\"contradictions\\\":[],\\\"partial_coverage\\\":[],"
                 "\\\"unique_insights\\\":[],\\\"blind_spots\\\":[],\\\"final_guidance\\\":\\\"say so\\\"}");
}

static void play(const char *model, char act, const char *text)
{
    char verdict[512];

    if (open_at(model) == NULL)
        return;
    switch (act) {
    case 'A':
        answer(model, text);
        break;
    case 'R':
        answer(model, REFUSAL);
        break;
    case 'E':
        answer(model, NULL);
        break;
    case 'F':
        fail(model, 500);
        break;
    case 'L':
        fail(model, 429);
        break;
    case 'V':
        verdict_text(verdict, sizeof verdict);
        answer(model, verdict);
        break;
    case 'B':
        answer(model, "I think that they are all fine.");
        break;
    default:
        break;
    }
}

static void play_final(char act)
{
    final_says(act == 'F' ? NULL : act == 'R' ? REFUSAL : act == 'E' ? "" : "So it is.");
}

static void play_all(const struct cell *t)
{
    static const char *const member[] = {"a", "b", "c"};

    if (t->leaves == 'p') {
        f_text(open_at("a"), "It ");
        request_client_gone(&w.r);
        return;
    }
    for (size_t i = 0; i < 3; i++)
        play(member[i], t->panel[i], texts[i]);
    if (t->deadline && w.synth != NULL && w.synth->deadline != NULL)
        deadline_cb(&w.synth->deadline->timer);
    for (size_t i = 0; i < 3; i++)
        play(member[i], t->panel[i] == 'h' ? 'A' : 'H', texts[i]);
    if (t->leaves == 'j' && (open_at("j") != NULL || open_at("k") != NULL)) {
        request_client_gone(&w.r);
        return;
    }
    play("j", t->judges[0], "");
    if (t->judge_late && open_at("j") != NULL)
        deadline_cb(&w.synth->deadline->timer);
    play("k", t->judges[1], "");
    if (t->judge_late && open_at("k") != NULL)
        deadline_cb(&w.synth->deadline->timer);
    if (t->leaves == 'f' && !is_over()) {
        request_client_gone(&w.r);
        return;
    }
    for (size_t i = 0; i < 2 && !is_over(); i++)
        play_final(t->finals[i]);
}

/* What came of it, in a few words. */
static void say_result(char *out, size_t size)
{
    const struct part_line *chosen = parts_answer(&w.parts);
    const char *judge = strstr(w.metadata, "\"judge\":\"") + 9;

    if (w.lefts != 0)
        snprintf(out, size, "left");
    else if (w.fails != 0)
        snprintf(out, size, "%s", errors_row(w.failure.error)->code);
    else if (chosen != NULL && chosen->chosen)
        snprintf(out, size, "%s %.1s", model_ids[chosen->model_no - 1], judge);
    else
        snprintf(out, size, "nothing was chosen");
}

#define LEFT {"left", "left", "left", "left", "left"}
static const struct cell troubles[] = {
    /* in the order of enum synth_strategy: non_refusals, synthesize, first_success, first_non_refusal, selector; who gave the
     * answer, and the judge: used, skipped, failed or none */
    {"all_ok", "AAA", "VV", "AA", .want = {"f u", "f u", "a n", "a n", "c u"}},
    {"one_fails", "AFA", "VV", "AA", .want = {"f u", "f u", "a n", "a n", "c u"}},
    {"first_fails", "FAA", "VV", "AA", .want = {"f u", "f u", "b n", "b n", "c u"}},
    {"one_left", "FAF", "VV", "AA", .want = {"f s", "f s", "b n", "b n", "b s"}},
    {"all_fail", "FFF", "VV", "AA",
     .want = {"provider_error", "provider_error", "provider_error", "provider_error", "provider_error"}},
    {"one_limited", "FLF", "VV", "AA",
     .want = {"rate_limit_exceeded", "rate_limit_exceeded", "rate_limit_exceeded", "rate_limit_exceeded",
              "rate_limit_exceeded"}},
    {"one_refuses", "RAA", "VV", "AA", .want = {"f u", "f u", "a n", "b n", "c u"}},
    {"all_refuse", "RRR", "VV", "AA", .want = {"f s", "f s", "a n", "a n", "a s"}},
    {"all_refuse_final_too", "RRR", "VV", "RA", .want = {"f s", "f s", "a n", "a n", "a s"}},
    {"one_empty", "EAA", "VV", "AA", .want = {"f u", "f u", "b n", "b n", "c u"}},
    {"all_empty", "EEE", "VV", "AA",
     .want = {"provider_error", "provider_error", "provider_error", "provider_error", "provider_error"}},
    {"judge_babbles", "AAA", "BV", "AA", .want = {"f u", "f u", "a n", "a n", "c u"}},
    {"judge_fails", "AAA", "FV", "AA", .want = {"f u", "f u", "a n", "a n", "c u"}},
    {"judge_refuses", "AAA", "RV", "AA", .want = {"f u", "f u", "a n", "a n", "c u"}},
    {"judge_empty", "AAA", "EV", "AA", .want = {"f u", "f u", "a n", "a n", "c u"}},
    {"judges_fail", "AAA", "FB", "AA", .want = {"f f", "f f", "a n", "a n", "b f"}},
    {"final_fails", "AAA", "VV", "FA", .want = {"g u", "g u", "a n", "a n", "c u"}},
    {"final_refuses", "AAA", "VV", "RA", .want = {"g u", "g u", "a n", "a n", "c u"}},
    {"final_empty", "AAA", "VV", "EA", .want = {"g u", "g u", "a n", "a n", "c u"}},
    {"finals_fail", "AAA", "VV", "FF", .want = {"b u", "b u", "a n", "a n", "c u"}},
    {"finals_refuse", "AAA", "VV", "RR", .want = {"b u", "b u", "a n", "a n", "c u"}},
    {"quorum", "AAH", "BB", "AA", .quorum = 2, .want = {"f f", "f f", "a n", "a n", "b f"}},
    {"quorum_refused", "RAH", "BB", "AA", .quorum = 2, .deadline = true,
     .want = {"f s", "f s", "a n", "b n", "b s"}},
    {"deadline", "AAH", "BB", "AA", .deadline = true, .want = {"f f", "f f", "a n", "a n", "b f"}},
    {"deadline_first", "FHh", "VV", "AA", .deadline = true, .want = {"f s", "f s", "c n", "c n", "c s"}},
    {"judge_hangs", "AAA", "HV", "AA", .judge_late = true, .want = {"f u", "f u", "a n", "a n", "c u"}},
    {"judges_hang", "AAA", "HH", "AA", .judge_late = true, .want = {"f f", "f f", "a n", "a n", "b f"}},
    {"leaves_panel", "AAA", "VV", "AA", .leaves = 'p', .want = LEFT},
    {"leaves_judge", "AAA", "VV", "AA", .leaves = 'j', .want = {"left", "left", "a n", "a n", "left"}},
    {"leaves_final", "AAA", "VV", "AA", .leaves = 'f', .want = {"left", "left", "a n", "a n", "c u"}},
};

static void check_cell(const struct cell *t, enum synth_strategy strategy)
{
    char got[64];

    set_up(strategy, "abc");
    w.plan.quorum = t->quorum;
    request_begin(&w.r);
    CHECK_INT(n_fetches, 3); /* together */
    play_all(t);
    check_over();
    if (!is_over()) {
        printf("# %s, %s: it is not over\n", t->name, synth_strategy_name(strategy));
        return;
    }
    say_result(got, sizeof got);
    if (strcmp(got, t->want[strategy]) != 0) {
        printf("# %s, %s: %s, want %s\n", t->name, synth_strategy_name(strategy), got, t->want[strategy]);
        check_fail(__FILE__, __LINE__, "what came of it");
    }
    printf("# %-22s %-24s %-22s %2u parts %4lld nUSD\n", t->name, synth_strategy_name(strategy), got, w.parts.n,
           (long long)w.parts.cost_nusd);
    CHECK(strategy == SYNTH_FIRST_SUCCESS || strategy == SYNTH_FIRST_NON_REFUSAL ? !was_asked("j") && w.finals == 0 : true);
}

static void test_table(void)
{
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++)
        for (int s = 0; s < SYNTH_STRATEGY_COUNT; s++)
            check_cell(&troubles[i], (enum synth_strategy)s);
}

/* --- single things */

/* One answers, one fails at both providers, one is refused by its judge; what a client is told of it. */
static void test_metadata(void)
{
    begin(SYNTH_SYNTHESIZE, "adb");
    answer("a", texts[0]);
    fail("d", 500);
    fail("d", 500); /* its other provider */
    answer("b", texts[1]);
    CHECK(strstr(sent_to("j"), "\"response_format\":{\"type\":\"json_object\"}") != NULL);
    answer("j", "no");
    CHECK(strstr(sent_to("k"), "response_format") == NULL); /* it has no such mode */
    CHECK(strstr(sent_to("k"), texts[1]) != NULL && strstr(sent_to("k"), "\"max_tokens\":100") != NULL);
    play("k", 'V', "");
    final_says("So it is.");
    check_over();
    CHECK(strstr(w.metadata, "{\"model\":\"f\",\"preset\":\"quality\",\"strategy\":\"synthesize\",\"judge\":\"used\","
                             "\"quorum_hit\":false,\"deadline_hit\":false,\"panel\":[{\"id\":\"gen-") == w.metadata);
    CHECK(strstr(w.metadata, "\"model\":\"a\",\"provider\":\"P\",\"endpoint\":100,\"outcome\":\"answered\",\"error\":null,"
                             "\"refused\":false,\"chosen\":false,\"finish_reason\":\"stop\",\"attempts\":1,"
                             "\"prompt_tokens\":10,\"completion_tokens\":5,\"reasoning_tokens\":0,"
                             "\"cost\":0.000000015,") != NULL);
    CHECK(strstr(w.metadata, "\"model\":\"d\"") != NULL && strstr(w.metadata, "\"error\":\"provider_status\"") != NULL);
    CHECK(strstr(w.metadata, "\"attempts\":2") != NULL);
    CHECK(strstr(w.metadata, "\"model\":\"j\",\"provider\":\"P\",\"endpoint\":104,\"outcome\":\"unusable\"") != NULL);
    CHECK(strstr(w.metadata, "\"model\":\"f\",\"provider\":\"P\",\"endpoint\":106,\"outcome\":\"answered\",\"error\":null,"
                             "\"refused\":false,\"chosen\":true") != NULL);
    CHECK(strstr(w.metadata, "\"cost\":0.000000075}") != NULL); /* a, b, j, k, f */
    CHECK(strstr(w.metadata, "thing") == NULL);
    CHECK(strcmp(w.events, "S +a +d +b =a -d =b +j =j +k =k ") == 0);
}

/* A name that the catalog does not have, or that the constraints leave nobody for, is a member that has failed. */
static void test_cannot_run(void)
{
    begin(SYNTH_NON_REFUSALS, "axb");
    CHECK_INT(n_fetches, 2);
    answer("a", texts[0]);
    answer("b", texts[1]);
    play("j", 'V', "");
    final_says("So it is.");
    check_over();
    CHECK_INT(w.completes, 1);
    CHECK(strstr(w.metadata, "\"model\":null,\"provider\":null,\"endpoint\":null,\"outcome\":\"failed\",\"error\":\"not_found\"") !=
          NULL);

    begin(SYNTH_NON_REFUSALS, "xyz"); /* nobody can: refused before anything runs */
    CHECK_INT(n_fetches, 0);
    CHECK_INT(w.fails, 1);
    CHECK_INT(w.failure.error, API_NO_MODEL);
    CHECK_INT(money.records, 0);
    CHECK_INT(w.destroys, 1);

    set_up(SYNTH_NON_REFUSALS, "abc"); /* no judge can: without */
    list_names(&w.plan.judges, "xy");
    request_begin(&w.r);
    for (size_t i = 0; i < 3; i++)
        play((const char *[]){"a", "b", "c"}[i], 'A', texts[i]);
    final_says("So it is.");
    check_over();
    CHECK(strstr(w.metadata, "\"judge\":\"failed\"") != NULL);
    CHECK_INT(w.parts.n, 6);
}

/* All that can run is paid for before anything does, and 1 nano-USD less is a 402. */
static void test_reservation(void)
{
    int64_t worst, parts, longer;

    begin(SYNTH_NON_REFUSALS, "abc");
    worst = -money.balance;
    /* a nano-USD for each token: of three prompts with what the panel is told, of two judges' with its answers, and of
     * outputs */
    longer = (int64_t)(w.prompt.prompt_bound + synth_prompt_bound(&w.plan)) + LIMIT;
    parts = 3 * ((int64_t)w.prompt.prompt_bound + PROMPTS_MAX + LIMIT) + 2 * longer;
    CHECK(longer < CONTEXT);
    CHECK(w.parts.reserved_nusd >= parts && w.parts.reserved_nusd <= parts + 5);
    CHECK(worst >= parts + 2 * longer && worst <= parts + 2 * longer + 7); /* and of two finals */
    request_client_gone(&w.r);
    check_over();

    set_up(SYNTH_NON_REFUSALS, "abc");
    money.lease = worst - 1;
    request_begin(&w.r);
    money.ask_cb(money.ask_cookie, &(struct ask_answer){.e = ERR_CREDIT, .most_nusd = worst - 1});
    CHECK_INT(n_fetches, 0);
    CHECK_INT(w.fails, 1);
    CHECK_INT(errors_row(w.failure.error)->status, 402);
    CHECK_INT(money.balance, 0);

    set_up(SYNTH_NON_REFUSALS, "abc"); /* the same answer however often it is asked */
    for (int i = 0; i < 3; i++) {
        int64_t amount = 0;
        struct api_failure f;

        CHECK(synth_reserve(w.synth, &amount, &f));
        CHECK_INT(amount, w.parts.reserved_nusd == 0 ? amount : w.parts.reserved_nusd);
        w.parts.reserved_nusd = amount;
    }
    request_begin(&w.r);
    CHECK_INT(n_fetches, 3);
    request_client_gone(&w.r);
    check_over();
}

/* Behind the final's prompt there is only the answer that is the last resort, and then nothing. */
static void test_wiped(void)
{
    size_t before;

    begin(SYNTH_NON_REFUSALS, "abc");
    CHECK(w.synth->panel[1]->prompt_bytes != 0);
    f_text(open_at("b"), "");
    CHECK(w.synth->panel[1]->prompt_bytes != 0);
    f_text(open_at("b"), texts[1]);
    CHECK_INT(w.synth->panel[1]->prompt_bytes, 0); /* its answer has begun: nobody else is asked */
    answer("a", texts[0]);
    answer("b", NULL);
    answer("c", texts[2]);
    before = budget_used(budget);
    CHECK(collect_text(&w.synth->panel[0]->answer).len != 0);
    play("j", 'V', "");
    CHECK(w.finaled);
    CHECK(collect_empty(&w.synth->panel[0]->answer) && collect_empty(&w.synth->panel[2]->answer));
    CHECK_INT(collect_text(&w.synth->panel[1]->answer).len, strlen(texts[1]));
    CHECK(w.synth->verdict.text == NULL && collect_empty(&w.synth->judge[0]->answer));
    CHECK(budget_used(budget) < before);
    CHECK_INT(w.final_list.n_items != 0, 1);
    final_says("So it is.");
    check_over();
}

/* What was dropped is billed by what ran: an estimate, or the figures that follow a finish reason. */
static void test_dropped(void)
{
    begin(SYNTH_FIRST_SUCCESS, "abc");
    f_text(open_at("b"), "It is hardly ");
    answer("a", texts[0]);
    CHECK(is_over());
    check_over();
    CHECK_INT(w.parts.n, 3);
    for (size_t i = 0; i < 3; i++)
        if (w.parts.line[i].place != 0) {
            CHECK_INT(w.parts.line[i].outcome, ERR_CANCELLED);
            CHECK((w.parts.line[i].flags & USAGE_ESTIMATED) != 0);
        }
    CHECK(strstr(w.metadata, "\"outcome\":\"dropped\",\"error\":\"cancelled\"") != NULL);
    CHECK(strcmp(w.given, texts[0]) == 0);

    begin(SYNTH_NON_REFUSALS, "abc"); /* a client that leaves: its figures are waited for, then the whole is settled */
    f_text(open_at("b"), "It is hardly ");
    f_finish(open_at("b"));
    request_client_gone(&w.r);
    CHECK(!is_over());
    CHECK_INT(w.lefts, 0);
    f_end(open_at("b"));
    check_over();
    CHECK_INT(w.lefts, 1);
    for (size_t i = 0; i < w.parts.n; i++)
        if (w.parts.line[i].place == 1)
            CHECK_INT(w.parts.line[i].cost_nusd, COST);
}

/* The timer of the loop. */
static void test_deadline(void)
{
    set_up(SYNTH_NON_REFUSALS, "abc");
    w.plan.deadline_ms = 20;
    request_begin(&w.r);
    answer("a", texts[0]);
    uv_run(uv_default_loop(), UV_RUN_ONCE);
    CHECK(open_at("b") == NULL && w.finaled);
    final_says("So it is.");
    check_over();
    CHECK(strstr(w.metadata, "\"deadline_hit\":true") != NULL);
}

/* The judge finds a refusal that does not look like one. */
static void test_flagged(void)
{
    char verdict[256];

    begin(SYNTH_NON_REFUSALS, "abc");
    answer("a", "Ask somebody else about such things.");
    answer("b", texts[1]);
    answer("c", texts[2]);
    snprintf(verdict, sizeof verdict, "{\\\"final_guidance\\\":\\\"x\\\",\\\"refusals\\\":[\\\"%c\\\"]}",
             words_letter(w.synth->seed, 0));
    answer("j", verdict);
    CHECK(w.synth->panel[0]->refused && !w.synth->panel[1]->refused);
    CHECK(synth_line(w.synth, PART_PANEL, 0)->refused);
    final_says("So it is.");
    check_over();
    CHECK(strstr(w.metadata, "\"outcome\":\"refused\"") != NULL);
}

/* What ends while it begins is decided about when all have begun. */
static void test_at_once(void)
{
    set_up(SYNTH_NON_REFUSALS, "abc");
    unreachable = "aj";
    request_begin(&w.r);
    CHECK_INT(n_fetches, 2);
    answer("b", texts[1]);
    answer("c", texts[2]);
    CHECK(open_at("k") != NULL);
    play("k", 'V', "");
    final_says("So it is.");
    check_over();
    CHECK_INT(w.completes, 1);
    CHECK_INT(w.parts.n, 6);

    set_up(SYNTH_SELECTOR, "abc");
    unreachable = "abc";
    request_begin(&w.r);
    CHECK_INT(w.fails, 1);
    check_over();
}

/* The final's prompt is estimated with what it is told beside the client's words. */
static void test_prompt_bytes(void)
{
    uint64_t before;

    begin(SYNTH_SYNTHESIZE, "ab");
    before = w.r.prompt_bytes;
    answer("a", texts[0]);
    answer("b", texts[1]);
    CHECK_INT(w.r.prompt_bytes, before);
    play("j", 'V', "");
    CHECK(w.r.prompt_bytes > before + strlen(texts[0]) + strlen(texts[1]) + w.synth->panel[1]->answer.bytes);
    CHECK_INT(w.r.prompt_bytes - before, synth_texts(&w.final_list));
    CHECK(w.r.prompt_bytes - before <= synth_prompt_bound(&w.plan));
    final_says("So it is.");
    check_over();
}

/* Each part that asked somebody has a receipt's facts under an id that is computed from the whole's. */
static void test_receipts(void)
{
    static const struct digest32 nobody;
    struct receipt_facts f;
    struct id id, whole;

    begin(SYNTH_NON_REFUSALS, "abx");
    whole = w.r.id;
    answer("a", texts[0]);
    fail("b", 500);
    final_says("So it is.");
    check_over();
    part_id(&whole, part_index(PART_PANEL, 0), &id);
    CHECK_INT(receipts_find(receipts, &id, &nobody, &f), ERR_NONE);
    CHECK((f.flags & RECEIPT_PART) != 0 && (f.flags & RECEIPT_FORWARDED) != 0);
    CHECK_INT(f.cost_nusd, COST);
    CHECK(strcmp(f.model, "a") == 0);
    part_id(&whole, part_index(PART_PANEL, 1), &id);
    CHECK_INT(receipts_find(receipts, &id, &nobody, &f), ERR_NONE);
    CHECK_INT(f.outcome, ERR_PROVIDER_STATUS);
    part_id(&whole, part_index(PART_PANEL, 2), &id);
    CHECK_INT(receipts_find(receipts, &id, &nobody, &f), ERR_NOT_FOUND);
}

/* --- any order of events */

static uint64_t dice_state;
static unsigned dice(unsigned n)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice_state >> 33) % n;
}

/* Something that a provider may do next. */
static void any_step(struct fetch *f)
{
    static const enum err ends[] = {ERR_NONE, ERR_CONNECT, ERR_IDLE_TIMEOUT, ERR_PROVIDER_TRUNCATED};
    static const int statuses[] = {400, 401, 429, 500, 503};
    char verdict[512];

    switch (f->headed ? dice(8) : dice(4)) {
    case 0:
        f_text(f, dice(4) == 0 ? REFUSAL : "and so on, ");
        break;
    case 1:
        f_finish(f);
        break;
    case 2:
        f->live = false;
        f->events->done(f->cookie, ends[dice(4)]);
        break;
    case 3:
        if (!f->headed) {
            f_head(f, dice(2) != 0 ? 200 : statuses[dice(5)]);
        } else {
            verdict_text(verdict, sizeof verdict);
            f_text(f, verdict);
        }
        break;
    case 4:
        f_bytes(f, USAGE);
        break;
    case 5:
        f_bytes(f, "data: [DONE]\n\n"); /* its tail stays open */
        break;
    default:
        f_end(f);
    }
}

static struct fetch *any_live(void)
{
    unsigned from = dice(FETCHES);

    for (unsigned i = 0; i < FETCHES; i++)
        if (fetches[(from + i) % FETCHES].live)
            return &fetches[(from + i) % FETCHES];
    return NULL;
}

static bool final_runs(void)
{
    return w.r.upstream && (w.r.state == REQUEST_CONNECTING || w.r.state == REQUEST_STREAMING);
}

static void any_final(void)
{
    static const char *const says[] = {"So it is.", REFUSAL, "", NULL};

    if (dice(4) == 0)
        request_useful(&w.r);
    else if (w.r.state == REQUEST_STREAMING)
        final_says(dice(2) != 0 ? "So it is." : NULL);
    else
        final_says(says[dice(4)]);
}

static void any_event(uint64_t *now_us)
{
    struct fetch *f = any_live();

    *now_us += dice(1500000);
    clock_freeze(*now_us, 1800000000000 + *now_us / 1000);
    switch (dice(24)) {
    case 0:
        if (w.r.state != REQUEST_SETTLING && w.r.state != REQUEST_LEAVING && dice(8) == 0)
            request_client_gone(&w.r);
        break;
    case 1:
        if (w.synth->deadline != NULL)
            deadline_cb(&w.synth->deadline->timer);
        break;
    case 2:
        requests_tick(&context, *now_us / 1000, false);
        break;
    case 3:
        if (dice(16) == 0 && w.r.state != REQUEST_SETTLING)
            request_abort(&w.r);
        break;
    default:
        if (final_runs() && dice(3) == 0)
            any_final();
        else if (f != NULL)
            any_step(f);
    }
}

static void any_set_up(void)
{
    static const char *const panels[] = {"a", "ab", "cab", "dabc", "dxab", "aabbccdd"};

    set_up((enum synth_strategy)dice(SYNTH_STRATEGY_COUNT), panels[dice(6)]);
    w.plan.quorum = (uint8_t)dice(4);
    w.plan.event_text = dice(2) != 0;
    unreachable = (const char *[]){"", "", "", "a", "bj", "jk", "abcd"}[dice(7)];
    request_begin(&w.r);
}

static void check_lines(void)
{
    uint32_t seen = 0;
    unsigned chosen = 0;

    for (size_t i = 0; i < w.parts.n; i++) {
        const struct part_line *line = &w.parts.line[i];

        chosen += line->chosen;
        if (line->role == PART_FINAL)
            continue;
        CHECK((seen >> part_index(line->role, line->place) & 1) == 0);
        seen |= UINT32_C(1) << part_index(line->role, line->place);
    }
    CHECK(chosen <= 1);
    CHECK(w.completes == 0 || chosen == 1);
    if (w.plan.strategy == SYNTH_FIRST_SUCCESS || w.plan.strategy == SYNTH_FIRST_NON_REFUSAL)
        CHECK(!was_asked("j") && !was_asked("k") && w.finals == 0);
}

static void test_any_order(void)
{
    enum { ROUNDS = 1000, STEPS = 300 };
    unsigned ends[3] = {0}, finals = 0;
    uint64_t now_us = 1000000;

    for (unsigned round = 0; round < ROUNDS && check_failed_ == 0; round++) {
        dice_state = round;
        clock_freeze(now_us, 1800000000000 + now_us / 1000);
        any_set_up();
        for (unsigned i = 0; i < STEPS && !is_over(); i++)
            any_event(&now_us);
        while (!is_over()) { /* enough: everything breaks off */
            struct fetch *f = any_live();

            if (f != NULL) {
                f->live = false;
                f->events->done(f->cookie, ERR_IDLE_TIMEOUT);
            } else if (final_runs()) {
                final_says(NULL);
            } else {
                check_fail(__FILE__, __LINE__, "nothing is pending, and it is not over");
                break;
            }
        }
        check_over();
        check_lines();
        ends[w.completes != 0 ? 0 : w.fails != 0 ? 1 : 2]++;
        finals += w.finals != 0;
        if (check_failed_ != 0)
            printf("# round %u, %s: %s\n", round, synth_strategy_name(w.plan.strategy), w.metadata);
    }
    clock_thaw();
    printf("# %d rounds: %u answered, %u failed, %u left; the final was asked in %u\n", ROUNDS, ends[0], ends[1], ends[2],
           finals);
    CHECK(ends[0] > ROUNDS / 8 && ends[1] > ROUNDS / 50 && ends[2] > ROUNDS / 100 && finals > ROUNDS / 8);
}

static const struct check_case cases[] = {
    {"table", test_table},
    {"metadata", test_metadata},
    {"cannot_run", test_cannot_run},
    {"reservation", test_reservation},
    {"wiped", test_wiped},
    {"dropped", test_dropped},
    {"deadline", test_deadline},
    {"flagged", test_flagged},
    {"at_once", test_at_once},
    {"prompt_bytes", test_prompt_bytes},
    {"receipts", test_receipts},
    {"any_order", test_any_order},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    quiet();
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
