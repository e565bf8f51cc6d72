/* What a stranger says a wallet has signed: no crash, and what is taken for a message, written again from what was read, is
 * the same bytes. The same of the origin that an operator writes. */
#include "../../controlplane/identity/keccak.c"
#include "../../controlplane/identity/site.c"
#include "../../controlplane/identity/wallet_message.c"

#include "buf.h"
#include "secret.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void put(struct buf *out, const char *name, struct view v)
{
    must(buf_append(out, view_str(name)) == ERR_NONE && buf_append(out, v) == ERR_NONE);
}

/* Up to the chain, whose number and what follows may be written in several ways. */
static void written_again(const struct wallet_message *m, struct view text)
{
    char address[WALLET_ADDRESS_TEXT + 1];
    struct buf out;

    buf_init(&out, 2 * WALLET_MESSAGE_MAX);
    wallet_address_text(m->address, address);
    if (m->scheme.len != 0) {
        put(&out, "", m->scheme);
        put(&out, "://", VIEW_EMPTY);
    }
    put(&out, "", m->domain);
    put(&out, " wants you to sign in with your Ethereum account:\n", view_str(address));
    put(&out, "\n\n", m->statement);
    put(&out, m->statement.len == 0 ? "" : "\n", VIEW_EMPTY);
    put(&out, "\nURI: ", m->uri);
    put(&out, "\nVersion: 1\nChain ID: ", VIEW_EMPTY);
    must(view_starts(text, buf_view(&out)));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view text = view_of(data, size);
    struct wallet_message m;
    struct site site;
    char origin[300];

    must(secret_init() == ERR_NONE);
    if (wallet_message_parse(text, &m) == ERR_NONE) {
        must(m.nonce.len >= WALLET_NONCE_MIN && memchr(m.statement.ptr, '\n', m.statement.len) == NULL);
        must(text.ptr[size - 1] != '\n' || m.resources == 0);
        written_again(&m, text);
    }
    if (size < sizeof origin && memchr(data, '\0', size) == NULL) {
        memcpy(origin, data, size);
        origin[size] = '\0';
        if (site_parse(origin, &site) == ERR_NONE)
            must(site.host.len > 0 && site.host.len <= site.domain.len && site.domain.len + 8 == site.origin.len);
    }
    return 0;
}
