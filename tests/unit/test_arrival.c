/* Who may make us keep 32 MiB: only a sender whose key is known, and a sender of a key that is not known yet
 * waits with its bytes unread until the control plane has said. The key is looked up once, and neither a
 * client that leaves nor an answer that fails may leave the look-up, or the request, hanging. */
#include "arrival.h"

#include "check.h"
#include "share.h"
#include "uplink.h"

#include <string.h>

static struct {
    enum err find[2], ask, trust; /* what the keyring says: first, and after the answer */
    unsigned finds, releases, asks, cancels, decided, shared; /* shared: who pays was said */
    enum web_verdict verdict;
    int why;
    uplink_ask_cb *answer;
    void *answer_cookie;
    void (*gone)(void *cookie);
    void *gone_cookie;
    struct digest32 who;
} f;
static struct web_request *const web = (struct web_request *)&f; /* never looked into */

enum err keyring_find(struct keyring *k, const struct digest32 *who, uint64_t now_ms,
                      struct key **out)
{
    (void)k, (void)now_ms;
    CHECK_BYTES(who->b, 32, f.who.b, 32);
    *out = (struct key *)&f;
    return f.find[f.finds++ != 0];
}
void key_release(struct key *k)
{
    CHECK(k == (struct key *)&f);
    f.releases++;
}
enum err uplink_trust(const struct uplink *u)
{
    (void)u;
    return f.trust;
}
enum err uplink_ask_key(struct uplink_port *p, const struct digest32 *who, uplink_ask_cb *cb,
                        void *cookie, struct ask **out)
{
    (void)p;
    CHECK_BYTES(who->b, 32, f.who.b, 32);
    if (f.ask != ERR_NONE)
        return f.ask;
    f.asks++;
    f.answer = cb;
    f.answer_cookie = cookie;
    *out = (struct ask *)&f;
    return ERR_NONE;
}
void ask_cancel(struct ask *a)
{
    CHECK(a == (struct ask *)&f);
    f.cancels++;
}
void web_set_gone(struct web_request *r, void (*gone)(void *cookie), void *cookie)
{
    CHECK(r == web);
    f.gone = gone;
    f.gone_cookie = cookie;
}
void web_body_decide(struct web_request *r, enum web_verdict verdict, int why)
{
    CHECK(r == web);
    f.decided++;
    f.verdict = verdict;
    f.why = why;
}

static struct budget *const account_share = (struct budget *)&f; /* never looked into */
struct budget *share_of(const struct shares *s, const struct digest32 *who)
{
    (void)s;
    CHECK_BYTES(who->b, 32, f.who.b, 32);
    return account_share;
}
void web_body_share(struct web_request *r, struct budget *share)
{
    CHECK(r == web && share == account_share);
    CHECK_INT(f.decided, 0);
    f.shared++;
}

static const struct arrival_context context;

static enum web_verdict arrive(enum err find, bool more, int *why)
{
    f.finds = 0;
    f.find[0] = find;
    *why = -1;
    return arrival_of_key(&context, web, &f.who, more, why);
}

static void at_once(void)
{
    static const struct {
        enum err find;
        enum web_verdict first, more;
        int why;
    } table[] = {
        {ERR_NONE, WEB_BODY_ALL, WEB_BODY_ALL, -1},
        {ERR_CREDIT, WEB_BODY_ALL, WEB_BODY_ALL, -1},
        {ERR_KEY_LIMIT, WEB_BODY_ALL, WEB_BODY_ALL, -1},
        {ERR_AUTH, WEB_BODY_SMALL, WEB_BODY_REFUSED, API_BAD_KEY},
        {ERR_FORBIDDEN, WEB_BODY_SMALL, WEB_BODY_REFUSED, API_KEY_DISABLED},
        {ERR_KEY_EXPIRED, WEB_BODY_SMALL, WEB_BODY_REFUSED, API_KEY_EXPIRED},
        {ERR_NOT_FOUND, WEB_BODY_SMALL, WEB_BODY_WAIT, -1},
    };
    int why;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        memset(&f, 0, sizeof f);
        CHECK_INT(arrive(table[i].find, false, &why), table[i].first);
        CHECK_INT(f.asks, 0); /* a small body asks nobody */
        CHECK_INT(arrive(table[i].find, true, &why), table[i].more);
        if (table[i].more == WEB_BODY_REFUSED)
            CHECK_INT(why, table[i].why);
        CHECK_INT(f.releases, table[i].find == ERR_NONE ? 2 : 0);
        CHECK_INT(f.shared, table[i].more == WEB_BODY_ALL ? 2 : 0);
        CHECK_INT(f.asks, table[i].more == WEB_BODY_WAIT);
        if (f.asks != 0) {
            f.gone(f.gone_cookie); /* the client leaves: the look-up is dropped */
            CHECK_INT(f.cancels, 1);
        }
        CHECK_INT(f.decided, 0);
    }
}

static void after_the_answer(void)
{
    static const struct {
        enum err answer, find;
        enum web_verdict verdict;
        int why;
    } table[] = {
        {ERR_NONE, ERR_NONE, WEB_BODY_ALL, -1},
        {ERR_NONE, ERR_CREDIT, WEB_BODY_ALL, -1},
        {ERR_NONE, ERR_AUTH, WEB_BODY_REFUSED, API_BAD_KEY},
        {ERR_NONE, ERR_FORBIDDEN, WEB_BODY_REFUSED, API_KEY_DISABLED},
        {ERR_NONE, ERR_NOT_FOUND, WEB_BODY_REFUSED, API_CONTROL_PLANE},
        {ERR_CREDIT, ERR_NONE, WEB_BODY_ALL, -1},
        {ERR_LENT, ERR_NONE, WEB_BODY_ALL, -1},
        {ERR_AUTH, ERR_NONE, WEB_BODY_REFUSED, API_BAD_KEY},
        {ERR_CONTROL_PLANE, ERR_NONE, WEB_BODY_REFUSED, API_CONTROL_PLANE},
    };
    int why;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        memset(&f, 0, sizeof f);
        CHECK_INT(arrive(ERR_NOT_FOUND, true, &why), WEB_BODY_WAIT);
        f.find[1] = table[i].find;
        f.answer(f.answer_cookie, &(struct ask_answer){.e = table[i].answer});
        CHECK_INT(f.decided, 1);
        CHECK_INT(f.verdict, table[i].verdict);
        CHECK_INT(f.shared, table[i].verdict == WEB_BODY_ALL);
        if (table[i].verdict == WEB_BODY_REFUSED)
            CHECK_INT(f.why, table[i].why);
        CHECK_INT(f.cancels, 0);
    }
}

static void cannot_ask(void)
{
    int why;

    memset(&f, 0, sizeof f);
    f.trust = ERR_ATTESTATION;
    CHECK_INT(arrive(ERR_NOT_FOUND, true, &why), WEB_BODY_REFUSED);
    CHECK_INT(why, API_ATTESTATION);
    memset(&f, 0, sizeof f);
    f.ask = ERR_OVERLOAD; /* too many look-ups at once */
    CHECK_INT(arrive(ERR_NOT_FOUND, true, &why), WEB_BODY_REFUSED);
    CHECK_INT(why, API_OVERLOAD);
    CHECK(f.gone == NULL);
}

static struct {
    unsigned calls;
    enum api_error error;
} told;

static void told_cb(void *cookie, struct web_request *r, enum api_error error)
{
    CHECK(cookie == &told && r == web);
    told.calls++;
    told.error = error;
}

/* A request without a body, for holders of a key only: known at once, after a look-up, or refused. */
static void checked(void)
{
    static const struct {
        enum err first, trust, ask, answer, then;
        bool asks;
        enum api_error error;
    } table[] = {
        {ERR_NONE, 0, 0, 0, 0, false, API_OK},
        {ERR_CREDIT, 0, 0, 0, 0, false, API_OK}, /* it is a key all the same */
        {ERR_FORBIDDEN, 0, 0, 0, 0, false, API_KEY_DISABLED},
        {ERR_AUTH, 0, 0, 0, 0, false, API_BAD_KEY},
        {ERR_NOT_FOUND, ERR_ATTESTATION, 0, 0, 0, false, API_ATTESTATION},
        {ERR_NOT_FOUND, 0, ERR_OVERLOAD, 0, 0, false, API_OVERLOAD},
        {ERR_NOT_FOUND, 0, 0, ERR_NONE, ERR_NONE, true, API_OK},
        {ERR_NOT_FOUND, 0, 0, ERR_AUTH, ERR_NONE, true, API_BAD_KEY},
        {ERR_NOT_FOUND, 0, 0, ERR_CONTROL_PLANE, ERR_NONE, true, API_CONTROL_PLANE},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool waits = table[i].asks && table[i].ask == ERR_NONE;

        memset(&f, 0, sizeof f);
        memset(&told, 0, sizeof told);
        f.find[0] = table[i].first;
        f.find[1] = table[i].then;
        f.trust = table[i].trust;
        f.ask = table[i].ask;
        arrival_check(&context, web, &f.who, told_cb, &told);
        CHECK_INT(f.asks, table[i].asks);
        CHECK_INT(told.calls, !waits);
        if (waits)
            f.answer(f.answer_cookie, &(struct ask_answer){.e = table[i].answer});
        CHECK_INT(told.calls, 1);
        CHECK_INT(told.error, table[i].error);
        CHECK_INT(f.decided + f.shared + f.cancels, 0);
    }
    memset(&f, 0, sizeof f);
    memset(&told, 0, sizeof told);
    f.find[0] = ERR_NOT_FOUND;
    arrival_check(&context, web, &f.who, told_cb, &told);
    f.gone(f.gone_cookie); /* the client leaves first */
    CHECK_INT(f.cancels, 1);
    CHECK_INT(told.calls, 0);
}

static const struct check_case cases[] = {
    {"arrival_checked", checked},
    {"arrival_at_once", at_once},
    {"arrival_after_the_answer", after_the_answer},
    {"arrival_cannot_ask", cannot_ask},
};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
