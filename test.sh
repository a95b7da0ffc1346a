#!/usr/bin/env bash
# Sets up what is missing, then runs every check and test but the long ones. Arguments go to pytest, and leave
# the checks out; a long test runs when it is named. With --long the long ones run and no others:
#   ./test.sh tests/embedded -k second_start
#   ./test.sh --long tests/reliability
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/environment.sh
. scripts/environment.sh
# shellcheck source=scripts/programs.sh
. scripts/programs.sh

long=
if [ "${1:-}" = --long ]; then
    long=1
    shift
fi
set_up tests requirements.txt requirements-dev.txt
case "${*:-tests/browser}" in
*tests/browser* | *tests/charts* | tests | tests/) set_up_browser ;;
esac
case "${*:-tests/contract}" in
*tests/contract* | tests | tests/) set_up_contract ;;
esac
want espeak-ng espeak-ng "what a synthesizer makes of our sentences"
if [ -n "$long" ]; then
    set -- -m long "$@"
elif [ "$#" -eq 0 ]; then
    say "Checking the format."
    .venv/bin/ruff format --check .
    say "Checking the style."
    .venv/bin/ruff check .
    say "Checking the types."
    .venv/bin/mypy
    say "Running the tests."
    set -- -m "not long"
fi
exec .venv/bin/python -m pytest -n 3 "$@"
