/* An issuer's document, as untrusted as anything from outside: what it names is asked only when it may be. */
#include "identity_internal.h"

#include <string.h>

bool ask_text(struct json_value object, const char *name, char *out, size_t size)
{
    struct json_value v;
    struct view text;

    if (json_only(object, name, &v) != ERR_NONE || !json_string_plain(v, &text) || text.len == 0 || text.len >= size)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

/* The array says so; absent: it says what the standard has as its default. */
static bool lists(struct json_value root, const char *name, const char *what, bool by_default)
{
    struct json_value list;
    struct json_member one;
    struct json_iter it;
    enum err e = json_only(root, name, &list);

    if (e != ERR_NONE || list.kind != JSON_ARRAY)
        return e == ERR_NOT_FOUND && by_default;
    it = json_iter(list);
    while (json_next(&it, &one))
        if (json_string_is(one.value, what))
            return true;
    return false;
}

static bool endpoint(struct json_value root, const char *name, char *out)
{
    return ask_text(root, name, out, ENDPOINT_MAX) && outcall_url_valid(view_str(out)) && strchr(out, '#') == NULL;
}

/* JSON may write an address as "https:\/\/...": then it is decoded. */
static bool issuer_is(struct json_value root, const char *name)
{
    struct json_value v;

    return json_only(root, "issuer", &v) == ERR_NONE && json_string_is(v, name);
}

enum err issuer_read(struct view json, const char *name, struct issuer *out)
{
    struct json_value root, v;

    memset(out, 0, sizeof *out);
    if (json_check(json, &root, NULL) != ERR_NONE || !issuer_is(root, name) ||
        !endpoint(root, "authorization_endpoint", out->authorization) || !endpoint(root, "token_endpoint", out->token) ||
        !endpoint(root, "jwks_uri", out->jwks))
        return ERR_FORMAT;
    if (json_get(root, "userinfo_endpoint", &v) && !endpoint(root, "userinfo_endpoint", out->userinfo))
        return ERR_FORMAT;
    out->secret_in_form = !lists(root, "token_endpoint_auth_methods_supported", "client_secret_basic", true);
    out->tells_issuer = json_only(root, "authorization_response_iss_parameter_supported", &v) == ERR_NONE &&
                        v.kind == JSON_TRUE;
    return ERR_NONE;
}
