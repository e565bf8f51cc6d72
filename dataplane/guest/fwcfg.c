/* One file of the host's, bounded. */
#include "fwcfg.h"

#include "conf.h"

#include <stdio.h>
#include <unistd.h>

#define FWCFG_DIRECTORY "/sys/firmware/qemu_fw_cfg/by_name/opt/org.trustedrouter/"

enum err fwcfg_read(const char *name, size_t max, struct buf *out)
{
    char path[sizeof FWCFG_DIRECTORY + 64];
    int n = snprintf(path, sizeof path, FWCFG_DIRECTORY "%s/raw", name);

    if (n < 0 || (size_t)n >= sizeof path)
        return ERR_BUG;
    return access(path, F_OK) == 0 ? conf_read_file(path, max, out) : ERR_NOT_FOUND;
}
