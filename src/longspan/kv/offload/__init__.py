"""Stored tokens kept off the computing device."""
