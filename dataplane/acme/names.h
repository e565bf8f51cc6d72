/* The host names of a certificate: cert_names of the configuration, as a certificate authority takes them. */
#ifndef TR_DATAPLANE_ACME_NAMES_H
#define TR_DATAPLANE_ACME_NAMES_H

#include "bounds.h"
#include "err.h"
#include "view.h"

struct acme_names {
    char list[LIMIT_ACME_CHALLENGES][LIMIT_ACME_NAME_BYTES + 1]; /* lower case */
    unsigned n;
};
/* From "a.example, b.example". ERR_FORMAT: a name is empty, an address or a wildcard, which are certified in
 * other ways, or has a character that no host name has. ERR_LIMIT: more than LIMIT_ACME_CHALLENGES of them. */
must_check enum err acme_names_parse(const char *text, struct acme_names *out);
/* Letter case does not matter. */
bool acme_names_have(const struct acme_names *names, struct view name);

#endif
