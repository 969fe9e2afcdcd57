"""Our engine under other harnesses, each in one file, none imported unless its harness is installed."""
