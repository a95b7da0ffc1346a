"""The commands that write the documents about the interfaces: ``quart schema`` and ``quart asyncapi``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from quart import Quart
from quart.cli import ScriptInfo, pass_script_info

from app_extensions.asyncapi import build_asyncapi
from app_extensions.openapi import build_openapi
from utils.json_codec import encode_json_lines

OUTPUT = click.Path(dir_okay=False, path_type=Path)


@click.command("schema")
@click.option("--output", "-o", type=OUTPUT, help="The file to write; printed when left out.")
@pass_script_info
def schema_command(info: ScriptInfo, output: Path | None) -> None:
    """Write the OpenAPI document of the HTTP interface."""
    _write(build_openapi, info, output)


@click.command("asyncapi")
@click.option("--output", "-o", type=OUTPUT, help="The file to write; printed when left out.")
@pass_script_info
def asyncapi_command(info: ScriptInfo, output: Path | None) -> None:
    """Write the AsyncAPI document of the WebSockets."""
    _write(build_asyncapi, info, output)


def _write(build: Callable[[Quart], dict[str, Any]], info: ScriptInfo, output: Path | None) -> None:
    text = encode_json_lines(build(info.load_app()))
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
