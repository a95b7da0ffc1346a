"""What all workers know together: which there are, what they feed, and how exchanges are."""
