#include "receipt_lines.h"

#include "money.h"
#include "receipt_bill.h"
#include "receipt_read.h"

/* --- names */

static bool place_read(struct json_value v, uint8_t *role, uint8_t *place)
{
    struct view name;
    int64_t n;

    if (!text_of(v, "role", &name) || !count_of(v, "place", &n) || n >= USAGE_PART_PLACES)
        return false;
    *place = (uint8_t)n;
    for (*role = 0; *role < USAGE_PART_ROLES; ++*role)
        if (view_eq(name, view_str(usage_part_role_name(*role))))
            return true;
    return false;
}

/* "rcpt-" and 32 digits. */
static bool id_read(struct view text, struct id *out)
{
    return text.len == 5 + ID_TEXT_LEN && view_starts(text, VIEW_LIT("rcpt-")) && id_parse(view_from(text, 5), out) == ERR_NONE;
}

/* Is `id` the receipt of this part of `whole`? */
static bool id_follows(struct view whole, uint8_t role, uint8_t place, struct view id)
{
    struct id w, want, got;

    if (!id_read(whole, &w) || !id_read(id, &got))
        return false;
    part_id(&w, part_index(role, place), &want);
    return id_eq(&want, &got);
}

/* --- lines */

static enum err asked_read(struct json_value v, struct receipt_line *out)
{
    struct json_value billing;
    bool has_body;

    if (!count_of(v, "endpoint", &out->endpoint_no) || !digest_if(v, "body_hash", &has_body, &out->body) || !has_body ||
        !digest_if(v, "tls_spki", &out->has_spki, &out->spki) || json_only(v, "usage", &out->usage) != ERR_NONE ||
        json_only(v, "billing", &billing) != ERR_NONE)
        return ERR_FORMAT;
    return receipt_bill_check(out->usage, billing, &out->cost_nusd);
}

/* Of a part that asked nobody there is no bill. */
static enum err line_read(struct json_value v, struct view whole, struct receipt_line *out)
{
    struct json_value model, none;

    if (v.kind != JSON_OBJECT || !place_read(v, &out->role, &out->place) || !text_of(v, "receipt_id", &out->id) ||
        !id_follows(whole, out->role, out->place, out->id) || json_only(v, "model", &model) != ERR_NONE ||
        (model.kind != JSON_NULL && !json_string_plain(model, &out->model)) || !truth_of(v, "refused", &out->refused) ||
        !truth_of(v, "chosen", &out->chosen))
        return ERR_FORMAT;
    out->asked = text_of(v, "provider", &out->provider);
    if (out->asked)
        return asked_read(v, out);
    return json_only(v, "provider", &none) == ERR_NOT_FOUND && json_only(v, "usage", &none) == ERR_NOT_FOUND &&
                   json_only(v, "billing", &none) == ERR_NOT_FOUND && json_only(v, "body_hash", &none) == ERR_NOT_FOUND
               ? ERR_NONE
               : ERR_FORMAT;
}

enum err receipt_lines_read(struct json_value event, struct view whole, struct receipt_lines *out)
{
    struct json_value list;
    struct json_member item;
    uint32_t seen = 0, bit;
    unsigned given = 0;
    enum err e = ERR_NONE;

    *out = (struct receipt_lines){.n = 0};
    if (json_only(event, "lines", &list) != ERR_NONE || list.kind != JSON_ARRAY)
        return ERR_FORMAT;
    for (struct json_iter it = json_iter(list); e == ERR_NONE && json_next(&it, &item);) {
        struct receipt_line *line = &out->line[out->n];

        if (out->n == PART_INDEXES)
            return ERR_FORMAT;
        e = line_read(item.value, whole, line);
        if (e != ERR_NONE)
            return e;
        bit = UINT32_C(1) << part_index(line->role, line->place);
        if ((seen & bit) != 0)
            return ERR_FORMAT;
        seen |= bit;
        given += line->chosen;
        out->n++;
    }
    return out->n > 0 && given <= 1 ? ERR_NONE : ERR_FORMAT;
}

/* Sums of many tokens stop at what 32 bits hold, as the data plane's do. */
static bool tokens_sum(const struct receipt_lines *lines, struct json_value usage, const char *class)
{
    int64_t sum = 0, n;

    for (size_t i = 0; i < lines->n; i++) {
        if (!lines->line[i].asked)
            continue;
        if (!count_of(lines->line[i].usage, class, &n) || n > UINT32_MAX)
            return false;
        sum = sum + n > UINT32_MAX ? UINT32_MAX : sum + n;
    }
    return count_of(usage, class, &n) && n == sum;
}

enum err receipt_lines_sum(const struct receipt_lines *lines, struct json_value usage, struct json_value billing, int64_t *cost_nusd)
{
    struct view of;
    int64_t sum = 0;

    if (usage.kind != JSON_OBJECT || billing.kind != JSON_OBJECT || !count_of(billing, "cost_nusd", cost_nusd) ||
        !text_of(billing, "sum_of", &of) || !view_eq(of, VIEW_LIT("orchestration")))
        return ERR_FORMAT;
    for (size_t i = 0; i < lines->n; i++)
        if (money_add(sum, lines->line[i].cost_nusd, &sum) != ERR_NONE)
            return ERR_RANGE;
#define LINES_TOKENS(no, class, price, within, receipt, ...)                                       \
    if (!tokens_sum(lines, usage, receipt))                                                        \
        return ERR_RANGE;
    USAGE_TOKENS(LINES_TOKENS)
#undef LINES_TOKENS
    return sum == *cost_nusd ? ERR_NONE : ERR_RANGE;
}

const struct receipt_line *receipt_lines_given(const struct receipt_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++)
        if (lines->line[i].chosen)
            return &lines->line[i];
    return NULL;
}

enum err receipt_part_read(struct json_value event, struct view id, struct receipt_part *out)
{
    struct view of;

    if (!text_of(event, "of", &of) || !place_read(event, &out->role, &out->place) ||
        !id_follows(of, out->role, out->place, id))
        return ERR_FORMAT;
    out->of = of;
    return ERR_NONE;
}
