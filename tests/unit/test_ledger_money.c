/* Credits in SQL against a real server: refunds, disputes, promotions, adjustments, reversals, transfers, statements, and
 * what is folded and forgotten. Each case ends with ledger_check() empty; seeded faults prove that it would not be. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"

/* Accounts 1 and 2 are workspaces of one organisation, 3 is another's; a key and a boot each. Amounts are dollars. */
#define ID(kind, n) "'" kind "0000000-0000-7000-8000-00000000000" n "'"
#define ACCOUNT(n) ID("a", n)
#define KEY(n) ID("b", n)
#define BOOT(n) ID("c", n)
#define LEASE(n) ID("d", n)
#define ORGANISATION(n) ID("e", n)
#define PROMOTION(n) ID("f", n)

static void run(const char *sql)
{
    const char *out = pg_sql(sql);

    if (strstr(out, "ERROR") != NULL) {
        printf("# %s\n# %s\n", sql, out);
        CHECK(!"SQL without an error");
    }
}

static void check_sound_at(int line)
{
    const char *rows = pg_sql("SELECT * FROM ledger_check()");

    if (rows[0] == '\0')
        return;
    printf("# %s\n", rows);
    check_fail(__FILE__, line, "the ledger is sound");
}
#define CHECK_SOUND() check_sound_at(__LINE__)

#define CHECK_SQL(sql, want)                                                                       \
    do {                                                                                           \
        const char *got_ = pg_sql(sql);                                                            \
        if (strcmp(got_, (want)) != 0) {                                                           \
            printf("# got %s\n# want %s\n", got_, (want));                                         \
            check_fail(__FILE__, __LINE__, sql);                                                   \
        }                                                                                          \
    } while (0)

/* What the case calls: money in dollars, and a clock that it moves. */
static const char helpers[] =
    "CREATE TABLE test_clock (at timestamptz NOT NULL);"
    "INSERT INTO test_clock VALUES ('2026-03-10T12:00:00Z');"
    "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM test_clock';"
    "CREATE FUNCTION clock_to(t timestamptz) RETURNS void LANGUAGE sql AS 'UPDATE test_clock SET at = t';"
    "CREATE FUNCTION d(x numeric) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT (x * 1000000000)::bigint';"
    /* available|leased|owed */
    "CREATE FUNCTION has(a uuid) RETURNS text LANGUAGE sql STABLE AS $$"
    " SELECT usd(ledger_balance(a, 'available')) || '|' || usd(ledger_balance(a, 'leased')) || '|' ||"
    " usd(-ledger_balance(a, 'owed')) $$;"
    "CREATE FUNCTION lend(a uuid, k uuid, b uuid, l uuid, x numeric) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN"
    " IF NOT account_take(a) THEN RETURN NULL; END IF;"
    " IF ledger_balance(a, 'available') < d(x) THEN RETURN false; END IF;"
    " INSERT INTO lease (lease_id, key_id, account_id, boot_id, granted_nusd, opened_at, expires_at)"
    " VALUES (l, k, a, b, d(x), ledger_now(), ledger_now() + interval '1 minute');"
    " PERFORM ledger_move('lease', a, l, 'available', 'leased', d(x)); RETURN true; END $$;"
    /* One record of the key's next number; it costs x under the lease. */
    "CREATE FUNCTION spend(b uuid, k uuid, l uuid, x numeric) RETURNS void LANGUAGE sql AS $$"
    " SELECT usage_ingest(b, ARRAY[jsonb_populate_record(NULL::usage_record, (SELECT jsonb_object_agg(a.attname, 0)"
    "  FROM pg_attribute a WHERE a.attrelid = 'usage_record'::regclass AND a.attnum > 0 AND a.atttypid = 20)"
    "  || jsonb_build_object('seq', (SELECT acked_seq + 1 FROM boot WHERE boot_id = b), 'request_id', gen_random_uuid(),"
    "  'key_id', k, 'account_id', (SELECT account_id FROM api_key WHERE key_id = k), 'lease_id', l, 'cost_nusd', d(x),"
    "  'tokens_prompt', 7, 'tokens_completion', 5))]) $$;";

static void migrate(void)
{
    struct buf why;

    buf_init(&why, 1000);
    if (db_migrate(pg_url(), "sql", &why) != ERR_NONE) {
        printf("# %.*s\n", (int)why.len, (const char *)why.ptr);
        CHECK(!"migrations");
    }
    buf_free(&why);
}

static void begin(void)
{
    static bool migrated;

    if (!migrated) {
        setenv("PGOPTIONS", "-c synchronous_commit=off", 1); /* what is tested here is not a crash */
        migrate();
        run(helpers);
        migrated = true;
    }
    /* Few rows: DELETE takes a tenth of what TRUNCATE takes. */
    run("SET session_replication_role = replica; DELETE FROM usage; DELETE FROM usage_batch; DELETE FROM usage_day;"
        "DELETE FROM key_total; DELETE FROM lease; DELETE FROM posting; DELETE FROM transfer; DELETE FROM boot;"
        "DELETE FROM api_key; DELETE FROM key_digest; DELETE FROM account_terms; DELETE FROM promotion; DELETE FROM ledger_state;"
        "DELETE FROM ledger_account; DELETE FROM account; DELETE FROM organisation;"
        "SELECT setval(pg_get_serial_sequence('transfer', 'transfer_id'), 1, false);"
        "UPDATE ledger_horizon SET leases_before = '-infinity';"
        "UPDATE test_clock SET at = '2026-03-10T12:00:00Z'; SET session_replication_role = origin;"
        "INSERT INTO organisation (organisation_id, name) VALUES (" ORGANISATION("1") ", 'one'),"
        " (" ORGANISATION("3") ", 'three');"
        "INSERT INTO account (account_id, organisation_id, name, created_at) VALUES"
        " (" ACCOUNT("1") ", " ORGANISATION("1") ", 'one', ledger_now()),"
        " (" ACCOUNT("2") ", " ORGANISATION("1") ", 'two', ledger_now()),"
        " (" ACCOUNT("3") ", " ORGANISATION("3") ", 'three', ledger_now());"
        "INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
        " (" KEY("1") ", " ACCOUNT("1") ", sha256('1'), 'k', 'k', 'inference'),"
        " (" KEY("2") ", " ACCOUNT("2") ", sha256('2'), 'k', 'k', 'inference');"
        "INSERT INTO boot (boot_id, measurement, simulated) VALUES"
        " (" BOOT("1") ", decode(repeat('00', 48), 'hex'), true);"
        "SELECT ledger_topup(" ACCOUNT("1") ", d(10), 'first')");
}

#define HAS_1 "SELECT has(" ACCOUNT("1") ")"
#define HAS_2 "SELECT has(" ACCOUNT("2") ")"
#define LEND(l, x) "SELECT lend(" ACCOUNT("1") ", " KEY("1") ", " BOOT("1") ", " LEASE(l) ", " x ")"
#define SPEND(l, x) "SELECT spend(" BOOT("1") ", " KEY("1") ", " LEASE(l) ", " x ")"
#define RETURN(l) "SELECT usd(lease_return(" LEASE(l) ", " BOOT("1") ", 0, true))"
#define CHANGE(kind, x, why, once)                                                                 \
    "SELECT outcome, usd(o_available), usd(o_free) FROM ledger_change(" ACCOUNT("1") ", '" kind "', d(" x "), " why  \
    ", " once ")"
#define PROMOTE(n, x, end)                                                                         \
    "SELECT outcome FROM ledger_promote(" ACCOUNT("1") ", " PROMOTION(n) ", d(" x "), " end ", 'welcome', 'p" n "')"
#define PROMOTIONS                                                                                 \
    "SELECT string_agg(usd(spent_nusd) || '+' || usd(returned_nusd) || '/' || usd(amount_nusd)"    \
    " || CASE WHEN ended_at IS NULL THEN '' ELSE '!' END, ' ' ORDER BY promotion_id) FROM promotion"

/* --- refunds and adjustments: all or nothing --- */

static void test_refund_and_adjust(void)
{
    begin();
    run(LEND("1", "4"));
    CHECK_SQL(CHANGE("refund", "-7", "'as asked'", "'r1'"), "insufficient|6|6"); /* 4 are lent */
    CHECK_SQL(CHANGE("refund", "-2", "'as asked'", "'r1'"), "ok|4|6");
    CHECK_SQL(CHANGE("refund", "-2", "'as asked'", "'r1'"), "repeated|4|4");
    CHECK_SQL(CHANGE("refund", "-1", "'as asked'", "'r1'"), "conflict|4|4");
    CHECK_SQL(CHANGE("adjustment", "-5", "'wrong'", "'r1'"), "insufficient|4|4"); /* another kind: another key */
    CHECK_SQL(CHANGE("adjustment", "-4", "'wrong'", "NULL"), "ok|0|4");
    CHECK_SQL(CHANGE("adjustment", "1.000000001", "'sorry'", "NULL"), "ok|1.000000001|0");
    CHECK(strstr(pg_sql(CHANGE("adjustment", "1", "NULL", "NULL")), "transfer_says_why") != NULL);
    CHECK_SQL("SELECT outcome FROM ledger_change(gen_random_uuid(), 'refund', -1, NULL, NULL)", "unknown");
    CHECK_SQL(HAS_1, "1.000000001|4|0");
    CHECK_SQL("SELECT l ->> 'action', l -> 'after' ->> 'kind', l -> 'after' ->> 'asked_nusd', l -> 'after' ->> 'reason'"
              " FROM (SELECT e.line::json AS l FROM audit_entry e WHERE e.account_id = " ACCOUNT("1")
              " ORDER BY e.seq DESC LIMIT 1) x", "transfer.insert|adjustment|1000000001|sorry");
    CHECK_SQL("SELECT kind, usd(balance_nusd) FROM ledger_account WHERE owner = " ACCOUNT("1")
              " AND kind IN ('deposits', 'adjustments') ORDER BY 1", "adjustments|2.999999999\ndeposits|-8");
    CHECK_SOUND();
}

/* A refund by hand gives back what was paid by hand: not what nobody paid, and not what a payment's own refund gives. */
static void test_refund_of_what_was_paid(void)
{
    begin();
    run(CHANGE("adjustment", "5", "'sorry'", "NULL"));
    run("SELECT ledger_topup(" ACCOUNT("1") ", d(20), 'payment:" "22222222-2222-2222-2222-222222222222')");
    CHECK_SQL(CHANGE("refund", "-30.000000001", "NULL", "'r'"), "unpaid|35|35");
    CHECK_SQL(CHANGE("refund", "-10.000000001", "NULL", "'r'"), "payment|35|35");
    CHECK_SQL("SELECT ledger_take_back(" ACCOUNT("1") ", d(8), 'payment-back:22222222-2222-2222-2222-222222222222:0', 'refund')"
              " IS NOT NULL, outcome FROM ledger_topup(" ACCOUNT("1") ", d(3), 'payment-again:2:1')", "t|ok");
    CHECK_SQL(CHANGE("refund", "-10.000000001", "NULL", "'r'"), "payment|30|30");
    CHECK_SQL(CHANGE("refund", "-10", "NULL", "'r'"), "ok|20|30");
    CHECK_SQL(CHANGE("refund", "-0.000000001", "NULL", "NULL"), "payment|20|20");
    CHECK_SQL("SELECT outcome, o_transfer FROM transfer t, ledger_reverse(" ACCOUNT("1") ", t.transfer_id, 'why', NULL)"
              " WHERE t.kind = 'topup' AND t.idempotency LIKE 'payment%'", "payment|\npayment|");
    CHECK_SQL(HAS_1, "20|0|0");
    CHECK_SOUND();
}

/* --- disputes: what is not there is owed, and later money pays it first --- */

#define TAKE_BACK(x, once)                                                                         \
    "SELECT outcome, usd(taken), usd(owed) FROM ledger_take_back(" ACCOUNT("1") ", d(" x "), " once ", 'dispute')"

static void test_debt(void)
{
    begin();
    run(LEND("1", "4"));
    run(SPEND("1", "1"));
    CHECK_SQL(TAKE_BACK("10", "'d1'"), "ok|6|4");
    CHECK_SQL(TAKE_BACK("10", "'d1'"), "repeated|6|4");
    CHECK_SQL(TAKE_BACK("9", "'d1'"), "conflict||");
    CHECK_SQL(HAS_1, "0|3|4");
    CHECK_SOUND();
    CHECK_SQL(RETURN("1"), "3"); /* what comes back pays it before it is lent again */
    CHECK_SQL(LEND("2", "0.000000001"), "f");
    CHECK_SQL(HAS_1, "0|0|1");
    CHECK_SQL("SELECT outcome, usd(o_available) FROM ledger_topup(" ACCOUNT("1") ", d(5), 'second')", "ok|4");
    CHECK_SQL(HAS_1, "4|0|0");
    CHECK_SQL("SELECT due_at FROM ledger_state WHERE account_id = " ACCOUNT("1"), "");
    CHECK_SOUND();
}

/* An account that nobody lends to is taken from by the round of every second; one that is locked is left for the next. */
static void test_due_round(void)
{
    begin();
    run(LEND("1", "10"));
    run(TAKE_BACK("3", "NULL"));
    CHECK_SQL("SELECT ledger_due_round(10)", "0");
    run(RETURN("1"));
    CHECK_SQL("SELECT ledger_due_round(10)", "0"); /* it was tried in these 10 seconds */
    run("SELECT clock_to('2026-03-10T12:00:11Z')");
    CHECK_SQL("SELECT ledger_due_round(10)", "1");
    CHECK_SQL(HAS_1, "7|0|0");
    CHECK_SQL("SELECT ledger_due_round(10)", "0");
    CHECK_SOUND();
}

/* --- promotions: spent before paid money, the first to expire first; the rest goes back --- */

static void test_promotion(void)
{
    begin();
    run(LEND("9", "1"));
    run(SPEND("9", "0.5")); /* before them: not theirs */
    CHECK_SQL(PROMOTE("1", "3", "'2026-03-20T00:00:00Z'"), "ok");
    CHECK_SQL(PROMOTE("2", "2", "'2026-03-15T00:00:00Z'"), "ok");
    CHECK_SQL(PROMOTE("2", "2", "'2026-03-15T00:00:00Z'"), "repeated");
    CHECK_SQL(PROMOTE("2", "2", "'2026-03-16T00:00:00Z'"), "conflict");
    CHECK_SQL(PROMOTE("3", "2", "'2026-03-10T12:00:00Z'"), "expired");
    CHECK_SQL(HAS_1, "14|0.5|0");
    CHECK_SQL(CHANGE("refund", "-10", "NULL", "NULL"), "insufficient|14|9.5"); /* they are not refunded */
    run(LEND("1", "6"));
    run(SPEND("1", "2.5")); /* 2 of the second, 0.5 of the first */
    CHECK_SQL("SELECT string_agg(usd(left_nusd) || '/' || usd(amount_nusd), ' ') FROM promotion_now(" ACCOUNT("1") ")",
              "0/2 2.5/3");
    CHECK_SQL("SELECT credits_object(" ACCOUNT("1") ")::jsonb - 'promotions' - 'usage_by_model'",
              "{\"owed\": 0, \"leased\": 4, \"balance\": 12, \"available\": 8, \"promotional\": 2.5, \"total_usage\": 3,"
              " \"total_credits\": 15}");
    CHECK_SOUND();
    run("SELECT ledger_due_round(10), clock_to('2026-03-21T00:00:00Z')");
    CHECK_SQL(HAS_1, "8|4|0"); /* the second was spent: nothing went back */
    CHECK_SQL("SELECT ledger_due_round(10)", "1");
    CHECK_SQL(PROMOTIONS, "0.5+2.5/3! 2+0/2!");
    CHECK_SQL(HAS_1, "5.5|4|0");
    CHECK_SQL(CHANGE("refund", "-5.5", "NULL", "NULL"), "ok|0|5.5");
    CHECK_SOUND();
}

/* What is lent when a promotion expires may be spent; what comes back is taken before anything is lent again. */
static void test_promotion_that_is_lent(void)
{
    begin();
    CHECK_SQL(PROMOTE("1", "5", "'2026-03-20T00:00:00Z'"), "ok");
    run(LEND("1", "8"));
    run(LEND("2", "6"));
    run("SELECT clock_to('2026-03-20T00:00:00Z'), ledger_due_round(10)");
    CHECK_SQL(HAS_1, "0|14|0");
    CHECK_SQL(PROMOTIONS, "0+1/5");
    run(SPEND("1", "1.5"));
    CHECK_SQL(RETURN("2"), "6");
    CHECK_SQL(LEND("3", "4"), "f");
    CHECK_SQL(PROMOTIONS, "1.5+3.5/5!");
    CHECK_SQL(LEND("3", "3.5"), "t");
    CHECK_SQL(HAS_1, "0|10|0");
    CHECK_SOUND();
}

/* --- reversal of a top-up --- */

#define REVERSE(topup, once)                                                                       \
    "SELECT outcome, usd(o_reversed), usd(o_rest), usd(o_available) FROM ledger_reverse(" ACCOUNT("1") ", " topup \
    ", 'paid with a stolen card', " once ")"

static void test_reverse(void)
{
    begin();
    CHECK_SQL("SELECT o_transfer FROM ledger_topup(" ACCOUNT("1") ", d(5), 'second')", "2");
    run(LEND("1", "12"));
    CHECK_SQL(REVERSE("2", "'x'"), "ok|3|2|0");
    CHECK_SQL(REVERSE("2", "'x'"), "repeated|3|2|0");
    CHECK_SQL(REVERSE("1", "'x'"), "conflict|3|2|0");
    CHECK_SQL(REVERSE("2", "'y'"), "insufficient|0|2|0");
    run(RETURN("1"));
    CHECK_SQL(REVERSE("2", "'y'"), "ok|2|0|10");
    CHECK_SQL(REVERSE("2", "'z'"), "done|0|0|10");
    CHECK_SQL(REVERSE("3", "NULL"), "not_topup|||10");
    CHECK_SQL(HAS_1, "10|0|0");
    CHECK_SOUND();
}

/* --- transfers --- */

#define TRANSFER(from, to, x, once)                                                                \
    "SELECT outcome, usd(o_available), usd(o_free) FROM ledger_transfer(" from ", " to ", gen_random_uuid(), d(" x    \
    "), NULL, " once ")"

static void test_transfer(void)
{
    begin();
    run(TAKE_BACK("1", "NULL"));
    CHECK_SQL(PROMOTE("1", "3", "'2026-03-20T00:00:00Z'"), "ok");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "9.5", "'t1'"), "insufficient|12|9");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "5", "'t1'"), "ok|7|9");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "5", "'t1'"), "repeated|7|4");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "4", "'t1'"), "conflict|7|4");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("3"), "1", "NULL"), "foreign||");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), "gen_random_uuid()", "1", "NULL"), "foreign||");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("1"), "1", "NULL"), "same||");
    CHECK_SQL(HAS_1, "7|0|0");
    CHECK_SQL(HAS_2, "5|0|0");
    CHECK_SQL("SELECT x ->> 'kind', x ->> 'amount', x ->> 'other_workspace_id' FROM movement_list(" ACCOUNT("2")
              ", NULL, NULL, 9) l, json_array_elements(l.o_rows) x WHERE x ->> 'kind' <> 'topup'",
              "move|5|a0000000-0000-7000-8000-000000000001");
    CHECK_SOUND();
}

/* A payment is disputed whose credits are in another workspace by now: that pays, with what it is lent, too. What is
 * another organisation's, and what is a promotion's, stays. */
static void test_debt_of_another(void)
{
    begin();
    run("SELECT ledger_topup(" ACCOUNT("3") ", d(10), 'first')");
    CHECK_SQL(PROMOTE("1", "3", "'2026-03-20T00:00:00Z'"), "ok");
    run(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "10", "'t1'"));
    run("SELECT lend(" ACCOUNT("2") ", " KEY("2") ", " BOOT("1") ", " LEASE("1") ", 4)");
    CHECK_SQL(TAKE_BACK("10", "'d1'"), "ok|0|10");
    CHECK_SQL(TAKE_BACK("10", "'d1'"), "repeated|0|10");
    CHECK_SQL(HAS_1, "3|0|4");
    CHECK_SQL(HAS_2, "0|4|0");
    CHECK_SOUND();
    CHECK_SQL(RETURN("1"), "4");
    CHECK_SQL("SELECT lend(" ACCOUNT("2") ", " KEY("2") ", " BOOT("1") ", " LEASE("2") ", 0.000000001)", "f");
    CHECK_SQL(HAS_1, "3|0|0");
    CHECK_SQL(HAS_2, "0|0|0");
    run("SELECT clock_to('2026-03-10T12:00:11Z'); SELECT ledger_due_round(10)");
    CHECK_SQL("SELECT count(*) FROM ledger_state WHERE due_at <= ledger_now()", "0");
    CHECK_SQL("SELECT has(" ACCOUNT("3") ")", "10|0|0");
    CHECK_SQL("SELECT string_agg(x ->> 'kind' || (x ->> 'amount') || (x ->> 'reason'), ' ') FROM movement_list("
              ACCOUNT("2") ", NULL, NULL, 9) l, json_array_elements(l.o_rows) x",
              "move-4debt of another workspace move-6debt of another workspace");
    CHECK_SOUND();
}

/* Who is working on the other account is not waited for: a later round takes the debt. */
static void test_debt_not_waited_for(void)
{
    char command[1500];
    const char *url;

    begin();
    run(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "10", "'t1'"));
    url = pg_url();
    snprintf(command, sizeof command,
             "psql -XAtq '%s' -c \"BEGIN; SELECT 1 FROM account WHERE account_id = " ACCOUNT("2") " FOR UPDATE;"
             " SELECT pg_sleep(60)\" >/dev/null 2>&1 &"
             " until psql -XAtq '%s' -c \"SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'\" | grep -q 1; do :; done;"
             " psql -XAtq '%s' -c \"SET lock_timeout = '9s'\" -c \"" TAKE_BACK("10", "'d1'") "\" | grep -qx 'ok|0|10';"
             " said=$?; psql -XAtq '%s' -c \"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event ="
             " 'PgSleep'\" >/dev/null; wait; exit $said", url, url, url, url);
    CHECK_INT(system(command), 0);
    CHECK_SQL(HAS_1, "0|0|10");
    run("SELECT clock_to('2026-03-10T12:00:11Z'); SELECT ledger_due_round(10)");
    CHECK_SQL(HAS_1, "0|0|0");
    CHECK_SQL(HAS_2, "0|0|0");
    CHECK_SOUND();
}

/* Whoever asks, money neither leaves nor enters an account that is not active; what had moved before is still told. */
static void test_transfer_stopped(void)
{
#define STATE(n, state) "SELECT account_set_state(" ACCOUNT(n) ", '" state "', 'why')"
    begin();
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "4", "'t1'"), "ok|6|10");
    CHECK_SQL(STATE("1", "suspended"), "ok");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "1", "'t2'"), "suspended|6|6");
    CHECK_SQL(TRANSFER(ACCOUNT("2"), ACCOUNT("1"), "1", "'t2'"), "suspended|4|4");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "4", "'t1'"), "repeated|6|6");
    CHECK_SQL("SELECT outcome, usd(o_available) FROM ledger_topup(" ACCOUNT("1") ", d(5), 'paid')", "ok|11");
    CHECK_SQL(STATE("1", "active"), "ok");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "1", "'t2'"), "ok|10|11");
    CHECK_SQL(STATE("1", "closed"), "ok");
    CHECK_SQL(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "1", "'t3'"), "closed|10|10");
    CHECK_SQL(TRANSFER(ACCOUNT("2"), ACCOUNT("1"), "1", "'t3'"), "foreign|5|5");
    CHECK_SQL(HAS_1, "10|0|0");
    CHECK_SQL(HAS_2, "5|0|0");
    CHECK_SOUND();
}

/* --- statements --- */

/* Opening and all lines come to closing, and closing is what an independent sum of the postings says. */
static void check_statement(const char *month)
{
    char sql[2000];

    snprintf(sql, sizeof sql,
             "SELECT (j.s ->> 'opening_balance')::numeric + (j.s ->> 'movements_total')::numeric"
             "  + (j.s ->> 'usage_total')::numeric - (j.s ->> 'closing_balance')::numeric = 0,"
             " (SELECT sum((x ->> 'amount')::numeric) FROM json_array_elements(j.s -> 'movements') x)"
             "  = (j.s ->> 'movements_total')::numeric,"
             " (SELECT sum((x ->> 'amount')::numeric) FROM json_array_elements(j.s -> 'usage') x)"
             "  = (j.s ->> 'usage_total')::numeric,"
             " (j.s ->> 'closing_balance')::numeric * 1000000000 = (SELECT sum(p.amount_nusd) FROM posting p"
             "  JOIN transfer t USING (account_id, transfer_id) JOIN ledger_account a USING (ledger_account_id)"
             "  WHERE t.account_id = " ACCOUNT("1") " AND a.kind IN ('available', 'leased')"
             "  AND t.at < '%s-01'::timestamp AT TIME ZONE 'UTC' + interval '1 month'),"
             " (SELECT x ->> 'closing_balance' FROM json_array_elements(statement_list(" ACCOUNT("1") ")) x"
             "  WHERE x ->> 'month' = '%s') = j.s ->> 'closing_balance'"
             " FROM (SELECT statement_json(" ACCOUNT("1") ", '%s-01') AS s) j",
             month, month, month);
    CHECK_SQL(sql, "t|t|t|t|t");
}

/* March: usage on two days, one of it unpaid; April: more, and a promotion that expires. */
static void two_months(void)
{
    run(PROMOTE("1", "1", "'2026-04-02T00:00:00Z'"));
    run(LEND("1", "2"));
    run(SPEND("1", "0.25"));
    run("SELECT clock_to('2026-03-31T23:59:59.999Z')");
    run(SPEND("1", "0.123456789"));
    run(CHANGE("adjustment", "-1", "'<b>\"5,\" & more</b>'", "NULL"));
    run("SELECT clock_to('2026-04-01T00:00:00Z')");
    run(SPEND("1", "0.1"));
    run(SPEND("1", "30")); /* the rest of the lease, all that is there, and 20 are written off */
    run("SELECT clock_to('2026-04-03T00:00:00Z'), ledger_due_round(10)");
    run("SELECT ledger_topup(" ACCOUNT("1") ", d(40), NULL)");
    run(LEND("2", "1"));
    run(RETURN("2"));
}

static void test_statement(void)
{
    begin();
    two_months();
    CHECK_SQL("SELECT section, at, kind, coalesce(detail, ''), requests, tokens_prompt, usd(amount_nusd)"
              " FROM statement_line(" ACCOUNT("1") ", '2026-03-01')",
              "opening|2026-03-01T00:00:00.000Z|balance||||0\n"
              "movement|2026-03-10T12:00:00.000Z|topup||||10\n"
              "movement|2026-03-10T12:00:00.000Z|promotion|welcome|||1\n"
              "movement|2026-03-31T23:59:59.999Z|adjustment|<b>\"5,\" & more</b>|||-1\n"
              "usage|2026-03-10|model|unknown|1|7|-0.25\n"
              "usage|2026-03-31|model|unknown|1|7|-0.123456789\n"
              "closing|2026-04-01T00:00:00.000Z|balance||||9.626543211");
    CHECK_SQL("SELECT section, at, kind, coalesce(detail, ''), requests, usd(amount_nusd)"
              " FROM statement_line(" ACCOUNT("1") ", '2026-04-01')",
              "opening|2026-04-01T00:00:00.000Z|balance|||9.626543211\n"
              "movement|2026-04-03T00:00:00.000Z|topup|||40\n"
              "usage|2026-04-01|model|unknown|2|-30.1\n"
              "usage|2026-04-01|written_off|||20.473456789\n"
              "closing|2026-05-01T00:00:00.000Z|balance|||40");
    check_statement("2026-03");
    check_statement("2026-04");
    CHECK_SQL("SELECT x ->> 'month', x ->> 'opening_balance', x ->> 'closing_balance' FROM json_array_elements("
              "statement_list(" ACCOUNT("1") ")) x", "2026-04|9.626543211|40\n2026-03|0|9.626543211");
    CHECK_SOUND();
    /* Details of usage that are no longer kept: the statement says so and comes to the same. */
    run("DELETE FROM usage_day WHERE day = '2026-03-31'");
    CHECK_SQL("SELECT kind, usd(amount_nusd) FROM statement_line(" ACCOUNT("1") ", '2026-03-01') WHERE at = '2026-03-31'",
              "undetailed|-0.123456789");
}

/* Pages of movements: every one once, newest first. */
static void test_movements(void)
{
    begin();
    run("SELECT ledger_topup(" ACCOUNT("1") ", d(n), NULL) FROM generate_series(1, 5) n");
    CHECK_SQL("SELECT o_more, o_last, json_array_length(o_rows) FROM movement_list(" ACCOUNT("1") ", NULL, NULL, 4)",
              "t|3|4");
    CHECK_SQL("SELECT o_more, o_last, o_rows -> 0 ->> 'amount' FROM movement_list(" ACCOUNT("1") ", 3, NULL, 2)",
              "f|1|1");
    CHECK_SQL("SELECT o_more, o_last, o_rows FROM movement_list(" ACCOUNT("1") ", 1, NULL, 4)", "f||[]");
    CHECK_SQL("SELECT o_more, o_rows FROM movement_list(" ACCOUNT("1") ", NULL, 'refund', 4)", "f|[]");
    CHECK_SQL("SELECT o_rows FROM movement_list(" ACCOUNT("3") ", NULL, NULL, 4)", "[]");
}

/* --- what is kept how long --- */

static void test_fold(void)
{
    char before[4000], transfers[32];

    begin();
    two_months();
    snprintf(transfers, sizeof transfers, "%s", pg_sql("SELECT count(*) FROM transfer"));
    snprintf(before, sizeof before, "%s",
             pg_sql("SELECT * FROM statement_line(" ACCOUNT("1") ", '2026-03-01') UNION ALL"
                    " SELECT * FROM statement_line(" ACCOUNT("1") ", '2026-04-01') UNION ALL"
                    " SELECT kind, '', '', '', NULL, NULL, NULL, balance_nusd FROM (SELECT * FROM ledger_account ORDER BY owner, kind) a"));
    CHECK_SQL("SELECT ledger_fold(35, 10)", "0"); /* nothing is so old */
    run("SELECT clock_to('2026-05-09T00:00:00Z')");
    CHECK_SQL("SELECT ledger_fold(35, 10)", "7"); /* leases, usage and returns of the four days */
    CHECK_SQL("SELECT count(*) FROM transfer WHERE kind IN ('lease', 'return', 'usage')", "0");
    CHECK_SQL("SELECT count(*) FROM transfer WHERE kind = 'fold'", "3"); /* on the fourth, what was lent came back */
    CHECK_SQL("SELECT ledger_fold(35, 10)", "0");
    CHECK_SQL("SELECT * FROM statement_line(" ACCOUNT("1") ", '2026-03-01') UNION ALL"
              " SELECT * FROM statement_line(" ACCOUNT("1") ", '2026-04-01') UNION ALL"
              " SELECT kind, '', '', '', NULL, NULL, NULL, balance_nusd FROM (SELECT * FROM ledger_account ORDER BY owner, kind) a", before);
    CHECK_SOUND();
    /* In portions: one transfer at a time comes to the same. */
    begin();
    two_months();
    run("SELECT clock_to('2026-05-09T00:00:00Z')");
    for (int i = 0; i < 6; i++)
        run("SELECT ledger_fold_day(" ACCOUNT("1") ", day::date, 1) FROM generate_series('2026-03-10'::timestamp,"
            " '2026-04-03', '1 day') day");
    CHECK_SQL("SELECT count(*) FILTER (WHERE kind = 'fold'), count(*) FILTER (WHERE kind IN ('lease', 'usage'))"
              " FROM transfer", "3|0");
    CHECK_SQL("SELECT * FROM statement_line(" ACCOUNT("1") ", '2026-03-01') UNION ALL"
              " SELECT * FROM statement_line(" ACCOUNT("1") ", '2026-04-01') UNION ALL"
              " SELECT kind, '', '', '', NULL, NULL, NULL, balance_nusd FROM (SELECT * FROM ledger_account ORDER BY owner, kind) a", before);
    CHECK_SOUND();
}

static void test_append_only(void)
{
    begin();
    two_months();
    CHECK(strstr(pg_sql("DELETE FROM posting"), "append-only") != NULL);
    CHECK(strstr(pg_sql("UPDATE transfer SET at = at"), "append-only") != NULL);
    CHECK(strstr(pg_sql("BEGIN; SET LOCAL tr.folding = 'yes'; UPDATE posting SET amount_nusd = 1"), "append-only") !=
          NULL);
    /* Not even then: what a person did, and what is new. */
    CHECK(strstr(pg_sql("BEGIN; SET LOCAL tr.folding = 'yes'; DELETE FROM posting; DELETE FROM transfer WHERE kind ="
                        " 'topup'"), "this transfer stays") != NULL);
    CHECK(strstr(pg_sql("BEGIN; SET LOCAL tr.folding = 'yes'; DELETE FROM posting; DELETE FROM transfer WHERE kind ="
                        " 'return'"), "this transfer stays") != NULL);
    CHECK_SOUND();
}

static void test_forget(void)
{
    begin();
    run(LEND("1", "1"));
    run(LEND("2", "1"));
    run(SPEND("1", "1"));
    run(RETURN("1"));
    run("SELECT clock_to('2026-06-10T00:00:00Z')");
    CHECK_SQL("SELECT * FROM ledger_tidy(35, 90, 760, 10)", "3|1|0"); /* the open lease stays */
    CHECK_SOUND();
    run(SPEND("1", "0.5")); /* late, and its lease is gone: what the account has pays it */
    CHECK_SQL(HAS_1, "7.5|1|0");
    run("INSERT INTO boot (boot_id, measurement, simulated, last_seen) VALUES"
        " (" BOOT("8") ", decode(repeat('00', 48), 'hex'), true, '2024-05-10T00:00:00Z'),"
        " (" BOOT("9") ", decode(repeat('00', 48), 'hex'), true, '2024-05-12T00:00:00Z')");
    CHECK_SQL("SELECT boot_forget(760, 10)", "1");
    CHECK_SQL("SELECT count(*) FROM boot WHERE boot_id = " BOOT("8"), "0");
    CHECK_SOUND();
}

/* --- terms --- */

#define TERMS(starts, markup, fee)                                                                 \
    "SELECT outcome FROM terms_set(" ACCOUNT("1") ", " starts ", " markup ", " fee ", 'contract')"
#define TERMS_NOW "SELECT * FROM terms_now(" ACCOUNT("1") ")"
#define OWN_VERSION "SELECT byok_version FROM api_key WHERE key_id = " KEY("1")

/* Terms count from their start, and then the account's keys have a new version, which data planes ask about. */
static void test_terms(void)
{
    char first[32];

    begin();
    CHECK_SQL(TERMS_NOW, "|0");
    CHECK_SQL(OWN_VERSION, "0");
    CHECK_SQL(TERMS("NULL", "1000", "NULL"), "ok");
    CHECK_SQL(TERMS_NOW, "|100000");
    snprintf(first, sizeof first, "%s", pg_sql(OWN_VERSION));
    CHECK(strcmp(first, "0") != 0);
    CHECK_SQL(TERMS("'2026-03-10T12:00:00Z'", "1", "1"), "exists");
    CHECK_SQL(TERMS("'2026-03-10T11:59:59Z'", "1", "1"), "past");
    CHECK_SQL("SELECT outcome FROM terms_set(gen_random_uuid(), NULL, 1, 1, 'x')", "unknown");
    CHECK(strstr(pg_sql(TERMS("'2026-03-11'", "100001", "NULL")), "account_terms_markup_bp_check") != NULL);
    CHECK_SQL(TERMS("'2026-03-12T00:00:00Z'", "0", "250"), "ok"); /* later */
    CHECK_SQL(TERMS_NOW, "|100000");
    CHECK_SQL(OWN_VERSION, first);
    /* A key that is made meanwhile is told, too. */
    run("INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
        " (" KEY("5") ", " ACCOUNT("1") ", sha256('5'), 'k', 'k', 'inference')");
    CHECK_SQL("SELECT byok_version = " "(" OWN_VERSION ")" " FROM api_key WHERE key_id = " KEY("5"), "t");
    run("SELECT clock_to('2026-03-12T00:00:00Z')");
    CHECK_SQL(TERMS_NOW, "25000|0");
    CHECK_SQL("SELECT ledger_due_round(10)", "0"); /* no money moves, but the keys hear of it */
    CHECK_SQL(OWN_VERSION, "0");                   /* without a markup or own keys there is nothing to ask for */
    CHECK_SQL("SELECT x ->> 'markup_bp', x ->> 'byok_fee_bp', x ->> 'current' FROM json_array_elements(terms_list("
              ACCOUNT("1") ")) x", "0|250|true\n1000||false");
    CHECK_SQL("SELECT due_at FROM ledger_state WHERE account_id = " ACCOUNT("1"), "");
    CHECK_SOUND();
}

/* --- the check finds each fault --- */

static void test_check_finds(void)
{
    static const struct {
        const char *harm, *named;
    } harms[] = {
        {"UPDATE promotion SET amount_nusd = amount_nusd + 1", "promotion is not what its ledger account says"},
        {"UPDATE ledger_account SET balance_nusd = 0 WHERE kind = 'available'",
         "promotions exceed what the account has"},
        {"UPDATE ledger_state SET billed_nusd = 1000000000000", "promotions are settled beyond what was billed"},
        {"UPDATE ledger_state SET billed_nusd = 0; UPDATE promotion SET spent_nusd = 1",
         "promotions spent more than was billed"},
        {"UPDATE ledger_state SET due_at = NULL", "an open promotion or debt is not due"},
        {"DELETE FROM ledger_state", "an account has no state of its ledger"},
        {"UPDATE posting SET amount_nusd = 2 * amount_nusd WHERE account_id = " ACCOUNT("2"),
         "a move has not two equal sides"},
        {"UPDATE transfer SET reverses = 1 WHERE kind = 'dispute'; UPDATE posting SET amount_nusd = 100 * amount_nusd"
         " WHERE transfer_id IN (SELECT transfer_id FROM transfer WHERE kind = 'dispute')",
         "more of a top-up is reversed than it brought"},
        {"UPDATE ledger_account SET balance_nusd = balance_nusd - 1 WHERE kind = 'adjustments'",
         "a balance is not what came in less what went out"},
        {"DELETE FROM ledger_account WHERE kind = 'moved'", "account lacks a ledger account"},
        {"DELETE FROM lease", "leased is not what open leases hold"},
        {"DELETE FROM posting WHERE amount_nusd > 0", "transfer does not sum to zero"},
    };

    begin();
    run(PROMOTE("1", "3", "'2026-03-20T00:00:00Z'"));
    run(LEND("1", "1"));
    run(SPEND("1", "0.5"));
    run(TAKE_BACK("1", "NULL"));
    run(TRANSFER(ACCOUNT("1"), ACCOUNT("2"), "1", "NULL"));
    CHECK_SOUND();
    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        char sql[1024];

        snprintf(sql, sizeof sql,
                 "BEGIN; SET LOCAL session_replication_role = replica; %s;"
                 "SELECT invariant FROM ledger_check(); ROLLBACK",
                 harms[i].harm);
        if (strstr(pg_sql(sql), harms[i].named) == NULL)
            check_fail(__FILE__, __LINE__, harms[i].harm);
    }
    CHECK_SQL("SELECT count(*) FROM ledger_check_kept(10)", "0");
    CHECK_SQL("SELECT ledger_wrong()", "0");
}

/* Two at once under one idempotency key: one moves, the other says repeated. */
static void test_at_once(void)
{
    char command[600];

    begin();
    snprintf(command, sizeof command,
             "for i in 1 2 3 4; do psql -XAtq '%s' -c \"SELECT outcome FROM ledger_promote(" ACCOUNT("1") ", " PROMOTION("7")
             ", 5, '2026-04-01', 'r', 'once')\" & done | sort | uniq -c | tr -d ' \\n' | grep -qx 1ok3repeated", pg_url());
    CHECK_INT(system(command), 0);
    CHECK_SOUND();
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"refunds and adjustments", test_refund_and_adjust},
        {"refunds of what was paid", test_refund_of_what_was_paid},
        {"debts", test_debt},
        {"what is due is taken", test_due_round},
        {"promotions", test_promotion},
        {"a promotion that is lent", test_promotion_that_is_lent},
        {"reversal of a top-up", test_reverse},
        {"transfers between workspaces", test_transfer},
        {"debts of other workspaces", test_debt_of_another},
        {"debts wait for nobody", test_debt_not_waited_for},
        {"transfers stop with the account", test_transfer_stopped},
        {"statements add up", test_statement},
        {"movements in pages", test_movements},
        {"folding changes no figure", test_fold},
        {"transfers are append-only", test_append_only},
        {"leases and boots are forgotten", test_forget},
        {"terms of an account", test_terms},
        {"ledger_check finds each fault", test_check_finds},
        {"one movement of four at once", test_at_once},
    };

    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
