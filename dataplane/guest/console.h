/* What the guest says on its serial console, which the host reads: lines of the typed log (common/log.h)
 * and nothing else. A line that the data plane writes in another form is counted, not shown: whatever it
 * holds stays in the guest. */
#ifndef TR_DATAPLANE_GUEST_CONSOLE_H
#define TR_DATAPLANE_GUEST_CONSOLE_H

#include "view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONSOLE_LINE_MAX = 1024 }; /* bytes with the newline; the log's own lines are shorter */

struct console {
    char line[CONSOLE_LINE_MAX];
    size_t len;
    bool too_long;     /* what is left of the line is dropped */
    uint64_t withheld; /* lines that were not shown */
};

/* Is this line, without its newline, one that log_write() makes? One flat object: "t" with a number first,
 * then "event", then names of letters, digits and _ with a number, true, false, or a text of letters,
 * digits, _ - . and blanks, which no content fits into that was not made of the program's own names. */
bool console_line_ok(struct view line);
/* Bytes as they come; whole lines that are right go to fd, the others are counted. */
void console_feed(struct console *c, struct view bytes, int fd);

#endif
