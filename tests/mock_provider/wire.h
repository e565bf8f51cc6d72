/* The APIs that the demo provider speaks: one row each, which reads a request into a neutral `struct ask`
 * and writes the steps of an answer. */
#ifndef TR_MOCK_WIRE_H
#define TR_MOCK_WIRE_H

#include "job.h"
#include "json.h"

enum { ASK_TOOLS_MAX = 512 };

struct ask_tool {
    struct json_value name, schema, space; /* schema.text.len 0: none; space: of a namespace, or none */
    bool custom;                           /* its input is free text */
};

/* What a request says, as values inside of its body; text.len 0 where it says nothing. */
struct ask {
    struct json_value user;   /* content of the last user message */
    struct json_value script; /* content of the last user message that has a script */
    struct json_value result; /* content of the last result of a tool */
    unsigned turns;           /* assistant turns after the script */
    unsigned all_turns;       /* in the whole conversation */
    bool answered;            /* the request ends with results of tools */
    const char *unsigned_turn; /* why an assistant turn with calls is not as we signed it, or NULL */
    bool no_calls, one_call;
    struct json_value only; /* the name of the tool that has to be called */
    bool json;              /* the answer has to be JSON, of this schema if there is one */
    struct json_value schema;
    bool reasons;
    uint32_t max_tokens; /* 0: no limit */
    size_t prompt_bytes;
    unsigned n_tools;
    struct ask_tool tools[ASK_TOOLS_MAX]; /* last: only the first n_tools are set */
};

enum step_kind {
    STEP_AZURE, /* what Azure sends first */
    STEP_BEGIN,
    STEP_REASONING,
    STEP_SIGNATURE, /* the reasoning is over and has one */
    STEP_TEXT,
    STEP_CALL, /* j->tool begins */
    STEP_ARGS,
    STEP_FINISH,
    STEP_USAGE,
    STEP_DONE,
};

/* A piece of a text: of the payload, of the endless words, or a fill of one byte. */
struct piece {
    const char *ptr; /* NULL: words or fill */
    size_t from, n;
    char fill; /* 0: words */
};

struct step {
    enum step_kind kind;
    struct piece piece;
    bool first, last; /* of its reasoning, text or arguments */
    uint32_t tokens;
};

struct wire {
    struct view path;           /* the end of the paths that it answers */
    bool form;                  /* its requests are multipart forms */
    const char *(*type)(const struct job *j); /* the content type of its answers; NULL: JSON */
    const char *const *members; /* that strict mode knows at the top level, NULL at the end */
    const char *unknown[2];     /* what it says of another one: before and behind its name */
    /* m[n]: the validated members of the body. Also fills in j->stream, j->include_usage, j->echo. */
    void (*read)(struct job *j, const struct json_member *m, size_t n, struct ask *a);
    /* Why strict mode refuses members further inside, or NULL. NULL: it does not look. */
    const char *(*inside)(const struct json_member *m, size_t n);
    void (*step)(struct job *j, const struct step *s, struct bytes *out);
    void (*whole)(struct job *j, struct bytes *out);
    void (*error)(struct job *j, unsigned status, bool event, struct bytes *out);
};

extern const struct wire wire_chat, wire_messages, wire_responses, wire_completions, wire_embeddings;
/* calls.c */
extern const struct wire wire_images, wire_image_edits, wire_speech, wire_transcriptions, wire_translations,
    wire_moderations, wire_rerank;
/* The tokens of a request of Messages and of Responses, counted without an answer. */
extern const struct wire wire_messages_count, wire_responses_count;
/* Google's generateContent, whose path says whether it streams. */
extern const struct wire wire_gemini, wire_gemini_stream;
/* The wire of a path without its query string; NULL: none. */
const struct wire *wire_of(struct view path);

/* For the readers. */
bool ask_get(const struct json_member *m, size_t n, const char *name, struct json_value *out);
uint32_t ask_count(const struct json_member *m, size_t n, const char *name);
/* A user's message, an assistant's turn, a tool's result has been met. */
void ask_user(struct ask *a, struct json_value content);
void ask_turn(struct ask *a);
void ask_result(struct ask *a, struct json_value content);
void ask_tool(struct ask *a, struct json_value name, struct json_value schema, bool custom);

/* For the writers. */
void put_words(struct bytes *out, size_t from, size_t n);
void put_piece(struct bytes *out, const struct piece *p); /* escaped */
void put_part(struct job *j, struct bytes *out, struct job_part p);         /* as it is */
void put_part_escaped(struct job *j, struct bytes *out, struct job_part p);
void put_thought(struct job *j, struct bytes *out); /* all of the reasoning, escaped */
void put_text(struct job *j, struct bytes *out);    /* all of the text, escaped */
bool job_has_text(const struct job *j);
void put_call_id(struct job *j, struct bytes *out, unsigned tool); /* behind the wire's own prefix */
void put_stamp(struct job *j, struct bytes *out);
void put_text_stamp(struct job *j, struct bytes *out);
void put_filler(struct job *j, struct bytes *out);
void put_end(struct job *j, struct bytes *out); /* of an event */
/* The figure as the command "usage" wants it. */
long long usage_prompt(const struct job *j);
long long usage_completion(const struct job *j);
/* OpenAI's error object, and the event of a stream that is one. */
void openai_error(struct job *j, unsigned status, bool event, struct bytes *out);

#endif
