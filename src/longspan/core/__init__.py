"""Values every seam speaks, attention written once, and the discovery of methods from their files."""
