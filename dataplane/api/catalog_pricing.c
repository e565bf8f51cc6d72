#include "catalog_pricing.h"

#include "money.h"
#include "time_text.h"

#include <stdio.h>

enum { DAY_S = 86400, DAY_TEXT = sizeof "2026-11-20" - 1 };

/* One price: its name and its text. */
static enum err append_price(struct buf *out, const char *name, int64_t pusd)
{
    char text[MONEY_TEXT_MAX];

    money_text_price(pusd, text);
    return buf_appendf(out, ",\"%s\":\"%s\"", name, text);
}

static enum err append_unit(struct buf *out, const char *name, int64_t nusd)
{
    char text[MONEY_TEXT_MAX];

    money_text_usd(nusd, text);
    return buf_appendf(out, ",\"%s\":\"%s\"", name, text);
}

/* Classes and units that most endpoints do not price apart. */
static enum err append_apart(struct buf *out, const struct price *p)
{
    const struct {
        const char *name;
        int64_t pusd, as;
    } classes[] = {
        {"input_cache_write_1h", p->cache_write_long_pusd, p->cache_write_pusd},
        {"internal_reasoning", p->reasoning_pusd, p->completion_pusd},
        {"audio", p->audio_input_pusd, p->prompt_pusd},
        {"audio_output", p->audio_output_pusd, p->completion_pusd},
        {"image_token", p->image_input_pusd, p->prompt_pusd},
        {"image_output", p->image_output_pusd, p->completion_pusd},
    };
    const struct {
        const char *name;
        int64_t nusd;
    } units[] = {
        {"second", p->second_nusd},
        {"character", p->character_nusd},
        {"query", p->query_nusd},
    };
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < sizeof classes / sizeof classes[0]; i++)
        if (classes[i].pusd != classes[i].as)
            e = append_price(out, classes[i].name, classes[i].pusd);
    for (size_t i = 0; e == ERR_NONE && i < sizeof units / sizeof units[0]; i++)
        if (units[i].nusd != 0)
            e = append_unit(out, units[i].name, units[i].nusd);
    return e;
}

/* A time of day in hours: "16.5". */
static enum err append_hours(struct buf *out, const char *name, unsigned minute)
{
    return buf_appendf(out, "\"%s\":%.10g,", name, minute / 60.0);
}

static enum err append_tier(struct buf *out, const struct price_tier *t)
{
    enum err e = buf_append_byte(out, '{');
    char text[MONEY_TEXT_MAX];

    if (e == ERR_NONE && t->above_prompt_tokens != 0)
        e = buf_appendf(out, "\"min_prompt_tokens\":%llu,", (unsigned long long)t->above_prompt_tokens + 1);
    if (e == ERR_NONE && t->from_minute != t->until_minute)
        e = append_hours(out, "utc_start", t->from_minute);
    if (e == ERR_NONE && t->from_minute != t->until_minute)
        e = append_hours(out, "utc_end", t->until_minute);
    money_text_price(t->prompt_pusd, text);
    if (e == ERR_NONE)
        e = buf_appendf(out, "\"prompt\":\"%s\"", text);
    if (e == ERR_NONE)
        e = append_price(out, "completion", t->completion_pusd);
    if (e == ERR_NONE)
        e = append_price(out, "input_cache_read", t->cached_pusd);
    if (e == ERR_NONE)
        e = append_price(out, "input_cache_write", t->cache_write_pusd);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static enum err append_tiers(struct buf *out, const struct price *p)
{
    enum err e = p->n_tiers == 0 ? ERR_NONE : buf_append(out, VIEW_LIT(",\"overrides\":["));

    for (size_t i = 0; e == ERR_NONE && i < p->n_tiers; i++) {
        if (i != 0)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = append_tier(out, &p->tier[i]);
    }
    return e == ERR_NONE && p->n_tiers != 0 ? buf_append_byte(out, ']') : e;
}

enum err catalog_json_pricing(const struct catalog_endpoint *e, struct buf *out)
{
    const struct price *p = &e->price;
    char text[MONEY_TEXT_MAX];
    enum err err;

    money_text_price(p->prompt_pusd, text);
    err = buf_appendf(out, ",\"pricing\":{\"prompt\":\"%s\"", text);
    if (err == ERR_NONE)
        err = append_price(out, "completion", p->completion_pusd);
    if (err == ERR_NONE)
        err = append_unit(out, "request", p->request_nusd);
    if (err == ERR_NONE)
        err = append_unit(out, "image", p->image_nusd);
    if (err == ERR_NONE)
        err = append_price(out, "input_cache_read", p->cached_pusd);
    if (err == ERR_NONE)
        err = append_price(out, "input_cache_write", p->cache_write_pusd);
    if (err == ERR_NONE)
        err = append_apart(out, p);
    if (err == ERR_NONE)
        err = append_tiers(out, p);
    return err == ERR_NONE ? buf_append_byte(out, '}') : err;
}

enum err catalog_json_day(const char *name, uint32_t day, struct buf *out)
{
    char text[TIME_TEXT_BYTES];

    if (day == 0)
        return buf_appendf(out, ",\"%s\":null", name);
    time_format((uint64_t)day * DAY_S, text);
    return buf_appendf(out, ",\"%s\":\"%.*s\"", name, DAY_TEXT, text);
}

enum err catalog_json_source(const struct catalog_endpoint *e, struct buf *out)
{
    enum err err = catalog_json_day("price_date", e->source_day, out);

    if (err == ERR_NONE)
        err = buf_append(out, VIEW_LIT(",\"price_source\":"));
    if (err != ERR_NONE)
        return err;
    return e->source[0] == '\0' ? buf_append(out, VIEW_LIT("null"))
                                : buf_append_json_string(out, view_str(e->source));
}
