/* (G) What a model thought, sealed into one opaque text that a client keeps and sends back: Anthropic's
 * `signature` and `data`, Responses' `encrypted_content`. The next turn's request gives its maker the same
 * elements of OpenRouter's reasoning_details (signatures, encrypted thoughts) byte for byte.
 *
 * A sealed text is base64url of {"tr":1,"maker":"author/model","text":"...","details":[...]}. It needs no
 * key, so every data plane reads it, also after a restart. Nothing authenticates it: a client of chat
 * completions may write any reasoning_details, so a forged text gives a client nothing that it does not
 * have; each element is parsed strictly, reaches the request of this client alone, and is priced by the
 * bytes of the body that it came in, of which there are more than what it opens to. */
#ifndef TR_DATAPLANE_LLM_REPLAY_H
#define TR_DATAPLANE_LLM_REPLAY_H

#include "buf.h"
#include "err.h"
#include "json.h"
#include "prompt.h"
#include "view.h"

#include <stdbool.h>

struct replay {
    struct view maker;         /* id in the catalog of the model that thought it, escaped */
    struct view text;          /* the thoughts in clear, escaped; empty: they stand beside the sealed text */
    struct json_value details; /* an array of objects, may be empty. The first element of type
                                  reasoning.text that has no "text" (reasoning.summary: no "summary") has
                                  the thoughts there */
    struct buf plain;          /* what the others point into */
};

/* Append the sealed text. maker is plain, text is escaped. details: elements separated by commas, may be
 * empty. ERR_LIMIT, ERR_MEMORY, ERR_OVERLOAD of out; what was appended is then taken back. */
must_check enum err replay_seal(struct view maker, struct view text, struct view details,
                                struct buf *out);
/* Whether it looks sealed by us: what another API signed does not. */
bool replay_is_sealed(struct view sealed);
/* Open a sealed text; end with replay_close(), also after a failure. ERR_FORMAT: it is none of ours, or
 * not as replay_seal() makes them. ERR_MEMORY. */
must_check enum err replay_open(struct view sealed, struct replay *out);
void replay_close(struct replay *r); /* wipes */
/* Append the elements, separated by commas, with the thoughts in their place. text: the thoughts as the client has them beside
 * the sealed text, escaped; empty: those inside. Nothing is appended when there are no elements. */
must_check enum err replay_details(const struct replay *r, struct view text, struct buf *out);
/* Add to the list what an opened text holds: each element and, with_text, before them the thoughts in clear
 * (beside, or those inside when that is empty), as items of the message that was begun last. beside is borrowed
 * from the body. *bound grows by the bytes that a rendered request may have more than the body. ERR_MEMORY,
 * ERR_LIMIT. */
must_check enum err replay_add_opened(struct prompt_list *l, const struct replay *r, bool with_text,
                                      struct view beside, uint64_t *bound);
/* The same of a sealed text, with the thoughts. One that is none of ours adds what is beside it alone. */
must_check enum err replay_add(struct prompt_list *l, struct view sealed, struct view beside,
                               uint64_t *bound);

#endif
