/* The lease protocol as a machine of few bytes: its state, and every step that it can take. See tests/unit/test_lease_model.c. */
#ifndef TR_TESTS_LEASE_MODEL_H
#define TR_TESTS_LEASE_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { PLANES = 1, LEASES = 4, QUEUE = 3, RECORDS = 3 }; /* at most; bounds below */

enum fault {
    FAULT_NONE,
    FAULT_RETURN_IS_A_DIFFERENCE, /* a return that is told again is booked again */
    FAULT_RECLAIM_UNSETTLED,      /* of a connected data plane, as soon as the lease is over */
    FAULT_GRANT_TWICE,            /* a second look-up is told the total of the open lease as new credit */
    FAULT_NO_CAP,                 /* a data plane goes on spending after its link broke */
    FAULT_FORGET_ON_SEND,         /* records are forgotten before they are acknowledged */
    FAULT_BOOK_TWICE,             /* records that are sent again are booked again */
    FAULT_FINAL_EARLY,            /* the final return is sent before the last records */
    FAULTS
};

static struct {
    enum fault fault;
    int money, leases, queue, cuts, kills, runs;
} bounds;

enum kind { LOOKUP, MORE, RETURN, FINAL, USAGE, MARK, GRANT, GONE, NONE_LEFT, ACK };

/* lease: index, NO_LEASE when none. total: granted, returned, a record's number, or the leases that were over. */
struct msg {
    uint8_t kind, lease, total;
};
enum { NO_LEASE = 0xff };

struct lease {
    uint8_t state, owner, granted, spent, returned;
    uint8_t over;    /* ended, and the grace has passed */
    uint8_t settled; /* everything made until then is booked */
};
enum { UNUSED, OPEN, CLOSED };

struct plane {
    uint8_t alive, linked;
    uint8_t knows; /* of its lease: nothing; that it runs; that it has ended */
    uint8_t lease, granted, returned, used;
    uint8_t running; /* lease that the running request spends, + 1; 0: none runs */
    uint8_t asked;   /* an answer is owed */
    uint8_t runs;    /* requests begun */
    uint8_t records, sent, acked, booked;
    uint8_t cost[RECORDS], of[RECORDS]; /* of each record: what it costs, which lease pays */
    uint8_t ups, downs;
    struct msg up[QUEUE], down[QUEUE];
};
enum { NOTHING, RUNS_ON, ENDED };

/* Only bytes: states are compared as memory. */
struct state {
    uint8_t available, billed, written_off, cuts, kills;
    uint8_t others, others_spent; /* what the other data planes hold, and what they have spent */
    uint8_t late; /* a lease was taken back from a data plane out of reach that still had a request or a record */
    struct lease lease[LEASES];
    struct plane plane[PLANES];
};

static const char *wrong; /* the first property that the present state breaks */

static void must(bool good, const char *what)
{
    if (!good && wrong == NULL)
        wrong = what;
}

/* --- messages --- */

static bool push(struct msg *queue, uint8_t *n, enum kind kind, uint8_t lease, unsigned total)
{
    if (*n == bounds.queue)
        return false;
    queue[(*n)++] = (struct msg){(uint8_t)kind, lease, (uint8_t)total};
    return true;
}
static bool tell_control(struct plane *p, enum kind kind, uint8_t lease, unsigned total)
{
    return p->linked && push(p->up, &p->ups, kind, lease, total);
}
static struct msg pull(struct msg *queue, uint8_t *n)
{
    struct msg m = queue[0];

    memmove(queue, queue + 1, (QUEUE - 1) * sizeof *queue);
    queue[QUEUE - 1] = (struct msg){0, 0, 0};
    (*n)--;
    return m;
}

/* --- the control plane --- */

static uint8_t left(const struct lease *l)
{
    return (uint8_t)(l->granted - l->spent - l->returned);
}

static void take_back(struct state *s, struct lease *l, unsigned total)
{
    unsigned amount = bounds.fault == FAULT_RETURN_IS_A_DIFFERENCE ? total
                      : total > l->returned                        ? total - l->returned
                                                                   : 0;

    if (amount > left(l))
        amount = left(l);
    l->returned = (uint8_t)(l->returned + amount);
    s->available = (uint8_t)(s->available + amount);
}

static void close_lease(struct state *s, struct lease *l)
{
    s->available = (uint8_t)(s->available + left(l));
    l->returned = (uint8_t)(l->granted - l->spent);
    l->state = CLOSED;
    l->over = l->settled = 0;
}

/* An open lease pays; otherwise the account, as far as it can. */
static void book(struct state *s, struct plane *p, unsigned i)
{
    struct lease *l = &s->lease[p->of[i]];

    if (p->cost[i] == 0)
        return;
    s->billed++;
    if (l->state == OPEN && left(l) > 0)
        l->spent++;
    else if (s->available > 0)
        s->available--;
    else
        s->written_off++;
}

static struct lease *open_lease(struct state *s, uint8_t owner, unsigned amount, uint8_t *which)
{
    for (uint8_t i = 0; i < bounds.leases; i++)
        if (s->lease[i].state == UNUSED) {
            s->lease[i] = (struct lease){OPEN, owner, (uint8_t)amount, 0, 0, 0, 0};
            s->available = (uint8_t)(s->available - amount);
            *which = i;
            return &s->lease[i];
        }
    return NULL;
}

static uint8_t open_of(const struct state *s, uint8_t owner)
{
    for (uint8_t i = 0; i < LEASES; i++)
        if (s->lease[i].state == OPEN && s->lease[i].owner == owner)
            return i;
    return NO_LEASE;
}

/* amount: what the control plane decides to add. false: it cannot be so. */
static bool answer_lookup(struct state *s, uint8_t who, unsigned amount)
{
    struct plane *p = &s->plane[who];
    uint8_t which = bounds.fault == FAULT_GRANT_TWICE ? open_of(s, who) : NO_LEASE;

    if (which != NO_LEASE)
        return amount == 0 && push(p->down, &p->downs, GRANT, which, s->lease[which].granted);
    if (amount == 0) /* there is no money, or the model's leases are used up */
        return (s->available == 0 || s->lease[bounds.leases - 1].state != UNUSED) &&
               push(p->down, &p->downs, NONE_LEFT, NO_LEASE, 0);
    return amount <= s->available && open_lease(s, who, amount, &which) != NULL &&
           push(p->down, &p->downs, GRANT, which, amount);
}

static void forget_marks(struct state *s, uint8_t lease)
{
    struct plane *p = &s->plane[s->lease[lease].owner];

    for (int i = 0; i < p->ups; i++)
        if (p->up[i].kind == MARK)
            p->up[i].total &= (uint8_t) ~(1u << lease);
}

static bool answer_more(struct state *s, uint8_t who, struct msg m, unsigned amount)
{
    struct plane *p = &s->plane[who];
    struct lease *l = &s->lease[m.lease];

    if (l->state != OPEN)
        return amount == 0 && push(p->down, &p->downs, GONE, m.lease, 0);
    take_back(s, l, m.total);
    /* Totals only grow: without a bound there is no end of states. */
    if (amount > s->available || (amount > 0 && l->granted + amount > (unsigned)bounds.money + 1))
        return false;
    s->available = (uint8_t)(s->available - amount);
    l->granted = (uint8_t)(l->granted + amount);
    l->over = l->settled = 0;
    forget_marks(s, m.lease); /* a mark's time is before the end that the lease has now */
    return push(p->down, &p->downs, GRANT, m.lease, l->granted);
}

static bool answer_usage(struct state *s, struct plane *p, struct msg m)
{
    unsigned from = bounds.fault == FAULT_BOOK_TWICE ? p->acked : p->booked;

    for (unsigned i = from; i < m.total; i++)
        book(s, p, i);
    if (m.total > p->booked)
        p->booked = m.total;
    return push(p->down, &p->downs, ACK, NO_LEASE, m.total);
}

/* The first message of a data plane is served. */
static bool serve(struct state *s, uint8_t who, unsigned amount)
{
    struct plane *p = &s->plane[who];
    struct msg m;

    if (p->ups == 0)
        return false;
    m = pull(p->up, &p->ups);
    if (m.kind == LOOKUP)
        return answer_lookup(s, who, amount);
    if (m.kind == MORE)
        return answer_more(s, who, m, amount);
    if (amount != 0)
        return false;
    if (m.kind == USAGE)
        return answer_usage(s, p, m);
    if (m.kind == MARK) {
        for (uint8_t i = 0; i < LEASES; i++)
            if ((m.total >> i & 1) != 0 && s->lease[i].over)
                s->lease[i].settled = 1;
    } else if (s->lease[m.lease].state == OPEN) {
        take_back(s, &s->lease[m.lease], m.total);
        if (m.kind == FINAL)
            close_lease(s, &s->lease[m.lease]);
    }
    return true;
}

/* The lease's end and the grace are past: the data plane, which counts from the receipt of the grant, has ended it
 * too, and no grant is on its way any more. */
static bool pass_end(struct state *s, uint8_t i)
{
    struct lease *l = &s->lease[i];
    const struct plane *p = &s->plane[l->owner];

    if (l->state != OPEN || l->over || (p->alive && p->knows == RUNS_ON && p->lease == i))
        return false;
    for (int j = 0; j < p->downs; j++)
        if (p->down[j].kind == GRANT && p->down[j].lease == i)
            return false;
    l->over = 1;
    return true;
}

static bool has_work(const struct plane *p, uint8_t lease)
{
    bool work = p->running == lease + 1;

    for (unsigned i = p->booked; i < p->records; i++)
        work = work || p->of[i] == lease;
    return p->alive && work;
}

static bool reclaim(struct state *s, uint8_t i)
{
    struct lease *l = &s->lease[i];
    const struct plane *p = &s->plane[l->owner];

    if (l->state != OPEN)
        return false;
    if (p->linked) {
        if (!l->over || (!l->settled && bounds.fault != FAULT_RECLAIM_UNSETTLED))
            return false;
        must(!has_work(p, i), "a connected data plane's lease is taken back under its requests");
    } else if (p->alive) {
        /* 40 s after the link broke; the data plane ended its leases 35 s after it. */
        if (p->knows == RUNS_ON && bounds.fault != FAULT_NO_CAP)
            return false;
        s->late |= has_work(p, i);
    }
    close_lease(s, l);
    return true;
}

/* --- a data plane --- */

static unsigned spendable(const struct plane *p)
{
    return p->knows == NOTHING ? 0u
                               : (unsigned)(p->granted - p->returned - p->used -
                                            (p->running == p->lease + 1));
}

static void forget_lease(struct plane *p)
{
    p->knows = NOTHING;
    p->lease = p->granted = p->returned = p->used = 0;
}

static bool hear(struct plane *p)
{
    struct msg m;

    if (!p->alive || p->downs == 0)
        return false;
    m = pull(p->down, &p->downs);
    if (m.kind == ACK) {
        if (m.total > p->acked)
            p->acked = m.total;
        return true;
    }
    p->asked = 0;
    if (m.kind == GRANT) {
        if (p->knows == NOTHING) {
            p->lease = m.lease;
            p->returned = p->used = 0;
        }
        p->granted = m.total;
        p->knows = RUNS_ON;
    } else if (m.kind == GONE && p->knows != NOTHING) {
        forget_lease(p);
    }
    return true;
}

static bool ask(struct plane *p)
{
    if (!p->alive || !p->linked || p->asked)
        return false;
    p->asked = 1;
    return p->knows == NOTHING ? tell_control(p, LOOKUP, NO_LEASE, 0)
                               : tell_control(p, MORE, p->lease, p->returned);
}

static bool begin(struct plane *p)
{
    if (!p->alive || p->knows != RUNS_ON || p->running != 0 || p->runs == bounds.runs ||
        spendable(p) == 0)
        return false;
    p->running = (uint8_t)(p->lease + 1);
    p->runs++;
    return true;
}

static bool end(struct plane *p, uint8_t cost)
{
    if (!p->alive || p->running == 0)
        return false;
    p->cost[p->records] = cost;
    p->of[p->records++] = (uint8_t)(p->running - 1);
    if (p->knows != NOTHING && p->running == p->lease + 1)
        p->used = (uint8_t)(p->used + cost);
    p->running = 0;
    return true;
}

static bool give_back(struct plane *p)
{
    unsigned some = spendable(p);

    if (!p->alive || p->knows == NOTHING || some == 0)
        return false;
    p->returned = (uint8_t)(p->returned + some);
    return tell_control(p, RETURN, p->lease, p->returned);
}

static bool ship(struct plane *p)
{
    if (!p->alive || p->sent == p->records)
        return false;
    p->sent = p->records;
    if (bounds.fault == FAULT_FORGET_ON_SEND)
        p->acked = p->records;
    return tell_control(p, USAGE, NO_LEASE, p->records);
}

static bool finish(struct plane *p)
{
    uint8_t lease = p->lease, returned = p->returned;

    if (!p->alive || p->knows == NOTHING || p->running != 0 || p->asked ||
        (p->sent < p->records && bounds.fault != FAULT_FINAL_EARLY))
        return false;
    forget_lease(p);
    return tell_control(p, FINAL, lease, returned);
}

/* What was asked about the leases that are over is answered: everything made until then has been sent, and a request
 * that spends an ended lease has asked for it to go on. */
static bool mark(struct state *s, uint8_t who)
{
    struct plane *p = &s->plane[who];
    unsigned over = 0;

    if (!p->alive || p->sent < p->records || (p->running != 0 && !p->asked) ||
        (p->running != 0 && p->running != p->lease + 1))
        return false;
    for (uint8_t i = 0; i < LEASES; i++)
        if (s->lease[i].state == OPEN && s->lease[i].owner == who && s->lease[i].over &&
            !s->lease[i].settled)
            over |= 1u << i;
    return over != 0 && tell_control(p, MARK, NO_LEASE, over);
}

static bool run_out(struct plane *p)
{
    if (!p->alive || p->knows != RUNS_ON || (!p->linked && bounds.fault == FAULT_NO_CAP))
        return false;
    p->knows = ENDED;
    return true;
}

/* --- faults of the world --- */

static bool cut(struct state *s, struct plane *p)
{
    if (!p->linked || (p->alive && s->cuts == bounds.cuts))
        return false;
    s->cuts = (uint8_t)(s->cuts + p->alive);
    p->linked = p->asked = 0;
    p->ups = p->downs = 0;
    memset(p->up, 0, sizeof p->up);
    memset(p->down, 0, sizeof p->down);
    p->sent = p->acked;
    return true;
}

static bool others_take(struct state *s)
{
    if (s->available == 0)
        return false;
    s->available--;
    s->others++;
    return true;
}

/* Spent, or given back. */
static bool others_leave(struct state *s, bool spent)
{
    if (s->others == 0)
        return false;
    s->others--;
    s->others_spent = (uint8_t)(s->others_spent + spent);
    s->available = (uint8_t)(s->available + !spent);
    return true;
}

static bool connect_again(struct plane *p)
{
    if (!p->alive || p->linked)
        return false;
    p->linked = 1;
    return true;
}

/* What it has sent may still arrive. */
static bool kill_plane(struct state *s, struct plane *p)
{
    if (!p->alive || s->kills == bounds.kills)
        return false;
    s->kills++;
    p->alive = p->running = p->asked = 0;
    forget_lease(p);
    return true;
}

/* --- steps --- */

enum step {
    SERVE, /* three: the control plane adds nothing, 1, 2 */
    SERVE_1,
    SERVE_2,
    HEAR,
    ASK,
    BEGIN,
    END_FREE,
    END_PAID,
    GIVE_BACK,
    SHIP,
    FINISH,
    SETTLE,
    RUN_OUT,
    CUT,
    CONNECT,
    KILL,
    OTHERS_TAKE,
    OTHERS_SPEND,
    OTHERS_RETURN,
    OF_PLANE,
    PASS_END = OF_PLANE,
    RECLAIM,
    STEPS
};

static bool take(struct state *s, enum step step, uint8_t who)
{
    struct plane *p = &s->plane[who < PLANES ? who : 0];

    switch (step) {
    case SERVE:
    case SERVE_1:
    case SERVE_2:
        return serve(s, who, (unsigned)(step - SERVE));
    case HEAR:
        return hear(p);
    case ASK:
        return ask(p);
    case BEGIN:
        return begin(p);
    case END_FREE:
    case END_PAID:
        return end(p, step == END_PAID);
    case GIVE_BACK:
        return give_back(p);
    case SHIP:
        return ship(p);
    case FINISH:
        return finish(p);
    case SETTLE:
        return mark(s, who);
    case RUN_OUT:
        return run_out(p);
    case CUT:
        return cut(s, p);
    case CONNECT:
        return connect_again(p);
    case KILL:
        return kill_plane(s, p);
    case OTHERS_TAKE:
        return others_take(s);
    case OTHERS_SPEND:
    case OTHERS_RETURN:
        return others_leave(s, step == OTHERS_SPEND);
    case PASS_END:
        return pass_end(s, who);
    case RECLAIM:
    case STEPS:
    default:
        return reclaim(s, who);
    }
}

#endif
