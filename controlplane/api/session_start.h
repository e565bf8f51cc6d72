/* The end of every way to sign in: a session is made, by the statement that also books what led to it, and its token
 * goes to the client, in a cookie or, for programs, in the answer. */
#ifndef TR_CONTROLPLANE_API_SESSION_START_H
#define TR_CONTROLPLANE_API_SESSION_START_H

#include "email.h"
#include "handlers.h"
#include "password.h"

enum {
    SESSION_S = 30 * 86400, /* a session's life, and how long it may rest */
    SESSION_IDLE_S = 7 * 86400,
};

/* What a call that signs in remembers between its statements and the work on the password; c->own. */
struct sign_in {
    char email[EMAIL_MAX + 1];
    char name[129], organisation_name[129];
    char given[PASSWORD_MAX + 1]; /* the password that came */
    size_t given_len;
    char fresh[PASSWORD_MAX + 1]; /* and the one that is to replace it */
    size_t fresh_len;
    char secret[PASSWORD_SECRET_MAX]; /* what is kept */
    bool has_secret;
    bool token; /* the client wants the token in the answer, not in a cookie */
    struct digest32 invitation;
    struct id user;
};

/* Zeroed; wiped and freed with the call. */
struct sign_in *sign_in_new(struct call *c);
/* Refuses what a page of another origin makes a browser send; those of cors_origins on this site may. true: the call has been answered. */
bool sign_in_forged(struct call *c);
/* The client's address as the throttle counts it: its network, or NULL where addresses are not counted. */
struct db_param sign_in_address(const struct call *c);
/* The digest of a token that a link or an invitation carries, by which the database knows it. false: the text is no such token, and
 * the call has been answered as for one that has ended: missing, about param. */
must_check bool sign_in_token(struct call *c, const char *prefix, struct view text, const char *missing, const char *param,
                              struct digest32 *out);
/* The first column of a row says how long to wait. true: too many attempts, and the call has been answered. */
bool sign_in_throttled(struct call *c, const struct db_result *r);
/* Copies the string that is kept; NULL in the database: there is none. */
void sign_in_keep(struct sign_in *s, const struct db_result *r, unsigned column);
/* Work on the password, and what became of it when it did not end well. true: the call has been answered. */
void sign_in_work(struct call *c, bool compare, struct view fresh, password_cb *cb);
bool sign_in_failed(struct call *c, enum err e);

/* A new token into c->made, and the session's id into c->made_id. */
void session_make(struct call *c);
/* It is in the database: answers with the session, and the token where it belongs. */
void session_reply(struct call *c, int status);

#endif
