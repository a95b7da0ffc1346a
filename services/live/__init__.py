"""Live bars: a feed a topic, a log a topic, and a mailbox a connection."""
