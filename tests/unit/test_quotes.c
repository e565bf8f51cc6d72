/* The quote service answers strangers from one slow device: an answer for the wrong ask, a callback
 * after cancel, a queue without a bound or a path that does not lead to the report would each be
 * somebody's evidence for something else. The device here is slow exactly when a test wants it. */
#include "dataplane/trust/quotes.c"
#include "dataplane/trust/quotes_work.c"

#include "check.h"

#include <stdio.h>

/* --- a device */

struct quote_source {
    uv_mutex_t lock;
    uv_cond_t changed;
    unsigned allowed, begun, made; /* reports: may be made, were begun, were made */
    bool held;                     /* only `allowed` may be made */
    enum err fail;
    bool lie; /* another REPORT_DATA than asked */
    uint64_t begun_ms[8];
};
static struct quote_source device;

static enum err device_get(struct quote_source *s, const uint8_t report_data[static 64],
                           struct quote *out)
{
    enum err e;

    uv_mutex_lock(&s->lock);
    if (s->begun < 8)
        s->begun_ms[s->begun] = clock_mono_ms();
    s->begun++;
    uv_cond_broadcast(&s->changed);
    while (s->held && s->allowed == 0)
        uv_cond_wait(&s->changed, &s->lock);
    if (s->held)
        s->allowed--;
    s->made++;
    e = s->fail;
    memcpy(out->report + SNP_AT_REPORT_DATA, report_data, 64);
    out->report[SNP_AT_REPORT_DATA] ^= s->lie;
    uv_mutex_unlock(&s->lock);
    return e == ERR_NONE ? buf_append(&out->vek, VIEW_LIT("vek")) : e;
}

static void device_hold(bool held)
{
    uv_mutex_lock(&device.lock);
    device.held = held;
    uv_cond_broadcast(&device.changed);
    uv_mutex_unlock(&device.lock);
}

static void device_wait_begun(unsigned n)
{
    uv_mutex_lock(&device.lock);
    while (device.begun < n)
        uv_cond_wait(&device.changed, &device.lock);
    uv_mutex_unlock(&device.lock);
}

/* --- a worker's loop */

static uv_loop_t loop;
static struct quotes *service;
static struct quotes_port *port;
static const struct view identity = {(const uint8_t *)"{identity}", 10};
enum { ASKS_MAX = QUOTES_NONCES_MAX + 300 };

static struct one {
    struct quote_ask *ask;
    unsigned calls;
    enum err e;
    uint64_t index, size;
    bool good; /* the path leads from the leaf to the report */
} ones[ASKS_MAX];
static unsigned answered;

static void leaf_of(const struct one *o, struct digest32 *leaf)
{
    size_t n = (size_t)(o - ones);

    digest_sha256(view_of(&n, sizeof n), leaf);
}

static void one_cb(void *cookie, enum err e, const struct quote_answer *a)
{
    struct one *o = cookie;
    struct digest32 leaf, root;
    uint8_t want[64];

    CHECK((a != NULL) == (e == ERR_NONE));
    o->calls++;
    o->ask = NULL;
    o->e = e;
    answered++;
    if (a == NULL)
        return;
    leaf_of(o, &leaf);
    o->index = a->index;
    o->size = a->size;
    if (!tlog_inclusion_root(a->size, a->index, &leaf, &a->path, &root))
        return;
    evidence_report_data(identity, &root, want);
    o->good = memcmp(want, a->quote->report + SNP_AT_REPORT_DATA, 64) == 0 &&
              view_eq(buf_view(&a->quote->vek), VIEW_LIT("vek"));
}

static void exact_cb(void *cookie, enum err e, const struct quote_answer *a)
{
    struct one *o = cookie;
    uint8_t want[64];

    o->calls++;
    o->ask = NULL;
    o->e = e;
    answered++;
    memset(want, (int)(o - ones), sizeof want);
    o->good = a != NULL && a->size == 1 && a->index == 0 && a->path.n == 0 &&
              memcmp(want, a->quote->report + SNP_AT_REPORT_DATA, 64) == 0;
}

static enum err ask(size_t n)
{
    struct digest32 leaf;

    leaf_of(&ones[n], &leaf);
    return quotes_ask_leaf(port, &leaf, one_cb, &ones[n], &ones[n].ask);
}

static enum err ask_exact(size_t n)
{
    uint8_t wanted[64];

    memset(wanted, (int)n, sizeof wanted);
    return quotes_ask_exact(port, wanted, exact_cb, &ones[n], &ones[n].ask);
}

static void run_until(unsigned n)
{
    while (answered < n)
        uv_run(&loop, UV_RUN_ONCE);
}

static void open_service(unsigned window_ms)
{
    struct quotes_config c = {
        .source = &device, .get = device_get, .identity = identity, .window_ms = window_ms};

    memset(ones, 0, sizeof ones);
    answered = 0;
    memset(&device, 0, sizeof device);
    CHECK_INT(uv_mutex_init(&device.lock), 0);
    CHECK_INT(uv_cond_init(&device.changed), 0);
    CHECK_INT(uv_loop_init(&loop), 0);
    CHECK_INT(quotes_start(&c, &service), ERR_NONE);
    CHECK_INT(quotes_port_new(service, &loop, &port), ERR_NONE);
}

static void close_service(void)
{
    device_hold(false);
    quotes_port_free(port);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_INT(uv_loop_close(&loop), 0);
    quotes_stop(service);
    uv_cond_destroy(&device.changed);
    uv_mutex_destroy(&device.lock);
}

static void alone(void)
{
    open_service(0);
    CHECK_INT(ask(0), ERR_NONE);
    CHECK_INT(ones[0].calls, 0); /* never inside the call */
    run_until(1);
    CHECK(ones[0].good && ones[0].size == 1 && ones[0].calls == 1);
    CHECK_INT(ask_exact(7), ERR_NONE);
    run_until(2);
    CHECK(ones[7].good && ones[7].calls == 1);
    close_service();
}

/* 300 nonces that came while the device was busy: a full batch and the rest. */
static void batches(void)
{
    struct quotes_counters c;

    open_service(0);
    device_hold(true);
    CHECK_INT(ask(0), ERR_NONE);
    device_wait_begun(1);
    for (size_t i = 1; i <= 300; i++)
        CHECK_INT(ask(i), ERR_NONE);
    device_hold(false);
    run_until(301);
    for (size_t i = 0; i <= 300; i++) {
        CHECK(ones[i].good && ones[i].calls == 1 && ones[i].e == ERR_NONE);
        CHECK_INT(ones[i].size, i == 0 ? 1 : i <= 256 ? 256 : 44);
        CHECK_INT(ones[i].index, i == 0 ? 0 : (i - 1) % 256);
    }
    c = quotes_counters(service);
    CHECK(c.reports == 3 && c.asks == 301 && c.failures == 0 && device.made == 3);
    close_service();
}

/* Every size of batch there is has paths that lead to its report. */
static void every_size(void)
{
    open_service(0);
    for (size_t size = 1; size <= 40; size++) {
        unsigned before = answered, begun = device.begun;

        device_hold(true);
        CHECK_INT(ask_exact(250), ERR_NONE);
        device_wait_begun(begun + 1);
        for (size_t i = 0; i < size; i++) {
            ones[i].good = false;
            CHECK_INT(ask(i), ERR_NONE);
        }
        device_hold(false);
        run_until(before + 1 + (unsigned)size);
        for (size_t i = 0; i < size; i++)
            CHECK(ones[i].good && ones[i].size == size);
    }
    close_service();
}

static void full_queues(void)
{
    open_service(0);
    device_hold(true);
    CHECK_INT(ask(0), ERR_NONE);
    device_wait_begun(1);
    for (size_t i = 1; i <= QUOTES_NONCES_MAX; i++)
        CHECK_INT(ask(i), ERR_NONE);
    CHECK_INT(ask(QUOTES_NONCES_MAX + 1), ERR_OVERLOAD);
    CHECK(ones[QUOTES_NONCES_MAX + 1].ask == NULL);
    for (size_t i = 0; i < QUOTES_EXACT_MAX; i++) /* the other queue has room of its own */
        CHECK_INT(ask_exact(QUOTES_NONCES_MAX + 2 + i), ERR_NONE);
    CHECK_INT(ask_exact(QUOTES_NONCES_MAX + 2 + QUOTES_EXACT_MAX), ERR_OVERLOAD);
    quote_ask_cancel(ones[5].ask); /* somebody left: there is room again */
    CHECK_INT(ask(QUOTES_NONCES_MAX + 1), ERR_NONE);
    CHECK_INT(quotes_counters(service).refused, 2);
    device_hold(false);
    run_until(1 + QUOTES_NONCES_MAX + QUOTES_EXACT_MAX);
    CHECK_INT(ones[5].calls, 0);
    /* One kind never starves the other: they took turns, so the exact ones were not last. */
    CHECK_INT(device.made, 1 + QUOTES_NONCES_MAX / ATTEST_BATCH_MAX + QUOTES_EXACT_MAX);
    close_service();
}

/* Cancelled while queued, while its report is made, and when it is done but not yet told. */
static void cancels(void)
{
    open_service(0);
    device_hold(true);
    CHECK_INT(ask(0), ERR_NONE);
    device_wait_begun(1);
    CHECK_INT(ask(1), ERR_NONE);
    CHECK_INT(ask(2), ERR_NONE);
    quote_ask_cancel(ones[0].ask);
    quote_ask_cancel(ones[1].ask);
    device_hold(false);
    device_wait_begun(2); /* so the first one is out of the device */
    while (quotes_counters(service).reports < 2)
        uv_sleep(1);
    CHECK_INT(answered, 0);
    quote_ask_cancel(ones[2].ask);
    CHECK_INT(ask(3), ERR_NONE);
    run_until(1);
    for (size_t i = 0; i < 3; i++)
        CHECK_INT(ones[i].calls, 0);
    CHECK(ones[3].good);
    close_service();
}

static void canceller_cb(void *cookie, enum err e, const struct quote_answer *a)
{
    struct one *o = cookie;

    one_cb(o, e, a);
    quote_ask_cancel(ones[1].ask); /* done as well, further back in the list */
}

static void cancel_inside_a_callback(void)
{
    struct digest32 leaf;

    open_service(0);
    device_hold(true);
    CHECK_INT(ask_exact(9), ERR_NONE);
    device_wait_begun(1);
    leaf_of(&ones[0], &leaf);
    CHECK_INT(quotes_ask_leaf(port, &leaf, canceller_cb, &ones[0], &ones[0].ask), ERR_NONE);
    CHECK_INT(ask(1), ERR_NONE);
    CHECK_INT(ask(2), ERR_NONE);
    device_hold(false);
    run_until(3);
    CHECK(ones[0].good && ones[2].good && ones[1].calls == 0);
    close_service();
}

static void failures(void)
{
    open_service(0);
    device.fail = ERR_IO;
    CHECK_INT(ask(0), ERR_NONE);
    CHECK_INT(ask(1), ERR_NONE);
    run_until(2);
    CHECK(ones[0].e == ERR_IO && ones[1].e == ERR_IO);
    device.fail = ERR_NONE;
    device.lie = true;
    CHECK_INT(ask(2), ERR_NONE);
    CHECK_INT(ask_exact(3), ERR_NONE);
    run_until(4);
    CHECK(ones[2].e == ERR_ATTESTATION && ones[3].e == ERR_ATTESTATION);
    device.lie = false;
    CHECK_INT(ask(4), ERR_NONE);
    run_until(5);
    CHECK(ones[4].good);
    CHECK(quotes_counters(service).failures >= 2 && quotes_counters(service).reports == 1);
    close_service();
}

/* Nobody waits for ever, and a worker that stops waits for nobody. */
static void time_is_up(void)
{
    uint64_t now_ms = clock_mono_ms();

    open_service(0);
    device_hold(true);
    CHECK_INT(ask(0), ERR_NONE);
    device_wait_begun(1);
    CHECK_INT(ask(1), ERR_NONE);
    quotes_port_tick(port, now_ms + QUOTES_ASK_MS - 1000, false);
    CHECK_INT(answered, 0);
    quotes_port_tick(port, now_ms + QUOTES_ASK_MS + 60000, false);
    CHECK_INT(answered, 2);
    CHECK(ones[0].e == ERR_ATTESTATION && ones[1].e == ERR_ATTESTATION);
    CHECK_INT(ask(2), ERR_NONE);
    quotes_port_tick(port, now_ms, true);
    CHECK(answered == 3 && ones[2].e == ERR_ATTESTATION);
    CHECK_INT(ask(3), ERR_NONE); /* and the port goes with an ask still waiting */
    close_service();
    CHECK_INT(answered, 3);
    for (size_t i = 0; i < 4; i++)
        CHECK_INT(ones[i].calls, i < 3);
}

/* A flood makes a report per window, however fast the device is; the first comes at once. */
static void window(void)
{
    open_service(40);
    CHECK_INT(ask(0), ERR_NONE);
    run_until(1);
    CHECK_INT(ask(1), ERR_NONE);
    CHECK_INT(ask(2), ERR_NONE);
    CHECK_INT(ask_exact(3), ERR_NONE); /* its own report, which no window holds back */
    run_until(4);
    CHECK(ones[1].good && ones[2].good && ones[3].good);
    CHECK(ones[1].size == 2 && ones[2].size == 2);
    CHECK(device.begun_ms[2] - device.begun_ms[0] >= 40);
    CHECK(device.begun_ms[1] <= device.begun_ms[2]);
    close_service();
}

/* --- several workers at once, asking and leaving at random */

enum { WORKERS = 4, ROUNDS = 400 };

struct busy {
    uv_thread_t thread;
    uv_loop_t loop;
    struct quotes_port *port;
    unsigned open, asked, refused, answered, cancelled;
    unsigned seed;
};

static void busy_cb(void *cookie, enum err e, const struct quote_answer *a)
{
    struct busy *b = cookie;

    (void)a;
    b->answered += e == ERR_NONE;
    b->open--;
}

static void busy_main(void *cookie)
{
    struct busy *b = cookie;
    struct digest32 leaf = {{0}};
    uint8_t wanted[64] = {0};

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct quote_ask *a;
        enum err e = rand_r(&b->seed) % 4 != 0 ? quotes_ask_leaf(b->port, &leaf, busy_cb, b, &a)
                                               : quotes_ask_exact(b->port, wanted, busy_cb, b, &a);

        leaf.b[0]++;
        if (e != ERR_NONE) {
            b->refused++;
            continue;
        }
        b->asked++;
        b->open++;
        if (rand_r(&b->seed) % 3 == 0) {
            if (rand_r(&b->seed) % 2 == 0)
                uv_sleep(1); /* let it be taken, or done */
            quote_ask_cancel(a);
            b->open--;
            b->cancelled++;
        }
        if (i % 8 == 0)
            uv_run(&b->loop, UV_RUN_NOWAIT);
    }
    while (b->open != 0)
        uv_run(&b->loop, UV_RUN_ONCE);
    quotes_port_free(b->port);
    uv_run(&b->loop, UV_RUN_DEFAULT);
}

static void many_workers(void)
{
    static struct busy busy[WORKERS];
    unsigned asked = 0, ended = 0;

    open_service(1);
    for (unsigned i = 0; i < WORKERS; i++) {
        busy[i].seed = i;
        CHECK_INT(uv_loop_init(&busy[i].loop), 0);
        CHECK_INT(quotes_port_new(service, &busy[i].loop, &busy[i].port), ERR_NONE);
        CHECK_INT(uv_thread_create(&busy[i].thread, busy_main, &busy[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        uv_thread_join(&busy[i].thread);
        CHECK_INT(uv_loop_close(&busy[i].loop), 0);
        asked += busy[i].asked;
        ended += busy[i].answered + busy[i].cancelled;
    }
    CHECK_INT(ended, asked);
    printf("# %u asks of %u workers in %u reports\n", asked, WORKERS, device.made);
    close_service();
}

static const struct check_case cases[] = {
    {"quotes_alone", alone},
    {"quotes_batches", batches},
    {"quotes_every_size", every_size},
    {"quotes_full_queues", full_queues},
    {"quotes_cancels", cancels},
    {"quotes_cancel_inside_a_callback", cancel_inside_a_callback},
    {"quotes_failures", failures},
    {"quotes_time_is_up", time_is_up},
    {"quotes_window", window},
    {"quotes_many_workers", many_workers},
};
CHECK_MAIN(cases)
