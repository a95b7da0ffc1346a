"""Work that waits in a queue and is done once, by one of all workers, however many of them die over it."""
