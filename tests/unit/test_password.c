/* Passwords never block the loop, few are worked on at once, a wrong one and nobody's take the same way, and what is
 * kept is an argon2id string. Which text may be a password or an e-mail address. */
#include "../../controlplane/api/password.c"

#include "email.h"
#include "query_text.h"

#include "check.h"

static struct passwords *pool;
static unsigned fired;
static enum err outcome;
static char made[PASSWORD_SECRET_MAX];

static void done(void *cookie, enum err e, const char *secret)
{
    (void)cookie;
    fired++;
    outcome = e;
    snprintf(made, sizeof made, "%s", secret);
}

static void begin(void)
{
    CHECK_INT(secret_init(), ERR_NONE);
    CHECK_INT(passwords_new(uv_default_loop(), &pool), ERR_NONE);
    fired = 0;
}

static enum err work(bool compare, const char *given, const char *secret, const char *fresh)
{
    const struct password_ask ask = {compare, view_str(given), secret, view_str(fresh)};

    fired = 0;
    CHECK_INT(passwords_start(pool, &ask, done, NULL), ERR_NONE);
    CHECK_INT(fired, 0); /* later, on the loop */
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    CHECK_INT(fired, 1);
    return outcome;
}

static void made_and_compared(void)
{
    char kept[PASSWORD_SECRET_MAX];

    begin();
    CHECK_INT(work(false, "", NULL, "correct horse"), ERR_NONE);
    snprintf(kept, sizeof kept, "%s", made);
    CHECK(strncmp(kept, "$argon2id$v=19$m=65536,t=2,p=1$", 31) == 0);
    CHECK(strncmp(kept, nobodys, 31) == 0); /* nobody's costs the same */
    CHECK_INT(strlen(nobodys), strlen(kept));
    CHECK_INT(work(true, "correct horse", kept, ""), ERR_NONE);
    CHECK(made[0] == '\0');
    CHECK_INT(work(true, "correct horsf", kept, ""), ERR_AUTH);
    CHECK_INT(work(true, "wrong horse", kept, "another horse"), ERR_AUTH);
    CHECK(made[0] == '\0'); /* and no new one is made */
    CHECK_INT(work(true, "correct horse", kept, "another horse"), ERR_NONE);
    CHECK(strcmp(made, kept) != 0 && made[0] == '$');
    CHECK_INT(work(true, "correct horse", NULL, ""), ERR_AUTH);
    CHECK_INT(work(true, "correct horse", "no string of ours", ""), ERR_AUTH);
    passwords_free(pool);
}

static void tick(uv_timer_t *t)
{
    ++*(unsigned *)t->data;
}

/* While a few are hashed the loop turns, no more than two run, and what is too many is refused. */
static void bounded(void)
{
    const struct password_ask ask = {true, VIEW_LIT("correct horse"), NULL, view_of(NULL, 0)};
    unsigned ticks = 0, accepted = 0;
    uv_timer_t timer;

    begin();
    uv_timer_init(uv_default_loop(), &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, tick, 1, 1);
    while (passwords_start(pool, &ask, done, NULL) == ERR_NONE)
        accepted++;
    CHECK_INT(accepted, PASSWORDS_AT_ONCE + PASSWORDS_WAITING);
    CHECK_INT(pool->running, PASSWORDS_AT_ONCE);
    while (fired < 2) {
        uv_run(uv_default_loop(), UV_RUN_ONCE);
        CHECK(pool->running <= PASSWORDS_AT_ONCE);
    }
    CHECK(ticks >= 3);
    CHECK_INT(passwords_start(pool, &ask, done, NULL), ERR_NONE); /* there is a place again */
    /* The rest would take a minute: they are taken out of the line, as nobody waits for them. */
    while (pool->head != NULL) {
        struct job *j = pool->head;

        pool->head = j->next;
        pool->waiting--;
        free(j);
    }
    pool->tail = &pool->head;
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    CHECK_INT(pool->running, 0);
    passwords_free(pool);
}

static void rules(void)
{
    static char long_one[PASSWORD_MAX + 2];
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"a@b.example", true},   {"A.b+c@sub.example.com", true}, {"x@localhost", true},
        {"", false},             {"a", false},                    {"@b.example", false},
        {"a@", false},           {"a@b@c", false},                {"a b@c.example", false},
        {"a@b..example", false}, {"a@-b.example", false},         {"a@b.example-", false},
        {"a@.example", false},   {"a@b.", false},                 {"<a>@b.example", false},
        {"\xc3\xa4@b.example", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if ((email_fault(view_str(cases[i].text)) == NULL) != cases[i].good)
            check_fail(__FILE__, __LINE__, cases[i].text);
    memset(long_one, 'a', PASSWORD_MAX + 1);
    CHECK(password_fault(VIEW_LIT("123456789"), VIEW_LIT("a@b")) != NULL);
    CHECK(password_fault(VIEW_LIT("1234567890"), VIEW_LIT("a@b")) == NULL);
    CHECK(password_fault(view_of(long_one, PASSWORD_MAX + 1), VIEW_LIT("a@b")) != NULL);
    CHECK(password_fault(view_of(long_one, PASSWORD_MAX), VIEW_LIT("a@b")) == NULL);
    CHECK(password_fault(VIEW_LIT("someone@b.EXAMPLE"), VIEW_LIT("Someone@b.example")) != NULL);
    CHECK(password_fault(VIEW_LIT("someone@b.examples"), VIEW_LIT("someone@b.example")) == NULL);
}

static void query_texts(void)
{
    static const struct {
        const char *from, *to; /* NULL: refused */
    } cases[] = {
        {"plain", "plain"}, {"a+b", "a b"}, {"%41%62%2b", "Ab+"}, {"%c3%A4", "\xc3\xa4"}, {"", ""},
        {"%", NULL},        {"%4", NULL},   {"%4g", NULL},        {"a%00", NULL},           {"%-1", NULL},
        {"123456789", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        enum err e;

        buf_init(&out, 8);
        e = query_text(view_str(cases[i].from), &out);
        if ((e == ERR_NONE) != (cases[i].to != NULL) ||
            (e == ERR_NONE && !view_eq(buf_view(&out), view_str(cases[i].to))))
            check_fail(__FILE__, __LINE__, cases[i].from);
        buf_free(&out);
    }
}

static const struct check_case cases[] = {
    {"what a query says", query_texts},
    {"passwords are made and compared", made_and_compared},
    {"few at once, and the loop turns", bounded},
    {"which text may be a password or an e-mail address", rules},
};
CHECK_MAIN(cases)
