"""Ada-LEval's two forms over any text."""
