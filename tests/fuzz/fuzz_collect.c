/* An answer's events in any order, interleaved in any way: what is told again is what came, call by call, within the bound
 * and the budget, and nothing is left when it is forgotten. Each event is a byte that says which, one for its length, and
 * its text. */
#include "budget.h"
#include "collect.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 2048, CALLS = 8, BUDGET = 64 << 10 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* What was said: of the text, of the refusal, of each call its name and arguments. */
struct said {
    uint8_t bytes[2 + CALLS][MOST + 1];
    size_t len[2 + CALLS];
    uint32_t calls;
};

static void add(struct said *s, size_t at, struct view v)
{
    must(v.len <= MOST - s->len[at]);
    if (v.len != 0)
        memcpy(s->bytes[at] + s->len[at], v.ptr, v.len);
    s->len[at] += v.len;
}

static enum err note(void *cookie, const struct event *e)
{
    struct said *s = cookie;

    if (e->kind == EVENT_TEXT || e->kind == EVENT_REFUSAL) {
        must(s->calls == 0);
        add(s, e->kind == EVENT_TEXT ? 0 : 1, e->text);
    } else if (e->kind == EVENT_TOOL_BEGIN) {
        must(e->tool == s->calls++);
        add(s, 2 + e->tool, e->name);
    } else if (e->kind == EVENT_TOOL_ARGS) {
        must(e->tool + 1 == s->calls);
        add(s, 2 + e->tool, e->text);
    }
    return ERR_NONE;
}

static struct event next(struct view *in, uint32_t calls)
{
    static const enum event_kind kinds[] = {EVENT_TEXT, EVENT_REFUSAL, EVENT_TOOL_BEGIN, EVENT_TOOL_ARGS,
                                            EVENT_TOOL_ARGS, EVENT_REASONING, EVENT_FINISH, EVENT_IMAGE};
    struct event e = {.kind = kinds[in->ptr[0] % 8], .tool = in->ptr[0] >> 3 & 7, .choice = in->ptr[0] >> 7};
    size_t n = in->ptr[1];
    struct view text;

    *in = view_from(*in, 2);
    (void)view_take(in, n < in->len ? n : in->len, &text);
    if (e.kind == EVENT_TOOL_BEGIN) {
        e.tool = calls;
        e.name = text;
    } else if (e.kind == EVENT_FINISH) {
        e.finish = FINISH_STOP;
    } else {
        e.text = text;
    }
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct said want, told;
    const struct event_sink sink = {note, &told};
    struct view in = {data, size};
    struct budget *budget;
    struct collect c;
    enum err err = ERR_NONE;

    memset(&want, 0, sizeof want);
    memset(&told, 0, sizeof told);
    must(budget_new(BUDGET, &budget) == ERR_NONE);
    collect_init(&c, budget, MOST);
    while (in.len > 2 && err == ERR_NONE) {
        struct event e = next(&in, want.calls);
        bool begins = e.kind == EVENT_TOOL_BEGIN && e.choice == 0;

        if (begins && want.calls == CALLS)
            continue;
        err = collect_take(&c, &e);
        must(c.bytes <= MOST);
        must(err == ERR_NONE || err == ERR_LIMIT || (err == ERR_FORMAT && e.kind == EVENT_TOOL_ARGS && e.tool >= want.calls));
        if (err != ERR_NONE || e.choice != 0)
            continue;
        want.calls += begins;
        if (e.kind == EVENT_TEXT || e.kind == EVENT_REFUSAL)
            add(&want, e.kind == EVENT_TEXT ? 0 : 1, e.text);
        else if (e.kind == EVENT_TOOL_BEGIN || e.kind == EVENT_TOOL_ARGS)
            add(&want, 2 + e.tool, begins ? e.name : e.text);
    }
    if (err == ERR_NONE) {
        must(collect_tell(&c, &sink) == ERR_NONE);
        must(memcmp(&want, &told, sizeof want) == 0);
        must(collect_empty(&c) == (collect_blank(collect_text(&c)) && want.len[1] + want.calls == 0));
    }
    collect_reset(&c);
    must(budget_used(budget) == 0);
    budget_free(budget);
    return 0;
}
