/* Money may neither wrap nor round twice: exact answers at every edge of int64. */
#include "check.h"
#include "money.h"

static void sums(void)
{
    static const struct {
        int64_t a, b, sum;
        enum err e;
    } table[] = {
        {1, 2, 3, ERR_NONE},
        {INT64_MAX, 0, INT64_MAX, ERR_NONE},
        {INT64_MAX, 1, 77, ERR_RANGE},
        {INT64_MIN, 1, INT64_MIN + 1, ERR_NONE},
        {INT64_MIN, -1, 77, ERR_RANGE},
        {0, INT64_MIN, INT64_MIN, ERR_NONE},
        {-1, INT64_MIN, 77, ERR_RANGE},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t got = 77;

        CHECK_INT(money_add(table[i].a, table[i].b, &got), table[i].e);
        CHECK_INT(got, table[i].sum);
    }
}

static void costs(void)
{
    static const struct {
        uint64_t tokens;
        int64_t price, cost;
        enum err e;
    } table[] = {
        {0, INT64_MAX, 0, ERR_NONE},
        {UINT64_MAX, 0, 0, ERR_NONE},
        {1, 499, 0, ERR_NONE}, /* half up, once */
        {1, 500, 1, ERR_NONE},
        {1, 1499, 1, ERR_NONE},
        {1, 1500, 2, ERR_NONE},
        {3, 500, 2, ERR_NONE},
        {1000000, 2800, 2800000, ERR_NONE}, /* $0.0028 per million tokens */
        {1000, INT64_MAX, INT64_MAX, ERR_NONE},
        {1001, INT64_MAX, 77, ERR_RANGE},
        {UINT64_MAX, INT64_MAX, 77, ERR_RANGE},
        {UINT64_MAX, 500, INT64_MAX, ERR_RANGE}, /* 2^63 - 0.5 rounds up to 2^63 */
        {UINT64_MAX, 499, 9204925292781066256, ERR_NONE},
        {1, -1, 77, ERR_RANGE},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t got = 77;

        CHECK_INT(money_cost(table[i].tokens, table[i].price, &got), table[i].e);
        CHECK_INT(got, table[i].e == ERR_NONE ? table[i].cost : 77);
    }
}

static const struct {
    const char *text;
    enum err usd, price; /* verdicts as dollars and as a price */
    int64_t nusd, pusd;
} texts[] = {
    {"0", ERR_NONE, ERR_NONE, 0, 0},
    {"3", ERR_NONE, ERR_NONE, 3000000000, 3000000000000},
    {"12.5", ERR_NONE, ERR_NONE, 12500000000, 12500000000000},
    {"0.000000001", ERR_NONE, ERR_NONE, 1, 1000},
    {"0.000000000001", ERR_LIMIT, ERR_NONE, 0, 1},
    {"0.0000000000001", ERR_LIMIT, ERR_LIMIT, 0, 0},
    {"0.1000000000", ERR_NONE, ERR_NONE, 100000000, 100000000000}, /* zeros are no decimals */
    {"0.10000000000000000000000000000000000", ERR_NONE, ERR_NONE, 100000000, 100000000000},
    {"000.5", ERR_NONE, ERR_NONE, 500000000, 500000000000},
    {"9223372036.854775807", ERR_NONE, ERR_RANGE, INT64_MAX, 0},
    {"9223372036.854775808", ERR_RANGE, ERR_RANGE, 0, 0},
    {"9223372.036854775807", ERR_LIMIT, ERR_NONE, 0, INT64_MAX},
    {"9223372.036854775808", ERR_LIMIT, ERR_RANGE, 0, 0},
    {"99999999999999999999999999", ERR_RANGE, ERR_RANGE, 0, 0},
    {"99999999999999999999999999x", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {".", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {".5", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"5.", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1.2.3", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"-1", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"+1", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1e3", ERR_NONE, ERR_NONE, 1000000000000, 1000000000000000},
    {"1e-05", ERR_NONE, ERR_NONE, 10000, 10000000}, /* as Python writes 0.00001 */
    {"1E2", ERR_NONE, ERR_NONE, 100000000000, 100000000000000},
    {"5e-1", ERR_NONE, ERR_NONE, 500000000, 500000000000},
    {"1.25e+1", ERR_NONE, ERR_NONE, 12500000000, 12500000000000},
    {"12500e-3", ERR_NONE, ERR_NONE, 12500000000, 12500000000000},
    {"1e-9", ERR_NONE, ERR_NONE, 1, 1000},
    {"10e-10", ERR_NONE, ERR_NONE, 1, 1000},
    {"0.000000001e0", ERR_NONE, ERR_NONE, 1, 1000},
    {"1e-10", ERR_LIMIT, ERR_NONE, 0, 100},
    {"1e-13", ERR_LIMIT, ERR_LIMIT, 0, 0},
    {"1.0000000001e0", ERR_LIMIT, ERR_NONE, 0, 1000000000100},
    {"9.223372036854775807e9", ERR_NONE, ERR_RANGE, INT64_MAX, 0},
    {"9.223372036854775808e9", ERR_RANGE, ERR_RANGE, 0, 0},
    {"1e10", ERR_RANGE, ERR_RANGE, 0, 0},
    {"1e18446744073709551616", ERR_RANGE, ERR_RANGE, 0, 0},
    {"1e99999999999999999999999999", ERR_RANGE, ERR_RANGE, 0, 0},
    {"1e-99999999999999999999999999", ERR_LIMIT, ERR_LIMIT, 0, 0},
    {"0e99999999999999999999999999", ERR_NONE, ERR_NONE, 0, 0},
    {"0.000e-99999999999999999999999999", ERR_NONE, ERR_NONE, 0, 0},
    {"1e", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1e+", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1e-", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"e5", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1e5.0", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1e5e5", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1e 5", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1.e5", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"-1e5", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"0x1p3", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1 ", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"$1", ERR_FORMAT, ERR_FORMAT, 0, 0},
    {"1,000", ERR_FORMAT, ERR_FORMAT, 0, 0},
};

static void parse(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t got = 77;

        CHECK_INT(money_parse_usd(view_str(texts[i].text), &got), texts[i].usd);
        CHECK_INT(got, texts[i].usd == ERR_NONE ? texts[i].nusd : 77);
        got = 77;
        CHECK_INT(money_parse_price(view_str(texts[i].text), &got), texts[i].price);
        CHECK_INT(got, texts[i].price == ERR_NONE ? texts[i].pusd : 77);
    }
}

static void print(void)
{
    static const struct {
        int64_t value;
        const char *usd, *price;
    } table[] = {
        {0, "0", "0"},
        {1, "0.000000001", "0.000000000001"},
        {-1500000000, "-1.5", "-0.0015"},
        {2500000, "0.0025", "0.0000025"},
        {1000000000000, "1000", "1"},
        {INT64_MAX, "9223372036.854775807", "9223372.036854775807"},
        {INT64_MIN, "-9223372036.854775808", "-9223372.036854775808"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[MONEY_TEXT_MAX];

        money_text_usd(table[i].value, text);
        CHECK_BYTES(text, strlen(text), table[i].usd, strlen(table[i].usd));
        money_text_price(table[i].value, text);
        CHECK_BYTES(text, strlen(text), table[i].price, strlen(table[i].price));
    }
}

/* Whatever is printed parses back to itself. */
static void round_trip(void)
{
    for (int64_t v = 1; v < INT64_MAX / 7; v = v * 7 + 3) {
        char text[MONEY_TEXT_MAX];
        int64_t got;

        money_text_usd(v, text);
        CHECK_INT(money_parse_usd(view_str(text), &got), ERR_NONE);
        CHECK_INT(got, v);
        money_text_price(v, text);
        CHECK_INT(money_parse_price(view_str(text), &got), ERR_NONE);
        CHECK_INT(got, v);
    }
}

static const struct check_case cases[] = {
    {"money_sums", sums},   {"money_costs", costs},           {"money_parse", parse},
    {"money_print", print}, {"money_round_trip", round_trip},
};
CHECK_MAIN(cases)
