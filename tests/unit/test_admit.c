/* Admission is where money is guarded: nothing goes upstream that is not reserved, nothing reserved
 * is lost, and a control plane that is away must give 503, never 401 or a free ride. The keyring,
 * the meter and the link are fakes that follow a script. */
#include "admit.c"

#include "check.h"

struct key {
    int refs;
};
struct ask {
    bool live;
};

static struct {
    enum err trust, find, reserve, grow;
    unsigned asks, asks_more, hints, unreserved, parts_unreserved, readies;
    int64_t balance; /* what the fake lease still holds */
    int64_t tokens, asked;
    unsigned forgone;
    bool meter_full, parts_full, wants_more, ask_fails;
    struct key key;
    struct ask ask;
    uplink_ask_cb *cb;
    void *cookie;
} fake;

enum err keyring_find(struct keyring *k, const struct digest32 *d, uint64_t ms, struct key **out)
{
    (void)k, (void)d, (void)ms;
    if (fake.find == ERR_NONE) {
        fake.key.refs++;
        *out = &fake.key;
    }
    return fake.find;
}
void key_forgo(struct key *k)
{
    (void)k;
    fake.forgone++;
}
void key_release(struct key *k)
{
    k->refs--;
}
enum err key_reserve(struct key *k, int64_t amount, uint64_t ms, struct id *lease, uint32_t *retry)
{
    (void)k, (void)ms;
    if (fake.reserve == ERR_NONE) {
        fake.balance -= amount;
        *lease = (struct id){{7}};
    }
    if (fake.reserve == ERR_RATE)
        *retry = 1234;
    return fake.reserve;
}
enum err key_grow(struct key *k, const struct id *lease, int64_t more, uint64_t ms)
{
    (void)k, (void)ms;
    CHECK_INT(lease->b[0], 7);
    if (fake.grow == ERR_NONE)
        fake.balance -= more;
    return fake.grow;
}
void key_settle(struct key *k, const struct id *lease, int64_t amount, int64_t cost)
{
    (void)k;
    CHECK_INT(lease->b[0], 7);
    CHECK(cost >= 0 && cost <= amount);
    fake.balance += amount - cost;
}
bool key_wants_more(struct key *k, uint64_t ms)
{
    (void)k, (void)ms;
    return fake.wants_more;
}
void key_count_tokens(struct key *k, uint64_t tokens, uint64_t ms)
{
    (void)k, (void)ms;
    fake.tokens += (int64_t)tokens;
}
/* What is left tells when it was looked at. */
void key_rates(const struct key *k, uint64_t ms, struct key_rates *out)
{
    (void)k, (void)ms;
    *out = (struct key_rates){.tokens = {1000, 1000 - (uint32_t)fake.tokens, 0}};
}
bool meter_reserve(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    return !fake.meter_full;
}
void meter_unreserve(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    fake.unreserved++;
}
bool meter_reserve_parts(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    return !fake.parts_full;
}
void meter_unreserve_parts(struct meter *m, unsigned worker)
{
    (void)m, (void)worker;
    fake.parts_unreserved++;
}
enum err uplink_trust(const struct uplink *u)
{
    (void)u;
    return fake.trust;
}
static enum err ask(int64_t amount, uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    CHECK(amount >= 0);
    if (fake.ask_fails)
        return ERR_OVERLOAD;
    fake.asked = amount;
    fake.cb = cb;
    fake.cookie = cookie;
    fake.ask.live = true;
    *out = &fake.ask;
    return ERR_NONE;
}
enum err uplink_ask(struct uplink_port *p, const struct digest32 *d, int64_t amount,
                    uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    (void)p;
    CHECK_INT(d->b[0], 1);
    fake.asks++;
    return ask(amount, cb, cookie, out);
}
enum err uplink_ask_more(struct uplink_port *p, struct key *k, const struct id *lease, int64_t more,
                         uplink_ask_cb *cb, void *cookie, struct ask **out)
{
    (void)p;
    CHECK(k == &fake.key && lease->b[0] == 7);
    fake.asks_more++;
    return ask(more, cb, cookie, out);
}
void uplink_hint_lease(struct uplink_port *p, struct key *k)
{
    (void)p, (void)k;
    fake.hints++;
}
void ask_cancel(struct ask *a)
{
    CHECK(a->live);
    a->live = false;
}

static const struct admit_context context;
static struct admission a;

static void ready(void *cookie)
{
    CHECK(cookie == &a);
    fake.readies++;
}

static void begin(int64_t amount)
{
    struct digest32 who = {{1}};

    admit_init(&a, &context, &who, amount, ready, &a);
}

static void reset(void)
{
    memset(&fake, 0, sizeof fake);
    fake.balance = 1000;
}

/* What the link does when the request's turn comes: reserve for it, or say why not. */
static void answer(enum err e, uint32_t retry_ms, int64_t most)
{
    struct ask_answer a_ = {.e = e, .retry_ms = retry_ms, .most_nusd = most};

    fake.ask.live = false;
    if (e == ERR_NONE) {
        fake.key.refs++;
        fake.balance -= fake.asked;
        a_.key = &fake.key;
        a_.lease.b[0] = 7;
    }
    fake.cb(fake.cookie, &a_);
}

/* The warm way: one step, no question. */
static void test_warm(void)
{
    reset();
    begin(400);
    CHECK_INT(admit_step(&a), ADMIT_YES);
    CHECK_INT(fake.balance, 600);
    CHECK_INT(fake.asks + fake.hints, 0);
    admit_settle(&a, 150, 42);
    CHECK_INT(fake.balance, 850);
    CHECK_INT(fake.tokens, 42);
    CHECK_INT(fake.key.refs, 0);
    admit_release(&a); /* harmless */
    CHECK_INT(fake.balance, 850);
    CHECK_INT(fake.unreserved, 0);
}

/* What is told of the limits: of a running request now, of a settled one as it was settled, of a refused one what its
 * key still has, and nothing when there is no key. */
static void test_rates(void)
{
    static const struct admission never; /* refused before admission */
    struct digest32 who = {{1}};
    struct key_rates r;

    reset();
    begin(400);
    CHECK_INT(admit_step(&a), ADMIT_YES);
    admit_rates(&a, &context, &who, &r);
    CHECK_INT(r.tokens.remaining, 1000);
    admit_settle(&a, 150, 42); /* its own tokens are counted */
    fake.tokens = 500;         /* others' come later */
    fake.find = ERR_FORBIDDEN;
    admit_rates(&a, &context, &who, &r);
    CHECK_INT(r.tokens.remaining, 958);
    admit_rates(&never, &context, &who, &r);
    CHECK_INT(r.tokens.limit, 0);
    fake.find = ERR_NONE;
    admit_rates(&never, &context, &who, &r);
    CHECK_INT(r.tokens.remaining, 500);
    fake.reserve = ERR_RATE;
    begin(400);
    CHECK_INT(admit_step(&a), ADMIT_NO);
    admit_rates(&a, &context, &who, &r);
    CHECK_INT(r.tokens.remaining, 500);
    CHECK_INT(fake.key.refs, 0);
}

static void test_release_gives_all_back(void)
{
    reset();
    fake.wants_more = true;
    begin(400);
    CHECK_INT(admit_step(&a), ADMIT_YES);
    CHECK_INT(fake.hints, 1); /* in the background */
    admit_release(&a);
    CHECK_INT(fake.balance, 1000);
    CHECK_INT(fake.unreserved, 1);
    CHECK_INT(fake.key.refs, 0);
    admit_release(&a);
    CHECK_INT(fake.unreserved, 1);
}

static void test_refusals(void)
{
    static const struct {
        enum err trust, find, reserve, why;
    } cases[] = {
        {ERR_ATTESTATION, ERR_NONE, ERR_NONE, ERR_ATTESTATION},
        {ERR_NONE, ERR_AUTH, ERR_NONE, ERR_AUTH},
        {ERR_NONE, ERR_FORBIDDEN, ERR_NONE, ERR_FORBIDDEN},
        {ERR_NONE, ERR_CREDIT, ERR_NONE, ERR_CREDIT},
        {ERR_NONE, ERR_KEY_LIMIT, ERR_NONE, ERR_KEY_LIMIT},
        {ERR_NONE, ERR_NONE, ERR_RATE, ERR_RATE},
        {ERR_NONE, ERR_NONE, ERR_AUTH, ERR_AUTH}, /* revoked meanwhile */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        fake.trust = cases[i].trust;
        fake.find = cases[i].find;
        fake.reserve = cases[i].reserve;
        begin(10);
        CHECK_INT(admit_step(&a), ADMIT_NO);
        CHECK_INT(a.why, cases[i].why);
        CHECK_INT(a.retry_ms, cases[i].why == ERR_RATE ? 1234 : 0);
        admit_release(&a);
        CHECK_INT(fake.key.refs, 0);
        CHECK_INT(fake.balance, 1000);
    }
    reset();
    fake.meter_full = true; /* what cannot be metered is not served */
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_NO);
    CHECK_INT(a.why, ERR_OVERLOAD);
    CHECK_INT(fake.balance, 1000);
    admit_release(&a);
    CHECK_INT(fake.unreserved, 0);
}

/* An orchestration needs places for its parts, too; what was reserved for it goes back when it is refused or gives up. */
static void test_parts(void)
{
    reset();
    fake.parts_full = true;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_YES); /* another request does not */
    admit_release(&a);
    CHECK(fake.unreserved == 1 && fake.parts_unreserved == 0);
    begin(10);
    a.parts = true;
    CHECK_INT(admit_step(&a), ADMIT_NO);
    CHECK_INT(a.why, ERR_OVERLOAD);
    CHECK_INT(fake.balance, 1000);
    CHECK(fake.unreserved == 2 && fake.parts_unreserved == 0);
    admit_release(&a);
    fake.parts_full = false;
    begin(10);
    a.parts = true;
    CHECK_INT(admit_step(&a), ADMIT_YES);
    admit_release(&a);
    CHECK(fake.unreserved == 3 && fake.parts_unreserved == 1);
    CHECK_INT(fake.balance, 1000);
}

/* Unknown, ended, short: the request waits at the link and takes what that answers. */
static void test_asks(void)
{
    static const struct {
        enum err find, reserve; /* why it asks */
        enum err answer;
        enum admit_answer want;
        uint32_t retry_ms;
    } cases[] = {
        {ERR_NOT_FOUND, ERR_NONE, ERR_NONE, ADMIT_YES, 0},
        {ERR_NONE, ERR_CREDIT, ERR_NONE, ADMIT_YES, 0},
        {ERR_NONE, ERR_CONTROL_PLANE, ERR_NONE, ADMIT_YES, 0},
        {ERR_NONE, ERR_CREDIT, ERR_CREDIT, ADMIT_NO, 0},
        {ERR_NONE, ERR_CREDIT, ERR_KEY_LIMIT, ADMIT_NO, 0},
        {ERR_NONE, ERR_CREDIT, ERR_LENT, ADMIT_NO, ADMIT_LENT_RETRY_MS},
        {ERR_NONE, ERR_CREDIT, ERR_RATE, ADMIT_NO, 77},
        {ERR_NOT_FOUND, ERR_NONE, ERR_AUTH, ADMIT_NO, 0},
        {ERR_NONE, ERR_CONTROL_PLANE, ERR_FORBIDDEN, ADMIT_NO, 0},
        /* nobody there: 503, never 401 */
        {ERR_NOT_FOUND, ERR_NONE, ERR_CONTROL_PLANE, ADMIT_NO, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        fake.find = cases[i].find;
        fake.reserve = cases[i].reserve;
        begin(400);
        CHECK_INT(admit_step(&a), ADMIT_WAIT);
        CHECK_INT(fake.key.refs, 0);
        CHECK_INT(fake.asked, 400);
        answer(cases[i].answer, cases[i].answer == ERR_RATE ? 77 : 0, 55);
        CHECK_INT(fake.readies, 1);
        CHECK_INT(admit_step(&a), cases[i].want);
        CHECK_INT(fake.asks, 1); /* one question, one answer */
        CHECK_INT(a.why, cases[i].answer);
        CHECK_INT(a.retry_ms, cases[i].retry_ms);
        CHECK_INT(a.available_nusd, 55);
        CHECK_INT(fake.balance, cases[i].want == ADMIT_YES ? 600 : 1000);
        admit_release(&a);
        CHECK_INT(fake.key.refs, 0);
        CHECK_INT(fake.balance, 1000);
    }
    reset();
    fake.find = ERR_NOT_FOUND;
    fake.ask_fails = true;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_NO);
    CHECK_INT(a.why, ERR_OVERLOAD);
}

/* What was reserved while it waited goes back when the request cannot go on after all. */
static void test_answer_not_used(void)
{
    for (int i = 0; i < 3; i++) {
        reset();
        fake.find = ERR_NOT_FOUND;
        begin(400);
        CHECK_INT(admit_step(&a), ADMIT_WAIT);
        answer(ERR_NONE, 0, 0);
        fake.trust = i == 0 ? ERR_ATTESTATION : ERR_NONE;
        fake.meter_full = i == 1;
        if (i < 2)
            CHECK_INT(admit_step(&a), ADMIT_NO);
        admit_release(&a);
        CHECK_INT(fake.balance, 1000);
        CHECK_INT(fake.key.refs, 0);
        CHECK_INT(fake.unreserved, 0);
    }
}

static void test_grow(void)
{
    static const struct {
        enum err grow, answer;
        enum admit_answer want;
    } cases[] = {
        {ERR_CREDIT, ERR_NONE, ADMIT_YES},          {ERR_CONTROL_PLANE, ERR_NONE, ADMIT_YES},
        {ERR_CREDIT, ERR_CREDIT, ADMIT_NO},         {ERR_CREDIT, ERR_KEY_LIMIT, ADMIT_NO},
        {ERR_CREDIT, ERR_LENT, ADMIT_NO},           {ERR_CREDIT, ERR_CONTROL_PLANE, ADMIT_NO},
        {ERR_CREDIT, ERR_FORBIDDEN, ADMIT_NO},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        begin(400);
        CHECK_INT(admit_step(&a), ADMIT_YES);
        fake.grow = cases[i].grow;
        CHECK_INT(admit_grow(&a, 100), ADMIT_WAIT);
        CHECK_INT(fake.asked, 100);
        answer(cases[i].answer, 0, 5);
        CHECK_INT(admit_grow(&a, 100), cases[i].want);
        CHECK_INT(fake.asks_more, 1);
        CHECK_INT(a.amount_nusd, cases[i].want == ADMIT_YES ? 500 : 400);
        CHECK(cases[i].want == ADMIT_YES || a.why == cases[i].answer);
        fake.grow = ERR_NONE;
        CHECK_INT(admit_grow(&a, 10), ADMIT_YES); /* a refused growth is no end */
        admit_settle(&a, 300, 0);
        CHECK_INT(fake.balance, 700);
        CHECK_INT(fake.key.refs, 0);
    }
}

static void test_grow_at_once_or_never(void)
{
    reset();
    begin(400);
    CHECK_INT(admit_step(&a), ADMIT_YES);
    CHECK_INT(admit_grow(&a, 100), ADMIT_YES);
    CHECK_INT(a.amount_nusd, 500);
    fake.grow = ERR_CONFLICT; /* another lease pays by now: asking for more of it is no use */
    CHECK_INT(admit_grow(&a, 100), ADMIT_NO);
    CHECK_INT(a.why, ERR_LENT);
    CHECK_INT(admit_grow(&a, INT64_MAX), ADMIT_NO);
    CHECK_INT(a.why, ERR_CREDIT);
    CHECK_INT(fake.asks_more, 0);
    admit_release(&a);
    CHECK_INT(fake.balance, 1000);
}

/* The request ends, one way or the other, while its growth waits or has an answer nobody took. */
static void test_end_while_growing(void)
{
    for (int i = 0; i < 4; i++) {
        reset();
        begin(400);
        CHECK_INT(admit_step(&a), ADMIT_YES);
        fake.grow = ERR_CREDIT;
        CHECK_INT(admit_grow(&a, 100), ADMIT_WAIT);
        if (i >= 2)
            answer(ERR_NONE, 0, 0);
        if (i % 2 == 0)
            admit_settle(&a, 400, 0);
        else
            admit_release(&a);
        CHECK(!fake.ask.live);
        CHECK_INT(fake.balance, i % 2 == 0 ? 600 : 1000);
        admit_release(&a);
        CHECK_INT(fake.key.refs, 0);
    }
}

/* At its end a request pays more than it had reserved, out of its lease or not at all; what it had asked
 * for is dropped. */
static void test_cover(void)
{
    for (int i = 0; i < 6; i++) {
        bool holds = i % 2 == 0;

        reset();
        begin(400);
        CHECK_INT(admit_step(&a), ADMIT_YES);
        fake.grow = ERR_CREDIT;
        if (i >= 2)
            CHECK_INT(admit_grow(&a, 100), ADMIT_WAIT);
        if (i >= 4)
            answer(ERR_NONE, 0, 0);
        fake.grow = holds ? ERR_NONE : ERR_CREDIT;
        CHECK_INT(admit_cover(&a, 50), holds);
        CHECK(!fake.ask.live);
        CHECK_INT(a.amount_nusd, holds ? 450 : 400);
        CHECK(!admit_cover(&a, INT64_MAX));
        admit_settle(&a, a.amount_nusd, 0);
        CHECK_INT(fake.balance, holds ? 550 : 600);
        admit_release(&a);
        CHECK_INT(fake.key.refs, 0);
    }
}

/* A client that leaves while we ask: the answer finds nobody. */
static void test_cancel(void)
{
    reset();
    fake.find = ERR_NOT_FOUND;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_WAIT);
    admit_release(&a);
    CHECK(!fake.ask.live);
    CHECK_INT(fake.readies, 0);
}

static const struct check_case cases[] = {
    {"admit_warm", test_warm},
    {"admit_rates", test_rates},
    {"admit_release_gives_all_back", test_release_gives_all_back},
    {"admit_refusals", test_refusals},
    {"admit_places_for_an_orchestration", test_parts},
    {"admit_asks", test_asks},
    {"admit_answer_not_used", test_answer_not_used},
    {"admit_grow", test_grow},
    {"admit_grow_at_once_or_never", test_grow_at_once_or_never},
    {"admit_end_while_growing", test_end_while_growing},
    {"admit_cover", test_cover},
    {"admit_cancel", test_cancel},
};
CHECK_MAIN(cases)
