/* The names of troubles, and lists of them. */
#include "trouble.h"

const char *trouble_name(unsigned bit)
{
    switch (bit) {
    case TROUBLE_DATABASE:
        return "database";
    case TROUBLE_LOG:
        return "log_rewound";
    case TROUBLE_USAGE_WAITING:
        return "usage_waiting";
    case TROUBLE_SET_ASIDE:
        return "usage_set_aside";
    case TROUBLE_LOST:
        return "usage_lost";
    default:
        return "unknown";
    }
}

enum err trouble_append_name(const char *prefix, const char *name, unsigned *n, struct buf *out)
{
    return buf_appendf(out, "%s\"%s%s\"", (*n)++ == 0 ? "" : ",", prefix, name);
}

enum err trouble_append(unsigned troubles, const char *prefix, unsigned *n, struct buf *out)
{
    enum err e = ERR_NONE;

    for (unsigned bit = 1; e == ERR_NONE && bit <= TROUBLE_ALL; bit <<= 1)
        if ((troubles & bit) != 0)
            e = trouble_append_name(prefix, trouble_name(bit), n, out);
    return e;
}
