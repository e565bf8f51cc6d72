/* What the files of chat_canon share: the in-order rewriter and the parts of a chunk. Private to
 * this directory's chat_*.c. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_PARTS_H
#define TR_DATAPLANE_PROVIDER_CHAT_PARTS_H

#include "buf.h"
#include "chat_canon.h"
#include "json.h"

/* Copies a document to out front to back, with replacements on the way. The first failure sticks:
 * later calls do nothing, and the caller looks at e once. */
struct patch {
    struct view doc; /* validated JSON */
    size_t at;       /* bytes of doc already copied or skipped */
    struct buf *out;
    enum err e;
    /* The one text of the document, where it was put in out, and how often (more than 2: there is
     * another text, too). */
    struct view text;
    size_t text_at[2];
    unsigned copies;
    struct view padding; /* a string that was dropped as padding, the last of so many */
    unsigned paddings;
};
void patch_put(struct patch *p, struct view text);        /* text at this place */
void patch_put_string(struct patch *p, struct view text); /* in quotes, escaped */
void patch_put_u64(struct patch *p, uint64_t n);
/* What was put behind out[start..] is complete; on failure it is wiped and taken back. */
must_check enum err patch_over(struct patch *p, size_t start);
void patch_copy_to(struct patch *p, const uint8_t *stop); /* doc's bytes up to stop */
void patch_skip_to(struct patch *p, const uint8_t *stop); /* leave out bytes up to stop */
void patch_replace(struct patch *p, struct view old, struct view with);

/* The text of this string is copied where it stands, or is put next: for chat_repeat.c. */
void patch_note_kept(struct patch *p, struct json_value string);
void patch_note_put(struct patch *p, struct json_value string);

/* One object of the document being rewritten, or an array and its elements. Call keep (and then patch inside the value) or drop
 * once per member, in order; then add what is missing; then close. */
struct patch_object {
    struct patch *p;
    const uint8_t *body;     /* behind the opening brace */
    const uint8_t *prev_end; /* end of the last member seen; NULL before the first */
    const uint8_t *lead;     /* first of the dropped members that no kept one precedes */
    bool kept;
};
struct patch_object patch_open(struct patch *p, struct json_value object);
void patch_keep(struct patch_object *o, const struct json_member *m);
void patch_drop(struct patch_object *o, const struct json_member *m);
void patch_rename(struct patch_object *o, const struct json_member *m, struct view key); /* and keep */
void patch_close(struct patch_object *o);
/* Append a member behind the ones seen so far (all of them must have been seen): its head
 * ("\"role\":") now, its value with patch_put(). */
void patch_add(struct patch_object *o, struct view head);

/* The members of a validated object. False when there are more than max. */
enum { PART_MEMBERS_MAX = 48 }; /* of a choice, a delta, a tool call; the most seen is 10 */
bool part_members(struct json_value object, struct json_member m[static PART_MEMBERS_MAX],
                  size_t *n);
/* Like json_key_is, without the call when the key has no escapes. */
static inline bool key_is(struct view key, struct view name)
{
    return key.len == name.len ? memcmp(key.ptr, name.ptr, name.len) == 0
                               : key.len > name.len && memchr(key.ptr, '\\', key.len) != NULL &&
                                     json_key_is(key, (const char *)name.ptr);
}
#define KEY_IS(m, literal) key_is((m).key, VIEW_LIT(literal))

static inline bool is_text(struct json_value v) /* a non-empty string */
{
    return v.kind == JSON_STRING && v.text.len > 2;
}
static inline struct view inner(struct json_value string)
{
    return view_of(string.text.ptr + 1, string.text.len - 2);
}

/* What the choices of a chunk or completion have shown. */
struct choice_seen {
    bool role;    /* the first delta of a choice */
    bool content; /* content of any kind: text, a tool call, a refusal, audio */
    bool beside;  /* something beside the delta: logprobs */
    bool hidden;  /* thoughts that the client does not want to be told */
    bool finish;  /* a finish reason that this choice had not given before */
    bool parts;   /* tool calls or content parts: more than one text */
    bool failed;  /* a choice says that it failed: by its finish reason or an error */
    struct json_value usage;   /* "usage" inside the choice; text empty when there was none */
    struct json_value culprit; /* the choice that failed; likewise */
};

/* chat_choice.c: a choice of a chunk (whole = false, "delta") or of a completion ("message"). */
void chat_choice(struct chat_canon *c, struct patch *p, struct json_value choice, uint32_t position,
                 bool whole, struct choice_seen *seen);
bool chat_bit(const uint32_t set[static 4], uint32_t n);
/* What the choice with this index has called so far. */
enum chat_called { CALLED_NOTHING, CALLED_TOOL, CALLED_FUNCTION };
enum chat_called chat_called_by(const struct chat_canon *c, uint32_t index);

/* chat_finish.c: the meaning of a provider's finish reason, in a choice that called this. FINISH_NONE:
 * not finished yet (never when whole). FINISH_ERROR: the provider failed, or gave up. */
enum usage_finish chat_finish_of(struct json_value v, enum chat_called called, bool whole);
struct view chat_finish_word(enum usage_finish finish, enum chat_called called); /* as JSON */

/* chat_delta.c: a delta or message. role: the first of its choice. */
bool chat_says_something(struct json_value v); /* holds anything that is not empty, null or false */
void chat_delta(struct chat_canon *c, struct patch *p, struct json_value v, uint32_t choice, bool role,
                bool whole, struct choice_seen *seen);

/* chat_repeat.c: emit doc as the chunk before was emitted, if only its text differs. */
bool chat_repeat_try(struct chat_canon *c, struct view doc, struct buf *out);
/* Learn from a chunk just written to p->out[start..] that held one text and nothing else of note.
 */
void chat_repeat_learn(struct chat_canon *c, const struct patch *p, size_t start);

/* chat_tools.c: the value of "tool_calls", an array; is there a call in it that a client gets? */
bool chat_has_calls(struct chat_canon *c, struct json_value calls, uint32_t choice, bool whole);
void chat_tool_calls(struct chat_canon *c, struct patch *p, struct json_value calls,
                     uint32_t choice, bool whole);
bool chat_calls_open(const struct chat_canon *c); /* the arguments of a call have not ended */

/* chat_mend.c: a document with NaN or Infinity for a number, with null in their place. ERR_NOT_FOUND:
 * there are none in it. */
must_check enum err chat_mend(struct view doc, struct buf *out);

/* chat_cut.c: a chunk of our own up to its list of choices, and the members of a usage object. */
void chat_put_head(const struct chat_canon *c, struct patch *p);
void chat_put_figures(struct patch *p, const struct token_usage *u);

/* chat_usage.c: merge a usage object into c->figures and c->usage. False when it says nothing: all its
 * figures are zero or absent. */
bool chat_usage_read(struct chat_canon *c, struct json_value usage);

/* chat_error.c: true when the validated object is an error in any provider's shape. bare: it has no
 * choices (or came with an error status), so more counts: a message, a list of errors, a status. */
bool chat_error_read(struct json_value object, bool bare, struct chat_error *out);
/* Is the value of an "error" member one? "", null, {}, [] and 0 are none. */
bool chat_error_says(struct json_value v);

#endif
