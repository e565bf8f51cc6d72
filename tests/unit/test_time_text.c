/* A policy's end and --at decide verdicts, so a date is read in one way or not at all. */
#include "time_text.h"

#include "check.h"

static void accepted(void)
{
    static const struct {
        const char *text;
        uint64_t want;
    } cases[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:01Z", 1},
        {"2000-02-29T12:00:00Z", 951825600},
        {"2026-11-21T04:05:06Z", 1795233906},
        {"2026-11-21T05:05:06+01:00", 1795233906},
        {"2026-11-20T22:35:06-05:30", 1795233906},
        {"2026-11-21T04:05:06.5Z", 1795233906}, /* as Python's isoformat() writes it: */
        {"2026-11-21T04:05:06.999999+00:00", 1795233906},
        {"2026-11-21t04:05:06z", 1795233906},
        {"2027-02-01", 1801440000},
        {"9999-12-31T23:59:59Z", 253402300799},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t got = 7, again;
        char text[TIME_TEXT_BYTES];

        CHECK(time_parse(cases[i].text, &got));
        CHECK_INT(got, cases[i].want);
        time_format(got, text);
        CHECK(time_parse(text, &again) && again == got);
    }
}

static void refused(void)
{
    static const char *const cases[] = {"",
                                        "2026",
                                        "2026-11",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-02-29",
                                        "1900-01-01",
                                        "2026-11-31",
                                        "2026-11-21T",
                                        "2026-11-21T04:05Z",
                                        "2026-11-21T24:00:00Z",
                                        "2026-11-21T04:60:00Z",
                                        "2026-11-21T04:05:60Z",
                                        "2026-11-21T04:05:06",
                                        "2026-11-21T04:05:06.Z",
                                        "2026-11-21T04:05:06.5",
                                        "2026-11-21T04:05:06,5Z",
                                        "2026-11-21T04:05:06.5.5Z",
                                        "2026-11-21T04:05:06.-5Z",
                                        "2026-11-21 04:05:06Z",
                                        "2026-11-21T04:05:06+1:00",
                                        "2026-11-21T04:05:06+25:00",
                                        "2026-11-21T04:05:06Z ",
                                        " 2026-11-21",
                                        "2026-11-2a",
                                        "1970-01-01T00:00:00+00:01",
                                        "-026-11-21"};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t got;

        if (time_parse(cases[i], &got))
            check_fail(__FILE__, __LINE__, cases[i]);
    }
}

/* Every day of four centuries comes back. */
static void days(void)
{
    for (uint64_t d = 0; d < 146097; d++) {
        char text[TIME_TEXT_BYTES];
        uint64_t got;

        time_format(d * 86400 + 86399, text);
        if (!time_parse(text, &got) || got != d * 86400 + 86399) {
            check_fail(__FILE__, __LINE__, text);
            return;
        }
    }
}

static const struct check_case cases[] = {
    {"time_accepted", accepted}, {"time_refused", refused}, {"time_days", days}};
CHECK_MAIN(cases)
