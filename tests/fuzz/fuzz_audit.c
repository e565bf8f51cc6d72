/* Audit documents come from a gateway that may lie. No crash, no list longer than its bound, and
 * what is parsed is written again as the same bytes. */
#include "audit_document.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct audit_document *d, struct view text)
{
    struct buf again;

    buf_init(&again, AUDIT_HEAD_BYTES);
    if (audit_text_head(&d->head, false, &again) != ERR_NONE)
        abort();
    if (d->has_window)
        text = view_from(text, sizeof "{\"head\":" - 1);
    assert(view_starts(text, buf_view(&again)));
    for (size_t i = 0; i < d->n_samples; i++) {
        buf_reset(&again);
        if (audit_text_opening(&d->samples[i], &again) != ERR_NONE)
            abort();
        assert(memmem(text.ptr, text.len, again.ptr, again.len) != NULL);
    }
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[32] = {1};
    static struct audit_document d;
    static bool started;
    struct view text = view_of(data, size);

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    if (audit_document_parse(text, &d) != ERR_NONE)
        return 0;
    assert(d.n_leaves <= AUDIT_WINDOW_MAX && d.n_samples <= AUDIT_OPENINGS_MAX);
    same_again(&d, text);
    if (audit_document_check(&d, key) == AUDIT_ACCEPT)
        abort(); /* nothing is signed by this key */
    return 0;
}
