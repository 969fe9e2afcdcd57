"""Speed of methods side by side with their peers, in one run, and what this machine could do at best."""
