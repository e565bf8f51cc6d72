#!/bin/bash
# A file that can see content cannot print, log or open files: the Makefile puts the guard before every
# file that includes content_view.h. Proved with the Makefile's own rules on a seeded tree.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
mkdir -p "$tmp"/{common,proto,attestation,dataplane/core,controlplane,tests}
cp "$root"/common/*.h "$tmp/common/"

build() { # INCLUDE STATEMENT
    local log=
    case $2 in LOG*) log='#include "log.h"' ;; esac
    cat >"$tmp/dataplane/core/seen.c" <<C
#include "$1"
$log
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int seen(const struct content *c);
int seen(const struct content *c)
{
    $2
    return c != NULL;
}
C
    rm -rf "$tmp/b"
    make -s -C "$tmp" -f "$root/Makefile" B=b b/dataplane/core/seen.o >"$tmp/out" 2>&1
}

if build content_view.h 'if (content_bytes(c).len > 3) return 2;'; then
    echo "ok content_guard_lets_compute"
else
    sed 's/^/# /' "$tmp/out"
    echo "not ok content_guard_lets_compute"
    bad=1
fi
i=0
while read -r statement; do
    i=$((i + 1))
    name=$(echo "$statement" | sed 's/[^a-zA-Z_].*//')_$i
    if build content_view.h "$statement"; then
        echo "not ok content_guard_refuses_$name: it compiled"
        bad=1
    elif ! build content.h "$statement"; then
        # The twin: without a view of content the same statement is fine.
        sed 's/^/# /' "$tmp/out"
        echo "not ok content_guard_twin_$name"
        bad=1
    else
        echo "ok content_guard_refuses_$name"
    fi
done <<'STATEMENTS'
printf("%d", 1);
fprintf(stderr, "%d", 1);
dprintf(2, "%d", 1);
puts("x");
putc('x', stderr);
fputs_unlocked("x", stderr);
fputs("x", stderr);
if (fwrite("x", 1, 1, stderr) != 1) return 3;
if (write(2, "x", 1) != 1) return 3;
if (open("/tmp/x", O_RDONLY) < 0) return 3;
if (fopen("/tmp/x", "w") == NULL) return 3;
if (tmpfile() == NULL) return 3;
perror("x");
LOG("event", KV("n", (uint64_t)1));
STATEMENTS
exit $bad
