/* The request side of chat/completions: reads from a client's body what routing and billing need,
 * and makes the body for one provider by splicing, so that every byte of a member that we do not edit
 * (2^63 integers, odd whitespace, duplicates of harmless keys) reaches the provider as it came. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_REQUEST_H
#define TR_DATAPLANE_PROVIDER_CHAT_REQUEST_H

#include "buf.h"
#include "err.h"
#include "json.h"
#include "bounds.h"
#include "prompt.h"
#include "providers.h"
#include "view.h"

#include <stdbool.h>

/* The members we read or edit; a second one of any of them is ERR_DUPLICATE, because then the
 * provider's reader and ours could see two different requests. chat_request.c has the table with
 * the reason for each. */
enum chat_key {
    CHAT_KEY_MODEL,
    CHAT_KEY_MESSAGES,
    CHAT_KEY_STREAM,
    CHAT_KEY_STREAM_OPTIONS,
    CHAT_KEY_MAX_TOKENS,
    CHAT_KEY_MAX_COMPLETION_TOKENS,
    CHAT_KEY_MAX_OUTPUT_TOKENS,
    CHAT_KEY_N,
    CHAT_KEY_BEST_OF,
    CHAT_KEY_MIN_TOKENS,
    CHAT_KEY_REASONING,
    CHAT_KEY_REASONING_EFFORT,
    CHAT_KEY_THINKING,
    CHAT_KEY_THINKING_BUDGET,
    CHAT_KEY_PREDICTION,
    CHAT_KEY_SERVICE_TIER,
    CHAT_KEY_PROMPT_CACHE_RETENTION,
    CHAT_KEY_CACHE_CONTROL,
    CHAT_KEY_MODALITIES,
    CHAT_KEY_AUDIO,
    CHAT_KEY_TOOLS,
    CHAT_KEY_TOOL_CHOICE,
    CHAT_KEY_PARALLEL_TOOL_CALLS,
    CHAT_KEY_FUNCTIONS,
    CHAT_KEY_FUNCTION_CALL,
    CHAT_KEY_RESPONSE_FORMAT,
    CHAT_KEY_STOP,
    CHAT_KEY_WEB_SEARCH_OPTIONS,
    CHAT_KEY_USER,
    CHAT_KEY_STORE,
    CHAT_KEY_MODELS, /* from here on: for the router only, never sent to a provider */
    CHAT_KEY_PROVIDER,
    CHAT_KEY_ROUTE,
    CHAT_KEY_INCLUDE_REASONING,
    CHAT_KEY_TRANSFORMS,
    CHAT_KEY_PLUGINS,
    CHAT_KEY_USAGE,
    CHAT_KEY_SESSION_ID,
    CHAT_KEY_TRACE,
    CHAT_KEY_TAGS,
    CHAT_KEY_DEBUG,
    CHAT_KEY_COUNT
};

/* Where a known member stands, as offsets into the body. */
struct chat_member {
    bool present;
    uint16_t index;    /* position among all members */
    size_t begin, end; /* from the key's opening quote to the end of the value */
    size_t prev_end;   /* end of the member before it; 0 for the first */
    size_t next_begin; /* opening quote of the next member's key; 0 for the last */
    struct json_value value;
};

enum {
    CHAT_MAX_TOKENS_MAX = LIMIT_TOKENS_ABSURD, /* a larger max_tokens is a mistake */
    CHAT_N_MAX = 128,                          /* as OpenAI's schema */
    CHAT_RENDER_SLACK = 512,                   /* bytes the rendered body may be longer, at most */
    CHAT_RENAME_BYTES = 8,                     /* "reasoning_content" is longer than "reasoning" */
    CHAT_TEMPLATE_TOKENS = 512, /* prompt tokens a provider adds by itself: chat template,
                                   tool preamble; 334 was the most in recordings */
    CHAT_DEVELOPER_MAX = 1024,  /* messages of the role developer, which some providers must not see */
    CHAT_EXTRAS_MAX = PROVIDER_MEMBERS_MAX, /* more cannot all be allowed */
};

/* A client's body that is spliced: where its members stand. What it asks is in the prompt beside it. */
struct chat_request {
    struct view body;     /* borrowed; must stay where it is as long as this struct is used */
    struct prompt *facts; /* borrowed, as long */
    struct chat_member member[CHAT_KEY_COUNT];
    struct view extras[CHAT_EXTRAS_MAX]; /* raw keys of members that change the price, or that we do
                                            not know: only for providers whose row allows them */
    size_t n_extras;
    uint32_t n_developer;  /* messages of the role developer; at most CHAT_DEVELOPER_MAX */
    uint32_t n_thoughts;   /* members of messages, and elements of theirs, that say what a model thought */
    uint32_t n_marks;      /* "cache_control" in messages, parts and tools */
    bool long_mark;        /* one of them for another time than five minutes */
    bool long_breakpoint;  /* a mark for OpenAI's cache with a time of its own, in a part or a tool */
    enum prompt_effort effort; /* what "reasoning" comes to */
};

/* Validate body and fill *out and *facts, which refer to each other (its list stays empty: the body is
 * spliced); a byte order mark at its beginning is left out of out->body.
 * ERR_FORMAT malformed or a member of the wrong type, ERR_SHORT cut off, ERR_LIMIT too deep or too
 * many members, ERR_RANGE a number out of range, ERR_DUPLICATE, ERR_UNSUPPORTED a member that
 * another reader may take for one that we read, or more unknown ones than any provider can be
 * allowed. On failure *fault says what, *out and *facts are undefined but for facts->chat, which is out. Never
 * keeps a copy of content. Whether a
 * provider may be sent extras and hosted tools is chat_request_fits(). */
must_check enum err chat_request_parse(struct view body, struct chat_request *out,
                                       struct prompt *facts, struct prompt_fault *fault);

/* Wipes and frees one that was allocated with malloc(). */
void chat_request_free(const struct chat_request *r);

/* May this provider be sent the request? False: *refused is the raw key of the first member that its
 * row does not allow, or "tools" for a hosted tool. */
bool chat_request_fits(const struct chat_request *r, const struct provider *provider,
                       struct view *refused);

/* The same for marks of what is to be cached for another time than five minutes, where the endpoint has no
 * price for that. */
bool chat_request_cache_fits(const struct chat_request *r, const struct provider *provider, struct view *refused);

/* The most bytes that chat_request_render() makes of it. */
size_t chat_request_room(const struct chat_request *r);

/* Append the body for this provider to out: model replaced, usage asked for when streaming, store
 * forced off, router-only members dropped, the output limit spelled as this provider wants it, whole
 * numbers spelled plainly, the role developer called system where the provider does not know it, members
 * that mean nothing (stream_options of a whole answer, an empty list of tools and what is said of it, an
 * empty response_format, the standard service tier) left out, "reasoning" in the provider's words, thoughts
 * in messages only where they are known and their maker's (chat_replay.h).
 * max_output: 0 leaves the client's limit; else it is written in its place (or added).
 * ERR_FORMAT when upstream_model is no model id; ERR_MEMORY; ERR_LIMIT when out may not hold
 * chat_request_room(). */
must_check enum err chat_request_render(const struct chat_request *r,
                                        const struct provider *provider, const char *upstream_model,
                                        uint32_t max_output, struct buf *out);

#endif
