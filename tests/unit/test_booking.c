/* What a bad day does to booking, in SQL against a real server: an existing database is converted without
 * losing a unit, accounts never wait for each other, records that cannot be booked stop nobody, lost
 * numbers are recorded, and money goes back only when nothing can be spent of it any more. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"
#include "secret.h"
#include "usage.h"

#include <inttypes.h>
#include <pthread.h>
#include <uv.h>

/* Two accounts with a key and $1 each, two boots: numbers are their last digit. */
#define ID(kind, n) "'" kind "0000000-0000-7000-8000-00000000000" n "'"
#define ACCOUNT(n) ID("a", n)
#define KEY(n) ID("b", n)
#define BOOT(n) ID("c", n)
#define LEASE(n) ID("d", n)
#define SESSION(n) ID("e", n)

static void run(const char *sql)
{
    const char *out = pg_sql(sql);

    if (strstr(out, "ERROR") != NULL) {
        printf("# %s\n# %s\n", sql, out);
        CHECK(!"SQL without an error");
    }
}

static void check_sound(void)
{
    const char *rows = pg_sql("SELECT * FROM ledger_violations");

    if (rows[0] != '\0')
        printf("# %s\n", rows);
    CHECK(rows[0] == '\0');
}

#define CHECK_SQL(sql, want)                                                                       \
    do {                                                                                           \
        const char *got_ = pg_sql(sql);                                                            \
        if (strcmp(got_, (want)) != 0) {                                                           \
            printf("# got %s\n", got_);                                                            \
            check_fail(__FILE__, __LINE__, sql);                                                   \
        }                                                                                          \
    } while (0)

static void migrate(const char *dir)
{
    struct buf why;

    buf_init(&why, 1000);
    if (db_migrate(pg_url(), dir, &why) != ERR_NONE) {
        printf("# %.*s\n", (int)why.len, (const char *)why.ptr);
        CHECK(!"migrations");
    }
    buf_free(&why);
}

static void world(void)
{
    run("INSERT INTO account (account_id, name) VALUES (" ACCOUNT("1") ", 'one'), (" ACCOUNT(
        "2") ", 'two') ON CONFLICT DO NOTHING;"
             "INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
             " (" KEY("1") ", " ACCOUNT("1") ", sha256('1'), 'k', 'k', 'inference'),"
             " (" KEY("2") ", " ACCOUNT("2") ", sha256('2'), 'k', 'k', 'inference')"
             " ON CONFLICT DO NOTHING;"
             "INSERT INTO boot (boot_id, measurement, simulated) VALUES"
             " (" BOOT("1") ", decode(repeat('00', 48), 'hex'), true),"
             " (" BOOT("2") ", decode(repeat('00', 48), 'hex'), true) ON CONFLICT DO NOTHING");
    run("SELECT ledger_topup(" ACCOUNT("1") ", 1000000000, NULL),"
        " ledger_topup(" ACCOUNT("2") ", 1000000000, NULL)");
}

/* usage_ingest for records lo..hi of one boot and key, of 1,000 nUSD each; in SQL, so that the same text runs
 * on a database of before and after the conversion. */
static void book_define(void)
{
    run("CREATE OR REPLACE FUNCTION book(b uuid, k uuid, l uuid, lo bigint, hi bigint)"
        " RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE acked bigint; BEGIN"
        " IF to_regtype('usage_record') IS NULL THEN" /* before 019 */
        "  SELECT usage_ingest(b, array_agg(n), array_agg(md5(b::text || n)::uuid), array_agg(k),"
        "   array_agg(a.account_id), array_agg(l), array_agg(n), array_agg(n),"
        "   array_agg(1000::bigint), array_agg(n), array_agg(n), array_agg(n), array_agg(n),"
        "   array_agg(n), array_agg(n), array_agg(n), array_agg(n), array_agg(n), array_agg(n),"
        "   array_agg(n), array_agg(n), array_agg(n), array_agg(200::bigint), array_agg(0::bigint),"
        "   array_agg(0::bigint), array_agg(0::bigint), array_agg(1::bigint), array_agg(1::bigint),"
        "   array_agg(1::bigint), array_agg(1::bigint))"
        "  INTO acked FROM generate_series(lo, hi) n, api_key a WHERE a.key_id = k;"
        " ELSE"
        "  SELECT usage_ingest(b, array_agg(ROW(n, md5(b::text || n)::uuid, k, a.account_id, l, n, n, 1000,"
        "   n, n, n, n, n, n, n, n, n, n, n, n, n, 200, 0, 0, 0, 1, 1, 1, 1,"
        "  0, 0, 0, 0, 0, 0, 0, 0)::usage_record))"
        "  INTO acked FROM generate_series(lo, hi) n, api_key a WHERE a.key_id = k;"
        " END IF; RETURN acked; END $$");
    /* What opens a lease, whatever rules decide how much. */
    run("CREATE OR REPLACE FUNCTION lend(b uuid, k uuid, l uuid, amount bigint, ms bigint)"
        " RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO lease (lease_id, key_id, account_id, boot_id, granted_nusd, opened_at, expires_at)"
        "  SELECT l, k, account_id, b, amount, ledger_now(), ledger_now() + ms * interval '1 millisecond'"
        "  FROM api_key WHERE key_id = k;"
        " PERFORM ledger_move('lease', account_id, l, 'available', 'leased', amount)"
        "  FROM api_key WHERE key_id = k; END $$");
}

/* --- conversion --- */

/* A database at 011 with history on every shared row is converted; its books say the same before and after,
 * and are right. */
static void an_existing_database_is_converted(void)
{
    static const char totals[] =
        "SELECT kind, sum(balance_nusd) FROM ledger_account GROUP BY 1 HAVING sum(balance_nusd) <> 0 ORDER BY 1";
    char before[1024], dir[64], command[256];

    snprintf(dir, sizeof dir, "/tmp/tr-sql.%d", (int)getpid());
    snprintf(command, sizeof command,
             "mkdir -p %s && cp sql/00?_*.sql sql/010_*.sql sql/011_*.sql %s", dir, dir);
    CHECK_INT(system(command), 0);
    migrate(dir);
    snprintf(command, sizeof command, "rm -r %s", dir);
    CHECK_INT(system(command), 0);
    world();
    book_define();
    run("SELECT lease_open(sha256('1'), " BOOT("1") ", " LEASE("1") ", 5000, 5000, 60000)");
    run("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 7)"); /* 5 of the lease */
    run("SELECT book(" BOOT("2") ", " KEY("2") ", " LEASE("9") ", 1, 3)");
    run("SELECT usage_ingest(" BOOT("2") ", '{4}', ARRAY[gen_random_uuid()], ARRAY[" KEY(
        "2") "::uuid], ARRAY[" ACCOUNT("2") "::uuid], ARRAY[gen_random_uuid()], '{1}', '{1}',"
                                            " '{2000000000}', '{1}', '{1}', '{1}', '{1}', '{1}',"
                                            " '{1}', '{1}', '{1}', '{1}', '{1}', '{1}', '{1}',"
                                            " '{1}', '{200}', '{0}', '{0}', '{0}', '{1}', '{1}',"
                                            " '{1}', '{1}')"); /* half of it written off */
    check_sound();
    snprintf(before, sizeof before, "%s", pg_sql(totals));
    migrate("sql");
    check_sound();
    CHECK_SQL(totals, before);
    CHECK_SQL("SELECT count(*) FROM ledger_account WHERE owner IS NULL", "0");
    CHECK_SQL("SELECT balance_nusd FROM ledger_account WHERE kind = 'revenue' AND owner = "
              ACCOUNT("1"), "7000");
    CHECK_SQL("SELECT balance_nusd < 0 FROM ledger_account WHERE kind = 'writeoff' AND owner = "
              ACCOUNT("2"), "t");
    /* And it goes on. */
    world();
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 8, 9)", "9");
    check_sound();
}

static void begin(void)
{
    migrate("sql");
    run("SET session_replication_role = replica; TRUNCATE usage_aside, usage_gap, usage_rejected,"
        " usage, usage_batch, usage_day, key_total, lease, posting, transfer, boot, api_key,"
        " account, ledger_account, ledger_state, promotion, key_digest RESTART IDENTITY CASCADE");
    run("CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS"
        " 'SELECT now()'");
    book_define();
    world();
}

/* --- who waits for whom --- */

/* A transaction that has done `sql` and stays open until let_go(). */
static void *hold_main(void *cookie)
{
    char command[2048];

    snprintf(command, sizeof command,
             "psql -XAtq '%s' -c \"BEGIN; %s; DO 'BEGIN WHILE NOT EXISTS (SELECT 1 FROM let_go) LOOP"
             " PERFORM pg_sleep(0.02); END LOOP; END'; ROLLBACK\" >/dev/null",
             pg_url(), (const char *)cookie);
    CHECK_INT(system(command), 0);
    return NULL;
}

static pthread_t hold(const char *sql)
{
    pthread_t t;

    run("CREATE TABLE IF NOT EXISTS let_go (x int); TRUNCATE let_go");
    CHECK_INT(pthread_create(&t, NULL, hold_main, (void *)(uintptr_t)sql), 0);
    while (pg_number("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 0)
        usleep(10000);
    return t;
}

static void let_go(pthread_t holder)
{
    run("INSERT INTO let_go VALUES (1)");
    pthread_join(holder, NULL);
}

/* Another account is topped up, leased to, booked for (paid and written off) while a transaction of the
 * first, which did all of these, is open. */
static void two_accounts_never_wait(void)
{
    pthread_t t;

    begin();
    t = hold("SELECT ledger_topup(" ACCOUNT("1") ", 5, NULL);"
             " SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 200);"
             " SELECT ledger_move('usage', " ACCOUNT("1") ", NULL, 'writeoff', 'revenue', 5)");
    run("SET lock_timeout = '2s';"
        "SELECT ledger_topup(" ACCOUNT("2") ", 5, NULL);"
        "SELECT lend(" BOOT("2") ", " KEY("2") ", " LEASE("2") ", 5000, 60000);"
        "SELECT lease_return(" LEASE("2") ", " BOOT("2") ", 0, true);"
        "BEGIN; SELECT book(" BOOT("2") ", " KEY("2") ", " LEASE("2") ", 1, 200);"
        "SELECT ledger_move('usage', " ACCOUNT("2") ", NULL, 'writeoff', 'revenue', 5); ROLLBACK;"
        "SELECT book(" BOOT("2") ", " KEY("2") ", " LEASE("2") ", 1, 200)");
    CHECK_SQL("SELECT count(*) FROM usage_aside", "0");
    let_go(t);
    check_sound();
}

/* One batch has records of a locked account and of another: those of the other are booked, all are
 * acknowledged, and the rest is booked when the account is free. */
static void a_locked_account_is_booked_later(void)
{
    pthread_t t;

    begin();
    run("SELECT lend(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 5000, 1)");
    t = hold("SELECT 1 FROM account WHERE account_id = " ACCOUNT("1") " FOR UPDATE");
    run("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 3)");
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("2") ", " LEASE("2") ", 4, 5)", "5");
    CHECK_SQL("SELECT count(*) FROM usage", "2");
    CHECK_SQL("SELECT string_agg(seq || reason, ',' ORDER BY seq) FROM usage_aside",
              "1busy,2busy,3busy");
    check_sound();
    CHECK_SQL("SELECT usage_rebook('busy', 256)", "0"); /* still held, and nobody waits */
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 3)", "5"); /* sent again */
    let_go(t);
    CHECK_SQL("SELECT lease_reclaim(0, 100)", "0"); /* its records are not booked yet */
    CHECK_SQL("SELECT usage_rebook('busy', 2)", "2");
    CHECK_SQL("SELECT usage_rebook('busy', 256)", "1");
    CHECK_SQL("SELECT count(*), sum(from_lease_nusd) FROM usage WHERE key_id = " KEY("1"), "3|3000");
    CHECK_SQL("SELECT count(*) FROM usage_aside", "0");
    CHECK_SQL("SELECT lease_reclaim(0, 100)", "1");
    check_sound();
}

/* A final return gives back what is left, not what records that wait for a locked account have spent. */
static void a_return_books_what_waits(void)
{
    pthread_t t;

    begin();
    run("SELECT lend(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 5000, 60000)");
    t = hold("SELECT 1 FROM account WHERE account_id = " ACCOUNT("1") " FOR UPDATE");
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 3)", "3");
    let_go(t);
    CHECK_SQL("SELECT lease_give_back(" LEASE("1") ", " BOOT("1") ", 0, true)", "2000");
    CHECK_SQL("SELECT sum(from_lease_nusd) FROM usage", "3000");
    CHECK_SQL("SELECT count(*) FROM usage_aside", "0");
    check_sound();
}

static void refused_records_are_kept(void)
{
    begin();
    run("ALTER TABLE usage ADD CONSTRAINT never_two CHECK (seq <> 2)");
    CHECK(strstr(pg_sql("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 3)"),
                 "never_two") != NULL);
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 1)", "1");
    CHECK_SQL("SELECT usage_ingest(" BOOT("1") ", ARRAY[ROW(2, md5(" BOOT("1") " || 2)::uuid, " KEY("1") ", "
              ACCOUNT("1") ", " LEASE("1") ", 1, 1, 1000, 1, 1, 1, 1, 1, 1, 1, 1, 10, 1, 1, 1, 1, 200, 0, 0,"
              " 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)::usage_record], true)", "2");
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 3)", "3");
    CHECK_SQL("SELECT reason, record->>'tokens_prompt', record->>'cost_nusd' FROM usage_aside",
              "refused|10|1000");
    CHECK_SQL("SELECT usage_rebook('busy', 100)", "0");
    check_sound();
    run("ALTER TABLE usage DROP CONSTRAINT never_two"); /* the operator has mended it */
    CHECK_SQL("SELECT usage_rebook('refused', 100)", "1");
    CHECK_SQL("SELECT count(*), sum(cost_nusd) FROM usage", "3|3000");
    check_sound();
}

/* --- the list of fields --- */

/* The statement maps parameters to the type's attributes by their place. */
static void the_record_is_the_list(void)
{
#define ID_TEXT "uuid"
#define SEQ_TEXT "bigint"
#define MS_TEXT "bigint"
#define I64_TEXT "bigint"
#define U64_TEXT "bigint"
#define U32_TEXT "bigint"
#define U16_TEXT "bigint"
#define U8_TEXT "bigint"
#define LISTED(no, field, type, bits, max, column, why) #column " " type##_TEXT ","
#define LISTED_TOKENS(no, class, ...) USAGE_TOKENS_AS(LISTED, no, class)
    begin();
    CHECK_SQL("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod) || ',', '' ORDER BY attnum)"
              " FROM pg_attribute WHERE attrelid = 'usage_record'::regclass AND NOT attisdropped",
              USAGE_EACH(LISTED));
    CHECK_SQL("SELECT count(*) FROM pg_attribute r LEFT JOIN pg_attribute u ON u.attname = r.attname AND"
              " u.attrelid = 'usage'::regclass WHERE r.attrelid = 'usage_record'::regclass AND u.attname IS NULL",
              "0");
}

/* What the head of sql/019 says is all that a new field needs: it is booked, and a record that was set aside
 * before has 0. */
static void a_field_is_one_migration(void)
{
    begin();
    run("SELECT lend(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 900000, 60000)");
    run("ALTER TABLE usage ADD CONSTRAINT never_one CHECK (seq <> 1)");
    CHECK_SQL("SELECT usage_ingest(" BOOT("1") ", ARRAY[ROW(1, md5('1')::uuid, " KEY("1") ", " ACCOUNT("1")
              ", " LEASE("1") ", 1, 1, 1000, 1, 1, 1, 1, 1, 1, 1, 1, 10, 1, 1, 1, 1, 200, 0, 0, 0, 1, 1, 1,"
              " 1, 0, 0, 0, 0, 0, 0, 0, 0)::usage_record], true)", "1");
    run("ALTER TABLE usage DROP CONSTRAINT never_one");
    CHECK_SQL("BEGIN;"
              "ALTER TABLE usage ADD COLUMN tokens_x bigint NOT NULL DEFAULT 0;"
              "ALTER TYPE usage_record ADD ATTRIBUTE tokens_x bigint;"
              "DO $do$ BEGIN EXECUTE replace(pg_get_functiondef('usage_row'::regproc), 'coalesce(r.own_cost, 0)',"
              " 'coalesce(r.own_cost, 0), coalesce(r.tokens_x, 0)'); END $do$;"
              "SELECT usage_ingest(" BOOT("1") ", ARRAY[ROW(2, md5('2')::uuid, " KEY("1") ", " ACCOUNT("1")
              ", " LEASE("1") ", 1, 1, 1000, 1, 1, 1, 1, 1, 1, 1, 1, 10, 1, 1, 1, 1, 200, 0, 0, 0, 1, 1, 1,"
              " 1, 0, 0, 0, 0, 0, 0, 0, 0, 77)::usage_record]);"
              "SELECT usage_rebook('refused', 100);"
              "SELECT seq, tokens_prompt, attempts, tokens_x FROM usage ORDER BY seq;"
              "ROLLBACK", "2\n1\n1|10|1|0\n2|10|1|77");
    check_sound();
}

/* --- gaps --- */

static void lost_numbers_are_recorded(void)
{
    begin();
    run("SELECT lend(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 900000, 60000)");
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 2)", "2");
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 6, 7)", "2"); /* 3 to 5 are missing */
    CHECK_SQL("SELECT usage_lost(" BOOT("1") ", 3, 5)", "7");
    CHECK_SQL("SELECT seq_lo, seq_hi, bound_nusd FROM usage_gap", "3|5|896000");
    CHECK_SQL("SELECT usage_lost(" BOOT("1") ", 3, 5)", "7"); /* said twice */
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 8, 8)", "8");
    check_sound();
    /* It comes all the same, and once more. */
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 4, 4)", "8");
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 4, 4)", "8");
    CHECK_SQL("SELECT count(*), sum(cost_nusd) FROM usage", "6|6000");
    check_sound();
    /* Gaps beyond a gap, and one that overlaps what was said before. */
    CHECK_SQL("SELECT usage_lost(" BOOT("1") ", 12, 13)", "8");
    CHECK_SQL("SELECT usage_lost(" BOOT("1") ", 9, 12)", "13");
    CHECK_SQL("SELECT seq_lo, seq_hi FROM usage_gap WHERE seq_lo > 5", "9|13");
    CHECK_SQL("SELECT coalesce(usage_lost(gen_random_uuid(), 1, 2)::text, 'unknown')", "unknown");
    check_sound();
}

/* --- when a lease is due --- */

static void clock_at(const char *offset)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS"
             " $$ SELECT '2026-01-01 00:00:00+00'::timestamptz + interval '%s' $$",
             offset);
    run(sql);
}

#define RECLAIM "SELECT lease_reclaim(30000, 100, 40000, "
#define SETTLED(boot, session, seq, offset)                                                        \
    "SELECT boot_settled(" boot ", " session ", " seq ", (extract(epoch FROM"                      \
    " '2026-01-01 00:00:00+00'::timestamptz + interval '" offset "') * 1000)::bigint) IS NOT NULL"
#define LINK(boot, session)                                                                        \
    "SELECT boot_link(" boot ", " session ", decode(repeat('00', 48), 'hex'), true)"

static void lease_of_a_minute(void)
{
    begin();
    clock_at("0 s");
    run(LINK(BOOT("1"), SESSION("1")));
    run("SELECT lend(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 5000, 60000)");
}

/* It is over at 90 s, and a connected boot has to say first that everything until then is booked. */
static void a_connected_boot_says_when(void)
{
    lease_of_a_minute();
    clock_at("100 s");
    CHECK_SQL(SETTLED(BOOT("1"), SESSION("1"), "0", "89 s"), "t");
    CHECK_SQL(RECLAIM "'-infinity')", "0");
    CHECK_SQL(SETTLED(BOOT("1"), SESSION("1"), "5", "99 s"), "t"); /* but 1 to 5 are not booked */
    CHECK_SQL(RECLAIM "'-infinity')", "0");
    CHECK_SQL(SETTLED(BOOT("1"), SESSION("2"), "0", "99 s"), "f"); /* another session's word */
    run("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 5)");
    CHECK_SQL(RECLAIM "'-infinity')", "0"); /* booked, but the boot has to say it again */
    CHECK_SQL(SETTLED(BOOT("1"), SESSION("1"), "5", "99 s"), "t");
    CHECK_SQL(RECLAIM "'-infinity')", "1");
    CHECK_SQL("SELECT spent_nusd, state FROM lease", "5000|reclaimed");
    /* One that never says it is waited for ten minutes. */
    lease_of_a_minute();
    clock_at("689 s");
    CHECK_SQL(SETTLED(BOOT("1"), SESSION("1"), "9", "680 s"), "t");
    CHECK_SQL(RECLAIM "'-infinity')", "0");
    clock_at("691 s");
    CHECK_SQL(RECLAIM "'-infinity')", "1");
}

static void a_broken_link_ends_sooner(void)
{
    lease_of_a_minute();
    clock_at("10 s");
    run("SELECT boot_unlink(" BOOT("1") ", " SESSION("2") ")"); /* not its session */
    clock_at("51 s");
    CHECK_SQL(SETTLED(BOOT("1"), SESSION("1"), "0", "50 s"), "t");
    CHECK_SQL(RECLAIM "'-infinity')", "0");
    run("SELECT boot_unlink(" BOOT("1") ", " SESSION("1") ")");
    clock_at("89 s");
    CHECK_SQL(RECLAIM "'-infinity')", "0");
    clock_at("91500 ms");
    CHECK_SQL(RECLAIM "ledger_now() - interval '4 s')", "0"); /* the database was away: it may come back */
    CHECK_SQL(RECLAIM "ledger_now() - interval '6 s')", "1");
    /* Its control plane died with it: nobody renews the session. */
    lease_of_a_minute();
    clock_at("39 s");
    CHECK_SQL(RECLAIM "'-infinity')", "0");
    clock_at("41 s");
    CHECK_SQL(RECLAIM "ledger_now() - interval '14 s')", "0"); /* nobody could have renewed it */
    CHECK_SQL(RECLAIM "ledger_now() - interval '16 s')", "1");
}

/* Ten large leases of a killed data plane, whose recalls nobody hears, and a small one of a connected one. */
static void connected_boots_are_asked_first(void)
{
    begin();
    clock_at("0 s");
    run(LINK(BOOT("1"), SESSION("1")));
    run(LINK(BOOT("2"), SESSION("2")));
    run("SELECT lend(" BOOT("1") ", " KEY("1") ", gen_random_uuid(), 9000, 60000)"
        " FROM generate_series(1, 10)");
    run("SELECT lend(" BOOT("2") ", " KEY("1") ", " LEASE("2") ", 1000, 60000)");
    CHECK_SQL("SELECT count(*), count(*) FILTER (WHERE lease_id = " LEASE("2") ")"
              " FROM lease_lenders(" ACCOUNT("1") ", NULL, NULL)", "8|0"); /* the larger ones */
    run("SELECT boot_unlink(" BOOT("1") ", " SESSION("1") ")");
    CHECK_SQL("SELECT count(*), count(*) FILTER (WHERE lease_id = " LEASE("2") ")"
              " FROM lease_lenders(" ACCOUNT("1") ", NULL, NULL)", "8|1");
    CHECK_SQL("SELECT count(*) FROM lease_lenders(" ACCOUNT("1") ", NULL, " LEASE("2") ")"
              " WHERE lease_id = " LEASE("2"), "0");
}

static void a_successor_ends_it_at_once(void)
{
    lease_of_a_minute();
    run("SELECT boot_place(" BOOT("1") ", 'vm-1'), boot_place(" BOOT("2") ", 'vm-1');"
        "UPDATE boot SET first_seen = '2026-01-01' WHERE boot_id = " BOOT("1") ";"
        "UPDATE boot SET first_seen = '2026-01-02' WHERE boot_id = " BOOT("2"));
    clock_at("1 s");
    CHECK_SQL(RECLAIM "'-infinity')", "0"); /* no successor yet */
    run(LINK(BOOT("2"), SESSION("2")));
    CHECK_SQL(RECLAIM "'-infinity')", "0"); /* both live */
    CHECK_SQL(LINK(BOOT("1"), SESSION("1")), "(0,f)");
    run("SELECT boot_unlink(" BOOT("1") ", " SESSION("1") ")");
    CHECK_SQL(RECLAIM "'-infinity')", "1");
    CHECK_SQL("SELECT count(*) FROM boot WHERE succeeded", "1");
    /* It was alive: it learns that its leases were settled, and its late record is booked once. */
    CHECK_SQL(LINK(BOOT("1"), SESSION("3")), "(0,t)");
    CHECK_SQL("SELECT book(" BOOT("1") ", " KEY("1") ", " LEASE("1") ", 1, 1)", "1");
    CHECK_SQL("SELECT from_lease_nusd, from_available_nusd FROM usage", "0|1000");
    check_sound();
}

static void a_round_after_a_pause_takes_nothing(void)
{
    lease_of_a_minute();
    run("SELECT boot_unlink(" BOOT("1") ", " SESSION("1") ")");
    clock_at("200 s");
#define AT(s) "(extract(epoch FROM '2026-01-01 00:00:00+00'::timestamptz) * 1000)::bigint + " s
    CHECK_SQL("SELECT o_count, o_up_ms = o_now_ms FROM reclaim_round(30000, 100, 40000, 0, 0)", "0|t");
    CHECK_SQL("SELECT o_count, o_up_ms = o_now_ms FROM reclaim_round(30000, 100, 40000, "
              AT("194000") ", " AT("1000") ")", "0|t");
    CHECK_SQL("SELECT o_count, o_now_ms - o_up_ms FROM reclaim_round(30000, 100, 40000, "
              AT("199000") ", " AT("1000") ")", "1|199000");
    clock_at("0 s");
}

static const struct check_case cases[] = {
    {"booking: an existing database is converted", an_existing_database_is_converted},
    {"booking: two accounts never wait", two_accounts_never_wait},
    {"booking: a locked account is booked later", a_locked_account_is_booked_later},
    {"booking: a return books what waits", a_return_books_what_waits},
    {"booking: refused records are kept", refused_records_are_kept},
    {"booking: lost numbers are recorded", lost_numbers_are_recorded},
    {"booking: the record is the list", the_record_is_the_list},
    {"booking: a field is one migration", a_field_is_one_migration},
    {"settling: a connected boot says when", a_connected_boot_says_when},
    {"settling: a broken link ends sooner", a_broken_link_ends_sooner},
    {"settling: connected boots are asked first", connected_boots_are_asked_first},
    {"settling: a successor ends it at once", a_successor_ends_it_at_once},
    {"settling: a round after a pause takes nothing", a_round_after_a_pause_takes_nothing},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
