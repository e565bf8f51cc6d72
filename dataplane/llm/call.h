/* A call of one question and one whole answer that is no chat: images, speech, transcripts, moderations, ranks. What
 * billing reads of it, and what its answer must look like. */
#ifndef TR_DATAPLANE_LLM_CALL_H
#define TR_DATAPLANE_LLM_CALL_H

#include "price.h"

#include <stdint.h>

enum {
    CALL_MEMBERS_MAX = 8,          /* members that only some providers know */
    CALL_IMAGES_MAX = 10,          /* as OpenAI's n */
    CALL_FILES_MAX = 16,           /* images to be edited, as OpenAI's schema */
    CALL_DOCUMENTS_MAX = 10000,    /* to be ranked, as Cohere's limit */
    CALL_TEMPLATE_TOKENS = 64,     /* prompt tokens that a provider adds by itself */
    CALL_IMAGE_TOKENS_MOST = 16384, /* output tokens of one image; the largest seen has 6,240 */
    CALL_IMAGE_TOKENS_LARGE = 6240, /* of one whose size or quality is asked for */
    CALL_IMAGE_TOKENS = 1056,      /* of one that the provider did not count: 1024 x 1024, medium quality */
    /* Audio of an unknown length: no codec in use makes less of a second (Opus at 6 kbit/s), and files of compressed
     * speech have about 64 kbit/s. */
    CALL_SECOND_BYTES_LEAST = 750,
    CALL_SECOND_BYTES = 8000,
    CALL_SECONDS_MOST = 1 << 20,
    CALL_TOKENS_A_SECOND = 16,     /* of audio that is read, at most; gpt-4o-transcribe makes 10 */
    CALL_WORDS_A_SECOND = 12,      /* tokens of text that is spoken in a second, at most */
    /* Audio tokens for a character that is spoken: 15 characters and 21 tokens a second. At most: read slowly. */
    CALL_SPEECH_TOKENS_10 = 15,    /* tenths */
    CALL_SPEECH_TOKENS_MOST = 8,
    CALL_QUERY_DOCUMENTS = 100,    /* documents that one ranking query may have, and the tokens of one: Cohere */
    CALL_DOCUMENT_TOKENS = 500,
};

enum call_answer {
    CALL_IMAGES,     /* {"data":[...]} */
    CALL_SOUND,      /* bytes of a file */
    CALL_TEXT_JSON,  /* {"text":...} */
    CALL_TEXT,       /* text, SRT or WebVTT */
    CALL_JUDGEMENTS, /* {"results":[...]} */
    CALL_RANKS,      /* {"results":[...]}, or {"data":[...]} */
};

struct call_form {
    enum call_answer answer;
    struct price_units units; /* that it can come to at most */
    uint32_t guess;           /* of units, where the provider does not say; at most units.n */
    uint32_t output_guess;    /* of output tokens, likewise */
};

#endif
