/* Payments against a real PostgreSQL: whatever order facts come in, however often, a payment is booked once, what went
 * back is taken back once, and an account has one automatic charge at a time. After each case ledger_violations is
 * empty. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"

#define ACCOUNT "11111111111111111111111111111111"
#define PAYMENT "22222222222222222222222222222222"
#define SAY(...) (snprintf(sql, sizeof sql, __VA_ARGS__), pg_sql(sql))

#define FRESH_SQL                                                                                                  \
    "BEGIN; SET LOCAL session_replication_role = replica;"                                                         \
    "DELETE FROM payment; DELETE FROM payment_customer; DELETE FROM payment_object;"                               \
    "DELETE FROM payment_method; DELETE FROM payment_refund; DELETE FROM payment_dispute;"                         \
    "DELETE FROM payment_event; DELETE FROM payment_waiting; DELETE FROM auto_topup;"                              \
    "DELETE FROM credit_line; DELETE FROM credit_request; DELETE FROM posting; DELETE FROM transfer;"              \
    "DELETE FROM ledger_account; DELETE FROM promotion; DELETE FROM ledger_state;"                                 \
    "DELETE FROM account; DELETE FROM organisation; COMMIT;"                                                       \
    "INSERT INTO organisation (organisation_id, name) VALUES ('" ACCOUNT "', 'o');"                                \
    "INSERT INTO account (account_id, name, organisation_id)"                                                      \
    " VALUES ('" ACCOUNT "', 'a', '" ACCOUNT "');"                                                                 \
    "INSERT INTO payment_customer VALUES ('" ACCOUNT "', 'cus_1');"                                                \
    "INSERT INTO payment_object VALUES ('cus_1', '" ACCOUNT "', NULL)"

static char sql[128 << 10];

/* A new account with nothing but a customer and a card at the service. */
static void fresh(void)
{
    static bool migrated;
    struct buf why;

    setenv("PGOPTIONS", "-c synchronous_commit=off", 1); /* nothing here crashes */
    buf_init(&why, 1024);
    if (!migrated)
        CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
    if (why.len > 0)
        printf("# %.*s\n", (int)why.len, (const char *)why.ptr);
    migrated = true;
    buf_free(&why);
    CHECK(strcmp(pg_sql(FRESH_SQL), "") == 0);
}

static void sound(void)
{
    const char *said = pg_sql("SELECT * FROM ledger_violations");

    if (said[0] != '\0')
        printf("# %s\n", said);
    CHECK(said[0] == '\0');
}

static void outcome(const char *said, const char *want)
{
    if (strcmp(said, want) != 0)
        printf("# %s, want %s, of %s\n", said, want, sql);
    CHECK(strcmp(said, want) == 0);
}

/* Cents. */
static long long available(void)
{
    return pg_number("SELECT balance_nusd / 10000000 FROM ledger_account WHERE owner = '" ACCOUNT "'"
                     " AND kind = 'available'");
}

static long long owed(void)
{
    return -pg_number("SELECT coalesce(sum(balance_nusd), 0) / 10000000 FROM ledger_account WHERE owner = '" ACCOUNT "'"
                      " AND kind = 'owed'");
}

static void begin(const char *kind)
{
    outcome(SAY("SELECT outcome FROM payment_begin('" ACCOUNT "', '" PAYMENT "', '%s', 1000 * 10000000::bigint)", kind),
            "ok");
}

/* Without an answer. */
#define BEGIN_SQL(kind)                                                                                            \
    "DO $$ BEGIN PERFORM payment_begin('" ACCOUNT "', '" PAYMENT "', '" kind "', 1000 * 10000000::bigint); END $$"
#define FACT_SQL "DO $$ BEGIN PERFORM payment_fact('{%s}'::jsonb); END $$"
#define AVAILABLE_SQL                                                                                              \
    "SELECT (SELECT balance_nusd / 10000000 FROM ledger_account WHERE owner = '" ACCOUNT "' AND kind = 'available')"
#define ADD(...) CHECK((size_t)snprintf(sql + strlen(sql), sizeof sql - strlen(sql), __VA_ARGS__) < sizeof sql - 8192)

/* Members of a fact, without the braces. Numbers are cents. */
static const char *fact(const char *members)
{
    return SAY("SELECT outcome FROM payment_fact('{%s}'::jsonb)", members);
}

#define OURS ",\"account\":\"" ACCOUNT "\",\"payment\":\"" PAYMENT "\",\"usd\":true"
#define SESSION(state)                                                                                             \
    "\"what\":\"checkout\",\"state\":\"" state "\",\"object\":\"cs_1\",\"parent\":\"pi_1\",\"total\":11900000000,"     \
    "\"tax\":1900000000" OURS
#define EVENT(id) "\"event\":\"" id "\","
#define REFUND(ref, state, cents)                                                                                  \
    "\"what\":\"refund\",\"state\":\"" state "\",\"object\":\"" ref "\",\"parent\":\"pi_1\",\"total\":" cents "0000000"
#define CHARGED_BACK(cents) "\"what\":\"charged_back\",\"object\":\"ch_1\",\"parent\":\"pi_1\",\"total\":" cents "0000000"
#define DISPUTE(state) "\"what\":\"dispute\",\"state\":\"" state "\",\"object\":\"dp_1\",\"parent\":\"pi_1\",\"total\":11900000000"

static void test_paid_once(void)
{
    fresh();
    begin("checkout");
    outcome(fact(SESSION("open")), "applied");
    outcome(fact(EVENT("evt_1") SESSION("paid")), "applied");
    CHECK_INT(available(), 1000); /* without the tax */
    outcome(fact(EVENT("evt_1") SESSION("paid")), "repeated");
    outcome(fact(EVENT("evt_2") SESSION("paid")), "late");
    outcome(fact(SESSION("paid")), "late");
    CHECK_INT(available(), 1000);
    sound();
}

/* Every order of open, processing, failed, expired and paid: what counts is that it was paid. */
static void test_any_order(void)
{
    static const char *const facts[] = {SESSION("open"), SESSION("processing"), SESSION("failed"), SESSION("expired"),
                                        SESSION("paid")};

    char want[1024] = "";

    fresh();
    sql[0] = '\0';
    for (unsigned first = 0; first < 5; first++)
        for (unsigned second = 0; second < 5; second++) {
            ADD(FRESH_SQL ";" BEGIN_SQL("checkout") ";" FACT_SQL ";" FACT_SQL ";" AVAILABLE_SQL ";" FACT_SQL ";" FACT_SQL
                ";" AVAILABLE_SQL ", (SELECT state FROM payment);", facts[first], facts[second], facts[4], facts[second]);
            snprintf(want + strlen(want), sizeof want - strlen(want), "%s%d\n1000|paid", want[0] == '\0' ? "" : "\n",
                     first == 4 || second == 4 ? 1000 : 0);
        }
    outcome(pg_sql(sql), want);
    sound();
}

/* The charge of a checkout decides nothing: it does not know the tax. */
static void test_decider(void)
{
    fresh();
    begin("checkout");
    outcome(fact("\"what\":\"charge\",\"state\":\"paid\",\"object\":\"pi_1\",\"total\":11900000000" OURS), "noted");
    CHECK_INT(available(), 0);
    CHECK_INT(pg_number("SELECT count(*) FROM payment WHERE check_at < now() + interval '30 seconds'"), 1);
    outcome(fact(SESSION("paid")), "applied");
    CHECK_INT(available(), 1000);
    sound();
}

static void test_strangers(void)
{
    fresh();
    begin("checkout");
    outcome(fact(EVENT("evt_1") "\"what\":\"checkout\",\"state\":\"paid\",\"object\":\"cs_9\",\"total\":5,\"usd\":true"), "unknown");
    outcome(fact("\"what\":\"checkout\",\"state\":\"paid\",\"object\":\"cs_9\",\"total\":5,\"usd\":true,\"account\":\""
                 "33333333333333333333333333333333\",\"payment\":\"" PAYMENT "\""), "unknown");
    outcome(fact("\"what\":\"checkout\",\"state\":\"paid\",\"object\":\"cs_1\",\"total\":5000,\"usd\":false,\"account\":\""
                 ACCOUNT "\",\"payment\":\"" PAYMENT "\""), "currency");
    outcome(fact("\"what\":\"method\",\"state\":\"attached\",\"object\":\"pm_9\",\"customer\":\"cus_9\""), "unknown");
    CHECK_INT(available(), 0);
    sound();
}

/* --- what goes back --- */

static void pay(void)
{
    fresh();
    begin("checkout");
    outcome(fact(SESSION("paid")), "applied");
}

static void test_refunds_any_order(void)
{
    /* Half of 11.90 went back, as the service tells it: by refund, by the sum on the charge, or both. */
    static const char *const facts[] = {REFUND("re_1", "pending", "595"), REFUND("re_1", "succeeded", "595"),
                                        CHARGED_BACK("595")};

    char want[1024] = "";

    fresh();
    sql[0] = '\0';
    for (unsigned order = 0; order < 27; order++) {
        ADD(FRESH_SQL ";" BEGIN_SQL("checkout") ";" FACT_SQL ";" FACT_SQL ";" AVAILABLE_SQL ";" FACT_SQL ";" FACT_SQL
            ";" AVAILABLE_SQL ";", SESSION("paid"), facts[order % 3], facts[order / 3 % 3], facts[order / 9]);
        snprintf(want + strlen(want), sizeof want - strlen(want), "%s500\n500", order == 0 ? "" : "\n");
    }
    outcome(pg_sql(sql), want);
    sound();
    /* The bank sends it back; an old fact changes nothing; another refund counts by itself. */
    outcome(fact(REFUND("re_1", "failed", "595")), "applied");
    CHECK_INT(available(), 1000);
    fact(CHARGED_BACK("595"));
    outcome(fact(REFUND("re_1", "succeeded", "595")), "late");
    CHECK_INT(available(), 1000);
    outcome(fact(REFUND("re_2", "succeeded", "119")), "applied");
    CHECK_INT(available(), 900);
    sound();
}

static void test_refund_before_payment(void)
{
    fresh();
    begin("checkout");
    outcome(fact(EVENT("evt_9") REFUND("re_1", "succeeded", "1190")), "waiting");
    outcome(fact(EVENT("evt_9") REFUND("re_1", "succeeded", "1190")), "repeated");
    CHECK_INT(available(), 0);
    outcome(fact(SESSION("paid")), "applied");
    CHECK_INT(available(), 0);
    CHECK_INT(pg_number("SELECT count(*) FROM payment_waiting"), 0);
    sound();
}

/* A refund is told while its payment's object is being linked, by two connections: it is not lost. */
static void test_link_at_once(void)
{
    char link[1024], told[512];
    const char *url;

    fresh();
    begin("checkout");
    url = pg_url();
    snprintf(link, sizeof link, "SELECT outcome FROM payment_fact('{%s}'::jsonb); SELECT pg_sleep(1)", SESSION("open"));
    snprintf(told, sizeof told, "SELECT outcome FROM payment_fact('{%s}'::jsonb)", REFUND("re_1", "succeeded", "1190"));
    setenv("TR_LINK", link, 1);
    setenv("TR_TOLD", told, 1);
    snprintf(sql, sizeof sql,
             "psql -XAtq '%s' -1 -c \"$TR_LINK\" >/dev/null &"
             " until psql -XAtq '%s' -c \"SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'\" | grep -q 1; do :; done;"
             " psql -XAtq '%s' -c \"$TR_TOLD\" | grep -qx applied; said=$?; wait; exit $said", url, url, url);
    CHECK_INT(system(sql), 0);
    CHECK_INT(pg_number("SELECT count(*) FROM payment_waiting"), 0);
    outcome(fact(SESSION("paid")), "applied");
    CHECK_INT(available(), 0);
    sound();
}

/* Of sums that wait for their payment the largest counts, in whatever order they came. */
static void test_sums_wait(void)
{
    static const char *const facts[] = {CHARGED_BACK("595"), CHARGED_BACK("1190"), CHARGED_BACK("119")};

    for (unsigned first = 0; first < 3; first++) {
        fresh();
        begin("checkout");
        for (unsigned i = 0; i < 3; i++)
            outcome(fact(facts[(first + i) % 3]), "waiting");
        outcome(fact(SESSION("paid")), "applied");
        CHECK_INT(available(), 0);
        sound();
    }
}

static void test_dispute(void)
{
    pay();
    outcome(fact(DISPUTE("open")), "applied");
    CHECK_INT(available(), 0);
    outcome(fact(DISPUTE("open")), "late");
    outcome(fact(DISPUTE("won")), "applied");
    CHECK_INT(available(), 1000);
    outcome(fact(DISPUTE("lost")), "late");
    outcome(fact(DISPUTE("open")), "late");
    CHECK_INT(available(), 1000);
    pay();
    outcome(fact(DISPUTE("lost")), "applied"); /* closed comes before created */
    outcome(fact(DISPUTE("open")), "late");
    CHECK_INT(available(), 0);
    sound();
}

/* What was spent becomes a debt that later money pays first; what comes again pays it, too. */
static void test_spent(void)
{
    pay();
    pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -700 * 10000000::bigint, 'spent', 'x')");
    CHECK_INT(available(), 300);
    outcome(fact(DISPUTE("open")), "applied");
    CHECK_INT(available(), 0);
    CHECK_INT(owed(), 700);
    outcome(fact(DISPUTE("won")), "applied");
    CHECK_INT(available(), 300);
    CHECK_INT(owed(), 0);
    sound();
}

#define REFUND_ID "44444444444444444444444444444444"
#define BEGIN_REFUND(amount, force)                                                                                \
    "SELECT outcome, o_amount / 10000000 FROM payment_refund_begin('" ACCOUNT "', '" PAYMENT "', '" REFUND_ID "', " amount \
    ", 'wish', " force ")"

static void test_operator_refund(void)
{
    fresh();
    begin("checkout");
    outcome(SAY(BEGIN_REFUND("NULL", "false")), "unpaid|0");
    pay();
    outcome(SAY(BEGIN_REFUND("2000::bigint * 10000000", "false")), "amount|2000");
    outcome(SAY(BEGIN_REFUND("0", "false")), "amount|0");
    outcome(SAY(BEGIN_REFUND("595::bigint * 10000000", "false")), "ok|595");
    CHECK_INT(available(), 500); /* before the service is asked */
    outcome(SAY("SELECT payment_refund_none('" ACCOUNT "', '" REFUND_ID "', 'charge_disputed')"), "t");
    CHECK_INT(available(), 1000);
    outcome(SAY("SELECT payment_refund_none('" ACCOUNT "', '" REFUND_ID "', 'charge_disputed')"), "f");
    /* All of it, and the event says the same. */
    pay();
    outcome(SAY(BEGIN_REFUND("NULL", "false")), "ok|1190");
    outcome(fact(REFUND("re_1", "succeeded", "1190") OURS ",\"refund\":\"" REFUND_ID "\""), "applied");
    outcome(fact(EVENT("evt_1") CHARGED_BACK("1190")), "applied");
    CHECK_INT(available(), 0);
    CHECK_INT(pg_number("SELECT count(*) FROM payment_refund"), 1);
    outcome(SAY(BEGIN_REFUND("NULL", "false")), "amount|0");
    /* Spent credits are not refunded unless an operator insists. */
    pay();
    pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -700 * 10000000::bigint, 'spent', 'x')");
    outcome(SAY(BEGIN_REFUND("NULL", "false")), "spent|1190");
    outcome(SAY(BEGIN_REFUND("NULL", "true")), "ok|1190");
    CHECK_INT(owed(), 700);
    sound();
}

/* A refund that we began and that is pending is asked about until it is over; one that was made at the service is not. */
static void test_pending_refund(void)
{
    pay();
    outcome(SAY(BEGIN_REFUND("119::bigint * 10000000", "false")), "ok|119");
    outcome(pg_sql("SELECT count(*) FROM payment_refund_due(8)"), "0");
    pg_sql("UPDATE payment_refund SET check_at = now()");
    outcome(pg_sql("SELECT o_amount / 10000000, o_claimed FROM payment_refund_due(8)"), "119|t");
    outcome(fact(REFUND("re_1", "pending", "119") OURS ",\"refund\":\"" REFUND_ID "\""), "applied");
    pg_sql("UPDATE payment_refund SET check_at = now() WHERE check_at IS NOT NULL");
    outcome(pg_sql("SELECT o_amount / 10000000, o_claimed FROM payment_refund_due(8)"), "119|f");
    outcome(SAY("SELECT payment_refund_none('" ACCOUNT "', '" REFUND_ID "', 'not_made')"), "f"); /* it is known */
    outcome(fact(REFUND("re_1", "failed", "119") OURS ",\"refund\":\"" REFUND_ID "\""), "applied");
    outcome(fact(REFUND("re_2", "pending", "119")), "applied");
    CHECK_INT(pg_number("SELECT count(*) FROM payment_refund WHERE check_at IS NOT NULL"), 0);
    CHECK_INT(available(), 900);
    sound();
}

/* Credits that cannot be booked leave the payment as it was. */
static void test_not_booked(void)
{
    fresh();
    begin("checkout");
    pg_sql("SELECT ledger_topup('" ACCOUNT "', 5, 'payment:22222222-2222-2222-2222-222222222222')");
    CHECK(strstr(fact(SESSION("paid")), "are not booked: conflict") != NULL);
    outcome(pg_sql("SELECT state FROM payment"), "claimed");
}

/* A workspace is not closed while it owes, and while a payment may still bring credits. */
static void test_close(void)
{
#define CLOSE "SELECT workspace_close('" ACCOUNT "', '" ACCOUNT "')"
    fresh();
    pg_sql("INSERT INTO account (account_id, name, organisation_id) VALUES"
           " ('55555555555555555555555555555555', 's', '" ACCOUNT "')");
    begin("checkout");
    outcome(pg_sql(CLOSE), "payment");
    outcome(fact(SESSION("paid")), "applied");
    outcome(pg_sql(CLOSE), "credit");
    pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -1000 * 10000000::bigint, 'spent', 'x')");
    outcome(fact(DISPUTE("open")), "applied");
    outcome(pg_sql(CLOSE), "owes");
    outcome(fact(DISPUTE("won")), "applied");
    outcome(pg_sql(CLOSE), "ok");
}

/* --- automatic top-ups --- */

#define METHOD(ref, state) "\"what\":\"method\",\"state\":\"" state "\",\"object\":\"" ref "\",\"customer\":\"cus_1\""
#define PUT_AUTO(ceiling)                                                                                          \
    "SELECT outcome FROM auto_topup_put('" ACCOUNT "', 500::bigint * 10000000, 2000::bigint * 10000000, " ceiling   \
    "::bigint * 10000000, NULL, true)"

static void automatic(const char *ceiling)
{
    fresh();
    outcome(SAY(PUT_AUTO("10000")), "no_payment_method");
    outcome(fact(METHOD("pm_1", "attached")), "applied");
    outcome(SAY("SELECT outcome FROM auto_topup_put('" ACCOUNT "', 500::bigint * 10000000, 2000::bigint * 10000000,"
                " %s::bigint * 10000000, NULL, true)", ceiling), "ok");
}

/* The charge that is claimed ends like this. */
static void charge(const char *state)
{
    static char payment[64], text[512];

    snprintf(payment, sizeof payment, "%s", pg_sql("SELECT payment_id FROM payment WHERE kind = 'auto' AND state IN"
                                                   " ('claimed', 'open', 'processing')"));
    snprintf(text, sizeof text,
             "\"what\":\"charge\",\"state\":\"%s\",\"object\":\"pi_%.8s\",\"total\":20000000000,\"usd\":true,"
             "\"code\":\"lost_card\",\"account\":\"" ACCOUNT "\",\"payment\":\"%s\"", state, payment, payment);
    outcome(fact(text), "applied");
}

static long long claim(void)
{
    return pg_number("SELECT auto_topup_claim(10)");
}

static void test_auto_topup(void)
{
    automatic("5000");
    CHECK_INT(claim(), 1);
    CHECK_INT(claim(), 0); /* one at a time */
    charge("processing");
    CHECK_INT(claim(), 0);
    charge("paid");
    CHECK_INT(available(), 2000);
    CHECK_INT(claim(), 0); /* enough */
    /* Spent: the ceiling of the month allows a second one, and no third. */
    pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -1800 * 10000000::bigint, 'spent', 'x')");
    CHECK_INT(claim(), 1);
    charge("paid");
    CHECK_INT(available(), 2200);
    pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -2000 * 10000000::bigint, 'spent', 'y')");
    CHECK_INT(claim(), 0);
    outcome(pg_sql("SELECT state, reason, next_at = payment_month(now() + interval '31 days' - interval '1 day' *"
                   " (extract(day FROM now() AT TIME ZONE 'UTC') - 1)) FROM auto_topup"), "on|monthly_ceiling|t");
    sound();
}

static void test_auto_failures(void)
{
    automatic("100000");
    for (int i = 1; i <= 3; i++) {
        CHECK_INT(claim(), 1);
        charge("failed");
        CHECK_INT(claim(), 0); /* it waits */
        CHECK_INT(pg_number("SELECT failures FROM auto_topup"), i);
        pg_sql("UPDATE auto_topup SET next_at = now()");
    }
    outcome(pg_sql("SELECT state, reason FROM auto_topup"), "off|lost_card");
    CHECK_INT(claim(), 0);
    /* A failed charge is paid all the same: it is booked, and failures are forgotten. */
    snprintf(sql, sizeof sql, "%s", pg_sql("SELECT payment_id FROM payment ORDER BY created_at LIMIT 1"));
    char members[512];
    snprintf(members, sizeof members, "\"what\":\"charge\",\"state\":\"paid\",\"object\":\"pi_%.8s\",\"total\":20000000000,"
             "\"usd\":true,\"account\":\"" ACCOUNT "\",\"payment\":\"%.40s\"", sql, sql);
    outcome(fact(members), "applied");
    CHECK_INT(available(), 2000);
    CHECK_INT(pg_number("SELECT failures FROM auto_topup"), 0);
    sound();
}

static void test_auto_refused(void)
{
    automatic("5000");
    pg_sql("UPDATE account SET state = 'suspended'");
    CHECK_INT(claim(), 0);
    pg_sql("UPDATE account SET state = 'active'");
    outcome(fact("\"what\":\"method\",\"state\":\"detached\",\"object\":\"pm_1\",\"customer\":\"cus_1\""), "applied");
    outcome(fact(METHOD("pm_1", "attached")), "late"); /* what was taken away does not come back */
    CHECK_INT(claim(), 0);
    outcome(pg_sql("SELECT state, reason FROM auto_topup"), "off|no_payment_method");
    /* The index is what makes the claim one: not the function. */
    CHECK(strstr(pg_sql("INSERT INTO payment (account_id, payment_id, kind, amount_nusd, created_at, updated_at)"
                        " SELECT '" ACCOUNT "', gen_random_uuid(), 'auto', 1, now(), now() FROM generate_series(1, 2)"),
                 "payment_one_auto") != NULL);
    sound();
}

/* What went back is not bought again with the same card, whatever the balance: not before the customer says so, and
 * not while the account owes. */
static void test_auto_went_back(void)
{
    static const struct {
        const char *fact, *reason;
    } ways[] = {{"\"what\":\"dispute\",\"state\":\"open\",\"object\":\"dp_1\",\"total\":20000000000", "payment_dispute"},
                {"\"what\":\"refund\",\"state\":\"pending\",\"object\":\"re_1\",\"total\":20000000000", "payment_refund"},
                {"\"what\":\"charged_back\",\"object\":\"ch_1\",\"total\":20000000000", "payment_refund"}};
    char members[512], want[64];

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        automatic("100000");
        CHECK_INT(claim(), 1);
        charge("paid");
        pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -500 * 10000000::bigint, 'spent', 'x')");
        snprintf(members, sizeof members, "%s,\"parent\":\"%.40s\"", ways[i].fact, pg_sql("SELECT intent_ref FROM payment"));
        outcome(fact(members), "applied");
        CHECK_INT(owed(), 500);
        CHECK_INT(claim(), 0);
        snprintf(want, sizeof want, "off|%s|%s", ways[i].reason, ways[i].reason);
        outcome(pg_sql("SELECT state, reason, auto_topup_json(t) ->> 'reason' FROM auto_topup t"), want);
        outcome(SAY(PUT_AUTO("100000")), "ok"); /* on again */
        CHECK_INT(claim(), 0);
        outcome(pg_sql("SELECT state, auto_topup_json(t) ->> 'reason' FROM auto_topup t"), "on|account_owes");
        pg_sql("SELECT ledger_topup('" ACCOUNT "', 600 * 10000000::bigint, 'x')");
        CHECK_INT(owed(), 0);
        CHECK_INT(claim(), 1);
        sound();
    }
}

/* What an account paid for another of its organisation is not bought again with its card, and nothing is while that owes. */
static void test_auto_pays_debt(void)
{
    automatic("5000");
    pg_sql("INSERT INTO account (account_id, name, organisation_id) VALUES"
           " ('55555555555555555555555555555555', 's', '" ACCOUNT "')");
    pg_sql("SELECT ledger_topup('" ACCOUNT "', 700 * 10000000::bigint, 'x');"
           "SELECT ledger_take_back('55555555555555555555555555555555', 600 * 10000000::bigint, 'd', 'dispute')");
    CHECK_INT(available(), 100);
    CHECK_INT(claim(), 0);
    outcome(pg_sql("SELECT state, reason FROM auto_topup"), "off|debt_of_another_workspace");
    pg_sql("SELECT ledger_take_back('55555555555555555555555555555555', 600 * 10000000::bigint, 'e', 'dispute')");
    outcome(SAY(PUT_AUTO("5000")), "ok");
    CHECK_INT(claim(), 0);
    outcome(pg_sql("SELECT state, auto_topup_json(t) ->> 'reason' FROM auto_topup t"), "on|account_owes");
    sound();
}

/* An account that may not be charged does not stand before one that may. */
static void test_auto_others_wait(void)
{
    automatic("5000");
    pg_sql("INSERT INTO account (account_id, name, organisation_id, state) VALUES"
           " ('55555555555555555555555555555555', 's', '" ACCOUNT "', 'suspended');"
           "INSERT INTO auto_topup SELECT '55555555555555555555555555555555', threshold_nusd, amount_nusd, ceiling_nusd,"
           " NULL, 'on', NULL, 0, next_at - interval '1 day', updated_at FROM auto_topup");
    CHECK_INT(pg_number("SELECT count(*) FROM auto_topup"), 2);
    CHECK_INT(pg_number("SELECT auto_topup_claim(1)"), 1);
    CHECK_INT(pg_number("SELECT count(*) FROM payment WHERE account_id = '" ACCOUNT "'"), 1);
    sound();
}

static void test_due(void)
{
    automatic("5000");
    CHECK_INT(claim(), 1);
    outcome(pg_sql("SELECT o_kind, o_state, o_customer, o_method FROM payment_due(8)"), "auto|claimed|cus_1|pm_1");
    outcome(pg_sql("SELECT o_kind FROM payment_due(8)"), ""); /* for a minute, it is somebody's */
    outcome(pg_sql("SELECT checks, check_at > now() + interval '50 seconds' FROM payment"), "1|t");
    outcome(pg_sql("SELECT payment_none(account_id, payment_id, 'not_made') FROM payment"), "t");
    outcome(pg_sql("SELECT state, code, check_at IS NULL FROM payment"), "failed|not_made|t");
    CHECK_INT(pg_number("SELECT failures FROM auto_topup"), 1);
}

/* A charge that is claimed comes before polls of checkouts that nobody pays. */
static void test_due_order(void)
{
    automatic("5000");
    CHECK_INT(claim(), 1);
    pg_sql("INSERT INTO payment (account_id, payment_id, kind, state, amount_nusd, created_at, updated_at, check_at)"
           " SELECT '" ACCOUNT "', gen_random_uuid(), 'checkout', 'open', 1, now(), now(), now() - interval '1 hour'"
           " FROM generate_series(1, 9)");
    CHECK_INT(pg_number("SELECT count(*) FROM payment_due(8) WHERE o_kind = 'auto'"), 1);
}

/* --- accounts that pay afterwards, requests for credits --- */

#define LINE(cents) "SELECT outcome FROM credit_line_set('" ACCOUNT "', " cents "::bigint * 10000000)"

static void test_credit_line(void)
{
    fresh();
    outcome(SAY("SELECT outcome FROM credit_line_set(gen_random_uuid(), 0)"), "unknown");
    outcome(SAY("SELECT outcome FROM credit_line_set(gen_random_uuid(), 1)"), "unknown");
    outcome(SAY(LINE("10000")), "no_payment_method");
    outcome(fact(METHOD("pm_1", "attached")), "applied");
    outcome(SAY(LINE("10000")), "ok");
    CHECK_INT(available(), 10000);
    CHECK_INT(pg_number("SELECT invoice_claim(8, 500000000)"), 0); /* not the first of a month */
    pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -3000 * 10000000::bigint, 'spent', 'x')");
    outcome(SAY(LINE("2000")), "used");
    outcome(SAY(LINE("8000")), "ok");
    CHECK_INT(available(), 5000);
    pg_sql("UPDATE credit_line SET invoice_at = now()");
    CHECK_INT(pg_number("SELECT invoice_claim(8, 500000000)"), 1);
    CHECK_INT(pg_number("SELECT invoice_claim(8, 500000000)"), 0);
    outcome(pg_sql("SELECT kind, amount_nusd / 10000000 FROM payment"), "invoice|3000");
    /* Unpaid, it is not asked for twice. */
    pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -500 * 10000000::bigint, 'spent', 'y');"
           "UPDATE credit_line SET invoice_at = now() + interval '1 day' - interval '1 month';"
           "UPDATE payment SET period = period - interval '3 months'");
    CHECK_INT(pg_number("SELECT invoice_claim(8, 500000000)"), 1);
    outcome(pg_sql("SELECT (sum(amount_nusd) / 10000000)::bigint FROM payment"), "3500");
    snprintf(sql, sizeof sql, "%s", pg_sql("SELECT payment_id FROM payment WHERE amount_nusd = 30000000000"));
    char members[512];
    snprintf(members, sizeof members, "\"what\":\"invoice\",\"state\":\"paid\",\"object\":\"in_1\",\"total\":35700000000,"
             "\"tax\":5700000000,\"usd\":true,\"account\":\"" ACCOUNT "\",\"payment\":\"%.40s\"", sql);
    outcome(fact(members), "applied");
    CHECK_INT(available(), 7500);
    sound();
}

/* The invoice that is claimed is paid. */
static void pay_invoice(void)
{
    char members[512];

    snprintf(members, sizeof members, "\"what\":\"invoice\",\"state\":\"paid\",\"object\":\"in_2\",\"parent\":\"pi_2\","
             "\"total\":30000000000,\"usd\":true,\"account\":\"" ACCOUNT "\",\"payment\":\"%.40s\"",
             pg_sql("SELECT payment_id FROM payment WHERE kind = 'invoice' AND state = 'claimed'"));
    outcome(fact(members), "applied");
}

/* What went back of a paid invoice is not invoiced again, whether the credits were there or became a debt. */
static void test_invoice_went_back(void)
{
    for (int spends_all = 0; spends_all < 2; spends_all++) {
        fresh();
        outcome(fact(METHOD("pm_1", "attached")), "applied");
        outcome(SAY(LINE("10000")), "ok");
        pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -3000 * 10000000::bigint, 'spent', 'x');"
               "UPDATE credit_line SET invoice_at = now(); SELECT invoice_claim(8, 500000000)");
        pay_invoice();
        if (spends_all)
            pg_sql("SELECT ledger_change('" ACCOUNT "', 'adjustment', -10000 * 10000000::bigint, 'spent', 'y')");
        outcome(fact("\"what\":\"refund\",\"state\":\"succeeded\",\"object\":\"re_1\",\"parent\":\"pi_2\","
                     "\"total\":30000000000"), "applied");
        CHECK_INT(owed(), spends_all ? 3000 : 0);
        CHECK_INT(pg_number("SELECT credit_line_owed(c) / 10000000 FROM credit_line c"), spends_all ? 10000 : 0);
        pg_sql("UPDATE credit_line SET invoice_at = now(); UPDATE payment SET period = period - interval '3 months'");
        CHECK_INT(pg_number("SELECT invoice_claim(8, 500000000)"), spends_all);
        /* A bank sends the refund back: the invoice is paid, nothing else is owed for it. */
        outcome(fact("\"what\":\"refund\",\"state\":\"failed\",\"object\":\"re_1\",\"parent\":\"pi_2\","
                     "\"total\":30000000000"), "applied");
        CHECK_INT(pg_number("SELECT credit_line_owed(c) / 10000000 FROM credit_line c"), spends_all ? 10000 : 0);
        sound();
    }
}

static void test_credit_request(void)
{
    fresh();
    pg_sql("INSERT INTO credit_request (account_id, request_id, evidence, amount_nusd, created_at)"
           " VALUES ('" ACCOUNT "', '" PAYMENT "', 'we pay there', 5000000000, now())");
    CHECK(strstr(pg_sql("INSERT INTO credit_request (account_id, request_id, evidence, amount_nusd, created_at)"
                        " VALUES ('" ACCOUNT "', gen_random_uuid(), 'again', 1, now())"), "one_pending") != NULL);
#define DECIDE(amount, end)                                                                                        \
    "SELECT outcome FROM credit_request_decide('" ACCOUNT "', '" PAYMENT "', " amount                               \
    ", (extract(epoch FROM now()) * 1000)::bigint + " end ")"
    outcome(SAY(DECIDE("3000000000", "-1000")), "expired");
    outcome(SAY(DECIDE("3000000000", "86400000")), "ok");
    CHECK_INT(available(), 300);
    outcome(SAY(DECIDE("3000000000", "86400000")), "ok");
    outcome(SAY(DECIDE("NULL", "0")), "decided");
    CHECK_INT(available(), 300);
    outcome(SAY("SELECT outcome FROM credit_request_decide('" ACCOUNT "', gen_random_uuid(), 1, 1)"), "unknown");
    sound();
}

static void test_clean(void)
{
    fresh();
    outcome(fact(EVENT("evt_1") REFUND("re_1", "succeeded", "1190")), "waiting");
    CHECK_INT(pg_number("SELECT payment_clean(30, 100)"), 0);
    pg_sql("UPDATE payment_event SET received_at = now() - interval '31 days';"
           "UPDATE payment_waiting SET received_at = now() - interval '31 days'");
    CHECK_INT(pg_number("SELECT payment_clean(30, 100)"), 2);
}

static const struct check_case cases[] = {
    {"payments_paid_once", test_paid_once},
    {"payments_any_order", test_any_order},
    {"payments_decider", test_decider},
    {"payments_strangers", test_strangers},
    {"payments_refunds_any_order", test_refunds_any_order},
    {"payments_refund_before_payment", test_refund_before_payment},
    {"payments_link_at_once", test_link_at_once},
    {"payments_sums_wait", test_sums_wait},
    {"payments_dispute", test_dispute},
    {"payments_spent", test_spent},
    {"payments_operator_refund", test_operator_refund},
    {"payments_pending_refund", test_pending_refund},
    {"payments_not_booked", test_not_booked},
    {"payments_close", test_close},
    {"payments_auto_topup", test_auto_topup},
    {"payments_auto_failures", test_auto_failures},
    {"payments_auto_refused", test_auto_refused},
    {"payments_auto_went_back", test_auto_went_back},
    {"payments_auto_pays_debt", test_auto_pays_debt},
    {"payments_auto_others_wait", test_auto_others_wait},
    {"payments_due", test_due},
    {"payments_due_order", test_due_order},
    {"payments_credit_line", test_credit_line},
    {"payments_invoice_went_back", test_invoice_went_back},
    {"payments_credit_request", test_credit_request},
    {"payments_clean", test_clean},
};
CHECK_MAIN(cases)
