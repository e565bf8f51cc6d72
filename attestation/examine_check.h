/* What the two files of checks share: a row of their table, and the words of a check. */
#ifndef TR_ATTESTATION_EXAMINE_CHECK_H
#define TR_ATTESTATION_EXAMINE_CHECK_H

#include "examine.h"

/* What must have been read before a check can be made. */
enum { NEED_REPORT = 1, NEED_VEK = 2, NEED_CHAIN = 4 };
struct examiner_check {
    enum verdict code;
    unsigned needs;
    enum finding_outcome (*check)(struct examiner *v);
};
enum { EXAMINER_CERTIFICATE_CHECKS = 12 };
extern const struct examiner_check examiner_certificate_checks[EXAMINER_CERTIFICATE_CHECKS];

/* The detail of the check that is being made. */
void examiner_say(struct examiner *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline enum finding_outcome ok_if(bool ok)
{
    return ok ? FINDING_OK : FINDING_FAILED;
}

static inline bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

#endif
