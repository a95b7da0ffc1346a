import pytest

from plugins import PluginLoadError, load_plugins
from utils.clock import Clock
from utils.errors import NotFound

GUEST = """
from plugins.simulated import SimulatedPlugin
from plugins.simulated_faults import SimulatedFaults

MARKET = {market!r}


def create_plugin(context):
    {body}
    return SimulatedPlugin(context.clock, 1, SimulatedFaults())
"""


@pytest.fixture
def guest(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


def load(*guests, settings=None):
    return load_plugins(guests, Clock(), lambda market: (settings or {}).get(market, {}))


def test_the_built_in_markets_are_there():
    assert sorted(load().by_market) == ["crypto", "simulated"]


def test_a_guest_enters_by_the_same_door(guest):
    registry = load(guest("village_guest", GUEST.format(market="village", body="pass")))
    assert registry.get("village") is registry.by_market["village"]


def test_an_unknown_market_names_those_there_are():
    with pytest.raises(NotFound, match=r"Did you mean crypto\? The markets are crypto, simulated\."):
        load().get("cripto")


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("guest_taken", GUEST.format(market="crypto", body="pass"), "another plugin has"),
        ("guest_nameless", "def create_plugin(context): ...", "needs MARKET"),
        ("guest_loud", GUEST.format(market="Loud Market", body="pass"), "needs MARKET"),
        ("guest_empty", "MARKET = 'empty'", "needs MARKET"),
        ("guest_picky", GUEST.format(market="picky", body="raise ValueError('no.')"), "settings: no."),
    ],
)
def test_a_guest_that_does_not_fit_is_refused_with_a_sentence(guest, name, text, word):
    with pytest.raises(PluginLoadError, match=word) as refusal:
        load(guest(name, text))
    assert name in str(refusal.value)


def test_a_guest_that_is_not_there_is_named():
    with pytest.raises(PluginLoadError, match=r"no_such_guest"):
        load("no_such_guest")
