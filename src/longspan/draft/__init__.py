"""One drafter per file: who guesses the next tokens, for the model to check several at once."""
