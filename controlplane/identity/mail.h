/* Messages to users, by SMTP: what is in them is ours, and nothing is sent that a stranger wrote. */
#ifndef TR_CONTROLPLANE_IDENTITY_MAIL_H
#define TR_CONTROLPLANE_IDENTITY_MAIL_H

#include "buf.h"
#include "err.h"

#include <uv.h>

struct mailer;

struct mailer_config {
    uv_loop_t *loop;
    const char *url;           /* outcall_mail_url_valid(); borrowed, as the others are */
    const char *from;          /* an address */
    const char *user;          /* empty: the server takes mail without a password */
    const char *password_file; /* one line, of mode 0600; with user */
    const char *ca;            /* instead of the system's certificate authorities; empty: those */
};

/* why: one printable sentence. */
must_check enum err mailer_new(const struct mailer_config *c, struct mailer **out, struct buf *why);
/* What is under way is given up. NULL does nothing. */
void mailer_free(struct mailer *m);

/* One attempt, whose outcome is logged: a user who gets nothing asks again. body: ASCII, lines ended by "\n" of at most 900
 * bytes. ERR_OVERLOAD: too many are under way. */
must_check enum err mail_send(struct mailer *m, const char *to, const char *subject, struct view body);

/* The message as it is sent, into out: head and body with CRLF. */
must_check enum err mail_text(const char *from, const char *to, const char *subject, uint64_t now_s, struct view body,
                              struct buf *out);

#endif
