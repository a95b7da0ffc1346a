# shellcheck shell=bash
# Makes .venv and keeps it in step with the locked requirements. Sourced by start.sh and test.sh, from the
# project's directory; it prints one plain line before each long step.

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# A file in the virtual environment that is there only while it is being set up: found at the next start, it
# means that the last one was interrupted.
unfinished=.venv/unfinished

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in python3.13 python3.12 python3.11 python3; do
        if new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "Python 3.11 or later is needed and was not found: install it, then run this again."
}

make_environment() {
    local python
    if [ -e .venv ] && [ ! -e "$unfinished" ] && new_enough .venv/bin/python; then
        return
    fi
    python=$(find_python)
    if [ -e .venv ]; then
        say "The environment in .venv is unfinished or does not work any more. Making it again."
        rm -rf .venv
    fi
    say "Making the environment in .venv with $("$python" --version)."
    if [ "$installer" = pip ] && ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        fail "This Python cannot make virtual environments: install python3-venv, then run this again."
    fi
    mkdir .venv
    : >"$unfinished"
    if [ "$installer" = uv ]; then
        UV_PYTHON_DOWNLOADS=never uv venv --quiet --allow-existing --python "$python" .venv
    else
        "$python" -m venv .venv
    fi || fail "The environment could not be made; the lines above say why."
}

# Both compile while they install: the exchange library takes seven seconds to load when it is not compiled.
install_with_uv() {
    UV_PYTHON_DOWNLOADS=never uv pip install --quiet --python .venv/bin/python \
        --require-hashes --compile-bytecode "$@"
}

install_with_pip() {
    # uv makes environments without pip, and may be gone by now.
    .venv/bin/python -c 'import pip' 2>/dev/null || .venv/bin/python -m ensurepip >/dev/null 2>&1 || return
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check --progress-bar off \
        --require-hashes --compile "$@"
}

# set_up NAME FILE...: an environment that holds what the locked FILEs list. Whoever comes second waits, where the
# machine has flock; the lock is on the project's directory, and ends with whoever holds it.
set_up() {
    if command -v flock >/dev/null 2>&1; then
        exec 9<.
        flock --wait 900 9 || fail "Another set-up of .venv does not end: stop it, then run this again."
    fi
    set_up_alone "$@"
    exec 9<&-
}

set_up_alone() {
    local name=$1 stamp sum file count
    shift
    stamp=.venv/installed-$name
    installer=pip
    if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
        installer=uv
    fi
    make_environment
    sum=$(cat "$@" | cksum)
    if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then
        return
    fi
    count=$(cat "$@" | grep -c '^[a-z0-9].*==' || true)
    say "Installing the packages with $installer, about $count of them. This takes a minute or two, once."
    : >"$unfinished"
    local requirements=()
    for file in "$@"; do
        requirements+=(--requirement "$file")
    done
    if ! "install_with_$installer" "${requirements[@]}"; then
        [ "$installer" = uv ] || fail "The packages could not be installed; the lines above say why."
        say "uv could not install them. Trying pip instead."
        installer=pip
        make_environment
        install_with_pip "${requirements[@]}" ||
            fail "The packages could not be installed; the lines above say why."
    fi
    printf '%s\n' "$sum" >"$stamp"
    rm -f "$unfinished"
}

# set_up_browser: Chromium and the npm packages of tests/browser, which tests/charts uses as well, as far as this
# machine allows. What is lacking is said in capitals; the tests are then skipped, or fail where CI is set.
set_up_browser() {
    local stamp=tests/browser/node_modules/.installed sum
    if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null &&
        ! command -v google-chrome >/dev/null; then
        if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
            say "THE PAGE WILL NOT BE TESTED: Chromium is not installed. Install it, then run this again."
            return
        fi
        say "Installing Chromium, for the tests of the page. This takes a minute, once."
        if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; } \
            >/dev/null 2>&1; then
            say "THE PAGE WILL NOT BE TESTED: Chromium could not be installed."
            return
        fi
    fi
    if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
        say "THE PAGE WILL NOT BE TESTED: Node.js 20 or later, with npm, is not installed."
        return
    fi
    sum=$(cksum <tests/browser/package-lock.json)
    if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then
        return
    fi
    say "Installing the packages of the tests of the page with npm."
    if npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --loglevel=error; then
        printf '%s\n' "$sum" >"$stamp"
    else
        rm -rf tests/browser/node_modules
        say "THE PAGE WILL NOT BE TESTED: npm could not install what its tests need."
    fi
}

# set_up_contract: the npm packages of tests/contract, where there is Node.js; without them, what others would say of
# the published documents is not tested.
set_up_contract() {
    local stamp=tests/contract/node_modules/.installed sum
    if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
        say "NOT TESTED: a generated client. Node.js 20 or later, with npm, is not installed."
        return
    fi
    sum=$(cksum <tests/contract/package-lock.json)
    if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then
        return
    fi
    say "Installing the packages of the tests of the published documents with npm."
    if npm ci --prefix tests/contract --ignore-scripts --no-audit --no-fund --loglevel=error; then
        printf '%s\n' "$sum" >"$stamp"
    else
        say "NOT TESTED: a generated client. Its packages could not be installed."
    fi
}
