/* (G) How long the panel is waited for, and each judge. */
#include "content_view.h"
#include "run_internal.h"

#include <stdlib.h>

struct synth_deadline {
    uv_timer_t timer;
    struct synth *s; /* NULL: it is over */
};

static void deadline_closed_cb(uv_handle_t *h)
{
    free(h->data);
}

void deadline_end(struct synth *s)
{
    struct synth_deadline *d = s->deadline;

    if (d == NULL)
        return;
    s->deadline = NULL;
    d->s = NULL;
    uv_close((uv_handle_t *)&d->timer, deadline_closed_cb);
}

static void deadline_cb(uv_timer_t *timer)
{
    struct synth_deadline *d = timer->data;
    struct synth *s = d->s;
    struct request *whole = s->task.whole;

    request_hold(whole); /* the step may end it */
    if (s->phase == SYNTH_PANEL)
        s->late = true;
    else if (judge_running(s) != NULL)
        member_drop(judge_running(s));
    synth_step(s);
    request_let(whole);
}

/* The first answer ends first_success and first_non_refusal, which need no other end. Without memory for the timer all are
 * waited for, as long as their providers' deadlines let them. */
void deadline_begin(struct synth *s)
{
    struct synth_deadline *d;

    deadline_end(s);
    if (!judge_is_wanted(s->task.plan))
        return;
    d = calloc(1, sizeof *d);
    if (d == NULL)
        return;
    uv_timer_init(s->task.upstreams->loop, &d->timer);
    d->timer.data = d;
    d->s = s;
    s->deadline = d;
    uv_update_time(s->task.upstreams->loop); /* this turn may have been at work for a while */
    uv_timer_start(&d->timer, deadline_cb, s->task.plan->deadline_ms, 0);
}
