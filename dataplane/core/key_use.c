/* Rules of keys at one request. */
#include "key_use.h"

static void begin(struct key_use *x, struct route_want *w)
{
    if (!x->kept) {
        x->kept = true;
        x->no_retention = w->no_retention;
        x->confidential = w->confidential;
        x->privacy_by = w->privacy_by;
        x->places = w->places;
    }
    w->no_retention = x->no_retention;
    w->confidential = x->confidential;
    w->privacy_by = x->privacy_by;
    w->places = x->places;
    memset(w->barred, 0, sizeof w->barred);
    x->generation = 0;
    x->applied++;
}

static bool forbid(struct api_failure *f, enum api_error error, const char *param)
{
    *f = (struct api_failure){.error = error, .param = param};
    return false;
}

/* A key's floor: what the request demands itself is demanded still. */
static void raise(const struct key_rules *r, struct route_want *w)
{
    if (r->privacy != KEY_PRIVACY_ANY && !w->no_retention) {
        w->no_retention = true;
        w->privacy_by = ROUTE_MIN_PRIVACY;
    }
    w->confidential = w->confidential || r->privacy == KEY_PRIVACY_CONFIDENTIAL;
    if (r->region == KEY_REGION_EU)
        w->places |= ROUTE_LAW_EU | ROUTE_IN_EU;
    if (r->region == KEY_REGION_US)
        w->places |= ROUTE_LAW_US;
}

/* Endpoints of models or at providers that the key may not use are no candidates. */
static bool bar(const struct key_rules *r, struct route_want *w, struct api_failure *f)
{
    size_t at = 0, models = 0, left = 0;

    for (size_t m = 0; m < w->n_models; m++) {
        const struct route_model *model = w->models[m];
        bool allowed = key_rules_model(r, model->name, model->author);

        models += allowed;
        for (size_t i = 0; i < model->n_endpoints && at < ROUTE_ENDPOINTS_MAX; i++, at++) {
            if (allowed && key_rules_provider(r, model->endpoints[i].provider->no))
                left++;
            else
                w->barred[at / 64] |= UINT64_C(1) << at % 64;
        }
    }
    if (models == 0)
        return forbid(f, API_MODEL_NOT_ALLOWED, "model");
    if (left == 0 && at != 0)
        return forbid(f, API_PROVIDER_NOT_ALLOWED, "provider");
    return true;
}

bool key_use_apply(struct key_use *x, const struct keyring *k, const struct key *key, struct route_want *w,
                 struct api_failure *f)
{
    struct key_rules r;
    uint64_t generation;

    begin(x, w);
    if (key == NULL || key_rules_generation(key) == 0)
        return true;
    if (!key_rules(k, key, &r, &generation))
        return forbid(f, API_OVERLOAD, NULL);
    x->generation = generation;
    if (!key_rules_address(&r, x->client))
        return forbid(f, API_IP_NOT_ALLOWED, NULL);
    if (r.region == KEY_REGION_EU && !x->in_eu)
        return forbid(f, API_REGION_NOT_ALLOWED, NULL);
    raise(&r, w);
    return bar(&r, w, f);
}

bool key_use_holds(const struct key_use *x, const struct key *key)
{
    return key_rules_generation(key) == x->generation;
}
