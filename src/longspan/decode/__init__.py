"""From logits to text: samplers, stop strings and text that arrives token by token."""
