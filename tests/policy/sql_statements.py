"""The statements of a migration, one by one: without comments, in one line each."""

import re
from collections.abc import Iterator

# What hides semicolons: comments, texts, quoted names, and bodies between dollar signs.
PART = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*')|(?P<name>\"[^\"]*\")"
    r"|(?P<body>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)|(?P<end>;)",
    re.DOTALL,
)


def statements(text: str) -> Iterator[str]:
    """Yield the statements of a file as they are run."""
    begun, last = "", 0
    for part in PART.finditer(text):
        begun += text[last : part.start()]
        last = part.end()
        if part["end"]:
            yield from _said(begun)
            begun = ""
        elif not part["comment"]:
            begun += part[0]
    yield from _said(begun + text[last:])


def _said(statement: str) -> Iterator[str]:
    # Comments also stand in the bodies of functions.
    line = " ".join(re.sub(r"--[^\n]*", " ", statement).split())
    if line:
        yield line
