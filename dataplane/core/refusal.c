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
    const bool limit = f->error == API_KEY_LIMIT;
    const char *more = limit ? "raise the key's limit" : "add credits";
    char need[MONEY_TEXT_MAX], have[MONEY_TEXT_MAX];
    uint32_t fits;
    int n;

    money_text_usd(a->amount_nusd, need);
    money_text_usd(a->available_nusd, have);
    if (r->no_output || r->units.kind != PRICE_UNIT_NONE) {
        snprintf(f->text, sizeof f->text,
                 "This request may cost up to $%s; the key can spend $%s now. Send less input, or %s.", need,
                 have, more);
        return;
    }
    fits = reserve_fits(r, a->available_nusd);
    if (fits > r->output) /* money that came back meanwhile */
        fits = r->output;
    f->max_tokens = fits;
    f->has_max_tokens = true;
    n = snprintf(f->text, sizeof f->text,
                 "This request may cost up to $%s; the key can spend $%s now. You requested up to "
                 "%" PRIu32 " tokens, but can only afford %" PRIu32 ". ",
                 need, have, r->output, fits);
    if (n < 0 || (size_t)n >= sizeof f->text)
        return;
    if (fits != 0)
        snprintf(f->text + n, sizeof f->text - (size_t)n,
                 "max_tokens of at most %" PRIu32 " would fit; or %s.", fits, more);
    else if (a->available_nusd > 0)
        snprintf(f->text + n, sizeof f->text - (size_t)n, "Shorten the prompt, or %s.", more);
    else
        snprintf(f->text + n, sizeof f->text - (size_t)n, limit ? "Raise the key's limit." : "Add credits.");
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

/* Is the first refusal the answer? A refusal for what one provider cannot do is not while another, which
 * may be able to, is only out of service for now. An error object under status 200 counts when every
 * candidate refused. */
static bool refusal_stands(const struct attempts *a)
{
    if (a->refused == a->made)
        return true;
    return a->refused_for_all ||
           (a->refused_by_status && a->refused + a->failed_credentials == a->made);
}

/* What helps the client most: the time to wait for, before what may pass by itself, before the rest. */
static enum api_error most_useful(const struct attempts *a)
{
    unsigned n = a->made;

    if (a->last == ERR_OVERLOAD || a->last == ERR_MEMORY)
        return API_OVERLOAD;
    if (a->failed_rate != 0 && (a->failed_overload == 0 || a->failed_rate + a->failed_overload != n))
        return API_PROVIDER_RATE;
    if (a->failed_overload != 0)
        return API_PROVIDER_OVERLOAD;
    if (a->failed_credentials == n)
        return API_PROVIDER_CREDENTIALS;
    if (a->failed_timeout != 0 && a->failed_timeout + a->failed_credentials == n)
        return API_PROVIDER_TIMEOUT;
    return API_PROVIDER_FAILED;
}

void refusal_of_attempts(const struct attempts *a, struct api_failure *f)
{
    *f = (struct api_failure){.retry_after_ms = a->retry_ms};
    if (a->refused != 0 && refusal_stands(a)) {
        f->error = a->refusal;
        f->provider_message = a->refusal_message;
        return;
    }
    f->error = most_useful(a);
    if (f->error == API_PROVIDER_RATE && a->failed_rate != a->made)
        f->message = "A provider of this model is rate limited, and no other one could answer.";
    if (f->error == API_PROVIDER_OVERLOAD && a->failed_overload != a->made)
        f->message = "A provider of this model is overloaded, and no other one could answer.";
}
