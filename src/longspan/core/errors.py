"""What a person did wrong, in words they can act on."""


class InputError(ValueError):
    """Bad input from a person: the message says what was wrong, what is allowed and what to do (exit code 2)."""
