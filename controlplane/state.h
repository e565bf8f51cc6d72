/* state_dir: the keys and certificates that a control plane keeps over restarts. */
#ifndef TR_CONTROLPLANE_STATE_H
#define TR_CONTROLPLANE_STATE_H

#include "buf.h"
#include "err.h"

#include <openssl/ssl.h>

struct state {
    EVP_PKEY *ca_key, *link_key, *rest_key;
    X509 *ca, *link, *rest; /* ca signs rest, and every accepted data plane's certificate */
};

/* Load ca, link and rest, each NAME.key (0600) and NAME.pem; make what is missing, and the
 * directory (0700). The REST certificate is made anew for other names and when less than 400 days
 * are left. Give back with state_close. why: one printable sentence. */
must_check enum err state_open(const char *dir, const char *rest_names, struct state *out,
                               struct buf *why);
void state_close(struct state *s);

#endif
