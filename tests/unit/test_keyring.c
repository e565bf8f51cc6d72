/* The keyring is where credit could be spent twice: by two workers, by a late settlement, by a lease
 * that was replaced, by a slot that was recycled. Each of these has a case, and one case lets threads
 * do all of it at once and then adds up, lease by lease, what was granted and what went out. */
#include "check.h"
#include "clock.h"
#include "keyring.h"
#include "keyring_slot.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

static const uint64_t T0 = 1000000; /* mono ms at which the cases begin */

static struct digest32 digest_of(uint32_t n)
{
    struct digest32 d;

    digest_sha256(view_of(&n, sizeof n), &d);
    return d;
}

static struct id id_of(uint32_t kind, uint32_t n)
{
    struct id id = {{0}};

    memcpy(id.b, &kind, 4);
    memcpy(id.b + 12, &n, 4);
    return id;
}

static struct msg_grant grant_of(uint32_t key, uint32_t lease, int64_t granted_nusd)
{
    return (struct msg_grant){.key_digest = digest_of(key),
                              .key = id_of(1, key),
                              .account = id_of(2, key),
                              .lease = id_of(3, lease),
                              .granted_nusd = granted_nusd,
                              .lease_ms = 60000};
}

static struct msg_lease lease_of(uint32_t key, uint32_t lease, int64_t granted_nusd,
                                 enum lease_status s)
{
    return (struct msg_lease){.key = id_of(1, key),
                              .lease = id_of(3, lease),
                              .granted_nusd = granted_nusd,
                              .lease_ms = 60000,
                              .status = (uint8_t)s};
}

static struct keyring *ring(size_t max)
{
    struct keyring *k = NULL;

    CHECK_INT(secret_init(), ERR_NONE);
    CHECK_INT(keyring_new(max, &k), ERR_NONE);
    return k;
}

static struct key *found(struct keyring *k, uint32_t key, uint64_t now)
{
    struct digest32 d = digest_of(key);
    struct key *s = NULL;

    CHECK_INT(keyring_find(k, &d, now, &s), ERR_NONE);
    return s;
}

static enum err find_err(struct keyring *k, uint32_t key, uint64_t now)
{
    struct digest32 d = digest_of(key);
    struct key *s = NULL;
    enum err e = keyring_find(k, &d, now, &s);

    if (e == ERR_NONE)
        key_release(s);
    return e;
}

static bool extendable(struct keyring *k, const struct digest32 *d, struct msg_lease_more *more)
{
    struct msg_key_lookup lookup;

    return keyring_extendable(k, d, 0, T0, more, &lookup);
}

static void grants_and_finds(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(7, 70, 1000);
    struct key *s;
    struct id want_key = id_of(1, 7), want_account = id_of(2, 7), want_lease = id_of(3, 70);
    struct id got;
    struct msg_lease_more more;
    struct digest32 d;

    CHECK_INT(find_err(k, 7, T0), ERR_NOT_FOUND);
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(find_err(k, 8, T0), ERR_NOT_FOUND);
    s = found(k, 7, T0);
    got = key_id(s);
    CHECK(id_eq(&got, &want_key));
    got = key_account(s);
    CHECK(id_eq(&got, &want_account));
    d = key_digest(s);
    CHECK_BYTES(d.b, 32, g.key_digest.b, 32);
    CHECK(extendable(k, &d, &more) && id_eq(&more.lease, &want_lease) &&
          id_eq(&more.key, &want_key));
    CHECK_INT(key_available(s), 1000);
    key_release(s);
    /* The same digest can never become another key. */
    g.key = id_of(1, 9);
    CHECK_INT(keyring_grant(k, &g, T0), ERR_FORMAT);
    g = grant_of(9, 90, -1);
    CHECK_INT(keyring_grant(k, &g, T0), ERR_RANGE);
    CHECK_INT(find_err(k, 9, T0), ERR_NOT_FOUND);
    keyring_free(k);
    keyring_free(NULL);
}

/* Equal in everything the table sorts by: only the whole digest tells them apart. */
static void whole_digest_decides(void)
{
    struct keyring *k = ring(8);
    struct msg_grant a = grant_of(1, 10, 100), b = grant_of(2, 20, 200);
    struct msg_revoke r;
    struct key *s = NULL;

    memcpy(b.key_digest.b, a.key_digest.b, 31);
    b.key_digest.b[31] = (uint8_t)~a.key_digest.b[31];
    CHECK_INT(keyring_grant(k, &a, T0), ERR_NONE);
    CHECK_INT(keyring_find(k, &b.key_digest, T0, &s), ERR_NOT_FOUND);
    CHECK_INT(keyring_grant(k, &b, T0), ERR_NONE);
    CHECK_INT(keyring_find(k, &a.key_digest, T0, &s), ERR_NONE);
    CHECK_INT(key_available(s), 100);
    key_release(s);
    CHECK_INT(keyring_find(k, &b.key_digest, T0, &s), ERR_NONE);
    CHECK_INT(key_available(s), 200);
    key_release(s);
    r = (struct msg_revoke){.key_digest = b.key_digest, .reason = NO_KEY_UNKNOWN};
    r.key_digest.b[31] ^= 1; /* a third, unknown one */
    keyring_revoke(k, &r, T0);
    CHECK_INT(keyring_find(k, &r.key_digest, T0, &s), ERR_AUTH);
    CHECK_INT(find_err(k, 1, T0), ERR_NONE);
    keyring_free(k);
}

static void reserves_and_settles(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);
    struct id lease, other = id_of(3, 11);
    uint32_t retry_ms = 0;
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 1001, T0, &lease, &retry_ms), ERR_CREDIT);
    CHECK_INT(key_reserve(s, 1000, T0, &lease, &retry_ms), ERR_NONE);
    CHECK(id_eq(&lease, &g.lease));
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_CREDIT);
    CHECK_INT(key_reserve(s, 0, T0, &lease, &retry_ms), ERR_NONE);
    key_settle(s, &lease, 0, 0);
    key_settle(s, &other, 1000, 0); /* not the lease that paid: nothing comes back */
    CHECK_INT(key_available(s), 0);
    key_settle(s, &lease, 1000, 400);
    CHECK_INT(key_available(s), 600);
    /* A bigger total adds its difference, once, in whatever order totals arrive. */
    keyring_lease(k, &(struct msg_lease){.key = g.key, .lease = g.lease, .granted_nusd = 1500,
                                         .lease_ms = 60000}, T0);
    CHECK_INT(key_available(s), 1100);
    g.granted_nusd = 1300;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(key_available(s), 1100);
    g.granted_nusd = 1500;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(key_available(s), 1100);
    key_release(s);
    keyring_free(k);
}

/* A reservation grows out of its own lease only, whatever the key holds by then. */
static void grows_within_its_lease(void)
{
    struct keyring *k = ring(8);
    struct msg_grant a = grant_of(1, 10, 1000), b = grant_of(1, 11, 500);
    struct msg_revoke r = {.key_digest = digest_of(1), .reason = NO_KEY_DISABLED};
    struct id lease;
    uint32_t retry_ms;
    struct key *s;

    a.requests_per_minute = 1;
    CHECK_INT(keyring_grant(k, &a, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 300, T0, &lease, &retry_ms), ERR_NONE);
    CHECK_INT(key_grow(s, &lease, 701, T0), ERR_CREDIT);
    CHECK_INT(key_grow(s, &lease, 100, T0), ERR_NONE); /* and no rate stands against it */
    CHECK_INT(key_available(s), 600);
    CHECK_INT(key_grow(s, &lease, 1, T0 + 60000), ERR_CONTROL_PLANE);
    key_settle(s, &lease, 400, 50);
    CHECK_INT(key_available(s), 950);
    CHECK_INT(keyring_grant(k, &b, T0), ERR_NONE);
    CHECK_INT(key_grow(s, &lease, 100, T0), ERR_CONFLICT);
    CHECK_INT(key_available(s), 500);
    CHECK_INT(key_grow(s, &b.lease, 100, T0), ERR_NONE);
    keyring_revoke(k, &r, T0);
    CHECK_INT(key_grow(s, &b.lease, 1, T0), ERR_FORBIDDEN);
    key_release(s);
    keyring_free(k);
}

static void late_settlement_pays_only_its_lease(void)
{
    struct keyring *k = ring(8);
    struct msg_grant a = grant_of(1, 10, 1000), b = grant_of(1, 11, 500);
    struct msg_lease gone = lease_of(1, 11, 0, LEASE_GONE);
    struct msg_lease_return ret[4];
    struct msg_lease_more more;
    struct id lease_a, lease_b;
    uint32_t retry_ms;
    struct key *s;

    CHECK_INT(keyring_grant(k, &a, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 700, T0, &lease_a, &retry_ms), ERR_NONE);
    CHECK_INT(keyring_grant(k, &b, T0), ERR_NONE); /* replaced while 700 are out */
    CHECK_INT(key_available(s), 500);
    CHECK_INT(keyring_returns(k, T0, ret, 4), 1); /* what was left of the first */
    CHECK_INT(ret[0].total_nusd, 300);
    CHECK(id_eq(&ret[0].lease, &a.lease) && !ret[0].final);
    key_settle(s, &lease_a, 700, 100);
    CHECK_INT(key_available(s), 500); /* 600 did not leak into the second */
    CHECK_INT(key_reserve(s, 200, T0, &lease_b, &retry_ms), ERR_NONE);
    CHECK(id_eq(&lease_b, &b.lease));
    keyring_lease(k, &gone, T0);
    CHECK_INT(key_available(s), 0);
    key_settle(s, &lease_b, 200, 0);
    CHECK_INT(key_available(s), 0);
    CHECK_INT(key_reserve(s, 1, T0, &lease_b, &retry_ms), ERR_CONTROL_PLANE);
    CHECK(!extendable(k, &a.key_digest, &more));
    CHECK_INT(find_err(k, 1, T0), ERR_NOT_FOUND);
    key_release(s);
    keyring_free(k);
}

static void given_back_lease_is_not_spent_twice(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);
    struct msg_lease_return ret[4];
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(keyring_returns(k, T0 + 1000, ret, 4), 0);
    CHECK_INT(keyring_returns(k, T0 + KEY_IDLE_MS, ret, 4), 1);
    CHECK_INT(ret[0].total_nusd, 1000);
    CHECK(!ret[0].final);
    CHECK_INT(find_err(k, 1, T0 + KEY_IDLE_MS), ERR_NOT_FOUND);
    CHECK_INT(keyring_returns(k, T0 + KEY_IDLE_MS, ret, 4), 0);
    /* The control plane extends the same lease: only what it adds counts. */
    g.granted_nusd = 1400;
    CHECK_INT(keyring_grant(k, &g, T0 + KEY_IDLE_MS), ERR_NONE);
    s = found(k, 1, T0 + KEY_IDLE_MS);
    CHECK_INT(key_available(s), 400);
    /* In use: not idle, however long. Near its end: to be renewed, once a second. */
    CHECK_INT(keyring_returns(k, T0 + 50000, ret, 4), 0);
    struct msg_lease_more more[4];
    CHECK_INT(keyring_renewals(k, T0 + 30000, more, 4), 0);
    CHECK_INT(keyring_renewals(k, T0 + 60000, more, 4), 1);
    CHECK(id_eq(&more[0].lease, &g.lease) && id_eq(&more[0].key, &g.key));
    CHECK_INT(keyring_renewals(k, T0 + 60000, more, 4), 0);
    CHECK_INT(keyring_renewals(k, T0 + 61000, more, 4), 1);
    key_release(s);
    CHECK_INT(keyring_renewals(k, T0 + 62000, more, 4), 0);
    keyring_free(k);
}

static void lease_ends_early_and_is_renewed(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);
    struct msg_lease l = lease_of(1, 10, 1000, LEASE_NO_CREDIT);
    uint64_t end = T0 + 60000 - LIMIT_CLOCK_SKEW_MS;
    struct id lease;
    uint32_t retry_ms;
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, end - 1);
    CHECK_INT(key_reserve(s, 1, end, &lease, &retry_ms), ERR_CONTROL_PLANE);
    CHECK_INT(key_reserve(s, 1, end - 1, &lease, &retry_ms), ERR_NONE);
    CHECK_INT(find_err(k, 1, end), ERR_NOT_FOUND);
    keyring_lease(k, &l, end); /* no credit to add, but it goes on */
    CHECK_INT(find_err(k, 1, end), ERR_NONE);
    CHECK_INT(key_available(s), 999);
    key_release(s);
    /* A lease shorter than the clocks' difference is none. */
    g = grant_of(2, 20, 1000);
    g.lease_ms = LIMIT_CLOCK_SKEW_MS;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(find_err(k, 2, T0), ERR_NOT_FOUND);
    keyring_free(k);
}

static void wants_more_once_a_second(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, LEASE_FLOOR_NUSD);
    struct id lease;
    uint32_t retry_ms;
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, LEASE_FLOOR_NUSD / 2, T0, &lease, &retry_ms), ERR_NONE);
    CHECK(!key_wants_more(s, T0)); /* exactly half of what it should hold is left */
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_NONE);
    CHECK(key_wants_more(s, T0));
    CHECK(!key_wants_more(s, T0 + 999));
    CHECK(key_wants_more(s, T0 + 1000));
    key_settle(s, &lease, LEASE_FLOOR_NUSD / 2 + 1, 0);
    CHECK(!key_wants_more(s, T0 + 5000));
    CHECK(!key_wants_more(s, T0 + 55000 / 3));
    CHECK(key_wants_more(s, T0 + 55000 / 3 + 2)); /* a third of its time is over */
    CHECK(!key_wants_more(s, T0 + 55000));        /* ended: nothing to extend */
    key_release(s);
    keyring_free(k);
}

/* --- sizes --- */

#define CENT INT64_C(10000000)

/* One second of a key that spends so much in ten requests; `back`: what it has ever given back. */
static void second_of_use(struct keyring *k, struct key *s, uint64_t *now, int64_t nusd,
                          int64_t *back)
{
    struct msg_lease_return ret[4];
    struct id lease;
    uint32_t retry_ms;

    for (int i = 0; i < 10; i++, *now += 100) {
        size_t n = keyring_returns(k, *now, ret, 4);

        while (n-- > 0)
            if (ret[n].total_nusd > *back)
                *back = ret[n].total_nusd;
        if (nusd != 0 && key_reserve(s, nusd, *now, &lease, &retry_ms) == ERR_NONE)
            key_settle(s, &lease, nusd, nusd / 10);
    }
}

/* What a lease asks for is what is missing to what it needs, and not more for being asked often. */
static void asks_for_what_is_missing(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 100 * LEASE_FLOOR_NUSD);
    struct digest32 d = digest_of(1);
    struct msg_key_lookup lookup;
    struct msg_lease_more more;
    int64_t back = 0;
    uint64_t now = T0;
    struct key *s;

    CHECK(!keyring_extendable(k, &d, 77, now, &more, &lookup));
    CHECK_INT(lookup.need_nusd, 77);
    CHECK_INT(lookup.want_nusd, 0); /* the control plane's default */
    CHECK_INT(keyring_grant(k, &g, now), ERR_NONE);
    s = found(k, 1, now);
    for (int i = 0; i < 40; i++)
        second_of_use(k, s, &now, 0, &back);
    CHECK_INT(back, 99 * LEASE_FLOOR_NUSD); /* twice what it should hold, and more, goes back */
    CHECK_INT(key_available(s), LEASE_FLOOR_NUSD);
    CHECK(keyring_extendable(k, &d, 0, now, &more, &lookup));
    CHECK(more.need_nusd == 0 && more.want_nusd == 0);
    CHECK(keyring_extendable(k, &d, key_available(s) + 5, now, &more, &lookup));
    CHECK_INT(more.need_nusd, 5); /* what waits needs what is not there, and no more */
    CHECK(keyring_extendable(k, &d, INT64_MAX, now, &more, &lookup));
    CHECK_INT(more.need_nusd, LEASE_ASK_MAX);
    key_release(s);
    keyring_free(k);
}

/* A key that spends a cent a second holds what an outage of half a minute takes, and p1_hoard turned round:
 * not much more, however often its lease is renewed. */
static void holds_half_a_minute(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, LEASE_FLOOR_NUSD);
    struct digest32 d = digest_of(1);
    int64_t total = LEASE_FLOOR_NUSD, back = 0;
    struct msg_key_lookup lookup;
    struct msg_lease_more more;
    uint64_t now = T0;
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, now), ERR_NONE);
    s = found(k, 1, now);
    for (int i = 0; i < 100; i++) {
        struct msg_lease l = lease_of(1, 10, total, LEASE_OK);

        second_of_use(k, s, &now, CENT, &back);
        if (key_wants_more(s, now) && keyring_extendable(k, &d, 0, now, &more, &lookup)) {
            l.granted_nusd = total += more.want_nusd;
            keyring_lease(k, &l, now);
        }
        CHECK(i < 60 || key_available(s) >= 30 * CENT);
    }
    CHECK(total - back < 400 * CENT);
    key_release(s);
    keyring_free(k);
}

/* An account that has no more to lend is not asked for it by every request. */
static void scarce_accounts_are_left_alone(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, CENT);
    struct msg_lease l = lease_of(1, 10, CENT + 5, LEASE_OK);
    struct msg_key_lookup lookup;
    struct msg_lease_more more;
    struct digest32 d = digest_of(1);
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK(!key_wants_more(s, T0)); /* the first lease was small already */
    keyring_lease(k, &l, T0);      /* nothing to speak of */
    CHECK(!key_wants_more(s, T0 + 2000));
    CHECK(keyring_extendable(k, &d, 2 * CENT, T0 + 2000, &more, &lookup));
    CHECK_INT(more.want_nusd, 0);
    CHECK_INT(more.need_nusd, CENT - 5); /* what a request needs is asked for all the same */
    CHECK(keyring_extendable(k, &d, 0, T0 + SCARCE_MS, &more, &lookup));
    CHECK_INT(more.want_nusd, LEASE_FLOOR_NUSD - CENT - 5);
    key_release(s);
    keyring_free(k);
}

#define TURN(t) ((T0 / RECALL_TURN_MS / 32 * 32 + (t)) * RECALL_TURN_MS)

static void recalled_money_goes_back(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 8 * CENT);
    struct msg_recall r = {.key = id_of(1, 1), .lease = id_of(3, 11)};
    struct msg_lease_return ret[4];
    struct msg_lease_more more;
    struct id lease;
    uint32_t retry_ms;
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 4 * CENT, T0, &lease, &retry_ms), ERR_NONE);
    keyring_recall(k, &r, T0); /* another lease */
    r.lease = g.lease;
    keyring_wait(k, &g.key_digest, true);
    r.need_nusd = CENT;
    keyring_recall(k, &r, T0); /* its own requests wait, and it is not its turn */
    CHECK_INT(key_available(s), 4 * CENT);
    keyring_recall(k, &r, TURN(25)); /* bit 25 of its id is 1: what is needed */
    CHECK_INT(key_available(s), 3 * CENT);
    keyring_wait(k, &g.key_digest, false);
    keyring_recall(k, &r, T0);
    CHECK_INT(key_available(s), 3 * CENT / 2); /* half of what no request has reserved */
    CHECK(!key_wants_more(s, T0 + 1));         /* and does not ask for it at once */
    keyring_recall(k, &r, T0);
    keyring_recall(k, &r, T0);
    CHECK_INT(key_available(s), 0);
    CHECK_INT(keyring_returns(k, T0, ret, 4), 4);
    CHECK_INT(ret[0].total_nusd, 4 * CENT); /* totals, the last one first */
    CHECK_INT(ret[3].total_nusd, CENT);
    CHECK(extendable(k, &g.key_digest, &more)); /* and a lost one is told again */
    CHECK_INT(more.returned_nusd, 4 * CENT);
    key_settle(s, &lease, 4 * CENT, CENT); /* a running request keeps what it reserved */
    CHECK_INT(key_available(s), 3 * CENT);
    key_release(s);
    keyring_free(k);
}

/* --- who comes first --- */

static enum err serve(struct keyring *k, uint32_t key, int64_t amount, struct key **out,
                      struct id *lease)
{
    struct digest32 d = digest_of(key);
    uint32_t retry_ms;

    return key_serve(k, &d, NULL, amount, T0, out, lease, &retry_ms);
}

/* What comes back while requests wait is theirs, not the next newcomer's. */
static void newcomers_stand_behind_the_waiting(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);
    struct msg_revoke r = {.key_digest = digest_of(1), .reason = NO_KEY_DISABLED};
    struct id lease, again;
    uint32_t retry_ms;
    struct key *s, *t;

    CHECK_INT(serve(k, 1, 100, &t, &again), ERR_SHORT); /* unknown: ask */
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 900, T0, &lease, &retry_ms), ERR_NONE);
    keyring_wait(k, &g.key_digest, true);
    CHECK_INT(serve(k, 1, 200, &t, &again), ERR_SHORT);
    key_settle(s, &lease, 900, 0);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_CREDIT);
    CHECK_INT(key_grow(s, &lease, 0, T0), ERR_NONE); /* a running request does not wait behind new ones */
    CHECK_INT(serve(k, 1, 200, &t, &again), ERR_NONE);
    CHECK(t == s && id_eq(&again, &g.lease));
    keyring_wait(k, &g.key_digest, false);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_NONE);
    key_settle(t, &again, 200, 0);
    key_release(t);
    CHECK_INT(serve(k, 1, 1000, &t, &again), ERR_SHORT);
    keyring_revoke(k, &r, T0);
    CHECK_INT(serve(k, 1, 1, &t, &again), ERR_FORBIDDEN); /* the answer is final */
    key_release(s);
    keyring_free(k);
}

static void requests_per_minute(void)
{
    static const struct {
        uint32_t per_minute;
        unsigned at_once;   /* accepted in a row at T0 */
        uint64_t next_ms;   /* one more is accepted then, and not one millisecond before */
    } cases[] = {{1, 1, 60000}, {60, 60, 1000}, {7, 7, 8572}, {600, 600, 100}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct keyring *k = ring(8);
        struct msg_grant g = grant_of(1, 10, 1000000);
        struct id lease;
        uint32_t retry_ms = 0;
        unsigned n = 0;
        struct key *s;

        g.requests_per_minute = cases[i].per_minute;
        g.lease_ms = 200000;
        CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
        s = found(k, 1, T0);
        /* A refusal for money is no request. */
        CHECK_INT(key_reserve(s, 1000001, T0, &lease, &retry_ms), ERR_CREDIT);
        while (n < 1000 && key_reserve(s, 1, T0, &lease, &retry_ms) == ERR_NONE)
            n++;
        CHECK_INT(n, cases[i].at_once);
        CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_RATE);
        CHECK(retry_ms >= cases[i].next_ms - 1 && retry_ms <= cases[i].next_ms + 1);
        CHECK_INT(key_reserve(s, 1, T0 + cases[i].next_ms - 2, &lease, &retry_ms), ERR_RATE);
        CHECK_INT(key_reserve(s, 1, T0 + cases[i].next_ms, &lease, &retry_ms), ERR_NONE);
        CHECK_INT(key_available(s), (int64_t)(1000000 - cases[i].at_once - 1));
        key_release(s);
        keyring_free(k);
    }
}

static void tokens_per_minute(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000), h = grant_of(2, 20, 1000);
    struct id lease;
    uint32_t retry_ms = 0;
    struct key *s;

    g.tokens_per_minute = 6000;
    g.lease_ms = 200000;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(keyring_grant(k, &h, T0), ERR_NONE);
    s = found(k, 1, T0);
    key_count_tokens(s, 5999, T0);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_NONE);
    key_count_tokens(s, 1001, T0); /* 1000 in debt: 10 s */
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_RATE);
    CHECK(retry_ms >= 10000 && retry_ms <= 10001);
    CHECK_INT(key_reserve(s, 1, T0 + 9999, &lease, &retry_ms), ERR_RATE);
    CHECK_INT(key_reserve(s, 1, T0 + 10001, &lease, &retry_ms), ERR_NONE);
    key_count_tokens(s, UINT64_MAX, T0); /* absurd: an hour, not for ever */
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_RATE);
    CHECK(retry_ms <= 3600000);
    key_release(s);
    s = found(k, 2, T0);
    key_count_tokens(s, UINT64_MAX, T0); /* unlimited */
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_NONE);
    key_release(s);
    keyring_free(k);
}

static void check_rate(struct key_rate r, uint32_t limit, uint32_t remaining, uint32_t reset_ms)
{
    CHECK_INT(r.limit, limit);
    CHECK_INT(r.remaining, remaining);
    CHECK_INT(r.reset_ms, reset_ms);
}

/* What is told of a limit is what it grants: as many requests as remain, and not one more. */
static void rates_told(void)
{
    static const uint32_t odd[] = {1, 7, 60, 600, 1000003, UINT32_MAX};
    struct keyring *k = ring(16);
    struct msg_grant g = grant_of(1, 10, 1000), none = grant_of(2, 20, 1000);
    struct key_rates r;
    struct id lease;
    uint32_t retry_ms = 0;
    struct key *s;

    g.requests_per_minute = 6;
    g.tokens_per_minute = 6000;
    g.lease_ms = none.lease_ms = 200000;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(keyring_grant(k, &none, T0), ERR_NONE);
    s = found(k, 1, T0);
    key_rates(s, T0, &r);
    check_rate(r.requests, 6, 6, 0);
    check_rate(r.tokens, 6000, 6000, 0);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_NONE);
    key_count_tokens(s, 1500, T0);
    key_rates(s, T0, &r);
    check_rate(r.requests, 6, 5, 10000);
    check_rate(r.tokens, 6000, 4500, 15000);
    for (unsigned i = 0; i < 5; i++)
        CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_NONE);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_RATE);
    key_rates(s, T0, &r);
    check_rate(r.requests, 6, 0, 60000);
    key_rates(s, T0 + 9999, &r);
    CHECK_INT(r.requests.remaining, 0);
    key_rates(s, T0 + 10000, &r);
    check_rate(r.requests, 6, 1, 50000);
    key_count_tokens(s, 10500, T0); /* 6000 in debt */
    key_rates(s, T0, &r);
    check_rate(r.tokens, 6000, 0, 120000);
    key_count_tokens(s, UINT64_MAX, T0);
    key_rates(s, T0, &r);
    check_rate(r.tokens, 6000, 0, 3600000);
    key_rates(s, T0 - 100000, &r); /* a clock that another thread has read earlier */
    check_rate(r.tokens, 6000, 0, 3600000);
    key_release(s);
    s = found(k, 2, T0);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_NONE);
    key_count_tokens(s, 1500, T0);
    key_rates(s, T0, &r);
    check_rate(r.requests, 0, 0, 0);
    check_rate(r.tokens, 0, 0, 0);
    key_release(s);
    for (uint32_t i = 0; i < sizeof odd / sizeof odd[0]; i++) { /* as the rules say it, whatever divides a minute */
        struct msg_grant h = grant_of(3u + i, 30u + i, 1000);

        h.requests_per_minute = odd[i];
        CHECK_INT(keyring_grant(k, &h, T0), ERR_NONE);
        s = found(k, 3u + i, T0);
        key_rates(s, T0, &r);
        check_rate(r.requests, odd[i], odd[i], 0);
        check_rate(r.tokens, 0, 0, 0);
        key_release(s);
    }
    keyring_free(k);
}

static void remembers_no(void)
{
    static const struct {
        uint8_t reason;
        enum err err;
        uint64_t for_ms;
    } cases[] = {
        {NO_KEY_UNKNOWN, ERR_AUTH, LIMIT_NEGATIVE_MS},
        {NO_KEY_DISABLED, ERR_FORBIDDEN, LIMIT_NEGATIVE_MS},
        {NO_KEY_EXPIRED, ERR_KEY_EXPIRED, LIMIT_NEGATIVE_MS},
        {NO_KEY_CREDIT, ERR_CREDIT, NEGATIVE_CREDIT_MS},
        {NO_KEY_LIMIT, ERR_KEY_LIMIT, NEGATIVE_CREDIT_MS},
    };

    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct keyring *k = ring(8);
        struct msg_no_key n = {.key_digest = digest_of(i), .reason = cases[i].reason};
        struct msg_grant g = grant_of(i, i, 100);

        keyring_no_key(k, &n, T0);
        CHECK_INT(find_err(k, i, T0 + cases[i].for_ms - 1), cases[i].err);
        CHECK_INT(find_err(k, i + 100, T0), ERR_NOT_FOUND);
        CHECK_INT(find_err(k, i, T0 + cases[i].for_ms), ERR_NOT_FOUND);
        keyring_no_key(k, &n, T0);
        CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
        CHECK_INT(find_err(k, i, T0), ERR_NONE);
        /* And for a key that is in the table. */
        keyring_no_key(k, &n, T0);
        CHECK_INT(find_err(k, i, T0 + cases[i].for_ms - 1), cases[i].err);
        CHECK_INT(find_err(k, i, T0 + cases[i].for_ms), ERR_NOT_FOUND);
        keyring_free(k);
    }
}

static void negative_memory_is_bounded(void)
{
    struct keyring *k = ring(8);
    unsigned remembered = 0;

    for (uint32_t i = 0; i < 4 * LIMIT_NEGATIVE_KEYS; i++) {
        struct msg_no_key n = {.key_digest = digest_of(i), .reason = NO_KEY_UNKNOWN};

        keyring_no_key(k, &n, T0);
        CHECK_INT(find_err(k, i, T0), ERR_AUTH); /* the newest is always there */
    }
    for (uint32_t i = 0; i < 4 * LIMIT_NEGATIVE_KEYS; i++)
        remembered += find_err(k, i, T0) == ERR_AUTH;
    CHECK(remembered > LIMIT_NEGATIVE_KEYS / 2 && remembered <= LIMIT_NEGATIVE_KEYS);
    keyring_free(k);
}

static void revokes(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);
    struct msg_revoke r = {.key_digest = digest_of(1), .reason = NO_KEY_UNKNOWN};
    struct msg_lease l = lease_of(1, 10, 5000, LEASE_OK);
    struct msg_lease_return ret[4];
    struct id lease;
    uint32_t retry_ms;
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 100, T0, &lease, &retry_ms), ERR_NONE);
    keyring_revoke(k, &r, T0);
    CHECK_INT(find_err(k, 1, T0), ERR_AUTH);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_AUTH);
    CHECK_INT(keyring_returns(k, T0, ret, 4), 1);
    CHECK_INT(ret[0].total_nusd, 900);
    keyring_lease(k, &l, T0); /* an answer that was under way: what it added goes back at once */
    CHECK_INT(key_available(s), 0);
    CHECK_INT(keyring_returned(k, ret, 4), 1);
    CHECK_INT(ret[0].total_nusd, 900 + 4000);
    keyring_lease(k, &l, T0);
    CHECK_INT(keyring_returned(k, ret, 4), 0);
    CHECK_INT(find_err(k, 1, T0), ERR_AUTH);
    key_settle(s, &lease, 100, 50);
    CHECK_INT(key_available(s), 0);
    key_release(s);
    /* Enabled again: the next look-up is granted a new lease. */
    g = grant_of(1, 11, 800);
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_available(s), 800);
    key_release(s);
    /* A key nobody has used here is refused without asking, too. */
    r.key_digest = digest_of(2);
    keyring_revoke(k, &r, T0);
    CHECK_INT(find_err(k, 2, T0), ERR_AUTH);
    keyring_free(k);
}

/* Whatever was given under older rules than those heard of is ignored: p2_revoke, in every order. */
static void later_versions_win(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);
    struct msg_revoke off = {.key_digest = digest_of(1), .reason = NO_KEY_DISABLED, .version = 2};
    struct msg_revoke on = {.key_digest = digest_of(1), .reason = NO_KEY_CHANGED, .version = 3};
    struct msg_no_key no = {.key_digest = digest_of(1), .reason = NO_KEY_DISABLED, .version = 2};
    struct msg_lease l = lease_of(1, 12, 5000, LEASE_OK);
    struct msg_lease_return ret[4];
    struct key *s;

    g.version = 1;
    keyring_revoke(k, &off, T0); /* while the look-up is on its way, and the key has no slot */
    for (uint32_t i = 0; i < 4 * LIMIT_NEGATIVE_KEYS; i++) { /* strangers do not make us forget it */
        struct msg_no_key n = {.key_digest = digest_of(1000 + i), .reason = NO_KEY_UNKNOWN};

        keyring_no_key(k, &n, T0);
    }
    CHECK_INT(keyring_grant(k, &g, T0 + 5000), ERR_STALE);
    CHECK(find_err(k, 1, T0 + 5000) != ERR_NONE);
    CHECK_INT(keyring_returned(k, ret, 4), 1); /* its lease is open at the control plane */
    CHECK(id_eq(&ret[0].lease, &g.lease) && ret[0].total_nusd == 1000);
    keyring_revoke(k, &on, T0 + 5000);
    keyring_no_key(k, &no, T0 + 5000); /* late */
    CHECK_INT(find_err(k, 1, T0 + 5000), ERR_NOT_FOUND); /* to be asked about */
    g = grant_of(1, 12, 1000);
    g.version = 3;
    CHECK_INT(keyring_grant(k, &g, T0 + 5000), ERR_NONE);
    keyring_revoke(k, &off, T0 + 5000); /* late, and the key has a slot */
    CHECK_INT(find_err(k, 1, T0 + 5000), ERR_NONE);
    keyring_no_key(k, &no, T0 + 5000);
    CHECK_INT(find_err(k, 1, T0 + 5000), ERR_NONE);
    s = found(k, 1, T0 + 5000);
    l.version = 2; /* an answer under the former rules adds nothing and renews nothing */
    keyring_lease(k, &l, T0 + 6000);
    CHECK_INT(key_available(s), 1000);
    l.version = 3; /* the next one tells the total again */
    keyring_lease(k, &l, T0 + 6000);
    CHECK_INT(key_available(s), 5000);
    g = grant_of(1, 13, 700);
    g.version = 2;
    CHECK_INT(keyring_grant(k, &g, T0 + 6000), ERR_STALE);
    CHECK_INT(key_available(s), 5000);
    off.version = 4;
    keyring_revoke(k, &off, T0 + 6000);
    CHECK_INT(find_err(k, 1, T0 + 6000), ERR_FORBIDDEN);
    g.version = 3;
    CHECK_INT(keyring_grant(k, &g, T0 + 6000 + HEARD_MS), ERR_STALE);
    /* No message is so old: a database whose versions begin lower was restored from a backup. */
    CHECK_INT(keyring_grant(k, &g, T0 + 6001 + HEARD_MS), ERR_NONE);
    CHECK_INT(find_err(k, 1, T0 + 6001 + HEARD_MS), ERR_NONE);
    key_release(s);
    keyring_free(k);
}

/* An evicted key's version is not forgotten with it. */
static void versions_outlive_slots(void)
{
    struct keyring *k = ring(1);
    struct msg_grant g = grant_of(1, 10, 1000), other = grant_of(2, 20, 1000);
    struct msg_revoke off = {.key_digest = digest_of(1), .reason = NO_KEY_DISABLED, .version = 2};

    g.version = 1;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    keyring_revoke(k, &off, T0);
    CHECK_INT(keyring_grant(k, &other, T0), ERR_NONE);
    CHECK_INT(find_err(k, 1, T0), ERR_NOT_FOUND);
    g.lease = id_of(3, 11);
    CHECK_INT(keyring_grant(k, &g, T0), ERR_STALE);
    CHECK_INT(find_err(k, 2, T0), ERR_NONE);
    keyring_free(k);
}

/* p3_rpm, key-limit-lowered: a changed key gives back what no request has reserved, and pays for nothing
 * before it was asked about; its running requests still settle into its lease. */
static void changed_keys_are_asked_about(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);
    struct msg_revoke r = {.key_digest = digest_of(1), .reason = NO_KEY_CHANGED, .version = 2};
    struct msg_lease l = lease_of(1, 10, 1000, LEASE_OK);
    struct msg_lease_return ret[4];
    struct msg_lease_more more;
    uint32_t retry_ms;
    struct id lease;
    struct key *s;

    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 300, T0, &lease, &retry_ms), ERR_NONE);
    keyring_revoke(k, &r, T0);
    CHECK_INT(find_err(k, 1, T0), ERR_NOT_FOUND);
    CHECK_INT(key_reserve(s, 0, T0, &lease, &retry_ms), ERR_CONTROL_PLANE);
    CHECK_INT(keyring_returned(k, ret, 4), 1);
    CHECK_INT(ret[0].total_nusd, 700);
    CHECK(extendable(k, &g.key_digest, &more) && id_eq(&more.lease, &g.lease));
    l.version = 2;
    l.requests_per_minute = 1;
    keyring_lease(k, &l, T0);
    key_settle(s, &lease, 300, 100);
    CHECK_INT(key_available(s), 200);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_NONE);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_RATE);
    /* Its limit was lowered under what it holds: not renewed, and the rest goes back. */
    l.lease_ms = 0;
    l.status = LEASE_KEY_LIMIT;
    keyring_lease(k, &l, T0);
    CHECK_INT(find_err(k, 1, T0), ERR_NOT_FOUND);
    CHECK_INT(keyring_returned(k, ret, 4), 1);
    CHECK_INT(ret[0].total_nusd, 700 + 199);
    key_release(s);
    keyring_free(k);
}

/* Money that is only lent is no reason to refuse the key's next request unasked. */
static void lent_is_not_remembered(void)
{
    struct keyring *k = ring(8);
    struct msg_no_key n = {
        .key_digest = digest_of(1), .reason = NO_KEY_CREDIT, .version = 1, .most_nusd = 5};

    keyring_no_key(k, &n, T0);
    CHECK_INT(find_err(k, 1, T0), ERR_NOT_FOUND);
    n.most_nusd = 0;
    keyring_no_key(k, &n, T0);
    CHECK_INT(find_err(k, 1, T0), ERR_CREDIT);
    keyring_free(k);
}

static void expires(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);

    clock_freeze(T0 * 1000, 1700000000000);
    g.expires_ms = 1700000000000 + 3000;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(find_err(k, 1, T0 + 2999), ERR_NONE);
    CHECK_INT(find_err(k, 1, T0 + 3000), ERR_KEY_EXPIRED);
    g.expires_ms = 1600000000000;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(find_err(k, 1, T0), ERR_KEY_EXPIRED);
    g.expires_ms = UINT64_MAX;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(find_err(k, 1, T0), ERR_NONE);
    clock_thaw();
    keyring_free(k);
}

/* After a clock jump nothing may be reserved before the control plane has been asked. */
static void lapsed_leases_are_asked_about(void)
{
    struct keyring *k = ring(8);
    struct msg_grant a = grant_of(1, 10, 1000), b = grant_of(2, 20, 500);
    struct msg_lease l = lease_of(1, 10, 1000, LEASE_OK);
    struct msg_lease_return ret[4];
    struct msg_lease_more more;
    struct id lease;
    uint32_t retry_ms;
    struct key *s;

    CHECK_INT(keyring_grant(k, &a, T0), ERR_NONE);
    CHECK_INT(keyring_grant(k, &b, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 400, T0, &lease, &retry_ms), ERR_NONE);
    keyring_lapse(k, T0);
    CHECK_INT(key_reserve(s, 1, T0, &lease, &retry_ms), ERR_CONTROL_PLANE);
    CHECK_INT(find_err(k, 1, T0), ERR_NOT_FOUND);
    CHECK(extendable(k, &a.key_digest, &more) && id_eq(&more.lease, &a.lease));
    CHECK_INT(find_err(k, 2, T0), ERR_NOT_FOUND); /* unused: given back */
    CHECK(!extendable(k, &b.key_digest, &more));
    CHECK_INT(keyring_returns(k, T0, ret, 4), 1);
    CHECK_INT(ret[0].total_nusd, 500);
    keyring_lease(k, &l, T0); /* the answer: it goes on as it was */
    CHECK_INT(find_err(k, 1, T0), ERR_NONE);
    key_settle(s, &lease, 400, 100);
    CHECK_INT(key_available(s), 900);
    key_release(s);
    keyring_free(k);
}

/* A database that was set back counts a lease from less than it told before: what it lends must arrive all
 * the same, and what it says of the former lease adds nothing. */
static void rewound_leases_are_replaced(void)
{
    struct keyring *k = ring(8);
    struct msg_grant a = grant_of(1, 10, 50000), b = grant_of(1, 11, 700);
    struct msg_lease late = lease_of(1, 10, 60000, LEASE_OK);
    struct msg_lease_return ret[4];
    struct msg_lease_more more;
    struct msg_key_lookup lookup;
    struct id lease, other;
    uint32_t retry_ms;
    struct key *s;

    CHECK_INT(keyring_grant(k, &a, T0), ERR_NONE);
    s = found(k, 1, T0);
    CHECK_INT(key_reserve(s, 49000, T0, &lease, &retry_ms), ERR_NONE);
    keyring_rewound(k);
    CHECK_INT(key_reserve(s, 1, T0, &other, &retry_ms), ERR_CONTROL_PLANE);
    CHECK_INT(key_grow(s, &lease, 1, T0), ERR_CONTROL_PLANE);
    CHECK_INT(keyring_returned(k, ret, 4), 1);
    CHECK(id_eq(&ret[0].lease, &a.lease) && ret[0].total_nusd == 1000);
    CHECK(!keyring_extendable(k, &a.key_digest, 700, T0, &more, &lookup));
    CHECK_INT(lookup.need_nusd, 700);
    CHECK_INT(keyring_grant(k, &b, T0), ERR_NONE);
    keyring_lease(k, &late, T0);
    CHECK_INT(key_available(s), 700);
    CHECK_INT(key_reserve(s, 700, T0, &other, &retry_ms), ERR_NONE);
    CHECK(id_eq(&other, &b.lease));
    key_settle(s, &lease, 49000, 0); /* nothing of the former lease comes into the new one */
    CHECK_INT(key_available(s), 0);
    key_settle(s, &other, 700, 0);
    key_release(s);
    keyring_free(k);
}

static void full_table_evicts_the_oldest_idle(void)
{
    enum { N = 8 };
    struct keyring *k = ring(N);
    struct msg_lease_return ret[4];
    struct msg_lease late = lease_of(1, 1, 900, LEASE_OK);
    struct msg_lease_more more;
    struct key *s, *all[N];
    struct msg_grant g;
    struct id lease;
    uint32_t retry_ms;

    for (uint32_t i = 0; i < N; i++) {
        g = grant_of(i, i, 100);
        CHECK_INT(keyring_grant(k, &g, T0 + i), ERR_NONE);
    }
    s = found(k, 1, T0 + 100);
    CHECK_INT(key_reserve(s, 60, T0 + 100, &lease, &retry_ms), ERR_NONE);
    key_settle(s, &lease, 60, 40);
    key_release(s);
    s = found(k, 0, T0 + 2000); /* the oldest, but referenced */
    g = grant_of(100, 100, 100);
    CHECK_INT(keyring_grant(k, &g, T0 + 2000), ERR_NONE); /* takes the place of key 1 */
    CHECK_INT(find_err(k, 100, T0 + 2000), ERR_NONE);
    CHECK_INT(find_err(k, 1, T0 + 2000), ERR_NOT_FOUND);
    CHECK_INT(key_available(s), 100);
    CHECK_INT(keyring_returns(k, T0 + 2000, ret, 4), 1); /* whose lease was running: its rest */
    CHECK_INT(ret[0].total_nusd, 60);
    CHECK(id_eq(&ret[0].lease, &late.lease) && !ret[0].final);
    keyring_lease(k, &late, T0 + 2000); /* an answer about it finds nobody */
    CHECK_INT(find_err(k, 1, T0 + 2000), ERR_NOT_FOUND);
    g = grant_of(1, 1000, 300);
    CHECK_INT(keyring_grant(k, &g, T0 + 3000), ERR_NONE); /* back, in the place of key 2 */
    keyring_lease(k, &late, T0 + 3000);                   /* nor does it move the new lease */
    CHECK_INT(find_err(k, 2, T0 + 3000), ERR_NOT_FOUND);
    key_release(s);
    s = found(k, 1, T0 + 3000);
    CHECK_INT(key_available(s), 300);
    key_release(s);
    keyring_free(k);

    k = ring(2); /* one of two is being extended: what is added would find nobody */
    for (uint32_t i = 0; i < 2; i++) {
        g = grant_of(i, i, 100);
        CHECK_INT(keyring_grant(k, &g, T0 + i), ERR_NONE);
    }
    g = grant_of(0, 0, 100);
    CHECK(extendable(k, &g.key_digest, &more));
    g = grant_of(2, 2, 100);
    CHECK_INT(keyring_grant(k, &g, T0 + 2), ERR_NONE);
    CHECK_INT(find_err(k, 0, T0 + 2), ERR_NONE);
    CHECK_INT(find_err(k, 1, T0 + 2), ERR_NOT_FOUND);
    g = grant_of(3, 3, 100);
    CHECK_INT(keyring_grant(k, &g, T0 + MORE_MS), ERR_NONE); /* it was not answered: the oldest again */
    CHECK_INT(find_err(k, 0, T0 + MORE_MS), ERR_NOT_FOUND);
    keyring_free(k);

    k = ring(N); /* every key in use */
    for (uint32_t i = 0; i < N; i++) {
        g = grant_of(i, i, 100);
        CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
        all[i] = found(k, i, T0);
    }
    g = grant_of(100, 100, 100);
    CHECK_INT(keyring_grant(k, &g, T0 + 100000), ERR_OVERLOAD);
    key_release(all[5]);
    CHECK_INT(keyring_grant(k, &g, T0 + 100000), ERR_NONE);
    CHECK_INT(find_err(k, 5, T0), ERR_NOT_FOUND);
    for (uint32_t i = 0; i < N; i++)
        if (i != 5)
            key_release(all[i]);
    keyring_free(k);
}

/* What the next request needs: more of this lease, even when it has ended here, or another. */
static void what_to_ask_for(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(1, 10, 1000);
    struct msg_lease gone = lease_of(1, 10, 0, LEASE_GONE);
    struct msg_revoke r = {.key_digest = digest_of(1), .reason = NO_KEY_DISABLED};
    struct msg_lease_return ret[4];
    struct msg_lease_more more;

    CHECK(!extendable(k, &g.key_digest, &more));
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK(extendable(k, &g.key_digest, &more));
    CHECK_INT(find_err(k, 1, T0 + 70000), ERR_NOT_FOUND); /* the link was away for a minute */
    CHECK(extendable(k, &g.key_digest, &more));
    CHECK(id_eq(&more.lease, &g.lease) && id_eq(&more.key, &g.key) && more.need_nusd == 0);
    keyring_lease(k, &gone, T0 + 70000);
    CHECK(!extendable(k, &g.key_digest, &more));
    g = grant_of(1, 11, 1000);
    CHECK_INT(keyring_grant(k, &g, T0 + 70000), ERR_NONE);
    CHECK_INT(keyring_returns(k, T0 + 70000 + KEY_IDLE_MS, ret, 4), 1);
    CHECK(!extendable(k, &g.key_digest, &more)); /* given back */
    g = grant_of(1, 12, 1000);
    CHECK_INT(keyring_grant(k, &g, T0 + 90000), ERR_NONE);
    CHECK(extendable(k, &g.key_digest, &more));
    keyring_revoke(k, &r, T0 + 90000);
    CHECK(!extendable(k, &g.key_digest, &more));
    keyring_free(k);
}

static void closes_everything(void)
{
    struct keyring *k = ring(8);
    struct msg_lease_return ret[2];
    int64_t sum = 0;
    size_t n, total = 0;
    struct key *s;

    for (uint32_t i = 0; i < 5; i++) {
        struct msg_grant g = grant_of(i, i, 100 + i);

        CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    }
    s = found(k, 4, T0);
    while ((n = keyring_close(k, ret, 2)) > 0)
        for (size_t i = 0; i < n; i++, total++) {
            struct id busy = id_of(3, 4);

            sum += ret[i].total_nusd;
            CHECK_INT(ret[i].final, !id_eq(&ret[i].lease, &busy));
        }
    CHECK_INT(total, 5);
    CHECK_INT(sum, 510);
    CHECK_INT(find_err(k, 0, T0), ERR_NOT_FOUND);
    key_release(s);
    keyring_free(k);
}

/* --- all at once --- */

enum { STRESS_KEYS = 24, STRESS_SLOTS = 16, STRESS_LEASES = 4096, STRESS_THREADS = 3,
       STRESS_ROUNDS = 30000 };

static struct {
    struct keyring *k;
    _Atomic uint64_t now; /* mono ms, moved by the link's thread */
    _Atomic int64_t spent[STRESS_LEASES], reserved[STRESS_LEASES];
    int64_t granted[STRESS_LEASES], returned[STRESS_LEASES];
    _Atomic uint64_t wrong_key, over, settled;
    _Atomic bool stop;
} st;

static uint32_t lease_no(const struct id *lease)
{
    uint32_t n;

    memcpy(&n, lease->b + 12, sizeof n);
    return n;
}

static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

struct held {
    struct key *key;
    struct id lease;
    int64_t amount;
};

static void stress_settle(struct held *h, uint32_t *x)
{
    int64_t cost = (int64_t)(next_random(x) % (uint32_t)(h->amount + 1));

    atomic_fetch_add(&st.spent[lease_no(&h->lease)], cost);
    atomic_fetch_sub(&st.reserved[lease_no(&h->lease)], h->amount);
    key_settle(h->key, &h->lease, h->amount, cost);
    key_release(h->key);
    h->key = NULL;
    atomic_fetch_add(&st.settled, 1);
}

static void *stress_worker(void *cookie)
{
    uint32_t x = 0x9e3779b9u * (uint32_t)(uintptr_t)cookie;
    struct held held[8] = {{0}};

    while (!atomic_load(&st.stop)) {
        struct held *h = &held[next_random(&x) % 8];
        uint32_t key = next_random(&x) % STRESS_KEYS, retry_ms;
        uint64_t now = atomic_load(&st.now);
        struct digest32 d = digest_of(key);
        struct id want = id_of(1, key), got;

        if (h->key != NULL) {
            stress_settle(h, &x);
            continue;
        }
        if (keyring_find(st.k, &d, now, &h->key) != ERR_NONE) {
            h->key = NULL;
            continue;
        }
        got = key_id(h->key);
        if (!id_eq(&got, &want))
            atomic_fetch_add(&st.wrong_key, 1);
        h->amount = (int64_t)(next_random(&x) % 400);
        if (key_reserve(h->key, h->amount, now, &h->lease, &retry_ms) != ERR_NONE) {
            key_release(h->key);
            h->key = NULL;
            continue;
        }
        atomic_fetch_add(&st.reserved[lease_no(&h->lease)], h->amount);
        if (key_grow(h->key, &h->lease, 50, now) == ERR_NONE) {
            atomic_fetch_add(&st.reserved[lease_no(&h->lease)], 50);
            h->amount += 50;
        }
    }
    for (unsigned i = 0; i < 8; i++)
        if (held[i].key != NULL)
            stress_settle(&held[i], &x);
    return NULL;
}

static void stress_collect(size_t (*from)(struct keyring *, struct msg_lease_return *, size_t))
{
    struct msg_lease_return ret[16];
    size_t n;

    do {
        n = from != NULL ? from(st.k, ret, 16)
                         : keyring_returns(st.k, atomic_load(&st.now), ret, 16);
        for (size_t i = 0; i < n; i++)
            if (ret[i].total_nusd > st.returned[lease_no(&ret[i].lease)])
                st.returned[lease_no(&ret[i].lease)] = ret[i].total_nusd;
    } while (n == 16 || (from != NULL && n > 0));
}

/* One random message, as the control plane might send it. */
static void stress_message(uint32_t *x, uint32_t *lease_of_key, uint32_t *next_lease)
{
    uint32_t key = next_random(x) % STRESS_KEYS, lease = lease_of_key[key];
    uint32_t what = next_random(x) % 100;
    uint64_t now = atomic_load(&st.now);
    int64_t more = (int64_t)(next_random(x) % 3000);

    if (what < 20 && *next_lease < STRESS_LEASES) { /* another lease */
        struct msg_grant g = grant_of(key, *next_lease, more);

        if (keyring_grant(st.k, &g, now) == ERR_NONE)
            lease_of_key[key] = *next_lease;
        st.granted[(*next_lease)++] = more; /* kept, or given back at once */
    } else if (what < 80 && lease != 0) {
        struct msg_lease l = lease_of(key, lease, st.granted[lease] + more, LEASE_OK);

        keyring_lease(st.k, &l, now);
        st.granted[lease] += more;
    } else if (what < 84 && lease != 0) {
        struct msg_lease l = lease_of(key, lease, 0, LEASE_GONE);

        keyring_lease(st.k, &l, now);
        lease_of_key[key] = 0;
    } else if (what < 90) {
        struct msg_revoke r = {.key_digest = digest_of(key),
                               .reason = what % 2 == 0 ? NO_KEY_DISABLED : NO_KEY_CHANGED};

        keyring_revoke(st.k, &r, now);
    } else if (what < 91) {
        struct msg_recall r = {.key = id_of(1, key), .lease = id_of(3, lease), .need_nusd = what};

        keyring_recall(st.k, &r, now);
    } else if (what < 92) { /* a minute passes: leases end, and may still be extended */
        atomic_fetch_add(&st.now, 75000);
    } else {
        atomic_fetch_add(&st.now, next_random(x) % 2000);
        stress_collect(NULL);
    }
}

/* Lets the workers spend something between messages, however busy the machine is; bounded, because
 * sometimes there is nothing to spend. */
static void stress_wait(void)
{
    uint64_t before = atomic_load(&st.settled), until_ms = clock_mono_ms() + 5;

    while (atomic_load(&st.settled) == before && clock_mono_ms() < until_ms)
        sched_yield();
}

static void nothing_is_ever_overspent(void)
{
    pthread_t threads[STRESS_THREADS];
    uint32_t x = 12345, next_lease = 1, lease_of_key[STRESS_KEYS] = {0};
    unsigned in_use = 0;

    memset(&st, 0, sizeof st);
    st.k = ring(STRESS_SLOTS); /* fewer than keys, so that slots are recycled */
    atomic_store(&st.now, T0);
    for (uintptr_t i = 0; i < STRESS_THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, stress_worker, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < STRESS_ROUNDS; i++) {
        stress_message(&x, lease_of_key, &next_lease);
        if (i % 16 == 0)
            stress_wait();
    }
    atomic_store(&st.stop, true);
    for (unsigned i = 0; i < STRESS_THREADS; i++)
        pthread_join(threads[i], NULL);
    stress_collect(keyring_close);

    for (uint32_t i = 0; i < STRESS_LEASES; i++) {
        CHECK(st.spent[i] + st.returned[i] <= st.granted[i]);
        CHECK_INT(st.reserved[i], 0);
        in_use += st.spent[i] > 0;
    }
    CHECK_INT(st.wrong_key, 0);
    printf("# %u leases spent from, %" PRIu64 " settlements, %" PRIu64 " slots recycled\n", in_use,
           (uint64_t)st.settled, (uint64_t)st.k->changes);
    CHECK(in_use > 50 && st.settled > 1000 && st.k->changes > 10);
    keyring_free(st.k);
}

/* 100 threads' worth of reservations against one lease: exactly what fits goes through. */
static void *exact_worker(void *cookie)
{
    struct digest32 d = digest_of(1);
    uint64_t *won = cookie;

    for (unsigned i = 0; i < 20000; i++) {
        struct key *s;
        struct id lease;
        uint32_t retry_ms;

        if (keyring_find(st.k, &d, T0, &s) != ERR_NONE)
            continue;
        *won += key_reserve(s, 3, T0, &lease, &retry_ms) == ERR_NONE;
        key_release(s);
    }
    return NULL;
}

static void parallel_reservations_are_exact(void)
{
    struct msg_grant g = grant_of(1, 10, 100000);
    pthread_t threads[STRESS_THREADS];
    uint64_t won[STRESS_THREADS] = {0}, sum = 0;

    st.k = ring(8);
    CHECK_INT(keyring_grant(st.k, &g, T0), ERR_NONE);
    for (unsigned i = 0; i < STRESS_THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, exact_worker, &won[i]), 0);
    for (unsigned i = 0; i < STRESS_THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += won[i];
    }
    CHECK_INT(sum, 33333);
    keyring_free(st.k);
}

/* --- terms */

static struct key_terms terms_of(uint16_t parts, uint64_t version, uint8_t privacy)
{
    return (struct key_terms){.parts = parts, .parts_version = version, .rules = {.privacy = privacy}};
}

/* Rules come and go with what is lent; each change has a generation of its own, and the same rules again have none. */
static void rules_come_with_the_money(void)
{
    struct keyring *k = ring(8);
    struct msg_grant g = grant_of(7, 70, 1000);
    struct msg_lease l = lease_of(7, 70, 1000, LEASE_OK);
    struct key_terms t = terms_of(1, 1, KEY_PRIVACY_NO_RETENTION);
    struct key_rules got;
    uint64_t first, second, third;
    struct key *s;

    t.rules.set = KEY_RULE_MODELS | KEY_RULE_PROVIDERS;
    t.rules.n_models = LIMIT_RULE_MODELS;
    t.rules.models[LIMIT_RULE_MODELS - 1] = 99;
    provider_set_add(&t.rules.providers, 255);
    g.terms = l.terms = &t;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 7, T0);
    CHECK(key_rules(k, s, &got, &first) && first != 0 && memcmp(&got, &t.rules, sizeof got) == 0);
    keyring_lease(k, &l, T0); /* renewed, under the same rules */
    CHECK_INT(key_rules_generation(s), first);
    t.rules.privacy = KEY_PRIVACY_CONFIDENTIAL;
    keyring_lease(k, &l, T0);
    CHECK(key_rules(k, s, &got, &second) && second != first && got.privacy == KEY_PRIVACY_CONFIDENTIAL);
    l.terms = NULL; /* it has none any more */
    keyring_lease(k, &l, T0);
    CHECK(key_rules(k, s, &got, &third) && third == 0 && !key_rules_any(&got));
    l.terms = &t; /* and the same ones again are others, for a request that was routed without */
    keyring_lease(k, &l, T0);
    CHECK(key_rules(k, s, &got, &third) && third != second && third != 0);
    key_release(s);
    keyring_free(k);
}

/* A slot that has another key has that key's rules. */
static void rules_leave_with_their_key(void)
{
    struct keyring *k = ring(1);
    struct msg_grant g = grant_of(7, 70, 1000), other = grant_of(8, 80, 1000);
    struct key_terms t = terms_of(3, 9, KEY_PRIVACY_NO_RETENTION);
    struct key *s;

    g.terms = &t;
    g.requests_per_minute = other.requests_per_minute = 60;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    CHECK_INT(keyring_grant(k, &other, T0), ERR_NONE);
    s = found(k, 8, T0);
    CHECK_INT(key_rules_generation(s), 0);
    CHECK_INT(s->parts, 0);
    key_release(s);
    keyring_free(k);
}

static unsigned passed(struct key *s, uint64_t now)
{
    uint32_t retry;
    struct id lease;
    unsigned n = 0;

    while (key_reserve(s, 0, now, &lease, &retry) == ERR_NONE) {
        key_settle(s, &lease, 0, 0);
        n++;
    }
    return n;
}

/* The bound that docs/operations.md states: n data planes with a part each let no more pass in any T minutes than limit *
 * (T + 1) + n. They join one after the other while the others are in use, and leave again; requests come as fast as they
 * can at all of them. */
static void shares_keep_to_the_bound(void)
{
    enum { PLANES = 5, LIMIT = 30, MINUTES = 20, STEP_MS = 250 };
    static const unsigned limits[] = {LIMIT, 1, 600};

    for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
        static unsigned at[MINUTES * 60000 / STEP_MS];
        struct keyring *k[PLANES];
        struct key *s[PLANES];
        unsigned n = 0, worst = 0;
        uint64_t version = 0;

        memset(at, 0, sizeof at);
        for (unsigned p = 0; p < PLANES; p++)
            k[p] = ring(2);
        for (uint64_t step = 0; step < MINUTES * 60000 / STEP_MS; step++) {
            uint64_t now = T0 + step * STEP_MS;

            if (step % (3 * 60000 / STEP_MS) == 0 && n < PLANES) { /* one more, every three minutes */
                struct msg_grant g = grant_of(7, 70 + n, 1000);
                struct key_terms t = terms_of((uint16_t)(n + 1), ++version, KEY_PRIVACY_ANY);

                g.requests_per_minute = limits[l];
                g.lease_ms = UINT32_MAX;
                g.terms = &t;
                CHECK_INT(keyring_grant(k[n], &g, now), ERR_NONE);
                s[n] = found(k[n], 7, now);
                n++;
                for (unsigned p = 0; p < n; p++)
                    keyring_parts(k[p], &(struct msg_key_parts){g.key, (uint16_t)n, version}, now);
            }
            for (unsigned p = 0; p < n; p++)
                at[step] += passed(s[p], now);
        }
        for (size_t from = 0; from < MINUTES * 60000 / STEP_MS; from++)
            for (size_t minutes = 1, sum = 0, i = from; i < MINUTES * 60000 / STEP_MS; i++) {
                sum += at[i];
                if (i - from + 1 == minutes * 60000 / STEP_MS) {
                    if (sum > limits[l] * (minutes + 1) + PLANES)
                        worst++;
                    minutes++;
                }
            }
        CHECK_INT(worst, 0);
        for (unsigned p = 0; p < PLANES; p++) {
            key_release(s[p]);
            keyring_free(k[p]);
        }
    }
}

/* All of the limit is there to use: an equal part each, and what is left is told of the part. */
static void shares_are_equal(void)
{
    struct keyring *k = ring(2);
    struct msg_grant g = grant_of(7, 70, 1000);
    struct key_terms t = terms_of(1, 5, KEY_PRIVACY_ANY);
    struct key_rates rates;
    struct key *s;

    g.requests_per_minute = 60;
    g.tokens_per_minute = 2;
    g.lease_ms = UINT32_MAX;
    g.terms = &t;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 7, T0);
    CHECK_INT(passed(s, T0), 60);
    CHECK_INT(passed(s, T0 + 60000), 60);
    keyring_parts(k, &(struct msg_key_parts){g.key, 3, 6}, T0 + 60000);
    keyring_parts(k, &(struct msg_key_parts){g.key, 2, 4}, T0 + 60000); /* an older count that came later */
    CHECK_INT(passed(s, T0 + 120000), 20);
    key_rates(s, T0 + 180000, &rates);
    CHECK_INT(rates.requests.limit, 20);
    CHECK_INT(rates.requests.remaining, 20);
    CHECK_INT(rates.tokens.limit, 1);
    keyring_parts(k, &(struct msg_key_parts){g.key, 1, 7}, T0 + 180000);
    CHECK_INT(passed(s, T0 + 180000), 60);
    keyring_parts(k, &(struct msg_key_parts){g.key, 120, 8}, T0 + 240000); /* less than one a minute each */
    CHECK_INT(passed(s, T0 + 360000), 1);
    CHECK_INT(passed(s, T0 + 420000), 0);
    CHECK_INT(passed(s, T0 + 480000), 1);
    keyring_parts(k, &(struct msg_key_parts){g.key, 2, 1}, T0 + 480000); /* a restored database counts from less: */
    CHECK_INT(s->parts, 2);                                              /* after a while it is believed */
    key_release(s);
    keyring_free(k);
}

/* One key under two texts, while the first is good yet: what is said of one lease reaches its slot, and what is said of
 * the key both. */
static void two_texts_of_a_key(void)
{
    struct keyring *k = ring(8);
    struct msg_grant old = grant_of(7, 70, 1000), fresh = grant_of(8, 80, 2000);
    struct msg_lease l = lease_of(7, 80, 5000, LEASE_OK);
    struct msg_lease_return back[4];
    struct key_terms t = terms_of(2, 1, KEY_PRIVACY_ANY);
    struct key *a, *b;

    fresh.key = old.key;
    fresh.account = old.account;
    old.requests_per_minute = fresh.requests_per_minute = 60;
    old.terms = fresh.terms = &t;
    CHECK_INT(keyring_grant(k, &old, T0), ERR_NONE);
    CHECK_INT(keyring_grant(k, &fresh, T0), ERR_NONE);
    a = found(k, 7, T0);
    b = found(k, 8, T0);
    keyring_lease(k, &l, T0);
    CHECK_INT(key_available(a), 1000);
    CHECK_INT(key_available(b), 5000);
    keyring_recall(k, &(struct msg_recall){old.key, id_of(3, 70), 1000}, T0);
    CHECK_INT(key_available(a), 0);
    CHECK_INT(key_available(b), 5000);
    CHECK_INT(keyring_returned(k, back, 4), 1);
    keyring_parts(k, &(struct msg_key_parts){old.key, 4, 2}, T0);
    CHECK(a->parts == 4 && b->parts == 4);
    key_release(a);
    key_release(b);
    keyring_free(k);
}

/* A request that begins again after it was admitted is counted once. */
static void forgone_requests_do_not_count(void)
{
    struct keyring *k = ring(2);
    struct msg_grant g = grant_of(7, 70, 1000);
    uint32_t retry;
    struct id lease;
    struct key *s;

    g.requests_per_minute = 2;
    CHECK_INT(keyring_grant(k, &g, T0), ERR_NONE);
    s = found(k, 7, T0);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_INT(key_reserve(s, 10, T0, &lease, &retry), ERR_NONE);
        key_forgo(s);
        key_settle(s, &lease, 10, 0);
    }
    CHECK_INT(passed(s, T0), 2);
    key_forgo(s);
    key_forgo(s);
    key_forgo(s); /* never more than all of it */
    CHECK_INT(passed(s, T0), 2);
    key_release(s);
    keyring_free(k);
}

static const struct check_case cases[] = {
    {"keyring_grants_and_finds", grants_and_finds},
    {"keyring_whole_digest_decides", whole_digest_decides},
    {"keyring_reserves_and_settles", reserves_and_settles},
    {"keyring_grows_within_its_lease", grows_within_its_lease},
    {"keyring_late_settlement_pays_only_its_lease", late_settlement_pays_only_its_lease},
    {"keyring_given_back_lease_is_not_spent_twice", given_back_lease_is_not_spent_twice},
    {"keyring_lease_ends_early_and_is_renewed", lease_ends_early_and_is_renewed},
    {"keyring_wants_more_once_a_second", wants_more_once_a_second},
    {"keyring_requests_per_minute", requests_per_minute},
    {"keyring_tokens_per_minute", tokens_per_minute},
    {"keyring_rates_told", rates_told},
    {"keyring_rules_come_with_the_money", rules_come_with_the_money},
    {"keyring_rules_leave_with_their_key", rules_leave_with_their_key},
    {"keyring_shares_keep_to_the_bound", shares_keep_to_the_bound},
    {"keyring_shares_are_equal", shares_are_equal},
    {"keyring_two_texts_of_a_key", two_texts_of_a_key},
    {"keyring_forgone_requests_do_not_count", forgone_requests_do_not_count},
    {"keyring_remembers_no", remembers_no},
    {"keyring_negative_memory_is_bounded", negative_memory_is_bounded},
    {"keyring_revokes", revokes},
    {"keyring_asks_for_what_is_missing", asks_for_what_is_missing},
    {"keyring_holds_half_a_minute", holds_half_a_minute},
    {"keyring_scarce_accounts_are_left_alone", scarce_accounts_are_left_alone},
    {"keyring_recalled_money_goes_back", recalled_money_goes_back},
    {"keyring_newcomers_stand_behind_the_waiting", newcomers_stand_behind_the_waiting},
    {"keyring_later_versions_win", later_versions_win},
    {"keyring_versions_outlive_slots", versions_outlive_slots},
    {"keyring_changed_keys_are_asked_about", changed_keys_are_asked_about},
    {"keyring_lent_is_not_remembered", lent_is_not_remembered},
    {"keyring_expires", expires},
    {"keyring_what_to_ask_for", what_to_ask_for},
    {"keyring_lapsed_leases_are_asked_about", lapsed_leases_are_asked_about},
    {"keyring_rewound_leases_are_replaced", rewound_leases_are_replaced},
    {"keyring_full_table_evicts_the_oldest_idle", full_table_evicts_the_oldest_idle},
    {"keyring_closes_everything", closes_everything},
    {"keyring_nothing_is_ever_overspent", nothing_is_ever_overspent},
    {"keyring_parallel_reservations_are_exact", parallel_reservations_are_exact},
};
CHECK_MAIN(cases)
