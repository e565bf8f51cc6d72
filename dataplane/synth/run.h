/* (G) One orchestration: the panel side by side, then the judges one after the other, then either an answer of the panel
 * or what the final model is asked. The final itself is the whole's own attempt (core/request.h). The loop of its
 * worker only. */
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
    /* What a client may be told meanwhile. */
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

/* After request_prepared(): what the final model is asked, made of the client's list; appended to it. */
must_check enum err synth_final(struct synth *s, struct prompt_list *list);
/* Is the final's whole answer one, or is it empty or refused, so that the next model is asked? */
bool synth_accepts(const struct synth *s, const struct collect *answer);
/* After request_given(), or when every final has failed: the answer to give. NULL: the panel has none. */
const struct collect *synth_answer(struct synth *s);
/* The value of the member "trustedrouter.synth": strategy, parts, choices, cost. No text of a model. */
must_check enum err synth_metadata(const struct synth *s, struct buf *out);
void synth_free(struct synth *s);

#endif
