"""The sentences of one language: gettext catalogs, read from ``locale/*.po`` once.

A message's id is its English template, so English needs no file. Every template stands in a module of
phrases as ``N_("…")`` or ``NN_("…", "…")``; a test collects them there and asks for each translation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NewType

from babel.messages.pofile import read_po

Message = NewType("Message", str)
Messages = tuple[Message, Message]

DIRECTORY = Path(__file__).parent / "locale"
# What gettext itself puts between the context of a message and its id.
CONTEXT_MARK = "\x04"


def N_(template: str) -> Message:  # noqa: N802 - the mark that gettext's readers know
    """Mark an English template, ``"{name} closed at {price}"``, for translation."""
    return Message(template)


def NN_(one: str, many: str) -> Messages:  # noqa: N802 - as above, for two
    """Mark the two English templates of something counted: ``voice.say_count(*BARS, count=3)``."""
    return Message(one), Message(many)


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """Hold the translations of one language; what is missing is said in English."""

    single: Mapping[str, str]
    counted: Mapping[str, tuple[str, ...]]

    def find(self, message: str) -> str:
        """Return the translated template."""
        return self.single.get(message, message)

    def find_in(self, context: str, message: str) -> str:
        """Return the translation that a message has in a context: an asset's name, say."""
        return self.single.get(f"{context}{CONTEXT_MARK}{message}", message)

    def find_counted(self, one: str) -> tuple[str, ...] | None:
        """Return a template for each plural form, in the order zero, one, two, few, many, other."""
        return self.counted.get(one)


ENGLISH = Catalog({}, {})


def read_catalog(code: str) -> Catalog:
    """Read the catalog of a language from its file.

    Raises: babel.messages.pofile.PoFileError when the file cannot be read as what it should be.
    """
    with (DIRECTORY / f"{code}.po").open("rb") as file:
        entries = [entry for entry in read_po(file, locale=code, abort_invalid=True) if entry.id]
    single = {}
    counted = {}
    for entry in entries:
        forms = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string or ())
        if not all(forms):
            continue
        if isinstance(entry.id, str):
            context = f"{entry.context}{CONTEXT_MARK}" if entry.context else ""
            single[context + entry.id] = forms[0]
        else:
            counted[entry.id[0]] = forms
    return Catalog(single, counted)
