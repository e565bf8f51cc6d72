/* The lease protocol as a small machine, and every state that it can reach (proto/PROTOCOL.md, "Keys and leases"
 * and "When a lease is settled"). One account with a few units of money and a data plane: leases that are opened,
 * extended, returned in part and in whole, run out and are reclaimed; requests that cost 0 or 1; messages on their
 * way; a link that breaks at any point; a data plane that is killed. Data planes meet only at what the account has
 * available, so all others are one actor that at any time takes money, spends it or brings it back. Time is in the order of events alone: what the protocol's
 * grace periods promise is an enabling condition here, each with a comment.
 * In every reachable state: no unit is lost or made, no balance is negative, no data plane may spend what the
 * control plane does not keep for it, every record is billed once; and from every reachable state, once links are
 * back and requests have ended, all leases are closed and all money that was not spent is available again.
 * Each seeded fault of the protocol must be found. TR_MODEL_MONEY, _LEASES, _QUEUE, _CUTS, _KILLS and
 * _RUNS set larger bounds, TR_MODEL_STATES_LOG2 room for them. */
#include "lib/lease_model.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

/* --- what must hold --- */

static void look_at_plane(const struct state *s, const struct plane *p)
{
    const struct lease *l = &s->lease[p->lease];
    unsigned unbooked = 0;

    if (!p->alive || p->knows != RUNS_ON)
        return;
    for (unsigned i = p->booked; i < p->records; i++)
        unbooked += p->of[i] == p->lease ? p->cost[i] : 0u;
    must(l->state == OPEN, "a data plane spends a lease that was taken back");
    must(p->granted >= p->returned + p->used, "a data plane has spent more than it was granted");
    must(l->state != OPEN || left(l) + 0u >= p->granted - p->returned - p->used + unbooked,
         "a data plane may spend more than is kept for it");
}

static void look(const struct state *s)
{
    unsigned leased = 0, costs = 0;

    for (int i = 0; i < LEASES; i++) {
        must(s->lease[i].spent + s->lease[i].returned <= s->lease[i].granted, "a lease is overdrawn");
        leased += s->lease[i].state == OPEN ? left(&s->lease[i]) : 0u;
    }
    for (int i = 0; i < PLANES; i++) {
        for (unsigned j = 0; j < s->plane[i].booked; j++)
            costs += s->plane[i].cost[j];
        look_at_plane(s, &s->plane[i]);
    }
    must(s->available + leased + s->billed + s->others + s->others_spent ==
             (unsigned)bounds.money + s->written_off, "money is lost or made");
    must(s->billed == costs, "a record is billed twice, or not as it is");
    must(s->written_off == 0 || s->late, "a write-off that waiting would have saved");
}

/* Everything heals: in the end no money is in leases and no record of a living data plane is missing. */
static void look_at_the_end(struct state s)
{
    static const enum step healing[] = {END_PAID, SERVE, HEAR, CONNECT, SHIP, FINISH, RUN_OUT, SETTLE};
    bool moved = true;

    for (int rounds = 0; moved && rounds < 64; rounds++) {
        moved = false;
        for (uint8_t who = 0; who < PLANES; who++) {
            if (!s.plane[who].alive)
                moved |= cut(&s, &s.plane[who]);
            for (size_t i = 0; i < sizeof healing / sizeof healing[0]; i++) {
                struct state next = s;

                if (take(&next, healing[i], who) || (healing[i] == SERVE &&
                    (next = s, take(&next, SERVE_1, who)))) {
                    s = next;
                    moved = true;
                }
            }
        }
        for (uint8_t i = 0; i < LEASES; i++) {
            moved |= pass_end(&s, i);
            moved |= reclaim(&s, i);
        }
    }
    look(&s);
    for (int i = 0; i < LEASES; i++)
        must(s.lease[i].state != OPEN, "money stays in a lease for good");
    for (int i = 0; i < PLANES; i++)
        must(!s.plane[i].alive || s.plane[i].booked == s.plane[i].records, "a record is lost");
}

/* --- every state --- */

static size_t states_max, table_size; /* a power of two */
static struct state *states;
static uint32_t *from, *table; /* of each state: the one before it */
static uint32_t states_n;

static uint32_t hash(const struct state *s)
{
    uint64_t h = 1469598103934665603u;

    for (size_t i = 0; i < sizeof *s; i++)
        h = (h ^ ((const uint8_t *)s)[i]) * 1099511628211u;
    return (uint32_t)(h ^ h >> 32);
}

static void add(const struct state *s, uint32_t before)
{
    size_t at = hash(s) & (table_size - 1);

    while (table[at] != 0) {
        if (memcmp(&states[table[at] - 1], s, sizeof *s) == 0)
            return;
        at = (at + 1) & (table_size - 1);
    }
    if (states_n == states_max) {
        wrong = "there are more states than there is room for";
        return;
    }
    states[states_n] = *s;
    from[states_n] = before;
    table[at] = ++states_n;
}

/* The step that leads from one state to another. */
static void say_step(uint32_t before, uint32_t after)
{
    static const char *const names[STEPS] = {
        "control plane serves, adds 0", "control plane serves, adds 1", "control plane serves, adds 2",
        "hears", "asks", "begins", "ends for 0", "ends for 1", "gives back", "ships", "returns the rest",
        "says how far it is settled", "its lease ends", "link breaks", "connects", "is killed",
        "(the others take one)", "(the others spend one)", "(the others give one back)",
        "grace passes of lease", "control plane reclaims lease"};

    for (enum step step = 0; step < STEPS; step++)
        for (uint8_t who = 0; who < (step < OF_PLANE ? PLANES : LEASES); who++) {
            struct state next = states[before];

            if (take(&next, step, who) && memcmp(&next, &states[after], sizeof next) == 0) {
                printf("#   %s %d: %s\n", step < OF_PLANE ? "data plane" : "lease", who, names[step]);
                return;
            }
        }
}

static void explain(uint32_t at)
{
    uint32_t path[256];
    unsigned n = 0;
    const char *what = wrong;

    printf("# %s:\n", what);
    for (uint32_t i = at; i != 0 && n < 256; i = from[i])
        path[n++] = i;
    while (n-- > 0)
        say_step(from[path[n]], path[n]);
    wrong = what;
}

static void add_next(uint32_t at)
{
    for (enum step step = 0; step < STEPS; step++)
        for (uint8_t who = 0; who < (step < OF_PLANE ? PLANES : LEASES) && wrong == NULL; who++) {
            struct state next = states[at];

            if (take(&next, step, who))
                add(&next, at);
        }
}

static int bound(const char *name, int usual)
{
    const char *text = getenv(name);

    return text == NULL ? usual : atoi(text);
}

/* Breadth first, so what is found is found by the fewest steps. Returns the property that breaks, or NULL. */
static const char *explore(enum fault fault)
{
    struct state first = {0};

    bounds.fault = fault;
    bounds.money = bound("TR_MODEL_MONEY", 2);
    bounds.leases = bound("TR_MODEL_LEASES", 2);
    bounds.queue = bound("TR_MODEL_QUEUE", 2);
    bounds.cuts = bound("TR_MODEL_CUTS", 1);
    bounds.kills = bound("TR_MODEL_KILLS", 1);
    bounds.runs = bound("TR_MODEL_RUNS", 1);
    CHECK(bounds.runs <= RECORDS && bounds.leases <= LEASES && bounds.queue <= QUEUE);
    first.available = (uint8_t)bounds.money;
    for (int i = 0; i < PLANES; i++)
        first.plane[i].alive = first.plane[i].linked = 1;
    memset(table, 0, table_size * sizeof *table);
    states_n = 0;
    wrong = NULL;
    add(&first, 0);
    for (uint32_t at = 0; at < states_n && wrong == NULL; at++) {
        look(&states[at]);
        if (wrong == NULL)
            look_at_the_end(states[at]);
        if (wrong == NULL)
            add_next(at);
        if (wrong != NULL)
            explain(at);
    }
    return wrong;
}

static void set_up(void)
{
    states_max = (size_t)1 << bound("TR_MODEL_STATES_LOG2", 22);
    table_size = states_max * 2;
    states = malloc(states_max * sizeof *states);
    from = malloc(states_max * sizeof *from);
    table = malloc(table_size * sizeof *table);
    CHECK(states != NULL && from != NULL && table != NULL);
}

static void tear_down(void)
{
    free(states);
    free(from);
    free(table);
}

static void holds_in_every_state(void)
{
    set_up();
    CHECK(explore(FAULT_NONE) == NULL);
    printf("# %u states of %zu bytes\n", states_n, sizeof *states);
    CHECK(states_n > 100000);
    tear_down();
}

static void finds_every_seeded_fault(void)
{
    set_up();
    for (enum fault f = FAULT_NONE + 1; f < FAULTS; f++) {
        CHECK(explore(f) != NULL);
        if (wrong == NULL)
            printf("# fault %d is not found in %u states\n", (int)f, states_n);
    }
    tear_down();
}

static const struct check_case cases[] = {
    {"lease_model_holds_in_every_state", holds_in_every_state},
    {"lease_model_finds_every_seeded_fault", finds_every_seeded_fault},
};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
