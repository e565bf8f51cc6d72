/* Several requests under one admission: whoever ends when, each part and each charged attempt is a line, the whole settles once,
 * and the lines' sum is the record's cost and what the lease paid. A scripted content side drives core/request.c, whole.c
 * and part.c, in every phase by a table and in thousands of random orders. */
#include "part.c"

#include "check.h"
#include "log.h"
#include "own.h"
#include "refusal.h"
#include "uplink.h"
#include "whole.h"

#include <stdlib.h>

struct key {
    int refs;
};
struct ask {
    int unused;
};
struct snapshot {
    int refs;
};

enum { CREDIT = 1000000000, PANEL = 3, JUDGES = 2, FINALS = 2, MEMBERS = PANEL + JUDGES };

/* --- fakes of what admission and metering need */

static struct {
    int64_t balance;
    int64_t available; /* what the key can spend; 0: enough */
    bool cold;         /* the key is unknown: ask, and answer later */
    unsigned records, unreserved, rules_applied;
    struct usage_record record;
    struct key key;
    struct snapshot snapshot;
    struct catalog catalog;
    struct ask ask;
    uplink_ask_cb *ask_cb;
    void *ask_cookie;
    int64_t asked;
    enum err trust;
    struct key_rules rules;
    uint64_t rules_generation; /* 0: the key has none */
    uint64_t own_version;
    size_t failed_attempts;
} fake;

enum err inquiry_claim(struct uplink_port *p, const struct msg_claim *claim, inquiry_cb *cb, void *cookie,
                       struct inquiry **out)
{
    (void)p, (void)claim, (void)cb, (void)cookie, (void)out;
    return ERR_CONTROL_PLANE;
}
enum err inquiry_own(struct uplink_port *p, const struct id *account, inquiry_cb *cb, void *cookie, struct inquiry **out)
{
    (void)p, (void)account, (void)cb, (void)cookie, (void)out;
    return ERR_CONTROL_PLANE;
}
void inquiry_cancel(struct inquiry *q)
{
    (void)q;
}
uint64_t key_own_version(const struct key *k)
{
    (void)k;
    return fake.own_version;
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
    return fake.rules_generation;
}
bool key_rules(const struct keyring *k, const struct key *s, struct key_rules *out, uint64_t *generation)
{
    (void)k, (void)s;
    *out = fake.rules;
    *generation = fake.rules_generation;
    fake.rules_applied++;
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
    CHECK(k->refs > 0);
    return (struct id){{1}};
}
struct id key_account(const struct key *k)
{
    CHECK(k->refs > 0);
    return (struct id){{2}};
}
static int64_t spendable(void)
{
    return fake.available != 0 ? fake.available : fake.balance;
}
enum err key_reserve(struct key *k, int64_t amount, uint64_t ms, struct id *lease, uint32_t *retry)
{
    (void)k, (void)ms, (void)retry;
    if (amount > spendable())
        return ERR_CREDIT;
    fake.balance -= amount;
    *lease = (struct id){{7}};
    return ERR_NONE;
}
enum err key_grow(struct key *k, const struct id *lease, int64_t more, uint64_t ms)
{
    (void)ms;
    CHECK(k->refs > 0 && lease->b[0] == 7 && more >= 0);
    if (fake.available != 0)
        return ERR_CREDIT;
    fake.balance -= more;
    return ERR_NONE;
}
void key_settle(struct key *k, const struct id *lease, int64_t amount, int64_t cost)
{
    CHECK(k->refs > 0 && lease->b[0] == 7 && cost >= 0 && cost <= amount);
    fake.balance += amount - cost;
}
int64_t key_available(const struct key *k)
{
    (void)k;
    return spendable();
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
/* The lines as the control plane is told them, and those that have a receipt. */
static struct {
    unsigned reserved, told;
    int64_t cost;
    size_t n;
    unsigned receipts;
} told;

bool meter_reserve_parts(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    told.reserved++;
    return true;
}
void meter_unreserve_parts(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    told.reserved--;
}
void meter_parts(struct meter *m, unsigned worker, const struct meter_part *p, size_t n)
{
    (void)m, (void)worker;
    CHECK_INT(fake.records, 0); /* before the record */
    told.reserved--;
    told.told++;
    told.n = n;
    for (size_t i = 0; i < n; i++)
        told.cost += p[i].part.cost_nusd;
}
void receipts_publish(struct receipts *r, unsigned worker, const struct receipt_facts *f)
{
    (void)r, (void)worker;
    CHECK((f->flags & RECEIPT_PART) != 0 && f->whole.b[0] == 3);
    told.receipts++;
}
void meter_attempts(struct meter *m, unsigned worker, const struct meter_attempt *a, size_t n)
{
    (void)m, (void)worker, (void)a;
    fake.failed_attempts += n;
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
enum err uplink_ask(struct uplink_port *p, const struct digest32 *d, int64_t amount, uplink_ask_cb *cb, void *cookie,
                    struct ask **out)
{
    (void)p, (void)d;
    fake.ask_cb = cb;
    fake.ask_cookie = cookie;
    fake.asked = amount;
    *out = &fake.ask;
    return ERR_NONE;
}
static void answer_ask(enum err e)
{
    struct ask_answer answer = {.e = e};
    uplink_ask_cb *cb = fake.ask_cb;

    fake.ask_cb = NULL;
    fake.cold = false;
    if (e == ERR_NONE) {
        fake.key.refs++;
        fake.balance -= fake.asked;
        answer.key = &fake.key;
        answer.lease.b[0] = 7;
    } else {
        answer.most_nusd = spendable();
    }
    cb(fake.ask_cookie, &answer);
}
enum err uplink_ask_more(struct uplink_port *p, struct key *k, const struct id *lease, int64_t more, uplink_ask_cb *cb,
                         void *cookie, struct ask **out)
{
    (void)p, (void)k, (void)lease, (void)more, (void)cb, (void)cookie, (void)out;
    CHECK(false); /* nothing of a whole grows */
    return ERR_CONTROL_PLANE;
}
void uplink_hint_lease(struct uplink_port *p, struct key *k)
{
    (void)p, (void)k;
}
void ask_cancel(struct ask *a)
{
    (void)a;
    fake.ask_cb = NULL;
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

/* --- the catalog: MEMBERS + FINALS models of one endpoint each, the finals of two */

enum { MODELS = MEMBERS + FINALS };
static struct provider provider = {.id = "p"};
static struct catalog_endpoint infos[MODELS][2];
static struct route_endpoint endpoints[MODELS][2];
static struct catalog_model model_infos[MODELS];
static struct route_model models[MODELS];
static const struct catalog_model synth = {.no = 900, .id = "trustedrouter/synth"};
static struct stats stats;
static struct request_context context = {.stats = &stats};

enum { PROMPT_PUSD = 500000, OUTPUT_PUSD = 1500000, PROMPT = 50, PANEL_TOKENS = 20, FINAL_TOKENS = 100 };

static void make_catalog(void)
{
    for (uint32_t m = 0; m < MODELS; m++) {
        size_t n = m < MEMBERS ? 1 : 2;

        model_infos[m] = (struct catalog_model){.no = 10 + m, .context_length = 1000, .max_output = 200};
        for (uint32_t e = 0; e < n; e++) {
            infos[m][e] = (struct catalog_endpoint){.no = 100 + 10 * m + e, .model_no = 10 + m, .weight = 1,
                                                    .price_version = 3, .price.prompt_pusd = PROMPT_PUSD,
                                                    .price.completion_pusd = OUTPUT_PUSD + e * 1000000};
            price_follow(&infos[m][e].price, 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion);
            endpoints[m][e] = (struct route_endpoint){&infos[m][e], &provider, 2 * m + e};
        }
        models[m] = (struct route_model){.info = &model_infos[m], .endpoints = endpoints[m], .n_endpoints = n,
                                         .name = 10 + m, .author = 90};
    }
}

/* The worst cases, by hand. */
enum {
    PART_WORST = PROMPT * 500 + PANEL_TOKENS * 1500 + 1, /* rounded up */
    FINAL_WORST = PROMPT * 500 + FINAL_TOKENS * 2500 + 1, /* at the dearer endpoint of each */
    ALL_WORST = MEMBERS * PART_WORST + FINALS * FINAL_WORST,
    PART_COST = 10 * 500 + 4 * 1500, /* what an attempt of 10 and 4 tokens costs */
};

/* --- the scripted content side */

struct side;
struct member {
    struct request r; /* first */
    struct side *side;
    struct attempt_account account;
    bool planned, begun, billed, good;
};

/* Allocated, so that a use behind the end is found. */
struct side {
    struct request r; /* first */
    struct parts parts;
    struct member *member[MEMBERS];
    struct attempt_account account;
    /* the script */
    bool first;                 /* the first answer of the panel is given, others are dropped */
    bool closes_later;          /* the client's end */
    uint8_t refuses;            /* so many of the finals' answers are none */
    bool rescues;
    bool members_close_later;   /* tails */
    /* what has happened */
    uint8_t over, good, judge;
    int given; /* the member whose answer is given; -1 */
    bool stopped, reported;
};

/* What is left when the struct is gone. */
static struct {
    unsigned destroys, part_destroys, completes, fails, lefts, commits, keep_alives, attempts, plans, accepted, rescues;
    struct api_failure failure;
    struct parts parts;
    struct request last; /* of the whole, by value */
    bool part_fails[MEMBERS];
    unsigned part_cancels, cancels;
} seen;

static struct side *side;

static struct side *side_of(struct request *r)
{
    return (struct side *)r;
}
static struct member *member_of(struct request *r)
{
    return (struct member *)r;
}

static void member_over(struct member *m);

static enum err member_attempt(struct request *r, bool last)
{
    (void)last;
    CHECK(r->whole == &side->r && r->state == REQUEST_CONNECTING);
    return seen.part_fails[r->want.models[0] - models] ? ERR_OVERLOAD : ERR_NONE;
}
static void member_cancel(struct request *r)
{
    (void)r;
    seen.part_cancels++;
}
static void member_account(const struct request *r, struct attempt_account *out)
{
    *out = ((const struct member *)r)->account;
}
static void member_hold(struct request *r, bool hold)
{
    (void)r, (void)hold;
}
static void member_complete(struct request *r)
{
    struct member *m = member_of(r);

    m->good = true;
    CHECK_INT(r->outcome, ERR_NONE);
    CHECK_INT(side->parts.line[side->parts.n - 1].id.b[0], r->id.b[0]);
    CHECK_INT(side->parts.line[side->parts.n - 1].cost_nusd, r->cost_nusd);
    member_over(m);
    request_closed(r);
}
static void member_fail(struct request *r, const struct api_failure *f)
{
    CHECK(f->error != API_OK);
    member_over(member_of(r));
    request_closed(r);
}
static void member_left(struct request *r)
{
    CHECK_INT(r->outcome, ERR_CLIENT_GONE);
    CHECK_INT(side->parts.line[side->parts.n - 1].outcome, ERR_CANCELLED);
    member_over(member_of(r));
}
static void member_destroy(struct request *r)
{
    struct member *m = member_of(r);

    CHECK(m->billed && r->whole != NULL);
    seen.part_destroys++;
    for (size_t i = 0; i < MEMBERS; i++)
        if (m->side->member[i] == m)
            m->side->member[i] = NULL;
    memset(m, 0xa5, sizeof *m);
    free(m);
}
static const struct request_ops member_ops = {
    .attempt = member_attempt, .cancel = member_cancel, .account = member_account, .hold = member_hold,
    .complete = member_complete, .fail = member_fail, .left = member_left, .destroy = member_destroy};

static bool all_billed(const struct side *s)
{
    return s->r.running == NULL;
}

static struct part_line *line_of(struct side *s, enum part_role role, unsigned place)
{
    for (size_t i = 0; i < s->parts.n; i++)
        if (s->parts.line[i].role == role && s->parts.line[i].place == place)
            return &s->parts.line[i];
    return NULL;
}

static void begin_member(struct side *s, unsigned i)
{
    struct member *m = s->member[i];

    m->begun = true;
    part_begin(&m->r, &s->r, i < PANEL ? PART_PANEL : PART_JUDGE, (uint8_t)(i < PANEL ? i : i - PANEL));
}

static void side_unprepared(struct side *s)
{
    struct api_failure f = {.error = API_PROVIDER_FAILED};

    s->reported = true;
    request_unprepared(&s->r, ERR_PROVIDER_STATUS, &f);
}

static void side_judge(struct side *s)
{
    while (s->judge < JUDGES) {
        unsigned i = PANEL + s->judge++;

        if (s->member[i] != NULL && s->member[i]->planned) {
            begin_member(s, i);
            return;
        }
    }
    s->reported = true;
    request_prepared(&s->r);
}

static void give(struct side *s, struct member *m)
{
    for (size_t i = 0; i < PANEL; i++)
        if (s->member[i] == m) {
            s->given = (int)i;
            line_of(s, PART_PANEL, (unsigned)i)->chosen = true;
        }
}

static void member_over(struct member *m)
{
    struct side *s = m->side;
    bool panel = m->r.role == PART_PANEL;

    CHECK(!m->billed && m->begun);
    m->billed = true;
    if (s->stopped) {
        if (all_billed(s))
            request_idle(&s->r);
        return;
    }
    if (s->reported)
        return;
    s->over += panel;
    s->good += panel && m->good;
    if (panel && s->first && m->good) {
        give(s, m);
        s->reported = true;
        for (size_t i = 0; i < PANEL; i++)
            if (s->member[i] != NULL && s->member[i]->begun && s->member[i] != m)
                part_drop(&s->member[i]->r);
        request_given(&s->r);
    } else if (panel && s->over == PANEL && s->good == 0) {
        side_unprepared(s);
    } else if ((panel && s->over == PANEL) || (!panel && !m->good)) {
        side_judge(s);
    } else if (!panel) {
        s->reported = true;
        request_prepared(&s->r);
    }
}

/* --- of the whole */

static void make_member(struct side *s, unsigned i)
{
    struct member *m = calloc(1, sizeof *m);

    m->side = s;
    m->r = (struct request){.ops = &member_ops, .id = {{(uint8_t)(0x40 + i)}}, .want = ROUTE_WANT_ANY,
                            .prompt_bound = PROMPT, .prompt_bytes = 40, .max_output = PANEL_TOKENS, .n_choices = 1,
                            .stream = i % 2 == 0};
    m->r.want.models[0] = &models[i];
    m->r.want.n_models = 1;
    m->account = (struct attempt_account){.usage = {.present = true, .prompt = 10, .completion = 4},
                                          .finish = FINISH_STOP, .delivered_bytes = 16, .forwarded = true, .status = 200};
    s->member[i] = m;
}

static bool side_plan(struct request *r, int64_t *amount_nusd, struct api_failure *f)
{
    struct side *s = side_of(r);
    size_t planned = 0;
    int64_t cost;

    seen.plans++;
    *amount_nusd = 0;
    for (unsigned i = 0; i < MEMBERS; i++) {
        s->member[i]->planned = part_plan(&s->member[i]->r, r, &cost, f);
        if (!s->member[i]->planned)
            continue;
        *amount_nusd += cost;
        planned += i < PANEL;
    }
    return planned > 0;
}
static void side_prepare(struct request *r)
{
    struct side *s = side_of(r);

    CHECK(r->state == REQUEST_PREPARING && r->admission.reserved);
    for (unsigned i = 0; i < PANEL; i++)
        s->over += !s->member[i]->planned;
    for (unsigned i = 0; i < PANEL; i++)
        if (s->member[i] != NULL && s->member[i]->planned && !s->reported)
            begin_member(s, i);
}
static bool side_stop(struct request *r)
{
    struct side *s = side_of(r);

    s->stopped = true;
    for (unsigned i = 0; i < MEMBERS; i++)
        if (s->member[i] != NULL && s->member[i]->begun)
            part_drop(&s->member[i]->r);
    return all_billed(s);
}
static bool side_accepts(struct request *r)
{
    struct side *s = side_of(r);

    CHECK(r->state == REQUEST_CONNECTING);
    if (s->refuses == 0) {
        seen.accepted++;
        return true;
    }
    s->refuses--;
    return false;
}
static bool side_rescue(struct request *r)
{
    struct side *s = side_of(r);

    seen.rescues++;
    for (unsigned i = 0; s->rescues && i < PANEL; i++) {
        struct part_line *line = line_of(s, PART_PANEL, i);

        if (line != NULL && line->outcome == ERR_NONE) {
            line->chosen = true;
            return true;
        }
    }
    return false;
}
static enum err side_attempt(struct request *r, bool last)
{
    (void)last;
    CHECK_INT(r->state, REQUEST_CONNECTING);
    CHECK(r->admission.reserved && r->attempts.candidate.model >= &models[MEMBERS]);
    seen.attempts++;
    return ERR_NONE;
}
static void side_cancel(struct request *r)
{
    (void)r;
    seen.cancels++;
}
static void side_account(const struct request *r, struct attempt_account *out)
{
    *out = ((const struct side *)r)->account;
}
static void side_commit(struct request *r)
{
    CHECK(r->committed && r->stream);
    seen.commits++;
}
static void side_hold(struct request *r, bool hold)
{
    (void)r, (void)hold;
}
static void side_keep_alive(struct request *r)
{
    CHECK(r->committed);
    r->last_out_ms = clock_mono_ms();
    seen.keep_alives++;
}
static void side_closed(struct request *r)
{
    if (!side_of(r)->closes_later)
        request_closed(r);
}
static void side_complete(struct request *r)
{
    CHECK(!r->stream || r->committed);
    seen.completes++;
    side_closed(r);
}
static void side_fail(struct request *r, const struct api_failure *f)
{
    seen.fails++;
    seen.failure = *f;
    CHECK(f->ran || r->cost_nusd == 0);
    side_closed(r);
}
static void side_left(struct request *r)
{
    CHECK(r->outcome == ERR_CLIENT_GONE || seen.completes + seen.fails == 1); /* or before the last bytes had left */
    seen.lefts++;
}
static void side_destroy(struct request *r)
{
    struct side *s = side_of(r);

    seen.destroys++;
    seen.parts = s->parts;
    seen.last = *r;
    for (unsigned i = 0; i < MEMBERS; i++) {
        CHECK(s->member[i] == NULL || !s->member[i]->begun); /* parts end before their whole */
        free(s->member[i]);
    }
    memset(s, 0xa5, sizeof *s);
    free(s);
    side = NULL;
}
static const struct request_ops side_ops = {
    .attempt = side_attempt, .cancel = side_cancel, .account = side_account, .commit = side_commit, .hold = side_hold,
    .keep_alive = side_keep_alive, .complete = side_complete, .fail = side_fail, .left = side_left, .plan = side_plan,
    .prepare = side_prepare, .stop = side_stop, .accepts = side_accepts, .rescue = side_rescue, .destroy = side_destroy};

static struct side *make_side(bool stream)
{
    memset(&seen, 0, sizeof seen);
    memset(&fake, 0, sizeof fake);
    memset(&told, 0, sizeof told);
    memset(&stats, 0, sizeof stats);
    clock_freeze(50000000, 1700000000000);
    fake.balance = CREDIT;
    fake.snapshot.refs = 1;
    health_free(context.health);
    context = (struct request_context){.stats = &stats};
    CHECK_INT(health_new(&context.health), ERR_NONE);
    make_catalog();
    side = calloc(1, sizeof *side);
    side->given = -1;
    side->parts.model = &synth;
    side->account = (struct attempt_account){.usage = {.present = true, .prompt = 10, .completion = 4},
                                             .finish = FINISH_STOP, .delivered_bytes = 16, .forwarded = true,
                                             .status = 200};
    side->r = (struct request){.ops = &side_ops, .context = &context, .id = {{3}}, .catalog = &fake.snapshot,
                               .want = ROUTE_WANT_ANY, .received_us = clock_mono_us(),
                               .received_unix_ms = clock_unix_ms(), .prompt_bound = PROMPT, .prompt_bytes = 40,
                               .max_output = FINAL_TOKENS, .n_choices = 1, .stream = stream, .parts = &side->parts};
    side->r.want.sort = ROUTE_PRICE;
    side->r.want.n_models = FINALS;
    for (unsigned i = 0; i < FINALS; i++)
        side->r.want.models[i] = &models[MEMBERS + i];
    for (unsigned i = 0; i < MEMBERS; i++)
        make_member(side, i);
    return side;
}

/* What every end has in common: the lines are the record, and the lease has paid them. */
static void check_over(int64_t spent, unsigned records)
{
    int64_t cost = 0;
    uint64_t tokens = 0;
    unsigned finals = 0;

    CHECK(side == NULL);
    CHECK_INT(seen.destroys, 1);
    CHECK_INT(seen.completes + seen.fails, seen.last.outcome != ERR_CLIENT_GONE);
    for (size_t i = 0; i < seen.parts.n; i++) {
        cost += seen.parts.line[i].cost_nusd;
        tokens += seen.parts.line[i].usage.completion;
        finals += seen.parts.line[i].role == PART_FINAL;
        for (size_t k = 0; k < i; k++)
            CHECK(seen.parts.line[k].role != seen.parts.line[i].role || seen.parts.line[k].place != seen.parts.line[i].place);
    }
    CHECK_INT(CREDIT - fake.balance, spent);
    CHECK_INT(cost, spent);
    CHECK_INT(fake.records, records);
    if (records != 0) {
        CHECK_INT(fake.record.cost_nusd, spent);
        CHECK_INT(fake.record.tokens_completion, tokens);
        CHECK_INT(fake.record.model_no, 900);
        CHECK_INT(fake.record.first_model_no, 900);
        CHECK(fake.record.endpoint_no >= 100);
        CHECK_INT(fake.record.price_version, 3);
    }
    CHECK_INT(told.reserved, 0);
    CHECK_INT(told.told, records);
    CHECK_INT(told.cost, spent);
    CHECK_INT(told.n, records != 0 ? seen.parts.n : 0);
    CHECK_INT(told.receipts, finals); /* the other lines' are their content side's */
    CHECK_INT(counter_get(&stats.cost_nusd), spent);
    CHECK_INT(counter_get(&stats.tokens.completion), tokens);
    CHECK_INT(fake.key.refs, 0);
    CHECK_INT(fake.snapshot.refs, 0);
    CHECK(context.requests == NULL);
    CHECK_INT(counter_get(&stats.requests_open), 0);
    CHECK_INT(counter_get(&stats.parts_open), 0);
    CHECK_INT(counter_get(&stats.streams_open), 0);
    CHECK_INT(counter_get(&stats.parts), seen.part_destroys);
    clock_thaw();
}

/* --- what providers say */

static void report(struct request *r, struct attempt_result x)
{
    request_attempt_ended(r, &x, false);
}
static const struct attempt_result good = {.e = ERR_NONE, .status = 200, .retry_after_ms = -1},
                                   bad = {.e = ERR_PROVIDER_STATUS, .status = 500, .retry_after_ms = -1};

static void panel_says(struct attempt_result x)
{
    for (unsigned i = 0; i < PANEL; i++)
        report(&side->member[i]->r, x);
}
static void judge_says(unsigned i, struct attempt_result x)
{
    report(&side->member[PANEL + i]->r, x);
}
/* The whole begins, up to where its own attempt is pending. */
static struct request *until_final(bool stream)
{
    make_side(stream);
    request_begin(&side->r);
    panel_says(good);
    judge_says(0, good);
    CHECK_INT(side->r.state, REQUEST_CONNECTING);
    return &side->r;
}

/* --- the way it should go */

static void test_good(void)
{
    for (int stream = 0; stream < 2; stream++) {
        struct request *r = &make_side(stream)->r;

        request_begin(r);
        CHECK_INT(r->state, REQUEST_PREPARING);
        CHECK_INT(CREDIT - fake.balance, ALL_WORST); /* before anything runs, for all that may */
        CHECK_INT(counter_get(&stats.parts_open), PANEL);
        CHECK_INT(counter_get(&stats.requests_open), 1);
        for (unsigned i = 0; i < PANEL; i++)
            CHECK_INT(side->member[i]->r.state, REQUEST_CONNECTING);
        panel_says(good);
        CHECK_INT(side->parts.n, PANEL);
        judge_says(0, good);
        CHECK_INT(r->state, REQUEST_CONNECTING);
        if (stream)
            request_useful(r);
        CHECK_INT(seen.commits, stream);
        report(r, good);
        check_over(5 * PART_COST, 1);
        CHECK_INT(seen.parts.n, 5);
        CHECK_INT(seen.completes, 1);
        CHECK(seen.parts.line[4].role == PART_FINAL && seen.parts.line[4].chosen && !seen.parts.line[4].refused);
        CHECK_INT(fake.record.endpoint_no, seen.parts.line[4].endpoint_no);
        CHECK_INT(fake.record.flags, stream ? USAGE_STREAM : 0);
        CHECK_INT(fake.record.finish, FINISH_STOP);
        CHECK_INT(counter_get(&stats.by_status[200]), 1);
    }
}

/* Every phase, and everything that may happen in it: who is told what, and what is paid. */
enum phase { ADMITTING, PANELS, JUDGING, FINAL, BEGUN, PHASES };
enum event { LEAVES, ABORTED, DISTRUSTED, EVENTS };

static void until(enum phase phase, bool stream)
{
    make_side(stream);
    fake.cold = phase == ADMITTING;
    request_begin(&side->r);
    if (phase > PANELS)
        panel_says(good);
    if (phase > JUDGING)
        judge_says(0, good);
    if (phase == BEGUN)
        request_useful(&side->r);
}

static void test_ends_in_each_phase(void)
{
    /* A dropped part owes its prompt, and an estimate of what it has delivered: 16 bytes, 4 tokens; so does a final. */
    static const int64_t paid[PHASES] = {0, 3 * PART_COST, 4 * PART_COST, 5 * PART_COST, 5 * PART_COST};
    static const unsigned lines[PHASES] = {0, 3, 4, 5, 5};

    for (enum phase phase = ADMITTING; phase < PHASES; phase++)
        for (enum event event = LEAVES; event < EVENTS; event++) {
            bool free_final = event == ABORTED && phase == FINAL; /* we end it before it began: nobody pays */

            if (event == DISTRUSTED && (phase == FINAL || phase == BEGUN))
                continue; /* a provider that has the prompt may go on */
            until(phase, true);
            if (phase == BEGUN)
                side->account.finish = FINISH_NONE;
            if (event == LEAVES)
                request_client_gone(&side->r);
            if (event == ABORTED)
                requests_tick(&context, clock_mono_ms(), true);
            if (event == DISTRUSTED) {
                fake.trust = ERR_ATTESTATION;
                if (phase == ADMITTING)
                    answer_ask(ERR_NONE);
                else
                    requests_tick(&context, clock_mono_ms(), false);
            }
            if (event == DISTRUSTED && phase == ADMITTING) { /* the answer's own reference is given back by admission */
                CHECK_INT(seen.failure.error, API_ATTESTATION);
                CHECK_INT(fake.records, 0);
                CHECK(side == NULL);
                clock_thaw();
                continue;
            }
            check_over(paid[phase] - (free_final ? PART_COST : 0), phase != ADMITTING);
            CHECK_INT(seen.parts.n, lines[phase]);
            CHECK_INT(seen.lefts, event == LEAVES);
            if (event == ABORTED)
                CHECK_INT(seen.failure.error, API_OVERLOAD);
            if (event == DISTRUSTED)
                CHECK_INT(seen.failure.error, API_ATTESTATION);
            if (phase != ADMITTING && event == LEAVES)
                CHECK(fake.record.flags & USAGE_CLIENT_GONE);
        }
}

/* Trust that ends between the panel and the judge, or before the final: nobody else gets the prompt. */
static void test_no_more_without_trust(void)
{
    make_side(false);
    request_begin(&side->r);
    report(&side->member[0]->r, good);
    report(&side->member[1]->r, good);
    fake.trust = ERR_ATTESTATION;
    report(&side->member[2]->r, good); /* judge after judge cannot begin, then the final cannot */
    CHECK_INT(seen.attempts, 0);
    CHECK_INT(seen.failure.error, API_ATTESTATION);
    check_over(3 * PART_COST, 1);
    CHECK_INT(seen.parts.n, PANEL + JUDGES);
    CHECK_INT(seen.parts.line[PANEL].outcome, ERR_ATTESTATION);
    CHECK_INT(seen.parts.line[PANEL].endpoint_no, 0);
}

/* A client that leaves while a part's answer is as good as complete: its figures are awaited, the bill is right. */
static void test_client_waits_for_figures(void)
{
    for (int comes = 0; comes < 4; comes++) {
        struct request *r = &make_side(true)->r;

        request_begin(r);
        request_useful(&side->member[0]->r); /* a stream behind its finish */
        report(&side->member[1]->r, bad);
        side->member[2]->account.finish = FINISH_NONE;
        request_client_gone(r);
        CHECK_INT(r->state, REQUEST_LEAVING);
        CHECK_INT(side->member[0]->r.state, REQUEST_LEAVING);
        CHECK(side->member[2] == NULL); /* billed at once */
        if (comes == 0) {
            side->member[0]->account.usage.completion = 5;
            report(&side->member[0]->r, good);
        } else if (comes == 1) {
            clock_freeze(50000000 + ATTEMPT_USAGE_MS * 1000, 1700000000000);
            requests_tick(&context, clock_mono_ms(), false);
        } else if (comes == 2) {
            requests_tick(&context, clock_mono_ms(), true);
        } else {
            request_abort(r);
        }
        check_over(2 * PART_COST + (comes == 0 ? 1500 : 0), 1);
        CHECK_INT(seen.lefts, 1);
        CHECK_INT(seen.parts.n, PANEL);
        CHECK_INT(counter_get(&stats.client_gone), 1); /* not the parts */
    }
}

/* Members that fail are lines, and no more; when all do, the client is told, and nothing is paid. */
static void test_panel_fails(void)
{
    for (unsigned failing = 1; failing <= PANEL; failing++) {
        make_side(false);
        request_begin(&side->r);
        for (unsigned i = 0; i < PANEL; i++)
            report(&side->member[i]->r, i < failing ? bad : good);
        if (failing == PANEL) {
            CHECK_INT(seen.failure.error, API_PROVIDER_FAILED);
            CHECK(!seen.failure.ran);
            check_over(0, 1);
            continue;
        }
        judge_says(0, good);
        report(&side->r, good);
        check_over((PANEL - failing + 2) * PART_COST, 1);
        CHECK_INT(seen.parts.line[0].outcome, ERR_PROVIDER_STATUS);
        CHECK_INT(seen.parts.line[0].cost_nusd, 0);
        CHECK_INT(seen.parts.line[0].attempts, 1);
    }
    make_side(false); /* none of them can even start */
    for (unsigned i = 0; i < PANEL; i++)
        seen.part_fails[i] = true;
    request_begin(&side->r);
    CHECK_INT(seen.fails, 1);
    check_over(0, 1);
}

static void test_judge_fails(void)
{
    for (unsigned failing = 1; failing <= JUDGES; failing++) {
        make_side(false);
        request_begin(&side->r);
        panel_says(good);
        for (unsigned i = 0; i < failing; i++)
            judge_says(i, bad);
        if (failing < JUDGES)
            judge_says(failing, good);
        CHECK_INT(seen.attempts, 1); /* without a judge, if need be */
        report(&side->r, good);
        check_over((PANEL + 1 + (failing < JUDGES)) * PART_COST, 1);
        CHECK_INT(seen.parts.n, PANEL + failing + (failing < JUDGES) + 1);
    }
}

/* The first answer is given; those that still run are billed by what ran, with the answer's own bill. */
static void test_first(void)
{
    for (int stream = 0; stream < 2; stream++) {
        struct request *r = &make_side(stream)->r;

        side->first = side->parts.given = true;
        request_begin(r);
        CHECK_INT(CREDIT - fake.balance, MEMBERS * PART_WORST); /* no final is asked */
        report(&side->member[1]->r, bad);
        request_useful(&side->member[2]->r); /* behind its finish: its figures would come, but nobody waits */
        side->member[2]->account.usage.present = false;
        side->member[2]->account.usage.prompt = side->member[2]->account.usage.completion = 0;
        report(&side->member[0]->r, good);
        check_over(2 * PART_COST, 1);
        CHECK_INT(seen.completes, 1);
        CHECK_INT(seen.commits, stream);
        CHECK_INT(seen.attempts, 0);
        CHECK_INT(seen.parts.n, PANEL);
        CHECK_INT(fake.record.attempts, 0);
        CHECK_INT(fake.record.endpoint_no, infos[0][0].no);
        CHECK_INT(fake.record.http_status, 200);
        CHECK_INT(fake.record.finish, FINISH_STOP);
        CHECK(fake.record.flags & USAGE_ESTIMATED); /* the dropped one's */
        CHECK_INT(seen.parts.line[1].cost_nusd, PART_COST);
        CHECK(seen.parts.line[1].role == PART_PANEL || seen.parts.line[2].role == PART_PANEL);
    }
}

/* A final that is no answer is paid for, is no ill health, and the next model is asked, not the next provider. */
static void test_final_refused(void)
{
    for (unsigned refused = 1; refused <= FINALS; refused++)
        for (int rescue = 0; rescue < 2; rescue++) {
            struct request *r = until_final(false);
            struct health_view h;

            side->refuses = (uint8_t)refused;
            side->rescues = rescue;
            for (unsigned i = 0; i < refused; i++) {
                CHECK(r->attempts.candidate.model == &models[MEMBERS + i]);
                report(r, good);
            }
            health_read(context.health, 2 * MEMBERS, HEALTH_NOBODY, clock_mono_ms(), &h);
            CHECK_INT(h.state, HEALTH_GOOD);
            if (refused < FINALS) {
                CHECK_INT(seen.attempts, 2);
                CHECK_INT(r->admission.amount_nusd, ALL_WORST);
                report(r, good);
                check_over(6 * PART_COST, 1);
                CHECK_INT(fake.record.endpoint_no, infos[MEMBERS + 1][0].no);
            } else {
                CHECK_INT(seen.rescues, 1);
                CHECK_INT(seen.completes, rescue);
                CHECK_INT(seen.fails, !rescue);
                check_over(6 * PART_COST, 1);
                if (rescue)
                    CHECK_INT(fake.record.endpoint_no, infos[0][0].no);
                else
                    CHECK(seen.failure.error == API_PROVIDER_FAILED && seen.failure.ran &&
                          strstr(seen.failure.message, "refused") != NULL);
            }
            CHECK_INT(seen.parts.line[4].role, PART_FINAL);
            CHECK(seen.parts.line[4].refused && !seen.parts.line[4].chosen);
            CHECK_INT(seen.parts.line[4].cost_nusd, PART_COST);
        }
}

/* The last of all lines is a refusal, too. */
static void test_all_lines(void)
{
    struct request *r = until_final(false);

    while (side->parts.n < PARTS_MAX - FINALS) { /* as of judges that could not begin */
        uint8_t place = (uint8_t)(JUDGES + side->parts.n);

        parts_add(&side->parts, &(struct part_line){.role = PART_JUDGE, .place = place, .outcome = ERR_FORBIDDEN});
    }
    side->refuses = FINALS;
    report(r, good);
    report(r, good);
    CHECK_INT(seen.rescues, 1);
    CHECK_INT(seen.fails, 1);
    check_over(6 * PART_COST, 1);
    CHECK_INT(seen.parts.n, PARTS_MAX);
}

/* An empty stream is not begun, so that the next model can be asked. */
static void test_final_empty_stream(void)
{
    struct request *r = until_final(true);

    side->refuses = 1;
    side->account.delivered_bytes = 0;
    request_useful(r); /* a finish alone */
    CHECK_INT(seen.commits, 0);
    request_attempt_ended(r, &good, true); /* its tail is cut */
    CHECK_INT(seen.cancels, 1);
    CHECK_INT(seen.attempts, 2);
    side->account.delivered_bytes = 16;
    request_useful(r);
    CHECK_INT(seen.commits, 1);
    report(r, good);
    check_over(6 * PART_COST, 1);
    CHECK(!seen.parts.line[4].refused); /* empty */

    r = until_final(true); /* an answer all the same: a call without arguments */
    side->account.delivered_bytes = 0;
    request_useful(r);
    report(r, good);
    CHECK_INT(seen.commits, 1);
    CHECK_INT(seen.completes, 1);
    check_over(5 * PART_COST, 1);
}

/* Finals that fail before their first byte: provider after provider, model after model, then the rescue. */
static void test_final_fails(void)
{
    static const struct attempt_result blamed = {.e = ERR_PROVIDER_STATUS, .status = 400, .client_fault = true,
                                                 .invalid_request = true, .retry_after_ms = -1},
                                       ours = {.e = ERR_MEMORY, .retry_after_ms = -1},
                                       large = {.e = ERR_PROVIDER_LARGE, .status = 200, .retry_after_ms = -1};
    static const struct {
        const struct attempt_result *x;
        unsigned attempts, charged;
        enum api_error error;
    } rows[] = {{&bad, 4, 0, API_PROVIDER_FAILED},
                {&blamed, 4, 0, API_BAD_REQUEST},
                {&ours, 1, 0, API_OVERLOAD},
                {&large, 2, 2, API_PROVIDER_FAILED}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int rescue = 0; rescue < 2; rescue++) {
            struct request *r = until_final(false);

            side->rescues = rescue;
            for (unsigned n = 1; side != NULL; n++) {
                CHECK_INT(seen.attempts, n);
                report(r, *rows[i].x);
            }
            CHECK_INT(seen.attempts, rows[i].attempts);
            CHECK_INT(seen.completes, rescue);
            if (!rescue)
                CHECK_INT(seen.failure.error, rows[i].error);
            check_over((4 + (int)rows[i].charged) * PART_COST, 1);
            CHECK_INT(seen.parts.n, 4 + (rows[i].charged != 0 ? rows[i].charged : 1));
            CHECK_INT(seen.parts.line[4].outcome, rows[i].x->e);
            CHECK_INT(seen.parts.line[4].cost_nusd, rows[i].charged != 0 ? PART_COST : 0);
        }
}

/* Behind the first byte there is no way back, and no rescue. */
static void test_final_breaks(void)
{
    struct request *r = until_final(true);

    side->rescues = true;
    request_useful(r);
    report(r, (struct attempt_result){.e = ERR_PROVIDER_TRUNCATED, .status = 200, .retry_after_ms = -1});
    CHECK_INT(seen.rescues, 0);
    CHECK_INT(seen.failure.error, API_PROVIDER_CUT);
    check_over(5 * PART_COST, 1);
    CHECK(seen.parts.line[4].chosen);
    CHECK_INT(seen.parts.line[4].outcome, ERR_PROVIDER_TRUNCATED);
}

/* --- admission */

/* 402 before anything runs. What would fit is what is left of the parts' share. */
static void test_no_credit(void)
{
    static const struct {
        int64_t available;
        uint32_t fits;
    } rows[] = {{ALL_WORST - 1, FINAL_TOKENS - 1},
                {ALL_WORST - FINALS * 10 * 2500, FINAL_TOKENS - 10},
                {MEMBERS * PART_WORST, 0},
                {100, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_side(false);
        fake.available = rows[i].available;
        request_begin(&side->r);
        answer_ask(ERR_CREDIT);
        CHECK_INT(seen.failure.error, API_NO_CREDIT);
        CHECK(seen.failure.has_max_tokens);
        CHECK_INT(seen.failure.max_tokens, rows[i].fits);
        CHECK_INT(counter_get(&stats.attempts), 0);
        check_over(0, 0);
    }
    make_side(false); /* exactly enough */
    fake.available = ALL_WORST;
    request_begin(&side->r);
    CHECK_INT(side->r.state, REQUEST_PREPARING);
    request_client_gone(&side->r);
    fake.available = 0;
    check_over(3 * PART_COST, 1);
}

/* One account cannot take every place of a worker: those of others, requests without parts and those that are not admitted
 * do not count. */
static void test_of_one_account(void)
{
    for (unsigned n = WHOLES_OF_ONE_MAX - 1; n <= WHOLES_OF_ONE_MAX; n++) {
        struct request *others = calloc(n + 2, sizeof *others);

        make_side(false);
        fake.available = ALL_WORST;
        for (unsigned i = 0; i < n + 2; i++) {
            others[i].parts = i == n ? NULL : &side->parts;
            others[i].admission.key = i == n + 1 ? NULL : (struct key *)&fake.key;
            others[i].next = i == n + 1 ? NULL : &others[i + 1];
        }
        context.requests = others;
        request_begin(&side->r);
        if (n == WHOLES_OF_ONE_MAX) {
            CHECK_INT(seen.failure.error, API_OVERLOAD);
            CHECK_INT(counter_get(&stats.attempts), 0);
        } else {
            CHECK_INT(side->r.state, REQUEST_PREPARING);
            request_client_gone(&side->r);
        }
        CHECK(context.requests == others);
        context.requests = NULL;
        fake.available = 0;
        check_over(n == WHOLES_OF_ONE_MAX ? 0 : 3 * PART_COST, n != WHOLES_OF_ONE_MAX);
        free(others);
    }
}

/* The key's rules bind each part; those of a cold key are learnt with it, and all is planned again. */
static void test_rules(void)
{
    for (int cold = 0; cold < 2; cold++) {
        make_side(false);
        fake.cold = cold;
        fake.rules = (struct key_rules){.set = KEY_RULE_MODELS, .n_models = 4, .models = {10, 12, 13, 10 + MEMBERS}};
        fake.rules_generation = 2;
        request_begin(&side->r);
        CHECK_INT(seen.plans, 1);
        if (cold) {
            answer_ask(ERR_NONE);
            CHECK_INT(seen.plans, 2);
            CHECK_INT(fake.unreserved, 1); /* of the first admission */
        }
        CHECK_INT(side->r.admission.amount_nusd, 3 * PART_WORST + FINAL_WORST);
        CHECK(side->member[0]->begun && !side->member[1]->begun && side->member[2]->begun);
        report(&side->member[0]->r, good);
        report(&side->member[2]->r, good);
        judge_says(0, good);
        CHECK_INT(side->r.attempts.route.n, 2);
        report(&side->r, good);
        check_over(4 * PART_COST, 1);
    }
    make_side(false); /* nobody is left: no part is asked, nothing is reserved */
    fake.rules = (struct key_rules){.set = KEY_RULE_MODELS, .n_models = 1, .models = {10 + MEMBERS}};
    fake.rules_generation = 2;
    request_begin(&side->r);
    CHECK_INT(seen.failure.error, API_MODEL_NOT_ALLOWED);
    check_over(0, 0);
}

/* One model's providers would fill the route: each model has its share of it, and its own providers before the next model's. */
static void test_route_of_many_providers(void)
{
    enum { MANY = 12 };
    static struct catalog_endpoint many_infos[MANY];
    static struct route_endpoint many[MANY];

    for (int keys = 0; keys < 2; keys++) {
        struct request *r = &make_side(false)->r;
        const struct route *route = &r->attempts.route;

        for (uint32_t i = 0; i < MANY; i++) {
            many_infos[i] = infos[MEMBERS][0];
            many_infos[i].no = 500 + i;
            many[i] = (struct route_endpoint){&many_infos[i], &provider, 40 + i};
        }
        models[MEMBERS].endpoints = many;
        models[MEMBERS].n_endpoints = MANY;
        if (keys) {
            fake.rules = (struct key_rules){.set = KEY_RULE_MODELS, .n_models = 1, .models = {90}}; /* all, but by rule */
            fake.rules_generation = 2;
        }
        request_begin(r);
        CHECK_INT(route->n, LIMIT_CANDIDATES);
        for (size_t i = 0; i < route->n; i++)
            CHECK(route->list[i].model == &models[MEMBERS + (i >= LIMIT_CANDIDATES - 2)]);
        CHECK_INT(r->admission.amount_nusd, MEMBERS * PART_WORST + PROMPT * 500 + FINAL_TOKENS * 1500 + 1 + FINAL_WORST);
        panel_says(good);
        judge_says(0, good);
        side->refuses = 1;
        report(r, good);
        CHECK(r->attempts.candidate.model == &models[MEMBERS + 1]);
        report(r, good);
        check_over(6 * PART_COST, 1);
        make_catalog();
    }
}

static struct own_store *own;

/* Parts on the account's own key: each pays its fee, the record has what all would have cost. */
static void test_own_keys(void)
{
    const struct id account = {{2}};
    struct own_keys *k;
    const int64_t fee = (PART_COST + 9) / 10;

    for (int cold = 0; cold < 2; cold++) {
        make_side(false);
        if (own == NULL)
            CHECK_INT(own_store_new(&own), ERR_NONE);
        own_store_clear(own);
        context.own = own;
        fake.own_version = 5;
        fake.cold = cold;
        CHECK_INT(own_keys_new(&account, 1, &k), ERR_NONE);
        k->version = 5;
        k->fee_ppm = 100000;
        k->list[0].state = OWN_KEY_READY;
        k->list[0].flags = OWN_KEY_ALWAYS;
        own_store_put(own, k);
        request_begin(&side->r);
        if (cold) { /* planned and reserved without them: once more */
            CHECK_INT(CREDIT - fake.balance, 0);
            answer_ask(ERR_NONE);
        }
        CHECK_INT(seen.plans, 1 + cold);
        CHECK_INT(side->member[0]->r.attempts.candidate.own, 1);
        own_store_clear(own); /* the whole's reference holds them for all */
        panel_says(good);
        judge_says(0, good);
        report(&side->r, good);
        check_over(5 * fee, 1);
        CHECK_INT(fake.record.own_cost, 5 * PART_COST / USAGE_OWN_COST_NUSD);
        CHECK(fake.record.flags & USAGE_BYOK);
    }
}

static void own_only_parts(void)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        infos[i][0].own_only = true;
        infos[i][0].weight = 0;
    }
}

/* Endpoints that only own keys can use, and a key that is not known yet: the panel is planned once more with its account's
 * keys. Without any the request ends as for a known key, and no part of it has run. */
static void test_own_keys_alone(void)
{
    enum { COLD, COLD_WITHOUT, KNOWN_WITHOUT, WAYS };
    const struct id account = {{2}};
    struct own_keys *k;

    for (int way = 0; way < WAYS; way++) {
        make_side(false);
        own_only_parts();
        if (own == NULL)
            CHECK_INT(own_store_new(&own), ERR_NONE);
        own_store_clear(own);
        context.own = own;
        fake.cold = way != KNOWN_WITHOUT;
        if (way == COLD) {
            fake.own_version = 5;
            CHECK_INT(own_keys_new(&account, 1, &k), ERR_NONE);
            k->version = 5;
            k->fee_ppm = 100000;
            k->list[0].state = OWN_KEY_READY;
            own_store_put(own, k);
        }
        request_begin(&side->r);
        if (way != KNOWN_WITHOUT) {
            CHECK_INT(CREDIT - fake.balance, 0);
            answer_ask(ERR_NONE);
        }
        CHECK_INT(seen.plans, way == KNOWN_WITHOUT ? 1 : 2);
        if (way == COLD) {
            CHECK_INT(side->r.state, REQUEST_PREPARING);
            request_client_gone(&side->r);
            check_over(PANEL * ((PART_COST + 9) / 10), 1);
        } else {
            CHECK_INT(seen.failure.error, API_NO_PROVIDER);
            check_over(0, 0);
        }
        own_store_clear(own);
    }
    make_side(false); /* a key that is none is told so */
    own_only_parts();
    fake.cold = true;
    request_begin(&side->r);
    answer_ask(ERR_NOT_FOUND);
    CHECK_INT(seen.failure.error, API_BAD_KEY);
    check_over(0, 0);
    make_catalog();
}

/* What own keys would have cost is bounded by nothing: figures without sense at prices without sense end nobody's process. */
static void test_own_keys_without_sense(void)
{
    const struct id account = {{2}};
    struct own_keys *k;

    make_side(false);
    if (own == NULL)
        CHECK_INT(own_store_new(&own), ERR_NONE);
    own_store_clear(own);
    context.own = own;
    fake.own_version = 5;
    CHECK_INT(own_keys_new(&account, 1, &k), ERR_NONE);
    k->version = 5;
    k->list[0].state = OWN_KEY_READY;
    k->list[0].flags = OWN_KEY_ALWAYS;
    own_store_put(own, k);
    for (size_t i = 0; i < PANEL; i++)
        infos[i][0].price.prompt_pusd = INT64_C(1000000000000000);
    request_begin(&side->r);
    for (unsigned i = 0; i < PANEL; i++)
        side->member[i]->account.usage.prompt = LIMIT_TOKENS_ABSURD;
    panel_says(good);
    judge_says(0, good);
    report(&side->r, good);
    check_over(0, 1);
    CHECK_INT(fake.record.own_cost, UINT32_MAX);
    own_store_clear(own);
    make_catalog();
}

/* --- bounds of money */

/* A part that says more than it can have used pays its share at most, and the others' shares stay theirs. */
static void test_shares(void)
{
    make_side(false);
    request_begin(&side->r);
    for (unsigned i = 0; i < PANEL; i++) {
        side->member[i]->account.usage.completion = 1000000;
        fake.available = 1; /* the lease holds no more */
    }
    panel_says(good);
    CHECK_INT(side->parts.cost_nusd, PANEL * (10 * 500 + PANEL_TOKENS * 1500)); /* the limit it was given */
    CHECK(side->parts.line[0].flags & USAGE_CLAMPED);
    side->member[PANEL]->account.usage.prompt = 1000000;
    judge_says(0, good);
    CHECK_INT(side->parts.line[PANEL].cost_nusd, PROMPT * 500 + 4 * 1500); /* what its prompt can have had */
    side->account.usage = (struct token_usage){.present = true, .prompt = 500, .completion = 100};
    side->refuses = 1;
    report(&side->r, good);
    CHECK_INT(side->parts.line[PANEL + 1].cost_nusd, PROMPT * 500 + 100 * 1500); /* the others' shares stay theirs, too */
    side->account.usage = (struct token_usage){.present = true, .prompt = 10, .completion = 4};
    report(&side->r, good);
    CHECK_INT(seen.parts.line[PANEL + 2].cost_nusd, PART_COST);
    fake.available = 0;
    check_over(PANEL * (10 * 500 + PANEL_TOKENS * 1500) + PROMPT * 500 + 4 * 1500 + PROMPT * 500 + 100 * 1500 + PART_COST, 1);
    CHECK(fake.record.flags & USAGE_CLAMPED);
}

/* --- a client that waits */

/* The panel thinks for long: the stream's head leaves, and comments behind it. */
static void test_silence(void)
{
    struct request *r = &make_side(true)->r;
    uint64_t t = clock_mono_ms();

    request_begin(r);
    requests_tick(&context, t + REQUEST_HOLD_MS - 1, false);
    CHECK_INT(seen.commits, 0);
    clock_freeze((t + REQUEST_HOLD_MS) * 1000, 1700000000000);
    requests_tick(&context, clock_mono_ms(), false);
    CHECK_INT(seen.commits, 1);
    CHECK_INT(seen.keep_alives, 1);
    requests_tick(&context, clock_mono_ms() + REQUEST_SILENCE_MS, false);
    CHECK_INT(seen.keep_alives, 2);
    panel_says(good);
    judge_says(0, good);
    request_useful(r);
    CHECK_INT(seen.commits, 1);
    report(r, good);
    check_over(5 * PART_COST, 1);

    r = &make_side(false)->r; /* a whole answer has no head to send early */
    request_begin(r);
    requests_tick(&context, clock_mono_ms() + 10 * REQUEST_HOLD_MS, false);
    CHECK_INT(seen.commits + seen.keep_alives, 0);
    request_client_gone(r);
    check_over(3 * PART_COST, 1);
}

/* A part's tail is read behind its bill; its whole, answered meanwhile, stays for it, at most a second. */
static void test_tail(void)
{
    struct request *r = &make_side(false)->r;
    struct request *part;

    side->first = true;
    request_begin(r);
    part = &side->member[0]->r;
    request_attempt_ended(part, &good, true);
    CHECK_INT(seen.completes, 1);
    CHECK_INT(fake.records, 1);
    CHECK_INT(seen.destroys, 0);
    CHECK_INT(r->state, REQUEST_SETTLING);
    CHECK_INT(counter_get(&stats.parts_open), 1);
    requests_tick(&context, clock_mono_ms() + ATTEMPT_END_MS, false);
    check_over(3 * PART_COST, 1);
}

/* --- random orders */

static uint64_t rng;

static uint32_t draw(uint32_t n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 33) % n;
}

static struct attempt_result draw_result(void)
{
    static const struct attempt_result list[] = {
        {.e = ERR_NONE, .status = 200, .retry_after_ms = -1},
        {.e = ERR_NONE, .status = 200, .retry_after_ms = -1},
        {.e = ERR_PROVIDER_STATUS, .status = 500, .retry_after_ms = -1},
        {.e = ERR_PROVIDER_STATUS, .status = 429, .retry_after_ms = 100},
        {.e = ERR_CONNECT, .retry_after_ms = -1},
        {.e = ERR_PROVIDER_LARGE, .status = 200, .retry_after_ms = -1},
        {.e = ERR_MEMORY, .retry_after_ms = -1},
    };

    return list[draw(sizeof list / sizeof list[0])];
}

static void draw_account(struct attempt_account *a)
{
    *a = (struct attempt_account){.forwarded = draw(4) != 0, .status = draw(3) != 0 ? 200 : 0};
    if (a->status == 0)
        return;
    a->delivered_bytes = draw(2) * draw(5000);
    a->waiting_bytes = draw(2) * draw(100);
    a->finish = draw(2) ? FINISH_STOP : FINISH_NONE;
    a->usage = (struct token_usage){.present = draw(3) != 0};
    if (a->usage.present) {
        a->usage.prompt = draw(200);
        a->usage.completion = draw(300);
    }
}

/* Something that the provider of r's pending attempt may do. */
static void draw_upstream(struct request *r, struct attempt_account *a)
{
    struct attempt_result x = draw_result();

    if (r->state == REQUEST_SETTLING) {
        request_upstream_closed(r);
        return;
    }
    draw_account(a);
    switch (draw(4)) {
    case 0:
        if (r->stream && a->status == 200)
            request_useful(r);
        break;
    case 1:
        if (r->state == REQUEST_STREAMING)
            request_progress(r);
        break;
    default:
        if (x.e == ERR_NONE && r->state == REQUEST_CONNECTING && r->stream)
            request_useful(r);
        request_attempt_ended(r, &x, x.e == ERR_NONE && draw(3) == 0);
    }
}

static void draw_step(void)
{
    struct side *s = side;
    unsigned i = draw(MEMBERS + 1);
    static uint64_t us;

    switch (draw(60)) {
    case 0:
        if (!s->r.closed && s->r.state != REQUEST_LEAVING)
            request_client_gone(&s->r);
        return;
    case 1:
        requests_tick(&context, clock_mono_ms(), true);
        return;
    case 2:
        fake.trust = ERR_ATTESTATION;
        return;
    case 3:
    case 4:
    case 5:
        us = clock_mono_us() + draw(6000000);
        clock_freeze(us, 1700000000000);
        requests_tick(&context, clock_mono_ms(), false);
        return;
    case 6:
        if (s->r.state == REQUEST_SETTLING && !s->r.closed)
            request_closed(&s->r);
        return;
    case 7:
        if (i < MEMBERS && s->member[i] != NULL && s->member[i]->begun && !s->reported)
            part_drop(&s->member[i]->r);
        return;
    default:
        break;
    }
    if (fake.ask_cb != NULL)
        answer_ask(draw(8) == 0 ? ERR_CONTROL_PLANE : ERR_NONE);
    else if (i == MEMBERS && s->r.upstream)
        draw_upstream(&s->r, &s->account);
    else if (i < MEMBERS && s->member[i] != NULL && s->member[i]->begun && s->member[i]->r.upstream)
        draw_upstream(&s->member[i]->r, &s->member[i]->account);
}

static void say_later(void *cookie)
{
    (void)cookie;
}

static void test_random_orders(void)
{
    enum { SEEDS = 1500, STEPS = 2000 };
    unsigned completes = 0, fails = 0, lefts = 0, rescues = 0;

    log_gather(say_later, NULL); /* their lines leave in batches */
    for (uint64_t seed = 1; seed <= SEEDS && check_failed_ == 0; seed++) {
        unsigned steps = 0;
        int64_t reserved;

        rng = seed * UINT64_C(0x9e3779b97f4a7c15);
        make_side(draw(2));
        side->first = draw(3) == 0;
        side->closes_later = draw(2);
        side->refuses = (uint8_t)(draw(2) * draw(3));
        side->rescues = draw(2);
        fake.cold = draw(4) == 0;
        for (unsigned i = 0; i < MEMBERS; i++)
            seen.part_fails[i] = draw(12) == 0;
        for (unsigned i = 0; i < FINALS; i++) /* the money of the real world is not round */
            infos[MEMBERS + i][0].price.completion_pusd += draw(1000);
        request_begin(&side->r);
        while (side != NULL && steps++ < STEPS)
            draw_step();
        if (side != NULL) { /* the last word */
            request_abort(&side->r);
            requests_tick(&context, clock_mono_ms(), true);
            if (side != NULL && !side->r.closed)
                request_closed(&side->r);
        }
        reserved = CREDIT - fake.balance;
        check_over(reserved, fake.records);
        CHECK(fake.records <= 1 && seen.plans >= 1);
        completes += seen.completes;
        fails += seen.fails;
        lefts += seen.lefts;
        rescues += seen.rescues;
        if (check_failed_ != 0)
            printf("# seed %llu\n", (unsigned long long)seed);
    }
    log_gather_end();
    CHECK(completes > SEEDS / 20 && fails > SEEDS / 20 && lefts > SEEDS / 20 && rescues > SEEDS / 100); /* all of it was tried */
}

static const struct check_case cases[] = {
    {"part_good", test_good},
    {"part_ends_in_each_phase", test_ends_in_each_phase},
    {"part_no_more_without_trust", test_no_more_without_trust},
    {"part_client_waits_for_figures", test_client_waits_for_figures},
    {"part_panel_fails", test_panel_fails},
    {"part_judge_fails", test_judge_fails},
    {"part_first", test_first},
    {"part_final_refused", test_final_refused},
    {"part_all_lines", test_all_lines},
    {"part_final_empty_stream", test_final_empty_stream},
    {"part_final_fails", test_final_fails},
    {"part_final_breaks", test_final_breaks},
    {"part_no_credit", test_no_credit},     {"part_of_one_account", test_of_one_account},
    {"part_rules", test_rules},
    {"part_route_of_many_providers", test_route_of_many_providers},
    {"part_own_keys", test_own_keys},
    {"part_own_keys_alone", test_own_keys_alone},
    {"part_own_keys_without_sense", test_own_keys_without_sense},
    {"part_shares", test_shares},
    {"part_silence", test_silence},
    {"part_tail", test_tail},
    {"part_random_orders", test_random_orders},
};
CHECK_MAIN(cases)
