/* One thing that an answer says, in neutral terms: what a provider's adapter reads and a client's dialect
 * writes. Whole answers are the same events, each with all of its text. */
#ifndef TR_DATAPLANE_LLM_EVENT_H
#define TR_DATAPLANE_LLM_EVENT_H

#include "err.h"
#include "usage.h" /* enum usage_finish */
#include "view.h"

#include <stdbool.h>
#include <stdint.h>

enum event_kind {
    EVENT_TEXT,       /* text: the next piece of the answer */
    EVENT_REASONING,  /* text: the next piece of what the model thought, in clear */
    EVENT_DETAIL,     /* json: one element of OpenRouter's reasoning_details (signatures, encrypted
                         thoughts, or the text of EVENT_REASONING once more): to be replayed as it is */
    EVENT_REFUSAL,    /* text: the next piece of why the model does not answer */
    EVENT_TOOL_BEGIN, /* a call begins: tool, id, name, custom; its first arguments follow */
    EVENT_TOOL_ARGS,  /* tool; text: the next piece of its arguments (of JSON text, unless custom) */
    EVENT_ANNOTATION, /* json: one annotation of the text before it, as OpenAI's chat has it */
    EVENT_LOGPROBS,   /* json: the logprobs object of the text that comes next */
    EVENT_IMAGE,      /* json: one element of OpenRouter's "images" */
    EVENT_AUDIO,      /* json: an object of OpenAI's "audio" */
    EVENT_FINISH,     /* finish: this choice is over; once per choice. text: the stop sequence that came, or empty */
};

/* All views are borrowed and valid during the call that hands the event over. */
struct event {
    enum event_kind kind;
    uint16_t choice;          /* 0 for answers with one choice */
    uint32_t tool;            /* which call of the choice: 0, 1, ... without gaps; calls may interleave */
    bool custom;              /* of a tool whose input is free text */
    enum usage_finish finish; /* EVENT_FINISH */
    struct view text;         /* between the quotes of a JSON string, still escaped: paste it between
                                 quotes. May end inside of a surrogate pair's escapes, never of a UTF-8
                                 character */
    struct view id, name;     /* EVENT_TOOL_BEGIN, escaped as text */
    struct view json;         /* one JSON value */
};

/* Who takes the events of one answer, in order. An error ends the answer. */
struct event_sink {
    enum err (*take)(void *cookie, const struct event *e);
    void *cookie;
};

#endif
