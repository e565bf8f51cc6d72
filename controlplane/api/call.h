/* One call of the API, from the request to its answer: who calls, what they sent, how to answer.
 * A handler runs when the caller is known and allowed; it answers once, now or from a callback. */
#ifndef TR_CONTROLPLANE_API_CALL_H
#define TR_CONTROLPLANE_API_CALL_H

#include "api.h"
#include "buf.h"
#include "json.h"
#include "log.h"
#include "routes.h"
#include "secret.h"
#include "web.h"

struct call;

/* How a call came in and how its answer leaves: over HTTPS (api.c), or handed on by a data plane
 * (relayed.c). */
struct origin {
    bool relayed; /* the key's digest came along instead of the key */
    bool (*header)(const struct call *c, struct view name, struct view *out);
    /* Once, unless the client is gone; borrows. */
    void (*respond)(struct call *c, int status, const struct web_header *headers, size_t n,
                    struct view body);
};

struct call {
    struct api *api;
    const struct origin *origin;
    void *from; /* the origin's; set when the handler runs; NULL once the client is gone */
    struct view method, path, query; /* of the request; valid while `from` is set */
    const struct route *route;
    bool openrouter; /* the /api/v1 dialect of errors */
    uint64_t started_ms;
    struct id request;
    char allow[40]; /* of a 405: the methods of the path; otherwise empty */
    /* who calls; set when the handler runs */
    struct id key;              /* zero of a user's session */
    struct id user, session;    /* zero of a key */
    struct id account;          /* acted on: the key's own, or what was picked */
    struct id organisation;     /* of that account */
    bool operators;             /* that organisation is the operator's */
    enum role role;
    struct digest32 digest;     /* of the credential */
    struct digest32 csrf;       /* of a session */
    bool picks_account, picks_workspace;
    struct id picked, workspace; /* when they are */
    void (*known)(struct call *c);
    uint8_t address[16];  /* of the client, as the gate counts it */
    struct db *db;        /* in the caller's name, when the handler may write; else NULL */
    struct once *once;    /* its claim on an idempotency key (idempotent.h); NULL: it sent none */
    bool replayed;        /* what is answered was answered before */
    uint32_t rate_left;   /* calls that this credential may make at once, after this one */
    bool rate_counted;
    bool page;            /* one of the public pages that run: gate_page_over() is owed */
    uint32_t retry_ms;    /* with 429 and 503; 0: a second */
    const char *failed_code, *failed_message; /* of the answer, when it is an error: literals; else NULL */
    /* what they sent */
    struct digest32 target; /* {hash}, when target_ok */
    bool target_ok;
    struct view segment; /* what stands for the braces, raw */
    struct buf body;
    char cookie[160]; /* "Set-Cookie" of the answer; empty: none */
    /* for handlers whose answer takes two statements */
    struct new_key made;
    struct id made_id;
    int64_t amount_nusd;
    unsigned count;
    void *own; /* of one handler, or NULL: own_len bytes from calloc(), wiped and freed at the end */
    size_t own_len;
};

enum { CALL_BODY_MAX = 64 << 10, CALL_LARGE_MAX = 2 << 20, /* of routes with R_LARGE */ CALL_MEMBERS_MAX = 32 };

/* A call of this origin; the caller fills in what was asked, then serves it. */
struct call *call_new(struct api *a, const struct origin *origin, void *from);
/* Finds the route, who calls, and runs the handler. body: borrowed. The call may be over when it returns. */
void call_serve(struct call *c, struct view body);
/* For the handler's statements: what it writes is in the caller's name in the audit trail, and with an
 * idempotency key it is written once (db.h, struct db_who). A write is one statement. */
struct db *call_db(const struct call *c);
/* The same database in nobody's name. */
struct db *call_pool(const struct call *c);
/* Which pages may call from browsers: text of cors.h. */
const char *call_origins(const struct call *c);
/* How often a credential may call; per_s 0: no limit. */
const struct rate_config *call_rates(const struct call *c);
/* One call of this credential, whose digest stands for it. false: it has made too many; c->retry_ms says when. */
bool call_take_rate(struct call *c);
/* The user who calls, or the key. */
const struct id *call_caller(const struct call *c);
uint64_t call_idempotency_ms(const struct call *c);
/* It has been answered; the api may be gone when this returns. */
void call_over(struct call *c);
struct translog *call_log(const struct call *c);
struct rules *call_rules(const struct call *c);
const struct vault *call_vault(const struct call *c);
const struct providers *call_providers(const struct call *c);
struct gate *call_gate(const struct call *c);
/* NULL: there is no payment service. */
struct payments *call_payments(const struct call *c);
struct passwords *call_passwords(const struct call *c);
const struct api_config *call_config(const struct call *c);
/* NULL: the operator has not said under which address the console is. */
const struct site *call_site(const struct call *c);
struct feed *call_feed(const struct call *c);
const struct control_health *call_health(const struct call *c);

/* --- answers: each ends the call --- */

/* json: a whole document. */
void call_reply(struct call *c, int status, struct view json);
/* The same of another type (CSV, lines of JSON), with at most CALL_EXTRA_MAX headers of its own. Nothing in it may be
 * loaded or run unless it brings its own content-security-policy. Not kept for an Idempotency-Key. */
enum { CALL_EXTRA_MAX = 4 };
void call_reply_as(struct call *c, int status, struct view content_type,
                   const struct web_header *extra, size_t n, struct view body);
/* 200 with a CSV file: head, then lines. disposition: the content-disposition header. cursor: where the lines behind these
 * begin, NULL when there are none. */
void call_reply_csv(struct call *c, const char *disposition, struct view head, struct view lines, const char *cursor);
/* The call has ended, and its client reads a stream from now on (web.h), whose callbacks these are. Over HTTPS only. */
struct web_request *call_stream(struct call *c, struct view content_type, void (*gone)(void *cookie),
                                void (*writable)(void *cookie), void *cookie);
/* Something that anyone may see and every cache may keep: for ever when it can never change. */
void call_reply_public(struct call *c, struct view content_type, bool immutable, struct view body);
/* A file of the console, or that it has moved: its own headers, and 304 to a client that has it by this tag; NULL: it has
 * none. body outlives the listener and is not copied. Over HTTPS only. */
void call_reply_lent(struct call *c, int status, const struct web_header *headers, size_t n, const char *etag,
                     struct view body);
/* {"data":<json>} */
void call_reply_data(struct call *c, int status, struct view json);
/* The one JSON text of the one row, as call_reply_data(); no row, or NULL: 404 with this sentence. */
void call_reply_found(struct call *c, enum err e, const struct db_result *r, const char *missing);
/* code: our stable name of the error; message: one sentence of ours; param: the member at fault, or
 * NULL. All three are literals of ours. */
void call_fail(struct call *c, int status, const char *code, const char *message,
               const char *param);
/* As call_fail(), and param is what the client sent. */
void call_fail_param(struct call *c, int status, const char *code, const char *message,
                     struct view param);
/* The database did not do it. */
void call_fail_db(struct call *c, enum err e);

/* --- what they sent --- */

enum field_type {
    FIELD_TEXT, /* at most max bytes of text that name_fault() accepts */
    FIELD_BOOL,
    FIELD_USD,   /* dollars as a number or a decimal string ("0.00001", 1e-05), exactly */
    FIELD_COUNT, /* whole number in any spelling (60, 60.0, 6e1), 0 to max */
    FIELD_NAME,  /* one of names[] */
    FIELD_FUTURE, /* RFC 3339: after now, at most in the year 2100 */
    FIELD_ID,
    FIELD_LIST,  /* an array of at most max texts without escapes */
    FIELD_SECRET, /* any text of 1 to 256 bytes, in text; its length is in number. The handler wipes it */
    FIELD_PLAIN, /* text without escapes, at most max bytes; borrowed from the body */
    FIELD_LINES, /* any text, at most max bytes as it is escaped: the JSON string itself, in list */
};
struct field {
    const char *name;
    enum field_type type;
    bool required, nullable;
    uint64_t max;
    const char *const *names;
};
struct value {
    enum { VALUE_ABSENT, VALUE_NULL, VALUE_SET } state;
    int64_t number; /* nano-USD, count, index in names, unix ms, or 0/1 */
    char text[257]; /* FIELD_TEXT, NUL-terminated */
    struct id id;
    struct view plain;
    struct json_value list; /* FIELD_LIST, FIELD_LINES: borrowed from the body; elements of a list are plain texts */
};
/* Read the body by a table; unknown and repeated members are errors. false: the call has been
 * answered (400) and is gone. */
must_check bool call_body(struct call *c, const struct field *fields, size_t n, struct value *out);
/* A parameter of the query string, not decoded; false when absent. */
bool call_query(const struct call *c, const char *name, struct view *out);

/* What stands for the braces, as an id. false: it is none, and the call has been answered with 404. */
must_check bool call_segment_id(struct call *c, struct id *out, const char *missing);

/* Unix milliseconds from RFC 3339 ("2026-11-21T04:18:23.5Z", "...+02:00"). ERR_FORMAT. */
must_check enum err call_parse_time(struct view v, int64_t *out_ms);

#endif
