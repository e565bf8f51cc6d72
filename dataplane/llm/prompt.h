/* What a client asks a model, in neutral terms: the facts that routing and billing read, and a list over
 * system text, messages, parts, tools and settings. A client's dialect fills it in, a provider's adapter
 * renders from it. Views point into the client's own body and are borrowed: the body outlives the
 * prompt. */
#ifndef TR_DATAPLANE_LLM_PROMPT_H
#define TR_DATAPLANE_LLM_PROMPT_H

#include "bounds.h"
#include "call.h"
#include "embeddings.h"
#include "err.h"
#include "json.h"
#include "media.h"
#include "view.h"

#include <stdbool.h>
#include <stdint.h>

/* Some text of the client's. Either what stands between the quotes of a JSON string, still escaped, or
 * (json) one JSON value, for a place that wants a value (the input of a call) or, serialised, a text. */
struct prompt_text {
    struct view bytes;
    bool json;
};

enum prompt_role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT };

/* The list is flat: ITEM_MESSAGE and ITEM_RESULT each begin something, and the parts behind belong to it
 * until the next of the two. Order is the client's; a renderer whose dialect wants another (all results
 * of a turn before its text) reorders. */
enum prompt_item_kind {
    ITEM_MESSAGE,   /* role */
    ITEM_RESULT,    /* id of the call, failed: a tool's result; its parts follow */
    ITEM_TEXT,      /* text */
    ITEM_REFUSAL,   /* text: what the model said instead of an answer */
    ITEM_IMAGE,     /* text: an https or data URL; or media_type and text: base64; detail */
    ITEM_AUDIO,     /* text: base64; media_type: "wav", "mp3" */
    ITEM_FILE,      /* text: base64 or a data URL; media_type or empty; name */
    ITEM_VIDEO,     /* text: a URL */
    ITEM_REASONING, /* text in clear: what the model thought; signature or empty */
    ITEM_DETAIL,    /* json: one element of reasoning_details, to be replayed to its maker as it is; name:
                       the catalog's id of the model that thought it, or empty */
    ITEM_CALL,      /* id, name, text: arguments; custom */
};

struct prompt_item {
    enum prompt_item_kind kind;
    enum prompt_role role; /* ITEM_MESSAGE */
    bool failed;           /* ITEM_RESULT: the tool says that it could not */
    bool custom;           /* ITEM_CALL, ITEM_RESULT: of a tool whose input is free text */
    struct prompt_text text;
    struct view id, name;   /* escaped */
    struct view media_type; /* escaped; empty: it is in a data URL, or not known */
    struct view signature;  /* escaped; of a call: the thought behind it, Google's */
    struct view extra;      /* raw JSON value: an image's "detail", a part's cache mark; empty: none */
    struct view block;      /* raw JSON: the content block of Anthropic's dialect that this part, and those behind it
                               with the same one, were read from, where they do not say all of it; empty: none */
};

enum prompt_tool_kind { TOOL_FUNCTION, TOOL_CUSTOM };
struct prompt_tool {
    enum prompt_tool_kind kind;
    struct view name, description; /* escaped; description.ptr NULL: none */
    struct view schema;            /* raw JSON; empty: none. Of a custom tool its format */
    int strict;                    /* -1 not said, 0, 1 */
    struct view mark;              /* raw JSON: its cache mark; empty: none */
};

enum prompt_choice_kind { CHOICE_UNSAID, CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED, CHOICE_TOOL };
enum prompt_format_kind { FORMAT_UNSAID, FORMAT_TEXT, FORMAT_JSON_OBJECT, FORMAT_JSON_SCHEMA };
enum prompt_effort { EFFORT_UNSAID, EFFORT_NONE, EFFORT_MINIMAL, EFFORT_LOW, EFFORT_MEDIUM, EFFORT_HIGH,
                     EFFORT_XHIGH, EFFORT_MAX };

/* Settings that are one JSON value each, raw; an empty view was not said. */
enum prompt_setting {
    SETTING_TEMPERATURE,
    SETTING_TOP_P,
    SETTING_TOP_K,
    SETTING_MIN_P,
    SETTING_TOP_A,
    SETTING_FREQUENCY_PENALTY,
    SETTING_PRESENCE_PENALTY,
    SETTING_REPETITION_PENALTY,
    SETTING_SEED,
    SETTING_STOP, /* a string or an array of strings */
    SETTING_LOGIT_BIAS,
    SETTING_LOGPROBS,
    SETTING_TOP_LOGPROBS,
    SETTING_VERBOSITY,
    SETTING_SERVICE_TIER,
    SETTING_PROMPT_CACHE_KEY,
    SETTING_SAFETY_IDENTIFIER,
    SETTING_COUNT
};

/* The list that translation reads. A chat client's is made only for a provider of another dialect. */
struct prompt_list {
    struct prompt_item *item;
    size_t n_items, max_items;
    struct prompt_tool *tool;
    size_t n_tools, max_tools;
    struct view setting[SETTING_COUNT];
    enum prompt_choice_kind choice;
    struct view choice_name;     /* CHOICE_TOOL, escaped */
    int parallel_calls;          /* -1 not said, 0, 1 */
    enum prompt_format_kind format;
    struct view format_name, format_schema; /* escaped; raw JSON */
    int format_strict;           /* -1 not said, 0, 1 */
    enum prompt_effort effort;
    enum prompt_effort output_effort; /* Anthropic's: how much it writes, whether it thinks or not; for other makers it is
                                         in effort, too */
    uint32_t reasoning_tokens;   /* the budget for thoughts; 0: not said */
    bool thinks;                 /* thinking is asked for, however much the model likes */
    bool between_tools;          /* Anthropic's: thinking between calls alone; for other makers effort is low */
    bool wants_reasoning;        /* the client can show thoughts */
    struct view mark;            /* raw JSON: a cache mark for the last block; empty: none */
    bool no_effort;              /* the model that is asked does not think: it is not told how much */
    struct prompt_kept *kept;    /* bytes that are not in the body: prompt_keep() */
};

enum { PROMPT_ITEMS_MAX = 1 << 16, PROMPT_TOOLS_MAX = 4096,
       PROMPT_TEMPLATE_TOKENS = 512 /* prompt tokens a provider adds by itself: chat template, tool
                                       preamble; 334 was the most in recordings */ };

/* Append one, zeroed, to be filled in by the caller: valid until the next append. ERR_MEMORY; ERR_LIMIT
 * beyond the maxima above. */
must_check enum err prompt_add_item(struct prompt_list *l, enum prompt_item_kind kind,
                                    struct prompt_item **out);
must_check enum err prompt_add_tool(struct prompt_list *l, enum prompt_tool_kind kind,
                                    struct prompt_tool **out);
/* A copy of bytes that do not stand in the body (a name made of two, what a sealed text holds), for views of
 * the list: valid as long as the list. ERR_MEMORY. */
must_check enum err prompt_keep(struct prompt_list *l, struct view bytes, struct view *out);
/* Images, audio, files, videos. */
bool prompt_is_media(const struct prompt_item *i);
/* The member of a chat request that such a part is: what a refusal names. Static text. */
struct view prompt_media_member(const struct prompt_item *i);
/* Is there anything among the items from `from` to before `to`, messages and results with their parts, that every
 * model can be sent? Not when they are turns of a model that hold nothing but thoughts. */
bool prompt_says(const struct prompt_list *l, size_t from, size_t to);
/* Bytes of the body that a renderer may say twice: a result's attachments follow it under its id, a call
 * without a result gets one, a signed thought is given in the clear as well. */
uint64_t prompt_list_repeats(const struct prompt_list *l);
/* Bytes that the list has allocated, which can be ten times those of the body that it was read from. */
size_t prompt_list_bytes(const struct prompt_list *l);
/* Those of them that prompt_keep() has copied: what a request may be longer than its body. */
size_t prompt_list_kept(const struct prompt_list *l);
/* -1 for what was not said. */
void prompt_list_init(struct prompt_list *l);
/* Frees what it has, and wipes what it kept; the other views' bytes are the body's. */
void prompt_list_free(struct prompt_list *l);

/* A request for vectors. */
struct prompt_embeddings {
    struct embeddings_form form;
    struct view input; /* raw JSON: a text, token ids, or an array of either */
    /* As they came: a provider is sent those that its row allows. */
    struct json_member member[EMBEDDINGS_MEMBERS_MAX];
    size_t n_members;
};

/* One of the calls of call.h. */
struct prompt_call {
    struct call_form form;
    struct view boundary; /* of a multipart body; empty: it is JSON */
    struct view priced;   /* the member that makes an image dearer or cheaper than others; empty: none */
    struct view member[CALL_MEMBERS_MAX]; /* keys of members that only some providers know */
    size_t n_members;
    uint64_t file_bytes; /* of what the form uploads */
    uint32_t n_files;
};

/* What a client says of Synth, several models under one request: raw, as api/synth_read.c reads it. It is in no list, and
 * no provider is sent it. */
struct prompt_synth {
    struct view tool, plugin;     /* one JSON object each; empty: there is none */
    uint16_t tool_at, plugin_at;  /* their places in "tools" and "plugins" */
    uint8_t sort;                 /* enum route_sort: the suffix of the orchestration's id; 0: none */
};

/* What is asked of the model: each kind is a call of its own at a provider. */
enum prompt_kind {
    PROMPT_CHAT,
    PROMPT_EMBEDDINGS,
    PROMPT_FILL, /* a text between the one message of the list and a suffix */
    PROMPT_IMAGES,         /* from here on struct prompt_call */
    PROMPT_IMAGE_EDITS,
    PROMPT_SPEECH,
    PROMPT_TRANSCRIPTION,
    PROMPT_TRANSLATION,
    PROMPT_MODERATION,
    PROMPT_RERANK,
    PROMPT_KINDS
};

/* What routing, admission and billing read of a request, whatever its dialect. */
struct prompt {
    enum prompt_kind kind;
    struct view body; /* borrowed; must stay where it is as long as this struct is used */
    char model[LIMIT_MODEL_ID_BYTES + 1]; /* decoded, without control characters; "": see models */
    bool stream;
    bool include_usage;    /* of a stream: the client wants the figures (chat: stream_options) */
    uint32_t max_tokens;   /* the client's limit of output for each choice; 0: none */
    uint32_t n_choices;    /* at least 1 */
    uint64_t extra_output; /* tokens per choice that may be billed as output beyond max_tokens */
    struct json_value models, provider, route; /* routing preferences; text.len 0: absent */
    bool asked_store;      /* the client wants its answer to be kept, which this router does not do */
    bool hide_reasoning;   /* the client does not want to be told what the model thought */
    bool hosted_tools;     /* a tool that the provider runs itself */
    bool long_cache;       /* a cache write for other than five minutes */
    bool has_media;        /* parts of a type that we do not know, or hosted tools: no bound */
    uint16_t needs;        /* enum catalog_capability bits this request cannot do without */
    uint64_t prompt_bound; /* no tokeniser makes more prompt tokens of this body than this and what its
                              media cost */
    uint64_t prompt_bytes; /* of what a provider may read as prompt, images and the like left out */
    struct media media;
    struct view user;      /* the end user's id, escaped; empty: none */
    struct prompt_list list; /* filled in by dialects that are translated; of a chat client by chat_list_make() */
    const struct chat_request *chat; /* the client speaks chat: its own bytes are spliced. Else NULL */
    struct prompt_embeddings embeddings; /* PROMPT_EMBEDDINGS */
    struct prompt_call call;
    struct view suffix; /* PROMPT_FILL: what follows, escaped */
    struct prompt_synth synth;
};

/* Bytes of the list's texts that do not stand in the body: what others than the client say in its request. */
size_t prompt_beyond(const struct prompt *p);

/* What was wrong, for the 400. Both are static text of ours; param is NULL when it is the body. */
struct prompt_fault {
    const char *param;   /* "messages" */
    struct view member;  /* content: the client's own spelling of it, still escaped, in the body; wins
                            over param. Empty: none */
    const char *message; /* "messages must be a non-empty array" */
    size_t at;           /* offset of the first bad byte, when the body is no JSON */
};

#endif
