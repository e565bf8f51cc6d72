/* Every recorded answer of an OpenAI-compatible provider that tells its usage is billed by the figures that another
 * reader (tests/lib/usage_figures.py, which shares no code with the product) finds in it. */
#include "chat_canon.h"
#include "chat_gather.h"

#include "check.h"
#include "provider_fixtures.h"

enum { FIGURES = 10, BODY_MAX = 4 << 20 };

static struct provider provider;
static struct chat_canon canon;
static struct buf out;

static void begin(unsigned quirks)
{
    provider = (struct provider){.id = "recorded", .quirks = quirks};
    canon = (struct chat_canon){.id = "gen-1", .provider = &provider, .model = VIEW_LIT("a/b"), .want_usage = true};
}

static void take_event(const uint8_t *payload, size_t len)
{
    struct chat_error error;
    enum chat_kind kind;

    out.len = 0;
    /* A recording may end with what is no JSON: what was read before counts. */
    if (chat_canon_chunk(&canon, view_of(payload, len), &out, &kind, &error) != ERR_NONE)
        out.len = 0;
}

static void take(const char *path, const uint8_t *bytes, size_t len)
{
    struct chat_error error;
    enum chat_kind kind;

    if (!fixture_ends(path, ".json")) {
        fixture_payloads(path, bytes, len, take_event);
        return;
    }
    out.len = 0;
    CHECK_INT(chat_gather(&canon, view_of(bytes, len), &out, &kind, &error), ERR_NONE);
}

static bool same(const char *path, const uint32_t want[static FIGURES], unsigned odd)
{
    const struct token_usage *u = &canon.usage;
    const uint32_t got[FIGURES] = {u->prompt,      u->completion,  u->cached_read,  u->cache_write, u->reasoning,
                                   u->cache_write_long, u->audio_input, u->audio_output, u->image_input, u->image_output};
    bool right = u->present && u->clamped == (odd != 0) && memcmp(got, want, sizeof got) == 0;

    if (!right) {
        printf("# %s: odd %d, want %u;", path, u->clamped, odd);
        for (size_t i = 0; i < FIGURES; i++)
            printf(" %u/%u", (unsigned)got[i], (unsigned)want[i]);
        printf("\n");
    }
    return right;
}

/* Whatever a provider's row says of reasoning: the total decides. */
static void test_every_recording(void)
{
    char command[600], path[512];
    uint32_t want[FIGURES];
    unsigned odd, n = 0, cached = 0, thought = 0;
    FILE *reader;

    snprintf(command, sizeof command, "python3 tests/lib/usage_figures.py %s", fixtures_root());
    reader = popen(command, "r");
    CHECK(reader != NULL);
    buf_init(&out, BODY_MAX);
    while (reader != NULL && fscanf(reader, "%511s %u %u %u %u %u %u %u %u %u %u %u", path, &want[0], &want[1], &want[2],
                                    &want[3], &want[4], &want[5], &want[6], &want[7], &want[8], &want[9], &odd) == 12) {
        static const unsigned quirks[] = {0, QUIRK_REASONING_EXCLUDED};
        size_t len = 0;
        uint8_t *bytes = fixture_read(path, &len);

        CHECK(bytes != NULL);
        for (size_t i = 0; bytes != NULL && i < 2; i++) {
            begin(quirks[i]);
            take(path, bytes, len);
            CHECK(same(path, want, odd));
        }
        free(bytes);
        n++;
        cached += want[2] != 0;
        thought += want[4] != 0;
    }
    CHECK_INT(reader != NULL ? pclose(reader) : -1, 0);
    CHECK(n != 0);
    printf("# %u recordings with usage, %u with cached tokens, %u with reasoning\n", n, cached, thought);
    buf_free(&out);
}

static const struct check_case cases[] = {{"usage_fixtures_every_recording", test_every_recording}};
CHECK_MAIN(cases)
