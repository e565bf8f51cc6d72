/* The path of a request as the table of endpoints spells it. Base URLs are joined to paths by hand, so
 * clients send "//v1/models", "/v1//models" and "/v1/models/"; a redirect would make them drop the body. */
#ifndef TR_DATAPLANE_API_PATH_H
#define TR_DATAPLANE_API_PATH_H

#include "view.h"

enum { PATH_PLAIN_MAX = 512 }; /* bytes; no path that is served is longer, so a longer one stays as it is */

/* path without empty segments: one slash where there were several, none at the end. Borrows from path, or
 * from out when there was something to leave out. */
struct view path_plain(struct view path, uint8_t out[static PATH_PLAIN_MAX]);

/* text without its percent-encoding (RFC 3986, 2.1), as at most max bytes of out; *len says how many. False:
 * '%' without two hex digits behind it, a control character, or longer than max. */
bool path_decode(struct view text, char *out, size_t max, size_t *len);

#endif
