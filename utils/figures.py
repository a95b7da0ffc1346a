"""Everything that is measured, once: name, sentence, labels. docs/metrics.md says what each is good for.

Whoever knows a number adds it where it arises; what is a state, app_extensions/metrics_samples.py looks at.
"""

from http import HTTPStatus

from utils.metrics import LEAST, MOST, Count, Level, Times

_QUICK_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 6.0)
_TELLING_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_CLOSE_S = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0, 60.0)
# The last is written where the client left before the answer.
_STATUSES = (*(str(status.value) for status in HTTPStatus), "499")
_JOB_S = (0.1, 1.0, 5.0, 30.0, 120.0, 600.0, 3_600.0)

# Requests.
REQUESTS = Times(
    "http_request_duration_seconds",
    "How long answers took, by the rule of their address, never by the address.",
    bounds_s=_QUICK_S,
    route=(),
    method=(),
    status=_STATUSES,
)
RATE_LIMITED = Count(
    "rate_limited_total",
    "Calls that were refused because one caller made too many, by kind of limit.",
    bucket=("default", "login", "sync"),
)
SIGN_INS_THROTTLED = Count(
    "sign_ins_throttled_total",
    "Attempts to sign in that were refused because there were too many, by what they were counted for.",
    counted_for=("account", "address", "known_place"),
)

# Live connections.
CONNECTIONS = Level("ws_connections", "WebSockets that are open.")
REFUSED = Count(
    "ws_refused_total", "WebSockets that were refused before they were open, by status.", status=()
)
CLOSED = Count(
    "ws_closed_total", "WebSockets that have ended, by close code; gone where the client left.", code=()
)
# A mistake of ours, and a reader that is too slow.
CLOSE_CODES_OF_ALERTS = ("1011", "4008")
MESSAGES = Count("ws_messages_total", "Messages sent over WebSockets, by kind.", kind=())
CONFLATED = Count(
    "ws_conflated_total", "Versions of running bars that a slow client was spared, because a newer one came."
)
FAN_OUT = Times(
    "live_fan_out_seconds",
    "From reading news of a topic until all who listen to it on this worker were told.",
    bounds_s=_TELLING_S,
)
DELIVERY = Times(
    "live_delivery_seconds",
    "From writing news into the live log until all who listen on a worker were told, by the clocks of both.",
    bounds_s=_TELLING_S,
)

# Feeds.
FEEDS = Level("feeds", "Topics that are fed.", exchange=())
FEED_LAG = Level(
    "feed_lag_seconds",
    "How long an exchange has not been heard, over the feed of it that has waited longest.",
    together=MOST,
    exchange=(),
)
FEEDS_LATE = Level(
    "feeds_late",
    "Topics on all workers that somebody listens to and that are not fed as they should be.",
    together=MOST,
    exchange=(),
)
FEED_INTERRUPTIONS = Count(
    "feed_interruptions_total",
    "Feeds that broke off and were begun again; silent is a stall.",
    exchange=(),
    reason=("silent", "exchange", "database", "log", "lease", "fault"),
)
CLOSE_DELAY = Times(
    "bar_close_delay_seconds",
    "From the end of a bar that was followed until its close was in the live log.",
    bounds_s=_CLOSE_S,
    exchange=(),
)
BARS_STORED = Count("bars_stored_total", "Bars that were stored anew or changed in the store.", exchange=())

# Ready answers.
CACHE_REQUESTS = Count(
    "cache_requests_total",
    "Questions to the cache of answers: found here, found in Redis, or made.",
    result=("here", "shared", "made"),
)
CACHE_BYTES = Level("cache_bytes", "What ready answers take of the memory of workers.")

# Exchanges.
EXCHANGE_REQUESTS = Times(
    "exchange_request_seconds",
    "How long exchanges and providers of listings took to answer, by how it ended.",
    bounds_s=_QUICK_S,
    exchange=(),
    outcome=("answered", "refused", "limited", "down", "garbage", "timeout", "given_up"),
)
EXCHANGE_NOT_ASKED = Count(
    "exchange_not_asked_total",
    "Questions that were not put: it asked us to wait, does not answer, or is asked as much as it allows.",
    exchange=(),
    reason=("limited", "silent", "busy"),
)
EXCHANGE_LEFT_ALONE = Level(
    "exchange_left_alone",
    "1 while nobody asks an exchange: it asked us to wait (limited), or does not answer (silent).",
    together=MOST,
    exchange=(),
    reason=("limited", "silent"),
)
EXCHANGE_BUDGET = Level(
    "exchange_budget_left_ratio",
    "Which part of what an exchange allows at once is unused.",
    together=LEAST,
    exchange=(),
)
LISTINGS_CALLS_LEFT = Level(
    "listings_calls_left",
    "Calls to a provider of listings that are left this month.",
    together=LEAST,
    provider=(),
)
QUARANTINED_ROWS = Count("quarantined_rows_total", "Rows of an exchange that are no bars.", exchange=())
QUARANTINED_ANSWERS = Count(
    "quarantined_answers_total", "Answers of an exchange of which nothing was kept.", exchange=()
)

# Jobs.
JOB_RUNS = Count(
    "job_runs_total",
    "Attempts at jobs that have ended, by how.",
    # A label named job is Prometheus' own.
    job_name=(),
    outcome=("done", "skipped", "failed", "cancelled", "stopped", "lost"),
)
JOB_SECONDS = Times("job_seconds", "How long attempts at jobs took.", bounds_s=_JOB_S, job_name=())

# Database and Redis.
DATABASE_CONNECTIONS = Level(
    "database_connections", "Connections to PostgreSQL, used and idle.", state=("used", "idle")
)
DATABASE_CONNECTIONS_MAX = Level(
    "database_connections_max", "As many connections as workers may hold at most."
)
DATABASE_WAIT = Times(
    "database_wait_seconds", "How long was waited for a connection to PostgreSQL.", bounds_s=_QUICK_S
)
PART_UP = Level(
    "part_up",
    "1 while a part answers all workers, 0 when it does not answer one of them.",
    together=LEAST,
    part=("database", "cache"),
)
FAILED_OPEN = Count(
    "failed_open_total",
    "Times that something was done without Redis, each worker for itself, because it did not answer.",
    part=("answers", "exchanges", "limits"),
)

# Workers.
LOOP_LAG = Times(
    "event_loop_lag_seconds",
    "How late the event loop of a worker came to what was due.",
    bounds_s=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0),
)
HEARTBEAT = Level(
    "worker_heartbeat_timestamp_seconds",
    "When the worker that was heard least recently looked at itself last.",
    together=LEAST,
)
TASKS = Level("asyncio_tasks", "Tasks of all workers.")
CPU = Count("worker_cpu_seconds_total", "Processor time of workers, those that have ended included.")
LOG_LINES_DROPPED = Count(
    "log_lines_dropped_total", "Lines of the log that were lost because nobody took them."
)
BUILD = Level(
    "accessibletrader_build_info",
    "1, and what runs.",
    together=MOST,
    version=(),
    python=(),
    server=(),
    role=(),
)

# What the launcher knows of its workers: it says so itself, at each scrape.
WORKERS = Level("workers", "Worker processes that run.")
WORKER_RESTARTS = Count("worker_restarts_total", "Workers that ended unexpectedly and were replaced.")
WORKER_MEMORY = Level("worker_resident_memory_bytes", "What a worker takes of the memory.", worker=())
WORKER_DESCRIPTORS = Level("worker_open_descriptors", "Files and connections that a worker holds.", worker=())
WORKER_DESCRIPTORS_MAX = Level("worker_max_descriptors", "As many as it may hold.", worker=())

OF_THE_LAUNCHER = (WORKERS, WORKER_RESTARTS, WORKER_MEMORY, WORKER_DESCRIPTORS, WORKER_DESCRIPTORS_MAX)
