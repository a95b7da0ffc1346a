"""``quart schema`` and ``quart asyncapi`` write what the service serves."""

import json
from pathlib import Path

import pytest

from tests.cli.quart import run_quart


@pytest.mark.parametrize(("command", "document"), [("schema", "openapi"), ("asyncapi", "asyncapi")])
async def test_the_command_writes_the_document(
    command: str, document: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file = tmp_path / "document.json"
    environment = {"ENV": "test", "SECRET_KEY": "x" * 40, "VAR_DIR": str(tmp_path / "var")}
    written = await run_quart(environment, command, "-o", file)
    assert (written.exit_code, written.out) == (0, ""), written.err
    assert json.loads(file.read_text()) == request.getfixturevalue(document)
    printed = await run_quart(environment, command)
    assert printed.out == file.read_text()
