#include "refusal.h"

#include "money.h"

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

/* The 402 says what it would take. Numbers of ours only. */
static void credit_sentence(const struct admission *a, struct api_failure *f)
{
    char need[MONEY_TEXT_MAX], have[MONEY_TEXT_MAX];

    money_text_usd(a->amount_nusd, need);
    money_text_usd(a->available_nusd, have);
    snprintf(f->text, sizeof f->text,
             "This request may cost up to $%s; the key can spend $%s now. Lower max_tokens, %s.",
             need, have, f->error == API_KEY_LIMIT ? "or raise the key's limit" : "or add credits");
}

void refusal_of_admission(const struct admission *a, struct api_failure *f)
{
    *f = (struct api_failure){.error = errors_of(a->why)};
    if (a->why == ERR_NOT_FOUND)
        f->error = API_BAD_KEY;
    if (f->error == API_NO_CREDIT || f->error == API_KEY_LIMIT)
        credit_sentence(a, f);
    if (f->error == API_RATE || f->error == API_CREDIT_RESERVED)
        f->retry_after_ms = a->retry_ms;
}

void refusal_of_attempts(const struct request *r, struct api_failure *f)
{
    unsigned n = r->attempts;

    *f = (struct api_failure){.error = API_PROVIDER_FAILED, .retry_after_ms = r->retry_ms};
    if (r->outcome == ERR_OVERLOAD || r->outcome == ERR_MEMORY)
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
