"""Searches for the numbers of a method: seeded, so that a search that remembers its fitness goes on where it stopped."""
