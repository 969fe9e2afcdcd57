"""RULER's thirteen tasks, https://arxiv.org/abs/2404.06654, in our own words; rules as NVIDIA/RULER has them."""
