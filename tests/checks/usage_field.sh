#!/bin/bash
# A class of tokens is one line of proto/usage_fields.h: in a copy of the tree that has one line more, the codec, the
# leak budget, the statement that books records, receipts and metrics know it. The twin is this tree, which does not.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/checks/say.sh"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp -r "$root"/{common,proto,attestation,dataplane,controlplane} "$tmp/"
list=proto/usage_fields.h
# The list ends with the first line of it that is not continued.
last=$(awk '/^#define USAGE_FIELDS/ {inside = 1} inside && !/\\$/ {print NR; exit}' "$root/$list")
no=$(($(grep -oE '^    [FT]\([0-9]+' "$root/$list" | grep -oE '[0-9]+' | tail -1) + 1))
line="    T($no, video, none, completion, \"video_tokens\", \"tokens_video_total\", \"Video.\")"
# The record may have no room for it: the copy's is wider.
sed -i 's/USAGE_WIRE_BYTES = [0-9]*/USAGE_WIRE_BYTES = 256/' "$tmp/proto/usage.h"
sed -i "$last s|\$| \\\\|; $last a\\
$line" "$tmp/$list"
objects="proto/usage controlplane/money/ingest controlplane/db/stmt dataplane/core/bill dataplane/core/settle
    dataplane/core/facts dataplane/api/metrics dataplane/trust/receipt_money"

built() { # TREE: NAME what of the new field is not in its object, for each
    while read -r object text; do
        text=${text/NO/$no}
        grep -qaF -- "$text" "$1/b/$object.o" || echo "$object: no $text"
    done <<'LIST'
proto/usage tokens_video
controlplane/db/stmt [g.i+(NO-6)]
dataplane/api/metrics tokens_video_total
dataplane/trust/receipt_money "video_tokens":
LIST
}
compile() { # TREE
    # shellcheck disable=SC2046,SC2086
    make -s -j2 -C "$1" -f "$root/Makefile" B="$tmp/out" $(printf "$tmp/out/%s.o " $objects) >"$tmp/log" 2>&1 ||
        cat "$tmp/log"
    rm -rf "$1/b" && mv "$tmp/out" "$1/b"
}
say usage_field_compiles "$(compile "$tmp")"
say usage_field_reaches_everything "$(built "$tmp")"
# How many fields the control plane binds: an offset and a kind each.
fields() { echo $((16#$(nm -S --defined-only "$1" | awk '$4 == "fields" {print $2}') / 16)); }
mkdir "$tmp/twin" && cp -r "$root"/{common,proto,attestation,dataplane,controlplane} "$tmp/twin/"
say usage_field_twin_compiles "$(compile "$tmp/twin")"
say usage_field_twin_knows_none "$([ "$(built "$tmp/twin" | wc -l)" = 4 ] || built "$tmp/twin")"
now=$(fields "$tmp/twin/b/controlplane/money/ingest.o") more=$(fields "$tmp/b/controlplane/money/ingest.o")
say usage_field_is_bound "$([ "$((now + 1))" = "$more" ] || echo "$now fields, then $more")"
exit $bad
