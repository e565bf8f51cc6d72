# What up, down, start and stop share. Sourced, not run. A stack lives in one directory, $RUN:
#   conf/     written by up: providers.conf catalog.conf dataplane.conf controlplane.conf ...
#   log/ pid/ one file per process            pg/       the private PostgreSQL cluster
#   state/    the control plane's CA and link key   platform/ the simulated machine
#   ports     the loopback ports in use             env       what clients need (0600)

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RUN=$(realpath -m "${TR_RUN_DIR:-$ROOT/run}")
MODE=${MODE:-release}
BIN=${TR_BIN:-$ROOT/build/$MODE}
PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
# In the order in which they are started; stopped in the reverse one.
PROCESSES="postgres mock controlplane dataplane"

die() {
    echo "$*" >&2
    exit 1
}

# --- processes: a pid file holds "PID STARTTIME", so a recycled pid is never mistaken for ours

start_time() { # PID
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) } # the name may hold anything; the start time is field 22
    # shellcheck disable=SC2086
    set -- $stat
    [ "$1" != Z ] && echo "${20}"
}

pid_of() { # NAME: its pid, when it is alive and ours
    local pid started
    read -r pid started 2>/dev/null <"$RUN/pid/$1" || return 1
    [ "$(start_time "$pid")" = "$started" ] && [ -n "$started" ] && echo "$pid"
}

note_pid() { # NAME PID
    echo "$2 $(start_time "$2")" >"$RUN/pid/$1"
}

launch() { # NAME COMMAND...
    local name=$1
    shift
    setsid "$@" </dev/null >>"$RUN/log/$name.log" 2>&1 9>&- &
    note_pid "$name" $!
}

wait_gone() { # PID SECONDS
    local i
    for ((i = 0; i < $2 * 20; i++)); do
        start_time "$1" >/dev/null || return 0
        sleep 0.05
    done
    return 1
}

stop_one() { # NAME: TERM, and KILL when that does not help within 15 s
    local pid signal=TERM
    if pid=$(pid_of "$1"); then
        [ "$1" = postgres ] && signal=INT # fast shutdown: do not wait for clients
        kill -"$signal" "$pid" 2>/dev/null || true
        wait_gone "$pid" 15 || { kill -KILL "$pid" 2>/dev/null || true; wait_gone "$pid" 5 || true; }
    fi
    rm -f "$RUN/pid/$1"
}

wait_for() { # SECONDS WHAT COMMAND...: until the command succeeds
    local seconds=$1 what=$2 i
    shift 2
    for ((i = 0; i < seconds * 10; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "timed out after $seconds s waiting for $what; see $RUN/log" >&2
    return 1
}

# --- PostgreSQL: a cluster of our own, on a Unix socket only, never as root

as_db_user() { # COMMAND...
    if [ "$(id -u)" = 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

db_url() {
    echo "postgresql:///tr?host=$(cat "$RUN/pg.socket")&user=tr"
}

# Where its socket and its files go: in $RUN/pg.socket and $RUN/pg.data.
prepare_postgres() {
    local data socket
    [ -n "$PG_BIN" ] || die "PostgreSQL is not installed: deploy/dev/install-packages run"
    socket=$(cat "$RUN/pg.socket" 2>/dev/null) || socket=
    if [ -z "$socket" ] || [ ! -d "$socket" ]; then
        # A Unix socket's path has 107 bytes and every directory above it must be open to the server's
        # user, so it lives under /tmp; nobody else may enter the directory, hence "trust" below.
        socket=$(mktemp -d /tmp/tr-pg-XXXXXX)
        [ "$(id -u)" = 0 ] && chown postgres: "$socket"
        echo "$socket" >"$RUN/pg.socket"
    fi
    data=$(cat "$RUN/pg.data" 2>/dev/null) || data=
    if [ -z "$data" ]; then
        data=$RUN/pg
        mkdir -p "$data"
        if [ "$(id -u)" = 0 ]; then
            chown postgres: "$data"
            if ! as_db_user test -w "$data" 2>/dev/null; then
                # The checkout is where only root may enter (/root): keep the files beside it.
                rmdir "$data"
                data=$(mktemp -d /var/tmp/tr-pg-XXXXXX)
                chown postgres: "$data"
                ln -s "$data" "$RUN/pg"
            fi
        fi
        echo "$data" >"$RUN/pg.data"
    fi
    if [ ! -f "$data/PG_VERSION" ]; then
        as_db_user "$PG_BIN/initdb" -D "$data" -U tr -A trust -E UTF8 --locale=C.UTF-8 \
            >>"$RUN/log/postgres.log" 2>&1 || die "initdb failed; see $RUN/log/postgres.log"
    fi
}

launch_postgres() {
    local data socket
    data=$(cat "$RUN/pg.data")
    socket=$(cat "$RUN/pg.socket")
    if [ "$(id -u)" = 0 ]; then
        set -- setpriv --reuid=postgres --regid=postgres --init-groups
    else
        set --
    fi
    cd /
    launch postgres "$@" "$PG_BIN/postgres" -D "$data" -k "$socket" -c listen_addresses= \
        -c unix_socket_permissions=0700 -c max_connections=60 -c shared_buffers=64MB \
        -c logging_collector=off -c jit=off
    cd "$OLDPWD"
}

# A postmaster that was killed leaves children behind that hold its shared memory for a moment: start
# again until it lives.
start_postgres() {
    local socket i
    socket=$(cat "$RUN/pg.socket")
    for ((i = 0; i < 300; i++)); do
        pid_of postgres >/dev/null || launch_postgres
        psql -XAtq "postgresql:///postgres?host=$socket&user=tr" -c 'select 1' >/dev/null 2>&1 && break
        sleep 0.1
    done
    psql -XAtq "postgresql:///postgres?host=$socket&user=tr" \
        -c "select 1 from pg_database where datname = 'tr'" | grep -q 1 ||
        psql -Xq "postgresql:///postgres?host=$socket&user=tr" -c 'create database tr'
}

# --- the other three

port() { # NAME
    sed -n "s/^$1=//p" "$RUN/ports"
}

launch_mock() {
    local tls=(--tls "$RUN/conf/mock.pem" "$RUN/conf/mock.key") a=demo-a
    if guest_on; then # demo_a is then the side door only
        a=side
        tls+=(--listen "demo-a:$(port demo_a_tls)")
    fi
    launch mock "$BIN/mock_provider" --listen "$a:$(port demo_a)" "${tls[@]}" --listen "demo-b:$(port demo_b)"
}
start_mock() {
    launch_mock
    wait_for 10 "the demo provider" curl -fsS "http://127.0.0.1:$(port demo_a)/mock/counters"
}

launch_controlplane() {
    launch controlplane "$BIN/tr-controlplane" -c "$RUN/conf/controlplane.conf"
}
start_controlplane() {
    launch_controlplane
    wait_for 30 "the control plane" curl -fsS --cacert "$RUN/state/ca.pem" \
        "https://127.0.0.1:$(port rest)/health"
}

launch_dataplane() {
    if guest_on; then
        launch_guest
        return
    fi
    launch dataplane "$BIN/tr-dataplane-sim" -c "$RUN/conf/dataplane.conf"
}
start_dataplane() {
    launch_dataplane
    wait_for 30 "the data plane to be accepted" health_ready
}

health_ready() {
    curl -fsS --cacert "$RUN/state/ca.pem" "https://127.0.0.1:$(port api)/health" |
        grep -q '"ready" *: *true'
}

. "$ROOT/deploy/dev/guest.sh"
