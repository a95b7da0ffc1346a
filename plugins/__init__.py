"""The loader and the registry of market plugins; built-ins and guests enter by the same door."""

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plugins.base import MarketPlugin, PluginContext
from utils.clock import Clock
from utils.errors import unknown

BUILT_IN = ("plugins.crypto", "plugins.simulated")


class PluginLoadError(Exception):
    """Say in one sentence why a plugin could not be loaded."""


@dataclass(frozen=True, slots=True)
class PluginRegistry:
    """Find the plugin of a market."""

    by_market: Mapping[str, MarketPlugin]

    def get(self, market: str) -> MarketPlugin:
        """Return the plugin of a market.

        Raises: NotFound naming the markets there are.
        """
        plugin = self.by_market.get(market)
        if plugin is None:
            markets = ", ".join(sorted(self.by_market))
            raise unknown("market", market, self.by_market, advice=f"The markets are {markets}.")
        return plugin


def load_plugins(
    guests: Iterable[str], clock: Clock, settings_of: Callable[[str], Mapping[str, str]]
) -> PluginRegistry:
    """Import the built-in plugins and the guests, given as dotted module names.

    Raises: PluginLoadError when a module is missing, offers no plugin, or its market is taken.
    """
    by_market: dict[str, MarketPlugin] = {}
    for name in (*BUILT_IN, *guests):
        market, plugin = _load_plugin(name, clock, settings_of)
        if market in by_market:
            raise PluginLoadError(f"Plugin {name} offers the market {market}, which another plugin has.")
        by_market[market] = plugin
    return PluginRegistry(by_market)


def import_offer(name: str, *, label: str, create: str) -> tuple[str, Callable[[PluginContext], Any]]:
    """Return what a module, given as a dotted name, says it is, and the function that makes it.

    Raises: PluginLoadError when the module is missing or lacks one of the two.
    """
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise PluginLoadError(f"Plugin {name} cannot be imported: {error}.") from error
    word = getattr(module, label, None)
    make = getattr(module, create, None)
    if not isinstance(word, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", word) or make is None:
        raise PluginLoadError(f"Plugin {name} needs {label}, a lower-case word, and {create}(context).")
    return word, make


def _load_plugin(
    name: str, clock: Clock, settings_of: Callable[[str], Mapping[str, str]]
) -> tuple[str, MarketPlugin]:
    market, create = import_offer(name, label="MARKET", create="create_plugin")
    try:
        return market, create(PluginContext(clock, settings_of(market)))
    except ValueError as error:
        raise PluginLoadError(f"Plugin {name} does not accept its settings: {error}") from error
