/* Loads the guest's egress fence into the network namespace that it runs in, for tests:
 *   fence_load [egress=PORT | listen=PORT | resolver=ADDRESS | dhcp]...
 * Prints the name of the error and exits 0 when it is "none". Refuses the machine's own namespace, which it would
 * cut off from the network. */
#include "fence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is this the network namespace of process 1? Who may not read that may not load rules either. */
static bool machine_own(void)
{
    char ours[64] = "", first[64] = "";

    return readlink("/proc/self/ns/net", ours, sizeof ours - 1) > 0 &&
           readlink("/proc/1/ns/net", first, sizeof first - 1) > 0 && strcmp(ours, first) == 0;
}

static enum err add(struct fence_plan *plan, const char *word)
{
    if (strncmp(word, "egress=", 7) == 0)
        return fence_add_egress(plan, (uint16_t)strtoul(word + 7, NULL, 10));
    if (strncmp(word, "listen=", 7) == 0)
        return fence_add_listen(plan, (uint16_t)strtoul(word + 7, NULL, 10));
    if (strncmp(word, "resolver=", 9) == 0)
        return fence_add_resolver(plan, word + 9);
    plan->dhcp = strcmp(word, "dhcp") == 0;
    return plan->dhcp ? ERR_NONE : ERR_FORMAT;
}

int main(int argc, char **argv)
{
    struct fence_plan plan = {0};
    enum err e = ERR_NONE;

    if (machine_own()) {
        fputs("fence_load: not in the machine's own network namespace\n", stderr);
        return 2;
    }
    for (int i = 1; i < argc && e == ERR_NONE; i++)
        e = add(&plan, argv[i]);
    if (e == ERR_NONE)
        e = fence_load(&plan);
    puts(err_name(e));
    return e == ERR_NONE ? 0 : 1;
}
