/* Which web pages may call the REST API from a browser, with a visitor's cookie or key: those of a list that the
 * operator wrote (cors_origins in controlplane.conf), never "*". Every other page's script is refused by the
 * browser, because the answer does not name its origin. */
#ifndef TR_CONTROLPLANE_API_CORS_H
#define TR_CONTROLPLANE_API_CORS_H

#include "view.h"
#include "web.h"

struct call;

/* origins: "https://HOST[:PORT]" or "http://localhost[:PORT]", in lower case, separated by spaces. */
bool cors_origins_valid(const char *origins);
bool cors_allows(const char *origins, struct view origin);

/* The headers that let the page of this origin read an answer; borrows origin. */
enum { CORS_HEADERS = 4 };
size_t cors_headers(struct view origin, struct web_header out[static CORS_HEADERS]);

/* A browser asks whether a page may call (OPTIONS with Access-Control-Request-Method): true, and it has been answered. */
must_check bool cors_preflight(struct call *c);

#endif
