/* Recovery of an account: the message with a link, and codes that were written down. */
#ifndef TR_CONTROLPLANE_IDENTITY_RECOVERY_H
#define TR_CONTROLPLANE_IDENTITY_RECOVERY_H

#include "db.h"
#include "mail.h"
#include "secret.h"

enum {
    RECOVERY_LINK_S = 1800,
    RECOVERY_CODES = 10,
    RECOVERY_CODE_LETTERS = 20, /* 100 random bits: nobody guesses one, so a plain digest of it keeps it */
    RECOVERY_CODE_TEXT = RECOVERY_CODE_LETTERS + 3, /* with a dash after every five */
};

/* Looks for the user and writes to them, when there is one, after it has returned: the client that asked learns nothing of it. All
 * is borrowed; db and mailer outlive their use, the texts are copied. origin: of the console; name: of the service. */
void recovery_mail_start(struct mailer *m, struct db *db, const char *origin, const char *name, const char *email);
/* The same, for a user whose password was set by a link or a code: so that the user hears of it when somebody else did it. */
void recovery_notice_start(struct mailer *m, struct db *db, const char *origin, const char *name, const struct id *user);

/* The caller wipes it. */
void recovery_code_new(char out[static RECOVERY_CODE_TEXT + 1]);
/* What is kept of a code. Written by hand: in any case, with dashes and spaces or without, and "O", "I" and "L" for the
 * digits that they look like. ERR_FORMAT: it is none. */
must_check enum err recovery_code_digest(struct view code, struct digest32 *out);

#endif
