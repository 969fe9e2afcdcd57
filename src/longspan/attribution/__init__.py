"""What an answer rests on: attended passages and checked quotes."""
