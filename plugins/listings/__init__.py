"""Coin listings: the loader and the registry of providers, and the providers themselves."""
