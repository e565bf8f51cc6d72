/* The thread that gets and renews the certificate. */
#include "acme.h"

#include "clock.h"
#include "log.h"
#include "schedule.h"
#include "secret.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    LOOK_S = 60, /* how often the wall clock is compared with the time of a renewal */
    ACME_LOOK_MS = 1000,  /* how often a waiting thread looks whether the certificate is over */
    ACME_ACCEPT_MS = 200, /* between two looks whether the control plane has accepted us */
    ACME_FRAME_MAX = 1024,
};

struct acme {
    struct acme_config config;
    struct acme_https https;
    struct acme_client *client;
    struct schedule schedule;
    uint64_t renew_s; /* unix; 0: there is no certificate */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool stop;
    struct acme_status status;
};

const char *acme_state_name(enum acme_state s)
{
    static const char *const names[] = {[ACME_OFF] = "off", [ACME_WAITING] = "waiting", [ACME_WORKING] = "working",
                                        [ACME_GOOD] = "good", [ACME_FAILED] = "failed"};

    return names[s];
}

struct acme_status acme_status(struct acme *a)
{
    struct acme_status s = {.state = ACME_OFF};

    if (a == NULL)
        return s;
    pthread_mutex_lock(&a->lock);
    s = a->status;
    pthread_mutex_unlock(&a->lock);
    return s;
}

/* --- waiting */

static struct timespec later(uint64_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static bool sleep_for(struct acme *a, uint64_t ms)
{
    struct timespec until = later(ms);
    bool stop;

    pthread_mutex_lock(&a->lock);
    while (!a->stop && pthread_cond_timedwait(&a->wake, &a->lock, &until) != ETIMEDOUT)
        continue;
    stop = a->stop;
    pthread_mutex_unlock(&a->lock);
    return !stop;
}

/* Meanwhile a certificate that is over gives way. False: the end. */
static bool acme_pause(void *cookie, uint64_t ms)
{
    struct acme *a = cookie;
    uint64_t until_ms = clock_mono_ms() + ms, now_ms;
    bool on = true;

    while (on && (now_ms = clock_mono_ms()) < until_ms) {
        uint64_t left = until_ms - now_ms;

        if (served_look(a->config.served, clock_unix_ms() / 1000))
            LOG("acme_certificate_over", KV("shown", NAME("control_plane")));
        on = sleep_for(a, left < ACME_LOOK_MS ? left : ACME_LOOK_MS);
    }
    return on;
}

static void say(struct acme *a, enum acme_state state, uint64_t next_s)
{
    pthread_mutex_lock(&a->lock);
    a->status.state = state;
    a->status.next_s = next_s;
    pthread_mutex_unlock(&a->lock);
}

/* --- challenges */

static void withdraw(struct acme *a, enum acme_method method, const char *name)
{
    struct buf frame;

    buf_init(&frame, ACME_FRAME_MAX);
    if (challenges_close(a->config.challenges, method, name, clock_unix_ms(), &frame) == ERR_NONE)
        a->config.tell(a->config.cookie, buf_view(&frame));
    buf_free(&frame);
}

static enum err announce(struct acme *a, enum acme_method method, const char *name, struct view authorization)
{
    struct buf frame;
    enum err e;

    buf_init(&frame, ACME_FRAME_MAX);
    e = challenges_open(a->config.challenges, method, name, authorization, clock_unix_ms(), &frame);
    if (e == ERR_NONE)
        a->config.tell(a->config.cookie, buf_view(&frame));
    buf_free(&frame);
    return e == ERR_NONE && !acme_pause(a, ACME_SETTLE_MS) ? ERR_CANCELLED : e;
}

static uint64_t some_of(uint64_t ms)
{
    uint32_t r;

    secret_random(&r, sizeof r);
    return ms / 2 + ms / 2 * r / UINT32_MAX;
}

/* Of several data planes that want the same name validated over TLS, one goes after the other (challenge.h). */
static enum err acme_challenge_start(void *cookie, enum acme_method method, const char *name,
                                     struct view authorization)
{
    struct acme *a = cookie;
    uint64_t until_ms = clock_mono_ms() + ACME_TURN_MS;

    while (clock_mono_ms() < until_ms) {
        bool free_way = method != ACME_TLS_ALPN_01 ||
                        challenges_turn(a->config.challenges, name, clock_unix_ms()) == CHALLENGE_NONE;
        enum err e = free_way ? announce(a, method, name, authorization) : ERR_NONE;

        if (e != ERR_NONE)
            return e;
        if (free_way && (method != ACME_TLS_ALPN_01 ||
                         challenges_turn(a->config.challenges, name, clock_unix_ms()) == CHALLENGE_OURS))
            return ERR_NONE;
        withdraw(a, method, name); /* another one was first; if it was opened at all */
        if (!acme_pause(a, some_of(ACME_SETTLE_MS)))
            return ERR_CANCELLED;
    }
    return ERR_TOTAL_TIMEOUT;
}

static void acme_challenge_end(void *cookie, enum acme_method method, const char *name)
{
    withdraw(cookie, method, name);
}

/* --- one try */

static void succeeded(struct acme *a, struct acme_certificate *got)
{
    enum err e = served_public(a->config.served, got->leaf, got->chain, got->not_after_s);
    uint64_t now_s = clock_unix_ms() / 1000;

    a->renew_s = schedule_renewal_s(got->not_before_s, got->not_after_s);
    if (a->renew_s <= now_s) /* our clock is ahead, or it is an old one: two thirds of what is left */
        a->renew_s = now_s + (got->not_after_s > now_s ? (got->not_after_s - now_s) / 3 * 2 : 0);
    schedule_succeeded(&a->schedule);
    pthread_mutex_lock(&a->lock);
    a->status.certificates++;
    pthread_mutex_unlock(&a->lock);
    LOG("acme_certificate", KV("outcome", log_err((int)e)), KV("not_after", got->not_after_s),
        KV("renewal", a->renew_s), KV("intermediates", (uint32_t)sk_X509_num(got->chain)));
    acme_certificate_free(got);
}

/* How long until the next try. */
static uint64_t failed(struct acme *a, const struct acme_failure *f)
{
    uint32_t random;
    uint64_t ms;

    secret_random(&random, sizeof random);
    ms = schedule_failed_ms(&a->schedule, f->retry_after_s, random);
    pthread_mutex_lock(&a->lock);
    a->status.failures++;
    a->status.step = f->step;
    a->status.problem = f->problem;
    a->status.err = f->err;
    pthread_mutex_unlock(&a->lock);
    LOG("acme_failed", KV("step", ((struct static_name){acme_step_name(f->step)})),
        KV("problem", ((struct static_name){acme_problem_name(f->problem)})), KV("error", log_err((int)f->err)),
        KV("status", (uint32_t)f->status), KV("retry_after_s", f->retry_after_s), KV("next_ms", ms),
        KV("shown", ((struct static_name){served_source_name(served_now(a->config.served).source)})));
    if (f->problem == ACME_PROBLEM_CAA)
        LOG("acme_caa_forbids", KV("next_ms", ms)); /* the name's CAA record names another authority or account */
    return ms;
}

/* False: the end. */
/* By the wall clock, because a machine that slept or whose clock was set has another renewal than a sleep measured before. A
 * certificate is never followed by an order at once. */
static bool await_renewal(struct acme *a)
{
    uint64_t now_s;

    if (!acme_pause(a, a->schedule.retry_ms))
        return false;
    while ((now_s = clock_unix_ms() / 1000) < a->renew_s) {
        uint64_t left_s = a->renew_s - now_s;

        if (!acme_pause(a, (left_s < LOOK_S ? left_s : LOOK_S) * 1000))
            return false;
    }
    return true;
}

static bool try_once(struct acme *a)
{
    struct acme_certificate got = {.leaf = NULL};
    struct acme_failure f;
    uint64_t ms, now_s;
    bool good;
    enum err e;

    say(a, ACME_WORKING, 0);
    e = acme_client_obtain(a->client, &got, &f);
    if (e == ERR_CANCELLED)
        return false;
    good = e == ERR_NONE;
    if (good || f.step >= ACME_STEP_ORDER)
        schedule_ordered(&a->schedule, clock_mono_ms());
    ms = 0;
    if (good)
        succeeded(a, &got);
    else
        ms = failed(a, &f);
    a->config.tried(a->config.cookie);
    now_s = clock_unix_ms() / 1000;
    say(a, good ? ACME_GOOD : ACME_FAILED, good ? a->renew_s : now_s + ms / 1000);
    return good ? await_renewal(a) : acme_pause(a, ms);
}

static void *acme_main(void *cookie)
{
    struct acme *a = cookie;
    uint64_t wait_ms;

    while (acme_pause(a, 1)) {
        if (!a->config.connected(a->config.cookie)) {
            if (!acme_pause(a, ACME_ACCEPT_MS))
                break;
            continue;
        }
        wait_ms = schedule_order_wait_ms(&a->schedule, clock_mono_ms());
        if (wait_ms != 0) {
            LOG("acme_orders_used_up", KV("next_ms", wait_ms));
            if (!acme_pause(a, wait_ms))
                break;
        }
        if (!try_once(a))
            break;
    }
    return NULL;
}

/* --- the thread's life */

static enum err acme_init(struct acme *a, const struct acme_config *config)
{
    struct acme_client_config client = {
        .directory = config->directory,
        .contact = config->contact,
        .names = config->names,
        .tls_key = config->tls_key,
        .tls_alpn = config->tls_alpn,
        .http = config->http,
        .start = acme_challenge_start,
        .end = acme_challenge_end,
        .pause = acme_pause,
        .cookie = a,
    };

    a->config = *config;
    a->https.ca = config->ca;
    a->schedule = (struct schedule){.retry_ms = config->retry_s * 1000, .orders_max = config->orders_per_hour};
    a->status.state = ACME_WAITING;
    client.wire = acme_https_wire(&a->https);
    return acme_client_new(&client, &a->client);
}

static bool acme_sync_init(struct acme *a)
{
    pthread_condattr_t attr;
    bool ok = pthread_condattr_init(&attr) == 0;

    ok = ok && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 && pthread_cond_init(&a->wake, &attr) == 0 &&
         pthread_mutex_init(&a->lock, NULL) == 0;
    return ok; /* at start-up: on failure the process ends */
}

enum err acme_start(const struct acme_config *config, struct acme **out)
{
    struct acme *a = calloc(1, sizeof *a);
    enum err e;

    if (a == NULL)
        return ERR_MEMORY;
    e = acme_init(a, config);
    if (e == ERR_NONE && (!acme_sync_init(a) || pthread_create(&a->thread, NULL, acme_main, a) != 0))
        e = ERR_IO;
    if (e == ERR_NONE) {
        *out = a;
    } else {
        acme_client_free(a->client);
        free(a);
    }
    return e;
}

void acme_stop(struct acme *a)
{
    if (a == NULL)
        return;
    pthread_mutex_lock(&a->lock);
    a->stop = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    acme_client_free(a->client);
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    free(a);
}
