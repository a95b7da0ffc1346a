"""Every setting, once: name, type, unit, default and a sentence.

``load_config`` reads the environment and ``.env``; nothing else in the program reads either. Run
``python config.py`` to print ``.env.example``.
"""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from utils.setting_readers import backfill_items, choice, flag, items, setting, timeframe_items, url, whole
from utils.signing_secret import kept_secret, secret_problems

ENVIRONMENTS = ("development", "test", "production")
SERVERS = ("hypercorn", "uvicorn")
REGISTRATIONS = ("auto", "open", "closed")
ROLES = ("all", "web", "feed")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class ConfigError(Exception):
    """Name every problem of the settings at once, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """Hold every setting, read and checked."""

    env: str = setting(
        "ENV",
        "development",
        choice(*ENVIRONMENTS),
        "development, test or production. Production refuses to start with unsafe settings; "
        "test hashes passwords cheaply.",
    )
    debug: bool = setting("DEBUG", False, flag, "Whether Quart runs in debug mode; never in production.")
    host: str = setting("HOST", "127.0.0.1", str, "The address to listen on; 0.0.0.0 for every interface.")
    port: int = setting("PORT", 5000, whole(0, 65535), "The port to listen on; 0 picks a free one.")
    workers: int = setting("WORKERS", 1, whole(1, 64), "How many worker processes serve requests.")
    role: str = setting(
        "ROLE",
        "all",
        choice(*ROLES),
        "web serves clients, feed follows exchanges and does the jobs, all does both.",
    )
    jobs: str = setting(
        "JOBS", "embedded", choice("embedded", "apart"), "Whether workers do jobs, or `quart worker` alone."
    )
    server: str = setting("SERVER", "hypercorn", choice(*SERVERS), "hypercorn (HTTP/2) or uvicorn (faster).")
    certfile: str = setting(
        "CERTFILE",
        "",
        str,
        "A PEM file with the certificate and those above it, to serve HTTPS without a proxy; with KEYFILE.",
    )
    keyfile: str = setting("KEYFILE", "", str, "The PEM file with the private key of CERTFILE.")
    log_level: str = setting(
        "LOG_LEVEL", "INFO", choice(*LOG_LEVELS), "The least important log line written."
    )
    sentry_dsn: str = setting(
        "SENTRY_DSN",
        "",
        url("http", "https"),
        "Where Sentry takes reports of failures; needs the extra sentry.",
    )
    otel_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        url("http", "https"),
        "Where a collector takes spans of OpenTelemetry, by OTLP over HTTP; needs the extra otel.",
    )
    otel_service_name: str = setting(
        "OTEL_SERVICE_NAME", "accessibletrader", str, "What spans call this service."
    )
    metrics: bool = setting("METRICS", True, flag, "Whether /metrics is served for Prometheus.")
    metrics_host: str = setting(
        "METRICS_HOST",
        "127.0.0.1",
        str,
        "The address that /metrics listens on; never one that clients can reach.",
    )
    metrics_port: int = setting(
        "METRICS_PORT", 9464, whole(0, 65535), "The port that /metrics listens on; 0 picks a free one."
    )
    secret_key: str = setting(
        "SECRET_KEY",
        "",
        str,
        "Signs access tokens; at least 32 bytes. Empty in development: one is made and kept in VAR_DIR.",
    )
    secret_key_previous: str = setting(
        "SECRET_KEY_PREVIOUS",
        "",
        str,
        "The SECRET_KEY before this one, still good while access tokens and refresh tokens of it are around.",
    )
    db_connection_string: str = setting(
        "DB_CONNECTION_STRING",
        "",
        url("postgresql", "postgres"),
        "PostgreSQL or TimescaleDB, postgresql://user:password@host/name. Empty: an embedded PostgreSQL.",
    )
    redis_url: str = setting(
        "REDIS_URL",
        "",
        url("redis", "rediss", "unix"),
        "Redis or Valkey, redis://host:6379/0. Empty: an embedded Valkey.",
    )
    var_dir: Path = setting(
        "VAR_DIR", Path("var"), Path, "Where the embedded servers and the secret are kept."
    )
    trusted_origins: tuple[str, ...] = setting(
        "TRUSTED_ORIGINS",
        (),
        items,
        "Web origins, separated by commas, whose pages may call this service: https://charts.example.org.",
    )
    trusted_proxy_hops: int = setting(
        "TRUSTED_PROXY_HOPS", 0, whole(0, 8), "How many proxies in front may be believed about addresses."
    )
    rate_limit_per_minute: int = setting(
        "RATE_LIMIT_PER_MINUTE", 60, whole(1, 1_000_000), "How many requests a minute one address may make."
    )
    answer_cache_mb: int = setting(
        "ANSWER_CACHE_MB",
        64,
        whole(0, 65_536),
        "How many megabytes of ready answers a worker keeps; 0 keeps none, neither here nor in Redis.",
    )
    ws_max_per_address: int = setting(
        "WS_MAX_PER_ADDRESS", 20, whole(1, 100_000), "How many WebSockets one address may hold on a worker."
    )
    ws_max_per_user: int = setting(
        "WS_MAX_PER_USER", 10, whole(1, 100_000), "How many WebSockets one user may hold on a worker."
    )
    access_token_minutes: int = setting(
        "ACCESS_TOKEN_MINUTES", 15, whole(1, 60), "How many minutes an access token lives."
    )
    refresh_token_days: int = setting(
        "REFRESH_TOKEN_DAYS", 30, whole(1, 365), "How many days a sign-in lasts at most."
    )
    session_idle_days: int = setting(
        "SESSION_IDLE_DAYS", 7, whole(1, 365), "After how many days without a refresh a sign-in has ended."
    )
    registration: str = setting(
        "REGISTRATION",
        "auto",
        choice(*REGISTRATIONS),
        "Whether people may make accounts themselves: open, closed, or auto, which is open in development.",
    )
    default_market: str = setting("DEFAULT_MARKET", "crypto", str, "The market meant when none is named.")
    default_exchange: str = setting(
        "DEFAULT_EXCHANGE",
        "bitstamp",
        str,
        "The exchange of the default market meant when none is named; set it with DEFAULT_MARKET.",
    )
    plugins: tuple[str, ...] = setting(
        "PLUGINS", (), items, "More market plugins, as dotted module names separated by commas."
    )
    crypto_exchanges: str = setting(
        "CRYPTO_EXCHANGES", "*", str, "ccxt exchange ids separated by commas, or * for all that have bars."
    )
    crypto_endpoint: str = setting(
        "CRYPTO_ENDPOINT",
        "",
        url("http", "https"),
        "Base address every exchange address is rewritten to, for tests and proxies. Empty: the real ones.",
    )
    listings_providers: tuple[str, ...] = setting(
        "LISTINGS_PROVIDERS",
        (),
        items,
        "Who lists coins, first choice first: coingecko, coinmarketcap, simulated, or dotted module names. "
        "Empty: those there is a key for; without any key the simulated one.",
    )
    listings_endpoint: str = setting(
        "LISTINGS_ENDPOINT",
        "",
        url("http", "https"),
        "Base address every listings provider's address is rewritten to, for tests and proxies. "
        "Empty: the real ones.",
    )
    coingecko_api_key: str = setting(
        "COINGECKO_API_KEY", "", str, "Your CoinGecko key, of the free demo plan or a paid one. Empty: none."
    )
    coinmarketcap_api_key: str = setting(
        "COINMARKETCAP_API_KEY", "", str, "Your CoinMarketCap key; the free Basic plan will do. Empty: none."
    )
    coin_history_days: int = setting(
        "COIN_HISTORY_DAYS", 365, whole(1, 3_650), "How many days the prices of listed coins are kept."
    )
    backfill: tuple[str, ...] = setting(
        "BACKFILL",
        (),
        backfill_items,
        "History to fetch in the background: crypto:bitstamp:BTC/USD:1h:2018-01-01, more after commas.",
    )
    simulated_seed: int = setting(
        "SIMULATED_SEED",
        1,
        whole(0, 2**31),
        "The seed of the simulated market; the same seed, the same bars.",
    )
    simulated_faults: str = setting(
        "SIMULATED_FAULTS",
        "",
        str,
        "Faults of the simulated market: late, duplicate, dropped, reordered, stalled, error.",
    )
    simulated_listings_faults: str = setting(
        "SIMULATED_LISTINGS_FAULTS",
        "",
        str,
        "Faults of the simulated listings: silent, duplicate, broken, old, error, limited.",
    )
    bar_broadcaster_enabled: bool = setting(
        "BAR_BROADCASTER_ENABLED", True, flag, "Whether bars of the simulated market are broadcast live."
    )
    bar_broadcaster_interval: int = setting(
        "BAR_BROADCASTER_INTERVAL",
        1,
        whole(1, 3600),
        "How many seconds lie at least between two versions of a running simulated bar; it closes at once.",
    )
    bar_broadcaster_symbols: tuple[str, ...] = setting(
        "BAR_BROADCASTER_SYMBOLS",
        ("*",),
        items,
        "The simulated symbols that are broadcast live, separated by commas, or * for all.",
    )
    bar_broadcaster_resolutions: tuple[str, ...] = setting(
        "BAR_BROADCASTER_RESOLUTIONS",
        ("*",),
        timeframe_items,
        "The timeframes of simulated bars that are broadcast live, separated by commas, or * for all.",
    )
    highcharts_url: str = setting(
        "HIGHCHARTS_URL",
        "",
        url("http", "https"),
        "Where the page finds Highcharts Stock, if you have a licence. Empty: the page draws by itself.",
    )
    outside: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        # Secrets and connection strings must never reach a log by way of a repr.
        return f"Config(env={self.env!r}, host={self.host!r}, port={self.port}, workers={self.workers})"

    @property
    def registration_open(self) -> bool:
        """Tell whether people may make accounts themselves."""
        return self.registration == "open" or (self.registration == "auto" and self.env == "development")

    def plugin_settings(self, market: str) -> dict[str, str]:
        """Return the settings under a market's prefix: ``{"CRYPTO_EXCHANGES": "*", …}``."""
        prefix = f"{market.upper()}_"
        own = {
            field.metadata["name"]: str(getattr(self, field.name))
            for field in declared_settings()
            if field.metadata["name"].startswith(prefix)
        }
        guests = {name: text for name, text in self.outside.items() if name.startswith(prefix)}
        return guests | own


def declared_settings() -> list["dataclasses.Field[Any]"]:
    """Return the declared settings in their order."""
    return [field for field in dataclasses.fields(Config) if "name" in field.metadata]


def load_config(environ: Mapping[str, str] | None = None, dotenv: Path | None = Path(".env")) -> Config:
    """Read the settings from the environment, then from ``.env`` where the environment is silent.

    In development and test an empty SECRET_KEY is replaced by a random one kept in VAR_DIR.
    Raises: ConfigError naming every problem.
    """
    from_file = (dotenv_values(dotenv) if dotenv else {}).items()
    merged = {name: text for name, text in from_file if text is not None}
    merged |= os.environ if environ is None else environ
    values: dict[str, Any] = {"outside": merged}
    problems: list[str] = []
    for field in declared_settings():
        text = merged.get(field.metadata["name"], "").strip()
        if not text:
            continue
        try:
            values[field.name] = field.metadata["read"](text)
        except ValueError as error:
            problems.append(f"{field.metadata['name']} must be {error}.")
    config = Config(**values)
    if bool(config.certfile) != bool(config.keyfile):
        present, missing = ("CERTFILE", "KEYFILE") if config.certfile else ("KEYFILE", "CERTFILE")
        problems.append(f"{missing} is missing: {present} needs its other half.")
    problems += _unsafe_in_production(config) if config.env == "production" else []
    if problems:
        raise ConfigError(problems)
    return dataclasses.replace(config, secret_key=config.secret_key or _kept_secret(config.var_dir))


def _kept_secret(var_dir: Path) -> str:
    try:
        return kept_secret(var_dir)
    except OSError as error:
        problem = (
            f"VAR_DIR cannot keep a secret: {var_dir} may not be written ({error.strerror}). "
            "Set VAR_DIR to a folder that can be written, or set SECRET_KEY."
        )
        raise ConfigError([problem]) from error


def _unsafe_in_production(config: Config) -> list[str]:
    problems = secret_problems(config.secret_key, config.secret_key_previous)
    if any("*" in origin for origin in config.trusted_origins):
        problems.append("TRUSTED_ORIGINS holds a wildcard: name each origin.")
    if config.debug:
        problems.append("DEBUG is on: set it to false.")
    password = urlsplit(config.db_connection_string).password
    if password is not None and password in ("postgres", "password", "changeme", "change-me", "example"):
        problems.append("DB_CONNECTION_STRING holds an example password: set a real one.")
    return problems


def env_example() -> str:
    """Return the text of ``.env.example``: each setting with its sentence and default."""
    lines = ["# Copy to .env and change what you need. Made by `python config.py > .env.example`."]
    for field in declared_settings():
        default = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
        default = default.lower() if isinstance(field.default, bool) else default
        lines += ["", f"# {field.metadata['sentence']}", f"# {field.metadata['name']}={default}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(env_example(), end="")
