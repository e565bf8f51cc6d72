#!/bin/bash
# The console's source: types, which folder sees which (controlplane/web/README.md), nothing that turns text into markup or
# code, pinned packages, and how much JavaScript a first visit fetches. Each rule is tried on a violation first.
set -euo pipefail
cd "$(dirname "$0")/../.."
FIRST_LOAD_MAX=$((150 * 1024)) # bytes, compressed
web=controlplane/web
passed=0
failed=0

case_() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$tmp/out" 2>&1; then
        echo "ok web_$name"
        passed=$((passed + 1))
    else
        sed 's/^/# /' "$tmp/out" | head -n 20
        echo "not ok web_$name"
        failed=$((failed + 1))
    fi
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# --- types, by the compiler of the lock file, beside the tree
types() { # SOURCE
    mkdir -p build/web-check
    cmp -s "$web/package-lock.json" build/web-check/package-lock.json || {
        cp "$web/package.json" "$web/package-lock.json" build/web-check/
        (cd build/web-check && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error)
        cp "$web/package-lock.json" build/web-check/
    }
    rm -rf build/web-check/src
    cp -r "$1" build/web-check/src
    cp "$web/tsconfig.json" build/web-check/
    (cd build/web-check && node_modules/.bin/tsc --noEmit)
}
types_are_checked() {
    types "$web/src"
}
a_wrong_type_is_seen() {
    cp -r "$web/src" "$tmp/typed"
    echo 'export const wrong: number = "text";' >"$tmp/typed/core/wrong.ts"
    types "$tmp/typed" >"$tmp/said" && return 1
    grep -q "core/wrong.ts" "$tmp/said"
}

# --- folders
folders() { # SOURCE: every import that goes where it may not
    python3 - "$1" <<'END'
import os, re, sys
SEES = {"core": {"core"}, "ui": {"ui", "core"}, "verify": {"verify"}, "prompt": {"prompt", "verify", "core"},
        "pages": {"pages", "prompt", "verify", "ui", "core"}, "": {"pages", "ui", "core", ""}}
root, bad = sys.argv[1], 0
for directory, _, files in os.walk(root):
    for f in files:
        if not f.endswith((".ts", ".tsx")):
            continue
        path = os.path.join(directory, f)
        own = os.path.relpath(path, root)
        own = own.split(os.sep)[0] if os.sep in own else ""
        text = re.sub(r"import type [^;]*;", "", open(path).read()) # types are no code
        for to in re.findall(r'(?:from|import)\s*\(?\s*"(\.[^"]+)"', text):
            target = os.path.relpath(os.path.normpath(os.path.join(directory, to)), root)
            if target.startswith("..") and not to.endswith((".ts", ".tsx", ".js", ".mjs")):
                continue # data of the repository: certificates, a policy, pages of documentation
            seen = target.split(os.sep)[0] if os.sep in target else ""
            if seen not in SEES[own]:
                print(f"{path}: {own or 'src'} does not see {to}")
                bad = 1
sys.exit(bad)
END
}
folders_see_what_they_may() {
    folders "$web/src"
}
a_wrong_import_is_seen() {
    cp -r "$web/src" "$tmp/folders"
    echo 'import "../ui/toast.tsx";' >"$tmp/folders/verify/wrong.ts"
    folders "$tmp/folders" >"$tmp/said" && return 1
    grep -q "verify/wrong.ts: verify does not see ../ui/toast.tsx" "$tmp/said"
}

# --- nothing that makes markup or code of text, no untyped value
MARKUP='innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|createContextualFragment|setHTMLUnsafe|parseFromString|srcdoc|createPolicy|[^a-zA-Z.]eval\(|new Function|: any *[,;)=>{|]|<any[,>]|as any\b|@ts-ignore|@ts-expect-error'
no_markup() { # SOURCE
    ! grep -rnE "$MARKUP" "$1" --include='*.ts' --include='*.tsx' | grep -vE ':[0-9]+: *(//|/?\*)' # not comments
}
nothing_makes_markup_of_text() {
    no_markup "$web/src"
}
markup_is_seen() {
    mkdir -p "$tmp/markup"
    echo 'e.innerHTML = text;' >"$tmp/markup/x.ts"
    ! no_markup "$tmp/markup"
}

pinned() { # PACKAGE.JSON
    python3 - "$1" <<'END'
import json, re, sys
d = json.load(open(sys.argv[1]))
loose = [n for k in ("dependencies", "devDependencies") for n, v in d[k].items() if not re.fullmatch(r"\d+\.\d+\.\d+", v)]
print(loose)
sys.exit(1 if loose else 0)
END
}
packages_are_pinned() {
    pinned "$web/package.json"
}
a_range_of_versions_is_seen() {
    sed '0,/": "\([0-9]\)/s//": "^\1/' "$web/package.json" >"$tmp/package.json"
    ! cmp -s "$web/package.json" "$tmp/package.json" && ! pinned "$tmp/package.json"
}

# --- what a first visit fetches: the start page's script and what it imports before it runs
first_load() { # DIRECTORY
    python3 - "$1" <<'END'
import os, re, sys
out = sys.argv[1]
html = open(os.path.join(out, "index.html")).read()
scripts = set(re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', html))
size = sum(min(os.path.getsize(os.path.join(out, s + ".gz")) if os.path.exists(os.path.join(out, s + ".gz")) else 1 << 30, os.path.getsize(os.path.join(out, s))) for s in scripts)
print(f"{len(scripts)} scripts, {size} bytes compressed")
print(size)
END
}
small() { # DIRECTORY
    local bytes
    bytes=$(first_load "$1" | tail -n 1)
    [ "$bytes" -gt 1000 ] && [ "$bytes" -lt "$FIRST_LOAD_MAX" ]
}
first_load_is_small() {
    small build/web
}
a_large_first_load_is_seen() {
    mkdir -p "$tmp/large/assets"
    echo '<script src="/assets/a.js"></script>' >"$tmp/large/index.html"
    head -c "$FIRST_LOAD_MAX" /dev/urandom >"$tmp/large/assets/a.js"
    ! small "$tmp/large"
}

for name in types_are_checked a_wrong_type_is_seen folders_see_what_they_may a_wrong_import_is_seen nothing_makes_markup_of_text \
    markup_is_seen packages_are_pinned a_range_of_versions_is_seen first_load_is_small a_large_first_load_is_seen; do
    case_ "$name" "$name"
done
echo "# the first visit: $(first_load build/web | sed -n 1p)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
