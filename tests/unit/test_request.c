/* The order of stages decides who pays for what. These cases drive the state machine with a scripted
 * provider and client: which candidate comes next, that every admitted request settles exactly once
 * with exactly one record, and that the struct ends exactly once whatever happens when. */
#include "request.c"

#include "bill.h"

#include "check.h"

struct key {
    int refs;
};
struct ask {
    int unused;
};
struct snapshot {
    int refs;
};

/* --- fakes of what admission, metering and the worker need */

static struct {
    enum err reserve, grow;
    bool cold; /* the key is unknown: ask, and answer later */
    int64_t balance;
    unsigned records, unreserved, parts_unreserved;
    uint64_t tokens; /* counted against tokens per minute */
    struct usage_record record;
    struct key key;
    struct snapshot snapshot;
    struct catalog catalog;
    struct ask ask;
    bool cancelled;
    bool asks;         /* the link takes questions about growth */
    int64_t available; /* what the lease holds; 0: enough */
    uplink_ask_cb *ask_cb;
    int64_t asked;
    void *cookie;
    enum err trust;
    unsigned claims, claims_cancelled;
    struct msg_claim claim;
    inquiry_cb *claim_cb;
    void *claim_cookie;
    uint64_t own_version; /* of the account's own provider keys */
    unsigned own_asks;
    inquiry_cb *own_cb;
    void *own_cookie;
    struct key_rules rules;
    uint64_t rules_generation; /* 0: the key has none */
    bool rules_busy, rules_change;
    unsigned forgone;
} fake;

/* --- idempotency keys: one claim at a time */

enum err inquiry_claim(struct uplink_port *p, const struct msg_claim *claim, inquiry_cb *cb,
                       void *cookie, struct inquiry **out)
{
    (void)p;
    fake.claims++;
    fake.claim = *claim;
    fake.claim_cb = cb;
    fake.claim_cookie = cookie;
    *out = (struct inquiry *)&fake;
    return ERR_NONE;
}
enum err inquiry_own(struct uplink_port *p, const struct id *account, inquiry_cb *cb, void *cookie,
                     struct inquiry **out)
{
    (void)p;
    CHECK(account->b[0] == 2);
    fake.own_asks++;
    fake.own_cb = cb;
    fake.own_cookie = cookie;
    *out = (struct inquiry *)&fake;
    return ERR_NONE;
}
uint64_t key_own_version(const struct key *k)
{
    (void)k;
    return fake.own_version;
}
void inquiry_cancel(struct inquiry *q)
{
    CHECK(q == (struct inquiry *)&fake);
    fake.claims_cancelled++;
}
static void answer_claim(enum err e, uint8_t status)
{
    struct inquiry_answer answer = {.e = e, .claim = {.status = status, .first = {{9}}}};

    fake.claim_cb(fake.claim_cookie, &answer);
}

enum err keyring_find(struct keyring *k, const struct digest32 *d, uint64_t ms, struct key **out)
{
    (void)k, (void)d, (void)ms;
    if (fake.cold)
        return ERR_NOT_FOUND;
    fake.key.refs++;
    *out = &fake.key;
    return ERR_NONE;
}
uint64_t key_rules_generation(const struct key *k)
{
    (void)k;
    fake.rules_generation += fake.rules_change ? 2 : 0;
    return fake.rules_generation;
}
bool key_rules(const struct keyring *k, const struct key *s, struct key_rules *out, uint64_t *generation)
{
    (void)k, (void)s;
    *out = fake.rules;
    *generation = fake.rules_generation;
    return !fake.rules_busy;
}
void key_forgo(struct key *k)
{
    CHECK(k->refs > 0);
    fake.forgone++;
}
void key_release(struct key *k)
{
    k->refs--;
}
struct id key_id(const struct key *k)
{
    CHECK(k->refs > 0);
    return (struct id){{1}};
}
struct id key_account(const struct key *k)
{
    CHECK(k->refs > 0);
    return (struct id){{2}};
}
enum err key_reserve(struct key *k, int64_t amount, uint64_t ms, struct id *lease, uint32_t *retry)
{
    (void)k, (void)ms, (void)retry;
    if (fake.available != 0 && amount > fake.available)
        return ERR_CREDIT;
    if (fake.reserve == ERR_NONE) {
        fake.balance -= amount;
        *lease = (struct id){{7}};
    }
    return fake.reserve;
}
enum err key_grow(struct key *k, const struct id *lease, int64_t more, uint64_t ms)
{
    (void)ms;
    CHECK(k->refs > 0 && lease->b[0] == 7 && more >= 0);
    if (fake.grow == ERR_NONE)
        fake.balance -= more;
    return fake.grow;
}
/* What the link answers: reserved, as it does for a request that waited, or refused. */
static void answer_ask(enum err e)
{
    struct ask_answer answer = {.e = e};

    if (e == ERR_NONE) {
        fake.key.refs++;
        fake.balance -= fake.asked;
        answer.key = &fake.key;
        answer.lease.b[0] = 7;
    } else {
        answer.most_nusd = fake.available < 0 ? 0 : fake.available != 0 ? fake.available : 2500000;
    }
    fake.ask_cb(fake.cookie, &answer);
}
void key_settle(struct key *k, const struct id *lease, int64_t amount, int64_t cost)
{
    CHECK(k->refs > 0 && lease->b[0] == 7 && cost >= 0 && cost <= amount);
    fake.balance += amount - cost;
}
int64_t key_available(const struct key *k)
{
    (void)k;
    return fake.available != 0 ? fake.available : 2500000;
}
bool key_wants_more(struct key *k, uint64_t ms)
{
    (void)k, (void)ms;
    return false;
}
void key_count_tokens(struct key *k, uint64_t tokens, uint64_t ms)
{
    (void)k, (void)ms;
    fake.tokens += tokens;
}
void key_rates(const struct key *k, uint64_t ms, struct key_rates *out)
{
    (void)k, (void)ms;
    *out = (struct key_rates){0};
}
bool meter_reserve(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    return true;
}
void meter_unreserve(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    fake.unreserved++;
}
static struct meter_attempt failed_attempts[LIMIT_CANDIDATES];
static size_t n_failed_attempts;

void meter_attempts(struct meter *m, unsigned worker, const struct meter_attempt *a, size_t n)
{
    (void)m, (void)worker;
    for (size_t i = 0; i < n; i++)
        failed_attempts[n_failed_attempts++ % LIMIT_CANDIDATES] = a[i];
}
void meter_push(struct meter *m, unsigned worker, const struct usage_record *r)
{
    (void)m, (void)worker;
    fake.records++;
    fake.record = *r;
}
bool meter_reserve_parts(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    return true;
}
void meter_unreserve_parts(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    fake.parts_unreserved++;
}
static struct meter_part told_parts[METER_PARTS_EACH];
static size_t n_told_parts;

void meter_parts(struct meter *m, unsigned worker, const struct meter_part *p, size_t n)
{
    (void)m, (void)worker;
    for (size_t i = 0; i < n; i++)
        told_parts[i] = p[i];
    n_told_parts = n;
}
enum err uplink_trust(const struct uplink *u)
{
    (void)u;
    return fake.trust;
}
enum err uplink_ask(struct uplink_port *p, const struct digest32 *d, int64_t amount,
                    uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    (void)p, (void)d;
    fake.ask_cb = cb;
    fake.cookie = cookie;
    fake.asked = amount;
    *out = &fake.ask;
    return ERR_NONE;
}
enum err uplink_ask_more(struct uplink_port *p, struct key *k, const struct id *lease, int64_t more,
                         uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    (void)p;
    CHECK(k->refs > 0 && lease->b[0] == 7);
    if (!fake.asks)
        return ERR_CONTROL_PLANE;
    fake.ask_cb = cb;
    fake.cookie = cookie;
    fake.asked = more;
    *out = &fake.ask;
    return ERR_NONE;
}
void uplink_hint_lease(struct uplink_port *p, struct key *k)
{
    (void)p, (void)k;
}
void ask_cancel(struct ask *a)
{
    (void)a;
    fake.cancelled = true;
}
void snapshot_release(struct snapshot *s)
{
    s->refs--;
}
const struct catalog *snapshot_catalog(const struct snapshot *s)
{
    (void)s;
    return &fake.catalog;
}
/* --- the scripted content side */

enum { ENDPOINTS = 3 };

static struct {
    struct request r;
    enum err start[ENDPOINTS]; /* what attempt() returns, by attempt */
    unsigned attempts, cancels, commits, completes, fails, destroys, keep_alives, holds, lefts;
    bool held;
    uint32_t tried[8];
    bool last[8];
    bool closes_later;
    struct api_failure failure;
    struct attempt_account account;
} side;

static enum err side_attempt(struct request *r, bool last)
{
    enum err e = side.attempts < ENDPOINTS ? side.start[side.attempts] : ERR_NONE;

    CHECK(r->state == REQUEST_CONNECTING);
    side.tried[side.attempts] = r->attempts.candidate.endpoint->info->no;
    side.last[side.attempts++] = last;
    return e;
}
static void side_cancel(struct request *r)
{
    (void)r;
    side.cancels++;
}
static void side_account(const struct request *r, struct attempt_account *out)
{
    (void)r;
    *out = side.account;
}
static void side_commit(struct request *r)
{
    CHECK(r->committed);
    side.commits++;
}
static void side_keep_alive(struct request *r)
{
    r->last_out_ms = clock_mono_ms();
    side.keep_alives++;
}
static void side_close(struct request *r)
{
    if (!side.closes_later)
        request_closed(r);
}
static void side_complete(struct request *r)
{
    side.completes++;
    side_close(r);
}
static void side_fail(struct request *r, const struct api_failure *f)
{
    side.fails++;
    side.failure = *f;
    side_close(r);
}
static void side_hold(struct request *r, bool hold)
{
    CHECK(r->upstream);
    side.holds += hold && !side.held;
    side.held = hold;
}
static void side_left(struct request *r)
{
    CHECK_INT(r->state, REQUEST_SETTLING);
    side.lefts++;
}
static void side_destroy(struct request *r)
{
    CHECK_INT(r->state, REQUEST_DONE);
    side.destroys++;
}

static const struct request_ops ops = {
    .attempt = side_attempt,   .cancel = side_cancel, .account = side_account, .commit = side_commit,
    .hold = side_hold,         .keep_alive = side_keep_alive, .complete = side_complete, .fail = side_fail,
    .left = side_left,         .destroy = side_destroy};

static struct provider provider = {.id = "p"};
static struct catalog_endpoint infos[ENDPOINTS];
static struct route_endpoint endpoints[ENDPOINTS];
static struct catalog_model info = {.no = 9, .context_length = 1000, .max_output = 100};
static struct route_model model = {.info = &info, .endpoints = endpoints, .n_endpoints = ENDPOINTS};
static struct stats stats;
static struct request_context context = {.stats = &stats};

static struct request *begin_with(bool stream, size_t n_endpoints)
{
    struct request *r = &side.r;

    memset(&side, 0, sizeof side);
    memset(&fake, 0, sizeof fake);
    memset(&stats, 0, sizeof stats);
    fake.balance = 1000000000;
    fake.snapshot.refs = 1;
    health_free(context.health);
    context = (struct request_context){.stats = &stats};
    CHECK_INT(health_new(&context.health), ERR_NONE);
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        infos[i] = (struct catalog_endpoint){.no = i + 1, .model_no = 9, .weight = 1,
                                             .price.prompt_pusd = 500000,
                                             .price.completion_pusd = 1500000 + i};
        price_follow(&infos[i].price, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion |
                                          1 << PRICE_CLASS_cached | 1 << PRICE_CLASS_cache_write);
        endpoints[i] = (struct route_endpoint){&infos[i], &provider, i};
    }
    model.n_endpoints = n_endpoints;
    side.account = (struct attempt_account){
        .usage = {.present = true, .prompt = 10, .completion = 4}, .finish = FINISH_STOP};
    *r = (struct request){
        .ops = &ops,
        .context = &context,
        .id = {{3}},
        .catalog = &fake.snapshot,
        .want = {.models = {&model}, .n_models = 1, .sort = ROUTE_PRICE, .max_prompt_pusd = -1,
                 .max_completion_pusd = -1, .max_audio_pusd = -1, .max_request_nusd = -1, .max_image_nusd = -1},
        .received_us = clock_mono_us(),
        .prompt_bound = 50,
        .prompt_bytes = 40,
        .output_default = 4096,
        .n_choices = 1,
        .stream = stream,
    };
    return r;
}

/* The worst case of any candidate: 50 prompt tokens and the model's 100 output tokens. */
enum { worst = 50 * 500 + 100 * 1500 + 1 };

static void report(struct request *r, struct attempt_result x, bool open)
{
    request_attempt_ended(r, &x, open);
}

/* What every end has in common. spent: what the customer paid. */
static void check_over(int64_t spent, unsigned records)
{
    CHECK_INT(side.destroys, 1);
    CHECK_INT(1000000000 - fake.balance, spent);
    CHECK_INT(fake.records, records);
    CHECK_INT(fake.unreserved, 0);
    CHECK_INT(fake.key.refs, 0);
    CHECK_INT(fake.snapshot.refs, 0);
    CHECK(context.requests == NULL);
    CHECK_INT(counter_get(&stats.requests_open), 0);
    CHECK_INT(counter_get(&stats.streams_open), 0);
}

static void test_whole(void)
{
    struct request *r = begin_with(false, 2);

    request_begin(r);
    CHECK_INT(r->state, REQUEST_CONNECTING);
    CHECK_INT(1000000000 - fake.balance, worst);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
    CHECK_INT(side.completes, 1);
    CHECK_INT(side.commits, 0);
    check_over(10 * 500 + 4 * 1500, 1);
    CHECK_INT(fake.record.http_status, 200);
    CHECK_INT(fake.record.tokens_prompt, 10);
    CHECK_INT(fake.record.finish, FINISH_STOP);
    CHECK_INT(fake.record.endpoint_no, 1);
    CHECK_INT(fake.record.lease.b[0], 7);
    CHECK_INT(fake.record.key.b[0], 1);
    CHECK_INT(fake.record.flags, 0);
}

static void test_stream(void)
{
    struct request *r = begin_with(true, 2);

    side.closes_later = true;
    request_begin(r);
    request_useful(r);
    request_useful(r); /* harmless */
    CHECK_INT(side.commits, 1);
    CHECK_INT(counter_get(&stats.streams_open), 1);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, true);
    CHECK_INT(side.completes, 1);
    CHECK_INT(fake.records, 1); /* settled before the last byte has left */
    CHECK_INT(side.destroys, 0);
    request_closed(r);
    CHECK_INT(side.destroys, 0); /* the provider's connection is still being read */
    request_upstream_closed(r);
    check_over(11000, 1);
    CHECK_INT(fake.record.flags, USAGE_STREAM);
}

/* The provider never ends its response after [DONE]: a second later it is hung up on. */
static void test_stream_tail_is_bounded(void)
{
    struct request *r = begin_with(true, 1);

    clock_freeze(10000000, 1);
    r->received_us = clock_mono_us();
    request_begin(r);
    request_useful(r);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, true);
    request_tick(r, clock_mono_ms() + ATTEMPT_END_MS - 1);
    CHECK_INT(side.cancels, 0);
    request_tick(r, clock_mono_ms() + ATTEMPT_END_MS);
    CHECK_INT(side.cancels, 1);
    check_over(11000, 1);
    clock_thaw();
}

static void test_fallback_in_order(void)
{
    struct request *r = begin_with(true, 3);

    side.start[0] = ERR_OVERLOAD; /* cannot even start */
    request_begin(r);
    CHECK_INT(side.attempts, 2);
    report(r, (struct attempt_result){.e = ERR_PROVIDER_STATUS, .status = 500}, false);
    CHECK_INT(side.attempts, 3);
    CHECK_INT(side.fails, 0);
    request_useful(r);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_INT(side.tried[i], i + 1);
        CHECK_INT(side.last[i], i == 2);
    }
    CHECK_INT(r->attempts.first.endpoint->info->no, 1);
    check_over(11000, 1);
    CHECK_INT(fake.record.attempts, 3);
    CHECK_INT(fake.record.endpoint_no, 3);
    CHECK_INT(fake.record.flags, USAGE_STREAM | USAGE_FALLBACK);
    CHECK_INT(counter_get(&stats.fallbacks), 2);
}

/* One failed attempt each of the given kinds, and what the client hears in the end. */
static void test_exhausted(void)
{
    static const struct {
        struct attempt_result a, b;
        enum api_error error;
        uint32_t retry_ms;
    } cases[] = {
        {{.e = ERR_PROVIDER_STATUS, .status = 429, .retry_after_ms = 9000},
         {.e = ERR_PROVIDER_STATUS, .status = 429, .retry_after_ms = 2000},
         API_PROVIDER_RATE, 2000},
        {{.e = ERR_PROVIDER_STATUS, .status = 429, .retry_after_ms = 3000},
         {.e = ERR_PROVIDER_STATUS, .status = 529, .retry_after_ms = -1},
         API_PROVIDER_OVERLOAD, 3000},
        {{.e = ERR_PROVIDER_STATUS, .status = 429, .retry_after_ms = -1},
         {.e = ERR_CONNECT, .retry_after_ms = -1}, API_PROVIDER_RATE, 0},
        {{.e = ERR_PROVIDER_STATUS, .status = 429, .retry_after_ms = 7000},
         {.e = ERR_PROVIDER_PROTOCOL, .retry_after_ms = -1}, API_PROVIDER_RATE, 7000},
        {{.e = ERR_PROVIDER_PROTOCOL, .retry_after_ms = -1},
         {.e = ERR_PROVIDER_BODY, .status = 429, .retry_after_ms = 7000}, API_PROVIDER_RATE, 7000},
        {{.e = ERR_PROVIDER_STATUS, .status = 429, .retry_after_ms = 7000},
         {.e = ERR_PROVIDER_STATUS, .status = 401, .retry_after_ms = -1}, API_PROVIDER_RATE, 7000},
        {{.e = ERR_PROVIDER_STATUS, .status = 503, .retry_after_ms = 4000},
         {.e = ERR_IDLE_TIMEOUT, .retry_after_ms = -1}, API_PROVIDER_OVERLOAD, 4000},
        {{.e = ERR_FIRST_BYTE_TIMEOUT, .retry_after_ms = -1},
         {.e = ERR_CONFIG, .retry_after_ms = -1}, API_PROVIDER_TIMEOUT, 0},
        {{.e = ERR_FIRST_BYTE_TIMEOUT, .retry_after_ms = -1},
         {.e = ERR_CONNECT, .retry_after_ms = -1}, API_PROVIDER_FAILED, 0},
        {{.e = ERR_FIRST_BYTE_TIMEOUT, .retry_after_ms = -1},
         {.e = ERR_PROVIDER_STATUS, .status = 504, .retry_after_ms = -1}, API_PROVIDER_TIMEOUT, 0},
        {{.e = ERR_PROVIDER_STATUS, .status = 401, .retry_after_ms = -1},
         {.e = ERR_PROVIDER_STATUS, .status = 403, .retry_after_ms = -1},
         API_PROVIDER_CREDENTIALS, 0},
        {{.e = ERR_PROVIDER_BODY, .status = 502, .retry_after_ms = -1},
         {.e = ERR_PROVIDER_STATUS, .status = 500, .retry_after_ms = -1}, API_PROVIDER_FAILED, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(i % 2 == 0, 2);

        request_begin(r);
        report(r, cases[i].a, false);
        CHECK_INT(side.fails, 0);
        report(r, cases[i].b, false);
        CHECK_INT(side.fails, 1);
        CHECK_INT(side.failure.error, cases[i].error);
        CHECK_INT(side.failure.retry_after_ms, cases[i].retry_ms);
        CHECK(!side.failure.ran);
        check_over(0, 1); /* failure before any output is free, and on record */
        CHECK_INT(fake.record.cost_nusd, 0);
        CHECK_INT(fake.record.http_status, errors_row(cases[i].error)->status);
    }
}

/* Trust that ends while a provider fails: no other provider gets the prompt. */
static void test_no_fallback_without_trust(void)
{
    static const enum err ends[] = {ERR_CONNECT, ERR_FIRST_BYTE_TIMEOUT};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct request *r = begin_with(true, 2);

        request_begin(r);
        fake.trust = ERR_ATTESTATION;
        report(r, (struct attempt_result){.e = ends[i], .retry_after_ms = -1}, false);
        CHECK_INT(side.fails, 1);
        CHECK_INT(side.failure.error, API_ATTESTATION);
        check_over(0, 1);
        CHECK_INT(fake.record.attempts, 1);
        CHECK_INT(fake.record.error_class, ERR_ATTESTATION);
    }
}

#define REFUSED(s) {.e = ERR_PROVIDER_STATUS, .status = s, .client_fault = true, .retry_after_ms = -1}
#define INVALID                                                                                    \
    {.e = ERR_PROVIDER_STATUS, .status = 400, .client_fault = true, .invalid_request = true, .retry_after_ms = -1}
#define FAILED(s) {.e = ERR_PROVIDER_STATUS, .status = s, .retry_after_ms = -1}
#define REFUSED_IN_BODY {.e = ERR_PROVIDER_BODY, .status = 400, .client_fault = true, .retry_after_ms = -1}
#define TOO_LONG                                                                                   \
    {.e = ERR_PROVIDER_STATUS, .status = 400, .client_fault = true, .context_length = true,        \
     .own_limit = true, .retry_after_ms = -1}
#define OWN(s)                                                                                     \
    {.e = ERR_PROVIDER_STATUS, .status = s, .client_fault = true, .own_limit = true,               \
     .retry_after_ms = -1}
#define LATER {.e = ERR_PROVIDER_STATUS, .status = 429, .retry_after_ms = 7000}

/* A refusal may be about one provider only: the others are asked, and when nobody answers the first
 * refusal is the answer, not what a broken candidate said. Blame under status 200 counts when all agree;
 * a 404 is no refusal, because the model stands in our catalog. */
static void test_refusals(void)
{
    static const struct {
        struct attempt_result x[3];
        enum api_error error;
    } cases[] = {
        {{REFUSED(400), REFUSED(422), REFUSED(413)}, API_BAD_REQUEST},
        {{REFUSED(422), REFUSED(400), REFUSED(400)}, API_UNPROCESSABLE},
        {{REFUSED(413), REFUSED(413), REFUSED(413)}, API_TOO_LARGE},
        {{TOO_LONG, REFUSED(400), REFUSED(400)}, API_CONTEXT_LENGTH},
        {{FAILED(500), REFUSED(400), FAILED(500)}, API_BAD_REQUEST},
        {{LATER, FAILED(503), REFUSED(400)}, API_BAD_REQUEST},
        /* what one provider cannot do is final when no other can serve it later */
        {{OWN(413), OWN(413), OWN(400)}, API_TOO_LARGE},
        {{OWN(400), REFUSED(422), FAILED(500)}, API_BAD_REQUEST},
        {{TOO_LONG, FAILED(401), FAILED(402)}, API_CONTEXT_LENGTH},
        {{TOO_LONG, LATER, FAILED(500)}, API_PROVIDER_RATE},
        {{OWN(413), FAILED(503), OWN(413)}, API_PROVIDER_OVERLOAD},
        {{OWN(400), OWN(400), FAILED(500)}, API_PROVIDER_FAILED},
        {{FAILED(402), FAILED(401), REFUSED(422)}, API_UNPROCESSABLE},
        {{REFUSED_IN_BODY, REFUSED_IN_BODY, REFUSED_IN_BODY}, API_BAD_REQUEST},
        {{REFUSED_IN_BODY, REFUSED_IN_BODY, FAILED(500)}, API_PROVIDER_FAILED},
        {{REFUSED(404), REFUSED(404), REFUSED(404)}, API_PROVIDER_FAILED},
        {{REFUSED(404), FAILED(503), FAILED(500)}, API_PROVIDER_OVERLOAD},
    };
    static const struct content *const said = (const void *)&cases;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(true, 3);

        request_begin(r);
        for (unsigned k = 0; k < 3; k++) {
            struct attempt_result x = cases[i].x[k];

            CHECK_INT(side.attempts, k + 1);
            CHECK_INT(side.fails, 0);
            x.message = x.client_fault && r->attempts.refused == 0 ? said : NULL;
            report(r, x, false);
        }
        CHECK_INT(side.fails, 1);
        CHECK_INT(side.failure.error, cases[i].error);
        CHECK(side.failure.provider_message ==
              (errors_row(cases[i].error)->status >= 429 ? NULL : said));
        check_over(0, 1);
    }
}

/* One failure less than makes the endpoint unwell to the account that key_account() says; and whether it is
 * unwell by now. */
static uint32_t nearly_unwell(void)
{
    struct id account = {{2}};
    uint32_t who = health_who(context.health, &account);

    for (int n = 0; n < HEALTH_OPEN_MIN - 1; n++) {
        health_failure(context.health, 0, who, HEALTH_FAULT_REQUEST, clock_mono_ms());
        health_failure(context.health, 0, who, HEALTH_FAULT_ENDPOINT, clock_mono_ms());
    }
    return who;
}

static bool is_unwell_to(uint32_t who)
{
    struct health_view h;

    health_read(context.health, 0, who, clock_mono_ms(), &h);
    return h.state == HEALTH_OPEN;
}

/* A request that its provider calls invalid, and not for a limit of its own, is the client's fault: nobody else is asked. What
 * was translated, or is too much for one provider, may still be served by another. */
static void test_client_fault_is_final(void)
{
    static const struct {
        struct attempt_result x;
        bool translated, final;
    } cases[] = {
        {INVALID, false, true},
        {INVALID, true, false}, /* the mistake may be ours */
        {REFUSED(400), false, false},
        {{.e = ERR_PROVIDER_STATUS, .status = 400, .client_fault = true, .invalid_request = true, .own_limit = true,
          .retry_after_ms = -1}, false, false},
        {{.e = ERR_PROVIDER_STATUS, .status = 422, .client_fault = true, .invalid_request = true, .retry_after_ms = -1},
         false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(true, 2);
        struct attempt_result x = cases[i].x;

        x.translated = cases[i].translated;
        request_begin(r);
        report(r, x, false);
        CHECK_INT(side.attempts, cases[i].final ? 1 : 2);
        CHECK_INT(side.fails, cases[i].final);
        if (!cases[i].final)
            report(r, (struct attempt_result)REFUSED(422), false);
        CHECK_INT(side.failure.error, cases[i].x.status == 422 ? API_UNPROCESSABLE : API_BAD_REQUEST);
        check_over(0, 1);
    }
}

/* The next candidate answers: nobody hears of the refusal, and the endpoint that refused is well. */
static void test_refusal_is_not_ill_health(void)
{
    static const struct {
        struct attempt_result x;
        bool unwell;
    } cases[] = {{REFUSED(400), false}, {TOO_LONG, false}, {REFUSED(404), true}, {FAILED(500), true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(true, 2);
        uint32_t who = nearly_unwell();

        request_begin(r);
        report(r, cases[i].x, false);
        CHECK_INT(side.attempts, 2);
        CHECK_INT(is_unwell_to(who), cases[i].unwell);
        request_useful(r);
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        CHECK_INT(side.completes, 1);
        check_over(11000, 1);
    }
}

/* The provider has done the work: no second one does it again, the endpoint is not unwell, and what can
 * be relayed to nobody is billed by its bytes. */
static void test_bought_once(void)
{
    static const struct {
        bool stream;
        struct attempt_result x;
        uint64_t bytes;
        unsigned attempts;
        enum api_error error;
        int64_t spent;
    } cases[] = {
        {false, {.e = ERR_PROVIDER_LARGE, .status = 200}, 4000, 1, API_PROVIDER_LARGE, worst},
        {true, {.e = ERR_PROVIDER_LARGE, .status = 200}, 40, 1, API_PROVIDER_LARGE,
         10 * 500 + 10 * 1500},
        {false, {.e = ERR_TOTAL_TIMEOUT, .status = 0}, 0, 1, API_PROVIDER_TIMEOUT, 0},
        {true, {.e = ERR_TOTAL_TIMEOUT, .status = 0}, 0, 2, API_OK, 0},
        {false, {.e = ERR_CONNECT_TIMEOUT, .status = 0}, 0, 2, API_OK, 0},
        {false, {.e = ERR_PROVIDER_PROTOCOL, .status = 200}, 0, 2, API_OK, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(cases[i].stream, 2);
        uint32_t who = nearly_unwell();

        request_begin(r);
        side.account = (struct attempt_account){.delivered_bytes = cases[i].bytes, .status = 200};
        report(r, cases[i].x, false);
        CHECK_INT(side.attempts, cases[i].attempts);
        CHECK_INT(side.fails, cases[i].attempts == 1);
        CHECK_INT(is_unwell_to(who), cases[i].attempts != 1);
        if (side.fails == 0) {
            request_client_gone(r);
            continue;
        }
        CHECK_INT(side.failure.error, cases[i].error);
        CHECK(side.failure.ran);
        check_over(cases[i].spent, 1);
        CHECK_INT(fake.record.flags & (USAGE_ESTIMATED | USAGE_CLAMPED),
                  cases[i].bytes == 0     ? 0
                  : cases[i].bytes > 1000 ? USAGE_ESTIMATED | USAGE_CLAMPED
                                          : USAGE_ESTIMATED);
    }
}

/* Cut off in the middle: what was delivered is billed, nobody else is tried. */
static void test_truncated(void)
{
    struct request *r = begin_with(true, 3);

    request_begin(r);
    request_useful(r);
    side.account = (struct attempt_account){.delivered_bytes = 8};
    report(r, (struct attempt_result){.e = ERR_PROVIDER_TRUNCATED, .status = 200}, false);
    CHECK_INT(side.attempts, 1);
    CHECK_INT(side.completes, 0);
    CHECK_INT(side.fails, 1);
    CHECK(side.failure.ran);
    check_over(10 * 500 + 2 * 1500, 1);
    CHECK_INT(fake.record.flags, USAGE_STREAM | USAGE_ESTIMATED);
    CHECK_INT(fake.record.error_class, ERR_PROVIDER_TRUNCATED);
}

/* A client leaves before any output. The prompt is owed to a provider that has it and works on it. */
static void test_client_gone_early(void)
{
    static const struct {
        bool stream, forwarded;
        int status;
        uint32_t after_ms;
        bool owed;
    } cases[] = {
        {true, false, 0, 0, false}, /* still connecting, or still sending */
        {false, false, 0, 0, false},
        {true, true, 0, 0, true},
        {false, true, 0, 0, true},
        {true, true, 0, REQUEST_HOLD_MS, true}, /* the prompt has 40 bytes: a millisecond more */
        {true, true, 0, REQUEST_HOLD_MS + 1, false}, /* no sign of life */
        {false, true, 0, REQUEST_HOLD_MS, true}, /* a whole answer gives none */
        {true, true, 200, REQUEST_HOLD_MS, true}, /* a sign of life */
        {false, true, 200, 0, true},
        {true, true, 500, 0, false}, /* its error is just being read */
        {false, true, 429, 0, false},
        {false, true, 400, 0, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r;

        clock_freeze(10000000, 1);
        r = begin_with(cases[i].stream, 2);
        side.account = (struct attempt_account){.forwarded = cases[i].forwarded,
                                                .status = cases[i].status};
        request_begin(r);
        clock_freeze(10000000 + cases[i].after_ms * UINT64_C(1000), 1 + cases[i].after_ms);
        request_client_gone(r);
        CHECK_INT(side.cancels, 1);
        check_over(cases[i].owed ? 10 * 500 : 0, 1);
        CHECK_INT(fake.record.http_status, 499);
        CHECK_INT(fake.record.flags, USAGE_CLIENT_GONE | (cases[i].owed ? USAGE_ESTIMATED : 0) |
                                         (cases[i].stream ? USAGE_STREAM : 0));
        CHECK_INT(fake.record.tokens_prompt, cases[i].owed ? 10 : 0);
    }
    clock_thaw();
}

/* A long prompt takes long to read, and whoever leaves meanwhile owes it: else the longest ones were
 * free after a wait. */
static void test_client_gone_while_it_is_read(void)
{
    static const struct {
        uint32_t after_ms;
        bool owed;
    } cases[] = {{REQUEST_HOLD_MS, true},
                 {REQUEST_HOLD_MS + 9999, true},
                 {REQUEST_HOLD_MS + 10000, false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r;

        clock_freeze(10000000, 1);
        r = begin_with(true, 2);
        r->prompt_bytes = 10000 * REQUEST_READ_PER_MS;
        side.account = (struct attempt_account){.forwarded = true};
        request_begin(r);
        clock_freeze(10000000 + cases[i].after_ms * UINT64_C(1000), 1 + cases[i].after_ms);
        request_client_gone(r);
        check_over(cases[i].owed ? worst : 0, 1); /* its estimate is more than was reserved */
    }
    clock_thaw();
}

/* Between two attempts, and at the second one: only the one that is pending counts. */
static void test_client_gone_after_a_failure(void)
{
    struct request *r = begin_with(true, 2);

    side.account = (struct attempt_account){.status = 0};
    request_begin(r);
    report(r, (struct attempt_result){.e = ERR_CONNECT, .retry_after_ms = -1}, false);
    CHECK_INT(r->attempts.made, 2);
    request_client_gone(r);
    check_over(0, 1);

    r = begin_with(true, 2);
    request_begin(r);
    report(r, (struct attempt_result){.e = ERR_CONNECT, .retry_after_ms = -1}, false);
    side.account = (struct attempt_account){.forwarded = true};
    request_client_gone(r);
    check_over(10 * 500, 1);
    CHECK_INT(fake.record.endpoint_no, 2);
}

static void test_client_gone(void)
{
    struct request *r;

    r = begin_with(true, 2); /* in the middle: delivered tokens */
    request_begin(r);
    request_useful(r);
    side.account = (struct attempt_account){.delivered_bytes = 8};
    request_client_gone(r);
    CHECK_INT(side.cancels, 1);
    check_over(10 * 500 + 2 * 1500, 1);
    CHECK_INT(fake.record.flags, USAGE_STREAM | USAGE_ESTIMATED | USAGE_CLIENT_GONE);

    r = begin_with(true, 2); /* while the last bytes are on their way: once is enough */
    side.closes_later = true;
    request_begin(r);
    request_useful(r);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, true);
    request_client_gone(r);
    CHECK_INT(side.cancels, 1);
    check_over(11000, 1);

    r = begin_with(true, 2); /* while the link is asked about the key */
    fake.cold = true;
    request_begin(r);
    CHECK_INT(r->state, REQUEST_ADMITTING);
    request_client_gone(r);
    CHECK(fake.cancelled);
    check_over(0, 0);
}

static void test_cold_key(void)
{
    struct request *r = begin_with(false, 1);

    fake.cold = true;
    request_begin(r);
    CHECK_INT(side.attempts, 0);
    fake.cold = false;
    answer_ask(ERR_NONE);
    CHECK_INT(side.attempts, 1);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
    check_over(11000, 1);

    r = begin_with(false, 1); /* the control plane is away: 503, and nothing was tried */
    fake.cold = true;
    request_begin(r);
    answer_ask(ERR_CONTROL_PLANE);
    CHECK_INT(side.attempts, 0);
    CHECK_INT(side.failure.error, API_CONTROL_PLANE);
    check_over(0, 0);
}

/* --- what the key may be used for */

static const struct key_rules no_rules;

/* Two models: the one that is there, and one of another author at another provider. */
static struct provider second_provider = {.no = 1, .id = "q", .retains_data = true};
static struct catalog_model second_info = {.no = 10, .context_length = 1000, .max_output = 100};
static struct catalog_endpoint second_endpoint_info;
static struct route_endpoint second_endpoint;
static struct route_model second = {.info = &second_info, .endpoints = &second_endpoint, .n_endpoints = 1,
                                    .name = 33, .author = 44};

static struct request *begin_ruled(const struct key_rules *rules)
{
    struct request *r = begin_with(false, 1);

    model.name = 11;
    model.author = 22;
    second_endpoint_info = infos[0];
    second_endpoint_info.no = 77;
    second_endpoint_info.model_no = 10;
    second_endpoint_info.provider_no = 1;
    second_endpoint = (struct route_endpoint){&second_endpoint_info, &second_provider, 5};
    r->want.models[1] = &second;
    r->want.n_models = 2;
    r->rules.client[15] = 7;
    fake.rules = *rules;
    fake.rules_generation = key_rules_any(rules) ? 2 : 0;
    return r;
}

/* Each kind of rule, with a request that it allows, one that it narrows and one that it forbids: nobody is asked then,
 * and nothing is paid. */
static void test_rules(void)
{
    static const struct {
        struct key_rules rules;
        enum api_error error;
        uint32_t served_by; /* endpoint */
        size_t candidates;
    } cases[] = {
        {{0}, API_OK, 1, 2},
        {{.set = KEY_RULE_MODELS, .n_models = 1, .models = {11}}, API_OK, 1, 1},
        {{.set = KEY_RULE_MODELS, .n_models = 1, .models = {33}}, API_OK, 77, 1},
        {{.set = KEY_RULE_MODELS, .n_models = 1, .models = {44}}, API_OK, 77, 1}, /* the author's */
        {{.set = KEY_RULE_MODELS, .n_models = 2, .models = {22, 33}}, API_OK, 1, 2},
        {{.set = KEY_RULE_MODELS, .n_models = 1, .models = {99}}, API_MODEL_NOT_ALLOWED, 0, 0},
        {{.set = KEY_RULE_MODELS}, API_MODEL_NOT_ALLOWED, 0, 0},
        {{.set = KEY_RULE_PROVIDERS, .providers = {{2}}}, API_OK, 77, 1},
        {{.set = KEY_RULE_PROVIDERS, .providers = {{3}}}, API_OK, 1, 2},
        {{.set = KEY_RULE_PROVIDERS, .providers = {{4}}}, API_PROVIDER_NOT_ALLOWED, 0, 0},
        {{.set = KEY_RULE_PROVIDERS | KEY_RULE_MODELS, .providers = {{1}}, .n_models = 1, .models = {33}},
         API_PROVIDER_NOT_ALLOWED, 0, 0},
        {{.set = KEY_RULE_RANGES, .n_ranges = 1, .ranges = {{{0}, 120}}}, API_OK, 1, 2},
        {{.set = KEY_RULE_RANGES, .n_ranges = 1, .ranges = {{{0, 1}, 16}}}, API_IP_NOT_ALLOWED, 0, 0},
        {{.set = KEY_RULE_RANGES}, API_IP_NOT_ALLOWED, 0, 0},
        {{.privacy = KEY_PRIVACY_NO_RETENTION}, API_OK, 1, 1},
        {{.privacy = KEY_PRIVACY_CONFIDENTIAL}, API_NO_PROVIDER, 0, 0},
        {{.region = KEY_REGION_EU}, API_REGION_NOT_ALLOWED, 0, 0},
        {{.region = KEY_REGION_US}, API_NO_PROVIDER, 0, 0}, /* none of them is there */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_ruled(&cases[i].rules);

        request_begin(r);
        CHECK_INT(side.attempts, cases[i].error == API_OK);
        if (cases[i].error == API_OK) {
            CHECK_INT(r->attempts.route.n, cases[i].candidates);
            CHECK_INT(r->attempts.candidate.endpoint->info->no, cases[i].served_by);
            report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
            check_over(11000, 1);
        } else {
            CHECK_INT(side.failure.error, cases[i].error);
            check_over(0, 0);
        }
    }
}

/* A key that is not known here: the request was routed without its rules, and is once more with them, once. It does not
 * count twice against requests per minute. */
static void test_rules_of_a_cold_key(void)
{
    const struct key_rules other = {.set = KEY_RULE_MODELS, .n_models = 1, .models = {33}},
                           none = {.set = KEY_RULE_MODELS};
    struct request *r = begin_ruled(&other);

    fake.cold = true;
    request_begin(r);
    CHECK_INT(r->attempts.route.n, 2);
    fake.cold = false;
    answer_ask(ERR_NONE);
    CHECK_INT(side.attempts, 1);
    CHECK_INT(r->attempts.candidate.endpoint->info->no, 77);
    CHECK_INT(fake.forgone, 1);
    CHECK_INT(fake.unreserved, 1); /* of the first admission; the others of this file have one only */
    fake.unreserved = 0;
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
    check_over(11000, 1);

    r = begin_ruled(&none);
    fake.cold = true;
    request_begin(r);
    fake.cold = false;
    answer_ask(ERR_NONE);
    CHECK_INT(side.attempts, 0);
    CHECK_INT(side.failure.error, API_MODEL_NOT_ALLOWED);
    fake.unreserved = 0;
    check_over(0, 0);

    r = begin_ruled(&no_rules); /* a cold key without rules is not routed again */
    fake.cold = true;
    request_begin(r);
    fake.cold = false;
    answer_ask(ERR_NONE);
    CHECK_INT(fake.forgone, 0);
    CHECK_INT(side.attempts, 1);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
    check_over(11000, 1);
}

/* Rules that are being written, and ones that change each time they are looked at: the request ends, unserved. */
static void test_rules_that_do_not_stand_still(void)
{
    const struct key_rules some = {.privacy = KEY_PRIVACY_NO_RETENTION};
    struct request *r = begin_ruled(&some);

    fake.rules_busy = true;
    request_begin(r);
    CHECK_INT(side.attempts, 0);
    CHECK_INT(side.failure.error, API_OVERLOAD);
    check_over(0, 0);

    r = begin_ruled(&some);
    fake.rules_change = true;
    request_begin(r);
    CHECK_INT(side.attempts, 0);
    CHECK_INT(side.failure.error, API_OVERLOAD);
    CHECK_INT(r->rules.applied, KEY_USE_APPLIED_MAX);
    CHECK_INT(fake.unreserved, KEY_USE_APPLIED_MAX);
    fake.unreserved = 0;
    check_over(0, 0);
}

/* What an earlier look at the rules added is taken back by a later one; what the client demands stays. */
static void test_rules_begin_from_the_clients_words(void)
{
    struct route_want w = {.places = ROUTE_LAW_US, .models = {&model}, .n_models = 1};
    struct key_use x = {.in_eu = true};
    struct key key = {0};
    struct api_failure f;

    (void)begin_ruled(&no_rules);
    fake.rules = (struct key_rules){.privacy = KEY_PRIVACY_CONFIDENTIAL, .region = KEY_REGION_EU,
                                    .set = KEY_RULE_MODELS, .n_models = 1, .models = {11}};
    fake.rules_generation = 2;
    CHECK(key_use_apply(&x, NULL, &key, &w, &f));
    CHECK(w.confidential && w.no_retention && w.privacy_by == ROUTE_MIN_PRIVACY && w.barred[0] == 0);
    CHECK_INT(w.places, ROUTE_LAW_US | ROUTE_LAW_EU | ROUTE_IN_EU);
    CHECK(key_use_holds(&x, &key));
    fake.rules_generation = 0;
    CHECK(!key_use_holds(&x, &key));
    CHECK(key_use_apply(&x, NULL, &key, &w, &f));
    CHECK(!w.confidential && !w.no_retention && w.places == ROUTE_LAW_US);
}

static struct request *begin_with_key(bool cold)
{
    struct request *r = begin_with(true, 2);

    CHECK_INT(idempotency_read(VIEW_LIT("once"), &r->idempotency), ERR_NONE);
    fake.cold = cold;
    request_begin(r);
    fake.cold = false;
    if (cold)
        answer_ask(ERR_NONE);
    /* Paid for and asked about; nobody else was asked anything. */
    CHECK_INT(r->state, REQUEST_ADMITTING);
    CHECK_INT(1000000000 - fake.balance, worst);
    CHECK_INT(fake.claims, 1);
    CHECK(id_eq(&fake.claim.request, &r->id) && fake.claim.account.b[0] == 2 &&
          fake.claim.lease.b[0] == 7);
    CHECK_INT(side.attempts, 0);
    return r;
}

/* A request with an idempotency key runs when the control plane says so, and never otherwise. */
static void test_idempotency_key(void)
{
    static const struct {
        enum err e;
        uint8_t status;
        enum api_error error;
    } cases[] = {
        {ERR_NONE, CLAIM_GRANTED, API_OK},
        {ERR_NONE, CLAIM_IN_FLIGHT, API_IDEMPOTENCY_IN_FLIGHT},
        {ERR_NONE, CLAIM_USED, API_IDEMPOTENCY_USED},
        {ERR_NONE, CLAIM_NONE, API_CONTROL_PLANE},
        {ERR_CONTROL_PLANE, CLAIM_GRANTED, API_CONTROL_PLANE},
    };

    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with_key(i & 1);

        request_tick(r, clock_mono_ms()); /* waiting, it is nothing else */
        answer_claim(cases[i / 2].e, cases[i / 2].status);
        if (cases[i / 2].error != API_OK) {
            CHECK_INT(side.fails, 1);
            CHECK_INT(side.failure.error, cases[i / 2].error);
            CHECK_INT(side.attempts, 0);
            CHECK_INT(fake.unreserved, 1);
            fake.unreserved = 0;
            check_over(0, 0);
            continue;
        }
        CHECK_INT(side.attempts, 1);
        request_useful(r);
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        check_over(11000, 1);
        CHECK(id_eq(&fake.record.request, &fake.claim.request));
        CHECK_INT(fake.claims_cancelled, 0);
    }
}

static void test_idempotency_key_of_a_client_that_leaves(void)
{
    for (int abort = 0; abort < 2; abort++) {
        struct request *r = begin_with_key(false);

        if (abort)
            request_abort(r);
        else
            request_client_gone(r);
        CHECK_INT(fake.claims_cancelled, 1);
        CHECK_INT(side.attempts, 0);
        CHECK_INT(fake.unreserved, 1);
        fake.unreserved = 0;
        check_over(0, 0);
    }
}

static void test_refused_before_dispatch(void)
{
    struct request *r = begin_with(false, 1);

    fake.reserve = ERR_AUTH;
    request_begin(r);
    CHECK_INT(side.failure.error, API_BAD_KEY);
    check_over(0, 0);

    r = begin_with(false, 1);
    fake.reserve = ERR_CREDIT; /* no answer: 503 */
    request_begin(r);
    answer_ask(ERR_CONTROL_PLANE);
    CHECK_INT(side.failure.error, API_CONTROL_PLANE);
    check_over(0, 0);

    r = begin_with(false, 1);
    fake.reserve = ERR_CREDIT; /* the money is there, and reserved: come back soon */
    request_begin(r);
    answer_ask(ERR_LENT);
    CHECK_INT(side.failure.error, API_CREDIT_RESERVED);
    CHECK_INT(side.failure.retry_after_ms, ADMIT_LENT_RETRY_MS);
    check_over(0, 0);

    r = begin_with(false, 1);
    fake.reserve = ERR_CREDIT;
    request_begin(r);
    answer_ask(ERR_CREDIT);
    CHECK_INT(side.failure.error, API_NO_CREDIT);
    check_over(0, 0);

    r = begin_with(false, 1); /* a hard constraint that nobody meets */
    r->want.max_prompt_pusd = 0;
    request_begin(r);
    CHECK_INT(side.failure.error, API_NO_PROVIDER);
    CHECK(strstr(side.failure.message, "max_price") != NULL);
    check_over(0, 0);

    r = begin_with(false, 1); /* wrong from the start */
    request_reject(r, ERR_FORMAT, &(struct api_failure){.error = API_BAD_JSON});
    CHECK_INT(side.failure.error, API_BAD_JSON);
    check_over(0, 0);
}

/* A 402 names what would fit, in figures that are true: one token more would not. */
static void test_credit_sentence(void)
{
    static const struct {
        uint32_t max_output, n_choices;
        int64_t available;
        uint32_t fits;
    } cases[] = {
        {100, 1, worst - 1, 99},
        {100, 1, worst - 1500, 99},
        {100, 1, worst - 1501, 98},
        {100, 3, worst, 33},
        {100, 1, 50 * 500 + 1501, 1},
        {100, 1, 50 * 500 + 1500, 0},
        {100, 1, 1, 0},
        {100, 1, -1, 0}, /* nothing at all */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(i % 2 == 0, 1);
        char number[64];

        r->max_output = cases[i].max_output;
        r->n_choices = cases[i].n_choices;
        fake.available = cases[i].available;
        fake.asks = true;
        request_begin(r);
        answer_ask(ERR_CREDIT);
        CHECK_INT(side.failure.error, API_NO_CREDIT);
        CHECK(side.failure.has_max_tokens);
        CHECK_INT(side.failure.max_tokens, cases[i].fits);
        snprintf(number, sizeof number, "can only afford %u.", (unsigned)cases[i].fits);
        CHECK(strstr(side.failure.text, number) != NULL);
        snprintf(number, sizeof number, "max_tokens of at most %u would fit", (unsigned)cases[i].fits);
        CHECK((strstr(side.failure.text, number) != NULL) == (cases[i].fits != 0));
        CHECK((strstr(side.failure.text, "Shorten the prompt") != NULL) ==
              (cases[i].fits == 0 && cases[i].available > 0)); /* of no use without money */
        CHECK((strstr(side.failure.text, "Add credits.") != NULL) == (cases[i].available < 0));
        check_over(0, 0);
    }
}

static void test_worst_case(void)
{
    struct request *r = begin_with(false, 1);

    r->max_output = 10;
    r->n_choices = 3;
    request_begin(r);
    CHECK_INT(r->admission.amount_nusd, 50 * 500 + 30 * 1500 + 1);
    request_client_gone(r);
    r = begin_with(false, 1); /* hosted tools: the context is the bound; more output than the model has */
    r->prompt_bound = UINT64_MAX;
    r->max_output = 5000;
    request_begin(r);
    CHECK_INT(r->admission.amount_nusd, 1000 * 500 + 100 * 1500 + 1);
    request_client_gone(r);
}

/* Tiers that may hold for this prompt, classes that it may have, the request's price and units: all are reserved, and
 * what is billed of them is within that and in the record. */
static void test_every_price_is_reserved(void)
{
    static const struct {
        const char *what;
        struct price_tier tier;
        uint64_t received_ms;
        uint32_t never;
        int64_t longer, request, image, reserved, billed;
    } cases[] = {
        {"base", {.above_prompt_tokens = 50}, 0, 0, 0, 0, 0, 50 * 500 + 100 * 1500 + 4, 11000},
        {"a tier that may hold, and does not", {.above_prompt_tokens = 49, .prompt_pusd = 900000, .completion_pusd = 1},
         0, 0, 0, 0, 0, 50 * 900 + 100 * 1500 + 4, 11000},
        {"a tier that holds", {.above_prompt_tokens = 9, .prompt_pusd = 900000, .completion_pusd = 2000000}, 0, 0, 0, 0, 0,
         50 * 900 + 100 * 2000 + 4, 9000 + 8000},
        {"another time of the day", {.from_minute = 60, .until_minute = 120, .prompt_pusd = 900000}, 0, 0, 0, 0, 0,
         50 * 500 + 100 * 1500 + 4, 11000},
        {"this time of the day", {.from_minute = 60, .until_minute = 120, .prompt_pusd = 900000}, 3600000, 0, 0, 0, 0,
         50 * 900 + 4, 9000},
        {"a mark for an hour", {.above_prompt_tokens = 50}, 0, 0, 1000000, 0, 0, 50 * 1000 + 100 * 1500 + 4, 11000},
        {"no such mark", {.above_prompt_tokens = 50}, 0, 1 << PRICE_CLASS_cache_write_long, 1000000, 0, 0,
         50 * 500 + 100 * 1500 + 4, 11000},
        {"a request and three images", {.above_prompt_tokens = 50}, 0, 0, 0, 7, 100, 50 * 500 + 100 * 1500 + 4 + 307, 11307},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(false, 1);
        struct price *p = &infos[0].price;

        p->tier[0] = cases[i].tier;
        p->n_tiers = 1;
        p->request_nusd = cases[i].request;
        p->image_nusd = cases[i].image;
        if (cases[i].longer != 0)
            p->cache_write_long_pusd = cases[i].longer;
        r->never = cases[i].never | 1 << PRICE_CLASS_audio_input;
        r->units = (struct price_units){cases[i].image != 0 ? 3 : 0, cases[i].image != 0 ? PRICE_UNIT_image : 0};
        r->received_unix_ms = cases[i].received_ms;
        side.account.units = r->units.n; /* all that was asked for is here */
        request_begin(r);
        CHECK_INT(r->admission.amount_nusd, cases[i].reserved);
        if (r->admission.amount_nusd != cases[i].reserved)
            printf("# in case: %s\n", cases[i].what);
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        check_over(cases[i].billed, 1);
        CHECK_INT(fake.record.units, cases[i].image != 0 ? 3 : 0);
        CHECK_INT(fake.record.unit_kind, cases[i].image != 0 ? PRICE_UNIT_image : 0);
    }
}

static struct request *begin_embeddings(uint32_t inputs)
{
    struct request *r = begin_with(false, 1);

    r->no_output = true;
    r->n_prompts = inputs;
    r->prompt_bound = 5000;
    r->prompt_bytes = 8000;
    side.account = (struct attempt_account){.usage = {.present = true, .prompt = 700}};
    return r;
}

/* Embeddings: each input may fill the context, and nothing is written. */
static void test_embeddings_reserved(void)
{
    static const struct {
        uint32_t inputs;
        uint64_t bound;
        unsigned tokens;
    } rows[] = {{1, 50, 50}, {1, 5000, 1000}, {3, 5000, 3000}, {7, 5000, 5000}, {2048, 5000, 5000}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request *r = begin_embeddings(rows[i].inputs);

        r->prompt_bound = rows[i].bound;
        request_begin(r);
        CHECK_INT(r->admission.amount_nusd, rows[i].tokens * 500 + 1);
        CHECK_INT(reserve_told(r), 0);
        request_client_gone(r);
    }
}

/* What its figures say, less than which nobody gets it for: without figures it is an estimate of the prompt; figures of
 * output are nothing, absurd ones cost what was reserved. */
static void test_embeddings_billed(void)
{
    static const struct {
        struct attempt_result x;
        struct token_usage usage;
        int64_t spent;
        unsigned flags;
    } rows[] = {
        {{.e = ERR_NONE, .status = 200}, {.present = true, .prompt = 700}, 700 * 500, 0},
        {{.e = ERR_NONE, .status = 200}, {0}, 2000 * 500, USAGE_ESTIMATED},
        {{.e = ERR_NONE, .status = 200}, {.present = true}, 2000 * 500, USAGE_ESTIMATED},
        {{.e = ERR_NONE, .status = 200}, {.present = true, .prompt = 1000000}, 5000 * 500, USAGE_CLAMPED},
        {{.e = ERR_PROVIDER_LARGE, .status = 200}, {0}, 2000 * 500, USAGE_ESTIMATED},
        {{.e = ERR_PROVIDER_STATUS, .status = 500}, {0}, 0, 0},
        {{.e = ERR_PROVIDER_PROTOCOL, .status = 200}, {0}, 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request *r = begin_embeddings(7);

        request_begin(r);
        side.account.usage = rows[i].usage;
        report(r, rows[i].x, false);
        check_over(rows[i].spent, 1);
        CHECK_INT(fake.record.tokens_completion, 0);
        CHECK_INT(fake.record.flags, rows[i].flags);
    }
}

/* A client that leaves pays the prompt, once the provider has it. */
static void test_embeddings_left(void)
{
    struct request *r = begin_embeddings(7);

    request_begin(r);
    side.account = (struct attempt_account){.forwarded = true, .begun_us = 1};
    request_client_gone(r);
    check_over(2000 * 500, 1);
    CHECK_INT(fake.record.tokens_completion, 0);
}

/* There is no smaller reservation, and no max_tokens that would fit. */
static void test_embeddings_too_dear(void)
{
    struct request *r = begin_embeddings(7);

    r->output_default = 1;
    fake.asks = true;
    fake.available = 4999 * 500;
    request_begin(r);
    answer_ask(ERR_CREDIT);
    CHECK_INT(side.fails, 1);
    CHECK_INT(side.failure.error, API_NO_CREDIT);
    CHECK(!side.failure.has_max_tokens && strstr(side.failure.text, "max_tokens") == NULL);
    CHECK(strstr(side.failure.text, "Send less input, or add credits.") != NULL);
}

/* Without the client's limit a stream begins small, and its provider is told nothing, because it may grow;
 * a whole answer cannot be cut, so the longest is reserved. */
static void test_reservation_is_bounded(void)
{
    static const struct {
        bool stream;
        uint32_t max_output, first, output;
    } cases[] = {
        {true, 0, 20, 20},    {false, 0, 20, 100}, {true, 70, 20, 70},
        {false, 70, 20, 70}, {true, 0, 500, 100},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(cases[i].stream, 1);

        r->max_output = cases[i].max_output;
        r->output_default = cases[i].first;
        request_begin(r);
        CHECK_INT(r->admission.amount_nusd, 50 * 500 + cases[i].output * 1500 + 1);
        CHECK_INT(reserve_told(r), 0);
        request_client_gone(r);
    }
}

/* The key cannot pay for that: what it can pay for is reserved, and the provider is told. Below what is
 * of use to anybody it is refused, as is a client's own limit. */
static void test_less_is_reserved(void)
{
    static const struct {
        bool stream;
        uint32_t max_output, affords, first, output;
    } cases[] = {
        {true, 0, 400, 500, 400},  {false, 0, 400, 500, 400}, {false, 0, 700, 500, 500},
        {false, 0, 4400, 500, 1100}, {true, 0, 255, 500, 0},    {true, 0, 256, 500, 256},  {false, 0, 255, 500, 0},
        {true, 600, 400, 500, 0},  {false, 600, 400, 500, 0},
    };

    info.max_output = 5000;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(cases[i].stream, 1);

        r->max_output = cases[i].max_output;
        r->output_default = cases[i].first;
        fake.asks = true;
        fake.available = 50 * 500 + cases[i].affords * 1500 + 1;
        request_begin(r);
        answer_ask(ERR_CREDIT);
        CHECK_INT(side.fails, cases[i].output == 0);
        if (cases[i].output == 0) {
            CHECK_INT(side.failure.max_tokens, cases[i].affords);
            continue;
        }
        CHECK_INT(r->admission.amount_nusd, 50 * 500 + cases[i].output * 1500 + 1);
        CHECK_INT(reserve_told(r), cases[i].output);
        request_client_gone(r);
    }
    info.max_output = 100;
}

static struct request *begin_stream(uint32_t first)
{
    struct request *r = begin_with(true, 1);

    r->output_default = first;
    request_begin(r);
    request_useful(r);
    side.account = (struct attempt_account){.status = 200};
    return r;
}

static void deliver(struct request *r, uint64_t tokens, uint32_t chunks)
{
    side.account.delivered_bytes = tokens * BILL_BYTES_PER_TOKEN;
    side.account.chunks = chunks;
    if (side.account.delivered_bytes >= r->watch_bytes)
        request_progress(r);
}

/* From 20 tokens to the model's 100 before they are used, then no further; and when there is no more
 * money, to the last token that was paid for, and not one more. */
static void test_growth(void)
{
    struct request *r = begin_stream(20);

    deliver(r, 9, 1);
    CHECK_INT(r->output, 20);
    deliver(r, 10, 2);
    CHECK_INT(r->output, 40);
    CHECK_INT(1000000000 - fake.balance, 50 * 500 + 40 * 1500 + 1);
    deliver(r, 20, 3);
    CHECK_INT(r->output, 80);
    deliver(r, 100, 4);
    CHECK_INT(r->output, 100);
    deliver(r, 101, 5);
    CHECK_INT(side.completes, 0);
    side.account.usage = (struct token_usage){.present = true, .prompt = 10, .completion = 100};
    side.account.finish = FINISH_LENGTH;
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
    CHECK_INT(r->cut, CUT_NONE);
    check_over(10 * 500 + 100 * 1500, 1);

    r = begin_stream(20); /* all in one read */
    deliver(r, 45, 1);
    CHECK_INT(r->output, 92);
    CHECK_INT(side.completes, 0);
    request_client_gone(r);

    r = begin_stream(20);
    fake.grow = ERR_CONFLICT; /* its lease was replaced: it cannot grow */
    deliver(r, 15, 2);
    CHECK_INT(r->output, 20);
    deliver(r, 19, 3);
    CHECK_INT(side.completes, 0);
    CHECK_INT(side.holds, 0);
    deliver(r, 20, 4);
    CHECK_INT(side.completes, 1);
    CHECK_INT(side.cancels, 1);
    CHECK_INT(r->cut, CUT_CREDIT);
    check_over(10 * 500 + 20 * 1500, 1);
    CHECK_INT(fake.record.http_status, 200);
    CHECK_INT(fake.record.finish, FINISH_LENGTH);
    CHECK_INT(fake.record.flags, USAGE_STREAM | USAGE_ESTIMATED);
}

/* While the link is asked the stream runs on as far as it is paid for, then it is held. */
static void test_growth_waits(void)
{
    for (unsigned granted = 0; granted < 2; granted++) {
        struct request *r = begin_stream(20);

        fake.grow = ERR_CREDIT;
        fake.asks = true;
        deliver(r, 12, 2);
        CHECK(fake.ask_cb != NULL && r->growing);
        CHECK(!side.held);
        deliver(r, 25, 3);
        CHECK(side.held);
        CHECK_INT(side.completes, 0);
        fake.grow = granted ? ERR_NONE : ERR_CREDIT;
        answer_ask(granted ? ERR_NONE : ERR_CREDIT);
        CHECK_INT(side.completes, !granted);
        CHECK_INT(r->cut, granted ? CUT_NONE : CUT_CREDIT);
        if (granted) {
            CHECK(!side.held);
            CHECK_INT(r->output, 80); /* 40 were asked for, and 25 are used by now */
            request_client_gone(r);
        }
        check_over(10 * 500 + 25 * 1500, 1); /* what came is billed, and was reserved */
    }
}

/* Hidden reasoning is seen by the clock only: it is reserved for, and ended, by time. */
static void test_growth_by_time(void)
{
    struct request *r;

    provider.hidden_tokens_per_s = 10;
    info.capabilities = CAP_REASONING;
    clock_freeze(10000000, 1);
    r = begin_with(true, 1);
    r->output_default = 20;
    request_begin(r);
    side.account = (struct attempt_account){.status = 200, .forwarded = true, .begun_us = 10000000};
    for (uint64_t s = 1; s <= 2; s++) { /* the first second, and 1 ms, is for reading */
        clock_freeze(10000000 + s * 1001000, 1);
        request_tick(r, clock_mono_ms());
    }
    CHECK_INT(r->output, 40);
    CHECK_INT(side.completes, 0);
    fake.grow = ERR_CREDIT; /* and the link cannot be asked */
    clock_freeze(10000000 + 5001000, 1); /* 40 tokens */
    request_tick(r, clock_mono_ms());
    CHECK_INT(side.completes, 1);
    CHECK_INT(side.commits, 1);
    CHECK_INT(r->cut, CUT_CONTROL_PLANE);
    check_over(10 * 500 + 40 * 1500, 1);
    provider.hidden_tokens_per_s = 0;
    info.capabilities = 0;
    clock_thaw();
}

/* The client asked for 10 tokens. Honest answers of odd shapes pass; one that goes on is ended, paid up
 * to its limit, and says something about the endpoint. */
static void test_past_the_limit(void)
{
    static const struct {
        uint64_t bytes;
        uint32_t chunks, usage;
        unsigned quirks;
        bool cut;
    } cases[] = {
        {40, 10, 0, 0, false},
        {1280, 10, 0, 0, false},  /* ten of the longest tokens */
        {1280 + GROWTH_SLACK_BYTES, 10, 0, 0, false},
        {1281 + GROWTH_SLACK_BYTES, 10, 0, 0, true},
        {400, 400, 0, 0, false},  /* a character a chunk */
        {417, 28, 0, 0, false},
        {417, 29, 0, 0, true},
        {40, 10, 27, 0, false},
        {40, 10, 28, 0, true},    /* says so itself */
        {580713 * 4, 580713, 0, 0, true},
        {580713 * 4, 580713, 0, QUIRK_REASONING_EXCLUDED, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(true, 1);
        uint32_t who = nearly_unwell();

        r->max_output = 10;
        provider.quirks = cases[i].quirks;
        request_begin(r);
        request_useful(r);
        side.account = (struct attempt_account){
            .status = 200, .delivered_bytes = cases[i].bytes, .chunks = cases[i].chunks,
            .usage = {.present = cases[i].usage != 0, .prompt = 10, .completion = cases[i].usage}};
        request_progress(r);
        CHECK_INT(side.completes, cases[i].cut);
        if (!cases[i].cut) {
            CHECK(r->watch_bytes <= 10 * GROWTH_TEXT_BYTES_MAX + GROWTH_SLACK_BYTES);
            request_client_gone(r);
            continue;
        }
        CHECK_INT(r->cut, CUT_LIMIT);
        check_over(10 * 500 + 10 * 1500, 1);
        CHECK((fake.record.flags & USAGE_CLAMPED) != 0);
        CHECK_INT(fake.record.tokens_completion, 10);
        CHECK(is_unwell_to(who)); /* a good beginning and a bad end */
    }
    provider.quirks = 0;
}

/* The same for a whole answer, and for a stream that ends by itself. */
static void test_more_than_asked_for(void)
{
    static const struct {
        uint32_t completion;
        unsigned quirks;
        uint32_t reasoning, paid;
        bool unwell;
    } cases[] = {{10, 0, 0, 10, false}, {12, 0, 0, 10, false}, {27, 0, 0, 10, false},
                 {28, 0, 0, 10, true},  {999, 0, 0, 10, true},
                 {15, QUIRK_REASONING_EXCLUDED, 5, 10, false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(i % 2 == 0, 1);
        uint32_t who = nearly_unwell();

        r->max_output = 10;
        r->prompt_bound = 10;
        provider.quirks = cases[i].quirks;
        request_begin(r);
        if (r->stream)
            request_useful(r);
        side.account.usage = (struct token_usage){.present = true, .prompt = 10,
                                                  .completion = cases[i].completion,
                                                  .reasoning = cases[i].reasoning};
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        CHECK_INT(side.completes, 1);
        if (cases[i].quirks == 0)
            check_over(10 * 500 + cases[i].paid * 1500, 1);
        else
            check_over(10 * 500 + 10 * 1500 + 1, 1); /* all that was reserved */
        CHECK_INT((fake.record.flags & USAGE_CLAMPED) != 0, cases[i].completion > 10);
        CHECK_INT(is_unwell_to(who), cases[i].unwell);
    }
    provider.quirks = 0;
}

/* The media of a prompt cost more than their configured bound: the rest is paid if the lease holds it. Of
 * a prompt without media no provider can count more than its bytes, whatever it says. */
static void test_media_past_their_bound(void)
{
    static const struct {
        bool guessed;
        uint32_t prompt;
        enum err grow;
        int64_t spent;
    } cases[] = {
        {true, 300, ERR_NONE, 300 * 500 + 100 * 1500},
        {true, 1000, ERR_NONE, 1000 * 500 + 100 * 1500},
        {true, 5000, ERR_NONE, 1000 * 500 + 100 * 1500}, /* longer than the context */
        {true, 300, ERR_CREDIT, worst},
        {false, 300, ERR_NONE, 50 * 500 + 100 * 1500},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(i % 2 == 0, 1);

        r->prompt_guessed = cases[i].guessed;
        r->max_output = 100;
        request_begin(r);
        fake.grow = cases[i].grow;
        fake.asks = true;
        side.account.usage = (struct token_usage){
            .present = true, .prompt = cases[i].prompt, .completion = 100};
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        check_over(cases[i].spent, 1);
        CHECK_INT((fake.record.flags & USAGE_CLAMPED) != 0, i >= 2);
        CHECK(!fake.cancelled); /* nothing is asked that nobody could wait for */
    }
}

/* A stream without a limit had more output than could be seen while it ran, hidden reasoning or tokens of a
 * byte: it is paid like any other, if the lease holds it. What the model cannot have made is not paid. */
static void test_output_past_the_reservation(void)
{
    static const struct {
        bool reasons, left, waits; /* waits: a growth that was asked for has no answer yet */
        uint32_t max_output, delivered, completion;
        enum err grow;
        int64_t spent;
        uint32_t booked;
    } cases[] = {
        {true, false, false, 0, 8, 90, ERR_NONE, 10 * 500 + 90 * 1500, 90},
        {true, true, false, 0, 8, 90, ERR_NONE, 10 * 500 + 90 * 1500, 90},
        {true, false, true, 0, 40, 90, ERR_NONE, 10 * 500 + 90 * 1500, 90},
        {true, false, false, 0, 8, 100, ERR_NONE, 10 * 500 + 100 * 1500, 100},
        {true, false, false, 0, 8, 101, ERR_NONE, 50 * 500 + 20 * 1500 + 1, 8}, /* longer than the longest */
        {true, false, false, 0, 8, 90, ERR_CREDIT, 50 * 500 + 20 * 1500 + 1, 90},
        {true, false, false, 20, 8, 90, ERR_NONE, 10 * 500 + 20 * 1500, 20}, /* its own limit */
        {false, false, false, 0, 39, 39, ERR_NONE, 10 * 500 + 39 * 1500, 39}, /* a byte each */
        {false, false, false, 0, 8, 90, ERR_NONE, 50 * 500 + 20 * 1500 + 1, 8}, /* where are they? */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r;

        info.capabilities = cases[i].reasons ? CAP_REASONING : 0;
        r = begin_with(true, 1);
        r->max_output = cases[i].max_output;
        r->output_default = 20;
        request_begin(r);
        request_useful(r);
        side.account = (struct attempt_account){
            .status = 200, .delivered_bytes = cases[i].delivered, .chunks = 1};
        fake.asks = true;
        fake.grow = cases[i].waits ? ERR_CREDIT : cases[i].grow;
        if (cases[i].waits) {
            request_progress(r);
            CHECK(r->growing);
        }
        fake.grow = cases[i].grow;
        side.account.finish = FINISH_STOP;
        side.account.usage = (struct token_usage){
            .present = true, .prompt = 10, .completion = cases[i].completion};
        if (cases[i].left)
            request_client_gone(r);
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        check_over(cases[i].spent, 1);
        CHECK_INT(fake.record.tokens_completion, cases[i].booked);
        CHECK_INT(fake.cancelled, cases[i].waits);
    }
    info.capabilities = 0;
}

/* Tokens of a byte: a stream of one each grows before they are used up; but it is not ended because its
 * events are many. */
static void test_growth_by_events(void)
{
    struct request *r = begin_stream(20);

    side.account.delivered_bytes = 9;
    side.account.chunks = 9;
    request_progress(r);
    CHECK_INT(r->output, 20);
    CHECK_INT(r->watch_bytes, 10);
    side.account.delivered_bytes = 10;
    side.account.chunks = 10;
    request_progress(r);
    CHECK_INT(r->output, 40);
    fake.grow = ERR_CONFLICT;
    side.account.delivered_bytes = 60;
    side.account.chunks = 60;
    request_progress(r);
    CHECK_INT(side.completes, 0);
    CHECK_INT(r->watch_bytes, 40 * BILL_BYTES_PER_TOKEN);
    request_client_gone(r);
}

/* The finish reason has come and the client hangs up: the provider's figures are waited for. */
static void test_left_behind_the_finish(void)
{
    static const struct {
        int ends; /* 0: with figures; 1: broken off; 2: never; 3: by a shutdown */
        int64_t spent;
        uint16_t flags;
    } cases[] = {{0, 49 * 500 + 99 * 1500, 0},
                 {1, 10 * 500 + 2 * 1500, USAGE_ESTIMATED},
                 {2, 10 * 500 + 2 * 1500, USAGE_ESTIMATED},
                 {3, 10 * 500 + 2 * 1500, USAGE_ESTIMATED}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r;

        clock_freeze(10000000, 1);
        r = begin_with(true, 2);
        request_begin(r);
        request_useful(r);
        side.account = (struct attempt_account){.delivered_bytes = 8, .finish = FINISH_STOP};
        request_client_gone(r);
        CHECK_INT(r->state, REQUEST_LEAVING);
        CHECK_INT(side.cancels, 0);
        CHECK_INT(fake.records, 0);
        request_tick(r, clock_mono_ms() + ATTEMPT_USAGE_MS - 1);
        CHECK_INT(fake.records, 0);
        if (cases[i].ends == 0) {
            side.account.usage =
                (struct token_usage){.present = true, .prompt = 49, .completion = 99};
            report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        } else if (cases[i].ends == 1) {
            report(r, (struct attempt_result){.e = ERR_PROVIDER_TRUNCATED, .status = 200}, false);
        } else if (cases[i].ends == 2) {
            request_tick(r, clock_mono_ms() + ATTEMPT_USAGE_MS);
        } else {
            request_abort(r);
        }
        CHECK_INT(side.cancels, cases[i].ends >= 2);
        CHECK_INT(side.lefts, 1);
        CHECK_INT(side.completes + side.fails, 0);
        check_over(cases[i].spent, 1);
        CHECK_INT(fake.record.flags, USAGE_STREAM | USAGE_CLIENT_GONE | cases[i].flags);
        CHECK_INT(fake.record.http_status, 499);
    }
    clock_thaw();
}

/* A whole answer that is being made costs by the time, and one that has begun to arrive is waited for. */
static void test_left_whole(void)
{
    static const struct {
        uint64_t waiting;
        uint32_t after_ms;
        bool waits;
        uint32_t tokens;
    } cases[] = {{0, 500, false, 0},     {0, 1001, false, 0},    {0, 3001, false, 20},
                 {0, 60000, false, 100}, {400, 3001, true, 100}, {40, 3001, true, 20}};

    provider.hidden_tokens_per_s = 10;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r;

        clock_freeze(10000000, 1);
        r = begin_with(false, 1);
        request_begin(r);
        side.account = (struct attempt_account){.forwarded = true,
                                                .status = cases[i].waiting != 0 ? 200 : 0,
                                                .waiting_bytes = cases[i].waiting,
                                                .begun_us = 10000000};
        clock_freeze(10000000 + cases[i].after_ms * UINT64_C(1000), 1);
        request_client_gone(r);
        CHECK_INT(r->state == REQUEST_LEAVING, cases[i].waits);
        if (cases[i].waits)
            request_tick(r, clock_mono_ms() + ATTEMPT_USAGE_MS);
        if (cases[i].after_ms == 60000)
            check_over(worst, 1); /* never more than was reserved */
        else
            check_over(10 * 500 + cases[i].tokens * 1500, 1);
    }
    provider.hidden_tokens_per_s = 0;
    clock_thaw();
}

/* In the middle of a stream: figures of its beginning are not the price of what came since, and
 * reasoning that nobody saw was made all the same. */
static void test_left_before_the_finish(void)
{
    static const struct {
        bool reasons;
        struct token_usage usage;
        uint64_t shown_us;
        uint32_t tokens, chunks;
    } cases[] = {
        {false, {.present = false}, 0, 5, 6},
        {false, {.present = false}, 0, 16, 17}, /* the first has the role, and each other one a token */
        {false, {.present = false}, 0, 20, 900}, /* of a byte at least */
        {false, {.present = true, .prompt = 10, .completion = 18}, 0, 18, 17},
        {false, {.present = true, .prompt = 10, .completion = 1}, 0, 5, 0},
        {false, {.present = true, .prompt = 10, .completion = 9}, 0, 9, 0},
        {false, {.present = false}, 10000000 + 3001000, 5, 0},
        {true, {.present = false}, 10000000 + 500000, 5, 0},
        {true, {.present = false}, 10000000 + 3001000, 25, 0}, /* two seconds at 10 a second */
    };

    provider.hidden_tokens_per_s = 10;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r;

        clock_freeze(10000000, 1);
        info.capabilities = cases[i].reasons ? CAP_REASONING : 0;
        r = begin_with(true, 1);
        request_begin(r);
        request_useful(r);
        side.account = (struct attempt_account){.usage = cases[i].usage,
                                                .delivered_bytes = 20,
                                                .chunks = cases[i].chunks,
                                                .status = 200,
                                                .begun_us = 10000000,
                                                .shown_us = cases[i].shown_us};
        clock_freeze(10000000 + 4001000, 1);
        request_client_gone(r);
        check_over(10 * 500 + cases[i].tokens * 1500, 1);
    }
    provider.hidden_tokens_per_s = 0;
    info.capabilities = 0;
    clock_thaw();
}

static void test_silence(void)
{
    struct request *r = begin_with(true, 1);
    uint64_t t;

    clock_freeze(10000000, 1);
    r->received_us = clock_mono_us();
    t = clock_mono_ms();
    request_begin(r); /* the only candidate, hence the last */
    request_tick(r, t + REQUEST_HOLD_MS - 1);
    CHECK_INT(side.commits, 0);
    clock_freeze((t + REQUEST_HOLD_MS) * 1000, 1);
    request_tick(r, t + REQUEST_HOLD_MS);
    CHECK_INT(side.commits, 1);
    CHECK_INT(side.keep_alives, 1);
    CHECK_INT(r->state, REQUEST_CONNECTING);
    request_tick(r, t + REQUEST_HOLD_MS + REQUEST_SILENCE_MS - 1);
    CHECK_INT(side.keep_alives, 1);
    request_tick(r, t + REQUEST_HOLD_MS + REQUEST_SILENCE_MS);
    CHECK_INT(side.keep_alives, 2);
    /* The head is out, so the failure is told inside the stream; nothing useful came: free. */
    report(r, (struct attempt_result){.e = ERR_FIRST_BYTE_TIMEOUT, .retry_after_ms = -1}, false);
    CHECK_INT(side.failure.error, API_PROVIDER_TIMEOUT);
    check_over(0, 1);

    r = begin_with(true, 2); /* not the last: the head is held */
    r->received_us = clock_mono_us();
    request_begin(r);
    request_tick(r, clock_mono_ms() + 10 * REQUEST_HOLD_MS);
    CHECK_INT(side.commits, 0);
    request_client_gone(r);
    clock_thaw();
}

/* After a commit by comment alone, the first useful event must not begin the answer twice. */
static void test_commit_once(void)
{
    struct request *r = begin_with(true, 1);

    clock_freeze(10000000, 1);
    r->received_us = clock_mono_us();
    request_begin(r);
    request_tick(r, clock_mono_ms() + REQUEST_HOLD_MS);
    CHECK_INT(side.commits, 1);
    request_useful(r);
    CHECK_INT(side.commits, 1);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
    check_over(11000, 1);
    clock_thaw();
}

static void test_abort(void)
{
    struct request *r = begin_with(true, 1);

    request_begin(r);
    request_useful(r);
    side.account = (struct attempt_account){.delivered_bytes = 4};
    request_abort(r);
    CHECK_INT(side.cancels, 1);
    CHECK_INT(side.fails, 1);
    check_over(10 * 500 + 1500, 1);
}

/* Which failures close an endpoint to everybody: the fifth of a kind decides. */
static void test_whose_failure(void)
{
    static const struct {
        struct attempt_result x;
        bool everybodys;
    } kinds[] = {
        {{.e = ERR_CONNECT}, true},
        {{.e = ERR_CONNECT_TIMEOUT}, true},
        {{.e = ERR_DNS}, true},
        {{.e = ERR_TLS}, true},
        {{.e = ERR_TLS_TIMEOUT}, true},
        {{.e = ERR_PROVIDER_STATUS, .status = 401}, true},
        {{.e = ERR_PROVIDER_TRUNCATED}, false},
        {{.e = ERR_PROVIDER_PROTOCOL}, false},
        {{.e = ERR_FIRST_BYTE_TIMEOUT}, false},
        {{.e = ERR_TOTAL_TIMEOUT}, false},
        {{.e = ERR_LIMIT}, false},
        {{.e = ERR_PROVIDER_STATUS, .status = 500}, false},
        {{.e = ERR_PROVIDER_STATUS, .status = 404}, false},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct request *r = begin_with(true, 1); /* a whole answer may be slow */
        struct health_view own, other;
        struct id account = {{2}}; /* as key_account() says */
        uint32_t who = health_who(context.health, &account);

        for (int n = 0; n < HEALTH_OPEN_MIN - 1; n++)
            health_failure(context.health, 0, who,
                           kinds[i].everybodys ? HEALTH_FAULT_ENDPOINT : HEALTH_FAULT_REQUEST,
                           clock_mono_ms());
        request_begin(r);
        report(r, kinds[i].x, false);
        health_read(context.health, 0, who, clock_mono_ms(), &own);
        health_read(context.health, 0, HEALTH_NOBODY, clock_mono_ms(), &other);
        CHECK_INT(own.state, HEALTH_OPEN);
        CHECK_INT(other.state, kinds[i].everybodys ? HEALTH_OPEN : HEALTH_GOOD);
        check_over(0, 1);
    }
}

/* What no provider can have counted is not the customer's: neither against its tokens per minute nor in its
 * record. What was corrected but can have been stays. */
static void test_absurd_figures(void)
{
    static const struct {
        struct token_usage usage;
        uint32_t prompt, cached, completion, reasoning;
        bool clamped;
    } rows[] = {
        {{.present = true, .prompt = 10, .completion = 4}, 10, 0, 4, 0, false},
        {{.present = true, .clamped = true, .prompt = LIMIT_TOKENS_ABSURD,
          .cached_read = LIMIT_TOKENS_ABSURD, .completion = LIMIT_TOKENS_ABSURD,
          .reasoning = LIMIT_TOKENS_ABSURD},
         50, 50, 16, 16, true},
        {{.present = true, .prompt = 10, .completion = 500000}, 10, 0, 16, 0, true}, /* its cost */
        {{.present = true, .prompt = 10, .cached_read = 11, .completion = 4}, 10, 10, 4, 0, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request *r = begin_with(false, 1);

        side.account.usage = rows[i].usage;
        side.account.delivered_bytes = 16;
        request_begin(r);
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        CHECK_INT(fake.record.tokens_prompt, rows[i].prompt);
        CHECK_INT(fake.record.tokens_cached_read, rows[i].cached);
        CHECK_INT(fake.record.tokens_completion, rows[i].completion);
        CHECK_INT(fake.record.tokens_reasoning, rows[i].reasoning);
        CHECK_INT(fake.tokens, rows[i].prompt + rows[i].completion);
        CHECK_INT((fake.record.flags & USAGE_CLAMPED) != 0, rows[i].clamped);
    }
}

/* --- provider keys of the account's own */

static struct own_store *own;

/* The account's keys at the one provider there is, by flags and state. */
static void own_put(unsigned n, const uint8_t flags[], const uint8_t states[], uint32_t fee_ppm)
{
    const struct id account = {{2}};
    struct own_keys *k;

    CHECK_INT(own_keys_new(&account, n, &k), ERR_NONE);
    k->version = 5;
    k->fee_ppm = fee_ppm;
    for (unsigned i = 0; i < n; i++) {
        k->list[i].id.b[0] = (uint8_t)(0xa0 + i);
        k->list[i].flags = flags[i];
        k->list[i].state = states[i];
        k->list[i].len = 3;
    }
    own_store_put(own, k);
}

static struct request *begin_own(uint8_t flags, uint8_t state, uint32_t fee_ppm)
{
    struct request *r = begin_with(false, 1);

    if (own == NULL)
        CHECK_INT(own_store_new(&own), ERR_NONE);
    own_store_clear(own);
    context.own = own;
    fake.own_version = 5;
    own_put(1, &flags, &state, fee_ppm);
    return r;
}

/* Served on the own key: the fee is paid, what it would have cost is told. */
static void test_own_key(void)
{
    static const struct {
        uint32_t fee_ppm;
        int64_t paid, reserved;
    } rows[] = {{0, 0, 0}, {50000, 550, (worst * 5 + 99) / 100}, {1, 1, 1}, {1000000, 11000, worst}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request *r = begin_own(OWN_KEY_ALWAYS, OWN_KEY_READY, rows[i].fee_ppm);

        request_begin(r);
        CHECK_INT(r->attempts.route.n, 1);
        CHECK_INT(r->attempts.candidate.own, 1);
        CHECK_INT(1000000000 - fake.balance, rows[i].reserved);
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        check_over(rows[i].paid, 1);
        CHECK_INT(fake.record.flags, USAGE_BYOK);
        CHECK_INT(fake.record.cost_nusd, rows[i].paid);
        CHECK_INT(fake.record.own_cost, 110); /* 11,000 nano-USD */
        CHECK_INT(fake.own_asks, 0);
    }
}

/* An account with a markup: each request pays and reserves it, rounded up, at the terms that it began with. */
static void test_markup(void)
{
    static const struct {
        uint32_t ppm;
        int64_t paid, reserved;
    } rows[] = {{0, 11000, worst}, {100000, 12100, (worst * 11 + 9) / 10}, {1, 11001, worst + 1},
                {10000000, 121000, 11 * worst}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request *r = begin_own(0, OWN_KEY_BAD, 0);
        const struct id account = {{2}};
        struct own_keys *k;

        for (int n = 0; n < 2; n++) { /* the second comes while the request runs */
            CHECK_INT(own_keys_new(&account, 0, &k), ERR_NONE);
            k->version = 5 + (uint64_t)n;
            k->markup_ppm = n == 0 ? rows[i].ppm : 5000000;
            own_store_put(own, k);
            if (n == 0)
                request_begin(r);
        }
        CHECK_INT(r->attempts.route.n, 1);
        CHECK_INT(r->attempts.candidate.own, 0);
        CHECK_INT(1000000000 - fake.balance, rows[i].reserved);
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        check_over(rows[i].paid, 1);
        CHECK_INT(fake.record.cost_nusd, rows[i].paid);
        CHECK_INT(fake.record.own_cost, 0);
    }
}

/* Refused there it blames nobody, and the operator's key is tried, at the operator's price; without one the client is
 * told which key it is. */
static void test_own_key_refused(void)
{
    static const int statuses[] = {401, 402, 403, 429};

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        for (int always = 0; always < 2; always++) {
            struct request *r = begin_own(always ? OWN_KEY_ALWAYS : 0, OWN_KEY_READY, 0);
            struct health_view now;

            request_begin(r);
            CHECK_INT(1000000000 - fake.balance, always ? 0 : worst);
            for (int n = 0; n < HEALTH_OPEN_MIN; n++)
                health_success(context.health, 0, HEALTH_NOBODY, clock_mono_ms(), 0);
            report(r, (struct attempt_result){.e = ERR_PROVIDER_STATUS, .status = statuses[i]}, false);
            health_read(context.health, 0, HEALTH_NOBODY, clock_mono_ms(), &now);
            CHECK_INT(now.state, HEALTH_GOOD);
            if (!always) {
                CHECK_INT(r->attempts.candidate.own, 0);
                report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
                check_over(11000, 1);
                CHECK_INT(fake.record.flags, USAGE_FALLBACK);
                CHECK_INT(fake.record.own_cost, 0);
                continue;
            }
            check_over(0, 1);
            CHECK_INT(side.failure.error, statuses[i] == 429 ? API_PROVIDER_RATE : API_OWN_KEY_REFUSED);
            CHECK(statuses[i] == 429 || strstr(side.failure.text, "key a0000000") != NULL);
        }
}

static void test_own_key_fallback(void)
{
    struct request *r = begin_own(OWN_KEY_FALLBACK, OWN_KEY_READY, 0);

    request_begin(r);
    CHECK_INT(r->attempts.candidate.own, 0);
    report(r, (struct attempt_result){.e = ERR_CONNECT}, false);
    CHECK_INT(r->attempts.candidate.own, 1);
    report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
    check_over(0, 1);
    CHECK_INT(fake.record.flags, USAGE_BYOK | USAGE_FALLBACK);

    r = begin_own(0, OWN_KEY_READY, 0); /* "these providers or none" holds for own keys, too */
    r->want.no_fallbacks = r->want.order_set = true;
    r->want.order[0] = (struct route_pick){.provider_no = 7, .quantization = ROUTE_ANY};
    r->want.n_order = 1;
    request_begin(r);
    CHECK_INT(side.fails, 1);
    CHECK_INT(side.failure.error, API_NO_PROVIDER);
    check_over(0, 0);

    r = begin_own(0, OWN_KEY_READY, 0); /* one candidate is one */
    r->want.no_fallbacks = true;
    request_begin(r);
    CHECK_INT(r->attempts.route.n, 1);
    report(r, (struct attempt_result){.e = ERR_CONNECT}, false);
    CHECK_INT(side.fails, 1);
    check_over(0, 1);
}

/* An account without credit is served on its own key, and on nothing else. */
static void test_own_key_without_credit(void)
{
    struct request *r = begin_own(0, OWN_KEY_READY, 0);

    fake.available = 1; /* one nano-USD */
    request_begin(r);
    answer_ask(ERR_CREDIT);
    CHECK_INT(r->attempts.route.n, 1);
    CHECK_INT(r->attempts.candidate.own, 1);
    report(r, (struct attempt_result){.e = ERR_PROVIDER_STATUS, .status = 500}, false);
    CHECK_INT(side.fails, 1);
    check_over(0, 1);
}

/* What cannot be used: passed over, or, when it is always to be used, what the client is told. */
static void test_own_key_unusable(void)
{
    static const struct {
        uint8_t state;
        enum api_error error;
    } rows[] = {{OWN_KEY_RESEAL, API_OWN_KEY_RESEAL}, {OWN_KEY_BAD, API_OWN_KEY_BAD}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request *r = begin_own(0, rows[i].state, 0);

        request_begin(r);
        CHECK_INT(r->attempts.candidate.own, 0);
        report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
        check_over(11000, 1);
        r = begin_own(OWN_KEY_ALWAYS, rows[i].state, 0);
        request_begin(r);
        CHECK_INT(side.attempts, 0);
        CHECK_INT(side.failure.error, rows[i].error);
        CHECK(strstr(side.failure.text, "key a0000000") != NULL && strstr(side.failure.text, "PATCH") != NULL);
        check_over(0, 0);
    }
}

/* Not known here: asked of the control plane, once, for a warm key and for a cold one. */
static void test_own_key_asked(void)
{
    static const uint8_t none = 0;
    struct inquiry_answer answer = {.e = ERR_NONE};

    for (int cold = 0; cold < 2; cold++)
        for (int comes = 0; comes < 2; comes++) {
            struct request *r = begin_own(0, OWN_KEY_READY, 0);

            own_store_clear(own);
            fake.cold = cold;
            request_begin(r);
            CHECK_INT(fake.own_asks, !cold);
            if (cold) {
                fake.cold = false;
                answer_ask(ERR_NONE); /* reserved without them: given back, and decided again */
                CHECK_INT(fake.balance, 1000000000);
                CHECK_INT(fake.unreserved, 1);
                fake.unreserved = 0;
            }
            CHECK_INT(fake.own_asks, 1);
            CHECK_INT(side.attempts, 0);
            if (comes)
                own_put(1, &none, &none, 0);
            fake.own_cb(fake.own_cookie, &answer);
            CHECK_INT(fake.own_asks, 1);
            if (!comes) { /* it was answered, and there was no room for it */
                CHECK_INT(side.failure.error, API_CONTROL_PLANE);
                check_over(0, 0);
                continue;
            }
            CHECK_INT(r->attempts.candidate.own, 1);
            report(r, (struct attempt_result){.e = ERR_NONE, .status = 200}, false);
            check_over(0, 1);
        }
    answer.e = ERR_CONTROL_PLANE;
    struct request *r = begin_own(0, OWN_KEY_READY, 0);
    own_store_clear(own);
    request_begin(r);
    fake.own_cb(fake.own_cookie, &answer);
    CHECK_INT(side.failure.error, API_CONTROL_PLANE);
    check_over(0, 0);
}

/* A client that leaves while they are asked for leaves nothing behind. */
static void test_own_key_left(void)
{
    struct request *r = begin_own(0, OWN_KEY_READY, 0);

    own_store_clear(own);
    request_begin(r);
    CHECK_INT(fake.own_asks, 1);
    request_client_gone(r);
    CHECK_INT(fake.claims_cancelled, 1);
    check_over(0, 0);
}

static const struct check_case cases[] = {
    {"request_absurd_figures", test_absurd_figures},
    {"request_own_key", test_own_key},
    {"request_markup", test_markup},
    {"request_own_key_refused", test_own_key_refused},
    {"request_own_key_fallback", test_own_key_fallback},
    {"request_own_key_without_credit", test_own_key_without_credit},
    {"request_own_key_unusable", test_own_key_unusable},
    {"request_own_key_asked", test_own_key_asked},
    {"request_own_key_left", test_own_key_left},
    {"request_whole", test_whole},
    {"request_stream", test_stream},
    {"request_stream_tail_is_bounded", test_stream_tail_is_bounded},
    {"request_fallback_in_order", test_fallback_in_order},
    {"request_exhausted", test_exhausted},
    {"request_no_fallback_without_trust", test_no_fallback_without_trust},
    {"request_refusals", test_refusals},
    {"request_client_fault_is_final", test_client_fault_is_final},
    {"request_refusal_is_not_ill_health", test_refusal_is_not_ill_health},
    {"request_bought_once", test_bought_once},
    {"request_truncated", test_truncated},
    {"request_client_gone", test_client_gone},
    {"request_client_gone_early", test_client_gone_early},
    {"request_client_gone_while_it_is_read", test_client_gone_while_it_is_read},
    {"request_client_gone_after_a_failure", test_client_gone_after_a_failure},
    {"request_cold_key", test_cold_key},
    {"request_rules_of_the_key", test_rules},
    {"request_rules_of_a_cold_key", test_rules_of_a_cold_key},
    {"request_rules_that_do_not_stand_still", test_rules_that_do_not_stand_still},
    {"request_rules_begin_from_the_clients_words", test_rules_begin_from_the_clients_words},
    {"request_idempotency_key", test_idempotency_key},
    {"request_idempotency_key_of_a_client_that_leaves", test_idempotency_key_of_a_client_that_leaves},
    {"request_refused_before_dispatch", test_refused_before_dispatch},
    {"request_credit_sentence", test_credit_sentence},
    {"request_worst_case", test_worst_case},
    {"request_every_price_is_reserved", test_every_price_is_reserved},
    {"request_embeddings_reserved", test_embeddings_reserved},
    {"request_embeddings_billed", test_embeddings_billed},
    {"request_embeddings_left", test_embeddings_left},
    {"request_embeddings_too_dear", test_embeddings_too_dear},
    {"request_reservation_is_bounded", test_reservation_is_bounded},
    {"request_less_is_reserved", test_less_is_reserved},
    {"request_growth", test_growth},
    {"request_growth_waits", test_growth_waits},
    {"request_growth_by_time", test_growth_by_time},
    {"request_past_the_limit", test_past_the_limit},
    {"request_more_than_asked_for", test_more_than_asked_for},
    {"request_media_past_their_bound", test_media_past_their_bound},
    {"request_output_past_the_reservation", test_output_past_the_reservation},
    {"request_growth_by_events", test_growth_by_events},
    {"request_left_behind_the_finish", test_left_behind_the_finish},
    {"request_left_whole", test_left_whole},
    {"request_left_before_the_finish", test_left_before_the_finish},
    {"request_silence", test_silence},
    {"request_commit_once", test_commit_once},
    {"request_abort", test_abort},
    {"request_whose_failure", test_whose_failure},
};
CHECK_MAIN(cases)
