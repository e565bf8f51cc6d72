/* What a reader of Responses keeps of one answer from event to event. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_RESPONSES_STATE_H
#define TR_DATAPLANE_PROVIDER_OPENAI_RESPONSES_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum { RESPONSES_OPEN_MAX = 32 }; /* output items that may still get events; the most seen is 8 */

/* Zeroed before the first event. */
struct openai_responses_state {
    uint32_t calls;   /* begun so far */
    uint32_t details; /* elements of reasoning_details so far */
    bool over;        /* the response has ended: what comes behind it is not of this answer */
    bool spoke, thought; /* a message has had text, a thought has been told: the next begins behind a blank line */
    struct openai_responses_item {
        uint32_t output_index;
        uint32_t call;             /* its number among the calls, when it is one */
        uint32_t parts;            /* content parts that have been told, at least in pieces */
        uint32_t summaries;        /* likewise */
        uint32_t detail;           /* the element that the last summary is */
        bool begun, sealed;        /* of a call: its beginning; of a thought: its sealed text */
        uint32_t told_bytes;       /* of the text that is told now, and a hash of them: when all of the text comes */
        uint64_t told_hash;        /* at its end, what is missing is told */
    } item[RESPONSES_OPEN_MAX];   /* a ring: the latest */
    uint32_t items;                /* ever */
};

#endif
