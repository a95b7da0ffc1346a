"""Holds the embedded servers until its input ends: the process that the tests kill.

It runs where little can be imported, so it leaves out what ``app_extensions`` brings in for the service.
"""

import importlib
import sys
import types
from pathlib import Path

package = types.ModuleType("app_extensions")
package.__path__ = [str(Path(__file__).resolve().parents[2] / "app_extensions")]
sys.modules["app_extensions"] = package
embedded = importlib.import_module("app_extensions.embedded")


def hold(var_dir: str, *names: str) -> int:
    try:
        with embedded.embedded_servers(
            Path(var_dir), postgres="postgres" in names, valkey="valkey" in names, say=print
        ) as addresses:
            sys.stdout.write(f"ready {addresses.db_connection_string} {addresses.redis_url}\n")
            sys.stdout.flush()
            sys.stdin.read()
    except embedded.EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(hold(*sys.argv[1:]))
