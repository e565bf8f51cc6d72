/* (G) What a provider speaks: one row per dialect and kind of prompt. An attempt makes the provider's request with it and reads the
 * provider's bytes with it; nothing of a provider's dialect is known outside of its files and its row.
 *
 * A row of chat makes the canonical chunk or completion of OpenAI's chat of what its provider says: clients of
 * that dialect are sent it as it is, and for the others it is read into neutral events. A row of embeddings
 * makes OpenAI's list of vectors in the form that was asked for, without figures. The running figures of an
 * answer (usage, bytes, finish reasons) are those of its struct chat_canon. */
#ifndef TR_DATAPLANE_PROVIDER_ADAPTER_H
#define TR_DATAPLANE_PROVIDER_ADAPTER_H

#include "chat_canon.h"
#include "prompt.h"
#include "destination.h"

struct adapter {
    /* It reads the prompt's list, of a chat client too (chat_list.h); else p->chat says that there may be none. */
    bool list;

    struct view headers; /* of each request, beside those of all: lines, each with its CRLF in front */

    /* Appends the request's path behind the provider's prefix, "/chat/completions", with a query if it has
     * one. ERR_LIMIT, ERR_MEMORY of out. */
    enum err (*path)(const struct prompt *p, const struct destination *d, struct buf *out);

    /* May this endpoint be sent the prompt? False: *refused names the first member that it may not, as the
     * client spells it where that is known. */
    bool (*fits)(const struct prompt *p, const struct destination *d, struct view *refused);
    /* Settings of the list that render() never writes: 1 << enum prompt_setting. */
    uint32_t lacks;
    /* Would render() leave out something else that the client asks of this endpoint, which the prompt fits? NULL: no. For
     * parameters.h. */
    bool (*omits)(const struct prompt *p, const struct destination *d);
    /* The most bytes that render() makes of this prompt. */
    size_t (*room)(const struct prompt *p);
    /* Appends the body for this endpoint. max_output: 0 leaves the client's limit. ERR_FORMAT, ERR_MEMORY,
     * ERR_LIMIT, ERR_OVERLOAD; on failure out is undefined. */
    enum err (*render)(const struct prompt *p, const struct destination *d, uint32_t max_output, struct buf *out);

    /* Appends the content type of that body. NULL: it is JSON. */
    enum err (*type)(const struct prompt *p, struct buf *out);

    /* One event of a stream, as chat_canon_chunk() (NULL: a kind without streams); a whole answer, of whatever shape, as chat_gather(); and
     * the body of an error response. */
    enum err (*chunk)(struct chat_canon *c, struct view data, struct buf *out, enum chat_kind *kind,
                      struct chat_error *error);
    enum err (*whole)(struct chat_canon *c, struct view body, struct buf *out, enum chat_kind *kind,
                      struct chat_error *error);
    void (*error)(int status, struct view body, struct chat_error *error);
};

/* The row of the dialect that providers.conf names. NULL: it has no call of this kind. */
const struct adapter *adapter_of(const struct provider *provider, enum prompt_kind kind);

#endif
