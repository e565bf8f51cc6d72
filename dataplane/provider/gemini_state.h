/* What a reader of generateContent keeps of one answer from event to event. */
#ifndef TR_DATAPLANE_PROVIDER_GEMINI_STATE_H
#define TR_DATAPLANE_PROVIDER_GEMINI_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum { GEMINI_PATH_BYTES = 240 }; /* of a JSON path in the arguments of a call; longer ones are refused */

/* Zeroed before the first event. */
struct gemini_state {
    uint32_t calls;   /* begun so far: their numbers, and the ids of those that have none */
    uint32_t details; /* elements of reasoning_details so far */
    bool thinking;    /* the last of them is a thought in clear, which may go on */
    uint32_t images;
    /* A call whose arguments arrive by their paths (Vertex). */
    struct gemini_call {
        bool pending, begun; /* begun: a member has been written */
        bool in_string;   /* its last value is a text that goes on */
        uint32_t choice, number;
        uint16_t path_len;
        uint8_t path[GEMINI_PATH_BYTES]; /* of the last value, as it came: between quotes, escaped */
    } call;
};

#endif
