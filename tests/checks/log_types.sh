#!/bin/bash
# The log takes integers, booleans, ids and static names, and nothing else: each other type must be
# refused by both compilers. The twin shows that what is allowed compiles.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
flags="-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -iquote common"

try() { # COMPILER EXPRESSION
    cat >"$tmp/t.c" <<C
#include "content.h"
#include "log.h"
#include "view.h"
struct holder { char text[8]; };
void t(char *p, const char *cp, char a[8], struct view v, const struct content *c, bool b, int64_t i,
       uint32_t u, struct id id, struct static_name n, void *vp, double d, const uint8_t *bytes);
void t(char *p, const char *cp, char a[8], struct view v, const struct content *c, bool b, int64_t i,
       uint32_t u, struct id id, struct static_name n, void *vp, double d, const uint8_t *bytes)
{
    (void)p, (void)cp, (void)a, (void)v, (void)c, (void)b, (void)i, (void)u, (void)id, (void)n;
    (void)vp, (void)d, (void)bytes;
    $2
}
C
    $1 $flags "$tmp/t.c" >"$tmp/out" 2>&1
}
for cc in gcc clang-14; do
    for e in b i u id n; do
        if try $cc "LOG(\"event\", KV(\"k\", $e));"; then
            echo "ok log_takes_${e}_$cc"
        else
            sed 's/^/# /' "$tmp/out"
            echo "not ok log_takes_${e}_$cc"
            bad=1
        fi
    done
    for e in 'KV("k", p)' 'KV("k", cp)' 'KV("k", a)' 'KV("k", v)' 'KV("k", c)' 'KV("k", vp)' 'KV("k", d)' \
        'KV("k", bytes)' 'KV("k", "text")' 'KV(cp, u)' 'KV("k", NAME(cp))' 'KV("k", NAME(p))' p cp v; do
        name=$(echo "$e" | tr -cd 'A-Za-z0-9_')
        if try $cc "LOG(\"event\", $e);"; then
            echo "not ok log_refuses_${name}_$cc: it compiled"
            bad=1
        else
            echo "ok log_refuses_${name}_$cc"
        fi
    done
    if try $cc 'LOG(cp, KV("k", u));'; then
        echo "not ok log_refuses_event_text_$cc: it compiled"
        bad=1
    else
        echo "ok log_refuses_event_text_$cc"
    fi
done
exit $bad
