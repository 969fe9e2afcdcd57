"""LongProc's six procedures, https://arxiv.org/abs/2501.05414, as generators in our own words."""
