#include "password.h"
#include "secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

_Static_assert(PASSWORD_SECRET_MAX == crypto_pwhash_STRBYTES, "what libsodium writes");

/* What the password of nobody is compared with: the parameters of a string that we make, and no password's. */
static const char nobodys[] = "$argon2id$v=19$m=65536,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                              "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
_Static_assert(crypto_pwhash_MEMLIMIT_INTERACTIVE == 65536 << 10 &&
                   crypto_pwhash_OPSLIMIT_INTERACTIVE == 2,
               "the parameters in nobodys");

struct job {
    uv_work_t work;
    struct passwords *owner;
    struct job *next; /* while it waits */
    password_cb *cb;
    void *cookie;
    bool compare, nobody;
    size_t given_len, fresh_len;
    char given[PASSWORD_MAX], fresh[PASSWORD_MAX];
    char secret[PASSWORD_SECRET_MAX]; /* to compare with; then the new one */
    enum err outcome;
};

struct passwords {
    uv_loop_t *loop;
    unsigned running, waiting;
    struct job *head, **tail;
};

enum err passwords_new(uv_loop_t *loop, struct passwords **out)
{
    struct passwords *p = calloc(1, sizeof *p);

    if (p == NULL)
        return ERR_MEMORY;
    p->loop = loop;
    p->tail = &p->head;
    *out = p;
    return ERR_NONE;
}

void passwords_free(struct passwords *p)
{
    if (p == NULL)
        return;
    assert(p->running == 0 && p->waiting == 0);
    free(p);
}

/* On a worker thread. */
static void work_cb(uv_work_t *work)
{
    struct job *j = work->data;

    j->outcome = ERR_NONE;
    if (j->compare) {
        /* With nobody's string, too, whose result does not count: the time is the same. */
        int wrong = crypto_pwhash_str_verify(j->secret, j->given, j->given_len);

        if (wrong != 0 || j->nobody)
            j->outcome = ERR_AUTH;
    }
    secret_wipe(j->secret, sizeof j->secret);
    if (j->outcome == ERR_NONE && j->fresh_len > 0 &&
        crypto_pwhash_str(j->secret, j->fresh, j->fresh_len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        j->outcome = ERR_CRYPTO;
}

static void next_jobs(struct passwords *p);

static void done_cb(uv_work_t *work, int status)
{
    struct job *j = work->data;
    struct passwords *p = j->owner;

    assert(status == 0 && p->running > 0); /* nothing cancels it */
    p->running--;
    next_jobs(p); /* first: p may be gone when the callback returns */
    j->cb(j->cookie, j->outcome, j->outcome == ERR_NONE ? j->secret : "");
    secret_wipe(j, sizeof *j);
    free(j);
}

static void next_jobs(struct passwords *p)
{
    while (p->running < PASSWORDS_AT_ONCE && p->head != NULL) {
        struct job *j = p->head;
        int failed;

        p->head = j->next;
        if (p->head == NULL)
            p->tail = &p->head;
        p->waiting--;
        p->running++;
        failed = uv_queue_work(p->loop, &j->work, work_cb, done_cb);
        assert(failed == 0); /* only without a function */
    }
}

static size_t copy(char out[static PASSWORD_MAX], struct view v)
{
    assert(v.len <= PASSWORD_MAX);
    if (v.len > 0)
        memcpy(out, v.ptr, v.len);
    return v.len;
}

enum err passwords_start(struct passwords *p, const struct password_ask *ask, password_cb *cb, void *cookie)
{
    struct job *j;

    if (p->waiting == PASSWORDS_WAITING)
        return ERR_OVERLOAD;
    j = calloc(1, sizeof *j);
    if (j == NULL)
        return ERR_MEMORY;
    j->work.data = j;
    j->owner = p;
    j->cb = cb;
    j->cookie = cookie;
    j->compare = ask->compare;
    j->nobody = ask->secret == NULL || strlen(ask->secret) >= sizeof j->secret;
    j->given_len = copy(j->given, ask->given);
    j->fresh_len = copy(j->fresh, ask->fresh);
    if (j->nobody)
        memcpy(j->secret, nobodys, sizeof nobodys);
    else
        memcpy(j->secret, ask->secret, strlen(ask->secret));
    *p->tail = j;
    p->tail = &j->next;
    p->waiting++;
    next_jobs(p);
    return ERR_NONE;
}

static bool same(struct view a, struct view b)
{
    bool equal = a.len == b.len;

    for (size_t i = 0; equal && i < a.len; i++) {
        uint8_t x = a.ptr[i], y = b.ptr[i];

        equal = x == y || ((x ^ y) == 0x20 && (x | 0x20) >= 'a' && (x | 0x20) <= 'z');
    }
    return equal;
}

const char *password_fault(struct view password, struct view email)
{
    if (password.len < PASSWORD_MIN)
        return "A password has at least 10 bytes.";
    if (password.len > PASSWORD_MAX)
        return "A password has at most 256 bytes.";
    if (same(password, email))
        return "A password is not the e-mail address.";
    return NULL;
}
