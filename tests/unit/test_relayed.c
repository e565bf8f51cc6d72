/* What a data plane hands on is answered as over HTTPS, by the same routes, roles and handlers; and of the control
 * plane's other pages it reaches none. The database here is a fake that knows three keys. */
#include "../../controlplane/api/api.c"

#include "check.h"

/* --- the database: rows of one key look-up, or one JSON text */

struct db_result {
    const char *role, *state; /* of a key; NULL: this is a text */
    const char *text;
    size_t rows;
};

static enum err db_fails;
static unsigned queries;
static enum stmt asked; /* the last statement that was not a look-up */

void db_query(struct db *d, enum stmt s, const struct db_param *params, size_t n, uint32_t lane,
              db_cb *cb, void *cookie)
{
    struct db_result r = {.text = "{\"a\":1}", .rows = 1};

    (void)d, (void)lane;
    queries++;
    if (s == STMT_CALLER_KEY) {
        const uint8_t who = params[0].bytes.ptr[0];

        CHECK_INT(n, 2);
        CHECK_INT(params[1].kind, DB_PARAM_NULL);
        r = (struct db_result){.role = who == 1 ? "inference" : "management",
                               .state = who == 3 ? "disabled" : "ok",
                               .rows = who <= 3};
    } else {
        asked = s;
    }
    cb(cookie, db_fails, db_fails == ERR_NONE ? &r : NULL);
}
size_t db_rows(const struct db_result *r)
{
    return r->rows;
}
struct view db_get_text(const struct db_result *r, size_t row, unsigned col)
{
    CHECK_INT(row, 0);
    return view_str(r->role == NULL ? r->text : col == 1 ? r->role : col == 2 ? r->state : col == 3 ? "active" : "");
}
struct id db_get_id(const struct db_result *r, size_t row, unsigned col)
{
    (void)r, (void)row;
    return (struct id){{(uint8_t)(col + 1)}};
}
int64_t db_get_i64(const struct db_result *r, size_t row, unsigned col)
{
    (void)r, (void)row, (void)col;
    return 0;
}
bool db_get_bool(const struct db_result *r, size_t row, unsigned col)
{
    (void)r, (void)row, (void)col;
    return false;
}
bool db_is_null(const struct db_result *r, size_t row, unsigned col)
{
    (void)row;
    return r->role != NULL && col == 7; /* no list of addresses */
}
bool db_ready(const struct db *d)
{
    (void)d;
    return true;
}
uv_loop_t *db_loop(const struct db *d)
{
    (void)d;
    return NULL;
}
void db_fail(struct db *d, enum stmt s, enum err e, db_cb *cb, void *cookie)
{
    (void)d, (void)s;
    cb(cookie, e, NULL);
}

static struct db_who named; /* in whose name the handler's statements are sent */
struct db *db_as(struct db *d, const struct db_who *who)
{
    named = *who;
    return d;
}
void db_as_free(struct db *d)
{
    (void)d;
}

/* For what is linked and not called. */
uint32_t db_lane(uint32_t hash)
{
    return hash | 1;
}
uint32_t db_lane_leases(uint32_t hash)
{
    return hash | 1;
}
uint32_t db_lane_lookups(uint32_t hash)
{
    return hash | 1;
}
enum err db_listen(struct db *d, const struct db_watch *w)
{
    (void)d, (void)w;
    return ERR_IO;
}
void db_unlisten(struct db *d)
{
    (void)d;
}

/* --- asking */

static struct {
    unsigned fired;
    int status;
    uint32_t retry_ms;
    char body[1024];
} got;

static void answer_cb(void *cookie, const struct api_answer *a)
{
    CHECK(cookie == &got);
    got.fired++;
    got.status = a->status;
    got.retry_ms = a->retry_ms;
    snprintf(got.body, sizeof got.body, "%.*s", (int)a->body.len, (const char *)a->body.ptr);
}

static struct api api;

static void ask(uint8_t who, uint8_t method, const char *path, const char *query, bool openrouter)
{
    static const uint8_t address[16] = {1};
    const struct msg_relay_ask m = {.call = 1,
                                    .key_digest = {{who}},
                                    .method = method,
                                    .openrouter = openrouter,
                                    .path = view_str(path),
                                    .query = view_str(query),
                                    .body = VIEW_LIT("{}")};

    memset(&got, 0, sizeof got);
    queries = 0;
    asked = STMT_PING;
    api_relay(&api, &m, address, answer_cb, &got);
    CHECK_INT(got.fired, 1);
    CHECK_INT(api.calls, 1); /* the test's own */
}

enum { INFERENCE = 1, MANAGEMENT = 2, DISABLED_KEY = 3, UNKNOWN = 9 };

static void routes_and_roles(void)
{
    static const struct {
        uint8_t who, method;
        const char *path, *query;
        int status;
        enum stmt asked; /* STMT_PING: nothing but the key */
    } cases[] = {
        {INFERENCE, RELAY_GET, "/key", "", 200, STMT_KEY_SELF},
        {MANAGEMENT, RELAY_GET, "/key", "", 200, STMT_KEY_SELF},
        {MANAGEMENT, RELAY_GET, "/keys", "offset=5", 200, STMT_KEY_LIST},
        {MANAGEMENT, RELAY_GET, "/keys", "offset=x", 400, STMT_PING}, /* the query came along */
        {INFERENCE, RELAY_GET, "/keys", "", 403, STMT_PING},
        {MANAGEMENT, RELAY_POST, "/keys", "", 400, STMT_PING}, /* and the body: no name in it */
        {INFERENCE, RELAY_GET, "/credits", "", 403, STMT_PING},
        {MANAGEMENT, RELAY_GET, "/credits", "", 200, STMT_CREDITS},
        {MANAGEMENT, RELAY_GET, "/activity", "", 200, STMT_ACTIVITY},
        {INFERENCE, RELAY_GET, "/generation", "id=00000000000000000000000000000001", 200,
         STMT_GENERATION},
        {INFERENCE, RELAY_GET, "/generation/content", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_DELETE, "/keys/zz", "", 404, STMT_PING},
        {DISABLED_KEY, RELAY_GET, "/key", "", 401, STMT_PING},
        {UNKNOWN, RELAY_GET, "/key", "", 401, STMT_PING},
        {MANAGEMENT, RELAY_DELETE, "/key", "", 405, STMT_PING},
        {MANAGEMENT, RELAY_POST, "/credits/topup", "", 404, STMT_PING}, /* an operator's */
        {MANAGEMENT, RELAY_POST, "/credits/transfer", "", 404, STMT_PING}, /* no data plane has it */
        {MANAGEMENT, RELAY_GET, "/credits/transfers", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_GET, "/credits/terms", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_GET, "/statements", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_GET, "/statements/2026-11", "", 404, STMT_PING},
        {INFERENCE, RELAY_POST, "/keys/ab/rotate", "", 403, STMT_PING},
        {MANAGEMENT, RELAY_POST, "/keys/ab/rotate", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_POST, "/accounts", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_POST, "/releases", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_GET, "/health", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_GET, "/checkpoint", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_GET, "/attestation/transparency", "", 404, STMT_PING},
        {MANAGEMENT, RELAY_GET, "/v1/key", "", 404, STMT_PING}, /* it has no prefix */
        {MANAGEMENT, RELAY_GET, "/", "", 404, STMT_PING},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(cases[i].who, cases[i].method, cases[i].path, cases[i].query, false);
        CHECK_INT(got.status, cases[i].status);
        CHECK_INT(asked, cases[i].asked);
        if (got.status != cases[i].status)
            printf("# %s: %s\n", cases[i].path, got.body);
        CHECK((strncmp(got.body, "{\"error\":{\"message\":", 20) == 0) == (got.status >= 400));
        CHECK(got.status >= 400 || strcmp(got.body, "{\"data\":{\"a\":1}}") == 0);
    }
}

static void errors_have_their_dialect(void)
{
    ask(UNKNOWN, RELAY_GET, "/key", "", true);
    CHECK(strstr(got.body, "\"code\":401") != NULL);
    CHECK(strstr(got.body, "\"error_type\":\"invalid_api_key\"") != NULL);
    ask(UNKNOWN, RELAY_GET, "/key", "", false);
    CHECK(strstr(got.body, "\"code\":\"invalid_api_key\"") != NULL);
}

/* A misspelt or repeated parameter is refused by its name; what is not short text is not repeated. */
static void parameters_are_known(void)
{
    static const struct {
        const char *path, *query;
        int status;
        const char *says;
    } cases[] = {
        {"/keys", "offset=5&include_disabled=true", 200, "data"},
        {"/keys", "&&", 200, "data"},
        {"/keys", "include_disable=true", 400, "\"param\":\"include_disable\""},
        {"/keys", "offset", 400, "\"param\":\"offset\""}, /* its value is wrong */
        {"/keys", "offset=1&offset=2", 400, "\"code\":\"repeated_parameter\""},
        {"/keys", "off=1", 400, "\"code\":\"unknown_parameter\""},
        {"/credits", "account_id=1", 400, "\"param\":\"account_id\""},
        {"/key", "\xc3\xa4=1", 400, "\"param\":null"},
        {"/key", "a%22\"b=1", 400, "\"param\":\"a%22\\\"b\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(MANAGEMENT, RELAY_GET, cases[i].path, cases[i].query, false);
        CHECK_INT(got.status, cases[i].status);
        CHECK(strstr(got.body, cases[i].says) != NULL);
        CHECK(cases[i].status == 200 || asked == STMT_PING);
    }
}

/* What is unavailable says when to ask again; the rest does not. */
static void a_database_that_is_away(void)
{
    db_fails = ERR_DB;
    ask(MANAGEMENT, RELAY_GET, "/key", "", false);
    CHECK_INT(got.status, 503);
    CHECK_INT(got.retry_ms, 1000);
    db_fails = ERR_NONE;
    ask(MANAGEMENT, RELAY_GET, "/key", "", false);
    CHECK_INT(got.status, 200);
    CHECK_INT(got.retry_ms, 0);
}

/* Unknown keys that come through one data plane have a rate; a key that was good lately does not. */
static void guesses_have_a_rate(void)
{
    unsigned refused = 0;

    clock_freeze(5000000, 1795000000000);
    ask(MANAGEMENT, RELAY_GET, "/key", "", false);
    for (unsigned i = 0; i < GATE_GUESSES_ADDRESS_BURST + 10; i++) {
        ask(UNKNOWN, RELAY_GET, "/key", "", false);
        refused += got.status == 429;
        CHECK(got.status != 429 || (queries == 0 && got.retry_ms > 0));
    }
    CHECK(refused >= 10);
    ask(MANAGEMENT, RELAY_GET, "/key", "", false);
    CHECK_INT(got.status, 200);
    clock_thaw();
}

static const struct check_case cases[] = {
    {"relayed_routes_and_roles", routes_and_roles},
    {"relayed_errors_have_their_dialect", errors_have_their_dialect},
    {"relayed_parameters_are_known", parameters_are_known},
    {"relayed_a_database_that_is_away", a_database_that_is_away},
    {"relayed_guesses_have_a_rate", guesses_have_a_rate},
};

int main(int argc, char **argv)
{
    static const struct rate_config pages = {0};
    int code;

    if (secret_init() != ERR_NONE || freopen("/dev/null", "w", stderr) == NULL ||
        gate_new(&pages, &api.gate) != ERR_NONE)
        return 1;
    api.calls = 1;
    code = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
    gate_free(api.gate);
    return code;
}
