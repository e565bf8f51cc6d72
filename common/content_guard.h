/* Placed before every content-handling file by the Makefile: such a file can compute and return
 * values, but cannot print, log through stdio or syslog, or open files. Every header whose macros
 * or inline functions use these names must be included here, above the poison. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>
#include "buf.h"
#undef printf
#undef fprintf
#undef dprintf
#undef vprintf
#undef vfprintf
#undef puts
#undef fputs
#undef fputc
#undef putchar
#undef fwrite
#undef syslog
#undef vsyslog
#undef open
#undef openat
#undef creat
#undef write
#undef pwrite
#pragma GCC poison printf fprintf dprintf vprintf vfprintf puts fputs fputc putchar fwrite syslog    \
    vsyslog perror fopen freopen open openat creat mkstemp write pwrite writev
#undef putc
#undef putc_unlocked
#undef fputc_unlocked
#undef putchar_unlocked
#undef fputs_unlocked
#undef fwrite_unlocked
#undef vdprintf
#pragma GCC poison putc putc_unlocked fputc_unlocked putchar_unlocked fputs_unlocked fwrite_unlocked \
    vdprintf fdopen tmpfile mkostemp popen pwritev
#undef LOG
#pragma GCC poison LOG log_write
