/* Usage at scale, in SQL against a real server: both ways of booking leave the same rows, a table of before becomes
 * the first partition, roll-ups count each record once, percentiles are as near as they say, and retention removes
 * what is over and nothing else. */
#include "check.h"
#include "db.h"
#include "lib/pg.h"

static void run(const char *sql)
{
    const char *out = pg_sql(sql);

    if (strstr(out, "ERROR") != NULL) {
        printf("# %s\n# %s\n", sql, out);
        CHECK(!"SQL without an error");
    }
}

#define CHECK_SQL(sql, want)                                                                       \
    do {                                                                                           \
        const char *got_ = pg_sql(sql);                                                            \
        if (strcmp(got_, (want)) != 0) {                                                           \
            printf("# got %s\n", got_);                                                            \
            check_fail(__FILE__, __LINE__, sql);                                                   \
        }                                                                                          \
    } while (0)
#define CHECK_SOUND() CHECK_SQL("SELECT * FROM ledger_violations", "")

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

/* Numbered ids; four accounts with a key and $1,000 each, two boots; the clock stands still at noon. */
static const char helpers[] =
    "CREATE OR REPLACE FUNCTION n_id(kind text, n bigint) RETURNS uuid LANGUAGE sql AS"
    " $$ SELECT (kind || '0000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;"
    /* A request of n milliseconds behind `at`. */
    "CREATE OR REPLACE FUNCTION req(at timestamptz, n bigint) RETURNS uuid LANGUAGE sql AS $$ SELECT"
    " (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint + n), 12, '0') || '7' || left(md5(n::text), 19))::uuid $$;"
    "CREATE OR REPLACE FUNCTION rec(s bigint, r uuid, k bigint, a bigint, l bigint, cost bigint, m bigint DEFAULT 1,"
    " first_us bigint DEFAULT 1000, total bigint DEFAULT 5, status bigint DEFAULT 200, own bigint DEFAULT 0)"
    " RETURNS usage_record LANGUAGE sql AS $$ SELECT ROW(s, r, n_id('b', k), n_id('a', a), n_id('d', l), 1, 1, cost,"
    " m, m, 1, 1, 1, 1, first_us, total, 10, 20, 3, 4, 5, status, 0, m % 3, 0, 1, 1, 1, 1, 6, 1, 2, 3, 4, 0, 0,"
    " own)::usage_record $$;"
    "CREATE OR REPLACE FUNCTION lend(l bigint, k bigint, a bigint, b bigint, amount bigint) RETURNS void"
    " LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO lease (lease_id, key_id, account_id, boot_id, granted_nusd, opened_at, expires_at) VALUES"
    " (n_id('d', l), n_id('b', k), n_id('a', a), n_id('c', b), amount, ledger_now(), ledger_now() + interval '1 day');"
    " PERFORM ledger_move('lease', n_id('a', a), n_id('d', l), 'available', 'leased', amount); END $$;"
    "CREATE OR REPLACE FUNCTION clock_at(at text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format("
    " 'CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz LANGUAGE sql STABLE AS %L',"
    " format('SELECT %L::timestamptz', at)); END $$;";
static const char world[] =
    "INSERT INTO account (account_id, name) SELECT n_id('a', n), 'x' FROM generate_series(1, 4) n;"
    "INSERT INTO api_key (key_id, account_id, digest, name, label, role)"
    " SELECT n_id('b', n), n_id('a', n), sha256(n::text::bytea), 'k', 'k', 'inference' FROM generate_series(1, 4) n;"
    "INSERT INTO boot (boot_id, measurement, simulated)"
    " SELECT n_id('c', n), decode(repeat('00', 48), 'hex'), true FROM generate_series(1, 2) n;"
    "DO $$ BEGIN PERFORM ledger_topup(account_id, 1000000000000, NULL) FROM account; END $$;";

static void begin_at(const char *noon)
{
    char sql[256];

    migrate("sql");
    run("SET session_replication_role = replica; TRUNCATE account, boot, usage, retention_sweep, key_digest, organisation CASCADE");
    run(helpers);
    snprintf(sql, sizeof sql, "DO $$ BEGIN PERFORM clock_at('%s'); PERFORM usage_partitions(3); END $$", noon);
    run(sql);
    run(world);
}

/* --- both ways of booking */

/* Everything that booking writes, in an order that does not depend on how; numbers of batches and transfers are not
 * part of it. */
static const char dump[] =
    "CREATE OR REPLACE FUNCTION dump() RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(E'\\n',"
    " (SELECT string_agg(x::text, ';' ORDER BY x::text) FROM (SELECT (to_jsonb(u) - 'batch_id') FROM usage u) x),"
    " (SELECT string_agg(to_jsonb(l)::text, ';' ORDER BY lease_id) FROM lease l),"
    " (SELECT string_agg(concat(t.kind, t.account_id, t.at, a.kind, p.amount_nusd), ';' ORDER BY t.account_id, t.kind,"
    "         t.at, a.kind, p.amount_nusd) FROM transfer t JOIN posting p USING (transfer_id)"
    "         JOIN ledger_account a USING (ledger_account_id) WHERE t.kind = 'usage'),"
    " (SELECT string_agg(concat(owner, kind, balance_nusd), ';' ORDER BY owner, kind) FROM ledger_account),"
    " (SELECT string_agg(to_jsonb(d)::text, ';' ORDER BY to_jsonb(d)::text) FROM usage_day d),"
    " (SELECT string_agg(to_jsonb(t)::text, ';' ORDER BY key_id) FROM key_total t),"
    " (SELECT string_agg((to_jsonb(b) - 'batch_id')::text, ';' ORDER BY batch_id) FROM usage_batch b),"
    " (SELECT string_agg(to_jsonb(b)::text, ';' ORDER BY boot_id) FROM boot b),"
    " (SELECT string_agg(to_jsonb(r)::text, ';' ORDER BY boot_id, seq) FROM usage_rejected r),"
    " (SELECT string_agg(to_jsonb(r)::text, ';' ORDER BY boot_id, seq) FROM usage_aside r),"
    " (SELECT string_agg(to_jsonb(r)::text, ';' ORDER BY boot_id, seq) FROM usage_ahead r)) $$;"
    /* ordinary: did the fast way take it; same: do both ways leave the same. What the fast way did is undone. */
    "CREATE OR REPLACE FUNCTION book_both(r usage_record[], OUT ordinary boolean, OUT same boolean) LANGUAGE plpgsql AS $$"
    " DECLARE fast text; acked bigint; BEGIN"
    " SELECT acked_seq INTO acked FROM boot WHERE boot_id = n_id('c', 1);"
    " BEGIN ordinary := usage_book_ordinary(n_id('c', 1), r, acked, ledger_now()); fast := dump();"
    "   RAISE EXCEPTION USING ERRCODE = 'UNDO1'; EXCEPTION WHEN SQLSTATE 'UNDO1' THEN NULL; END;"
    " PERFORM usage_book_carefully(n_id('c', 1), r, acked, ledger_now(), false, '{}', false);"
    " same := CASE WHEN ordinary THEN fast = dump() END; END $$;"
    /* A batch of 1 to 40 records behind what is booked. One in four has something odd about it. */
    "CREATE OR REPLACE FUNCTION any_batch(i bigint) RETURNS usage_record[] LANGUAGE plpgsql AS $$"
    " DECLARE n bigint := 1 + floor(random() * 40); lo bigint; odd bigint := floor(random() * 32); r usage_record[];"
    " x usage_record; BEGIN"
    " SELECT acked_seq + 1 INTO lo FROM boot WHERE boot_id = n_id('c', 1);"
    " SELECT array_agg(rec(s, req(ledger_now(), i * 100 + s), k, k, k, floor(random() * 3)::bigint * 1000,"
    "        1 + s % 5, (random() * 1000000)::bigint, (random() * 60000)::bigint,"
    "        (ARRAY[200, 429, 499, 502])[1 + s % 4], s % 2) ORDER BY s) INTO r"
    " FROM (SELECT s, 1 + floor(random() * 4)::bigint AS k FROM generate_series(lo, lo + n - 1) s) y;"
    " x := r[1];"
    " IF odd = 0 THEN x.seq := lo + n; ELSIF odd = 1 THEN x.seq := greatest(1, lo - 1);"
    " ELSIF odd = 2 THEN x.request_id := gen_random_uuid(); ELSIF odd = 3 THEN x.request_id := (r[n]).request_id;"
    " ELSIF odd = 4 THEN x.key_id := n_id('b', 9); ELSIF odd = 5 THEN x.account_id := n_id('a', 9);"
    " ELSIF odd = 6 THEN x.lease_id := n_id('d', 9); ELSIF odd = 7 THEN x.lease_id := n_id('d', 8 + ('x' || right(x.key_id::text, 1))::bit(4)::int);"
    " END IF; r[1] := x; RETURN r; END $$;";

static void both_ways_leave_the_same_rows(void)
{
    begin_at("2026-03-10 12:00:00+00");
    run(dump);
    run("SELECT lend(n, n, n, 1, 400000000), lend(8 + n, n, n, 1, 700) FROM generate_series(1, 4) n");
    run("CREATE TABLE IF NOT EXISTS seen (odd boolean, same boolean); TRUNCATE seen;"
        "DO $$ BEGIN PERFORM setseed(0.5); FOR i IN 1 .. 60 LOOP"
        " INSERT INTO seen SELECT NOT b.ordinary, b.same FROM book_both(any_batch(i)) b; END LOOP; END $$");
    CHECK_SQL("SELECT count(*) FILTER (WHERE NOT odd) > 25, count(*) FILTER (WHERE odd) > 10,"
              " count(*) FILTER (WHERE NOT same) FROM seen",
              "t|t|0");
    CHECK_SQL("SELECT count(DISTINCT reason) > 2 FROM usage_rejected", "t");
    CHECK_SQL("SELECT count(*) > 0 FROM usage WHERE from_available_nusd > 0", "t");
    CHECK_SOUND();
    run("DROP TABLE seen");
}

/* What is refused the fast way, one case each, and its twin that is not. */
static void what_is_odd(void)
{
#define ORDINARY(records) "SELECT usage_book_ordinary(n_id('c', 1), ARRAY[" records "], 0, ledger_now())"
    static const struct {
        const char *sql, *want;
    } cases[] = {
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 1, 1, 5), rec(2, req(ledger_now(), 2), 1, 1, 1, 5)"), "t"},
        {ORDINARY("rec(2, req(ledger_now(), 1), 1, 1, 1, 5)"), "f"},
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 1, 1, 5), rec(1, req(ledger_now(), 2), 1, 1, 1, 5)"), "f"},
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 1, 1, 5), rec(2, req(ledger_now(), 1), 1, 1, 1, 5)"), "f"},
        {ORDINARY("rec(1, req(ledger_now() - interval '12 hours', -1), 1, 1, 1, 5)"), "f"},
        {ORDINARY("rec(1, req(ledger_now() + interval '2 minutes', 1), 1, 1, 1, 5)"), "f"},
        {ORDINARY("rec(1, req(ledger_now(), 1), 2, 1, 1, 5)"), "f"},
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 2, 1, 5)"), "f"},
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 1, 2, 5)"), "f"},
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 1, 7, 0)"), "f"}, /* no such lease, and it costs nothing */
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 1, 1, -1)"), "f"},
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 1, 1, 1000), rec(2, req(ledger_now(), 2), 1, 1, 1, 1)"), "f"},
        {ORDINARY("rec(1, req(ledger_now(), 1), 1, 1, 1, 1000)"), "t"},
    };
    begin_at("2026-03-10 12:00:00+00");
    run("SELECT lend(1, 1, 1, 1, 1000), lend(2, 2, 2, 1, 1000)");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[1024];

        snprintf(sql, sizeof sql, "BEGIN; %s; ROLLBACK", cases[i].sql);
        CHECK_SQL(sql, cases[i].want);
    }
}

/* A record of yesterday's request is booked once, however often and under whichever number it comes. */
static void late_and_repeated_records(void)
{
    begin_at("2026-03-10 23:59:00+00");
    run("SELECT lend(1, 1, 1, 1, 100000)");
    CHECK_SQL("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(1, req(ledger_now(), 1), 1, 1, 1, 5)])", "1");
    CHECK_SQL("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(1, req(ledger_now(), 1), 1, 1, 1, 5)])", "1");
    run("DO $$ BEGIN PERFORM clock_at('2026-03-11 00:10:00+00'); END $$");
    CHECK_SQL("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(2, req('2026-03-10 23:59:00+00', 1), 1, 1, 1, 5),"
              " rec(3, req(ledger_now(), 3), 1, 1, 1, 5)])", "3");
    CHECK_SQL("SELECT string_agg(reason, ',') FROM usage_rejected", "request");
    /* Behind a gap, in the wrong order, then the gap. */
    CHECK_SQL("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(6, req(ledger_now(), 6), 1, 1, 1, 5),"
              " rec(5, req(ledger_now(), 5), 1, 1, 1, 5)])", "3");
    CHECK_SQL("SELECT string_agg(seq::text, ',' ORDER BY seq) FROM usage_ahead", "5,6");
    CHECK_SQL("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(4, req(ledger_now(), 4), 1, 1, 1, 5),"
              " rec(5, req(ledger_now(), 5), 1, 1, 1, 5)])", "6");
    CHECK_SQL("SELECT count(*), sum(cost_nusd) FROM usage", "5|25");
    CHECK_SQL("SELECT count(*) FROM usage_ahead", "0");
    CHECK_SQL("SELECT sum(booked), sum(duplicates), sum(rejected) FROM usage_batch", "5|2|1");
    CHECK_SOUND();
}

/* --- the table of before */

static void a_filled_table_becomes_the_first_partition(void)
{
    char dir[64], command[512];

    snprintf(dir, sizeof dir, "/tmp/tr-sql.%d", (int)getpid());
    snprintf(command, sizeof command, "mkdir -p %s && cp sql/00?_*.sql sql/01?_*.sql sql/02?_*.sql"
             " $(ls sql/03[0-4]_*.sql) %s", dir, dir);
    CHECK_INT(system(command), 0);
    migrate(dir);
    snprintf(command, sizeof command, "rm -r %s", dir);
    CHECK_INT(system(command), 0);
    run(helpers);
    run("DO $$ BEGIN PERFORM clock_at('2026-01-05 12:00:00+00'); END $$");
    run(world);
    run("SELECT lend(1, 1, 1, 1, 100000), lend(2, 2, 2, 1, 100000), lend(3, 1, 1, 2, 100000)");
    run("SELECT usage_ingest(n_id('c', 1), array_agg(rec(s, req(ledger_now(), s), 1 + s % 2, 1 + s % 2, 1 + s % 2, 7,"
        " 1, 200000, 900, CASE WHEN s = 3 THEN 502 ELSE 200 END))) FROM generate_series(1, 10) s");
    run("DO $$ BEGIN PERFORM clock_at('2026-03-10 12:00:00+00'); END $$");
    run("SELECT usage_ingest(n_id('c', 1), array_agg(rec(s, req(ledger_now(), s), 1, 1, 1, 7)))"
        " FROM unnest('{11,12,15,16}'::bigint[]) s;" /* two are missing */
        "SELECT usage_ingest(n_id('c', 2), array_agg(rec(s, req(ledger_now(), 100 + s), 1, 1, 3, 7)))"
        " FROM unnest('{1,4}'::bigint[]) s; SELECT usage_lost(n_id('c', 2), 2, 5)"); /* 4 came all the same */
    CHECK_SOUND();
    migrate("sql");
    CHECK_SOUND();
    CHECK_SQL("SELECT tableoid::regclass, count(*), sum(cost_nusd) FROM usage GROUP BY 1", "usage_before|16|112");
    CHECK_SQL("SELECT string_agg(boot_id::text || seq, ',' ORDER BY boot_id, seq) = n_id('c', 1) || '15,'"
              " || n_id('c', 1) || '16,' || n_id('c', 2) || '4' FROM usage_ahead", "t");
    CHECK_SQL("SELECT sum(requests), sum(errors) FROM usage_day", "16|1");
    CHECK_SQL("SELECT sum(requests), sum(cost_nusd) FROM usage_hour", "16|112");
    CHECK_SQL("SELECT sum(records), sum(cost_nusd) FROM usage_day_kept", "16|112");
    /* And it goes on: this day's records join the old table, those of the next days have partitions. */
    CHECK_SQL("SELECT usage_ingest(n_id('c', 1), array_agg(rec(s, req(ledger_now(), s), 1, 1, 1, 7)))"
              " FROM generate_series(12, 14) s", "16");
    CHECK_SQL("SELECT usage_ingest(n_id('c', 2), ARRAY[rec(4, req(ledger_now(), 104), 1, 1, 3, 7)])", "5");
    run("DO $$ BEGIN PERFORM clock_at('2026-03-11 12:00:00+00'); END $$");
    CHECK_SQL("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(17, req(ledger_now(), 17), 1, 1, 1, 7)])", "17");
    CHECK_SQL("SELECT string_agg(tableoid::regclass || ' ' || n, ',' ORDER BY n) FROM (SELECT tableoid, count(*) AS n"
              " FROM usage GROUP BY 1) x", "usage_20260311 1,usage_before 18");
    CHECK_SOUND();
    /* When no account needs it, the old table goes, and the books are still right. */
    CHECK_SQL("SELECT usage_roll_up(100)", "3");
    run("DO $$ BEGIN PERFORM clock_at('2026-06-09 12:00:00+00'); END $$");
    CHECK_SQL("SELECT usage_retention(1000)", "19");
    CHECK_SQL("SELECT to_regclass('usage_before') IS NULL, count(*) FROM usage", "t|1");
    CHECK_SOUND();
}

/* --- roll-ups */

static void a_record_is_rolled_up_once(void)
{
    begin_at("2026-03-10 12:59:00+00");
    run("SELECT lend(1, 1, 1, 1, 100000000), lend(2, 2, 2, 1, 100000000)");
    run("SELECT usage_ingest(n_id('c', 1), array_agg(rec(s, req(ledger_now(), s), 1 + s % 2, 1 + s % 2, 1 + s % 2, 1000,"
        " 1 + s % 3, s * 1000, s, CASE WHEN s % 10 = 0 THEN 502 ELSE 200 END) ORDER BY s))"
        " FROM generate_series(1, 1000) s");
    CHECK_SQL("BEGIN; SELECT usage_roll_up(10); ROLLBACK; SELECT usage_roll_up(10)", "1\n1");
    CHECK_SQL("SELECT usage_roll_up(10)", "0");
    run("DO $$ BEGIN PERFORM clock_at('2026-03-10 13:01:00+00'); END $$");
    run("SELECT usage_ingest(n_id('c', 1), array_agg(rec(s, req(ledger_now(), s), 1, 1, 1, 1000, 1, s * 1000, s)"
        " ORDER BY s)) FROM generate_series(1001, 2000) s");
    run("SELECT usage_ingest(n_id('c', 1), array_agg(rec(s, req(ledger_now(), s), 1, 1, 1, 1000, 1, 0, 5)"
        " ORDER BY s)) FROM generate_series(2001, 2002) s");
    CHECK_SQL("SELECT usage_roll_up(1), usage_roll_up(10)", "1|1");
    CHECK_SQL("SELECT to_char(hour AT TIME ZONE 'UTC', 'HH24'), sum(requests), sum(errors), sum(cost_nusd)"
              " FROM usage_hour GROUP BY 1 ORDER BY 1", "12|1000|100|1000000\n13|1002|0|1002000");
    /* Sums of days are booking's, those of hours ours: the same. */
    CHECK_SQL("SELECT count(*) FROM (SELECT account_id, key_id, model_no, endpoint_no, region_no, sum(requests),"
              " sum(errors), sum(cost_nusd), sum(tokens_prompt), sum(tokens_cached), sum(own_nusd) FROM usage_hour"
              " GROUP BY 1, 2, 3, 4, 5 EXCEPT SELECT account_id, key_id, model_no, endpoint_no, region_no, requests,"
              " errors, cost_nusd, tokens_prompt, tokens_cached, own_nusd FROM usage_day) x", "0");
    CHECK_SQL("SELECT sum(e & 281474976710655) FROM usage_day_latency, unnest(first_ms) e", "2000");
    CHECK_SQL("SELECT sum(e & 281474976710655) FROM usage_hour, unnest(total_ms) e", "2002");
    CHECK_SQL("SELECT sum(records), sum(cost_nusd) FROM usage_day_kept", "2002|2002000");
}

/* Every value is told within 6 %, and merging sketches says what one sketch of all would. */
static void sketches_are_as_near_as_they_say(void)
{
    begin_at("2026-03-10 12:00:00+00");
    CHECK_SQL("SELECT count(*) FROM generate_series(1, 2300000, 7) ms WHERE abs(sketch_ms(sketch_bucket(ms)) / ms - 1)"
              " > 0.06", "0");
    CHECK_SQL("SELECT max(abs(sketch_ms(sketch_bucket(ms)) / ms - 1)) > 0.055 FROM generate_series(1, 100000) ms", "t");
    CHECK_SQL("SELECT sketch_bucket(0), sketch_bucket(0.99), sketch_bucket(1), sketch_bucket(1e12)", "0|0|1|127");
    run("CREATE OR REPLACE FUNCTION sketch(ms bigint[]) RETURNS bigint[] LANGUAGE sql AS $$ SELECT"
        " sketch_add('{}', array_agg(sketch_bucket(m) << 48 | 1)) FROM unnest(ms) m $$");
    CHECK_SQL("SELECT sketch_add(sketch(array_agg(m) FILTER (WHERE m % 2 = 0)), sketch(array_agg(m) FILTER (WHERE m % 2 ="
              " 1))) = sketch(array_agg(m)) FROM (SELECT (n * 7919) % 5003 AS m FROM generate_series(1, 3000) n) x", "t");
    CHECK_SQL("SELECT bool_and(abs(sketch_percentile(s, q) / exact - 1) < 0.06) FROM (SELECT sketch(array_agg(m)) AS s"
              " FROM generate_series(1, 5000) m) x, (VALUES (0.5, 2500), (0.9, 4500), (0.99, 4950)) v (q, exact)", "t");
    CHECK_SQL("SELECT sketch_percentile('{}', 0.5) IS NULL", "t");
    CHECK_SQL("SELECT bool_and(abs((usage_percentiles(s) ->> q)::float8 / exact - 1) < 0.06) FROM (SELECT sketch(array_agg("
              "(CASE WHEN n <= 50 THEN 10 WHEN n <= 92 THEN 100 WHEN n <= 96 THEN 1000 ELSE 10000 END)::bigint)) AS s"
              " FROM generate_series(1, 100) n) x, (VALUES ('p50', 10), ('p90', 100), ('p95', 1000), ('p99', 10000)) v (q,"
              " exact)", "t");
}

/* An account that is watched hears what was rolled up, in one notification; others do not. */
static void a_feed_hears_of_its_account(void)
{
    begin_at("2026-03-10 12:00:00+00");
    run("SELECT lend(1, 1, 1, 1, 100000), lend(2, 2, 2, 1, 100000)");
    CHECK(strstr(pg_sql("LISTEN tr_usage; SELECT usage_watch(n_id('a', 1), 30000);"
                        "SELECT usage_ingest(n_id('c', 1), ARRAY[rec(1, req(ledger_now(), 1), 1, 1, 1, 5),"
                        " rec(2, req(ledger_now(), 2), 2, 2, 2, 5)]); SELECT usage_roll_up(10)"),
                 "\"tr_usage\" with payload \"a0000000000070008000000000000001 {\"at\" : \"2026-03-10T12:00:00.000Z\","
                 " \"requests\" : 1, \"errors\" : 0, \"usage\" : 0.000000005") != NULL);
    CHECK(strstr(pg_sql("LISTEN tr_usage; SELECT usage_watch(n_id('a', 1), -1);"
                        "SELECT usage_ingest(n_id('c', 1), ARRAY[rec(3, req(ledger_now(), 3), 2, 2, 2, 5)]);"
                        "SELECT usage_roll_up(10)"), "Asynchronous") == NULL);
}

static void attempts_are_kept_once(void)
{
    begin_at("2026-03-10 12:00:00+00");
    run("SELECT lend(1, 1, 1, 1, 100000)");
    run("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(1, req(ledger_now(), 1), 1, 1, 1, 5)], false,"
        " '{1,1,7,9,503,120, 1,2,8,3,0,4000, 2,1,7,9,503,1}')");
    run("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(1, req(ledger_now(), 1), 1, 1, 1, 5)], false, '{1,1,9,9,500,1}')");
    CHECK_SQL("SELECT string_agg(concat_ws(' ', attempt, endpoint_no, error_class, http_status, took_ms), ','"
              " ORDER BY attempt) FROM usage_attempt", "1 7 9 503 120,2 8 3 0 4000");
}

/* --- retention */

static void only_retention_deletes(void)
{
    begin_at("2026-03-10 12:00:00+00");
    run("SELECT lend(1, 1, 1, 1, 100000), lend(2, 2, 2, 1, 100000)");
    run("SELECT usage_ingest(n_id('c', 1), array_agg(rec(s, req(ledger_now(), s), 1 + s % 2, 1 + s % 2, 1 + s % 2, 7)"
        " ORDER BY s)) FROM generate_series(1, 10) s");
    CHECK(strstr(pg_sql("DELETE FROM usage"), "append-only") != NULL);
    CHECK(strstr(pg_sql("SET tr.purge = 'on'; DELETE FROM usage"), "append-only") != NULL);
    CHECK(strstr(pg_sql("SET tr.purge = 'on'; UPDATE usage SET cost_nusd = 0"), "append-only") != NULL);
    CHECK(strstr(pg_sql("SET tr.purge = 'on'; TRUNCATE usage"), "append-only") != NULL);
    CHECK(strstr(pg_sql("SET tr.purge = 'on'; TRUNCATE usage_20260310"), "append-only") != NULL);
    CHECK(strstr(pg_sql("DELETE FROM usage_20260310"), "append-only") != NULL);
    /* One account keeps a day: gone after the next is over, but not before it is rolled up. */
    run("UPDATE account SET retention_days = 1 WHERE account_id = n_id('a', 2)");
    run("DO $$ BEGIN PERFORM clock_at('2026-03-11 23:59:59+00'); END $$");
    CHECK_SQL("SELECT usage_retention(1000)", "0");
    run("DO $$ BEGIN PERFORM clock_at('2026-03-12 00:00:00+00'); END $$");
    CHECK_SQL("SELECT usage_retention(1000)", "0");
    CHECK_SQL("SELECT usage_roll_up(10)", "1");
    CHECK_SQL("SELECT usage_retention(3)", "3");
    CHECK_SOUND(); /* half-way, too */
    CHECK_SQL("SELECT usage_retention(1000), usage_retention(1000)", "2|0");
    CHECK_SQL("SELECT count(*), count(DISTINCT account_id) FROM usage", "5|1");
    CHECK_SQL("SELECT what, how, removed_to, sum(rows) FROM retention_run WHERE account_id = n_id('a', 2) GROUP BY 1, 2, 3",
              "records|purge|2026-03-10|5");
    CHECK_SQL("SELECT count(*) FROM retention_run WHERE account_id = n_id('a', 1)", "0");
    CHECK_SOUND();
    /* The others keep 90 days: the partition goes then, and days and totals stay. */
    run("DO $$ BEGIN PERFORM clock_at('2026-06-08 12:00:00+00'); END $$");
    CHECK_SQL("SELECT usage_retention(1000) > 0, to_regclass('usage_20260310') IS NULL", "t|f"); /* the batch went */
    run("DO $$ BEGIN PERFORM clock_at('2026-06-09 12:00:00+00'); END $$");
    CHECK_SQL("SELECT usage_retention(1000) > 5, to_regclass('usage_20260310') IS NULL", "t|t");
    CHECK_SQL("SELECT how, rows FROM retention_run WHERE account_id = n_id('a', 1)", "partition|5");
    CHECK_SQL("SELECT sum(requests), sum(cost_nusd) FROM usage_day", "10|70");
    CHECK_SQL("SELECT sum(cost_nusd) FROM key_total", "70");
    CHECK_SOUND();
    CHECK_SQL("UPDATE account SET retention_days = 731", strstr(pg_sql("UPDATE account SET retention_days = 731"),
              "retention_days_check") != NULL ? pg_sql("UPDATE account SET retention_days = 731") : "refused");
}

/* What was removed wrongly would be seen. */
static void removed_wrongly_is_seen(void)
{
    begin_at("2026-03-10 12:00:00+00");
    run("SELECT lend(1, 1, 1, 1, 100000)");
    run("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(1, req(ledger_now(), 1), 1, 1, 1, 5)]); SELECT usage_roll_up(1)");
    run("DO $$ BEGIN PERFORM clock_at('2026-06-10 12:00:00+00'); END $$");
    run("SELECT usage_retention(100)");
    CHECK_SOUND();
    run("UPDATE usage_removed SET cost_nusd = cost_nusd - 1");
    CHECK(strstr(pg_sql("SELECT invariant FROM ledger_violations"), "revenue is not the sum of usage") != NULL);
    run("UPDATE usage_removed SET cost_nusd = cost_nusd + 1; UPDATE boot SET removed_records = 0");
    CHECK_SQL("SELECT DISTINCT invariant FROM ledger_violations", "an acknowledged record is missing");
}

/* Several control planes at once: one makes them, nobody fails; a day whose rows are in usage_other stays there. */
static void partitions_are_made_ahead(void)
{
    begin_at("2026-03-10 12:00:00+00");
    run("DO $$ BEGIN PERFORM clock_at('2026-07-01 12:00:00+00'); END $$; SELECT lend(1, 1, 1, 1, 100000)");
    CHECK_SQL("SELECT usage_ingest(n_id('c', 1), ARRAY[rec(1, req(ledger_now(), 1), 1, 1, 1, 5)])", "1");
    CHECK_SQL("SELECT tableoid::regclass FROM usage", "usage_other");
    CHECK_SQL("SELECT usage_partitions(2), usage_partitions(2)", "2|0"); /* tomorrow and the day after */
    CHECK_SQL("SELECT to_regclass('usage_20260701') IS NULL, to_regclass('usage_20260702') IS NULL", "t|f");
    CHECK_SQL("SELECT count(*) FROM usage", "1");
    CHECK_SOUND();
}

static const struct check_case all[] = {
    {"usage_scale: a filled table becomes the first partition", a_filled_table_becomes_the_first_partition},
    {"usage_scale: both ways leave the same rows", both_ways_leave_the_same_rows},
    {"usage_scale: what is odd goes the careful way", what_is_odd},
    {"usage_scale: late, repeated and reordered records", late_and_repeated_records},
    {"usage_scale: a record is rolled up once", a_record_is_rolled_up_once},
    {"usage_scale: sketches are as near as they say", sketches_are_as_near_as_they_say},
    {"usage_scale: a feed hears of its account", a_feed_hears_of_its_account},
    {"usage_scale: attempts are kept once", attempts_are_kept_once},
    {"usage_scale: only retention deletes", only_retention_deletes},
    {"usage_scale: what was removed wrongly is seen", removed_wrongly_is_seen},
    {"usage_scale: partitions are made ahead", partitions_are_made_ahead},
};

int main(int argc, char **argv)
{
    return check_main(all, sizeof all / sizeof all[0], argc, argv);
}
