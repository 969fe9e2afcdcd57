"""Published data sets, read from their official files and scored by their official rules, one benchmark a file."""
