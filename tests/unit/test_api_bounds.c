/* What callers can take of the API's memory and places from one another: the real server on a loopback port, plain TCP, against
 * a real PostgreSQL. */
#include "api.h"
#include "check.h"
#include "db.h"
#include "secret.h"
#include "key_text.h"
#include "lib/pg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define ORG "a0000000-0000-4000-8000-000000000001"

static struct db *db;
static struct api *api;
static char operator_key[96], customer_key[96];

static void spin(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
        usleep(1000);
    }
}

/* --- clients */

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(api_port(api))};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    CHECK(connect(s, (const struct sockaddr *)&a, sizeof a) == 0 || errno == EINPROGRESS);
    for (int i = 0; i < 1000; i++) {
        struct pollfd p = {s, POLLOUT, 0};

        spin(1);
        if (poll(&p, 1, 0) == 1)
            break;
    }
    return s;
}

/* What the server takes of it in 100 ms of standing still. */
static size_t push(int s, const char *bytes, size_t n)
{
    size_t done = 0;

    for (int idle = 0; done < n && idle < 100; idle++) {
        ssize_t w = send(s, bytes + done, n - done > 65536 ? 65536 : n - done, MSG_NOSIGNAL);

        if (w > 0) {
            done += (size_t)w;
            idle = 0;
        } else if (w < 0 && errno != EAGAIN) {
            break;
        }
        spin(1);
    }
    return done;
}

static int status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

/* Adds what comes until `want` is there, or nothing more does. */
static bool pull(int s, const char *want, char *out, size_t size, unsigned ms)
{
    size_t n = strlen(out);

    for (unsigned i = 0; i < ms && strstr(out, want) == NULL; i++) {
        ssize_t r = recv(s, out + n, size - 1 - n, 0);

        if (r > 0)
            out[n += (size_t)r] = '\0';
        else if (r == 0)
            break;
        spin(1);
    }
    return strstr(out, want) != NULL;
}

static bool ended(int s, unsigned ms)
{
    char drop[4096];

    for (unsigned i = 0; i < ms; i++) {
        ssize_t r = recv(s, drop, sizeof drop, 0);

        if (r == 0 || (r < 0 && errno != EAGAIN) || (r > 0 && memmem(drop, (size_t)r, ": end", 5) != NULL))
            return true;
        spin(1);
    }
    return false;
}

/* --- the API */

static void key_make(char *out, const char *role, const char *account)
{
    struct digest32 d;
    char sql[512], hex[65];

    key_text_new(strcmp(role, "inference") == 0 ? KEY_PREFIX : KEY_MANAGEMENT_PREFIX, out);
    digest_sha256(view_str(out), &d);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", d.b[i]);
    snprintf(sql, sizeof sql,
             "INSERT INTO api_key (key_id, account_id, digest, name, label, role) VALUES (gen_random_uuid(), '%s',"
             " '\\x%s', CASE WHEN EXISTS (SELECT 1 FROM api_key WHERE account_id = '%s') THEN 'second' ELSE 'n' END, 'l', '%s')",
             account, hex, account, role);
    CHECK(strcmp(pg_sql(sql), "") == 0);
}

static void begin(void)
{
    const struct db_config dc = {uv_default_loop(), pg_url(), 3};
    const struct rate_config rate = {.address_per_s = 1000, .address_burst = 1000, .per_s = 1000, .burst = 1000};
    struct api_config c = {.loop = uv_default_loop(), .host = "127.0.0.1", .pages = rate, .caller = rate,
                           .idempotency_ms = 86400000};
    struct buf why;

    if (api != NULL)
        return;
    buf_init(&why, 1024);
    CHECK_INT(db_migrate(pg_url(), "sql", &why), ERR_NONE);
    buf_free(&why);
    CHECK(strcmp(pg_sql("INSERT INTO account (account_id, name) VALUES ('" ORG "', 'one')"), "") == 0);
    key_make(customer_key, "management", ORG);
    key_make(operator_key, "operator", ORG);
    CHECK_INT(db_open(&dc, &db), ERR_NONE);
    c.db = db;
    CHECK_INT(api_start(&c, &api), ERR_NONE);
    spin(300);
}

static int post_begin(const char *key, size_t length)
{
    char head[1024];
    int s = dial();

    snprintf(head, sizeof head,
             "POST /v1/policy HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\ncontent-type: text/plain\r\n"
             "content-length: %zu\r\nidempotency-key: %0300d\r\n\r\n", key, length, 0);
    push(s, head, strlen(head));
    return s;
}

enum { BODY = 2 << 20, STRANGERS = 64 };

/* Their bodies are not taken, whatever they say they are; a customer, who may not do it either, is told so; the operator's
 * large body comes through meanwhile. */
static void strangers_bodies(void)
{
    static char body[BODY];
    static const char *const answers[] = {"HTTP/1.1 401", "HTTP/1.1 403"};
    int s[STRANGERS], o;
    char stranger[96], text[4096];

    begin();
    memset(body, '#', sizeof body);
    for (int i = 0; i < STRANGERS; i++) {
        key_text_new(KEY_MANAGEMENT_PREFIX, stranger);
        s[i] = post_begin(i == 1 ? customer_key : i == 2 ? "nonsense" : stranger, BODY);
        (void)push(s[i], body, BODY - 1);
        if (i < 3) {
            text[0] = '\0';
            CHECK(pull(s[i], "HTTP/1.1", text, sizeof text, 2000));
            CHECK(strncmp(text, answers[i == 1], 12) == 0);
        }
    }
    o = post_begin(operator_key, BODY / 2);
    CHECK_INT(push(o, body, BODY / 2), BODY / 2);
    text[0] = '\0';
    CHECK(pull(o, "\r\n\r\n", text, sizeof text, 3000));
    CHECK_INT(status_of(text), 400); /* it has come whole, and its idempotency key is too long; not 503 */
    close(o);
    for (int i = 0; i < STRANGERS; i++)
        close(s[i]);
    spin(50);
}

static int live(const char *key, char *text, size_t size)
{
    char head[512];
    int s = dial();

    snprintf(head, sizeof head, "GET /v1/activity/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n\r\n", key);
    push(s, head, strlen(head));
    text[0] = '\0';
    CHECK(pull(s, "\r\n\r\n", text, size, 3000));
    return s;
}

/* Four workspaces of one organisation; then the key of one is revoked. */
static void live_feeds(void)
{
    char keys[3][96], sql[256], account[40], text[4096];
    int s[12];

    begin();
    for (int w = 0; w < 3; w++) {
        snprintf(account, sizeof account, "c0000000-0000-4000-8000-00000000000%d", w);
        snprintf(sql, sizeof sql, "INSERT INTO account (account_id, organisation_id, name) VALUES ('%s', '" ORG "', 'w')", account);
        CHECK(strcmp(pg_sql(sql), "") == 0);
        key_make(text, "management", account); /* the last one cannot be taken away */
        key_make(keys[w], "management", account);
    }
    for (int i = 0; i < 12; i++) {
        s[i] = live(keys[i / 4], text, sizeof text);
        CHECK_INT(status_of(text), i < 8 ? 200 : 429);
    }
    CHECK(strcmp(pg_sql("UPDATE api_key SET disabled = true WHERE account_id = 'c0000000-0000-4000-8000-000000000000'"
                        " AND name = 'second'"), "") == 0);
    CHECK(ended(s[0], 13000)); /* at the next beat */
    CHECK(!ended(s[4], 100));
    for (int i = 0; i < 12; i++)
        close(s[i]);
    spin(50);
}

static void says(const char *sql, const char *want)
{
    const char *got = pg_sql(sql);

    if (strcmp(got, want) != 0)
        printf("# %s\n# gives %s, not %s\n", sql, got, want);
    CHECK(strcmp(got, want) == 0);
}

#define A "'d0000000-0000-4000-8000-000000000001'"
#define KEY(n) "key_create(gen_random_uuid(), " A ", sha256(('k' || " n ")::bytea), 'n', 'l', 'inference', NULL, 'none', NULL, 0, 0, '{}')"
#define CLAIM "SELECT outcome FROM rest_claim(" A ", " A ", sha256('k'), sha256('r'), " A ", 60000, 86400000)"

static void keys_of_an_account(void)
{
    begin();
    says("INSERT INTO account (account_id, name) VALUES (" A ", 'many')", "");
    says("SELECT string_agg(DISTINCT " KEY("g") ", ' ') FROM generate_series(1, 1000) g", "ok");
    says("SELECT " KEY("1001"), "too_many");
    says("UPDATE api_key SET deleted_at = now() WHERE digest = sha256('k7')", "");
    says("SELECT " KEY("1001"), "ok");
    says("SELECT " KEY("1002"), "too_many");
}

/* A refusal that wrote nothing leaves no row; one that wrote keeps its answer. */
static void refusals_are_not_kept(void)
{
    begin();
    says(CLAIM, "granted");
    says("SELECT rest_answer(" A ", " A ", 404, 'x')", "");
    says("SELECT count(*) FROM rest_idempotency", "0");
    says(CLAIM, "granted");
    says("BEGIN; UPDATE account SET name = name WHERE account_id = " A "; SELECT rest_ran(" A ", " A "); COMMIT", "t");
    says("SELECT rest_answer(" A ", " A ", 402, 'x')", "");
    says(CLAIM, "replay");
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"api_strangers_bodies", strangers_bodies},
        {"api_live_feeds", live_feeds},
        {"api_keys_of_an_account", keys_of_an_account},
        {"api_refusals_are_not_kept", refusals_are_not_kept},
    };

    CHECK_INT(secret_init(), ERR_NONE);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
