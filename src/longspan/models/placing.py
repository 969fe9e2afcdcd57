"""How a model tells where a token stands, told before its weights are read."""

from __future__ import annotations

import json
from pathlib import Path

from longspan.core.errors import InputError

BIASES = frozenset({"bloom", "mpt"})
"""Model types with ALiBi; others have it where their settings say `alibi`."""
TABLES = frozenset({"gpt2", "gpt_bigcode", "gpt_neo", "openai-gpt", "opt", "biogpt", "xglm", "ctrl"})
"""Model types with a table of positions, learned or fixed."""


def check_rotary(folder: Path) -> None:
    """Raise InputError for a decoder whose settings say that it has no rotary embedding, and say what still applies."""
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = settings.get("model_type")
    except (OSError, ValueError, AttributeError):
        return
    biased = kind in BIASES or settings.get("alibi") is True
    if biased or kind in TABLES:
        how = "ALiBi biases on its attention" if biased else "a table of positions"
        raise InputError(
            f"{folder.name} ({kind}) tells positions by {how}, not by a rotary embedding: rope= and positions= do not "
            "apply to it, and no other --method either, for the engine takes over rotary decoders only. Retrieval "
            "(--embed-method too) does: serve the model by a program of its own, and give it the passages found"
        )
