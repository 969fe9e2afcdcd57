"""Pictures and one self-contained page of a run."""
