/* Signatures of reasoning, as makers of reasoning models attach them: a replayed thought is ours when its
 * text and its signature still belong together. */
#ifndef TR_MOCK_SIGN_H
#define TR_MOCK_SIGN_H

#include "bytes.h"
#include "json.h"

void sign_text(struct view text, struct bytes *out);
/* Append the decoded text of a JSON string; false when v is none. */
bool sign_decode(struct json_value v, struct bytes *out);
bool sign_good(const struct bytes *text, struct json_value signature);

#endif
