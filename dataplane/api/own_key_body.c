/* The members that the control plane's /byok takes, and no others. */
#include "own_key_body.h"

#include "base64.h"
#include "bounds.h"
#include "json.h"
#include "message.h"

enum { OWN_KEY_BODY_MEMBERS = 32 };

static bool known(struct view key)
{
    static const char *const names[] = {"provider", "name", "sealed_key", "sealing_key_id", "disabled",
                                        "is_fallback", "always_use", "sort_order"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_key_is(key, names[i]))
            return true;
    return false;
}

/* Base64 of no fewer bytes than a sealed key has. */
static bool looks_sealed(struct json_value v)
{
    struct view text;
    struct buf box;
    bool sealed;

    if (v.kind != JSON_STRING)
        return true; /* the control plane refuses it */
    buf_init(&box, LIMIT_OWN_SEALED_BYTES);
    sealed = json_string_plain(v, &text) && base64_decode(text, &box) == ERR_NONE && box.len >= OWN_KEY_SEALED_MIN;
    buf_free(&box);
    return sealed;
}

bool own_key_body_ok(struct view body, struct api_failure *f)
{
    struct json_member m[OWN_KEY_BODY_MEMBERS];
    size_t n;

    if (body.len == 0)
        return true;
    if (json_object(body, m, OWN_KEY_BODY_MEMBERS, &n, NULL) != ERR_NONE) {
        f->error = API_BAD_JSON;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (json_key_is(m[i].key, "sealed_key") && !looks_sealed(m[i].value)) {
            f->error = API_BAD_REQUEST;
            f->code = "unsealed_key";
            f->message = "sealed_key is no sealed key in base64 (docs/byok.md). It was not handed on to the control plane.";
            f->param = "sealed_key";
            return false;
        }
        if (known(m[i].key))
            continue;
        f->error = API_BAD_REQUEST;
        f->code = json_key_like(m[i].key, "key") ? "unsealed_key" : "unknown_parameter";
        f->message = json_key_like(m[i].key, "key")
                         ? "A provider's key is sealed before it is sent (docs/byok.md), as sealed_key. This one was "
                           "not handed on to the control plane."
                         : "The body has a member that is not known here; it was not handed on.";
        f->param = json_key_like(m[i].key, "key") ? "key" : NULL;
        return false;
    }
    return true;
}
