/* Forms and answers of one-answer calls: the first byte says which. In front of a NUL stands a client's request:
 * whatever it says is read or refused, what is read is rendered, and what was rendered is read in the same way again.
 * Behind it a provider's answer: one that is taken is given out as it came. */
#include "audio_dialect.h"
#include "images_dialect.h"
#include "multipart.h"
#include "openai_call.h"
#include "rank_dialect.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static const struct provider provider = {.id = "p", .n_members = 1, .members = {"x_row"}};
static const struct catalog_model model = {.id = "a/b"};
static const struct catalog_endpoint endpoint = {.upstream_model = "up", .price = {.completion_pusd = 1}};
static const struct destination to = {.provider = &provider, .model = &model, .endpoint = &endpoint};
static const struct dialect *const dialects[] = {&images_dialect,         &image_edits_dialect,
                                                 &speech_dialect,         &transcriptions_dialect,
                                                 &translations_dialect,   &moderations_dialect,
                                                 &rerank_dialect};

static bool read_and_render(const struct dialect *d, struct view body, struct call_form *form, struct buf *out)
{
    struct prompt p;
    struct prompt_fault fault;
    struct view refused;
    bool good = d->read(body, &p, &fault) == ERR_NONE;

    if (!good) {
        must(fault.message != NULL);
    } else {
        must(p.n_choices >= 1 && p.n_choices <= CALL_IMAGES_MAX && !p.stream);
        must(p.call.form.guess <= p.call.form.units.n && (p.call.form.units.n != 0 || p.kind == PROMPT_MODERATION));
        *form = p.call.form;
        good = openai_call_fits(&p, &to, &refused);
        buf_init(out, openai_call_room(&p));
        if (good)
            must(openai_call_render(&p, &to, 0, out) == ERR_NONE);
    }
    prompt_list_free(&p.list);
    return good;
}

static void request(const struct dialect *d, struct view body)
{
    struct call_form one, two;
    struct buf first, second;

    buf_init(&first, 0);
    buf_init(&second, 0);
    if (read_and_render(d, body, &one, &first)) {
        must(read_and_render(d, buf_view(&first), &two, &second));
        must(one.units.n == two.units.n && one.guess == two.guess && one.answer == two.answer);
        must(view_eq(buf_view(&first), buf_view(&second)));
    }
    buf_free(&first);
    buf_free(&second);
}

static void answer(enum call_answer what, enum body_type type, struct view body)
{
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("a/b"), .provider = &provider, .type = type,
                           .call = {.answer = what, .units = {3, PRICE_UNIT_image}, .guess = 2}};
    struct chat_error error = {0};
    enum chat_kind kind;
    struct buf out;
    enum err e;

    buf_init(&out, 8 << 20);
    e = openai_call_whole(&c, body, &out, &kind, &error);
    if (e == ERR_NONE && kind == CHAT_EMIT)
        must(out.len == body.len || out.len + 3 == body.len); /* without a byte order mark */
    else
        must(out.len == 0 && (e != ERR_NONE || kind == CHAT_ERROR));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view boundary;
    const uint8_t *nul;

    if (size < 2)
        return 0;
    nul = memchr(data + 2, '\0', size - 2);
    if (data[0] % 8 == 7) {
        (void)multipart_boundary(view_of(data + 2, size - 2), &boundary);
        return 0;
    }
    if ((data[1] & 1) == 0 || nul == NULL)
        request(dialects[data[0] % 8], view_of(data + 2, size - 2));
    else
        answer((enum call_answer)(data[0] % (CALL_RANKS + 1)), (enum body_type)(data[1] % (BODY_TYPE_OTHER + 1)),
               view_of(nul + 1, size - (size_t)(nul + 1 - data)));
    return 0;
}
