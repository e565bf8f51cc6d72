/* (G) One orchestration: the panel side by side, then the judges one after the other, then either an answer of the panel
 * or what the final model is asked. The final itself is the whole's own attempt (core/request.h). The loop of its
 * worker only.
 *
 * synthesize, synthesize_non_refusals and selector wait for the whole panel, for plan.quorum answers that can be used, or
 * until plan.deadline_ms have passed and there is one; synthesize can use refusals, the others cannot. first_success ends
 * with the first answer, first_non_refusal with the first one that is no refusal. What then still runs is dropped and billed
 * by what ran. Where all refuse, refusals are what there is: the final is asked without them (synthesize_non_refusals) or
 * with them (synthesize), the others give the longest.
 *
 * The judge is skipped where fewer than two answers are no refusals: there is nothing to compare. A judge that fails,
 * refuses, says nothing or no verdict, or needs longer than plan.deadline_ms, is followed by the next; without one that can
 * be had the final sees the answers alone, and a selector gives the longest answer that does not refuse.
 *
 * Memory: a struct of about 11 KB for each member and judge; an answer has at most 256 KiB, a judge's 64 KiB; so 2.5 MB for the
 * largest orchestration, and for each part that runs its copy of the prompt's list and what an attempt holds (attempt.h)
 * until its answer begins. All of it is charged to the budget of the key's account, and wiped: all answers but the best when
 * the final's prompt is made, that one at the end. */
#ifndef TR_DATAPLANE_SYNTH_RUN_H
#define TR_DATAPLANE_SYNTH_RUN_H

#include "collect.h"
#include "credentials.h"
#include "part.h"
#include "plan.h"
#include "prompt.h"
#include "upstream.h"

struct synth;

enum synth_event_kind {
    SYNTH_STARTED,
    SYNTH_PART_STARTED, /* role, place, model */
    SYNTH_PART_TEXT,    /* text: the next piece, escaped; of the panel */
    SYNTH_PART_DONE,    /* line */
    SYNTH_PART_FAILED,  /* line */
};
struct synth_event {
    enum synth_event_kind kind;
    enum part_role role;
    uint8_t place;
    struct view model;            /* as it was named */
    struct view text;
    const struct part_line *line; /* NULL before the end */
};

/* Borrowed until synth_free(), but for what `want` is given. */
struct synth_task {
    struct request *whole;
    const struct prompt *prompt; /* the client's; its list is made, and without Synth's own tool */
    const struct synth_plan *plan;
    struct upstreams *upstreams;
    const struct credentials *credentials;
    struct budget *budget;
    uint64_t image_tokens, reference_tokens; /* as exchange_context has them */
    const char *id; /* "gen-..." */
    /* The client's constraints, for one of the orchestration's models and that part's prompt. False: *f. */
    bool (*want)(void *cookie, struct prompt *part, struct view id, struct route_want *out, struct api_failure *f);
    /* What a client may be told meanwhile, when the plan asks for it. It must not end the request. */
    void (*event)(void *cookie, const struct synth_event *e);
    void *cookie;
};

/* ERR_MEMORY. Nothing runs yet. */
must_check enum err synth_new(const struct synth_task *task, struct synth **out);
/* Decides who can take part, under the constraints of now, and what all parts can cost at most. May be called again. False:
 * nobody can, or too few: *f. */
must_check bool synth_reserve(struct synth *s, int64_t *amount_nusd, struct api_failure *f);
/* Bytes that the final's prompt may be longer than the client's. */
uint64_t synth_prompt_bound(const struct synth_plan *plan);
/* Begins. Ends, perhaps before it returns, in one of request_prepared(), request_given(), request_unprepared(). */
void synth_start(struct synth *s);
/* The client has left, or the process ends: drops what runs. Of the reports only request_idle() follows, unless it returns
 * true: every bill is made. */
bool synth_stop(struct synth *s);

/* After request_prepared(), once: what the final model is asked, made of the client's list; appended to it. The whole's
 * prompt_bytes grow by it. ERR_MEMORY, ERR_LIMIT, ERR_OVERLOAD. */
must_check enum err synth_final(struct synth *s, struct prompt_list *list);
/* Is the final's whole answer one, or is it empty or refused, so that the next model is asked? Where all of the panel has
 * refused, a refusal is an answer. */
bool synth_accepts(const struct synth *s, const struct collect *answer);
/* After request_given(), or when every final has failed: the answer to give, which is marked as chosen in its line: the
 * panel's longest one that does not refuse, else its longest refusal. NULL: the panel has none. */
const struct collect *synth_answer(struct synth *s);
/* The value of the member "trustedrouter.synth": the orchestration's model, preset, strategy; judge "used", "skipped" (there
 * was nothing to compare), "failed" (no judge gave a verdict) or "none" (the strategy has no judge); quorum_hit and
 * deadline_hit; of panel, judges and finals each model, provider, endpoint, outcome ("answered", "refused", "empty", "dropped", "unusable": a judge
 * without a verdict, "failed": see error), tokens, cost and times; the cost of all. No text of a model. */
must_check enum err synth_metadata(const struct synth *s, struct buf *out);
void synth_free(struct synth *s);

#endif
