/* The TCP ports that a data plane uses, as its measured files say: what the guest's fence lets out and in. */
#ifndef TR_DATAPLANE_PORTS_H
#define TR_DATAPLANE_PORTS_H

#include "config.h"
#include "providers.h"

#include <stdio.h>

/* Lines "tcp PORT", ascending, each once: of the providers, the control plane and the ACME server; then "listen tcp PORT". */
void ports_print(const struct config *c, const struct providers *p, FILE *out);

#endif
