"""Stored tokens in fewer bits, the latest of them exact."""
