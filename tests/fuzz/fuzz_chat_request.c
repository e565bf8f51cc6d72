/* What leaves for a provider is read by us again as the request that was priced: same limit, our
 * model, no member of the router's. */
#include "chat_request.h"
#include "json.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct chat_request r, again;
    struct chat_fault fault;
    struct provider provider = {0};
    struct buf out;
    uint32_t limit;

    if (size < 2)
        return 0;
    if (chat_request_parse(view_of(data + 2, size - 2), &r, &fault) != ERR_NONE) {
        must(fault.message != NULL);
        return 0;
    }
    provider.quirks = data[0] & 0x1f;
    limit = data[1] < 128 ? 0 : data[1];
    buf_init(&out, size + CHAT_RENDER_SLACK);
    must(chat_request_render(&r, &provider, "up/model", limit, &out) == ERR_NONE);
    must(chat_request_parse(buf_view(&out), &again, &fault) == ERR_NONE);
    must(strcmp(again.model, "up/model") == 0);
    must(again.max_tokens == (limit != 0 ? limit : r.max_tokens));
    must(again.n_choices == r.n_choices && again.stream == r.stream && again.needs == r.needs);
    must(again.has_media == r.has_media && view_eq(again.user, r.user));
    if (r.stream && (provider.quirks & QUIRK_NO_STREAM_OPTIONS) == 0)
        must(again.include_usage);
    for (int k = CHAT_KEY_MODELS; k < CHAT_KEY_COUNT; k++)
        must(!again.member[k].present);
    must(!again.member[CHAT_KEY_MAX_OUTPUT_TOKENS].present || r.max_tokens == 0);
    must((provider.quirks & QUIRK_NO_STORE) != 0
             ? !again.member[CHAT_KEY_STORE].present
             : again.member[CHAT_KEY_STORE].value.kind == JSON_FALSE);
    buf_free(&out);
    return 0;
}
