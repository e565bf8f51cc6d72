/* Files of a published directory tree, wherever it is: a directory, or an https URL. What comes is
 * checked by whoever asked for it, so without a CA file any server will do. */
#ifndef TR_ATTESTATION_TOOLS_FETCH_H
#define TR_ATTESTATION_TOOLS_FETCH_H

#include "buf.h"
#include "err.h"

struct fetch;
/* place: a directory, or https://host[:port][/path]. ca: PEM, or NULL; both must outlive *out.
 * timeout_s: for each file, as https_open(). ERR_FORMAT: a URL of another form. */
must_check enum err fetch_open(const char *place, const char *ca, unsigned timeout_s,
                               struct fetch **out);
void fetch_close(struct fetch *f);
/* Append the file's bytes. ERR_NOT_FOUND: it is not there; ERR_CONNECT (nobody answers readably)
 * and ERR_AUTH (ca does not vouch for the server) after a complaint; ERR_IO, ERR_LIMIT, ERR_CONFIG
 * (ca); ERR_PROVIDER_STATUS: another answer than 200 and 404. */
must_check enum err fetch_file(struct fetch *f, const char *path, struct buf *out);

#endif
