"""What a route will cost on this machine, before it runs, and which one to take."""
