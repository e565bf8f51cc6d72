#include "facts.h"

#include "clock.h"
#include "part.h"
#include "part_id.h"
#include "settle.h"

#include <assert.h>

/* NUL-padded; the text may fill its place. */
static void facts_name(char out[static LIMIT_MODEL_ID_BYTES], const char *id)
{
    memcpy(out, id, strnlen(id, LIMIT_MODEL_ID_BYTES));
}

static void facts_of_route(const struct request *r, struct receipt_facts *f)
{
    f->n_candidates = (uint8_t)r->attempts.route.n;
    f->route_seed = r->attempts.seed;
    f->inputs_len = r->attempts.inputs_len;
    memcpy(f->inputs, r->attempts.inputs, f->inputs_len);
    for (size_t i = 0; i < r->attempts.route.n; i++)
        f->candidate[i] = (struct receipt_candidate){
            .endpoint_no = r->attempts.route.list[i].endpoint->info->no,
            .provider_no = (uint8_t)r->attempts.route.list[i].endpoint->info->provider_no,
            .reason = r->attempts.route.list[i].reason,
            .tried = r->attempts.tried[i],
            .result = r->attempts.failed[i],
        };
}

/* The provider that was sent the request last, and its prices. */
static void facts_of_endpoint(const struct request *r, struct receipt_facts *f)
{
    const struct catalog_endpoint *e;

    f->answered = (uint8_t)(r->digests.forwarded_to - 1);
    assert(f->answered < r->attempts.route.n);
    e = r->attempts.route.list[f->answered].endpoint->info;
    f->forwarded = r->digests.forwarded;
    f->price_version = e->price_version;
    f->tier = r->rates.tier;
    memcpy(f->class_pusd, r->rates.class_pusd, sizeof f->class_pusd);
    memcpy(f->unit_nusd, r->rates.unit_nusd + 1, sizeof f->unit_nusd); /* without "none" */
    facts_name(f->upstream_model, e->upstream_model);
    f->flags |= RECEIPT_FORWARDED;
    if (r->digests.keyed) {
        f->provider_key = r->digests.provider_key;
        f->flags |= RECEIPT_KEYED;
    }
}

/* Which lines there are, as the whole's facts name them. */
static void facts_of_parts(const struct parts *p, struct receipt_facts *f)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct part_line *line = &p->line[i];
        uint32_t bit = UINT32_C(1) << part_index(line->role, line->place);

        assert((f->parts & bit) == 0);
        if (line->attempts == 0)
            continue; /* nobody was asked */
        f->parts |= bit;
        f->refused |= line->refused ? bit : 0;
        f->chosen |= line->chosen ? bit : 0;
    }
}

#define FACTS_TOKENS(no, class, ...) .tokens_##class = t->class,
static void facts_fill(const struct request *r, struct receipt_facts *f)
{
    const struct token_usage *t = &r->account.usage;

    *f = (struct receipt_facts){
        .id = r->id,
        .owner = r->key_digest,
        .received = r->digests.received,
        .received_bytes = r->digests.received_bytes,
        .served_unix_ms = clock_unix_ms(),
        .cost_nusd = r->cost_nusd,
        USAGE_TOKENS(FACTS_TOKENS)
        .units = r->billed.n,
        .unit_kind = r->billed.kind,
        .requests = r->requests,
        .flags = (uint16_t)((r->stream ? RECEIPT_STREAM : 0) |
                            ((r->flags & USAGE_ESTIMATED) != 0 ? RECEIPT_ESTIMATED : 0) |
                            ((r->flags & USAGE_CLAMPED) != 0 ? RECEIPT_CLAMPED : 0) |
                            (r->attempts.candidate.own != 0 ? RECEIPT_OWN_KEY : 0) |
                            (r->attempts.made != 0 || (r->parts != NULL && r->parts->n != 0) ? RECEIPT_ADMITTED : 0)),
        .own_fee_ppm = r->attempts.candidate.own != 0 ? r->attempts.own->fee_ppm : 0,
        .markup_ppm = own_markup(&r->attempts, &r->attempts.candidate),
        /* a stream that has begun said 200, however it ended */
        .status = (uint16_t)(r->committed ? 200 : settle_status(r)),
        .endpoint = (uint8_t)r->endpoint,
        .error = (uint8_t)r->answer,
        .outcome = (uint8_t)r->outcome,
        .finish = (uint8_t)r->account.finish,
    };
    if (r->catalog != NULL) {
        f->catalog = snapshot_catalog(r->catalog)->digest;
        f->catalog_version = snapshot_catalog(r->catalog)->version;
    }
    if (r->parts != NULL)
        facts_name(f->model, r->parts->model->id);
    else if (r->want.n_models != 0)
        facts_name(f->model, r->want.models[0]->info->id);
    facts_of_route(r, f);
}

/* It has no body of its own for a client: complete is what its provider has ended. */
static void facts_of_part(const struct id *whole, struct receipt_facts *f)
{
    f->flags |= (uint16_t)(RECEIPT_PART | RECEIPT_ADMITTED | (f->outcome == ERR_NONE ? RECEIPT_COMPLETE : 0));
    f->whole = *whole;
}

void facts_of_request(const struct request *r, struct receipt_facts *f)
{
    assert(r->state == REQUEST_SETTLING);
    facts_fill(r, f);
    if (r->digests.forwarded_to != 0)
        facts_of_endpoint(r, f);
    if (r->whole != NULL) {
        facts_of_part(&r->whole->id, f);
        f->received = r->whole->digests.received; /* what the client asked; a part has no body of its client's */
        f->received_bytes = r->whole->digests.received_bytes;
    }
    if (r->parts != NULL)
        facts_of_parts(r->parts, f);
}

#define FACTS_LINE(no, class, ...) f->tokens_##class = line->usage.class;
void facts_of_final(const struct request *r, const struct part_line *line, struct receipt_facts *f)
{
    uint8_t to = r->digests.forwarded_to;

    assert(r->parts != NULL && line->role == PART_FINAL);
    facts_fill(r, f);
    if (to != 0 && r->attempts.route.list[to - 1].model == r->attempts.candidate.model) /* else it was an earlier line's */
        facts_of_endpoint(r, f);
    part_id(&r->id, part_index(line->role, line->place), &f->id);
    memset(f->model, 0, sizeof f->model);
    facts_name(f->model, r->attempts.candidate.model->info->id);
    f->cost_nusd = line->cost_nusd;
    USAGE_TOKENS(FACTS_LINE)
    f->outcome = line->outcome;
    f->finish = line->finish;
    facts_of_part(&r->id, f);
}
