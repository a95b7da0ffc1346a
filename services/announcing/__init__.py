"""Deciding what of a live feed is worth saying, when, and to whom."""
