"""One way per file to read only some tokens of a prompt."""
