/* The parts of a public attestation document as files of their own, for other people's tools. */
#ifndef TR_ATTESTATION_TOOLS_EXTRACT_H
#define TR_ATTESTATION_TOOLS_EXTRACT_H

#include "document.h"

/* Writes into dir, which is made when it is not there: report.bin, report_data.bin (what the report
 * must hold for this connection), vek.der, ask.der and ark.der when they came, identity.json,
 * statement.json and proof.txt of the log when they came. Files that are there already are not
 * replaced. exporter: the connection's. False after a complaint. */
bool extract(const char *dir, const struct attest_document *d, const uint8_t exporter[static 32]);

#endif
