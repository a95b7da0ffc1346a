"""Which commands the program has, as containers call them."""

from collections.abc import Sequence
from functools import cache

import click
from quart import Quart

from app_extensions.cli import register_cli


@cache
def quart_commands() -> dict[str, click.Command]:
    """Return the commands of ``quart`` that are ours."""
    app = Quart("commands")
    register_cli(app)
    return dict(app.cli.commands)


def is_command(words: Sequence[str]) -> bool:
    """Tell whether a container could be started with these words; none of them is what the image starts."""
    if not words:
        return True
    program, *rest = words
    return program == "quart" and rest[0] in {*quart_commands(), "--help"}
