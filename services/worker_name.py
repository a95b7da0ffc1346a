"""What a worker calls itself wherever it leaves its name: in leases, runs of jobs, figures."""

import os
import socket


def worker_name() -> str:
    """Return the machine and the process: ``web-1:4711``."""
    return f"{socket.gethostname()}:{os.getpid()}"
