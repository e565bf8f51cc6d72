/* Money between the planes under random events and a model that knows what really happened: requests
 * that reserve, grow tired and settle; top-ups, limits and keys that change; planes that are killed,
 * networks that are cut, a database that is paused or loses its answers. Whatever the order: nothing is
 * spent that was not there, nobody is told that money is gone while it is there, no request waits for ever
 * beside free money, a changed key is obeyed, every record is booked once, and nothing is written off
 * that waiting would have saved. One seed is one history; TR_SEEDS=N runs N of them, TR_SEED=N the one. */
#include "lib/link_sim.h"
#include "self_check.h"

enum {
    ACCOUNTS = 2,
    KEYS = 4, /* the even ones belong to account 0 */
    REQUESTS_MAX = 4096,
    LEASE_MS = 20000,
    GRACE_MS = 3000,
    HISTORY_MS = 60000,     /* events; then everything heals */
    QUIET_MS = 120000,      /* at most until every lease is closed and every record is booked */
    OBEY_MS = 1000,         /* a changed key is obeyed within this on a connected data plane */
    HISTORIES_PER_DATABASE = 16, /* the invariants read all of it */
    STARVE_MS = LEASE_MS + GRACE_MS + 7000, /* free money beside a request that keeps asking, and nobody of
                                              the account is served: a fault. So long a lease may be lost
                                              whose grant did not arrive. */
};

/* --- the model --- */

/* DOUBTFUL: settled by a plane that was killed, and not booked by then: it may be lost with the plane. */
enum fate { ASKING, RUNNING, SETTLED, DOUBTFUL, REFUSED, LOST };

struct request {
    enum fate fate;
    struct admission a;
    struct plane *plane;
    struct id boot, id;
    int key;
    int64_t amount, cost;
    uint64_t born_ms, again_ms, end_ms;
    uint64_t fair_since_ms; /* since when nothing but the router kept it from being served */
    bool asked;
};

static struct {
    struct id id;
    int64_t topup_nusd;
    uint64_t served_ms; /* when a request of it was admitted last */
} accounts[ACCOUNTS];

static struct {
    struct id id;
    struct digest32 digest;
    int64_t limit_nusd, limit_before_nusd; /* -1: none */
    uint64_t limit_changed_ms;
    bool disabled;
    uint64_t disabled_ms, enabled_ms;
} keys[KEYS];

static struct request requests[REQUESTS_MAX];
static int n_requests;
static uint64_t trouble_ms; /* when something was last broken: fairness counts from a while after it */
static uint64_t started_ms;
static unsigned served, refused_gone, refused_busy, killed;

static int account_of(int key)
{
    return key % ACCOUNTS;
}

/* At least this; with doubtful ones at most. */
static int64_t spent_of_account(int account, bool doubtful)
{
    int64_t sum = 0;

    for (int i = 0; i < n_requests; i++)
        if ((requests[i].fate == SETTLED || (doubtful && requests[i].fate == DOUBTFUL)) &&
            account_of(requests[i].key) == account)
            sum += requests[i].cost;
    return sum;
}

static int64_t reserved_of_account(int account)
{
    int64_t sum = 0;

    for (int i = 0; i < n_requests; i++)
        if (requests[i].fate == RUNNING && account_of(requests[i].key) == account)
            sum += requests[i].amount;
    return sum;
}

static int64_t used_of_key(int key, bool reserved, bool doubtful)
{
    int64_t sum = 0;

    for (int i = 0; i < n_requests; i++) {
        if (requests[i].key != key)
            continue;
        if (requests[i].fate == SETTLED || (doubtful && requests[i].fate == DOUBTFUL))
            sum += requests[i].cost;
        else if (reserved && requests[i].fate == RUNNING)
            sum += requests[i].amount;
    }
    return sum;
}

#define FAULT(r, ...)                                                                              \
    do {                                                                                           \
        printf("# at %llu ms, request %d of key %d, amount %lld: ",                                \
               (unsigned long long)(sim_ms - started_ms), (int)((r) - requests), (r)->key,         \
               (long long)(r)->amount);                                                            \
        printf(__VA_ARGS__);                                                                       \
        printf("\n");                                                                              \
        check_failed_++;                                                                           \
    } while (0)

/* Is the link of this plane such that changes must have arrived OBEY_MS after they were made? */
static bool well_connected(const struct plane *p)
{
    return p->accepted_ms != 0 && sim_ms - p->accepted_ms > 2 * OBEY_MS && sim_ms - trouble_ms > 2 * OBEY_MS;
}

static void judge_yes(const struct request *r)
{
    int account = account_of(r->key);
    int64_t limit = keys[r->key].limit_nusd;

    if (spent_of_account(account, false) + reserved_of_account(account) > accounts[account].topup_nusd)
        FAULT(r, "overspent: %lld spent, %lld reserved of %lld", (long long)spent_of_account(account, false),
              (long long)reserved_of_account(account), (long long)accounts[account].topup_nusd);
    if (!well_connected(r->plane))
        return;
    if (keys[r->key].disabled && sim_ms - keys[r->key].disabled_ms > OBEY_MS)
        FAULT(r, "served %llu ms after its key was disabled",
              (unsigned long long)(sim_ms - keys[r->key].disabled_ms));
    if (limit >= 0 && sim_ms - keys[r->key].limit_changed_ms > OBEY_MS && r->amount > 0 &&
        used_of_key(r->key, true, false) > limit)
        FAULT(r, "over its limit: %lld of %lld", (long long)used_of_key(r->key, true, false), (long long)limit);
}

static void judge_no(const struct request *r, enum err why)
{
    int account = account_of(r->key);
    int64_t limit = keys[r->key].limit_nusd;

    if (why == ERR_CREDIT && spent_of_account(account, true) + r->amount <= accounts[account].topup_nusd)
        FAULT(r, "told that credit is gone: %lld of %lld spent", (long long)spent_of_account(account, true),
              (long long)accounts[account].topup_nusd);
    if (why == ERR_KEY_LIMIT && sim_ms - keys[r->key].limit_changed_ms > OBEY_MS + 2000 &&
        well_connected(r->plane) && (limit < 0 || used_of_key(r->key, false, true) + r->amount <= limit))
        FAULT(r, "told that its limit is reached: %lld of %lld", (long long)used_of_key(r->key, false, true),
              (long long)limit);
    if ((why == ERR_AUTH || why == ERR_FORBIDDEN) && !keys[r->key].disabled &&
        sim_ms - keys[r->key].enabled_ms > OBEY_MS && sim_ms - trouble_ms > LIMIT_NEGATIVE_MS + OBEY_MS &&
        well_connected(r->plane))
        FAULT(r, "refused (%s) although its key is good", err_name(why));
}

/* --- requests --- */

static void request_ready_cb(void *cookie)
{
    struct request *r = cookie;

    r->again_ms = sim_ms; /* the next step asks again */
    r->asked = false;
}

static void request_end(struct request *r, enum fate fate)
{
    if (r->fate == ASKING)
        admit_release(&r->a);
    r->fate = fate;
}

static void request_step(struct request *r)
{
    enum admit_answer answer;

    if (r->fate != ASKING || r->asked || sim_ms < r->again_ms)
        return;
    answer = admit_step(&r->a);
    if (answer == ADMIT_WAIT) {
        r->asked = true;
    } else if (answer == ADMIT_YES) {
        r->fate = RUNNING;
        r->end_ms = sim_ms + sim_random(sim_chance(4) ? 20000 : 2000);
        served++;
        accounts[account_of(r->key)].served_ms = sim_ms;
        judge_yes(r);
    } else if (r->a.why == ERR_CREDIT || r->a.why == ERR_KEY_LIMIT || r->a.why == ERR_AUTH ||
               r->a.why == ERR_FORBIDDEN) {
        judge_no(r, r->a.why);
        refused_gone++;
        request_end(r, REFUSED);
    } else { /* busy, or the control plane is away: as a client that follows retry-after */
        uint32_t wait_ms = r->a.retry_ms != 0 ? r->a.retry_ms : 500;

        refused_busy++;
        admit_release(&r->a);
        admit_init(&r->a, &r->plane->admit, &keys[r->key].digest, r->amount, request_ready_cb, r);
        r->again_ms = sim_ms + wait_ms;
        if (sim_ms - r->born_ms > 90000)
            request_end(r, REFUSED); /* it gives up; judged by fairness before that */
    }
}

static void request_settle(struct request *r)
{
    struct usage_record u = {.request = r->id,
                             .key = key_id(r->a.key),
                             .account = key_account(r->a.key),
                             .lease = r->a.lease,
                             .received_ms = sim_unix_ms,
                             .cost_nusd = r->cost,
                             .model_no = 1,
                             .endpoint_no = 1,
                             .first_model_no = 1,
                             .tokens_prompt = 10,
                             .http_status = 200,
                             .attempt = 1,
                             .attempts = 1,
                             .finish = FINISH_STOP};

    admit_settle(&r->a, r->cost, 10);
    meter_push(r->plane->u.config.meter, 0, &u);
    r->fate = SETTLED;
}

/* Where the money is, according to the database. */
static void show_leases(int account)
{
    char sql[512], hex[ID_TEXT_LEN + 1];
    PGresult *r;

    id_text(&accounts[account].id, hex);
    snprintf(sql, sizeof sql,
             "SELECT right(key_id::text, 4), right(boot_id::text, 4), granted_nusd - spent_nusd - returned_nusd,"
             " extract(epoch FROM expires_at - ledger_now())::int FROM lease"
             " WHERE account_id = '%s' AND state = 'open' UNION ALL SELECT kind, '', balance_nusd, 0"
             " FROM ledger_account WHERE owner = '%s' AND kind IN ('available', 'leased')",
             hex, hex);
    r = PQexec(sim_db.pg, sql);
    for (int i = 0; i < PQntuples(r); i++)
        printf("#   %s %s holds %s for %s s\n", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1), PQgetvalue(r, i, 2),
               PQgetvalue(r, i, 3));
    PQclear(r);
    for (int i = 0; i < SIM_PLANES; i++) {
        id_text(&sim_planes[i].boot, hex);
        printf("#   plane %d is %s\n", i, hex + ID_TEXT_LEN - 4);
    }
    for (int i = 0; i < KEYS; i++) {
        id_text(&keys[i].id, hex);
        printf("#   key %d is %s limit %lld used %lld\n", i, hex + ID_TEXT_LEN - 4, (long long)keys[i].limit_nusd,
               (long long)used_of_key(i, true, true));
    }
}

/* Free money beside a request that keeps asking. Requests of one key are served in order, and those of other
 * keys in turn: where they want more together than there is, a small one may see money that those before it
 * take. Progress of the account therefore counts as fair. */
static void judge_fairness(struct request *r)
{
    int account = account_of(r->key);
    int64_t limit = keys[r->key].limit_nusd;
    int64_t free_nusd = accounts[account].topup_nusd - spent_of_account(account, true) -
                        reserved_of_account(account);
    bool fair = well_connected(r->plane) && sim_ms - trouble_ms > 2 * OBEY_MS && !keys[r->key].disabled &&
                free_nusd >= r->amount &&
                (limit < 0 || used_of_key(r->key, true, true) + r->amount <= limit);

    if (!fair)
        r->fair_since_ms = sim_ms;
    else if (sim_ms - r->fair_since_ms >= STARVE_MS && sim_ms - accounts[account].served_ms == STARVE_MS) {
        FAULT(r, "starves beside %lld free", (long long)free_nusd);
        show_leases(account);
        printf("#   on plane %d, asked %d, last answer %s\n", (int)(r->plane - sim_planes), r->asked,
               err_name(r->a.why));
    }
}

static void request_new(struct plane *p)
{
    struct request *r = &requests[n_requests];
    int key = (int)sim_random(KEYS);
    int64_t scale = accounts[account_of(key)].topup_nusd;

    if (n_requests == REQUESTS_MAX)
        return;
    n_requests++;
    *r = (struct request){.plane = p, .boot = p->boot, .id = id_new(), .key = key};
    r->amount = 1 + (int64_t)sim_random((uint64_t)(sim_chance(10) ? scale / 2 : scale / 50) + 1);
    r->cost = sim_chance(10) ? r->amount : (int64_t)sim_random((uint64_t)(sim_chance(3) ? r->amount : r->amount / 8) + 1);
    r->born_ms = r->again_ms = r->fair_since_ms = sim_ms;
    admit_init(&r->a, &p->admit, &keys[key].digest, r->amount, request_ready_cb, r);
}

static void requests_tick(void)
{
    for (int i = 0; i < n_requests; i++) {
        struct request *r = &requests[i];

        request_step(r);
        if (r->fate == RUNNING && sim_ms >= r->end_ms)
            request_settle(r);
        if (r->fate == ASKING)
            judge_fairness(r);
    }
}

/* --- what happens beside requests --- */

static void key_sql(int key, const char *assignment)
{
    char sql[256], hex[ID_TEXT_LEN + 1];

    id_text(&keys[key].id, hex);
    snprintf(sql, sizeof sql, "UPDATE api_key SET %s WHERE key_id = '%s'", assignment, hex);
    sim_tell_time();
    sim_sql(sql);
}

static void event_key(int key)
{
    char set[64];

    if (sim_db_paused())
        return;
    if (sim_chance(2)) {
        keys[key].disabled = !keys[key].disabled;
        *(keys[key].disabled ? &keys[key].disabled_ms : &keys[key].enabled_ms) = sim_ms;
        key_sql(key, keys[key].disabled ? "disabled = true" : "disabled = false");
        return;
    }
    keys[key].limit_nusd = sim_chance(3) ? -1 : (int64_t)sim_random((uint64_t)accounts[account_of(key)].topup_nusd);
    keys[key].limit_changed_ms = sim_ms;
    if (keys[key].limit_nusd < 0)
        snprintf(set, sizeof set, "limit_nusd = NULL");
    else
        snprintf(set, sizeof set, "limit_nusd = %lld", (long long)keys[key].limit_nusd);
    key_sql(key, set);
}

static void topup(int account, int64_t amount)
{
    char sql[256], hex[ID_TEXT_LEN + 1];

    id_text(&accounts[account].id, hex);
    snprintf(sql, sizeof sql, "SELECT 1 FROM ledger_topup('%s', %lld, NULL)", hex, (long long)amount);
    sim_tell_time();
    sim_sql(sql);
    accounts[account].topup_nusd += amount;
}

static int64_t booked_of(const struct request *r)
{
    char sql[256], request[ID_TEXT_LEN + 1];

    id_text(&r->id, request);
    snprintf(sql, sizeof sql, "SELECT coalesce(sum(cost_nusd), -1) FROM usage WHERE request_id = '%s'",
             request);
    return sim_sql_number(sql);
}

static void plane_kill(struct plane *p)
{
    for (int i = 0; i < n_requests; i++) {
        struct request *r = &requests[i];

        if (r->plane != p || !id_eq(&r->boot, &p->boot))
            continue;
        if (r->fate == ASKING || r->fate == RUNNING) {
            r->fate = LOST;
            memset(&r->a, 0, sizeof r->a);
        } else if (r->fate == SETTLED && booked_of(r) < 0) {
            r->fate = DOUBTFUL;
        }
    }
    killed++;
    sim_plane_kill(p);
    p->down_until_ms = sim_ms + sim_random(3000);
}

static void events_tick(void)
{
    struct plane *p = &sim_planes[sim_random(SIM_PLANES)];

    if (p->alive && sim_chance(8))
        request_new(p);
    if (!sim_chance(150)) /* about one in three seconds */
        return;
    switch (sim_random(8)) {
    case 0:
    case 1:
    case 2:
        event_key((int)sim_random(KEYS));
        break;
    case 3:
        if (!sim_db_paused())
            topup((int)sim_random(ACCOUNTS), 1 + (int64_t)sim_random(1000000));
        break;
    case 4:
        if (p->alive)
            plane_kill(p);
        break;
    case 5:
        p->cut = true; /* shorter than the time after which money is reclaimed */
        p->down_until_ms = sim_ms + sim_random(8000);
        break;
    case 6:
        sim_cp_crash(sim_random(4000));
        break;
    case 7:
        if (!sim_db_paused())
            sim_db.paused_until_ms = sim_ms + sim_random(sim_chance(3) ? 40000 : 4000);
        break;
    }
}

/* What is broken heals. */
static void healing_tick(bool all)
{
    for (int i = 0; i < SIM_PLANES; i++) {
        struct plane *p = &sim_planes[i];

        if (!p->alive && (all || sim_ms >= p->down_until_ms) && p->pipe == NULL)
            sim_plane_start(p);
        if (p->cut && (all || sim_ms >= p->down_until_ms))
            p->cut = false;
        if (!p->alive || p->cut || p->accepted_ms == 0)
            trouble_ms = sim_ms;
    }
    if (all && sim_db.paused_until_ms > sim_ms)
        sim_db.paused_until_ms = sim_ms;
    if (sim_db_paused() || sim_ms < sim_cp_down_until_ms || sim_db.deaf)
        trouble_ms = sim_ms;
}

/* --- one history --- */

enum refusal attest_verify(const struct msg_evidence *e, const struct attest_policy *p,
                           const struct attest_expect *x, struct identity *out)
{
    (void)p, (void)x;
    memset(out, 0, sizeof *out);
    for (int i = 0; i < SIM_PLANES; i++)
        if (sim_planes[i].alive && view_eq(e->identity, identity_text(sim_planes[i].u.config.keys)))
            out->boot = sim_planes[i].boot;
    return id_is_zero(&out->boot) ? REFUSAL_MEASUREMENT : REFUSAL_NONE;
}

/* Evidence is not what this is about: no boot gives its sealing keys to another. */
bool self_check_genuine(const struct msg_evidence *m, const uint8_t report_data[static 64],
                        struct view root, bool simulated, uint64_t now_s, enum snp_product *product)
{
    (void)m, (void)report_data, (void)root, (void)simulated, (void)now_s, (void)product;
    return false;
}

static void account_make(int i)
{
    char sql[512], hex[ID_TEXT_LEN + 1];

    accounts[i].id = id_new();
    accounts[i].topup_nusd = 0;
    id_text(&accounts[i].id, hex);
    snprintf(sql, sizeof sql, "INSERT INTO account (account_id, name) VALUES ('%s', 'a')", hex);
    sim_sql(sql);
    topup(i, 1 + (int64_t)sim_random(sim_chance(2) ? 200000000 : 5000000000));
}

static void key_make(int i)
{
    char sql[512], hex[ID_TEXT_LEN + 1], account[ID_TEXT_LEN + 1], digest[65];

    memset(&keys[i], 0, sizeof keys[i]);
    keys[i].limit_nusd = -1;
    keys[i].id = id_new();
    digest_sha256(view_of(keys[i].id.b, sizeof keys[i].id.b), &keys[i].digest);
    id_text(&keys[i].id, hex);
    id_text(&accounts[account_of(i)].id, account);
    for (int b = 0; b < 32; b++)
        snprintf(digest + 2 * b, 3, "%02x", keys[i].digest.b[b]);
    snprintf(sql, sizeof sql,
             "INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES"
             " ('%s', '%s', '\\x%s', 'k', 'l', 'inference')",
             hex, account, digest);
    sim_sql(sql);
}

static bool open_requests(void)
{
    for (int i = 0; i < n_requests; i++)
        if (requests[i].fate == ASKING || requests[i].fate == RUNNING)
            return true;
    return false;
}

static bool all_shipped(void)
{
    for (int i = 0; i < SIM_PLANES; i++)
        if (!ship_empty(&sim_planes[i].u))
            return false;
    return true;
}

/* Every settled request is booked once, at its cost, but for those that may have been lost with their
 * plane; nothing else is booked; nothing is written off; no lease is left. */
static void judge_books(void)
{
    char sql[256], account[ID_TEXT_LEN + 1];

    for (int i = 0; i < n_requests; i++) {
        struct request *r = &requests[i];
        int64_t booked = booked_of(r);
        bool may = r->fate == SETTLED || r->fate == DOUBTFUL;

        if (r->fate == SETTLED ? booked != r->cost : booked != -1 && !(may && booked == r->cost))
            FAULT(r, "booked %lld, cost %lld, fate %d", (long long)booked, (long long)r->cost, (int)r->fate);
    }
    for (int i = 0; i < ACCOUNTS; i++) {
        id_text(&accounts[i].id, account);
        snprintf(sql, sizeof sql, "SELECT coalesce(sum(written_off_nusd), 0) FROM usage WHERE account_id = '%s'",
                 account);
        CHECK_INT(sim_sql_number(sql), 0);
        snprintf(sql, sizeof sql, "SELECT count(*) FROM lease WHERE account_id = '%s' AND state = 'open'",
                 account);
        CHECK_INT(sim_sql_number(sql), 0);
    }
    CHECK_INT(sim_sql_number("SELECT count(*) FROM ledger_violations"), 0);
}

static void history(uint64_t seed)
{
    uint64_t end_ms;
    unsigned failed_before = check_failed_;

    sim_random_state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    sim_db.lost_in = sim_chance(2) ? 0 : 40;
    started_ms = sim_ms;
    trouble_ms = sim_ms;
    n_requests = 0;
    for (int i = 0; i < ACCOUNTS; i++)
        account_make(i);
    for (int i = 0; i < KEYS; i++)
        key_make(i);
    for (int i = 0; i < SIM_PLANES; i++)
        sim_plane_start(&sim_planes[i]);
    for (end_ms = sim_ms + HISTORY_MS; sim_ms < end_ms;) {
        sim_tick();
        requests_tick();
        healing_tick(false);
        events_tick();
    }
    sim_db.lost_in = 0;
    for (end_ms = sim_ms + QUIET_MS; sim_ms < end_ms && (open_requests() || !all_shipped());) {
        sim_tick();
        requests_tick();
        healing_tick(true);
    }
    for (int i = 0; i < 50; i++) /* the last record has left its ring, too */
        sim_tick();
    CHECK(!open_requests());
    CHECK(all_shipped());
    for (int i = 0; i < SIM_PLANES; i++)
        if (sim_planes[i].alive)
            plane_kill(&sim_planes[i]);
    for (end_ms = sim_ms + QUIET_MS; sim_ms < end_ms;)
        sim_tick();
    judge_books();
    if (check_failed_ != failed_before)
        printf("# seed %llu\n", (unsigned long long)seed);
}

static void test_histories(void)
{
    const char *n = getenv("TR_SEEDS"), *one = getenv("TR_SEED");
    uint64_t seeds = n != NULL ? strtoull(n, NULL, 10) : 24;

    for (uint64_t seed = 1; seed <= seeds && check_failed_ < 20; seed++) {
        if (seed % HISTORIES_PER_DATABASE == 1) {
            while (sim_db.first != NULL)
                sim_tick();
            sim_db_fresh();
        }
        history(one != NULL ? strtoull(one, NULL, 10) : seed);
        if (one != NULL)
            break;
    }
    printf("# %llu histories: %u requests served, %u refused for good, %u busy, %u planes killed, %llu statements\n",
           (unsigned long long)seeds, served, refused_gone, refused_busy, killed,
           (unsigned long long)sim_db.statements);
}

static const struct check_case cases[] = {{"link_property_histories", test_histories}};

/* The verdict does not read them, but there must be some. Static, until the next call. */
static const char *rules_write(const char *platform)
{
    static char path[96];
    FILE *f;

    snprintf(path, sizeof path, "%s/policy", platform);
    f = fopen(path, "w");
    if (f == NULL)
        exit(1);
    fprintf(f,
            "audience = sim\nroots = none\nallow_simulated = on\nproducts = genoa\n"
            "[floor genoa]\nmicrocode = 1\n[measurement sim]\nsha384 = %096d\n"
            "[root sim]\nfile = %s/ark.pem\n",
            1, platform);
    fclose(f);
    return path;
}

int main(int argc, char **argv)
{
    static const struct digest48 measurement = {{0xaa}};
    char dir[] = "/tmp/tr-link-sim-XXXXXX", platform[64];
    struct attest_policy *policy;
    struct buf why;

    if (getenv("TR_SIM_LOG") == NULL && freopen("/dev/null", "w", stderr) == NULL)
        return 1;
    buf_init(&why, 512);
    sim_loop = uv_default_loop();
    sim_ms = 1000000;
    sim_unix_ms = UINT64_C(1795000000000);
    clock_freeze(sim_ms * 1000, sim_unix_ms);
    sim_random_state = 1;
    if (randombytes_set_implementation(&sim_randombytes) != 0 || secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    snprintf(platform, sizeof platform, "%s/platform", dir);
    if (sim_platform_make(platform, &why) != ERR_NONE ||
        quote_backend.open(platform, &measurement, &sim_quotes, &why) != ERR_NONE ||
        attest_policy_load(rules_write(platform), &policy, &why) != ERR_NONE)
        return 1;
    sim_handshake();
    sim_db_begin();
    sim_peers_begin(LEASE_MS, GRACE_MS, policy);
    return check_main(cases, 1, argc, argv);
}
