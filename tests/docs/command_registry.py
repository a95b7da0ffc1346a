"""Who runs what the documents show: the test of each command and example, or why there is none.

A new command of a document gets a line in ``RUN``, which names the test that runs it, or in ``NOT_RUN`` with
the reason. On the pages of ``REQUESTS`` requests by curl need neither: each is sent, and its answer compared.
"""

REQUESTS = {
    "README.md": "tests/docs/test_examples.py::test_every_request_is_answered_as_the_documents_say",
    "docs/api.md": "tests/docs/test_examples.py::test_every_request_is_answered_as_the_documents_say",
    "docs/datafeed.md": "tests/docs/test_examples.py::test_every_request_is_answered_as_the_documents_say",
    "docs/cryptocurrencies.md": (
        "tests/docs/test_cryptocurrencies_page.py::test_every_request_is_answered_as_the_page_says"
    ),
    "docs/plugins.md": "tests/docs/test_plugins_page.py::test_the_plugin_of_the_page_serves_its_bars",
}

RUN = {
    "./start.sh": (
        "tests/docs/test_shell_examples.py::test_start_sh_starts_the_service_of_an_environment_that_is_there"
    ),
    ".venv/bin/python - <<'END'": (
        "tests/docs/test_examples.py::test_the_service_as_it_is_started_speaks_as_the_documents_say"
    ),
    ".venv/bin/quart create-admin": (
        "tests/cli/test_cli.py::test_a_typed_password_is_asked_for_twice_and_never_shown"
    ),
    ".venv/bin/quart create-admin --username ada": (
        "tests/cli/test_cli.py::test_a_typed_password_is_asked_for_twice_and_never_shown"
    ),
    ".venv/bin/quart listen BTC/USD --market simulated --timeframe 1m --mode all": (
        "tests/cli/test_cli_listen.py::test_announcements_are_plain_lines_until_ctrl_c"
    ),
    ".venv/bin/quart backfill crypto bitstamp BTC/USD 1h --since 2018-01-01": (
        "tests/cli/test_cli_history.py::test_a_pipe_hears_plain_sentences_and_a_second_run_has_nothing_to_do"
    ),
    "BACKFILL=crypto:bitstamp:BTC/USD:1h:2018-01-01,crypto:binance:ETH/USDT:1m:2024-01-01 ./start.sh": (
        "tests/jobs/test_worker_command.py::"
        "test_a_worker_apart_does_what_is_due_and_gives_back_what_it_is_stopped_in"
    ),
    ".venv/bin/quart import-bars hours.csv --exchange bitstamp --symbol BTC/USD --timeframe 1h": (
        "tests/cli/test_cli_import.py::test_the_command_stores_a_file_and_says_so"
    ),
    "python3 -m http.server 8000": "tests/charts/test_charts.py::test_a_page_draws_what_the_service_gave",
    "TRUSTED_ORIGINS=http://localhost:8000 ./start.sh": (
        "tests/charts/test_charts.py::test_a_page_draws_what_the_service_gave"
    ),
    "cp .env.example .env": "tests/docs/test_shell_examples.py::test_the_example_of_settings_changes_none",
    '.venv/bin/python -c "import secrets; print(secrets.token_urlsafe(48))"': (
        "tests/docs/test_shell_examples.py::test_the_secret_that_is_made_is_good_enough_for_production"
    ),
    "curl http://127.0.0.1:9464/metrics": (
        "tests/metrics/test_two_workers.py::"
        "test_one_scrape_sees_every_worker_and_no_count_falls_when_one_is_killed"
    ),
    "promtool check rules deploy/prometheus/rules.yml": (
        "tests/metrics/test_monitoring.py::test_promtool_finds_no_fault_in_rules_and_settings"
    ),
    ".venv/bin/quart backup /var/backups/accessibletrader/2026-11-21.zip": (
        "tests/backups/test_backup_commands.py::test_each_command_says_in_plain_sentences_what_it_did"
    ),
    ".venv/bin/quart restore /var/backups/accessibletrader/2026-11-21.zip": (
        "tests/backups/test_backup_commands.py::test_each_command_says_in_plain_sentences_what_it_did"
    ),
    "DB_CONNECTION_STRING= VAR_DIR=$(mktemp -d) .venv/bin/quart restore "
    "/var/backups/accessibletrader/2026-11-21.zip": (
        "tests/backups/test_backup_commands.py::test_an_embedded_database_is_moved_and_kept"
    ),
    ".venv/bin/quart move-database postgresql://trader@db.example.org/trader": (
        "tests/backups/test_backup_commands.py::test_each_command_says_in_plain_sentences_what_it_did"
    ),
    ".venv/bin/quart worker": (
        "tests/jobs/test_worker_command.py::"
        "test_a_worker_apart_does_what_is_due_and_gives_back_what_it_is_stopped_in"
    ),
    "LISTINGS_PROVIDERS=coingecko ./start.sh": (
        "tests/coins/test_recorded_coins.py::test_recorded_lists_of_coingecko_come_out_value_for_value"
    ),
    "LISTINGS_PROVIDERS=village_coins VILLAGE_COINS=village_coins.csv ./start.sh": (
        "tests/docs/test_listings_page.py::test_the_provider_of_the_page_lists_its_coins"
    ),
    "PLUGINS=village_market VILLAGE_FILE=village.csv ./start.sh": (
        "tests/docs/test_plugins_page.py::test_the_plugin_of_the_page_serves_its_bars"
    ),
    "HOST=0.0.0.0 CERTFILE=/etc/accessibletrader/certificate.pem "
    "KEYFILE=/etc/accessibletrader/certificate.key ./start.sh": (
        "tests/launcher/test_tls.py::test_a_server_with_a_certificate_speaks_tls_and_nothing_else"
    ),
    'psql --dbname accessibletrader --set ON_ERROR_STOP=1 --set owner_password="$OWNER" '
    '--set service_password="$SERVICE" --file deploy/database/roles.sql': (
        "tests/deploy/test_database_roles.py::test_the_serving_role_can_serve_and_cannot_change_a_table"
    ),
    ".venv/bin/quart migrate": (
        "tests/docs/test_shell_examples.py::test_migrate_brings_an_empty_database_up_to_date"
    ),
    "psql --dbname accessibletrader --set ON_ERROR_STOP=1 --file sql/accessibletrader_db.sql": (
        "tests/app_extensions/test_migrations.py::"
        "test_psql_users_get_the_same_schema_and_the_program_takes_it_over"
    ),
}

_ITSELF = "it is the run of the tests themselves, and every run of the continuous integration"
NOT_RUN = {
    "printf 'SECRET_KEY=%s\\n' \"$(openssl rand -hex 32)\" >>.env": (
        "it writes the file that compose reads, and compose is not run either"
    ),
    "./test.sh": _ITSELF,
    "./test.sh tests/services -k gaps": _ITSELF,
    "./test.sh --long tests/reliability": _ITSELF,
    "./test.sh tests/browser": _ITSELF,
    "./test.sh tests/charts": _ITSELF,
    ".venv/bin/ruff format tests/services": "test.sh checks the format of everything before the tests",
    ".venv/bin/ruff check .": "test.sh runs it before the tests",
    ".venv/bin/mypy": "test.sh runs it before the tests",
    "npm install --prefix web highcharts": (
        "it fetches a library under another licence; a tests/browser test puts one of its own in its place"
    ),
    "npm install highcharts@13.1.1 lightweight-charts@5.2.1": (
        "test.sh installs both for the tests in tests/charts, by npm ci from a lock"
    ),
    ".venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header "
    "--output-file requirements.txt pyproject.toml": "it asks a package index",
    ".venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --extra sentry "
    "--extra otel --constraint requirements.txt --output-file requirements-extras.txt pyproject.toml": (
        "it asks a package index"
    ),
    ".venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --group dev "
    "--constraint requirements-extras.txt --output-file requirements-dev.txt": "it asks a package index",
    "uv pip install --python .venv/bin/python --require-hashes --requirement requirements-extras.txt": (
        "it asks a package index"
    ),
    "python -m venv ~/load": "it makes an environment for benchmarks",
    "~/load/bin/pip install -r benchmarks/load/requirements.in": "it asks a package index",
    "python -m venv ~/peers": "it makes an environment for benchmarks",
    "~/peers/bin/pip install -r benchmarks/requirements.in": "it asks a package index",
}

# What begins like this needs no line of its own.
NOT_RUN_BEGINNINGS = {
    "docker ": "there is no container engine here; tests/deploy holds the files of the image to the code",
    "kubectl ": "there is no cluster here; tests/deploy holds the manifests to the code",
    ".venv/bin/python benchmarks/": "a benchmark is run by hand; its script and options are checked",
}

# Whole programs and pages, and JSON that is no answer of a request above it: page, language, and the heading
# above; an empty one stands for every heading of the page.
EXAMPLES = {
    ("docs/charts.md", "html", ""): "tests/charts/test_charts.py::test_every_page_is_whole_and_tested",
    ("docs/listings.md", "python", ""): (
        "tests/docs/test_listings_page.py::test_the_provider_of_the_page_lists_its_coins"
    ),
    ("docs/plugins.md", "python", ""): (
        "tests/docs/test_plugins_page.py::test_the_plugin_of_the_page_serves_its_bars"
    ),
    ("docs/websockets.md", "json", ""): "tests/docs/test_websockets_page.py::test_an_example_fits_its_model",
    ("docs/websocket-dialects.md", "json", ""): (
        "tests/docs/test_websocket_dialects_page.py::test_an_example_fits_its_dialect"
    ),
    ("docs/problems.md", "json", "Problems"): (
        "tests/docs/test_json_examples.py::test_the_problem_that_is_shown_is_one_that_is_sent"
    ),
    ("docs/datafeed.md", "html", "Plugging the Charting Library in"): (
        "tests/docs/test_json_examples.py::test_the_address_given_to_the_charting_library_is_one_of_ours"
    ),
    ("docs/cryptocurrencies.md", "json", "Listing coins"): (
        "tests/docs/test_json_examples.py::test_an_order_of_coins_is_answered_as_shown"
    ),
    **{
        ("docs/api.md", "json", heading): (
            "tests/docs/test_json_examples.py::test_what_is_shown_without_curl_is_answered"
        )
        for heading in (
            "POST /api/symbols",
            "GET /auth/sessions",
            "POST /auth/ws-ticket",
            "POST /api/v1/admin/jobs/run",
            "POST /api/v1/alerts",
        )
    },
}
