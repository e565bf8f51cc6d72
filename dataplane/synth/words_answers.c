/* (G) Answers as data: each is an object in one JSON array, under a letter that says nothing of its model or its place. */
#include "content_view.h"
#include "words_internal.h"

#include <assert.h>

/* --- letters */

/* splitmix64 (Vigna 2015): the seed is the caller's randomness, this spreads it. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* letter[place] from 0; Fisher and Yates. The modulus is off by at most 8 in 2^64. */
static void shuffle(uint64_t seed, uint8_t letter[static SYNTH_LIST_MAX])
{
    for (uint8_t i = 0; i < SYNTH_LIST_MAX; i++)
        letter[i] = i;
    for (size_t i = SYNTH_LIST_MAX - 1; i > 0; i--) {
        size_t k = next_random(&seed) % (i + 1);
        uint8_t was = letter[i];

        letter[i] = letter[k];
        letter[k] = was;
    }
}

uint8_t words_letter(uint64_t seed, uint8_t place)
{
    uint8_t letter[SYNTH_LIST_MAX];

    assert(place < SYNTH_LIST_MAX);
    shuffle(seed, letter);
    return (uint8_t)('A' + letter[place]);
}

int words_place(uint64_t seed, uint8_t c)
{
    uint8_t letter[SYNTH_LIST_MAX], upper = c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;

    shuffle(seed, letter);
    for (int place = 0; place < SYNTH_LIST_MAX; place++)
        if ('A' + letter[place] == upper)
            return place;
    return -1;
}

uint8_t words_places(const struct words_answer *answers, size_t n)
{
    uint8_t places = 0;

    for (size_t i = 0; i < n; i++) {
        assert(answers[i].place < SYNTH_LIST_MAX && (places >> answers[i].place & 1) == 0);
        places |= (uint8_t)(1u << answers[i].place);
    }
    return places;
}

struct budget *words_budget(const struct words_answer *answers, size_t n)
{
    return n == 0 ? NULL : answers[0].answer->budget;
}

/* --- one answer */

enum { CALL_FRAME = 32 }; /* syntax of one call: {"name":"","arguments":""}, */

struct writer {
    struct quoted q;
    enum { IN_NOTHING, IN_CALL } in;
    bool calls;      /* the array of calls has begun */
    bool incomplete; /* it stops before its end */
};

static void end_call(struct writer *w)
{
    if (w->in != IN_CALL)
        return;
    quoted_close(&w->q);
    quoted_put(&w->q, VIEW_LIT("}"));
    w->in = IN_NOTHING;
}

static void begin_call(struct writer *w, const struct event *e)
{
    end_call(w);
    if (!quoted_spend(&w->q, CALL_FRAME))
        return;
    quoted_put(&w->q, w->calls ? VIEW_LIT(",{\"name\":") : VIEW_LIT(",\"calls\":[{\"name\":"));
    w->calls = true;
    quoted_string(&w->q, e->name);
    quoted_put(&w->q, VIEW_LIT(",\"arguments\":"));
    quoted_open(&w->q);
    w->in = IN_CALL;
}

static void put_member(struct writer *w, struct view key, struct view text)
{
    quoted_put(&w->q, key);
    quoted_string(&w->q, text);
}

static enum err writer_take(void *cookie, const struct event *e)
{
    struct writer *w = cookie;

    if (e->kind == EVENT_TEXT)
        put_member(w, VIEW_LIT(",\"text\":"), e->text);
    else if (e->kind == EVENT_REFUSAL)
        put_member(w, VIEW_LIT(",\"refusal\":"), e->text);
    else if (e->kind == EVENT_TOOL_BEGIN)
        begin_call(w, e);
    else if (e->kind == EVENT_TOOL_ARGS && w->in == IN_CALL)
        quoted_piece(&w->q, e->text);
    else if (e->kind == EVENT_FINISH)
        w->incomplete = e->finish == FINISH_LENGTH || e->finish == FINISH_CONTENT_FILTER || e->finish == FINISH_ERROR;
    return w->q.e;
}

static enum err put_answer(struct buf *out, const struct words_answer *a, uint8_t letter, size_t most)
{
    struct writer w = {.in = IN_NOTHING};
    const struct event_sink sink = {writer_take, &w};
    enum err e;

    quoted_init(&w.q, out, most);
    quoted_put(&w.q, VIEW_LIT("{\"letter\":\""));
    quoted_put(&w.q, view_of(&letter, 1));
    quoted_put(&w.q, VIEW_LIT("\""));
    e = collect_tell(a->answer, &sink);
    end_call(&w);
    if (w.calls)
        quoted_put(&w.q, VIEW_LIT("]"));
    if (w.q.cut)
        quoted_put(&w.q, VIEW_LIT(",\"cut\":true"));
    if (w.incomplete)
        quoted_put(&w.q, VIEW_LIT(",\"incomplete\":true"));
    quoted_put(&w.q, VIEW_LIT("}"));
    return e == ERR_NONE ? w.q.e : e;
}

enum err words_put_answers(struct buf *out, const struct words_answer *answers, size_t n, uint64_t seed, uint8_t left_in,
                           size_t most)
{
    const struct words_answer *by_letter[SYNTH_LIST_MAX] = {NULL};
    bool any = false;
    enum err e = buf_append_byte(out, '[');

    for (size_t i = 0; i < n; i++)
        if (left_in >> answers[i].place & 1)
            by_letter[words_letter(seed, answers[i].place) - 'A'] = &answers[i];
    for (size_t k = 0; e == ERR_NONE && k < SYNTH_LIST_MAX; k++) {
        if (by_letter[k] == NULL)
            continue;
        if (any)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = put_answer(out, by_letter[k], (uint8_t)('A' + k), most);
        any = true;
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}
