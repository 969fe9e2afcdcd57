"""One score per file: which stored tokens eviction keeps."""
