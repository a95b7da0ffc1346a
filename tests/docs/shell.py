"""The commands of shell blocks: continued lines joined, comments and what is set for later left out."""

import re
import shlex
from dataclasses import dataclass

from tests.docs.reading import blocks

SHELLS = ("bash", "sh", "console", "shell")
SET_FOR_LATER = re.compile(r"^(?:export )?[A-Z_]+=(?:\"[^\"]*\"|\S*)$")
HERE_DOCUMENT = re.compile(r"<<-?'?(?P<end>\w+)'?")


@dataclass(frozen=True)
class Command:
    """One command as a person types it, spaces made even; of a here document, its first line."""

    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text.partition("<<")[0], comments=True)

    @property
    def settings(self) -> dict[str, str]:
        """Return what is set in front of the program."""
        found = {}
        for word in self.words:
            if not re.match(r"^[A-Z_]+=", word):
                break
            name, _, found_value = word.partition("=")
            found[name] = found_value
        return found

    @property
    def program(self) -> str:
        return self.words[len(self.settings)]

    @property
    def arguments(self) -> list[str]:
        return self.words[len(self.settings) + 1 :]


def commands(text: str) -> list[Command]:
    """Return every command of the shell blocks of a document, in order."""
    return [
        Command(line) for block in blocks(text) if block.language in SHELLS for line in _lines(block.text)
    ]


def _lines(text: str) -> list[str]:
    found, ends = [], ""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = " ".join(line.split())
        if ends:
            ends = "" if stripped == ends else ends
        elif stripped and not stripped.startswith("#") and not SET_FOR_LATER.match(stripped):
            found.append(stripped)
            here = HERE_DOCUMENT.search(stripped)
            ends = here["end"] if here else ""
    return found
