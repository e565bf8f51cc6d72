/* Anybody can open connections to the link listener. What is decided here keeps data planes in while
 * somebody opens more than there are places, from one address or from many, silent or talking. */
#include "places.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

struct holder {
    unsigned place;
    bool out, spoken;
};

static struct places *places;
static struct holder flood[20000];
static unsigned asked;

static bool has_spoken(void *h)
{
    asked++;
    return ((struct holder *)h)->spoken;
}

static const uint8_t *address(unsigned n)
{
    static uint8_t a[ADDRESS_BYTES];

    memset(a, 0, sizeof a);
    a[10] = a[11] = 0xff;
    a[12] = 10;
    a[13] = (uint8_t)(n >> 16);
    a[14] = (uint8_t)(n >> 8);
    a[15] = (uint8_t)n;
    return a;
}

static struct holder *enter(struct holder *h, const uint8_t *a)
{
    void *victim;

    h->out = false;
    h->place = places_enter(places, a, h, &victim);
    if (victim != NULL)
        ((struct holder *)victim)->out = true;
    return victim;
}

static void begin(void)
{
    places_free(places);
    memset(flood, 0, sizeof flood);
    asked = 0;
    CHECK_INT(places_new(has_spoken, &places), ERR_NONE);
}

/* How many of the flood are left. */
static unsigned left(unsigned n)
{
    unsigned in = 0;

    for (unsigned i = 0; i < n; i++)
        in += !flood[i].out;
    return in;
}

/* One that shows something stays while 20,000 silent ones come after it, from its own address or from
 * others; and a silent one whose bytes are only not read yet does too. */
static void silent_flood(void)
{
    static const struct {
        bool same_address, spoken;
        enum place_stage stage;
        bool stays;
    } table[] = {
        {true, false, PLACE_SPEAKING, true},    {true, false, PLACE_CHALLENGED, true},
        {true, true, PLACE_SILENT, true},       {true, false, PLACE_SILENT, false},
        {false, false, PLACE_SPEAKING, true},   {false, false, PLACE_CHALLENGED, true},
        {false, true, PLACE_SILENT, true},      {false, false, PLACE_SILENT, false},
    };

    for (size_t t = 0; t < sizeof table / sizeof table[0]; t++) {
        struct holder plane = {.spoken = table[t].spoken};

        begin();
        CHECK(enter(&plane, address(1)) == NULL);
        if (table[t].stage != PLACE_SILENT)
            places_advance(places, plane.place, table[t].stage);
        for (unsigned i = 0; i < 20000; i++)
            enter(&flood[i], address(table[t].same_address ? 1 : i + 2));
        CHECK_INT(plane.out, !table[t].stays);
        CHECK_INT(left(20000) + !plane.out, table[t].same_address ? PLACES_PER_ADDRESS
                                                                  : PLACES_MAX - PLACES_RESERVED);
        CHECK(!flood[19999].out && flood[0].out); /* the newest always gets in, the oldest goes */
    }
}

/* Of equals the oldest goes, of unequals the one that has shown less, whatever its age. */
static void order(void)
{
    begin();
    for (unsigned i = 0; i < PLACES_PER_ADDRESS; i++)
        CHECK(enter(&flood[i], address(1)) == NULL);
    for (unsigned i = 0; i < PLACES_PER_ADDRESS; i++)
        if (i != 7 && i != 9)
            places_advance(places, flood[i].place, i % 2 ? PLACE_SPEAKING : PLACE_CHALLENGED);
    CHECK(enter(&flood[1000], address(1)) == &flood[7]);
    places_advance(places, flood[1000].place, PLACE_CHALLENGED);
    CHECK(enter(&flood[1001], address(1)) == &flood[9]);
    places_advance(places, flood[1001].place, PLACE_CHALLENGED);
    CHECK(enter(&flood[1002], address(1)) == &flood[1]); /* none is silent: the oldest that speaks */
    CHECK(enter(&flood[1003], address(2)) == NULL);      /* another address has room */
    places_leave(places, flood[0].place);
    CHECK(enter(&flood[1004], address(1)) == NULL); /* and this one has, too, when one has left */
    CHECK(enter(&flood[1005], address(1)) == &flood[1002]);
}

/* Addresses from which a peer was accepted have places that no flood of others takes. */
static void reserve(void)
{
    struct holder known[PLACES_RESERVED], late;

    begin();
    places_know(places, address(1));
    for (unsigned i = 0; i < 5000; i++)
        enter(&flood[i], address(i + 100));
    CHECK_INT(left(5000), PLACES_MAX - PLACES_RESERVED);
    for (unsigned i = 0; i < PLACES_PER_ADDRESS; i++)
        CHECK(enter(&known[i], address(1)) == NULL);
    for (unsigned i = 5000; i < 10000; i++)
        enter(&flood[i], address(i + 100));
    for (unsigned i = 0; i < PLACES_PER_ADDRESS; i++)
        CHECK(!known[i].out);
    /* With the reserve in use, a stranger still makes room for a further known one. */
    places_know(places, address(2));
    CHECK(enter(&late, address(2)) >= &flood[0]);
    CHECK(!late.out);
}

/* The address that was accepted longest ago is forgotten first, and one that comes again is not. */
static void forgetting(void)
{
    begin();
    places_know(places, address(1));
    places_know(places, address(2));
    for (unsigned i = 0; i < PLACES_KNOWN_MAX - 2; i++)
        places_know(places, address(50000 + i));
    places_know(places, address(1));
    places_know(places, address(60000)); /* one too many: 2 goes */
    for (unsigned i = 0; i < PLACES_MAX - PLACES_RESERVED; i++)
        CHECK(enter(&flood[i], address(i + 100)) == NULL);
    CHECK(enter(&flood[1000], address(1)) == NULL);
    CHECK(enter(&flood[1001], address(60000)) == NULL);
    CHECK(enter(&flood[1002], address(2)) == &flood[0]);
}

/* An IPv6 customer owns 2^64 addresses and is one peer all the same. */
static void one_site(void)
{
    uint8_t a[ADDRESS_BYTES] = {0x20, 1, 0xd, 0xb8};

    begin();
    for (unsigned i = 0; i < 2000; i++) {
        memcpy(a + 8, &i, sizeof i);
        enter(&flood[i], a);
    }
    CHECK_INT(left(2000), PLACES_PER_ADDRESS);
    a[7] = 1; /* the neighbour's /64 */
    CHECK(enter(&flood[2000], a) == NULL);
}

static const struct check_case cases[] = {
    {"places_silent_flood", silent_flood},
    {"places_order", order},
    {"places_reserve", reserve},
    {"places_forgetting", forgetting},
    {"places_one_site", one_site},
};

int main(int argc, char **argv)
{
    int failed = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);

    places_free(places);
    return failed;
}
