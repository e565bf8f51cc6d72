/* A part's life, and the lines of its whole. */
#include "part.h"

#include "clock.h"
#include "leave.h"
#include "facts.h"
#include "money.h"
#include "part_id.h"
#include "part_lines.h"
#include "receipts.h"
#include "refusal.h"
#include "request_internal.h"
#include "reserve.h"

#include <assert.h>

/* --- before it runs */

/* What a part has of its whole: borrowed, because no part outlives it (part_begin()). */
static void part_borrow(struct request *part, const struct request *whole)
{
    part->context = whole->context;
    part->key_digest = whole->key_digest;
    part->catalog = whole->catalog;
    part->received_unix_ms = whole->received_unix_ms; /* so that both are priced by the same tier */
    part->endpoint = whole->endpoint;
    memcpy(part->rules.client, whole->rules.client, sizeof part->rules.client);
    part->rules.in_eu = whole->rules.in_eu;
    part->own = (struct own){.store = whole->own.store, .keys = whole->own.keys, .version = whole->own.version};
}

bool part_plan(struct request *part, const struct request *whole, int64_t *amount_nusd, struct api_failure *f)
{
    struct request_context *x = whole->context;
    uint32_t who;

    assert(whole->parts != NULL && part->whole == NULL && part->state == REQUEST_READING);
    assert(part->want.n_models > 0 && part->n_choices > 0 && part->max_output != 0);
    *f = (struct api_failure){0};
    part_borrow(part, whole);
    if (!request_rules(part, &who, f))
        return false;
    part->want.prompt_most = part->prompt_bound;
    part->want.received_ms = part->received_unix_ms;
    (void)attempts_begin(&part->attempts, &part->want, x->health, x->stats, x->route_seed++, who, part->stream);
    if (part->own.keys != NULL)
        own_route(&part->attempts, &part->want, part->own.keys);
    if (part->attempts.route.refusal != ROUTE_OK) {
        refusal_of_route(part, f);
        return false;
    }
    if (reserve_begin(part, amount_nusd) != ERR_NONE) {
        *f = (struct api_failure){.error = API_BAD_REQUEST,
                                  .message = "One of the models could cost more than any account can hold."};
        return false;
    }
    part->admission = (struct admission){.amount_nusd = *amount_nusd};
    return true;
}

/* --- while it runs */

/* Not more than its whole has reserved for all parts, whatever they were planned to cost. */
static void part_take_share(struct request *part, struct parts *p)
{
    int64_t left = p->reserved_nusd - p->begun_nusd;

    assert(left >= 0);
    if (part->admission.amount_nusd > left)
        part->admission.amount_nusd = left;
    p->begun_nusd += part->admission.amount_nusd;
}

void part_begin(struct request *part, struct request *whole, enum part_role role, uint8_t place)
{
    assert(whole->state == REQUEST_PREPARING && !whole->ending && whole->admission.reserved);
    assert(part->state == REQUEST_READING && part->attempts.route.n > 0 && part->own.keys == whole->own.keys);
    part->whole = whole;
    part->role = (uint8_t)role;
    part->part_place = place;
    part->received_us = clock_mono_us();
    part->attempts.who = whole->attempts.who;
    part_take_share(part, whole->parts);
    request_hold(whole); /* until the part is destroyed */
    part->next_part = whole->running;
    whole->running = part;
    counter_add(&part->context->stats->parts, 1);
    request_hold(part);
    request_link(part);
    request_enter(part, REQUEST_CONNECTING);
    request_connect(part);
    request_let(part);
}

void part_drop(struct request *part)
{
    if (part->state == REQUEST_CONNECTING || part->state == REQUEST_STREAMING)
        request_client_gone(part);
}

void part_end(struct request *part)
{
    enum settle_bill what;

    assert(part->whole != NULL && part->state != REQUEST_SETTLING);
    request_hold(part);
    what = part->state == REQUEST_LEAVING ? SETTLE_PROMPT : leave_bill(part);
    part->closed = true;
    request_end_upstream(part);
    request_left(part, what);
    request_let(part);
}

void parts_end(struct request *whole)
{
    while (whole->running != NULL)
        part_end(whole->running);
}

/* --- its bill */

static uint32_t ms_between(uint64_t from_us, uint64_t to_us)
{
    uint64_t ms = to_us > from_us ? (to_us - from_us) / 1000 : 0;

    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static void part_unlink(struct request *part)
{
    struct request **at = &part->whole->running;

    while (*at != part)
        at = &(*at)->next_part;
    *at = part->next_part;
    part->next_part = NULL;
}

void part_billed(struct request *part)
{
    const struct candidate *c = &part->attempts.candidate;
    struct part_line line = {
        .id = part->id,
        .role = part->role,
        .place = part->part_place,
        /* nobody has left: its whole needs it no more */
        .outcome = (uint8_t)(part->outcome == ERR_CLIENT_GONE ? ERR_CANCELLED : part->outcome),
        .finish = (uint8_t)part->account.finish,
        .attempts = part->attempts.made,
        .flags = part->flags & (uint16_t)~USAGE_CLIENT_GONE,
        .began_ms = ms_between(part->whole->received_us, part->received_us),
        .first_byte_ms = part->first_byte_us / 1000,
        .total_ms = ms_between(part->received_us, clock_mono_us()),
        .usage = part->account.usage,
        .cost_nusd = part->cost_nusd,
    };

    if (part->attempts.made != 0) {
        line.model_no = c->endpoint->info->model_no;
        line.endpoint_no = c->endpoint->info->no;
        line.price_version = c->endpoint->info->price_version;
    }
    part_unlink(part);
    part->whole->own_cost_nusd = parts_add_money(part->whole->own_cost_nusd, part->own_cost_nusd);
    parts_add(part->whole->parts, &line);
}

/* Among the whole's final models. */
static uint8_t own_place(const struct request *r)
{
    uint8_t place = 0;

    while (place < r->want.n_models && r->want.models[place] != r->attempts.candidate.model)
        place++;
    return place;
}

void part_own_line(struct request *r, enum err outcome, bool refused, bool chosen)
{
    const struct candidate *c = &r->attempts.candidate;
    uint64_t begun_us = r->attempts.begun_us;
    struct receipt_facts f;
    struct part_line line = {
        .role = PART_FINAL,
        .place = own_place(r),
        .outcome = (uint8_t)outcome,
        .finish = (uint8_t)r->account.finish,
        .attempts = (uint8_t)(r->attempts.made - r->lined),
        .flags = r->flags,
        .refused = refused,
        .chosen = chosen,
        .model_no = c->endpoint->info->model_no,
        .endpoint_no = c->endpoint->info->no,
        .price_version = c->endpoint->info->price_version,
        .began_ms = ms_between(r->received_us, begun_us),
        .first_byte_ms = r->first_byte_us == 0 ? 0 : ms_between(begun_us, r->received_us + r->first_byte_us),
        .total_ms = ms_between(begun_us, clock_mono_us()),
        .usage = r->account.usage,
        .cost_nusd = r->cost_nusd,
    };

    assert(r->parts != NULL && r->attempts.made > r->lined);
    part_id(&r->id, part_index(line.role, line.place), &line.id);
    parts_add(r->parts, &line);
    r->parts->covered_nusd = 0;
    r->lined = r->attempts.made;
    facts_of_final(r, &line, &f);
    receipts_publish(r->context->receipts, r->context->admit.worker, &f);
}
