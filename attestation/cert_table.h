/* The certificate table a host hands over beside a report: 24-byte entries {GUID, offset, length}
 * up to an all-zero one, then the certificates. The host wrote it, so nothing in it is believed. */
#ifndef TR_ATTESTATION_CERT_TABLE_H
#define TR_ATTESTATION_CERT_TABLE_H

#include "err.h"
#include "view.h"

enum cert_kind { CERT_VCEK, CERT_ASK, CERT_KIND_COUNT };

/* *out borrows from table. ERR_NOT_FOUND when there is no such entry (an empty table is fine),
 * ERR_FORMAT when the table does not end or an entry points outside it. */
must_check enum err cert_table_find(struct view table, enum cert_kind kind, struct view *out);

#endif
