/* The program's version, as --version and /health say it. */
#ifndef TR_COMMON_VERSION_H
#define TR_COMMON_VERSION_H

#define TR_VERSION "0.1.0"

#endif
