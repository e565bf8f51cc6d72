/* Reads what an OpenAI-compatible provider says, already made canonical (chat_canon), into the neutral
 * events that a client's dialect is written from. Within one chunk and choice the order is: reasoning,
 * logprobs, text, annotations (which are about it), refusal, calls, images, audio, finish. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_EVENTS_H
#define TR_DATAPLANE_PROVIDER_OPENAI_EVENTS_H

#include "chat_canon.h"
#include "err.h"
#include "event.h"
#include "view.h"

#include <stdbool.h>
#include <stdint.h>

/* What stood around the text of the last chunk that was nothing but text, or nothing but arguments of one call: most
 * chunks of a stream differ in it alone, and are compared, not walked. */
struct openai_repeat {
    uint16_t head, middle, tail; /* bytes before the text, between it and its copy, behind. All 0: nothing learnt */
    uint8_t copies;              /* 2 for reasoning under both names */
    uint16_t choice;
    bool custom;   /* as the event's */
    uint32_t tool;
    enum event_kind kind;
    uint8_t bytes[512];
};

/* What has to be known from one chunk to the next. Zeroed before the first chunk of an answer. */
struct openai_events {
    uint32_t finished[CHAT_CHOICES_MAX / 32]; /* bit per choice: its finish has been handed over */
    /* A call whose id has come and whose name has not: it begins with its name or its arguments. */
    bool held, held_custom;
    uint16_t held_choice;
    uint32_t held_tool;
    uint8_t held_len;
    uint8_t held_id[128]; /* escaped; an id that is longer begins without its name */
    struct openai_repeat repeat;
};

/* canonical: one chat.completion.chunk as chat_canon wrote it. The first error of the sink ends the
 * walk and is returned; there is no other. A chunk without choices gives no event. */
must_check enum err openai_events_chunk(struct openai_events *s, struct view canonical,
                                        const struct event_sink *sink);
/* canonical: one whole chat.completion, likewise. Each choice gives one event for each kind of text. */
must_check enum err openai_events_whole(struct view canonical, const struct event_sink *sink);

#endif
