"""The loader and the registry of listings providers; built-ins and guests enter by the same door."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from plugins import PluginLoadError, import_offer
from plugins.base import PluginContext
from plugins.listings.base import ListingsProvider
from utils.clock import Clock
from utils.errors import unknown

BUILT_IN = {name: f"plugins.listings.{name}" for name in ("coingecko", "coinmarketcap", "simulated")}
# In the order in which they are asked when nobody says otherwise, and what each is not asked without.
KEYED = {"coingecko": "COINGECKO_API_KEY", "coinmarketcap": "COINMARKETCAP_API_KEY"}
SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class ListingsRegistry:
    """Hold the providers, first choice first."""

    providers: tuple[ListingsProvider, ...]

    def get(self, name: str) -> ListingsProvider:
        """Return a provider by its name. Raises: NotFound naming those there are."""
        by_name = {provider.name: provider for provider in self.providers}
        if name not in by_name:
            names = ", ".join(by_name)
            raise unknown("provider", name, by_name, advice=f"The providers are {names}.")
        return by_name[name]


def load_listings(
    wanted: Iterable[str], clock: Clock, settings_of: Callable[[str], Mapping[str, str]]
) -> ListingsRegistry:
    """Import the providers, given as names of built-in ones or as dotted module names.

    Nothing wanted means those there is a key for, and the simulated one where there is none. Invented
    figures never take the place of real ones, so the simulated one is refused beside others.
    Raises: PluginLoadError when one is missing or does not accept its settings, or two have one name.
    """
    common = settings_of("listings")
    providers: dict[str, ListingsProvider] = {}
    for given in tuple(wanted) or _keyed(settings_of):
        module = BUILT_IN.get(given, given)
        name, create = import_offer(module, label="PROVIDER", create="create_provider")
        if name in providers:
            raise PluginLoadError(f"Plugin {module} offers the listings {name}, which are offered already.")
        try:
            providers[name] = create(PluginContext(clock, {**common, **settings_of(name)}))
        except ValueError as error:
            raise PluginLoadError(f"Plugin {module} does not accept its settings: {error}") from error
    if SIMULATED in providers and len(providers) > 1:
        raise PluginLoadError(
            "LISTINGS_PROVIDERS names simulated beside others: figures that are made up must not take the "
            "place of real ones. Leave simulated out."
        )
    return ListingsRegistry(tuple(providers.values()))


def _keyed(settings_of: Callable[[str], Mapping[str, str]]) -> tuple[str, ...]:
    names = tuple(name for name, setting in KEYED.items() if settings_of(name).get(setting, "").strip())
    return names or (SIMULATED,)
