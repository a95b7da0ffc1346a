"""Requests and answers as the documents show them: a block with curl, then a block with its JSON."""

import itertools
import json
import shlex
from dataclasses import dataclass, field

from quart import Response
from quart.testing import QuartClient

from tests.docs.problem_codes import statuses_of_codes
from tests.docs.reading import Block, blocks

ADDRESS = "http://127.0.0.1:5000"
# Stands for whatever changes from one request to the next.
ANYTHING = "…"


@dataclass
class Example:
    """One request, and the answer that the document promises."""

    method: str
    path: str
    answer: object
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def status(self) -> int:
        """Return the status that a problem names, or that goes with its code; anything else is a success."""
        if isinstance(self.answer, dict) and self.answer.get("s") == "error":
            (status,) = statuses_of_codes()[str(self.answer["code"])]
            return status
        problem = isinstance(self.answer, dict) and {"type", "status", "detail"} <= self.answer.keys()
        return int(self.answer["status"]) if problem else 200

    async def ask(self, client: QuartClient, token: str = "") -> Response:
        headers = {name: value.replace("$TOKEN", token) for name, value in self.headers.items()}
        return await client.open(self.path, method=self.method, headers=headers, data=self.body)


def examples(text: str) -> list[Example]:
    """Return every request of a document, each with the answer below it."""
    found = []
    for block, following in itertools.pairwise([*blocks(text), Block("", "", "")]):
        commands = block.text.replace("\\\n", " ").splitlines() if block.language == "bash" else []
        for command in (line for line in commands if line.startswith("curl ")):
            assert following.language == "json", f"{command} has no answer"
            found.append(_read(shlex.split(command), json.loads(following.text)))
    return found


def _read(words: list[str], answer: object) -> Example:
    example = Example("GET", "", answer)
    pending = iter(words[1:])
    for word in pending:
        if word == "-H":
            name, _, value = next(pending).partition(": ")
            example.headers[name] = value
        elif word == "-d":
            example.method, example.body = "POST", next(pending)
        else:
            assert word.startswith(ADDRESS), f"{word} is no option that this reader knows"
            example.path = word.removeprefix(ADDRESS)
    return example


def differences(promised: object, given: object, place: str = "the answer") -> list[str]:
    """Return a sentence for each place where an answer is not what was promised, members in order."""
    if promised == ANYTHING:
        return []
    if isinstance(promised, dict) and isinstance(given, dict):
        if list(promised) != list(given):
            return [f"{place} has the members {list(given)}, not {list(promised)}"]
        return [line for key in promised for line in differences(promised[key], given[key], f"{place}.{key}")]
    if isinstance(promised, list) and isinstance(given, list):
        if len(promised) != len(given):
            return [f"{place} has {len(given)} items, not {len(promised)}"]
        pairs = enumerate(zip(promised, given, strict=True))
        return [line for index, (one, two) in pairs for line in differences(one, two, f"{place}[{index}]")]
    # 3 and 3.0 are one number in JSON; true is none.
    same_kind = isinstance(promised, bool) == isinstance(given, bool)
    return [] if same_kind and promised == given else [f"{place} is {given!r}, not {promised!r}"]
