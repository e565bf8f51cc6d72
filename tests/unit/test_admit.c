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
    enum err trust, find[4], reserve[4], grow[4];
    unsigned finds, reserves, grows, key_asks, lease_asks, hints, unreserved, readies;
    int64_t balance;    /* what the fake lease still holds */
    int64_t tokens;
    bool meter_full, wants_more, ask_fails;
    struct key key;
    struct ask ask;
    void (*key_cb)(void *, enum err);
    void (*lease_cb)(void *, enum err, enum lease_status);
    void *cookie;
} fake;

enum err keyring_find(struct keyring *k, const struct digest32 *d, uint64_t ms, struct key **out)
{
    enum err e = fake.find[fake.finds < 3 ? fake.finds : 3];

    (void)k, (void)d, (void)ms;
    fake.finds++;
    if (e == ERR_NONE) {
        fake.key.refs++;
        *out = &fake.key;
    }
    return e;
}
void key_release(struct key *k)
{
    k->refs--;
}
enum err key_reserve(struct key *k, int64_t amount, uint64_t ms, struct id *lease, uint32_t *retry)
{
    enum err e = fake.reserve[fake.reserves < 3 ? fake.reserves : 3];

    (void)k, (void)ms;
    fake.reserves++;
    if (e == ERR_NONE) {
        fake.balance -= amount;
        lease->b[0] = 7;
    }
    if (e == ERR_RATE)
        *retry = 1234;
    return e;
}
enum err key_grow(struct key *k, const struct id *lease, int64_t more, uint64_t ms)
{
    enum err e = fake.grow[fake.grows < 3 ? fake.grows : 3];

    (void)k, (void)ms;
    CHECK_INT(lease->b[0], 7);
    fake.grows++;
    if (e == ERR_NONE)
        fake.balance -= more;
    return e;
}
void key_settle(struct key *k, const struct id *lease, int64_t amount, int64_t cost)
{
    (void)k;
    CHECK_INT(lease->b[0], 7);
    CHECK(cost >= 0 && cost <= amount);
    fake.balance += amount - cost;
}
int64_t key_available(const struct key *k)
{
    (void)k;
    return 55;
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
enum err uplink_trust(const struct uplink *u)
{
    (void)u;
    return fake.trust;
}
enum err uplink_ask_key(struct uplink_port *p, const struct digest32 *d, int64_t want,
                        void (*cb)(void *, enum err), void *cookie, struct ask **out)
{
    (void)p, (void)d;
    CHECK(want >= 0 && want <= LEASE_ASK_MAX);
    if (fake.ask_fails)
        return ERR_OVERLOAD;
    fake.key_asks++;
    fake.key_cb = cb;
    fake.cookie = cookie;
    fake.ask.live = true;
    *out = &fake.ask;
    return ERR_NONE;
}
enum err uplink_ask_lease(struct uplink_port *p, struct key *k, int64_t want,
                          void (*cb)(void *, enum err, enum lease_status), void *cookie,
                          struct ask **out)
{
    (void)p, (void)k;
    CHECK(want >= 0 && want <= LEASE_ASK_MAX);
    fake.lease_asks++;
    fake.lease_cb = cb;
    fake.cookie = cookie;
    fake.ask.live = true;
    *out = &fake.ask;
    return ERR_NONE;
}
void uplink_hint_lease(struct uplink_port *p, struct key *k, int64_t want)
{
    (void)p, (void)k, (void)want;
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

static void answer_key(enum err e)
{
    fake.ask.live = false;
    fake.key_cb(fake.cookie, e);
}

static void answer_lease(enum err e, enum lease_status s)
{
    fake.ask.live = false;
    fake.lease_cb(fake.cookie, e, s);
}

/* The warm way: one step, no question. */
static void test_warm(void)
{
    reset();
    begin(400);
    CHECK_INT(admit_step(&a), ADMIT_YES);
    CHECK_INT(fake.balance, 600);
    CHECK_INT(fake.key_asks + fake.lease_asks + fake.hints, 0);
    admit_settle(&a, 150, 42);
    CHECK_INT(fake.balance, 850);
    CHECK_INT(fake.tokens, 42);
    CHECK_INT(fake.key.refs, 0);
    admit_release(&a); /* harmless */
    CHECK_INT(fake.balance, 850);
    CHECK_INT(fake.unreserved, 0);
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
        fake.find[0] = cases[i].find;
        fake.reserve[0] = cases[i].reserve;
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

static void test_cold_key(void)
{
    reset();
    fake.find[0] = ERR_NOT_FOUND;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_WAIT);
    CHECK_INT(fake.key_asks, 1);
    answer_key(ERR_NONE);
    CHECK_INT(fake.readies, 1);
    CHECK_INT(admit_step(&a), ADMIT_YES);
    admit_settle(&a, 0, 0);

    reset(); /* nobody there: 503, never 401 */
    fake.find[0] = fake.find[1] = ERR_NOT_FOUND;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_WAIT);
    answer_key(ERR_CONTROL_PLANE);
    CHECK_INT(admit_step(&a), ADMIT_NO);
    CHECK_INT(a.why, ERR_CONTROL_PLANE);

    reset(); /* a stranger */
    fake.find[0] = ERR_NOT_FOUND;
    fake.find[1] = ERR_AUTH;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_WAIT);
    answer_key(ERR_NONE);
    CHECK_INT(admit_step(&a), ADMIT_NO);
    CHECK_INT(a.why, ERR_AUTH);

    reset(); /* answers that never help end */
    for (int i = 0; i < 4; i++)
        fake.find[i] = ERR_NOT_FOUND;
    begin(10);
    for (int i = 0; i < ADMIT_ASKS_MAX; i++) {
        CHECK_INT(admit_step(&a), ADMIT_WAIT);
        answer_key(ERR_NONE);
    }
    CHECK_INT(admit_step(&a), ADMIT_NO);
    CHECK_INT(a.why, ERR_CONTROL_PLANE);

    reset();
    fake.find[0] = ERR_NOT_FOUND;
    fake.ask_fails = true;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_NO);
    CHECK_INT(a.why, ERR_OVERLOAD);
}

static void test_short_lease(void)
{
    static const struct {
        enum err e;
        enum lease_status s;
        enum err reserve_again;
        enum admit_answer answer;
        enum err why;
    } cases[] = {
        {ERR_NONE, LEASE_OK, ERR_NONE, ADMIT_YES, ERR_NONE},
        {ERR_NONE, LEASE_NO_CREDIT, ERR_CREDIT, ADMIT_NO, ERR_CREDIT},
        {ERR_NONE, LEASE_KEY_LIMIT, ERR_CREDIT, ADMIT_NO, ERR_KEY_LIMIT},
        /* another request settled meanwhile: enough is there after all */
        {ERR_NONE, LEASE_NO_CREDIT, ERR_NONE, ADMIT_YES, ERR_NONE},
        {ERR_CONTROL_PLANE, LEASE_OK, ERR_CREDIT, ADMIT_NO, ERR_CONTROL_PLANE},
        {ERR_CONTROL_PLANE, LEASE_OK, ERR_CONTROL_PLANE, ADMIT_NO, ERR_CONTROL_PLANE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        fake.reserve[0] = ERR_CREDIT;
        fake.reserve[1] = cases[i].reserve_again;
        begin(10);
        CHECK_INT(admit_step(&a), ADMIT_WAIT);
        CHECK_INT(fake.lease_asks, 1);
        answer_lease(cases[i].e, cases[i].s);
        CHECK_INT(admit_step(&a), cases[i].answer);
        if (cases[i].answer == ADMIT_NO) {
            CHECK_INT(a.why, cases[i].why);
            CHECK_INT(a.available_nusd, 55);
        }
        admit_release(&a);
        CHECK_INT(fake.key.refs, 0);
        CHECK_INT(fake.balance, 1000);
    }
    reset(); /* the key is gone: the keyring says why */
    fake.reserve[0] = ERR_CONTROL_PLANE;
    fake.find[1] = ERR_FORBIDDEN;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_WAIT);
    answer_lease(ERR_NONE, LEASE_GONE);
    CHECK_INT(admit_step(&a), ADMIT_NO);
    CHECK_INT(a.why, ERR_FORBIDDEN);
    CHECK_INT(fake.key.refs, 0);
}

static void test_grow(void)
{
    static const struct {
        enum err first;       /* before the link is asked */
        enum err link;        /* what the ask ends with */
        enum lease_status s;
        enum err again;
        enum admit_answer answer;
        enum err why;
    } cases[] = {
        {ERR_CREDIT, ERR_NONE, LEASE_OK, ERR_NONE, ADMIT_YES, ERR_NONE},
        {ERR_CONTROL_PLANE, ERR_NONE, LEASE_OK, ERR_NONE, ADMIT_YES, ERR_NONE},
        {ERR_CREDIT, ERR_NONE, LEASE_OK, ERR_CREDIT, ADMIT_NO, ERR_CREDIT},
        {ERR_CREDIT, ERR_NONE, LEASE_NO_CREDIT, ERR_CREDIT, ADMIT_NO, ERR_CREDIT},
        {ERR_CREDIT, ERR_NONE, LEASE_KEY_LIMIT, ERR_CREDIT, ADMIT_NO, ERR_KEY_LIMIT},
        {ERR_CREDIT, ERR_CONTROL_PLANE, LEASE_OK, ERR_CREDIT, ADMIT_NO, ERR_CONTROL_PLANE},
        {ERR_CREDIT, ERR_NONE, LEASE_OK, ERR_FORBIDDEN, ADMIT_NO, ERR_FORBIDDEN},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        begin(400);
        CHECK_INT(admit_step(&a), ADMIT_YES);
        fake.grow[0] = cases[i].first;
        fake.grow[1] = cases[i].again;
        CHECK_INT(admit_grow(&a, 100), ADMIT_WAIT);
        CHECK_INT(fake.lease_asks, 1);
        answer_lease(cases[i].link, cases[i].s);
        CHECK_INT(admit_grow(&a, 100), cases[i].answer);
        CHECK_INT(a.amount_nusd, cases[i].answer == ADMIT_YES ? 500 : 400);
        CHECK(cases[i].answer == ADMIT_YES || a.why == cases[i].why);
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
    fake.grow[1] = ERR_CONFLICT; /* another lease pays by now: asking for more of it is no use */
    CHECK_INT(admit_grow(&a, 100), ADMIT_NO);
    CHECK_INT(a.why, ERR_CREDIT);
    CHECK_INT(admit_grow(&a, INT64_MAX), ADMIT_NO);
    CHECK_INT(a.why, ERR_CREDIT);
    CHECK_INT(fake.lease_asks, 0);
    admit_release(&a);
    CHECK_INT(fake.balance, 1000);
}

/* The request ends, one way or the other, while its growth waits. */
static void test_end_while_growing(void)
{
    for (int settled = 0; settled < 2; settled++) {
        reset();
        begin(400);
        CHECK_INT(admit_step(&a), ADMIT_YES);
        fake.grow[0] = ERR_CREDIT;
        CHECK_INT(admit_grow(&a, 100), ADMIT_WAIT);
        if (settled)
            admit_settle(&a, 400, 0);
        else
            admit_release(&a);
        CHECK(!fake.ask.live);
        CHECK_INT(fake.balance, settled ? 600 : 1000);
        admit_release(&a);
        CHECK_INT(fake.key.refs, 0);
        CHECK_INT(fake.readies, 0);
    }
}

/* A client that leaves while we ask: the answer finds nobody. */
static void test_cancel(void)
{
    reset();
    fake.find[0] = ERR_NOT_FOUND;
    begin(10);
    CHECK_INT(admit_step(&a), ADMIT_WAIT);
    admit_release(&a);
    CHECK(!fake.ask.live);
    CHECK_INT(fake.readies, 0);
}

static const struct check_case cases[] = {
    {"admit_warm", test_warm},
    {"admit_release_gives_all_back", test_release_gives_all_back},
    {"admit_refusals", test_refusals},
    {"admit_cold_key", test_cold_key},
    {"admit_short_lease", test_short_lease},
    {"admit_cancel", test_cancel},
    {"admit_grow", test_grow},
    {"admit_grow_at_once_or_never", test_grow_at_once_or_never},
    {"admit_end_while_growing", test_end_while_growing},
};
CHECK_MAIN(cases)
