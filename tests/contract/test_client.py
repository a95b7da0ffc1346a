"""A TypeScript client, generated from the OpenAPI document by a public generator, compiles and works."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.service import PASSWORD, Served
from utils.accounts import Role
from utils.json_codec import encode_json

HERE = Path(__file__).parent
TIMEOUT_S = 120
# A field that has a default may be left out of a request.
GENERATE = ("openapi.json", "--output", "api.ts", "--default-non-nullable=false")


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """A folder with the packages and the client in it."""
    if not shutil.which("node"):
        pytest.skip("THE TYPESCRIPT CLIENT IS NOT TESTED, because Node.js is not installed.")
    if not (HERE / "node_modules/openapi-typescript").is_dir():
        pytest.skip("THE TYPESCRIPT CLIENT IS NOT TESTED: run npm ci in tests/contract.")
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    for name in ("client.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / name, tmp_path)
    return tmp_path


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def node(folder: Path, package: str, *arguments: str) -> str:
    return run(folder, "node", f"node_modules/{package}", *arguments)


def test_a_generated_client_compiles_and_works(openapi, workshop: Path, served: Served) -> None:
    (workshop / "openapi.json").write_bytes(encode_json(openapi))
    node(workshop, "openapi-typescript/bin/cli.js", *GENERATE)
    node(workshop, "typescript/bin/tsc", "--project", "tsconfig.json")
    served.make_user("client", Role.USER)
    said = json.loads(run(workshop, "node", "built/client.js", served.url, "client", PASSWORD))
    assert said["exchanges"] == ["simex"]
    assert said["rows"] == 24
    assert said["close"] == said["text"] > 0
    assert said["spoken"].startswith("Bitcoin")
    assert said["code"] == "unknown_exchange"
    assert said["alerts"] == ["90000"]
    assert said["gone"] == 204
