/* A name that shows nothing, or shows as another one, deceives whoever reads a list of keys. */
#include "check.h"
#include "name.h"

static const struct {
    const char *text;
    const char *why; /* part of the sentence; NULL: accepted */
} names[] = {
    {"a", NULL},
    {"batch jobs, team 7", NULL},
    {"caf\xc3\xa9 \xf0\x9f\x98\x80", NULL},
    {"\xd7\x9e\xd7\xa4\xd7\xaa\xd7\x97", NULL},               /* Hebrew needs no control */
    {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", NULL},   /* an emoji joined by U+200D */
    {"\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", NULL},           /* Persian with U+200C */
    {" a ", NULL},
    {"", "visible"},
    {" ", "visible"},
    {"    ", "visible"},
    {"\xc2\xa0", "visible"},                                  /* U+00A0 */
    {"\xe3\x80\x80 \xe2\x80\x83", "visible"},                 /* U+3000, U+2003 */
    {"\xe2\x80\x8b", "visible"},                              /* U+200B */
    {"\xe2\x80\x8d\xef\xbb\xbf", "visible"},                  /* U+200D, U+FEFF */
    {"\xe2\xa0\x80", "visible"},                              /* U+2800 */
    {"\xe3\x85\xa4", "visible"},                              /* U+3164 */
    {"\xc2\xad\xef\xb8\x8f", "visible"},                      /* U+00AD, U+FE0F */
    {"\xf3\xa0\x81\xa7", "visible"},                          /* U+E0067 */
    {"a\nb", "control"},
    {"a\tb", "control"},
    {"a\x1b[31m", "control"},
    {"a\x7f", "control"},
    {"a\xc2\x80", "control"},                                 /* U+0080 */
    {"a\xc2\x85" "b", "control"},                             /* U+0085 */
    {"a\xc2\x9b", "control"},                                 /* U+009B */
    {"a\xe2\x80\xa8" "b", "control"},                         /* U+2028 */
    {"a\xe2\x80\xa9", "control"},                             /* U+2029 */
    {"a\xef\xb7\x90", "control"},                             /* U+FDD0 */
    {"a\xf0\x9f\xbf\xbf", "control"},                         /* U+1FFFF */
    {"a\xe2\x80\x8e", "direction"},                           /* U+200E */
    {"a\xe2\x80\x8f", "direction"},                           /* U+200F */
    {"a\xd8\x9c", "direction"},                               /* U+061C */
    {"a\xe2\x80\xaa", "direction"},                           /* U+202A */
    {"\xe2\x80\xae" "drowssap", "direction"},                 /* U+202E */
    {"a\xe2\x81\xa6", "direction"},                           /* U+2066 */
    {"a\xe2\x81\xa9", "direction"},                           /* U+2069 */
    {"\xff", "UTF-8"},
    {"a\xc3", "UTF-8"},
    {"\xc0\xaf", "UTF-8"},                                    /* overlong */
    {"\xed\xa0\x80", "UTF-8"},                                /* a surrogate */
    {"\xf4\x90\x80\x80", "UTF-8"},                            /* over U+10FFFF */
};

static void table(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *why = name_fault(view_str(names[i].text));

        CHECK_INT(why == NULL, names[i].why == NULL);
        if (why != NULL && names[i].why != NULL && strstr(why, names[i].why) == NULL)
            printf("# %zu: %s\n", i, why);
        CHECK(why == NULL || names[i].why == NULL || strstr(why, names[i].why) != NULL);
    }
}

/* A NUL inside is a control character, not the end. */
static void nul_inside(void)
{
    CHECK(name_fault(view_of("a\0b", 3)) != NULL);
    CHECK(name_fault(view_of("ab", 2)) == NULL);
}

static const struct check_case cases[] = {{"name_table", table}, {"name_nul_inside", nul_inside}};
CHECK_MAIN(cases)
