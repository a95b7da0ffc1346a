"""Who lists coins: those that are named, those there is a key for, or the simulation, and guests."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from config import load_config
from plugins import PluginLoadError
from plugins.listings import ListingsRegistry, load_listings
from tests.listings import LocalListings
from utils.clock import Clock
from utils.errors import NotFound

GUEST = """
from plugins.listings.simulated import SimulatedListings
from plugins.listings.simulated_faults import ListingsFaults

PROVIDER = {name!r}


class Guest(SimulatedListings):
    name = PROVIDER


def create_provider(context):
    {body}
    return Guest(context.clock, 1, ListingsFaults())
"""
GECKO, MARKETCAP = {"COINGECKO_API_KEY": "one"}, {"COINMARKETCAP_API_KEY": "two"}

WriteGuest = Callable[[str, str], str]


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteGuest:
    monkeypatch.syspath_prepend(tmp_path)

    def write(module: str, text: str) -> str:
        (tmp_path / f"{module}.py").write_text(text)
        return module

    return write


def load(*wanted: str, settings: Mapping[str, str] | None = None) -> ListingsRegistry:
    given = settings or {}

    def settings_of(name: str) -> dict[str, str]:
        return {key: value for key, value in given.items() if key.startswith(f"{name.upper()}_")}

    return load_listings(wanted, Clock(), settings_of)


def names(registry: ListingsRegistry) -> list[str]:
    return [provider.name for provider in registry.providers]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["simulated"]),
        ({"COINGECKO_API_KEY": " "}, ["simulated"]),
        (GECKO, ["coingecko"]),
        (MARKETCAP, ["coinmarketcap"]),
        (MARKETCAP | GECKO, ["coingecko", "coinmarketcap"]),
    ],
)
def test_without_a_wish_those_list_coins_that_there_is_a_key_for(
    settings: dict[str, str], expected: list[str]
) -> None:
    assert names(load(settings=settings)) == expected


def test_the_order_of_the_setting_is_the_order_of_asking() -> None:
    assert names(load("coinmarketcap", "coingecko", settings=MARKETCAP)) == ["coinmarketcap", "coingecko"]


def test_coingecko_needs_no_key_and_is_then_asked_at_a_slower_pace() -> None:
    keyless, keyed = load("coingecko").providers[0], load("coingecko", settings=GECKO).providers[0]
    assert keyless.profile().calls_per_minute < keyed.profile().calls_per_minute


def test_a_guest_enters_by_the_same_door(guest: WriteGuest) -> None:
    registry = load(guest("coins_village", GUEST.format(name="village", body="pass")), "coingecko")
    assert names(registry) == ["village", "coingecko"]
    assert registry.get("village") is registry.providers[0]


def test_a_guest_reads_its_own_settings_and_those_of_all_listings(guest: WriteGuest) -> None:
    settings = {"VILLAGE_A": "1", "LISTINGS_ENDPOINT": "http://127.0.0.1", "OTHER_A": "2"}
    body = "raise ValueError(' '.join(sorted(context.settings)))"
    module = guest("coins_settings", GUEST.format(name="village", body=body))
    with pytest.raises(PluginLoadError, match=r"settings: LISTINGS_ENDPOINT VILLAGE_A$"):
        load(module, settings=settings)


def test_an_unknown_provider_names_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"Did you mean simulated\? The providers are simulated\."):
        load().get("simulate")


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (("simulated", "coingecko"), "simulated beside others"),
        (("coingecko", "simulated"), "simulated beside others"),
        (("coingecko", "coingecko"), "offered already"),
        (("coinmarketcap",), "set COINMARKETCAP_API_KEY"),
        (("no_such_provider",), "cannot be imported"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(wanted: tuple[str, ...], word: str) -> None:
    with pytest.raises(PluginLoadError, match=word) as refusal:
        load(*wanted)
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("module", "text", "word"),
    [
        ("coins_taken", GUEST.format(name="coingecko", body="pass"), "offered already"),
        ("coins_nameless", "def create_provider(context): ...", "needs PROVIDER"),
        ("coins_loud", GUEST.format(name="Loud Coins", body="pass"), "needs PROVIDER"),
        ("coins_empty", "PROVIDER = 'empty'", "needs PROVIDER"),
        ("coins_picky", GUEST.format(name="picky", body="raise ValueError('no.')"), "settings: no."),
    ],
)
def test_a_guest_that_does_not_fit_is_refused_with_a_sentence(
    guest: WriteGuest, module: str, text: str, word: str
) -> None:
    with pytest.raises(PluginLoadError, match=word) as refusal:
        load("coingecko", guest(module, text))
    assert module in str(refusal.value)


async def test_the_settings_of_the_service_reach_every_provider() -> None:
    async with LocalListings() as local:
        given = {"ENV": "test", "SECRET_KEY": "x" * 40, "LISTINGS_ENDPOINT": local.endpoint}
        config = load_config({**given, **GECKO, **MARKETCAP}, dotenv=None)
        for provider in load_listings(config.listings_providers, Clock(), config.plugin_settings).providers:
            await provider.open()
            try:
                assert (await provider.fetch_top(1)).coins
            finally:
                await provider.close()
        asked = [(call.host, {"one", "two"} & set(call.headers.values())) for call in local.calls]
        assert asked == [("api.coingecko.com", {"one"}), ("pro-api.coinmarketcap.com", {"two"})]
