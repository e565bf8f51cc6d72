#include "mail.h"
#include "clock.h"
#include "id.h"
#include "log.h"
#include "outcall.h"
#include "secret_line.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAIL_MAX = 8 << 10 };

struct mailer {
    struct mailer_config config;
    struct outcalls *outcalls;
    char *password; /* in guarded memory; empty: none */
};

/* --- the message --- */

/* RFC 5322, which has the same names of days everywhere. */
static enum err append_date(struct buf *out, uint64_t now_s)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)now_s;
    struct tm t;

    gmtime_r(&at, &t);
    return buf_appendf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
                       t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static enum err append_lines(struct buf *out, struct view body)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; i < body.len && e == ERR_NONE; i++) {
        if (body.ptr[i] == '\n')
            e = buf_append_byte(out, '\r');
        if (e == ERR_NONE)
            e = buf_append_byte(out, body.ptr[i]);
    }
    return e;
}

enum err mail_text(const char *from, const char *to, const char *subject, uint64_t now_s, struct view body, struct buf *out)
{
    const char *domain = strchr(from, '@');
    struct id id = id_new();
    char text[ID_TEXT_LEN + 1];
    enum err e;

    id_text(&id, text);
    e = append_date(out, now_s);
    if (e == ERR_NONE)
        e = buf_appendf(out, "From: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%s%s>\r\n", from, to, subject, text,
                        domain == NULL ? "@localhost" : domain);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
                                     "Content-Transfer-Encoding: 7bit\r\nAuto-Submitted: auto-generated\r\n\r\n"));
    return e == ERR_NONE ? append_lines(out, body) : e;
}

/* --- sending --- */

static void sent_cb(void *cookie, enum err e, const struct outcall_answer *answer)
{
    (void)cookie;
    LOG("mail", KV("sent", e == ERR_NONE), KV("reason", log_err((int)e)), KV("status", (uint32_t)answer->status));
}

enum err mail_send(struct mailer *m, const char *to, const char *subject, struct view body)
{
    struct buf text;
    enum err e;

    buf_init(&text, MAIL_MAX);
    e = mail_text(m->config.from, to, subject, clock_unix_ms() / 1000, body, &text);
    if (e == ERR_NONE) {
        const struct outcall_mail mail = {m->config.from, to, m->config.user, m->password, buf_view(&text)};
        const struct outcall_request r = {.url = m->config.url, .mail = &mail};

        e = outcall_start(m->outcalls, &r, sent_cb, m);
    }
    buf_free(&text);
    return e;
}

/* --- life --- */

enum err mailer_new(const struct mailer_config *c, struct mailer **out, struct buf *why)
{
    const struct outcalls_config o = {.loop = c->loop, .ca = c->ca};
    struct mailer *m = calloc(1, sizeof *m);
    enum err e = m == NULL ? ERR_MEMORY : ERR_NONE;

    if (e == ERR_NONE && (m->password = sodium_malloc(SECRET_LINE_MAX)) == NULL)
        e = ERR_MEMORY;
    if (e == ERR_NONE && !outcall_ca_readable(c->ca))
        e = buf_append(why, VIEW_LIT("mail_ca: cannot be read")) == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
    if (e == ERR_NONE) {
        m->config = *c;
        m->password[0] = '\0';
        if (c->user[0] != '\0' && secret_line_read(c->password_file, m->password) != ERR_NONE)
            e = buf_append(why, VIEW_LIT("mail_password_file: not a file of mode 0600 with one line, the password")) == ERR_NONE
                    ? ERR_CONFIG
                    : ERR_MEMORY;
    }
    if (e == ERR_NONE)
        e = outcalls_new(&o, &m->outcalls);
    if (e != ERR_NONE) {
        mailer_free(m);
        return e;
    }
    sodium_mprotect_readonly(m->password);
    *out = m;
    return ERR_NONE;
}

void mailer_free(struct mailer *m)
{
    if (m == NULL)
        return;
    outcalls_free(m->outcalls);
    sodium_free(m->password);
    free(m);
}
