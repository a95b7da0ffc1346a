"""What every request passes: identity, access, limits, errors, logs. No business decisions."""
