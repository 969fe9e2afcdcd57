"""Searches for the numbers of a method: seeded, so that one which remembers its fitness goes on where it stopped."""
