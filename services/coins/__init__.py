"""Coins as providers list them: kept fresh, kept when nobody answers, and read in many orders."""
