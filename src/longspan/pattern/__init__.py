"""One sparse-attention pattern per file: which tiles of stored tokens a prompt's queries read."""
