#include "secret_line.h"
#include "file.h"
#include "secret.h"

#include <string.h>

enum err secret_line_read(const char *path, char out[static SECRET_LINE_MAX])
{
    char text[SECRET_LINE_MAX + 1];
    size_t len = 0;
    enum err e = file_read(path, true, text, sizeof text, &len);

    if (e == ERR_NONE && len > 0 && text[len - 1] == '\n')
        len--;
    if (e == ERR_NONE && (len == 0 || len >= SECRET_LINE_MAX))
        e = ERR_CONFIG;
    for (size_t i = 0; e == ERR_NONE && i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            e = ERR_CONFIG;
    if (e == ERR_NONE)
        memcpy(out, text, len);
    out[e == ERR_NONE ? len : 0] = '\0';
    secret_wipe(text, sizeof text);
    return e;
}
