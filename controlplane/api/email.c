#include "email.h"

#include <stdbool.h>
#include <stddef.h>

/* Labels of letters, digits and hyphens, at least one dot or none ("localhost" is a domain, too). */
static bool domain_ok(struct view d)
{
    size_t label = 0;

    for (size_t i = 0; i < d.len; i++) {
        uint8_t c = d.ptr[i];
        bool word = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

        if (c == '.' ? label == 0 : !word && (c != '-' || label == 0))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return label > 0 && d.ptr[d.len - 1] != '-';
}

const char *email_fault(struct view email)
{
    size_t at = email.len;

    if (email.len > EMAIL_MAX)
        return "An e-mail address has at most 254 bytes.";
    for (size_t i = 0; i < email.len; i++) {
        uint8_t c = email.ptr[i];

        if (c <= ' ' || c > '~' || strchr("\"(),:;<>[\\]", c) != NULL)
            return "An e-mail address has letters, digits and a few signs.";
        if (c == '@' && at != email.len)
            return "An e-mail address has one @.";
        if (c == '@')
            at = i;
    }
    if (at == 0 || at > 64 || at + 1 >= email.len)
        return "An e-mail address is a name, an @ and a domain.";
    return domain_ok(view_from(email, at + 1)) ? NULL : "The domain of this e-mail address is none.";
}
