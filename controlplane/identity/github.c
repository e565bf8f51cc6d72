/* GitHub, which has OAuth 2 and no identity tokens: /user says who it is, /user/emails the address that it has verified.
 * issuer: https://github.com, or the address of a GitHub Enterprise Server. */
#include "identity_internal.h"

#include <stdio.h>
#include <string.h>

#define PUBLIC_ISSUER "https://github.com"
#define PUBLIC_API "https://api.github.com"

static void api_url(const struct identity_ask *a, const char *path, char out[static ENDPOINT_MAX])
{
    const char *issuer = a->of->source->issuer;

    if (strcmp(issuer, PUBLIC_ISSUER) == 0)
        snprintf(out, ENDPOINT_MAX, PUBLIC_API "%s", path);
    else
        snprintf(out, ENDPOINT_MAX, "%s/api/v3%s", issuer, path);
}

/* The primary address, when it is verified; any other one is not who the user says to be here. */
static void emails_read(struct identity_ask *a, struct view body)
{
    struct json_value root, v;
    struct json_member one;
    struct json_iter it;

    if (json_check(body, &root, NULL) != ERR_NONE || root.kind != JSON_ARRAY) {
        ask_end(a, ERR_FORMAT, 200);
        return;
    }
    it = json_iter(root);
    while (json_next(&it, &one))
        if (json_only(one.value, "primary", &v) == ERR_NONE && v.kind == JSON_TRUE &&
            json_only(one.value, "verified", &v) == ERR_NONE && v.kind == JSON_TRUE &&
            ask_text(one.value, "email", a->person.email, sizeof a->person.email)) {
            a->person.email_verified = true;
            break;
        }
    ask_person(a);
}

/* A login can be given away; the number stays a user's. */
static void user_read(struct identity_ask *a, struct view body)
{
    char url[ENDPOINT_MAX];
    struct json_value root, v;
    struct buf name;
    uint64_t number;

    if (json_check(body, &root, NULL) != ERR_NONE || json_only(root, "id", &v) != ERR_NONE ||
        json_u64(v, &number) != ERR_NONE || number == 0) {
        ask_end(a, ERR_FORMAT, 200);
        return;
    }
    memset(&a->person, 0, sizeof a->person);
    snprintf(a->person.subject, sizeof a->person.subject, "%llu", (unsigned long long)number);
    buf_init(&name, ID_NAME_MAX);
    if (json_only(root, "name", &v) == ERR_NONE && v.kind == JSON_STRING && json_string_decode(v, &name) == ERR_NONE &&
        name.len > 0)
        memcpy(a->person.name, name.ptr, name.len);
    buf_free(&name);
    a->step = STEP_EMAILS;
    api_url(a, "/user/emails?per_page=100", url);
    ask_get(a, url, emails_read, true);
}

/* A refusal comes with status 200 and an error in it. */
static void exchanged(struct identity_ask *a, struct view body)
{
    char url[ENDPOINT_MAX];
    struct json_value root, v;

    if (json_check(body, &root, NULL) != ERR_NONE) {
        ask_end(a, ERR_FORMAT, 200);
    } else if (json_get(root, "error", &v) ||
               !ask_text(root, "access_token", a->access_token, sizeof a->access_token)) {
        ask_end(a, ERR_AUTH, 200);
    } else {
        a->step = STEP_USER;
        api_url(a, "/user", url);
        ask_get(a, url, user_read, true);
    }
}

void github_start(struct identity_ask *a)
{
    char url[ENDPOINT_MAX];
    struct buf form;
    enum err e;

    if (a->begins) {
        snprintf(url, sizeof url, "%s/login/oauth/authorize", a->of->source->issuer);
        ask_redirect(a, url, "read:user user:email", false);
        return;
    }
    a->step = STEP_CODE;
    snprintf(url, sizeof url, "%s/login/oauth/access_token", a->of->source->issuer);
    buf_init(&form, FORM_MAX);
    e = ask_code_form(a, true, &form);
    if (e == ERR_NONE)
        ask_post(a, url, buf_view(&form), NULL, exchanged);
    buf_free(&form);
    if (e != ERR_NONE)
        ask_end(a, e, 0);
}
