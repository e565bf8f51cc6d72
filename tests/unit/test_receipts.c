/* Receipts are found by their owners, on any thread, until newer ones have taken their place:
 * what is found must be whole, nobody else must find it, a flood of refusals must not push out what
 * was paid for, and writing them must cost next to nothing. */
#include "check.h"
#include "clock.h"
#include "digest_stream.h"
#include "receipts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { COUNT = 64 };

static struct digest32 owner_of(uint64_t n)
{
    struct digest32 d;

    digest_sha256(view_of(&n, sizeof n), &d);
    return d;
}

/* Every part says n, so that a mixture of two entries is noticed. */
static struct receipt_facts facts_of(uint64_t n, uint64_t owner, unsigned flags)
{
    struct receipt_facts f = {.owner = owner_of(owner), .flags = (uint16_t)flags};

    for (unsigned i = 0; i < 16; i++)
        f.id.b[i] = (uint8_t)(n >> (8 * (i & 7)));
    memset(f.received.b, (int)(n & 255), 32);
    memset(f.returned.b, (int)(n & 255), 32);
    f.cost_nusd = (int64_t)n;
    f.served_unix_ms = n;
    snprintf(f.model, sizeof f.model, "author/model-%llu", (unsigned long long)n);
    snprintf(f.upstream_model, sizeof f.upstream_model, "%llu", (unsigned long long)n);
    return f;
}

static bool same(const struct receipt_facts *a, const struct receipt_facts *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static enum err find(const struct receipts *r, uint64_t n, uint64_t owner, struct receipt_facts *out)
{
    struct receipt_facts f = facts_of(n, owner, 0);

    return receipts_find(r, &f.id, &f.owner, out);
}

static void found_by_its_owner_alone(void)
{
    struct receipt_facts f = facts_of(7, 1, RECEIPT_ADMITTED), out = {0}, untouched = {0};
    struct receipts *r = NULL;

    CHECK_INT(receipts_new(3, COUNT, &r), ERR_NONE);
    CHECK_INT(find(r, 7, 1, &out), ERR_NOT_FOUND);
    receipts_publish(r, 2, &f);
    CHECK_INT(find(r, 7, 1, &out), ERR_NONE); /* whichever worker it was */
    CHECK(same(&f, &out));
    out = untouched;
    CHECK_INT(find(r, 7, 2, &out), ERR_NOT_FOUND); /* somebody else's */
    CHECK_INT(find(r, 8, 1, &out), ERR_NOT_FOUND); /* no such */
    CHECK(same(&untouched, &out));
    receipts_free(r);
    receipts_free(NULL);
}

/* A key whose digest were all zero must not own what nobody owns. */
static void zero_is_no_owner(void)
{
    struct digest32 zero = {{0}};
    struct receipt_facts out;
    struct id id = {{0}};
    struct receipts *r = NULL;

    CHECK_INT(receipts_new(1, COUNT, &r), ERR_NONE);
    CHECK_INT(receipts_find(r, &id, &zero, &out), ERR_NOT_FOUND);
    receipts_free(r);
}

/* The last COUNT entries are there, whole, and no older one; many rounds, so that chains lead
 * through slots that were used again. */
static void the_oldest_goes(void)
{
    struct receipt_facts out;
    struct receipts *r = NULL;
    unsigned wrong = 0;

    CHECK_INT(receipts_new(1, COUNT, &r), ERR_NONE);
    for (uint64_t n = 0; n < 20 * COUNT; n++) {
        struct receipt_facts f = facts_of(n * 0x9e3779b97f4a7c15u, n, RECEIPT_ADMITTED);

        receipts_publish(r, 0, &f);
        for (uint64_t back = 0; back < 2 * COUNT && back <= n; back++) {
            uint64_t m = (n - back) * 0x9e3779b97f4a7c15u;
            enum err e = find(r, m, n - back, &out);

            f = facts_of(m, n - back, RECEIPT_ADMITTED);
            wrong += back < COUNT ? e != ERR_NONE || !same(&f, &out) : e != ERR_NOT_FOUND;
        }
    }
    CHECK_INT(wrong, 0);
    receipts_free(r);
}

/* All ids alike in the bits that choose a chain: one long chain still finds each. */
static void one_chain(void)
{
    struct receipt_facts out;
    struct receipts *r = NULL;

    CHECK_INT(receipts_new(1, COUNT, &r), ERR_NONE);
    for (uint64_t n = 0; n < 3 * COUNT; n++) {
        struct receipt_facts f = facts_of(n << 40, n, RECEIPT_ADMITTED);

        receipts_publish(r, 0, &f);
    }
    for (uint64_t n = 0; n < 3 * COUNT; n++)
        CHECK_INT(find(r, n << 40, n, &out), n < 2 * COUNT ? ERR_NOT_FOUND : ERR_NONE);
    receipts_free(r);
}

static void refusals_push_out_refusals_only(void)
{
    struct receipt_facts paid = facts_of(1, 1, RECEIPT_ADMITTED), out;
    struct receipts *r = NULL;

    CHECK_INT(receipts_new(1, COUNT, &r), ERR_NONE);
    receipts_publish(r, 0, &paid);
    for (uint64_t n = 2; n < 100 * COUNT; n++) {
        struct receipt_facts f = facts_of(n, n, 0);

        receipts_publish(r, 0, &f);
    }
    CHECK_INT(find(r, 1, 1, &out), ERR_NONE);
    CHECK(same(&paid, &out));
    CHECK_INT(find(r, 100 * COUNT - 1, 100 * COUNT - 1, &out), ERR_NONE);
    CHECK_INT(find(r, 2, 2, &out), ERR_NOT_FOUND);
    receipts_free(r);
}

static void observe(void *cookie, unsigned worker, const struct receipt_facts *f)
{
    uint64_t *sum = cookie;

    *sum += worker * 1000 + (uint64_t)f->cost_nusd;
}

static void the_observer_sees_each_once(void)
{
    struct receipts *r = NULL;
    uint64_t sum = 0;

    CHECK_INT(receipts_new(2, COUNT, &r), ERR_NONE);
    receipts_observe(r, observe, &sum);
    for (uint64_t n = 1; n <= 4; n++) {
        struct receipt_facts f = facts_of(n, n, n % 2 == 0 ? RECEIPT_ADMITTED : 0);

        receipts_publish(r, 1, &f);
        f.id.b[0] ^= 0xff;
        f.flags |= RECEIPT_PART; /* one of it: it is found, and not seen */
        receipts_publish(r, 1, &f);
        CHECK_INT(receipts_find(r, &f.id, &f.owner, &f), ERR_NONE);
    }
    CHECK_INT(sum, 4 * 1000 + 10);
    receipts_free(r);
}

/* --- many threads */

enum { WRITERS = 2, READERS = 3, ENTRIES = 60000 };

static struct {
    struct receipts *r;
    _Atomic uint64_t at[WRITERS];
    atomic_uint found, torn, left;
} crowd;

static uint64_t number(uint64_t writer, uint64_t n)
{
    return (n * WRITERS + writer + 1) * 0x9e3779b97f4a7c15u;
}

static void *write_many(void *cookie)
{
    unsigned writer = *(unsigned *)cookie;

    for (uint64_t n = 0; n < ENTRIES; n++) {
        struct receipt_facts f = facts_of(number(writer, n), 5, RECEIPT_ADMITTED);

        receipts_publish(crowd.r, writer, &f);
        atomic_store(&crowd.at[writer], n + 1);
    }
    atomic_fetch_sub(&crowd.left, 1);
    return NULL;
}

/* Looks for entries near the place where they are overwritten, where a race would show. */
static void *read_many(void *cookie)
{
    struct digest32 owner = owner_of(5);
    uint64_t random = (uintptr_t)cookie;

    while (atomic_load(&crowd.left) != 0) {
        uint64_t writer, n, at;
        struct receipt_facts want, got;

        random = random * 6364136223846793005u + 1442695040888963407u;
        writer = (random >> 33) % WRITERS;
        at = atomic_load(&crowd.at[writer]);
        if (at < COUNT)
            continue;
        n = at - 1 - (random >> 40) % COUNT;
        want = facts_of(number(writer, n), 5, RECEIPT_ADMITTED);
        if (receipts_find(crowd.r, &want.id, &owner, &got) != ERR_NONE)
            continue;
        atomic_fetch_add(&crowd.found, 1);
        if (!same(&want, &got))
            atomic_fetch_add(&crowd.torn, 1);
    }
    return NULL;
}

static void readers_never_see_halves(void)
{
    pthread_t thread[WRITERS + READERS];
    unsigned no[WRITERS];

    CHECK_INT(receipts_new(WRITERS, WRITERS * COUNT, &crowd.r), ERR_NONE);
    atomic_store(&crowd.left, WRITERS);
    for (unsigned i = 0; i < WRITERS; i++) {
        no[i] = i;
        CHECK_INT(pthread_create(&thread[i], NULL, write_many, &no[i]), 0);
    }
    for (unsigned i = 0; i < READERS; i++)
        CHECK_INT(pthread_create(&thread[WRITERS + i], NULL, read_many, &thread[i]), 0);
    for (unsigned i = 0; i < WRITERS + READERS; i++)
        pthread_join(thread[i], NULL);
    CHECK(atomic_load(&crowd.found) > 0);
    CHECK_INT(atomic_load(&crowd.torn), 0);
    printf("# %u found while being overwritten, none torn\n", atomic_load(&crowd.found));
    receipts_free(crowd.r);
}

/* --- names and commitments */

static void names(void)
{
    static const char digits[] = "00112233445566778899aabbccddeeff";
    char text[RECEIPT_ID_LEN + 1], chat[RECEIPT_CHAT_ID_LEN + 1];
    static const char *const bad[] = {
        "",
        "rcpt-",
        "gen-",
        "00112233445566778899aabbccddeeff",
        "rcpt-00112233445566778899aabbccddeef",
        "rcpt-00112233445566778899aabbccddeeff0",
        "rcpt-0011223344556677-8899aabbccddeeff",
        "rcpt-00112233-4455-6677-8899-aabbccddeeff", /* one spelling */
        "rcpt-g0112233445566778899aabbccddeeff",
        "RCPT-00112233445566778899aabbccddeeff",
    };
    struct id id, again;

    CHECK_INT(id_parse(view_str(digits), &id), ERR_NONE);
    receipt_id_text(&id, text);
    receipt_chat_id_text(&id, chat);
    CHECK(strcmp(text, "rcpt-00112233445566778899aabbccddeeff") == 0);
    CHECK(strcmp(chat, "gen-00112233445566778899aabbccddeeff") == 0);
    CHECK_INT(receipt_id_parse(view_str(text), &again), ERR_NONE);
    CHECK(id_eq(&id, &again));
    CHECK_INT(receipt_id_parse(view_str(chat), &again), ERR_NONE);
    CHECK(id_eq(&id, &again));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(receipt_id_parse(view_str(bad[i]), &again), ERR_FORMAT);
    CHECK(strcmp(receipt_path(RECEIPT_CHAT_API_V1), "/api/v1/chat/completions") == 0);
}

/* Values of Python's hmac module, for a secret of 32 times 0x11 and id 7, 7, ... */
static void commitments(void)
{
    struct receipt_facts f = facts_of(0x0707070707070707, 1, RECEIPT_RETURNED), other;
    struct receipt_commitment request, response, twin;
    struct secret32 secret;
    char hex[65];

    memset(secret.b, 0x11, sizeof secret.b);
    receipt_commit(&secret, &f, RECEIPT_REQUEST, &request);
    receipt_commit(&secret, &f, RECEIPT_RESPONSE, &response);
    hex_encode(request.salt, 32, hex);
    CHECK_BYTES(hex, 64, "bb9c94f46d39f38878801f10eef0d4ee5de58ed49b4da085a80547260ad6038f", 64);
    hex_encode(request.value.b, 32, hex);
    CHECK_BYTES(hex, 64, "9e8a75b494310b8041f14c9e1625149040e91c26fa0bac748972c38b36cf40d6", 64);
    hex_encode(response.salt, 32, hex);
    CHECK_BYTES(hex, 64, "f6f9a324697b6c01d008633b08e150b0bfacd9a45ab5d88119e71ddb2a302110", 64);
    hex_encode(response.value.b, 32, hex);
    CHECK_BYTES(hex, 64, "92267303ebf4057a422baa55315de24680e48c6c0938cdd96b043a025deb4778", 64);
    other = f; /* the same bodies in another answer: neither salt nor value alike */
    other.id.b[15] ^= 1;
    receipt_commit(&secret, &other, RECEIPT_REQUEST, &twin);
    CHECK(memcmp(twin.salt, request.salt, 32) != 0);
    CHECK(memcmp(twin.value.b, request.value.b, 32) != 0);
    secret.b[0] ^= 1; /* another boot */
    receipt_commit(&secret, &f, RECEIPT_REQUEST, &twin);
    CHECK(memcmp(twin.salt, request.salt, 32) != 0);
}

/* In whatever pieces bytes come, their digest is the same. */
static void digest_in_pieces(void)
{
    uint8_t text[300];
    struct digest32 whole, pieces;
    struct digest_stream s;

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n <= sizeof text; n++) {
        digest_sha256(view_of(text, n), &whole);
        for (size_t step = 1; step <= 70; step += 3) {
            digest_stream_begin(&s);
            for (size_t at = 0; at < n; at += step)
                digest_stream_add(&s, view_of(text + at, step < n - at ? step : n - at));
            digest_stream_end(&s, &pieces);
            if (memcmp(&whole, &pieces, sizeof whole) != 0)
                CHECK_INT(step, 0);
        }
    }
}

/* Not asserted: what one answer costs the worker that serves it. */
static void costs(void)
{
    enum { ROUNDS = 200000, BODY = 2048 };
    struct receipt_facts f = facts_of(1, 1, RECEIPT_ADMITTED), out;
    struct receipts *r = NULL;
    static uint8_t body[BODY];
    struct digest_stream s;
    struct digest32 d;
    uint64_t began, us;

    CHECK_INT(receipts_new(1, 65536, &r), ERR_NONE);
    for (unsigned i = 0; i < 2; i++) { /* the second time its pages are there */
        began = clock_mono_us();
        for (uint64_t n = 0; n < ROUNDS; n++) {
            uint64_t id = n * 0x9e3779b97f4a7c15u;

            memcpy(f.id.b + 8, &id, 8);
            receipts_publish(r, 0, &f);
        }
        us = clock_mono_us() - began;
    }
    printf("# publish: %llu ns\n", (unsigned long long)(us * 1000 / ROUNDS));
    began = clock_mono_us();
    for (uint64_t n = 0; n < ROUNDS; n++)
        CHECK_INT(receipts_find(r, &f.id, &f.owner, &out), ERR_NONE);
    us = clock_mono_us() - began;
    printf("# find: %llu ns\n", (unsigned long long)(us * 1000 / ROUNDS));
    began = clock_mono_us();
    for (uint64_t n = 0; n < ROUNDS / 4; n++) {
        digest_stream_begin(&s);
        digest_stream_add(&s, view_of(body, sizeof body));
        digest_stream_end(&s, &d);
    }
    us = clock_mono_us() - began;
    printf("# SHA-256 of %d bytes: %llu ns\n", BODY, (unsigned long long)(us * 4000 / ROUNDS));
    receipts_free(r);
}

static const struct check_case cases[] = {
    {"receipts_found_by_its_owner_alone", found_by_its_owner_alone},
    {"receipts_zero_is_no_owner", zero_is_no_owner},
    {"receipts_the_oldest_goes", the_oldest_goes},
    {"receipts_one_chain", one_chain},
    {"receipts_refusals_push_out_refusals_only", refusals_push_out_refusals_only},
    {"receipts_the_observer_sees_each_once", the_observer_sees_each_once},
    {"receipts_readers_never_see_halves", readers_never_see_halves},
    {"receipts_names", names},
    {"receipts_commitments", commitments},
    {"receipts_digest_in_pieces", digest_in_pieces},
    {"receipts_costs", costs},
};
CHECK_MAIN(cases)
