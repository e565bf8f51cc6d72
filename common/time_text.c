#include "time_text.h"

#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400, YEAR_MAX = 9999 };

/* n digits; -1 when one is none. */
static int digits(const char *p, int n)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = 10 * v + (p[i] - '0');
    }
    return v;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && leap(year));
}

/* Days from 1970-01-01; the year at most 9999, so counting is quick enough. */
static uint64_t days_before(int year, int month, int day)
{
    uint64_t days = (uint64_t)day - 1;

    for (int y = 1970; y < year; y++)
        days += 365u + leap(y);
    for (int m = 1; m < month; m++)
        days += (uint64_t)month_days(year, m);
    return days;
}

static bool date_parse(const char *p, uint64_t *unix_s)
{
    int year = digits(p, 4), month, day;

    if (year < 1970 || p[4] != '-' || (month = digits(p + 5, 2)) < 1 || month > 12 || p[7] != '-')
        return false;
    day = digits(p + 8, 2);
    if (day < 1 || day > month_days(year, month))
        return false;
    *unix_s = days_before(year, month, day) * DAY_S;
    return true;
}

static bool clock_parse(const char *p, uint64_t *seconds)
{
    int h = digits(p, 2), m, s;

    if (h < 0 || h > 23 || p[2] != ':' || (m = digits(p + 3, 2)) < 0 || m > 59 || p[5] != ':')
        return false;
    s = digits(p + 6, 2);
    *seconds = (uint64_t)h * 3600 + (uint64_t)m * 60 + (uint64_t)s;
    return s >= 0 && s <= 59;
}

/* "Z", or "+01:00": what must be subtracted to come to UTC. */
static bool zone_parse(const char *p, int64_t *offset_s)
{
    int h, m;

    *offset_s = 0;
    if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0)
        return true;
    if ((*p != '+' && *p != '-') || strlen(p) != 6 || p[3] != ':')
        return false;
    h = digits(p + 1, 2);
    m = digits(p + 4, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59)
        return false;
    *offset_s = (*p == '-' ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

/* What stands behind ".123"; NULL when the point has no digits. */
static const char *fraction_skip(const char *p)
{
    size_t n;

    if (*p != '.')
        return p;
    n = strspn(p + 1, "0123456789");
    return n == 0 ? NULL : p + 1 + n;
}

bool time_parse(const char *text, uint64_t *unix_s)
{
    size_t n = strlen(text);
    uint64_t day = 0, clock = 0;
    const char *zone;
    int64_t offset;

    if (n < 10 || !date_parse(text, &day))
        return false;
    if (n == 10) {
        *unix_s = day;
        return true;
    }
    if (n < 20 || (text[10] != 'T' && text[10] != 't') || !clock_parse(text + 11, &clock))
        return false;
    zone = fraction_skip(text + 19);
    if (zone == NULL || !zone_parse(zone, &offset))
        return false;
    if (offset > 0 && (uint64_t)offset > day + clock)
        return false;
    *unix_s = day + clock - (uint64_t)offset;
    return true;
}

void time_format(uint64_t unix_s, char out[static TIME_TEXT_BYTES])
{
    uint64_t days = unix_s / DAY_S, s = unix_s % DAY_S;
    int year = 1970, month = 1;

    while (year < YEAR_MAX && days >= 365u + leap(year))
        days -= 365u + leap(year++);
    while (month < 12 && days >= (uint64_t)month_days(year, month))
        days -= (uint64_t)month_days(year, month++);
    snprintf(out, TIME_TEXT_BYTES, "%04d-%02d-%02dT%02u:%02u:%02uZ", year, month,
             (int)(days % 31) + 1, (unsigned)(s / 3600), (unsigned)(s / 60 % 60),
             (unsigned)(s % 60));
}
