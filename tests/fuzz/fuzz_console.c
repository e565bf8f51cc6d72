/* What the data plane writes on its standard output and error, on its way to the host's console: whatever it is, only
 * printable ASCII in lines that begin as the typed log's do, or as a sentence of tr-dataplane's, comes out. */
#include "console.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 60 << 10 }; /* less than a pipe holds; nothing becomes longer than it was */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const heads[] = {"{\"t\":", "/usr/bin/tr-dataplane"};
    static char out[OUT_MAX + 32];
    struct console c = {.len = 0};
    ssize_t n;
    int ends[2];

    if (size > OUT_MAX || pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    console_feed(&c, view_of(data, size / 2), ends[1]);
    console_feed(&c, view_of(data + size / 2, size - size / 2), ends[1]);
    close(ends[1]);
    n = read(ends[0], out, OUT_MAX);
    close(ends[0]);
    if (n > 0 && out[n - 1] != '\n')
        abort();
    for (ssize_t i = 0, line = 0; i < n; i++) {
        if (out[i] != '\n' && (out[i] < 0x20 || out[i] > 0x7e))
            abort();
        if (i == line && strncmp(out + i, heads[0], strlen(heads[0])) != 0 && strncmp(out + i, heads[1], strlen(heads[1])) != 0)
            abort();
        if (out[i] == '\n')
            line = i + 1;
    }
    return 0;
}
