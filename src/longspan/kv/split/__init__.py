"""One split per file: how eviction divides its budget over heads and layers."""
