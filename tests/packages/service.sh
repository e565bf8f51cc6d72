#!/bin/bash
# The installed control plane in a booted Debian: set up, running under its unit's confinement, upgraded, removed, purged.
# Run by install.sh in that system, as root, with the packages in /test/now and /test/later.
set -u
. /test/say.sh
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
service=trustedrouter-controlplane.service
state=/var/lib/trustedrouter conf=/etc/trustedrouter/controlplane.conf

until_true() { # SECONDS COMMAND...
    local i
    for ((i = 0; i < $1 * 10; i++)); do
        "${@:2}" >/dev/null 2>&1 && return
        sleep 0.1
    done
    return 1
}
program() { # as the service's user
    (cd / && runuser -u trustedrouter -- tr-controlplane -c "$conf" "$@")
}
rest() { # METHOD PATH [BODY]
    curl -sS --fail-with-body --cacert "$state/ca.pem" -X "$1" "https://localhost:8444$2" -H "Authorization: Bearer ${key:-}" \
        -H 'content-type: application/json' ${3:+--data-binary "$3"}
}
ready() { rest GET /readyz; }
pid() { systemctl show -P MainPID $service; }
apt() { apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" >/test/apt.log 2>&1 || cat /test/apt.log; }
database() { (cd / && runuser -u postgres -- psql -XAtq -d trustedrouter -c "$1"); }
why() { systemctl status --no-pager -l -n 20 $service; }
digest() { find "$state" -type f ! -name log.head ! -name "*.started" | sort | xargs sha256sum; }

# --- the first start

systemctl start $service
say service_waits_for_setup "$([ "$(systemctl is-active $service) $(systemctl is-enabled $service)" = "inactive enabled" ] || why)"
say service_setup "$(trustedrouter-setup >/test/setup 2>&1 || { cat /test/setup; why; })"
say service_setup_made_role_and_database "$(grep -c '^made the PostgreSQL' /test/setup | grep -qx 2 || cat /test/setup)"
say service_is_ready "$(until_true 20 ready || { ready; why; })"
say service_setup_twice_changes_nothing "$(before=$(digest); trustedrouter-setup >/test/setup 2>&1 || echo "it failed"
    grep '^made' /test/setup; [ "$(digest)" = "$before" ] || echo "other keys")"

# --- confined

field() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid)/status"; }
say service_has_a_user_of_its_own "$([ "$(stat -c %U "/proc/$(pid)")" = trustedrouter ] || [ "$(field Uid | cut -f1)" = "$(id -u trustedrouter)" ] || field Uid)"
say service_has_no_privilege "$([ "$(field NoNewPrivs) $(field Seccomp) $(field CapBnd) $(field CapEff)" = "1 2 0000000000000000 0000000000000000" ] ||
    grep -E 'NoNewPrivs|Seccomp|Cap' "/proc/$(pid)/status")"
say service_memory_is_locked "$(kb=$(field VmLck); [ "${kb% kB}" -gt 1000 ] || echo "locked: $kb")"
for place in / /etc/trustedrouter /usr/share/trustedrouter /root; do
    nsenter --mount --target "$(pid)" touch "$place/written" 2>/dev/null && written="${written:-} $place"
done
say service_can_write_nowhere_else "${written:-}"
say service_can_write_its_state "$(nsenter --mount --target "$(pid)" sh -c "touch $state/written && rm $state/written" 2>&1)"
say service_state_is_its_own "$([ "$(stat -c '%U %a' $state) $(stat -c '%U %a' $state/ca.key)" = "trustedrouter 700 trustedrouter 600" ] ||
    ls -la $state)"
say service_configuration_is_no_strangers "$([ "$(stat -c '%U %G %a' $conf /etc/trustedrouter/provider-keys.conf | paste -sd ' ')" = \
    "root trustedrouter 640 trustedrouter trustedrouter 600" ] || ls -la /etc/trustedrouter)"

# --- used

key=$(program --bootstrap 2>/test/bootstrap)
say service_operators_key "$([[ $key == sk-tr-m1-* ]] || cat /test/bootstrap)"
say service_operators_key_is_shown_once "$(program --bootstrap 2>&1 | grep -q 'there is an operator already' || echo "it was shown again")"
say service_takes_money_and_makes_keys "$(rest POST /v1/credits/topup '{"amount": 5, "idempotency_key": "first"}' >/dev/null &&
    rest POST /v1/keys '{"name": "an app"}' | grep -q '"key"' || echo "it does not")"
page() { curl -sS --cacert $state/ca.pem -i "https://localhost:8444$1"; }
say service_serves_the_console "$(page / | grep -qi '^content-security-policy: default-src .none.; script-src .self.' &&
    page / | grep -q '<title>' && page /v1/console | grep -q '"data_planes":' || page /)"
say service_prints_pins "$(program --print-link-spki | grep -qE '^[0-9a-f]{64}$' || echo "no pin"
    program --print-log-key | grep -qF 'localhost/log+' || echo "no log key")"
say service_log_is_published "$(curl -sS --cacert $state/ca.pem https://localhost:8444/checkpoint | grep -q '^localhost/log' || echo "it is not")"
reloaded() { journalctl -q -u $service | grep -qE '"event":"policy_(kept|changed)"'; }
say service_reloads "$(systemctl reload $service && until_true 5 reloaded || { journalctl -q -u $service | tail; why; })"
before=$(pid)
kill -9 "$before"
back() { [ "$(pid)" != 0 ] && [ "$(pid)" != "$before" ] && ready; }
say service_is_back_after_a_crash "$(until_true 20 back || why)"
before=$(pid) began=$(date +%s)
say service_stops_in_time "$(systemctl stop $service && [ $(($(date +%s) - began)) -le 15 ] && ! systemctl is-failed -q $service || why)"
systemctl start $service

# --- upgraded

credits() { rest GET /v1/credits | grep -q '"total_credits" *: *5'; }
until_true 20 ready
sed -i 's/^# metrics_port = 0/metrics_port = 9464/' $conf
echo "# mine" >>/etc/trustedrouter/provider-keys.conf
keys=$(digest) before=$(pid)
say upgrade "$(apt install /test/later/trustedrouter-controlplane_*.deb)"
say upgrade_restarts_the_service "$(until_true 20 back || why)"
say upgrade_migrates "$([ "$(database "select to_regclass('of_a_later_release') is not null")" = t ] || database '\dt')"
say upgrade_keeps_what_was_edited "$(grep -q '^metrics_port = 9464' $conf && grep -q mine /etc/trustedrouter/provider-keys.conf ||
    echo "it is gone"; [ "$(stat -c '%G %a' $conf)" = "trustedrouter 640" ] || ls -l $conf)"
say upgrade_puts_the_new_text_beside_it "$(grep -q 'later release' $conf.dpkg-dist || ls -l /etc/trustedrouter)"
say upgrade_replaces_what_was_not_edited "$(grep -q 'later release' /etc/trustedrouter/attestation.conf || echo "it does not")"
say upgrade_keeps_keys_and_money "$([ "$(digest)" = "$keys" ] || echo "other keys"; credits || rest GET /v1/credits)"
refused() { journalctl -q -u $service | grep -q 'in the database is newer than this program'; }
say downgrade_over_a_migrated_database_is_refused "$(apt install --allow-downgrades /test/now/trustedrouter-controlplane_*.deb
    until_true 10 refused || { ready; why; })"
say upgrade_again_after_that "$(apt install /test/later/trustedrouter-controlplane_*.deb; until_true 20 ready || why)"

# --- removed

say remove "$(apt remove trustedrouter-controlplane)"
say remove_ends_the_service "$([ -z "$(pgrep -x tr-controlplane)" ] && [ ! -e /usr/bin/tr-controlplane ] || why)"
say remove_keeps_keys_and_configuration "$([ "$(digest)" = "$keys" ] && grep -q '^metrics_port = 9464' $conf || ls -l $state /etc/trustedrouter)"
say remove_and_install_again "$(apt install /test/later/trustedrouter-controlplane_*.deb
    until_true 20 ready || why; credits || rest GET /v1/credits)"
touch /etc/trustedrouter/gpu-ca.pem
say purge "$(apt purge trustedrouter-controlplane trustedrouter-tools)"
say purge_deletes_what_is_ours "$(ls -d $state /usr/share/trustedrouter /etc/systemd/system/multi-user.target.wants/$service 2>/dev/null
    ls /etc/trustedrouter | grep -vx gpu-ca.pem)"
say purge_keeps_the_operators_file "$([ -e /etc/trustedrouter/gpu-ca.pem ] || echo "it is gone")"
say purge_keeps_the_database "$(database "select count(*) from api_key" | grep -qx 2 || echo "it is gone")"
say purge_says_so "$(grep -q 'database and role stay' /test/apt.log || cat /test/apt.log)"
systemctl daemon-reload
say purge_leaves_nothing_to_systemd "$([ "$(systemctl show -P LoadState $service)" = not-found ] || why)"
echo "# the end"
