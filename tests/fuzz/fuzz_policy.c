/* A policy file is read by whoever trusts somebody else's: what loads is complete (each processor
 * line that is taken has a floor) and can be used. */
#include "policy.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t report[SNP_REPORT_BYTES] = {3};
    const struct attest_subject s = {.report = view_of(report, sizeof report)};
    struct attest_policy *p = NULL;
    struct examination x;
    struct buf why;
    enum err e;

    if (size > POLICY_FILE_MAX)
        return 0;
    buf_init(&why, 512);
    e = attest_policy_parse(view_of(data, size), "policy", &p, &why);
    assert((e == ERR_NONE) == (p != NULL));
    assert(e == ERR_NONE || why.len != 0);
    if (p != NULL) {
        assert(p->n_floors <= POLICY_FLOORS_MAX && p->n_roots <= POLICY_ROOTS_MAX);
        assert(p->products == 0 || p->n_floors != 0);
        attest_examine(&s, p, 0, &x);
        assert(x.verdict != VERDICT_ACCEPT);
    }
    attest_policy_free(p);
    buf_free(&why);
    return 0;
}
