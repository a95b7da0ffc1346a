"""The service behind a real nginx, as deploy/nginx sets it up: whose word about addresses counts."""

import contextlib
import http.client
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.embedded.processes import wait_for
from tests.launcher.authority import Authority
from tests.launcher.conftest import APP, ROOT, Service
from tests.launcher.secure_line import connect, trusting
from tests.launcher.test_hypercorn_guard import read_head

CONFIGURATION = ROOT / "deploy/nginx/default.conf"
MAIN = """
daemon off;
pid {home}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/default.conf;
}}
"""

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="NOT TESTED behind a real proxy: nginx is not installed."
)


@dataclass
class Proxy:
    address: tuple[str, int]
    context: ssl.SSLContext

    def remaining(self, client: str, **headers: str) -> int:
        """What is left of the rate limit of a client with this address, after one more request."""
        connection = http.client.HTTPSConnection(
            "localhost", self.address[1], timeout=15, context=self.context, source_address=(client, 0)
        )
        with contextlib.closing(connection):
            sent = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request("GET", "/market/get_exchanges?market=simulated", headers=sent)
            answer = connection.getresponse()
            assert answer.status == 200
            allowance = dict(part.split("=") for part in answer.headers["RateLimit"].split(";")[1:])
            return int(allowance["r"])


@pytest.fixture
def proxy(
    launch: Callable[..., Service], beside: dict[str, str], authority: Authority, tmp_path: Path
) -> Iterator[Proxy]:
    # Of ten a minute, one comes back every six seconds: longer than the test asks for.
    service = launch(APP, **beside, TRUSTED_PROXY_HOPS="1", RATE_LIMIT_PER_MINUTE="10")
    home = tmp_path / "nginx"
    home.mkdir(mode=0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    names = authority.issue()
    secure = f"ssl; ssl_certificate {names['CERTFILE']}; ssl_certificate_key {names['KEYFILE']}"
    text = CONFIGURATION.read_text()
    for wanted, put in (
        ("server web:5000 max_fails=0;", f"server 127.0.0.1:{service.address[1]};"),
        ("listen 8080;", f"listen 127.0.0.1:{port} {secure};"),
    ):
        assert text.count(f"    {wanted}\n") == 1
        text = text.replace(wanted, put)
    (home / "default.conf").write_text(text)
    main = home / "nginx.conf"
    # As root, nginx would serve as somebody who may not enter the directory of the test.
    main.write_text(("user root;" if Path("/proc/self").stat().st_uid == 0 else "") + MAIN.format(home=home))
    nginx = subprocess.Popen(
        ["nginx", "-e", "stderr", "-p", str(home), "-c", str(main)], stderr=subprocess.PIPE
    )
    try:

        def listens() -> bool:
            assert nginx.poll() is None, nginx.stderr.read() if nginx.stderr else ""
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(listens, timeout_s=10, what="nginx")
        yield Proxy(("127.0.0.1", port), trusting(authority.trusted, "http/1.1"))
    finally:
        nginx.terminate()
        _, complaints = nginx.communicate(timeout=10)
    assert complaints == b""
    assert service.stop() == 0


def test_the_proxy_is_believed_and_what_a_client_writes_is_not(proxy: Proxy) -> None:
    first = proxy.remaining("127.0.0.2")
    # Whatever one client says of itself, all it asks is counted as its own.
    forged = [
        {"X_Forwarded_For": "203.0.113.9"},
        {"X_Forwarded_For": "203.0.113.9, 198.51.100.7"},
        {"Forwarded": "for=203.0.113.9;proto=https"},
        {"X_Real_IP": "203.0.113.9"},
        {"X_Forwarded_For": "unknown, , 10.0.0.1"},
    ]
    left = [proxy.remaining("127.0.0.2", **headers) for headers in forged]
    assert left == [first - number for number in range(1, len(forged) + 1)]
    # Another client has a limit of its own, though both come through the same proxy.
    assert proxy.remaining("127.0.0.3") == first

    # The page that the proxy shows to a browser may listen; another may not.
    for origin, status in (("https://localhost", b"101"), ("https://elsewhere.example", b"403")):
        with connect(proxy.address, proxy.context) as connection:
            connection.sendall(
                b"GET /ws/subscribe?market=simulated&symbols=BTC/USD HTTP/1.1\r\nHost: localhost\r\n"
                b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: " + origin.encode() + b"\r\n\r\n"
            )
            assert read_head(connection).split()[1] == status
            if status == b"101":
                said = b""
                while b'"type":"snapshot"' not in said:
                    said += connection.recv(4_096)
