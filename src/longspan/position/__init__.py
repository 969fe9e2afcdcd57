"""One position map per file: which distances the model sees."""
