/* Makes one chat.completion.chunk (or a whole chat.completion) of any OpenAI-compatible provider
 * the canonical one that all clients accept (facts/wire.md 1.5), by splicing: id, created and model
 * become ours, missing members are added, fillers dropped, everything else stays byte for byte. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_CANON_H
#define TR_DATAPLANE_PROVIDER_CHAT_CANON_H

#include "arguments.h"
#include "body_type.h"
#include "buf.h"
#include "call.h"
#include "embeddings.h"
#include "err.h"
#include "gemini_state.h"
#include "openai_responses_state.h"
#include "providers.h"
#include "tokens.h"
#include "usage.h"
#include "view.h"

enum {
    CHAT_CHOICES_MAX = 128, /* as OpenAI's n */
    CHAT_TOOLS_MAX = 32,    /* calls whose arguments may still be arriving at once */
    CHAT_MEDIA_SHARE = 64,  /* one byte of text weighs like so many of other content, in estimates:
                               an image of 1 MB of base64 comes to 4,000 tokens */
};

/* What stood around the text of the last chunk that was nothing but text, as it came and as it
 * left; see chat_repeat.c. */
struct chat_repeat {
    /* Bytes before the text, between it and the padding (0: there is none), behind. All 0: nothing
     * learnt. */
    uint16_t in_head, in_middle, in_tail;
    uint16_t out_head, out_middle, out_tail;
    uint8_t copies; /* of the text in what left: 2 for reasoning under both names */
    uint8_t bytes[1024];
};

/* Where a stream of Anthropic's dialect stands: anthropic_read.h. Zeroed before its first event. */
struct anthropic_reading {
    uint8_t block;      /* what the open content block is */
    bool begun;         /* message_start has come */
    bool input_begun;   /* of the open call: arguments have been told */
    uint8_t stop;       /* why it stopped; 0: not told yet */
    uint32_t calls, thoughts; /* blocks so far */
    uint32_t text_at, block_at; /* characters of text so far, and in front of the open block */
    char sequence[64];  /* the stop sequence that came, escaped; empty: none, or a longer one */
    /* The figures so far, each as it was told last; extra ones are billed beside the totals. */
    uint32_t input, cache_read, cache_write, cache_write_1h, output, thinking, extra_input, extra_output;
    bool odd;           /* one could not be believed */
    bool figures;
};

/* What stays the same over one response. */
struct chat_canon {
    char id[48];       /* "gen-..." */
    uint64_t created;  /* unix seconds */
    struct view model; /* the catalog's model id, borrowed */
    const struct provider *provider;
    bool want_usage; /* the client asked for usage (always true for a whole completion) */
    bool hide_reasoning; /* what the model thought is counted, and not told */
    bool functions;      /* a chat client that asked in the way of old: of calls it reads one, "function_call" */
    /* The name of `provider` for a client of OpenRouter's API, who reads it in each chunk and reads usage
     * with its cost at the end (chat_openrouter.h), so that the provider's own usage is left out. Borrowed;
     * empty: the client speaks OpenAI's API. */
    struct view provider_name;
    bool own_key; /* it comes on a provider key of the customer's own */
    struct embeddings_form embeddings; /* the answer is no chat but these vectors: openai_embeddings.h */
    struct call_form call; /* the answer is none of these but a call's: openai_call.h */
    enum body_type type;   /* of the answer: as the provider says it, and then as the client is told */
    /* running state */
    unsigned chunks;           /* emitted so far */
    uint32_t roles_seen[4];    /* bit per choice index < CHAT_CHOICES_MAX */
    uint32_t finishes_seen[4]; /* likewise */
    uint32_t tools_seen[4];    /* likewise: it has called a tool */
    uint32_t functions_seen[4]; /* likewise: a function, in the way of old */
    enum usage_finish finish;  /* of choice 0; FINISH_NONE until seen */
    struct usage_figures figures;
    struct token_usage usage; /* what the figures so far come to */
    uint32_t units;           /* of c->call, that the provider says or that are here; 0: not known */
    uint64_t content_bytes;   /* delivered bytes of text, reasoning, names and arguments of calls;
                                 other content (audio, images) counts a CHAT_MEDIA_SHARE of them */
    bool useful;              /* some content of any kind, or a finish, has been seen */
    struct chat_tool {
        uint64_t id_hash;        /* tells two calls with one index apart; 0: no id */
        uint32_t upstream, ours; /* index there and here */
        uint16_t choice;
        bool named;  /* its name has been emitted */
        bool custom; /* its input is no JSON */
        struct arguments arguments;
    } tools[CHAT_TOOLS_MAX]; /* a ring: the latest calls */
    unsigned n_tools;        /* ever */
    bool lost_open;          /* one left the ring before its arguments ended */
    bool by_delta;           /* content has come under "delta" */
    bool strange;            /* an event came that was neither a chunk nor an error that we know */
    union { /* where the reader of another dialect's stream stands: an answer has one dialect */
        struct openai_responses_state responses; /* openai_responses.h */
        struct gemini_state gemini;              /* gemini_read.h */
        struct anthropic_reading anthropic;      /* anthropic_read.h */
    };
    unsigned repeats;        /* chunks that took the short way */
    struct chat_repeat repeat;
};

enum chat_kind {
    CHAT_NOTHING, /* nothing to emit (an empty first chunk, a filler, a bare usage not asked for) */
    CHAT_EMIT,    /* out holds the canonical JSON */
    CHAT_DONE,    /* the provider's "[DONE]" */
    CHAT_ERROR,   /* an error object or an error event; error_view is its message (content class) */
};
struct chat_error {
    int status;          /* best HTTP status: from the object's code, else 502 */
    bool client_fault;   /* 400/404/413/422: it blames the request */
    bool own_limit;      /* but for what this provider or model cannot do: another one may serve it */
    bool context_length; /* "context_length_exceeded" */
    bool invalid_request; /* its type is "invalid_request_error" */
    int64_t retry_after_ms; /* that the body asks for; 0: it says nothing of it */
    struct view message; /* content class: to the client only. Borrowed from the event, the text
                          * between a JSON string's quotes, still escaped: paste it between quotes.
                          * Empty when there is none or when it is about the operator's account. */
};

/* One SSE event's data. Appends to out (no framing). ERR_PROVIDER_PROTOCOL when it is no JSON. */
must_check enum err chat_canon_chunk(struct chat_canon *c, struct view data, struct buf *out,
                                     enum chat_kind *kind, struct chat_error *error);
/* A whole non-stream response body. */
must_check enum err chat_canon_whole(struct chat_canon *c, struct view body, struct buf *out,
                                     enum chat_kind *kind, struct chat_error *error);
/* Has every choice that began given a finish reason, and is there one? */
bool chat_canon_finished(const struct chat_canon *c);
/* The stream has ended by the provider's "[DONE]", but not every choice has a finish reason. When that
 * is a known good end (no choice has one, no call's arguments are open, every event was a chunk), append
 * the chunk that gives them (no framing). ERR_PROVIDER_TRUNCATED otherwise. */
must_check enum err chat_canon_end(struct chat_canon *c, struct buf *out);
/* A chunk of our own with the stream's id, no choices and the usage so far. Appends to out (no
 * framing). */
must_check enum err chat_canon_closing(const struct chat_canon *c, struct buf *out);
/* An error response (status >= 400) of any provider shape: what to tell the client. */
void chat_canon_error(int status, struct view body, struct chat_error *error);

#endif
