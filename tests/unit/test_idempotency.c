/* An idempotency key decides whether a request runs: which texts are keys, what is asked, and what each answer of
 * the control plane means to the client. */
#include "idempotency.c"

#include "check.h"

static struct {
    unsigned asked, cancelled, ready;
    struct msg_claim claim;
    enum err e; /* of asking */
    inquiry_cb *cb;
    void *cookie;
} fake;
static int inquiry_here; /* its address stands for an inquiry */

enum err inquiry_claim(struct uplink_port *p, const struct msg_claim *claim, inquiry_cb *cb,
                       void *cookie, struct inquiry **out)
{
    (void)p;
    if (fake.e != ERR_NONE)
        return fake.e;
    fake.asked++;
    fake.claim = *claim;
    fake.cb = cb;
    fake.cookie = cookie;
    *out = (struct inquiry *)&inquiry_here;
    return ERR_NONE;
}
void inquiry_cancel(struct inquiry *q)
{
    CHECK(q == (struct inquiry *)&inquiry_here);
    fake.cancelled++;
}

static const struct msg_claim who = {.request = {{1}}, .account = {{2}}, .lease = {{3}}};

static void ready_cb(void *cookie)
{
    CHECK(cookie == &fake);
    fake.ready++;
}

static enum idempotency_answer step(struct idempotency *i, struct api_failure *f)
{
    return idempotency_step(i, NULL, &who, ready_cb, &fake, f);
}

static void answer(enum err e, uint8_t status, uint8_t first)
{
    struct inquiry_answer a = {.e = e, .claim = {.request = {{1}}, .status = status, .first = {{first}}}};

    fake.cb(fake.cookie, &a);
}

static void which_texts_are_keys(void)
{
    char longest[IDEMPOTENCY_KEY_MAX + 1];
    const struct {
        struct view text;
        bool good;
    } cases[] = {
        {VIEW_LIT("k"), true},
        {VIEW_LIT("stainless-node-retry-9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"), true},
        {VIEW_LIT("!~\"\\"), true},
        {view_of(longest, IDEMPOTENCY_KEY_MAX), true},
        {view_of(longest, IDEMPOTENCY_KEY_MAX + 1), false},
        {VIEW_EMPTY, false},
        {VIEW_LIT("a b"), false},
        {VIEW_LIT("a\tb"), false},
        {VIEW_LIT("a\x7f"), false},
        {VIEW_LIT("na\xc3\xafve"), false},
    };
    struct digest32 seen[sizeof cases / sizeof cases[0]] = {0}, plain;

    memset(longest, 'x', sizeof longest);
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct idempotency i = {0};

        CHECK_INT(idempotency_read(cases[n].text, &i), cases[n].good ? ERR_NONE : ERR_FORMAT);
        CHECK_INT(i.wanted, cases[n].good);
        seen[n] = i.key;
        digest_sha256(cases[n].text, &plain);
        CHECK(memcmp(&plain, &i.key, sizeof plain) != 0);
        for (size_t m = 0; cases[n].good && m < n; m++)
            CHECK(memcmp(&seen[m], &seen[n], sizeof seen[n]) != 0);
    }
}

static void without_a_key_nobody_is_asked(void)
{
    struct idempotency i = {0};
    struct api_failure f;

    memset(&fake, 0, sizeof fake);
    CHECK_INT(step(&i, &f), IDEMPOTENCY_YES);
    idempotency_cancel(&i);
    CHECK_INT(fake.asked + fake.cancelled, 0);
}

static void what_each_answer_means(void)
{
    static const struct {
        enum err e;
        uint8_t status, first;
        enum idempotency_answer want;
        enum api_error error;
        bool ran;
    } cases[] = {
        {ERR_NONE, CLAIM_GRANTED, 1, IDEMPOTENCY_YES, API_OK, false},
        {ERR_NONE, CLAIM_IN_FLIGHT, 9, IDEMPOTENCY_NO, API_IDEMPOTENCY_IN_FLIGHT, false},
        {ERR_NONE, CLAIM_USED, 9, IDEMPOTENCY_NO, API_IDEMPOTENCY_USED, true},
        {ERR_NONE, CLAIM_NONE, 0, IDEMPOTENCY_NO, API_CONTROL_PLANE, false},
        {ERR_CONTROL_PLANE, CLAIM_GRANTED, 0, IDEMPOTENCY_NO, API_CONTROL_PLANE, false},
    };

    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct idempotency i = {0};
        struct api_failure f = {.error = API_OK};

        memset(&fake, 0, sizeof fake);
        CHECK_INT(idempotency_read(VIEW_LIT("key"), &i), ERR_NONE);
        CHECK_INT(step(&i, &f), IDEMPOTENCY_WAIT);
        CHECK_INT(fake.asked, 1);
        CHECK(memcmp(&fake.claim.key, &i.key, sizeof i.key) == 0);
        CHECK(id_eq(&fake.claim.request, &who.request) && id_eq(&fake.claim.account, &who.account) &&
              id_eq(&fake.claim.lease, &who.lease));
        CHECK_INT(fake.ready, 0);
        answer(cases[n].e, cases[n].status, cases[n].first);
        CHECK_INT(fake.ready, 1);
        CHECK_INT(step(&i, &f), cases[n].want);
        CHECK_INT(f.error, cases[n].error);
        CHECK_INT(f.ran, cases[n].ran);
        CHECK_INT(f.first.b[0], cases[n].e == ERR_NONE && cases[n].first == 9 ? 9 : 0);
        CHECK((strstr(f.text, "gen-0900") != NULL && strstr(f.text, "rcpt-0900") != NULL) ==
              (f.first.b[0] == 9));
        CHECK_INT(fake.asked, 1);
        idempotency_cancel(&i); /* nothing is open */
        CHECK_INT(fake.cancelled, 0);
    }
}

static void a_control_plane_that_cannot_be_asked(void)
{
    struct idempotency i = {0};
    struct api_failure f;

    memset(&fake, 0, sizeof fake);
    fake.e = ERR_OVERLOAD;
    CHECK_INT(idempotency_read(VIEW_LIT("key"), &i), ERR_NONE);
    CHECK_INT(step(&i, &f), IDEMPOTENCY_NO);
    CHECK_INT(f.error, API_CONTROL_PLANE);
}

static void an_open_question_is_cancelled_once(void)
{
    struct idempotency i = {0};
    struct api_failure f;

    memset(&fake, 0, sizeof fake);
    CHECK_INT(idempotency_read(VIEW_LIT("key"), &i), ERR_NONE);
    CHECK_INT(step(&i, &f), IDEMPOTENCY_WAIT);
    idempotency_cancel(&i);
    idempotency_cancel(&i);
    CHECK_INT(fake.cancelled, 1);
}

static const struct check_case cases[] = {
    {"idempotency_which_texts_are_keys", which_texts_are_keys},
    {"idempotency_without_a_key_nobody_is_asked", without_a_key_nobody_is_asked},
    {"idempotency_what_each_answer_means", what_each_answer_means},
    {"idempotency_a_control_plane_that_cannot_be_asked", a_control_plane_that_cannot_be_asked},
    {"idempotency_an_open_question_is_cancelled_once", an_open_question_is_cancelled_once},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
