/* One member's refusal must not decide the whole result, and an answer must not be thrown away because it says "I can't".
 * Each line of refusals.tsv is labelled: half, tune or held; 1 when it refuses; language; bytes of an answer that goes on
 * behind the text; the text, escaped. Patterns are made looking at the half "tune" alone. */
#include "check.h"
#include "words.h"

#include <stdlib.h>

static void take(struct collect *c, enum event_kind kind, struct view text)
{
    const struct event e = {.kind = kind, .text = text, .finish = FINISH_STOP};

    CHECK_INT(collect_take(c, &e), ERR_NONE);
}

struct figures {
    unsigned lines, refusals, right, missed, wrong; /* right: refusals found; wrong: answers taken for one */
};

static bool found(const char *text, size_t more)
{
    static const char on[] = " The next point is shown with an example and then checked.";
    struct collect c;
    bool is;

    collect_init(&c, NULL, 1 << 20);
    take(&c, EVENT_TEXT, view_str(text));
    for (size_t n = 0; n < more; n += sizeof on - 1)
        take(&c, EVENT_TEXT, view_str(on));
    take(&c, EVENT_FINISH, VIEW_EMPTY);
    is = refusal_is(&c);
    collect_free(&c);
    return is;
}

static void measure(const char *half, struct figures *f)
{
    char line[4096];
    FILE *file = fopen("tests/unit/refusals.tsv", "r");
    bool show = strcmp(half, "tune") == 0 || getenv("TR_SHOW_HELD") != NULL;

    *f = (struct figures){0};
    CHECK(file != NULL);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *text = line, *field[5];
        bool want, is;

        line[strcspn(line, "\n")] = 0;
        for (size_t i = 0; i < 5; i++) {
            field[i] = strsep(&text, "\t");
            CHECK(field[i] != NULL);
            if (field[i] == NULL)
                return;
        }
        if (strcmp(field[0], half) != 0)
            continue;
        want = field[1][0] == '1';
        is = found(field[4], strtoul(field[3], NULL, 10));
        f->lines++;
        f->refusals += want;
        f->right += want && is;
        f->missed += want && !is;
        f->wrong += !want && is;
        if (want != is && show)
            printf("# %s: %s %s\n", want ? "missed" : "wrong", field[2], field[4]);
    }
    if (file != NULL)
        fclose(file);
}

static void check_floors(const char *half, unsigned precision_permille, unsigned recall_permille)
{
    struct figures f;
    unsigned precision, recall;

    measure(half, &f);
    CHECK(f.lines >= 150 && f.refusals >= 75);
    precision = f.right == 0 ? 0 : f.right * 1000 / (f.right + f.wrong);
    recall = f.refusals == 0 ? 0 : f.right * 1000 / f.refusals;
    printf("# %s: %u texts, %u refusals: precision %u.%u %%, recall %u.%u %%\n", half, f.lines, f.refusals,
           precision / 10, precision % 10, recall / 10, recall % 10);
    CHECK(precision >= precision_permille);
    CHECK(recall >= recall_permille);
}

static void refusals_that_patterns_were_made_on(void)
{
    check_floors("tune", 970, 950);
}

static void refusals_that_patterns_were_not_made_on(void)
{
    check_floors("held", 950, 900);
}

/* The same words refuse, or do not, by what stands around them. */
static void what_stands_around_the_words_counts(void)
{
    static const struct {
        const char *refusal, *answer;
        size_t more; /* of the answer */
    } rows[] = {
        {"I can't help with the legal part.", "I can't help with the legal part.", 3000},
        {"I cannot provide that. Sorry.", "I cannot provide that as a patch, so here is the file:\\n```c\\nint x;\\n```", 0},
        {"I'm sorry, Sam. I must decline.", "Dear Sam,\\n\\nI'm sorry, I must decline.", 0},
        {"I can't help with that.", "\\\"I can't help with that.\\\"", 0},
        {"I can't help with that.", "\xe2\x80\x9cI can\xe2\x80\x99t help with that.\xe2\x80\x9d", 0},
        {"I can't help with that.", "`I can't help with that.`", 0},
        {"I can't help with that.", "'I can't help with that,' he said.", 0},
        {"I can't help with that.", "I can't help but wonder.", 0},
        {"It's not within my programming or ethical guidelines to say that.", "It's not within my budget. Its guidelines say so.", 0},
        {"It's not appropriate or safe to punch anybody.", "It's not appropriate to use the mean or the mode here.", 0},
        {"I can't help with that.", "Done. The file is sorted. It has 12 lines. Note: the other one I can't write.", 0},
        {"I\xe2\x80\x99m sorry\\u002c but I can\\u2019t help.", "I\xe2\x80\x99m sorry\\u002c but the answer is 4.", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK(found(rows[i].refusal, 0));
        CHECK(!found(rows[i].answer, rows[i].more));
    }
}

static void the_structure_of_an_answer_says_it(void)
{
    static const struct {
        const char *text, *refusal;
        bool call;
        enum usage_finish finish;
        bool want;
    } rows[] = {
        {"", "", false, FINISH_STOP, false}, /* empty is not refused */
        {"", "No.", false, FINISH_STOP, true},
        {"The answer is 4.", "", false, FINISH_STOP, false},
        {"The answer is", "", false, FINISH_CONTENT_FILTER, true},
        {"The answer is", "", false, FINISH_LENGTH, false},
        {"", "", false, FINISH_CONTENT_FILTER, true},
        {"I can't help with that.", "", false, FINISH_STOP, true},
        {"I can't help with that without the file; reading it.", "", true, FINISH_TOOL_CALLS, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct event call = {.kind = EVENT_TOOL_BEGIN, .id = VIEW_LIT("i"), .name = VIEW_LIT("f")};
        const struct event end = {.kind = EVENT_FINISH, .finish = rows[i].finish};
        struct collect c;

        collect_init(&c, NULL, 4096);
        take(&c, EVENT_TEXT, view_str(rows[i].text));
        take(&c, EVENT_REFUSAL, view_str(rows[i].refusal));
        if (rows[i].call)
            CHECK_INT(collect_take(&c, &call), ERR_NONE);
        CHECK_INT(collect_take(&c, &end), ERR_NONE);
        CHECK(refusal_is(&c) == rows[i].want);
        collect_free(&c);
    }
}

/* Anything may be an answer: escapes cut short, marks that never close, nothing but marks. */
static void odd_texts_are_read(void)
{
    static const char *const texts[] = {"\\", "\\u", "\\u12", "\\ud83d", "\xff", "\"", "'", "`", "```", "\\\"", "'''", "* * *", "\xe2\x80\x9c"};
    static char words[8192];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CHECK(!found(texts[i], 0));
    for (size_t i = 0; i + 2 < 1500; i += 2)
        memcpy(words + i, "a ", 2);
    CHECK(!found(words, 0));
}

static const struct check_case cases[] = {
    {"refusals_that_patterns_were_made_on", refusals_that_patterns_were_made_on},
    {"refusals_that_patterns_were_not_made_on", refusals_that_patterns_were_not_made_on},
    {"what_stands_around_the_words_counts", what_stands_around_the_words_counts},
    {"the_structure_of_an_answer_says_it", the_structure_of_an_answer_says_it},
    {"odd_texts_are_read", odd_texts_are_read},
};
CHECK_MAIN(cases)
