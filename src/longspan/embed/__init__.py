"""How an encoder reads texts longer than it was trained on, one way per file."""
