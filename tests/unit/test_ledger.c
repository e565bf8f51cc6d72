/* Money against a real PostgreSQL: every movement of the ledger, twice where it may come twice,
 * late where it may come late, from sixteen sides at once. After each case ledger_violations is
 * empty; a seeded fault proves that it would not be. */
#include "check.h"
#include "clock.h"
#include "db.h"
#include "ledger.h"
#include "lib/pg.h"

#include <time.h>
#include <uv.h>

#define USD INT64_C(1000000000)

static struct db *db;
static struct ledger *ledger;
static struct id boot, account, key;
static struct digest32 digest;
static uint64_t next_seq;

/* --- waiting --- */

static void run_until(unsigned *fired, unsigned want, unsigned ms)
{
    uint64_t end = uv_hrtime() / 1000000 + ms;

    while (*fired < want && uv_hrtime() / 1000000 < end) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(200);
    }
}

static unsigned fired;
static enum err last_err;

static void done_cb(void *cookie, enum err e)
{
    (void)cookie;
    fired++;
    last_err = e;
}

static enum err finish(void)
{
    run_until(&fired, 1, 12000);
    CHECK_INT(fired, 1);
    return last_err;
}

static struct msg_grant granted;
static struct key_terms terms; /* of `granted`, or of the lease */
static bool obeys = true;      /* the data plane that asks obeys rules */
static struct msg_no_key said_no;
static int refusal; /* enum no_key_reason, -1: granted */

static void grant_cb(void *cookie, enum err e, const struct msg_grant *g,
                     const struct msg_no_key *n)
{
    (void)cookie;
    fired++;
    last_err = e;
    refusal = -1;
    CHECK(e != ERR_NONE || (g == NULL) != (n == NULL));
    if (g != NULL) {
        granted = *g;
        if (g->terms != NULL)
            terms = *g->terms;
    }
    if (n != NULL) {
        refusal = n->reason;
        said_no = *n;
    }
}

/* -1, or why not. */
static int ask_grant_of(const struct id *from, int64_t want)
{
    const struct msg_key_lookup ask = {digest, want, 0, obeys};

    fired = 0;
    ledger_grant(ledger, from, &ask, grant_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    return refusal;
}

static int ask_grant(int64_t want)
{
    return ask_grant_of(&boot, want);
}

static struct msg_lease leased;

static void lease_cb(void *cookie, enum err e, const struct msg_lease *l)
{
    (void)cookie;
    fired++;
    last_err = e;
    if (l != NULL) {
        leased = *l;
        if (l->terms != NULL)
            terms = *l->terms;
    }
}

/* returned: what was ever given back of the lease. */
static int ask_more_after(int64_t want, int64_t returned)
{
    const struct msg_lease_more ask = {granted.key, granted.lease, want, 0, returned, obeys};

    fired = 0;
    ledger_lease_more(ledger, &boot, &ask, lease_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    return leased.status;
}

static int ask_more(int64_t want)
{
    return ask_more_after(want, 0);
}

static void give_back(int64_t total, bool final)
{
    const struct msg_lease_return r = {granted.lease, total, final};

    fired = 0;
    ledger_lease_return(ledger, &boot, &r, done_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
}

static uint64_t acked;

static void ingest_cb(void *cookie, enum err e, uint64_t seq)
{
    (void)cookie;
    fired++;
    last_err = e;
    acked = seq;
}

static enum err ingest_of(const struct id *from, const struct usage_record *r, size_t n)
{
    fired = 0;
    ledger_ingest(ledger, from, r, n, ingest_cb, NULL);
    return finish();
}

static struct usage_record record(int64_t cost)
{
    return (struct usage_record){.seq = ++next_seq,
                                 .request = id_new(),
                                 .key = key,
                                 .account = account,
                                 .lease = granted.lease,
                                 .received_ms = 1795000000000,
                                 .user_hash = UINT64_MAX,
                                 .cost_nusd = cost,
                                 .model_no = 1,
                                 .endpoint_no = 1,
                                 .first_model_no = 1,
                                 .tokens_prompt = 10,
                                 .tokens_completion = 20,
                                 .http_status = 200,
                                 .attempt = 1,
                                 .attempts = 1,
                                 .finish = FINISH_STOP};
}

static enum err ingest(int64_t cost)
{
    struct usage_record r = record(cost);

    return ingest_of(&boot, &r, 1);
}

/* --- the world of one case --- */

static int64_t balance(const char *kind)
{
    char sql[256], hex[ID_TEXT_LEN + 1];

    id_text(&account, hex);
    snprintf(sql, sizeof sql,
             "SELECT balance_nusd FROM ledger_account WHERE kind = '%s' AND owner = '%s'",
             kind, hex);
    return pg_number(sql);
}

static int64_t lease_number(const char *column)
{
    char sql[256], hex[ID_TEXT_LEN + 1];

    id_text(&granted.lease, hex);
    snprintf(sql, sizeof sql, "SELECT %s FROM lease WHERE lease_id = '%s'", column, hex);
    return pg_number(sql);
}

static const char *topup(int64_t amount, const char *idempotency)
{
    char sql[256], hex[ID_TEXT_LEN + 1];

    id_text(&account, hex);
    snprintf(sql, sizeof sql, "SELECT outcome FROM ledger_topup('%s', %lld, %s)", hex,
             (long long)amount, idempotency);
    return pg_sql(sql);
}

static void key_set(const char *assignment)
{
    char sql[512], hex[ID_TEXT_LEN + 1];

    id_text(&key, hex);
    snprintf(sql, sizeof sql, "UPDATE api_key SET %s WHERE key_id = '%s'", assignment, hex);
    CHECK(pg_sql(sql)[0] == '\0');
}

/* The ledger's clock is moved, not the tables. */
static void clock_set(const char *expression)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION ledger_now() RETURNS timestamptz"
             " LANGUAGE sql STABLE AS $$ SELECT %s $$",
             expression);
    CHECK(pg_sql(sql)[0] == '\0');
}

static void boot_cb(void *cookie, enum err e, uint64_t seq, bool lapse)
{
    (void)cookie;
    fired++;
    last_err = e;
    acked = seq;
    CHECK(!lapse);
}

/* A boot of which nobody says that it is connected: its leases are due by their end alone. */
static struct id new_boot(void)
{
    static const uint8_t measurement[48] = {7};
    struct id b = id_new(), session = id_new();
    char sql[256], hex[ID_TEXT_LEN + 1];

    fired = 0;
    ledger_boot(ledger, &b, &session, view_of(measurement, 48), true, boot_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    id_text(&b, hex);
    snprintf(sql, sizeof sql, "UPDATE boot SET link = NULL WHERE boot_id = '%s'", hex);
    CHECK(pg_sql(sql)[0] == '\0');
    return b;
}

static void check_sound(void)
{
    const char *rows = pg_sql("SELECT * FROM ledger_check()");

    if (rows[0] != '\0')
        printf("# %s\n", rows);
    CHECK(rows[0] == '\0');
}

/* An account with so much money and one key: the case's own from here on. */
static void another_account(int64_t nusd)
{
    char sql[1024], a[33], k[33], d[65];

    account = id_new();
    key = id_new();
    secret_random(digest.b, sizeof digest.b);
    id_text(&account, a);
    id_text(&key, k);
    hex_encode(digest.b, 32, d);
    snprintf(sql, sizeof sql,
             "INSERT INTO account (account_id, name) VALUES ('%s', 'test');"
             "INSERT INTO api_key (key_id, account_id, digest, name, label, role)"
             " VALUES ('%s', '%s', '\\x%s', 'k', 'sk..', 'inference')",
             a, k, a, d);
    CHECK(pg_sql(sql)[0] == '\0');
    if (nusd > 0)
        CHECK(strcmp(topup(nusd, "NULL"), "ok") == 0);
}

static void begin_with(int64_t nusd)
{
    const struct db_config dc = {uv_default_loop(), pg_url(), 4};
    struct ledger_config lc = {
        .lease_ms = 60000, .lease_default_nusd = USD / 4, .reclaim_grace_ms = 30000};
    struct buf why;

    buf_init(&why, 1000);
    if (db_migrate(pg_url(), "sql", &why) != ERR_NONE)
        check_fail(__FILE__, __LINE__, "migrations");
    buf_free(&why);
    clock_set("now()");
    next_seq = 0;
    another_account(nusd);
    CHECK_INT(db_open(&dc, &db), ERR_NONE);
    lc.db = db;
    CHECK_INT(ledger_new(&lc, &ledger), ERR_NONE);
    boot = new_boot();
}

static void closed_cb(void *cookie)
{
    ++*(unsigned *)cookie;
}

static void end(void)
{
    unsigned closed = 0;

    check_sound();
    /* Whatever the case left open comes back, and the books are still right. */
    clock_set("now() + interval '2 hours'");
    pg_number("SELECT lease_reclaim(0, 1000)");
    check_sound();
    clock_set("now()");
    ledger_free(ledger);
    db_close(db, closed_cb, &closed);
    run_until(&closed, 1, 3000);
    CHECK_INT(closed, 1);
    uv_run(uv_default_loop(), UV_RUN_NOWAIT);
}

/* --- cases --- */

static void test_topup(void)
{
    int64_t deposits;

    begin_with(0);
    deposits = balance("deposits");
    CHECK(strcmp(topup(5 * USD, "'a'"), "ok") == 0);
    CHECK(strcmp(topup(5 * USD, "'a'"), "repeated") == 0);
    CHECK(strcmp(topup(6 * USD, "'a'"), "conflict") == 0);
    CHECK(strcmp(topup(1, "NULL"), "ok") == 0);
    CHECK(strcmp(topup(1, "NULL"), "ok") == 0);
    CHECK(strstr(topup(0, "NULL"), "positive") != NULL);
    CHECK(strstr(topup(-1, "NULL"), "positive") != NULL);
    CHECK_INT(balance("available"), 5 * USD + 2);
    CHECK_INT(balance("deposits"), deposits - 5 * USD - 2);
    CHECK(strcmp(pg_sql("SELECT outcome FROM ledger_topup(gen_random_uuid(), 5, NULL)"),
                 "unknown") == 0);
    end();
}

static void test_grant(void)
{
    struct id first;

    begin_with(10 * USD);
    CHECK_INT(ask_grant(0), -1);
    CHECK_INT(granted.granted_nusd, USD / 4); /* the usual amount */
    CHECK(id_eq(&granted.key, &key) && id_eq(&granted.account, &account));
    CHECK(memcmp(granted.key_digest.b, digest.b, 32) == 0);
    CHECK_INT(granted.lease_ms, 60000);
    CHECK_INT(granted.expires_ms, 0);
    CHECK_INT(balance("available"), 10 * USD - USD / 4);
    CHECK_INT(balance("leased"), USD / 4);

    first = granted.lease; /* asked again: another lease beside it, which tells its own money only */
    CHECK_INT(ask_grant(3 * USD), -1);
    CHECK(!id_eq(&granted.lease, &first));
    CHECK_INT(granted.granted_nusd, 3 * USD);
    CHECK_INT(ask_grant(100 * USD), -1); /* wants more than there is: gets all there is */
    CHECK_INT(granted.granted_nusd, 10 * USD - 3 * USD - USD / 4);
    CHECK_INT(balance("available"), 0);

    struct id other = new_boot(); /* another data plane finds nothing */
    CHECK_INT(ask_grant_of(&other, 1), NO_KEY_CREDIT);
    end();
}

/* A data plane that remembers nothing takes the total of every GRANT for money it may spend. It asks
 * while its lease runs and between its end and its reclaim, and spends all it is told: no request may
 * go unpaid, and the records of the forgotten lease still find it. */
static void test_forgotten_lease(void)
{
    static const char *const asked_at[] = {"now()", "now() + interval '61 seconds'",
                                           "now() + interval '89 seconds'"};

    for (size_t i = 0; i < sizeof asked_at / sizeof asked_at[0]; i++) {
        struct usage_record first[2], second;
        int64_t writeoff, told;

        begin_with(USD);
        writeoff = balance("writeoff");
        CHECK_INT(ask_grant(USD / 2), -1);
        told = granted.granted_nusd;
        first[0] = record(USD / 4);
        first[1] = record(told - USD / 4); /* on its way when the lease is forgotten */
        CHECK_INT(ingest_of(&boot, first, 1), ERR_NONE);
        clock_set(asked_at[i]);
        CHECK_INT(ask_grant(USD), -1);
        told += granted.granted_nusd;
        second = record(granted.granted_nusd);
        CHECK_INT(ingest_of(&boot, &first[1], 1), ERR_NONE);
        CHECK_INT(ingest_of(&boot, &second, 1), ERR_NONE);
        CHECK_INT(told, USD);
        CHECK_INT(balance("writeoff"), writeoff);
        CHECK_INT(balance("available") + balance("leased"), 0);
        clock_set("now()");
        end();
    }
}

static void test_small_balances(void)
{
    begin_with(400000); /* $0.0004: below the floor all of it is lent at once */
    CHECK_INT(ask_grant(0), -1);
    CHECK_INT(granted.granted_nusd, 400000);
    end();
    begin_with(USD / 2); /* a quarter when the usual amount is more than that */
    CHECK_INT(ask_grant(0), -1);
    CHECK_INT(granted.granted_nusd, USD / 8);
    end();
    begin_with(0);
    CHECK_INT(ask_grant(0), NO_KEY_CREDIT);
    CHECK_INT(ask_grant(5), NO_KEY_CREDIT);
    CHECK_INT(pg_number("SELECT count(*) FROM lease l JOIN account a USING (account_id)"
                        " WHERE granted_nusd = 0"),
              0);
    end();
}

static void changes_cb(void *cookie, enum err e, const struct msg_revoke *r, size_t n)
{
    (void)cookie;
    fired++;
    last_err = e;
    CHECK(n <= 1);
    CHECK(n == 0 || memcmp(r->key_digest.b, digest.b, 32) == 0);
    refusal = n == 0 ? -1 : r->reason;
}

/* What has changed for a data plane that was told this version: a look-up's verdict, but for money. */
static int check_key_since(uint64_t version)
{
    const struct ledger_key k = {digest, version};

    fired = 0;
    ledger_changes(ledger, &k, 1, changes_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    return refusal;
}

static uint64_t key_version(void)
{
    char sql[256], hex[ID_TEXT_LEN + 1];

    id_text(&key, hex);
    snprintf(sql, sizeof sql, "SELECT version FROM api_key WHERE key_id = '%s'", hex);
    return (uint64_t)pg_number(sql);
}

static int check_key(void)
{
    return check_key_since(key_version());
}

static void test_refusals(void)
{
    struct digest32 right;

    begin_with(USD);
    right = digest;
    CHECK_INT(check_key(), -1);
    CHECK_INT(balance("leased"), 0); /* asking costs nothing */
    digest.b[0] ^= 1;
    CHECK_INT(check_key(), NO_KEY_UNKNOWN);
    CHECK_INT(ask_grant(0), NO_KEY_UNKNOWN);
    digest = right;
    key_set("disabled = true");
    CHECK_INT(ask_grant(0), NO_KEY_DISABLED);
    CHECK_INT(check_key(), NO_KEY_DISABLED);
    key_set("disabled = false, expires_at = now() - interval '1 second'");
    CHECK_INT(ask_grant(0), NO_KEY_EXPIRED);
    CHECK_INT(check_key(), NO_KEY_EXPIRED);
    key_set(
        "expires_at = now() + interval '1 hour', requests_per_minute = 7, tokens_per_minute = 8");
    CHECK_INT(ask_grant(0), -1);
    CHECK(granted.expires_ms > 1000);
    CHECK_INT(granted.requests_per_minute, 7);
    CHECK_INT(granted.tokens_per_minute, 8);
    key_set("role = 'management'"); /* which manages and does not infer */
    CHECK_INT(ask_grant(0), NO_KEY_UNKNOWN);
    key_set("role = 'inference', deleted_at = now()");
    CHECK_INT(ask_grant(0), NO_KEY_UNKNOWN);
    CHECK_INT(ask_more(1), LEASE_GONE);
    end();
}

static void test_more(void)
{
    struct id mine;

    begin_with(USD);
    CHECK_INT(ask_grant(0), -1);
    CHECK_INT(ask_more(USD / 2), LEASE_OK);
    CHECK_INT(leased.granted_nusd, USD / 4 + USD / 2);
    CHECK_INT(leased.lease_ms, 60000);
    CHECK_INT(ask_more(USD), LEASE_OK);
    CHECK_INT(leased.granted_nusd, USD);
    CHECK_INT(ask_more(1), LEASE_NO_CREDIT);
    CHECK_INT(leased.granted_nusd, USD); /* the lease goes on */
    CHECK_INT(leased.lease_ms, 60000);

    mine = boot; /* another boot does not spend our lease */
    boot = new_boot();
    CHECK_INT(ask_more(1), LEASE_GONE);
    boot = mine;
    key_set("disabled = true");
    CHECK_INT(ask_more(1), LEASE_GONE);
    end();
}

/* p1_hoard: a lease that is renewed is not filled. */
static int64_t wish(int64_t need, int64_t want)
{
    const struct msg_lease_more ask = {granted.key, granted.lease, need, want, 0, obeys};

    fired = 0;
    ledger_lease_more(ledger, &boot, &ask, lease_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    CHECK_INT(leased.lease_ms, 60000);
    return leased.granted_nusd;
}

static void test_wishes(void)
{
    begin_with(8 * USD);
    CHECK_INT(ask_grant(USD), -1);
    for (int i = 0; i < 20; i++)
        CHECK_INT(wish(0, 0), USD); /* the time only */
    CHECK_INT(wish(0, USD), 2 * USD);
    /* However often it wishes, it holds half of what it and the account have, less what it needs. */
    for (int i = 0; i < 20; i++)
        CHECK(wish(0, 3 * USD) <= 4 * USD);
    CHECK_INT(lease_number("granted_nusd"), 4 * USD);
    CHECK_INT(wish(3 * USD, 0), 7 * USD); /* a request that waits may have what is there */
    CHECK_INT(balance("available"), USD);
    end();
    begin_with(1000); /* near zero there are no shares */
    CHECK_INT(ask_grant(1), -1);
    CHECK_INT(granted.granted_nusd, 1000);
    end();
}

/* What is lent is not gone: the answer says how much could come back, and from whom it is asked. */
static void test_most(void)
{
    struct msg_grant first;
    struct id mine;

    begin_with(USD);
    CHECK_INT(ask_grant(USD), -1);
    CHECK_INT(ingest(USD / 4), ERR_NONE);
    CHECK_INT(ask_more(1), LEASE_NO_CREDIT);
    CHECK_INT(leased.most_nusd, USD * 3 / 4);
    first = granted;
    mine = boot;
    boot = new_boot(); /* of another data plane */
    CHECK_INT(ask_grant(1), NO_KEY_CREDIT);
    CHECK_INT(said_no.most_nusd, USD * 3 / 4);
    CHECK_INT(said_no.version, key_version());
    boot = mine;
    granted = first;
    key_set("limit_nusd = 300000000"); /* of which 250 are spent */
    CHECK_INT(ask_more(1), LEASE_KEY_LIMIT);
    CHECK_INT(leased.most_nusd, 50000000);
    key_set("limit_nusd = NULL");
    CHECK_INT(ingest(USD * 3 / 4), ERR_NONE);
    CHECK_INT(ask_more(1), LEASE_NO_CREDIT);
    CHECK_INT(leased.most_nusd, 0); /* gone */
    end();
}

/* A limit that was lowered under what the leases of the key hold: none of them is renewed, whoever holds it,
 * before what is over came back; what is spent and not booked counts as held. */
static void test_limit_lowered(void)
{
    struct msg_grant g[2];
    struct id boots[2];

    begin_with(10 * USD);
    for (int i = 0; i < 2; i++) {
        boots[i] = boot;
        CHECK_INT(ask_grant(USD), -1);
        g[i] = granted;
        boot = new_boot();
    }
    key_set("limit_nusd = 1500000000");
    for (int i = 0; i < 2; i++) {
        boot = boots[i];
        granted = g[i];
        CHECK_INT(ask_more(0), LEASE_KEY_LIMIT);
        CHECK_INT(leased.lease_ms, 0);
        CHECK_INT(leased.granted_nusd, USD);
        CHECK_INT(leased.version, key_version());
    }
    give_back(USD * 3 / 4, false); /* the second keeps what its requests have reserved */
    CHECK_INT(ask_more(0), LEASE_OK);
    CHECK_INT(leased.lease_ms, 60000);
    CHECK_INT(ask_more(USD), LEASE_OK); /* up to the limit: 1.5 less 1 less 0.25 */
    CHECK_INT(leased.granted_nusd, USD + USD / 4);
    CHECK_INT(ask_more(1), LEASE_KEY_LIMIT);
    CHECK_INT(leased.lease_ms, 60000);
    end();
}

/* A data plane that hears of a change asks again; versions never go back. */
static void test_versions(void)
{
    uint64_t version;

    begin_with(USD);
    CHECK_INT(ask_grant(0), -1);
    version = granted.version;
    CHECK_INT(version, key_version());
    CHECK_INT(check_key_since(version), -1);
    key_set("name = 'another'");
    CHECK_INT(key_version(), version);
    key_set("version = 1"); /* by whatever statement */
    CHECK_INT(key_version(), version);
    key_set("requests_per_minute = 3");
    CHECK(key_version() > version);
    CHECK_INT(check_key_since(version), NO_KEY_CHANGED);
    CHECK_INT(ask_more(0), LEASE_OK); /* and hears it all */
    CHECK_INT(leased.requests_per_minute, 3);
    CHECK_INT(leased.version, key_version());
    CHECK_INT(check_key_since(leased.version), -1);
    end();
}

static void test_return(void)
{
    begin_with(USD);
    CHECK_INT(ask_grant(USD), -1);
    CHECK_INT(ingest(USD / 10), ERR_NONE);
    give_back(USD / 2, false);
    CHECK_INT(balance("available"), USD / 2);
    CHECK_INT(balance("leased"), USD - USD / 10 - USD / 2);
    give_back(USD / 2, false); /* told twice, and an older one: nothing moves */
    give_back(USD / 4, false);
    CHECK_INT(balance("available"), USD / 2);
    CHECK_INT(ask_more_after(0, USD * 6 / 10), LEASE_OK); /* a return of 0.1 was lost on its way */
    CHECK_INT(balance("available"), USD * 6 / 10);
    CHECK_INT(balance("leased"), USD - USD / 10 - USD * 6 / 10);
    give_back(USD, false); /* more than is left: only what is left */
    CHECK_INT(balance("available"), USD - USD / 10);
    CHECK_INT(balance("leased"), 0);
    CHECK_INT(ask_more(USD / 2), LEASE_OK);
    give_back(0, true); /* the end: everything that is left, whatever the amount says */
    give_back(0, true);
    CHECK_INT(balance("available"), USD - USD / 10);
    CHECK_INT(ask_more(1), LEASE_GONE);

    struct id closed = granted.lease;
    CHECK_INT(ask_grant(0), -1); /* and a new one can be opened */
    CHECK(!id_eq(&granted.lease, &closed));
    end();
}

static void test_reclaim(void)
{
    begin_with(USD);
    CHECK_INT(ask_grant(USD), -1);
    CHECK_INT(ingest(USD / 4), ERR_NONE);
    CHECK_INT(pg_number("SELECT lease_reclaim(30000, 100)"), 0); /* not ended yet */
    clock_set("now() + interval '80 seconds'");
    CHECK_INT(pg_number("SELECT lease_reclaim(30000, 100)"), 0); /* within the grace */
    CHECK_INT(ask_more(0), LEASE_OK);                            /* renews it */
    clock_set("now() + interval '130 seconds'");
    CHECK_INT(pg_number("SELECT lease_reclaim(30000, 100)"), 0);
    CHECK_INT(balance("leased"), USD * 3 / 4);
    clock_set("now() + interval '1 hour'");
    for (int i = 0; i < 400 && balance("leased") != 0; i++) { /* the ledger's own timer does it */
        unsigned never = 0;
        run_until(&never, 1, 50);
    }
    CHECK_INT(balance("leased"), 0);
    CHECK_INT(balance("available"), USD * 3 / 4);
    CHECK_INT(ask_more(1), LEASE_GONE);
    /* A record that comes now is paid from what the account has... */
    CHECK_INT(ingest(USD / 2), ERR_NONE);
    CHECK_INT(balance("available"), USD / 4);
    CHECK_INT(lease_number("spent_nusd"), USD / 4);
    /* ...and what that does not cover is ours to bear. */
    int64_t writeoff = balance("writeoff"), revenue = balance("revenue");
    CHECK_INT(ingest(USD), ERR_NONE);
    CHECK_INT(balance("available"), 0);
    CHECK_INT(balance("writeoff"), writeoff - USD * 3 / 4);
    CHECK_INT(balance("revenue"), revenue + USD);
    end();
}

static void test_duplicates(void)
{
    struct usage_record r[4];

    begin_with(USD);
    CHECK_INT(ask_grant(USD), -1);
    for (int i = 0; i < 4; i++)
        r[i] = record(1000 + i);
    CHECK_INT(ingest_of(&boot, r, 4), ERR_NONE);
    CHECK_INT(acked, 4);
    CHECK_INT(ingest_of(&boot, r, 4), ERR_NONE); /* the ack was lost: sent again */
    CHECK_INT(acked, 4);
    CHECK_INT(ingest_of(&boot, r + 2, 2), ERR_NONE);
    CHECK_INT(acked, 4);
    CHECK_INT(lease_number("spent_nusd"), 4006);
    /* A batch that is partly new, with one record twice in it. */
    struct usage_record mixed[4] = {r[3], record(5), {0}, record(7)};
    mixed[2] = mixed[1];
    CHECK_INT(ingest_of(&boot, mixed, 4), ERR_NONE);
    CHECK_INT(acked, 6);
    CHECK_INT(lease_number("spent_nusd"), 4018);
    /* One request settles once, under whatever number it comes. */
    struct usage_record again = record(9);
    again.request = r[0].request;
    CHECK_INT(ingest_of(&boot, &again, 1), ERR_NONE);
    CHECK_INT(acked, 7);
    CHECK_INT(lease_number("spent_nusd"), 4018);
    CHECK(strcmp(pg_sql("SELECT reason FROM usage_rejected ORDER BY rejected_at DESC LIMIT 1"),
                 "request") == 0);
    end();
}

/* The parts of an orchestration, through the statement: every number has its column. */
static void test_parts(void)
{
    struct usage_record r;
    struct usage_part p[2] = {
        {.cost_nusd = 400, .model_no = 2, .endpoint_no = 3, .price_version = 4, .began_ms = 5, .first_byte_ms = 6,
         .total_ms = 7, .flags = USAGE_ESTIMATED, .role = 0, .place = 7, .outcome = 8, .finish = FINISH_STOP, .attempts = 2,
         .marks = USAGE_PART_REFUSED, .tokens_prompt = 9, .tokens_completion = 10, .tokens_image_output = 11},
        {.cost_nusd = 600, .role = 2, .marks = USAGE_PART_CHOSEN}};
    struct ledger_batch b = {.records = &r, .n = 1, .parts = p, .n_parts = 2};

    begin_with(10 * USD);
    CHECK_INT(ask_grant(0), -1);
    r = record(1000);
    p[0].seq = p[1].seq = r.seq;
    p[0].id = p[1].id = r.request;
    p[1].id.b[15] ^= 1;
    fired = 0;
    ledger_ingest_batch(ledger, &boot, &b, ingest_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    CHECK_INT(acked, r.seq);
    CHECK(strcmp(pg_sql("SELECT string_agg(concat_ws(' ', cost_nusd, model_no, endpoint_no, price_version, began_ms, first_byte_ms,"
                        " total_ms, flags, role, place, outcome, finish, attempts, marks, tokens, part_id = request_id), ';'"
                        " ORDER BY role) FROM usage_part"),
                 "400 2 3 4 5 6 7 4 0 7 8 1 2 1 {9,10,0,0,0,0,0,0,0,11} t;600 0 0 0 0 0 0 0 2 0 0 0 0 2 {0,0,0,0,0,0,0,0,0,0} f") == 0);
    fired = 0;
    ledger_ingest_batch(ledger, &boot, &b, ingest_cb, NULL); /* again */
    CHECK_INT(finish(), ERR_NONE);
    CHECK_INT(pg_number("SELECT count(*) FROM usage_part"), 2);
    fired = 0;
    b.n_parts = LEDGER_PARTS_MAX + 1;
    ledger_ingest_batch(ledger, &boot, &b, ingest_cb, NULL);
    CHECK_INT(finish(), ERR_LIMIT);
    end();
}

static void test_order(void)
{
    struct usage_record r[6];
    struct id second;

    begin_with(USD);
    CHECK_INT(ask_grant(USD), -1);
    for (int i = 0; i < 6; i++)
        r[i] = record(10);
    CHECK_INT(ingest_of(&boot, r + 3, 2), ERR_NONE); /* 4, 5: booked, but 1 to 3 are missing */
    CHECK_INT(acked, 0);
    CHECK_INT(ingest_of(&boot, r, 2), ERR_NONE);
    CHECK_INT(acked, 2);
    CHECK_INT(ingest_of(&boot, r + 2, 1), ERR_NONE);
    CHECK_INT(acked, 5);
    CHECK_INT(ingest_of(&boot, r + 5, 1), ERR_NONE);
    CHECK_INT(acked, 6);

    second = new_boot(); /* a later boot counts from 1 again, and is not the first one's */
    next_seq = 0;
    CHECK_INT(ask_grant_of(&second, 0), NO_KEY_CREDIT);
    struct usage_record own = record(10);
    own.lease = id_new();
    CHECK_INT(ingest_of(&second, &own, 1), ERR_NONE);
    CHECK_INT(acked, 1);
    struct usage_record late = r[0]; /* while the first sends its last */
    late.seq = 7;
    late.request = id_new();
    CHECK_INT(ingest_of(&boot, &late, 1), ERR_NONE);
    CHECK_INT(acked, 7);
    end();
}

static void test_rejected(void)
{
    static const char *const reasons[] = {"account", "key", "lease", "cost"};
    struct usage_record r[5];
    struct id unknown = id_new();

    begin_with(USD);
    CHECK_INT(ask_grant(USD), -1);
    for (int i = 0; i < 5; i++)
        r[i] = record(100);
    r[0].account = id_new();
    r[1].key = id_new();
    r[3].cost_nusd = INT64_MAX;
    /* The lease of another boot. */
    struct id mine = boot;
    struct msg_grant grant = granted;
    boot = new_boot();
    CHECK(strcmp(topup(USD, "NULL"), "ok") == 0);
    CHECK_INT(ask_grant(0), -1);
    r[2].lease = granted.lease;
    boot = mine;
    granted = grant;
    CHECK_INT(ingest_of(&boot, r, 5), ERR_NONE);
    CHECK_INT(acked, 5); /* kept and acknowledged: it would be no better the next time */
    CHECK_INT(lease_number("spent_nusd"), 100);
    for (int i = 0; i < 4; i++) {
        char sql[256], hex[33];

        id_text(&boot, hex);
        snprintf(sql, sizeof sql,
                 "SELECT reason FROM usage_rejected WHERE boot_id = '%s' AND seq = %d", hex, i + 1);
        CHECK(strcmp(pg_sql(sql), reasons[i]) == 0);
    }
    CHECK_INT(pg_number("SELECT (record->>'cost_nusd')::bigint FROM usage_rejected"
                        " WHERE reason = 'account' ORDER BY rejected_at DESC LIMIT 1"),
              100);
    CHECK_INT(ingest_of(&boot, r, 5), ERR_NONE); /* again: nothing new */
    CHECK_INT(acked, 5);

    CHECK_INT(ingest_of(&unknown, r, 1), ERR_NOT_FOUND);
    r[0].seq = 0;
    CHECK_INT(ingest_of(&boot, r, 1), ERR_LIMIT);
    CHECK_INT(ingest_of(&boot, r, 0), ERR_LIMIT);
    end();
}

/* A lease pays in order until it is empty; what follows comes from the account, then from us. */
static void test_overdrawn_lease(void)
{
    struct usage_record r[3];
    int64_t writeoff;

    begin_with(1000000);
    writeoff = balance("writeoff");
    CHECK_INT(ask_grant(600000), -1);
    CHECK_INT(granted.granted_nusd, 1000000); /* near zero all of it, in one go */
    give_back(400000, false);
    r[0] = record(500000); /* lease */
    r[1] = record(300000); /* 100,000 lease, 200,000 account */
    r[2] = record(300000); /* 200,000 account, 100,000 nobody */
    CHECK_INT(ingest_of(&boot, r, 3), ERR_NONE);
    CHECK_INT(lease_number("spent_nusd"), 600000);
    CHECK_INT(balance("leased"), 0);
    CHECK_INT(balance("available"), 0);
    CHECK_INT(balance("writeoff"), writeoff - 100000);
    end();
}

static void test_key_limit(void)
{
    begin_with(100 * USD);
    key_set("limit_nusd = 1000000000, limit_reset = 'daily'");
    CHECK_INT(ask_grant(5 * USD), -1);
    CHECK_INT(granted.granted_nusd, USD); /* what is leased counts as spent */
    CHECK_INT(ask_more(1), LEASE_KEY_LIMIT);
    struct id mine = boot, other = new_boot();
    struct msg_grant grant = granted;
    CHECK_INT(ask_grant_of(&other, 1), NO_KEY_LIMIT); /* on any data plane */
    boot = mine;
    granted = grant;
    CHECK_INT(ingest(USD * 3 / 4), ERR_NONE);
    give_back(0, true);
    CHECK_INT(ask_grant(5 * USD), -1);
    CHECK_INT(granted.granted_nusd, USD / 4);
    give_back(0, true);

    static const struct {
        const char *reset, *at;
        int64_t left;
    } windows[] = {
        /* relative to the moment of spending */
        {"daily", "date_trunc('day', now(), 'UTC') + interval '1 day'", USD},
        {"daily", "date_trunc('day', now(), 'UTC') + interval '1 day - 1 second'", USD / 4},
        {"weekly", "date_trunc('week', now(), 'UTC') + interval '7 days'", USD},
        {"weekly", "date_trunc('week', now(), 'UTC') + interval '7 days - 1 second'", USD / 4},
        {"monthly", "date_trunc('month', now(), 'UTC') + interval '1 month'", USD},
        {"monthly", "date_trunc('month', now(), 'UTC') + interval '1 month - 1 second'", USD / 4},
        {"none", "now() + interval '3 years'", USD / 4},
    };
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        char set[64];

        clock_set(windows[i].at);
        snprintf(set, sizeof set, "limit_reset = '%s'", windows[i].reset);
        key_set(set);
        CHECK_INT(ask_grant(5 * USD), -1);
        CHECK_INT(granted.granted_nusd, windows[i].left);
        give_back(0, true);
    }
    clock_set("now()");
    key_set("limit_nusd = NULL");
    CHECK_INT(ask_grant(50 * USD), -1);
    CHECK_INT(granted.granted_nusd, 50 * USD);
    key_set("limit_nusd = 0");
    CHECK_INT(ask_more(1), LEASE_KEY_LIMIT);
    end();
}

/* Sixteen data planes fall upon one account and one key, each asking, spending what it got and
 * returning, all at once: what was spent never exceeds what was there. */
struct hammer {
    struct id boot;
    uint64_t seq;
    unsigned rounds;
    int64_t spent;
    struct msg_grant grant;
};
static unsigned hammers_done;

static void hammer_round(struct hammer *h);

static void hammer_returned_cb(void *cookie, enum err e)
{
    CHECK_INT(e, ERR_NONE);
    hammer_round(cookie);
}

static void hammer_ingested_cb(void *cookie, enum err e, uint64_t seq)
{
    struct hammer *h = cookie;
    const struct msg_lease_return r = {h->grant.lease, 0, true};

    CHECK_INT(e, ERR_NONE);
    CHECK_INT(seq, h->seq);
    ledger_lease_return(ledger, &h->boot, &r, hammer_returned_cb, h);
}

static void hammer_granted_cb(void *cookie, enum err e, const struct msg_grant *g,
                              const struct msg_no_key *n)
{
    struct hammer *h = cookie;
    struct usage_record r = record(0);

    CHECK_INT(e, ERR_NONE);
    if (n != NULL) {
        CHECK_INT(n->reason, NO_KEY_CREDIT);
        hammer_round(h);
        return;
    }
    h->grant = *g;
    r.seq = ++h->seq;
    r.lease = g->lease;
    r.cost_nusd = g->granted_nusd * 2 / 3 + 1;
    if (r.cost_nusd > g->granted_nusd)
        r.cost_nusd = g->granted_nusd;
    h->spent += r.cost_nusd;
    ledger_ingest(ledger, &h->boot, &r, 1, hammer_ingested_cb, h);
}

static void hammer_round(struct hammer *h)
{
    const struct msg_key_lookup ask = {digest, USD / 20, 0, true};

    if (h->rounds-- == 0) {
        hammers_done++;
        return;
    }
    ledger_grant(ledger, &h->boot, &ask, hammer_granted_cb, h);
}

static void test_hammer(void)
{
    enum { N = 16, ROUNDS = 25 };
    static struct hammer h[N];
    const struct db_config dc = {uv_default_loop(), pg_url(), 16};
    struct ledger *narrow_ledger;
    struct db *narrow_db;
    int64_t spent = 0, writeoff;
    struct ledger_config lc = {
        .lease_ms = 60000, .lease_default_nusd = USD / 4, .reclaim_grace_ms = 30000};

    begin_with(USD);
    writeoff = balance("writeoff");
    for (int i = 0; i < N; i++)
        h[i] = (struct hammer){.boot = new_boot(), .rounds = ROUNDS};
    narrow_db = db;
    narrow_ledger = ledger;
    CHECK_INT(db_open(&dc, &db), ERR_NONE);
    lc.db = db;
    CHECK_INT(ledger_new(&lc, &ledger), ERR_NONE);
    hammers_done = 0;
    for (int i = 0; i < N; i++)
        hammer_round(&h[i]);
    run_until(&hammers_done, N, 60000);
    CHECK_INT(hammers_done, N);
    for (int i = 0; i < N; i++)
        spent += h[i].spent;
    printf("# spent %lld of %lld\n", (long long)spent, (long long)USD);
    CHECK(spent > USD / 2 && spent <= USD);
    CHECK_INT(balance("available"), USD - spent);
    CHECK_INT(balance("leased"), 0);
    CHECK_INT(balance("writeoff"), writeoff);
    end();
    db = narrow_db;
    ledger = narrow_ledger;
    end();
}

/* --- locks --- */

/* Another session holds the balances of `account` from here to lock_end(). */
static FILE *lock_begin(void)
{
    char command[512], hex[ID_TEXT_LEN + 1], probe[256];
    FILE *f;

    id_text(&account, hex);
    snprintf(command, sizeof command, "psql -XAtq '%s' >/dev/null", pg_url());
    f = popen(command, "w");
    CHECK(f != NULL);
    fprintf(f, "BEGIN; SELECT 1 FROM ledger_account WHERE owner = '%s' FOR UPDATE;\n", hex);
    fflush(f);
    snprintf(probe, sizeof probe,
             "SELECT count(*) FROM (SELECT 1 FROM ledger_account WHERE owner = '%s'"
             " FOR UPDATE SKIP LOCKED) x",
             hex);
    for (int i = 0; i < 200 && pg_number(probe) != 0; i++)
        usleep(10000);
    CHECK_INT(pg_number(probe), 0);
    return f;
}

static void lock_end(FILE *f)
{
    fprintf(f, "COMMIT;\n");
    pclose(f);
}

static unsigned locked_granted, locked_failed;

static void locked_cb(void *cookie, enum err e, const struct msg_grant *g,
                      const struct msg_no_key *n)
{
    (void)cookie;
    (void)n;
    locked_granted += g != NULL;
    locked_failed += e == ERR_DB;
}

/* Far more look-ups and renewals of a locked account than there are connections: those of another account
 * are answered meanwhile, and the locked one's when it is free, or given up. */
static void test_locked_account(void)
{
    enum { N = 40 };
    struct msg_key_lookup ask;
    struct id mine_key, mine_account;
    struct digest32 mine;
    FILE *lock;

    begin_with(USD);
    lock = lock_begin();
    locked_granted = locked_failed = 0;
    ask = (struct msg_key_lookup){digest, 1000, 1000, true};
    for (int i = 0; i < N; i++)
        ledger_grant(ledger, &boot, &ask, locked_cb, NULL);
    mine = digest;
    mine_key = key;
    mine_account = account;
    another_account(USD);
    CHECK_INT(ask_grant(1000), -1);
    CHECK_INT(ask_more(1000), LEASE_OK);
    give_back(0, true);
    CHECK_INT(locked_granted, 0); /* it was locked all the while */
    lock_end(lock);
    run_until(&locked_granted, N, LEDGER_BUSY_MS); /* however slow this machine is: all have ended then */
    CHECK_INT(locked_granted + locked_failed, N);
    digest = mine;
    key = mine_key;
    account = mine_account;
    CHECK_INT(ask_grant(1000), -1); /* and it is served again */
    locked_failed = 0;
    lock = lock_begin();
    ledger_grant(ledger, &boot, &ask, locked_cb, NULL);
    run_until(&locked_failed, 1, 2 * LEDGER_BUSY_MS);
    CHECK_INT(locked_failed, 1); /* nobody waits for it for ever */
    lock_end(lock);
    end();
}

/* --- notifications and the catalog --- */

static unsigned revoked, resynced, catalog_changes;
static struct digest32 revoked_digest;
static uint8_t revoked_reason;
static uint64_t revoked_version;

static void revoked_cb(void *cookie, const struct msg_revoke *r)
{
    (void)cookie;
    revoked++;
    revoked_digest = r->key_digest;
    revoked_reason = r->reason;
    CHECK(r->version > revoked_version);
    revoked_version = r->version;
}

static unsigned recalled;
static struct id recalled_boot;
static struct msg_recall recall;

static struct {
    unsigned n;
    struct msg_key_parts last;
} told_parts;

static void parts_cb(void *cookie, const struct msg_key_parts *m)
{
    (void)cookie;
    told_parts.n++;
    told_parts.last = *m;
}

static void recalled_cb(void *cookie, const struct id *from, const struct msg_recall *r)
{
    (void)cookie;
    recalled++;
    recalled_boot = *from;
    recall = *r;
}

static void resync_cb(void *cookie)
{
    (void)cookie;
    resynced++;
}

static unsigned fleet_changes;

static void fleet_changed_cb(void *cookie)
{
    (void)cookie;
    fleet_changes++;
}

static void catalog_changed_cb(void *cookie)
{
    (void)cookie;
    catalog_changes++;
}

static struct catalog catalog;

static void catalog_cb(void *cookie, enum err e, struct catalog *c)
{
    (void)cookie;
    fired++;
    last_err = e;
    if (c != NULL)
        catalog = *c;
}

/* A model, an endpoint and an alias as catalog_apply() takes them, after psql's quoting. */
#define MODEL_JSON(id, more)                                                                       \
    "{\"id\": \"" id "\", \"name\": \"" id "\", \"description\": \"says \\\"it\\\"\", \"context_length\": 1000,"  \
    " \"max_output\": 200, \"created\": 2, \"knowledge_day\": 3, \"facts_day\": 4, \"capabilities\": 5,"  \
    " \"kind\": 1, \"inputs\": 6, \"outputs\": 7, \"open_weights\": 2, \"gates\": 8, \"efforts\": 9,"   \
    " \"budget_min\": 10, \"budget_max\": 11, " more "}"
#define ENDPOINT_JSON(model, provider, weight, completion, tiers)                                  \
    "{\"model\": \"" model "\", \"provider\": \"p" provider "\", \"provider_no\": " provider ","   \
    " \"upstream_model\": \"up" provider "\", \"weight\": " weight ", \"source\": \"a list\", \"source_day\": 12, \"retires_day\": 16,"  \
    " \"context_length\": 13, \"max_output\": 14, \"lacks\": 15, \"quantization\": 3, \"retains_data\": true,"  \
    " \"prompt_pusd\": 101, \"completion_pusd\": " completion ", \"cached_pusd\": 103, \"cache_write_pusd\": 104,"  \
    " \"cache_write_long_pusd\": 105, \"reasoning_pusd\": 106, \"audio_input_pusd\": 107,"         \
    " \"audio_output_pusd\": 108, \"image_input_pusd\": 109, \"image_output_pusd\": 110,"          \
    " \"request_nusd\": 111, \"image_nusd\": 112, \"second_nusd\": 113, \"character_nusd\": 114,"  \
    " \"query_nusd\": 115, \"tiers\": [" tiers "]}"
#define TIER_JSON                                                                                  \
    "{\"above_prompt_tokens\": 200, \"from_minute\": 16, \"until_minute\": 17, \"prompt_pusd\": 21,"  \
    " \"completion_pusd\": 22, \"cached_pusd\": 23, \"cache_write_pusd\": 24}"
#define APPLY(weight, price, wants)                                                                \
    "SELECT catalog_apply('[" MODEL_JSON("a/b", "\"fallbacks\": [\"c/d\"]") ","                    \
    MODEL_JSON("c/d", "\"fallbacks\": []") "]', '[" ENDPOINT_JSON("a/b", "0", "1", "102", TIER_JSON "," TIER_JSON) \
    "," ENDPOINT_JSON("a/b", "1", weight, "102", "") "," ENDPOINT_JSON("c/d", "0", "3", price, "") \
    "]', '[{\"id\": \"~x/latest\", \"models\": [\"c/d\", \"a/b\"], \"wants\": " wants               \
    ", \"sort\": 1, \"listed\": true}]')"

/* Every column comes back where it was put. */
static void catalog_is_read(int64_t version)
{
    const struct catalog_model *m;
    const struct catalog_endpoint *e;
    const struct catalog_alias *a;
    int64_t n = 101;

    fired = 0;
    ledger_catalog(ledger, catalog_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    CHECK_INT(catalog.version, version);
    CHECK_INT(catalog.n_models, 2);
    CHECK_INT(catalog.n_endpoints, 3);
    CHECK_INT(catalog.n_aliases, 1);
    m = &catalog.models[0];
    e = &catalog.endpoints[0];
    a = &catalog.aliases[0];
    CHECK(strcmp(m->id, "a/b") == 0 && strcmp(m->description, "says \"it\"") == 0);
    CHECK(m->context_length == 1000 && m->max_output == 200 && m->created == 2 && m->knowledge_day == 3);
    CHECK(m->facts_day == 4 && m->capabilities == 5 && m->kind == 1 && m->inputs == 6 && m->outputs == 7);
    CHECK(m->open_weights == 2 && m->gates.bits == 8 && m->gates.efforts == 9);
    CHECK(m->gates.budget_min == 10 && m->gates.budget_max == 11);
    CHECK(m->n_fallbacks == 1 && m->fallback[0] == catalog.models[1].no && catalog.models[1].n_fallbacks == 0);
    CHECK(strcmp(e->upstream_model, "up0") == 0 && strcmp(e->source, "a list") == 0);
    CHECK(e->model_no == m->no && e->provider_no == 0 && e->weight == 1 && e->source_day == 12 && e->retires_day == 16);
    CHECK(e->context_length == 13 && e->max_output == 14 && e->lacks == 15 && e->quantization == 3);
    CHECK(e->retains_data && e->price_version == 1);
#define IS(class, as) CHECK_INT(e->price.class##_pusd, n++);
    PRICE_CLASSES(IS)
#undef IS
#define IS(unit, what) CHECK_INT(e->price.unit##_nusd, n++);
    PRICE_UNITS(IS)
#undef IS
    CHECK_INT(e->price.n_tiers, 2);
    CHECK(e->price.tier[1].above_prompt_tokens == 200 && e->price.tier[1].from_minute == 16 &&
          e->price.tier[1].until_minute == 17 && e->price.tier[1].prompt_pusd == 21 &&
          e->price.tier[1].completion_pusd == 22 && e->price.tier[1].cached_pusd == 23 &&
          e->price.tier[1].cache_write_pusd == 24);
    CHECK(strcmp(a->id, "~x/latest") == 0 && a->n_models == 2 && a->model[1] == m->no);
    CHECK(a->wants == 2 && a->sort == 1 && a->listed);
    CHECK_INT(catalog.endpoints[2].price.completion_pusd, 70);
    catalog_free(&catalog);
}

static void orchestration_is_read(void)
{
    const struct catalog_synth *s;

    pg_sql("UPDATE model SET kind = 7 WHERE id = 'c/d'; INSERT INTO model_synth (model_no, preset, code, generic, panel_tokens,"
           " judge_tokens, final_tokens, panel, judges, finals) SELECT model_no, 3, true, false, 21, 22, 4294967295,"
           " '{a/b,~x/y,z}', '{j}', '{1,2,3,4,5,6,7,8}' FROM model");
    fired = 0;
    ledger_catalog(ledger, catalog_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    CHECK_INT(catalog.n_synths, 1); /* the other model is an ordinary one */
    s = &catalog.synths[0];
    CHECK(s->model_no == catalog.models[1].no && s->preset == SYNTH_PRESET_FRONTIER && s->code && !s->generic);
    CHECK(s->panel_tokens == 21 && s->judge_tokens == 22 && s->final_tokens == UINT32_MAX);
    CHECK(s->n_panel == 3 && strcmp(s->panel[0], "a/b") == 0 && strcmp(s->panel[2], "z") == 0);
    CHECK(s->n_judges == 1 && strcmp(s->judges[0], "j") == 0 && s->n_finals == 8 && strcmp(s->finals[7], "8") == 0);
    catalog_free(&catalog);
}

/* One data plane holds all there is, another asks: the first is asked to give some back. */
static void recall_is_told(void)
{
    struct id mine = boot, mine_account = account, mine_key = key;
    struct digest32 mine_digest = digest;

    another_account(USD);
    CHECK_INT(ask_grant(USD), -1);
    recalled = 0;
    boot = new_boot();
    CHECK_INT(ask_grant(1000), NO_KEY_CREDIT);
    run_until(&recalled, 1, 1000);
    CHECK_INT(recalled, 1);
    CHECK(id_eq(&recalled_boot, &mine));
    CHECK(id_eq(&recall.key, &key) && id_eq(&recall.lease, &granted.lease));
    CHECK_INT(recall.need_nusd, 1000);
    boot = mine;
    CHECK_INT(ask_more(1000), LEASE_NO_CREDIT); /* nobody else has any */
    account = mine_account;
    key = mine_key;
    digest = mine_digest;
}

static void test_watch_and_catalog(void)
{
    const struct ledger_watch w = {revoked_cb, recalled_cb, catalog_changed_cb, parts_cb, fleet_changed_cb, resync_cb, NULL};
    /* Every change of a key's rules tells everybody, with a later version. */
    static const struct {
        const char *set;
        uint8_t reason;
    } changes[] = {
        {"disabled = false", NO_KEY_CHANGED},
        {"limit_nusd = 5", NO_KEY_CHANGED},
        {"limit_nusd = NULL", NO_KEY_CHANGED},
        {"limit_reset = 'daily'", NO_KEY_CHANGED},
        {"requests_per_minute = 1", NO_KEY_CHANGED},
        {"tokens_per_minute = 1", NO_KEY_CHANGED},
        {"expires_at = now() + interval '1 hour'", NO_KEY_CHANGED},
        {"expires_at = now()", NO_KEY_EXPIRED},
        {"expires_at = NULL", NO_KEY_CHANGED},
        {"deleted_at = now()", NO_KEY_UNKNOWN},
    };
    int64_t version;

    begin_with(0);
    revoked_version = 0;
    revoked = resynced = catalog_changes = 0;
    CHECK_INT(ledger_watch(ledger, &w), ERR_NONE);
    run_until(&resynced, 1, 3000);
    CHECK_INT(resynced, 1);
    key_set("name = 'other'"); /* tells nobody */
    key_set("disabled = true");
    run_until(&revoked, 1, 1000);
    CHECK_INT(revoked, 1);
    CHECK(memcmp(revoked_digest.b, digest.b, 32) == 0);
    CHECK_INT(revoked_reason, NO_KEY_DISABLED);
    CHECK_INT(revoked_version, key_version());
    revoked = 0;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        key_set(changes[i].set);
        run_until(&revoked, (unsigned)i + 1, 1000);
        CHECK_INT(revoked, i + 1);
        CHECK_INT(revoked_reason, changes[i].reason);
        CHECK_INT(revoked_version, key_version());
    }
    revoked = 3;
    recall_is_told();
    pg_sql("NOTIFY tr_key, 'what is this'");
    run_until(&resynced, 2, 1000);
    CHECK_INT(resynced, 2);
    CHECK_INT(revoked, 3);

    version = pg_number(APPLY("2", "70", "2"));
    run_until(&catalog_changes, 1, 1000);
    CHECK_INT(catalog_changes, 1);
    CHECK_INT(pg_number(APPLY("2", "70", "2")), version); /* nothing changed, nobody is told */
    catalog_is_read(version);

    CHECK_INT(pg_number(APPLY("0", "71", "2")), version + 1); /* a weight and a price */
    pg_sql("NOTIFY tr_fleet, 'policy'");
    run_until(&fleet_changes, 1, 1000);
    CHECK_INT(fleet_changes, 1);
    run_until(&catalog_changes, 2, 1000);
    CHECK_INT(catalog_changes, 2);
    fired = 0;
    ledger_catalog(ledger, catalog_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    CHECK_INT(catalog.endpoints[1].weight, 0);
    CHECK_INT(catalog.endpoints[1].price_version, 1);
    CHECK_INT(catalog.endpoints[2].price_version, 2);
    CHECK_INT(catalog.endpoints[2].price.completion_pusd, 71);
    catalog_free(&catalog);
    CHECK_INT(pg_number(APPLY("0", "71", "3")), version + 2); /* an alias */
    /* An endpoint that is left out keeps its number, and no data plane hears of it. */
    CHECK_INT(pg_number("SELECT catalog_apply('[" MODEL_JSON("c/d", "\"fallbacks\": []") "]', '[]', '[]')"),
              version + 3);
    fired = 0;
    ledger_catalog(ledger, catalog_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    CHECK(catalog.n_models == 1 && catalog.n_endpoints == 0 && catalog.n_aliases == 0);
    catalog_free(&catalog);
    CHECK_INT(pg_number(APPLY("2", "70", "2")), version + 4);
    CHECK_INT(pg_number("SELECT max(endpoint_no) FROM endpoint"), 3);
    CHECK_INT(pg_number("SELECT count(*) FROM price"), 5); /* old prices stay */
    orchestration_is_read();
    end();
}

/* --- the constraints themselves --- */

static void test_constraints(void)
{
    static const struct {
        const char *sql, *says;
    } refused[] = {
        {"UPDATE posting SET amount_nusd = 1", "append-only"},
        {"DELETE FROM posting", "append-only"},
        {"TRUNCATE posting", "append-only"},
        {"UPDATE transfer SET kind = 'topup'", "append-only"},
        {"UPDATE usage SET cost_nusd = 0", "append-only"},
        {"DELETE FROM usage", "append-only"},
        {"INSERT INTO transfer (kind, account_id) SELECT 'topup', account_id FROM account LIMIT 1",
         "does not balance"},
        {"INSERT INTO posting (transfer_id, ledger_account_id, amount_nusd)"
         " SELECT t.transfer_id, a.ledger_account_id, 5 FROM transfer t"
         " JOIN ledger_account a ON a.owner = t.account_id WHERE a.kind <> 'leased' AND NOT EXISTS (SELECT 1"
         " FROM posting p WHERE p.transfer_id = t.transfer_id AND p.ledger_account_id = a.ledger_account_id)"
         " ORDER BY 1 DESC LIMIT 1",
         "does not balance"},
        {"UPDATE ledger_account SET balance_nusd = -1 WHERE kind = 'available'",
         "ledger_no_overdraft"},
        {"UPDATE lease SET spent_nusd = granted_nusd + 1 WHERE state = 'open'",
         "lease_not_overdrawn"},
        {"UPDATE lease SET state = 'returned', closed_at = now() WHERE state = 'open'",
         "lease_closed_is_empty"},
    };

    begin_with(USD);
    CHECK_INT(ask_grant(USD / 2), -1);
    CHECK_INT(ingest(1000), ERR_NONE);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strstr(pg_sql(refused[i].sql), refused[i].says) == NULL)
            check_fail(__FILE__, __LINE__, refused[i].sql);
    end();
}

/* Every invariant of the view is broken once, behind the back of the triggers, and must be named.
 */
static void test_violations_are_seen(void)
{
    static const struct {
        const char *harm, *named;
    } harms[] = {
        {"UPDATE posting SET amount_nusd = amount_nusd + 1 WHERE amount_nusd > 0",
         "transfer does not sum to zero"},
        {"DELETE FROM posting WHERE amount_nusd < 0", "all postings do not sum to zero"},
        {"DELETE FROM posting", "balance is not the sum of postings"},
        {"UPDATE ledger_account SET balance_nusd = balance_nusd + 1 WHERE kind = 'available'",
         "balance is not the sum of postings"},
        {"ALTER TABLE ledger_account DROP CONSTRAINT ledger_no_overdraft;"
         " UPDATE ledger_account SET balance_nusd = -1 WHERE kind = 'available'",
         "customer balance is negative"},
        {"INSERT INTO account (account_id, name, organisation_id)"
         " VALUES (gen_random_uuid(), 'x', gen_random_uuid())", "account lacks a ledger account"},
        {"UPDATE lease SET granted_nusd = granted_nusd + 1 WHERE state = 'open'",
         "leased is not what open leases hold"},
        {"UPDATE lease SET spent_nusd = spent_nusd + 1, granted_nusd = granted_nusd + 1",
         "lease spent is not the sum of its usage"},
        {"DELETE FROM lease", "usage spends a lease that is not there"},
        {"DELETE FROM usage WHERE seq = 1", "revenue is not the sum of usage"},
        {"UPDATE usage SET from_lease_nusd = from_lease_nusd - 1, written_off_nusd = "
         "written_off_nusd + 1"
         " WHERE from_lease_nusd > 0",
         "write-off is not the sum of usage"},
        {"UPDATE usage SET account_id = gen_random_uuid()",
         "usage transfers of an account are not its usage"},
        {"DELETE FROM key_total", "key total is not the sum of usage"},
        {"UPDATE usage_day SET requests = requests + 1", "usage days are not the sum of usage"},
        {"UPDATE usage SET key_id = gen_random_uuid()",
         "usage names an unknown account, key or boot"},
        {"INSERT INTO usage_aside SELECT boot_id, seq, 'busy', account_id, lease_id, now(), '{}'"
         " FROM usage WHERE seq = 1",
         "a record is booked and set aside"},
        {"DELETE FROM usage WHERE seq = 1", "an acknowledged record is missing"},
        {"DELETE FROM usage WHERE seq = 1; UPDATE boot SET acked_seq = 2;"
         " INSERT INTO usage_gap SELECT boot_id, 1, 1, now(), 0 FROM boot",
         "an acknowledged record is missing"},
    };

    begin_with(USD);
    CHECK_INT(ask_grant(USD / 2), -1);
    CHECK_INT(ingest(1000), ERR_NONE);
    check_sound();
    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        char sql[1024];

        snprintf(sql, sizeof sql,
                 "BEGIN; SET LOCAL session_replication_role = replica; %s;"
                 "SELECT invariant FROM ledger_violations; ROLLBACK",
                 harms[i].harm);
        if (strstr(pg_sql(sql), harms[i].named) == NULL)
            check_fail(__FILE__, __LINE__, harms[i].harm);
    }
    end();
}

/* --- idempotency keys --- */

static struct msg_claimed claimed;
static unsigned claims_granted, claims_in_flight;

static void claimed_cb(void *cookie, enum err e, const struct msg_claimed *c)
{
    (void)cookie;
    fired++;
    last_err = e;
    claimed = *c;
    claims_granted += c->status == CLAIM_GRANTED;
    claims_in_flight += c->status == CLAIM_IN_FLIGHT;
}

static const struct digest32 once = {{1, 2, 3}};

static struct msg_claim claim_of(const struct id *request)
{
    return (struct msg_claim){*request, account, granted.lease, once};
}

/* The status; who holds the key is in claimed.first. */
static int claim(const struct id *from, const struct id *request)
{
    const struct msg_claim c = claim_of(request);

    fired = 0;
    ledger_claim(ledger, from, &c, claimed_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    CHECK(id_eq(&claimed.request, request));
    CHECK(claimed.status != CLAIM_GRANTED || id_eq(&claimed.first, request));
    return claimed.status;
}

static void release(const struct id *from, const struct id *request)
{
    fired = 0;
    ledger_release(ledger, from, request, claimed_cb, NULL);
    CHECK_INT(finish(), ERR_NONE);
    CHECK_INT(claimed.status, CLAIM_NONE);
    CHECK(id_eq(&claimed.request, request));
}

static void test_claim(void)
{
    struct id a = id_new(), b = id_new(), other_boot, strange = id_new(), first_account;
    struct msg_grant first_grant;

    begin_with(USD);
    other_boot = new_boot();
    CHECK_INT(ask_grant(USD / 4), -1);
    CHECK_INT(claim(&boot, &a), CLAIM_GRANTED);
    CHECK_INT(claim(&boot, &a), CLAIM_GRANTED); /* its answer was lost */
    CHECK_INT(claim(&boot, &b), CLAIM_IN_FLIGHT);
    CHECK(id_eq(&claimed.first, &a));
    release(&other_boot, &a); /* not that one's to release */
    CHECK_INT(claim(&boot, &b), CLAIM_IN_FLIGHT);
    release(&boot, &a);
    release(&boot, &a);
    CHECK_INT(claim(&boot, &b), CLAIM_GRANTED);

    /* A lease of another boot, of another account, or of nobody pays for nothing. */
    CHECK_INT(claim(&other_boot, &a), CLAIM_NONE);
    first_grant = granted;
    granted.lease = strange;
    CHECK_INT(claim(&boot, &a), CLAIM_NONE);
    granted = first_grant;
    first_account = account;
    another_account(USD);
    CHECK_INT(claim(&boot, &a), CLAIM_NONE);
    CHECK_INT(ask_grant(USD / 4), -1); /* the same key of another account is another key */
    CHECK_INT(claim(&boot, &a), CLAIM_GRANTED);
    account = first_account;
    granted = first_grant;
    end();
}

/* What the usage record says of the first request decides about the next. */
static void test_claim_and_record(void)
{
    static const struct {
        int64_t cost;
        uint8_t error;
        int want;
    } cases[] = {
        {1000, 0, CLAIM_USED},     /* answered and billed */
        {0, 0, CLAIM_USED},        /* answered, at no price */
        {1000, 9, CLAIM_USED},     /* cut off, billed as far as it went */
        {0, 9, CLAIM_GRANTED},     /* failed, and cost nothing */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct id a = id_new(), b = id_new();
        struct usage_record r;

        begin_with(USD);
        CHECK_INT(ask_grant(USD / 4), -1);
        CHECK_INT(claim(&boot, &a), CLAIM_GRANTED);
        r = record(cases[i].cost);
        r.request = a;
        r.error_class = cases[i].error;
        CHECK_INT(ingest_of(&boot, &r, 1), ERR_NONE);
        CHECK_INT(claim(&boot, &b), cases[i].want);
        CHECK(id_eq(&claimed.first, cases[i].want == CLAIM_USED ? &a : &b));
        end();
    }
}

/* A data plane that is gone: its claims end with the lease that paid for them, not before. */
static void test_claim_of_a_dead_data_plane(void)
{
    struct id a = id_new(), b = id_new(), later;
    struct usage_record r;

    for (int recorded = 0; recorded < 2; recorded++) {
        begin_with(USD);
        later = new_boot();
        CHECK_INT(ask_grant(USD / 4), -1);
        CHECK_INT(claim(&boot, &a), CLAIM_GRANTED);
        clock_set("now() + interval '80 seconds'");
        CHECK_INT(pg_number("SELECT lease_reclaim(30000, 100)"), 0); /* within the grace */
        CHECK_INT(ask_grant_of(&later, USD / 4), -1);
        CHECK_INT(claim(&later, &b), CLAIM_IN_FLIGHT);
        if (recorded) { /* the database refuses its record, which is kept all the same */
            r = record(5);
            r.request = a;
            fired = 0;
            ledger_set_aside(ledger, &boot, &(struct ledger_batch){.records = &r, .n = 1}, ingest_cb, NULL);
            CHECK_INT(finish(), ERR_NONE);
        }
        clock_set("now() + interval '100 seconds'");
        CHECK_INT(pg_number("SELECT lease_reclaim(30000, 100)"), 1);
        CHECK_INT(ask_grant_of(&later, USD / 4), -1);
        CHECK_INT(claim(&later, &b), recorded ? CLAIM_USED : CLAIM_GRANTED);
        if (recorded)
            CHECK_INT(pg_number("SELECT usage_rebook('refused', 100)"), 1);
        end();
    }
}

static void test_claim_window(void)
{
    struct id a = id_new(), b = id_new();
    struct usage_record r;

    begin_with(USD);
    CHECK_INT(ask_grant(USD / 4), -1);
    CHECK_INT(claim(&boot, &a), CLAIM_GRANTED);
    r = record(1000);
    r.request = a;
    CHECK_INT(ingest_of(&boot, &r, 1), ERR_NONE);
    clock_set("now() + interval '23 hours 59 minutes'");
    CHECK_INT(ask_grant(USD / 4), -1);
    CHECK_INT(pg_number("SELECT idempotency_clean(86400000, 1000)"), 0);
    CHECK_INT(claim(&boot, &b), CLAIM_USED);
    clock_set("now() + interval '24 hours 1 minute'");
    CHECK_INT(ask_grant(USD / 4), -1);
    CHECK_INT(claim(&boot, &b), CLAIM_GRANTED); /* also when nobody has forgotten it yet */
    clock_set("now() + interval '49 hours'");
    CHECK(pg_number("SELECT idempotency_clean(86400000, 1000)") > 0);
    CHECK_INT(pg_number("SELECT count(*) FROM idempotency"), 0);
    end();
}

/* However many ask at once, from however many data planes: one runs. */
static void test_claim_race(void)
{
    enum { N = 40 };
    const struct db_config dc = {uv_default_loop(), pg_url(), 4};
    struct db *dbs[4], *narrow_db;
    struct ledger *ledgers[4], *narrow_ledger;
    struct id requests[N];
    unsigned closed = 0;
    struct ledger_config lc = {.lease_ms = 60000};

    begin_with(USD);
    CHECK_INT(ask_grant(USD / 4), -1);
    narrow_db = db;
    narrow_ledger = ledger;
    for (int i = 0; i < 4; i++) {
        CHECK_INT(db_open(&dc, &dbs[i]), ERR_NONE);
        lc.db = dbs[i];
        CHECK_INT(ledger_new(&lc, &ledgers[i]), ERR_NONE);
    }
    for (int round = 0; round < 4; round++) {
        fired = claims_granted = claims_in_flight = 0;
        CHECK(pg_sql("DELETE FROM idempotency")[0] == '\0');
        for (int i = 0; i < N; i++) {
            struct msg_claim c;

            requests[i] = id_new();
            c = claim_of(&requests[i]);
            ledger_claim(ledgers[i % 4], &boot, &c, claimed_cb, NULL);
        }
        run_until(&fired, N, 10000);
        CHECK_INT(fired, N);
        CHECK_INT(claims_granted, 1);
        CHECK_INT(claims_in_flight, N - 1);
    }
    for (int i = 0; i < 4; i++) {
        ledger_free(ledgers[i]);
        db_close(dbs[i], closed_cb, &closed);
    }
    run_until(&closed, 4, 3000);
    CHECK_INT(closed, 4);
    db = narrow_db;
    ledger = narrow_ledger;
    end();
}

/* --- rules, shares, a second text (sql/030, sql/031) */

static void test_rules(void)
{
    static const struct {
        const char *set;
        bool rules, limits;
    } kinds[] = {
        {"name = 'no rules'", false, false},
        {"min_privacy = 'any', allowed_models = NULL", false, false},
        {"requests_per_minute = 5", false, true},
        {"requests_per_minute = 0, allowed_models = '{openai/gpt-4o,z-ai/*}'", true, false},
        {"allowed_models = NULL, allowed_providers = '{}'", true, false},
        {"allowed_providers = NULL, allowed_ips = '{192.0.2.0/24,2001:db8::/32}'", true, false},
        {"allowed_ips = NULL, min_privacy = 'zdr'", true, false},
        {"min_privacy = NULL, region = 'eu'", true, false},
    };
    uint8_t inside[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9};

    begin_with(10 * USD);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t version = (int64_t)key_version();

        key_set(kinds[i].set);
        CHECK((int64_t)key_version() > version || i < 2); /* what changes its rules gives it a version */
        obeys = true;
        CHECK_INT(ask_grant(0), -1);
        CHECK_INT(granted.terms != NULL, kinds[i].rules || kinds[i].limits);
        CHECK_INT(granted.terms != NULL && key_rules_any(&terms.rules), kinds[i].rules);
        CHECK_INT(ask_more(1), LEASE_OK);
        obeys = false; /* nothing is lent to whoever would not obey: neither anew nor once more */
        CHECK_INT(ask_more(1), kinds[i].rules ? LEASE_GONE : LEASE_OK);
        CHECK_INT(ask_grant(0), kinds[i].rules ? NO_KEY_DISABLED : -1);
        obeys = true;
    }
    key_set("region = NULL, allowed_models = '{openai/gpt-4o,z-ai/*}', allowed_ips = '{192.0.2.0/24}', "
            "min_privacy = 'confidential'");
    CHECK_INT(ask_grant(0), -1);
    CHECK_INT(terms.rules.set, KEY_RULE_MODELS | KEY_RULE_RANGES);
    CHECK_INT(terms.rules.n_models, 2);
    CHECK(key_rules_model(&terms.rules, 1, model_rule_of_author(VIEW_LIT("z-ai/glm"))));
    CHECK(!key_rules_model(&terms.rules, model_rule_of(VIEW_LIT("openai/o3")), 1));
    CHECK_INT(terms.rules.privacy, KEY_PRIVACY_CONFIDENTIAL);
    CHECK(key_rules_address(&terms.rules, inside));
    inside[14] = 3;
    CHECK(!key_rules_address(&terms.rules, inside));
    end();
}

/* A control plane of the former release calls lease_open() and lease_extend() themselves: it would hand the money on
 * without the rules, and gets none. */
static void test_rules_of_the_former_release(void)
{
    char sql[512], b[33], k[33], l[33], d[65];

    begin_with(10 * USD);
    id_text(&boot, b);
    id_text(&key, k);
    hex_encode(digest.b, 32, d);
    snprintf(sql, sizeof sql, "SELECT outcome FROM lease_open('\\x%s', '%s', gen_random_uuid(), 0, 1000, 60000)", d, b);
    CHECK(strcmp(pg_sql(sql), "ok") == 0);
    CHECK_INT(ask_grant(0), -1);
    key_set("allowed_models = '{a/b}'");
    CHECK(strstr(pg_sql(sql), "has rules that this control plane cannot hand on") != NULL);
    id_text(&granted.lease, l);
    snprintf(sql, sizeof sql, "SELECT outcome FROM lease_extend('%s', '%s', '%s', 0, 0, 90000, 0)", l, k, b);
    CHECK(strstr(pg_sql(sql), "has rules that this control plane cannot hand on") != NULL);
    CHECK_INT(ask_more(1), LEASE_OK);
    end();
}

static void test_shares(void)
{
    const struct ledger_watch w = {revoked_cb, recalled_cb, catalog_changed_cb, parts_cb, fleet_changed_cb, resync_cb, NULL};
    struct msg_grant leases[3];
    struct id boots[3];
    uint64_t version = 0;

    begin_with(10 * USD);
    key_set("requests_per_minute = 60, tokens_per_minute = 2");
    told_parts.n = resynced = 0;
    CHECK_INT(ledger_watch(ledger, &w), ERR_NONE);
    run_until(&resynced, 1, 3000);
    for (int i = 0; i < 3; i++) {
        boots[i] = new_boot();
        CHECK_INT(ask_grant_of(&boots[i], 1000), -1);
        leases[i] = granted;
        CHECK(granted.terms != NULL);
        CHECK_INT(terms.parts, i + 1);
        CHECK(terms.parts_version > version);
        version = terms.parts_version;
        CHECK_INT(granted.requests_per_minute, 60); /* the key's: a data plane knows its part */
        run_until(&told_parts.n, (unsigned)i + 1, 1000);
        CHECK_INT(told_parts.n, i + 1);
        CHECK_INT(told_parts.last.parts, i + 1);
        CHECK_INT(told_parts.last.version, version);
        CHECK(id_eq(&told_parts.last.key, &key));
    }
    CHECK_INT(ask_grant_of(&boots[2], 1000), -1); /* a second lease of the same data plane is no other part */
    CHECK_INT(terms.parts, 3);
    obeys = false; /* one that does not know of parts is told its part, one request at least */
    CHECK_INT(ask_grant_of(&boots[2], 1000), -1);
    CHECK(granted.terms == NULL);
    CHECK_INT(granted.requests_per_minute, 20);
    CHECK_INT(granted.tokens_per_minute, 1);
    obeys = true;
    boot = boots[0];
    granted = leases[0];
    give_back(0, true);
    run_until(&told_parts.n, 4, 1000);
    CHECK_INT(told_parts.last.parts, 2);
    boot = boots[1];
    granted = leases[1];
    CHECK_INT(ask_more(1), LEASE_OK);
    CHECK_INT(terms.parts, 2);
    key_set("requests_per_minute = 0, tokens_per_minute = 0");
    CHECK_INT(ask_grant_of(&boots[0], 1000), -1);
    CHECK(granted.terms == NULL);
    end();
}

/* Rotates the key; the digest of its new text is put into *fresh. */
static void rotate(struct digest32 *fresh, const char *overlap_s)
{
    char sql[512], a[33], d[65], n[65];

    secret_random(fresh->b, sizeof fresh->b);
    id_text(&account, a);
    hex_encode(digest.b, 32, d);
    hex_encode(fresh->b, 32, n);
    snprintf(sql, sizeof sql, "SELECT key_rotate('%s', '\\x%s', '\\x%s', 'sk..', %s, '{inference}')", a, d, n, overlap_s);
    CHECK(strcmp(pg_sql(sql), "ok") == 0);
}

static unsigned texts_told;

static void text_told_cb(void *cookie, const struct msg_revoke *r)
{
    (void)cookie;
    CHECK(r->version > 0);
    texts_told++;
}

static void test_rotation(void)
{
    const struct ledger_watch w = {text_told_cb, recalled_cb, catalog_changed_cb, parts_cb, fleet_changed_cb, resync_cb, NULL};
    struct digest32 first, second, third;
    struct msg_grant old;

    begin_with(10 * USD);
    key_set("limit_nusd = 1000000000, requests_per_minute = 10");
    resynced = texts_told = 0;
    CHECK_INT(ledger_watch(ledger, &w), ERR_NONE);
    run_until(&resynced, 1, 3000);
    first = digest;
    CHECK_INT(ask_grant(USD / 4), -1);
    old = granted;
    rotate(&second, "60");
    run_until(&texts_told, 2, 1000); /* both hear of it */
    CHECK_INT(texts_told, 2);
    /* The old text spends the same key's money, and ends with the overlap, also where its lease is renewed. */
    CHECK_INT(ask_more(1), LEASE_OK);
    CHECK(leased.expires_ms > clock_unix_ms() + 50000 && leased.expires_ms < clock_unix_ms() + 70000);
    digest = second;
    CHECK_INT(ask_grant(5 * USD), -1);
    CHECK(id_eq(&granted.key, &old.key) && granted.expires_ms == 0);
    CHECK_INT(granted.granted_nusd, USD * 3 / 4 - 1);
    CHECK_INT(terms.parts, 2); /* one data plane, but it counts the texts apart */
    digest = first;
    CHECK_INT(ask_grant(USD), NO_KEY_LIMIT);
    give_back(0, true);
    CHECK_INT(ask_grant(USD / 8), -1);
    CHECK(granted.expires_ms > clock_unix_ms() + 50000 && granted.expires_ms < clock_unix_ms() + 70000);
    clock_set("now() + interval '61 seconds'");
    CHECK_INT(ask_grant(0), NO_KEY_UNKNOWN);
    granted = old;
    CHECK_INT(ask_more(1), LEASE_GONE);
    digest = second;
    CHECK_INT(ask_grant(0), -1);
    clock_set("now()");

    key_set("limit_nusd = NULL");
    rotate(&third, "60"); /* once more: the first text is over at once, whatever its overlap was */
    digest = first;
    CHECK_INT(ask_grant(0), NO_KEY_UNKNOWN);
    digest = second;
    CHECK_INT(ask_grant(0), -1);
    digest = third;
    CHECK_INT(ask_grant(0), -1);
    rotate(&first, "0"); /* without an overlap */
    CHECK_INT(ask_grant(0), NO_KEY_UNKNOWN);
    digest = first;
    CHECK_INT(ask_grant(0), -1);
    key_set("disabled = true"); /* every text of it */
    CHECK_INT(ask_grant(0), NO_KEY_DISABLED);
    end();
}

/* What requests on own keys would have cost counts where the key says so, and a data plane hears when that uses the
 * limit up. */
static void test_own_in_limit(void)
{
    const struct ledger_watch w = {revoked_cb, recalled_cb, catalog_changed_cb, parts_cb, fleet_changed_cb, resync_cb, NULL};
    char sql[512], a[33], k[33];

    begin_with(10 * USD);
    id_text(&account, a);
    id_text(&key, k);
    key_set("limit_nusd = 1000000000, limit_reset = 'daily'");
    snprintf(sql, sizeof sql,
             "INSERT INTO usage_day (key_id, day, model_no, endpoint_no, account_id, requests, cost_nusd, tokens_prompt,"
             " tokens_completion, tokens_reasoning) VALUES ('%s', (now() AT TIME ZONE 'UTC')::date, 1, 1, '%s', 0, 0, 0,"
             " 0, 0); UPDATE usage_day SET own_nusd = 600000000 WHERE key_id = '%s'", k, a, k);
    CHECK(pg_sql(sql)[0] == '\0');
    CHECK_INT(ask_grant(5 * USD), -1);
    CHECK_INT(granted.granted_nusd, USD);
    give_back(0, true);
    key_set("include_byok = true");
    CHECK_INT(ask_grant(5 * USD), -1);
    CHECK_INT(granted.granted_nusd, USD * 4 / 10);
    give_back(0, true);
    resynced = revoked = 0;
    CHECK_INT(ledger_watch(ledger, &w), ERR_NONE);
    run_until(&resynced, 1, 3000);
    snprintf(sql, sizeof sql, "UPDATE usage_day SET own_nusd = 1000000000 WHERE key_id = '%s'", k);
    CHECK(pg_sql(sql)[0] == '\0');
    run_until(&revoked, 1, 1000);
    CHECK_INT(revoked, 1);
    CHECK_INT(revoked_reason, NO_KEY_CHANGED);
    CHECK_INT(ask_grant(1), NO_KEY_LIMIT);
    clock_set("now() + interval '1 day'"); /* another window */
    CHECK_INT(ask_grant(5 * USD), -1);
    CHECK_INT(granted.granted_nusd, USD);
    give_back(0, true);
    CHECK(pg_sql("DELETE FROM usage_day WHERE own_nusd > 0")[0] == '\0');
    end();
}

/* For 60 random moments of spending and of asking, over years and their edges: the limit's window is the UTC day, the
 * week from Monday, or the month, as PostgreSQL's calendar has them and as this program computes them itself. */
static void test_window_property(void)
{
    static const char *const resets[] = {"daily", "weekly", "monthly"};
    char sql[1024], a[33], k[33];
    unsigned wrong = 0, inside = 0;

    begin_with(0);
    id_text(&account, a);
    id_text(&key, k);
    key_set("limit_nusd = 1000");
    for (unsigned i = 0; i < 60; i++) {
        /* a day of 2024 to 2031, and up to 40 days later; the last second of a day every other time */
        int64_t spent_day = 19723 + (int64_t)(i * 2654435761u % 2900), later = (int64_t)(i * 40503u % 41);
        int64_t at_s = (spent_day + later) * 86400 + (i % 2 == 0 ? 86399 : (int64_t)(i * 7919u % 86400));
        unsigned r = i % 3;
        int64_t monday = spent_day - (spent_day + 3) % 7; /* 1970-01-01 was a Thursday */
        time_t spent_s = (time_t)(spent_day * 86400), now_s = (time_t)at_s;
        struct tm then, now;
        bool counts;

        gmtime_r(&spent_s, &then);
        gmtime_r(&now_s, &now);
        counts = r == 0   ? later == 0
                 : r == 1 ? at_s < (monday + 7) * 86400
                          : then.tm_mon == now.tm_mon && then.tm_year == now.tm_year;
        snprintf(sql, sizeof sql, "to_timestamp(%lld)", (long long)at_s);
        clock_set(sql);
        snprintf(sql, sizeof sql,
                 "DELETE FROM usage_day WHERE key_id = '%s'; UPDATE api_key SET limit_reset = '%s' WHERE key_id = '%s';"
                 "INSERT INTO usage_day (key_id, day, model_no, endpoint_no, account_id, requests, cost_nusd,"
                 " tokens_prompt, tokens_completion, tokens_reasoning) VALUES ('%s', date '1970-01-01' + %lld, 1, 1,"
                 " '%s', 1, 700, 0, 0, 0)", k, resets[r], k, k, (long long)spent_day, a);
        CHECK(pg_sql(sql)[0] == '\0');
        snprintf(sql, sizeof sql, "SELECT window_nusd FROM key_spend WHERE key_id = '%s'", k);
        wrong += pg_number(sql) != (counts ? 700 : 0);
        inside += counts;
    }
    CHECK_INT(wrong, 0);
    CHECK(inside > 5 && inside < 55); /* both happened */
    snprintf(sql, sizeof sql, "DELETE FROM usage_day WHERE key_id = '%s'", k);
    CHECK(pg_sql(sql)[0] == '\0');
    clock_set("now()");
    end();
}

static const struct check_case cases[] = {
    {"topup", test_topup},
    {"grant", test_grant},
    {"a forgotten lease", test_forgotten_lease},
    {"small balances", test_small_balances},
    {"refusals", test_refusals},
    {"more", test_more},
    {"wishes", test_wishes},
    {"most", test_most},
    {"limit lowered", test_limit_lowered},
    {"versions", test_versions},
    {"return", test_return},
    {"reclaim, late records, write-off", test_reclaim},
    {"duplicates", test_duplicates},
    {"parts of an orchestration", test_parts},
    {"out of order", test_order},
    {"rejected records", test_rejected},
    {"overdrawn lease", test_overdrawn_lease},
    {"key limits and windows", test_key_limit},
    {"sixteen at once", test_hammer},
    {"a locked account", test_locked_account},
    {"revocation and catalog", test_watch_and_catalog},
    {"constraints", test_constraints},
    {"violations are seen", test_violations_are_seen},
    {"rules are lent with the money", test_rules},
    {"rules and the former release", test_rules_of_the_former_release},
    {"limits per minute are shared", test_shares},
    {"a second text of a key", test_rotation},
    {"own keys in the limit", test_own_in_limit},
    {"windows of limits at random moments", test_window_property},
    {"idempotency keys", test_claim},
    {"idempotency keys and records", test_claim_and_record},
    {"idempotency keys of a dead data plane", test_claim_of_a_dead_data_plane},
    {"idempotency keys are forgotten", test_claim_window},
    {"idempotency keys in a race", test_claim_race},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
