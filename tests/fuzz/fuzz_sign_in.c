/* What strangers send to sign in: an e-mail address, a new password and a searched text never read past their end, and
 * what is accepted keeps its promises. */
#include "../../controlplane/api/email.c"
#include "../../controlplane/api/query_text.c"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = view_of(data, size);
    struct buf out;

    if (email_fault(v) == NULL) {
        assert(size >= 3 && size <= EMAIL_MAX && memchr(data, '@', size) != NULL);
        for (size_t i = 0; i < size; i++)
            assert(data[i] > ' ' && data[i] <= '~');
    }
    buf_init(&out, 128);
    if (query_text(v, &out) == ERR_NONE)
        assert(out.len <= size && (out.len == 0 || memchr(out.ptr, '\0', out.len) == NULL));
    buf_free(&out);
    return 0;
}
