"""Stored tokens that outlive their session: as a value, in memory shared by requests, and in a file."""
