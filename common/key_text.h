/* The text form of an API key: a prefix and 43 characters of unpadded base64url over 256 random
 * bits. The text is the key; only its SHA-256 is stored or crosses the link. */
#ifndef TR_COMMON_KEY_TEXT_H
#define TR_COMMON_KEY_TEXT_H

#include "id.h"
#include "view.h"

#include <stdbool.h>

/* A new random key. prefix: one of id.h. NUL-terminated; the caller wipes it. */
void key_text_new(const char *prefix, char out[static KEY_TEXT_LEN + 1]);
/* True when text has the form of a key of either kind: right prefix, right length, canonical
 * base64url. Takes the same time whatever the 43 characters are. Says nothing about existence. */
bool key_text_valid(struct view text);
/* The same for one prefix of id.h: a session's or an invitation's token. */
bool key_text_has(const char *prefix, struct view text);
/* True when text has the prefix of management and operator keys. */
bool key_text_management(struct view text);

#endif
