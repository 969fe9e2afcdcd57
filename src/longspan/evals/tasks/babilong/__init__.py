"""BABILong's twenty kinds of stories spread over real text, https://arxiv.org/abs/2406.10149, in a world of our own."""
