/* What a wallet or a passkey is given to sign: random text, good for ten minutes and once; the database has its digest. */
#ifndef TR_CONTROLPLANE_API_CEREMONY_H
#define TR_CONTROLPLANE_API_CEREMONY_H

#include "session_start.h"
#include "site.h"

enum {
    CHALLENGE_S = 600,
    CHALLENGE_BYTES = 32,
    CHALLENGE_TEXT = 43, /* in base64url */
    NONCE_TEXT = 32,     /* of a wallet's message: hex digits */
};

/* The console's address. NULL: the operator has given none, and the call has been answered. */
const struct site *ceremony_site(struct call *c);
/* The same for passkeys, which want a name. */
const struct site *ceremony_passkey_site(struct call *c);

/* Text for a passkey, NUL-terminated. */
void ceremony_challenge(char text[static CHALLENGE_TEXT + 1]);
/* Keeps its digest for somebody who signs in; cb as db_query()'s, whose row's first column is as sign_in_throttled() wants it. */
void ceremony_keep(struct call *c, const char *kind, struct view text, db_cb *cb);

/* What is wrong with what was signed: 401 of somebody who signs in, and 403 of a user who adds a way to, whose session is good. */
void ceremony_fail(struct call *c, const char *code, const char *message, const char *param);
/* How adding a way to sign in went. true: it was refused, and the call has been answered. */
must_check bool ceremony_refused(struct call *c, struct view outcome);

#endif
