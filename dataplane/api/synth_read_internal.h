/* What the readers of an orchestration share. Private to synth_*.c of this folder. */
#ifndef TR_DATAPLANE_API_SYNTH_READ_INTERNAL_H
#define TR_DATAPLANE_API_SYNTH_READ_INTERNAL_H

#include "synth_read.h"

enum {
    SYNTH_TOKENS_MAX = 131072, /* of max_completion_tokens; no model of today writes more at once */
    SYNTH_TOOL_CALLS_MAX = 16,
    SYNTH_BASE_MAX = 48,       /* "tools[4095].parameters." */
};

/* What the tool or the plugin says. Lists of n 0 and zeros: nothing. */
struct synth_given {
    bool is;       /* there is a tool or a plugin */
    bool disabled; /* it turns itself off */
    uint8_t preset; /* enum synth_preset */
    bool has_strategy;
    enum synth_strategy strategy;
    struct synth_list panel, judges, finals;
    const char *finals_name; /* which of its names */
    struct view model; /* judges and writes where a list is not given */
    struct view synthesis_prompt;
    uint32_t tokens, deadline_ms;
    uint8_t quorum;
    bool events, event_text;
};

struct synth_reader {
    struct prompt *p;
    const struct snapshot *catalog;
    struct api_failure *f;
    char base[SYNTH_BASE_MAX]; /* what stands before a parameter's name in its path */
    struct synth_given given;
};

/* A failure that names the parameter. */
must_check enum err synth_refuse(struct synth_reader *r, const char *name, const char *message, enum err e);
/* synth_parameters.c: p->synth into r->given and r->base. */
must_check enum err synth_parameters(struct synth_reader *r);
/* synth_members.c: what else the request asks for must be possible with several models. */
must_check enum err synth_members(struct synth_reader *r);

#endif
