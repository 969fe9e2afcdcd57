"""Scoring rules, one file per origin, each to the letter of the code or paper it comes from."""
