#!/bin/bash
# The packages on a fresh Debian 12, made by debootstrap: installed with apt, then booted (systemd-nspawn, no network) and
# used as README.Debian says: service.sh has those cases. The base system and what apt downloads are kept in build/packages.
# Skipped, with a count, where that cannot be done: not root, no debootstrap or systemd-nspawn, no Debian mirror.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/checks/say.sh"
cache=$root/build/packages
mirror=${TR_DEBIAN_MIRROR:-http://deb.debian.org/debian}

# Every case of this file and of service.sh, so that a skip says what was not tried.
skip_all() { # WHY
    sed -n 's/^ *say \([a-z_]*\) .*/\1/p' "$root/tests/packages/install.sh" "$root/tests/packages/service.sh" | sort -u |
        while read -r name; do
            echo "skip $name: $1"
        done
    exit 0
}
[ "$(id -u)" = 0 ] || skip_all "only root may make another root"
for program in debootstrap systemd-nspawn unshare; do
    command -v "$program" >/dev/null || skip_all "no $program"
done

tmp=$(mktemp -d /var/tmp/tr-packages-XXXXXX)
trap 'rm -rf --one-file-system "$tmp"' EXIT
system=$tmp/system

# --- a fresh system

make_base() {
    mkdir -p "$cache/archives"
    [ -f "$cache/bookworm.tar" ] && return
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates bookworm "$tmp/base" "$mirror" &&
        tar -C "$tmp/base" -cf "$cache/bookworm.tar.new" . && mv "$cache/bookworm.tar.new" "$cache/bookworm.tar" &&
        rm -rf "$tmp/base"
}
make_system() {
    mkdir "$system" && tar -C "$system" -xf "$cache/bookworm.tar" && mkdir "$system/test" || return
    echo "deb $mirror bookworm main" >"$system/etc/apt/sources.list"
    cp /etc/resolv.conf "$system/etc/resolv.conf"
    # Nothing is started while the system is not running.
    printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d" && chmod 755 "$system/usr/sbin/policy-rc.d"
}
# COMMAND... in the system that does not run, with the network; its processes end with it.
inside() {
    unshare --mount --pid --fork --kill-child bash -c '
        mount -t proc proc "$0/proc" && mount -t tmpfs shm "$0/dev/shm" &&
            mount --bind "$1" "$0/var/cache/apt/archives" && shift &&
            exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"' \
        "$system" "$cache/archives" "$@"
}
apt() {
    inside apt-get -q -y -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
}

# --- the packages, of this build and of a later one: another text in two configuration files, one more migration

make_packages() {
    local next=$tmp/next last
    "$root/deploy/packages/build" "$root/build/release" "$tmp/now" || return
    mkdir -p "$next/common" && cp -r "$root/deploy" "$root/sql" "$root/docs" "$root/CHANGELOG.md" "$next/" &&
        cp "$root/common/version.h" "$next/common/" || return
    sed -i '1i # The text of a later release.' "$next"/deploy/examples/{controlplane,attestation}.conf
    last=$(cd "$next/sql" && ls [0-9]*.sql | tail -n 1)
    echo "CREATE TABLE of_a_later_release (n int);" >"$next/sql/$(printf %03d $((10#${last%%_*} + 1)))_later.sql"
    SOURCE_DATE_EPOCH=$(date +%s) VERSION=$(sed -n 's/^#define TR_VERSION "\(.*\)"$/\1/p' "$root/common/version.h")+later \
        "$next/deploy/packages/build" "$root/build/release" "$tmp/later" || return
    mkdir "$system/test/now" "$system/test/later" && cp "$tmp"/now/*.deb "$system/test/now/" &&
        cp "$tmp"/later/*.deb "$system/test/later/"
}

make_base >"$tmp/log" 2>&1 || { tail -n 5 "$tmp/log" | sed 's/^/# /'; skip_all "no base system from $mirror"; }
make_system || exit 1
make_packages >"$tmp/log" 2>&1 || { cat "$tmp/log"; say packages_are_built "see above"; exit 1; }
apt update >"$tmp/log" 2>&1 && ! grep -q '^[EW]: .*Failed to fetch' "$tmp/log" || skip_all "no package lists from $mirror"

# --- apt install

installs() { # PACKAGE...: what apt says when it fails
    apt install "$@" >"$tmp/log" 2>&1 || tail -n 20 "$tmp/log"
}
# What apt brings along with the tools, beside what it recommends (curl, which tr-log-mirror runs), is what the package
# declares: libraries, and what these depend on themselves.
tools_package() { # its file, as seen from inside
    (cd "$system" && ls ./test/now/trustedrouter-tools_*.deb | sed 's|^\.||')
}
depends() { # the names in its Depends, one a line
    dpkg-deb -f "$system$(tools_package)" Pre-Depends Depends | sed 's/^[A-Za-z-]*: //' | tr ',|' '\n\n' |
        sed 's/ *(.*//; s/ //g' | grep .
}
depends_closure() { # and all that these need
    depends | xargs chroot "$system" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
        --no-breaks --no-replaces --no-enhances | grep '^[a-z0-9]' | sed 's/:.*//'
}
say install_tools_depends_on_libraries_only "$(depends | grep -v '^lib' | sed 's/$/ is no library/')"
say install_tools "$(installs --no-install-recommends "$(tools_package)")"
say install_tools_brings_what_it_depends_on_only "$(depends_closure >"$tmp/closure"
    grep -o '^Setting up [a-z0-9.+-]*' "$tmp/log" | sed 's/.* //' | grep -vx trustedrouter-tools | grep -vxFf "$tmp/closure" |
        sed 's/$/ came along, and no Depends asks for it/')"
say install_tools_says_its_version "$(inside tr-verify --version 2>&1 | grep -qE '^tr-verify [0-9.]+$' || echo "it does not")"

cp -r "$root/tests/fixtures/snp/real/genoa_v3_yaxi" "$root/tests/fixtures/policies/genoa_v3.conf" "$system/test/"
verdict() { # POLICY...: the exit status of a report's verdict
    inside tr-verify report /test/genoa_v3_yaxi/report.bin --vek /test/genoa_v3_yaxi/vcek.der "$@" >"$tmp/log" 2>&1
    echo $?
}
say install_tools_accept_a_report "$(got=$(verdict --policy /test/genoa_v3.conf); [ "$got" = 0 ] || { echo "$got"; cat "$tmp/log"; })"
say install_tools_reject_it_by_the_strict_policy "$(got=$(verdict); [ "$got" = 10 ] || { echo "$got"; cat "$tmp/log"; })"
say install_controlplane_with_postgresql "$(installs curl "$(cd "$system" && ls ./test/now/trustedrouter-controlplane_*.deb | sed 's|^\./|/|')")"
say install_brings_postgresql_15 "$(inside dpkg-query -W -f '${db:Status-Status}' postgresql-15 | grep -qx installed || echo "it does not")"
say install_says_what_is_next "$(grep -q 'then run trustedrouter-setup' "$tmp/log" || cat "$tmp/log")"

# --- booted

cp "$root/tests/packages/service.sh" "$root/tests/checks/say.sh" "$system/test/"
rm "$system/usr/sbin/policy-rc.d"
cat >"$system/etc/systemd/system/service-test.service" <<'UNIT'
[Unit]
After=multi-user.target postgresql.service
[Service]
Type=oneshot
ExecStart=/bin/bash /test/service.sh
StandardOutput=file:/test/results
StandardError=file:/test/log
ExecStopPost=/bin/systemctl poweroff --no-block
UNIT
ln -s ../service-test.service "$system/etc/systemd/system/multi-user.target.wants/service-test.service"
timeout -k 5 300 systemd-nspawn --quiet --directory="$system" --private-network --capability=CAP_IPC_LOCK --register=no --keep-unit --link-journal=no \
    --console=pipe --boot </dev/null >"$tmp/boot" 2>&1
if [ ! -s "$system/test/results" ]; then
    tail -n 5 "$tmp/boot" | sed 's/^/# /'
    sed -n 's/^ *say \([a-z_]*\) .*/skip \1: systemd-nspawn cannot boot here/p' "$root/tests/packages/service.sh" | sort -u
    exit $bad
fi
cat "$system/test/results"
grep -q '^not ok ' "$system/test/results" && bad=1
say service_cases_came_to_their_end "$(grep -qx '# the end' "$system/test/results" || tail -n 20 "$system/test/log" "$tmp/boot")"
exit $bad
