#include "refusal.h"

#include "money.h"
#include "reserve.h"

#include <inttypes.h>
#include <stdio.h>

const char *refusal_of_route(enum route_refusal why)
{
    static const char *const sentences[] = {
        [ROUTE_OK] = "",
        [ROUTE_NO_ENDPOINT] = "No provider of this model is enabled at present.",
        [ROUTE_NO_PROVIDER] = "provider.only, provider.ignore or provider.order leave no provider "
                              "of this model.",
        [ROUTE_NO_PRIVACY] = "No provider of this model promises to keep no data, as "
                             "data_collection:\"deny\" or zdr demand.",
        [ROUTE_NO_PRICE] = "No provider of this model is within provider.max_price.",
        [ROUTE_NO_CAPABILITY] = "No provider of this model supports every parameter of the "
                                "request, as provider.require_parameters demands.",
    };

    return sentences[why];
}

/* The 402 says what it would take, in words that programs look for ("can only afford N"). Numbers
 * of ours only. */
static void credit_sentence(const struct request *r, struct api_failure *f)
{
    const struct admission *a = &r->admission;
    const char *more = f->error == API_KEY_LIMIT ? "raise the key's limit" : "add credits";
    char need[MONEY_TEXT_MAX], have[MONEY_TEXT_MAX];
    uint32_t fits = reserve_fits(r, a->available_nusd);
    int n;

    if (fits > r->output) /* money that came back meanwhile */
        fits = r->output;
    f->max_tokens = fits;
    f->has_max_tokens = true;
    money_text_usd(a->amount_nusd, need);
    money_text_usd(a->available_nusd, have);
    n = snprintf(f->text, sizeof f->text,
                 "This request may cost up to $%s; the key can spend $%s now. You requested up to "
                 "%" PRIu32 " tokens, but can only afford %" PRIu32 ". ",
                 need, have, r->output, fits);
    if (n < 0 || (size_t)n >= sizeof f->text)
        return;
    if (fits != 0)
        snprintf(f->text + n, sizeof f->text - (size_t)n,
                 "max_tokens of at most %" PRIu32 " would fit; or %s.", fits, more);
    else
        snprintf(f->text + n, sizeof f->text - (size_t)n, "Shorten the prompt, or %s.", more);
}

void refusal_of_admission(const struct request *r, struct api_failure *f)
{
    const struct admission *a = &r->admission;

    *f = (struct api_failure){.error = errors_of(a->why)};
    if (a->why == ERR_NOT_FOUND)
        f->error = API_BAD_KEY;
    if (f->error == API_NO_CREDIT || f->error == API_KEY_LIMIT)
        credit_sentence(r, f);
    if (f->error == API_RATE || f->error == API_CREDIT_RESERVED)
        f->retry_after_ms = a->retry_ms;
}

void refusal_of_attempts(const struct request *r, struct api_failure *f)
{
    unsigned n = r->attempts;

    *f = (struct api_failure){.error = API_PROVIDER_FAILED, .retry_after_ms = r->retry_ms};
    /* An error object under status 200 counts as a refusal only when every candidate refused. */
    if (r->refused != 0 && (r->refused_by_status || r->refused == n)) {
        f->error = r->refusal;
        f->provider_message = r->refusal_message;
    } else if (r->outcome == ERR_OVERLOAD || r->outcome == ERR_MEMORY)
        f->error = API_OVERLOAD;
    else if (r->failed_rate == n)
        f->error = API_PROVIDER_RATE;
    else if (r->failed_overload + r->failed_rate == n)
        f->error = API_PROVIDER_OVERLOAD;
    else if (r->failed_timeout == n)
        f->error = API_PROVIDER_TIMEOUT;
    else if (r->failed_credentials == n)
        f->error = API_PROVIDER_CREDENTIALS;
}
