"""Black-box ways to answer from long input, one per file, and `ask`, which picks a route."""
