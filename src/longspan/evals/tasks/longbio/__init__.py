"""LongBioBench's tasks over made-up biographies, https://arxiv.org/abs/2506.02921, in our own words and lists."""
