/* The address under which people reach the console, as browsers and wallets write it: its origin, and what is made of it. */
#ifndef TR_CONTROLPLANE_IDENTITY_SITE_H
#define TR_CONTROLPLANE_IDENTITY_SITE_H

#include "err.h"
#include "view.h"

#include <stdbool.h>

/* All borrowed from the text. */
struct site {
    struct view origin; /* https://console.example.com:8444 */
    struct view domain; /* console.example.com:8444: in what wallets sign */
    struct view host;   /* console.example.com: the id under which passkeys are kept */
};

/* origin: "https://HOST[:PORT]" in lower case, without a path, as a browser writes it: the port 443 is not written.
 * ERR_FORMAT. */
must_check enum err site_parse(const char *origin, struct site *out);
/* Browsers keep passkeys for names, not for addresses. */
bool site_has_name(const struct site *s);

#endif
