/* Finds the API key of a request among its headers. */
#include "api_key.h"

#include "key_text.h"

/* What the header holds that may be a key; empty: nothing. */
static struct view key_in(const struct web_request *r, struct view header, bool bearer)
{
    struct view key, scheme;

    if (!web_header(r, header, &key))
        return VIEW_EMPTY;
    key = view_trim(key);
    if (bearer && (!view_take(&key, 7, &scheme) || !view_eq_nocase(scheme, VIEW_LIT("bearer "))))
        return VIEW_EMPTY;
    return view_trim(key);
}

static enum api_error key_read(const struct web_request *r, bool management, struct digest32 *who)
{
    static const struct {
        struct view header;
        bool bearer;
    } places[] = {{VIEW_LIT("authorization"), true},
                  {VIEW_LIT("x-api-key"), false},
                  {VIEW_LIT("api-key"), false}};
    enum api_error error = API_NO_KEY;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct view key = key_in(r, places[i].header, places[i].bearer);

        if (key.len == 0)
            continue;
        if (!key_text_valid(key)) { /* no key of ours: nobody needs to be asked about it */
            error = API_BAD_KEY;
            continue;
        }
        if (!management && key_text_management(key)) /* the form says it: no key of this kind may infer */
            return API_MANAGEMENT_KEY;
        digest_sha256(key, who);
        return API_OK;
    }
    return error;
}

enum api_error api_key_read(const struct web_request *r, struct digest32 *who)
{
    return key_read(r, false, who);
}

enum api_error api_key_read_any(const struct web_request *r, struct digest32 *who)
{
    return key_read(r, true, who);
}
