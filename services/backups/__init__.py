"""Copies of a whole database: into a file and back, and from one server to another."""
