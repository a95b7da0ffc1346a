"""What one client may use of a worker."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Bound what a connection costs and how long it may be silent or slow.

    A client may send ``commands_burst`` commands at once and ``commands_per_s`` for ever. What is above is
    refused, and after ``refusals_max`` refusals without a rest the connection is closed.
    """

    per_address_max: int = 20
    per_user_max: int = 10
    topics_max: int = 100
    anonymous_topics_max: int = 50
    heartbeat_s: float = 15.0
    write_timeout_s: float = 5.0
    # With batch=true everything pending goes out in one frame, this often at most but for a burst of closes.
    batch_s: float = 0.1
    mistakes_max: int = 5
    commands_per_s: float = 10.0
    commands_burst: int = 20
    refusals_max: int = 20
    # A connection that began without a topic, and has none by then or under way, is closed.
    first_topic_s: float = 10.0
