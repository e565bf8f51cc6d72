/* The sampler must not be able to choose: what is picked follows from a secret fixed before, every
 * pick is in the chain or counted as missed, and what a reader gets is accepted by the same check
 * that a stranger makes (audit_document.h). Owners see their own samples and nobody else's. */
#include "audit.h"
#include "audit_document.h"
#include "audit_queue.h"
#include "clock.h"
#include "identity.h"

#include "check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#define HOUR_MS UINT64_C(3600000)
#define START_MS UINT64_C(1790000000000)

static struct identity_keys *keys;
static uint8_t key[32];
static struct secret32 salts = {{7}};
static struct audit_document doc;

static const struct digest32 ann = {{1}}, bob = {{2}}, eve = {{3}};

static struct audit *start(uint64_t rate_ppm, size_t keep, unsigned workers)
{
    struct audit_config c = {.workers = workers,
                             .rate_ppm = rate_ppm,
                             .keep = keep,
                             .keys = keys,
                             .salts = &salts,
                             .simulated = true};
    struct audit *a = NULL;

    if (audit_new(&c, &a) != ERR_NONE)
        abort();
    return a;
}

static struct receipt_facts served(const struct digest32 *owner, unsigned n)
{
    struct receipt_facts f = {.id = id_new(),
                              .owner = *owner,
                              .served_unix_ms = clock_unix_ms(),
                              .status = 200,
                              .flags = RECEIPT_ADMITTED | RECEIPT_RETURNED | RECEIPT_COMPLETE};

    digest_sha256(view_of(&n, sizeof n), &f.received);
    digest_sha256(view_of(&f.received, 32), &f.returned);
    return f;
}

static void offer(struct audit *a, const struct digest32 *owner, unsigned n)
{
    struct receipt_facts f = served(owner, n);

    audit_offer(a, 0, &f);
}

/* The head into doc, as a stranger would accept it. */
static void ask_head(struct audit *a)
{
    struct buf text;

    buf_init(&text, AUDIT_HEAD_BYTES);
    CHECK_INT(audit_head(a, &text), ERR_NONE);
    CHECK_INT(audit_document_parse(buf_view(&text), &doc), ERR_NONE);
    CHECK_INT(audit_document_check(&doc, key), AUDIT_ACCEPT);
    buf_free(&text);
}

static void ask(struct audit *a, const struct digest32 *owner, int64_t from, size_t entries)
{
    struct audit_question q = {
        .owner = *owner, .has_from = from >= 0, .from = (uint64_t)from, .entries = entries};
    struct buf text;

    buf_init(&text, AUDIT_DOCUMENT_BYTES);
    CHECK_INT(audit_samples(a, &q, &text), ERR_NONE);
    CHECK_INT(audit_document_parse(buf_view(&text), &doc), ERR_NONE);
    CHECK_INT(audit_document_check(&doc, key), AUDIT_ACCEPT);
    buf_free(&text);
}

/* --- which answers */

static void test_rates(void)
{
    static const uint64_t rates[] = {0, AUDIT_PPM, 50000};
    static const uint64_t least[] = {0, 100000, 5000 - 480}, most[] = {0, 100000, 5000 + 480};

    for (size_t i = 0; i < 3; i++) { /* 5 %: seven standard deviations either way */
        struct audit *a = start(rates[i], 16, 1);

        for (unsigned n = 0; n < 100000; n++) {
            offer(a, &ann, n);
            if (n % 500 == 0)
                audit_advance(a);
        }
        audit_advance(a);
        ask_head(a);
        CHECK(doc.head.count >= least[i] && doc.head.count <= most[i]);
        CHECK_INT(doc.head.missed, 0);
        CHECK_INT(doc.head.rate_ppm, rates[i]);
        CHECK(doc.head.simulated);
        audit_free(a);
    }
}

/* With fixed secrets the very answers that Python picks (test_audit_document.c). */
static void test_queue_picks(void)
{
    static struct digest32 secrets[AUDIT_EPOCHS + 1];
    struct receipt_facts f = served(&ann, 0);
    struct audit_queue *q = NULL;
    struct audit_picked p;
    unsigned picked = 0;

    memset(secrets[1].b, 0x33, 32); /* ids that begin with zeros are of epoch 0 */
    CHECK_INT(audit_queue_new(1, 50000, 0, secrets, &q), ERR_NONE);
    for (uint32_t k = 0; k < 100000; k++) {
        memset(&f.id, 0, sizeof f.id);
        for (unsigned j = 0; j < 4; j++)
            f.id.b[15 - j] = (uint8_t)(k >> (8 * j));
        if (!audit_queue_offer(q, 0, &f))
            continue;
        picked++;
        CHECK_INT(audit_queue_take(q, &p, 1), 1);
        CHECK(id_eq(&p.request, &f.id));
    }
    CHECK_INT(picked, 4940);
    CHECK_INT(audit_queue_take(q, &p, 1), 0);
    audit_queue_free(q);
}

static void test_only_served(void)
{
    static const struct {
        uint16_t flags;
        unsigned sampled;
    } cases[] = {
        {RECEIPT_ADMITTED | RECEIPT_RETURNED | RECEIPT_COMPLETE, 1},
        {RECEIPT_ADMITTED | RECEIPT_RETURNED, 1},  /* cut off: what arrived is committed to */
        {RECEIPT_RETURNED | RECEIPT_COMPLETE, 0},  /* refused: nobody paid */
        {RECEIPT_ADMITTED | RECEIPT_FORWARDED, 0}, /* nothing came back */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct audit *a = start(AUDIT_PPM, 4, 1);
        struct receipt_facts f = served(&ann, 1);

        f.flags = cases[i].flags;
        audit_offer(a, 0, &f);
        audit_advance(a);
        ask(a, &ann, -1, 10);
        CHECK_INT(doc.head.count, cases[i].sampled);
        CHECK_INT(doc.n_samples, cases[i].sampled);
        if (doc.n_samples == 1)
            CHECK_INT(doc.samples[0].sample.complete, (f.flags & RECEIPT_COMPLETE) != 0);
        audit_free(a);
    }
}

static void test_missed(void)
{
    struct audit *a = start(AUDIT_PPM, 4096, 2);

    for (unsigned n = 0; n < 1024 + 10; n++)
        offer(a, &ann, n);
    audit_advance(a);
    ask_head(a);
    CHECK_INT(doc.head.count, 1024);
    CHECK_INT(doc.head.missed, 10);
    offer(a, &ann, 0); /* there is room again */
    audit_advance(a);
    ask_head(a);
    CHECK_INT(doc.head.count, 1025);
    CHECK_INT(audit_counters(a).sampled, 1025);
    CHECK_INT(audit_counters(a).missed, 10);
    audit_free(a); /* of two workers, one with samples still waiting */
    a = start(AUDIT_PPM, 4, 2);
    offer(a, &ann, 1);
    audit_free(a);
}

/* --- who sees what */

static void test_owners(void)
{
    struct audit *a = start(AUDIT_PPM, 100, 1);
    struct receipt_commitment c;
    struct receipt_facts f;

    for (unsigned n = 0; n < 10; n++)
        offer(a, n % 3 == 1 ? &bob : &ann, n);
    f = served(&bob, 77);
    audit_offer(a, 0, &f);
    audit_advance(a);

    ask(a, &ann, -1, 100);
    CHECK_INT(doc.n_samples, 7);
    CHECK(audit_document_whole(&doc));
    CHECK_INT(audit_document_find(&doc, NULL, &f.received, NULL), doc.n_samples);

    ask(a, &bob, -1, 100); /* from his first on */
    CHECK_INT(doc.window.from, 1);
    CHECK_INT(doc.n_leaves, 10);
    CHECK_INT(doc.n_samples, 4);
    CHECK_INT(audit_document_find(&doc, &f.id, &f.received, &f.returned), 3);
    /* what the receipt of the same answer commits with */
    receipt_commit(&salts, &f, RECEIPT_RESPONSE, &c);
    CHECK_BYTES(doc.samples[3].response_salt, 32, c.salt, 32);
    CHECK_BYTES(doc.samples[3].sample.response_commitment.b, 32, c.value.b, 32);
    CHECK(memcmp(doc.samples[3].request_salt, c.salt, 32) != 0);

    ask(a, &eve, -1, 100); /* nothing is hers: not even leaves */
    CHECK_INT(doc.n_samples, 0);
    CHECK_INT(doc.n_leaves, 0);
    ask(a, &eve, 0, 100); /* leaves, when she asks for all, and none opened */
    CHECK_INT(doc.n_samples, 0);
    CHECK_INT(doc.n_leaves, 11);
    audit_free(a);
}

/* Nothing that is only an owner's, in any form, may be in what somebody else gets. */
static void test_no_leak(void)
{
    struct audit *a = start(AUDIT_PPM, 100, 1);
    struct receipt_facts f = served(&ann, 5);
    struct receipt_commitment request, response;
    struct audit_question q = {.owner = eve, .has_from = true, .entries = 100};
    struct buf mine, hers;

    audit_offer(a, 0, &f);
    audit_advance(a);
    receipt_commit(&salts, &f, RECEIPT_REQUEST, &request);
    receipt_commit(&salts, &f, RECEIPT_RESPONSE, &response);
    const uint8_t *const secrets[] = {request.salt, response.salt,   f.received.b,
                                      f.returned.b, request.value.b, response.value.b};

    buf_init(&hers, AUDIT_DOCUMENT_BYTES);
    buf_init(&mine, AUDIT_DOCUMENT_BYTES);
    CHECK_INT(audit_samples(a, &q, &hers), ERR_NONE);
    q.owner = ann;
    CHECK_INT(audit_samples(a, &q, &mine), ERR_NONE);
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        char hex[65];

        hex_encode(secrets[i], 32, hex);
        CHECK(memmem(mine.ptr, mine.len, hex, 64) != NULL);
        CHECK(memmem(hers.ptr, hers.len, hex, 64) == NULL);
    }
    buf_free(&mine);
    buf_free(&hers);
    audit_free(a);
}

/* --- the window */

static void test_overflow(void)
{
    static struct audit_document at15;
    struct audit *a = start(AUDIT_PPM, 8, 1);

    for (unsigned n = 0; n < 15; n++)
        offer(a, &ann, n);
    audit_advance(a);
    ask_head(a);
    at15 = doc;
    CHECK_INT(doc.head.first_kept, 7);
    for (unsigned n = 15; n < 20; n++)
        offer(a, &ann, n);
    audit_advance(a);
    ask(a, &ann, 0, 100); /* what is gone cannot be had, and the answer says so */
    CHECK_INT(doc.head.count, 20);
    CHECK_INT(doc.head.first_kept, 12);
    CHECK_INT(doc.window.from, 12);
    CHECK_INT(doc.window.to, 20);
    CHECK_INT(doc.n_samples, 8);
    CHECK_INT(audit_document_follows(&doc, &at15.head, key), AUDIT_ACCEPT);
    CHECK(!audit_document_whole(&doc));
    for (unsigned n = 20; n < 28; n++) /* everything that was kept has gone */
        offer(a, &ann, n);
    audit_advance(a);
    ask(a, &ann, 0, 100);
    CHECK_INT(doc.window.from, 20);
    CHECK_INT(audit_document_follows(&doc, &at15.head, key), AUDIT_APART);
    ask(a, &ann, 28, 1); /* at the end: nothing new yet */
    CHECK_INT(doc.n_leaves, 0);
    audit_free(a);
}

static void test_pages(void)
{
    struct audit *a = start(AUDIT_PPM, 1000, 1);
    struct audit_question q = {.owner = ann, .has_from = true, .from = 301, .entries = 1};
    struct digest32 after = {{0}};
    struct buf text;
    uint64_t at = 0, own = 0;

    for (unsigned n = 0; n < 300; n++)
        offer(a, n % 2 == 0 ? &ann : &bob, n);
    audit_advance(a);
    do {
        ask(a, &ann, (int64_t)at, 70);
        CHECK_INT(doc.window.from, at);
        CHECK(at == 0 || memcmp(after.b, doc.window.before.b, 32) == 0);
        after = doc.window.after;
        at = doc.window.to;
        own += doc.n_samples;
    } while (at < doc.head.count);
    CHECK_INT(own, 150);
    ask(a, &ann, 0, 1000); /* a page ends after so many of one's own */
    CHECK_INT(doc.n_samples, AUDIT_OPENINGS_MAX);
    CHECK_INT(doc.window.to, 2 * AUDIT_OPENINGS_MAX - 1);
    buf_init(&text, AUDIT_DOCUMENT_BYTES);
    CHECK_INT(audit_samples(a, &q, &text), ERR_RANGE);
    CHECK_INT(text.len, 0);
    q.from = 300;
    CHECK_INT(audit_samples(a, &q, &text), ERR_NONE);
    buf_free(&text);
    audit_free(a);
}

/* The longest answer there is fits. */
static void test_longest(void)
{
    struct audit *a = start(AUDIT_PPM, 2000, 1);

    for (unsigned n = 0; n < 2000; n++) {
        offer(a, n < 897 || n > 1023 ? &ann : &bob, n);
        if (n % 1000 == 0)
            audit_advance(a);
    }
    audit_advance(a);
    ask(a, &bob, 0, AUDIT_WINDOW_MAX);
    CHECK_INT(doc.n_leaves, AUDIT_WINDOW_MAX);
    CHECK_INT(doc.n_samples, 127);
    audit_free(a);
}

/* --- time */

static void test_signed_once(void)
{
    struct audit *a;
    uint8_t first[64];

    clock_freeze(1000000, START_MS);
    a = start(AUDIT_PPM, 8, 1);
    ask_head(a);
    memcpy(first, doc.head.signature, 64);
    clock_freeze(1000000 + 900 * 1000, START_MS + 900);
    ask_head(a);
    CHECK_BYTES(doc.head.signature, 64, first, 64); /* asking often costs no signature */
    CHECK_INT(doc.head.signed_at_ms, START_MS);
    offer(a, &ann, 1);
    audit_advance(a);
    ask_head(a); /* changed */
    CHECK_INT(doc.head.signed_at_ms, START_MS + 900);
    clock_freeze(1000000 + 1900 * 1000, START_MS + 1900);
    ask_head(a); /* old */
    CHECK_INT(doc.head.signed_at_ms, START_MS + 1900);
    audit_free(a);
    clock_thaw();
}

static void at_hours(struct audit *a, unsigned mono, unsigned wall)
{
    clock_freeze(1000000 + mono * HOUR_MS * 1000, START_MS + wall * HOUR_MS);
    audit_advance(a);
}

static void test_reveal(void)
{
    struct audit *a;
    struct id ids[64];
    unsigned picked = 0;

    clock_freeze(1000000, START_MS);
    a = start(AUDIT_PPM / 2, 100, 1);
    for (unsigned n = 0; n < 64; n++) {
        struct receipt_facts f = served(&ann, n);

        ids[n] = f.id;
        audit_offer(a, 0, &f);
    }
    at_hours(a, 0, 0);
    ask(a, &ann, -1, 100);
    CHECK_INT(doc.head.revealed_epochs, 0);
    CHECK_INT(audit_document_expects(&doc, &ids[0]), AUDIT_NOT_YET);
    at_hours(a, 1, 1); /* over, but a request of its last minute may still run */
    ask(a, &ann, -1, 100);
    CHECK_INT(doc.head.revealed_epochs, 0);
    at_hours(a, 1, 50); /* the wall clock jumps: nothing is shown */
    ask(a, &ann, -1, 100);
    CHECK_INT(doc.head.revealed_epochs, 0);
    at_hours(a, 50, 0); /* or it is set back */
    ask(a, &ann, -1, 100);
    CHECK_INT(doc.head.revealed_epochs, 0);
    at_hours(a, 2, 2);
    ask(a, &ann, -1, 100);
    CHECK_INT(doc.head.revealed_epochs, 1);
    for (unsigned n = 0; n < 64;
         n++) { /* each request's owner can tell, and all of them are there */
        bool expected = audit_document_expects(&doc, &ids[n]) == AUDIT_PICKED;

        CHECK_INT(audit_document_find(&doc, &ids[n], NULL, NULL) < doc.n_samples, expected);
        picked += expected;
    }
    CHECK(picked > 5 && picked < 59);
    CHECK_INT(doc.n_samples, picked);
    at_hours(a, 1, 1); /* what was shown stays shown */
    ask(a, &ann, -1, 100);
    CHECK_INT(doc.head.revealed_epochs, 1);
    at_hours(a, AUDIT_EPOCHS + 1, AUDIT_EPOCHS + 1);
    ask(a, &ann, -1, 100);
    CHECK_INT(doc.head.revealed_epochs, AUDIT_EPOCHS - 1);
    at_hours(a, 200 * 24, 200 * 24); /* the secret that goes on deciding is never shown */
    ask(a, &ann, -1, 100);
    CHECK_INT(doc.head.revealed_epochs, AUDIT_EPOCHS - 1);
    audit_free(a);
    clock_thaw();
}

/* --- threads */

enum { THREADS = 2, OFFERS = 20000 };
static struct audit *shared;
static _Atomic bool stop;
static unsigned reads;

static void offering(void *cookie)
{
    unsigned worker = (unsigned)(uintptr_t)cookie;

    for (unsigned n = 0; n < OFFERS; n++) {
        struct receipt_facts f = served(worker == 0 ? &ann : &bob, n);

        audit_offer(shared, worker, &f);
    }
}

static void reading(void *cookie)
{
    static struct audit_document seen;
    struct audit_question q = {.owner = ann, .entries = 200};
    uint64_t count = 0;
    struct buf text;

    (void)cookie;
    buf_init(&text, AUDIT_DOCUMENT_BYTES);
    while (!atomic_load(&stop)) {
        buf_reset(&text);
        CHECK_INT(audit_samples(shared, &q, &text), ERR_NONE);
        CHECK_INT(audit_document_parse(buf_view(&text), &seen), ERR_NONE);
        CHECK_INT(audit_document_check(&seen, key), AUDIT_ACCEPT);
        CHECK(seen.head.count >= count);
        count = seen.head.count;
        reads++;
    }
    buf_free(&text);
}

static void test_threads(void)
{
    uv_thread_t workers[THREADS], reader;

    shared = start(AUDIT_PPM / 2, 500, THREADS);
    atomic_store(&stop, false);
    reads = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK_INT(uv_thread_create(&workers[i], offering, (void *)i), 0);
    CHECK_INT(uv_thread_create(&reader, reading, NULL), 0);
    for (unsigned n = 0; n < 200; n++) {
        audit_advance(shared);
        uv_sleep(1);
    }
    for (unsigned i = 0; i < THREADS; i++)
        uv_thread_join(&workers[i]);
    audit_advance(shared);
    atomic_store(&stop, true);
    uv_thread_join(&reader);
    ask_head(shared);
    /* half of them, each exactly once: chained or missed; seven standard deviations */
    CHECK(doc.head.count + doc.head.missed > THREADS * OFFERS / 2 - 700 &&
          doc.head.count + doc.head.missed < THREADS * OFFERS / 2 + 700);
    CHECK(doc.head.count > 500 && reads > 0);
    printf("# %llu chained, %llu missed, %u reads\n", (unsigned long long)doc.head.count,
           (unsigned long long)doc.head.missed, reads);
    audit_free(shared);
}

/* What it costs an answer that is not picked: printed, not judged, because the machine is shared.
 */
static void test_cost(void)
{
    struct audit *a = start(1, 8, 1);
    struct receipt_facts f = served(&ann, 1);
    uint64_t began = clock_mono_us();

    for (unsigned n = 0; n < 200000; n++) {
        memcpy(f.id.b + 8, &n, sizeof n);
        audit_offer(a, 0, &f);
    }
    printf("# %llu ns each\n", (unsigned long long)((clock_mono_us() - began) / 200));
    CHECK(audit_counters(a).missed == 0);
    audit_free(a);
}

static const struct check_case cases[] = {
    {"audit_rates", test_rates},
    {"audit_queue_picks", test_queue_picks},
    {"audit_only_served", test_only_served},
    {"audit_missed", test_missed},
    {"audit_owners", test_owners},
    {"audit_no_leak", test_no_leak},
    {"audit_overflow", test_overflow},
    {"audit_pages", test_pages},
    {"audit_longest", test_longest},
    {"audit_signed_once", test_signed_once},
    {"audit_reveal", test_reveal},
    {"audit_threads", test_threads},
    {"audit_cost", test_cost},
};

int main(int argc, char **argv)
{
    struct identity_config c = {.audience = "localhost", .simulated = true};

    if (secret_init() != ERR_NONE || identity_keys_new(&c, &keys) != ERR_NONE)
        return 1;
    identity_receipt_key(keys, key);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
