#!/bin/bash
# The packages are the same bytes when they are built in another folder by another user with another umask, locale, time
# zone and date; everything in them belongs to root and has the modes that it should; the service's unit is one that
# systemd takes, and as confined as deploy/packages/README.md says.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/checks/say.sh"
tmp=$(mktemp -d /tmp/tr-packages-XXXXXX)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1700000000)
export SOURCE_DATE_EPOCH
build=$root/deploy/packages/build

if ! "$build" "$root/build/release" "$tmp/first" >"$tmp/log" 2>&1; then
    say packages_are_built "$(cat "$tmp/log")"
    exit 1
fi
controlplane=$(ls "$tmp"/first/trustedrouter-controlplane_*.deb)
tools=$(ls "$tmp"/first/trustedrouter-tools_*.deb)

# --- twice

# What another person does in a copy of the source.
ELSEWHERE='umask 077
    export HOME=/nonexistent TZ=Asia/Kathmandu LC_ALL=C.UTF-8 LANGUAGE=de
    make -s -j2 build/release/tr-controlplane build/release/tr-verify build/release/trctl web && faketime -f +400d deploy/packages/build'
if command -v faketime >/dev/null; then
    mkdir "$tmp/elsewhere"
    tar -c -C "$root" --exclude=./build --exclude=./run --exclude=./.git --exclude=node_modules --exclude=.venv . |
        tar -x -C "$tmp/elsewhere"
    # Without the network: what the console is built with is there.
    cp -a "$root/controlplane/web/node_modules" "$tmp/elsewhere/controlplane/web/"
    as=()
    if [ "$(id -u)" = 0 ]; then
        chown -R nobody "$tmp/elsewhere"
        as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    fi
    (cd "$tmp/elsewhere" && "${as[@]}" bash -c "$ELSEWHERE") >"$tmp/log" 2>&1 || cat "$tmp/log"
    for file in "$controlplane" "$tools"; do
        name=$(basename "$file")
        short=${name%%_*}
        say "packages_${short#*-}_is_the_same_twice" "$(cmp "$file" "$tmp/elsewhere/build/deb/$name" 2>&1)"
    done
    SOURCE_DATE_EPOCH=$((SOURCE_DATE_EPOCH + 1)) "$build" "$root/build/release" "$tmp/later" >/dev/null 2>&1
    say packages_twin_of_a_second_later_differs \
        "$(cmp -s "$tools" "$tmp/later/$(basename "$tools")" && echo "the comparison saw nothing")"
else
    echo "skip packages_are_the_same_twice: no faketime"
fi

# --- what is in them

# Owner, mode and name of whatever is not root's, or not 644 or 755 as its kind wants it.
odd() { # DEB
    dpkg-deb -c "$1" | awk '$2 != "root/root" || $1 !~ /^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x)$/ ||
        $1 !~ /^d/ && ($1 == "-rwxr-xr-x") != ($6 ~ /^\.\/usr\/s?bin\//) { print }'
}
say packages_controlplane_has_plain_modes "$(odd "$controlplane")"
say packages_tools_has_plain_modes "$(odd "$tools")"
dpkg-deb -x "$controlplane" "$tmp/tree"
dpkg-deb -x "$tools" "$tmp/tree"
for program in tr-controlplane tr-verify trctl; do
    say "packages_${program#tr-}_is_stripped" "$(readelf -SW "$tmp/tree/usr/bin/$program" | grep -E '\.(debug|symtab|comment)')"
done
say packages_built_program_has_debug_information \
    "$(readelf -SW "$root/build/release/tr-verify" | grep -q '\.debug_info' || echo "so nothing was stripped")"
configuration="/etc/trustedrouter/attestation.conf /etc/trustedrouter/controlplane.conf /etc/trustedrouter/providers.conf"
say packages_conffiles "$([ "$(dpkg-deb --ctrl-tarfile "$controlplane" | tar -xO ./conffiles | paste -sd ' ')" = "$configuration" ] ||
    echo "they are others")"

# The programs themselves read the installed files, moved into the tree.
conf=$tmp/tree/etc/trustedrouter/controlplane.conf
touch "$tmp/tree/etc/trustedrouter/provider-keys.conf" && chmod 600 "$tmp/tree/etc/trustedrouter/provider-keys.conf"
sed -i -e "s|/etc/|$tmp/tree/etc/|; s|/usr/|$tmp/tree/usr/|" "$conf"
say packages_configuration_is_taken "$("$tmp/tree/usr/bin/tr-controlplane" -c "$conf" --check-config 2>&1)"
say packages_policy_accepts_nothing_yet "$(sed -n '/^\[measurement/,$p' "$tmp/tree/etc/trustedrouter/attestation.conf" |
    grep -E '^(sha384|id) = ' | grep -vE ' = 0+$')"
say packages_have_no_demonstration "$(grep -n 'demo' "$tmp/tree/etc/trustedrouter/providers.conf")"
say packages_have_the_console "$(diff -r "$root/build/web" "$tmp/tree/usr/share/trustedrouter/console"
    grep -qx "console_dir = $tmp/tree/usr/share/trustedrouter/console" "$conf" || grep console_dir "$conf")"
say packages_have_every_migration "$(diff <(cd "$root/sql" && ls [0-9]*.sql) <(cd "$tmp/tree/usr/share/trustedrouter/sql" && ls))"

# --- the unit

unit=$tmp/tree/lib/systemd/system/trustedrouter-controlplane.service
exposure() { # UNIT: systemd's figure, of 100
    systemd-analyze security --offline=true --threshold=100 "$1" 2>/dev/null | sed -n 's/.*Overall exposure level.*: \([0-9]*\)\.\([0-9]\).*/\1\2/p'
}
if command -v systemd-analyze >/dev/null; then
    sed -i "s|/usr/bin/tr-controlplane|$tmp/tree/usr/bin/tr-controlplane|" "$unit"
    # Only of our unit: systemd-analyze reads those of this machine too.
    say unit_is_taken "$(systemd-analyze verify --man=no "$unit" 2>&1 | grep trustedrouter)"
    level=$(exposure "$unit")
    say unit_is_confined "$([ "${level:-100}" -le 15 ] || echo "exposure ${level:-unknown} of 100")"
    sed '/^Protect\|^SystemCallFilter\|^CapabilityBoundingSet/d' "$unit" >"$tmp/open.service"
    say unit_twin_is_open "$([ "$(exposure "$tmp/open.service")" -gt 15 ] || echo "systemd finds no difference")"
    sed 's/^Type=exec/Type=whatever/' "$unit" >"$tmp/trustedrouter-wrong.service"
    say unit_twin_is_not_taken "$(systemd-analyze verify --man=no "$tmp/trustedrouter-wrong.service" 2>&1 | grep -q whatever ||
        echo "it was taken")"
else
    echo "skip unit: no systemd-analyze"
fi
exit $bad
