/* Files of a published directory tree, wherever it is: a directory, or an http(s) URL. The only
 * place where tr-verify uses the network, and only when it was given a URL. What comes is checked
 * by whoever asked for it; TLS only decides whom one talks to. */
#ifndef TR_ATTESTATION_TOOLS_FETCH_H
#define TR_ATTESTATION_TOOLS_FETCH_H

#include "buf.h"
#include "err.h"

enum { FETCH_TIMEOUT_S = 20 };

struct fetch;
/* place: a directory, or https://host[:port][/path]. ca_file: PEM, NULL for the system's roots.
 * ERR_FORMAT: a URL of another form. */
must_check enum err fetch_open(const char *place, const char *ca_file, struct fetch **out);
void fetch_close(struct fetch *f);
/* Append the file's bytes. ERR_NOT_FOUND: it is not there; ERR_CONNECT, ERR_TLS, ERR_IO, ERR_LIMIT,
 * ERR_PROVIDER_STATUS: another answer than 200 and 404; ERR_PROVIDER_PROTOCOL: no HTTP. */
must_check enum err fetch_file(struct fetch *f, const char *path, struct buf *out);

#endif
