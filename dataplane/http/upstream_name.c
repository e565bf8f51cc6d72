/* (G) The addresses of a provider: looked up on threads of their own, kept while newer ones cannot
 * be had, and put in order by how they answered lately. */
#include "upstream.h"

#include "content_view.h"
#include "upstream_own.h"

#include <assert.h>

static uint64_t now_of(const struct upstream_site *s)
{
    return uv_now(s->u->loop);
}

void upstream_name_init(struct upstream_site *s)
{
    if (resolve_literal(s->provider->host, s->provider->port, &s->addresses[0].to)) {
        s->n_addresses = 1;
        s->fresh_until = s->stale_until = UINT64_MAX;
    }
}

void upstream_name_free(struct upstream_site *s)
{
    while (s->n_lookups != 0)
        resolve_free(s->lookups[--s->n_lookups]);
}

bool upstream_name_known(const struct upstream_site *s)
{
    return s->n_addresses != 0 && now_of(s) < s->stale_until;
}

/* --- how they answered --- */

static struct upstream_address *address_find(struct upstream_site *s,
                                             const union resolve_address *a)
{
    for (unsigned i = 0; i < s->n_addresses; i++)
        if (resolve_same(&s->addresses[i].to, a))
            return &s->addresses[i];
    return NULL; /* a newer lookup no longer has it */
}

void upstream_name_good(struct upstream_site *s, const union resolve_address *a, bool preferred)
{
    struct upstream_address *x = address_find(s, a);

    if (x == NULL)
        return;
    x->avoid_until = 0;
    for (unsigned i = 0; i < s->n_addresses && preferred; i++)
        s->addresses[i].preferred = &s->addresses[i] == x;
}

void upstream_name_bad(struct upstream_site *s, const union resolve_address *a, uint64_t avoid_ms)
{
    struct upstream_address *x = address_find(s, a);

    if (x == NULL)
        return;
    x->avoid_until = now_of(s) + avoid_ms;
    x->preferred = false;
}

/* Those to be avoided last, the one whose time is over soonest first among them. */
static bool address_before(const struct upstream_address *a, const struct upstream_address *b,
                           uint64_t now)
{
    uint64_t x = a->avoid_until > now ? a->avoid_until : 0;
    uint64_t y = b->avoid_until > now ? b->avoid_until : 0;

    return x != y ? x < y : a->preferred && !b->preferred;
}

unsigned upstream_name_order(const struct upstream_site *s,
                             union resolve_address out[static RESOLVE_ADDRESSES_MAX])
{
    const struct upstream_address *order[RESOLVE_ADDRESSES_MAX];
    uint64_t now = now_of(s);

    for (unsigned i = 0; i < s->n_addresses; i++) {
        unsigned at = i;

        for (; at > 0 && address_before(&s->addresses[i], order[at - 1], now); at--)
            order[at] = order[at - 1];
        order[at] = &s->addresses[i];
    }
    for (unsigned i = 0; i < s->n_addresses; i++)
        out[i] = order[i]->to;
    return s->n_addresses;
}

/* --- lookups --- */

/* What is known of an address survives the lookup, but not a preference: the system's order is
 * asked again from time to time. */
static void lookup_store(struct upstream_site *s, const struct resolve_answer *answer)
{
    struct upstream_address fresh[RESOLVE_ADDRESSES_MAX];
    uint64_t now = now_of(s);

    assert(answer->n != 0);
    for (unsigned i = 0; i < answer->n; i++) {
        const struct upstream_address *old = address_find(s, &answer->list[i]);

        fresh[i] = (struct upstream_address){.to = answer->list[i],
                                             .avoid_until = old != NULL ? old->avoid_until : 0};
    }
    memcpy(s->addresses, fresh, answer->n * sizeof fresh[0]);
    s->n_addresses = answer->n;
    s->fresh_until = now + UPSTREAM_NAME_MS;
    s->stale_until = now + UPSTREAM_NAME_MS + UPSTREAM_STALE_MS;
}

static void lookup_notify(void *cookie)
{
    uv_async_send(cookie);
}

/* A name server that never answers costs two threads per provider and loop, and no more. */
static void lookup_begin(struct upstream_site *s)
{
    uint64_t now = now_of(s);

    if (s->n_lookups == UPSTREAM_LOOKUPS_MAX || now < s->lookup_again_at)
        return;
    if (s->n_lookups != 0 && now - s->lookup_at < UPSTREAM_LOOKUP_MS)
        return;
    if (resolve_start(s->provider->host, s->provider->port, lookup_notify, &s->u->resolved,
                      &s->lookups[s->n_lookups]) != ERR_NONE)
        return;
    s->n_lookups++;
    s->lookup_at = now;
}

enum err upstream_name_find(struct upstream_site *s, uint64_t *wait_until)
{
    bool known = upstream_name_known(s);

    *wait_until = 0;
    if (known && now_of(s) < s->fresh_until)
        return ERR_NONE;
    lookup_begin(s);
    if (s->n_lookups == 0)
        return known ? ERR_NONE : ERR_OVERLOAD; /* no thread could be had */
    if (known) {
        *wait_until = s->lookup_at + UPSTREAM_STALE_WAIT_MS;
        if (now_of(s) >= *wait_until)
            return ERR_NONE;
    }
    return ERR_SHORT;
}

/* e: how a lookup ended. When it failed, addresses that worked before are better than none. */
static void waiting_named(struct upstream_site *s, enum err e)
{
    if (e != ERR_NONE && upstream_name_known(s))
        e = ERR_NONE;
    while (s->waiting != NULL) {
        struct upstream *c = s->waiting;

        upstream_unlink(&s->waiting, c);
        upstream_named(c, e);
    }
}

static void site_resolved(struct upstream_site *s)
{
    for (unsigned i = 0; i < s->n_lookups;) {
        struct resolve_answer answer = {.n = 0};
        enum err e = resolve_poll(s->lookups[i], &answer);

        if (e == ERR_SHORT) {
            i++;
            continue;
        }
        resolve_free(s->lookups[i]);
        s->lookups[i] = s->lookups[--s->n_lookups];
        if (e == ERR_NONE)
            lookup_store(s, &answer);
        else if (upstream_name_known(s))
            s->lookup_again_at = now_of(s) + UPSTREAM_LOOKUP_AGAIN_MS;
        waiting_named(s, e);
    }
}

void upstream_name_resolved_cb(uv_async_t *resolved)
{
    struct upstreams *u = resolved->data;

    for (size_t i = 0; i < u->providers->n && !u->closing; i++)
        site_resolved(&u->sites[i]);
}
