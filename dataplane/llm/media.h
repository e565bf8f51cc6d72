/* (G) What the images, audio, files and videos of a prompt can cost, without looking into them: a
 * bound that is reserved, and a floor that is billed when the provider gives no figures. */
#ifndef TR_DATAPLANE_LLM_MEDIA_H
#define TR_DATAPLANE_LLM_MEDIA_H

#include "json.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    /* An image of full size costs so much at most providers; the bound is configured
     * (image_tokens). */
    MEDIA_IMAGE_FLOOR_TOKENS = 1600,
    /* Audio, files and videos cost at least one token for so many bytes of base64 (speech at 256
     * kbit/s and 10 tokens a second; a scanned page), and no less than this. */
    MEDIA_FLOOR_BYTES = 4096,
    MEDIA_FLOOR_TOKENS = 64,
    /* And at most one for so many: speech at 8 kbit/s and 32 tokens a second has 40 bytes of base64
     * a token, video at 100 kbit/s and 300 tokens a second 55; a file may be deflated text, at four
     * characters a token and eight to one. */
    MEDIA_AUDIO_BYTES = 32,
    MEDIA_VIDEO_BYTES = 32,
    MEDIA_FILE_BYTES = 1,
};

struct media {
    uint32_t images;     /* inline or by reference */
    uint32_t references; /* audio, files and videos by URL or id */
    uint64_t bound;      /* tokens that those inside the body cannot exceed */
    uint64_t floor;      /* tokens that all of them cost at least */
    uint64_t bytes;      /* of the body that are no prompt text */
};

enum media_kind { MEDIA_IMAGE, MEDIA_AUDIO, MEDIA_FILE, MEDIA_VIDEO };
/* Count one. inside: its data is in the body, else a URL or an id stands for it. held: bytes of the body that
 * are data or reference, and no prompt text; part: bytes of all that says it, at least held. */
void media_add(struct media *m, enum media_kind kind, bool inside, uint64_t held, uint64_t part);
/* Whether a member that should hold base64 or a data URL does. OpenRouter and others take a URL there. */
bool media_is_inside(struct json_value data);
/* If part, an element of a message's content, is surely of one of these types: count it in m. Else
 * false: a second "type", or one that we do not know, may say that it is text. */
bool media_count(struct json_value part, struct media *m);
/* Prompt tokens that all of m cannot exceed, given a most per image and per reference. */
uint64_t media_bound(const struct media *m, uint64_t image_tokens,
                          uint64_t reference_tokens);

#endif
