#include "settle.h"

#include "bill.h"
#include "clock.h"
#include "estimate.h"
#include "growth.h"
#include "log.h"
#include "part_lines.h"
#include "reserve.h"

#include <assert.h>

int settle_status(const struct request *r)
{
    return r->outcome == ERR_CLIENT_GONE ? 499 : errors_row(r->answer)->status;
}

static struct static_name answer_name(enum api_error a)
{
    const char *code = errors_row(a)->code;

    return (struct static_name){code != NULL ? code : a == API_OK ? "ok" : "invalid_request"};
}

/* A part answers nobody, so it has no status; its line is shorter. */
static void settle_log_part(const struct request *r)
{
    const struct route_endpoint *e = r->attempts.candidate.endpoint;

    LOG("part_done", KV("request", r->whole->id), KV("part", r->id), KV("role", r->role), KV("place", r->part_place),
        KV("outcome", log_err((int)r->outcome)), KV("attempts", r->attempts.made),
        KV("model", (uint32_t)(e != NULL ? r->attempts.candidate.model->info->no : 0)),
        KV("endpoint", (uint32_t)(e != NULL ? e->info->no : 0)), KV("tokens_in", r->account.usage.prompt),
        KV("tokens_out", r->account.usage.completion), KV("cost_nusd", r->cost_nusd), KV("flags", r->flags),
        KV("first_byte_us", r->first_byte_us), KV("latency_us", clock_mono_us() - r->received_us));
}

void settle_log(const struct request *r)
{
    const struct route_endpoint *e = r->attempts.candidate.endpoint;
    const struct token_usage *t = &r->account.usage;

    if (r->whole != NULL) {
        settle_log_part(r);
        return;
    }
    LOG("request_done", KV("request", r->id), KV("status", (int32_t)settle_status(r)),
        KV("outcome", log_err((int)r->outcome)), KV("answer", answer_name(r->answer)),
        KV("stream", r->stream), KV("attempts", r->attempts.made),
        KV("model", (uint32_t)(e != NULL ? r->attempts.candidate.model->info->no : 0)),
        KV("endpoint", (uint32_t)(e != NULL ? e->info->no : 0)), KV("tokens_in", t->prompt),
        KV("tokens_out", t->completion), KV("cost_nusd", r->cost_nusd), KV("flags", r->flags),
        KV("route_us", r->route_us), KV("first_byte_us", r->first_byte_us),
        KV("latency_us", clock_mono_us() - r->received_us));
}

/* Rounded; a cost that the field cannot hold is its largest. */
static uint32_t settle_own_cost(const struct request *r)
{
    uint64_t units = ((uint64_t)r->own_cost_nusd + USAGE_OWN_COST_NUSD / 2) / USAGE_OWN_COST_NUSD;

    return units > UINT32_MAX ? UINT32_MAX : (uint32_t)units;
}

/* Who answered: of a whole, the line that the client was given. */
static void settle_names(const struct request *r, struct usage_record *out)
{
    const struct part_line *line;

    if (r->parts == NULL) {
        const struct catalog_endpoint *e = r->attempts.candidate.endpoint->info;

        out->model_no = e->model_no;
        out->endpoint_no = e->no;
        out->price_version = e->price_version;
        out->first_model_no = r->want.models[0]->info->no;
        return;
    }
    line = parts_answer(r->parts);
    out->model_no = out->first_model_no = r->parts->model->no;
    out->endpoint_no = line != NULL ? line->endpoint_no : 0;
    out->price_version = line != NULL ? line->price_version : 0;
}

#define SETTLE_TOKENS(no, class, ...) .tokens_##class = b->tokens.class,
static void settle_record(const struct request *r, const struct bill *b, struct usage_record *out)
{
    uint64_t total_ms = (clock_mono_us() - r->received_us) / 1000;

    *out = (struct usage_record){
        .request = r->id,
        .key = key_id(r->admission.key),
        .account = key_account(r->admission.key),
        .lease = r->admission.lease,
        .received_ms = r->received_unix_ms,
        .user_hash = r->user_hash,
        .cost_nusd = b->cost_nusd,
        .catalog_version = snapshot_catalog(r->catalog)->version,
        .route_us = r->route_us,
        .first_byte_us = r->first_byte_us,
        .total_ms = total_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)total_ms,
        USAGE_TOKENS(SETTLE_TOKENS)
        .units = b->units.n,
        .unit_kind = b->units.kind,
        .http_status = (uint16_t)settle_status(r),
        .flags = r->flags,
        .error_class = (uint8_t)r->outcome,
        .finish = (uint8_t)r->account.finish,
        .route_reason = r->attempts.candidate.reason,
        .attempt = r->attempts.made,
        .attempts = r->attempts.made,
        .own_cost = settle_own_cost(r),
    };
    settle_names(r, out);
}

/* One bill: a request's, a part's, or that of a whole's attempt. */
static void settle_count_bill(struct stats *s, const struct bill *b)
{
#define SETTLE_COUNT(no, class, ...) counter_add(&s->tokens.class, b->tokens.class);
    USAGE_TOKENS(SETTLE_COUNT)
#undef SETTLE_COUNT
    counter_add(&s->cost_nusd, (uint64_t)b->cost_nusd);
    counter_add(&s->estimated, b->estimated);
    counter_add(&s->clamped, b->clamped);
}

static void settle_count(struct request *r)
{
    struct stats *s = r->context->stats;

    counter_add(&s->client_gone, r->outcome == ERR_CLIENT_GONE && r->whole == NULL);
    counter_add(&s->truncated, r->outcome == ERR_PROVIDER_TRUNCATED);
    if (r->streams)
        counter_add(&s->streams_open, (uint64_t)-1);
}

/* Each event behind the first, which has the role, has a token or more, and a token has a byte: so a client
 * that leaves an answer of short tokens (digits) just before its figures does not pay a quarter of it. */
static uint64_t settle_events(const struct attempt_account *a)
{
    uint64_t events = a->chunks > 1 ? a->chunks - 1 : 0;

    return events < a->delivered_bytes ? events : a->delivered_bytes;
}

/* Output in tokens when the provider gives no figures. What is unfinished counts when the provider
 * has made it and a limit of ours kept it from the client. What nobody has seen counts when the
 * provider did not fail: it has made it, and charges it. */
static uint32_t settle_output(const struct request *r, enum err outcome)
{
    const struct attempt_account *a = &r->account;
    bool counts = outcome == ERR_PROVIDER_LARGE ||
                  (outcome == ERR_CLIENT_GONE && !r->stream); /* it had begun to arrive */
    uint64_t tokens = estimate_bytes(a->delivered_bytes + (counts ? a->waiting_bytes : 0));
    uint32_t hidden = 0;

    if (r->no_output)
        return 0;
    if (r->units.kind != PRICE_UNIT_NONE) /* its bytes say nothing of tokens */
        return outcome == ERR_NONE || counts ? r->output_guess : 0;
    if (outcome == ERR_CLIENT_GONE && r->stream && tokens < settle_events(a))
        tokens = settle_events(a);
    if (outcome == ERR_NONE || outcome == ERR_CLIENT_GONE)
        hidden = estimate_hidden(r, a, outcome == ERR_NONE);
    if (r->stream) /* hidden and shown output follow each other; a whole answer's time is of both */
        tokens += hidden;
    else if (hidden > tokens)
        tokens = hidden;
    return tokens > LIMIT_TOKENS_ABSURD ? LIMIT_TOKENS_ABSURD : (uint32_t)tokens;
}

/* The limit that the answer was asked to keep. Some providers do not count reasoning towards it. */
static uint64_t settle_limit(const struct request *r)
{
    uint64_t limit = r->max_output != 0 || r->told ? (r->output + r->extra_output) * r->n_choices : 0;

    if (limit != 0 && (r->attempts.candidate.endpoint->provider->quirks & QUIRK_REASONING_EXCLUDED) != 0)
        limit += r->account.usage.reasoning;
    return limit;
}

static bool lower_to(uint32_t *tokens, uint64_t most)
{
    if (*tokens <= most)
        return false;
    *tokens = (uint32_t)most;
    return true;
}

/* Figures that were corrected or cost more than was reserved are not to be believed, so no more of them is
 * counted, against the key's tokens per minute and in the account's activity, than there can have
 * been: a token for each byte delivered, or all that was asked for. Our own estimates can have been. */
static void settle_believe(const struct request *r, uint64_t limit, struct bill *b)
{
    struct token_usage *t = &b->tokens;
    uint64_t delivered = r->account.delivered_bytes;

    if (!b->clamped || b->estimated)
        return;
    if (limit != 0 || !reserve_believes(r, &r->account, t->completion))
        lower_to(&t->completion, delivered > limit ? delivered : limit);
    (void)bill_believe(t);
}

/* Does the endpoint charge what is made by tokens? */
static bool prices_tokens(const struct price *p)
{
    return p->prompt_pusd != 0 || p->completion_pusd != 0 || p->audio_input_pusd != 0 || p->audio_output_pusd != 0 ||
           p->image_input_pusd != 0 || p->image_output_pusd != 0;
}

/* A call that is priced by units: those that the provider says, or that are here, or else an estimate. Tokens are
 * estimated only where they have a price, and those of the answer are all of what it is made of. */
static void settle_units(const struct request *r, struct bill_evidence *evidence)
{
    const struct price *price = &r->attempts.candidate.endpoint->info->price;

    evidence->units = r->units;
    if (r->account.units != 0 && r->account.units < r->units.n)
        evidence->units.n = r->account.units;
    else if (r->account.units == 0 && r->units_guess < r->units.n) {
        evidence->units.n = r->units_guess;
        evidence->units_guessed = r->units_guess != 0;
    }
    if (r->units.kind == PRICE_UNIT_NONE)
        return;
    evidence->no_tokens = !prices_tokens(price);
    if (evidence->no_tokens)
        evidence->prompt = evidence->output = 0;
    if (evidence->usage.present)
        return;
    if (r->units.kind == PRICE_UNIT_image)
        evidence->usage.image_output = evidence->output;
    if (r->units.kind == PRICE_UNIT_character)
        evidence->usage.audio_output = evidence->output;
}

/* What the account pays of the bill when that is not the catalog's price: at most what is reserved. */
static void settle_pays(const struct request *r, int64_t pays, struct bill *out)
{
    const struct candidate *c = &r->attempts.candidate;
    int64_t prompt = own_charge(&r->attempts, c, out->tokens.prompt_nusd), most = reserve_left(r);

    out->clamped = out->clamped || pays > most;
    out->cost_nusd = pays > most ? most : pays;
    if (c->own != 0)
        return; /* its sides are what it would have cost */
    out->tokens.prompt_nusd = prompt < out->cost_nusd ? prompt : out->cost_nusd;
    out->tokens.completion_nusd = out->cost_nusd - out->tokens.prompt_nusd;
}

/* What the account pays. On a key of its own that is the fee of what the answer would have cost. */
static void settle_price(struct request *r, const struct bill_evidence *evidence, struct bill *out)
{
    const struct catalog_endpoint *e = r->attempts.candidate.endpoint->info;
    int64_t pays;

    bill_make(e, evidence, INT64_MAX, out);
    pays = own_charge(&r->attempts, &r->attempts.candidate, out->cost_nusd);
    if (pays > reserve_left(r))
        reserve_cover(r, &out->tokens, pays);
    if (r->attempts.candidate.own == 0 && own_markup(&r->attempts, &r->attempts.candidate) == 0) {
        bill_make(e, evidence, reserve_left(r), out);
        return;
    }
    if (r->attempts.candidate.own != 0)
        r->own_cost_nusd = parts_add_money(r->own_cost_nusd, out->cost_nusd);
    settle_pays(r, pays, out);
}

/* Nor is more of such a prompt paid than there can have been of it. */
static void settle_prompt(struct request *r, struct bill_evidence *evidence, int64_t own_before, struct bill *out)
{
    if (!out->clamped || out->estimated || !lower_to(&out->tokens.prompt, reserve_prompt(r)))
        return;
    evidence->usage = out->tokens;
    r->own_cost_nusd = own_before;
    settle_price(r, evidence, out);
    out->clamped = true;
}

static void settle_bill_make(struct request *r, enum err outcome, bool prompt_owed, struct bill *out)
{
    const int64_t own_before = r->own_cost_nusd;
    struct bill_evidence evidence = {0};
    /* An answer is here whose only price is the prompt's, or that of units. */
    bool read = (r->no_output || r->units.kind != PRICE_UNIT_NONE) && (outcome == ERR_NONE || outcome == ERR_PROVIDER_LARGE);

    r->ops->account(r, &r->account);
    if (r->cut != CUT_NONE)
        r->account.finish = FINISH_LENGTH;
    r->overran = r->cut == CUT_LIMIT || growth_overrun(r, &r->account.usage);
    evidence.usage = r->account.usage;
    evidence.prompt_owed = prompt_owed || read;
    evidence.complete =
        r->cut == CUT_NONE && (outcome == ERR_NONE || r->account.finish != FINISH_NONE);
    evidence.prompt = estimate_bytes(r->prompt_bytes);
    evidence.output = settle_output(r, outcome);
    evidence.delivered_bytes = r->account.delivered_bytes;
    evidence.limit = settle_limit(r);
    evidence.received_ms = r->received_unix_ms;
    settle_units(r, &evidence);
    settle_price(r, &evidence, out);
    settle_prompt(r, &evidence, own_before, out);
    settle_believe(r, evidence.limit, out);
    r->account.usage = out->tokens;
}

/* The attempts that failed, in their order. */
static void settle_attempts(const struct request *r)
{
    const struct attempts *a = &r->attempts;
    struct meter_attempt failed[LIMIT_CANDIDATES];
    uint8_t made = 0;
    size_t n = 0;

    for (size_t place = 0; place < a->route.n && place < LIMIT_CANDIDATES; place++) {
        made = (uint8_t)(made + a->tried[place]);
        if (a->tried[place] == 0 || a->failed[place] == ERR_NONE)
            continue;
        failed[n++] = (struct meter_attempt){
            .request = r->id,
            .attempt = {.endpoint_no = a->route.list[place].endpoint->info->no,
                        .took_ms = a->took_ms[place],
                        .http_status = a->statuses[place],
                        .attempt = made,
                        .error_class = a->failed[place]},
        };
    }
    if (n > 0)
        meter_attempts(r->context->admit.meter, r->context->admit.worker, failed, n);
}

/* The lines, for the control plane. */
#define PARTS_TOKENS(no, class, ...) .tokens_##class = line->usage.class,
static void settle_parts(const struct request *r)
{
    struct meter_part told[PARTS_MAX];

    _Static_assert((int)PARTS_MAX == (int)METER_PARTS_EACH, "so many places are reserved");
    for (size_t i = 0; i < r->parts->n; i++) {
        const struct part_line *line = &r->parts->line[i];

        told[i] = (struct meter_part){
            .request = r->id,
            .part = {.id = line->id,
                     .cost_nusd = line->cost_nusd,
                     .model_no = line->model_no,
                     .endpoint_no = line->endpoint_no,
                     .price_version = line->price_version,
                     .began_ms = line->began_ms,
                     .first_byte_ms = line->first_byte_ms,
                     .total_ms = line->total_ms,
                     .flags = line->flags,
                     .role = line->role,
                     .place = line->place,
                     .outcome = line->outcome,
                     .finish = line->finish,
                     .attempts = line->attempts,
                     .marks = (uint8_t)((line->refused ? USAGE_PART_REFUSED : 0) | (line->chosen ? USAGE_PART_CHOSEN : 0)),
                     USAGE_TOKENS(PARTS_TOKENS)},
        };
    }
    meter_parts(r->context->admit.meter, r->context->admit.worker, told, r->parts->n);
}
#undef PARTS_TOKENS

/* What the bill says, into r. */
static void settle_take(struct request *r, const struct bill *b)
{
    r->cost_nusd = b->cost_nusd;
    r->billed = b->units;
    r->requests = b->requests;
    r->rates = b->rates;
    r->flags = (uint16_t)((r->stream ? USAGE_STREAM : 0) | (b->estimated ? USAGE_ESTIMATED : 0) |
                          (b->clamped ? USAGE_CLAMPED : 0) |
                          (r->outcome == ERR_CLIENT_GONE ? USAGE_CLIENT_GONE : 0) |
                          (r->attempts.made > 1 ? USAGE_FALLBACK : 0) |
                          (r->attempts.candidate.own != 0 ? USAGE_BYOK : 0));
    settle_count_bill(r->context->stats, b);
}

void settle_attempt(struct request *r, enum err outcome)
{
    struct bill bill = {0};
    bool said;

    settle_bill_make(r, outcome, false, &bill);
    settle_take(r, &bill);
    said = r->account.delivered_bytes != 0 || r->account.finish == FINISH_CONTENT_FILTER;
    part_own_line(r, outcome, outcome == ERR_NONE && said, false);
    r->account = (struct attempt_account){0};
    r->cost_nusd = 0;
    r->overran = false;
    r->first_byte_us = 0;
}

/* The whole's last attempt becomes a line, and the sums of all lines its bill. */
static void settle_whole(struct request *r, enum settle_bill what, struct bill *b)
{
    const struct part_line *answer;
    bool given = r->state == REQUEST_STREAMING || (what != SETTLE_FREE && r->outcome == ERR_NONE);

    assert(r->running == NULL);
    if (r->attempts.made > r->lined)
        part_own_line(r, what == SETTLE_FREE && r->outcome == ERR_NONE ? r->attempts.last : r->outcome, false, given);
    answer = parts_answer(r->parts);
    b->cost_nusd = r->cost_nusd = r->parts->cost_nusd;
    b->tokens = r->account.usage = r->parts->usage;
    if (answer != NULL)
        r->account.finish = (enum usage_finish)answer->finish;
    r->flags |= parts_flags(r->parts);
}

/* Was anybody asked, so that there is something to record? */
static bool settle_asked(const struct request *r)
{
    return r->attempts.made != 0 || (r->parts != NULL && parts_answer(r->parts) != NULL);
}

static void settle_money(struct request *r, const struct bill *b)
{
    struct usage_record record;

    if (!settle_asked(r))
        admit_release(&r->admission);
    if (!r->admission.reserved)
        return;
    settle_record(r, b, &record);
    admit_settle(&r->admission, b->cost_nusd, (uint64_t)b->tokens.prompt + b->tokens.completion);
    settle_attempts(r);
    if (r->parts != NULL)
        settle_parts(r);
    meter_push(r->context->admit.meter, r->context->admit.worker, &record);
}

void settle(struct request *r, enum err outcome, enum api_error answer, enum settle_bill what)
{
    struct bill bill = {0};

    r->outcome = outcome;
    r->answer = answer;
    if (what != SETTLE_FREE)
        settle_bill_make(r, outcome, what == SETTLE_PROMPT, &bill);
    settle_take(r, &bill);
    if (r->parts != NULL)
        settle_whole(r, what, &bill);
    if (r->whole != NULL)
        part_billed(r);
    else
        settle_money(r, &bill);
    settle_count(r);
}
