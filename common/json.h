/* The JSON span reader: validates a document in one pass and finds members without copying,
 * so that every byte nobody asked about stays exactly as it came (big integers, duplicate unknown
 * keys, odd whitespace). Edits are splices of the original bytes.
 *
 * Strict RFC 8259: UTF-8 checked, no trailing commas, no NaN. Strings are skipped with SIMD
 * (AVX2, SSE2) or a scalar twin chosen at run time; all three give the same answers. */
#ifndef TR_COMMON_JSON_H
#define TR_COMMON_JSON_H

#include "buf.h"
#include "err.h"
#include "view.h"

#include <stdbool.h>

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum {
    JSON_MAX_DEPTH = 64, /* no client SDK nests deeper; bounds the scanner's stack */
};

struct json_value {
    enum json_kind kind;
    struct view text; /* the value's own bytes; a string includes its quotes */
};

/* key.ptr - 1 is the opening quote of the key. The key is raw: escapes are not decoded, use
 * json_key_is() to compare (it treats "model" and "m\u006fdel" as the same key). */
struct json_member {
    struct view key;
    struct json_value value;
};

/* Validate the whole document: exactly one value, only whitespace around it.
 * ERR_FORMAT malformed, ERR_SHORT ends early, ERR_LIMIT deeper than JSON_MAX_DEPTH.
 * at_out (may be NULL): offset of the first bad byte. */
must_check enum err json_check(struct view doc, struct json_value *root, size_t *at_out);

/* Validate doc, whose root must be an object, and record its members in order of appearance.
 * ERR_LIMIT when there are more than `max` members. ERR_FORMAT when the root is no object. */
must_check enum err json_object(struct view doc, struct json_member *members, size_t max,
                                size_t *n_out, size_t *at_out);

/* Walk the elements of an array or the members of an object that json_check/json_object has
 * already validated (the text of a json_value). Usage:
 *   struct json_iter it = json_iter(value);
 *   while (json_next(&it, &member)) ...       (for arrays member.key is empty)
 */
struct json_iter {
    struct view rest;
    bool object;
};
struct json_iter json_iter(struct json_value container);
bool json_next(struct json_iter *it, struct json_member *out);

/* Find the only member called name. ERR_NOT_FOUND; ERR_DUPLICATE when it appears twice. */
must_check enum err json_find(const struct json_member *m, size_t n, const char *name,
                              struct json_value *out);
/* First member of a validated object called name; false when absent or v is no object. */
bool json_get(struct json_value v, const char *name, struct json_value *out);
/* The only member of a validated object called name. ERR_NOT_FOUND when absent or v is no object;
 * ERR_DUPLICATE: another reader may take the other one. To use where what we decide by the value
 * must hold for every later reader. */
must_check enum err json_only(struct json_value v, const char *name, struct json_value *out);

/* True when the raw key, escapes decoded, equals name (ASCII). */
bool json_key_is(struct view key, const char *name);
/* True when a careless reader may take the raw key for name (lower case ASCII): one that ignores
 * letter case, as Unicode folds it, or one that ends a text at a NUL. Also true of name itself. */
bool json_key_like(struct view key, const char *name);
/* True when v is a string whose decoded text equals s. */
bool json_string_is(struct json_value v, const char *s);
/* The text between the quotes when the string has no escapes; false otherwise or no string. */
bool json_string_plain(struct json_value v, struct view *out);
/* Decode a string value (escapes, surrogate pairs; a lone surrogate is ERR_FORMAT). */
must_check enum err json_string_decode(struct json_value v, struct buf *out);
/* The same of what stands between a string's quotes. */
must_check enum err json_inner_decode(struct view inner, struct buf *out);
/* An integer literal without fraction or exponent. ERR_FORMAT, ERR_RANGE. */
must_check enum err json_i64(struct json_value v, int64_t *out);
must_check enum err json_u64(struct json_value v, uint64_t *out);
/* A whole number in any spelling: 12, 12.0, 1.2e1. ERR_FORMAT: no number, or not whole. ERR_RANGE:
 * more than 64 bits hold, on the side that the literal's sign says. */
must_check enum err json_whole(struct json_value v, int64_t *out);

/* An edit replaces text[from, from+len) of the original by `with` (empty: delete; len 0: insert).
 * Edits must be sorted by from and must not overlap; asserted. */
struct json_edit {
    size_t from, len;
    struct view with;
};
/* Append `doc` with the edits applied to out. */
must_check enum err json_splice(struct view doc, const struct json_edit *edits, size_t n,
                                struct buf *out);
/* Insertion point right after the opening brace of the object that doc starts with. */
size_t json_after_brace(struct view doc);

/* Tests: force an implementation ("avx2", "sse2", "scalar"); false when this CPU lacks it. */
bool json_use(const char *implementation);

#endif
