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
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check --progress-bar off \
        --require-hashes --compile "$@"
}

# set_up NAME FILE...: an environment that holds what the locked FILEs list.
set_up() {
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
