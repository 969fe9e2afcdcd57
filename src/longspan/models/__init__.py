"""The only folder that knows transformers: getting models, loading them, taking over their attention."""

from longspan.models.pull import ensure
from longspan.models.shelf import Shelved, shelf

__all__ = ["Shelved", "ensure", "shelf"]
