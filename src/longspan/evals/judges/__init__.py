"""Models that judge replies: every verdict is read strictly, and one that cannot be read is counted, never guessed."""
