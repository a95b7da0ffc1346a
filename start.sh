#!/usr/bin/env bash
# Sets up what is missing, then runs the service until Ctrl-C. Settings: the environment and .env.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/environment.sh
. scripts/environment.sh

set_up service requirements.txt
exec .venv/bin/python app.py "$@"
