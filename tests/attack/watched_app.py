"""The whole service, with a door that tells what its worker holds; it is run like ``app.py``."""

import asyncio
import contextlib
import gc
import os
import sys
from pathlib import Path

from quart import Quart

from app import create_app
from app_extensions.server import main
from config import Config


def open_descriptors() -> list[str]:
    """Return what the descriptors of this process lead to."""
    found = []
    # A path interns its name: forty minutes of asking so added 3.7 MiB to whoever was watched.
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))  # noqa: PTH115
    return found


def connections_of_clients(descriptors: list[str]) -> int:
    """Count the sockets of the port that is served; a database may be reached by TCP as well."""
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    served = f":{int(os.environ['PORT']):04X}"
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(served)}
    return sum(each in inodes for each in descriptors)


async def held() -> dict[str, int]:
    """Count what an attack may leave behind; the pools of PostgreSQL and Redis keep what they have opened."""
    descriptors = open_descriptors()
    return {
        "connections": connections_of_clients(descriptors),
        "descriptors": len(descriptors),
        "tasks": len(asyncio.all_tasks()),
    }


async def left_over() -> dict[str, int]:
    """Count the objects that nobody has and that only the collector could free; and free them."""
    return {"objects": gc.collect()}


def create_watched_app(config: Config | None = None) -> Quart:
    """Return the app of the product with two routes more."""
    app = create_app(config)
    app.add_url_rule("/held", "held", held)
    app.add_url_rule("/left-over", "left_over", left_over)
    return app


if __name__ == "__main__":
    sys.exit(main(create_watched_app))
