/* What the guest says on its serial console, which the host reads: lines of the typed log (common/log.h)
 * and nothing else. A line that the data plane writes in another form is counted, not shown: whatever it
 * holds stays in the guest. The one exception: until the data plane has said that it is started, it has
 * neither a client nor a prompt, and a sentence about its configuration may be shown, so that an operator learns why it
 * does not start. */
#ifndef TR_DATAPLANE_GUEST_CONSOLE_H
#define TR_DATAPLANE_GUEST_CONSOLE_H

#include "view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONSOLE_LINE_MAX = 2048,    /* bytes with the newline: LINE_MAX_BYTES of common/log.c */
    CONSOLE_SENTENCE_MAX = 400, /* bytes of a sentence of tr-dataplane's */
};

struct console {
    char line[CONSOLE_LINE_MAX];
    size_t len;
    bool too_long;     /* what is left of the line is dropped */
    bool started;      /* the data plane has said so: no sentence is shown any more */
    uint64_t withheld; /* lines that were not shown */
};

/* Is this line, without its newline, one that log_write() makes? One flat object: "t" with a number first,
 * then "event", then names of letters, digits and _ with a number, true, false, or a text of letters,
 * digits, _ - . and blanks, which no content fits into that was not made of the program's own names. */
bool console_line_ok(struct view line);
/* Is it what tr-dataplane says when it does not start: "PROGRAM: sentence", printable ASCII? */
bool console_sentence_ok(struct view line);
/* Bytes as they come; whole lines that are right go to fd, the others are counted. */
void console_feed(struct console *c, struct view bytes, int fd);

#endif
