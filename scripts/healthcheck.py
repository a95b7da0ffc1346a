"""Ask this machine's own service whether it lives: ``python -m scripts.healthcheck``, for a container engine.

The exit code is 0 when /live answers, 1 when it does not or the settings cannot be read.
"""

import contextlib
import http.client
import socket
import ssl
import sys

from config import Config, ConfigError, load_config

TIMEOUT_S = 4.0
EVERY_INTERFACE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def lives(config: Config) -> bool:
    """Tell whether the service that these settings start answers."""
    connection = _connection(EVERY_INTERFACE.get(config.host, config.host), config)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/live")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


def _connection(host: str, config: Config) -> http.client.HTTPConnection:
    if not config.certfile:
        return http.client.HTTPConnection(host, config.port, timeout=TIMEOUT_S)
    # The certificate is made for the service's public name, and nothing secret is asked or told.
    believing = ssl.create_default_context()
    believing.check_hostname = False
    believing.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, config.port, timeout=TIMEOUT_S, context=believing)


def main() -> int:
    """Return the exit code."""
    socket.setdefaulttimeout(TIMEOUT_S)
    try:
        return 0 if lives(load_config()) else 1
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
