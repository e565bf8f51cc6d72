/* Facts as JSON. */
#include "rail.h"

static const char *name_of(enum rail_what what)
{
    static const char *const names[] = {
        [RAIL_NOTHING] = "nothing",           [RAIL_CHECKOUT] = "checkout", [RAIL_SETUP] = "setup",
        [RAIL_CHARGE] = "charge",             [RAIL_INVOICE] = "invoice",
        [RAIL_CHARGED_BACK] = "charged_back", [RAIL_REFUND] = "refund",     [RAIL_DISPUTE] = "dispute",
        [RAIL_METHOD] = "method",
    };

    return names[what];
}

/* The text is still escaped as it came, so it needs nothing but its quotes. */
static enum err put_text(struct buf *out, const char *name, struct view raw)
{
    enum err e;

    if (raw.len == 0)
        return ERR_NONE;
    e = buf_appendf(out, ",\"%s\":\"", name);
    if (e == ERR_NONE)
        e = buf_append(out, raw);
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

static enum err put_number(struct buf *out, const char *name, int64_t n)
{
    return buf_appendf(out, ",\"%s\":%lld", name, (long long)n);
}

enum err rail_fact_json(const struct rail_fact *f, struct buf *out)
{
    const struct {
        const char *name;
        struct view raw;
    } texts[] = {
        {"event", f->event},     {"object", f->object},   {"customer", f->customer}, {"parent", f->parent},
        {"method", f->method},   {"account", f->account}, {"payment", f->payment},   {"refund", f->refund},
        {"code", f->code},       {"url", f->url},         {"pdf", f->pdf},           {"brand", f->brand},
        {"last4", f->last4},
    };
    enum err e = buf_appendf(out, "{\"what\":\"%s\",\"usd\":%s", name_of(f->what), f->usd ? "true" : "false");

    if (e == ERR_NONE && f->state != NULL)
        e = put_text(out, "state", view_str(f->state));
    for (size_t i = 0; e == ERR_NONE && i < sizeof texts / sizeof texts[0]; i++)
        e = put_text(out, texts[i].name, texts[i].raw);
    if (e == ERR_NONE && f->has_total)
        e = put_number(out, "total", f->total_nusd);
    if (e == ERR_NONE && f->has_total)
        e = put_number(out, "tax", f->tax_nusd);
    if (e == ERR_NONE && f->exp_month > 0)
        e = put_number(out, "exp_month", f->exp_month);
    if (e == ERR_NONE && f->exp_year > 0)
        e = put_number(out, "exp_year", f->exp_year);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}
