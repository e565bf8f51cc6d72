/* from= and to= of pages about usage. */
#include "range.h"

#include "clock.h"

#include <stdio.h>
#include <time.h>

bool range_day(struct view v, int64_t *out_ms)
{
    char text[32];

    if (v.len != RANGE_DAY_LEN)
        return false;
    snprintf(text, sizeof text, "%.10sT00:00:00Z", (const char *)v.ptr);
    return call_parse_time(view_str(text), out_ms) == ERR_NONE;
}

void range_day_text(int64_t ms, char out[static RANGE_DAY_LEN + 1])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    if (strftime(out, RANGE_DAY_LEN + 1, "%Y-%m-%d", &tm) == 0)
        out[0] = '\0';
}

/* A time has colons, which may be percent-encoded; they are the only characters of it that may. */
static bool range_time(struct view v, int64_t *out_ms)
{
    char text[64];
    size_t n = 0;

    for (size_t i = 0; i < v.len; i++, n++) {
        if (n + 1 >= sizeof text)
            return false;
        text[n] = (char)v.ptr[i];
        if (v.ptr[i] == '%' && v.len - i > 2 && v.ptr[i + 1] == '3' && (v.ptr[i + 2] | 0x20) == 'a') {
            text[n] = ':';
            i += 2;
        }
    }
    return call_parse_time(view_of(text, n), out_ms) == ERR_NONE;
}

/* False: the call has been answered. day: what a day that is given stands for, its begin or its end. */
static bool range_bound(struct call *c, const char *name, int64_t day_ms, int64_t *at, bool *given)
{
    struct view v;

    if (!call_query(c, name, &v))
        return true;
    *given = true;
    if (range_day(v, at)) {
        *at += day_ms;
        return true;
    }
    if (range_time(v, at))
        return true;
    call_fail(c, 400, "invalid_parameter", "This must be a day (2026-11-30, UTC) or a time of RFC 3339.", name);
    return false;
}

bool range_read(struct call *c, int64_t days, struct range *out)
{
    int64_t now = (int64_t)clock_unix_ms();
    int64_t end = (now / RANGE_DAY_MS + 1) * RANGE_DAY_MS;

    *out = (struct range){.to_ms = end};
    if (!range_bound(c, "to", RANGE_DAY_MS, &out->to_ms, &out->given))
        return false;
    out->from_ms = (out->to_ms - 1) / RANGE_DAY_MS * RANGE_DAY_MS - (days - 1) * RANGE_DAY_MS;
    if (!range_bound(c, "from", 0, &out->from_ms, &out->given))
        return false;
    out->from_ms -= out->from_ms % RANGE_HOUR_MS;
    out->to_ms += (RANGE_HOUR_MS - out->to_ms % RANGE_HOUR_MS) % RANGE_HOUR_MS;
    out->hours = out->from_ms % RANGE_DAY_MS != 0 || out->to_ms % RANGE_DAY_MS != 0;
    if (out->from_ms < 0 || out->from_ms >= out->to_ms) {
        call_fail(c, 400, "invalid_parameter", "The range is empty.", "from");
        return false;
    }
    if (out->to_ms - out->from_ms > (int64_t)RANGE_DAYS_MAX * RANGE_DAY_MS) {
        call_fail(c, 400, "invalid_parameter", "The range has more than 366 days.", "from");
        return false;
    }
    return true;
}

bool range_read_exact(struct call *c, struct range *out)
{
    *out = (struct range){.to_ms = RANGE_END_MS};
    if (!range_bound(c, "from", 0, &out->from_ms, &out->given) ||
        !range_bound(c, "to", RANGE_DAY_MS, &out->to_ms, &out->given))
        return false;
    if (out->from_ms < 0 || out->from_ms >= out->to_ms) {
        call_fail(c, 400, "invalid_parameter", "The range is empty.", "from");
        return false;
    }
    return true;
}
