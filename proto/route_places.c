/* Where a provider is, as its measured row says: law and region. */
#include "route_decide.h"

#include <ctype.h>
#include <string.h>

/* ISO 3166 codes of the member states, as of 2026. */
static const char members[][3] = {
    "at", "be", "bg", "hr", "cy", "cz", "dk", "ee", "fi", "fr", "de", "gr", "hu", "ie",
    "it", "lv", "lt", "lu", "mt", "nl", "pl", "pt", "ro", "sk", "si", "es", "se", "el",
};

/* Zones that are called Europe's and are not the EU's: London and Zurich at Amazon, Google and Microsoft. */
static const char *const outside[] = {"eu-west-2", "eu-central-2", "europe-west2", "europe-west6"};

/* text begins with word and goes on with the end, a dash or a digit. Upper case is lower case. */
static bool begins(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)text[i]) != word[i])
            return false;
    return text[n] == '\0' || text[n] == '-' || isdigit((unsigned char)text[n]);
}

static bool is(const char *text, const char *word)
{
    return begins(text, word) && text[strlen(word)] == '\0';
}

bool route_region_in_eu(const char *region)
{
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        if (is(region, outside[i]))
            return false;
    if (begins(region, "eu") || begins(region, "europe"))
        return true;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (begins(region, members[i]))
            return true;
    return false;
}

unsigned route_places(const struct provider *p)
{
    unsigned places = route_region_in_eu(p->region) ? ROUTE_IN_EU : 0;

    if (is(p->jurisdiction, "eu"))
        places |= ROUTE_LAW_EU;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (is(p->jurisdiction, members[i]))
            places |= ROUTE_LAW_EU;
    if (is(p->jurisdiction, "us") || is(p->jurisdiction, "usa"))
        places |= ROUTE_LAW_US;
    return places;
}
