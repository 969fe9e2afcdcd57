"""longspan: read, run, extend, train and measure language models on inputs far longer than their window."""

__version__ = "0.1.0"
