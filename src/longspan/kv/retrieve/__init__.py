"""Keep everything, read a little: which stored blocks a query gets to see."""
