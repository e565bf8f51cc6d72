/* For a unit test that makes a log line per case by the thousand. */
#ifndef TR_TESTS_QUIET_H
#define TR_TESTS_QUIET_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

/* The log is one line per case, which nobody reads. What an assertion or a sanitizer says stays. */
static void quiet(void)
{
    int kept = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);

    if (kept < 0 || nowhere < 0 || (stderr = fdopen(kept, "w")) == NULL ||
        dup2(nowhere, STDERR_FILENO) < 0)
        abort();
    close(nowhere);
    if (__sanitizer_set_report_fd != NULL)
        __sanitizer_set_report_fd((void *)(intptr_t)kept);
}

#endif
