/* A client of OpenAI's embeddings at the Gemini API: each input becomes a request of one batch, tokens and members of others
 * are not for it, and the vectors come back in the form that was asked for, one for each input, or not at all. */
#include "embeddings_dialect.h"
#include "gemini_embeddings.h"

#include "check.h"
#include "provider_fixtures.h"

#include <stdio.h>

static const struct provider studio = {.path = "/v1beta"}, vertex = {.path = "/v1/projects/p/publishers/google"};

static void read_body(const char *body, struct prompt *p)
{
    struct prompt_fault fault;

    CHECK_INT(embeddings_dialect.read(view_str(body), p, &fault), ERR_NONE);
}

static struct destination to(const struct provider *provider, const char *name)
{
    static struct catalog_model model;
    static struct catalog_endpoint endpoint;

    snprintf(endpoint.upstream_model, sizeof endpoint.upstream_model, "%s", name);
    return (struct destination){provider, &model, &endpoint};
}

#define REQUEST(text, more) "{\"model\":\"models/e-1\",\"content\":{\"parts\":[{\"text\":" text "}]}" more "}"

static void requests(void)
{
    static const struct {
        const char *body;
        const struct provider *provider;
        const char *want; /* NULL: it is no candidate, for this */
        const char *refused;
    } rows[] = {
        {"{\"input\":\"a \\\"b\\\"\"}", &studio, "{\"requests\":[" REQUEST("\"a \\\"b\\\"\"", "") "]}", NULL},
        {"{\"input\":[\"a\",\"b\"],\"dimensions\":8,\"encoding_format\":\"base64\"}", &studio,
         "{\"requests\":[" REQUEST("\"a\"", ",\"outputDimensionality\":8") "," REQUEST("\"b\"", ",\"outputDimensionality\":8") "]}", NULL},
        {"{\"input\":[1,2]}", &studio, NULL, "input"},
        {"{\"input\":[[1,2]]}", &studio, NULL, "input"},
        {"{\"input\":\"a\",\"input_type\":\"query\"}", &studio, NULL, "input_type"},
        {"{\"input\":\"a\"}", &vertex, NULL, "model"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct destination d = to(rows[i].provider, i == 0 ? "models/e-1" : "e-1");
        struct view refused = VIEW_EMPTY;
        struct prompt p;
        struct buf out;

        read_body(rows[i].body, &p);
        CHECK(gemini_embeddings_fits(&p, &d, &refused) == (rows[i].want != NULL));
        CHECK(rows[i].want != NULL || view_eq(refused, view_str(rows[i].refused)));
        if (rows[i].want != NULL) {
            buf_init(&out, gemini_embeddings_room(&p));
            CHECK_INT(gemini_embeddings_render(&p, &d, 0, &out), ERR_NONE);
            CHECK(view_eq(buf_view(&out), view_str(rows[i].want)));
            out.len = 0;
            CHECK_INT(gemini_embeddings_path(&p, &d, &out), ERR_NONE);
            CHECK(view_eq(buf_view(&out), VIEW_LIT("/models/e-1:batchEmbedContents")));
            buf_free(&out);
        }
    }
}

static void answers(void)
{
    static const struct {
        const char *asked, *body, *want; /* NULL: it is no answer */
        uint32_t prompt;
    } rows[] = {
        {"{\"input\":[\"a\",\"b\"]}", "{\"embeddings\":[{\"values\":[1,0.5]},{\"values\":[-1,2e0]}]}",
         "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,0.5]},{\"object\":\"embedding\",\"index\":1,"
         "\"embedding\":[-1,2e0]}],\"model\":\"m\"}", 0},
        {"{\"input\":\"a\",\"encoding_format\":\"base64\"}", "{\"embeddings\":[{\"values\":[1]}],\"usageMetadata\":{\"promptTokenCount\":7}}",
         "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":\"AACAPw==\"}],\"model\":\"m\"}", 7},
        {"{\"input\":[\"a\",\"b\"]}", "{\"embeddings\":[{\"values\":[1]}]}", NULL, 0},
        {"{\"input\":[\"a\",\"b\"]}", "{\"embeddings\":[{\"values\":[1]},{\"values\":[1,2]}]}", NULL, 0},
        {"{\"input\":\"a\",\"dimensions\":2}", "{\"embeddings\":[{\"values\":[1]}]}", NULL, 0},
        {"{\"input\":\"a\"}", "{\"embeddings\":[{}]}", NULL, 0},
        {"{\"input\":\"a\"}", "{\"embeddings\":[3]}", NULL, 0},
        {"{\"input\":\"a\"}", "{\"embeddings\":", NULL, 0},
        {"{\"input\":\"a\"}", "[]", NULL, 0},
        {"{\"input\":\"a\"}", "{\"error\":{\"code\":503,\"message\":\"later\"}}", NULL, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &studio};
        enum chat_kind kind = CHAT_NOTHING;
        struct chat_error error = {0};
        struct prompt p;
        struct buf out;
        enum err e;

        read_body(rows[i].asked, &p);
        c.embeddings = p.embeddings.form;
        buf_init(&out, 1 << 16);
        e = gemini_embeddings_whole(&c, view_str(rows[i].body), &out, &kind, &error);
        CHECK((e == ERR_NONE && kind == CHAT_EMIT) == (rows[i].want != NULL));
        CHECK(view_eq(buf_view(&out), rows[i].want == NULL ? VIEW_EMPTY : view_str(rows[i].want)));
        CHECK_INT(c.usage.prompt, rows[i].prompt);
        buf_free(&out);
    }
}

/* The recorded answers, whose vectors were shortened: as many as there were inputs. */
static unsigned n_recorded;

static void recorded(const char *path, const uint8_t *bytes, size_t len)
{
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &studio};
    enum chat_kind kind = CHAT_NOTHING;
    struct chat_error error = {0};
    struct buf out;

    if (strstr(path, "/gemini/") == NULL || memmem(bytes, len, "\"embeddings\"", 12) == NULL)
        return;
    for (const uint8_t *at = bytes; (at = memmem(at, len - (size_t)(at - bytes), "\"values\"", 8)) != NULL; at++)
        c.embeddings.n_inputs++;
    buf_init(&out, 1 << 20);
    CHECK_INT(gemini_embeddings_whole(&c, view_of(bytes, len), &out, &kind, &error), ERR_NONE);
    CHECK(kind == CHAT_EMIT && c.embeddings.n_inputs != 0);
    buf_free(&out);
    n_recorded++;
}

static void recordings(void)
{
    fixtures_each(".resp.json", recorded);
    printf("#| %u recorded batches of embeddings\n", n_recorded);
    if (strncmp(fixtures_root(), "tests/", 6) == 0)
        check_skip("the recordings are not here");
    else
        CHECK(n_recorded >= 2);
}

static const struct check_case cases[] = {
    {"requests", requests}, {"answers", answers}, {"recordings", recordings}};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
