/* The order of stages decides who pays for what. These cases drive the state machine with a scripted
 * provider and client: which candidate comes next, that every admitted request settles exactly once
 * with exactly one record, and that the struct ends exactly once whatever happens when. */
#include "request.c"

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
    enum err reserve;
    bool cold; /* the key is unknown: ask, and answer later */
    int64_t balance;
    unsigned records, unreserved;
    struct usage_record record;
    struct key key;
    struct snapshot snapshot;
    struct catalog catalog;
    struct ask ask;
    bool cancelled;
    uplink_ask_cb *ask_cb;
    int64_t asked;
    void *cookie;
    enum err trust;
} fake;

enum err keyring_find(struct keyring *k, const struct digest32 *d, uint64_t ms, struct key **out)
{
    (void)k, (void)d, (void)ms;
    if (fake.cold)
        return ERR_NOT_FOUND;
    fake.key.refs++;
    *out = &fake.key;
    return ERR_NONE;
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
    if (fake.reserve == ERR_NONE) {
        fake.balance -= amount;
        lease->b[0] = 7;
    }
    return fake.reserve;
}
enum err key_grow(struct key *k, const struct id *lease, int64_t more, uint64_t ms)
{
    (void)k, (void)lease, (void)more, (void)ms;
    return ERR_CREDIT;
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
    return 2500000;
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
void meter_push(struct meter *m, unsigned worker, const struct usage_record *r)
{
    (void)m, (void)worker;
    fake.records++;
    fake.record = *r;
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
    (void)p, (void)k, (void)lease, (void)more, (void)cb, (void)cookie, (void)out;
    return ERR_CONTROL_PLANE;
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
void worker_read_health(const void *cookie, uint32_t slot, struct health_view *out)
{
    const struct worker *w = cookie;

    health_read(w->shared->health, slot, clock_mono_ms(), out);
}

/* --- the scripted content side */

enum { ENDPOINTS = 3 };

static struct {
    struct request r;
    enum err start[ENDPOINTS]; /* what attempt() returns, by attempt */
    unsigned attempts, cancels, commits, completes, fails, destroys, keep_alives;
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
    side.tried[side.attempts] = r->candidate.endpoint->info->no;
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
static void side_destroy(struct request *r)
{
    CHECK_INT(r->state, REQUEST_DONE);
    side.destroys++;
}

static const struct request_ops ops = {side_attempt, side_cancel,   side_account, side_commit,
                                       side_keep_alive, side_complete, side_fail,    side_destroy};

static struct provider provider = {.id = "p"};
static struct catalog_endpoint infos[ENDPOINTS];
static struct route_endpoint endpoints[ENDPOINTS];
static struct catalog_model info = {.no = 9, .context_length = 1000, .max_output = 100};
static struct route_model model = {&info, endpoints, ENDPOINTS};
static struct shared shared;
static struct worker worker;

static struct request *begin_with(bool stream, size_t n_endpoints)
{
    struct request *r = &side.r;

    memset(&side, 0, sizeof side);
    memset(&fake, 0, sizeof fake);
    memset(&worker, 0, sizeof worker);
    fake.balance = 1000000000;
    fake.snapshot.refs = 1;
    health_free(shared.health);
    CHECK_INT(health_new(&shared.health), ERR_NONE);
    worker.shared = &shared;
    for (uint32_t i = 0; i < ENDPOINTS; i++) {
        infos[i] = (struct catalog_endpoint){.no = i + 1, .model_no = 9, .weight = 1,
                                             .price_prompt_pusd = 500000,
                                             .price_completion_pusd = 1500000 + i};
        endpoints[i] = (struct route_endpoint){&infos[i], &provider, i};
    }
    model.n_endpoints = n_endpoints;
    side.account = (struct attempt_account){
        .usage = {.present = true, .prompt = 10, .completion = 4}, .finish = FINISH_STOP};
    *r = (struct request){
        .ops = &ops,
        .worker = &worker,
        .id = {{3}},
        .catalog = &fake.snapshot,
        .want = {.models = {&model}, .n_models = 1, .sort = ROUTE_PRICE, .max_prompt_pusd = -1,
                 .max_completion_pusd = -1},
        .received_us = clock_mono_us(),
        .prompt_bound = 50,
        .prompt_bytes = 40,
        .n_choices = 1,
        .stream = stream,
    };
    return r;
}

/* The worst case of any candidate: 50 prompt tokens and the model's 100 output tokens. */
static const int64_t worst = 50 * 500 + 100 * 1500 + 2;

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
    CHECK(worker.requests == NULL);
    CHECK_INT(counter_get(&worker.stats.requests_open), 0);
    CHECK_INT(counter_get(&worker.stats.streams_open), 0);
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
    CHECK_INT(counter_get(&worker.stats.streams_open), 1);
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
    request_tick(r, clock_mono_ms() + REQUEST_UPSTREAM_END_MS - 1);
    CHECK_INT(side.cancels, 0);
    request_tick(r, clock_mono_ms() + REQUEST_UPSTREAM_END_MS);
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
    CHECK_INT(r->first.endpoint->info->no, 1);
    check_over(11000, 1);
    CHECK_INT(fake.record.attempts, 3);
    CHECK_INT(fake.record.endpoint_no, 3);
    CHECK_INT(fake.record.flags, USAGE_STREAM | USAGE_FALLBACK);
    CHECK_INT(counter_get(&worker.stats.fallbacks), 2);
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

static void test_client_fault_is_final(void)
{
    static const struct {
        struct attempt_result x;
        enum api_error error;
    } cases[] = {
        {{.e = ERR_PROVIDER_STATUS, .status = 400, .client_fault = true}, API_BAD_REQUEST},
        {{.e = ERR_PROVIDER_STATUS, .status = 400, .client_fault = true, .context_length = true},
         API_CONTEXT_LENGTH},
        {{.e = ERR_PROVIDER_STATUS, .status = 422, .client_fault = true}, API_UNPROCESSABLE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request *r = begin_with(true, 3);

        request_begin(r);
        report(r, cases[i].x, false);
        CHECK_INT(side.attempts, 1);
        CHECK_INT(side.failure.error, cases[i].error);
        check_over(0, 1);
    }
}

/* Blame under status 200, and a model that the provider does not know: others are asked first. */
static void test_doubtful_fault(void)
{
    struct request *r = begin_with(true, 2);

    request_begin(r);
    report(r, (struct attempt_result){.e = ERR_PROVIDER_BODY, .status = 400, .client_fault = true},
           false);
    CHECK_INT(side.attempts, 2);
    report(r, (struct attempt_result){.e = ERR_PROVIDER_BODY, .status = 400, .client_fault = true},
           false);
    CHECK_INT(side.failure.error, API_BAD_REQUEST); /* all agree */
    check_over(0, 1);

    r = begin_with(true, 2);
    request_begin(r);
    for (int i = 0; i < 2; i++)
        report(r,
               (struct attempt_result){.e = ERR_PROVIDER_STATUS, .status = 404, .client_fault = true},
               false);
    CHECK_INT(side.attempts, 2);
    CHECK_INT(side.failure.error, API_PROVIDER_FAILED);
    check_over(0, 1);
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
    CHECK_INT(r->attempts, 2);
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

static void test_credit_sentence(void)
{
    struct request *r = begin_with(false, 1);
    struct api_failure f;

    r->admission.why = ERR_CREDIT;
    r->admission.amount_nusd = 12300000;
    r->admission.available_nusd = 2500000;
    refusal_of_admission(&r->admission, &f);
    CHECK_INT(f.error, API_NO_CREDIT);
    CHECK(strstr(f.text, "$0.0123;") != NULL && strstr(f.text, "$0.0025 ") != NULL);
}

static void test_worst_case(void)
{
    struct request *r = begin_with(false, 1);
    int64_t nusd = 0;

    r->max_output = 10;
    r->n_choices = 3;
    request_begin(r);
    CHECK_INT(r->admission.amount_nusd, 50 * 500 + 30 * 1500 + 2);
    request_client_gone(r);
    r = begin_with(false, 1); /* images: the context is the bound; more output than the model has */
    r->prompt_bound = UINT64_MAX;
    r->max_output = 5000;
    request_begin(r);
    CHECK_INT(r->admission.amount_nusd, 1000 * 500 + 100 * 1500 + 2);
    CHECK_INT(request_worst_case(r, &nusd), ERR_NONE);
    CHECK_INT(nusd, r->admission.amount_nusd);
    request_client_gone(r);
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

static const struct check_case cases[] = {
    {"request_whole", test_whole},
    {"request_stream", test_stream},
    {"request_stream_tail_is_bounded", test_stream_tail_is_bounded},
    {"request_fallback_in_order", test_fallback_in_order},
    {"request_exhausted", test_exhausted},
    {"request_no_fallback_without_trust", test_no_fallback_without_trust},
    {"request_client_fault_is_final", test_client_fault_is_final},
    {"request_doubtful_fault", test_doubtful_fault},
    {"request_truncated", test_truncated},
    {"request_client_gone", test_client_gone},
    {"request_client_gone_early", test_client_gone_early},
    {"request_client_gone_while_it_is_read", test_client_gone_while_it_is_read},
    {"request_client_gone_after_a_failure", test_client_gone_after_a_failure},
    {"request_cold_key", test_cold_key},
    {"request_refused_before_dispatch", test_refused_before_dispatch},
    {"request_credit_sentence", test_credit_sentence},
    {"request_worst_case", test_worst_case},
    {"request_silence", test_silence},
    {"request_commit_once", test_commit_once},
    {"request_abort", test_abort},
};
CHECK_MAIN(cases)
