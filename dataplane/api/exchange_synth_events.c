/* (G) What the client of a chat stream is told while the panel and the judge are at work, if it asked for that: chunks
 * without choices, whose member trustedrouter.synth.event says what has happened. */
#include "exchange_synth.h"

#include "chat_write.h"
#include "content_view.h"
#include "pen.h"

enum { EVENT_MAX = LIMIT_SSE_LINE_BYTES }; /* bytes: a piece of a panel's text and its members */

static const char *const roles[] = {[PART_PANEL] = "panel", [PART_JUDGE] = "judge", [PART_FINAL] = "final"};

static const char *event_name(enum synth_event_kind kind)
{
    static const char *const names[] = {[SYNTH_STARTED] = "started",
                                        [SYNTH_PART_STARTED] = "started",
                                        [SYNTH_PART_TEXT] = "text_delta",
                                        [SYNTH_PART_DONE] = "done",
                                        [SYNTH_PART_FAILED] = "failed"};

    return names[kind];
}

static void put_line(const struct part_line *line, struct pen *p)
{
    pen_text(p, ",\"refused\":");
    pen_text(p, line->refused ? "true" : "false");
    pen_text(p, ",\"error\":");
    if (line->outcome == ERR_NONE)
        pen_text(p, "null");
    else
        pen_string(p, view_str(err_name((enum err)line->outcome)));
    pen_text(p, ",\"prompt_tokens\":");
    pen_number(p, line->usage.prompt);
    pen_text(p, ",\"completion_tokens\":");
    pen_number(p, line->usage.completion);
    pen_text(p, ",\"elapsed_ms\":");
    pen_number(p, line->total_ms);
    pen_text(p, ",\"cost\":");
    pen_usd(p, line->cost_nusd);
}

static void put_event(const struct synth_event *e, struct pen *p)
{
    pen_text(p, "{\"synth\":{\"event\":{\"type\":\"");
    pen_text(p, e->kind == SYNTH_STARTED ? "synth" : roles[e->role]);
    pen_text(p, ".");
    pen_text(p, event_name(e->kind));
    pen_text(p, "\"");
    if (e->kind != SYNTH_STARTED) {
        pen_text(p, ",\"index\":");
        pen_number(p, e->place);
        pen_text(p, ",\"model\":");
        pen_string(p, e->model);
    }
    if (e->kind == SYNTH_PART_TEXT) {
        pen_text(p, ",\"text\":");
        pen_quoted(p, e->text);
    }
    if (e->line != NULL)
        put_line(e->line, p);
    pen_text(p, "}}}");
}

/* A client that does not keep up, or for whose events there is no room, is not told everything. */
static void tell(struct exchange *x, const struct synth_event *e)
{
    struct buf member;
    struct pen p = {.out = &member};

    if (!x->synth->plan.events || x->out.web == NULL || sse_out_over(&x->out))
        return;
    buf_init_charged(&member, EVENT_MAX, x->budget);
    put_event(e, &p);
    if (p.e == ERR_NONE && chat_write_notice(&x->answer, buf_view(&member), &x->out.filling) == ERR_NONE)
        exchange_flush(x);
    buf_free(&member);
}

void exchange_synth_event(void *cookie, const struct synth_event *e)
{
    struct exchange *x = cookie;

    if (e->role == PART_FINAL || (e->kind == SYNTH_PART_TEXT && !x->synth->plan.event_text))
        return; /* of the finals exchange_synth_asks() tells */
    tell(x, e);
}

void exchange_synth_asks(struct exchange *x)
{
    const struct candidate *c = &x->request.attempts.candidate;

    tell(x, &(struct synth_event){.kind = SYNTH_PART_STARTED, .role = PART_FINAL, .place = x->request.attempts.place,
                                  .model = view_str(c->model->info->id)});
}
