#!/usr/bin/env bash
# Makes a base image with Python from Debian's own packages, for where no image registry answers.
#
#   docker/base.sh IMAGE [SUITE [PACKAGE...]]      SUITE is bookworm unless said otherwise: Python 3.11
#
# Needs root on Debian or Ubuntu, the docker command and an engine (docker/engine.sh). IMAGE gets its name only once
# its Python runs and it is whole. Interrupted, it exits 129, 130 or 143 and leaves nothing behind.
set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
label=prefect-run-survival.project=prefect-run-survival
lock=/run/prefect-run-survival.lock
proof='import platform, sqlite3, ssl, venv; print(platform.python_version())'

say() { printf '%s\n' "$@" >&2; }

fail() {
    say "No base image: $1" "${@:2}"
    exit 1
}

if [ $# -lt 1 ]; then
    say "usage: $0 IMAGE [SUITE [PACKAGE...]]"
    exit 2
fi
image=$1
suite=${2:-bookworm}
packages=$(printf ',%s' ca-certificates python3 python3-venv "${@:3}")

work='' named=''

clean_up() {
    # A second Ctrl-C must not cut this short, nor reach the rm.
    trap '' HUP INT TERM
    local group
    for group in $(jobs -p); do
        kill -KILL -- "-$group" 2>/dev/null || :
    done
    wait 2>/dev/null
    [ -n "$work" ] || return 0
    if [ -z "$named" ] && [ -s "$work/id" ]; then
        docker rmi "$(cat "$work/id")" >/dev/null 2>&1 || :
    fi
    # What was killed may be dying still, and writing.
    for _ in 1 2 3 4 5; do
        rm -rf --one-file-system "$work" 2>/dev/null && break
        sleep 0.5
    done
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# In the background, in a process group of its own: bash acts on a signal at once only while it waits, and
# everything that the command started can be ended with it.
run() {
    set -m
    "$@" </dev/null &
    set +m
    wait "$!"
}

# The mirror that this machine's apt uses for Debian, whatever format its sources have.
mirror() {
    local uri
    # shellcheck disable=SC2016  # apt fills that in
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Label: Debian' 'Component: main' 2>/dev/null |
        sed -n 1p)
    # debootstrap knows nothing of apt's other ways (mirror+file, cdrom, tor).
    case $uri in http://* | https://* | file:/*) echo "$uri" ;; esac
}

update_lists() { flock -o "$lock" apt-get update; }

install_debootstrap() {
    DEBIAN_FRONTEND=noninteractive flock -o "$lock" \
        apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 debootstrap debian-archive-keyring
}

make_tree() {
    # In namespaces of its own, so that no mount and no process of it can stay behind. Where they are not to be had
    # (an unprivileged container), debootstrap cannot mount anything either, and copes.
    local isolated=(unshare --pid --fork --kill-child --mount-proc)
    "${isolated[@]}" true 2>/dev/null || isolated=()
    LC_ALL=C ${isolated[@]+"${isolated[@]}"} debootstrap --force-check-gpg --variant=minbase \
        --include="${packages#,}" "$suite" "$work/root" "$@"
}

# What is left out is of no use in an image, or is this machine's own. An exclusion keeps the folder and drops what is in it.
import_tree() {
    tar -C "$work/root" --numeric-owner --one-file-system \
        --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --exclude='./run/*' --exclude='./tmp/*' \
        --exclude=./etc/hostname --exclude=./etc/resolv.conf \
        --exclude='./var/cache/apt/*' --exclude='./var/cache/debconf/*-old' --exclude='./var/lib/dpkg/*-old' \
        --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*.log' --exclude='./var/log/apt/*' \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/info/*' --exclude='./usr/share/man/*/*' \
        --exclude='./usr/share/locale/*' \
        -c . |
        docker import --change "LABEL $label" --change 'ENV LANG=C.UTF-8' --change 'CMD ["python3"]' - >"$work/id"
}

command -v docker >/dev/null || fail "there is no docker command here." "Install it (on Debian: apt-get install docker.io), then try again."
seen=$(docker version --format '{{.Server.Version}}' 2>&1) || fail "${seen##*$'\n'}" "Start an engine first: docker/engine.sh"
if [ "$(id -u)" -ne 0 ] || ! grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release 2>/dev/null; then
    fail "making one from Debian's packages needs root on Debian or Ubuntu." \
        "Run this there, or bring a Debian image with python3 yourself: docker load, then docker tag NAME $image"
fi

say "making $image from Debian $suite's packages: one to two minutes"
SECONDS=0
# Not /tmp: that may be memory, or mounted so that debootstrap cannot work in it.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/prefect-run-survival-base.XXXXXXXX")

if ! command -v debootstrap >/dev/null || [ -z "$(mirror)" ]; then
    run update_lists >"$work/log" 2>&1 || say "apt-get update failed, going on with the lists that are there"
fi
if ! command -v debootstrap >/dev/null; then
    # Not with run: dpkg is let finish rather than killed half way.
    install_debootstrap </dev/null >"$work/log" 2>&1 || fail "apt-get install debootstrap failed; its last lines:" "$(tail -n 5 "$work/log")"
fi

from=$(mirror)
run make_tree ${from:+"$from"} >"$work/log" 2>&1 ||
    fail "debootstrap $suite failed; its last lines:" "$(tail -q -n 5 "$work/log" "$work/root/debootstrap/debootstrap.log" 2>/dev/null)"

python=$(chroot "$work/root" python3 -B -c "$proof" 2>"$work/log") ||
    fail "Python does not run in what was made:" "$(tail -n 5 "$work/log")"

# Without a name at first: what a tar that fails half way leaves can look whole to the engine.
run import_tree 2>"$work/log" || fail "docker import failed:" "$(tail -n 5 "$work/log")"
docker tag "$(cat "$work/id")" "$image" 2>"$work/log" || fail "$(cat "$work/log")"
named=yes
megabytes=$(($(docker image inspect --format '{{.Size}}' "$image") / 1000000))
echo "$image: Debian $suite, Python $python, $megabytes MB, made in $SECONDS s"
