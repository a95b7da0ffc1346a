"""The version, in one place that the program can read without being installed."""

VERSION = "0.1.0"
