#!/bin/sh
# Sees to it that a Docker engine answers: the one that is there, or on Debian and Ubuntu, as root, one that it
# installs with apt and starts. Prints one line that says which; exits 1 where there is none in the end.
# May be called at any time, any number of times, by several at once.
#
#   ENGINE_WAIT_SECONDS   how long a starting engine has to answer (60)
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
default=unix:///var/run/docker.sock
lock=/run/prefect-run-survival.lock
log=/var/log/dockerd.log
wait_seconds=${ENGINE_WAIT_SECONDS:-60}
newline='
'

say() { printf '%s\n' "$@" >&2; }

fail() {
    say "No Docker engine: $1"
    shift
    [ $# -eq 0 ] || say "$@"
    exit 1
}

# An engine may be there without the docker command, its socket handed into a container for instance.
version_without_cli() {
    python3 - "$endpoint" <<'PYTHON'
import http.client, json, socket, sys

scheme, _, address = sys.argv[1].partition("://")
try:
    if scheme == "unix":
        link = http.client.HTTPConnection("localhost")
        link.sock = socket.socket(socket.AF_UNIX)
        link.sock.settimeout(5)
        link.sock.connect(address)
    else:
        link = http.client.HTTPConnection(address, timeout=5)
    link.request("GET", "/version")
    print(json.load(link.getresponse())["Version"])
except Exception as error:
    sys.exit(f"{sys.argv[1]}: {error} (asked without the docker command)")
PYTHON
}

# Leaves the engine's version, or why there is none, in $answer, and where it was asked in $endpoint.
answers() {
    endpoint=${DOCKER_HOST:-$default}
    if command -v docker >/dev/null; then
        endpoint=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) || endpoint=${DOCKER_HOST:-$default}
        limit=
        # A host that swallows packets would keep the docker command waiting for minutes.
        ! command -v timeout >/dev/null || limit='timeout 10'
        answer=$($limit docker version --format '{{.Server.Version}}' 2>&1) && found=0 || found=$?
        [ "$found" -ne 124 ] || answer="no answer from $endpoint in 10 s"
    else
        answer=$(version_without_cli 2>&1) && found=0 || found=$?
    fi
    answer=${answer##*"$newline"}
    return "$found"
}

report() { echo "Docker engine $answer at $endpoint${1:+, $1}"; }

# living PID [NAME]: a zombie is dead, and a pid that something else has now is none of ours.
living() {
    awk -v name="${2:-}" '
        $1 == "Name:" { named = (name == "" || $2 == name) }
        $1 == "State:" { runs = ($2 != "Z" && $2 != "X") }
        END { exit !(named && runs) }
    ' "/proc/$1/status" 2>/dev/null
}

pid_in() { cat "$1" 2>/dev/null || :; }

# dockerd refuses to start where its pid file names any pid in use, and waits for a containerd that is none.
drop_stale_pid_file() {
    if [ -e "$1" ] && ! living "$(pid_in "$1")" "$2"; then
        rm -f "$1"
    fi
}

install_engine() {
    say "installing docker.io with apt"
    export DEBIAN_FRONTEND=noninteractive
    # One broken source must not stop us: if the list that matters is stale, the installation says so.
    apt-get update </dev/null >>"$log" 2>&1 9>&- || say "apt-get update failed ($log), going on with the lists that are there"
    packages=docker.io
    # From Debian 13 on the docker command is a package of its own.
    [ -z "$(apt-cache search --names-only '^docker-cli$')" ] || packages="$packages docker-cli"
    # shellcheck disable=SC2086  # two package names
    apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 $packages </dev/null >>"$log" 2>&1 9>&- ||
        fail "apt-get install $packages failed; its last lines:" "$(tail -n 5 "$log")"
}

# Leaves the pid of what it started in $started, or "systemd".
start_engine() {
    say "starting dockerd"
    if [ -d /run/systemd/system ]; then
        started=systemd
        systemctl start docker </dev/null >>"$log" 2>&1 9>&- ||
            fail "systemctl start docker failed; its last lines:" "$(journalctl -u docker -n 5 --no-pager 2>&1)"
        return
    fi
    drop_stale_pid_file /var/run/docker.pid dockerd
    drop_stale_pid_file /var/run/docker/containerd/containerd.pid containerd
    # A session and descriptors of its own, without the lock's: it outlives the caller and holds nothing of theirs open.
    (cd / && exec setsid dockerd </dev/null >>"$log" 2>&1 9>&-) &
    started=$!
}

if answers; then
    report
    exit 0
fi
if [ -n "${DOCKER_HOST:-}" ] || [ "$endpoint" != "$default" ]; then
    fail "$answer" \
        "DOCKER_HOST or the docker context asks for that one: start it, or choose one on this machine (unset DOCKER_HOST; docker context use default)."
fi
if [ "$(id -u)" -ne 0 ]; then
    fail "$answer" \
        "Start one, or get access to it (group docker), or set DOCKER_HOST to one that answers, or run this as root: sudo $0"
fi
if ! grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release 2>/dev/null; then
    fail "$answer" "Install and start Docker this system's own way (only Debian and Ubuntu are done here), or set DOCKER_HOST."
fi

exec 9>"$lock"
flock -w 900 9 || fail "another process has been setting one up for 15 minutes; see who holds $lock"

command -v dockerd >/dev/null || install_engine

deadline=$(($(date +%s) + wait_seconds))
started=
until answers; do
    if ! living "$(pid_in /var/run/docker.pid)" dockerd; then
        if [ -z "$started" ]; then
            start_engine
        elif [ "$started" != systemd ] && ! living "$started"; then
            fail "dockerd stopped before it answered; the last lines of $log:" "$(tail -n 3 "$log")"
        fi
    fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
        fail "none answered in $wait_seconds s: $answer" "dockerd's log ends:" "$(tail -n 3 "$log" 2>&1)"
    fi
    sleep 0.5
done
report "${started:+started now}"
