/* (G) What the files of an orchestration share: run.c decides, panel.c and judge.c know the roles, member.c and member_run.c
 * are one part with its attempt and its answer, metadata.c tells what came of it. */
#ifndef TR_DATAPLANE_SYNTH_RUN_INTERNAL_H
#define TR_DATAPLANE_SYNTH_RUN_INTERNAL_H

#include "attempt.h"
#include "run.h"
#include "words.h"

/* What one orchestration holds of others' words at most, all of it charged to the budget: SYNTH_LIST_MAX answers and one
 * verdict as below; for each part that runs its copy of the prompt's list, until its answer begins, and what an attempt
 * holds of any request (attempt.h). When the final is asked, the best answer alone is left. */
enum {
    MEMBER_ANSWER_MAX = 256 << 10, /* bytes of one answer of the panel, escaped: 64 K tokens of prose. A longer one fails */
    MEMBER_VERDICT_MAX = 64 << 10, /* of what a judge says around its verdict */
};

enum member_state {
    MEMBER_OUT,     /* it cannot take part: `why` and `failure` say why not. Nothing is pending */
    MEMBER_PLANNED, /* it has a route and a share of the money. Nothing is pending */
    MEMBER_RUNNING, /* its request runs, and reports its end once */
    MEMBER_OVER,    /* its bill is made; the tail of its connection may still be pending */
};

/* One of the panel, or one judge. */
struct member {
    struct request request; /* first: the ops table gets this back by a cast */
    struct synth *synth;
    enum part_role role;
    uint8_t place; /* in its list */
    enum member_state state;
    bool live;     /* begun and not destroyed: the request's struct is in use */

    /* What it is asked. */
    struct prompt prompt;    /* of its own: the list; the rest is the client's */
    size_t prompt_bytes;     /* taken from the budget for the list */
    struct attempt attempt;
    struct content *message; /* the first provider's sentence that blames the request */

    /* What came of it, when it is OVER (or OUT: why, failure). */
    struct collect answer;
    bool complete; /* its answer is whole; else why, failure */
    bool dropped;  /* nobody needed it any more */
    bool empty;    /* complete, and neither text nor refusal nor call */
    bool refused;  /* complete, and a refusal: by its form, or by the judge */
    bool unusable; /* a judge's: complete, and no verdict */
    unsigned order; /* among those that are complete, from 1 */
    enum err why;
    struct api_failure failure;
};

enum synth_phase {
    SYNTH_IDLE,    /* nothing is pending */
    SYNTH_PANEL,   /* members of the panel run, and perhaps the timer */
    SYNTH_JUDGING, /* a judge runs; members that were dropped may await their bills */
    SYNTH_READY,   /* reported: the whole asks the final. As above, but for the judge */
    SYNTH_GIVEN,   /* reported: `chosen` is the answer */
    SYNTH_FAILED,  /* reported: there is none */
    SYNTH_STOPPED, /* what ran was dropped; bills are awaited, then request_idle() */
};

enum synth_judged {
    JUDGED_NONE,    /* the strategy has no judge, or the panel still runs */
    JUDGED_USED,    /* there is a verdict */
    JUDGED_SKIPPED, /* there was nothing to compare */
    JUDGED_FAILED,  /* every judge was asked, or could not be, and none gave a verdict */
};

struct synth_deadline; /* deadline.c: a timer of the loop, freed when the loop has closed it */

struct synth {
    struct synth_task task;
    enum synth_phase phase;
    bool stepping, again; /* synth_step() is on the stack; something has happened meanwhile */
    enum synth_phase told; /* the last phase that was reported */
    struct synth_deadline *deadline; /* of the panel, then of the judge that runs; NULL: none */
    bool late;     /* the deadline has passed while the panel ran, */
    bool cut_late, cut_quorum; /* and it, or the quorum, ended the panel */
    uint64_t seed; /* of the order in which answers are shown */

    struct member *panel[SYNTH_LIST_MAX], *judge[SYNTH_LIST_MAX]; /* NULL: none; charged to the budget */
    unsigned n_complete;
    struct member *chosen; /* of the panel: its answer is the client's */

    size_t next_judge;
    enum synth_judged judged;
    struct words_verdict verdict;
    bool has_verdict;
};

static inline struct member *member_of(struct request *r)
{
    return (struct member *)r;
}
_Static_assert(offsetof(struct member, request) == 0, "member_of() casts");

/* --- run.c */

/* Something has happened: all decisions are made here. The whole may be over when it returns. */
void synth_step(struct synth *s);
void synth_tell(struct synth *s, enum synth_event_kind kind, const struct member *m, struct view text,
                const struct part_line *line);
/* The line of a part that is over. NULL: it has none. */
struct part_line *synth_line(const struct synth *s, enum part_role role, uint8_t place);
/* Bytes of a list's texts. */
uint64_t synth_texts(const struct prompt_list *l);
/* As the request or the catalog names it. */
struct view synth_name(const struct synth *s, enum part_role role, uint8_t place);

/* --- member.c */

/* A struct for a place; ERR_OVERLOAD, ERR_MEMORY. */
must_check enum err member_new(struct synth *s, enum part_role role, uint8_t place, struct member **out);
/* Nothing is pending. NULL is fine. */
void member_free(struct member *m);
/* Decides its route and what it can cost; forgets an earlier plan. False: it is OUT. */
must_check bool member_plan(struct member *m, int64_t *amount_nusd);
/* Begins; it may be over when this returns. A part that is OUT gets its line instead. */
void member_begin(struct member *m);
/* It cannot begin after all. */
void member_out(struct member *m, enum err why);
/* Nobody needs its answer; harmless unless it runs. */
void member_drop(struct member *m);
/* Wipes its answer. */
void member_forget(struct member *m);
/* Frees its prompt's list. */
void member_forget_prompt(struct member *m);
/* The list of a prompt has changed: charge it. ERR_OVERLOAD: it has no room and is freed. */
must_check enum err member_charge(struct member *m);

/* member_run.c */
extern const struct request_ops member_ops;

/* --- deadline.c: of the panel, and of each judge */

/* Another one, from now on, if the strategy waits for several. */
void deadline_begin(struct synth *s);
void deadline_end(struct synth *s);

/* --- panel.c */

/* All members begin, in this turn of the loop. */
void panel_begin(struct synth *s);
bool panel_is_enough(struct synth *s);
/* What nobody needs any more is dropped. */
void panel_drop(struct synth *s);
struct panel_count {
    size_t running, answers, good; /* complete and not empty; and of these no refusals */
};
struct panel_count panel_count(const struct synth *s);
/* The answer that completed first; good: refusals do not count. NULL: there is none. */
struct member *panel_first(const struct synth *s, bool good);
/* The longest answer that does not refuse; else the longest refusal; NULL: there is none. */
struct member *panel_best(const struct synth *s);
/* The answers that the judge is shown, and the final: in the order of their places. */
size_t panel_evidence(const struct synth *s, struct words_answer out[static SYNTH_LIST_MAX]);
/* Nobody has answered: the failure that helps the client most. */
enum err panel_failure(const struct synth *s, struct api_failure *f);
/* Wipes all answers but this one's; NULL: all. */
void panel_forget(struct synth *s, const struct member *but);

/* --- judge.c */

/* Does the strategy have one? */
bool judge_is_wanted(const struct synth_plan *plan);
/* The next judge begins. False: none is left. */
must_check bool judge_next(struct synth *s);
/* The judge that ran is over, or was dropped: true when there is a verdict. */
must_check bool judge_read(struct synth *s);
struct member *judge_running(const struct synth *s);

#endif
