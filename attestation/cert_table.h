/* The certificate table a host hands over beside a report: 24-byte entries {GUID, offset, length}
 * up to an all-zero one, then the certificates. The host wrote it, so nothing in it is believed:
 * its ARK is not even looked for. */
#ifndef TR_ATTESTATION_CERT_TABLE_H
#define TR_ATTESTATION_CERT_TABLE_H

#include "err.h"
#include "view.h"

enum cert_kind { CERT_VCEK, CERT_ASK, CERT_VLEK, CERT_CRL, CERT_KIND_COUNT }; /* ASK: or ASVK */
enum { CERT_TABLE_MAX = 64 << 10, CERT_TABLE_ENTRIES_MAX = 64 };

/* *out borrows from table. ERR_NOT_FOUND when there is no such entry (an empty table is fine),
 * ERR_FORMAT when the table does not end, an entry points outside it or into its head, or the kind
 * appears twice. */
must_check enum err cert_table_find(struct view table, enum cert_kind kind, struct view *out);

#endif
