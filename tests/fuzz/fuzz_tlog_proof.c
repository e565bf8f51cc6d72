/* Proofs, tile names and entries tiles come from whoever serves a log. No crash, and what is
 * accepted has one spelling. */
#include "tlog_proof.h"
#include "tlog_tile.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct view in = view_of(data, size), s;
    struct tlog_proof_text p;
    struct tlog_tile t;
    struct buf out;

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    buf_init(&out, 2 * TLOG_PROOF_TEXT_MAX);
    if (tlog_proof_decode(in, &p) == ERR_NONE) {
        enum err e = tlog_proof_encode(&p, &out);

        assert(e == ERR_NONE);
        /* An extra line is not kept. */
        assert(out.len == size ? view_eq(buf_view(&out), in) : out.len < size);
    }
    if (tlog_tile_parse(in, &t)) {
        enum err e;

        buf_reset(&out);
        e = tlog_tile_path(&t, &out);
        assert(e == ERR_NONE && view_eq(buf_view(&out), in));
    }
    while (tlog_tile_next_entry(&in, &s))
        ;
    buf_free(&out);
    return 0;
}
