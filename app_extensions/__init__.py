"""Things with a lifetime, opened in order and closed in reverse."""
