# shellcheck shell=bash
# Programs that some tests use and that pip cannot install. Sourced by test.sh, after environment.sh.

# Nobody's laptop is changed behind their back: packages are installed where we are root, as in a container, or in a
# continuous integration that may be it.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -n "${CI:-}" ] && sudo -n true >/dev/null 2>&1; then
        sudo -n "$@"
    else
        return 1
    fi
}

install_package() {
    local install=(env DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install --yes --no-install-recommends)
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root "${install[@]}" "$1" >/dev/null 2>&1 && return
    as_root timeout 120 apt-get update >/dev/null 2>&1 || return 1
    as_root "${install[@]}" "$1" >/dev/null 2>&1
}

# want PROGRAM PACKAGE WHAT: sees to a program that is needed to test WHAT, or says that it is not tested.
want() {
    local program=$1 package=$2 what=$3
    command -v "$program" >/dev/null 2>&1 && return
    say "Looking for $program, which tests $what, in the packages of this machine."
    if install_package "$package" && command -v "$program" >/dev/null 2>&1; then
        return
    fi
    say "NOT TESTED: $what. $program is missing and was not installed. On Debian and Ubuntu: apt-get install $package"
}
