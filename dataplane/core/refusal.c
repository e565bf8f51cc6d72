#include "refusal.h"

#include "money.h"
#include "part.h"
#include "reserve.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ", 3 more" behind what has fitted. */
static void removed_rest(char *text, size_t size, size_t n, size_t told, size_t all)
{
    if (all > told)
        snprintf(text + n, size - n, "%s%zu more%s.", told == 0 ? " Removed: " : ", ", all - told,
                 told == 0 ? " endpoints" : "");
    else
        snprintf(text + n, size - n, ".");
}

/* The key's id, by which its owner finds it. */
static void own_id(const struct attempts *a, unsigned at, char id[static ID_TEXT_LEN + 1])
{
    id_text(&a->own->list[at].id, id);
}

/* An own provider key that is always to be used leaves no candidate. */
static void refusal_of_own_route(const struct attempts *a, struct api_failure *f)
{
    char id[ID_TEXT_LEN + 1];

    own_id(a, a->own_trouble_at, id);
    *f = (struct api_failure){0};
    f->error = a->own_trouble == OWN_KEY_RESEAL ? API_OWN_KEY_RESEAL : API_OWN_KEY_BAD;
    snprintf(f->text, sizeof f->text,
             a->own_trouble == OWN_KEY_RESEAL
                 ? "Your provider key %s was sealed to a sealing key that these data planes no longer have. Seal it "
                   "again to the key of GET /v1/byok/sealing-key, and PATCH /v1/byok/{id} with that."
                 : "Your provider key %s does not open, or was sealed for another account or provider. Seal it again "
                   "(docs/byok.md), and PATCH /v1/byok/{id} with that.",
             id);
}

void refusal_of_route(const struct request *r, struct api_failure *f)
{
    const struct route *route = &r->attempts.route;
    enum { REST = 32 }; /* bytes of removed_rest() */
    size_t n, told = 0;

    *f = (struct api_failure){.error = API_NO_PROVIDER,
                              .message = route_refusal_sentence(route->refusal),
                              .removed = route,
                              .removed_for = &r->want};
    if (r->attempts.own_trouble != OWN_KEY_READY) {
        refusal_of_own_route(&r->attempts, f);
        return;
    }
    if (route->n_removed == 0)
        return;
    n = strlen(f->message);
    memcpy(f->text, f->message, n + 1);
    for (; told < route->n_removed && told < ROUTE_REMOVED_MAX; told++) {
        const struct route_removed *x = &route->removed[told];
        int len = snprintf(f->text + n, sizeof f->text - n, "%s%s at %s (%s)",
                           told == 0 ? " Removed: " : ", ", x->model->info->id,
                           x->endpoint->provider->name,
                           route_constraint(&r->want, (enum route_refusal)x->why));

        if (len < 0 || (size_t)len + REST >= sizeof f->text - n)
            break;
        n += (size_t)len;
    }
    f->text[n] = '\0';
    removed_rest(f->text, sizeof f->text, n, told, route->n_removed);
}

/* Not the operator's doing, and nothing that trying again helps. */
static void refusal_of_own_key(const struct attempts *a, struct api_failure *f)
{
    char id[ID_TEXT_LEN + 1];

    own_id(a, a->failed_own_at, id);
    f->error = API_OWN_KEY_REFUSED;
    snprintf(f->text, sizeof f->text,
             "The provider refused your own key %s with status %d. Seal one that it takes, and PATCH /v1/byok/{id} "
             "with that; your API key here is fine.",
             id, a->failed_own_status);
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
    if (r->no_output || r->units.kind != PRICE_UNIT_NONE || (r->parts != NULL && r->parts->given)) {
        snprintf(f->text, sizeof f->text,
                 "This request may cost up to $%s; the key can spend $%s now. Send less input, or %s.", need,
                 have, more);
        return;
    }
    fits = reserve_fits(r, a->available_nusd - (r->parts != NULL ? r->parts->reserved_nusd : 0));
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
    if (a->failed_own != 0 && (f->error == API_PROVIDER_FAILED || f->error == API_PROVIDER_CREDENTIALS))
        refusal_of_own_key(a, f);
    if (f->error == API_PROVIDER_RATE && a->failed_rate != a->made)
        f->message = "A provider of this model is rate limited, and no other one could answer.";
    if (f->error == API_PROVIDER_OVERLOAD && a->failed_overload != a->made)
        f->message = "A provider of this model is overloaded, and no other one could answer.";
}
