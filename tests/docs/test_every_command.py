"""Every command and every example of the documents is run by a test that is named, or says why by none."""

import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app_extensions import cli
from app_extensions.cli_listen import listen_command
from config import declared_settings
from tests.docs.command_registry import EXAMPLES, NOT_RUN, NOT_RUN_BEGINNINGS, REQUESTS, RUN
from tests.docs.reading import ROOT, Block, blocks, code_words, table
from tests.docs.shell import SHELLS, Command, commands

PAGES = [
    path
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
        *sorted((ROOT / "docs").glob("*.md")),
    )
    if path.is_file()
]
REQUEST_TOOLS = ("curl", "wget", "http")
EXAMPLE_LANGUAGES = ("json", "http", "html", "python")
# Settings of the plugins that the pages teach to write.
OF_EXAMPLES = {"VILLAGE_FILE", "VILLAGE_COINS"}
PLACES_OF_TESTS = re.compile(r"^(?P<path>tests/[\w/]+\.py)::(?P<name>test_\w+)$")

each_page = pytest.mark.parametrize("page", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def unregistered(page: str, text: str) -> Iterator[str]:
    """Yield each command that no test runs and that no reason excuses."""
    for command in commands(text):
        if command.program in REQUEST_TOOLS and page in REQUESTS:
            continue
        excused = command.text in NOT_RUN or command.text.startswith(tuple(NOT_RUN_BEGINNINGS))
        if command.text not in RUN and not excused:
            yield command.text


def untested(page: str, text: str) -> Iterator[str]:
    """Yield the heading and language of each example that no test reads."""
    nothing = Block("", "", "")
    for above, block in itertools.pairwise([nothing, *blocks(text)]):
        answers = above.language in SHELLS and "curl " in above.text and page in REQUESTS
        if block.language not in EXAMPLE_LANGUAGES or (block.language == "json" and answers):
            continue
        if not {(page, block.language, ""), (page, block.language, block.heading)} & EXAMPLES.keys():
            yield f"{block.language} below {block.heading}"


def words_of_tests(test: str) -> str:
    """Return what stands in the module of a test and in the modules beside it that it may use."""
    place = PLACES_OF_TESTS.match(test)
    assert place, f"{test} does not name a test"
    path = ROOT / place["path"]
    assert path.is_file(), f"{test}: there is no such file"
    assert re.search(rf"^(?:async )?def {place['name']}\(", path.read_text(), re.MULTILINE), (
        f"{test}: there is no such test"
    )
    beside = [each for each in path.parent.glob("*.py") if not each.name.startswith("test_")]
    return "\n".join(each.read_text() for each in (path, *beside))


def quart_commands() -> list[Command]:
    found = [command for page in PAGES for command in commands(page.read_text())]
    return [command for command in found if command.program.endswith("/quart")]


@each_page
def test_every_command_is_run_by_a_test_or_has_a_reason(page: Path) -> None:
    found = list(unregistered(name_of(page), page.read_text()))
    assert not found, f"add to RUN or NOT_RUN of tests/docs/command_registry.py: {found}"


@each_page
def test_every_example_is_read_by_a_test(page: Path) -> None:
    found = list(untested(name_of(page), page.read_text()))
    assert not found, f"add to EXAMPLES of tests/docs/command_registry.py: {found}"


@pytest.mark.parametrize("test", sorted({*RUN.values(), *REQUESTS.values(), *EXAMPLES.values()}))
def test_what_is_named_is_a_test(test: str) -> None:
    assert words_of_tests(test)


@pytest.mark.parametrize("text", RUN)
def test_the_test_of_a_command_speaks_of_it(text: str) -> None:
    command = Command(text)
    words = words_of_tests(RUN[text])
    essential = {*command.settings} - OF_EXAMPLES
    if command.program.endswith("/quart"):
        essential.add(command.arguments[0])
    lacking = {word for word in essential if word not in words and word.lower() not in words}
    assert not lacking, f"{RUN[text]} has no word of {lacking}"


def test_nothing_is_registered_that_no_document_shows() -> None:
    shown = {command.text for page in PAGES for command in commands(page.read_text())}
    assert not {*RUN, *NOT_RUN} - shown
    assert not RUN.keys() & NOT_RUN.keys()
    assert all(len(reason.split()) > 3 for reason in NOT_RUN.values())
    places = {
        (name_of(page), block.language, heading)
        for page in PAGES
        for block in blocks(page.read_text())
        for heading in ("", block.heading)
    }
    assert not EXAMPLES.keys() - places
    assert {*REQUESTS} <= {name_of(page) for page in PAGES}


def test_every_quart_command_takes_the_arguments_that_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {each.name: each for each in vars(cli).values() if isinstance(each, click.Command)}
    monkeypatch.chdir(tmp_path)
    assert len(quart_commands()) > 5
    for command in quart_commands():
        name, *arguments = command.arguments
        for word in arguments:
            if Path(word).suffix in (".csv", ".gz", ".dump"):
                Path(word).parent.mkdir(parents=True, exist_ok=True)
                Path(word).touch()
        known[name].make_context(name, arguments).close()


def test_every_setting_that_is_shown_exists() -> None:
    known = {field.metadata["name"] for field in declared_settings()} | OF_EXAMPLES
    for page in PAGES:
        for command in commands(page.read_text()):
            if command.program == "./start.sh":
                assert not command.settings.keys() - known, command.text


def test_every_script_that_is_shown_exists_and_knows_its_options() -> None:
    checked = 0
    for command in (command for page in PAGES for command in commands(page.read_text())):
        if command.program.endswith("python") and command.arguments[0].startswith("benchmarks/"):
            source = (ROOT / command.arguments[0]).read_text()
            options = [word for word in command.arguments[1:] if word.startswith("--")]
            lacking = [option for option in options if f'"{option}"' not in source]
            assert not lacking, command.text
            checked += 1
    assert checked > 5


def test_the_detectors_of_commands_and_examples_detect() -> None:
    lines = "# a comment\nTOKEN=x\nA=1 ./b.sh --long \\\n  more\npython - <<'END'\nrm x\nEND\ncurl x"
    text = f"# A\n\n```bash\n{lines}\n```\n"
    assert [command.text for command in commands(text)] == [
        "A=1 ./b.sh --long more",
        "python - <<'END'",
        "curl x",
    ]
    assert (commands(text)[0].settings, commands(text)[0].program) == ({"A": "1"}, "./b.sh")
    assert list(unregistered("x.md", text)) == ["A=1 ./b.sh --long more", "python - <<'END'", "curl x"]
    assert list(unregistered("README.md", text)) == ["A=1 ./b.sh --long more", "python - <<'END'"]
    shown = "# A\n\n```bash\ncurl x\n```\n\n```json\n1\n```\n\n```json\n2\n```\n"
    assert list(untested("x.md", shown)) == ["json below A", "json below A"]
    assert list(untested("README.md", shown)) == ["json below A"]
    with pytest.raises(AssertionError, match="there is no such test"):
        words_of_tests(f"tests/docs/{Path(__file__).name}::test_that_is_none")


def test_the_interpreter_of_the_examples_is_the_one_of_the_tests() -> None:
    assert Path(sys.prefix, "bin", "quart").is_file()


def test_every_option_of_listening_in_a_terminal_is_named_with_its_default() -> None:
    page = (ROOT / "docs/announcements.md").read_text()
    rows = {code_words(row[0])[0]: row for row in table(page, "In a terminal", "Option")}
    options = {each.opts[0]: each for each in listen_command.params if isinstance(each, click.Option)}
    assert rows.keys() == options.keys()
    for name, option in options.items():
        # Others are the service's to say, or nobody's.
        if option.show_default and not option.is_flag:
            assert code_words(rows[name][1]) == [str(option.default)], name
        kinds = getattr(option.type, "choices", ())
        assert set(kinds) <= set(code_words(rows[name][2])), name
