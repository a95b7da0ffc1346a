"""Discipline towards exchanges: how often, how many, how long, and when not at all."""
