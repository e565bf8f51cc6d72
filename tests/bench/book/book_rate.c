/* How many usage records a second are booked in SQL: ledger_ingest() of controlplane/money over the real pool into a
 * PostgreSQL of its own (fsync on), one batch at a time of each boot, as orders.c does it.
 *   book_rate [CONNECTIONS [SECONDS [RECORDS_PER_BATCH [KEYS]]]]
 * Each boot has KEYS keys of as many accounts, with a lease each, and batches spread over them and over 4 models. One
 * line of JSON. */
#include "check.h"
#include "clock.h"
#include "db.h"
#include "ledger.h"
#include "lib/pg.h"

#include <uv.h>

enum { BOOTS_MAX = 16, KEYS_MAX = 64, BATCH_MAX = 4096, USD_10 = 10000 };

struct key_of {
    struct id key, account, lease;
};

static struct boot_of {
    struct id id;
    uint64_t seq;
    struct key_of keys[KEYS_MAX];
    struct usage_record *records;
} boots[BOOTS_MAX];

static struct ledger *ledger;
static unsigned n_boots = 1, n_keys = 16, pending;
static size_t batch = LIMIT_USAGE_BATCH;
static uint64_t until_ms, booked, batches;

static void sql(const char *text)
{
    const char *out = pg_sql(text);

    if (strstr(out, "ERROR") != NULL) {
        fprintf(stderr, "%s\n%s\n", text, out);
        exit(1);
    }
}

static void make_key(const struct boot_of *b, struct key_of *k)
{
    char text[2048], boot[33], account[33], key[33], lease[33];

    *k = (struct key_of){id_new(), id_new(), id_new()};
    id_text(&b->id, boot);
    id_text(&k->account, account);
    id_text(&k->key, key);
    id_text(&k->lease, lease);
    snprintf(text, sizeof text,
             "INSERT INTO account (account_id, name) VALUES ('%s', 'a');"
             "INSERT INTO api_key (key_id, account_id, digest, name, label, role)"
             " VALUES ('%s', '%s', sha256('%s'), 'k', 'k', 'inference');"
             "DO $$ BEGIN PERFORM ledger_topup('%s', %d000000000, NULL); END $$;"
             "INSERT INTO lease (lease_id, key_id, account_id, boot_id, granted_nusd, opened_at, expires_at)"
             " VALUES ('%s', '%s', '%s', '%s', %d00000000, now(), now() + interval '1 day');"
             "DO $$ BEGIN PERFORM ledger_move('lease', '%s', '%s', 'available', 'leased', %d00000000); END $$",
             account, key, account, key, account, USD_10, lease, key, account, boot, USD_10, account, lease,
             USD_10);
    sql(text);
}

static void make_boot(struct boot_of *b)
{
    char text[256], boot[33];

    b->id = id_new();
    id_text(&b->id, boot);
    snprintf(text, sizeof text,
             "INSERT INTO boot (boot_id, measurement, simulated) VALUES ('%s', decode(repeat('00', 48), 'hex'), true)",
             boot);
    sql(text);
    for (unsigned k = 0; k < n_keys; k++)
        make_key(b, &b->keys[k]);
    b->records = calloc(BATCH_MAX, sizeof *b->records);
    CHECK(b->records != NULL);
}

static void fill(struct boot_of *b)
{
    for (size_t i = 0; i < batch; i++) {
        uint64_t n = ++b->seq;
        const struct key_of *k = &b->keys[n % n_keys];

        b->records[i] = (struct usage_record){.seq = n,
                                              .request = id_new(),
                                              .key = k->key,
                                              .account = k->account,
                                              .lease = k->lease,
                                              .received_ms = clock_unix_ms(),
                                              .cost_nusd = 1000 + (int64_t)(n % 1000),
                                              .model_no = 1 + (uint32_t)(n / n_keys % 4),
                                              .endpoint_no = 1 + (uint32_t)(n / n_keys % 4),
                                              .first_model_no = 1,
                                              .price_version = 1,
                                              .catalog_version = 1,
                                              .route_us = 60,
                                              .first_byte_us = 200000 + (uint32_t)(n * 7919 % 300000),
                                              .total_ms = 900 + (uint32_t)(n * 104729 % 5000),
                                              .tokens_prompt = 500,
                                              .tokens_completion = 200,
                                              .tokens_cached_read = n % 3 == 0 ? 256 : 0,
                                              .http_status = 200,
                                              .flags = USAGE_STREAM,
                                              .finish = FINISH_STOP,
                                              .route_reason = ROUTE_REASON_BALANCE,
                                              .attempt = 1,
                                              .attempts = 1};
    }
}

static void book(struct boot_of *b);

static void booked_cb(void *cookie, enum err e, uint64_t acked)
{
    struct boot_of *b = cookie;

    if (e != ERR_NONE || acked != b->seq) {
        fprintf(stderr, "not booked: %s, acknowledged %llu of %llu\n", err_name(e), (unsigned long long)acked,
                (unsigned long long)b->seq);
        exit(1);
    }
    pending--;
    booked += batch;
    batches++;
    if (clock_mono_ms() < until_ms)
        book(b);
}

static void book(struct boot_of *b)
{
    fill(b);
    pending++;
    ledger_ingest(ledger, &b->id, b->records, batch, booked_cb, b);
}

static double load_average(void)
{
    double one = 0;

    return getloadavg(&one, 1) == 1 ? one : -1;
}

/* The books must be right at the end: a figure that was reached by losing something is none. */
static void judge(double seconds, double load)
{
    long long rows = pg_number("SELECT count(*) FROM usage"), bad = pg_number("SELECT count(*) FROM ledger_violations");

    printf("{\"records_per_s\": %.0f, \"connections\": %u, \"records_per_batch\": %zu, \"keys_per_batch\": %u,"
           " \"batch_ms\": %.2f, \"seconds\": %.1f, \"rows\": %lld, \"booked\": %llu, \"violations\": %lld,"
           " \"load_before\": %.1f}\n",
           (double)booked / seconds, n_boots, batch, n_keys, seconds * 1000 * n_boots / (double)batches, seconds, rows,
           (unsigned long long)booked, bad, load);
    if (rows != (long long)booked || bad != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
    struct db_config dc = {uv_default_loop(), pg_url(), 8};
    struct ledger_config lc = {0};
    double load = load_average();
    uint64_t began;
    struct buf why;

    n_boots = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    batch = argc > 3 ? (size_t)atoi(argv[3]) : LIMIT_USAGE_BATCH;
    n_keys = argc > 4 ? (unsigned)atoi(argv[4]) : 16;
    CHECK(n_boots <= BOOTS_MAX && n_keys <= KEYS_MAX && batch <= BATCH_MAX);
    buf_init(&why, 1000);
    if (db_migrate(pg_url(), "sql", &why) != ERR_NONE) {
        fprintf(stderr, "%.*s\n", (int)why.len, (const char *)why.ptr);
        return 1;
    }
    buf_free(&why);
    for (unsigned i = 0; i < n_boots; i++)
        make_boot(&boots[i]);
    if (db_open(&dc, &lc.db) != ERR_NONE || ledger_new(&lc, &ledger) != ERR_NONE)
        return 1;
    while (!db_ready(lc.db))
        uv_run(uv_default_loop(), UV_RUN_ONCE);
    began = clock_mono_ms();
    until_ms = began + seconds * 1000;
    for (unsigned i = 0; i < n_boots; i++)
        book(&boots[i]);
    while (pending > 0)
        uv_run(uv_default_loop(), UV_RUN_ONCE);
    judge((double)(clock_mono_ms() - began) / 1000, load);
    return 0;
}
